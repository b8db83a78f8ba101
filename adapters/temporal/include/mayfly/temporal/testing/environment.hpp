// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/temporal/activity_registry.hpp>
#include <mayfly/temporal/callable_names.hpp>
#include <mayfly/temporal/interceptor.hpp>
#include <mayfly/temporal/testing/answer.hpp>
#include <mayfly/temporal/testing/detail/world.hpp>
#include <mayfly/temporal/testing/environment_options.hpp>
#include <mayfly/temporal/testing/replay.hpp>
#include <mayfly/temporal/testing/test_run.hpp>
#include <mayfly/temporal/worker_setup.hpp>
#include <mayfly/temporal/workflow/detail/call.hpp>
#include <mayfly/temporal/workflow_requests.hpp>
#include <mayfly/temporal/workflows.hpp>

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

// Workflows, run in a test: by the worker that runs them elsewhere, on a service in this process whose time is skipped.

namespace mayfly::temporal::testing {

/** What a test runs workflows in. One that takes a month takes milliseconds: whenever the test waits and nobody works,
    time jumps to where something happens next.

        testing::environment env;
        env.workflow("checkout", checkout);
        env.activity(charge_card, [](const order& o) { return receipt{o.id}; });
        CHECK(env.execute(checkout, order{7})->paid);

    Everything is done while the test waits, in its thread: activities too, so they may use and count what is the
    test's. Those that `configure` registers run where they do otherwise, as a rule on threads.

    No wait is longer than `patience`. Where nothing can come any more it ends at once, with the stack traces of what
    waits, and so it does when an activity is called that the test has not, when a workflow task fails, and when a run
    that has ended does not replay; from these three on all answers are the same.

    Both may be added at any time, and activities be replaced.
*/
class environment {
public:
    explicit environment(environment_options options = {}) : world_(std::make_unique<detail::world>(std::move(options)))
    {}

    /// With all that a program has: `configure` is what its `run_worker` is given. Its task queue, its logger and its
    /// metrics are not used. Its interceptors are those of the test too, for what it starts and sends.
    explicit environment(const std::function<void(worker_setup&)>& configure, environment_options options = {})
        : environment(std::move(options))
    {
        configure(world_->setup());
    }

    // What there is to run.

    /// `workflow("checkout", checkout)`; takes what `workflow_registry::add` takes.
    template <class... W>
    void workflow(std::string name, W&&... w)
    {
        workflows_of(world_->setup()).add(std::move(name), std::forward<W>(w)...);
    }
    /// A class: `workflow<approval>("approval")`.
    template <class C, class... O>
        requires std::is_class_v<C>
    void workflow(std::string name, O&&... o)
    {
        workflows_of(world_->setup()).add<C>(std::move(name), std::forward<O>(o)...);
    }

    /// What is done for the activity of this name: a function, a lambda, or a coroutine. It may throw, like any.
    template <class F>
    void activity(std::string name, F does)
    {
        world_->setup().activities.replace(std::move(name), std::move(does), {.runs_on = runs_on::executor});
    }
    /// What is done for an activity that workflows call by its function or member.
    template <class F, class M>
        requires callable_names::has_identity<F>
    void activity(F called, M does)
    {
        activity_registry& all = world_->setup().activities;
        std::string name(all.called().find(called));
        if (name.empty())
            name = "activity " + std::to_string(++unnamed_);
        all.identify(called, name);
        activity(std::move(name), std::move(does));
    }

    /// Around all that is run, and what the test starts and sends. Before the first start.
    void intercept(interceptor around) { world_->setup().interceptors.push_back(std::move(around)); }

    // What is run. A workflow is said by its function, by `&its_class::run`, by a `typed_workflow`, or by its name,
    // with the result's type in angle brackets. Then come its arguments. Options, if any, come first of all.

    template <class R = workflow::detail::its_own, class F, class... A>
    [[nodiscard]] auto start(const workflow_start_options& options, const F& f, const A&... arguments)
    {
        const auto& converter = world_->setup().converter;
        const std::string name = workflow::detail::name_of(f, &workflows_of(world_->setup()).called(), "a workflow");
        auto input = workflow::detail::encode_for<F, workflow_signature>(name, converter, arguments...);
        using result = typename workflow::detail::result_of_call<R, F, workflow_signature>::type;
        return begin<result>(name, std::move(input), options);
    }
    template <class R = workflow::detail::its_own, class F, class... A>
    [[nodiscard]] auto start(const F& f, const A&... arguments)
    {
        return start<R>(workflow_start_options{}, f, arguments...);
    }

    /// Starts it and waits for its result.
    template <class R = workflow::detail::its_own, class F, class... A>
    auto execute(const workflow_start_options& options, const F& f, const A&... arguments)
    {
        return start<R>(options, f, arguments...).result();
    }
    template <class R = workflow::detail::its_own, class F, class... A>
    auto execute(const F& f, const A&... arguments)
    {
        return execute<R>(workflow_start_options{}, f, arguments...);
    }

    /// One that is there already: a child, or what a signal has started.
    template <class R>
    [[nodiscard]] test_run<R> run_of(std::string id)
    {
        test_run<R> out(*world_, "workflow (" + id + ')');
        if (world_->ready())
            out.handle_ = world_->client().handle<R>({std::move(id), {}, {}});
        return out;
    }

    // Time, and what was.

    [[nodiscard]] workflow::workflow_time now() const { return world_->now(); }

    /// Lets so much time go by, and all happen that happens meanwhile.
    answer<void> sleep(std::chrono::nanoseconds time)
    {
        const auto sleeping = start<void>({.task_queue = detail::sleepers_queue}, detail::sleeper, time.count());
        return sleeping.result();
    }

    /// All events of a workflow's latest run, or of that one. Empty if there is none.
    [[nodiscard]] api::history::History history(const std::string& id, const std::string& run_id = {}) const
    {
        const embedded::workflow_run* const r = world_->find(id, run_id);
        return r != nullptr ? detail::world::history_of(*r) : api::history::History();
    }

    /// Goes through all runs once more, also through those that have not ended, with the workflows as they are now.
    [[nodiscard]] std::vector<replay_report> replay() const
    {
        std::vector<replay_report> out;
        for (const embedded::workflow_run* const r : world_->runs())
            out.push_back(world_->replay_of(detail::world::history_of(*r), r->run_id));
        return out;
    }

    /// The same for a history from elsewhere.
    [[nodiscard]] replay_report replay(const api::history::History& history) const
    {
        return world_->replay_of(history, {});
    }

private:
    template <class R>
    test_run<R> begin(const std::string& type, api::common::Payloads input, workflow_start_options options)
    {
        test_run<R> out(*world_, "workflow \"" + type + '"');
        if (options.task_queue.empty())
            options.task_queue = world_->options().task_queue;
        if (!world_->ready()) {
            world_->refuse(out.failed_);
            return out;
        }
        const workflow_client client = world_->client(options.task_queue);
        auto told = world_->call<rpc_reply<started_workflow<R>>>("the start of workflow \"" + type + '"',
            [&](auto then) { client.async_start_by_name<R>(type, std::move(input), options, std::move(then)); });
        if (!told) {
            world_->refuse(out.failed_);
        } else if (told->ec) {
            out.failed_.error = told->ec;
            out.failed_.words = describe(told->value.status);
        } else {
            out.handle_ = std::move(told->value.value.handle);
        }
        return out;
    }

    std::unique_ptr<detail::world> world_;
    std::size_t unnamed_ = 0;
};

}  // namespace mayfly::temporal::testing
