// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/aws/credentials.hpp>
#include <mayfly/clock.hpp>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <utility>

// When credentials are renewed: pure, with the wall clock's time as an argument.

namespace mayfly::aws {

enum class freshness : std::uint8_t {
    fresh,
    ageing,  ///< Still good: renew them meanwhile.
    spent,   ///< Wait for new ones.
};

/// The last five minutes of a session are for renewing it, and nobody starts with one that has less than a minute. Of
/// short sessions it is the last quarter and the last eighth, or each call would renew them.
[[nodiscard]] constexpr freshness freshness_of(
    wall_time obtained, std::optional<wall_time> expires, wall_time now) noexcept
{
    using std::chrono::milliseconds;
    if (!expires)
        return freshness::fresh;
    const milliseconds left = *expires - now;
    const milliseconds whole = std::max(*expires - obtained, milliseconds{0});
    if (left <= milliseconds{0} || left < std::min(milliseconds{std::chrono::minutes{1}}, whole / 8))
        return freshness::spent;
    return left < std::min(milliseconds{std::chrono::minutes{5}}, whole / 4) ? freshness::ageing : freshness::fresh;
}

/** The life of one set of credentials: what a caller does with it, and what an answer or a failure makes of it.

    A failure is remembered for a second, so that a burst of callers does not become a burst of requests. While there
    are credentials that still work, failing to renew them is nobody's trouble.
*/
class refresh_machine {
public:
    enum class action : std::uint8_t {
        use,            ///< Take `held`.
        use_and_renew,  ///< Take `held`, and start to renew it unless that is under way.
        wait,           ///< For a renewal; start one unless that is under way.
        fail,           ///< With the failure from just before.
    };

    [[nodiscard]] action ask(wall_time now) const noexcept
    {
        const bool may_try = !waits_until(now);
        if (usable(now)) {
            if (rejected_)
                return may_try ? action::wait : action::fail;
            switch (freshness_of(obtained_, held_->expires, now)) {
            case freshness::fresh: return action::use;
            case freshness::ageing: return may_try ? action::use_and_renew : action::use;
            case freshness::spent: break;
            }
            // Kept beyond their end, or in their last minute with a renewal that just failed.
            return may_try ? action::wait : action::use;
        }
        return may_try ? action::wait : action::fail;
    }

    [[nodiscard]] const std::shared_ptr<const credentials>& held() const noexcept { return held_; }

    /// `outlives`: the source may hand out credentials that have ended, or none, and the last ones go on to work.
    /// `jitter`, up to five minutes, is added to the ten after which such a source is asked again.
    void renewed(credentials with, wall_time now, bool outlives, std::chrono::milliseconds jitter)
    {
        held_ = std::make_shared<const credentials>(std::move(with));
        obtained_ = now;
        rejected_ = false;
        outlives_ = outlives;
        pause_from_ = now;
        pause_ = outlives && ended(now) ? std::chrono::minutes{10} + jitter : std::chrono::milliseconds{0};
    }

    void failed(wall_time now, std::chrono::milliseconds jitter) noexcept
    {
        pause_from_ = now;
        pause_ = std::chrono::seconds{1};
        if (!good_despite_failure(now))
            return;
        if (outlives_)
            pause_ = std::chrono::minutes{10} + jitter;
        else if (freshness_of(obtained_, held_->expires, now) == freshness::ageing)
            pause_ = std::chrono::seconds{10};  // There is time.
    }

    /// A service said that these have ended. Nothing if others are held by now.
    void rejected(const credentials& used) noexcept
    {
        if (!held_ || rejected_ || held_->access_key_id != used.access_key_id ||
            held_->session_token != used.session_token)
            return;
        rejected_ = true;
        pause_ = std::chrono::milliseconds{0};
    }

    /// After a renewal that failed: whether those who waited for it can go on with what is held.
    [[nodiscard]] bool good_despite_failure(wall_time now) const noexcept { return usable(now) && !rejected_; }

private:
    [[nodiscard]] bool usable(wall_time now) const noexcept { return held_ && (outlives_ || !ended(now)); }
    [[nodiscard]] bool ended(wall_time now) const noexcept { return held_->expires && *held_->expires <= now; }
    // A wall clock that was set back does not prolong the pause.
    [[nodiscard]] bool waits_until(wall_time now) const noexcept
    {
        return now >= pause_from_ && now - pause_from_ < pause_;
    }

    std::shared_ptr<const credentials> held_;
    wall_time obtained_{};
    wall_time pause_from_{};
    std::chrono::milliseconds pause_{0};
    bool rejected_ = false;
    bool outlives_ = false;
};

}  // namespace mayfly::aws
