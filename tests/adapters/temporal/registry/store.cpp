// SPDX-License-Identifier: BSL-1.0
#include "world.hpp"

#include <mayfly/temporal/compute_store.hpp>
#include <mayfly/temporal/embedded/compute_kinds.hpp>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/steady_timer.hpp>

#include <doctest/doctest.h>

#include <string>

using namespace registry_test;
using mayfly::findings;
using mayfly::update_plan;
using mayfly::grpc::status_code;

namespace {

store_options usual()
{
    store_options o;
    o.known = mayfly::temporal::embedded::compute_kinds;
    o.notes_queue.clear();
    return o;
}

const put_options creating{.create_version = true, .create_deployment = true};

asio::awaitable<put_result> put(const compute_store& s, deployment_version v, mayfly::compute_update change,
    put_options how, status_code wanted = status_code::ok)
{
    auto [ec, r] = co_await s.async_put(v, change, how, answer);
    const auto& said = r.status;
    CHECK_MESSAGE(said.code == wanted, said.message);
    CHECK(!ec == (wanted == status_code::ok));
    co_return r.value;
}

}  // namespace

TEST_CASE("a configuration's life in metadata")
{
    world w;
    const compute_store s(w.connect(), usual());
    w.run([&]() -> asio::awaitable<void> {
        const auto first = give(lambda_group(), "", "first");
        auto made = co_await put(s, one, first, creating);
        CHECK(made.what == update_plan::verdict::create);
        CHECK(made.before.kept_in == compute_storage::none);
        CHECK(made.after.kept_in == compute_storage::metadata);
        CHECK(made.after.compute.config.groups.at("default") == lambda_group());
        CHECK(made.after.drivable());

        // The same request is the same creation; another is none.
        auto again = co_await put(s, one, first, creating);
        CHECK(again.what == update_plan::verdict::nothing);
        CHECK(again.after == made.after);
        const auto other = give(lambda_group());
        co_await put(s, one, other, creating, status_code::already_exists);

        auto limits = lambda_group();
        limits.limits = {.min = 1, .max = 5};
        auto change = give(limits, made.after.compute.conflict_token());
        change.change["default"].mask = {"limits"};
        const put_options plain;
        auto changed = co_await put(s, one, change, plain);
        CHECK(changed.what == update_plan::verdict::change);
        CHECK(changed.before == made.after);
        CHECK(changed.after.compute.config.groups.at("default") == limits);
        // The token is stale now.
        auto stale = co_await put(s, one, change, plain, status_code::failed_precondition);
        CHECK(stale.found.errors[0].field == "conflict_token");

        const remove_options late{.conflict_token = made.after.compute.conflict_token()};
        auto [e1, kept] = co_await s.async_remove(one, late, answer);
        CHECK(e1 == status_code::failed_precondition);
        const remove_options now{.conflict_token = changed.after.compute.conflict_token()};
        auto [e2, gone] = co_await s.async_remove(one, now, answer);
        require_ok(e2, gone.status);
        CHECK(gone.value.what == update_plan::verdict::end);
        CHECK(gone.value.after.kept_in == compute_storage::none);
        const remove_options any;
        auto [e3, none] = co_await s.async_remove(one, any, answer);
        CHECK(none.value.what == update_plan::verdict::nothing);

        // Made again, it is another one: no token of the first fits.
        auto fresh = co_await put(s, one, other, plain);
        CHECK(fresh.after.compute.revision > changed.after.compute.revision);
        co_await put(s, one, change, plain, status_code::failed_precondition);
        // Without any group left it is over.
        mayfly::compute_update last;
        last.remove = {"default"};
        auto ended = co_await put(s, one, last, plain);
        CHECK(ended.what == update_plan::verdict::end);
        CHECK(ended.after.kept_in == compute_storage::none);
    });
}

