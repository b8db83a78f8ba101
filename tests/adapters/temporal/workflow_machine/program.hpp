// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/temporal/workflow/code.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <tuple>
#include <utility>
#include <variant>
#include <vector>

namespace mayfly::temporal::workflow::testing {

/// One thing that a program does, and mostly waits for.
struct op {
    enum class kind : std::uint8_t {
        activity,
        activity_or_timer,  ///< Whichever is first; the other is cancelled.
        timer,
        local,
        local_or_timer,
        locals,  ///< Two at once, both waited for.
        child,
        child_or_timer,
        signal_other,
        signal_other_not,  ///< Cancelled before it is sent.
        cancel_other,
        await_signal,
        side_effect,
        patch,
        deprecate,
        upsert,
        memo,
        spawn,  ///< `sub` goes on beside.
        go_on,  ///< Ends the run, continued as new.
        fail,
        finish,
    };
    kind what = kind::timer;
    std::string name{};
    cancellation_type cancellation = cancellation_type::try_cancel;
    std::vector<op> sub{};
};

/// What a program does otherwise on replay than it did at first.
enum class defect : std::uint8_t {
    none,
    last_first,     ///< Who was woken last goes on first.
    no_patch,       ///< Does not ask for patches.
    patch_always,   ///< Goes the new way whatever history says.
    extra_command,  ///< Starts a timer that it did not start before.
    lost_command,   ///< Leaves out the first timer.
    swapped,        ///< The first two commands of a task are in another order.
    renamed,        ///< Activities have another name.
    ends_early,
};

/// A program in a small language, run as coroutines are: each part until it waits, in the order in which they woke.
class program final : public code {
public:
    explicit program(std::vector<op> ops, defect d = defect::none) : main_{std::move(ops)}, defect_{d} {}

    struct seen {
        bool replaying = false;
        std::vector<std::size_t> jobs{};  ///< Their places in the variant.
        workflow_time now{};
    };
    std::vector<seen>* log = nullptr;

    activated activate(activation now) override
    {
        replaying_ = now.replaying;
        if (log != nullptr) {
            seen s{now.replaying, {}, now.facts.now};
            for (const job& j : now.jobs)
                s.jobs.push_back(j.index());
            log->push_back(std::move(s));
        }
        for (job& j : now.jobs)
            std::visit([this](auto& one) { take(one); }, j);
        run();
        activated out;
        if (wrong(defect::extra_command) && !spoilt_ && started_) {
            spoilt_ = true;
            out_.push_back(start_timer{seq("timer"), std::chrono::seconds(1), {}});
        }
        if (wrong(defect::swapped) && out_.size() > 1 && out_[0].index() != out_[1].index())
            std::swap(out_[0], out_[1]);
        if (wrong(defect::lost_command) && !spoilt_)
            for (auto at = out_.begin(); at != out_.end(); ++at)
                if (std::holds_alternative<start_timer>(*at)) {
                    out_.erase(at);
                    spoilt_ = true;
                    break;
                }
        if (wrong(defect::ends_early) && !over_) {
            over_ = true;
            out_.push_back(complete_run{});
        }
        out.intents = std::exchange(out_, {});
        started_ = true;
        return out;
    }

    query_answer query(const api::query::WorkflowQuery& q) override
    {
        query_answer a;
        if (q.query_type() == "steps")
            a.result.add_payloads()->set_data(std::to_string(steps_));
        else
            a.failure.emplace().set_message("no such query; there is: steps");
        return a;
    }

    [[nodiscard]] std::string stack_trace() const override { return std::to_string(fibers_.size()) + " parts"; }

private:
    using key = std::pair<char, std::uint32_t>;

    struct fiber {
        const std::vector<op>* ops = nullptr;
        std::size_t at = 0;
        std::string update{};   ///< The update that it handles.
        std::set<key> waits{};  ///< What it began and waits for.
        bool all = false;       ///< For all of them; otherwise for the first.
        bool for_signal = false;
        std::vector<op> own{};  ///< A handler's.
        schedule_local_activity retry{};
    };

    [[nodiscard]] bool wrong(defect d) const { return defect_ == d && replaying_; }

    std::uint32_t seq(const char* kind) { return ++seqs_[kind]; }

    void start(const std::vector<op>* ops, std::string update = {})
    {
        fibers_.push_back(std::make_unique<fiber>());
        fibers_.back()->ops = ops;
        fibers_.back()->update = std::move(update);
        ready_.push_back(fibers_.back().get());
    }

