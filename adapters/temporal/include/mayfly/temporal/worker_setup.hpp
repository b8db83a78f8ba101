// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/config/connection_settings.hpp>
#include <mayfly/config/files.hpp>
#include <mayfly/config/read.hpp>
#include <mayfly/deployment.hpp>
#include <mayfly/environment.hpp>
#include <mayfly/problem.hpp>
#include <mayfly/shutdown_hooks.hpp>
#include <mayfly/temporal/activity_registry.hpp>
#include <mayfly/temporal/connection_options.hpp>
#include <mayfly/temporal/data_converter.hpp>
#include <mayfly/temporal/interceptor.hpp>
#include <mayfly/temporal/log.hpp>
#include <mayfly/temporal/metrics.hpp>
#include <mayfly/temporal/worker_config.hpp>
#include <mayfly/temporal/workflow_offer.hpp>
#include <mayfly/worker_options.hpp>

#include <functional>
#include <memory>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

// What a worker program is set up with, from the environment to the last check. Values only: nothing here connects.

namespace mayfly::temporal {

/** All that a program may say about its worker.

    It comes with what the configuration file and the environment say; the program's own word is the last. What is left
    unset in `options` takes the default for a small function.
*/
struct worker_setup {
    worker_options options{};  ///< `task_queue` comes from `TEMPORAL_TASK_QUEUE`.

    /// Whom to call, and how, as `temporal.toml` and the environment say. `options.identity` is the worker's.
    connection_options connection{};

    activity_registry activities{};
    std::shared_ptr<workflow_offer> workflows{};  ///< Null for none.
    shutdown_hooks hooks{};  ///< Run at the end of every invocation; outside of a function, at the end.
    data_converter converter{};
    std::vector<interceptor> interceptors{};  ///< Around what it runs. Their `client` is not used.
    temporal::logger logger = log_to_stderr();
    metric_sink metrics{};   ///< For what workflows and activities measure.
    worker_timing timing{};  ///< With `TEMPORAL_DEBUG` in the environment workflows may be stopped in a debugger.

    /// What was read, with its sources; a remote codec's address, for instance. To change it changes nothing.
    config::connection_settings settings{};

    /// Short for `activities.add`.
    template <class... F>
    void activity(std::string name, F&&... f)
    {
        activities.add(std::move(name), std::forward<F>(f)...);
    }

    /// Offers a workflow: `workflow("checkout", checkout, options)`. To be called by who includes
    /// `mayfly/temporal/workflows.hpp`; takes what `workflow_registry::add` takes.
    template <class... W>
    void workflow(std::string name, W&&... w)
    {
        add_workflow(*this, std::move(name), std::forward<W>(w)...);
    }
    /// The same of a class: `workflow<checkout>("checkout", options)`.
    template <class C, class... O>
    void workflow(std::string name, O&&... o)
    {
        add_workflow(*this, std::move(name), std::type_identity<C>{}, std::forward<O>(o)...);
    }

    /// The same for a class: `setup.workflow<approval>("approval")`.
    template <class C, class... W>
        requires std::is_class_v<C>
    void workflow(std::string name, W&&... w)
    {
        add_workflow(*this, std::move(name), std::type_identity<C>{}, std::forward<W>(w)...);
    }
};

/// The setup that a program is given to change. All that is wrong so far comes at once. Calls `read` and nothing else.
[[nodiscard]] inline checked<worker_setup> begin_setup(
    const deployment_version& version, const environment& variables, const config::file_reader& read)
{
    problems wrong;
    for (problem& p : check_names(version)) {
        p.field.insert(0, "version.");
        wrong.push_back(std::move(p));
    }
    worker_setup out;
    auto settings = config::read_settings({.where = config::places::worker}, variables, read);
    if (settings) {
        auto connection = options_of(*settings);
        if (connection)
            out.connection = *std::move(connection);
        for (problem& p : connection.problems())
            wrong.push_back(std::move(p));
        out.settings = *std::move(settings);
    }
    for (problem& p : settings.problems())
        wrong.push_back(std::move(p));
    if (!wrong.empty())
        return wrong;
    out.options.task_queue = out.settings.task_queue.value;
    if (variables.get("TEMPORAL_DEBUG").value_or("") != "")
        out.timing.workflow_step = {};
    return out;
}

/// What a program made of its setup, checked: with this the worker can run. `resolved_options::notes` and
/// `settings.warnings` are to be shown.
[[nodiscard]] inline checked<resolved_options> finish_setup(
    const worker_setup& setup, const deployment_version& version)
{
    problems wrong = setup.activities.problems();
    registrations offered{.activities = setup.activities.names()};
    if (setup.activities.has_dynamic())
        offered.activities.push_back("(dynamic)");
    if (setup.workflows) {
        for (problem& p : setup.workflows->problems())
            wrong.push_back(std::move(p));
        offered.workflows = setup.workflows->registered();
    }
    if (setup.connection.name_space.empty())
        wrong.push_back({"connection.name_space", "", "name a namespace, or leave it as it was"});
    if (setup.connection.target.host.empty())
        wrong.push_back({"connection.target.host", "", "name a host, or leave it as it was"});
    auto options = resolve(setup.options, version, offered);
    if (options && wrong.empty())
        return options;
    for (problem& p : options.problems())
        wrong.push_back(std::move(p));
    return wrong;
}

/// Where `HOME` should point instead, since libraries want to write there; empty: it may stay.
[[nodiscard]] inline std::string better_home(
    const environment& variables, const std::function<bool(const std::string&)>& may_write)
{
    const auto home = variables.get("HOME");
    return home && may_write(*home) ? std::string{} : std::string{"/tmp"};
}

}  // namespace mayfly::temporal
