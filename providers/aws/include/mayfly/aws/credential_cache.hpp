// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/aws/credential_error.hpp>
#include <mayfly/aws/credential_json.hpp>
#include <mayfly/aws/credential_refresh.hpp>
#include <mayfly/aws/credentials.hpp>
#include <mayfly/aws/signing_keys.hpp>
#include <mayfly/clock.hpp>
#include <mayfly/http/spawn.hpp>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <algorithm>
#include <chrono>
#include <exception>
#include <functional>
#include <memory>
#include <random>
#include <utility>
#include <vector>

namespace mayfly::aws {

/// Gets credentials from where they come from. Cancelling the coroutine (`terminal`) ends it soon.
using fetch_function = std::function<boost::asio::awaitable<fetched_credentials>()>;

struct credential_cache_options {
    /// The wall clock, in which credentials expire.
    std::function<wall_time()> now = [] {
        return std::chrono::time_point_cast<std::chrono::milliseconds>(std::chrono::system_clock::now());
    };
};

namespace detail {

class credential_cache_core : public std::enable_shared_from_this<credential_cache_core> {
public:
    using error_code = boost::system::error_code;

    credential_cache_core(boost::asio::any_io_executor executor, fetch_function fetch, credential_cache_options options)
        : executor_(std::move(executor)), fetch_(std::move(fetch)), options_(std::move(options))
    {}

    [[nodiscard]] const boost::asio::any_io_executor& executor() const noexcept { return executor_; }

    std::shared_ptr<const credentials> ready()
    {
        switch (machine_.ask(options_.now())) {
        case refresh_machine::action::use: return machine_.held();
        case refresh_machine::action::use_and_renew: renew()->in_background = true; return machine_.held();
        case refresh_machine::action::wait:
        case refresh_machine::action::fail: break;
        }
        return nullptr;
    }

    static boost::asio::awaitable<signing_keys> get(
        std::shared_ptr<credential_cache_core> self, std::shared_ptr<const credentials> refused)
    {
        if (refused)
            self->machine_.rejected(*refused);
        if (self->closed_)
            co_return aborted();
        if (auto now = self->ready())
            co_return signing_keys{std::move(now), {}};
        if (self->machine_.ask(self->options_.now()) == refresh_machine::action::fail)
            co_return signing_keys{nullptr, self->failed_with_};

        const std::shared_ptr<renewal> shared = self->renew();
        waiter turn(self->executor_, *shared);
        error_code ec;
        co_await turn.timer.async_wait(boost::asio::redirect_error(boost::asio::use_awaitable, ec));
        if (shared->done)
            co_return shared->result;
        turn.leave();
        if (shared->waiting.empty() && !shared->in_background)
            self->abandon(shared);
        co_return aborted();
    }

    void rejected(const credentials& used) { machine_.rejected(used); }

    void close()
    {
        closed_ = true;
        if (!renewal_)
            return;
        renewal_->wake();
        abandon(std::shared_ptr(renewal_));
    }

private:
    /// One fetch, and those who wait for it.
    struct renewal {
        boost::asio::cancellation_signal cancel;
        std::vector<boost::asio::steady_timer*> waiting;
        bool in_background = false;  // goes on though nobody waits
        bool done = false;
        signing_keys result;

        void wake()
        {
            for (boost::asio::steady_timer* const turn : std::exchange(waiting, {}))
                turn->cancel();
        }
    };

    /// A place among those who wait. It is given up also by a coroutine that is destroyed while it waits.
    struct waiter {
        waiter(const boost::asio::any_io_executor& executor, renewal& of)
            : timer(executor, std::chrono::steady_clock::time_point::max()), at(of)
        {
            at.waiting.push_back(&timer);
        }
        waiter(const waiter&) = delete;
        waiter& operator=(const waiter&) = delete;
        ~waiter() { leave(); }

        void leave() { std::erase(at.waiting, &timer); }

        boost::asio::steady_timer timer;
        renewal& at;
    };

    static signing_keys aborted()
    {
        return {nullptr, credential_failure(boost::asio::error::operation_aborted, "cancelled")};
    }

