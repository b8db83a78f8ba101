// SPDX-License-Identifier: BSL-1.0
#include "../../../examples/mayfly/worker_output.hpp"
#include "../../../examples/mayfly/version_output.hpp"

#include <doctest/doctest.h>

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

using namespace examples;
namespace json = boost::json;

namespace {

mayfly::scaling_group lambda()
{
    mayfly::scaling_group g;
    g.provider = mayfly::provider_spec{
        .type = "aws-lambda", .details = {{"arn", std::string("f")}, {"role_external_id", std::string("sesame-open")}}};
    return g;
}

}  // namespace

TEST_CASE("worker: what is told of a compute configuration is all of it but the secret")
{
    struct row {
        const char* why;
        mayfly::scaling_group group;
        std::string summary;
        json::object scaler;
    };
    auto limited = lambda();
    limited.limits = {1, 5};
    auto least = lambda();
    least.limits.min = 2;
    auto set = lambda();
    set.provider->type = "gcp-cloud-run";
    set.scaler = mayfly::scaler_spec{.type = "rate-based",
        .details = {{"min_count", std::int64_t{1}}, {"max_count", std::int64_t{9}}, {"utilization_target", 0.5},
            {"ewma_alpha", 0.25}}};
    const row rows[] = {
        {"no limits, no scaler", lambda(), "aws-lambda", {}},
        {"both limits", limited, "aws-lambda (min 1, max 5)", {{"minInstances", 1}, {"maxInstances", 5}}},
        {"no upper one is no number", least, "aws-lambda (min 2)", {{"minInstances", 2}}},
        {"a scaler's own, by the names that Temporal's command has", set,
            "gcp-cloud-run (min 1, max 9, utilization 0.5)",
            {{"type", "rate-based"}, {"ewma_alpha", 0.25}, {"maxInstances", 9}, {"minInstances", 1},
                {"utilizationTarget", 0.5}}},
        {"nobody", {}, "no provider", {}},
    };
    for (const row& r : rows) {
        INFO(r.why);
        const json::object told = to_json(mayfly::compute_config{.groups = {{"default", r.group}}});
        const json::object& group = told.at("scalingGroups").at("default").as_object();
        CHECK(summary_of(group) == r.summary);
        CHECK((group.contains("scaler") ? group.at("scaler").as_object() : json::object()) == r.scaler);
        CHECK(json::serialize(told).find("sesame-open") == std::string::npos);
    }
}

TEST_CASE("worker: of a provider only what is known to be harmless is told")
{
    auto g = lambda();
    g.provider->details["roleExternalId"] = std::string("sesame-open");
    g.provider->details["external"] = std::int64_t{4711};
    g.scaler = mayfly::scaler_spec{.type = "fleet", .details = {{"spare", 1.0}, {"note", std::string("sesame-open")}}};
    const json::object told = to_json(mayfly::compute_config{.groups = {{"default", g}}});
    const std::string text = to_json_text(told);
    CHECK(text.find("sesame-open") == std::string::npos);
    CHECK(text.find("4711") == std::string::npos);
    const json::value& group = told.at("scalingGroups").at("default");
    CHECK(group.at("provider").at("details").at("roleExternalId") == "(not shown)");
    CHECK(group.at("provider").at("details").at("arn") == "f");
    CHECK(group.at("scaler").at("spare") == 1.0);
}

TEST_CASE("worker: numbers are told as people write them")
{
    struct row {
        const char* why;
        json::value value;
        const char* text;
    };
    const row rows[] = {
        {"nothing of something", 0.0, "0"},
        {"a share", 0.5, "0.5"},
        {"a whole one", 25.0, "25"},
        {"counted", 7, "7"},
        {"large", std::uint64_t{18446744073709551615U}, "18446744073709551615"},
        {"text as it is", "a \"b\"", "a \"b\""},
        {"nothing", nullptr, "-"},
        {"within others", json::object{{"a", json::array{0.25, "x\n", true, nullptr}}, {"b", json::object()}},
            R"({"a":[0.25,"x\n",true,null],"b":{}})"},
    };
    for (const row& r : rows)
        CHECK_MESSAGE(as_text(r.value) == r.text, r.why);
}

