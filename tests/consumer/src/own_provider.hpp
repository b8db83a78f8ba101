// SPDX-License-Identifier: BSL-1.0
#pragma once

/// Starts workers through a provider that is not mayfly's, where Boost is to be had. Returns how many were started.
int start_some_workers(int wanted);
