// SPDX-License-Identifier: BSL-1.0
#include "scripted.hpp"

#include <mayfly/temporal/errors.hpp>
#include <mayfly/temporal/payload_codec.hpp>

#include <doctest/doctest.h>

#include <cstdint>
#include <limits>
#include <memory>
#include <string>
#include <tuple>
#include <type_traits>
#include <vector>

using namespace workflow_client_test;
using namespace mayfly::temporal::detail;

namespace {

struct approval {
    workflow::task<std::string> run(workflow::context&, const std::string& order, int count);
    void approve(const std::string& who);
    [[nodiscard]] int waiting() const;
    workflow::task<bool> change(workflow::context&, int count);
};

using sweep = workflow::task<void>(workflow::context&);
int plain(double d)
{
    return static_cast<int>(d);
}

/// Turns payloads around.
struct reversing : payload_codec {
    [[nodiscard]] converted<api::common::Payload> encode(api::common::Payload p) const override
    {
        api::common::Payload out;
        (*out.mutable_metadata())["encoding"] = "binary/reversed";
        const std::string all = p.SerializeAsString();
        out.set_data(std::string(all.rbegin(), all.rend()));
        return out;
    }
    [[nodiscard]] converted<api::common::Payload> decode(api::common::Payload p) const override
    {
        api::common::Payload out;
        out.ParseFromString(std::string(p.data().rbegin(), p.data().rend()));
        return out;
    }
};

}  // namespace

TEST_CASE("a workflow's types are those of its function, its class or its signature")
{
    using of_class = typed_workflow<approval>;
    static_assert(std::is_same_v<of_class::result, std::string>);
    static_assert(std::is_same_v<of_class::arguments, std::tuple<std::string, int>>);
    static_assert(workflow_signature<approval>::is_task && workflow_signature<approval>::takes_context);
    using of_function = typed_workflow<sweep>;
    static_assert(std::is_void_v<of_function::result>);
    static_assert(std::is_same_v<of_function::arguments, std::tuple<>>);
    using of_signature = typed_workflow<decltype(plain)>;
    static_assert(std::is_same_v<of_signature::result, int>);
    static_assert(!workflow_signature<decltype(plain)>::is_task);
    static_assert(std::is_same_v<typed_signal<decltype(&approval::approve)>::arguments, std::tuple<std::string>>);
    static_assert(std::is_same_v<typed_query<decltype(&approval::waiting)>::result, int>);
    static_assert(std::is_same_v<typed_update<decltype(&approval::change)>::result, bool>);
    static_assert(std::is_same_v<typed_update<decltype(&approval::change)>::arguments, std::tuple<int>>);
    const typed_workflow<approval> named{"approval"};
    CHECK(named.name == "approval");
    CHECK(plain(1) == 1);
}

TEST_CASE("search attributes have their types beside them, and codecs never see them")
{
    search_values s;
    CHECK(s.empty());
    s.set_keyword("customer", "ann")
        .set_keywords("tags", {"a", "b"})
        .set_text("words", "so many")
        .set_int("count", std::numeric_limits<std::int64_t>::max())
        .set_double("share", 0.5)
        .set_bool("open", true)
        .set_datetime("since", wall_clock_time(1s));
    struct row {
        const char* name;
        const char* type;
        const char* json;
    };
    const row rows[] = {
        {"customer", "Keyword", R"("ann")"},
        {"tags", "KeywordList", R"(["a","b"])"},
        {"words", "Text", R"("so many")"},
        {"count", "Int", "9223372036854775807"},
        {"share", "Double", "0.5"},
        {"open", "Bool", "true"},
        {"since", "Datetime", R"("1970-01-01T00:00:01Z")"},
    };
    for (const row& r : rows) {
        CAPTURE(r.name);
        REQUIRE(s.contains(r.name));
        const auto& p = s.message().indexed_fields().at(r.name);
        CHECK(p.metadata().at("type") == r.type);
        CHECK(p.metadata().at("encoding") == "json/plain");
        CHECK(p.data() == r.json);
    }
    CHECK(s.get<std::int64_t>("count").value() == std::numeric_limits<std::int64_t>::max());
    CHECK(s.get<std::vector<std::string>>("tags").value().size() == 2);
    CHECK(s.get<std::string>("nothing").value().empty());
    CHECK(s.get<int>("customer").has_error());
    s.remove("customer", "Keyword");
    CHECK(s.message().indexed_fields().at("customer").metadata().at("encoding") == "binary/null");
    s.set_double("share", std::numeric_limits<double>::quiet_NaN());
    CHECK(s.message().indexed_fields().at("share").data().empty());
}

TEST_CASE("a memo goes through the codecs, both ways")
{
    const data_converter with({std::make_shared<reversing>()});
    memo_values m;
    CHECK(m.empty());
    m.set("order", std::string("7")).set("parts", 3);
    const auto sent = m.message(with);
    REQUIRE(bool(sent));
    CHECK(sent->fields().at("order").metadata().at("encoding") == "binary/reversed");
    const auto back = memo_values::from(*sent, with);
    REQUIRE(bool(back));
    CHECK(back->get<std::string>("order").value() == "7");
    CHECK(back->get<int>("parts").value() == 3);
    CHECK(back->get<int>("nothing").value() == 0);

    m.set("broken", std::numeric_limits<double>::infinity()).set("later", 1);
    const auto refused = m.message(with);
    REQUIRE(refused.has_error());
    CHECK(refused.error().message.find("the memo \"broken\": ") == 0);
}

