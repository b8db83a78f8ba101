// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/temporal/failure_converter.hpp>
#include <mayfly/temporal/workflow_registry.hpp>

#include <cstdint>
#include <memory>
#include <set>
#include <string>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

// Drives the code of one run with activations, as the machine does, and tells in short words what it wants.

namespace workflow_model {

namespace mt = mayfly::temporal;
namespace workflow = mt::workflow;
namespace api = mt::api;

template <class... T>
api::common::Payloads payloads(const T&... values)
{
    return mt::data_converter{}.to_payloads(values...).value();
}

template <class T>
T value_of(const api::common::Payloads& from)
{
    return std::get<0>(mt::data_converter{}.from_payloads<T>(from).value());
}

/// One line for each intent, such as `activity 1 charge` or `cancel timer 2`.
struct words {
    static std::string text(const api::common::Payloads& p)
    {
        std::string out;
        for (const auto& one : p.payloads())
            out += ' ' + (one.data().empty() ? std::string("null") : one.data());
        return out;
    }
    static std::string joined(std::string out, const std::set<std::string>& all)
    {
        for (const std::string& one : all)
            out += one;
        return out;
    }
    static std::string n(std::uint32_t seq) { return std::to_string(seq); }

    std::string operator()(const workflow::schedule_activity& i) const
    {
        return "activity " + n(i.seq) + ' ' + i.type + text(i.input);
    }
    std::string operator()(const workflow::cancel_activity& i) const { return "cancel activity " + n(i.seq); }
    std::string operator()(const workflow::schedule_local_activity& i) const
    {
        return "local " + n(i.seq) + ' ' + i.type + " attempt " + n(i.attempt);
    }
    std::string operator()(const workflow::cancel_local_activity& i) const { return "cancel local " + n(i.seq); }
    std::string operator()(const workflow::start_timer& i) const
    {
        return "timer " + n(i.seq) + ' ' + std::to_string(i.duration.count() / 1'000'000) + "ms";
    }
    std::string operator()(const workflow::cancel_timer& i) const { return "cancel timer " + n(i.seq); }
    std::string operator()(const workflow::start_child& i) const
    {
        return "child " + n(i.seq) + ' ' + i.type + text(i.input);
    }
    std::string operator()(const workflow::cancel_child& i) const { return "cancel child " + n(i.seq); }
    std::string operator()(const workflow::signal_external& i) const
    {
        return "signal " + n(i.seq) + ' ' + i.target.workflow_id + (i.target.child_only ? " (child) " : " ") + i.name +
               text(i.input);
    }
    std::string operator()(const workflow::cancel_external_signal& i) const { return "cancel signal " + n(i.seq); }
    std::string operator()(const workflow::cancel_external& i) const
    {
        return "cancel external " + n(i.seq) + ' ' + i.target.workflow_id;
    }
    std::string operator()(const workflow::set_patch& i) const
    {
        return "patch " + i.id + (i.deprecated ? " deprecated" : "");
    }
    std::string operator()(const workflow::record_side_effect& i) const
    {
        return "side effect " + (i.id.empty() ? "" : i.id + ' ') + n(i.seq) + text(i.value);
    }
    std::string operator()(const workflow::upsert_search_attributes& i) const
    {
        std::set<std::string> all;
        for (const auto& [name, p] : i.attributes.indexed_fields())
            all.insert(' ' + name + '(' + p.metadata().at("type") + ")=" + p.data());
        return joined("search attributes", all);
    }
    std::string operator()(const workflow::upsert_memo& i) const
    {
        std::set<std::string> all;
        for (const auto& [name, p] : i.memo.fields())
            all.insert(' ' + name + '=' + p.data());
        return joined("memo", all);
    }
    std::string operator()(const workflow::accept_update& i) const { return "accept " + i.protocol_instance_id; }
    std::string operator()(const workflow::reject_update& i) const
    {
        return "reject " + i.protocol_instance_id + ": " + mt::describe(i.failure);
    }
    std::string operator()(const workflow::complete_update& i) const
    {
        return "complete " + i.protocol_instance_id + ':' +
               (i.outcome.how == workflow::resolution::kind::completed ? text(i.outcome.result)
                                                                       : ' ' + mt::describe(i.outcome.failure));
    }
    std::string operator()(const workflow::complete_run& i) const { return "done" + text(i.result); }
    std::string operator()(const workflow::fail_run& i) const { return "failed: " + mt::describe(i.failure); }
    std::string operator()(const workflow::cancel_run&) const { return "cancelled"; }
    std::string operator()(const workflow::continue_as_new& i) const { return "continue " + i.type + text(i.input); }
};

using lines = std::vector<std::string>;

/// Such as `counter orders 2 shop=north`; of its tags those that were added.
inline std::string shown(const mt::measurement& m)
{
    std::string out = std::string(to_string(m.kind)) + ' ' + std::string(m.name) + ' ' + std::to_string(m.value);
    for (const auto& [tag, value] : m.tags)
        if (tag != "namespace" && tag != "task_queue" && tag != "workflow_type")
            out += ' ' + tag + '=' + value;
    return out;
}

class driver {
public:
    mt::workflow_registry registry{};
    mt::callable_names activities{};
    std::vector<mt::interceptor> interceptors{};
    std::vector<std::string> logged{};
    lines measured{};
    std::unique_ptr<workflow::code> code{};
    workflow::task_facts facts{};
    bool replaying = false;
    std::vector<workflow::intent> intents{};

