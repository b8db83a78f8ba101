// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <limits>

namespace mayfly_test {

inline constexpr double not_a_number = std::numeric_limits<double>::quiet_NaN();
inline constexpr double endless = std::numeric_limits<double>::infinity();

}  // namespace mayfly_test
