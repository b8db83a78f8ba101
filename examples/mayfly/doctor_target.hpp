// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "health_facts.hpp"

#include <mayfly/aws/target_facts.hpp>

#include <boost/asio/awaitable.hpp>

#include <chrono>
#include <optional>

namespace examples {

struct target_question {
    mayfly::aws::lambda_details function{};
    mayfly::aws::validation_options needs{};
    std::chrono::seconds try_for{0};  ///< Zero: it is not invoked.
};

struct target_answer {
    mayfly::aws::lambda_facts facts{};
    std::optional<trial_facts> tried{};
};

/// Asks AWS about a function, with credentials, region and endpoints of the environment and the shared files. Nothing
/// runs, unless it is tried.
boost::asio::awaitable<target_answer> ask_target(target_question about);

}  // namespace examples
