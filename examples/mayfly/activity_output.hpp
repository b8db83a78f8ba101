// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "activity_options.hpp"

#include <mayfly/temporal/activity_requests.hpp>
#include <mayfly/temporal/data_converter.hpp>
#include <mayfly/temporal/failure_converter.hpp>
#include <mayfly/temporal/times.hpp>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <boost/json/value.hpp>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdio>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

// What `mayfly activity` tells, as JSON values and as text made of these.

namespace examples {

namespace json = boost::json;
namespace temporal = mayfly::temporal;

/// A payload's value, if it can be shown as JSON, else what it is.
[[nodiscard]] inline json::value shown(const temporal::api::common::Payload& p)
{
    if (auto value = temporal::data_converter().from_payload<json::value>(p))
        return *std::move(value);
    const auto encoding = p.metadata().find("encoding");
    return json::value("(" + std::to_string(p.data().size()) + " bytes, " +
                       (encoding == p.metadata().end() ? "of no encoding" : encoding->second) + ')');
}

[[nodiscard]] inline json::array shown(const temporal::api::common::Payloads& all)
{
    json::array out;
    for (const auto& p : all.payloads())
        out.push_back(shown(p));
    return out;
}

/// ISO 8601, in UTC.
[[nodiscard]] inline json::value shown(const std::optional<temporal::wall_clock_time>& t)
{
    if (!t)
        return nullptr;
    const auto made = temporal::data_converter().to_payload(*t);
    return made ? shown(*made) : nullptr;
}

/// Seconds, or null for what was not set.
[[nodiscard]] inline json::value seconds(const temporal::wire::Duration& d)
{
    const auto ns = temporal::from_wire(d);
    return ns.count() == 0 ? json::value(nullptr) : json::value(std::chrono::duration<double>(ns).count());
}

[[nodiscard]] inline json::object to_json(const temporal::activity_entry& e)
{
    return {{"id", e.key.id}, {"run_id", e.key.run_id}, {"type", e.type}, {"status", to_string(e.status)},
        {"task_queue", e.task_queue}, {"scheduled", shown(e.scheduled)}, {"closed", shown(e.closed)}};
}

[[nodiscard]] inline json::object to_json(const temporal::activity_description& d)
{
    json::object out = to_json(static_cast<const temporal::activity_entry&>(d));
    out["attempt"] = d.attempt;
    out["last_worker"] = d.last_worker;
    out["last_started"] = shown(d.last_started);
    out["last_heartbeat"] = shown(d.last_heartbeat);
    out["next_attempt"] = shown(d.next_attempt);
    out["expires"] = shown(d.expires);
    out["start_to_close"] = seconds(d.info.start_to_close_timeout());
    out["schedule_to_close"] = seconds(d.info.schedule_to_close_timeout());
    out["schedule_to_start"] = seconds(d.info.schedule_to_start_timeout());
    out["heartbeat_timeout"] = seconds(d.info.heartbeat_timeout());
    out["cancel_reason"] = d.cancel_reason;
    out["last_failure"] = d.last_failure ? json::value(temporal::describe(*d.last_failure)) : json::value(nullptr);
    if (d.info.has_heartbeat_details())
        out["heartbeat_details"] = shown(d.info.heartbeat_details());
    if (d.info.has_user_metadata() && d.info.user_metadata().has_summary())
        out["summary"] = shown(d.info.user_metadata().summary());
    if (d.input)
        out["input"] = shown(*d.input);
    if (d.outcome && d.outcome->has_failure())
        out["failure"] = temporal::describe(d.outcome->failure());
    else if (d.outcome)
        out["result"] = shown(d.outcome->result());
    return out;
}

/// Text as it is, all else as JSON.
[[nodiscard]] inline std::string as_text(const json::value& v)
{
    if (const auto* s = v.if_string())
        return std::string(*s);
    return v.is_null() ? "-" : json::serialize(v);
}

inline void print_line(const std::string& line)
{
    std::fwrite(line.data(), 1, line.size(), stdout);
    std::fputc('\n', stdout);
}

/// One thing: a line for each field, or JSON.
inline void print(const json::object& o, output_format format)
{
    if (format != output_format::text)
        return print_line(json::serialize(o));
    std::size_t longest = 0;
    for (const auto& field : o)
        longest = std::max(longest, field.key().size());
    for (const auto& field : o) {
        std::string line(field.key());
        line.resize(longest + 2, ' ');
        print_line(line + as_text(field.value()));
    }
}

/// Many of one kind: a table of some columns, a line of JSON each, or one array.
template <std::size_t N>
void print(const json::array& all, const std::array<std::string_view, N>& columns, output_format format)
{
    if (format == output_format::json)
        return print_line(json::serialize(all));
    if (format == output_format::jsonl) {
        for (const auto& o : all)
            print_line(json::serialize(o));
        return;
    }
    std::vector<std::array<std::string, N>> rows(1);
    for (std::size_t c = 0; c < N; ++c)
        rows[0][c] = columns[c];
    for (const auto& o : all) {
        auto& row = rows.emplace_back();
        for (std::size_t c = 0; c < N; ++c)
            row[c] = as_text(o.as_object().at({columns[c].data(), columns[c].size()}));
    }
    std::array<std::size_t, N> widths{};
    for (const auto& row : rows)
        for (std::size_t c = 0; c < N; ++c)
            widths[c] = std::max(widths[c], row[c].size());
    for (auto& row : rows) {
        std::string line;
        for (std::size_t c = 0; c < N; ++c) {
            if (c + 1 < N)
                row[c].resize(widths[c] + 2, ' ');
            line += row[c];
        }
        print_line(line);
    }
}

}  // namespace examples
