// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace local_lambda {

/// A role that callers may take on, and what it then allows.
struct role {
    std::string arn{};                     ///< `arn:aws:iam::ACCOUNT:role/PATH/NAME`
    std::string external_id{};             ///< What the trust policy demands; empty if it demands none.
    std::vector<std::string> resources{};  ///< ARNs of functions; `*` and `?` stand for others.
    std::vector<std::string> actions{"lambda:InvokeFunction", "lambda:GetFunction", "lambda:GetFunctionConfiguration",
        "lambda:GetFunctionEventInvokeConfig", "lambda:GetFunctionConcurrency"};
    std::int64_t max_session_seconds = 3600;
};

/// `*` stands for any text, `?` for one character, as in policies.
[[nodiscard]] inline bool matches(std::string_view pattern, std::string_view text) noexcept
{
    std::size_t p = 0;
    std::size_t t = 0;
    std::size_t star = std::string_view::npos;
    std::size_t from = 0;
    while (t < text.size()) {
        if (p < pattern.size() && pattern[p] == '*') {
            star = p++;
            from = t;
        } else if (p < pattern.size() && (pattern[p] == '?' || pattern[p] == text[t])) {
            ++p;
            ++t;
        } else if (star != std::string_view::npos) {
            p = star + 1;
            t = ++from;
        } else {
            return false;
        }
    }
    return pattern.find_first_not_of('*', p) == std::string_view::npos;
}

/// `resource` is the ARN in the form of the call: `F` and `F:*` share nothing.
[[nodiscard]] inline bool allows(const role& r, std::string_view action, std::string_view resource)
{
    const auto any = [](const std::vector<std::string>& patterns, std::string_view text) {
        return std::any_of(patterns.begin(), patterns.end(), [&](const auto& p) { return matches(p, text); });
    };
    return any(r.actions, action) && any(r.resources, resource);
}

}  // namespace local_lambda
