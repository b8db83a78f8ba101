// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/compute_update.hpp>
#include <mayfly/http/spawn.hpp>
#include <mayfly/temporal/activity_requests.hpp>
#include <mayfly/temporal/compute_store_options.hpp>
#include <mayfly/temporal/connection.hpp>
#include <mayfly/temporal/deployments.hpp>
#include <mayfly/temporal/detail/online_check.hpp>
#include <mayfly/temporal/detail/requests.hpp>
#include <mayfly/temporal/detail/unique_key.hpp>
#include <mayfly/temporal/read_version.hpp>
#include <mayfly/temporal/stored_compute.hpp>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/json/serialize.hpp>
#include <boost/json/value.hpp>
#include <boost/system/error_code.hpp>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace mayfly::temporal::detail {

/// Whether the server can keep all of it.
[[nodiscard]] inline problems problems_of_server_storage(const compute_config& config)
{
    problems out;
    for (const auto& [id, group] : config.groups)
        if (group.limits != scaling_limits{})
            out.push_back({"groups." + id + ".limits", "",
                "a server keeps no limits in its compute configuration; keep this one in metadata, or leave them out"});
    return out;
}

/// Whether a server refused a configuration because it does not know or allow what it names, or takes none at all.
[[nodiscard]] inline bool takes_no_such_config(const grpc::status& s)
{
    if (s.code == grpc::status_code::unimplemented)
        return true;
    if (s.code != grpc::status_code::invalid_argument)
        return false;
    for (const char* const words : {"Could not instantiate compute provider", "invalid scaling algorithm type",
             "unknown default scaling algorithm", "not known here", "not enabled here"})
        if (s.message.find(words) != std::string::npos)
            return true;
    return false;
}

/// The change that makes a whole configuration, of a version that has none.
[[nodiscard]] inline compute_update whole_update(const compute_config& config, const std::string& request_id)
{
    compute_update out{.request_id = request_id};
    for (const auto& [id, group] : config.groups)
        out.change[id].group = group;
    return out;
}

/// What a store does, step by step. Each coroutine keeps it alive through whoever began that.
class store_work {
public:
    template <class T>
    using reply = http::outcome<rpc_reply<T>>;
    template <class T>
    using task = boost::asio::awaitable<T>;
    using error_code = boost::system::error_code;

    store_work(std::shared_ptr<connection> on, store_options options)
        : on_(std::move(on)), options_(std::move(options)), deployments_(on_)
    {}

    [[nodiscard]] const store_options& options() const noexcept { return options_; }
    [[nodiscard]] boost::asio::any_io_executor get_executor() const { return on_->get_executor(); }

    task<reply<version_record>> read(deployment_version version) const
    {
        co_await boost::asio::this_coro::throw_if_cancelled(false);
        auto [ec, r] = co_await deployments_.async_describe_version(version, false, answer);
        reply<version_record> out{ec, {std::move(r.status), {}}};
        if (!ec)
            out.value.value = read_version(r.value, options_.role);
        co_return out;
    }

