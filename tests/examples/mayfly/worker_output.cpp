// SPDX-License-Identifier: BSL-1.0
#include "../../../examples/mayfly/worker_output.hpp"

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
            "gcp-cloud-run (min 1, max 9, utilization 5E-1)",
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
