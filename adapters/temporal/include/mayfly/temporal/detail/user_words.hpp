// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/temporal/data_converter.hpp>
#include <mayfly/temporal/proto/sdk.pb.h>

#include <optional>
#include <string>
#include <utility>

namespace mayfly::temporal::detail {

/// What people read beside an execution, if there is anything.
inline converted<std::optional<::temporal::api::sdk::v1::UserMetadata>> user_words(
    const data_converter& with, const std::string& summary, const std::string& details)
{
    std::optional<::temporal::api::sdk::v1::UserMetadata> out;
    if (!summary.empty()) {
        auto made = with.to_payload(summary);
        if (!made)
            return conversion_error{"the summary: " + made.error().message};
        *out.emplace().mutable_summary() = *std::move(made);
    }
    if (!details.empty()) {
        auto made = with.to_payload(details);
        if (!made)
            return conversion_error{"the details: " + made.error().message};
        if (!out)
            out.emplace();
        *out->mutable_details() = *std::move(made);
    }
    return out;
}

}  // namespace mayfly::temporal::detail