    task<reply<put_result>> put(deployment_version version, compute_update change, put_options how) const
    {
        co_await boost::asio::this_coro::throw_if_cancelled(false);
        if (change.request_id.empty())
            change.request_id = unique_key();
        put_result result;
        const auto names = check_names(version);
        if (!names.empty())
            co_return refused(grpc::status_code::invalid_argument, names, std::move(result));

        auto before = co_await read(version);
        const bool exists = !before.ec;
        if (before.ec && (before.ec != grpc::status_code::not_found || !how.create_version))
            co_return failed<put_result>(before.ec, before.value.status);
        result.before = exists ? std::move(before.value.value) : version_record{.version = version};
        result.before.compute.revision = exists ? result.before.compute.revision : 0;
        const bool again = is_remembered(result.before, change.request_id);
        if (how.create_version && exists && !again)
            co_return refused(grpc::status_code::already_exists,
                problems{{"build_id", '"' + version.build_id + '"',
                    "there is such a version already; change its configuration instead"}},
                std::move(result));
        if (again) {
            result.after = result.before;
            co_return agreed(std::move(result));
        }
        const auto managed = co_await manager_of(version.deployment);
        const bool make_deployment = managed.ec == grpc::status_code::not_found && how.create_deployment;
        if (managed.ec && !make_deployment)
            co_return failed<put_result>(managed.ec, managed.value.status);
        if (!managed.value.value.empty())
            co_return refused(grpc::status_code::failed_precondition, managed.value.value, std::move(result));
        if (!result.before.wrong.empty()) {
            auto lost = not_understood(result.before);
            co_return refused(grpc::status_code::failed_precondition, std::move(lost), std::move(result));
        }

        const bool has_one = result.before.kept_in != compute_storage::none;
        update_plan plan;
        // A version may come without a configuration, and a configuration move as it is.
        const bool as_it_is = how.create_version || (has_one && how.storage != storage_choice::automatic);
        if (!(as_it_is && change.change.empty() && change.remove.empty()))
            plan = plan_update(has_one ? &result.before.compute : nullptr, change, options_.known);
        result.what = plan.what;
        result.found = {without_secrets(plan.found.errors), without_secrets(plan.found.warnings)};
        result.reset = plan.reset;
        if (plan.refused())
            co_return refused(plan.what == update_plan::verdict::invalid_argument
                                  ? grpc::status_code::invalid_argument
                                  : grpc::status_code::failed_precondition,
                plan.found.errors, std::move(result));
        if (plan.what == update_plan::verdict::end && !how.only_check)
            co_return co_await remove_from(std::move(result), storage_choice::automatic);

        const compute_storage to = place_for(result.before, plan, how.storage);
        const bool moves = has_one && to != result.before.kept_in;
        if (plan.what == update_plan::verdict::nothing && moves) {
            result.what = update_plan::verdict::change;
            plan.record = result.before.compute;
        }
        const bool stores =
            moves || plan.what == update_plan::verdict::create || plan.what == update_plan::verdict::change;
        if (stores && to == compute_storage::server && how.storage == storage_choice::server) {
            auto unfit = problems_of_server_storage(plan.record.config);
            if (!unfit.empty())
                co_return refused(grpc::status_code::invalid_argument, std::move(unfit), std::move(result));
        }
        if (stores && options_.check) {
            const auto asked = co_await ask_online(
                options_.check, version, plan.record.config, std::chrono::milliseconds(options_.check_within));
            if (asked.ec)
                co_return failed<put_result>(asked.ec, {});
            const auto& found = asked.value;
            if (!found)
                co_return refused(grpc::status_code::deadline_exceeded,
                    problems{{"provider", "",
                        "did not answer within " + std::to_string(options_.check_within.count()) +
                            " s whether this would work; nothing was stored, try again"}},
                    std::move(result));
            result.found.warnings.insert(result.found.warnings.end(), found->warnings.begin(), found->warnings.end());
            result.found.warnings = without_secrets(std::move(result.found.warnings));
            if (!found->errors.empty())
                co_return refused(grpc::status_code::invalid_argument, found->errors, std::move(result));
        }
        if (how.only_check || (!stores && !how.create_version)) {
            result.after = result.before;
            result.after.compute = stores ? plan.record : result.before.compute;
            co_return agreed(std::move(result));
        }
        if (make_deployment) {
            const std::string any;
            auto [ec, made] = co_await deployments_.async_create(version.deployment, any, answer);
            if (ec && ec != grpc::status_code::already_exists)
                co_return failed<put_result>(ec, made.status);
        }
        co_return co_await store(
            std::move(result), std::move(plan.record), change, how, stores ? to : compute_storage::none);
    }

