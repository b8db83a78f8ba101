// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/detail/json_read.hpp>
#include <mayfly/detail/json_write.hpp>
#include <mayfly/temporal/times.hpp>
#include <mayfly/temporal/workflow/activation.hpp>
#include <mayfly/temporal/workflow/messages.hpp>

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

// What a worker writes into history for itself, in the form in which other SDKs and the server's UI know it too.

namespace mayfly::temporal::workflow::detail {

inline constexpr const char* patch_marker = "core_patch";
inline constexpr const char* local_marker = "core_local_activity";
inline constexpr const char* side_effect_marker = "SideEffect";
inline constexpr const char* mutable_effect_marker = "MutableSideEffect";
inline constexpr const char* effect_call = "mutable-side-effect-call-counter";

/// The search attribute that holds the patches of a run.
inline constexpr const char* change_attribute = "TemporalChangeVersion";

/// JSON as a payload.
inline void put_json(api::common::Payload& out, std::string json)
{
    (*out.mutable_metadata())["encoding"] = "json/plain";
    out.set_data(std::move(json));
}

[[nodiscard]] inline const api::common::Payload* first_detail(
    const api::history::MarkerRecordedEventAttributes& m, const char* key)
{
    const auto at = m.details().find(key);
    return at == m.details().end() || at->second.payloads().empty() ? nullptr : &at->second.payloads(0);
}

struct patch_mark {
    std::string id{};
    bool deprecated = false;
};

inline void write_patch(api::command::RecordMarkerCommandAttributes& out, const patch_mark& p)
{
    std::string json;
    mayfly::detail::json_writer(json).begin_object().member("id", p.id).member("deprecated", p.deprecated).end_object();
    out.set_marker_name(patch_marker);
    put_json(*(*out.mutable_details())["patch-data"].add_payloads(), std::move(json));
}

[[nodiscard]] inline std::optional<patch_mark> read_patch(const api::history::MarkerRecordedEventAttributes& m)
{
    if (m.marker_name() != patch_marker)
        return std::nullopt;
    if (const auto* data = first_detail(m, "patch-data")) {
        const auto doc = mayfly::detail::read_json(data->data());
        const auto* id = doc.root.find("id");
        const auto* deprecated = doc.root.find("deprecated");
        if (id == nullptr || !id->is_string())
            return std::nullopt;
        return patch_mark{id->text, deprecated != nullptr && deprecated->boolean};
    }
    // As it was written years ago.
    if (const auto* id = first_detail(m, "patch_id")) {
        const auto* deprecated = first_detail(m, "deprecated");
        return patch_mark{
            id->data(), deprecated != nullptr && !deprecated->data().empty() && deprecated->data()[0] != '\0'};
    }
    return std::nullopt;
}

/// An upsert that came with a patch's marker, and with nothing else.
[[nodiscard]] inline bool is_patch_upsert(const api::history::HistoryEvent& e)
{
    if (e.event_type() != api::enums::EVENT_TYPE_UPSERT_WORKFLOW_SEARCH_ATTRIBUTES)
        return false;
    const auto& fields = e.upsert_workflow_search_attributes_event_attributes().search_attributes().indexed_fields();
    return fields.size() == 1 && fields.contains(change_attribute);
}

/// With an id nearly as Go has it, which adds numbers to the id, and the id to the data: for people, not for Go.
inline void write_side_effect(api::command::RecordMarkerCommandAttributes& out, std::uint32_t seq,
    api::common::Payloads value, const std::string& id)
{
    auto& details = *out.mutable_details();
    out.set_marker_name(id.empty() ? side_effect_marker : mutable_effect_marker);
    if (!id.empty()) {
        std::string json;
        mayfly::detail::json_writer(json).value(id);
        put_json(*details["side-effect-id"].add_payloads(), std::move(json));
    }
    put_json(*details[id.empty() ? "side-effect-id" : effect_call].add_payloads(), std::to_string(seq));
    details["data"] = std::move(value);
}

[[nodiscard]] inline std::optional<side_effect_known> read_side_effect(
    const api::history::MarkerRecordedEventAttributes& m)
{
    const bool may_change = m.marker_name() == mutable_effect_marker;
    if (!may_change && m.marker_name() != side_effect_marker)
        return std::nullopt;
    const auto* const id = first_detail(m, "side-effect-id");
    const auto* const number = may_change ? first_detail(m, effect_call) : id;
    if (number == nullptr || id == nullptr)
        return std::nullopt;
    const auto seq = mayfly::detail::read_json(number->data()).root.as<std::uint32_t>();
    if (!seq)
        return std::nullopt;
    side_effect_known out;
    out.seq = *seq;
    if (may_change)
        out.id = mayfly::detail::read_json(id->data()).root.text;
    if (may_change && out.id.empty())
        return std::nullopt;
    if (const auto value = m.details().find("data"); value != m.details().end())
        out.value = value->second;
    return out;
}

/// A local activity's outcome, and what it was.
struct local_mark {
    std::uint32_t seq = 0;
    std::uint32_t attempt = 1;
    std::string id{};
    std::string type{};
    workflow_time completed{};
    std::optional<std::chrono::nanoseconds> backoff{};
    workflow_time scheduled{};
    api::common::Payloads result{};
    std::optional<api::failure::Failure> failure{};
};

inline void write_parts(mayfly::detail::json_writer& out, std::int64_t seconds, std::int32_t nanos)
{
    out.begin_object().member("seconds", seconds).member("nanos", nanos).end_object();
}

inline void write_local(api::command::RecordMarkerCommandAttributes& out, const local_mark& mark)
{
    std::string json;
    mayfly::detail::json_writer w(json);
    w.begin_object().member("seq", mark.seq).member("attempt", mark.attempt);
    w.member("activity_id", mark.id).member("activity_type", mark.type);
    const auto time = [&](const char* name, workflow_time t) {
        const auto wire = to_wire(t);
        w.key(name);
        write_parts(w, wire.seconds(), wire.nanos());
    };
    time("complete_time", mark.completed);
    w.key("backoff");
    if (mark.backoff) {
        const auto wire = to_wire(*mark.backoff);
        write_parts(w, wire.seconds(), wire.nanos());
    } else {
        w.value(nullptr);
    }
    time("original_schedule_time", mark.scheduled);
    w.end_object();
    out.set_marker_name(local_marker);
    put_json(*(*out.mutable_details())["data"].add_payloads(), std::move(json));
    if (!mark.failure)
        (*out.mutable_details())["result"] = mark.result;
    else
        *out.mutable_failure() = *mark.failure;
}

[[nodiscard]] inline std::optional<local_mark> read_local(const api::history::MarkerRecordedEventAttributes& m)
{
    if (m.marker_name() != local_marker)
        return std::nullopt;
    const auto* data = first_detail(m, "data");
    if (data == nullptr)
        return std::nullopt;
    const auto doc = mayfly::detail::read_json(data->data());
    const auto number = [&](const char* key) {
        const auto* v = doc.root.find(key);
        return v == nullptr ? std::nullopt : v->as<std::uint32_t>();
    };
    const auto text = [&](const char* key) {
        const auto* v = doc.root.find(key);
        return v == nullptr ? std::string() : v->text;
    };
    const auto span = [&](const char* key) -> std::optional<std::chrono::nanoseconds> {
        const auto* v = doc.root.find(key);
        if (v == nullptr || !v->is_object())
            return std::nullopt;
        wire::Duration d;
        if (const auto* seconds = v->find("seconds"))
            d.set_seconds(seconds->as<std::int64_t>().value_or(0));
        if (const auto* nanos = v->find("nanos"))
            d.set_nanos(nanos->as<std::int32_t>().value_or(0));
        return from_wire(d);
    };
    const auto seq = number("seq");
    if (!seq)
        return std::nullopt;
    local_mark out;
    out.seq = *seq;
    out.attempt = number("attempt").value_or(1);
    out.id = text("activity_id");
    out.type = text("activity_type");
    out.completed = workflow_time(span("complete_time").value_or(std::chrono::nanoseconds{}));
    out.backoff = span("backoff");
    out.scheduled = workflow_time(span("original_schedule_time").value_or(std::chrono::nanoseconds{}));
    if (const auto result = m.details().find("result"); result != m.details().end())
        out.result = result->second;
    if (m.has_failure())
        out.failure = m.failure();
    return out;
}

}  // namespace mayfly::temporal::workflow::detail
