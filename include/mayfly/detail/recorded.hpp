// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/controller_machine.hpp>
#include <mayfly/detail/json_fields.hpp>
#include <mayfly/launch_notice.hpp>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

// The lines of a recording: which fields stand in them, and how one is written and read.

namespace mayfly::detail {

void fields(auto& f, Is<version_handle> auto& h)
{
    f("index", h.index);
    f("generation", h.generation);
}

void fields(auto& f, Is<controller_options> auto& o)
{
    f("calls_at_once", o.calls_at_once);
    f("calls_per_group", o.calls_per_group);
    f("starts_per_call", o.starts_per_call);
    f("reads_at_once", o.reads_at_once);
    f("read_soonest", o.read_soonest);
    f("read_retry", o.read_retry);
    f("read_retry_most", o.read_retry_most);
    f("replace_margin", o.replace_margin);
    f("bootstrap_retry", o.bootstrap_retry);
    f("bootstrap_retry_most", o.bootstrap_retry_most);
}

void fields(auto& f, Is<ledger_settings> auto& s)
{
    f("useful_life", s.useful_life);
    f("expected_startup", s.expected_startup);
    f("patience", s.patience);
    f("remember", s.remember);
    f("slots", s.slots);
}

void fields(auto& f, Is<scaling_limits> auto& l)
{
    f("min", l.min);
    f("max", l.max);
}

void fields(auto& f, Is<launch_target> auto& t)
{
    f("version", t.version);
    f("group", t.group);
    f("function", t.function);
}

void fields(auto& f, Is<add_counts> auto& c)
{
    f("matched", c.matched);
    f("not_matched", c.not_matched);
    f("behind_backlog", c.behind_backlog);
    f("rate_limited", c.rate_limited);
}

void fields(auto& f, Is<task_added> auto& t)
{
    f("type", t.type);
    f("counts", t.counts);
}

void fields(auto& f, Is<queue_stats> auto& s)
{
    f("backlog", s.backlog);
    f("oldest", s.oldest);
    f("add_rate", s.add_rate);
    f("dispatch_rate", s.dispatch_rate);
    f("limiter_active", s.limiter_active);
    f("added", s.added);
    f("dispatched", s.dispatched);
}

using stats_by_type = std::array<std::optional<queue_stats>, all_task_types.size()>;

void fields(auto& f, Is<stats_by_type> auto& all)
{
    for (task_type t : all_task_types)
        f(to_string(t), all[static_cast<std::size_t>(t)]);
}

/// A `launch_result` that owns its words.
struct recorded_result {
    condition outcome = condition::ok;
    std::string request_id{};
};

template <class T>
    requires(Is<T, launch_result> || Is<T, recorded_result>)
void fields(auto& f, T& r)
{
    f("outcome", r.outcome);
    f("request_id", r.request_id);
}

void fields(auto& f, Is<fleet_view> auto& v)
{
    f("asked", v.asked);
    f("starting", v.starting);
    f("live", v.live);
    f("leaving", v.leaving);
    f("foreign", v.foreign);
    f("given_up", v.given_up);
    f("refused", v.refused);
    f("slots", v.slots);
    f("busy", v.busy);
    f("startup", v.startup);
    f("startup_dev", v.startup_dev);
    f("service", v.service);
    f("failure_rate", v.failure_rate);
    f("ever_seen", v.ever_seen);
}

void fields(auto& f, Is<scaling_signal> auto& s)
{
    f("why", s.why);
    f("type", s.type);
    f("added", s.added);
    f("stats", s.stats);
    f("fleet", s.fleet);
    f("limits", s.limits);
    f("wanted", s.wanted);
    f("outcome", s.outcome);
}

void fields(auto& f, Is<decision> auto& d)
{
    f("launch", d.launch);
    f("stay", d.stay);
    f("resize", d.resize);
    f("revisit", d.revisit);
    f("read", d.read);
    f("reason", d.reason);
    f("held_back", d.held_back);
    f("orders", d.orders);
}

/// A poller, with room for what it points to.
struct recorded_worker {
    worker_seen seen{};
    std::string identity{};
    std::optional<deployment_version> version{};
};

void fields(auto& f, Is<recorded_worker> auto& w)
{
    f("identity", w.identity);
    f("first_seen", w.seen.first_seen);
    f("last_seen", w.seen.last_seen);
    f("present", w.seen.present);
    f("busy", w.seen.busy);
    f("slots", w.seen.slots);
    f("version", w.version);
}

/// A group's policy without its scaler, and whom it starts.
struct recorded_group {
    launch_target target{};
    task_types types{};
    scaling_limits limits{};
    ledger_settings workers{};
    leave_rules orders{};
    bool bootstrap = true;
    std::uint32_t tries = 1;
    uptime retry_after{};

