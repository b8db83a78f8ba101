// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/controller_event.hpp>
#include <mayfly/detail/recorded.hpp>
#include <mayfly/temporal/json_time.hpp>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>

// What a controller decided and what came of it, one line of JSON for each event: written by `mayfly controller run`,
// told by `mayfly explain`.
//
//   {"at":"2026-01-31T09:30:00.25Z","uptime":12.5,"namespace":"default","deployment":"orders","build_id":"b7",
//    "group":"default","event":"decided","why":"stats","reason":"backlog","launch":3,"held_back":1,
//    "fleet":{...},"limits":{...},"stats":{"activity":{...}}}
//
// Inside of "fleet" and "stats", times are whole microseconds, as in every file of the library. A provider's settings
// and whatever else may be secret are in no line.

namespace examples {

/// One line of the record. What an event does not have is left out of its line.
struct flight_entry {
    mayfly::wall_time at{};
    mayfly::uptime uptime{};  ///< Of the controller: a smaller one than before tells that it was started anew.
    std::string name_space{};
    mayfly::deployment_version version{};  ///< Empty for what is about the controller itself.
    std::string group{};
    std::string event{};  ///< The name of a `controller_event`, or a word of the program's own, like "leading".
    std::optional<mayfly::cause> why{};
    std::optional<mayfly::reason> reason{};
    std::uint32_t launch = 0;               ///< Workers that shall be started.
    std::uint32_t held_back = 0;            ///< Wished for and not granted.
    std::optional<std::uint32_t> resize{};  ///< The size the set shall have.
    std::uint32_t count = 0;                ///< Starts that the provider answered, or the size it took.
    mayfly::condition outcome = mayfly::condition::ok;
    std::optional<mayfly::uptime> revisit{};  ///< Asked again after this long, whatever happens.
    bool wanted = true;                       ///< Work can reach the version.
    std::optional<mayfly::task_type> type{};  ///< Of `added`.
    mayfly::add_counts added{};
    std::optional<mayfly::fleet_view> fleet{};
    std::optional<mayfly::scaling_limits> limits{};
    mayfly::detail::stats_by_type stats{};
    std::string detail{};  ///< The provider's or the program's own words.

    friend bool operator==(const flight_entry&, const flight_entry&) = default;
};

/// The entry for an event. `e.target` is not null.
[[nodiscard]] inline flight_entry flight_entry_of(
    const mayfly::controller_event& e, std::string_view name_space, mayfly::wall_time at)
{
    using enum mayfly::controller_event::kind;
    flight_entry out{.at = at,
        .uptime = e.at,
        .name_space = std::string(name_space),
        .version = e.target->version,
        .group = e.target->group,
        .event = std::string(to_string(e.what)),
        .count = e.count,
        .outcome = e.outcome,
        .detail = std::string(e.detail)};
    if (e.what == decided || e.what == bootstrap || e.what == launched || e.what == refused)
        out.fleet = e.fleet;
    if (e.what == decided || e.what == bootstrap) {
        out.why = e.why;
        out.reason = e.made.reason;
        out.launch = e.made.launch;
        out.held_back = e.made.held_back;
        out.resize = e.made.resize;
        if (e.made.revisit != mayfly::never)
            out.revisit = e.made.revisit;
    }
    if (e.signal != nullptr) {
        out.fleet = e.signal->fleet;
        out.limits = e.signal->limits;
        out.wanted = e.signal->wanted;
        out.stats = e.signal->stats;
        if (e.signal->why == mayfly::cause::added) {
            out.type = e.signal->type;
            out.added = e.signal->added;
        }
        if (e.signal->why == mayfly::cause::launched)
            out.outcome = e.signal->outcome;
    }
    return out;
}

/// Tasks that waited, by the statistics of the entry; nothing if it has none.
[[nodiscard]] inline std::optional<std::uint64_t> waiting(const flight_entry& e)
{
    std::optional<std::uint64_t> sum;
    for (const auto& q : e.stats)
        if (q)
            sum = sum.value_or(0) + q->backlog;
    return sum;
}

/** Which events of a controller are worth a line.

    Thousands of versions without work are asked about every few seconds, and the answer is always "nothing". Such a
    decision is kept when it differs from the group's last in the record, and once in a while to show that somebody
    looked.
*/
class flight_thinner {
public:
    explicit flight_thinner(mayfly::uptime quiet_every = std::chrono::minutes{5}) noexcept : quiet_every_(quiet_every)
    {}

    [[nodiscard]] bool keeps(const mayfly::controller_event& e)
    {
        if (e.what != mayfly::controller_event::kind::decided)
            return true;
        quiet& last = last_[{e.version.index, e.version.generation, e.target->group}];
        const bool told = !last.known || e.made.reason != last.reason || !says_nothing(e) ||
                          mayfly::later(last.at, quiet_every_) <= e.at;
        if (told)
            last = {true, e.at, e.made.reason};
        return told;
    }
    /// The version is no more.
    void forget(mayfly::version_handle h)
    {
        last_.erase(last_.lower_bound({h.index, h.generation, {}}), last_.lower_bound({h.index, h.generation + 1, {}}));
    }

private:
    struct quiet {
        bool known = false;
        mayfly::uptime at{};
        mayfly::reason reason{};
    };

