// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "worker_call.hpp"

#include <mayfly/temporal/read_version.hpp>

#include <boost/asio/awaitable.hpp>
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>

#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <iostream>
#include <memory>
#include <optional>
#include <string>
#include <utility>

namespace examples {

/// One run of a command about deployments, where work goes, or workers.
class worker_run : worker_call {
public:
    worker_run(worker_arguments given, std::shared_ptr<temporal::connection> on)
        : worker_call(std::move(given), std::move(on))
    {}

    /// The exit status.
    asio::awaitable<int> run()
    {
        switch (given_.verb) {
        case worker_verb::create: co_return co_await create();
        case worker_verb::describe: co_return co_await describe();
        case worker_verb::list: co_return co_await list();
        case worker_verb::set_current:
        case worker_verb::set_ramping: co_return co_await route();
        case worker_verb::remove: co_return co_await remove();
        case worker_verb::set_manager:
        case worker_verb::unset_manager: co_return co_await set_manager();
        case worker_verb::list_workers: co_return co_await list_workers();
        case worker_verb::count_workers: co_return co_await count_workers();
        default: break;
        }
        co_return co_await describe_worker();
    }

private:
    asio::awaitable<int> create()
    {
        const std::string any_id;
        auto [ec, r] = co_await deployments_.async_create(given_.version.deployment, any_id, answer);
        co_return ec ? refused(ec, r.status) : told("created deployment " + name(), {{"done", "created"}});
    }

    asio::awaitable<int> describe()
    {
        auto [ec, r] = co_await deployments_.async_describe(given_.version.deployment, answer);
        if (ec)
            co_return refused(ec, r.status);
        const json::object d = to_json(r.value);
        if (given_.output == output_format::text)
            print_deployment(d);
        else
            print(d, given_.output);
        co_return 0;
    }

    asio::awaitable<int> list()
    {
        constexpr int page = 100;
        json::array all;
        std::string next;
        do {
            const int left = given_.limit - static_cast<int>(all.size());
            auto [ec, r] = co_await deployments_.async_list(next, std::min(page, left), answer);
            if (ec)
                co_return refused(ec, r.status);
            for (const auto& e : r.value.deployments)
                if (static_cast<int>(all.size()) < given_.limit)
                    all.push_back(to_json(e));
            next = r.value.next_page_token;
        } while (!next.empty() && static_cast<int>(all.size()) < given_.limit);
        if (given_.output != output_format::text) {
            print(all, {}, given_.output);
            co_return 0;
        }
        for (auto& e : all)
            for (const auto& field : e.at("routingConfig").as_object())
                e.as_object()[field.key()] = field.value();
        print_rows("", all,
            {{"Name", "/name"}, {"CreateTime", "/createTime"}, {"CurrentVersionBuildID", "/currentVersionBuildID"},
                {"RampingVersionBuildID", "/rampingVersionBuildID"},
                {"RampingVersionPercentage", "/rampingVersionPercentage"}});
        co_return 0;
    }

    asio::awaitable<int> remove()
    {
        // Servers delete what is not there too, and say that all is well.
        auto [missing, before] = co_await deployments_.async_describe(given_.version.deployment, answer);
        if (missing)
            co_return refused(missing, before.status);
        auto [ec, r] = co_await deployments_.async_delete(given_.version.deployment, answer);
        co_return ec ? refused(ec, r.status) : told("deleted deployment " + name(), {{"done", "deleted"}});
    }

