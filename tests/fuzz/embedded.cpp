// SPDX-License-Identifier: BSL-1.0
#include "bytes.hpp"

#include <mayfly/temporal/embedded/engine.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <tuple>
#include <vector>

// Any calls at any times: the embedded service keeps its books. Planted defects: 1 to 8 of `player`.

using namespace mayfly;
using namespace mayfly::temporal;
using namespace mayfly::temporal::embedded;
using namespace std::chrono_literals;

namespace {

/// Plays one input, and watches.
class player {
public:
    player(fuzz::bytes in, std::uint64_t seed) : in_{in}, e_{bounds(), seed} { e_.make_namespace("default"); }

    std::string play()
    {
        while (!in_.empty()) {
            one_call();
            look();
        }
        return std::move(all_);
    }

private:
    struct handed {
        std::string token;
        std::string run;
        bool over = false;
    };

    static limits bounds()
    {
        limits l;
        l.open_activities = 12;
        l.closed_activities = 6;
        l.parked_polls = 8;
        l.waiting_calls = 8;
        l.task_queues = 6;
        l.bytes = 20'000;
        l.all_pollers = 10;
        l.versions_of_queue = 2;
        return l;
    }

    [[nodiscard]] caller who(uptime patience = 70s) const { return {.now = now_, .deadline = now_.at + patience}; }
    [[nodiscard]] std::string id() { return "a" + std::to_string(in_.below(6)); }
    [[nodiscard]] std::string queue() { return "q" + std::to_string(in_.below(2)); }
    [[nodiscard]] uptime time()
    {
        constexpr uptime some[] = {0us, 1us, 1ms, 300ms, 1s, 2s, 10s, 60s, 400s, 90'000s};
        return some[in_.below(10)];
    }

    template <class Request>
    Request about(const std::string& activity)
    {
        Request r;
        r.set_namespace_("default");
        r.set_activity_id(activity);
        return r;
    }

    template <class T>
    bool note(const answered<T>& a)
    {
        all_ += a ? a->SerializeAsString() : a.error().message;
        return a.has_value();
    }

    void one_call()
    {
        switch (in_.below(17)) {
        case 0:
        case 1: return start();
        case 2:
        case 3: return poll();
        case 4: return complete();
        case 5: return fail();
        case 6: return heartbeat();
        case 7: {
            auto r = about<api::RequestCancelActivityExecutionRequest>(id());
            r.set_request_id(std::to_string(in_.below(2)));
            note(e_.cancel_activity(r, who()));
            return;
        }
        case 8: {
            auto r = about<api::TerminateActivityExecutionRequest>(id());
            note(e_.terminate_activity(r, who()));
            return;
        }
        case 9: {
            auto r = about<api::DeleteActivityExecutionRequest>(id());
            note(e_.delete_activity(r, who()));
            return;
        }
        case 10: return wait();
        case 11: return leave();
        case 12: return pass();
        case 13: {
            api::ShutdownWorkerRequest r;
            r.set_namespace_("default");
            r.set_identity("w" + std::to_string(in_.below(3)));
            r.set_worker_instance_key(r.identity());
            note(e_.shutdown_worker(r, who()));
            return;
        }
        case 14: {
            api::UpdateTaskQueueConfigRequest r;
            r.set_namespace_("default");
            r.set_task_queue(queue());
            r.set_task_queue_type(api::enums::TASK_QUEUE_TYPE_ACTIVITY);
            auto& limit = *r.mutable_update_queue_rate_limit();
            if (in_.flag())
                limit.mutable_rate_limit()->set_requests_per_second(static_cast<float>(in_.below(3)));
            note(e_.configure_queue(r, who()));
            return;
        }
        case 15: {
            api::SetWorkerDeploymentCurrentVersionRequest r;
            r.set_namespace_("default");
            r.set_deployment_name("d");
            if (in_.flag())
                r.set_build_id(std::to_string(in_.below(2)));
            r.set_ignore_missing_task_queues(true);
            r.set_allow_no_pollers(in_.flag());
            note(e_.deployment(r, who()));
            return;
        }
        default: {
            auto r = about<api::RespondActivityTaskCompletedByIdRequest>(id());
            note(e_.complete_task<api::RespondActivityTaskCompletedByIdResponse>(r, who()));
            return;
        }
        }
    }

    void start()
    {
        auto r = about<api::StartActivityExecutionRequest>(id());
        r.mutable_activity_type()->set_name("t");
        r.mutable_task_queue()->set_name(queue());
        const std::uint8_t how = in_.byte();
        put(*r.mutable_start_to_close_timeout(), (how & 1U) != 0 ? time() : 30s);
        if ((how & 2U) != 0)
            put(*r.mutable_schedule_to_close_timeout(), time());
        if ((how & 4U) != 0)
            put(*r.mutable_schedule_to_start_timeout(), time());
        if ((how & 8U) != 0)
            put(*r.mutable_heartbeat_timeout(), time());
        if ((how & 16U) != 0)
            put(*r.mutable_start_delay(), time());
        if ((how & 32U) != 0)
            r.mutable_retry_policy()->set_maximum_attempts(static_cast<int>(in_.below(3)));
        if ((how & 64U) != 0)
            r.mutable_priority()->set_priority_key(static_cast<int>(in_.below(6)));
        if ((how & 128U) != 0)
            *r.mutable_input()->add_payloads()->mutable_data() = std::string(in_.below(200) * 20, 'x');
        r.set_id_conflict_policy(static_cast<api::enums::ActivityIdConflictPolicy>(in_.below(3)));
        r.set_id_reuse_policy(static_cast<api::enums::ActivityIdReusePolicy>(in_.below(4)));
        const auto a = e_.start_activity(r, who());
        if (note(a) && a->started())
            MUST("what was accepted is there", e_.activities().find_run(a->run_id()) != nullptr);
    }

    void poll()
    {
        const std::string identity = "w" + std::to_string(in_.below(3));
        poll_request p{{"default", queue(), task_type::activity}, identity, identity, {}, {}};
        const std::uint8_t how = in_.byte();
        if ((how & 3U) == 0)
            p.tasks_per_second = in_.below(3);
        if ((how & 12U) == 0) {
            p.options.set_deployment_name("d");
            p.options.set_build_id(std::to_string(in_.below(2)));
            p.options.set_worker_versioning_mode(api::enums::WORKER_VERSIONING_MODE_VERSIONED);
        }
        open_.insert(++last_);
        e_.poll_task(last_, std::move(p), who((how & 16U) != 0 ? time() : 70s));
    }

    /// One that was handed out; with it, whether it is the attempt at hand.
    handed* some_task() { return tasks_.empty() ? nullptr : &tasks_[in_.byte() % tasks_.size()]; }

    [[nodiscard]] bool current(const handed& h) const
    {
        const execution* const e = e_.activities().find_run(h.run);
        return e != nullptr && e->where == place::started && token_of({e->run_id, e->stamp}) == h.token;
    }

    template <class Request, class Call>
    void report(Request r, Call call)
    {
        handed* const h = some_task();
        if (h == nullptr)
            return;
        const bool counts = current(*h);
        r.set_task_token(h->token);
        if (const execution* const e = e_.activities().find_run(h->run);
            fuzz::planted() == 5 && e != nullptr && e->where == place::started)  // any token of the run will do
            r.set_task_token(token_of({e->run_id, e->stamp}));
        MUST("only the attempt at hand is reported on", call(r) == counts);
        h->over = h->over || !current(*h);
    }

    void complete()
    {
        const bool cancelled = in_.flag();
        if (cancelled)
            return report(api::RespondActivityTaskCanceledRequest(), [&](const auto& r) {
                const auto a = e_.cancel_task<api::RespondActivityTaskCanceledResponse>(r, who());
                return note(a) || a.error().code == grpc::status_code::invalid_argument;
            });
        report(api::RespondActivityTaskCompletedRequest(),
            [&](const auto& r) { return note(e_.complete_task<api::RespondActivityTaskCompletedResponse>(r, who())); });
    }

    void fail()
    {
        api::RespondActivityTaskFailedRequest r;
        auto& f = *r.mutable_failure();
        f.set_message(std::string(in_.below(200), 'f'));
        f.mutable_application_failure_info()->set_non_retryable(in_.below(4) == 0);
        if (in_.flag())
            put(*f.mutable_application_failure_info()->mutable_next_retry_delay(), time());
        report(std::move(r), [&](const auto& failed) {
            return note(e_.fail_task<api::RespondActivityTaskFailedResponse>(failed, who()));
        });
    }

    void heartbeat()
    {
        api::RecordActivityTaskHeartbeatRequest r;
        r.mutable_details()->add_payloads()->set_data(std::string(in_.below(100), 'h'));
        report(std::move(r), [&](const auto& beat) {
            const auto a = e_.heartbeat<api::RecordActivityTaskHeartbeatResponse>(beat, who());
            return note(a) || a.error().code == grpc::status_code::resource_exhausted;
        });
    }

    void wait()
    {
        open_.insert(++last_);
        if (in_.flag())
            return e_.poll_activity(last_, about<api::PollActivityExecutionRequest>(id()), who());
        auto r = about<api::DescribeActivityExecutionRequest>(id());
        if (const execution* const e = e_.activities().find("default", r.activity_id(), "")) {
            r.set_run_id(e->run_id);
            r.set_long_poll_token(token_of({e->run_id, e->changes}));
        }
        e_.describe_activity(last_, r, who());
    }

    /// Nobody waits for a call any more, or could take its answer.
    void leave()
    {
        if (in_.flag() && !tasks_.empty()) {
            handed* const h = some_task();
            const bool had = current(*h);
            if (fuzz::planted() != 1)  // nobody gives it back
                e_.give_back(*read_token(h->token), now_);
            MUST("what nobody took goes back", !had || !current(*h));
            return;
        }
        if (open_.empty())
            return;
        const auto at = std::next(open_.begin(), in_.byte() % static_cast<std::ptrdiff_t>(open_.size()));
        left_.insert(*at);
        if (fuzz::planted() != 4)  // it is not heard
            e_.leave(*at, now_);
        open_.erase(at);
    }

    void pass()
    {
        now_ = after(now_, in_.flag() && e_.next_event() != never ? std::max(e_.next_event() - now_.at, 0us) : time());
        e_.advance(fuzz::planted() == 3 ? after(now_, -1us) : now_);  // a clock that lags
        MUST("after an advance the next moment lies ahead", e_.next_event() > now_.at);
    }

    void look()
    {
        outputs out = e_.take_outputs();
        if (fuzz::planted() == 2 && out.answers.size() > 1)  // told twice
            out.answers.push_back(out.answers.front());
        if (fuzz::planted() == 7 && out.added.size() > 1)  // news that gets lost
            out.added.pop_back();
        added_ += out.added.size();
        for (const answer& a : out.answers) {
            all_ += a.message + a.status.message;
            MUST("nobody is told who does not wait", !left_.contains(a.id));
            MUST("every call is answered once", open_.erase(a.id) == 1);
            if (!a.task)
                continue;
            ++handed_;
            api::PollActivityTaskQueueResponse task;
            MUST("a task is one", task.ParseFromString(a.message) && !task.task_token().empty());
            for (handed& h : tasks_)
                MUST("one worker at a time", h.run != a.task->run_id || !current(h) || h.token == task.task_token());
            if (tasks_.size() >= 32)
                tasks_.erase(tasks_.begin());
            tasks_.push_back({task.task_token(), a.task->run_id});
        }
        MUST("no task without its add", handed_ <= added_);
        for (const worker_event& e : out.workers) {
            const auto who = std::tuple(e.task_queue, e.task_type, e.identity, e.version);
            MUST("a worker comes, and then goes, each time once",
                e.present ? present_.insert(who).second : present_.erase(who) == 1);
        }
        for (const ticket id : open_)
            MUST("a call waits or was answered", e_.queues().waits(id) || e_.waits(id));
        if (fuzz::planted() == 8 && e_.activities().all().size() > 3)  // a slip of the pen
            e_.activities().all().begin()->second->where = place::delayed;
        const std::string wrong = e_.check_books();
        if (!wrong.empty())
            std::fprintf(stderr, "%s\n", wrong.c_str());
        MUST("the books are right", wrong.empty());
        MUST("what is kept has a bound", e_.activities().open() <= 12 && e_.activities().closed() <= 6 &&
                                             e_.queues().all().size() <= 6 && e_.queues().parked() <= 8);
    }

    fuzz::bytes in_;
    moment now_{1s, std::chrono::sys_time<uptime>(std::chrono::hours(24 * 365 * 50))};
    engine e_;
    ticket last_ = 0;
    std::set<ticket> open_{};  // calls whose answer has not come
    std::set<ticket> left_{};
    std::vector<handed> tasks_{};
    std::set<std::tuple<std::string, task_type, std::string, std::optional<deployment_version>>> present_{};
    std::size_t added_ = 0;
    std::size_t handed_ = 0;
    std::string all_{};
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size)
{
    const fuzz::bytes in{data, size};
    const std::string once = player(in, 1).play();
    const std::string again = player(in, fuzz::planted() == 6 ? 2 : 1).play();  // not repeatable
    MUST("the same calls have the same answers", once == again);
    return 0;
}
