// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/clock.hpp>

#include <algorithm>
#include <chrono>
#include <optional>

namespace mayfly::temporal::detail {

/** For how long a lease is held, from what was heard of the server. Pure.

    The server counts from when a heartbeat reaches it, which is after it was sent: who counts from the sending, and a
    part less, is through before the server is.
*/
class lease_term {
public:
    lease_term() = default;
    lease_term(uptime beat_every, uptime lost_after)
        : beat_every_(std::max<uptime>(beat_every, std::chrono::milliseconds{1})),
          held_for_(lost_after - margin(lost_after))
    {}

    /// What is given away for clocks that do not run alike, and for what is under way when the lease ends.
    [[nodiscard]] static constexpr uptime margin(uptime lost_after) noexcept { return lost_after / 5; }

    /// A heartbeat that was sent then was answered: the lease was held at some moment after that.
    void answered(uptime sent) { last_ = last_ ? std::max(*last_, sent) : sent; }

    [[nodiscard]] bool holds(uptime now) const noexcept { return last_ && now < *last_ + held_for_; }
    /// When it ends unless another heartbeat is answered; `never` if none was.
    [[nodiscard]] uptime ends() const noexcept { return last_ ? *last_ + held_for_ : never; }
    /// When to send the next, after one was sent then.
    [[nodiscard]] uptime next_beat(uptime sent) const noexcept { return sent + beat_every_; }
    /// How long a heartbeat may take, so that there is time for another.
    [[nodiscard]] uptime patience() const noexcept { return std::max(held_for_ / 2, uptime{1000}); }

private:
    uptime beat_every_{};
    uptime held_for_{};
    std::optional<uptime> last_{};
};

}  // namespace mayfly::temporal::detail