    task<reply<put_result>> remove(deployment_version version, remove_options how) const
    {
        co_await boost::asio::this_coro::throw_if_cancelled(false);
        auto before = co_await read(version);
        if (before.ec)
            co_return failed<put_result>(before.ec, before.value.status);
        put_result result;
        result.before = std::move(before.value.value);
        if (!how.conflict_token.empty() && how.conflict_token != result.before.compute.conflict_token())
            co_return refused(grpc::status_code::failed_precondition,
                problems{{"conflict_token", '"' + how.conflict_token + '"',
                    "the configuration was changed in the meantime; read it again"}},
                std::move(result));
        const auto managed = co_await manager_of(version.deployment);
        if (managed.ec)
            co_return failed<put_result>(managed.ec, managed.value.status);
        if (!managed.value.value.empty())
            co_return refused(grpc::status_code::failed_precondition, managed.value.value, std::move(result));
        co_return co_await remove_from(std::move(result), how.storage);
    }

    task<reply<done>> note_validation(deployment_version version, validation_record record) const
    {
        co_await boost::asio::this_coro::throw_if_cancelled(false);
        metadata upsert{{std::string(validation_key), json_payload(write_validation(record))}};
        std::vector<std::string> gone;
        co_return co_await change_metadata(std::move(version), std::move(upsert), std::move(gone));
    }

    task<reply<done>> note_controller(deployment_version version, controller_record record) const
    {
        co_await boost::asio::this_coro::throw_if_cancelled(false);
        metadata upsert;
        std::vector<std::string> gone;
        if (record.name.empty())
            gone.emplace_back(controller_key);
        else
            upsert.emplace(controller_key, json_payload(write_controller(record)));
        co_return co_await change_metadata(std::move(version), std::move(upsert), std::move(gone));
    }

private:
    using metadata = std::map<std::string, api::common::Payload>;

    static constexpr auto answer = boost::asio::as_tuple(boost::asio::use_awaitable);

    template <class T>
    static reply<T> failed(error_code ec, grpc::status status)
    {
        return {ec, {std::move(status), {}}};
    }
    static reply<put_result> agreed(put_result result) { return {{}, {{}, std::move(result)}}; }
    static reply<put_result> refused(grpc::status_code code, problems why, put_result result)
    {
        why = without_secrets(std::move(why));
        grpc::status status{code, to_string(why), {}};
        result.found.errors = std::move(why);
        result.what = code == grpc::status_code::invalid_argument ? update_plan::verdict::invalid_argument
                                                                  : update_plan::verdict::failed_precondition;
        return {make_error_code(code), {std::move(status), std::move(result)}};
    }
    static problems not_understood(const version_record& r)
    {
        problems out = r.wrong;
        out.push_back({std::string(compute_key), "", "what is stored is not understood; remove it first"});
        return out;
    }
    [[nodiscard]] static bool is_remembered(const version_record& r, const std::string& id)
    {
        const auto& all = r.compute.requests;
        return std::find(all.begin(), all.end(), id) != all.end();
    }
    [[nodiscard]] compute_storage place_for(
        const version_record& before, const update_plan& plan, storage_choice choice) const
    {
        if (choice != storage_choice::automatic)
            return choice == storage_choice::server ? compute_storage::server : compute_storage::metadata;
        if (before.kept_in != compute_storage::none)
            return before.kept_in;
        return options_.role.server_controller_is_off && problems_of_server_storage(plan.record.config).empty()
                   ? compute_storage::server
                   : compute_storage::metadata;
    }

    /// Why this deployment must not be changed from here; nothing if it may.
    task<reply<problems>> manager_of(std::string name) const
    {
        auto [ec, r] = co_await deployments_.async_describe(name, answer);
        reply<problems> out{ec, {std::move(r.status), {}}};
        const std::string& me = on_->options().identity;
        if (!ec && !r.value.manager.empty() && r.value.manager != me)
            out.value.value.push_back({"identity", '"' + me + '"',
                "deployment \"" + name + "\" is managed by \"" + r.value.manager +
                    "\"; change it as that one, or set another manager first"});
        co_return out;
    }

