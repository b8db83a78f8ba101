// SPDX-License-Identifier: BSL-1.0
#include "world.hpp"

#include <mayfly/temporal/compute_store.hpp>
#include <mayfly/temporal/detail/mark_plan.hpp>
#include <mayfly/temporal/embedded/compute_kinds.hpp>
#include <mayfly/temporal/version_registry.hpp>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <string>

using namespace registry_test;
using kind = registry_change::kind;
using mayfly::findings;
using mayfly::uptime;
using mayfly::version_status;
using mayfly::temporal::detail::mark_plan;
using mayfly::temporal::detail::validation_plan;
using mayfly::temporal::detail::watch_plan;

namespace {

registry_options quick()
{
    registry_options o;
    o.look_every = 20ms;
    o.lists_per_second = 1000;
    o.reads_per_second = 1000;
    o.known = mayfly::temporal::embedded::compute_kinds;
    o.role.controller = "mine";
    return o;
}

/// A registry at work, and all it told.
struct watcher {
    explicit watcher(std::shared_ptr<connection> on, registry_options o = quick())
        : registry(std::move(on), std::move(o))
    {
        registry.async_watch([this](const registry_change& c) { told.push_back(c); },
            asio::bind_cancellation_slot(stop.slot(), [this](error_code ec, std::monostate) { ended = ec; }));
    }
    [[nodiscard]] int count(kind k, const deployment_version& v = {}) const
    {
        return static_cast<int>(std::count_if(told.begin(), told.end(),
            [&](const auto& c) { return c.what == k && (v.deployment.empty() || c.record.version == v); }));
    }
    [[nodiscard]] const version_record* of(const deployment_version& v) const
    {
        const auto at = registry.versions().find(v);
        return at == registry.versions().end() ? nullptr : &at->second;
    }
    template <class World>
    void end(World& w)
    {
        stop.emit(asio::cancellation_type::terminal);
        REQUIRE(w.until([&] { return ended.has_value(); }));
        CHECK(*ended == asio::error::operation_aborted);
    }

    version_registry registry;
    asio::cancellation_signal stop{};
    std::vector<registry_change> told{};
    std::optional<error_code> ended{};
};

store_options storing(std::string queue = "mayfly-changes")
{
    store_options o;
    o.known = mayfly::temporal::embedded::compute_kinds;
    o.notes_queue = std::move(queue);
    return o;
}

void put(world& w, const compute_store& s, const deployment_version& v, const mayfly::compute_update& change, bool make)
{
    w.run([&]() -> asio::awaitable<void> {
        const put_options how{.create_version = make, .create_deployment = make};
        auto [ec, r] = co_await s.async_put(v, change, how, answer);
        require_ok(ec, r.status);
    });
}

version_entry entry(const std::string& build, version_status status)
{
    version_entry out;
    out.version = {"orders", build};
    out.status = status;
    return out;
}

}  // namespace

