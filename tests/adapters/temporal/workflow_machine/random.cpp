// SPDX-License-Identifier: BSL-1.0
#include "mirror.hpp"
#include "world.hpp"

#include <doctest/doctest.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <utility>
#include <vector>

// Programs at random, in a world at random: however a run is kept, cut, lost or begun anew, it comes to the same.

using namespace mayfly::temporal::workflow;
using namespace mayfly::temporal::workflow::testing;

namespace {

using dice = std::mt19937_64;

std::size_t below(dice& d, std::size_t end)
{
    return static_cast<std::size_t>(d() % end);
}

/// `waits`: local activities too may be waited for once they are cancelled. One that was begun by a machine that was
/// lost is then not begun again, so that who kept it and who has not come to different ends.
std::vector<op> random_program(dice& d, bool waits, int depth = 0)
{
    constexpr std::array names{"charge", "ship", "mail"};
    std::vector<op> out;
    const std::size_t count = 1 + below(d, depth == 0 ? 7 : 3);
    for (std::size_t i = 0; i < count; ++i) {
        op o;
        o.what = static_cast<op::kind>(below(d, static_cast<std::size_t>(op::kind::spawn) + 1));
        if (o.what == op::kind::spawn && depth > 1)
            o.what = op::kind::timer;
        o.name = names[below(d, names.size())];
        o.cancellation = static_cast<cancellation_type>(below(d, 3));
        if (!waits && (o.what == op::kind::local || o.what == op::kind::locals || o.what == op::kind::local_or_timer) &&
            o.cancellation == cancellation_type::wait_completed)
            o.cancellation = cancellation_type::abandon;
        if (o.what == op::kind::spawn)
            o.sub = random_program(d, waits, depth + 1);
        out.push_back(std::move(o));
    }
    const std::size_t end = below(d, 12);
    if (depth == 0 && end < 3)
        out.push_back({end == 0 ? op::kind::go_on : end == 1 ? op::kind::fail : op::kind::finish});
    return out;
}

/// A machine and what runs for it.
struct player {
    std::unique_ptr<machine> m;
    std::map<std::uint32_t, local_start> running{};

    machine_step seen(machine_step s)
    {
        for (const local_start& l : s.local_starts)
            running[l.what.seq] = l;
        for (const std::uint32_t seq : s.local_cancels) {
            const auto at = running.find(seq);
            if (at != running.end() &&
                (s.run_closed || at->second.what.cancellation != cancellation_type::wait_completed))
                running.erase(at);
        }
        s.local_starts.clear();
        s.local_cancels.clear();
        return s;
    }
};

class random_world {
public:
    random_world(std::uint64_t seed, std::size_t keep_of_ten)
        : dice_{seed}, keep_{keep_of_ten}, ops_{random_program(dice_, keep_of_ten == 0)}
    {}

    void play()
    {
        for (int i = 0; i < 80 && !server_.closed; ++i) {
            for (std::size_t n = below(dice_, 3); n > 0; --n)
                something_happens();
            if (below(dice_, 6) == 0)
                legacy_query();
            if (server_.task_wanted)
                task();
        }
        check_replays();
    }

    [[nodiscard]] const history_server& server() const { return server_; }
    [[nodiscard]] const std::vector<op>& ops() const { return ops_; }

private:
    void something_happens()
    {
        switch (below(dice_, 10)) {
        case 0:
        case 1:
        case 2:
            if (!server_.timers.empty())
                server_.fire(
                    std::next(server_.timers.begin(), static_cast<std::ptrdiff_t>(below(dice_, server_.timers.size())))
                        ->first);
            return;
        case 3:
        case 4:
            if (!server_.activities.empty()) {
                const std::size_t which = below(dice_, server_.activities.size());
                server_.end_activity(
                    which, static_cast<int>(below(dice_, server_.activities[which].cancel_asked ? 4 : 3)));
            }
            return;
        case 5:
            if (!server_.children.empty()) {
                const std::size_t which = below(dice_, server_.children.size());
                if (server_.children[which].started)
                    server_.end_child(which, static_cast<int>(below(dice_, 5)));
                else if (below(dice_, 5) == 0)
                    server_.end_child(which, 5);
                else
                    server_.start_child(which);
            }
            return;
        case 6:
            if (!server_.signals.empty())
                server_.end_signal(below(dice_, 3) != 0);
            if (!server_.cancels.empty())
                server_.end_cancel(below(dice_, 3) != 0);
            return;
        case 7: return server_.signal("go");
        case 8:
            if (!server_.closed && !server_.task_out)
                server_.update(std::array{"quick", "slow", "bad"}[below(dice_, 3)], "u" + std::to_string(++updates_));
            return;
        default:
            if (below(dice_, 8) == 0)
                server_.ask_cancel();
        }
    }