    template <class S>
    static recorded_group of(const group_policy<S>& p)
    {
        return {.limits = p.limits,
            .workers = p.workers,
            .orders = p.orders,
            .bootstrap = p.bootstrap,
            .tries = p.tries,
            .retry_after = p.retry_after};
    }
    template <class S>
    [[nodiscard]] std::shared_ptr<const group_policy<S>> policy(S scaler) const
    {
        return std::make_shared<const group_policy<S>>(
            group_policy<S>{std::move(scaler), limits, workers, orders, bootstrap, tries, retry_after});
    }
};

void fields(auto& f, Is<recorded_group> auto& g)
{
    f("target", g.target);
    f("types", g.types);
    f("limits", g.limits);
    f("workers", g.workers);
    f("orders", g.orders);
    f("bootstrap", g.bootstrap);
    f("tries", g.tries);
    f("retry_after", g.retry_after);
}

/// Writes one line: `{"t":…,"in":…, …}`.
class record_line {
public:
    record_line(std::string_view direction, std::string_view what)
    {
        to_.begin_object();
        put_(direction, what);
    }
    record_line(std::string_view direction, std::string_view what, uptime t) : record_line(direction, what)
    {
        put_("t", t);
    }
    template <class T>
    record_line& with(std::string_view name, const T& v)
    {
        put_(name, v);
        return *this;
    }
    template <class Range>
    record_line& with_all(std::string_view name, const Range& all)
    {
        to_.key(name).begin_array();
        for (const auto& one : all)
            put_.put(one);
        to_.end_array();
        return *this;
    }
    record_line(const record_line&) = delete;
    record_line& operator=(const record_line&) = delete;

    [[nodiscard]] std::string take()
    {
        to_.end_object();
        return std::move(text_);
    }

private:
    std::string text_{};
    json_writer to_{text_};
    json_out put_{&to_};
};

inline std::string line_of(const controller_event& e)
{
    record_line l("out", to_string(e.what), e.at);
    l.with("version", e.version).with("group", e.target->group);
    if (e.signal != nullptr)
        l.with("signal", *e.signal);
    if (e.what == controller_event::kind::decided || e.what == controller_event::kind::bootstrap)
        l.with("made", e.made);
    else
        l.with("count", e.count).with("outcome", e.outcome).with("detail", e.detail);
    return l.take();
}

inline std::string line_of(const std::optional<controller_action>& a)
{
    if (!a)
        return record_line("out", "nothing").take();
    record_line l("out", "action");
    l.with("what", a->what).with("version", a->version);
    if (a->what != controller_action::kind::read)
        l.with("id", a->id);
    if (a->what == controller_action::kind::launch)
        l.with("count", a->launch.count)
            .with("stay", a->launch.stay)
            .with("first_launch", a->launch.first_launch)
            .with("orders", a->launch.orders);
    else if (a->what == controller_action::kind::resize)
        l.with("size", a->resize.size);
    return l.take();
}

inline std::string line_of(version_handle h)
{
    return record_line("out", "version").with("version", h).take();
}

/// One line, read. Whatever is asked of it and is not there is kept as its error.
class recorded {
public:
    explicit recorded(std::string_view line) : doc_(read_json(line))
    {
        error = doc_.error;
        if (error.empty() && !doc_.root.is_object())
            error = "an object was expected";
    }
    recorded(const recorded&) = delete;
    recorded& operator=(const recorded&) = delete;