TEST_CASE("a version's life is told as it goes on")
{
    world w;
    const auto on = w.connect();
    const compute_store s(on, storing());
    const deployments d(on);
    watcher seen(w.connect());
    REQUIRE(w.until([&] { return seen.count(kind::caught_up) == 1; }));
    CHECK(seen.told.size() == 1);

    const auto first = give(lambda_group());
    put(w, s, one, first, true);
    REQUIRE(w.until([&] { return seen.of(one) != nullptr && seen.of(one)->drivable(); }));
    CHECK(seen.count(kind::added, one) == 1);
    // It was marked before it was told as one to drive.
    for (const auto& c : seen.told)
        CHECK((!c.record.drivable() || c.record.controller->name == "mine"));

    auto g = lambda_group();
    g.limits.max = 7;
    auto change = give(g);
    change.change["default"].mask = {"limits"};
    put(w, s, one, change, false);
    REQUIRE(w.until([&] { return seen.of(one)->compute.config.groups.at("default").limits.max == 7; }));

    w.run([&]() -> asio::awaitable<void> {
        const routing_options anyway{.ignore_missing_task_queues = true, .allow_no_pollers = true};
        auto [ec, r] = co_await d.async_set_current(one, anyway, answer);
        require_ok(ec, r.status);
    });
    REQUIRE(w.until([&] { return seen.count(kind::status, one) == 1; }));
    CHECK(seen.of(one)->status == version_status::current);

    w.run([&]() -> asio::awaitable<void> {
        const remove_options all;
        auto [ec, r] = co_await s.async_remove(one, all, answer);
        require_ok(ec, r.status);
    });
    REQUIRE(w.until([&] { return seen.of(one)->kept_in == compute_storage::none; }));
    w.run([&]() -> asio::awaitable<void> {
        const routing_options anyway{.ignore_missing_task_queues = true, .allow_no_pollers = true};
        const deployment_version nobody{"orders", ""};
        auto [e1, r1] = co_await d.async_set_current(nobody, anyway, answer);
        require_ok(e1, r1.status);
        auto [e2, r2] = co_await d.async_delete_version(one, true, answer);
        require_ok(e2, r2.status);
        auto [e3, r3] = co_await d.async_delete("orders", answer);
        require_ok(e3, r3.status);
    });
    REQUIRE(w.until([&] { return seen.count(kind::removed, one) == 1; }));
    CHECK(seen.registry.versions().empty());
    CHECK(seen.count(kind::problem) == 0);
    seen.end(w);
}

TEST_CASE("a store's change is heard of though nobody has looked")
{
    world w;
    const compute_store s(w.connect(), storing());
    const auto first = give(lambda_group());
    put(w, s, one, first, true);
    registry_options o = quick();
    o.look_every = 1h;
    watcher seen(w.connect(), o);
    REQUIRE(w.until([&] { return seen.count(kind::caught_up) == 1; }));
    REQUIRE(w.until([&] { return seen.of(one) != nullptr; }));
    const auto begun = std::chrono::steady_clock::now();
    for (std::uint32_t max : {3U, 4U, 5U}) {
        auto g = lambda_group();
        g.limits.max = max;
        auto change = give(g);
        change.change["default"].mask = {"limits"};
        put(w, s, one, change, false);
        REQUIRE(w.until([&] { return seen.of(one)->compute.config.groups.at("default").limits.max == max; }));
    }
    CHECK(std::chrono::steady_clock::now() - begun < 2s);  // it would look after that
    seen.end(w);
}

TEST_CASE("what others write into metadata is seen in turn; another controller's mark is a conflict")
{
    world w;
    const auto on = w.connect();
    const compute_store s(on, storing(""));
    const auto first = give(lambda_group());
    put(w, s, one, first, true);
    watcher seen(w.connect());
    REQUIRE(w.until([&] { return seen.of(one) != nullptr && seen.of(one)->drivable(); }));
    w.run([&]() -> asio::awaitable<void> {
        const controller_record theirs{"theirs", "you@there", {}};
        auto [ec, r] = co_await s.async_note_controller(one, theirs, answer);
        require_ok(ec, r.status);
    });
    seen.registry.look_again(one);
    REQUIRE(w.until([&] { return !seen.of(one)->drivable(); }));
    CHECK(seen.of(one)->conflict.find("theirs") != std::string::npos);
    CHECK(seen.told.back().what == kind::changed);
    seen.end(w);
}

TEST_CASE("a mark that somebody took away is set again")
{
    world w;
    const compute_store s(w.connect(), storing(""));
    const auto first = give(lambda_group());
    put(w, s, one, first, true);
    watcher seen(w.connect());
    REQUIRE(w.until([&] { return seen.of(one) != nullptr && seen.of(one)->controller; }));
    std::string name;
    const auto ask = [&]() -> asio::awaitable<void> {
        auto [ec, r] = co_await s.async_read(one, answer);
        require_ok(ec, r.status);
        name = r.value.controller ? r.value.controller->name : "";
    };
    w.run(ask);
    CHECK(name == "mine");
    w.run([&]() -> asio::awaitable<void> {
        const controller_record none;
        auto [ec, r] = co_await s.async_note_controller(one, none, answer);
        require_ok(ec, r.status);
        name.clear();
    });
    for (const auto end = std::chrono::steady_clock::now() + 5s;
         name.empty() && std::chrono::steady_clock::now() < end;) {
        seen.registry.look_again(one);
        w.run(ask);
    }
    CHECK(name == "mine");
    seen.end(w);
}

