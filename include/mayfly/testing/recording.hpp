// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/controller_machine.hpp>
#include <mayfly/detail/json_read.hpp>
#include <mayfly/detail/recorded.hpp>

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

// A controller's run, written as lines of JSON and replayed bit for bit.
//
// The first line is a header. A line with "in" is something the machine was told, or a question for its next action; a
// line with "out" is what it decided or answered. Nothing is kept in memory but the line at hand.

namespace mayfly::testing {

inline constexpr std::string_view recording_schema = "mayfly-recording/1";

/// What stands in a recording's first line besides its format.
struct recording_note {
    std::string scaler{};  ///< Its name; its settings are not recorded.
    std::string note{};    ///< Anything.
};

/** A `controller_machine` whose run is written down. Takes what the machine takes.

    Each line goes to `write` as it comes about, with its line end. Memories are not recorded, so a run is recorded from
    the first version on. Nor are a target's `details`: nothing is decided by them, and they may hold secrets.
*/
template <Scaler<scaling_signal> S>
class recorder {
public:
    using sink = std::function<void(std::string_view line)>;
    using observer = typename controller_machine<S>::observer;

    explicit recorder(sink write, recording_note note = {}, controller_options options = {}, observer watch = {})
        : write_(std::move(write)), machine_(options, [this, watch = std::move(watch)](const controller_event& e) {
              line(mayfly::detail::line_of(e));
              if (watch)
                  watch(e);
          })
    {
        line(mayfly::detail::record_line("schema", recording_schema)
                 .with("scaler", note.scaler)
                 .with("note", note.note)
                 .with("options", options)
                 .take());
    }
    recorder(const recorder&) = delete;  // the machine's observer points here
    recorder& operator=(const recorder&) = delete;

    version_handle add(version_spec<S> spec, uptime now)
    {
        std::vector<mayfly::detail::recorded_group> groups;
        for (const group_spec<S>& g : spec.groups) {
            groups.push_back(mayfly::detail::recorded_group::of(*g.policy));
            groups.back().target = *g.target;
            groups.back().types = g.types;
        }
        line(mayfly::detail::record_line("in", "add", now)
                 .with("status", spec.status)
                 .with_all("groups", groups)
                 .take());
        const version_handle h = machine_.add(std::move(spec), now);
        line(mayfly::detail::line_of(h));
        return h;
    }
    void remove(version_handle h)
    {
        line(mayfly::detail::record_line("in", "remove").with("version", h).take());
        machine_.remove(h);
    }
    void set_status(version_handle h, version_status status, uptime now)
    {
        tell("status", h, now, "status", status);
        machine_.set_status(h, status, now);
    }
    void set_policy(version_handle h, std::uint32_t which, std::shared_ptr<const group_policy<S>> policy, uptime now)
    {
        line(mayfly::detail::record_line("in", "policy", now)
                 .with("version", h)
                 .with("which", which)
                 .with("policy", mayfly::detail::recorded_group::of(*policy))
                 .take());
        machine_.set_policy(h, which, std::move(policy), now);
    }
    void added(version_handle h, const task_added& tasks, uptime now)
    {
        tell("added", h, now, "tasks", tasks);
        machine_.added(h, tasks, now);
    }
    void snapshot(version_handle h, const queue_snapshot& s, uptime now)
    {
        std::vector<mayfly::detail::recorded_worker> workers;
        for (const worker_seen& w : s.workers)
            workers.push_back(with_version(w));
        line(mayfly::detail::record_line("in", "snapshot", now)
                 .with("version", h)
                 .with("stats", s.stats)
                 .with_all("workers", workers)
                 .with("workers_complete", s.workers_complete)
                 .with("busy_slots", s.busy_slots)
                 .take());
        machine_.snapshot(h, s, now);
    }
    void unread(version_handle h, condition outcome, std::string_view detail, uptime now)
    {
        line(mayfly::detail::record_line("in", "unread", now)
                 .with("version", h)
                 .with("outcome", outcome)
                 .with("detail", detail)
                 .take());
        machine_.unread(h, outcome, detail, now);
    }
    void seen(version_handle h, const worker_seen& w, uptime now)
    {
        tell("seen", h, now, "worker", with_version(w));
        machine_.seen(h, w, now);
    }
    void gone(version_handle h, const worker_gone& w, uptime now)
    {
        tell("gone", h, now, "identity", w.identity);
        machine_.gone(h, w, now);
    }
    void launched(std::uint64_t action, std::span<const launch_result> results, condition otherwise,
        std::string_view detail, uptime now)
    {
        line(mayfly::detail::record_line("in", "launched", now)
                 .with("id", action)
                 .with_all("results", results)
                 .with("otherwise", otherwise)
                 .with("detail", detail)
                 .take());
        machine_.launched(action, results, otherwise, detail, now);
    }
    void resized(std::uint64_t action, condition outcome, std::string_view detail, uptime now)
    {
        line(mayfly::detail::record_line("in", "resized", now)
                 .with("id", action)
                 .with("outcome", outcome)
                 .with("detail", detail)
                 .take());
        machine_.resized(action, outcome, detail, now);
    }
    void advance(uptime now)
    {
        line(mayfly::detail::record_line("in", "advance", now).take());
        machine_.advance(now);
    }
    [[nodiscard]] std::optional<controller_action> next_action()
    {
        // Recorded too, as what is taken when tells which calls may go.
        line(mayfly::detail::record_line("in", "take").take());
        auto a = machine_.next_action();
        line(mayfly::detail::line_of(a));
        return a;
    }
    [[nodiscard]] uptime next_wake() const noexcept { return machine_.next_wake(); }
    [[nodiscard]] const controller_machine<S>& machine() const noexcept { return machine_; }

private:
    static mayfly::detail::recorded_worker with_version(const worker_seen& w)
    {
        return {w, std::string(w.identity), w.version != nullptr ? std::optional{*w.version} : std::nullopt};
    }
    template <class T>
    void tell(std::string_view what, version_handle h, uptime now, std::string_view name, const T& v)
    {
        line(mayfly::detail::record_line("in", what, now).with("version", h).with(name, v).take());
    }
    void line(std::string text)
    {
        text += '\n';
        write_(text);
    }

