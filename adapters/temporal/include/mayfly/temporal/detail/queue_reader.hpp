// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/error.hpp>
#include <mayfly/grpc/retry.hpp>
#include <mayfly/temporal/connection.hpp>
#include <mayfly/temporal/deployment_values.hpp>
#include <mayfly/temporal/detail/requests.hpp>
#include <mayfly/temporal/detail/source_version.hpp>
#include <mayfly/temporal/detail/worker_words.hpp>
#include <mayfly/temporal/read_budget.hpp>
#include <mayfly/temporal/source_options.hpp>
#include <mayfly/temporal/wall_bridge.hpp>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/system/error_code.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace mayfly::temporal::detail {

/// The calls that a source makes, and what several versions have in common of their answers.
class queue_reader {
public:
    using error_code = boost::system::error_code;
    using clock = std::chrono::steady_clock;

    template <class T>
    struct answer {
        error_code ec{};
        grpc::status status{};
        T value{};
    };
    struct nothing {};

    queue_reader(std::shared_ptr<connection> on, const source_options& options)
        : on_(std::move(on)),
          rules_{.longest_silence = options.longest_silence, .longest_lifetime = options.longest_lifetime},
          more_queues_(options.queues),
          workers_every_(options.workers_every),
          words_(options.most_workers)
    {}

    boost::asio::awaitable<answer<version_description>> describe(deployment_version version)
    {
        auto request = request_for<api::DescribeWorkerDeploymentVersionRequest>(*on_);
        *request.mutable_deployment_version() = version_message(version);
        request.set_report_task_queue_stats(true);
        auto got = co_await call<version_description>(
            methods::describe_worker_deployment_version, request, to_version_description);
        co_return got;
    }

    /// Shows a version the pollers of all its queues.
    boost::asio::awaitable<answer<nothing>> pollers(source_version& v, clock::time_point began)
    {
        std::vector<queue> all;
        for (const auto& q : v.queues)
            all.emplace_back(q.name, q.type);
        for (const std::string& name : more_queues_)
            for (const task_type type : {task_type::workflow, task_type::activity})
                all.emplace_back(name, type);
        std::vector<poller_list> lists;
        for (const queue& q : all) {
            auto one = co_await list_of(q);
            if (one.ec)
                co_return answer<nothing>{one.ec, std::move(one.status), {}};
            lists.push_back(std::move(one.value));
        }
        const uptime now = std::chrono::duration_cast<uptime>(clock::now() - began);
        look(now);
        for (const poller_list& list : lists)
            v.pollers.see(*list, bridge_, now, rules_);
        v.pollers_at = now;
        co_return answer<nothing>{};
    }

    /** Sees to it that what the workers tell is not too old. The list is of the whole namespace, and once in a while;
        some of the workers at hand are asked for their slots, as far as there is room.

        True if there is no such list to be had, for the first time.
    */
    boost::asio::awaitable<bool> hear_workers(source_version& v, clock::time_point began, read_budget& budget)
    {
        const uptime now = std::chrono::duration_cast<uptime>(clock::now() - began);
        bool refused = false;
        if (now >= list_after_) {
            list_after_ = later(now, workers_every_);
            refused = co_await list_workers(now, budget);
        }
        const std::shared_ptr<const launch_target> target = v.target;
        const std::vector<std::string> keys =
            words_.to_describe(target->version, target->function, now - describe_every, most_described);
        // Those who are long overdue might be taken for dead, or for alive: that is worth a delay of others.
        std::size_t overdue =
            words_.to_describe(target->version, target->function, now - describe_at_least, most_described).size();
        for (const std::string& key : keys) {
            if (overdue > 0) {
                --overdue;
                budget.pay(1, now);
            } else if (!budget.take(1, now)) {
                break;
            }
            auto request = request_for<api::DescribeWorkerRequest>(*on_);
            request.set_worker_instance_key(key);
            auto got = co_await call<api::DescribeWorkerResponse>(methods::describe_worker, request, std::identity{});
            words_.not_described(key, now, got.ec && condition_of(got.ec) == condition::permanent);
            if (!got.ec)
                words_.describe(got.value.worker_info().worker_heartbeat(), now);
        }
        co_return refused;
    }

