// SPDX-License-Identifier: BSL-1.0
#pragma once

// A workflow for tests of versions: it does what signals ask for, one thing after another, and tells which build's
// workers did it. The deployment version of the worker that has it is in WORKFLOW_WORKER_VERSION, as NAME:BUILD. With
// WORKFLOW_WORKER_ANEW it is other code under that name.

#include <mayfly/temporal/errors.hpp>
#include <mayfly/temporal/worker_setup.hpp>
#include <mayfly/temporal/workflow/context.hpp>
#include <mayfly/temporal/workflow/definition.hpp>
#include <mayfly/temporal/workflows.hpp>

#include <mayfly/deployment.hpp>

#include <chrono>
#include <cstddef>
#include <cstdlib>
#include <deque>
#include <string>
#include <vector>

namespace mayfly::testing {

/// `otherwise`, if the environment names none.
inline deployment_version version_of_worker(const deployment_version& otherwise)
{
    const char* const said = std::getenv("WORKFLOW_WORKER_VERSION");
    if (said == nullptr)
        return otherwise;
    const std::string both = said;
    const std::size_t colon = both.find(':');
    return {both.substr(0, colon), both.substr(colon + 1)};
}

inline std::string build_of_worker()
{
    const bool anew = std::getenv("WORKFLOW_WORKER_ANEW") != nullptr;
    return version_of_worker({"", "none"}).build_id + (anew ? " anew" : "");
}

/// Fails with the workers of one build.
inline std::string build_but(const std::string& not_this)
{
    if (build_of_worker() == not_this)
        throw temporal::application_error("not with build " + not_this, "Build");
    return build_of_worker();
}

class versioned {
public:
    static void define(temporal::workflow::definition<versioned>& d)
    {
        d.signal<&versioned::act>().update<&versioned::told>().query<&versioned::build>();
    }

    temporal::workflow::task<std::vector<std::string>> run(
        temporal::workflow::context& ctx, std::vector<std::string> builds)
    {
        using namespace std::chrono_literals;
        namespace flow = temporal::workflow;
        for (;;) {
            co_await ctx.wait_for([this] { return !acts_.empty(); });
            // What is to be done, and where or with whom.
            const std::vector<std::string> next = acts_.front();
            acts_.pop_front();
            const std::string what = next.at(0);
            const std::string of = next.size() > 1 ? next[1] : "";
            std::string by;
            if (what == "activity")
                by = co_await ctx.activity<std::string>("build", {.start_to_close = 10s, .task_queue = of});
            else if (what == "activity but")
                by = co_await ctx.activity<std::string>(
                    "build_but", of, {.start_to_close = 10s, .retry = {.initial_interval = 200ms, .backoff = 1}});
            else if (what == "child")
                by = co_await ctx.child<std::string>("one_activity", {.task_queue = of});
            else if (what == "child that fails once")
                by = co_await ctx.child<std::string>("fails_once", {.retry = {.initial_interval = 1ms}});
            else if (what == "continue")
                ctx.continue_as_new(ctx.info().type, builds,
                    {.versioning = of == "upgraded"  ? flow::continue_versioning::auto_upgrade
                                   : of == "ramping" ? flow::continue_versioning::use_ramping_version
                                                     : flow::continue_versioning::as_before});
            else if (what == "fail" && ctx.info().attempt == 1)
                throw temporal::application_error("as asked", "Asked");
            else if (what == "end")
                break;
            if (!by.empty())
                builds.push_back(by);
        }
        co_return builds;
    }

    void act(std::vector<std::string> what) { acts_.push_back(std::move(what)); }
    std::string told(std::string word) { return word; }
    /// Of the worker that is asked.
    [[nodiscard]] std::string build() const { return build_of_worker(); }

private:
    std::deque<std::vector<std::string>> acts_{};
};

/// Returns the build that did its one activity.
inline temporal::workflow::task<std::string> one_activity(temporal::workflow::context& ctx)
{
    using namespace std::chrono_literals;
    co_return co_await ctx.activity<std::string>("build", {.start_to_close = 10s});
}

/// Likewise, at its second attempt.
inline temporal::workflow::task<std::string> fails_once(temporal::workflow::context& ctx)
{
    using namespace std::chrono_literals;
    const std::string build = co_await ctx.activity<std::string>("build", {.start_to_close = 10s});
    if (ctx.info().attempt == 1)
        throw temporal::application_error("once", "Once");
    co_return build;
}

/// Is over at once.
inline temporal::workflow::task<int> at_once(temporal::workflow::context&)
{
    co_return 0;
}

inline void add_versioned(temporal::worker_setup& setup)
{
    using enum versioning_behavior;
    setup.activity("build", build_of_worker);
    setup.activity("build_but", build_but);
    auto& workflows = temporal::workflows_of(setup);
    workflows.add<versioned>("kept", {.behavior = pinned});
    workflows.add<versioned>("moving", {.behavior = auto_upgrade});
    workflows.add("one_activity", one_activity, {.behavior = pinned});
    workflows.add("fails_once", fails_once, {.behavior = pinned});
    workflows.add("at_once", at_once, {.behavior = auto_upgrade});
    if (std::getenv("WORKFLOW_WORKER_UNDECLARED") != nullptr) {
        setup.options.default_behavior = unspecified;
        workflows.add("undeclared", at_once);
    }
}

}  // namespace mayfly::testing
