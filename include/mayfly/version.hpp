// SPDX-License-Identifier: BSL-1.0
#pragma once

// The one place the version is written; CMake and Conan read it from here.
#define MAYFLY_VERSION_MAJOR 0
#define MAYFLY_VERSION_MINOR 1
#define MAYFLY_VERSION_PATCH 0
