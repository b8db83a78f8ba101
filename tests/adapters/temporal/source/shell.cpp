// SPDX-License-Identifier: BSL-1.0
#include <mayfly/grpc/server.hpp>
#include <mayfly/temporal/task_queue_source.hpp>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace {

namespace asio = boost::asio;
namespace grpc = mayfly::grpc;
using namespace mayfly::temporal;
using namespace std::chrono_literals;
using boost::system::error_code;
using mayfly::deployment_version;
using mayfly::queue_reading;
using mayfly::task_type;
using mayfly::uptime;
using steady = std::chrono::steady_clock;

constexpr const char* service = "/temporal.api.workflowservice.v1.WorkflowService/";

/// A server whose answers are to order.
struct cluster {
    asio::io_context* io_;
    grpc::server server;
    grpc::status describes{};  ///< With which descriptions are refused, if not OK.
    grpc::status queues{};     ///< The same for queues,
    grpc::status lists{};      ///< and for lists of workers.
    std::chrono::milliseconds takes{};
    std::int64_t backlog = 0;
    api::enums::WorkerDeploymentVersionStatus status = api::enums::WORKER_DEPLOYMENT_VERSION_STATUS_CURRENT;
    std::size_t descriptions = 0;
    std::vector<std::string> order{};  ///< Of the build ids that were described.

    explicit cluster(asio::io_context& io) : io_(&io), server(io.get_executor())
    {
        on<api::DescribeWorkerDeploymentVersionRequest>("DescribeWorkerDeploymentVersion", [this](const auto& r) {
            ++descriptions;
            order.push_back(r.deployment_version().build_id());
            api::DescribeWorkerDeploymentVersionResponse out;
            auto& v = *out.mutable_worker_deployment_version_info();
            *v.mutable_deployment_version() = r.deployment_version();
            v.set_status(status);
            auto& q = *out.add_version_task_queues();
            q.set_name("orders");
            q.set_type(api::enums::TASK_QUEUE_TYPE_ACTIVITY);
            q.mutable_stats()->set_approximate_backlog_count(backlog);
            return std::pair(describes, std::move(out));
        });
        on<api::DescribeTaskQueueRequest>("DescribeTaskQueue", [this](const auto&) {
            api::DescribeTaskQueueResponse out;
            auto& p = *out.add_pollers();
            p.set_identity("r1@f");
            *p.mutable_last_access_time() = to_wire(wall_clock_time(std::chrono::system_clock::now() - 10s));
            auto& d = *p.mutable_deployment_options();
            d.set_deployment_name("shop");
            d.set_build_id("1");
            d.set_worker_versioning_mode(api::enums::WORKER_VERSIONING_MODE_VERSIONED);
            return std::pair(queues, std::move(out));
        });
        on<api::ListWorkersRequest>(
            "ListWorkers", [this](const auto&) { return std::pair(lists, api::ListWorkersResponse()); });
        REQUIRE(!server.listen());
    }

    template <class Request, class F>
    void on(const std::string& name, F answer)
    {
        server.handle(
            service + name, [this, answer](grpc::server_call call) { return serve<Request>(answer, std::move(call)); });
    }
    template <class Request, class F>
    asio::awaitable<grpc::reply> serve(F answer, grpc::server_call call)
    {
        if (takes > 0ms) {
            asio::steady_timer timer(*io_, takes);
            co_await timer.async_wait(asio::use_awaitable);
        }
        Request request;
        request.ParseFromString(call.request.message);
        auto made = answer(request);
        grpc::reply out;
        out.status = std::move(made.first);
        if (out.status.ok())
            out.message = made.second.SerializeAsString();
        co_return out;
    }
};

struct shell_world {
    asio::io_context io{};
    cluster there{io};
    std::vector<std::pair<source_event::kind, std::string>> events{};
    std::shared_ptr<connection> on{};
    std::optional<task_queue_source> source{};
    steady::time_point began = steady::now();

    explicit shell_world(source_options o = {})
    {
        connection_options c;
        c.target = {false, "127.0.0.1", there.server.port()};
        on = std::make_shared<connection>(io.get_executor(), std::move(c));
        o.on_event = [this](const source_event& e) { events.emplace_back(e.what, std::string(e.words)); };
        source.emplace(on, std::move(o));
    }
    shell_world(const shell_world&) = delete;
    shell_world& operator=(const shell_world&) = delete;
    ~shell_world()
    {
        source.reset();
        on->close();
        there.server.async_stop([](error_code) {});
        io.restart();
        io.run_for(100ms);
    }

