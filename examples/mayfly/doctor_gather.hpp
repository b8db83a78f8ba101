// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "ask_controller.hpp"
#include "doctor_options.hpp"
#include "doctor_target.hpp"
#include "explain_story.hpp"
#include "flight_status.hpp"
#include "health_facts.hpp"
#include "health_seen.hpp"
#include "service_remedy.hpp"
#include "stuck_task.hpp"

#include <mayfly/aws/target_details.hpp>
#include <mayfly/http/url.hpp>
#include <mayfly/temporal/client.hpp>
#include <mayfly/temporal/deployments.hpp>
#include <mayfly/temporal/read_version.hpp>
#include <mayfly/temporal/rpc_error.hpp>
#include <mayfly/temporal/task_queues.hpp>
#include <mayfly/temporal/workflow_client.hpp>
#include <mayfly/temporal/workflow_requests.hpp>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/system/error_code.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace examples {

namespace asio = boost::asio;
namespace temporal = mayfly::temporal;

/// What `mayfly doctor` reads from files before it asks anybody.
struct doctor_files {
    std::map<flight_subject, std::vector<flight_entry>> record{};
    std::vector<std::string> log{};
};

/// Asks everybody about versions: the server, the controller, the platform. Judges nothing.
class health_gatherer {
public:
    health_gatherer(doctor_options given, doctor_files files, std::shared_ptr<temporal::connection> on)
        : given_(std::move(given)), files_(std::move(files)), on_(std::move(on)), deployments_(on_), queues_(on_)
    {}

    /// Once, before the first version. Says why the server cannot be asked; nothing if it can.
    asio::awaitable<std::string> begin()
    {
        const temporal::client client(on_);
        auto described = client.async_describe_namespace(answer);
        auto [ec, r] = co_await std::move(described);
        if (ec)
            co_return unanswered(ec, r.status);
        auto listed = workers();
        co_await std::move(listed);
        if (!given_.controller.empty()) {
            auto asked = ask_controller(given_.controller, {on_->options().name_space, {}, {}});
            status_ = co_await std::move(asked);
        }
        co_return std::string{};
    }

    /// Adds those that have a compute configuration, be it one that cannot be read. Says why not all of them can be
    /// found; nothing if they can.
    asio::awaitable<std::string> all_versions(std::vector<mayfly::deployment_version>& out)
    {
        std::string token;
        do {
            auto asked = deployments_.async_list(token, 100, answer);
            auto [ec, page] = co_await std::move(asked);
            if (ec)
                co_return unanswered(ec, page.status);
            for (const auto& d : page.value.deployments) {
                auto described = deployments_.async_describe(d.name, answer);
                auto [wrong, found] = co_await std::move(described);
                if (wrong && found.status.code != mayfly::grpc::status_code::not_found)
                    co_return unanswered(wrong, found.status);
                for (const auto& v : found.value.versions) {
                    auto asked_of = deployments_.async_describe_version(v.version, false, answer);
                    auto [unread, version] = co_await std::move(asked_of);
                    if (unread && version.status.code != mayfly::grpc::status_code::not_found)
                        co_return unanswered(unread, version.status);
                    if (!unread && record_of(version.value).kept_in != temporal::compute_storage::none)
                        out.push_back(v.version);
                }
            }
            token = page.value.next_page_token;
        } while (!token.empty());
        co_return std::string{};
    }