TEST_CASE("one version's trouble is told with the version, and so is its end")
{
    scripted_world w;
    using mayfly::grpc::status;
    using mayfly::grpc::status_code;
    status first{};
    status second{status_code::internal, "its history is broken", {}};
    w.answers<api::ListWorkerDeploymentsRequest, api::ListWorkerDeploymentsResponse>(
        "ListWorkerDeployments", [](const auto&, auto& r) {
            r.add_worker_deployments()->set_name("orders");
            return status{};
        });
    w.answers<api::DescribeWorkerDeploymentRequest, api::DescribeWorkerDeploymentResponse>(
        "DescribeWorkerDeployment", [](const auto&, auto& r) {
            auto& d = *r.mutable_worker_deployment_info();
            d.set_name("orders");
            for (const auto& v : {one, two}) {
                auto& version = *d.add_version_summaries()->mutable_deployment_version();
                version.set_deployment_name(v.deployment);
                version.set_build_id(v.build_id);
            }
            return status{};
        });
    w.answers<api::DescribeWorkerDeploymentVersionRequest, api::DescribeWorkerDeploymentVersionResponse>(
        "DescribeWorkerDeploymentVersion", [&](const auto& asked, auto& r) {
            *r.mutable_worker_deployment_version_info()->mutable_deployment_version() = asked.deployment_version();
            return asked.deployment_version().build_id() == "1" ? first : second;
        });
    w.listen();
    registry_options o = quick();
    o.notes_queue.clear();
    watcher seen(w.on, o);
    REQUIRE(w.until([&] { return seen.of(one) != nullptr && seen.count(kind::problem, two) == 1; }));
    first = second;
    seen.registry.look_again(one);
    REQUIRE(w.until([&] { return seen.count(kind::problem, one) == 1; }));
    seen.registry.look_again(one);
    seen.registry.look_again(two);
    (void)w.until([] { return false; }, 100ms);
    CHECK(seen.count(kind::problem) == 2);  // each is told once
    CHECK(seen.count(kind::well_again) == 0);

    first = {};
    seen.registry.look_again(one);
    REQUIRE(w.until([&] { return seen.count(kind::well_again, one) == 1; }));
    CHECK(seen.count(kind::well_again) == 1);
    CHECK(seen.count(kind::changed) == 0);
    second = {status_code::not_found, "there is none any more", {}};
    seen.registry.look_again(two);
    REQUIRE(w.until([&] { return seen.count(kind::removed, two) == 1; }));
    CHECK(seen.count(kind::added, two) == 0);
    seen.end(w);
}

TEST_CASE("a mark is set again when it is missing, but not at every look")
{
    mark_plan plan;
    CHECK(plan.wants(one, 10s));
    plan.tried(one, 10s);
    CHECK_FALSE(plan.wants(one, 10s));
    CHECK_FALSE(plan.wants(one, 69s));
    CHECK(plan.wants(two, 10s));
    CHECK(plan.wants(one, 70s));  // it never came to be read

    plan.tried(one, 70s);
    CHECK_FALSE(plan.there(one));  // nothing had been told
    CHECK(plan.wants(one, 71s));   // somebody has taken it away

    plan.tried(one, 80s);
    CHECK(plan.failed(one, false));
    CHECK_FALSE(plan.failed(one, false));  // that is told once
    CHECK(plan.wants(one, 140s));
    CHECK(plan.there(one));

    plan.tried(one, 200s);
    CHECK(plan.failed(one, true));
    CHECK_FALSE(plan.wants(one, 24h));  // it may not write there
    plan.gone(one);
    CHECK(plan.wants(one, 24h));
}