TEST_CASE("what is refused is told with its field, and nothing is stored")
{
    world w;
    const compute_store s(w.connect(), usual());
    const auto with = [](const char* key, std::string value) {
        auto g = lambda_group();
        g.provider->details[key] = std::move(value);
        return g;
    };
    w.run([&]() -> asio::awaitable<void> {
        const put_options plain;
        const auto fine = give(lambda_group());
        co_await put(s, one, fine, plain, status_code::not_found);
        const put_options only_version{.create_version = true};
        co_await put(s, one, fine, only_version, status_code::not_found);
        const deployment_version bad{"or:ders", "1"};
        co_await put(s, bad, fine, creating, status_code::invalid_argument);
        auto unknown = lambda_group();
        unknown.provider->type = "teleport";
        const auto teleport = give(unknown);
        auto refused = co_await put(s, one, teleport, creating, status_code::invalid_argument);
        CHECK(refused.found.errors.at(0).field == "groups.default.provider.type");
        auto never = lambda_group();
        never.limits = {.min = 3, .max = 2};
        const auto upside_down = give(never);
        co_await put(s, one, upside_down, creating, status_code::invalid_argument);
        const mayfly::compute_update nothing;
        auto [e1, seen] = co_await s.async_read(one, answer);
        CHECK(e1 == status_code::not_found);

        const auto first = give(with("role_external_id", "hush"));
        co_await put(s, one, first, creating);
        co_await put(s, one, nothing, plain, status_code::failed_precondition);
        const put_options in_server{.storage = storage_choice::server};
        auto limited = lambda_group();
        limited.limits.max = 3;
        auto change = give(limited);
        change.change["default"].mask = {"limits"};
        auto no_limits = co_await put(s, one, change, in_server, status_code::invalid_argument);
        CHECK(no_limits.found.errors.at(0).field == "groups.default.limits");
        const put_options dry{.only_check = true};
        auto looked = co_await put(s, one, change, dry);
        CHECK(looked.what == update_plan::verdict::change);
        auto [e2, after] = co_await s.async_read(one, answer);
        CHECK(after.value.compute.config.groups.at("default").limits == mayfly::scaling_limits{});
    });
}

TEST_CASE("a configuration goes where it is asked to, and can be moved")
{
    struct row {
        const char* why;
        bool server_is_off;
        storage_choice choice;
        bool limits;
        compute_storage kept_in;
    };
    const row rows[] = {
        {"the server may act on it by itself", false, storage_choice::automatic, false, compute_storage::metadata},
        {"the server's own controller is off", true, storage_choice::automatic, false, compute_storage::server},
        {"a server keeps no limits", true, storage_choice::automatic, true, compute_storage::metadata},
        {"as was said", true, storage_choice::metadata, false, compute_storage::metadata},
        {"as was said, too", false, storage_choice::server, false, compute_storage::server},
    };
    world w;
    int build = 0;
    for (const row& r : rows) {
        CAPTURE(r.why);
        store_options o = usual();
        o.role.server_controller_is_off = r.server_is_off;
        const compute_store s(w.connect(), o);
        const deployment_version v{"orders", std::to_string(++build)};
        w.run([&]() -> asio::awaitable<void> {
            auto g = lambda_group();
            if (r.limits)
                g.limits.max = 5;
            put_options how = creating;
            how.storage = r.choice;
            const auto change = give(g);
            auto made = co_await put(s, v, change, how);
            CHECK(made.after.kept_in == r.kept_in);
            CHECK(made.after.compute.config.groups.at("default") == g);
            if (r.limits)
                co_return;
            for (const auto to : {storage_choice::server, storage_choice::metadata, storage_choice::server}) {
                const put_options move{.storage = to};
                const mayfly::compute_update nothing;
                auto moved = co_await put(s, v, nothing, move);
                CHECK(moved.after.kept_in ==
                      (to == storage_choice::server ? compute_storage::server : compute_storage::metadata));
                CHECK(moved.after.compute.config == made.after.compute.config);
                CHECK(moved.after.conflict.find("two controllers") == std::string::npos);
            }
            const remove_options any;
            auto [ec, gone] = co_await s.async_remove(v, any, answer);
            CHECK(gone.value.after.kept_in == compute_storage::none);
        });
    }
}

