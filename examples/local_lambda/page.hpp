// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "answer.hpp"
#include "function_reference.hpp"
#include "text.hpp"

#include <mayfly/aws/arn.hpp>
#include <mayfly/base64.hpp>
#include <mayfly/detail/json_write.hpp>
#include <mayfly/local/function.hpp>

#include <algorithm>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

// What the operations on functions have in common.

namespace local_lambda {

/// What an operation that waits for nothing comes to.
struct reply {
    unsigned status = 200;
    std::string body{};  ///< JSON.
};

using account = mayfly::local::account_settings;

/// The ARN of what is referred to, with its qualifier if the request named one.
[[nodiscard]] inline std::string arn_of(const account& where, const function_reference& ref)
{
    return mayfly::local::function_arn(where, ref.name, ref.qualifier);
}

/// An unqualified request is about `$LATEST`.
[[nodiscard]] inline std::string qualifier_of(const function_reference& ref)
{
    return ref.qualifier.empty() ? std::string(mayfly::local::latest) : ref.qualifier;
}

[[nodiscard]] inline refusal no_function(const account& where, const function_reference& ref)
{
    return not_found("Function not found: " + arn_of(where, ref));
}

/// JSON texts, each with the key that a marker names it by.
using named_texts = std::vector<std::pair<std::string, std::string>>;

/// `"NAME":[...]`, a page of it, and where the next one begins. Each item comes with its key.
[[nodiscard]] inline answer<reply> page(
    std::string_view name, const named_texts& items, const parameters& query, std::size_t most = 50)
{
    std::size_t begin = 0;
    if (const auto text = query.get("MaxItems"); text && !text->empty()) {
        if (!mayfly::aws::detail::is_digits(*text) || text->size() > 5 || std::stoul(*text) < 1 ||
            std::stoul(*text) > 10'000)
            return invalid_field(*text, "maxItems", "Member must have value between 1 and 10000");
        most = std::min<std::size_t>(most, std::stoul(*text));
    }
    if (const auto marker = query.get("Marker"); marker && !marker->empty()) {
        const auto key = mayfly::from_base64(*marker);
        const auto at = std::find_if(items.begin(), items.end(), [&](const auto& i) { return key && i.first == *key; });
        if (at == items.end())
            return invalid_value("Invalid Marker: " + *marker);
        begin = static_cast<std::size_t>(at - items.begin());
    }
    const std::size_t end = std::min(items.size(), begin + most);

    reply out;
    mayfly::detail::json_writer json(out.body);
    json.begin_object().key(name).begin_array();
    for (std::size_t i = begin; i < end; ++i)
        json.raw(items[i].second);
    json.end_array();
    if (end < items.size())
        json.member("NextMarker", mayfly::to_base64(items[end].first));
    json.end_object();
    return out;
}

/// An update that names a revision is refused if that is not the latest.
[[nodiscard]] inline std::optional<refusal> outdated(
    const std::optional<std::string>& revision, const std::string& latest)
{
    if (!revision || *revision == latest)
        return std::nullopt;
    return refusal{412, "PreconditionFailedException",
        "The Revision Id provided does not match the latest Revision Id. Call the GetFunction/GetAlias API to "
        "retrieve the latest Revision Id",
        {}};
}

}  // namespace local_lambda
