// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "../worker/world.hpp"

#include <mayfly/temporal/workflows.hpp>

#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace workflow_test {

namespace asio = boost::asio;
namespace api = mayfly::temporal::api;
namespace grpc = mayfly::grpc;
namespace flow = mayfly::temporal::workflow;
using namespace std::chrono_literals;
using namespace mayfly::temporal;
using worker_test::error_code;

/// History as tests write it.
struct history {
    std::vector<api::history::HistoryEvent> events{};

    api::history::HistoryEvent& add(api::enums::EventType type)
    {
        auto& e = events.emplace_back();
        e.set_event_id(static_cast<std::int64_t>(events.size()));
        e.set_event_type(type);
        e.mutable_event_time()->set_seconds(1'000'000 + e.event_id());
        return e;
    }
    history& started(std::chrono::seconds task_timeout = 10s)
    {
        auto& a = *add(api::enums::EVENT_TYPE_WORKFLOW_EXECUTION_STARTED)
                       .mutable_workflow_execution_started_event_attributes();
        a.mutable_workflow_type()->set_name("flow");
        a.set_original_execution_run_id("run");
        a.set_first_execution_run_id("run");
        a.set_attempt(1);
        a.mutable_workflow_task_timeout()->set_seconds(task_timeout.count());
        return *this;
    }
    history& task()
    {
        add(api::enums::EVENT_TYPE_WORKFLOW_TASK_SCHEDULED).mutable_workflow_task_scheduled_event_attributes();
        add(api::enums::EVENT_TYPE_WORKFLOW_TASK_STARTED)
            .mutable_workflow_task_started_event_attributes()
            ->set_scheduled_event_id(last() - 1);
        return *this;
    }
    history& completed()
    {
        auto& a =
            *add(api::enums::EVENT_TYPE_WORKFLOW_TASK_COMPLETED).mutable_workflow_task_completed_event_attributes();
        a.set_scheduled_event_id(last() - 2);
        a.set_started_event_id(last() - 1);
        return *this;
    }
    history& timer(const std::string& id)
    {
        auto& a = *add(api::enums::EVENT_TYPE_TIMER_STARTED).mutable_timer_started_event_attributes();
        a.set_timer_id(id);
        a.mutable_start_to_fire_timeout()->set_seconds(1);
        a.set_workflow_task_completed_event_id(last() - 1);
        return *this;
    }
    history& fired(const std::string& id, std::int64_t begun)
    {
        auto& a = *add(api::enums::EVENT_TYPE_TIMER_FIRED).mutable_timer_fired_event_attributes();
        a.set_timer_id(id);
        a.set_started_event_id(begun);
        return *this;
    }
    history& signal(const std::string& name)
    {
        add(api::enums::EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED)
            .mutable_workflow_execution_signaled_event_attributes()
            ->set_signal_name(name);
        return *this;
    }
    /// The run is over.
    history& ended()
    {
        completed();
        add(api::enums::EVENT_TYPE_WORKFLOW_EXECUTION_COMPLETED)
            .mutable_workflow_execution_completed_event_attributes()
            ->set_workflow_task_completed_event_id(last() - 1);
        return *this;
    }
    [[nodiscard]] std::int64_t last() const { return static_cast<std::int64_t>(events.size()); }
};

/// The workflow half of a server: tasks for both queues, and what is said of them.
class service {
public:
    service(asio::io_context& io, fake::frontend& on) : normal_(io), sticky_(io)
    {
        on.server().handle(fake::frontend::path_of("PollWorkflowTaskQueue"), [this](grpc::server_call call) {
            auto& request = polls.emplace_back();
            request.ParseFromString(call.request.message);
            return desk(request.task_queue().kind() == api::enums::TASK_QUEUE_KIND_STICKY).poll();
        });
        on.method<api::RespondWorkflowTaskCompletedRequest>("RespondWorkflowTaskCompleted", [this](const auto& r) {
            completed.push_back(r);
            api::RespondWorkflowTaskCompletedResponse out;
            if (!replies.empty()) {
                out = std::move(replies.front());
                replies.pop_front();
            }
            return out;
        });
        on.method<api::RespondWorkflowTaskFailedRequest>("RespondWorkflowTaskFailed", [this](const auto& r) {
            failed.push_back(r);
            return api::RespondWorkflowTaskFailedResponse{};
        });
        on.method<api::RespondQueryTaskCompletedRequest>("RespondQueryTaskCompleted", [this](const auto& r) {
            answered.push_back(r);
            return api::RespondQueryTaskCompletedResponse{};
        });
        on.method<api::GetWorkflowExecutionHistoryRequest>("GetWorkflowExecutionHistory", [this](const auto& r) {
            fetched.push_back(r);
            api::GetWorkflowExecutionHistoryResponse out;
            const std::size_t from = r.next_page_token().empty() ? 0 : std::stoul(r.next_page_token());
            const std::size_t to = std::min(from + page, kept.size());
            for (std::size_t i = from; i < to; ++i)
                *out.mutable_history()->add_events() = kept[i];
            if (to < kept.size())
                out.set_next_page_token(std::to_string(to));
            return out;
        });
    }