TEST_CASE("a configuration in both places is found, and one of them can be taken away")
{
    world w;
    const compute_store s(w.connect(), usual());
    const deployments d(w.connect());
    w.run([&]() -> asio::awaitable<void> {
        const auto change = give(lambda_group());
        co_await put(s, one, change, creating);
        auto theirs = change;
        theirs.request_id = "theirs";
        auto [e1, r1] = co_await d.async_update_compute_config(one, theirs, answer);
        require_ok(e1, r1.status);
        auto [e2, both] = co_await s.async_read(one, answer);
        CHECK(both.value.conflict.find("two controllers") != std::string::npos);
        CHECK_FALSE(both.value.drivable());
        const remove_options theirs_only{.storage = storage_choice::server};
        auto [e3, left] = co_await s.async_remove(one, theirs_only, answer);
        require_ok(e3, left.status);
        CHECK(left.value.after.drivable());
        CHECK(left.value.after.kept_in == compute_storage::metadata);
    });
}

TEST_CASE("the providers are asked before anything is stored")
{
    world w;
    findings say;
    std::chrono::milliseconds take{0};
    int asked = 0;
    store_options o = usual();
    o.check_within = 1s;
    o.check = [&](deployment_version v, mayfly::compute_config c) -> asio::awaitable<findings> {
        ++asked;
        CHECK(v == one);
        CHECK(c.groups.size() == 1);
        asio::steady_timer t(co_await asio::this_coro::executor, take);
        error_code ec;
        co_await t.async_wait(asio::redirect_error(asio::use_awaitable, ec));
        co_return say;
    };
    const compute_store s(w.connect(), o);
    w.run([&]() -> asio::awaitable<void> {
        const auto change = give(lambda_group());
        say.errors = {{"groups.default.provider.details.role_external_id", "hush", "cannot be assumed"}};
        auto refused = co_await put(s, one, change, creating, status_code::invalid_argument);
        CHECK(refused.found.errors.at(0).remedy == "cannot be assumed");
        CHECK(refused.found.errors.at(0).value.empty());
        say = {};
        say.warnings = {{"groups.default.provider.details.arn", "x", "has no version"}};
        take = 1h;
        auto late = co_await put(s, one, change, creating, status_code::deadline_exceeded);
        CHECK(late.found.errors.at(0).remedy.find("1 s") != std::string::npos);
        auto [e1, none] = co_await s.async_read(one, answer);
        CHECK(e1 == status_code::not_found);
        take = 0ms;
        auto made = co_await put(s, one, change, creating);
        CHECK(made.found.warnings.at(0).remedy == "has no version");
        REQUIRE(made.after.validation);
        CHECK(made.after.validation->error.empty());
        CHECK(made.after.validation->by == "me@here");
        CHECK(asked == 3);
        // Nothing new is nothing to ask about.
        const put_options plain;
        co_await put(s, one, change, plain);
        CHECK(asked == 3);
    });

    // Given up in the middle of the question.
    take = 1h;
    const put_options plain;
    auto g = lambda_group();
    g.limits.max = 2;
    auto change = give(g);
    change.change["default"].mask = {"limits"};
    asio::cancellation_signal stop;
    std::optional<error_code> ended;
    s.async_put(
        one, change, plain, asio::bind_cancellation_slot(stop.slot(), [&](error_code ec, const auto&) { ended = ec; }));
    REQUIRE(w.until([&] { return asked == 4; }));
    stop.emit(asio::cancellation_type::terminal);
    REQUIRE(w.until([&] { return ended.has_value(); }));
    CHECK(*ended == asio::error::operation_aborted);

    // Given up just before the answer.
    store_options given_up = usual();
    given_up.check = [&](deployment_version, mayfly::compute_config) -> asio::awaitable<findings> {
        asio::steady_timer t(co_await asio::this_coro::executor, 1ms);
        error_code ec;
        co_await t.async_wait(asio::redirect_error(asio::use_awaitable, ec));
        stop.emit(asio::cancellation_type::terminal);
        co_return findings{};
    };
    ended.reset();
    const compute_store hasty(w.connect(), given_up);
    hasty.async_put(
        one, change, plain, asio::bind_cancellation_slot(stop.slot(), [&](error_code ec, const auto&) { ended = ec; }));
    REQUIRE(w.until([&] { return ended.has_value(); }));
    CHECK(*ended == asio::error::operation_aborted);
    w.run([&]() -> asio::awaitable<void> {
        auto [ec, r] = co_await s.async_read(one, answer);
        require_ok(ec, r.status);
        CHECK(r.value.compute.config.groups.at("default").limits.max != 2);
    });
}

