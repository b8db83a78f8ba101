// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/grpc/server.hpp>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/cancellation_state.hpp>
#include <boost/asio/cancellation_type.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <chrono>
#include <cstddef>
#include <deque>
#include <list>
#include <optional>
#include <utility>

namespace fake {

/// Where tasks of a queue meet the polls for them, those that have waited longest first.
template <class Task>
class poll_desk {
public:
    explicit poll_desk(boost::asio::io_context& io) : io_(&io) {}

    void add(Task task)
    {
        tasks_.push_back(std::move(task));
        hand_out();
    }

    /// A poll: its answer, once there is a task, or nothing if it is not to wait any longer.
    boost::asio::awaitable<mayfly::grpc::reply> poll()
    {
        parked mine{boost::asio::steady_timer(*io_, std::chrono::steady_clock::time_point::max())};
        mine.given_up = co_await boost::asio::this_coro::cancellation_state;
        parked_.push_back(&mine);
        hand_out();
        if (!mine.task)
            co_await mine.wake.async_wait(boost::asio::as_tuple(boost::asio::use_awaitable));
        parked_.remove(&mine);
        if (mine.task && given_up(mine)) {
            tasks_.push_front(*std::move(mine.task));  // nobody would hear of it
            mine.task.reset();
            hand_out();
        }
        mayfly::grpc::reply out;
        if (mine.task)
            out.message = mine.task->SerializeAsString();
        co_return out;
    }

    void end_polls()
    {
        for (parked* p : std::exchange(parked_, {}))
            p->wake.cancel();
    }

    [[nodiscard]] std::size_t polls() const { return parked_.size(); }

private:
    struct parked {
        boost::asio::steady_timer wake;
        boost::asio::cancellation_state given_up{};  // by who polls
        std::optional<Task> task{};
    };

    static bool given_up(const parked& p) { return p.given_up.cancelled() != boost::asio::cancellation_type::none; }

    void hand_out()
    {
        while (!tasks_.empty() && !parked_.empty()) {
            parked* const to = parked_.front();
            parked_.pop_front();
            if (given_up(*to))
                continue;
            to->task = std::move(tasks_.front());
            tasks_.pop_front();
            to->wake.cancel();
        }
    }

    boost::asio::io_context* io_;
    std::deque<Task> tasks_{};
    std::list<parked*> parked_{};
};

}  // namespace fake
