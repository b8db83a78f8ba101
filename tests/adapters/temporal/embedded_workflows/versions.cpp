// SPDX-License-Identifier: BSL-1.0

// Which version's workers a run goes to, and what becomes of versions that runs keep to.

#include "world.hpp"

namespace mayfly::temporal::embedded {
namespace {

using enum grpc::status_code;
using enum api::enums::VersioningBehavior;
using order = api::workflow::VersioningOverride;

order keep_to(const std::string& build)
{
    order out;
    out.mutable_pinned()->set_behavior(order::PINNED_OVERRIDE_BEHAVIOR_PINNED);
    out.mutable_pinned()->mutable_version()->set_deployment_name("d");
    out.mutable_pinned()->mutable_version()->set_build_id(build);
    return out;
}

order once_on(const std::string& build)
{
    order out;
    out.mutable_one_time()->mutable_target_deployment_version()->set_deployment_name("d");
    out.mutable_one_time()->mutable_target_deployment_version()->set_build_id(build);
    return out;
}

order upgrade()
{
    order out;
    out.set_auto_upgrade(true);
    return out;
}

api::command::Command go_on_as(api::enums::ContinueAsNewVersioningBehavior begins)
{
    api::command::Command c = go_on();
    c.mutable_continue_as_new_workflow_execution_command_attributes()->set_initial_versioning_behavior(begins);
    return c;
}

/// Workers of two builds of a deployment, the first of which is current.
struct builds : flows {
    builds()
    {
        for (const std::string build : {"1", "2"}) {
            e.leave(poll_flow(build, "", of(build)), now);
            e.leave(poll(build, of(build)), now);
        }
        make_current("1");
    }

    static deployment_version of(const std::string& build) { return {"d", build}; }

    void make_current(const std::string& build)
    {
        api::SetWorkerDeploymentCurrentVersionRequest q;
        q.set_namespace_("default");
        q.set_deployment_name("d");
        q.set_build_id(build);
        q.set_ignore_missing_task_queues(true);
        must(e.deployment(q, who()));
        collect();
    }

    void ramp(const std::string& build, float percentage)
    {
        api::SetWorkerDeploymentRampingVersionRequest q;
        q.set_namespace_("default");
        q.set_deployment_name("d");
        q.set_build_id(build);
        q.set_percentage(percentage);
        must(e.deployment(q, who()));
        collect();
    }

    static std::function<void(completed_request&)> by(const std::string& build, api::enums::VersioningBehavior behavior)
    {
        return [=](completed_request& q) {
            q.set_versioning_behavior(behavior);
            q.mutable_deployment_options()->set_deployment_name("d");
            q.mutable_deployment_options()->set_build_id(build);
            q.mutable_deployment_options()->set_worker_versioning_mode(api::enums::WORKER_VERSIONING_MODE_VERSIONED);
        };
    }

    /// The task that waits for this build; none if there is none.
    std::optional<flow_task> take_of(const std::string& build)
    {
        const ticket id = poll_flow(build, "", of(build));
        auto out = flow(id);
        e.leave(id, now);
        return out;
    }

    /// A build that has a task for them: `-` for none.
    std::string who_gets_it()
    {
        for (const std::string build : {"1", "2"})
            if (const auto t = take_of(build)) {
                last_task = *t;
                return build;
            }
        return "-";
    }

    /// A run whose first task a build has completed.
    void begin_on(const std::string& build, api::enums::VersioningBehavior behavior, const std::string& id = "w",
        const std::function<void(api::StartWorkflowExecutionRequest&)>& how = {})
    {
        begin(id, how);
        must(reply(take_of(build).value(), {}, by(build, behavior)));
    }

