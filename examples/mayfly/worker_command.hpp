// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "ask_controller.hpp"
#include "findings_output.hpp"
#include "service_remedy.hpp"
#include "target_check.hpp"
#include "worker_options.hpp"
#include "worker_output.hpp"

#include <mayfly/grpc/status.hpp>
#include <mayfly/temporal/compute_store.hpp>
#include <mayfly/temporal/deployments.hpp>
#include <mayfly/temporal/rpc_error.hpp>
#include <mayfly/temporal/stored_compute.hpp>
#include <mayfly/temporal/task_queues.hpp>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/system/error_code.hpp>

#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <iostream>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

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
    case status_code::aborted: return "somebody else changed it at the same time; look at it and try again";
    case status_code::unimplemented: return "the service does not know this call; it may be too old for it";
    default: return {};
    }
}

/// One run of `mayfly worker VERB`.
class worker_run {
public:
    worker_run(worker_arguments given, std::shared_ptr<temporal::connection> on)
        : given_(std::move(given)), on_(std::move(on)), deployments_(on_), queues_(on_)
    {}

    /// The exit status.
    asio::awaitable<int> run()
    {
        switch (given_.verb) {
        case worker_verb::create: co_return co_await create();
        case worker_verb::create_version: co_return co_await create_version();
        case worker_verb::update_compute: co_return co_await update_compute();
        case worker_verb::validate_version: co_return co_await validate_version();
        case worker_verb::describe: co_return co_await describe();
        case worker_verb::describe_version: co_return co_await describe_version();
        case worker_verb::list: co_return co_await list();
        case worker_verb::set_current:
        case worker_verb::set_ramping: co_return co_await route();
        case worker_verb::delete_version: co_return co_await delete_version();
        case worker_verb::remove: co_return co_await remove();
        case worker_verb::update_metadata: co_return co_await update_metadata();
        case worker_verb::set_manager:
        case worker_verb::unset_manager: co_return co_await set_manager();
        case worker_verb::list_workers: co_return co_await list_workers();
        case worker_verb::count_workers: co_return co_await count_workers();
        case worker_verb::describe_worker: break;
        }
        co_return co_await describe_worker();
    }

private:
    using error_code = boost::system::error_code;
    using deployment_reply = temporal::rpc_reply<temporal::deployment_description>;

    static constexpr auto answer = asio::as_tuple(asio::use_awaitable);
    static constexpr const char* group = "default";  ///< The one that the flags are about.