    asio::awaitable<health_facts> look_at(mayfly::deployment_version version)
    {
        health_facts f{.address = mayfly::http::authority(on_->options().target),
            .name_space = on_->options().name_space,
            .version = version,
            .now = std::chrono::floor<std::chrono::milliseconds>(std::chrono::system_clock::now()),
            .expected_current = given_.expect_current,
            .active_region = given_.region.empty() ? detail::region_of(on_->options().target.host) : given_.region,
            .workers = workers_,
            .needs = given_.needs,
            .stop_timeout = given_.stop_timeout};
        auto asked = deployments_.async_describe_version(version, true, answer);
        auto [ec, r] = co_await std::move(asked);
        if (ec) {
            (r.status.code == mayfly::grpc::status_code::not_found ? f.missing : f.unreachable) =
                unanswered(ec, r.status);
            co_return f;
        }
        take(r.value, f);
        {
            auto step = deployment(f);
            co_await std::move(step);
        }
        {
            auto step = pollers(f);
            co_await std::move(step);
        }
        {
            auto step = tasks(f);
            co_await std::move(step);
        }
        for (const auto& [id, group] : f.compute.groups) {
            auto step = look_at_group(id, group, f);
            co_await std::move(step);
        }
        controller(f);
        co_return f;
    }

private:
    using error_code = boost::system::error_code;

    static constexpr auto answer = asio::as_tuple(asio::use_awaitable);
    static constexpr std::size_t most_siblings = 20;
    static constexpr std::size_t most_queues = 20;
    static constexpr int most_tasks = 20;      // of one queue
    static constexpr int most_listed = 200;    // workflows of one queue
    static constexpr int most_workflows = 60;  // described for one version

    [[nodiscard]] std::string unanswered(const error_code& ec, const mayfly::grpc::status& s) const
    {
        const std::string remedy = service_remedy(s, on_->options());
        return (s.ok() ? ec.message() : temporal::describe(s)) + (remedy.empty() ? "" : "; " + remedy);
    }

    static std::optional<mayfly::wall_time> in_ms(const std::optional<temporal::wall_clock_time>& t)
    {
        return t ? std::optional(std::chrono::floor<std::chrono::milliseconds>(*t)) : std::nullopt;
    }

    static temporal::version_record record_of(const temporal::version_description& d)
    {
        // That the server's own controller may be on is no conflict: it is told beside.
        return temporal::read_version(d, {.controller = {}, .server_controller_is_off = true});
    }

    void take(const temporal::version_description& d, health_facts& f) const
    {
        temporal::version_record r = record_of(d);
        f.status = r.status;
        f.created = in_ms(d.created);
        f.status_since = in_ms(d.routing_changed ? d.routing_changed : d.created);
        f.compute = std::move(r.compute.config);
        f.compute_problems = std::move(r.wrong);
        f.conflict = std::move(r.conflict);
        f.server_keeps_it = r.kept_in == temporal::compute_storage::server && !given_.server_controller_is_off;
        if (r.validation)
            f.validation_error = r.validation->error;
        take_queues(d, f);
    }

    static void take_queues(const temporal::version_description& d, health_facts& f)
    {
        f.queues.clear();
        for (const auto& q : d.queues)
            f.queues.push_back({.name = q.name, .type = q.type, .stats = q.stats});
    }

    asio::awaitable<mayfly::compute_config> compute_of(mayfly::deployment_version version)
    {
        auto asked = deployments_.async_describe_version(version, false, answer);
        auto [ec, r] = co_await std::move(asked);
        if (ec)
            co_return mayfly::compute_config{};
        co_return record_of(r.value).compute.config;
    }

    asio::awaitable<void> deployment(health_facts& f)
    {
        auto asked = deployments_.async_describe(f.version.deployment, answer);
        auto [ec, r] = co_await std::move(asked);
        if (ec)
            co_return;
        f.routing = r.value.routing;
        for (const auto& v : r.value.versions) {
            if (v.version == f.version || f.others.size() == most_siblings)
                continue;
            auto read = compute_of(v.version);
            f.others.emplace_back().version = v.version;
            mayfly::compute_config compute = co_await std::move(read);
            f.others.back().compute = std::move(compute);
        }
    }

