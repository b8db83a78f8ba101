// SPDX-License-Identifier: BSL-1.0

// What a workflow costs its worker, without the wire: the processor time of an event that is replayed, beside parsing
// it; of a workflow task, beside parsing what was polled and writing what is answered; and the memory of a run that is
// kept while it waits.
//
//     bench_workflow [--quick]

#include "../support/bench.hpp"

#include <mayfly/temporal/workflow/context.hpp>
#include <mayfly/temporal/workflow/machine.hpp>
#include <mayfly/temporal/workflow_registry.hpp>

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <time.h>

namespace {

namespace workflow = mayfly::temporal::workflow;
namespace api = mayfly::temporal::api;
using namespace std::chrono_literals;
using api::history::HistoryEvent;

[[noreturn]] void die(const std::string& what)
{
    std::fprintf(stderr, "bench_workflow: %s\n", what.c_str());
    std::exit(1);
}

/// One activity after the other, as many as it is told.
workflow::task<std::int64_t> steps(workflow::context& ctx, std::int64_t count)
{
    std::int64_t sum = 0;
    for (std::int64_t i = 0; i < count; ++i)
        sum += co_await ctx.activity<std::int64_t>("add", i, {.start_to_close = 10s});
    co_return sum;
}

mayfly::temporal::workflow_registry& registry()
{
    static mayfly::temporal::workflow_registry all = [] {
        mayfly::temporal::workflow_registry r;
        r.add("steps", steps, {.behavior = mayfly::versioning_behavior::pinned});
        return r;
    }();
    return all;
}

std::unique_ptr<workflow::machine> new_run(bool replay_only = false)
{
    workflow::code_setup setup;
    setup.workflow_type = "steps";
    setup.name_space = "default";
    setup.task_queue = "bench";
    return std::make_unique<workflow::machine>(
        registry().find("steps")->make(setup), workflow::machine_options{.workflow_id = "steps-1",
                                                   .run_id = "0f4ac5a8-9d1c-4a5e-8d38-1f2a3b4c5d6e",
                                                   .workflow_type = "steps",
                                                   .name_space = "default",
                                                   .version = {"bench", "1"},
                                                   .replay_only = replay_only});
}

api::common::Payload number(std::int64_t value)
{
    api::common::Payload p;
    (*p.mutable_metadata())["encoding"] = "json/plain";
    p.set_data(std::to_string(value));
    return p;
}

/// What a server would write: a history that grows by what a worker answers.
class written {
public:
    explicit written(std::int64_t count)
    {
        auto& a = *add(api::enums::EVENT_TYPE_WORKFLOW_EXECUTION_STARTED)
                       .mutable_workflow_execution_started_event_attributes();
        a.mutable_workflow_type()->set_name("steps");
        a.mutable_task_queue()->set_name("bench");
        a.set_original_execution_run_id("0f4ac5a8-9d1c-4a5e-8d38-1f2a3b4c5d6e");
        a.set_first_execution_run_id("0f4ac5a8-9d1c-4a5e-8d38-1f2a3b4c5d6e");
        a.set_workflow_id("steps-1");
        a.set_attempt(1);
        a.mutable_workflow_task_timeout()->set_seconds(10);
        *a.mutable_input()->add_payloads() = number(count);
        begin_task();
    }

    /// What the next task sees.
    [[nodiscard]] workflow::run_task task()
    {
        workflow::run_task out;
        out.events.assign(all_.events().begin() + seen_, all_.events().end());
        out.previous_started_event_id = previous_;
        out.started_event_id = all_.events_size();
        previous_ = all_.events_size();
        seen_ = all_.events_size();
        return out;
    }

