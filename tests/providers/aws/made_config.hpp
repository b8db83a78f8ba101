// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/aws/config.hpp>

#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <utility>

namespace mayfly_test {

using variables = std::map<std::string, std::string, std::less<>>;

/// What AWS's tools would be told by these variables and the texts of the two files of somebody at home in /home/me.
inline mayfly::aws::config with(variables v, std::string_view config_text = "", std::string_view credentials_text = "")
{
    v.emplace("HOME", "/home/me");
    return mayfly::aws::config::of({std::move(v)}, credentials_text, config_text);
}

}  // namespace mayfly_test
