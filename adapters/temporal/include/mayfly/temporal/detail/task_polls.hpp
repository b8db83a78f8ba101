// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/temporal/connection.hpp>
#include <mayfly/temporal/detail/poll_errors.hpp>
#include <mayfly/temporal/detail/poll_slots.hpp>
#include <mayfly/temporal/method.hpp>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/system/error_code.hpp>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <random>
#include <utility>
#include <vector>

namespace mayfly::temporal::detail {

/// Whom the polls of a queue tell what they meet. Nobody is told anything after `stop`.
struct poll_events {
    std::function<void(boost::system::error_code, const grpc::status&)> fatal{};  ///< Polling has ended.
    std::function<void(const grpc::status&)> failing{};                           ///< The first failure of a row.
    std::function<void(std::uint32_t failures)> recovered{};
    std::function<void()> changed{};  ///< After each poll, last.
};

template <class Response>
struct poll_listener : poll_events {
    std::function<void(Response)> task{};  ///< Its slot is occupied until `task_ended`.
};

/** The polls of one kind of task: as many as there are pollers, as long as there are slots. There is a request for each
    queue that the slots know of.

    `begin` them once; they go on by themselves until `close`, and those under way until they are answered or recalled.
*/
template <class Request, class Response>
class task_polls : public std::enable_shared_from_this<task_polls<Request, Response>> {
public:
    using clock = std::chrono::steady_clock;
    using error_code = boost::system::error_code;

    task_polls(std::shared_ptr<connection> to, const method<Request, Response>& what, std::vector<Request> requests,
        poll_slots slots, poll_errors::rules rules, std::uint32_t pollers, poll_listener<Response> listener)
        : connection_(std::move(to)),
          method_(what),
          requests_(std::move(requests)),
          slots_(slots),
          errors_(rules),
          listener_(std::move(listener)),
          timer_(connection_->get_executor()),
          fair_(connection_->get_executor()),
          cancel_(std::make_unique<boost::asio::cancellation_signal[]>(pollers)),
          sticky_(pollers),
          random_(static_cast<std::minstd_rand::result_type>(clock::now().time_since_epoch().count()))
    {
        for (std::uint32_t i = pollers; i > 0; --i)
            free_.push_back(i - 1);
        pollers_ = pollers;
    }

    void begin() { fill(); }

    /// A slot for a task that no poll brings, if there is one. `give` fills it; `task_ended` frees it, filled or not.
    [[nodiscard]] bool take_slot() { return !stopped_ && slots_.take_slot(); }
    void give(Response task)
    {
        ++received_;
        listener_.task(std::move(task));
    }

    /// The report of one of its tasks has been answered.
    void task_ended()
    {
        slots_.task_ended();
        fill();
        share();
    }

    /// No poll begins any more.
    void close()
    {
        slots_.close();
        timer_.cancel();
        fair_.cancel();
    }

    /// Gives up the polls under way. One that has brought something all the same is heard.
    void recall()
    {
        const auto self = this->shared_from_this();
        for (std::uint32_t i = 0; i < pollers_; ++i)
            cancel_[i].emit(boost::asio::cancellation_type::terminal);
    }

    /// Ends all, and tells nobody anything any more.
    void stop()
    {
        close();
        stopped_ = true;
        recall();
    }

    [[nodiscard]] const poll_slots& slots() const noexcept { return slots_; }
    /// Every poll that there can be waits at the server.
    [[nodiscard]] bool waiting() const noexcept { return slots_.all_poll(); }
    [[nodiscard]] std::uint64_t received() const noexcept { return received_; }
    /// When a poll was last answered; the epoch for never.
    [[nodiscard]] std::chrono::system_clock::time_point last_answer(poll_at where = poll_at::normal) const noexcept
    {
        return last_answers_[static_cast<std::size_t>(where)];
    }

private:
    void fill()
    {
        if (stopped_ || !slots_.may_poll())
            return;
        const auto now = clock::now();
        if (now < errors_.poll_again())
            return wait_until(errors_.poll_again());
        while (slots_.may_poll())
            poll(now);
    }