    /// What follows "in" or "out"; empty if the line has none.
    [[nodiscard]] std::string_view what(std::string_view direction) const noexcept
    {
        const json_value* v = doc_.root.find(direction);
        return v != nullptr && v->is_string() ? std::string_view{v->text} : std::string_view{};
    }
    template <class T>
    T get(std::string_view name)
    {
        T out{};
        json_in{&doc_.root, &error}(name, out);
        return out;
    }
    template <class T>
    std::vector<T> all(std::string_view name)
    {
        std::vector<T> out;
        const json_value* list = doc_.root.find(name);
        json_in in{&doc_.root, &error};
        if (list == nullptr || !list->is_array()) {
            in.fail(name, "must be an array");
            return out;
        }
        for (const json_value& item : list->items)
            in.take(name, item, out.emplace_back());
        return out;
    }
    [[nodiscard]] const json_value& root() const noexcept { return doc_.root; }

    std::string error{};

private:
    json_document doc_;
};

inline std::string text_of(const json_value& v)
{
    switch (v.is) {
    case json_value::kind::null: return "null";
    case json_value::kind::boolean: return v.boolean ? "true" : "false";
    case json_value::kind::number:
    case json_value::kind::string: return v.text;
    case json_value::kind::array:
    case json_value::kind::object: break;
    }
    return std::to_string(v.items.size()) + " items";
}

/// The first place where two values differ, in words; empty if there is none.
inline std::string first_difference(const json_value& then, const json_value& now, const std::string& path = {})
{
    if (then.is != now.is || (then.keys.empty() && now.keys.empty() && then.items.empty() && now.items.empty()))
        return text_of(then) == text_of(now) ? "" : path + ": recorded " + text_of(then) + ", now " + text_of(now);
    const std::size_t n = std::max(then.items.size(), now.items.size());
    for (std::size_t i = 0; i < n && then.is == json_value::kind::array; ++i) {
        const std::string here = path + "[" + std::to_string(i) + "]";
        if (i >= then.items.size() || i >= now.items.size())
            return here + (i < now.items.size() ? ": not recorded" : ": recorded, and missing now");
        if (std::string d = first_difference(then.items[i], now.items[i], here); !d.empty())
            return d;
    }
    for (std::size_t i = 0; i < then.keys.size(); ++i) {
        const std::string here = path.empty() ? then.keys[i] : path + "." + then.keys[i];
        const json_value* other = now.find(then.keys[i]);
        if (other == nullptr)
            return here + ": recorded " + text_of(then.items[i]) + ", missing now";
        if (std::string d = first_difference(then.items[i], *other, here); !d.empty())
            return d;
    }
    for (std::size_t i = 0; i < now.keys.size(); ++i)
        if (then.find(now.keys[i]) == nullptr)
            return (path.empty() ? "" : path + ".") + now.keys[i] + ": not recorded, now " + text_of(now.items[i]);
    return {};
}

/// Calls `each(line, number)` until it returns false. A last line without an end is a line.
template <class Each>
void each_line(std::string_view text, Each&& each)
{
    for (std::size_t number = 1; !text.empty(); ++number) {
        const std::size_t end = std::min(text.find('\n'), text.size());
        if (!each(text.substr(0, end), number))
            return;
        text.remove_prefix(std::min(end + 1, text.size()));
    }
}

inline std::string in_seconds_text(uptime t)
{
    if (t == never)
        return "never";
    std::array<char, 32> text{};
    const auto end = std::to_chars(text.data(), text.data() + text.size(), static_cast<double>(t.count()) / 1e6).ptr;
    return std::string(text.data(), end) + " s";
}

}  // namespace mayfly::detail
