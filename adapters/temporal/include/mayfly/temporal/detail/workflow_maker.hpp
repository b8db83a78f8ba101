// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/deployment.hpp>
#include <mayfly/temporal/activity_registry.hpp>
#include <mayfly/temporal/data_converter.hpp>
#include <mayfly/temporal/detail/step_watch.hpp>
#include <mayfly/temporal/detail/watched_code.hpp>
#include <mayfly/temporal/detail/worker_names.hpp>
#include <mayfly/temporal/detail/workflow_run.hpp>
#include <mayfly/temporal/detail/workflow_words.hpp>
#include <mayfly/temporal/interceptor.hpp>
#include <mayfly/temporal/log.hpp>
#include <mayfly/temporal/metrics.hpp>
#include <mayfly/temporal/worker_config.hpp>
#include <mayfly/temporal/workflow/code_setup.hpp>
#include <mayfly/temporal/workflow/machine.hpp>
#include <mayfly/temporal/workflow_registry.hpp>

#include <memory>
#include <string>
#include <utility>

namespace mayfly::temporal::detail {

/// Makes machines for runs, of the workflows that a worker knows.
class workflow_maker {
public:
    workflow_maker(const worker_config& config, std::shared_ptr<const workflow_registry> known, std::string name_space)
        : known_(std::move(known)),
          activities_(config.activities),
          converter_(config.converter),
          logger_(config.logger),
          metrics_(config.metrics),
          on_call_(hooks_of(config.interceptors, &interceptor::workflow)),
          on_step_(hooks_of(config.interceptors, &interceptor::step)),
          version_(config.version.value_or(deployment_version{})),
          task_queue_(config.settings.task_queue),
          name_space_(std::move(name_space)),
          default_behavior_(config.settings.default_behavior),
          watch_(std::make_shared<step_watch>(
              config.timing.workflow_step, [logger = config.logger](const std::string& words) {
                  if (logger)
                      logger(log_level::error, words);
              }))
    {}

    [[nodiscard]] const workflow_registry& known() const noexcept { return *known_; }

    [[nodiscard]] api::enums::VersioningBehavior behavior_of(const workflow_type& type) const
    {
        const auto b = type.behavior != versioning_behavior::unspecified ? type.behavior : default_behavior_;
        return b == versioning_behavior::pinned         ? api::enums::VERSIONING_BEHAVIOR_PINNED
               : b == versioning_behavior::auto_upgrade ? api::enums::VERSIONING_BEHAVIOR_AUTO_UPGRADE
                                                        : api::enums::VERSIONING_BEHAVIOR_UNSPECIFIED;
    }

    /// A machine that knows nothing yet. Throws what the making of the workflow throws.
    [[nodiscard]] std::unique_ptr<workflow::machine> make(const workflow_run& run, const workflow_type& type) const
    {
        const workflow::code_setup setup{.converter = converter_,
            .workflow_type = run.type,
            .name_space = name_space_,
            .task_queue = task_queue_,
            .activities = activities_ != nullptr ? &activities_->called() : nullptr,
            .workflows = &known_->called(),
            .logger = logger_,
            .metrics = metrics_,
            .on_call = on_call_,
            .on_step = on_step_};
        return std::make_unique<workflow::machine>(std::make_unique<watched_code>(type.make(setup), watch_, shown(run)),
            workflow::machine_options{.workflow_id = run.workflow_id,
                .run_id = run.id,
                .workflow_type = run.type,
                .name_space = name_space_,
                .version = version_});
    }

private:
    std::shared_ptr<const workflow_registry> known_;
    const activity_registry* activities_;
    data_converter converter_;
    logger logger_;
    metric_sink metrics_;
    hooks<temporal::workflow_call> on_call_;
    hooks<temporal::workflow_step> on_step_;
    deployment_version version_;
    std::string task_queue_;
    std::string name_space_;
    versioning_behavior default_behavior_;
    std::shared_ptr<step_watch> watch_;
};

}  // namespace mayfly::temporal::detail
