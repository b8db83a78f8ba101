// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/cancellation_type.hpp>
#include <boost/asio/compose.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/system/error_code.hpp>

#include <chrono>
#include <memory>
#include <optional>
#include <utility>

namespace mayfly::temporal::detail {

/// Something that happens, once or again and again, and that somebody may wait for.
class occurrence {
public:
    using error_code = boost::system::error_code;

    explicit occurrence(const boost::asio::any_io_executor& executor)
        : timer_(executor, std::chrono::steady_clock::time_point::max())
    {}

    /// Unless it has happened already and nobody has heard of it.
    void happen(error_code ec = {})
    {
        if (!outcome_)
            outcome_ = ec;
        if (std::exchange(waited_for_, false))
            timer_.cancel();
    }

    /// From now on every wait ends at once with this.
    void end(error_code ec)
    {
        ended_ = true;
        outcome_.reset();
        happen(ec);
    }

    /// Completes with `void(error_code)`, which `happen` was told; `owner` keeps this. One at a time.
    template <class Token>
    auto async_wait(std::shared_ptr<void> owner, Token&& token)
    {
        return boost::asio::async_compose<Token, void(error_code)>(
            [this, owner = std::move(owner), begun = false](auto& self, error_code = {}) mutable {
                if (!std::exchange(begun, true)) {
                    self.reset_cancellation_state(boost::asio::enable_total_cancellation());
                    if (outcome_)
                        return boost::asio::post(timer_.get_executor(), std::move(self));
                    waited_for_ = true;
                    return timer_.async_wait(std::move(self));
                }
                waited_for_ = false;
                self.complete(take());
            },
            token, timer_);
    }

private:
    error_code take()
    {
        const error_code ec = outcome_.value_or(boost::asio::error::operation_aborted);
        if (!ended_)
            outcome_.reset();
        return ec;
    }

    boost::asio::steady_timer timer_;
    std::optional<error_code> outcome_{};
    bool waited_for_ = false;
    bool ended_ = false;
};

}  // namespace mayfly::temporal::detail