    struct answer {
        bool came = false;
        error_code ec{};
        queue_reading reading{};
        asio::cancellation_signal cancel{};
    };

    static std::shared_ptr<const mayfly::launch_target> target(const std::string& build_id)
    {
        return std::make_shared<const mayfly::launch_target>(
            mayfly::launch_target{.version = {"shop", build_id}, .function = "f"});
    }

    std::shared_ptr<answer> ask(const std::string& build_id = "1", uptime later = {})
    {
        auto out = std::make_shared<answer>();
        source->async_read(target(build_id), std::chrono::duration_cast<uptime>(steady::now() - began) + later,
            asio::bind_cancellation_slot(out->cancel.slot(), [out](error_code ec, queue_reading r) {
                CHECK_FALSE(out->came);
                out->came = true;
                out->ec = ec;
                out->reading = std::move(r);
            }));
        return out;
    }

    template <class F>
    bool until(F holds, std::chrono::milliseconds within = 10s)
    {
        const auto end = steady::now() + within;
        while (!holds() && steady::now() < end) {
            io.restart();
            io.run_one_for(20ms);
        }
        return holds();
    }
    std::shared_ptr<answer> read(const std::string& build_id = "1")
    {
        auto a = ask(build_id);
        REQUIRE(until([&] { return a->came; }));
        return a;
    }
};

std::optional<std::uint64_t> backlog(const queue_reading& r)
{
    const auto& s = r.stats[static_cast<std::size_t>(task_type::activity)];
    return s ? std::optional(s->backlog) : std::nullopt;
}

}  // namespace

TEST_CASE("source: nothing waits on behalf of who has his answer, so a program can end")
{
    shell_world w;
    (void)w.read();
    w.on->close();
    w.there.server.async_stop([](error_code) {});
    w.io.restart();
    w.io.run_for(10s);
    CHECK(w.io.stopped());
}

TEST_CASE("source: a description counts once, and its queues are asked alone until the next can have news")
{
    shell_world w;
    const auto first = w.read();
    CHECK(!first->ec);
    CHECK(backlog(first->reading) == 0U);
    REQUIRE(first->reading.workers.size() == 1);
    CHECK(first->reading.workers[0].identity == "r1@f");
    CHECK(first->reading.workers[0].version == deployment_version{"shop", "1"});
    CHECK(first->reading.workers_complete);
    const auto second = w.read();
    CHECK(w.there.descriptions == 1);
    CHECK(second->reading.workers_complete);
    const auto load = w.source->load();
    CHECK(load.deployment_reads == 1);
    CHECK(load.queue_reads >= 2);
    CHECK(load.versions == 1);
}

TEST_CASE("source: what another controller may have started workers for just now is waited out")
{
    struct row {
        const char* why;
        uptime cached_for;
        std::optional<std::uint64_t> told;
    };
    for (const row& r : {row{"an old sample", 5s, std::nullopt}, row{"samples are of now", 0s, 3}}) {
        shell_world w({.stats_cached_for = r.cached_for});
        w.there.backlog = 3;
        CHECK_MESSAGE(backlog(w.read()->reading) == r.told, r.why);
        const auto again = w.read();
        CHECK_MESSAGE(backlog(again->reading) == r.told, r.why);
        CHECK_MESSAGE(again->reading.workers_complete, r.why);
    }
}

TEST_CASE("source: what cannot be read is told once, with what to do, and is read again")
{
    struct row {
        const char* why;
        grpc::status_code code;
        mayfly::condition outcome;
        const char* words;
    };
    const row rows[] = {
        {"no such version", grpc::status_code::not_found, mayfly::condition::permanent, "create it"},
        {"not allowed", grpc::status_code::permission_denied, mayfly::condition::permanent, "API key"},
        {"the server is away", grpc::status_code::unavailable, mayfly::condition::transient, "check that it runs"},
        {"others read too", grpc::status_code::resource_exhausted, mayfly::condition::throttled,
            "deployment_reads_per_second"},
        {"a name that is none", grpc::status_code::invalid_argument, mayfly::condition::permanent, "build id"},
        {"too old", grpc::status_code::unimplemented, mayfly::condition::permanent, "1.31"},
    };
    for (const row& r : rows) {
        shell_world w;
        w.there.describes = {r.code, "because", {}};
        for (int i = 0; i < 2; ++i)
            CHECK_MESSAGE(mayfly::condition_of(w.read()->ec) == r.outcome, r.why);
        REQUIRE_MESSAGE(w.events.size() == 1, r.why);
        CHECK_MESSAGE(w.events[0].first == source_event::kind::unreadable, r.why);
        CHECK_MESSAGE(w.events[0].second.find(r.words) != std::string::npos, w.events[0].second);
        CHECK_MESSAGE(w.events[0].second.find("because") != std::string::npos, r.why);
        w.there.describes = {};
        CHECK_MESSAGE(!w.read()->ec, r.why);
        REQUIRE_MESSAGE(w.events.size() == 2, r.why);
        CHECK_MESSAGE(w.events[1].first == source_event::kind::readable_again, r.why);
        CHECK_MESSAGE(w.source->load().failed_reads == 2, r.why);
    }
}

