// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/aws/config.hpp>
#include <mayfly/problem.hpp>
#include <mayfly/settings.hpp>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <optional>
#include <string_view>

// When a request is sent again: the standard retry mode, version 2.1. Pure; the caller waits and draws.

namespace mayfly::aws {

/// What kind of failure an attempt ended with, as far as repeating it goes.
enum class retry_class : std::uint8_t {
    none,        ///< Not to be repeated.
    transient,   ///< No complete answer, or the service's own trouble.
    throttling,  ///< The service asked for less.
};

struct retry_settings {
    std::uint32_t max_attempts = 3;  ///< Above zero; the first one counts.

    std::chrono::milliseconds base{50};
    std::chrono::milliseconds throttling_base{1000};
    std::chrono::milliseconds cap{20'000};  ///< The longest wait, before the draw.

    /// A hint of the service may add this much to a wait.
    std::chrono::milliseconds hint_most{5000};

    std::uint32_t quota = 500;  ///< Tokens of a client that is at peace.
    std::uint32_t cost = 14;
    std::uint32_t throttling_cost = 5;
    std::uint32_t first_try_refund = 1;
};

/// `AWS_MAX_ATTEMPTS` and `AWS_RETRY_MODE`, else `max_attempts` and `retry_mode` of the profile, else the defaults.
/// There is one mode here; the names of the others are taken to mean it.
[[nodiscard]] inline checked<retry_settings> retry_settings_of(const config& c)
{
    retry_settings out;
    problems wrong;
    if (const auto said = c.get("AWS_MAX_ATTEMPTS", "max_attempts")) {
        const auto n = mayfly::detail::number_in<std::uint32_t>(said->value);
        if (n && *n > 0)
            out.max_attempts = *n;
        else
            wrong.push_back(
                {said->from, '"' + said->value + '"', "give a whole number from 1; the first attempt counts"});
    }
    if (const auto mode = c.get("AWS_RETRY_MODE", "retry_mode");
        mode && mode->value != "standard" && mode->value != "adaptive" && mode->value != "legacy")
        wrong.push_back({mode->from, '"' + mode->value + '"', "give standard"});
    if (!wrong.empty())
        return wrong;
    return out;
}

/// The tokens of one client. Retries cost some and successes bring some back, so that a client of a service that is
/// down does not multiply its load.
class retry_quota {
public:
    explicit constexpr retry_quota(std::uint32_t full = retry_settings{}.quota) noexcept : full_{full}, left_{full} {}

    [[nodiscard]] constexpr bool take(std::uint32_t cost) noexcept
    {
        if (left_ < cost)
            return false;
        left_ -= cost;
        return true;
    }
    constexpr void give(std::uint32_t n) noexcept { left_ += std::min(n, full_ - left_); }
    [[nodiscard]] constexpr std::uint32_t left() const noexcept { return left_; }

private:
    std::uint32_t full_;
    std::uint32_t left_;
};

/// What a service says about when to come back.
struct retry_hint {
    std::string_view amz_retry_after{};  ///< Header `x-amz-retry-after`: milliseconds.
    std::string_view retry_after{};      ///< Header `Retry-After`: seconds, or a date, which is not used.
};

/** The retries of one call.

    Tell it how each attempt ended: `failed` says whether and after what wait to send again, `succeeded` settles the
    quota, which belongs to the client and outlives the call.
*/
class retries {
public:
    constexpr retries(const retry_settings& how, retry_quota& quota) noexcept : how_{&how}, quota_{&quota} {}

    /// The wait before the next attempt, or nothing: give up at once. `u` is uniform in [0, 1).
    [[nodiscard]] std::optional<std::chrono::milliseconds> failed(
        retry_class why, double u, const retry_hint& hint = {}) noexcept
    {
        using std::chrono::milliseconds;
        if (why == retry_class::none || retries_ + 1 >= how_->max_attempts)
            return std::nullopt;
        const bool throttled = why == retry_class::throttling;
        const double base = static_cast<double>((throttled ? how_->throttling_base : how_->base).count());
        const double full = std::min(
            std::ldexp(base, static_cast<int>(std::min(retries_, 62U))), static_cast<double>(how_->cap.count()));
        const milliseconds drawn{static_cast<std::int64_t>(u * full)};
        const auto wait = hinted(drawn, hint);
        const std::uint32_t cost = throttled ? how_->throttling_cost : how_->cost;
        if (!wait || !quota_->take(cost))
            return std::nullopt;
        ++retries_;
        last_cost_ = cost;
        return wait;
    }

    constexpr void succeeded() noexcept { quota_->give(retries_ == 0 ? how_->first_try_refund : last_cost_); }

private:
    [[nodiscard]] std::optional<std::chrono::milliseconds> hinted(
        std::chrono::milliseconds drawn, const retry_hint& hint) const noexcept
    {
        using std::chrono::milliseconds;
        if (const auto ms = mayfly::detail::number_in<std::uint64_t>(hint.amz_retry_after)) {
            const auto most = static_cast<std::uint64_t>((drawn + how_->hint_most).count());
            return std::max(drawn, milliseconds{static_cast<std::int64_t>(std::min(*ms, most))});
        }
        const auto seconds = mayfly::detail::number_in<std::uint32_t>(hint.retry_after);
        if (!seconds)
            return drawn;
        // Not sooner than the service wants. If that is beyond any wait of a call, whoever called decides what is next.
        const milliseconds least{std::int64_t{*seconds} * 1000};
        return least > how_->cap ? std::nullopt : std::optional(std::max(drawn, least));
    }

    const retry_settings* how_;
    retry_quota* quota_;
    std::uint32_t retries_ = 0;
    std::uint32_t last_cost_ = 0;
};

}  // namespace mayfly::aws