TEST_CASE("a deployment's manager is the only one to change it")
{
    world w;
    const compute_store me(w.connect("me@here"), usual());
    const compute_store you(w.connect("you@there"), usual());
    const deployments d(w.connect("me@here"));
    w.run([&]() -> asio::awaitable<void> {
        const auto change = give(lambda_group());
        co_await put(me, one, change, creating);
        const std::string any;
        auto [e1, mine] = co_await d.async_set_manager("orders", std::nullopt, any, answer);
        require_ok(e1, mine.status);
        auto g = lambda_group();
        g.limits.max = 2;
        auto more = give(g);
        more.change["default"].mask = {"limits"};
        const put_options plain;
        auto refused = co_await put(you, one, more, plain, status_code::failed_precondition);
        CHECK(refused.found.errors.at(0).remedy.find("me@here") != std::string::npos);
        const remove_options all;
        auto [e2, kept] = co_await you.async_remove(one, all, answer);
        CHECK(e2 == status_code::failed_precondition);
        co_await put(me, one, more, plain);
    });
}

TEST_CASE("of changes at the same time none is mixed, and who was overtaken is told")
{
    world w;
    std::vector<compute_store> stores;
    for (int i = 0; i < 6; ++i)
        stores.emplace_back(w.connect("me" + std::to_string(i)), usual());
    w.run([&]() -> asio::awaitable<void> {
        const auto change = give(lambda_group());
        co_await put(stores[0], one, change, creating);
    });
    int well = 0;
    int aborted = 0;
    int ended = 0;
    for (std::size_t i = 0; i < stores.size(); ++i) {
        auto g = lambda_group();
        g.limits = {.min = static_cast<std::uint32_t>(i), .max = static_cast<std::uint32_t>(10 + i)};
        auto change = give(g);
        change.change["default"].mask = {"limits"};
        const put_options plain;
        stores[i].async_put(one, change, plain, [&](error_code ec, const rpc_reply<put_result>& r) {
            ++ended;
            well += !ec ? 1 : 0;
            aborted += r.status.code == status_code::aborted ? 1 : 0;
        });
    }
    REQUIRE(w.until([&] { return ended == 6; }));
    CHECK(well + aborted == 6);
    CHECK(well >= 1);
    w.run([&]() -> asio::awaitable<void> {
        auto [ec, r] = co_await stores[0].async_read(one, answer);
        const auto limits = r.value.compute.config.groups.at("default").limits;
        CHECK(limits.max == limits.min + 10);
    });
}

TEST_CASE("what is not understood is not written over, but can be removed")
{
    world w;
    const compute_store s(w.connect(), usual());
    const deployments d(w.connect());
    w.run([&]() -> asio::awaitable<void> {
        const auto change = give(lambda_group());
        co_await put(s, one, change, creating);
        std::map<std::string, api::common::Payload> upsert;
        upsert.emplace(compute_key, json_payload(R"({"groups":{},"colour":1})"));
        const std::vector<std::string> nothing;
        auto [e1, r1] = co_await d.async_update_metadata(one, upsert, nothing, answer);
        require_ok(e1, r1.status);
        const put_options plain;
        auto refused = co_await put(s, one, change, plain, status_code::failed_precondition);
        CHECK(refused.found.errors.at(0).field == "mayfly.compute.colour");
        const remove_options all;
        auto [e2, gone] = co_await s.async_remove(one, all, answer);
        require_ok(e2, gone.status);
        co_await put(s, one, change, plain);
    });
}
