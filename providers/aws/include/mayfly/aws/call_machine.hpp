// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/aws/classify.hpp>
#include <mayfly/aws/error.hpp>
#include <mayfly/aws/retry.hpp>
#include <mayfly/aws/skew.hpp>
#include <mayfly/clock.hpp>

#include <chrono>
#include <cstdint>
#include <string_view>

namespace mayfly::aws {

/// How one attempt of a call ended.
struct attempt_end {
    const failure* failed = nullptr;  ///< Null: success.
    retry_class worth = retry_class::none;
    std::string_view date{};              ///< The answer's `Date` header.
    wall_time at{};                       ///< When it came, by the local clock.
    std::chrono::milliseconds offset{0};  ///< Which the request was signed with.
    retry_hint hint{};
    double u = 0;           ///< Uniform in [0, 1).
    bool with_keys = true;  ///< It was signed, so that other credentials can make a difference.
};

/// What a call does next.
struct call_step {
    enum class kind : std::uint8_t {
        done,
        give_up,  ///< With the failure in hand.
        wait,     ///< Then send again.
        resend,   ///< At once, signed with the corrected time.
        refresh,  ///< Drop the credentials, get new ones, and send again.
    };
    kind what = kind::done;
    std::chrono::milliseconds wait{0};

    friend bool operator==(const call_step&, const call_step&) = default;
};

/** Decides over the attempts of one call.

    A wrong clock and an expired session are put right once each, without asking the quota: nobody is overloaded, and
    the second request is the first that could succeed.
*/
class call_machine {
public:
    call_machine(const retry_settings& how, retry_quota& quota, clock_offset& clock) noexcept
        : retries_{how, quota}, clock_{&clock}
    {}

    [[nodiscard]] call_step next(const attempt_end& end) noexcept
    {
        using enum call_step::kind;
        if (end.failed == nullptr) {
            retries_.succeeded();
            return {done};
        }
        if (!corrected_ && clock_->learn(end.failed->code, end.date, end.at, end.offset)) {
            corrected_ = true;
            return {resend};
        }
        if (!refreshed_ && end.with_keys && end.failed->ec == errc::expired_credentials) {
            refreshed_ = true;
            return {refresh};
        }
        const auto pause = retries_.failed(end.worth, end.u, end.hint);
        return pause ? call_step{wait, *pause} : call_step{give_up};
    }

private:
    retries retries_;
    clock_offset* clock_;
    bool corrected_ = false;
    bool refreshed_ = false;
};

}  // namespace mayfly::aws