    /// The answer to that task, and what comes of it. False: it was the last.
    bool take(const std::vector<api::command::Command>& commands)
    {
        auto& done =
            *add(api::enums::EVENT_TYPE_WORKFLOW_TASK_COMPLETED).mutable_workflow_task_completed_event_attributes();
        done.set_scheduled_event_id(previous_ - 1);
        done.set_started_event_id(previous_);
        for (const api::command::Command& c : commands) {
            if (c.command_type() == api::enums::COMMAND_TYPE_COMPLETE_WORKFLOW_EXECUTION) {
                *add(api::enums::EVENT_TYPE_WORKFLOW_EXECUTION_COMPLETED)
                     .mutable_workflow_execution_completed_event_attributes()
                     ->mutable_result() = c.complete_workflow_execution_command_attributes().result();
                return false;
            }
            if (c.command_type() != api::enums::COMMAND_TYPE_SCHEDULE_ACTIVITY_TASK)
                die("the workflow wanted something else than an activity");
            const auto& want = c.schedule_activity_task_command_attributes();
            auto& scheduled =
                *add(api::enums::EVENT_TYPE_ACTIVITY_TASK_SCHEDULED).mutable_activity_task_scheduled_event_attributes();
            scheduled.set_activity_id(want.activity_id());
            *scheduled.mutable_activity_type() = want.activity_type();
            *scheduled.mutable_task_queue() = want.task_queue();
            *scheduled.mutable_input() = want.input();
            *scheduled.mutable_start_to_close_timeout() = want.start_to_close_timeout();
            scheduled.set_workflow_task_completed_event_id(previous_ + 1);
            const std::int64_t id = all_.events_size();
            auto& started =
                *add(api::enums::EVENT_TYPE_ACTIVITY_TASK_STARTED).mutable_activity_task_started_event_attributes();
            started.set_scheduled_event_id(id);
            started.set_identity("4711@bench");
            started.set_attempt(1);
            auto& completed =
                *add(api::enums::EVENT_TYPE_ACTIVITY_TASK_COMPLETED).mutable_activity_task_completed_event_attributes();
            completed.set_scheduled_event_id(id);
            completed.set_started_event_id(id + 1);
            completed.set_identity("4711@bench");
            *completed.mutable_result()->add_payloads() = number(1);
        }
        begin_task();
        return true;
    }

