// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/temporal/connection.hpp>
#include <mayfly/temporal/detail/requests.hpp>
#include <mayfly/temporal/task_queue_values.hpp>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>

namespace mayfly::temporal {

/** Looks at the task queues and the workers of the connection's namespace.

    A value. Operations complete with `void(error_code, rpc_reply<T>)`, cancel and fail as those of `connection`.
   Servers limit how often they answer.
*/
class task_queues {
public:
    explicit task_queues(std::shared_ptr<connection> on) : on_(std::move(on)) {}

    /// Pollers, routing, and with `stats` the numbers, of all versions together: `rpc_reply<queue_description>`. For
    /// one version's share ask `deployments`.
    template <class Token>
    auto async_describe(const std::string& queue, task_type type, bool stats, Token&& token) const
    {
        auto request = detail::request_for<api::DescribeTaskQueueRequest>(*on_);
        request.mutable_task_queue()->set_name(queue);
        request.mutable_task_queue()->set_kind(api::enums::TASK_QUEUE_KIND_NORMAL);
        request.set_task_queue_type(to_message(type));
        request.set_report_stats(stats);
        return on_->template async_call_as<queue_description>(
            methods::describe_task_queue, request, {}, detail::to_queue, std::nullopt, std::forward<Token>(token));
    }

    /// A page of the workers that tell of themselves and that the query finds, all if it is empty:
    /// `rpc_reply<worker_page>`.
    template <class Token>
    auto async_list_workers(const std::string& query, const std::string& page_token, int page_size, Token&& token) const
    {
        auto request = detail::request_for<api::ListWorkersRequest>(*on_);
        request.set_query(query);
        request.set_next_page_token(page_token);
        request.set_page_size(page_size);
        return on_->template async_call_as<worker_page>(
            methods::list_workers, request, {}, detail::to_workers, std::nullopt, std::forward<Token>(token));
    }

    /// The last that a worker told of itself: `rpc_reply<api::worker::WorkerHeartbeat>`.
    template <class Token>
    auto async_describe_worker(const std::string& instance_key, Token&& token) const
    {
        auto request = detail::request_for<api::DescribeWorkerRequest>(*on_);
        request.set_worker_instance_key(instance_key);
        const auto map = [](api::DescribeWorkerResponse&& r) {
            return std::move(*r.mutable_worker_info()->mutable_worker_heartbeat());
        };
        return on_->template async_call_as<api::worker::WorkerHeartbeat>(
            methods::describe_worker, request, {}, map, std::nullopt, std::forward<Token>(token));
    }

    /// `rpc_reply<std::int64_t>`.
    template <class Token>
    auto async_count_workers(const std::string& query, Token&& token) const
    {
        auto request = detail::request_for<api::CountWorkersRequest>(*on_);
        request.set_query(query);
        const auto map = [](api::CountWorkersResponse&& r) { return static_cast<std::int64_t>(r.count()); };
        return on_->template async_call_as<std::int64_t>(
            methods::count_workers, request, {}, map, std::nullopt, std::forward<Token>(token));
    }

private:
    std::shared_ptr<connection> on_;
};

}  // namespace mayfly::temporal
