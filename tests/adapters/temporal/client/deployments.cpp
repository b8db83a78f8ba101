// SPDX-License-Identifier: BSL-1.0
#include "world.hpp"

#include <mayfly/temporal/deployments.hpp>
#include <mayfly/temporal/task_queues.hpp>

#include <doctest/doctest.h>

#include <map>
#include <optional>
#include <string>
#include <vector>

using namespace client_test;
using mayfly::deployment_version;

namespace {

const deployment_version one{"orders", "1"};
const deployment_version two{"orders", "2"};

mayfly::compute_config lambda()
{
    mayfly::compute_config out;
    auto& group = out.groups["default"];
    group.provider = mayfly::provider_spec{"aws-lambda",
        {{"arn", "arn:aws:lambda:us-east-1:123456789012:function:orders:1"},
            {"role", "arn:aws:iam::123456789012:role/invoke"}, {"role_external_id", "outside"}},
        ""};
    group.scaler = mayfly::scaler_spec{"no-sync", {{"scale_up_cooloff_ms", std::int64_t{200}}}};
    return out;
}

}  // namespace

TEST_CASE("a deployment's life, from its creation to its end")
{
    world w;
    w.run([&]() -> asio::awaitable<void> {
        const deployments d(w.on);
        const routing_options anyway{.ignore_missing_task_queues = true, .allow_no_pollers = true};

        auto [e1, made] = co_await d.async_create("orders", "first", answer);
        require_ok(e1, made.status);
        CHECK(!made.value.empty());
        auto [e2, again] = co_await d.async_create("orders", "first", answer);
        CHECK(!e2);
        auto [e3, other] = co_await d.async_create("orders", "", answer);
        CHECK(e3 == mayfly::grpc::status_code::already_exists);

        const auto compute = lambda();
        auto [e4, v1] = co_await d.async_create_version(one, compute, "", answer);
        require_ok(e4, v1.status);
        const mayfly::compute_config none;
        auto [e5, v2] = co_await d.async_create_version(two, none, "", answer);
        require_ok(e5, v2.status);
        const deployment_version elsewhere{"nobody", "1"};
        auto [e6, lost] = co_await d.async_create_version(elsewhere, none, "", answer);
        CHECK(e6 == mayfly::grpc::status_code::not_found);

        auto [e7, seen] = co_await d.async_describe_version(one, true, answer);
        require_ok(e7, seen.status);
        CHECK(seen.value.version == one);
        CHECK(seen.value.status == mayfly::version_status::created);
        CHECK(seen.value.compute == compute);
        CHECK(seen.value.last_modifier == "me@here");

        auto [e8, current] = co_await d.async_set_current(one, anyway, answer);
        require_ok(e8, current.status);
        CHECK(!current.value.conflict_token.empty());
        CHECK_FALSE(current.value.previous);
        routing_options stale = anyway;
        stale.conflict_token = made.value;
        auto [e9, late] = co_await d.async_set_current(two, stale, answer);
        CHECK(e9 == mayfly::grpc::status_code::failed_precondition);
        auto [e10, ramped] = co_await d.async_set_ramping(two, 25, anyway, answer);
        require_ok(e10, ramped.status);

        auto [e11, all] = co_await d.async_describe("orders", answer);
        REQUIRE(!e11);
        CHECK(all.value.name == "orders");
        CHECK(all.value.routing.current == one);
        CHECK(all.value.routing.ramping == two);
        CHECK(all.value.routing.ramp_percentage == 25);
        CHECK(all.value.versions.size() == 2);
        CHECK(all.value.conflict_token == ramped.value.conflict_token);
        auto [e12, page] = co_await d.async_list("", 0, answer);
        REQUIRE(!e12);
        REQUIRE(page.value.deployments.size() == 1);
        CHECK(page.value.deployments[0].name == "orders");

        auto [e13, kept] = co_await d.async_delete_version(one, false, answer);
        CHECK(e13 == mayfly::grpc::status_code::failed_precondition);
        CHECK(!kept.status.message.empty());
        const deployment_version nobody{"orders", ""};
        auto [e14, off] = co_await d.async_set_ramping(nobody, 0, anyway, answer);
        check_ok(e14, off.status);
        CHECK(off.value.previous_percentage == 25);
        auto [e15, back] = co_await d.async_set_current(nobody, anyway, answer);
        check_ok(e15, back.status);
        CHECK(back.value.previous == one);
        for (const auto& v : {one, two}) {
            auto [ec, gone] = co_await d.async_delete_version(v, true, answer);
            check_ok(ec, gone.status);
        }
        auto [e16, gone] = co_await d.async_delete("orders", answer);
        check_ok(e16, gone.status);
        auto [e17, empty] = co_await d.async_list("", 0, answer);
        CHECK(empty.value.deployments.empty());
    });
}

