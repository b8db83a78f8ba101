// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/temporal/embedded/types.hpp>

#include <algorithm>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

// Failures that the service itself makes.

namespace mayfly::temporal::embedded {

[[nodiscard]] inline std::string_view timeout_word(api::enums::TimeoutType type) noexcept
{
    switch (type) {
    case api::enums::TIMEOUT_TYPE_START_TO_CLOSE: return "StartToClose";
    case api::enums::TIMEOUT_TYPE_SCHEDULE_TO_START: return "ScheduleToStart";
    case api::enums::TIMEOUT_TYPE_SCHEDULE_TO_CLOSE: return "ScheduleToClose";
    case api::enums::TIMEOUT_TYPE_HEARTBEAT: return "Heartbeat";
    case api::enums::TIMEOUT_TYPE_UNSPECIFIED: break;
    }
    return "Unspecified";
}

[[nodiscard]] inline api::failure::Failure timeout_failure(api::enums::TimeoutType type)
{
    api::failure::Failure f;
    f.set_message("activity " + std::string(timeout_word(type)) + " timeout");
    f.set_source("Server");
    f.mutable_timeout_failure_info()->set_timeout_type(type);
    return f;
}

[[nodiscard]] inline api::failure::Failure server_failure(std::string words)
{
    api::failure::Failure f;
    f.set_message(std::move(words));
    f.set_source("Server");
    f.mutable_server_failure_info()->set_non_retryable(true);
    return f;
}

/// The beginning of its words, and what it is; no causes, no details.
[[nodiscard]] inline api::failure::Failure cut_failure(const api::failure::Failure& whole, std::size_t most)
{
    api::failure::Failure f;
    const auto begin_of = [](const std::string& text, std::size_t length) {
        length = std::min(length, text.size());
        // Not within a character.
        while (length > 0 && length < text.size() && (static_cast<unsigned char>(text[length]) & 0xc0) == 0x80)
            --length;
        return text.substr(0, length);
    };
    f.set_message(begin_of(whole.message(), most / 2));
    f.set_source(begin_of(whole.source(), 1'000));
    f.set_stack_trace(begin_of(whole.stack_trace(), most / 4));
    if (whole.has_application_failure_info()) {
        f.mutable_application_failure_info()->set_type(begin_of(whole.application_failure_info().type(), 1'000));
        f.mutable_application_failure_info()->set_non_retryable(whole.application_failure_info().non_retryable());
    }
    return f;
}

/// A string as every SDK's default converter reads it.
[[nodiscard]] inline api::common::Payload text_payload(std::string_view text)
{
    api::common::Payload p;
    (*p.mutable_metadata())["encoding"] = "json/plain";
    std::string json = "\"";
    for (const char c : text) {
        constexpr char digits[] = "0123456789abcdef";
        const auto u = static_cast<unsigned char>(c);
        if (c == '"' || c == '\\')
            (json += '\\') += c;
        else if (u < 0x20)
            ((json += "\\u00") += digits[u >> 4]) += digits[u & 0xf];
        else
            json += c;
    }
    p.set_data(json + '"');
    return p;
}

}  // namespace mayfly::temporal::embedded