    task<reply<done>> change_metadata(deployment_version version, metadata upsert, std::vector<std::string> gone) const
    {
        auto [ec, r] = co_await deployments_.async_update_metadata(version, upsert, gone, answer);
        co_return failed<done>(ec, std::move(r.status));
    }

    /// Stores a record that nothing speaks against any more.
    task<reply<put_result>> store(
        put_result result, compute_record record, compute_update change, put_options how, compute_storage to) const
    {
        const deployment_version version = result.before.version;
        const compute_storage from = result.before.kept_in;
        bool exists = !how.create_version;
        if (to == compute_storage::server) {
            auto made = co_await store_in_server(result, record, change, exists);
            // Nobody insists on the server: then its metadata will do.
            if (made.ec && from == compute_storage::none && how.storage == storage_choice::automatic &&
                takes_no_such_config(made.value.status))
                to = compute_storage::metadata;
            else if (made.ec)
                co_return with(made, std::move(result));
            else
                exists = true;
        }
        if (!exists) {
            const compute_config none;
            auto [ec, r] = co_await deployments_.async_create_version(version, none, change.request_id, answer);
            if (ec)
                co_return failed<put_result>(ec, std::move(r.status));
        }
        if (to == compute_storage::metadata) {
            auto made = co_await store_in_metadata(result, record, change);
            if (made.ec && how.create_version)
                made.value.status.message += "; the version was created, its configuration was not stored";
            if (made.ec)
                co_return with(made, std::move(result));
        }
        if (from != compute_storage::none && from != to) {
            auto left = co_await take_out(result.before, from);
            if (left.ec) {
                left.value.status.message += "; it is stored in " + std::string(to_string(to)) +
                                             " now, and was not removed from " + std::string(to_string(from));
                co_return with(left, std::move(result));
            }
        }
        const std::string wanted = to == compute_storage::metadata ? change.request_id : std::string();
        co_return co_await conclude(std::move(result), wanted);
    }

    static reply<put_result> with(const reply<done>& failure, put_result result)
    {
        return {failure.ec, {failure.value.status, std::move(result)}};
    }

    task<reply<done>> store_in_server(
        const put_result& result, compute_record record, compute_update change, bool exists) const
    {
        const deployment_version version = result.before.version;
        if (!exists) {
            auto [ec, r] =
                co_await deployments_.async_create_version(version, record.config, change.request_id, answer);
            co_return failed<done>(ec, std::move(r.status));
        }
        if (result.before.kept_in != compute_storage::server)
            change = whole_update(record.config, change.request_id);
        auto [ec, r] = co_await deployments_.async_update_compute_config(version, change, answer);
        co_return failed<done>(ec, std::move(r.status));
    }

