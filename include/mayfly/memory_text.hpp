// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/controller_machine.hpp>
#include <mayfly/detail/json_fields.hpp>
#include <mayfly/ledger.hpp>

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

// A group's memory as JSON, so that a controller in another process can go on with it.

namespace mayfly {

inline constexpr std::string_view memory_schema = "mayfly-memory/1";

namespace detail {

void fields(auto& f, Is<start_record> auto& r)
{
    f("id", r.id);
    f("state", r.state);
    f("busy", r.busy);
    f("asked_at", r.asked_at);
    f("changed_at", r.changed_at);
    f("ends_at", r.ends_at);
    f("request_id", r.request_id);
}

void fields(auto& f, Is<ledger_totals> auto& t)
{
    f("asked", t.asked);
    f("refused", t.refused);
    f("connected", t.connected);
    f("given_up", t.given_up);
    f("late", t.late);
    f("returned", t.returned);
    f("adopted", t.adopted);
    f("elsewhere", t.elsewhere);
}

void fields(auto& f, Is<ledger_image> auto& b)
{
    f("records", b.records);
    f("next_id", b.next_id);
    f("ends_by_age_from", b.ends_by_age_from);
    f("foreign", b.foreign);
    f("refused", b.refused);
    f("dead_in_a_row", b.dead_in_a_row);
    f("slots_seen", b.slots_seen);
    f("busy", b.busy);
    f("startup", b.startup);
    f("startup_dev", b.startup_dev);
    f("service", b.service);
    f("last_seen", b.last_seen);
    f("last_change", b.last_change);
    f("newest_seen_ask", b.newest_seen_ask);
    f("failure_rate", b.failure_rate);
    f("totals", b.totals);
}

/// The first time that no controller can have written; empty if all may be. What happened before a controller's clock
/// began is below zero.
[[nodiscard]] inline std::string problem_of_times(const ledger_image& b)
{
    static constexpr uptime century = std::chrono::hours{24 * 36525};
    const auto wrong = [](uptime t) { return t < -century || t > century; };
    const auto because = [](std::string_view field, uptime t, std::string_view where = {}) {
        return "\"" + std::string(field) + "\"" + std::string(where) + " is " + std::to_string(t.count()) +
               ", more than a century from zero: times are microseconds of the controller's clock";
    };
    for (const start_record& r : b.records) {
        const std::string where = " of record " + std::to_string(r.id);
        if (wrong(r.asked_at))
            return because("asked_at", r.asked_at, where);
        if (wrong(r.changed_at))
            return because("changed_at", r.changed_at, where);
        if (r.ends_at < -century)
            return because("ends_at", r.ends_at, where);
    }
    const std::pair<std::string_view, uptime> others[] = {
        {"last_seen", b.last_seen},
        {"last_change", b.last_change},
        {"newest_seen_ask", b.newest_seen_ask},
        {"service", b.service},
    };
    for (const auto& [field, t] : others)
        if (wrong(t))
            return because(field, t);
    return {};
}

/// What a text may say and books must not.
[[nodiscard]] inline std::string problem_of(const ledger_image& b)
{
    std::uint64_t before = 0;
    for (const start_record& r : b.records) {
        if (r.id <= before || r.id >= b.next_id)
            return "\"records\" must be in the order of their ids, which are above 0 and below \"next_id\"";
        before = r.id;
    }
    if (!(b.failure_rate >= 0 && b.failure_rate <= 1))
        return "\"failure_rate\" must be between 0 and 1";
    const uptime startup = b.startup.value_or(uptime::zero());
    if (startup < uptime::zero() || b.startup_dev < uptime::zero() || b.service < uptime::zero() ||
        startup > std::chrono::hours{24} || b.startup_dev > std::chrono::hours{24})
        return "\"startup\", \"startup_dev\" and \"service\" must not be negative, nor a start-up longer than a day";
    return problem_of_times(b);
}

}  // namespace detail

/** Whether a scaler's memory can be written down: its state names its fields, once for writing and reading.

    `static void fields(auto& visit, auto& self) { visit("last_launch", self.last_launch); }`

    Fields are numbers, flags, times, enumerators with `to_string`, strings, optionals, fixed or growing arrays of
    these, and structs that have `fields` themselves. Without it a restored scaler starts cold, while its books go on.
*/
template <class S>
inline constexpr bool has_written_memory = detail::NamesFields<const typename S::state, detail::json_out>&&
    detail::NamesFields<typename S::state, detail::json_in>;

/// The memory as one line of JSON, without a line end.
template <class S>
[[nodiscard]] std::string to_text(const typename controller_machine<S>::memory& m)
{
    std::string text;
    detail::json_writer w(text);
    detail::json_out out{&w};
    w.begin_object();
    out("schema", memory_schema);
    out("bound", m.bound);
    out("size", m.size);
    if (m.size)
        out("told", m.told);
    out("books", m.books.image());
    if constexpr (has_written_memory<S>)
        out("scaler", m.scaler);
    w.end_object();
    return text;
}

/// What `memory_from` returns: the memory, or why the text is none.
template <class S>
struct memory_read {
    typename controller_machine<S>::memory memory{};
    std::string error{};  ///< Empty if the text was read.

    [[nodiscard]] explicit operator bool() const noexcept { return error.empty(); }
};

/// Reads what `to_text` wrote. Give the memory to `controller_machine::add`.
template <class S>
[[nodiscard]] memory_read<S> memory_from(std::string_view text)
{
    memory_read<S> out;
    const detail::json_document doc = detail::read_json(text);
    out.error = doc.error;
    if (!out.error.empty())
        return out;
    detail::json_in in{&doc.root, &out.error};
    std::string schema;
    in("schema", schema);
    if (schema != memory_schema) {
        out.error = "\"schema\" must be \"" + std::string(memory_schema) + "\"";
        return out;
    }
    ledger_image books;
    in("bound", out.memory.bound);
    in("size", out.memory.size);
    std::optional<bool> told;
    in("told", told);
    out.memory.told = told.value_or(true);
    in("books", books);
    if constexpr (has_written_memory<S>)
        in("scaler", out.memory.scaler);
    if (out.error.empty())
        out.error = detail::problem_of(books);
    if (out.error.empty())
        out.memory.books = ledger(std::make_shared<const ledger_settings>(), std::move(books));
    else
        out.memory = {};
    return out;
}

}  // namespace mayfly
