// SPDX-License-Identifier: BSL-1.0
#include "world.hpp"

#include <doctest/doctest.h>

#include <string>
#include <vector>

namespace {

using namespace embedded_test;
namespace status = api::enums;

bool has(const std::string& text, std::string_view part)
{
    return text.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE("names are checked in every call that makes something")
{
    struct row {
        const char* why;
        const char* name;
        const char* build;
    };
    const row rows[] = {
        {"no deployment", "", "1"},
        {"a dot, which older clients put between the two", "a.b", "1"},
        {"a colon, which newer ones do", "a:b", "1"},
        {"the server's own", "__a", "1"},
        {"no build", "a", ""},
        {"the server's own build", "a", "__unversioned__"},
    };
    for (const row& r : rows) {
        CAPTURE(r.why);
        world w;
        CHECK(w.poll(r.build, "orders", r.name).code == status_code::invalid_argument);
        api::CreateWorkerDeploymentVersionRequest create;
        *create.mutable_deployment_version() = version(r.build, r.name);
        CHECK(code(w.ask(create)) == status_code::invalid_argument);
        api::DescribeWorkerDeploymentVersionRequest describe;
        *describe.mutable_deployment_version() = version(r.build, r.name);
        CHECK(code(w.ask(describe)) == status_code::invalid_argument);
        CHECK(w.describe().conflict_token().empty());
    }
    world w;
    CHECK(code(w.create(std::string(480, 'n'))) == status_code::ok);
    CHECK(has(words(w.create(std::string(481, 'n'))), "at most 480"));
}

TEST_CASE("a deployment is created once; the same request may be sent again")
{
    world w;
    const auto first = w.create("greeter", "r1");
    REQUIRE(first);
    CHECK_FALSE(first->conflict_token().empty());
    CHECK(w.create("greeter", "r1")->conflict_token() == first->conflict_token());
    CHECK(code(w.create("greeter", "r2")) == status_code::already_exists);
    CHECK(code(w.create("greeter", "")) == status_code::already_exists);

    REQUIRE(w.poll("1", "orders", "polled").ok());
    CHECK(has(words(w.create("polled", "r1")), "a worker polled"));
    CHECK_FALSE(has(words(w.create("greeter", "r2")), "a worker polled"));
    CHECK(code(w.create("polled", "")) == status_code::already_exists);

    // Deleted and made anew, it is another one: a token of before must not fit.
    REQUIRE(w.delete_deployment());
    w.after(1s);
    CHECK(w.create("greeter", "r3")->conflict_token() != first->conflict_token());
}

TEST_CASE("a version needs its deployment, is created once, and waits for its first worker")
{
    world w;
    CHECK(code(w.create_version("1", "r1")) == status_code::not_found);
    REQUIRE(w.create());
    REQUIRE(w.create_version("1", "r1"));
    CHECK(w.create_version("1", "r1"));
    CHECK(code(w.create_version("1", "r2")) == status_code::already_exists);
    CHECK(code(w.create_version("1")) == status_code::already_exists);
    CHECK(w.status("1") == status::WORKER_DEPLOYMENT_VERSION_STATUS_CREATED);
    CHECK(w.describe("1").worker_deployment_version_info().last_modifier_identity() == "me");

    REQUIRE(w.poll("1").ok());
    CHECK(w.status("1") == status::WORKER_DEPLOYMENT_VERSION_STATUS_INACTIVE);
    CHECK(w.describe().worker_deployment_info().version_summaries_size() == 1);
}

TEST_CASE("polling makes what it needs, and routes nothing")
{
    world w;
    REQUIRE(w.poll("1", "orders").ok());
    REQUIRE(w.poll("1", "orders").ok());
    REQUIRE(w.poll("1", "orders", "greeter", task_type::workflow).ok());
    REQUIRE(w.poll("2", "mail").ok());

    const auto one = w.describe("1", true);
    CHECK(one.worker_deployment_version_info().status() == status::WORKER_DEPLOYMENT_VERSION_STATUS_INACTIVE);
    CHECK(one.worker_deployment_version_info().task_queue_infos_size() == 2);
    REQUIRE(one.version_task_queues_size() == 2);
    CHECK(one.version_task_queues(0).name() == "orders");
    CHECK(one.version_task_queues(0).type() == status::TASK_QUEUE_TYPE_ACTIVITY);
    CHECK(one.version_task_queues(1).type() == status::TASK_QUEUE_TYPE_WORKFLOW);
    CHECK(w.goes_to("any").empty());
    CHECK_FALSE(w.describe().worker_deployment_info().routing_config().has_current_deployment_version());

    api::deployment::WorkerDeploymentOptions unversioned = versioned("other", "1");
    unversioned.set_worker_versioning_mode(status::WORKER_VERSIONING_MODE_UNVERSIONED);
    CHECK(w.store.polled("default", "orders", task_type::activity, unversioned, w.now, w.queues).ok());
    CHECK(code(w.create("other")) == status_code::ok);
}

TEST_CASE("numbers of a version's queues are given when they are asked for")
{
    world w;
    REQUIRE(w.poll("1").ok());
    w.queues.backlog["orders"] = 7;
    CHECK_FALSE(w.describe("1").version_task_queues(0).has_stats());
    const auto queue = w.describe("1", true).version_task_queues(0);
    CHECK(queue.stats().approximate_backlog_count() == 7);
    CHECK(queue.stats_by_priority_key().at(3).approximate_backlog_count() == 7);
}

TEST_CASE("a version is made current, and the one before drains")
{
    world w;
    REQUIRE(w.poll("1").ok());
    REQUIRE(w.poll("2").ok());
    const auto revision = w.store.routing_revision();
    const auto first = w.set_current("1");
    REQUIRE(first);
    CHECK_FALSE(first->has_previous_deployment_version());
    CHECK(w.status("1") == status::WORKER_DEPLOYMENT_VERSION_STATUS_CURRENT);
    CHECK(w.goes_to("any") == "greeter:1");
    CHECK(w.store.routing_revision() > revision);

    w.after(10s);
    const auto second = w.set_current("2");
    REQUIRE(second);
    CHECK(second->previous_deployment_version().build_id() == "1");
    CHECK(second->conflict_token() != first->conflict_token());
    CHECK(second->conflict_token() == w.describe().conflict_token());
    CHECK(w.goes_to("any") == "greeter:2");

    const auto info = w.describe().worker_deployment_info();
    CHECK(info.routing_config().revision_number() == 2);
    CHECK(info.routing_config().current_version_changed_time().seconds() == 1'800'000'010);
    CHECK(info.last_modifier_identity() == "me");
    CHECK(info.routing_config_update_state() == status::ROUTING_CONFIG_UPDATE_STATE_COMPLETED);

    auto one = w.describe("1").worker_deployment_version_info();
    CHECK(one.status() == status::WORKER_DEPLOYMENT_VERSION_STATUS_DRAINING);
    CHECK(one.drainage_info().status() == status::VERSION_DRAINAGE_STATUS_DRAINING);
    CHECK(one.last_deactivation_time().seconds() == 1'800'000'010);
    CHECK(one.last_current_time().seconds() == 1'800'000'000);
    CHECK(one.first_activation_time().seconds() == 1'800'000'000);
    CHECK_FALSE(one.has_current_since_time());

    w.after(179s);
    CHECK(w.status("1") == status::WORKER_DEPLOYMENT_VERSION_STATUS_DRAINING);
    w.after(1s);
    one = w.describe("1").worker_deployment_version_info();
    CHECK(one.status() == status::WORKER_DEPLOYMENT_VERSION_STATUS_DRAINED);
    CHECK(one.drainage_info().last_changed_time().seconds() == 1'800'000'190);
    CHECK(w.describe().worker_deployment_info().version_summaries(0).drainage_status() ==
          status::VERSION_DRAINAGE_STATUS_DRAINED);

    SUBCASE("back again: it no longer drains")
    {
        REQUIRE(w.set_current("1"));
        one = w.describe("1").worker_deployment_version_info();
        CHECK(one.status() == status::WORKER_DEPLOYMENT_VERSION_STATUS_CURRENT);
        CHECK_FALSE(one.has_drainage_info());
        CHECK(one.first_activation_time().seconds() == 1'800'000'000);
    }
    SUBCASE("no version")
    {
        const auto none = w.set_current("");
        CHECK(none->previous_deployment_version().build_id() == "2");
        CHECK(w.goes_to("any").empty());
        CHECK(w.status("2") == status::WORKER_DEPLOYMENT_VERSION_STATUS_DRAINING);
    }
}

TEST_CASE("a change of routing that is not in order changes nothing")
{
    world w;
    REQUIRE(w.poll("1").ok());
    REQUIRE(w.poll("2").ok());
    const std::string old = w.describe().conflict_token();
    REQUIRE(w.set_current("1", "me", old));
    const std::string token = w.describe().conflict_token();

    SUBCASE("a token of before")
    {
        const auto no = w.set_current("2", "me", old);
        CHECK(code(no) == status_code::failed_precondition);
        CHECK(has(words(no), "conflict token mismatch"));
        CHECK(code(w.set_ramping("2", 10, "me", old)) == status_code::failed_precondition);
        CHECK(w.describe().conflict_token() == token);
        CHECK(w.set_current("2", "me", token));
    }
    SUBCASE("the same again is no change, and no token is looked at")
    {
        const auto again = w.set_current("1", "me", "nonsense");
        REQUIRE(again);
        CHECK(again->conflict_token() == token);
        CHECK(again->previous_deployment_version().build_id() == "1");
    }
    SUBCASE("the same by somebody else is one")
    {
        REQUIRE(w.set_current("1", "somebody"));
        CHECK(w.describe().conflict_token() != token);
        CHECK(w.describe().worker_deployment_info().last_modifier_identity() == "somebody");
        CHECK(w.describe().worker_deployment_info().routing_config().revision_number() == 1);
    }
    SUBCASE("a version that is not known")
    {
        CHECK(code(w.set_current("3")) == status_code::not_found);
        CHECK(code(w.set_ramping("3", 10)) == status_code::not_found);
        CHECK(w.describe().conflict_token() == token);
    }
    SUBCASE("a deployment that is not known")
    {
        api::SetWorkerDeploymentCurrentVersionRequest r;
        r.set_deployment_name("other");
        r.set_build_id("1");
        CHECK(code(w.ask(r)) == status_code::not_found);
        r.set_allow_no_pollers(true);
        CHECK(w.ask(r));
        api::DescribeWorkerDeploymentVersionRequest d;
        *d.mutable_deployment_version() = version("1", "other");
        CHECK(w.ask(d)->worker_deployment_version_info().status() == status::WORKER_DEPLOYMENT_VERSION_STATUS_CURRENT);
    }
    SUBCASE("a share that is none")
    {
        CHECK(code(w.set_ramping("2", -1)) == status_code::invalid_argument);
        CHECK(code(w.set_ramping("2", 100.5F)) == status_code::invalid_argument);
        CHECK(code(w.set_ramping("2", std::numeric_limits<float>::quiet_NaN())) == status_code::invalid_argument);
    }
    SUBCASE("the current one cannot ramp")
    {
        CHECK(code(w.set_ramping("1", 10)) == status_code::failed_precondition);
        REQUIRE(w.set_current(""));
        CHECK(code(w.set_ramping("", 10)) == status_code::failed_precondition);
    }
    SUBCASE("somebody else manages it")
    {
        REQUIRE(w.set_manager("boss", "me"));
        const auto no = w.set_current("2");
        CHECK(code(no) == status_code::failed_precondition);
        CHECK(has(words(no), "boss"));
        CHECK(code(w.set_ramping("2", 10)) == status_code::failed_precondition);
        CHECK(w.set_current("2", "boss"));
        CHECK(code(w.delete_version("1", true)) == status_code::failed_precondition);
        REQUIRE(w.set_manager("", "me"));
        CHECK(w.set_current("1"));
    }
}

TEST_CASE("versions are made on the fly where that is wanted")
{
    world w;
    REQUIRE(w.poll("1").ok());
    REQUIRE(w.set_current("2", "me", "", false, true));
    CHECK(w.status("2") == status::WORKER_DEPLOYMENT_VERSION_STATUS_CURRENT);
    REQUIRE(w.set_ramping("3", 5, "me", "", false, true));
    CHECK(w.status("3") == status::WORKER_DEPLOYMENT_VERSION_STATUS_RAMPING);
    // Nobody of it polls: the queue's work cannot go there.
    CHECK(w.goes_to("any").empty());
    REQUIRE(w.poll("2").ok());
    CHECK(w.goes_to("any") == "greeter:2");
}

TEST_CASE("queues that would be left behind stop a change, if there is work")
{
    world w;
    REQUIRE(w.poll("1", "orders").ok());
    REQUIRE(w.poll("1", "mail").ok());
    REQUIRE(w.poll("2", "orders").ok());
    REQUIRE(w.set_current("1"));

    SUBCASE("an idle one does not count")
    {
        CHECK(w.set_current("2"));
        // Its work goes to nobody's version then.
        CHECK(w.goes_to("any", "mail").empty());
        CHECK(w.goes_to("any", "orders") == "greeter:2");
    }
    SUBCASE("waiting tasks do, and the queue is named")
    {
        w.queues.backlog["mail"] = 1;
        const auto no = w.set_current("2");
        CHECK(code(no) == status_code::failed_precondition);
        CHECK(has(words(no), "\"mail\" (activity)"));
        CHECK(code(w.set_ramping("2", 1)) == status_code::failed_precondition);
        CHECK(code(w.set_current("3", "me", "", false, true)) == status_code::failed_precondition);
        CHECK(w.describe().worker_deployment_info().version_summaries_size() == 2);
        CHECK(w.set_ramping("2", 1, "me", "", true));
        CHECK(w.set_current("2", "me", "", true));
    }
    SUBCASE("so do tasks that come in")
    {
        w.queues.add_rate["mail"] = 0.5F;
        CHECK(code(w.set_current("2")) == status_code::failed_precondition);
        CHECK(w.set_current(""));
    }
    SUBCASE("unless another deployment has taken the queue over")
    {
        w.queues.backlog["mail"] = 1;
        w.after(1s);
        REQUIRE(w.poll("a", "mail", "mailer").ok());
        api::SetWorkerDeploymentCurrentVersionRequest r;
        r.set_deployment_name("mailer");
        r.set_build_id("a");
        REQUIRE(w.ask(r));
        CHECK(w.goes_to("any", "mail") == "mailer:a");
        CHECK(w.set_current("2"));
    }
    SUBCASE("the one that ramps already may get more")
    {
        REQUIRE(w.set_ramping("2", 1));
        w.queues.backlog["mail"] = 1;
        CHECK(w.set_ramping("2", 50));
    }
}

TEST_CASE("a ramp takes its share, always the same ids")
{
    world w;
    REQUIRE(w.poll("1").ok());
    REQUIRE(w.poll("2").ok());
    REQUIRE(w.set_current("1"));
    const auto share = [&w] {
        int count = 0;
        for (int i = 0; i < 1000; ++i)
            count += w.goes_to("order-" + std::to_string(i)) == "greeter:2" ? 1 : 0;
        return count;
    };
    const auto set = w.set_ramping("2", 25);
    REQUIRE(set);
    CHECK(set->previous_percentage() == 0);
    CHECK(w.status("2") == status::WORKER_DEPLOYMENT_VERSION_STATUS_RAMPING);
    const int quarter = share();
    CHECK(quarter > 200);
    CHECK(quarter < 300);
    std::vector<std::string> before;
    for (int i = 0; i < 100; ++i)
        before.push_back(w.goes_to("order-" + std::to_string(i)));

    w.after(60s);
    const auto more = w.set_ramping("2", 50);
    CHECK(more->previous_deployment_version().build_id() == "2");
    CHECK(more->previous_percentage() == 25);
    for (std::size_t i = 0; i < before.size(); ++i)
        if (before[i] == "greeter:2")
            CHECK(w.goes_to("order-" + std::to_string(i)) == "greeter:2");
    const auto routing = w.describe().worker_deployment_info().routing_config();
    CHECK(routing.ramping_version_changed_time().seconds() == 1'800'000'000);
    CHECK(routing.ramping_version_percentage_changed_time().seconds() == 1'800'000'060);
    CHECK(w.describe("2").worker_deployment_version_info().ramping_since_time().seconds() == 1'800'000'000);
    CHECK(w.describe("2").worker_deployment_version_info().ramp_percentage() == 50);

    SUBCASE("all of it does not make it current")
    {
        REQUIRE(w.set_ramping("2", 100));
        CHECK(share() == 1000);
        CHECK(w.status("2") == status::WORKER_DEPLOYMENT_VERSION_STATUS_RAMPING);
        CHECK(w.status("1") == status::WORKER_DEPLOYMENT_VERSION_STATUS_CURRENT);
    }
    SUBCASE("none of it leaves it ramping")
    {
        REQUIRE(w.set_ramping("2", 0));
        CHECK(share() == 0);
        CHECK(w.status("2") == status::WORKER_DEPLOYMENT_VERSION_STATUS_RAMPING);
    }
    SUBCASE("it ends, and the version drains")
    {
        const auto end = w.set_ramping("", 0);
        CHECK(end->previous_deployment_version().build_id() == "2");
        CHECK(end->previous_percentage() == 50);
        CHECK(share() == 0);
        CHECK(w.status("2") == status::WORKER_DEPLOYMENT_VERSION_STATUS_DRAINING);
        CHECK_FALSE(w.describe().worker_deployment_info().routing_config().has_ramping_deployment_version());
    }
    SUBCASE("it becomes current, and the ramp ends")
    {
        REQUIRE(w.set_current("2"));
        CHECK(share() == 1000);
        CHECK(w.describe().worker_deployment_info().routing_config().ramping_version_percentage() == 0);
        CHECK(w.describe("2").worker_deployment_version_info().ramp_percentage() == 0);
    }
    SUBCASE("another takes its place")
    {
        REQUIRE(w.poll("3").ok());
        REQUIRE(w.set_ramping("3", 10));
        CHECK(w.status("2") == status::WORKER_DEPLOYMENT_VERSION_STATUS_DRAINING);
        CHECK(w.describe().worker_deployment_info().routing_config().ramping_version_changed_time().seconds() ==
              1'800'000'060);
    }
    SUBCASE("a ramp to no version")
    {
        REQUIRE(w.set_ramping("", 30));
        CHECK(w.routing().ramps);
        CHECK_FALSE(w.routing().ramping);
        CHECK(w.goes_to("order-1", "other").empty());
        int none = 0;
        for (int i = 0; i < 1000; ++i)
            none += w.goes_to("order-" + std::to_string(i)).empty() ? 1 : 0;
        CHECK(none > 250);
        CHECK(none < 350);
        REQUIRE(w.set_current(""));
        CHECK_FALSE(w.routing().ramps);
    }
}

TEST_CASE("of two deployments the queue is the one's whose version became current last")
{
    world w;
    REQUIRE(w.poll("1").ok());
    REQUIRE(w.poll("a", "orders", "mailer").ok());
    REQUIRE(w.set_current("1"));
    CHECK(w.goes_to("any") == "greeter:1");
    w.after(1s);
    api::SetWorkerDeploymentCurrentVersionRequest r;
    r.set_deployment_name("mailer");
    r.set_build_id("a");
    REQUIRE(w.ask(r));
    CHECK(w.goes_to("any") == "mailer:a");
    w.after(1s);
    r.set_build_id("");
    REQUIRE(w.ask(r));
    // One with a version goes before any without, however new that is.
    CHECK(w.goes_to("any") == "greeter:1");
}

TEST_CASE("a version is deleted when nothing needs it any more")
{
    world w;
    REQUIRE(w.poll("1").ok());
    REQUIRE(w.poll("2").ok());
    REQUIRE(w.set_current("1"));
    CHECK(has(words(w.delete_version("1")), "current"));
    REQUIRE(w.set_ramping("2", 1));
    CHECK(code(w.delete_version("2", true)) == status_code::failed_precondition);
    REQUIRE(w.set_current("2"));
    CHECK(has(words(w.delete_version("1")), "draining"));
    w.queues.polling.insert({"orders", {"greeter", "1"}});
    CHECK(has(words(w.delete_version("1", true)), "poll"));
    w.queues.polling.clear();

    SUBCASE("without its drainage")
    {
        CHECK(w.delete_version("1", true));
    }
    SUBCASE("after it")
    {
        w.after(180s);
        CHECK(w.delete_version("1"));
    }
    CHECK(w.describe("1").version_task_queues_size() == 0);
    CHECK(w.describe().worker_deployment_info().version_summaries_size() == 1);
    CHECK(w.delete_version("1"));
    CHECK(w.goes_to("any") == "greeter:2");

    CHECK(code(w.delete_deployment()) == status_code::failed_precondition);
    REQUIRE(w.set_current(""));
    REQUIRE(w.delete_version("2", true));
    CHECK(w.delete_deployment());
    CHECK(w.delete_deployment());
    CHECK(w.describe().conflict_token().empty());
    // And it may come again.
    CHECK(w.poll("2").ok());
    CHECK(w.status("2") == status::WORKER_DEPLOYMENT_VERSION_STATUS_INACTIVE);
}

TEST_CASE("there may be so many, and a version that is of no more use makes room")
{
    world w;
    w.store = deployment_store{{.deployments = 2, .versions = 2, .task_queues = 2, .versions_of_queue = 3}};
    const auto exhausted = [](const grpc::status& s) {
        api::common::GrpcStatus all;
        api::errordetails::ResourceExhaustedFailure detail;
        return s.code == status_code::resource_exhausted && all.ParseFromString(s.details) && all.details_size() == 1 &&
               detail.ParseFromString(all.details(0).value()) &&
               detail.cause() == status::RESOURCE_EXHAUSTED_CAUSE_WORKER_DEPLOYMENT_LIMITS;
    };

    SUBCASE("deployments")
    {
        REQUIRE(w.create("a"));
        REQUIRE(w.create("b"));
        CHECK(exhausted(w.create("c").error()));
        CHECK(exhausted(w.poll("1", "orders", "c")));
        CHECK(exhausted(w.set_current("1", "me", "", false, true).error()));
    }
    SUBCASE("versions")
    {
        w.queues.polling = {{"orders", {"greeter", "1"}}, {"orders", {"greeter", "2"}}};
        REQUIRE(w.poll("1").ok());
        w.after(1s);
        REQUIRE(w.poll("2").ok());
        CHECK(exhausted(w.poll("3")));
        CHECK(exhausted(w.create_version("3").error()));
        CHECK(exhausted(w.set_current("3", "me", "", false, true).error()));
        w.queues.polling.clear();
        REQUIRE(w.set_current("1"));
        REQUIRE(w.poll("3").ok());
        CHECK(w.status("1") == status::WORKER_DEPLOYMENT_VERSION_STATUS_CURRENT);
        CHECK(w.status("2") == status::WORKER_DEPLOYMENT_VERSION_STATUS_UNSPECIFIED);
    }
    SUBCASE("queues of a version")
    {
        REQUIRE(w.poll("1", "a").ok());
        REQUIRE(w.poll("1", "b").ok());
        CHECK(w.poll("1", "a").ok());
        CHECK(exhausted(w.poll("1", "c")));
    }
    SUBCASE("versions of a queue")
    {
        REQUIRE(w.poll("1").ok());
        REQUIRE(w.poll("2").ok());
        REQUIRE(w.poll("1", "orders", "other").ok());
        CHECK(exhausted(w.poll("2", "orders", "other")));
    }
}

TEST_CASE("deployments are listed page by page, the newest first")
{
    world w;
    for (int i = 0; i < 5; ++i) {
        REQUIRE(w.create("d" + std::to_string(i)));
        w.after(1s);
    }
    REQUIRE(w.poll("1").ok());
    w.after(1s);
    REQUIRE(w.poll("2").ok());
    REQUIRE(w.set_current("1"));
    REQUIRE(w.set_ramping("2", 10));

    api::ListWorkerDeploymentsRequest r;
    r.set_page_size(4);
    const auto first = w.ask(r);
    REQUIRE(first->worker_deployments_size() == 4);
    const auto& greeter = first->worker_deployments(0);
    CHECK(greeter.name() == "greeter");
    CHECK(greeter.latest_version_summary().deployment_version().build_id() == "2");
    CHECK(greeter.current_version_summary().deployment_version().build_id() == "1");
    CHECK(greeter.ramping_version_summary().deployment_version().build_id() == "2");
    CHECK(first->worker_deployments(3).name() == "d2");
    r.set_next_page_token(first->next_page_token());
    // What is made in the meantime does not shift the pages.
    REQUIRE(w.create("newer"));
    const auto second = w.ask(r);
    REQUIRE(second->worker_deployments_size() == 2);
    CHECK(second->worker_deployments(0).name() == "d1");
    CHECK(second->next_page_token().empty());
    r.set_next_page_token("nonsense");
    CHECK(code(w.ask(r)) == status_code::invalid_argument);

    api::ListWorkerDeploymentsRequest elsewhere;
    elsewhere.set_namespace_("other");
    CHECK(w.ask(elsewhere)->worker_deployments_size() == 0);
}

TEST_CASE("a manager is set by whoever says who that is")
{
    world w;
    CHECK(code(w.set_manager("boss", "me")) == status_code::not_found);
    REQUIRE(w.create());
    CHECK(code(w.set_manager("boss", "")) == status_code::invalid_argument);
    const std::string token = w.describe().conflict_token();
    const auto set = w.set_manager("boss", "me");
    CHECK(set->previous_manager_identity().empty());
    CHECK(set->conflict_token() != token);
    CHECK(w.describe().worker_deployment_info().manager_identity() == "boss");
    CHECK(w.set_manager("boss", "me")->conflict_token() == set->conflict_token());

    api::SetWorkerDeploymentManagerRequest r;
    r.set_deployment_name("greeter");
    r.set_self(true);
    r.set_identity("somebody");
    r.set_conflict_token(token);
    CHECK(code(w.ask(r)) == status_code::failed_precondition);
    r.set_conflict_token(set->conflict_token());
    CHECK(w.ask(r)->previous_manager_identity() == "boss");
    CHECK(w.describe().worker_deployment_info().manager_identity() == "somebody");
}

TEST_CASE("metadata is the user's own")
{
    world w;
    api::UpdateWorkerDeploymentVersionMetadataRequest r;
    *r.mutable_deployment_version() = version("1");
    (*r.mutable_upsert_entries())["commit"] = json("\"abc\"");
    (*r.mutable_upsert_entries())["team"] = json("\"red\"");
    CHECK(code(w.ask(r)) == status_code::not_found);
    REQUIRE(w.poll("1").ok());
    CHECK(w.ask(r)->metadata().entries_size() == 2);
    r.clear_upsert_entries();
    r.add_remove_entries("team");
    r.add_remove_entries("nothing");
    r.set_identity("me");
    const auto left = w.ask(r);
    CHECK(left->metadata().entries_size() == 1);
    CHECK(left->metadata().entries().at("commit").data() == "\"abc\"");
    CHECK(w.describe("1").worker_deployment_version_info().metadata().entries_size() == 1);
    CHECK(w.describe("1").worker_deployment_version_info().last_modifier_identity() == "me");

    (*r.mutable_upsert_entries())["large"] = json(std::string(2'000'000, 'x'));
    CHECK(code(w.ask(r)) == status_code::invalid_argument);
    CHECK(w.describe("1").worker_deployment_version_info().metadata().entries_size() == 1);
}

TEST_CASE("compute configurations are kept as they were given, by core's rules")
{
    world w;
    REQUIRE(w.create());
    api::CreateWorkerDeploymentVersionRequest create;
    *create.mutable_deployment_version() = version("1");
    auto& groups = *create.mutable_compute_config()->mutable_scaling_groups();
    groups["default"] = lambda_group(R"({"arn":"a:1","n":5,"x":1.5,"on":true})");

    SUBCASE("what is wrong is refused, and nothing made")
    {
        struct row {
            const char* why;
            api::compute::ComputeConfigScalingGroup group;
            const char* says;
        };
        std::vector<row> rows{
            {"no provider", {}, "groups.default.provider"},
            {"an unknown one", lambda_group(), "aws-lambda, aws-ecs, local, test-invoke"},
            {"details that are no object", lambda_group("[1]"), "groups.default.provider.details"},
            {"nested details", lambda_group(R"({"a":{"b":1}})"), "groups.default.provider.details.a"},
            {"another encoding", lambda_group(), "binary/encrypted"},
            {"an unknown scaler", lambda_group(), "no-sync"},
            {"a scaler of the other kind", lambda_group(), "rate-based"},
            {"a scaler's details", lambda_group(), "scale_up_cooloff_ms"},
            {"a type twice", lambda_group(), "name each type once"},
        };
        rows[1].group.mutable_provider()->set_type("abacus");
        (*rows[4].group.mutable_provider()->mutable_details()->mutable_metadata())["encoding"] = "binary/encrypted";
        rows[5].group.mutable_scaler()->set_type("magic");
        rows[6].group.mutable_scaler()->set_type("rate-based");
        rows[7].group.mutable_scaler()->set_type("no-sync");
        *rows[7].group.mutable_scaler()->mutable_details() = json(R"({"scale_up_cooloff_ms":-1})");
        rows[8].group.add_task_queue_types(status::TASK_QUEUE_TYPE_ACTIVITY);
        rows[8].group.add_task_queue_types(status::TASK_QUEUE_TYPE_ACTIVITY);
        for (const row& r : rows) {
            CAPTURE(r.why);
            groups["default"] = r.group;
            const auto no = w.ask(create);
            CHECK(code(no) == status_code::invalid_argument);
            CHECK_MESSAGE(has(words(no), r.says), words(no));
        }
        CHECK(w.describe().worker_deployment_info().version_summaries_size() == 0);
    }
    SUBCASE("what is right is shown again, in lists without its details")
    {
        REQUIRE(w.ask(create));
        const auto kept = w.describe("1").worker_deployment_version_info().compute_config();
        CHECK(kept.scaling_groups().at("default").provider().type() == "aws-lambda");
        CHECK(kept.scaling_groups().at("default").provider().details().metadata().at("encoding") == "json/plain");
        CHECK(has(kept.scaling_groups().at("default").provider().details().data(), R"("arn":"a:1")"));
        const auto summary = w.describe().worker_deployment_info().version_summaries(0).compute_config();
        CHECK(summary.scaling_groups().at("default").provider_type() == "aws-lambda");
        CHECK_FALSE(has(summary.SerializeAsString(), "a:1"));
    }
    SUBCASE("changes have masks, and ids")
    {
        REQUIRE(w.ask(create));
        api::UpdateWorkerDeploymentVersionComputeConfigRequest update;
        *update.mutable_deployment_version() = version("1");
        CHECK(code(w.ask(update)) == status_code::failed_precondition);

        auto& change = (*update.mutable_compute_config_scaling_groups())["default"];
        *change.mutable_scaling_group() = lambda_group(R"({"arn":"a:2"})");
        change.mutable_scaling_group()->add_task_queue_types(status::TASK_QUEUE_TYPE_NEXUS);
        const auto arn = [&w] {
            return w.describe("1")
                .worker_deployment_version_info()
                .compute_config()
                .scaling_groups()
                .at("default")
                .provider()
                .details()
                .data();
        };
        REQUIRE(w.ask(update));
        CHECK_MESSAGE(has(arn(), "a:1"), "an empty mask on a group that is there changes nothing");
        change.mutable_update_mask()->add_paths("provider.details");
        update.set_request_id("u1");
        REQUIRE(w.ask(update));
        CHECK(arn() == R"({"arn":"a:2"})");
        *change.mutable_scaling_group() = lambda_group(R"({"arn":"a:3"})");
        REQUIRE(w.ask(update));
        CHECK_MESSAGE(has(arn(), "a:2"), "the same id again");
        update.set_request_id("u2");

        api::ValidateWorkerDeploymentVersionComputeConfigRequest validate;
        *validate.mutable_deployment_version() = version("1");
        *validate.mutable_compute_config_scaling_groups() = update.compute_config_scaling_groups();
        REQUIRE(w.ask(validate));
        CHECK_MESSAGE(has(arn(), "a:2"), "asking changes nothing");
        (*validate.mutable_compute_config_scaling_groups())["default"].mutable_update_mask()->add_paths("colour");
        CHECK(code(w.ask(validate)) == status_code::invalid_argument);

        REQUIRE(w.ask(update));
        CHECK(has(arn(), "a:3"));
        update.clear_compute_config_scaling_groups();
        update.add_remove_compute_config_scaling_groups("default");
        update.set_request_id("u3");
        REQUIRE(w.ask(update));
        CHECK_FALSE(w.describe("1").worker_deployment_version_info().has_compute_config());
    }
    SUBCASE("a version that workers made may get one")
    {
        REQUIRE(w.poll("9").ok());
        api::UpdateWorkerDeploymentVersionComputeConfigRequest update;
        *update.mutable_deployment_version() = version("9");
        *(*update.mutable_compute_config_scaling_groups())["g"].mutable_scaling_group() = lambda_group();
        REQUIRE(w.ask(update));
        CHECK(w.describe("9").worker_deployment_version_info().compute_config().scaling_groups_size() == 1);
    }
}

TEST_CASE("what changed is written, and a store made of it answers alike")
{
    world w;
    records all;
    const auto restart = [&] {
        records changed;
        w.store.take_changes(changed);
        for (const record& c : changed) {
            std::erase_if(all, [&](const record& r) { return r.kind == c.kind && r.key == c.key; });
            if (!c.erased)
                all.push_back(c);
        }
        records now;
        w.store.all_records(now);
        CHECK(now.size() == all.size());
        w.store = deployment_store{};
        w.store.keep_changes();
        for (auto r = all.rbegin(); r != all.rend(); ++r)  // The order is of no matter.
            REQUIRE(w.store.restore(*r));
        REQUIRE(w.store.restored());
    };
    REQUIRE(w.create("greeter", "r1"));
    REQUIRE(w.poll("1").ok());
    REQUIRE(w.poll("2").ok());
    REQUIRE(w.poll("1", "mail", "mailer").ok());
    restart();
    REQUIRE(w.set_current("1"));
    REQUIRE(w.set_ramping("2", 20));
    REQUIRE(w.set_manager("boss", "boss"));
    const std::string before = w.describe().SerializeAsString();
    const std::string target = w.goes_to("order-1");
    restart();
    CHECK(w.describe().SerializeAsString() == before);
    CHECK(w.goes_to("order-1") == target);
    CHECK(w.create("greeter", "r1"));
    REQUIRE(w.set_current("2", "boss"));
    REQUIRE(w.delete_version("1", true, "boss"));
    restart();
    CHECK(w.describe().worker_deployment_info().version_summaries_size() == 1);
    CHECK(w.goes_to("order-1") == "greeter:2");

    records none;
    w.store.take_changes(none);
    CHECK(none.empty());
    CHECK(w.poll("2").ok());
    w.store.take_changes(none);
    CHECK_MESSAGE(none.empty(), "a poll that is known changes nothing");

    deployment_store half;
    CHECK_FALSE(half.restore({.kind = record_kind::version, .value = "\xff"}));
    for (const record& r : all)
        if (r.kind == record_kind::version)
            REQUIRE(half.restore(r));
    CHECK_FALSE(half.restored());
}