    task<reply<done>> store_in_metadata(
        const put_result& result, compute_record record, const compute_update& change) const
    {
        const deployment_version version = result.before.version;
        if (result.before.kept_in != compute_storage::metadata) {
            // Another one than that of any record before, which may have been removed.
            const auto now = std::chrono::system_clock::now().time_since_epoch();
            record.revision =
                static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::milliseconds>(now).count());
            record.requests = {change.request_id};
        }
        std::string text = write_compute(record);
        if (text.size() > largest_stored_compute)
            co_return failed<done>(make_error_code(grpc::status_code::invalid_argument),
                {grpc::status_code::invalid_argument,
                    "the configuration has " + std::to_string(text.size()) + " bytes; metadata takes at most " +
                        std::to_string(largest_stored_compute),
                    {}});
        auto now = co_await read(version);
        if (now.ec && now.ec != grpc::status_code::not_found)
            co_return failed<done>(now.ec, now.value.status);
        if (!now.ec && now.value.value.compute.revision != result.before.compute.revision)
            co_return overtaken();
        metadata upsert{{std::string(compute_key), json_payload(std::move(text))}};
        std::vector<std::string> gone;
        if (options_.check)
            upsert.emplace(validation_key,
                json_payload(write_validation(
                    {.error = "", .checked = wall_clock_time(std::chrono::system_clock::now()), .by = identity()})));
        else
            gone.emplace_back(validation_key);
        co_return co_await change_metadata(version, std::move(upsert), std::move(gone));
    }

    [[nodiscard]] const std::string& identity() const noexcept { return on_->options().identity; }

    static reply<done> overtaken()
    {
        grpc::status status{grpc::status_code::aborted,
            "somebody else has changed the configuration at the same time; read it again, and make the change on top "
            "of that",
            {}};
        return failed<done>(make_error_code(status.code), std::move(status));
    }

    task<reply<put_result>> remove_from(put_result result, storage_choice where) const
    {
        const bool any = result.before.kept_in != compute_storage::none;
        const bool server = any && where != storage_choice::metadata;
        const bool own = result.before.kept_in == compute_storage::metadata && where != storage_choice::server;
        if (server) {
            auto gone = co_await take_out(result.before, compute_storage::server);
            if (gone.ec)
                co_return with(gone, std::move(result));
        }
        if (own) {
            auto gone = co_await take_out(result.before, compute_storage::metadata);
            if (gone.ec)
                co_return with(gone, std::move(result));
        }
        result.what = server || own ? update_plan::verdict::end : update_plan::verdict::nothing;
        const std::string nothing;
        co_return co_await conclude(std::move(result), nothing);
    }

    task<reply<done>> take_out(const version_record& record, compute_storage from) const
    {
        const deployment_version version = record.version;
        if (from == compute_storage::metadata) {
            std::vector<std::string> gone{
                std::string(compute_key), std::string(validation_key), std::string(controller_key)};
            const metadata nothing;
            co_return co_await change_metadata(version, nothing, std::move(gone));
        }
        auto [e1, seen] = co_await deployments_.async_describe_version(version, false, answer);
        if (e1)
            co_return failed<done>(e1, std::move(seen.status));
        compute_update change{.request_id = unique_key()};
        for (const auto& [id, group] : seen.value.compute.groups)
            change.remove.push_back(id);
        if (change.remove.empty())
            co_return reply<done>{};
        auto [e2, r] = co_await deployments_.async_update_compute_config(version, change, answer);
        co_return failed<done>(e2, std::move(r.status));
    }

    /// Reads what has come of it, and tells a registry.
    task<reply<put_result>> conclude(put_result result, std::string wanted) const
    {
        const deployment_version version = result.before.version;
        auto after = co_await read(version);
        if (after.ec)
            co_return reply<put_result>{after.ec, {after.value.status, std::move(result)}};
        result.after = std::move(after.value.value);
        if (!wanted.empty() && !is_remembered(result.after, wanted))
            co_return with(overtaken(), std::move(result));
        co_await send_note(version);
        co_return agreed(std::move(result));
    }

    /// A task for whoever watches this namespace. If it does not come through, he sees the change when he looks.
    task<void> send_note(deployment_version version) const
    {
        if (options_.notes_queue.empty())
            co_return;
        start_options o;
        o.task_queue = options_.notes_queue;
        o.schedule_to_close = std::chrono::minutes{1};
        o.conflict = id_conflict::use_existing;
        auto request = start_request("mayfly.changed", o);
        request.set_namespace_(on_->options().name_space);
        request.set_identity(identity());
        request.set_request_id(unique_key());
        request.set_activity_id("mayfly-changed:" + version.deployment + ':' + version.build_id);
        for (const std::string* const name : {&version.deployment, &version.build_id})
            *request.mutable_input()->add_payloads() = json_payload(boost::json::serialize(boost::json::value(*name)));
        rpc_options own;
        own.timeout = std::chrono::seconds{2};
        own.retry = grpc::retry_policy::none();
        auto [ec, r] = co_await on_->async_call(methods::start_activity_execution, request, std::move(own), answer);
    }

    std::shared_ptr<connection> on_;
    store_options options_;
    deployments deployments_;
};

}  // namespace mayfly::temporal::detail