TEST_CASE("source: what concerns all versions is told once for all")
{
    shell_world w;
    w.there.describes = {grpc::status_code::unavailable, "restarting", {}};
    for (const char* build_id : {"1", "2", "3"})
        CHECK(w.read(build_id)->ec);
    CHECK(w.events.size() == 1);
    w.there.describes = {};
    for (const char* build_id : {"1", "2", "3"})
        CHECK(!w.read(build_id)->ec);
    CHECK(w.events.size() == 2);
}

TEST_CASE("source: a server without a list of workers is enough")
{
    shell_world w;
    w.there.lists = {grpc::status_code::unimplemented, "unknown method", {}};
    CHECK(w.read()->reading.workers.size() == 1);
    CHECK(w.read()->reading.workers.size() == 1);
    REQUIRE(w.events.size() == 1);
    CHECK(w.events[0].first == source_event::kind::no_heartbeats);
}

TEST_CASE("source: cancelled in line and in mid-reading, and asked again after that")
{
    shell_world w({.deployment_reads_per_second = 1});
    w.there.takes = 50ms;
    const auto first = w.ask("1");
    const auto second = w.ask("2");
    CHECK(w.until([&] { return w.source->load().waiting == 1; }));
    second->cancel.emit(asio::cancellation_type::partial);
    first->cancel.emit(asio::cancellation_type::terminal);
    const auto third = w.ask("1");
    CHECK(w.until([&] { return first->came && second->came; }));
    CHECK(first->ec == asio::error::operation_aborted);
    CHECK(second->ec == asio::error::operation_aborted);
    CHECK_MESSAGE(w.until([&] { return third->came; }), "who asks after that is read anew");
    CHECK(!third->ec);
    CHECK(backlog(third->reading) == 0U);
}

TEST_CASE("source: a version whose turn did not come is not an empty one")
{
    shell_world w({.deployment_reads_per_second = 0.001, .queue_reads_per_second = 1000});
    w.read("1");
    const auto first = w.ask("2");
    const auto known = w.ask("1", 10s);
    const auto last = w.ask("3", 75s);  // and it is that late for all
    CHECK(w.until([&] { return first->came && known->came; }));
    CHECK_MESSAGE(first->ec == asio::error::timed_out, "nothing is known of it");
    CHECK_MESSAGE(!known->ec, "what is known is told");
    CHECK(backlog(known->reading) == 0U);
    CHECK_FALSE(last->came);
    CHECK(w.there.descriptions == 1);
    CHECK(w.source->load().failed_reads == 0);
}

TEST_CASE("source: statistics are told without pollers, unless those may never be read")
{
    struct row {
        const char* why;
        grpc::status_code code;
        mayfly::condition outcome;
        std::size_t events;
    };
    const row rows[] = {
        {"the server's queues are away for a moment", grpc::status_code::unavailable, mayfly::condition::ok, 1},
        {"not allowed", grpc::status_code::permission_denied, mayfly::condition::permanent, 1},
        {"all is well", grpc::status_code::ok, mayfly::condition::ok, 0},
    };
    for (const row& r : rows) {
        shell_world w;
        w.there.queues = {r.code, "because", {}};
        const auto a = w.read();
        CHECK_MESSAGE(mayfly::condition_of(a->ec) == r.outcome, r.why);
        CHECK_MESSAGE(a->reading.workers_complete == (r.code == grpc::status_code::ok), r.why);
        CHECK_MESSAGE(w.events.size() == r.events, r.why);
        if (!a->ec)
            CHECK_MESSAGE(backlog(a->reading) == 0U, r.why);
    }
}

