// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <string_view>

namespace mayfly::temporal::workflow::detail {

/// How a function or a member is called in the program: `approve` for `&shop::order::approve`.
template <auto Function>
[[nodiscard]] constexpr std::string_view member_name()
{
    std::string_view all = __PRETTY_FUNCTION__;
    const std::string_view before = "Function = ";
    all.remove_prefix(all.find(before) + before.size());
    all = all.substr(0, all.find_first_of(";]"));
    // A compiler may say the type too, of what is overloaded or noexcept.
    all = all.substr(0, all.find_first_of("(<", all.starts_with('(') ? 1 : 0));
    if (const auto at = all.rfind("::"); at != std::string_view::npos)
        all.remove_prefix(at + 2);
    while (!all.empty() && (all.front() == '&' || all.front() == '('))
        all.remove_prefix(1);
    while (!all.empty() && all.back() == ')')
        all.remove_suffix(1);
    return all;
}

}  // namespace mayfly::temporal::workflow::detail