    /// Writes down who lives.
    void judge(source_version& v, clock::time_point began, queue_reading& out)
    {
        const std::vector<worker_word> words = words_.of(v.target->version, v.target->function);
        look(std::chrono::duration_cast<uptime>(clock::now() - began));
        out.workers_complete = !v.queues.empty();
        out.workers = v.pollers.judge(
            v.target->version, words, v.target->function, bridge_, v.pollers_at, out.workers_complete, rules_);
    }

private:
    using queue = std::pair<std::string, task_type>;
    using poller_list = std::shared_ptr<const std::vector<queue_poller>>;

    struct listing {
        bool& now;
        explicit listing(bool& flag) : now(flag) { now = true; }
        ~listing() { now = false; }
        listing(const listing&) = delete;
        listing& operator=(const listing&) = delete;
    };

    struct shared_list {
        poller_list pollers{};
        clock::time_point read_at{};
    };

    // Versions of one deployment mostly have the same queues.
    static constexpr std::chrono::milliseconds shared_for{900};
    static constexpr std::chrono::milliseconds timeout{8'000};
    static constexpr uptime describe_every = std::chrono::seconds{10};
    static constexpr uptime describe_at_least = std::chrono::seconds{60};
    static constexpr std::size_t most_described = 4;
    static constexpr int page_size = 1000;

    template <class Out, class Request, class Response, class Map>
    boost::asio::awaitable<answer<Out>> call(const method<Request, Response>& what, const Request& request, Map map)
    {
        rpc_options own;
        own.timeout = timeout;
        own.retry = grpc::retry_policy::none();  // the controller asks again, and others are in line
        constexpr auto token = boost::asio::as_tuple(boost::asio::use_awaitable);
        auto [ec, reply] = co_await on_->template async_call_as<Out>(
            what, request, std::move(own), std::move(map), std::nullopt, token);
        co_return answer<Out>{ec, std::move(reply.status), std::move(reply.value)};
    }

    void look(uptime now) { bridge_.look(now, std::chrono::system_clock::now()); }

    boost::asio::awaitable<answer<poller_list>> list_of(queue q)
    {
        const auto known = lists_.find(q);
        if (known != lists_.end() && clock::now() - known->second.read_at < shared_for)
            co_return answer<poller_list>{{}, {}, known->second.pollers};
        auto request = request_for<api::DescribeTaskQueueRequest>(*on_);
        request.mutable_task_queue()->set_name(q.first);
        request.mutable_task_queue()->set_kind(api::enums::TASK_QUEUE_KIND_NORMAL);
        request.set_task_queue_type(to_message(q.second));
        auto got = co_await call<queue_description>(methods::describe_task_queue, request, to_queue);
        answer<poller_list> out{got.ec, std::move(got.status), {}};
        if (!out.ec) {
            out.value = std::make_shared<const std::vector<queue_poller>>(std::move(got.value.pollers));
            const auto now = clock::now();
            std::erase_if(lists_, [&](const auto& one) { return now - one.second.read_at >= shared_for; });
            lists_[std::move(q)] = {out.value, now};
        }
        co_return out;
    }

    boost::asio::awaitable<bool> list_workers(uptime now, read_budget& budget)
    {
        if (listing_)
            co_return false;
        const listing here(listing_);
        words_.begin();
        std::string page;
        do {
            budget.pay(1, now);
            auto request = request_for<api::ListWorkersRequest>(*on_);
            request.set_next_page_token(page);
            request.set_page_size(page_size);
            auto got = co_await call<worker_page>(methods::list_workers, request, to_workers);
            if (got.ec) {
                using enum grpc::status_code;
                const bool never_heard_of = got.status.code == unimplemented || got.status.code == permission_denied;
                if (!never_heard_of)
                    co_return false;
                words_.clear();
                list_after_ = later(now, std::chrono::minutes{5});
                co_return !std::exchange(refused_, true);
            }
            words_.take(std::move(got.value.workers));
            page = std::move(got.value.next_page_token);
        } while (!page.empty());
        words_.end();
        refused_ = false;
        co_return false;
    }

    std::shared_ptr<connection> on_;
    poller_rules rules_;
    std::vector<std::string> more_queues_;
    uptime workers_every_;
    uptime list_after_{};
    wall_bridge bridge_{};
    worker_words words_;
    std::map<queue, shared_list> lists_{};
    bool listing_ = false;
    bool refused_ = false;
};

}  // namespace mayfly::temporal::detail