    asio::awaitable<int> set_manager()
    {
        const bool unset = given_.verb == worker_verb::unset_manager;
        auto [found, before] = co_await deployments_.async_describe(given_.version.deployment, answer);
        if (found)
            co_return refused(found, before.status);
        if (const int no = agree(&before.value, unset ? "let everybody change it" : "set its manager"); no != 0)
            co_return no;
        std::optional<std::string> manager;
        if (!given_.self)
            manager = given_.manager;
        auto [ec, r] = co_await deployments_.async_set_manager(
            given_.version.deployment, manager, before.value.conflict_token, answer);
        if (ec)
            co_return refused(ec, r.status);
        const std::string now = manager.value_or(on_->options().identity);
        co_return told(name() + (now.empty() ? " has no manager" : " is managed by " + now) +
                           " (before: " + (r.value.previous.empty() ? "nobody" : r.value.previous) + ')',
            {{"managerIdentity", now}, {"previousManagerIdentity", r.value.previous}});
    }

    // Where work goes.

    /// Zero if a change may be made, else the exit status.
    int agree(const temporal::deployment_description* before, const std::string& what) const
    {
        switch (consent_to_routing(given_, ::isatty(STDIN_FILENO) != 0)) {
        case consent::given: return 0;
        case consent::missing:
            std::fprintf(stderr,
                "mayfly worker: nothing was changed: nobody can be asked here whether to %s; give --yes\n",
                what.c_str());
            return 3;
        case consent::ask: break;
        }
        if (before != nullptr)
            print_deployment(to_json(*before));
        std::fflush(stdout);
        std::fprintf(stderr, "\n%s: %s? y/N ", name().c_str(), what.c_str());
        std::string line;
        std::getline(std::cin, line);
        if (line == "y" || line == "Y" || line == "yes")
            return 0;
        std::fprintf(stderr, "mayfly worker: nothing was changed\n");
        return 3;
    }

    asio::awaitable<int> route()
    {
        auto [found, before] = co_await deployments_.async_describe(given_.version.deployment, answer);
        const bool missing = before.status.code == mayfly::grpc::status_code::not_found && given_.allow_no_pollers;
        if (found && !missing)
            co_return refused(found, before.status);
        const temporal::routing was = before.value.routing;
        if (given_.remove_ramp && !given_.version.build_id.empty() && was.ramping != given_.version)
            co_return refused(name() + " is not ramping" + (was.ramping ? "; " + was.ramping->build_id + " is" : ""));

        const bool ramp = given_.verb == worker_verb::set_ramping;
        const std::string what = given_.remove_ramp ? "end the ramp"
                                 : ramp             ? "let a share of new work go there"
                                                    : "let all new work go there";
        if (const int no = agree(missing ? nullptr : &before.value, what); no != 0)
            co_return no;

        temporal::routing_options how{
            before.value.conflict_token, given_.ignore_missing_task_queues, given_.allow_no_pollers};
        if (how.ignore_missing_task_queues && !given_.unversioned && !given_.remove_ramp) {
            // A version whose workers are started for tasks has polled nothing before the first of them.
            auto [unknown, v] = co_await deployments_.async_describe_version(given_.version, false, answer);
            if (!unknown && temporal::read_version(v.value, {}).kept_in != temporal::compute_storage::none)
                how.allow_no_pollers = true;
        }
        if (ramp)
            co_return co_await set_ramping(how, was);
        co_return co_await set_current(how, was);
    }

    asio::awaitable<int> set_current(temporal::routing_options how, temporal::routing was)
    {
        auto [ec, r] = co_await deployments_.async_set_current(given_.version, how, answer);
        if (ec)
            co_return refused(ec, r.status);
        const auto& previous = was.current;
        co_return told((given_.unversioned ? name() + ": workers without a version are" : name() + " is") +
                           " current now (before: " + (previous ? previous->build_id : "no version") + ')',
            {{"current", true}, {"previousBuildID", previous ? previous->build_id : ""}});
    }

