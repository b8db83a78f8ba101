// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/queue_source.hpp>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/associated_cancellation_slot.hpp>
#include <boost/asio/associated_executor.hpp>
#include <boost/asio/bind_executor.hpp>
#include <boost/asio/cancellation_type.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>
#include <boost/system/error_code.hpp>

#include <memory>
#include <utility>

namespace mayfly::temporal::detail {

/// Somebody who waits for a reading. Ten thousand of them may, so that it is not a coroutine each.
class source_waiter {
public:
    virtual ~source_waiter() = default;
    /// Posts the answer. Call it once.
    virtual void complete(boost::system::error_code ec, queue_reading reading) = 0;

    source_waiter() = default;
    source_waiter(const source_waiter&) = delete;
    source_waiter& operator=(const source_waiter&) = delete;
};

template <class Handler>
class waiting_handler final : public source_waiter {
public:
    using executor_type = boost::asio::associated_executor_t<Handler, boost::asio::any_io_executor>;

    waiting_handler(Handler handler, const boost::asio::any_io_executor& on)
        : handler_(std::move(handler)), on_(on), work_(boost::asio::get_associated_executor(handler_, on))
    {}

    /// `cancel` is called, with this, if the slot of the handler is emitted.
    template <class F>
    void cancelled_by(F cancel)
    {
        auto slot = boost::asio::get_associated_cancellation_slot(handler_);
        if (slot.is_connected())
            slot.assign([this, cancel = std::move(cancel)](boost::asio::cancellation_type type) {
                if (type != boost::asio::cancellation_type::none)
                    cancel(this);
            });
    }

    void complete(boost::system::error_code ec, queue_reading reading) override
    {
        namespace asio = boost::asio;
        if (auto slot = asio::get_associated_cancellation_slot(handler_); slot.is_connected())
            slot.clear();
        const auto runs_on = work_.get_executor();
        auto call = [handler = std::move(handler_), ec, reading = std::move(reading)]() mutable {
            std::move(handler)(ec, std::move(reading));
        };
        asio::post(on_, asio::bind_executor(runs_on, std::move(call)));
        work_.reset();
    }

private:
    Handler handler_;
    boost::asio::any_io_executor on_;
    boost::asio::executor_work_guard<executor_type> work_;
};

}  // namespace mayfly::temporal::detail
