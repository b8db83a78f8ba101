// SPDX-License-Identifier: BSL-1.0

// A client and a worker that share a connection, against a server that does what the test wants.

#include "world.hpp"

#include <mayfly/temporal/workflow_client.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

using namespace workflow_test;

namespace {

const mayfly::deployment_version version_7{.deployment = "shop", .build_id = "7"};

struct pair : world {
    std::vector<api::StartWorkflowExecutionRequest> starts{};
    int told = 0;
    bool brings = true;  ///< The server does as it is asked.
    bool can = true;     ///< It says that it does.
    workflow_start_options options{};
    std::optional<workflow_client> client{};

    pair()
    {
        options.task_queue = "work";
        options.eager = true;
        runs(one_timer);
        server.method<api::GetSystemInfoRequest>("GetSystemInfo", [this](const auto&) {
            api::GetSystemInfoResponse out;
            out.mutable_capabilities()->set_eager_workflow_start(can);
            return out;
        });
        server.method<api::StartWorkflowExecutionRequest>("StartWorkflowExecution", [this](const auto& r) {
            starts.push_back(r);
            api::StartWorkflowExecutionResponse out;
            out.set_run_id("run-" + std::to_string(starts.size()));
            out.set_started(true);
            if (brings && r.request_eager_execution()) {
                auto& task = *out.mutable_eager_workflow_task();
                task = flows.task(history{}.started().task());
                task.mutable_workflow_execution()->set_run_id(out.run_id());
            }
            return out;
        });
    }
    ~pair() { end(); }

    void begin_pair()
    {
        make();
        bool connected = false;
        wire->async_connect(10s, [&](error_code ec, const auto&) { connected = !ec; });
        REQUIRE(until([&] { return connected; }));
        worker->async_start([this](error_code ec) { started = ec; });
        REQUIRE(until([&] { return started && flows.parked(false) == 1 && flows.parked(true) == 1; }));
        client.emplace(wire);
        client->report_starts_to([this](const std::string&, mayfly::task_type) { ++told; });
    }

    /// What the start came to. Whether its first task was asked for is in `starts`.
    error_code begin_run(const std::string& type = "flow")
    {
        std::optional<error_code> ended;
        client->async_start_by_name<int>(type, {}, options, [&](error_code ec, const auto&) { ended = ec; });
        REQUIRE(until([&] { return ended.has_value(); }));
        return *ended;
    }
    [[nodiscard]] bool asked() const { return starts.back().request_eager_execution(); }
    [[nodiscard]] bool idle() const { return worker->activity().busy == 0; }
};

}  // namespace

TEST_CASE("starts bring the first task with them, where a worker has a slot for it")
{
    pair p;
    p.config.settings.max_concurrent_workflow_tasks = 3;
    p.config.settings.workflow_pollers = 2;
    p.begin_pair();
    p.server.held = "RespondWorkflowTaskCompleted";
    CHECK_FALSE(p.begin_run());
    CHECK(p.asked());
    REQUIRE(p.until([&] { return p.server.calls_held() == 1; }));
    CHECK(p.seen.size() == 1);
    // Nobody else is needed for a workflow whose task is here.
    CHECK(p.told == 0);
    // Two slots wait with polls.
    CHECK_FALSE(p.begin_run());
    CHECK_FALSE(p.asked());
    CHECK(p.told == 1);
    p.server.release();
    REQUIRE(p.until([&] { return p.flows.completed.size() == 1 && p.idle(); }));
    const auto& done = p.flows.completed[0];
    CHECK(done.commands(0).command_type() == api::enums::COMMAND_TYPE_START_TIMER);
    CHECK(done.task_token() == "token-1");
    CHECK(done.sticky_attributes().worker_task_queue().name() == p.flows.polls[1].task_queue().name());
    CHECK(p.worker->activity().received[static_cast<std::size_t>(mayfly::task_type::workflow)] == 1);
    CHECK(p.runs_alive() == 1);
    CHECK_FALSE(p.begin_run());
    CHECK(p.asked());
    REQUIRE(p.until([&] { return p.flows.completed.size() == 2 && p.idle(); }));
}

