// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/deployment.hpp>
#include <mayfly/temporal/connection.hpp>
#include <mayfly/temporal/detail/requests.hpp>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/cancellation_type.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>
#include <boost/system/error_code.hpp>

#include <algorithm>
#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>

namespace mayfly::temporal::detail {

/// Which version a note is about; nothing if it is none of ours.
[[nodiscard]] inline std::optional<deployment_version> version_of_note(const api::PollActivityTaskQueueResponse& task)
{
    if (task.activity_type().name() != "mayfly.changed" || task.input().payloads_size() != 2)
        return std::nullopt;
    deployment_version out;
    for (const int i : {0, 1}) {
        boost::system::error_code ec;
        const auto value = boost::json::parse(task.input().payloads(i).data(), ec);
        const auto* const text = ec ? nullptr : value.if_string();
        if (text == nullptr || text->empty())
            return std::nullopt;
        (i == 0 ? out.deployment : out.build_id).assign(text->data(), text->size());
    }
    return out;
}

/// Waits for the notes of stores, which are tasks of a queue. A poll that fails is made again, ever more slowly; who
/// may not poll at all hears nothing.
class change_notes : public std::enable_shared_from_this<change_notes> {
public:
    using error_code = boost::system::error_code;

    change_notes(
        std::shared_ptr<connection> on, std::string queue, std::function<void(const deployment_version&)> heard)
        : on_(std::move(on)), queue_(std::move(queue)), heard_(std::move(heard)), timer_(on_->get_executor())
    {}

    void listen()
    {
        if (stopped_)
            return;
        auto request = request_for<api::PollActivityTaskQueueRequest>(*on_);
        request.mutable_task_queue()->set_name(queue_);
        rpc_options own;
        own.retry = grpc::retry_policy::none();
        cancel_ = std::make_shared<boost::asio::cancellation_signal>();
        const auto slot = cancel_->slot();
        on_->async_call(methods::poll_activity_task_queue, request, std::move(own),
            boost::asio::bind_cancellation_slot(
                slot, [self = shared_from_this(), keep = cancel_](error_code ec,
                          const rpc_reply<api::PollActivityTaskQueueResponse>& reply) { self->answered(ec, reply); }));
    }

    void stop()
    {
        stopped_ = true;
        timer_.cancel();
        if (const auto cancel = cancel_)
            cancel->emit(boost::asio::cancellation_type::terminal);
    }

private:
    void answered(error_code ec, const rpc_reply<api::PollActivityTaskQueueResponse>& reply)
    {
        if (!ec && !reply.value.task_token().empty())
            take(reply.value);
        if (stopped_)
            return;
        if (!ec || reply.status.code == grpc::status_code::deadline_exceeded) {
            pause_ = {};
            return listen();
        }
        pause_ = std::clamp<std::chrono::milliseconds>(
            pause_ * 2, std::chrono::milliseconds{500}, std::chrono::milliseconds{30'000});
        timer_.expires_after(pause_);
        timer_.async_wait([self = shared_from_this()](error_code failure) {
            if (!failure)
                self->listen();
        });
    }

    /// It is done before anything is read: what is changed after that sends a note of its own.
    void take(const api::PollActivityTaskQueueResponse& task)
    {
        auto request = request_for<api::RespondActivityTaskCompletedRequest>(*on_);
        request.set_task_token(task.task_token());
        rpc_options own;
        own.timeout = std::chrono::seconds{10};
        on_->async_call(methods::respond_activity_task_completed, request, std::move(own),
            [self = shared_from_this(), version = version_of_note(task)](error_code, const auto&) {
                if (version && !self->stopped_)
                    self->heard_(*version);
            });
    }

    std::shared_ptr<connection> on_;
    std::string queue_;
    std::function<void(const deployment_version&)> heard_;
    boost::asio::steady_timer timer_;
    std::shared_ptr<boost::asio::cancellation_signal> cancel_{};
    std::chrono::milliseconds pause_{};
    bool stopped_ = false;
};

}  // namespace mayfly::temporal::detail
