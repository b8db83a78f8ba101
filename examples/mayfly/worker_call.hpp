// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "service_remedy.hpp"
#include "worker_options.hpp"
#include "worker_output.hpp"

#include <mayfly/grpc/status.hpp>
#include <mayfly/problem.hpp>
#include <mayfly/temporal/connection.hpp>
#include <mayfly/temporal/deployments.hpp>
#include <mayfly/temporal/rpc_error.hpp>
#include <mayfly/temporal/task_queues.hpp>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/json/object.hpp>
#include <boost/system/error_code.hpp>

#include <cstdio>
#include <memory>
#include <string>
#include <utility>

namespace examples {

namespace asio = boost::asio;

/// What to do about a change or a question that the service did not take; empty if its own words say it.
[[nodiscard]] inline std::string worker_remedy(const mayfly::grpc::status& s, worker_verb verb)
{
    using mayfly::grpc::status_code;
    const bool routing = verb == worker_verb::set_current || verb == worker_verb::set_ramping;
    switch (s.code) {
    case status_code::not_found:
        if (verb == worker_verb::describe_worker)
            return "mayfly worker list tells which there are";
        if (verb == worker_verb::create_version)
            return "mayfly worker deployment create makes one";
        return std::string("mayfly worker deployment list and describe tell what there is") +
               (routing ? "; --allow-no-pollers makes what is not there" : "");
    case status_code::already_exists:
        return verb == worker_verb::create_version
                   ? "new code gets a new build id; update-version-compute-config changes what runs the workers of "
                     "this one"
                   : "mayfly worker deployment describe tells about it";
    case status_code::failed_precondition:
        if (!routing)
            return {};
        if (s.message.find("missing active task queues") != s.message.npos)
            return "let its workers poll them first, or give --ignore-missing-task-queues";
        if (s.message.find("poll") != s.message.npos)
            return "let a worker poll first, or give --allow-no-pollers; of a serverless version that never ran, "
                   "--ignore-missing-task-queues";
        return {};
    case status_code::invalid_argument:
        return s.message.find("compute provider") == s.message.npos
                   ? ""
                   : "a server takes only the providers that workercontroller.compute_providers.enabled lists there; "
                     "mayfly's own are taken everywhere with --storage metadata";
    case status_code::aborted: return "somebody else changed it at the same time; look at it and try again";
    case status_code::unimplemented: return "the service does not know this call; it may be too old for it";
    default: return {};
    }
}

/// What all commands below `mayfly worker` have: whom they ask, and how they tell what came of it.
class worker_call {
protected:
    using error_code = boost::system::error_code;

    static constexpr auto answer = asio::as_tuple(asio::use_awaitable);

    worker_call(worker_arguments given, std::shared_ptr<temporal::connection> on)
        : given_(std::move(given)), on_(std::move(on)), deployments_(on_), queues_(on_)
    {}

    int refused(const error_code& ec, const mayfly::grpc::status& s) const
    {
        const std::string why = s.ok() ? ec.message() : temporal::describe(s);
        // Of a worker that it does not know a server says that there is no such namespace.
        const bool no_worker =
            given_.verb == worker_verb::describe_worker && s.code == mayfly::grpc::status_code::not_found;
        std::string remedy = no_worker ? std::string() : service_remedy(s, on_->options());
        if (remedy.empty())
            remedy = worker_remedy(s, given_.verb);
        std::fprintf(stderr, "mayfly worker: %s%s%s\n", why.c_str(), remedy.empty() ? "" : "; ", remedy.c_str());
        return 1;
    }

    int refused(const std::string& why) const
    {
        std::fprintf(stderr, "mayfly worker: %s\n", why.c_str());
        return 1;
    }

    static void warn(const mayfly::problems& all)
    {
        for (const auto& w : all)
            std::fprintf(stderr, "mayfly worker: warning: %s\n", to_string(w).c_str());
    }

    [[nodiscard]] std::string name() const
    {
        const auto& v = given_.version;
        return v.build_id.empty() ? v.deployment : v.deployment + ':' + v.build_id;
    }

    /// One line of success.
    int told(const std::string& what, json::object more = {}) const
    {
        if (given_.output == output_format::text) {
            print_line(what);
        } else if (given_.output != output_format::none) {
            json::object out{{"deploymentName", given_.version.deployment}};
            if (!given_.version.build_id.empty())
                out["BuildID"] = given_.version.build_id;
            for (const auto& field : more)
                out[field.key()] = field.value();
            print_line(to_json_text(out));
        }
        return 0;
    }

    worker_arguments given_;
    std::shared_ptr<temporal::connection> on_;
    temporal::deployments deployments_;
    temporal::task_queues queues_;
};

}  // namespace examples