    /// All who do the task at hand, each in another way.
    std::vector<player> hands(const run_task& full)
    {
        std::vector<player> out;
        if (kept_.m) {
            const run_task cut = server_.at_hand(true);
            REQUIRE(kept_.m->continues(cut));
            out.push_back(std::move(kept_));
            first_ = out.back().seen(out.back().m->begin(cut));
        }
        for (const std::size_t page : {std::size_t{0}, 1 + below(dice_, 6)}) {
            player p{make_machine(ops_)};
            machine_step s = p.seen(begin_paged(*p.m, full, page));
            for (const auto& [seq, o] : held_) {
                p.running.erase(seq);
                if (s.what == kind::wait_local)
                    s = p.seen(p.m->local_resolved(seq, o));
            }
            if (out.empty())
                first_ = s;
            else
                same(first_, s);
            out.push_back(std::move(p));
            check_running(out);
        }
        held_.clear();
        return out;
    }

    static void same(const machine_step& a, const machine_step& b)
    {
        REQUIRE(bytes_of(a) == bytes_of(b));
        REQUIRE(a.new_flags == b.new_flags);
        REQUIRE(a.run_closed == b.run_closed);
    }

    static void check_running(const std::vector<player>& all)
    {
        for (const player& p : all) {
            // One that was cancelled and abandoned may go on.
            const auto listed = [](const player& one) {
                std::string out;
                for (const auto& [seq, l] : one.running)
                    if (l.what.cancellation != cancellation_type::abandon)
                        out += std::to_string(seq) + " ";
                return out;
            };
            REQUIRE(listed(p) == listed(all.front()));
        }
    }

    local_outcome some_outcome(const local_start& l)
    {
        local_outcome o;
        o.attempt = l.what.attempt + static_cast<std::uint32_t>(below(dice_, 3));
        o.completed = workflow_time(std::chrono::seconds(1'000'000 + below(dice_, 200)));
        switch (below(dice_, 4)) {
        case 0:
            o.outcome.how = resolution::kind::failed;
            o.outcome.failure.set_message("\xC0 no");
            o.backs_off = below(dice_, 2) == 0;
            o.backoff = std::chrono::minutes(2);
            break;
        default: o.outcome.result.add_payloads()->set_data("\xFF");
        }
        return o;
    }

    void task()
    {
        run_task full = server_.poll(false);
        auto players = hands(full);
        machine_step step = first_;
        while (step.what == kind::wait_local) {
            REQUIRE(!players.back().running.empty());
            if (below(dice_, 3) == 0) {
                for (std::size_t i = 0; i < players.size(); ++i) {
                    machine_step s = players[i].seen(players[i].m->heartbeat());
                    REQUIRE(s.force_new_task);
                    if (i > 0)
                        same(step, s);
                    step = std::move(s);
                }
                break;
            }
            const auto at = std::next(players.back().running.begin(),
                static_cast<std::ptrdiff_t>(below(dice_, players.back().running.size())));
            const std::uint32_t seq = at->first;
            const local_outcome o = some_outcome(at->second);
            for (std::size_t i = 0; i < players.size(); ++i) {
                players[i].running.erase(seq);
                machine_step s = players[i].seen(players[i].m->local_resolved(seq, o));
                if (i > 0)
                    same(step, s);
                step = std::move(s);
            }
            check_running(players);
        }
        CAPTURE(step.words);
        REQUIRE(step.what == kind::complete);
        if (below(dice_, 3) == 0)
            something_happens();
        if (below(dice_, 8) == 0)
            return server_.lose_task(below(dice_, 2) == 0);
        const auto reset = server_.complete(step);
        if (!reset || below(dice_, 10) >= keep_)
            return;
        kept_ = std::move(players[below(dice_, players.size())]);
        kept_.m->reported(*reset);
        if (step.run_closed)
            kept_ = {};
        while (kept_.m && !kept_.running.empty() && below(dice_, 3) == 0) {
            const auto at = kept_.running.begin();
            const local_outcome o = some_outcome(at->second);
            held_.emplace_back(at->first, o);
            const std::uint32_t seq = at->first;
            kept_.running.erase(at);
            REQUIRE(kept_.m->local_resolved(seq, o).what == kind::wait_local);
        }
    }

