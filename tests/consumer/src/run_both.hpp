// SPDX-License-Identifier: BSL-1.0
#pragma once

/// Runs a controller with the scaler and the provider of this project: a missed task, one start. Without Boost there is
/// no controller to run, which is as it should be.
bool run_both();