TEST_CASE("a slot that was taken for a start is free again, whatever the server says")
{
    pair p;
    p.config.settings.max_concurrent_workflow_tasks = 3;
    p.config.settings.workflow_pollers = 2;
    p.begin_pair();
    p.server.refusals["StartWorkflowExecution"] = {{grpc::status_code::already_exists, "there is one"}};
    CHECK(p.begin_run());
    CHECK(p.asked());
    CHECK(p.until([&] { return p.idle(); }));
    p.brings = false;
    CHECK_FALSE(p.begin_run());
    CHECK(p.asked());
    CHECK(p.told == 1);
    CHECK(p.until([&] { return p.idle(); }));
    p.brings = true;
    CHECK_FALSE(p.begin_run());
    CHECK(p.asked());
    REQUIRE(p.until([&] { return p.flows.completed.size() == 1 && p.idle(); }));
}

TEST_CASE("a first task is asked for only if a worker here may have it")
{
    using kind = versioning_override::kind;
    struct row {
        std::string why;
        bool asked;
        std::function<void(pair&)> how;
        const char* type = "flow";
    };
    const auto versioned = [](pair& p) {
        p.config.version = version_7;
        p.config.settings.default_behavior = mayfly::versioning_behavior::pinned;
    };
    const row rows[] = {
        {"it has all that it takes", true, [](pair&) {}},
        {"nobody wants it", false, [](pair& p) { p.options.eager = false; }},
        {"the server cannot do it", false, [](pair& p) { p.can = false; }},
        {"the worker takes none", false, [](pair& p) { p.config.eager_starts = false; }},
        {"the worker is of another queue", false, [](pair& p) { p.options.task_queue = "other"; }},
        {"the worker does not know the workflow", false, [](pair&) {}, "another"},
        {"it has time", false, [](pair& p) { p.options.start_delay = 1s; }},
        {"it has a schedule", false, [](pair& p) { p.options.cron_schedule = "0 0 * * *"; }},
        {"the worker is of a version, which may not be the current one", false, versioned},
        {"it is pinned to the worker's version", true,
            [&](pair& p) {
                versioned(p);
                p.options.versioning = versioning_override{kind::pinned, version_7};
            }},
        {"it is pinned to another version", false,
            [&](pair& p) {
                versioned(p);
                p.options.versioning = versioning_override{kind::pinned, {.deployment = "shop", .build_id = "8"}};
            }},
        {"it is pinned to a version, and the worker has none", false,
            [](pair& p) {
                p.options.versioning = versioning_override{kind::pinned, version_7};
            }},
    };
    for (const row& r : rows) {
        CAPTURE(r.why);
        pair p;
        r.how(p);
        p.begin_pair();
        CHECK_FALSE(p.begin_run(r.type));
        CHECK(p.asked() == r.asked);
        CHECK(p.starts.back().eager_worker_deployment_options().build_id() == (r.asked && p.config.version ? "7" : ""));
        REQUIRE(p.until([&] { return p.flows.completed.size() == (r.asked ? 1 : 0) && p.idle(); }));
    }
}

TEST_CASE("a worker that leaves takes no first tasks, one that has gone leaves them to their timeout")
{
    pair p;
    p.begin_pair();
    SUBCASE("it leaves")
    {
        p.drain();
        CHECK_FALSE(p.begin_run());
        CHECK_FALSE(p.asked());
    }
    SUBCASE("it has gone meanwhile")
    {
        p.server.held = "StartWorkflowExecution";
        std::optional<error_code> ended;
        p.client->async_start_by_name<int>("flow", {}, p.options, [&](error_code ec, const auto&) { ended = ec; });
        REQUIRE(p.until([&] { return p.server.calls_held() == 1; }));
        p.worker.reset();
        p.server.release();
        REQUIRE(p.until([&] { return ended.has_value(); }));
        CHECK_FALSE(*ended);
        CHECK(p.asked());
        CHECK_FALSE(p.until([&] { return !p.seen.empty(); }, 100ms));
    }
}