    int refused(const error_code& ec, const mayfly::grpc::status& s) const
    {
        const std::string why = s.ok() ? ec.message() : temporal::describe(s);
        std::string remedy = service_remedy(s, on_->options());
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
            print_line(json::serialize(out));
        }
        return 0;
    }

    // Deployments.

    asio::awaitable<int> create()
    {
        auto [ec, r] = co_await deployments_.async_create(given_.version.deployment, std::string(), answer);
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
        co_return ramp ? co_await set_ramping(how, was) : co_await set_current(how, was);
    }

    asio::awaitable<int> set_current(temporal::routing_options how, temporal::routing was)
    {
        auto [ec, r] = co_await deployments_.async_set_current(given_.version, how, answer);
        if (ec)
            co_return refused(ec, r.status);
        const auto& previous = r.value.previous ? r.value.previous : was.current;
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
        const auto& previous = r.value.previous ? r.value.previous : was.ramping;
        std::array<char, 32> percent{};
        std::snprintf(percent.data(), percent.size(), "%g %%", static_cast<double>(share));
        const json::object more{{"rampPercentage", share}, {"previousBuildID", previous ? previous->build_id : ""},
            {"previousPercentage", r.value.previous_percentage}};
        const std::string before = " (before: " + (previous ? previous->build_id : "no version") + ')';
        if (given_.remove_ramp)
            co_return told(given_.version.deployment + " has no ramp now" + before, more);
        co_return told(name() + (given_.unversioned ? ": workers without a version get " : " gets ") + percent.data() +
                           " of new work now" + before,
            more);
    }

    // Versions.

    [[nodiscard]] temporal::compute_store store() const
    {
        temporal::store_options options{.known = known_compute()};
        if (!given_.skip_validation)
            options.check = [rule = given_.external_id](mayfly::deployment_version, mayfly::compute_config config) {
                return check_all(std::move(config), rule);
            };
        return {on_, std::move(options)};
    }

    static asio::awaitable<mayfly::findings> check_all(
        mayfly::compute_config config, mayfly::aws::external_id_check rule)
    {
        mayfly::findings out;
        const mayfly::aws::validation_options options{.external_id = rule};
        for (const auto& [id, g] : config.groups) {
            if (!g.provider)
                continue;
            auto asked = check_target(*g.provider, options, "groups." + id + ".provider.details");
            mayfly::findings found = co_await std::move(asked);
            out.errors.insert(out.errors.end(), found.errors.begin(), found.errors.end());
            out.warnings.insert(out.warnings.end(), found.warnings.begin(), found.warnings.end());
        }
        co_return out;
    }

    [[nodiscard]] temporal::storage_choice place_of(const mayfly::scaling_group& g) const
    {
        using enum temporal::storage_choice;
        if (given_.place == compute_place::automatic && g.provider && !is_ours(*g.provider))
            return server;
        return given_.place == compute_place::server     ? server
               : given_.place == compute_place::metadata ? metadata
                                                         : automatic;
    }

    asio::awaitable<int> create_version()
    {
        auto [ec, r] = co_await deployments_.async_describe(given_.version.deployment, answer);
        if (ec)
            co_return refused(ec, r.status);
        const bool there = std::any_of(r.value.versions.begin(), r.value.versions.end(),
            [&](const auto& v) { return v.version == given_.version; });
        if (there) {
            mayfly::grpc::status exists{mayfly::grpc::status_code::already_exists, "there is " + name() + " already"};
            co_return refused({}, exists);
        }
        co_return co_await put(given_.compute.apply_to({}), {}, true);
    }

    asio::awaitable<int> update_compute()
    {
        const temporal::compute_store stored = store();
        auto [ec, r] = co_await stored.async_read(given_.version, answer);
        if (ec)
            co_return refused(ec, r.status);
        if (given_.remove_compute) {
            auto [not_removed, gone] = co_await stored.async_remove(given_.version, std::string(), answer);
            if (not_removed)
                co_return refused(not_removed, gone.status);
            if (gone.value.what == mayfly::update_plan::verdict::nothing)
                co_return refused(name() + " has no compute configuration to remove");
            co_return told(name() + ": nothing starts workers for it any more", {{"done", "removed"}});
        }
        const auto& groups = r.value.compute.config.groups;
        const auto at = groups.find(group);
        const bool is_there = r.value.kept_in != temporal::compute_storage::none;
        co_return co_await put(given_.compute.apply_to(at == groups.end() ? mayfly::scaling_group{} : at->second),
            is_there ? r.value.compute.conflict_token() : std::string(), false);
    }

    asio::awaitable<int> put(mayfly::checked<group_from_flags> made, std::string token, bool create)
    {
        if (!made)
            co_return refused(to_string(made.problems()));
        mayfly::compute_update change;
        change.change[group] = {made->group, made->mask};
        change.conflict_token = std::move(token);
        const temporal::put_options how{.create_version = create, .storage = place_of(made->group)};
        const temporal::compute_store stored = store();
        auto [ec, r] = co_await stored.async_put(given_.version, change, how, answer);
        warn(r.value.found.warnings);
        if (ec)
            co_return refused(ec, r.status);
        if (!create && r.value.what == mayfly::update_plan::verdict::nothing)
            co_return told(name() + ": all is as it was", {{"done", "nothing"}});
        if (!given_.skip_validation) {
            temporal::validation_record checked{"", std::chrono::system_clock::now(), on_->options().identity};
            auto [not_noted, n] = co_await stored.async_note_validation(given_.version, checked, answer);
            if (not_noted)
                std::fprintf(stderr, "mayfly worker: warning: the validation was not noted: %s\n",
                    temporal::describe(n.status).c_str());
        }
        const json::object more{{"done", create ? "created" : "updated"},
            {"computeConfig", to_json(r.value.after.compute.config)}, {"keptIn", to_string(r.value.after.kept_in)}};
        if (create)
            co_return told("created version " + name() + "; no work goes to it before set-current-version", more);
        co_return told("changed what runs the workers of " + name(), more);
    }

    asio::awaitable<int> validate_version()
    {
        const temporal::compute_store stored = store();
        auto [ec, r] = co_await stored.async_read(given_.version, answer);
        if (ec)
            co_return refused(ec, r.status);
        mayfly::compute_config config = r.value.compute.config;
        mayfly::findings found{.errors = r.value.wrong};
        if (!given_.compute.empty()) {
            const auto made = given_.compute.apply_to(config.groups[group]);
            if (!made)
                co_return refused(to_string(made.problems()));
            config.groups[group] = made->group;
            found.errors.clear();
        } else if (config.groups.empty() && found.errors.empty()) {
            co_return refused(name() + " has no compute configuration; say what it shall be, or create one with "
                                       "update-version-compute-config");
        }
        const auto gather = [&found](const mayfly::findings& more) {
            found.errors.insert(found.errors.end(), more.errors.begin(), more.errors.end());
            found.warnings.insert(found.warnings.end(), more.warnings.begin(), more.warnings.end());
        };
        gather(mayfly::check(config, known_compute()));
        if (found.errors.empty()) {
            found.warnings = mayfly::check_code(given_.version, config, {}, known_compute());
            if (!given_.skip_validation) {
                auto asked = check_all(std::move(config), given_.external_id);
                gather(co_await std::move(asked));
            }
        }
        co_return print_findings(found, given_.output, name() + ": all is well");
    }

    asio::awaitable<int> delete_version()
    {
        auto [ec, r] = co_await deployments_.async_delete_version(given_.version, given_.skip_drainage, answer);
        co_return ec ? refused(ec, r.status) : told("deleted version " + name(), {{"done", "deleted"}});
    }

    asio::awaitable<int> update_metadata()
    {
        std::map<std::string, temporal::api::common::Payload> upsert;
        for (const auto& [key, value] : given_.metadata)
            upsert[key] = temporal::json_payload(json::serialize(value));
        auto [ec, r] =
            co_await deployments_.async_update_metadata(given_.version, upsert, given_.remove_entries, answer);
        if (ec)
            co_return refused(ec, r.status);
        const json::object notes = notes_json(r.value);
        if (given_.output == output_format::text)
            print(notes, output_format::text);
        else
            print({{"metadata", notes}}, given_.output);
        co_return 0;
    }

    // A version, whole.

    asio::awaitable<int> describe_version()
    {
        auto [ec, r] = co_await deployments_.async_describe_version(given_.version, given_.stats, answer);
        if (ec)
            co_return refused(ec, r.status);
        const temporal::version_record record = temporal::read_version(r.value, {});
        json::object d = to_json(r.value);
        if (!record.compute.config.groups.empty())
            d["computeConfig"] = to_json(record.compute.config);
        if (record.kept_in != temporal::compute_storage::none)
            d["computeKeptIn"] = to_string(record.kept_in);
        if (!record.wrong.empty())
            d["computeProblems"] = to_string(record.wrong);
        if (record.validation)
            d["validation"] = {{"error", record.validation->error}, {"checked", shown(record.validation->checked)},
                {"by", record.validation->by}};
        if (record.controller)
            d["drivenBy"] = {{"name", record.controller->name}, {"identity", record.controller->identity},
                {"since", shown(record.controller->since)}};
        auto asked = live_workers(r.value.queues);
        d["workers"] = co_await std::move(asked);
        if (!given_.controller.empty()) {
            auto status = ask_controller(
                given_.controller, {on_->options().name_space, given_.version.deployment, given_.version.build_id});
            d["controller"] = controller_json(co_await std::move(status));
        }
        if (given_.output == output_format::text)
            print_version(d);
        else
            print(d, given_.output);
        co_return 0;
    }

    /// Who polls as this version, or did within the last minutes.
    asio::awaitable<json::array> live_workers(std::vector<temporal::version_queue> of)
    {
        constexpr std::size_t most_queues = 20;
        std::map<std::string, json::object> found;
        for (std::size_t i = 0; i < of.size() && i < most_queues; ++i) {
            const auto& q = of[i];
            auto [ec, r] = co_await queues_.async_describe(q.name, q.type, false, answer);
            if (ec)
                continue;
            for (const auto& p : r.value.pollers) {
                if (p.version != given_.version)
                    continue;
                json::object& w = found[p.identity];
                const json::value seen = shown(p.last_access);
                if (w.empty())
                    w = {{"identity", p.identity}, {"lastAccessTime", seen}, {"taskQueues", json::array()}};
                // RFC 3339 in UTC sorts as time does.
                if (as_text(w["lastAccessTime"]) < as_text(seen))
                    w["lastAccessTime"] = seen;
                w["taskQueues"].as_array().emplace_back(q.name + " (" + std::string(to_string(q.type)) + ')');
            }
        }
        json::array out;
        for (auto& [identity, w] : found)
            out.push_back(std::move(w));
        co_return out;
    }

    json::object controller_json(const read_status& status) const
    {
        if (!status.error.empty())
            return {{"error", given_.controller + ": " + status.error}};
        for (const auto& n : status.value.namespaces)
            for (const auto& v : n.versions) {
                if (v.deployment != given_.version.deployment || v.build_id != given_.version.build_id)
                    continue;
                json::array groups;
                for (const auto& g : v.groups) {
                    json::array decisions;
                    for (const auto& one : g.decisions)
                        decisions.push_back(
                            {{"at", one.at}, {"event", to_string(one.event)}, {"reason", to_string(one.reason)},
                                {"launch", one.launch}, {"heldBack", one.held_back}, {"detail", one.detail}});
                    groups.push_back({{"group", g.group}, {"verdict", to_string(g.standing)},
                        {"symptom", to_string(g.symptom)}, {"message", g.message}, {"since", g.since.value_or("")},
                        {"live", g.fleet.live}, {"starting", g.fleet.starting}, {"decisions", std::move(decisions)}});
                }
                return {{"identity", status.value.identity}, {"driven", v.driven}, {"conflict", v.conflict},
                    {"groups", std::move(groups)}};
            }
        return {{"error", given_.controller + ": this controller does not know " + name()}};
    }

    void print_version(const json::object& d) const
    {
        json::object card = d;
        card["drainageStatus"] = d.at("drainageInfo").at("drainageStatus");
        if (d.at("drainageInfo").at("drainageStatus") == "unspecified")
            card.erase("drainageStatus");
        if (!d.at("metadata").as_object().empty())
            card["metadata"] = json::serialize(d.at("metadata"));
        if (const auto* compute = d.if_contains("computeConfig"))
            for (const auto& g : compute->at("scalingGroups").as_object()) {
                const std::string in = g.key() == group ? "" : std::string(g.key()) + ": ";
                card["computeConfigSummary"] = in + summary_of(g.value().as_object());
                if (const auto* p = g.value().as_object().if_contains("provider"))
                    for (const auto& detail : p->at("details").as_object())
                        card["provider " + std::string(detail.key())] = detail.value();
            }
        if (const auto* v = d.if_contains("validation"))
            card["validation"] = (as_text(v->at("error")).empty() ? "well" : as_text(v->at("error"))) + ", looked at " +
                                 as_text(v->at("checked")) + " by " + as_text(v->at("by"));
        if (const auto* c = d.if_contains("drivenBy"))
            card["drivenBy"] = as_text(c->at("name")) + ", " + as_text(c->at("identity"));
        print_card(card);
        print_queues(d.at("taskQueuesInfos").as_array(), given_.stats);
        json::array workers = d.at("workers").as_array();
        for (auto& w : workers) {
            std::string all;
            for (const auto& q : w.at("taskQueues").as_array())
                all += (all.empty() ? "" : ", ") + as_text(q);
            w.as_object()["taskQueues"] = all;
        }
        print_rows("Workers:", workers,
            {{"Identity", "/identity"}, {"LastAccessTime", "/lastAccessTime"}, {"TaskQueues", "/taskQueues"}});
        if (const auto* c = d.if_contains("controller"))
            print_verdict(c->as_object());
    }

    static void print_verdict(const json::object& c)
    {
        print_line("\nController:");
        if (const auto* wrong = c.if_contains("error"))
            return print_line(as_text(*wrong));
        if (!as_text(c.at("conflict")).empty())
            print_line(as_text(c.at("conflict")));
        for (const auto& g : c.at("groups").as_array()) {
            print_line(as_text(g.at("group")) + ": " + as_text(g.at("verdict")) + ", " + as_text(g.at("symptom")) +
                       (as_text(g.at("since")).empty() ? "" : " since " + as_text(g.at("since"))));
            if (!as_text(g.at("message")).empty())
                print_line("  " + as_text(g.at("message")));
            print_rows("Last decisions:", g.at("decisions").as_array(),
                {{"At", "/at"}, {"Event", "/event"}, {"Reason", "/reason"}, {"Launch", "/launch"},
                    {"HeldBack", "/heldBack"}, {"Detail", "/detail"}});
        }
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

    worker_arguments given_;
    std::shared_ptr<temporal::connection> on_;
    temporal::deployments deployments_;
    temporal::task_queues queues_;
};

}  // namespace examples