TEST_CASE("a version's compute config is changed by parts, and what is wrong is said without a change")
{
    world w;
    w.run([&]() -> asio::awaitable<void> {
        const deployments d(w.on);
        auto [e1, made] = co_await d.async_create("orders", "", answer);
        REQUIRE(!e1);
        const auto compute = lambda();
        auto [e2, v1] = co_await d.async_create_version(one, compute, "", answer);
        require_ok(e2, v1.status);

        mayfly::compute_update change;
        auto& group = change.change["default"];
        group.group.scaler = mayfly::scaler_spec{"", {{"scale_up_cooloff_ms", std::int64_t{500}}}};
        group.mask = {"scaler.details"};
        auto [e3, fits] = co_await d.async_validate_compute_config(one, change, answer);
        check_ok(e3, fits.status);
        auto [e4, before] = co_await d.async_describe_version(one, false, answer);
        CHECK(before.value.compute == compute);
        auto [e5, done] = co_await d.async_update_compute_config(one, change, answer);
        check_ok(e5, done.status);
        auto [e6, after] = co_await d.async_describe_version(one, false, answer);
        auto wanted = compute;
        wanted.groups["default"].scaler->details["scale_up_cooloff_ms"] = std::int64_t{500};
        CHECK(after.value.compute == wanted);

        group.mask = {"scaler.colour"};
        auto [e7, wrong] = co_await d.async_validate_compute_config(one, change, answer);
        CHECK(e7 == mayfly::grpc::status_code::invalid_argument);
        CHECK(wrong.status.message.find("scaler.colour") != std::string::npos);
        mayfly::compute_update removal;
        removal.remove = {"default"};
        auto [e8, removed] = co_await d.async_update_compute_config(one, removal, answer);
        check_ok(e8, removed.status);
        auto [e9, bare] = co_await d.async_describe_version(one, false, answer);
        CHECK(bare.value.compute.groups.empty());
    });
}

TEST_CASE("a version has metadata, and a deployment a manager")
{
    world w;
    w.run([&]() -> asio::awaitable<void> {
        const deployments d(w.on);
        auto [e1, made] = co_await d.async_create("orders", "", answer);
        const mayfly::compute_config none;
        auto [e2, v1] = co_await d.async_create_version(one, none, "", answer);
        require_ok(e2, v1.status);

        const data_converter converter;
        std::map<std::string, api::common::Payload> upsert{{"commit", *converter.to_payload(std::string("abc"))},
            {"team", *converter.to_payload(std::string("blue"))}};
        const std::vector<std::string> nothing;
        auto [e3, both] = co_await d.async_update_metadata(one, upsert, nothing, answer);
        require_ok(e3, both.status);
        CHECK(both.value.size() == 2);
        const std::vector<std::string> team{"team"};
        upsert.clear();
        auto [e4, left] = co_await d.async_update_metadata(one, upsert, team, answer);
        CHECK(left.value.size() == 1);
        CHECK(*converter.from_payload<std::string>(left.value.at("commit")) == "abc");

        auto [e5, mine] = co_await d.async_set_manager("orders", std::nullopt, "", answer);
        check_ok(e5, mine.status);
        auto [e6, seen] = co_await d.async_describe("orders", answer);
        CHECK(seen.value.manager == "me@here");
        auto [e7, yours] = co_await d.async_set_manager("orders", "you@there", "", answer);
        check_ok(e7, yours.status);
        CHECK(yours.value.previous == "me@here");
        const routing_options anyway{.ignore_missing_task_queues = true, .allow_no_pollers = true};
        auto [e8, refused] = co_await d.async_set_current(one, anyway, answer);
        CHECK(e8 == mayfly::grpc::status_code::failed_precondition);
        CHECK(refused.status.message.find("you@there") != std::string::npos);
    });
}

