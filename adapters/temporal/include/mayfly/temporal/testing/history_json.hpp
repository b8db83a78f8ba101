// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/temporal/conversion_error.hpp>
#include <mayfly/temporal/json_parse.hpp>
#include <mayfly/temporal/proto/descriptors.hpp>
#include <mayfly/temporal/proto/history.pb.h>
#include <mayfly/temporal/testing/detail/json_to_wire.hpp>
#include <mayfly/temporal/testing/detail/message_table.hpp>
#include <mayfly/temporal/testing/detail/wire_to_json.hpp>

#include <boost/json/array.hpp>
#include <boost/json/monotonic_resource.hpp>
#include <boost/json/value.hpp>

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

// Histories as the JSON that Temporal's tools and SDKs save, and read for replays.

namespace mayfly::temporal::testing {

struct json_options {
    /// Of what a later version of Temporal may have added: an error, instead of a note.
    bool refuse_unknown = false;
};

template <class Message>
struct from_json {
    Message message{};
    std::vector<std::string> passed_over{};  ///< What no field was found for, such as `$.events[*].colour`.
};

namespace detail {

/// Made at the first use.
inline const message_table& messages()
{
    static const message_table all(
        std::string_view(reinterpret_cast<const char*>(proto::descriptors), sizeof proto::descriptors));
    return all;
}

template <class Message>
converted<from_json<Message>> message_from(const boost::json::value& v, const json_options& how)
{
    from_json<Message> out;
    json_walk walk;
    const json_place top(walk);
    const message_entry* const m = messages().find(out.message.GetTypeName());
    json_to_wire reader(messages(), how.refuse_unknown);
    std::string bytes;
    if (m == nullptr)
        return conversion_error{"there is no description of " + out.message.GetTypeName()};
    if (!reader.message(*m, v, bytes, top))
        return conversion_error{std::move(walk.error)};
    if (!out.message.ParseFromString(bytes))
        return conversion_error{"$: nested too deeply for protobuf"};
    out.passed_over = reader.passed_over();
    return out;
}

}  // namespace detail

/** Any message that a history is made of, by protobuf's rules: names in lower camel case or as declared, 64-bit numbers
    as text, bytes in base64, times and durations as text. An error says where it is, `$.events[3].eventTime: ...`.
*/
template <class Message>
[[nodiscard]] converted<from_json<Message>> message_from_json(std::string_view text, const json_options& how = {})
{
    boost::json::monotonic_resource memory;
    std::string error;
    const auto v = temporal::detail::parse_json(text, &memory, error);
    if (!error.empty())
        return conversion_error{error};
    return detail::message_from<Message>(v, how);
}

/// The same way back. Nothing if the message has a time or a duration that JSON cannot say.
template <class Message>
[[nodiscard]] std::optional<std::string> to_json(const Message& message)
{
    const detail::message_entry* const m = detail::messages().find(message.GetTypeName());
    std::string out;
    if (m == nullptr || !detail::wire_to_json(detail::messages()).message(*m, message.SerializeAsString(), out))
        return std::nullopt;
    return out;
}

using history_from_json = from_json<::temporal::api::history::v1::History>;

/// `{"events": [...]}`, or only the array, with enumerations spelt as `EVENT_TYPE_TIMER_FIRED` or `TimerFired`.
[[nodiscard]] inline converted<history_from_json> history_of_json(std::string_view text, const json_options& how = {})
{
    boost::json::monotonic_resource memory;
    std::string error;
    auto v = temporal::detail::parse_json(text, &memory, error);
    if (!error.empty())
        return conversion_error{error};
    if (v.is_array()) {
        boost::json::object all(v.storage());
        all.emplace("events", std::move(v.get_array()));
        v = std::move(all);
    }
    return detail::message_from<::temporal::api::history::v1::History>(v, how);
}

}  // namespace mayfly::temporal::testing
