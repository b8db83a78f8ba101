// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "answer.hpp"

#include <mayfly/aws/arn.hpp>
#include <mayfly/local/function.hpp>

#include <optional>
#include <string>
#include <string_view>

namespace local_lambda {

/// Which function a request means, and which version or alias of it.
struct function_reference {
    std::string name{};
    std::string qualifier{};  ///< `$LATEST`, a number or an alias; empty if the request names none.
    std::string account{};    ///< Whose function it is.
};

/// Letters, digits, `-` and `_`, and not digits alone.
[[nodiscard]] inline bool is_alias_name(std::string_view s) noexcept
{
    return mayfly::aws::kind_of_qualifier(s) == mayfly::aws::qualifier_kind::alias;
}

/// Reads what stands for a function in a path, and the parameter `Qualifier`, which must not say something else.
[[nodiscard]] inline answer<function_reference> resolve(const std::string& written,
    const std::optional<std::string>& qualifier, const mayfly::local::account_settings& here)
{
    const auto read = mayfly::aws::read_function(written, "functionName");
    if (!read)
        return invalid_field(written, "functionName",
            "Member must satisfy regular expression pattern: "
            "(arn:(aws[a-zA-Z-]*)?:lambda:)?((eusc-)?[a-z]{2}((-gov)|(-iso([a-z]?)))?-[a-z]+-\\d{1}:)?(\\d{12}:)?"
            "(function:)?([a-zA-Z0-9-_]+)(:(\\$LATEST(\\.PUBLISHED)?|[a-zA-Z0-9-_]+))?");
    if (read->is_arn() && read->region != here.region)
        return not_found(
            "Functions from '" + read->region + "' are not reachable in this region ('" + here.region + "')");

    function_reference out{read->name, read->qualifier, read->account.empty() ? here.account : read->account};
    if (qualifier && !qualifier->empty()) {
        if (!mayfly::aws::kind_of_qualifier(*qualifier))
            return invalid_field(
                *qualifier, "qualifier", "Member must satisfy regular expression pattern: (|[a-zA-Z0-9$_-]+)");
        if (!out.qualifier.empty() && out.qualifier != *qualifier)
            return invalid_value(
                "The derived qualifier from the function name does not match the specified qualifier.");
        out.qualifier = *qualifier;
    }
    return out;
}

}  // namespace local_lambda
