// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/grpc/channel_options.hpp>
#include <mayfly/grpc/detail/client_session.hpp>
#include <mayfly/grpc/message.hpp>
#include <mayfly/grpc/retry.hpp>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/associated_cancellation_slot.hpp>
#include <boost/asio/associated_executor.hpp>
#include <boost/asio/dispatch.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>
#include <boost/intrusive/list.hpp>
#include <boost/intrusive/set.hpp>
#include <boost/system/error_code.hpp>

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <utility>

namespace mayfly::grpc::detail {

using steady_time = std::chrono::steady_clock::time_point;

class client_connection;

/// One call under way, and who wants its reply.
class call : public boost::intrusive::set_base_hook<>, public boost::intrusive::list_base_hook<> {
public:
    enum class place {
        nowhere,
        hope,    ///< Only wants to know that there is a connection.
        queue,   ///< Wants a stream.
        stream,  ///< Has one.
        pause,   ///< Wants one later.
    };
    enum class delivery {
        now,    ///< From within a handler that runs on the executor.
        later,  ///< From within whatever the user called.
    };

    grpc::request request{};
    bool only_connects = false;  ///< Only wants to know that there is a connection.
    call_options own{};
    steady_time begun{};
    steady_time deadline = steady_time::max();
    steady_time due = steady_time::max();  ///< The deadline, or the end of a pause.
    place at = place::nowhere;
    retries tries{};
    std::uint32_t attempts = 0;
    std::uint32_t resent = 0;
    std::optional<std::chrono::nanoseconds> waited{};
    std::unique_ptr<const status> last{};  ///< Of the attempt before.
    std::optional<client_stream> stream{};
    std::shared_ptr<client_connection> on{};

    virtual ~call() = default;

    /// Calls the handler, once, and destroys `*this` before.
    virtual void deliver(boost::system::error_code, reply&&, delivery) = 0;

protected:
    call() = default;
    call(const call&) = delete;
    call& operator=(const call&) = delete;
};

struct sooner {
    bool operator()(const call& a, const call& b) const noexcept { return a.due < b.due; }
};
using calls_by_time = boost::intrusive::multiset<call, boost::intrusive::compare<sooner>>;
using call_queue = boost::intrusive::list<call>;

template <class Handler>
class call_of final : public call {
public:
    call_of(Handler handler, const boost::asio::any_io_executor& io)
        : work_(boost::asio::make_work_guard(handler, io)), handler_(std::move(handler))
    {}

    [[nodiscard]] auto slot() const { return boost::asio::get_associated_cancellation_slot(handler_); }

    void deliver(boost::system::error_code ec, reply&& r, delivery when) override
    {
        const auto executor = work_.get_executor();
        auto hand_over = [self = std::unique_ptr<call_of>(this), ec, r = std::move(r)]() mutable {
            if (auto cancellation = self->slot(); cancellation.is_connected())
                cancellation.clear();
            Handler handler = std::move(self->handler_);
            self.reset();
            std::move(handler)(ec, std::move(r));
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
};

}  // namespace mayfly::grpc::detail