TEST_CASE("two controllers that come at the same time: one drives")
{
    world w;
    const compute_store s(w.connect(), storing(""));
    const auto first = give(lambda_group());
    put(w, s, one, first, true);
    registry_options theirs = quick();
    theirs.role.controller = "theirs";
    watcher a(w.connect());
    watcher b(w.connect("you@there"), theirs);
    const auto settled = [&] {
        return a.of(one) != nullptr && b.of(one) != nullptr && a.of(one)->drivable() != b.of(one)->drivable();
    };
    for (int i = 0; i < 50 && !settled(); ++i) {
        a.registry.look_again(one);
        b.registry.look_again(one);
        (void)w.until(settled, 100ms);
    }
    CHECK(settled());
    a.end(w);
    b.end(w);
}

TEST_CASE("it survives a restart of the server, a namespace that vanishes, and tells each once")
{
    world w;
    const compute_store s(w.connect(), storing(""));
    const auto first = give(lambda_group());
    put(w, s, one, first, true);
    watcher seen(w.connect());
    REQUIRE(w.until([&] { return seen.of(one) != nullptr; }));
    w.service.reset();
    REQUIRE(w.until([&] { return seen.count(kind::problem) == 1; }));
    CHECK(seen.of(one) != nullptr);
    embedded_options elsewhere;
    elsewhere.namespaces = {"another"};
    w.serve(std::move(elsewhere));
    REQUIRE(w.until([&] { return seen.count(kind::problem) == 2; }));
    CHECK(seen.told.back().words.find("default") != std::string::npos);
    CHECK(seen.of(one) != nullptr);  // the namespace is not there, which says nothing of the version
    w.service.reset();
    w.serve();  // this one has forgotten the version
    REQUIRE(w.until([&] { return seen.count(kind::removed, one) == 1; }));
    CHECK(seen.count(kind::well_again) >= 1);
    CHECK(seen.count(kind::added, one) == 1);
    seen.end(w);
}

TEST_CASE("providers are looked at again, and what they say is written where users see it")
{
    world w;
    const compute_store s(w.connect(), storing(""));
    const auto first = give(lambda_group());
    put(w, s, one, first, true);
    int asked = 0;
    registry_options o = quick();
    o.check = [&](deployment_version, mayfly::compute_config) -> asio::awaitable<findings> {
        ++asked;
        findings out;
        out.errors = {{"groups.default.provider.details.role_external_id", "hush", "cannot be assumed"}};
        co_return out;
    };
    watcher seen(w.connect(), o);
    REQUIRE(w.until([&] { return seen.of(one) != nullptr && seen.of(one)->validation.has_value(); }));
    const auto& v = *seen.of(one)->validation;
    CHECK(v.error.find("cannot be assumed") != std::string::npos);
    CHECK(v.error.find("hush") == std::string::npos);
    CHECK(v.by == "me@here");
    seen.registry.validate_again(one);
    (void)w.until([&] { return asked > 1; }, 200ms);
    CHECK(asked == 1);  // not twice in a minute
    seen.end(w);
}

