// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/clock.hpp>
#include <mayfly/queue_source.hpp>
#include <mayfly/testing/manual_clock.hpp>
#include <mayfly/testing/scripted_calls.hpp>

#include <boost/asio/any_io_executor.hpp>

#include <cstddef>
#include <memory>
#include <utility>
#include <vector>

namespace mayfly::testing {

/// How a scripted source answers.
struct scripted_reading {
    queue_reading reading{};
    condition outcome = condition::ok;
    uptime takes{};         ///< Until the answer; `never`: until the call is cancelled.
    bool stubborn = false;  ///< Cancellation does not end the call sooner.
};

/// What was asked of a scripted source, and when: `at` counts from when it was made.
struct scripted_read {
    uptime at{};
    std::shared_ptr<const launch_target> target{};
};

/** A `QueueSource` that answers by a script, and notes what it was asked. All on one thread or strand.

    @tparam C the clock that `takes` is measured on
*/
template <DeadlineClock C>
class basic_scripted_source {
public:
    explicit basic_scripted_source(boost::asio::any_io_executor executor, scripted_reading always = {})
        : script_(std::move(always)), calls_(std::move(executor))
    {}

    /// The answer to the next call that has none; in the order given.
    void next(scripted_reading r) { script_.next(std::move(r)); }
    /// The answer to each call that has no other.
    void always(scripted_reading r) { script_.always(std::move(r)); }

    /// `void(error_code, queue_reading)`. Cancelled (terminal, partial or total): `operation_aborted`.
    template <class Token>
    auto async_read(std::shared_ptr<const launch_target> target, uptime, Token&& token)
    {
        scripted_reading r = script_.take();
        reads_.push_back({calls_.now(), std::move(target)});
        return calls_.async_answer(
            {r.takes, r.stubborn, scripted_error(r.outcome)}, std::move(r.reading), std::forward<Token>(token));
    }

    [[nodiscard]] const std::vector<scripted_read>& reads() const noexcept { return reads_; }
    [[nodiscard]] std::size_t under_way() const noexcept { return calls_.under_way(); }
    [[nodiscard]] std::size_t cancelled() const noexcept { return calls_.cancelled(); }

private:
    detail::answer_book<scripted_reading> script_;
    detail::scripted_calls<C> calls_;
    std::vector<scripted_read> reads_{};
};

using scripted_source = basic_scripted_source<manual_clock>;

static_assert(QueueSource<scripted_source>);

}  // namespace mayfly::testing
