// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/clock.hpp>
#include <mayfly/compute_provider.hpp>
#include <mayfly/condition.hpp>
#include <mayfly/invocation.hpp>
#include <mayfly/launch_notice.hpp>
#include <mayfly/testing/manual_clock.hpp>
#include <mayfly/testing/scripted_provider.hpp>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/basic_waitable_timer.hpp>
#include <boost/system/error_code.hpp>

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>

namespace mayfly::mock {

/// How a launch goes, and what becomes of each start that is accepted. Usually made by one of the functions below.
struct outcome {
    testing::scripted_answer answer{};
    uptime cold_start{};     ///< From the call to the worker, which may be faster than the answer; `never`: none comes.
    std::uint32_t runs = 1;  ///< Workers of the same name that come of one start.
};

/// Accepted; the workers are there after `cold_start`.
[[nodiscard]] inline outcome accept(uptime cold_start = {})
{
    return {.cold_start = cold_start};
}

/// Refused, for now.
[[nodiscard]] inline outcome throttle(std::string words = "too many requests")
{
    return {.answer = testing::scripted_answer::failing(condition::throttled, std::move(words))};
}

/// Refused: `condition::transient` may pass, `condition::permanent` does not.
[[nodiscard]] inline outcome fail(condition how, std::string words)
{
    return {.answer = testing::scripted_answer::failing(how, std::move(words))};
}

/// Accepted, and the answer takes so long; `never`: the call hangs until it is cancelled.
[[nodiscard]] inline outcome delay(uptime takes)
{
    return {.answer = {.takes = takes}};
}

/// Accepted, and the platform delivers each start twice: two workers of the same name.
[[nodiscard]] inline outcome duplicate(uptime cold_start = {})
{
    return {.cold_start = cold_start, .runs = 2};
}

/// Accepted, and nothing comes of it.
[[nodiscard]] inline outcome never_connect()
{
    return {.cold_start = never};
}

/// What a worker is given when it is started.
template <DeadlineClock C>
struct basic_start {
    launch_notice notice{};                 ///< What the controller says.
    basic_invocation_context<C> context{};  ///< What the platform says: ready for `async_invoke`.
};

/** A provider for tests: launches go as the script says, and accepted starts become workers in this process.

    `run` is called on the executor for each of them, and begins what a worker does: usually `async_invoke`, or a
    coroutine of the test. How it ends, and that it is seen by the controller, is its own affair, as it is with a real
    platform. A launch that is cancelled, or given up on, has started its workers all the same.

    A set of workers needs no more than `testing::scripted_provider`. All calls are on one thread or strand.

    @tparam C the clock that delays are measured on
*/
template <DeadlineClock C>
class basic_provider {
public:
    using start = basic_start<C>;

    /// `timeout` is how long the platform lets a worker run, for its deadline; nobody ends it here.
    basic_provider(boost::asio::any_io_executor executor, std::function<void(const start&)> run, outcome always = {},
        uptime timeout = never)
        : executor_(executor),
          run_(std::move(run)),
          timeout_(timeout),
          script_(std::move(always)),
          platform_(std::move(executor))
    {}

    /// How the next launch goes for which nothing is said yet.
    void next(outcome o) { script_.next(std::move(o)); }
    /// How each launch goes for which nothing else is said.
    void always(outcome o) { script_.always(std::move(o)); }
    /// How each launch of this function goes, whatever else is said.
    void always(const std::string& function, outcome o) { script_.always(function, std::move(o)); }

    /// `void(error_code, launch_report)`. Cancelled (terminal, partial or total): `operation_aborted`.
    template <class Token>
    auto async_launch(launch_request request, Token&& token)
    {
        return boost::asio::async_initiate<Token, void(boost::system::error_code, launch_report)>(
            [this](auto handler, launch_request r) {
                outcome o = script_.take(r.target.get());
                platform_.next(o.answer);
                platform_.async_launch(std::move(r), std::move(handler));
                start_workers(platform_.launches().back(), o);
            },
            token, std::move(request));
    }

    /// What was asked of it so far.
    [[nodiscard]] const testing::basic_scripted_provider<C>& platform() const noexcept { return platform_; }

private:
    void start_workers(const testing::scripted_launch& launch, const outcome& o)
    {
        const std::shared_ptr<const launch_target>& target = launch.request.target;
        std::uint32_t i = 0;
        for (const std::string& id : launch.request_ids) {
            start s{.notice = notice_of(launch.request, i++), .context = {.request_id = id}};
            s.context.function = target ? target->function : std::string{};
            s.context.orders = s.notice.orders;
            for (std::uint32_t n = 0; n < o.runs && o.cold_start != never; ++n)
                start_worker(s, o);
        }
    }

    void start_worker(start s, const outcome& o)
    {
        const auto ticks = [](uptime t) { return std::chrono::duration_cast<typename C::duration>(t); };
        auto timer = std::make_shared<boost::asio::basic_waitable_timer<C>>(executor_, ticks(o.cold_start));
        auto& waits = *timer;
        // The worker comes also when the provider is gone, as it would on a real platform.
        waits.async_wait([timer = std::move(timer), run = run_, s = std::move(s), timeout = timeout_, ticks](
                             boost::system::error_code) mutable {
            if (timeout != never)
                s.context.deadline = C::now() + ticks(timeout);
            run(s);
        });
    }

    boost::asio::any_io_executor executor_;
    std::function<void(const start&)> run_;
    uptime timeout_;
    testing::detail::answer_book<outcome> script_;
    testing::basic_scripted_provider<C> platform_;
};

using provider = basic_provider<testing::manual_clock>;

static_assert(LaunchesWorkers<provider>);
static_assert(LaunchesWorkers<basic_provider<deadline_clock>>);

}  // namespace mayfly::mock
