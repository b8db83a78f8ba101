// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/temporal/embedded/engine.hpp>
#include <mayfly/temporal/embedded/methods.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace mayfly::temporal::embedded {

using namespace std::chrono_literals;

inline api::common::Payloads payloads(const std::string& text)
{
    api::common::Payloads p;
    p.add_payloads()->set_data(text);
    return p;
}

inline api::StartActivityExecutionRequest start_request(const std::string& id, uptime start_to_close = 10s)
{
    api::StartActivityExecutionRequest r;
    r.set_namespace_("default");
    r.set_activity_id(id);
    r.mutable_activity_type()->set_name("greet");
    r.mutable_task_queue()->set_name("q");
    r.set_request_id("start-" + id);
    put(*r.mutable_start_to_close_timeout(), start_to_close);
    *r.mutable_input() = payloads("in-" + id);
    return r;
}

/// The response, which there must be.
template <class T>
T must(const answered<T>& a)
{
    REQUIRE_MESSAGE(a.has_value(), a.error().message);
    return *a;
}

template <class T>
grpc::status_code code_of(const answered<T>& a)
{
    return a ? grpc::status_code::ok : a.error().code;
}

/// An engine, a clock, and workers that do as they are told.
struct world {
    explicit world(limits l = {}) : e(l) { e.make_namespace("default"); }

    moment now{1s, std::chrono::sys_time<uptime>(std::chrono::hours(24 * 365 * 50))};
    engine e;
    ticket last = 0;
    std::vector<answer> answers{};
    std::vector<add_event> added{};
    std::vector<worker_event> workers{};

    [[nodiscard]] caller who(uptime patience = 70s) const
    {
        return {.now = now, .deadline = now.at + patience, .client_name = "test", .client_version = "1.0"};
    }

    void collect()
    {
        outputs out = e.take_outputs();
        answers.insert(answers.end(), out.answers.begin(), out.answers.end());
        added.insert(added.end(), out.added.begin(), out.added.end());
        workers.insert(workers.end(), out.workers.begin(), out.workers.end());
        const std::string wrong = e.check_books();
        REQUIRE_MESSAGE(wrong.empty(), wrong);
    }

    /// In one step, as when nobody looked for so long.
    void leap(uptime by)
    {
        now = after(now, by);
        e.advance(now);
        collect();
    }

    /// From event to event.
    void pass(uptime by)
    {
        const uptime until = now.at + by;
        while (e.next_event() <= until) {
            leap(std::max<uptime>(e.next_event() - now.at, 0us));
        }
        leap(until - now.at);
    }

    answered<api::StartActivityExecutionResponse> start(const api::StartActivityExecutionRequest& r)
    {
        auto out = e.start_activity(r, who());
        collect();
        return out;
    }

    std::string start(const std::string& id) { return must(start(start_request(id))).run_id(); }

    ticket poll(const std::string& identity = "w", std::optional<deployment_version> version = {},
        std::optional<double> rate = {}, uptime patience = 70s, task_type type = task_type::activity)
    {
        poll_request p{{"default", "q", type}, identity, identity + "-key", {}, rate};
        if (version) {
            p.options.set_deployment_name(version->deployment);
            p.options.set_build_id(version->build_id);
            p.options.set_worker_versioning_mode(api::enums::WORKER_VERSIONING_MODE_VERSIONED);
        }
        e.poll_task(++last, std::move(p), who(patience));
        collect();
        return last;
    }

    /// The answer to this call, which there must not be a second time.
    std::optional<answer> got(ticket id)
    {
        std::optional<answer> out;
        for (const answer& a : answers)
            if (a.id == id) {
                REQUIRE(!out);
                out = a;
            }
        return out;
    }

    /// What a poll brought; empty if it brought nothing, or nothing yet.
    std::optional<api::PollActivityTaskQueueResponse> task(ticket id)
    {
        const auto a = got(id);
        if (!a || a->message.empty())
            return std::nullopt;
        api::PollActivityTaskQueueResponse out;
        REQUIRE(out.ParseFromString(a->message));
        return out;
    }

    /// The next task, which there must be.
    api::PollActivityTaskQueueResponse take(const std::string& identity = "w")
    {
        const auto t = task(poll(identity));
        REQUIRE(t);
        return *t;
    }

    grpc::status_code complete(const std::string& token, const std::string& result = "out")
    {
        api::RespondActivityTaskCompletedRequest r;
        r.set_namespace_("default");
        r.set_task_token(token);
        r.set_identity("w");
        *r.mutable_result() = payloads(result);
        const auto out = e.complete_task<api::RespondActivityTaskCompletedResponse>(r, who());
        collect();
        return code_of(out);
    }

    static api::failure::Failure failure(const std::string& type = "Oops", bool final = false)
    {
        api::failure::Failure f;
        f.set_message("it broke");
        f.mutable_application_failure_info()->set_type(type);
        f.mutable_application_failure_info()->set_non_retryable(final);
        return f;
    }

    grpc::status_code fail(const std::string& token, const api::failure::Failure& f = failure())
    {
        api::RespondActivityTaskFailedRequest r;
        r.set_task_token(token);
        *r.mutable_failure() = f;
        const auto out = e.fail_task<api::RespondActivityTaskFailedResponse>(r, who());
        collect();
        return code_of(out);
    }

    answered<api::RecordActivityTaskHeartbeatResponse> heartbeat(
        const std::string& token, const std::string& details = "beat")
    {
        api::RecordActivityTaskHeartbeatRequest r;
        r.set_task_token(token);
        *r.mutable_details() = payloads(details);
        auto out = e.heartbeat<api::RecordActivityTaskHeartbeatResponse>(r, who());
        collect();
        return out;
    }

    api::DescribeActivityExecutionResponse describe(const std::string& id)
    {
        api::DescribeActivityExecutionRequest r;
        r.set_namespace_("default");
        r.set_activity_id(id);
        r.set_include_outcome(true);
        r.set_include_last_failure(true);
        r.set_include_heartbeat_details(true);
        r.set_include_input(true);
        e.describe_activity(++last, r, who());
        collect();
        const auto a = got(last);
        REQUIRE(a);
        REQUIRE_MESSAGE(a->status.ok(), a->status.message);
        api::DescribeActivityExecutionResponse out;
        REQUIRE(out.ParseFromString(a->message));
        return out;
    }

    api::enums::ActivityExecutionStatus status(const std::string& id) { return describe(id).info().status(); }

    /// A call that waits for the outcome.
    ticket wait(const std::string& id)
    {
        api::PollActivityExecutionRequest r;
        r.set_namespace_("default");
        r.set_activity_id(id);
        e.poll_activity(++last, r, who());
        collect();
        return last;
    }

    answered<api::RequestCancelActivityExecutionResponse> cancel(
        const std::string& id, const std::string& request = "c")
    {
        api::RequestCancelActivityExecutionRequest r;
        r.set_namespace_("default");
        r.set_activity_id(id);
        r.set_request_id(request);
        r.set_reason("enough");
        r.set_identity("boss");
        auto out = e.cancel_activity(r, who());
        collect();
        return out;
    }

    api::DescribeTaskQueueResponse queue(api::enums::TaskQueueType type = api::enums::TASK_QUEUE_TYPE_ACTIVITY)
    {
        api::DescribeTaskQueueRequest r;
        r.set_namespace_("default");
        r.mutable_task_queue()->set_name("q");
        r.set_task_queue_type(type);
        r.set_report_stats(true);
        r.set_report_config(true);
        return must(e.describe_queue(r, who()));
    }
};

}  // namespace mayfly::temporal::embedded