    void wake(char kind, std::uint32_t number)
    {
        for (const auto& f : fibers_) {
            if (!f->waits.contains({kind, number}))
                continue;
            f->waits.erase({kind, number});
            if (f->all && !f->waits.empty())
                return;
            for (const auto& [other, n] : std::set<key>(f->waits))
                cancel(other, n);
            f->waits.clear();
            f->for_signal = false;
            ready_.push_back(f.get());
            return;
        }
    }

    void cancel(char kind, std::uint32_t number)
    {
        switch (kind) {
        case 'a': out_.push_back(cancel_activity{number}); return;
        case 't': out_.push_back(cancel_timer{number}); return;
        case 'l': out_.push_back(cancel_local_activity{number}); return;
        case 'c': out_.push_back(cancel_child{number, "late"}); return;
        default: return;
        }
    }

    void take(start_run&) { start(&main_); }
    void take(patch_known& p) { patches_known_.insert(p.id); }
    void take(side_effect_known& s) { effects_[s.seq] = s.value.SerializeAsString(); }
    void take(reseed&) {}
    void take(signal_received&)
    {
        ++signals_;
        wake_signal();
    }
    void take(update_received& u)
    {
        if (u.run_validator && u.name.starts_with("bad")) {
            api::failure::Failure f;
            f.set_message("not that");
            out_.push_back(reject_update{u.protocol_instance_id, std::move(f)});
            return;
        }
        out_.push_back(accept_update{u.protocol_instance_id});
        start(nullptr, u.protocol_instance_id);
        fiber& f = *fibers_.back();
        f.own.push_back({u.name.starts_with("slow") ? op::kind::activity : op::kind::upsert, "for update"});
        f.ops = &f.own;
    }
    void take(cancel_requested&)
    {
        for (const auto& f : fibers_) {
            for (const auto& [kind, n] : std::set<key>(f->waits)) {
                cancel(kind, n);
                if (kind == 't') {
                    f->waits.erase({kind, n});
                    if (f->waits.empty())
                        ready_.push_back(f.get());
                }
            }
            if (f->for_signal) {
                f->for_signal = false;
                ready_.push_back(f.get());
            }
        }
    }
    void take(timer_fired& t) { wake('t', t.seq); }
    void take(activity_resolved& a) { wake('a', a.seq); }
    void take(local_activity_resolved& l)
    {
        if (!l.backs_off)
            return wake('l', l.seq);
        for (const auto& f : fibers_)
            if (f->waits.contains({'l', l.seq})) {
                f->waits.erase({'l', l.seq});
                const std::uint32_t t = seq("timer");
                f->waits.insert({'t', t});
                out_.push_back(start_timer{t, l.backoff, {}});
                f->retry.attempt = l.attempt;
                f->retry.first_scheduled = l.first_scheduled;
                return;
            }
    }
    void take(child_started& c)
    {
        if (c.run_id.empty())
            wake('c', c.seq);
    }
    void take(child_resolved& c) { wake('c', c.seq); }
    void take(external_signal_resolved& s) { wake('s', s.seq); }
    void take(external_cancel_resolved& s) { wake('x', s.seq); }

    void wake_signal()
    {
        for (const auto& f : fibers_)
            if (f->for_signal && signals_ > 0) {
                f->for_signal = false;
                --signals_;
                ready_.push_back(f.get());
            }
    }

    void run()
    {
        while (!ready_.empty() && !over_) {
            fiber* f = nullptr;
            if (wrong(defect::last_first)) {
                f = ready_.back();
                ready_.pop_back();
            } else {
                f = ready_.front();
                ready_.pop_front();
            }
            go(*f);
        }
        if (!over_ && fibers_.empty()) {
            over_ = true;
            out_.push_back(complete_run{});
        }
    }

    void go(fiber& f)
    {
        while (!over_ && f.at < f.ops->size() && f.waits.empty() && !f.for_signal)
            step(f, (*f.ops)[f.at++]);
        if (over_ || f.at < f.ops->size() || !f.waits.empty() || f.for_signal)
            return;
        if (!f.update.empty())
            out_.push_back(complete_update{f.update, {}});
        std::erase_if(fibers_, [&](const auto& one) { return one.get() == &f; });
    }

