// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/clock.hpp>
#include <mayfly/compute_provider.hpp>
#include <mayfly/error.hpp>
#include <mayfly/testing/manual_clock.hpp>
#include <mayfly/testing/scripted_calls.hpp>

#include <boost/asio/any_io_executor.hpp>

#include <algorithm>
#include <cstdint>
#include <limits>
#include <string>
#include <utility>
#include <vector>

namespace mayfly::testing {

/// How a scripted provider answers a launch or a resize.
struct scripted_answer {
    condition outcome = condition::ok;  ///< Of the call, and of each start that is not accepted.
    std::uint32_t accepts = std::numeric_limits<std::uint32_t>::max();  ///< Without `outcome`: so many starts at most.
    uptime takes{};         ///< Until the answer; `never`: until the call is cancelled.
    bool repeats = false;   ///< The request ids are those of the launch before, as far as they go.
    bool stubborn = false;  ///< Cancellation does not end the call sooner.
    std::string detail{};   ///< The platform's own words.

    [[nodiscard]] static scripted_answer failing(condition outcome, std::string detail = {})
    {
        return {.outcome = outcome, .detail = std::move(detail)};
    }
    [[nodiscard]] static scripted_answer hanging() { return {.takes = never}; }
};

/// What was asked of a scripted provider, and when: `at` counts from when it was made.
struct scripted_launch {
    uptime at{};
    launch_request request{};
    std::vector<std::string> request_ids{};  ///< Which the answer gives, or would have given had it come.
};

struct scripted_resize {
    uptime at{};
    resize_request request{};
};

/** A `ComputeProvider` of both kinds that answers by a script, and notes what it was asked.

    It starts nothing: let the workers be seen with `controller_machine::seen` or a `scripted_source`. Accepted starts
    get the request ids r1, r2 and so on. A start that `accepts` leaves out is throttled, as if a limit on concurrent
    workers were met. All calls and all looks at it are on one thread or strand.

    @tparam C the clock that `takes` is measured on
*/
template <DeadlineClock C>
class basic_scripted_provider {
public:
    explicit basic_scripted_provider(boost::asio::any_io_executor executor, scripted_answer always = {})
        : script_(std::move(always)), calls_(std::move(executor))
    {}

    /// The answer to the next call that has none; in the order given.
    void next(scripted_answer a) { script_.next(std::move(a)); }
    /// The answer to each call that has no other.
    void always(scripted_answer a) { script_.always(std::move(a)); }
    /// The answer to each call for this function, before all others.
    void always(const std::string& function, scripted_answer a) { script_.always(function, std::move(a)); }

    /// `void(error_code, launch_report)`. Cancelled (terminal, partial or total): `operation_aborted`.
    template <class Token>
    auto async_launch(launch_request request, Token&& token)
    {
        const scripted_answer a = script_.take(request.target.get());
        const bool ok = a.outcome == condition::ok;
        std::vector<std::string> ids =
            ok ? make_ids(std::min(a.accepts, request.count), a.repeats) : std::vector<std::string>{};
        launch_report report{.detail = a.detail};
        for (const std::string& id : ids)
            report.starts.push_back({.request_id = id});
        report.starts.resize(request.count, {.outcome = ok ? condition::throttled : a.outcome});
        launches_.push_back({calls_.now(), std::move(request), std::move(ids)});
        return calls_.async_answer(
            {a.takes, a.stubborn, scripted_error(a.outcome)}, std::move(report), std::forward<Token>(token));
    }

    /// `void(error_code, resize_report)`. Cancelled likewise.
    template <class Token>
    auto async_resize(resize_request request, Token&& token)
    {
        const scripted_answer a = script_.take(request.target.get());
        resizes_.push_back({calls_.now(), std::move(request)});
        return calls_.async_answer({a.takes, a.stubborn, scripted_error(a.outcome)}, resize_report{.detail = a.detail},
            std::forward<Token>(token));
    }

    [[nodiscard]] const std::vector<scripted_launch>& launches() const noexcept { return launches_; }
    [[nodiscard]] const std::vector<scripted_resize>& resizes() const noexcept { return resizes_; }
    [[nodiscard]] std::size_t under_way() const noexcept { return calls_.under_way(); }
    [[nodiscard]] std::size_t cancelled() const noexcept { return calls_.cancelled(); }

    /// Starts asked for in all calls.
    [[nodiscard]] std::uint64_t starts() const noexcept
    {
        std::uint64_t sum = 0;
        for (const scripted_launch& l : launches_)
            sum += l.request.count;
        return sum;
    }

private:
    [[nodiscard]] std::vector<std::string> make_ids(std::uint32_t count, bool repeats)
    {
        std::vector<std::string> ids;
        if (repeats && !launches_.empty())
            ids = launches_.back().request_ids;
        if (ids.size() > count)
            ids.resize(count);
        while (ids.size() < count)
            ids.push_back("r" + std::to_string(++made_));
        return ids;
    }

    detail::answer_book<scripted_answer> script_;
    detail::scripted_calls<C> calls_;
    std::vector<scripted_launch> launches_{};
    std::vector<scripted_resize> resizes_{};
    std::uint64_t made_ = 0;
};

using scripted_provider = basic_scripted_provider<manual_clock>;

static_assert(LaunchesWorkers<scripted_provider> && ResizesWorkerSet<scripted_provider>);
static_assert(ComputeProvider<basic_scripted_provider<deadline_clock>>);

}  // namespace mayfly::testing
