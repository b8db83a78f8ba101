// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/grpc/status.hpp>
#include <mayfly/temporal/detail/outcome_values.hpp>
#include <mayfly/temporal/proto/failure.pb.h>
#include <mayfly/temporal/workflow_requests.hpp>

#include <exception>
#include <optional>
#include <string>

namespace mayfly::temporal {

/// What something came to that a workflow was asked for, as far as its caller is concerned.
template <class R>
struct workflow_answer {
    using value_type = detail::result_value<R>;

    std::optional<value_type> value{};  ///< There, if there is no error.
    std::string words{};                ///< Else why not, for people: the workflow's own words, or the service's.
    std::optional<::temporal::api::failure::v1::Failure> failure{};  ///< If it is the workflow that said no.
    std::exception_ptr exception{};  ///< The same as one of the exceptions of errors.hpp, cause within cause.
    grpc::status status{};           ///< Of the last call.
};

/// How a workflow ended.
template <class R>
struct workflow_outcome : workflow_answer<R> {
    std::string run_id{};       ///< The run that it was, as far as that is known.
    std::string next_run_id{};  ///< Its successor, if runs were not followed and there is one.
};

/// What an update came to.
template <class R>
struct update_outcome : workflow_answer<R> {};

/// What a query was answered with.
template <class R>
struct query_outcome : workflow_answer<R> {
    std::optional<workflow_status> rejected{};  ///< It was not to be asked, as the workflow is in this state.
};

}  // namespace mayfly::temporal