TEST_CASE("worker: each group of a version is told")
{
    auto other = lambda();
    other.provider->details["arn"] = std::string("g");
    mayfly::temporal::version_description d;
    d.version = {"shop", "1"};
    json::object told = to_json(d);
    told["computeConfig"] = to_json(mayfly::compute_config{.groups = {{"default", lambda()}, {"slow", other}}});
    const json::object card = version_card(told);
    CHECK(card.at("computeConfigSummary") == "aws-lambda");
    CHECK(card.at("provider arn") == "f");
    CHECK(card.at("slow computeConfigSummary") == "aws-lambda");
    CHECK(card.at("slow provider arn") == "g");
}

TEST_CASE("worker: a replica that does not lead says so, instead of something about a version")
{
    struct row {
        const char* why;
        controller_role role;
        const char* problem;
        const char* said;
    };
    const row rows[] = {
        {"another leads", controller_role::standby, "", "ask the one that leads"},
        {"it has just begun", controller_role::starting, "no route to host", "(no route to host)"},
        {"it leads", controller_role::leader, "", "does not know shop:1"},
    };
    for (const row& r : rows) {
        read_status status;
        status.value.namespaces.emplace_back();
        status.value.namespaces.back().name = "n";
        status.value.namespaces.back().role = r.role;
        status.value.namespaces.back().problem = r.problem;
        const std::string said = as_text(controller_json(status, "http://c", "n", {"shop", "1"}).at("error"));
        CHECK_MESSAGE(said.find(r.said) != std::string::npos, (std::string(r.why) + ": " + said));
    }
}

TEST_CASE("worker: notes that are mayfly's own are not told as notes")
{
    const auto payload = [](const char* text) {
        mayfly::temporal::api::common::Payload out;
        (*out.mutable_metadata())["encoding"] = "json/plain";
        out.set_data(text);
        return out;
    };
    CHECK(notes_json({{"mayfly.compute", payload("{\"role_external_id\":\"x\"}")}, {"team", payload("\"shop\"")},
              {"rank", payload("3")}}) == json::object{{"rank", 3}, {"team", "shop"}});
}

TEST_CASE("worker: queues are told in one order, whatever the server's")
{
    mayfly::temporal::version_description d;
    d.version = {"shop", "1"};
    d.status = mayfly::version_status::draining;
    d.queues = {{"b", mayfly::task_type::workflow, {}, {}}, {"a", mayfly::task_type::workflow, {}, {}},
        {"a", mayfly::task_type::activity, mayfly::temporal::queue_stats{3, std::chrono::seconds(2), 5, 1, false}, {}}};
    const json::object told = to_json(d);
    std::vector<std::string> order;
    for (const auto& q : told.at("taskQueuesInfos").as_array())
        order.push_back(as_text(q.at("name")) + ' ' + as_text(q.at("type")));
    CHECK(order == std::vector<std::string>{"a activity", "a workflow", "b workflow"});
    const json::value& stats = told.at("taskQueuesInfos").at(0).at("stats");
    CHECK(stats.at("backlogIncreaseRate") == 4.0);
    CHECK(stats.at("approximateBacklogAge") == 2'000'000'000);
    CHECK(told.at("drainageInfo").at("drainageStatus") == "draining");
    d.status = mayfly::version_status::current;
    CHECK(to_json(d).at("drainageInfo").at("drainageStatus") == "");
}

TEST_CASE("worker: who works as a version is who polls as it now, once, with all of its queues")
{
    const mayfly::deployment_version version{"shop", "1"};
    const mayfly::wall_time today{std::chrono::hours{500'000}};
    const mayfly::temporal::queue_poller lives{
        .identity = "lives", .last_access = today - std::chrono::seconds{60}, .version = version};
    const mayfly::temporal::queue_poller again{.identity = "lives", .last_access = today, .version = version};
    const mayfly::temporal::queue_poller dead{
        .identity = "dead", .last_access = today - std::chrono::minutes{2}, .version = version};
    const mayfly::temporal::queue_poller unseen{.identity = "unseen", .version = version};
    const mayfly::temporal::queue_poller another{
        .identity = "another", .last_access = today, .version = mayfly::deployment_version{"shop", "2"}};
    version_workers found;
    found.note({dead, unseen, lives, another}, "orders (activity)", version, today);
    found.note({dead, again}, "orders (workflow)", version, today);
    const json::array told = std::move(found).as_json();
    REQUIRE(told.size() == 1);
    CHECK(told[0].at("identity") == "lives");
    CHECK(told[0].at("lastAccessTime") == shown(again.last_access));
    CHECK(told[0].at("taskQueues") == json::array{"orders (activity)", "orders (workflow)"});
}
