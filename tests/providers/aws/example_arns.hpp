// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <string>

namespace mayfly_test {

inline const std::string function = "arn:aws:lambda:eu-west-1:123456789012:function:work";
inline const std::string role = "arn:aws:iam::123456789012:role/invoke";

}  // namespace mayfly_test