    sink write_;
    controller_machine<S> machine_;
};

/// What came of a replay.
struct replay_result {
    std::size_t lines = 0;      ///< Read in all.
    std::size_t decisions = 0;  ///< Of the scaler, made again and found equal.
    std::string error{};        ///< Not a recording: which line, and what was expected.
    std::string difference{};   ///< The first decision or answer that is another now, in words.

    [[nodiscard]] explicit operator bool() const noexcept { return error.empty() && difference.empty(); }
};

/** Feeds a recording to a fresh machine, line by line, and compares all that it says with what was recorded.

    @param make `make(target)` returns the scaler of a group. With the one that was recorded every line is the same.
*/
template <class Make>
class replayer {
public:
    using scaler = std::remove_cvref_t<std::invoke_result_t<Make&, const launch_target&>>;

    explicit replayer(Make make) : make_(std::move(make)) {}
    replayer(const replayer&) = delete;
    replayer& operator=(const replayer&) = delete;

    /// False once the outcome is known: what follows is not looked at.
    bool feed(std::string_view text)
    {
        if (!result_)
            return false;
        result_.lines += 1;
        mayfly::detail::recorded line(text);
        if (line.error.empty()) {
            if (result_.lines == 1)
                begin(line);
            else if (!line.what("out").empty())
                compare(line, text);
            else if (!said_.empty())
                differs("not recorded: " + said_.front());
            else
                input(line);
        }
        if (!line.error.empty())
            result_.error = "line " + std::to_string(result_.lines) + ": " + line.error;
        return static_cast<bool>(result_);
    }

    /// After the last line.
    [[nodiscard]] replay_result finish()
    {
        if (result_ && (result_.lines == 0 || !said_.empty()))
            result_.error = "line " + std::to_string(result_.lines + 1) + ": the recording ends, and " +
                            (said_.empty() ? "a header was" : "\"out\" was") + " expected";
        return result_;
    }

private:
    void begin(mayfly::detail::recorded& line)
    {
        if (line.what("schema") != recording_schema) {
            line.error = "a header with \"schema\":\"" + std::string(recording_schema) + "\" was expected";
            return;
        }
        machine_.emplace(line.get<controller_options>("options"),
            [this](const controller_event& e) { said_.push_back(mayfly::detail::line_of(e)); });
    }