    grpc::status_code give(const std::optional<order>& wanted, const std::string& id = "w")
    {
        api::UpdateWorkflowExecutionOptionsRequest q;
        q.set_namespace_("default");
        q.mutable_workflow_execution()->set_workflow_id(id);
        q.mutable_update_mask()->add_paths("versioning_override");
        if (wanted)
            *q.mutable_workflow_execution_options()->mutable_versioning_override() = *wanted;
        const auto out = e.set_workflow_options(q, who());
        collect();
        return code_of(out);
    }

    api::enums::WorkerDeploymentVersionStatus status_of(const std::string& build)
    {
        api::DescribeWorkerDeploymentVersionRequest q;
        q.set_namespace_("default");
        q.mutable_deployment_version()->set_deployment_name("d");
        q.mutable_deployment_version()->set_build_id(build);
        return must(e.deployment(q, who())).worker_deployment_version_info().status();
    }

    flow_task last_task{};
};

TEST_CASE("an activity does not begin on another version before its run has gone over")
{
    builds w;
    w.begin_on("1", VERSIONING_BEHAVIOR_AUTO_UPGRADE);
    w.signal();
    must(w.reply(w.take_of("1").value(), {activity("a")}, w.by("1", VERSIONING_BEHAVIOR_AUTO_UPGRADE)));
    w.make_current("2");
    CHECK_FALSE(w.run().has_task());

    const ticket worker = w.poll("two", w.of("2"));
    CHECK_FALSE(w.task(worker));
    CHECK(w.e.check_books().empty());
    CHECK(w.run().versioning.transition == std::optional(std::optional(w.of("2"))));
    CHECK_FALSE(w.take_of("1"));
    const auto task = w.take_of("2");
    REQUIRE(task);
    CHECK_FALSE(w.task(worker));

    SUBCASE("it has")
    {
        w.pass(3s);
        must(w.reply(*task, {}, w.by("2", VERSIONING_BEHAVIOR_AUTO_UPGRADE)));
        const auto got = w.task(worker);
        REQUIRE(got);
        CHECK(got->activity_id() == "a");
        CHECK(w.run().activities.begin()->second->dispatch.at == w.now.at);
    }
    SUBCASE("its worker fails: it is still on its way")
    {
        w.fail_flow(*task);
        CHECK_FALSE(w.task(worker));
        must(w.reply(w.take_of("2").value(), {}, w.by("2", VERSIONING_BEHAVIOR_AUTO_UPGRADE)));
        CHECK(w.task(worker));
    }
    SUBCASE("somebody keeps it where it was, which holds from when it has")
    {
        CHECK(w.give(keep_to("1")) == ok);
        const ticket other = w.poll("one", w.of("1"));
        CHECK_FALSE(w.task(other));
        must(w.reply(*task, {}, w.by("2", VERSIONING_BEHAVIOR_AUTO_UPGRADE)));
        CHECK(w.task(other));
        CHECK_FALSE(w.task(worker));
    }
    SUBCASE("it ends without it")
    {
        must(w.reply(*task, {end_with()}, w.by("2", VERSIONING_BEHAVIOR_AUTO_UPGRADE)));
        CHECK_FALSE(w.task(worker));
        CHECK_FALSE(w.run().open());
    }
    SUBCASE("no worker comes")
    {
        w.pass(1h);
        CHECK(w.run().open());
        must(w.reply(w.take_of("2").value(), {}, w.by("2", VERSIONING_BEHAVIOR_AUTO_UPGRADE)));
        CHECK(w.task(w.poll("late", w.of("2"))));
    }
}

TEST_CASE("a task that has begun when its run goes over is completed, and the next one is the other version's")
{
    builds w;
    w.begin_on("1", VERSIONING_BEHAVIOR_AUTO_UPGRADE);
    w.signal();
    must(w.reply(w.take_of("1").value(), {activity("a")}, w.by("1", VERSIONING_BEHAVIOR_AUTO_UPGRADE)));
    w.signal();
    const auto task = w.take_of("1");
    w.make_current("2");
    const ticket worker = w.poll("two", w.of("2"));
    CHECK_FALSE(w.task(worker));
    const auto out = must(w.reply(*task, {timer("t", 1h)}, [&](completed_request& q) {
        w.by("1", VERSIONING_BEHAVIOR_AUTO_UPGRADE)(q);
        w.keep_sticky(q);
        q.set_return_new_workflow_task(true);
    }));
    CHECK_FALSE(out.has_workflow_task());
    CHECK(w.run().sticky_queue.empty());
    CHECK_FALSE(w.task(worker));
    CHECK(w.who_gets_it() == "2");
    must(w.reply(w.last_task, {}, w.by("2", VERSIONING_BEHAVIOR_AUTO_UPGRADE)));
    CHECK(w.task(worker));
    CHECK(w.who_gets_it() == "-");
}

TEST_CASE("a worker that remembers a run loses it to another version, but not to those without one")
{
    for (const std::string current : {"2", ""}) {
        CAPTURE(current);
        builds w;
        w.begin();
        const flow_task first = w.take_of("1").value();
        const ticket remembers = w.poll_flow("1", "mine", w.of("1"));
        must(w.reply(first, {}, [&](completed_request& q) {
            w.by("1", VERSIONING_BEHAVIOR_AUTO_UPGRADE)(q);
            w.keep_sticky(q);
        }));
        w.make_current(current);
        w.signal();
        CHECK(w.flow(remembers).has_value() == current.empty());
        CHECK(w.take_of("2").has_value() == !current.empty());
    }
}

TEST_CASE("an activity of a queue that others serve says nothing of its run's version")
{
    builds w;
    const auto elsewhere = [&w](const deployment_version& version) {
        poll_request p{{"default", "other", task_type::activity}, "o", "o-key", {}, {}};
        p.options.set_deployment_name(version.deployment);
        p.options.set_build_id(version.build_id);
        p.options.set_worker_versioning_mode(api::enums::WORKER_VERSIONING_MODE_VERSIONED);
        w.e.poll_task(++w.last, std::move(p), w.who());
        w.collect();
        return w.last;
    };
    const ticket worker = elsewhere({"o", "1"});
    api::SetWorkerDeploymentCurrentVersionRequest q;
    q.set_namespace_("default");
    q.set_deployment_name("o");
    q.set_build_id("1");
    must(w.e.deployment(q, w.who()));
    for (const auto behavior : {VERSIONING_BEHAVIOR_PINNED, VERSIONING_BEHAVIOR_AUTO_UPGRADE}) {
        const std::string id = "w" + std::to_string(behavior);
        w.begin(id);
        auto there = activity("a");
        there.mutable_schedule_activity_task_command_attributes()->mutable_task_queue()->set_name("other");
        must(w.reply(w.take_of("1").value(), {there}, w.by("1", behavior)));
        CHECK(w.task(behavior == VERSIONING_BEHAVIOR_PINNED ? worker : elsewhere({"o", "1"})));
        CHECK_FALSE(w.run(id).versioning.transition);
        CHECK_FALSE(w.run(id).has_task());
    }
}

TEST_CASE("a start brings its first task to a worker that would have it anyway")
{
    struct row {
        const char* why;
        std::string build;
        std::string ordered;
        bool comes;
        std::string instead;
    };
    const row rows[] = {
        {"the current version", "1", "", true, "-"},
        {"another version", "2", "", false, "1"},
        {"no version, where there is one", "", "", false, "1"},
        {"the version that it is ordered to be on", "2", "2", true, "-"},
        {"the current version, where it is ordered to be on another", "1", "2", false, "2"},
    };
    for (const row& r : rows) {
        CAPTURE(r.why);
        builds w;
        auto q = flows::start_of("w");
        q.set_request_eager_execution(true);
        if (!r.build.empty()) {
            auto& worker = *q.mutable_eager_worker_deployment_options();
            worker.set_deployment_name("d");
            worker.set_build_id(r.build);
            worker.set_worker_versioning_mode(api::enums::WORKER_VERSIONING_MODE_VERSIONED);
        }
        if (!r.ordered.empty())
            *q.mutable_versioning_override() = keep_to(r.ordered);
        const auto out = must(w.try_begin(q));
        CHECK(out.has_eager_workflow_task() == r.comes);
        CHECK(w.run().begun().eager_execution_accepted() == r.comes);
        CHECK(w.who_gets_it() == r.instead);
        if (!r.comes)
            continue;
        must(w.reply(out.eager_workflow_task(), {}, w.by(r.build, VERSIONING_BEHAVIOR_PINNED)));
        w.signal();
        CHECK(w.who_gets_it() == r.build);
    }
}

TEST_CASE("a version has drained once no open run keeps to it, and drains again when somebody orders one to")
{
    builds w;
    w.begin_on("1", VERSIONING_BEHAVIOR_PINNED);
    w.begin_on("1", VERSIONING_BEHAVIOR_AUTO_UPGRADE, "moving");
    w.make_current("2");
    w.leap(1h + 1s);  // not when it is looked at
    CHECK(w.status_of("1") == api::enums::WORKER_DEPLOYMENT_VERSION_STATUS_DRAINING);

    SUBCASE("it ends")
    {
        CHECK(w.terminate() == ok);
        CHECK(w.status_of("1") == api::enums::WORKER_DEPLOYMENT_VERSION_STATUS_DRAINING);
    }
    SUBCASE("somebody has it upgrade")
    {
        CHECK(w.give(upgrade()) == ok);
        CHECK(w.status_of("1") == api::enums::WORKER_DEPLOYMENT_VERSION_STATUS_DRAINING);
    }
    w.leap(3min);
    CHECK(w.status_of("1") == api::enums::WORKER_DEPLOYMENT_VERSION_STATUS_DRAINED);
    w.begin("late", [](auto& q) { *q.mutable_versioning_override() = keep_to("1"); });
    CHECK(w.status_of("1") == api::enums::WORKER_DEPLOYMENT_VERSION_STATUS_DRAINING);
    w.leap(1h);
    CHECK(w.status_of("1") == api::enums::WORKER_DEPLOYMENT_VERSION_STATUS_DRAINING);
    CHECK(w.terminate("late") == ok);
    w.leap(1h);
    CHECK(w.status_of("1") == api::enums::WORKER_DEPLOYMENT_VERSION_STATUS_DRAINED);
}

TEST_CASE("a run that keeps to a version without workers can be asked until that version has drained")
{
    builds w;
    w.begin_on("1", VERSIONING_BEHAVIOR_PINNED);
    w.make_current("2");
    w.leap(10min);
    const ticket early = w.query();
    CHECK_FALSE(w.got(early));
    const auto question = w.take_of("1");
    REQUIRE(question);
    w.answer_query(*question);
    CHECK(w.queried(early) == "here");

    CHECK(w.terminate() == ok);
    w.leap(10min);
    CHECK(w.status_of("1") == api::enums::WORKER_DEPLOYMENT_VERSION_STATUS_DRAINED);
    const ticket late = w.query();
    REQUIRE(w.got(late));
    CHECK(w.got(late)->status.code == failed_precondition);
    w.poll_flow("any");
    const ticket later = w.query();
    CHECK_FALSE(w.got(later));
}

TEST_CASE("what new runs take over from those they come from")
{
    struct row {
        const char* why;
        api::enums::VersioningBehavior behavior;
        std::optional<order> ordered;
        api::command::Command last;
        const char* goes_to;
    };
    using enum api::enums::ContinueAsNewVersioningBehavior;
    const auto none = CONTINUE_AS_NEW_VERSIONING_BEHAVIOR_UNSPECIFIED;
    const auto upgraded = CONTINUE_AS_NEW_VERSIONING_BEHAVIOR_AUTO_UPGRADE;
    const auto ramping = CONTINUE_AS_NEW_VERSIONING_BEHAVIOR_USE_RAMPING_VERSION;
    const auto pinned = VERSIONING_BEHAVIOR_PINNED;
    const auto moving = VERSIONING_BEHAVIOR_AUTO_UPGRADE;
    const auto again = fail_with(flows::failure());
    const row rows[] = {
        {"the pin goes on", pinned, {}, go_on_as(none), "1"},
        {"unless the workflow says otherwise", pinned, {}, go_on_as(upgraded), "2"},
        {"no ramp: as without", pinned, {}, go_on_as(ramping), "2"},
        {"it moves", moving, {}, go_on_as(none), "2"},
        {"an order goes on", moving, keep_to("1"), go_on_as(none), "1"},
        {"and is stronger", pinned, keep_to("1"), go_on_as(upgraded), "1"},
        {"one for a single task does not", moving, once_on("1"), go_on_as(none), "2"},
        {"another try begins anew", pinned, {}, again, "2"},
        {"but for an order", pinned, keep_to("1"), again, "1"},
        {"children keep to it", pinned, {}, child("c"), "1"},
        {"children of one that moves", moving, {}, child("c"), "2"},
        {"an order goes to children", moving, keep_to("1"), child("c"), "1"},
    };
    for (const row& r : rows) {
        CAPTURE(r.why);
        builds w;
        w.begin_on(
            "1", r.behavior, "w", [](auto& q) { put(*q.mutable_retry_policy()->mutable_initial_interval(), 1ms); });
        w.signal();
        if (r.ordered)
            CHECK(w.give(r.ordered) == ok);
        const auto task = w.take_of("1");
        w.make_current("2");
        must(w.reply(*task, {r.last}, w.by("1", r.behavior)));
        w.pass(5s);
        std::string got = w.who_gets_it();
        if (w.last_task.workflow_type().name() != "kid" &&
            r.last.has_start_child_workflow_execution_command_attributes()) {
            must(w.reply(w.last_task, {}, w.by(got, r.behavior)));
            got = w.who_gets_it();
        }
        CHECK(got == r.goes_to);
        CHECK(w.last_task.previous_started_event_id() == 0);
    }
}

TEST_CASE("a run may begin with the version that ramps, whatever its id; later tasks go by it")
{
    builds w;
    w.ramp("2", 0.001F);
    w.begin_on("1", VERSIONING_BEHAVIOR_PINNED);
    w.signal();
    must(
        w.reply(w.take_of("1").value(), {go_on_as(api::enums::CONTINUE_AS_NEW_VERSIONING_BEHAVIOR_USE_RAMPING_VERSION)},
            w.by("1", VERSIONING_BEHAVIOR_PINNED)));
    w.pass(5s);
    CHECK(w.who_gets_it() == "2");
    must(w.reply(w.last_task, {}, w.by("2", VERSIONING_BEHAVIOR_AUTO_UPGRADE)));
    w.signal();
    CHECK(w.who_gets_it() == "1");
}

TEST_CASE("another try of a child keeps to the version that its parent had when it began it")
{
    builds w;
    w.begin_on("1", VERSIONING_BEHAVIOR_PINNED);
    w.signal();
    auto tried = child("c");
    auto& policy = *tried.mutable_start_child_workflow_execution_command_attributes()->mutable_retry_policy();
    put(*policy.mutable_initial_interval(), 1ms);
    must(w.reply(w.take_of("1").value(), {tried}, w.by("1", VERSIONING_BEHAVIOR_PINNED)));
    w.make_current("2");
    for (int i = 0; i < 2; ++i) {
        const flow_task t = w.take_of("1").value();
        const bool kid = t.workflow_type().name() == "kid";
        must(w.reply(t, kid ? commands{fail_with(w.failure())} : commands{}, w.by("1", VERSIONING_BEHAVIOR_PINNED)));
    }
    w.pass(5s);
    CHECK(w.who_gets_it() == "1");
    CHECK(w.last_task.workflow_type().name() == "kid");
}

TEST_CASE("orders that nobody can follow are not taken")
{
    builds w;
    w.begin_on("1", VERSIONING_BEHAVIOR_AUTO_UPGRADE);
    order no_version = keep_to("1");
    no_version.mutable_pinned()->clear_version();
    order no_behavior = keep_to("1");
    no_behavior.mutable_pinned()->clear_behavior();
    order not_upgrade;
    not_upgrade.set_auto_upgrade(false);
    struct row {
        const char* why;
        order wanted;
        grpc::status_code at_start;
        grpc::status_code later;
    };
    const row rows[] = {
        {"nobody of that version polls", keep_to("3"), failed_precondition, failed_precondition},
        {"likewise for one task", once_on("3"), failed_precondition, failed_precondition},
        {"it is not pinned to anything yet", no_version, invalid_argument, failed_precondition},
        {"nothing is said", order(), invalid_argument, invalid_argument},
        {"half is said", no_behavior, invalid_argument, invalid_argument},
        {"the contrary is said", not_upgrade, invalid_argument, invalid_argument},
    };
    for (const row& r : rows) {
        CAPTURE(r.why);
        CHECK(w.give(r.wanted) == r.later);
        auto q = w.start_of("other");
        *q.mutable_versioning_override() = r.wanted;
        CHECK(code_of(w.try_begin(q)) == r.at_start);
    }
    CHECK(w.events() == "W:STARTED T:SCHEDULED T:STARTED T:COMPLETED");
    CHECK(w.give(keep_to("1")) == ok);
    CHECK(w.give(no_version) == ok);  // to where it is: nothing new
    CHECK(w.events("w", 5) == "W:OPTIONS_UPDATED");
    CHECK(w.run().history.at(5).worker_may_ignore());  // workers of other makers take it for nonsense otherwise
    CHECK(w.give({}) == ok);
    CHECK(w.run().versioning.version == w.of("1"));
    CHECK(w.events("w", 5) == "W:OPTIONS_UPDATED W:OPTIONS_UPDATED");

    auto lost = child("c");
    *lost.mutable_start_child_workflow_execution_command_attributes()->mutable_versioning_override() = keep_to("3");
    w.signal();
    must(w.reply(w.take_of("1").value(), {lost}, w.by("1", VERSIONING_BEHAVIOR_AUTO_UPGRADE)));
    CHECK(w.events().ends_with("START_C:INITIATED START_C:FAILED T:SCHEDULED"));
    CHECK(w.run()
              .history.at(w.run().history.next_id() - 2)
              .start_child_workflow_execution_failed_event_attributes()
              .cause() == api::enums::START_CHILD_WORKFLOW_EXECUTION_FAILED_CAUSE_INVALID_VERSIONING_OVERRIDE);
}

TEST_CASE("a run that is reset is where its history says")
{
    struct row {
        const char* why;
        std::int64_t finish;
        bool ordered;
        const char* goes_to;
    };
    for (const row& r : {row{"a task of its version is left", 8, false, "1"}, row{"nothing is left", 4, false, "2"},
             row{"an order that came later stays", 4, true, "1"}}) {
        CAPTURE(r.why);
        builds w;
        w.begin_on("1", VERSIONING_BEHAVIOR_PINNED);
        w.signal();
        must(w.reply(w.take_of("1").value(), {}, w.by("1", VERSIONING_BEHAVIOR_PINNED)));
        w.make_current("2");
        if (r.ordered)
            CHECK(w.give(keep_to("1")) == ok);
        api::ResetWorkflowExecutionRequest q;
        q.set_namespace_("default");
        q.mutable_workflow_execution()->set_workflow_id("w");
        q.set_workflow_task_finish_event_id(r.finish);
        must(w.e.reset_workflow(q, w.who()));
        w.collect();
        CHECK(w.who_gets_it() == r.goes_to);
    }
}

}  // namespace
}  // namespace mayfly::temporal::embedded