    void legacy_query()
    {
        if (server_.task_out)
            return;
        run_task t;
        t.legacy_query.emplace().set_query_type("steps");
        t.events = server_.events;
        player p{make_machine(ops_)};
        const machine_step fresh = p.m->begin(t);
        CAPTURE(fresh.words);
        REQUIRE(fresh.what == kind::answer_query);
        if (!kept_.m)
            return;
        run_task cut;
        cut.legacy_query = t.legacy_query;
        cut.previous_started_event_id = kept_.m->last_started_event_id();
        REQUIRE(kept_.m->continues(cut));
        const machine_step known = kept_.m->begin(cut);
        REQUIRE(known.what == kind::answer_query);
        if (!known.legacy_answer->failure && held_.empty())
            REQUIRE(known.legacy_answer->result.payloads(0).data() == fresh.legacy_answer->result.payloads(0).data());
    }

    void check_replays()
    {
        const auto& all = server_.events;
        for (std::size_t end = 1; end <= all.size(); ++end) {
            // A server writes a task's commands at once.
            if (end < all.size() && detail::class_of(all[end]) == detail::event_class::command)
                continue;
            const machine_step s =
                replay({all.begin(), all.begin() + static_cast<std::ptrdiff_t>(end)}, ops_, defect::none, end % 7);
            CAPTURE(end);
            CAPTURE(s.words);
            REQUIRE(s.what == kind::replayed);
        }
        machine m(std::make_unique<mirror>(all), options_of_tests(true));
        run_task t;
        t.events = all;
        const machine_step s = m.begin(std::move(t));
        CAPTURE(s.words);
        REQUIRE(s.what == kind::replayed);
    }

    dice dice_;
    std::size_t keep_;
    std::vector<op> ops_;
    history_server server_;
    player kept_{};
    std::vector<std::pair<std::uint32_t, local_outcome>> held_;  ///< Told between two tasks.
    machine_step first_{};
    int updates_ = 0;
};

}  // namespace

TEST_CASE("a run comes to the same, however it is kept, cut and begun anew")
{
    struct row {
        const char* why;
        std::size_t keep_of_ten;
    };
    const row rows[] = {
        {"nothing is ever kept", 0},
        {"kept now and then", 5},
        {"always kept", 10},
    };
    for (const row& r : rows)
        for (std::uint64_t seed = 1; seed <= 80; ++seed) {
            CAPTURE(r.why);
            CAPTURE(seed);
            random_world(seed, r.keep_of_ten).play();
        }
}

TEST_CASE("code that does otherwise on replay is found out")
{
    struct row {
        const char* why;
        defect what;
    };
    const row rows[] = {
        {"who was woken last goes on first", defect::last_first},
        {"a patch is not asked for any more", defect::no_patch},
        {"a patch is taken for set where it was not", defect::patch_always},
        {"a command too many", defect::extra_command},
        {"a command too few", defect::lost_command},
        {"two commands change places", defect::swapped},
        {"an activity has another name", defect::renamed},
        {"the run ends early", defect::ends_early},
    };
    std::map<const char*, int> caught;
    for (std::uint64_t seed = 1; seed <= 60; ++seed) {
        random_world w(seed, 5);
        w.play();
        for (const row& r : rows) {
            const machine_step s = replay(w.server().events, w.ops(), r.what);
            if (s.what == kind::replayed)
                continue;
            CAPTURE(r.why);
            REQUIRE(s.what == kind::fail);
            REQUIRE(s.problem->cause == WORKFLOW_TASK_FAILED_CAUSE_NON_DETERMINISTIC_ERROR);
            REQUIRE(s.words.starts_with("[TMPRL1100] "));
            ++caught[r.why];
        }
    }
    for (const row& r : rows)
        if (r.what != defect::patch_always)  // Needs a run of before the patch.
            CHECK_MESSAGE(caught[r.why] > 5, r.why);
}