TEST_CASE("what a start has is in its request")
{
    workflow_start_options o;
    const auto bare = workflow_start_request<api::StartWorkflowExecutionRequest>("checkout", o);
    CHECK(bare.workflow_type().name() == "checkout");
    // What is not said is the server's to say.
    CHECK_FALSE(bare.has_workflow_execution_timeout());
    CHECK_FALSE(bare.has_retry_policy());
    CHECK_FALSE(bare.has_workflow_id_reuse_policy());
    CHECK_FALSE(bare.has_workflow_id_conflict_policy());
    CHECK_FALSE(bare.has_search_attributes());
    CHECK_FALSE(bare.has_versioning_override());
    CHECK_FALSE(bare.has_priority());
    CHECK_FALSE(bare.has_cron_schedule());
    CHECK_FALSE(bare.has_header());

    o.task_queue = "q";
    o.execution_timeout = 3s;
    o.run_timeout = 2s;
    o.task_timeout = 1500ms;
    o.start_delay = 4s;
    o.retry = activity_retry{.initial_interval = 1s, .maximum_attempts = 3};
    o.reuse = id_reuse::reject;
    o.conflict = workflow_id_conflict::terminate_existing;
    o.cron_schedule = "0 * * * *";
    o.search_attributes.set_keyword("customer", "ann");
    o.priority = activity_priority{.key = 2, .fairness_key = "a", .fairness_weight = 3};
    o.versioning = versioning_override{versioning_override::kind::pinned, {"orders", "v2"}};
    (*o.header.mutable_fields())["trace"].set_data("x");
    const auto all = [&](const auto& r) {
        CHECK(r.task_queue().name() == "q");
        CHECK(from_wire(r.workflow_execution_timeout()) == 3s);
        CHECK(from_wire(r.workflow_run_timeout()) == 2s);
        CHECK(from_wire(r.workflow_task_timeout()) == 1500ms);
        CHECK(from_wire(r.workflow_start_delay()) == 4s);
        CHECK(r.retry_policy().maximum_attempts() == 3);
        CHECK(r.workflow_id_reuse_policy() == api::enums::WORKFLOW_ID_REUSE_POLICY_REJECT_DUPLICATE);
        CHECK(r.workflow_id_conflict_policy() == api::enums::WORKFLOW_ID_CONFLICT_POLICY_TERMINATE_EXISTING);
        CHECK(r.cron_schedule() == "0 * * * *");
        CHECK(r.search_attributes().indexed_fields().contains("customer"));
        CHECK(r.priority().priority_key() == 2);
        CHECK(r.versioning_override().pinned().version().build_id() == "v2");
        CHECK(r.header().fields().at("trace").data() == "x");
    };
    all(workflow_start_request<api::StartWorkflowExecutionRequest>("checkout", o));
    all(workflow_start_request<api::SignalWithStartWorkflowExecutionRequest>("checkout", o));
}

TEST_CASE("an override of the version is the same after the way there and back")
{
    using kind = versioning_override::kind;
    const versioning_override all[] = {
        {kind::pinned, {"orders", "v1"}}, {kind::auto_upgrade, {}}, {kind::one_time, {"orders", "v2"}}};
    for (const auto& o : all) {
        const auto back = from_message(mayfly::temporal::detail::to_override(o));
        REQUIRE(back.has_value());
        CHECK(*back == o);
    }
    CHECK_FALSE(from_message(api::workflow::VersioningOverride{}));
    api::workflow::VersioningOverride empty;
    empty.mutable_pinned();
    REQUIRE(from_message(empty).has_value());
    CHECK(from_message(empty)->version.build_id.empty());
}

TEST_CASE("a description has what there is, and nothing that is not")
{
    const auto bare = to_workflow_description({});
    CHECK(bare.status == workflow_status::unknown);
    CHECK_FALSE(bare.started);
    CHECK_FALSE(bare.parent);
    CHECK_FALSE(bare.version);
    CHECK_FALSE(bare.pending_task);

    api::DescribeWorkflowExecutionResponse r;
    auto& i = *r.mutable_workflow_execution_info();
    i.mutable_execution()->set_workflow_id("w");
    i.mutable_execution()->set_run_id("r2");
    i.set_first_run_id("r1");
    i.mutable_type()->set_name("checkout");
    i.set_status(api::enums::WORKFLOW_EXECUTION_STATUS_RUNNING);
    i.mutable_start_time()->set_seconds(5);
    i.mutable_parent_execution()->set_workflow_id("p");
    i.set_history_length(12);
    i.set_history_size_bytes(345);
    i.mutable_versioning_info()->set_behavior(api::enums::VERSIONING_BEHAVIOR_PINNED);
    i.mutable_versioning_info()->mutable_deployment_version()->set_build_id("v1");
    r.mutable_execution_config()->mutable_workflow_run_timeout()->set_seconds(9);
    r.mutable_workflow_extended_info()->set_cancel_requested(true);
    r.add_pending_activities()->set_activity_id("1");
    r.mutable_pending_workflow_task()->set_attempt(2);
    const auto d = to_workflow_description(r);
    CHECK(d.key == workflow_key{"w", "r2", "r1"});
    CHECK(d.type == "checkout");
    CHECK(d.status == workflow_status::running);
    CHECK(d.started == wall_clock_time(5s));
    REQUIRE(d.parent);
    CHECK(d.parent->id == "p");
    CHECK(d.history_length == 12);
    CHECK(d.history_bytes == 345);
    REQUIRE(d.version);
    CHECK(d.version->build_id == "v1");
    CHECK(d.run_timeout == 9s);
    CHECK(d.cancel_requested);
    CHECK(d.pending_activities.size() == 1);
    REQUIRE(d.pending_task);
    CHECK(d.pending_task->attempt() == 2);
    CHECK(d.info.history_length() == 12);
    CHECK(to_string(d.status) == "running");
}
