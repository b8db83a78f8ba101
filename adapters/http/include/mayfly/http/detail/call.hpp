// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/http/client_options.hpp>
#include <mayfly/http/detail/connection.hpp>
#include <mayfly/http/detail/phase.hpp>
#include <mayfly/http/message.hpp>
#include <mayfly/http/url.hpp>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/associated_cancellation_slot.hpp>
#include <boost/asio/associated_executor.hpp>
#include <boost/asio/dispatch.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>
#include <boost/intrusive/list.hpp>
#include <boost/system/error_code.hpp>

#include <chrono>
#include <memory>
#include <utility>

namespace mayfly::http::detail {

using steady_time = std::chrono::steady_clock::time_point;

/// One request under way, and who wants its response.
class call : public boost::intrusive::list_base_hook<> {
public:
    http::origin to{};
    std::shared_ptr<const request> message{};
    time_limits limits{};
    response_limits response_bounds{};
    steady_time total_at = steady_time::max();
    steady_time due = steady_time::max();  ///< When the phase, or the whole of it, has taken too long.
    phase at = phase::wait;
    std::shared_ptr<connection> on{};
    bool retried = false;
    bool ended = false;

    enum class delivery {
        now,    ///< From within a handler that runs on the executor.
        later,  ///< From within whatever the user called.
    };

    virtual ~call() = default;

    /// Calls the handler, once, and destroys `*this` before.
    virtual void deliver(boost::system::error_code, response, delivery) = 0;

protected:
    call() = default;
    call(const call&) = delete;
    call& operator=(const call&) = delete;
};

template <class Handler>
class call_of final : public call {
public:
    call_of(Handler handler, const boost::asio::any_io_executor& io)
        : work_(boost::asio::make_work_guard(handler, io)), handler_(std::move(handler))
    {}

    [[nodiscard]] auto slot() const { return boost::asio::get_associated_cancellation_slot(handler_); }

    void deliver(boost::system::error_code ec, response r, delivery when) override
    {
        const auto executor = work_.get_executor();
        answer_ = std::move(r);  // rather than in what is handed from one to the next
        auto hand_over = [self = std::unique_ptr<call_of>(this), ec]() mutable {
            if (auto cancellation = self->slot(); cancellation.is_connected())
                cancellation.clear();
            Handler handler = std::move(self->handler_);
            response answer = std::move(self->answer_);
            self.reset();
            std::move(handler)(ec, std::move(answer));
        };
        if (when == delivery::now)
            boost::asio::dispatch(executor, std::move(hand_over));
        else
            boost::asio::post(executor, std::move(hand_over));
    }

private:
    using executor_type = boost::asio::associated_executor_t<Handler, boost::asio::any_io_executor>;

    boost::asio::executor_work_guard<executor_type> work_;
    Handler handler_;
    response answer_{};
};

/// The calls under way; those left when it goes are destroyed unheard.
class call_list {
public:
    call_list() = default;
    call_list(const call_list&) = delete;
    call_list& operator=(const call_list&) = delete;
    ~call_list()
    {
        while (!calls_.empty()) {
            call& c = calls_.front();
            calls_.pop_front();
            delete &c;
        }
    }

    void add(std::unique_ptr<call> c) { calls_.push_back(*c.release()); }
    std::unique_ptr<call> take(call& c)
    {
        calls_.erase(calls_.iterator_to(c));
        return std::unique_ptr<call>(&c);
    }

    [[nodiscard]] bool empty() const noexcept { return calls_.empty(); }
    [[nodiscard]] auto begin() noexcept { return calls_.begin(); }
    [[nodiscard]] auto end() noexcept { return calls_.end(); }

private:
    boost::intrusive::list<call> calls_{};
};

}  // namespace mayfly::http::detail