    /// The renewal under way, or a new one.
    std::shared_ptr<renewal> renew()
    {
        if (renewal_)
            return renewal_;
        renewal_ = std::make_shared<renewal>();
        auto ended = [self = shared_from_this(), of = renewal_](std::exception_ptr thrown, fetched_credentials got) {
            if (thrown)
                std::rethrow_exception(thrown);
            self->finish(of, std::move(got));
        };
        boost::asio::co_spawn(executor_, run(shared_from_this()),
            boost::asio::bind_cancellation_slot(renewal_->cancel.slot(), std::move(ended)));
        return renewal_;
    }

    static boost::asio::awaitable<fetched_credentials> run(std::shared_ptr<credential_cache_core> self)
    {
        // A cancelled fetch answers so; it does not throw.
        co_await boost::asio::this_coro::throw_if_cancelled(false);
        co_return co_await self->fetch_();
    }

    void finish(const std::shared_ptr<renewal>& of, fetched_credentials got)
    {
        if (renewal_ != of)
            return;  // Nobody waited for it any more.
        renewal_ = nullptr;
        const wall_time now = options_.now();
        const std::chrono::milliseconds jitter{std::uniform_int_distribution{0, 300'000}(random_)};
        if (!got.why) {
            machine_.renewed(std::move(got.keys), now, got.outlive_their_end, jitter);
            of->result.keys = machine_.held();
        } else {
            failed_with_ = std::move(got.why);
            machine_.failed(now, jitter);
            if (machine_.good_despite_failure(now))
                of->result.keys = machine_.held();
            else
                of->result.why = failed_with_;
        }
        of->done = true;
        of->wake();
    }

    void abandon(const std::shared_ptr<renewal>& of)
    {
        if (renewal_ == of)
            renewal_ = nullptr;
        of->cancel.emit(boost::asio::cancellation_type::terminal);
    }

    boost::asio::any_io_executor executor_;
    fetch_function fetch_;
    credential_cache_options options_;
    refresh_machine machine_;
    std::shared_ptr<renewal> renewal_;
    failure failed_with_;
    std::minstd_rand random_{std::random_device{}()};
    bool closed_ = false;
};

}  // namespace detail

/** Credentials that are renewed in time, by one fetch at a time, however many ask.

    Whoever asks shares the fetch under way and its outcome. It is cancelled when nobody waits for it any more, and when
    the cache goes. Used from one thread or strand, which its executor is.
*/
class credential_cache {
public:
    credential_cache(boost::asio::any_io_executor executor, fetch_function fetch, credential_cache_options options = {})
        : core_(std::make_shared<detail::credential_cache_core>(
              std::move(executor), std::move(fetch), std::move(options)))
    {}

    credential_cache(const credential_cache&) = delete;
    credential_cache& operator=(const credential_cache&) = delete;
    /// Who still waits gets `operation_aborted`.
    ~credential_cache() { core_->close(); }

    /// Credentials that are good now: `void(error_code, shared_ptr<const credentials>)`. Any cancellation type.
    template <class Token>
    auto async_get(Token&& token)
    {
        return http::spawn<std::shared_ptr<const credentials>>(
            core_->executor(),
            [core = core_]() -> boost::asio::awaitable<http::outcome<std::shared_ptr<const credentials>>> {
                co_await boost::asio::this_coro::throw_if_cancelled(false);
                signing_keys got = co_await detail::credential_cache_core::get(core, nullptr);
                co_return http::outcome<std::shared_ptr<const credentials>>{got.why.ec, std::move(got.keys)};
            },
            std::forward<Token>(token));
    }

    /// The same without waiting: null if they must be fetched first.
    [[nodiscard]] std::shared_ptr<const credentials> ready() { return core_->ready(); }

    /// A service said that these have expired: the next to ask waits for others.
    void rejected(const credentials& used) { core_->rejected(used); }

    /// For clients of services; with the words of a failure. Good for longer than the cache, which answers
    /// `operation_aborted` when it is gone.
    [[nodiscard]] key_function keys() const
    {
        return [core = core_](std::shared_ptr<const credentials> refused) {
            return detail::credential_cache_core::get(core, std::move(refused));
        };
    }

private:
    std::shared_ptr<detail::credential_cache_core> core_;
};

}  // namespace mayfly::aws