    void input(mayfly::detail::recorded& line)
    {
        const std::string_view what = line.what("in");
        const auto h = what == "add" || what == "take" || what == "advance" || what == "launched" || what == "resized"
                           ? version_handle{}
                           : line.get<version_handle>("version");
        const uptime now = what == "take" || what == "remove" ? uptime{} : line.get<uptime>("t");
        // Each input is read whole before the machine hears of it: a broken line changes nothing.
        const auto feed = [&](auto&& tell) {
            if (line.error.empty())
                tell();
        };
        if (what == "add") {
            version_spec<scaler> spec{.status = line.get<version_status>("status")};
            for (const mayfly::detail::recorded_group& g : line.all<mayfly::detail::recorded_group>("groups"))
                spec.groups.push_back(
                    {g.policy(make_(g.target)), std::make_shared<const launch_target>(g.target), g.types});
            feed([&] { said_.push_back(mayfly::detail::line_of(machine_->add(std::move(spec), now))); });
        } else if (what == "remove") {
            feed([&] { machine_->remove(h); });
        } else if (what == "status") {
            const auto status = line.get<version_status>("status");
            feed([&] { machine_->set_status(h, status, now); });
        } else if (what == "policy") {
            const auto which = line.get<std::uint32_t>("which");
            const auto p = line.get<mayfly::detail::recorded_group>("policy");
            feed([&] {
                const auto target = machine_->target(h, which);
                machine_->set_policy(h, which, target ? p.policy(make_(*target)) : nullptr, now);
            });
        } else if (what == "added") {
            const auto tasks = line.get<task_added>("tasks");
            feed([&] { machine_->added(h, tasks, now); });
        } else if (what == "snapshot") {
            const auto all = line.all<mayfly::detail::recorded_worker>("workers");
            std::vector<worker_seen> workers;
            for (const mayfly::detail::recorded_worker& w : all)
                workers.push_back(seen(w));
            queue_snapshot s{.stats = line.get<mayfly::detail::stats_by_type>("stats"),
                .workers = workers,
                .workers_complete = line.get<bool>("workers_complete"),
                .busy_slots = line.get<std::optional<std::uint32_t>>("busy_slots")};
            feed([&] { machine_->snapshot(h, s, now); });
        } else if (what == "unread") {
            const auto outcome = line.get<condition>("outcome");
            const auto detail = line.get<std::string>("detail");
            feed([&] { machine_->unread(h, outcome, detail, now); });
        } else if (what == "seen") {
            const auto w = line.get<mayfly::detail::recorded_worker>("worker");
            feed([&] { machine_->seen(h, seen(w), now); });
        } else if (what == "gone") {
            const auto identity = line.get<std::string>("identity");
            feed([&] { machine_->gone(h, {identity}, now); });
        } else if (what == "launched") {
            const auto id = line.get<std::uint64_t>("id");
            const auto recorded = line.all<mayfly::detail::recorded_result>("results");
            std::vector<launch_result> results;
            for (const mayfly::detail::recorded_result& r : recorded)
                results.push_back({r.outcome, r.request_id});
            const auto otherwise = line.get<condition>("otherwise");
            const auto detail = line.get<std::string>("detail");
            feed([&] { machine_->launched(id, results, otherwise, detail, now); });
        } else if (what == "resized") {
            const auto id = line.get<std::uint64_t>("id");
            const auto outcome = line.get<condition>("outcome");
            const auto detail = line.get<std::string>("detail");
            feed([&] { machine_->resized(id, outcome, detail, now); });
        } else if (what == "advance") {
            feed([&] { machine_->advance(now); });
        } else if (what == "take") {
            feed([&] { said_.push_back(mayfly::detail::line_of(machine_->next_action())); });
        } else {
            line.error = "\"in\" with a known name, or \"out\", was expected";
        }
    }

    static worker_seen seen(const mayfly::detail::recorded_worker& w)
    {
        worker_seen out = w.seen;
        out.identity = w.identity;
        out.version = w.version ? &*w.version : nullptr;
        return out;
    }

    void compare(const mayfly::detail::recorded& line, std::string_view text)
    {
        if (said_.empty())
            return differs("recorded, and missing now: " + std::string(text));
        const std::string now = std::move(said_.front());
        said_.pop_front();
        if (now != text) {
            const std::string where =
                mayfly::detail::first_difference(line.root(), mayfly::detail::read_json(now).root);
            // Written another way, as by hand, it may still say the same.
            if (!where.empty())
                return differs(where);
        }
        result_.decisions += line.what("out") == "decided" ? 1U : 0U;
    }

    void differs(std::string why)
    {
        result_.difference = "line " + std::to_string(result_.lines) + ": " + std::move(why);
    }

    Make make_;
    std::optional<controller_machine<scaler>> machine_{};
    std::deque<std::string> said_{};  // by the machine, and not yet compared
    replay_result result_{};
};

/// Replays a whole recording: see `replayer`.
template <class Make>
[[nodiscard]] replay_result replay(std::string_view text, Make make)
{
    replayer<Make> r(std::move(make));
    mayfly::detail::each_line(text, [&](std::string_view line, std::size_t) { return r.feed(line); });
    return r.finish();
}

/// What two scalers made of the same signals.
struct comparison {
    struct totals {
        std::uint64_t launch = 0;
        std::uint64_t resize = 0;  ///< Decisions that set a size.
        std::uint64_t held_back = 0;
    };
    std::size_t decisions = 0;
    std::size_t different = 0;  ///< Other numbers to start, or another size.
    totals recorded{};
    totals a{};
    totals b{};
    std::vector<std::string> first{};  ///< The first differences, in words.
    std::string error{};