    asio::awaitable<int> set_ramping(temporal::routing_options how, temporal::routing was)
    {
        mayfly::deployment_version to = given_.version;
        if (given_.remove_ramp)
            to.build_id.clear();
        const float share = given_.percentage.value_or(0);
        auto [ec, r] = co_await deployments_.async_set_ramping(to, share, how, answer);
        if (ec)
            co_return refused(ec, r.status);
        const auto& previous = was.ramping;
        std::array<char, 32> percent{};
        std::snprintf(percent.data(), percent.size(), "%g %%", static_cast<double>(share));
        const json::object more{{"rampPercentage", share}, {"previousBuildID", previous ? previous->build_id : ""},
            {"previousPercentage", was.ramp_percentage}};
        const std::string before = " (before: " + (previous ? previous->build_id : "no version") + ')';
        if (given_.remove_ramp)
            co_return told(given_.version.deployment + " has no ramp now" + before, more);
        co_return told(name() + (given_.unversioned ? ": workers without a version get " : " gets ") + percent.data() +
                           " of new work now" + before,
            more);
    }

    // Workers that tell of themselves.

    asio::awaitable<int> list_workers()
    {
        constexpr int page = 100;
        json::array all;
        std::string next;
        do {
            const int left = given_.limit - static_cast<int>(all.size());
            auto [ec, r] = co_await queues_.async_list_workers(given_.query, next, std::min(page, left), answer);
            if (ec)
                co_return refused(ec, r.status);
            for (const auto& w : r.value.workers)
                if (static_cast<int>(all.size()) < given_.limit)
                    all.push_back(to_json(w));
            next = r.value.next_page_token;
        } while (!next.empty() && static_cast<int>(all.size()) < given_.limit);
        if (given_.output == output_format::text)
            print_rows("", all,
                {{"WorkerInstanceKey", "/workerInstanceKey"}, {"Status", "/status"}, {"TaskQueue", "/taskQueue"},
                    {"WorkerIdentity", "/workerIdentity"}, {"HostName", "/hostName"},
                    {"Deployment", "/deploymentVersion"}, {"StartTime", "/startTime"}});
        else
            print(all, {}, given_.output);
        co_return 0;
    }

    asio::awaitable<int> count_workers()
    {
        auto [ec, r] = co_await queues_.async_count_workers(given_.query, answer);
        if (ec)
            co_return refused(ec, r.status);
        if (given_.output == output_format::text)
            print_line(std::to_string(r.value));
        else
            print({{"count", r.value}}, given_.output);
        co_return 0;
    }

    asio::awaitable<int> describe_worker()
    {
        auto [ec, r] = co_await queues_.async_describe_worker(given_.instance_key, answer);
        if (ec)
            co_return refused(ec, r.status);
        const auto& h = r.value;
        json::object out{{"workerInstanceKey", h.worker_instance_key()}, {"workerIdentity", h.worker_identity()},
            {"status", to_string(static_cast<temporal::worker_status>(h.status()))}, {"taskQueue", h.task_queue()},
            {"hostName", h.host_info().host_name()}, {"processId", h.host_info().process_id()},
            {"sdk", h.sdk_name() + ' ' + h.sdk_version()},
            {"startTime", shown(temporal::time_of(h.has_start_time(), h.start_time()))},
            {"heartbeatTime", shown(temporal::time_of(h.has_heartbeat_time(), h.heartbeat_time()))}};
        if (h.has_deployment_version())
            out["deploymentVersion"] =
                h.deployment_version().deployment_name() + ':' + h.deployment_version().build_id();
        const auto slots = [&](const char* name, bool is_there, const auto& s) {
            if (is_there)
                out[name] = {{"available", s.current_available_slots()}, {"used", s.current_used_slots()},
                    {"processed", s.total_processed_tasks()}, {"failed", s.total_failed_tasks()}};
        };
        slots("activityTaskSlots", h.has_activity_task_slots_info(), h.activity_task_slots_info());
        slots("workflowTaskSlots", h.has_workflow_task_slots_info(), h.workflow_task_slots_info());
        slots("nexusTaskSlots", h.has_nexus_task_slots_info(), h.nexus_task_slots_info());
        print(out, given_.output);
        co_return 0;
    }
};

}  // namespace examples
