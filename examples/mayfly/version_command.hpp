// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "ask_controller.hpp"
#include "findings_output.hpp"
#include "target_check.hpp"
#include "version_output.hpp"
#include "worker_call.hpp"

#include <mayfly/compute_config.hpp>
#include <mayfly/temporal/compute_store.hpp>
#include <mayfly/temporal/stored_compute.hpp>

#include <boost/asio/awaitable.hpp>
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>

#include <chrono>
#include <cstddef>
#include <cstdio>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace examples {

/// One run of a command about one version.
class version_run : worker_call {
public:
    version_run(worker_arguments given, std::shared_ptr<temporal::connection> on)
        : worker_call(std::move(given), std::move(on))
    {}

    /// The exit status.
    asio::awaitable<int> run()
    {
        switch (given_.verb) {
        case worker_verb::create_version: co_return co_await create_version();
        case worker_verb::update_compute: co_return co_await update_compute();
        case worker_verb::validate_version: co_return co_await validate_version();
        case worker_verb::delete_version: co_return co_await delete_version();
        case worker_verb::update_metadata: co_return co_await update_metadata();
        default: break;
        }
        co_return co_await describe_version();
    }

private:
    static constexpr const char* group = "default";  ///< The one that the flags are about.

    [[nodiscard]] temporal::compute_store store() const
    {
        temporal::store_options options{.known = known_compute(),
            .role = {.controller = {}, .server_controller_is_off = given_.server_controller_is_off}};
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
        auto made = given_.compute.apply_to({});
        auto asked = put(std::move(made), std::string(), true);
        co_return co_await std::move(asked);
    }

    asio::awaitable<int> update_compute()
    {
        const temporal::compute_store stored = store();
        auto [ec, r] = co_await stored.async_read(given_.version, answer);
        if (ec)
            co_return refused(ec, r.status);
        if (given_.remove_compute) {
            const temporal::remove_options from{.storage = place_of({})};
            auto [not_removed, gone] = co_await stored.async_remove(given_.version, from, answer);
            if (not_removed)
                co_return refused(not_removed, gone.status);
            if (gone.value.what == mayfly::update_plan::verdict::nothing)
                co_return refused(name() + " has no compute configuration to remove");
            co_return told(name() + ": nothing starts workers for it any more", {{"done", "removed"}});
        }
        const auto& groups = r.value.compute.config.groups;
        const auto at = groups.find(group);
        auto made = given_.compute.apply_to(at == groups.end() ? mayfly::scaling_group{} : at->second);
        std::string token;
        if (r.value.kept_in != temporal::compute_storage::none)
            token = r.value.compute.conflict_token();
        auto asked = put(std::move(made), std::move(token), false);
        co_return co_await std::move(asked);
    }

    asio::awaitable<int> put(mayfly::checked<group_from_flags> made, std::string token, bool create)
    {
        if (!made)
            co_return refused(to_string(made.problems()));
        if (given_.place == compute_place::metadata && made->group.provider && !is_ours(*made->group.provider))
            co_return refused("--storage metadata: only mayfly reads that, and it does not start workers by \"" +
                              made->group.provider->type +
                              "\"; a cluster whose own controller does takes --storage server");
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
                const mayfly::findings online = co_await std::move(asked);
                gather(online);
            }
        }
        co_return print_findings(found, given_.output, name() + ": all is well");
    }

    asio::awaitable<int> delete_version()
    {
        // Servers delete what is not there too, and say that all is well.
        auto [missing, before] = co_await deployments_.async_describe_version(given_.version, false, answer);
        if (missing)
            co_return refused(missing, before.status);
        auto [ec, r] = co_await deployments_.async_delete_version(given_.version, given_.skip_drainage, answer);
        co_return ec ? refused(ec, r.status) : told("deleted version " + name(), {{"done", "deleted"}});
    }

    asio::awaitable<int> update_metadata()
    {
        std::map<std::string, temporal::api::common::Payload> upsert;
        for (const auto& [key, value] : given_.metadata)
            upsert[key] = temporal::json_payload(json::serialize(value));
        auto [missing, before] = co_await deployments_.async_describe_version(given_.version, false, answer);
        if (missing)
            co_return refused(missing, before.status);
        auto [ec, r] =
            co_await deployments_.async_update_metadata(given_.version, upsert, given_.remove_entries, answer);
        if (ec)
            co_return refused(ec, r.status);
        json::array removed;
        for (const std::string& key : given_.remove_entries)
            if (before.value.metadata.contains(key) && !r.value.contains(key))
                removed.emplace_back(key);
        const json::object notes = notes_json(r.value);
        if (given_.output != output_format::text) {
            print({{"metadata", notes}, {"removed", removed}}, given_.output);
            co_return 0;
        }
        for (const json::value& key : removed)
            print_line("removed " + as_text(key));
        print(notes, output_format::text);
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
        json::array workers = co_await std::move(asked);
        d["workers"] = std::move(workers);
        if (!given_.controller.empty()) {
            auto status = ask_controller(
                given_.controller, {on_->options().name_space, given_.version.deployment, given_.version.build_id});
            const read_status told_there = co_await std::move(status);
            d["controller"] = controller_json(told_there, given_.controller, on_->options().name_space, given_.version);
        }
        if (given_.output == output_format::text)
            print_version(d, given_.stats);
        else
            print(d, given_.output);
        co_return 0;
    }

    /// Who polls as this version.
    asio::awaitable<json::array> live_workers(std::vector<temporal::version_queue> of)
    {
        constexpr std::size_t most_queues = 20;
        version_workers found;
        for (std::size_t i = 0; i < of.size() && i < most_queues; ++i) {
            const auto& q = of[i];
            auto [ec, r] = co_await queues_.async_describe(q.name, q.type, false, answer);
            const auto now = std::chrono::floor<std::chrono::milliseconds>(std::chrono::system_clock::now());
            if (!ec)
                found.note(r.value.pollers, q.name + " (" + std::string(to_string(q.type)) + ')', given_.version, now);
        }
        co_return std::move(found).as_json();
    }
};

}  // namespace examples