TEST_CASE("a queue tells its backlog, its rates, and who polls it")
{
    world w;
    w.run([&]() -> asio::awaitable<void> {
        const client c(w.on);
        const task_queues q(w.on);
        const deployments d(w.on);
        const typed_activity<void()> f{"f"};
        start_options options{.task_queue = "q", .start_to_close = 10s};
        for (const char* id : {"a", "b", "c"}) {
            options.id = id;
            auto [ec, r] = co_await c.async_start(f, {}, options, answer);
            REQUIRE(!ec);
        }
        auto [e1, before] = co_await q.async_describe("q", mayfly::task_type::activity, true, answer);
        require_ok(e1, before.status);
        REQUIRE(before.value.stats);
        CHECK(before.value.stats->backlog == 3);
        CHECK(before.value.stats->add_rate > 0);
        CHECK(before.value.pollers.empty());

        const auto task = co_await w.take();
        CHECK(!task.task_token().empty());
        auto [e2, after] = co_await q.async_describe("q", mayfly::task_type::activity, true, answer);
        CHECK(after.value.stats->backlog == 2);
        REQUIRE(after.value.pollers.size() == 1);
        CHECK(after.value.pollers[0].identity == "worker@here");
        CHECK(after.value.pollers[0].last_access);
        CHECK_FALSE(after.value.pollers[0].version);
        auto [e3, plain] = co_await q.async_describe("q", mayfly::task_type::activity, false, answer);
        CHECK_FALSE(plain.value.stats);
    });
}

TEST_CASE("workers that tell of themselves are listed, described and counted")
{
    world w;
    w.run([&]() -> asio::awaitable<void> {
        const task_queues q(w.on);
        api::RecordWorkerHeartbeatRequest beat;
        beat.set_namespace_("default");
        auto& b = *beat.add_worker_heartbeat();
        b.set_worker_instance_key("key");
        b.set_worker_identity("worker@here");
        b.set_task_queue("q");
        b.set_status(api::enums::WORKER_STATUS_RUNNING);
        b.set_sdk_name("mayfly-cpp");
        b.set_sdk_version("0.1.0");
        b.mutable_host_info()->set_host_name("here");
        *b.mutable_deployment_version() = mayfly::temporal::detail::version_message(one);
        auto [e1, heard] = co_await w.on->async_call(methods::record_worker_heartbeat, beat, answer);
        require_ok(e1, heard.status);

        auto [e2, page] = co_await q.async_list_workers("", "", 0, answer);
        require_ok(e2, page.status);
        REQUIRE(page.value.workers.size() == 1);
        const auto& seen = page.value.workers[0];
        CHECK(seen.instance_key == "key");
        CHECK(seen.identity == "worker@here");
        CHECK(seen.version == one);
        CHECK(seen.status == worker_status::running);
        CHECK(seen.sdk == "mayfly-cpp 0.1.0");
        CHECK(seen.host == "here");
        auto [e3, whole] = co_await q.async_describe_worker("key", answer);
        CHECK(!e3);
        CHECK(whole.value.worker_identity() == "worker@here");
        auto [e4, count] = co_await q.async_count_workers("", answer);
        CHECK(!e4);
        CHECK(count.value == 1);
    });
}