    void begin_activity(fiber& f, const op& o)
    {
        schedule_activity a;
        a.seq = seq("activity");
        a.type = wrong(defect::renamed) ? o.name + "!" : o.name;
        a.start_to_close = std::chrono::seconds(5);
        a.cancellation = o.cancellation;
        f.waits.insert({'a', a.seq});
        out_.push_back(std::move(a));
    }
    void begin_local(fiber& f, const op& o)
    {
        schedule_local_activity a;
        a.seq = seq("activity");
        a.type = o.name;
        a.start_to_close = std::chrono::seconds(5);
        a.cancellation = o.cancellation;
        f.waits.insert({'l', a.seq});
        out_.push_back(std::move(a));
    }
    void begin_timer(fiber& f)
    {
        const std::uint32_t n = seq("timer");
        f.waits.insert({'t', n});
        out_.push_back(start_timer{n, std::chrono::seconds(n), {}});
    }
    void begin_child(fiber& f, const op& o)
    {
        start_child c;
        c.seq = seq("child");
        c.workflow_id = "child-" + std::to_string(c.seq);
        c.type = o.name;
        c.cancellation = o.cancellation;
        f.waits.insert({'c', c.seq});
        out_.push_back(std::move(c));
    }

    void step(fiber& f, const op& o)
    {
        ++steps_;
        f.all = false;
        switch (o.what) {
        case op::kind::activity: return begin_activity(f, o);
        case op::kind::activity_or_timer: begin_activity(f, o); return begin_timer(f);
        case op::kind::timer: return begin_timer(f);
        case op::kind::local: return begin_local(f, o);
        case op::kind::local_or_timer: begin_local(f, o); return begin_timer(f);
        case op::kind::locals:
            f.all = true;
            begin_local(f, o);
            return begin_local(f, o);
        case op::kind::child: return begin_child(f, o);
        case op::kind::child_or_timer: begin_child(f, o); return begin_timer(f);
        case op::kind::signal_other:
        case op::kind::signal_other_not: {
            const std::uint32_t n = seq("signal");
            f.waits.insert({'s', n});
            out_.push_back(signal_external{n, {"other", "", false}, o.name, {}, {}});
            if (o.what == op::kind::signal_other_not)
                out_.push_back(cancel_external_signal{n});
            return;
        }
        case op::kind::cancel_other: {
            const std::uint32_t n = seq("cancel");
            f.waits.insert({'x', n});
            out_.push_back(cancel_external{n, {"other", "", false}, "enough"});
            return;
        }
        case op::kind::await_signal:
            if (signals_ > 0)
                --signals_;
            else
                f.for_signal = true;
            return;
        case op::kind::side_effect: {
            record_side_effect r;
            r.seq = seq("effect");
            r.value.add_payloads()->set_data("\xFF" + std::to_string(r.seq));
            out_.push_back(std::move(r));
            return;
        }
        case op::kind::patch:
            if (wrong(defect::no_patch))
                return;
            if (!asked_.contains(o.name))
                asked_[o.name] = !replaying_ || patches_known_.contains(o.name) || wrong(defect::patch_always);
            if (asked_[o.name]) {
                out_.push_back(set_patch{o.name, false});
                begin_timer(f);
            }
            return;
        case op::kind::deprecate: out_.push_back(set_patch{o.name, true}); return;
        case op::kind::upsert: {
            upsert_search_attributes u;
            (*u.attributes.mutable_indexed_fields())["Step"].set_data(std::to_string(steps_));
            out_.push_back(std::move(u));
            return;
        }
        case op::kind::memo: {
            upsert_memo u;
            (*u.memo.mutable_fields())["step"].set_data(std::to_string(steps_));
            out_.push_back(std::move(u));
            return;
        }
        case op::kind::spawn: return start(&o.sub);
        case op::kind::go_on:
            over_ = true;
            out_.push_back(continue_as_new{});
            return;
        case op::kind::fail:
            over_ = true;
            out_.push_back(fail_run{});
            return;
        case op::kind::finish:
            over_ = true;
            out_.push_back(complete_run{});
            return;
        }
    }

    std::vector<op> main_;
    defect defect_;
    std::vector<std::unique_ptr<fiber>> fibers_;
    std::deque<fiber*> ready_;
    std::vector<intent> out_;
    std::map<std::string, std::uint32_t> seqs_;
    std::map<std::string, bool> asked_;
    std::set<std::string> patches_known_;
    std::map<std::uint32_t, std::string> effects_;
    int signals_ = 0;
    int steps_ = 0;
    bool replaying_ = false;
    bool started_ = false;
    bool over_ = false;
    bool spoilt_ = false;
};

}  // namespace mayfly::temporal::workflow::testing