    static bool says_nothing(const mayfly::controller_event& e)
    {
        if (e.made.launch > 0 || e.made.held_back > 0 || e.made.resize)
            return false;
        if (e.signal == nullptr)
            return true;
        return e.signal->added.unmatched() == 0 && std::none_of(e.signal->stats.begin(), e.signal->stats.end(),
                                                       [](const auto& q) { return q && q->backlog > 0; });
    }

    mayfly::uptime quiet_every_;
    std::map<std::tuple<std::uint32_t, std::uint32_t, std::string>, quiet> last_{};
};

namespace detail {

inline std::string flight_time(mayfly::wall_time at)
{
    const auto ms = at.time_since_epoch().count();
    const auto seconds = std::chrono::floor<std::chrono::seconds>(at).time_since_epoch().count();
    std::string out;
    return mayfly::temporal::detail::append_time(out, seconds, (ms - seconds * 1000) * 1'000'000) ? out : std::string{};
}

/// Reads the members that are there. One that is of another kind than it was is left as it is.
class flight_members : mayfly::detail::json_in {  // whose namespace has the lists of fields
public:
    explicit flight_members(const mayfly::detail::json_value& object) : json_in{&object, nullptr} {}

    template <class T>
    void operator()(std::string_view name, T& out)
    {
        if (from->find(name) == nullptr)
            return;
        T read{};
        std::string wrong;
        json_in{from, &wrong}(name, read);
        if (wrong.empty())
            out = std::move(read);
    }
    template <class T>
    void inner(std::string_view name, std::optional<T>& out)
    {
        const auto* v = from->find(name);
        if (v == nullptr || !v->is_object())
            return;
        flight_members inside{*v};
        mayfly::detail::visit_fields(inside, out.emplace());
    }
};

}  // namespace detail

/// A line of the record, without its end.
[[nodiscard]] inline std::string to_flight_line(const flight_entry& e)
{
    std::string out;
    mayfly::detail::json_writer to{out};
    mayfly::detail::json_out put{&to};
    to.begin_object();
    put("at", detail::flight_time(e.at));
    put("uptime", std::round(static_cast<double>(e.uptime.count()) / 1e3) / 1e3);
    put("namespace", e.name_space);
    const auto unless_empty = [&](std::string_view name, const std::string& text) {
        if (!text.empty())
            put(name, text);
    };
    const auto unless_zero = [&](std::string_view name, std::uint32_t n) {
        if (n != 0)
            put(name, n);
    };
    unless_empty("deployment", e.version.deployment);
    unless_empty("build_id", e.version.build_id);
    unless_empty("group", e.group);
    put("event", e.event);
    put("why", e.why);
    put("reason", e.reason);
    if (e.reason || e.launch != 0)
        put("launch", e.launch);
    unless_zero("held_back", e.held_back);
    put("resize", e.resize);
    unless_zero("count", e.count);
    if (e.outcome != mayfly::condition::ok)
        put("outcome", e.outcome);
    put("revisit", e.revisit);
    if (!e.wanted)
        put("wanted", e.wanted);
    put("type", e.type);
    if (e.added.total() != 0)
        put("added", e.added);
    put("fleet", e.fleet);
    put("limits", e.limits);
    if (waiting(e))
        put("stats", e.stats);
    unless_empty("detail", e.detail);
    to.end_object();
    return out;
}

/// What a line says, or why it is none.
struct flight_line {
    flight_entry entry{};
    std::string problem{};

    [[nodiscard]] explicit operator bool() const noexcept { return problem.empty(); }
};

/// Names that are not known here, and members of another version's, are passed over; a line needs "at" and "event".
[[nodiscard]] inline flight_line read_flight_line(std::string_view text)
{
    flight_line out;
    const auto doc = mayfly::detail::read_json(text);
    if (!doc || !doc.root.is_object()) {
        out.problem = doc ? "an object was expected" : doc.error;
        return out;
    }
    flight_entry& e = out.entry;
    detail::flight_members get{doc.root};
    std::string at;
    double seconds = 0;
    get("at", at);
    const auto moment = mayfly::temporal::detail::parse_time(at);
    if (!moment) {
        out.problem = "\"at\" must be a time such as 2026-01-31T09:30:00.25Z";
        return out;
    }
    e.at = mayfly::wall_time{std::chrono::milliseconds{moment->seconds * 1000 + moment->ns / 1'000'000}};
    get("uptime", seconds);
    constexpr double century = 3.2e9;
    e.uptime = mayfly::uptime{std::llround(std::clamp(seconds, 0.0, century) * 1e6)};
    get("namespace", e.name_space);
    get("deployment", e.version.deployment);
    get("build_id", e.version.build_id);
    get("group", e.group);
    get("event", e.event);
    get("why", e.why);
    get("reason", e.reason);
    get("launch", e.launch);
    get("held_back", e.held_back);
    get("resize", e.resize);
    get("count", e.count);
    get("outcome", e.outcome);
    get("revisit", e.revisit);
    get("wanted", e.wanted);
    get("type", e.type);
    get("added", e.added);
    get.inner("fleet", e.fleet);
    get.inner("limits", e.limits);
    std::optional<mayfly::detail::stats_by_type> stats;
    get.inner("stats", stats);
    e.stats = stats.value_or(e.stats);
    get("detail", e.detail);
    if (e.event.empty())
        out.problem = "\"event\" must be a word";
    return out;
}

}  // namespace examples