TEST_CASE("source: what is too little for the queues is told by its name")
{
    shell_world w({.deployment_reads_per_second = 1000, .queue_reads_per_second = 0.001});
    w.read("1");
    w.ask("2");
    CHECK(w.until([&] { return w.source->load().waiting == 1; }));
    w.ask("3", 15s);
    CHECK(w.until([&] { return !w.events.empty(); }));
    CHECK(w.events[0].first == source_event::kind::budget_is_the_limit);
    CHECK(w.events[0].second.find("queue_reads_per_second") != std::string::npos);
}

TEST_CASE("source: whoever has a start pending goes before the idle ones, whoever asked first")
{
    shell_world w({.deployment_reads_per_second = 20, .queue_reads_per_second = 1000, .queues = {"a", "b", "c"}});
    std::vector<std::shared_ptr<shell_world::answer>> idle;
    for (int i = 0; i < 40; ++i)
        idle.push_back(w.ask("idle " + std::to_string(i)));
    const auto busy = w.ask("1");
    const auto whom = shell_world::target("1");
    w.source->heard({.what = mayfly::controller_event::kind::decided,
        .target = whom.get(),
        .made = {.launch = 1},
        .fleet = {.starting = 1}});
    CHECK(w.until([&] { return busy->came; }));
    CHECK(w.there.order.size() < 20);
    const auto came = [](const auto& a) { return a->came; };
    CHECK_MESSAGE(w.until([&] { return std::all_of(idle.begin(), idle.end(), came); }), "and then it is their turn");
    CHECK(w.there.order.size() == 41);
    CHECK_MESSAGE(w.source->load().deployment_reads == 41, "and its queues cost no descriptions");
}

TEST_CASE("source: a start that is pushed reaches its version at once")
{
    shell_world w;
    std::vector<std::pair<deployment_version, std::uint32_t>> told;
    w.source->on_arrival(
        [&](const deployment_version& v, const mayfly::task_added& t) { told.emplace_back(v, t.counts.not_matched); });
    w.source->push("orders", task_type::activity, 3);
    CHECK_MESSAGE(told.empty(), "nobody knows yet where its work goes");
    w.read();
    REQUIRE_MESSAGE(told.size() == 1, "and then it goes there");
    CHECK(told[0] == std::pair(deployment_version{"shop", "1"}, std::uint32_t{3}));
    const start_listener listener = w.source->listener();
    listener("orders", task_type::activity);
    w.source->push("orders", task_type::activity, 4);
    REQUIRE(told.size() == 3);
    CHECK(told[1] == std::pair(deployment_version{"shop", "1"}, std::uint32_t{1}));
    CHECK(told[2].second == 4);
    CHECK_MESSAGE(backlog(w.read()->reading) == 8U, "and is not forgotten for statistics that are older");
    w.source.reset();
    listener("orders", task_type::activity);
    CHECK_MESSAGE(told.size() == 3, "a listener may outlive its source");
}

TEST_CASE("source: where pushed work goes is looked up, though nobody asks for a reading")
{
    shell_world w;
    std::uint32_t told = 0;
    w.source->on_arrival([&](const deployment_version&, const mayfly::task_added& t) { told += t.counts.total(); });
    w.there.status = api::enums::WORKER_DEPLOYMENT_VERSION_STATUS_INACTIVE;
    w.read();
    w.source->push("orders", task_type::activity, 2);
    w.source->push("orders", task_type::activity, 1);
    w.source->push("elsewhere", task_type::activity, 1);
    CHECK(w.until([&] { return w.there.descriptions == 2; }));
    CHECK_MESSAGE(told == 0, "it is not current yet");
    w.there.status = api::enums::WORKER_DEPLOYMENT_VERSION_STATUS_CURRENT;
    CHECK(w.until([&] { return told > 0; }, 2s));
    CHECK(told == 3);
    const std::size_t until_now = w.there.descriptions;
    w.source->push("orders", task_type::activity, 1);
    CHECK(told == 4);
    w.source->routing_changed({"shop", "1"});
    w.source->routing_changed({"shop", "nobody's"});
    CHECK(w.until([&] { return w.there.descriptions == until_now + 1; }));
}

TEST_CASE("source: a version that is not driven any more is nobody's")
{
    shell_world w;
    w.read();
    w.there.takes = 50ms;
    const auto a = w.ask();
    w.source->forget({"shop", "1"});
    CHECK(w.until([&] { return a->came; }));
    CHECK(a->ec == asio::error::operation_aborted);
    CHECK(w.source->load().versions == 0);
    CHECK(!w.read()->ec);
}