    [[nodiscard]] const api::history::History& all() const noexcept { return all_; }

private:
    HistoryEvent& add(api::enums::EventType type)
    {
        HistoryEvent& e = *all_.add_events();
        e.set_event_id(all_.events_size());
        e.set_event_type(type);
        e.mutable_event_time()->set_seconds(1'790'000'000 + all_.events_size());
        e.set_task_id(1'000'000 + all_.events_size());
        return e;
    }

    void begin_task()
    {
        auto& scheduled =
            *add(api::enums::EVENT_TYPE_WORKFLOW_TASK_SCHEDULED).mutable_workflow_task_scheduled_event_attributes();
        scheduled.mutable_task_queue()->set_name("bench");
        scheduled.mutable_start_to_close_timeout()->set_seconds(10);
        scheduled.set_attempt(1);
        auto& started =
            *add(api::enums::EVENT_TYPE_WORKFLOW_TASK_STARTED).mutable_workflow_task_started_event_attributes();
        started.set_scheduled_event_id(all_.events_size() - 1);
        started.set_identity("4711@bench");
        started.set_request_id("7c0ffee0-9d1c-4a5e-8d38-1f2a3b4c5d6e");
        started.set_history_size_bytes(4096);
    }

    api::history::History all_{};
    std::int64_t previous_ = 0;
    int seen_ = 0;
};

void expect(const workflow::machine_step& step, workflow::machine_step::kind what)
{
    if (step.what != what)
        die("the machine did something else: " + step.words);
}

/// The history of a run, and each of its tasks as the worker polled and answered it.
struct recorded {
    std::string history{};
    std::vector<std::string> polled{};
    std::vector<std::string> answered{};
    int events = 0;
};

api::RespondWorkflowTaskCompletedRequest answer_to(workflow::machine_step& step)
{
    api::RespondWorkflowTaskCompletedRequest r;
    r.set_task_token(std::string(64, 't'));
    r.set_identity("4711@bench");
    r.set_namespace_("default");
    for (api::command::Command& c : step.commands)
        *r.add_commands() = std::move(c);
    return r;
}

recorded record(std::int64_t count)
{
    recorded out;
    written server(count);
    const auto run = new_run();
    for (bool more = true; more;) {
        workflow::run_task task = server.task();
        api::PollWorkflowTaskQueueResponse poll;
        poll.set_task_token(std::string(64, 't'));
        poll.mutable_workflow_execution()->set_workflow_id("steps-1");
        poll.set_previous_started_event_id(task.previous_started_event_id);
        poll.set_started_event_id(task.started_event_id);
        for (const HistoryEvent& e : task.events)
            *poll.mutable_history()->add_events() = e;
        out.polled.push_back(poll.SerializeAsString());
        auto step = run->begin(std::move(task));
        expect(step, workflow::machine_step::kind::complete);
        more = server.take(step.commands);
        run->reported(0);
        out.answered.push_back(answer_to(step).SerializeAsString());
    }
    out.history = server.all().SerializeAsString();
    out.events = server.all().events_size();
    return out;
}

/// Of the processor, since the process began.
double nanoseconds()
{
    ::timespec now{};
    ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return static_cast<double>(now.tv_sec) * 1e9 + static_cast<double>(now.tv_nsec);
}

void replay(const recorded& r)
{
    const auto parsed = [&] {
        api::history::History history;
        if (!history.ParseFromString(r.history))
            die("a history does not parse");
        return history;
    };
    const std::size_t rounds = bench::quick ? 3 : 15;
    const auto b = bench::side_by_side(
        rounds,
        [&] {
            const double begin = nanoseconds();
            auto history = parsed();
            workflow::run_task task;
            task.events.assign(std::make_move_iterator(history.mutable_events()->begin()),
                std::make_move_iterator(history.mutable_events()->end()));
            const auto run = new_run(true);
            expect(run->begin(std::move(task)), workflow::machine_step::kind::replayed);
            return (nanoseconds() - begin) / r.events;
        },
        [&] {
            const double begin = nanoseconds();
            const auto history = parsed();
            bench::keep(history);
            return (nanoseconds() - begin) / r.events;
        });
    const std::string name = "an event replayed, of " + std::to_string(r.events);
    bench::row(name.c_str(), b, "ns", "parsed");
}

void tasks(const recorded& r)
{
    const std::size_t rounds = bench::quick ? 3 : 15;
    const std::size_t runs = bench::quick ? 20 : 200;
    const auto per_task = static_cast<double>(runs * r.polled.size());
    const auto b = bench::side_by_side(
        rounds,
        [&] {
            const double begin = nanoseconds();
            for (std::size_t i = 0; i < runs; ++i) {
                const auto run = new_run();
                for (const std::string& bytes : r.polled) {
                    api::PollWorkflowTaskQueueResponse poll;
                    if (!poll.ParseFromString(bytes))
                        die("a task does not parse");
                    workflow::run_task task;
                    task.events.assign(std::make_move_iterator(poll.mutable_history()->mutable_events()->begin()),
                        std::make_move_iterator(poll.mutable_history()->mutable_events()->end()));
                    task.previous_started_event_id = poll.previous_started_event_id();
                    task.started_event_id = poll.started_event_id();
                    auto step = run->begin(std::move(task));
                    expect(step, workflow::machine_step::kind::complete);
                    run->reported(0);
                    const std::string out = answer_to(step).SerializeAsString();
                    bench::keep(out);
                }
            }
            return (nanoseconds() - begin) / per_task;
        },
        [&] {
            const double begin = nanoseconds();
            for (std::size_t i = 0; i < runs; ++i)
                for (std::size_t k = 0; k < r.polled.size(); ++k) {
                    api::PollWorkflowTaskQueueResponse poll;
                    api::RespondWorkflowTaskCompletedRequest answer;
                    if (!poll.ParseFromString(r.polled[k]) || !answer.ParseFromString(r.answered[k]))
                        die("a task does not parse");
                    const std::string out = answer.SerializeAsString();
                    bench::keep(out);
                }
            return (nanoseconds() - begin) / per_task;
        });
    bench::row("a workflow task of a kept run", b, "ns", "parsed, answer parsed and written");
}

void memory()
{
    const std::size_t count = bench::quick ? 200 : 2000;
    const recorded r = record(10);
    std::vector<std::unique_ptr<workflow::machine>> kept;
    kept.reserve(count);
    const std::uint64_t before = allocations::bytes;
    for (std::size_t i = 0; i < count; ++i) {
        kept.push_back(new_run());
        for (std::size_t k = 0; k < 5; ++k) {
            api::PollWorkflowTaskQueueResponse poll;
            if (!poll.ParseFromString(r.polled[k]))
                die("a task does not parse");
            workflow::run_task task;
            task.events.assign(poll.history().events().begin(), poll.history().events().end());
            task.previous_started_event_id = poll.previous_started_event_id();
            task.started_event_id = poll.started_event_id();
            expect(kept.back()->begin(std::move(task)), workflow::machine_step::kind::complete);
            kept.back()->reported(0);
        }
    }
    bench::figure("a run kept, after 5 of 10 activities",
        static_cast<double>(allocations::bytes - before) / static_cast<double>(count), "bytes");
}

}  // namespace

int main(int argc, char** argv)
{
    if (!bench::read_options(argc, argv))
        return 1;
    bench::heading();
    replay(record(bench::quick ? 150 : 1665));
    replay(record(10));
    tasks(record(10));
    memory();
}
