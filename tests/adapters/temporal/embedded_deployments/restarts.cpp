// SPDX-License-Identifier: BSL-1.0
#include "answers.hpp"

#include <mayfly/temporal/embedded/engine_records.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <memory>
#include <string>
#include <utility>

namespace {

using namespace std::chrono_literals;
using namespace mayfly::temporal::embedded;
namespace api = mayfly::temporal::api;
using mayfly::grpc::status_code;

/// A service that is started again and again, from what it wrote.
struct two_lives {
    std::unique_ptr<engine> service{};
    records written{};
    moment now{.at = 5s, .wall = std::chrono::sys_seconds{1'800'000'000s}};
    ticket last = 0;
    std::uint64_t seed = 0;

    two_lives() { start(); }

    void start()
    {
        service = std::make_unique<engine>(limits{}, ++seed);
        service->make_namespace("default");
        engine_records::begin(*service);
        REQUIRE(engine_records::restore(*service, written, now));
        service->advance(now);
        CHECK(service->check_books() == "");
    }

    void save()
    {
        records changed;
        engine_records::take_changes(*service, changed);
        for (record& c : changed) {
            std::erase_if(written, [&](const record& r) { return r.kind == c.kind && r.key == c.key; });
            if (!c.erased)
                written.push_back(std::move(c));
        }
        records all;
        engine_records::all(*service, all);
        CHECK_MESSAGE(all.size() == written.size(), "what is written bit by bit is all there is");
    }

    /// The steady clock begins anew, as after the machine was started again.
    void restart(std::chrono::seconds downtime = 0s)
    {
        save();
        now = {.at = 1s, .wall = now.wall + downtime};
        start();
    }

    [[nodiscard]] caller me() const { return {.now = now, .deadline = now.at + 60s}; }

    std::string begin(const std::string& id, std::chrono::seconds attempt = 100s, std::chrono::seconds all = 1000s)
    {
        api::StartActivityExecutionRequest r;
        r.set_namespace_("default");
        r.set_activity_id(id);
        r.set_request_id("request of " + id);
        r.mutable_activity_type()->set_name("work");
        r.mutable_task_queue()->set_name("orders");
        put(*r.mutable_start_to_close_timeout(), attempt);
        put(*r.mutable_schedule_to_close_timeout(), all);
        r.mutable_input()->add_payloads()->set_data("input of " + id);
        const auto out = service->start_activity(r, me());
        REQUIRE(out);
        return out->run_id();
    }

    /// What a poll gets at once; empty if it waits, and then it is given up.
    api::PollActivityTaskQueueResponse poll()
    {
        poll_request r;
        r.queue = {"default", "orders", mayfly::task_type::activity};
        r.identity = "worker";
        const ticket id = ++last;
        service->poll_task(id, std::move(r), me());
        api::PollActivityTaskQueueResponse out;
        for (const answer& a : service->take_outputs().answers)
            if (a.id == id)
                REQUIRE(out.ParseFromString(a.message));
        if (out.task_token().empty())
            service->leave(id, now);
        return out;
    }

    auto complete(const std::string& token)
    {
        api::RespondActivityTaskCompletedRequest r;
        r.set_task_token(token);
        r.mutable_result()->add_payloads()->set_data("result");
        return service->complete_task<api::RespondActivityTaskCompletedResponse>(r, me());
    }

    [[nodiscard]] const execution& of(const std::string& run) const
    {
        const execution* const e = service->activities().find_run(run);
        REQUIRE(e != nullptr);
        return *e;
    }
};

}  // namespace

TEST_CASE("a restart finds every activity where it was")
{
    two_lives w;
    const std::string first = w.begin("first");
    const std::string second = w.begin("second");
    const std::string third = w.begin("third");
    const auto task = w.poll();
    REQUIRE(task.activity_id() == "first");
    api::RecordActivityTaskHeartbeatRequest beat;
    beat.set_task_token(task.task_token());
    beat.mutable_details()->add_payloads()->set_data("half");
    REQUIRE(w.service->heartbeat<api::RecordActivityTaskHeartbeatResponse>(beat, w.me()));
    REQUIRE(w.complete(w.poll().task_token()));

    w.restart(10s);
    CHECK(w.of(first).where == place::started);
    CHECK(w.of(first).heartbeat_details.payloads(0).data() == "half");
    CHECK(w.of(first).started->at == -9s);
    CHECK(w.of(second).where == place::closed);
    CHECK(w.of(second).outcome->result().payloads(0).data() == "result");
    CHECK(w.of(third).where == place::queued);
    CHECK(w.of(third).request.input().payloads(0).data() == "input of third");

    // The same request is the same activity; the worker goes on with what it has.
    CHECK(w.begin("third") == third);
    CHECK(w.poll().activity_id() == "third");
    CHECK(w.complete(task.task_token()));
    CHECK(w.complete(task.task_token()).error().code == status_code::not_found);

    w.restart();
    CHECK(w.of(first).status == api::enums::ACTIVITY_EXECUTION_STATUS_COMPLETED);
    CHECK(w.of(third).where == place::started);
}

TEST_CASE("tasks come back in their order")
{
    two_lives w;
    for (int i = 0; i < 20; ++i)
        w.begin(std::to_string(i));
    w.restart();
    for (int i = 0; i < 20; ++i)
        CHECK(w.poll().activity_id() == std::to_string(i));
}

TEST_CASE("time goes on while the service is down")
{
    two_lives w;
    const std::string lost = w.begin("lost", 100s);
    const std::string late = w.begin("late", 100s, 200s);
    REQUIRE(w.poll().activity_id() == "lost");
    SUBCASE("an attempt whose time is over is tried again")
    {
        w.restart(150s);
        CHECK(w.of(lost).attempt == 2);
        CHECK(w.of(late).where == place::queued);
    }
    SUBCASE("one that is waited for too long ends")
    {
        w.restart(300s);
        CHECK(w.of(late).status == api::enums::ACTIVITY_EXECUTION_STATUS_TIMED_OUT);
        CHECK(w.of(lost).open());
    }
}

TEST_CASE("a task that nobody took is nobody's after a restart, too")
{
    two_lives w;
    const std::string run = w.begin("a");
    poll_request r;
    r.queue = {"default", "orders", mayfly::task_type::activity};
    r.identity = "worker";
    w.service->poll_task(7, std::move(r), w.me());
    const outputs out = w.service->take_outputs();
    REQUIRE(out.answers.size() == 1);
    REQUIRE(out.answers[0].task);
    w.save();
    w.service->give_back(*out.answers[0].task, w.now);
    w.restart();
    CHECK(w.of(run).where == place::queued);
    CHECK(w.of(run).attempt == 1);
}

TEST_CASE("what is forgotten stays forgotten; namespaces and limits stay")
{
    two_lives w;
    const std::string run = w.begin("a");
    w.save();
    api::DeleteActivityExecutionRequest r;
    r.set_namespace_("default");
    r.set_activity_id("a");
    REQUIRE(w.service->delete_activity(r, w.me()));
    api::RegisterNamespaceRequest more;
    more.set_namespace_("more");
    put(*more.mutable_workflow_execution_retention_period(), 24h);
    REQUIRE(w.service->register_namespace(more, w.me()));
    api::UpdateTaskQueueConfigRequest limit;
    limit.set_namespace_("default");
    limit.set_task_queue("orders");
    limit.set_task_queue_type(api::enums::TASK_QUEUE_TYPE_ACTIVITY);
    limit.mutable_update_queue_rate_limit()->mutable_rate_limit()->set_requests_per_second(3);
    REQUIRE(w.service->configure_queue(limit, w.me()));
    w.restart();
    CHECK(w.service->activities().find_run(run) == nullptr);
    CHECK(w.service->name_spaces().contains("more"));
    api::DescribeTaskQueueRequest describe;
    describe.set_namespace_("default");
    describe.mutable_task_queue()->set_name("orders");
    describe.set_task_queue_type(api::enums::TASK_QUEUE_TYPE_ACTIVITY);
    CHECK(w.service->describe_queue(describe, w.me())->effective_rate_limit().requests_per_second() == 3);
}

TEST_CASE("records that do not fit together are refused")
{
    two_lives w;
    w.begin("a");
    w.save();
    const records good = w.written;
    const auto refused = [&](const records& from) {
        engine e;
        return !engine_records::restore(e, from, w.now);
    };
    REQUIRE_FALSE(refused(good));
    for (std::size_t i = 0; i < good.size(); ++i) {
        if (good[i].kind == record_kind::name_space)
            continue;
        records without = good;
        without.erase(without.begin() + static_cast<std::ptrdiff_t>(i));
        CHECK(refused(without));
        records broken = good;
        broken[i].value = "\xff\xff";
        CHECK(refused(broken));
    }
}