    void poll(clock::time_point now)
    {
        const std::uint32_t index = free_.back();
        free_.pop_back();
        const poll_at where = slots_.next();
        slots_.poll_began(where);
        sticky_[index] = where == poll_at::sticky ? held::waits : held::no;
        // Failures are for `errors_` to judge, so that they are seen, and ended, from here.
        connection_->async_call(method_, requests_[static_cast<std::size_t>(where)],
            {.retry = grpc::retry_policy::none()},
            boost::asio::bind_cancellation_slot(cancel_[index].slot(),
                [self = this->shared_from_this(), index, where, now](error_code ec, rpc_reply<Response> reply) {
                    self->answered(index, where, now, ec, std::move(reply));
                }));
    }

    void answered(std::uint32_t index, poll_at where, clock::time_point began, error_code ec, rpc_reply<Response> reply)
    {
        free_.push_back(index);
        const bool recalled = std::exchange(sticky_[index], held::no) == held::recalled;
        const bool brings = !ec && !reply.value.task_token().empty();
        slots_.poll_ended(brings, where);
        if (stopped_)
            return;
        if (!ec)
            succeeded(where);
        else if (!recalled)
            failed(ec, began, reply.status);
        if constexpr (requires { reply.value.backlog_count_hint(); })
            if (where == poll_at::sticky)
                slots_.told_sticky_backlog(reply.value.backlog_count_hint());
        received_ += brings ? 1 : 0;
        fill();  // before the task, which may run on this thread
        share();
        if (brings)
            listener_.task(std::move(reply.value));
        if (!stopped_)
            listener_.changed();
    }

    void succeeded(poll_at where)
    {
        last_answers_[static_cast<std::size_t>(where)] = std::chrono::system_clock::now();
        if (const auto before = errors_.succeeded(); before > 0)
            listener_.recovered(before);
    }

    void failed(error_code ec, clock::time_point began, const grpc::status& status)
    {
        if (!slots_.open())
            return;
        const auto answer =
            errors_.failed(status, began, clock::now(), std::uniform_real_distribution<double>{}(random_));
        if (answer.fatal) {
            close();
            listener_.fatal(ec, status);
        } else if (answer.first) {
            listener_.failing(status);
        }
    }

    /// Where tasks that last leave slots to the sticky queue alone, one of its polls is given up for a normal one. Most
    /// tasks are over sooner, and leave theirs to it: what a poll is just being given as it is given up is lost to its
    /// timeout.
    void share()
    {
        if (!slots_.normal_starves() || std::exchange(sharing_, true))
            return;
        fair_.expires_after(std::chrono::seconds{1});
        fair_.async_wait([weak = this->weak_from_this()](error_code ec) {
            const auto self = weak.lock();
            if (!self)
                return;
            self->sharing_ = false;
            if (!ec && !self->stopped_ && self->slots_.normal_starves())
                self->recall_sticky();
        });
    }

    void recall_sticky()
    {
        const auto at = std::find(sticky_.begin(), sticky_.end(), held::waits);
        if (at == sticky_.end())
            return;
        *at = held::recalled;
        cancel_[static_cast<std::size_t>(at - sticky_.begin())].emit(boost::asio::cancellation_type::terminal);
    }

    void wait_until(clock::time_point at)
    {
        timer_.expires_at(at);
        timer_.async_wait([weak = this->weak_from_this()](error_code ec) {
            if (const auto self = weak.lock(); self && !ec)
                self->fill();
        });
    }

    /// A place for a poll, as far as the sticky queue is concerned.
    enum class held : std::uint8_t { no, waits, recalled };

    std::shared_ptr<connection> connection_;
    method<Request, Response> method_;
    std::vector<Request> requests_;
    poll_slots slots_;
    poll_errors errors_;
    poll_listener<Response> listener_;
    boost::asio::steady_timer timer_;
    boost::asio::steady_timer fair_;
    std::unique_ptr<boost::asio::cancellation_signal[]> cancel_;
    std::vector<held> sticky_;
    std::vector<std::uint32_t> free_{};
    std::uint32_t pollers_ = 0;
    std::minstd_rand random_;
    std::uint64_t received_ = 0;
    std::array<std::chrono::system_clock::time_point, 2> last_answers_{};
    bool sharing_ = false;
    bool stopped_ = false;
};

}  // namespace mayfly::temporal::detail