    /// The task that history ends with; of what comes after `seen` only, where the run is known.
    [[nodiscard]] api::PollWorkflowTaskQueueResponse task(const history& h, std::int64_t seen = 0, int attempt = 1)
    {
        api::PollWorkflowTaskQueueResponse t;
        t.set_task_token("token-" + std::to_string(++made_));
        t.mutable_workflow_execution()->set_workflow_id("id");
        t.mutable_workflow_execution()->set_run_id("run");
        t.mutable_workflow_type()->set_name("flow");
        t.set_attempt(attempt);
        t.set_started_event_id(h.last());
        for (const auto& e : h.events) {
            if (e.has_workflow_task_completed_event_attributes())
                t.set_previous_started_event_id(e.workflow_task_completed_event_attributes().started_event_id());
            if (e.event_id() > seen)
                *t.mutable_history()->add_events() = e;
        }
        return t;
    }
    [[nodiscard]] api::PollWorkflowTaskQueueResponse query(const history& h, bool with_history, const std::string& type)
    {
        auto t = task(h);
        t.set_started_event_id(0);
        t.mutable_query()->set_query_type(type);
        if (!with_history)
            t.clear_history();
        return t;
    }

    void add(api::PollWorkflowTaskQueueResponse t, bool sticky = false) { desk(sticky).add(std::move(t)); }

    [[nodiscard]] std::size_t parked(bool sticky) const { return (sticky ? sticky_ : normal_).polls(); }
    void end_polls()
    {
        normal_.end_polls();
        sticky_.end_polls();
    }

    std::vector<api::PollWorkflowTaskQueueRequest> polls{};
    std::vector<api::RespondWorkflowTaskCompletedRequest> completed{};
    std::vector<api::RespondWorkflowTaskFailedRequest> failed{};
    std::vector<api::RespondQueryTaskCompletedRequest> answered{};
    std::vector<api::GetWorkflowExecutionHistoryRequest> fetched{};
    std::deque<api::RespondWorkflowTaskCompletedResponse> replies{};
    std::vector<api::history::HistoryEvent> kept{};  ///< What GetWorkflowExecutionHistory has.
    std::size_t page = 256;

private:
    using poll_desk = fake::poll_desk<api::PollWorkflowTaskQueueResponse>;

    [[nodiscard]] poll_desk& desk(bool sticky) { return sticky ? sticky_ : normal_; }

    poll_desk normal_;
    poll_desk sticky_;
    std::uint64_t made_ = 0;
};

/// Code of a workflow, in a function: called with each activation.
class code final : public flow::code {
public:
    using body = std::function<flow::activated(const flow::activation&)>;

    explicit code(body b, std::shared_ptr<int> alive) : body_(std::move(b)), alive_(std::move(alive)) {}

    [[nodiscard]] flow::activated activate(flow::activation now) override { return body_(now); }
    [[nodiscard]] flow::query_answer query(const api::query::WorkflowQuery& question) override
    {
        flow::query_answer out;
        out.result.add_payloads()->set_data(question.query_type() + '!');
        return out;
    }
    [[nodiscard]] std::string stack_trace() const override { return "here"; }

private:
    body body_;
    std::shared_ptr<int> alive_;
};

inline history first_task(std::chrono::seconds task_timeout = 10s)
{
    return history{}.started(task_timeout).task();
}

struct world : worker_test::world {
    service flows{io, server};
    std::shared_ptr<workflow_set> set = std::make_shared<workflow_set>();
    std::shared_ptr<int> alive = std::make_shared<int>();
    std::vector<flow::activation> seen{};

    world() { config.settings.sticky_cache = 10; }
    ~world() { end(); }

    /// The workflow "flow" is this.
    void runs(code::body body)
    {
        set->registry.add(workflow_type{.name = "flow", .make = [this, body = std::move(body)](const auto&) {
                                            return std::make_unique<code>(
                                                [this, body](const flow::activation& a) {
                                                    seen.push_back(a);
                                                    return body(a);
                                                },
                                                alive);
                                        }});
        config.workflows = set;
    }

    void begin_flows()
    {
        start();
        REQUIRE(!*started);
        REQUIRE(until(
            [&] { return flows.parked(false) >= 1 && flows.parked(true) >= (config.settings.sticky_cache > 0); }));
    }

    /// Runs in memory.
    [[nodiscard]] long runs_alive() const { return alive.use_count() - 1; }
};

template <class... I>
flow::activated wants(I... all)
{
    flow::activated out;
    (out.intents.emplace_back(std::move(all)), ...);
    return out;
}

inline flow::start_timer timer(std::uint32_t seq)
{
    flow::start_timer t;
    t.seq = seq;
    t.duration = 1s;
    return t;
}

/// Starts a timer, and ends when it has fired.
inline flow::activated one_timer(const flow::activation& a)
{
    for (const auto& j : a.jobs) {
        if (std::holds_alternative<flow::start_run>(j))
            return wants(timer(1));
        if (std::holds_alternative<flow::timer_fired>(j))
            return wants(flow::complete_run{});
    }
    return {};
}

}  // namespace workflow_test
