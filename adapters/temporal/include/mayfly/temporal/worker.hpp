// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/clock.hpp>
#include <mayfly/temporal/connection.hpp>
#include <mayfly/temporal/detail/worker_core.hpp>
#include <mayfly/temporal/worker_config.hpp>
#include <mayfly/temporal/worker_error.hpp>
#include <mayfly/worker.hpp>

#include <boost/asio/any_io_executor.hpp>
#include <boost/system/error_code.hpp>

#include <memory>
#include <string>
#include <utility>

namespace mayfly::temporal {

/** Polls one task queue for activities and workflows and runs them. A `Worker`: see there for the order of calls.

    It looks at the namespace first, and polls with a free slot only, so what runs at a time is bounded by the slots.
    What fails and may pass is tried again without end; what will not pass ends it with an error (`worker_errc`).

    A drain tells the server that the worker leaves, takes what the last polls still bring, and lets activities run for
    the time that it is given. A little before that is over they are cancelled, so that they can still be reported. A
    result counts as delivered when the server has said so.

    With workflows the connection has been connected before (`connection::async_connect`): what the server can do goes
    into what is told of their tasks. They run on the worker's executor, so one that never comes back holds up all else.

    After `stop`, a function on the pool that does not heed its `stop_token` goes on until it ends by itself, unheard;
    what it uses has to last so long.

    Used from one thread or strand, which its executor is.
*/
class worker {
public:
    /// Polls and reports over `to`, which may serve others too, in its namespace.
    worker(std::shared_ptr<connection> to, worker_config config)
        : core_(std::make_shared<detail::worker_core>(std::move(to), std::move(config)))
    {}
    worker(worker&&) noexcept = default;
    worker& operator=(worker&&) = delete;
    ~worker() { stop(); }

    [[nodiscard]] boost::asio::any_io_executor get_executor() const { return core_->get_executor(); }

    template <class Token>
    auto async_start(Token&& token)
    {
        core_->start();
        return core_->started().async_wait(core_, std::forward<Token>(token));
    }
    template <class Token>
    auto async_watch(Token&& token)
    {
        return core_->changed().async_wait(core_, std::forward<Token>(token));
    }
    template <class Token>
    auto async_drain(uptime within, Token&& token)
    {
        core_->drain(within);
        return core_->drained().async_wait(core_, std::forward<Token>(token));
    }
    /// Within the stop timeout.
    template <class Token>
    auto async_drain(Token&& token)
    {
        core_->drain(core_->stop_timeout());
        return core_->drained().async_wait(core_, std::forward<Token>(token));
    }

    [[nodiscard]] worker_activity activity() const { return core_->activity(); }

    void stop() noexcept
    {
        if (core_ && !std::exchange(stopped_, true))
            core_->stop();
    }

    /// Why it does not poll any more, in the server's own words; empty while it does.
    [[nodiscard]] const std::string& failure() const noexcept { return core_->failure(); }
    [[nodiscard]] const std::string& identity() const noexcept { return core_->names().identity; }
    /// By which the server tells this worker from all others there ever are.
    [[nodiscard]] const std::string& instance_key() const noexcept { return core_->names().instance_key; }

private:
    std::shared_ptr<detail::worker_core> core_;
    bool stopped_ = false;
};

static_assert(Worker<worker>);

}  // namespace mayfly::temporal