TEST_CASE("many versions are read within the budget, those that receive work first")
{
    watch_plan plan;
    deployment_description d;
    d.name = "orders";
    for (int i = 0; i < 10'000; ++i)
        d.versions.push_back(entry(std::to_string(i), i == 9'999 ? version_status::current : version_status::drained));
    plan.described(d, 0s);
    CHECK(plan.next(0s) == mayfly::deployment_version{"orders", "9999"});
    plan.read({"orders", "9999"}, version_status::current, true, false, 0s);

    mayfly::temporal::detail::read_pace pace(10, 100);
    int reads = 0;
    int busy = 0;
    uptime noted = mayfly::never;
    for (uptime now{}; now < 1h; now += 10ms) {
        if (now == 10min)
            plan.noted({"orders", "77"});
        if (plan.next_at() > now || !pace.take(now))
            continue;
        const auto v = *plan.next(now);
        ++reads;
        busy += v.build_id == "9999" ? 1 : 0;
        if (v.build_id == "77" && now >= 10min && noted == mayfly::never)
            noted = now - 10min;
        if (v.build_id.empty())
            plan.described(d, now);
        else
            plan.read(v, v.build_id == "9999" ? version_status::current : version_status::drained, v.build_id == "9999",
                false, now);
    }
    CHECK(reads <= 36'100);
    CHECK(reads >= 35'900);
    CHECK(busy >= 3);
    CHECK(noted <= 200ms);
}

TEST_CASE("few versions are read as often as their kind wants")
{
    struct row {
        const char* why;
        version_status status;
        bool configured;
        bool changed;
        uptime next;
    };
    const row rows[] = {
        {"changed lately", version_status::drained, false, true, 2s},
        {"configured", version_status::inactive, true, false, 5s},
        {"receives work", version_status::draining, false, false, 5s},
        {"neither", version_status::drained, false, false, 20s},
    };
    for (const row& r : rows) {
        watch_plan plan;
        plan.read(one, r.status, r.configured, r.changed, 100s);
        CHECK_MESSAGE(plan.next_at() == 100s + r.next, r.why);
        CHECK_MESSAGE(!plan.next(100s + r.next - 1ms), r.why);
        CHECK_MESSAGE(plan.next(100s + r.next) == one, r.why);
    }
    // A summary that stays as it was is no news; another one is, and so is a version that is missing.
    watch_plan plan;
    deployment_description d;
    d.name = "orders";
    d.versions = {entry("1", version_status::created)};
    plan.described(d, 0s);
    CHECK(plan.next(0s) == one);
    plan.read(one, version_status::created, false, false, 0s);
    plan.described(d, 1s);
    CHECK(plan.urgent() == 0);
    d.versions[0].status = version_status::current;
    plan.described(d, 1s);
    CHECK(plan.next(1s) == one);
    plan.read(one, version_status::current, false, false, 1s);
    d.versions.clear();
    plan.described(d, 2s);
    CHECK(plan.next(2s) == one);
    plan.gone(one);
    plan.described(d, 3s);
    CHECK(plan.urgent() == 0);
}

TEST_CASE("validations: never more often than allowed, and not before the last one's time is over")
{
    const wall_clock_time wall(1'800'000'000s);
    version_record r{.version = one};
    r.compute.config.groups["default"] = lambda_group();
    r.kept_in = compute_storage::metadata;
    validation_plan plan(6h);
    plan.read(r, 0s, wall);
    CHECK(plan.next(0s) == one);  // nobody has looked yet
    CHECK_FALSE(plan.next(1h));
    plan.read(r, 1h, wall + 1h);  // it could not be written down
    CHECK(plan.next_at() == 6h);
    plan.again(one, 1h);
    CHECK(plan.next(1h) == one);
    plan.again(one, 1h + 30s);
    CHECK(plan.next_at() == 1h + 1min);
    plan.read(r, 1h + 31s, wall + 1h);
    CHECK(plan.next_at() == 1h + 1min);
    CHECK(plan.next(1h + 1min) == one);
    ++r.compute.revision;  // another configuration
    plan.read(r, 1h + 90s, wall + 1h);
    CHECK(plan.next_at() == 1h + 2min);

    // Another process has looked an hour ago.
    validation_plan second(6h);
    r.validation = validation_record{"", wall - 1h, "you@there"};
    second.read(r, 0s, wall);
    CHECK(second.next_at() == 5h);
    r.validation->checked = wall + 24h;  // by a clock that is wrong
    second.read(r, 0s, wall);
    CHECK(second.next_at() == 6h);
    r.conflict = "somebody else";
    second.read(r, 0s, wall);
    CHECK(second.next_at() == mayfly::never);
}
