// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "answers.hpp"

#include <mayfly/temporal/embedded/deployment_store.hpp>

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>

// A deployment store with queues to order, and a clock that goes on when it is told to.

namespace embedded_test {

using namespace std::chrono_literals;
using namespace mayfly::temporal::embedded;
using mayfly::deployment_version;
using mayfly::task_type;
using mayfly::temporal::embedded::to_string;
namespace api = mayfly::temporal::api;
namespace grpc = mayfly::grpc;
using grpc::status_code;

class scripted_queues final : public queue_facts {
public:
    std::set<std::pair<std::string, deployment_version>> polling{};  // Queue and version.
    std::map<std::string, std::int64_t> backlog{};
    std::map<std::string, float> add_rate{};

    [[nodiscard]] bool polled(
        std::string_view, std::string_view queue, task_type, const deployment_version& v, const moment&) const override
    {
        return polling.contains({std::string{queue}, v});
    }
    [[nodiscard]] queue_numbers numbers(
        std::string_view, std::string_view queue, task_type, const deployment_version&, const moment&) const override
    {
        queue_numbers out;
        if (const auto at = backlog.find(std::string{queue}); at != backlog.end())
            out.all.set_approximate_backlog_count(at->second);
        if (const auto at = add_rate.find(std::string{queue}); at != add_rate.end())
            out.all.set_tasks_add_rate(at->second);
        out.by_priority[3] = out.all;
        return out;
    }
};

inline api::deployment::WorkerDeploymentOptions versioned(const std::string& name, const std::string& build)
{
    api::deployment::WorkerDeploymentOptions out;
    out.set_deployment_name(name);
    out.set_build_id(build);
    out.set_worker_versioning_mode(api::enums::WORKER_VERSIONING_MODE_VERSIONED);
    return out;
}

inline api::deployment::WorkerDeploymentVersion version(const std::string& build, const std::string& name = "greeter")
{
    api::deployment::WorkerDeploymentVersion out;
    out.set_deployment_name(name);
    out.set_build_id(build);
    return out;
}

inline api::common::Payload json(const std::string& text)
{
    api::common::Payload out;
    (*out.mutable_metadata())["encoding"] = "json/plain";
    out.set_data(text);
    return out;
}

inline api::compute::ComputeConfigScalingGroup lambda_group(const std::string& details = R"({"arn":"a:1"})")
{
    api::compute::ComputeConfigScalingGroup out;
    out.mutable_provider()->set_type("aws-lambda");
    *out.mutable_provider()->mutable_details() = json(details);
    return out;
}

struct world {
    world() { store.keep_changes(); }

    deployment_store store{};
    scripted_queues queues{};
    moment now{.at = 0s, .wall = std::chrono::sys_seconds{1'800'000'000s}};

    void after(std::chrono::seconds s) { now = mayfly::temporal::embedded::after(now, s); }

    template <class Request>
    auto ask(Request request)
    {
        if (request.namespace_().empty())
            request.set_namespace_("default");
        return store.answer(request, now, queues);
    }

    grpc::status poll(const std::string& build, const std::string& queue = "orders",
        const std::string& name = "greeter", task_type type = task_type::activity)
    {
        return store.polled("default", queue, type, versioned(name, build), now, queues);
    }

    auto create(
        const std::string& name = "greeter", const std::string& request = "", const std::string& identity = "me")
    {
        api::CreateWorkerDeploymentRequest r;
        r.set_deployment_name(name);
        r.set_request_id(request);
        r.set_identity(identity);
        return ask(r);
    }

    auto create_version(const std::string& build, const std::string& request = "")
    {
        api::CreateWorkerDeploymentVersionRequest r;
        *r.mutable_deployment_version() = version(build);
        r.set_request_id(request);
        r.set_identity("me");
        return ask(r);
    }

    auto set_current(const std::string& build, const std::string& identity = "me", const std::string& token = "",
        bool ignore_missing = false, bool allow_no_pollers = false)
    {
        api::SetWorkerDeploymentCurrentVersionRequest r;
        r.set_deployment_name("greeter");
        r.set_build_id(build);
        r.set_identity(identity);
        r.set_conflict_token(token);
        r.set_ignore_missing_task_queues(ignore_missing);
        r.set_allow_no_pollers(allow_no_pollers);
        return ask(r);
    }

    auto set_ramping(const std::string& build, float percentage, const std::string& identity = "me",
        const std::string& token = "", bool ignore_missing = false, bool allow_no_pollers = false)
    {
        api::SetWorkerDeploymentRampingVersionRequest r;
        r.set_deployment_name("greeter");
        r.set_build_id(build);
        r.set_percentage(percentage);
        r.set_identity(identity);
        r.set_conflict_token(token);
        r.set_ignore_missing_task_queues(ignore_missing);
        r.set_allow_no_pollers(allow_no_pollers);
        return ask(r);
    }

    auto delete_version(const std::string& build, bool skip_drainage = false, const std::string& identity = "me")
    {
        api::DeleteWorkerDeploymentVersionRequest r;
        *r.mutable_deployment_version() = version(build);
        r.set_skip_drainage(skip_drainage);
        r.set_identity(identity);
        return ask(r);
    }

    auto delete_deployment()
    {
        api::DeleteWorkerDeploymentRequest r;
        r.set_deployment_name("greeter");
        return ask(r);
    }

    auto set_manager(const std::string& manager, const std::string& identity)
    {
        api::SetWorkerDeploymentManagerRequest r;
        r.set_deployment_name("greeter");
        r.set_manager_identity(manager);
        r.set_identity(identity);
        return ask(r);
    }

    api::DescribeWorkerDeploymentResponse describe()
    {
        api::DescribeWorkerDeploymentRequest r;
        r.set_deployment_name("greeter");
        const auto out = ask(r);
        return out ? *out : api::DescribeWorkerDeploymentResponse{};
    }

    api::DescribeWorkerDeploymentVersionResponse describe(const std::string& build, bool stats = false)
    {
        api::DescribeWorkerDeploymentVersionRequest r;
        *r.mutable_deployment_version() = version(build);
        r.set_report_task_queue_stats(stats);
        const auto out = ask(r);
        return out ? *out : api::DescribeWorkerDeploymentVersionResponse{};
    }

    auto status(const std::string& build) { return describe(build).worker_deployment_version_info().status(); }

    queue_routing routing(const std::string& queue = "orders")
    {
        return store.routing_of("default", queue, task_type::activity);
    }
    std::string goes_to(const std::string& id, const std::string& queue = "orders")
    {
        const queue_routing r = routing(queue);
        return r.target(id) ? to_string(*r.target(id)) : "";
    }
};

template <class Response>
status_code code(const answered<Response>& a)
{
    return a ? status_code::ok : a.error().code;
}
template <class Response>
std::string words(const answered<Response>& a)
{
    return a ? "" : a.error().message;
}

}  // namespace embedded_test