    asio::awaitable<void> pollers(health_facts& f)
    {
        std::set<std::pair<std::string, mayfly::task_type>> asked_for;
        for (queue_facts& q : f.queues) {
            if (!asked_for.emplace(q.name, q.type).second || asked_for.size() > most_queues)
                continue;
            auto asked = queues_.async_describe(q.name, q.type, false, answer);
            auto [ec, r] = co_await std::move(asked);
            if (ec)
                continue;
            q.rate_limit = r.value.rate_limit;
            note(r.value.pollers, q.name, f);
            q.pollers = std::move(r.value.pollers);
        }
        // Others may know of queues where its workers are, though the server knows of none.
        for (const std::string& name : given_.queues)
            for (const mayfly::task_type type : mayfly::all_task_types) {
                if (!asked_for.emplace(name, type).second)
                    continue;
                auto asked = queues_.async_describe(name, type, false, answer);
                auto [ec, r] = co_await std::move(asked);
                if (!ec)
                    note(r.value.pollers, name, f);
            }
    }

    static void note(const std::vector<temporal::queue_poller>& pollers, const std::string& queue, health_facts& f)
    {
        for (const auto& p : pollers)
            f.workers.push_back({p.identity, queue, p.version});
    }

    /// Who tells of himself, whatever he is.
    asio::awaitable<void> workers()
    {
        constexpr int most_pages = 5;
        std::string token;
        for (int page = 0; page < most_pages; ++page) {
            const std::string query;
            auto asked = queues_.async_list_workers(query, token, 500, answer);
            auto [ec, r] = co_await std::move(asked);
            if (ec)
                co_return;
            for (const auto& w : r.value.workers)
                workers_.push_back({w.identity, w.task_queue, w.version});
            token = r.value.next_page_token;
            if (token.empty())
                co_return;
        }
    }

    /// Activities that run, or wait for their next attempt: those that stand alone, and those of workflows on the same
    /// queues.
    asio::awaitable<void> tasks(health_facts& f)
    {
        std::set<std::string> names(given_.queues.begin(), given_.queues.end());
        for (const queue_facts& q : f.queues)
            names.insert(q.name);
        int left = most_workflows;
        std::size_t asked = 0;
        for (const std::string& name : names) {
            if (name.find('\'') != name.npos || ++asked > most_queues)
                continue;
            const std::string query = "TaskQueue = '" + name + "' AND ExecutionStatus = 'Running'";
            auto alone = standalone_tasks(query, f);
            co_await std::move(alone);
            auto of_workflows = workflow_tasks(query, names, left, f);
            co_await std::move(of_workflows);
        }
    }

    asio::awaitable<void> standalone_tasks(std::string query, health_facts& f)
    {
        const temporal::client client(on_);
        const std::string first;
        auto listed = client.async_list(query, first, most_tasks, answer);
        auto [ec, page] = co_await std::move(listed);
        if (ec)
            co_return;
        for (const auto& e : page.value.entries) {
            const auto handle = client.handle<std::monostate>(e.key);
            const temporal::describe_options options;
            auto described = handle.async_describe(options, answer);
            auto [wrong, d] = co_await std::move(described);
            if (!wrong)
                f.tasks.push_back(task_of(d.value));
        }
    }

    /// `left`: so many descriptions may still be asked for.
    asio::awaitable<void> workflow_tasks(
        std::string query, const std::set<std::string>& queues, int& left, health_facts& f)
    {
        if (left == 0)
            co_return;
        const temporal::workflow_client client(on_);
        const std::string first;
        auto listed = client.async_list(query, first, most_listed, answer);
        auto [ec, page] = co_await std::move(listed);
        if (ec)
            co_return;
        const auto old = oldest(std::move(page.value.entries), static_cast<std::size_t>(std::min(left, most_tasks)));
        left -= static_cast<int>(old.size());
        for (const temporal::workflow_entry& e : old) {
            const auto handle = client.handle<std::monostate>(e.key);
            auto described = handle.async_describe(answer);
            auto [wrong, d] = co_await std::move(described);
            if (wrong)
                continue;
            for (const auto& pending : d.value.pending_activities)
                if (const auto task = task_of(e.key.id, pending, f.version, queues))
                    f.tasks.push_back(*task);
        }
    }