    [[nodiscard]] explicit operator bool() const noexcept { return error.empty(); }
};

/** Lets two scalers decide on each signal of a recording, and counts where they part.

    An open loop: what a scaler decides here starts no worker, so both see the fleet that the recorded run had. Before
    the machine bounds them, as the scalers say it.
*/
template <Scaler<scaling_signal> A, Scaler<scaling_signal> B>
[[nodiscard]] comparison compare(std::string_view text, const A& a, const B& b, std::size_t most = 10)
{
    struct memory {
        typename A::state a{};
        typename B::state b{};
    };
    std::map<std::string, memory> groups;
    comparison c;
    const auto count = [](comparison::totals& t, const decision& d) {
        t.launch += d.launch;
        t.resize += d.resize ? 1U : 0U;
        t.held_back += d.held_back;
    };
    const auto say = [](const decision& d) {
        return (d.resize ? "size " + std::to_string(*d.resize) : "launch " + std::to_string(d.launch)) + ", " +
               std::string(to_string(d.reason));
    };
    mayfly::detail::each_line(text, [&](std::string_view line, std::size_t number) {
        mayfly::detail::recorded r(line);
        const bool header = number == 1;
        if (r.error.empty() && header && r.what("schema") != recording_schema)
            r.error = "a header with \"schema\":\"" + std::string(recording_schema) + "\" was expected";
        if (r.error.empty() && r.what("out") == "decided") {
            const auto now = r.get<uptime>("t");
            const auto h = r.get<version_handle>("version");
            const auto signal = r.get<scaling_signal>("signal");
            const auto made = r.get<decision>("made");
            const std::string group =
                r.get<std::string>("group") + '/' + std::to_string(h.index) + '/' + std::to_string(h.generation);
            if (r.error.empty()) {
                memory& m = groups[group];
                const decision da = a.decide(m.a, signal, now);
                const decision db = b.decide(m.b, signal, now);
                c.decisions += 1;
                count(c.recorded, made);
                count(c.a, da);
                count(c.b, db);
                if (da.launch != db.launch || da.resize != db.resize) {
                    c.different += 1;
                    if (c.first.size() < most)
                        c.first.push_back("line " + std::to_string(number) + ", at " +
                                          mayfly::detail::in_seconds_text(now) + ", " +
                                          std::string(to_string(signal.why)) + ": " + say(da) + " and " + say(db));
                }
            }
        }
        if (!r.error.empty())
            c.error = "line " + std::to_string(number) + ": " + r.error;
        return c.error.empty();
    });
    if (c.error.empty() && text.empty())
        c.error = "line 1: a header was expected";
    return c;
}

/// One line of a recording in words: "at 12.345 s, default: added: launch 3, backlog; 2 live, 1 on the way". Empty for
/// a line that is not an event.
[[nodiscard]] inline std::string describe(std::string_view line)
{
    mayfly::detail::recorded r(line);
    const auto what = mayfly::detail::enumerator<controller_event::kind>(r.what("out"));
    if (!r.error.empty() || !what)
        return {};
    std::string out =
        "at " + mayfly::detail::in_seconds_text(r.get<uptime>("t")) + ", " + r.get<std::string>("group") + ": ";
    if (*what == controller_event::kind::decided || *what == controller_event::kind::bootstrap) {
        const auto made = r.get<decision>("made");
        const bool decided = *what == controller_event::kind::decided;
        const auto signal = decided ? r.get<scaling_signal>("signal") : scaling_signal{};
        if (decided)
            out.append(to_string(signal.why)).append(": ");
        if (made.resize)
            out += "size " + std::to_string(*made.resize) + ", ";
        else if (made.launch > 0)
            out += "launch " + std::to_string(made.launch) + ", ";
        else
            out += "nothing, ";
        out += to_string(made.reason);
        if (made.held_back > 0)
            out += ", " + std::to_string(made.held_back) + " held back";
        if (decided)
            out += "; " + std::to_string(signal.fleet.live) + " live, " + std::to_string(signal.fleet.pending()) +
                   " on the way";
    } else {
        out.append(to_string(*what)).append(" ").append(std::to_string(r.get<std::uint32_t>("count")));
        const auto outcome = r.get<condition>("outcome");
        const auto detail = r.get<std::string>("detail");
        if (outcome != condition::ok)
            out.append(", ").append(to_string(outcome));
        if (!detail.empty())
            out.append(": ").append(detail);
    }
    return r.error.empty() ? out : std::string{};
}

}  // namespace mayfly::testing
