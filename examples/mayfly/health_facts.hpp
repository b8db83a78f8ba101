// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "controller_status.hpp"
#include "health_words.hpp"
#include "stuck_task.hpp"

#include <mayfly/aws/target_facts.hpp>
#include <mayfly/clock.hpp>
#include <mayfly/compute_config.hpp>
#include <mayfly/deployment.hpp>
#include <mayfly/problem.hpp>
#include <mayfly/temporal/deployment_values.hpp>
#include <mayfly/temporal/task_queue_values.hpp>

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

// All that `mayfly doctor` finds out about one version before anything is judged. What was not asked, or not answered,
// is absent.

namespace examples {

/// A function that was invoked to see what it does.
struct trial_facts {
    mayfly::aws::failure refused{};  ///< The invocation was not accepted.
    std::string function_error{};    ///< `Unhandled` or `Handled`: it failed, and `answer` says how.
    std::string answer{};
    bool answered = false;
    std::chrono::seconds waited{};
    bool polls = false;  ///< Meanwhile a worker of this function was seen.
};

/// Who polls, or tells of itself.
struct known_worker {
    std::string identity{};
    std::string queue{};
    std::optional<mayfly::deployment_version> version{};
};

struct queue_facts {
    std::string name{};
    mayfly::task_type type = mayfly::task_type::activity;
    std::optional<mayfly::temporal::queue_stats> stats{};  ///< This version's share.
    std::vector<mayfly::temporal::queue_poller> pollers{};
    std::optional<double> rate_limit{};  ///< Tasks a second.
};

struct group_facts {
    std::string id = "default";
    std::optional<mayfly::aws::lambda_details> function{};  ///< If that is what runs its workers.
    std::optional<mayfly::aws::lambda_facts> reached{};
    std::optional<trial_facts> tried{};
    std::vector<told_by_function> words{};
    std::optional<group_status> told{};  ///< By the controller, or by its record.
};

/// Another version of the deployment.
struct sibling_facts {
    mayfly::deployment_version version{};
    mayfly::compute_config compute{};
};

struct health_facts {
    std::string address{};
    std::string name_space{};
    mayfly::deployment_version version{};
    mayfly::wall_time now{};

    std::string unreachable{};  ///< Why the server tells nothing; empty: it does.
    std::string missing{};      ///< Why there is no such version, in the server's words; empty: there is.

    mayfly::version_status status = mayfly::version_status::created;
    std::optional<mayfly::wall_time> status_since{};
    std::optional<mayfly::wall_time> created{};
    mayfly::temporal::routing routing{};
    bool expected_current = false;  ///< Whoever asks has made it current.

    mayfly::compute_config compute{};
    mayfly::problems compute_problems{};
    std::string conflict{};          ///< Another controller drives it too.
    bool server_keeps_it = false;    ///< So the server's own controller may drive it, and nobody said that it is off.
    std::string validation_error{};  ///< What the last periodic look found wrong.
    std::vector<sibling_facts> others{};

    std::string active_region{};  ///< Of the namespace, like `aws-us-east-1`; empty where there are no regions.

    std::vector<queue_facts> queues{};
    std::vector<known_worker> workers{};  ///< Of the namespace, whatever version they are of.
    std::vector<stuck_task> tasks{};
    std::vector<group_facts> groups{};

    std::string controller_problem{};  ///< It was asked, and this is wrong with it.
    std::string controller_passes{};   ///< It was asked, and tells nothing: it is not the one that leads.
    std::string controller_begins{};   ///< It was asked, and does not tell yet what is up with the version.
    bool controller_drives = true;     ///< As it says.
    std::optional<double> idle_share{};

    mayfly::aws::validation_options needs{};
    std::chrono::seconds stop_timeout{5};
};

}  // namespace examples
