// SPDX-License-Identifier: BSL-1.0

// Never linked. Compiled with every inline function kept, it tells the coverage report which lines there are, so that a
// function no test calls counts as not covered instead of not being there.

#define MAYFLY_NO_ASIO
#include <mayfly/mayfly.hpp>