    asio::awaitable<void> look_at_group(std::string id, mayfly::scaling_group group, health_facts& f)
    {
        group_facts g{.id = id};
        if (group.provider && group.provider->type == "aws-lambda") {
            const auto details = mayfly::aws::details_from<mayfly::aws::lambda_details>(
                group.provider->details, "groups." + id + ".provider.details");
            if (details)
                g.function = *details;
            else
                for (mayfly::problem& p : details.problems())
                    f.compute_problems.push_back(std::move(p));
        }
        if (g.function && given_.ask_aws) {
            const target_question about{.function = *g.function,
                .needs = given_.needs,
                .try_for = given_.try_it ? given_.try_for : std::chrono::seconds{0}};
            auto asked = ask_target(about);
            target_answer found = co_await std::move(asked);
            g.reached = std::move(found.facts);
            g.tried = std::move(found.tried);
            if (g.tried) {
                auto step = seen_since(g, f);
                co_await std::move(step);
            }
        }
        std::vector<std::string> lines = files_.log;
        if (g.tried)
            append_lines(g.tried->answer, lines);
        g.words = read_function_words(lines);
        if (const auto at = files_.record.find({f.name_space, f.version, id}); at != files_.record.end()) {
            g.told = status_from_record(at->second);
            f.idle_share = examples::idle_share(at->second);
        }
        f.groups.push_back(std::move(g));
    }

    /// Whether a worker of the function came while it was tried, and as what.
    asio::awaitable<void> seen_since(group_facts& g, health_facts& f)
    {
        workers_.clear();
        auto again = workers();
        co_await std::move(again);
        f.workers.insert(f.workers.end(), workers_.begin(), workers_.end());
        auto described = deployments_.async_describe_version(f.version, true, answer);
        auto [ec, r] = co_await std::move(described);
        if (!ec)
            take_queues(r.value, f);
        auto polled = pollers(f);
        co_await std::move(polled);
        g.tried->polls = std::any_of(f.workers.begin(), f.workers.end(),
            [&](const known_worker& w) { return detail::is_of(w.identity, g.function->arn); });
    }

    static void append_lines(const std::string& text, std::vector<std::string>& to)
    {
        std::string_view rest = text;
        while (!rest.empty()) {
            const auto end = std::min(rest.find('\n'), rest.size());
            to.emplace_back(rest.substr(0, end));
            rest.remove_prefix(std::min(end + 1, rest.size()));
        }
    }

    /// What the controller says counts for more than what one wrote down.
    void controller(health_facts& f) const
    {
        if (!status_)
            return;
        if (!status_->error.empty()) {
            f.controller_problem = given_.controller + ": " + status_->error;
            return;
        }
        f.controller_drives = false;
        for (const namespace_status& n : status_->value.namespaces) {
            if (n.name != f.name_space)
                continue;
            if (n.role != controller_role::leader) {
                f.controller_passes = given_.controller + ": " + not_leading(n);
                f.controller_drives = true;  // It may be that another does.
                return;
            }
            f.controller_problem = n.problem;
            for (const version_state& v : n.versions) {
                if (v.deployment != f.version.deployment || v.build_id != f.version.build_id)
                    continue;
                f.controller_drives = v.driven || v.beginning;
                if (v.beginning)
                    f.controller_begins = given_.controller + ": it looks who is there before it starts anybody";
                f.server_keeps_it = f.server_keeps_it && !f.controller_drives;
                if (f.conflict.empty())
                    f.conflict = v.conflict;
                for (const group_status& told : v.groups)
                    for (group_facts& g : f.groups)
                        if (g.id == told.group)
                            g.told = told;
            }
        }
        // Nobody drives what has no configuration, and that is told already.
        f.controller_drives = f.controller_drives || f.compute.groups.empty();
    }

    doctor_options given_;
    doctor_files files_;
    std::shared_ptr<temporal::connection> on_;
    temporal::deployments deployments_;
    temporal::task_queues queues_;
    std::vector<known_worker> workers_{};
    std::optional<read_status> status_{};
};

}  // namespace examples