    /// What a run is made with.
    workflow::code_setup setup(const std::string& name)
    {
        workflow::code_setup out;
        out.workflow_type = name;
        out.name_space = "default";
        out.task_queue = "queue";
        out.activities = &activities;
        out.workflows = &registry.called();
        out.logger = [this](mt::log_level, std::string_view line) { logged.emplace_back(line); };
        out.metrics = [this](const mt::measurement& m) { measured.push_back(shown(m)); };
        out.on_call = mt::detail::hooks_of(interceptors, &mt::interceptor::workflow);
        out.on_step = mt::detail::hooks_of(interceptors, &mt::interceptor::step);
        return out;
    }

    /// A function under test.
    template <class F>
    driver& runs(F f, mt::workflow_options options = {})
    {
        registry.add("test", std::move(f), std::move(options));
        code = registry.find("test")->make(setup("test"));
        return *this;
    }
    template <class C>
    driver& runs_class(mt::workflow_options options = {})
    {
        registry.add<C>("test", std::move(options));
        code = registry.find("test")->make(setup("test"));
        return *this;
    }

    template <class... A>
    static workflow::start_run start(const A&... input)
    {
        workflow::start_run out;
        out.workflow_id = "w";
        out.run_id = "r";
        out.random_seed = 7;
        out.attributes.mutable_workflow_type()->set_name("test");
        out.attributes.mutable_task_queue()->set_name("queue");
        *out.attributes.mutable_input() = payloads(input...);
        return out;
    }

    /// One activation with these jobs; what it wants, in words. A failed task is its one line.
    template <class... J>
    lines go(J... jobs)
    {
        workflow::activation now;
        now.facts = facts;
        now.replaying = replaying;
        (now.jobs.push_back(std::move(jobs)), ...);
        workflow::activated out = code->activate(std::move(now));
        if (out.problem)
            return {"task failed: " + mt::describe(out.problem->failure)};
        lines said;
        for (const auto& i : out.intents)
            said.push_back(std::visit(words{}, i));
        intents = std::move(out.intents);
        return said;
    }

    std::string ask(const std::string& query, const api::common::Payloads& arguments = {})
    {
        api::query::WorkflowQuery q;
        q.set_query_type(query);
        *q.mutable_query_args() = arguments;
        const auto answer = code->query(q);
        return answer.failure ? "failed: " + mt::describe(*answer.failure) : words::text(answer.result).substr(1);
    }
};

// Jobs in short.

template <class... T>
workflow::resolution completed(const T&... value)
{
    return {.result = payloads(value...)};
}

/// As the machine wraps what failed in an activity.
inline workflow::resolution failed(const std::string& words, const std::string& type = "Oops")
{
    workflow::resolution out{.how = workflow::resolution::kind::failed};
    out.failure.set_message("Activity task failed");
    out.failure.mutable_activity_failure_info()->mutable_activity_type()->set_name("a");
    out.failure.mutable_cause()->set_message(words);
    out.failure.mutable_cause()->mutable_application_failure_info()->set_type(type);
    return out;
}

inline workflow::resolution cancelled()
{
    workflow::resolution out{.how = workflow::resolution::kind::cancelled};
    out.failure.set_message("Activity task failed");
    out.failure.mutable_activity_failure_info();
    out.failure.mutable_cause()->set_message("it was asked to");
    out.failure.mutable_cause()->mutable_canceled_failure_info();
    return out;
}

template <class... T>
workflow::signal_received signal(const std::string& name, const T&... input)
{
    return {.name = name, .input = payloads(input...)};
}

template <class... T>
workflow::update_received update(const std::string& id, const std::string& name, const T&... input)
{
    return {.id = id, .protocol_instance_id = id, .name = name, .input = payloads(input...)};
}

inline workflow::timer_fired fired(std::uint32_t seq)
{
    return {seq};
}

}  // namespace workflow_model
