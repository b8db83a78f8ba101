// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/grpc/retry.hpp>
#include <mayfly/grpc/status.hpp>
#include <mayfly/temporal/api.hpp>
#include <mayfly/temporal/rpc_error.hpp>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <string>
#include <utility>

// What a poll that failed means. Pure.

namespace mayfly::temporal::detail {

enum class poll_error : std::uint8_t {
    quiet,      ///< Belongs to normal operation.
    transient,  ///< Passes by itself.
    limit,      ///< Passes if somebody raises a limit or removes something. Nothing a hurry would help with.
    doubtful,   ///< Passes only if the server does not know yet what it will know soon.
    twice,      ///< Passes only if credentials are just being changed.
    fatal,      ///< Does not pass.
};

[[nodiscard]] inline poll_error poll_error_of(const grpc::status& status)
{
    using enum grpc::status_code;
    if (is_fatal_for_worker(status)) {
        if (status.code == unauthenticated)
            return poll_error::twice;
        const bool may_pass =
            status.code == invalid_argument || status.code == not_found || status.code == unimplemented;
        return may_pass ? poll_error::doubtful : poll_error::fatal;
    }
    if (status.code == cancelled || status.code == deadline_exceeded)
        return poll_error::quiet;
    // While a version is being registered, which polling itself does.
    if (status.code == unavailable && status.message.find("not ready to process polls") != std::string::npos)
        return poll_error::quiet;
    if (status.code == resource_exhausted)
        if (const auto detail = detail_of<api::errordetails::ResourceExhaustedFailure>(status);
            detail && detail->cause() == api::enums::RESOURCE_EXHAUSTED_CAUSE_WORKER_DEPLOYMENT_LIMITS)
            return poll_error::limit;
    return poll_error::transient;
}

/// How long a doubtful failure may last. A namespace that was there when the worker started is soon known everywhere.
[[nodiscard]] inline std::chrono::nanoseconds grace_of(const grpc::status& status, std::chrono::nanoseconds most)
{
    const bool unknown_namespace = detail_of<api::errordetails::NamespaceNotFoundFailure>(status).has_value();
    return unknown_namespace ? std::min<std::chrono::nanoseconds>(most, std::chrono::seconds{10}) : most;
}

/// The failures of the polls of one queue.
class poll_errors {
public:
    using time_point = std::chrono::steady_clock::time_point;

    struct rules {
        grpc::retry_policy retry = grpc::retry_policy::poll();
        std::chrono::nanoseconds grace = std::chrono::seconds{60};       ///< How long a doubtful failure may last.
        std::chrono::nanoseconds limit_wait = std::chrono::seconds{10};  ///< Between polls that meet a limit.
    };

    struct answer {
        bool fatal = false;
        bool first = false;  ///< Of a row, and worth a line in the log.
        time_point poll_again{};
        friend bool operator==(const answer&, const answer&) = default;
    };

    explicit poll_errors(rules r) : rules_{r} {}

    /// A poll failed that had begun at `began`. `u` is uniform in [0, 1).
    [[nodiscard]] answer failed(const grpc::status& status, time_point began, time_point now, double u)
    {
        const poll_error kind = poll_error_of(status);
        answer a;
        if (kind == poll_error::fatal) {
            a.fatal = true;
            return a;
        }
        a.first = std::exchange(told_, told_ || kind != poll_error::quiet) != told_;
        // Polls that were under way together tell of one failure.
        if (failures_ > 0 && began <= last_) {
            a.poll_again = again_;
            return a;
        }
        last_ = now;
        if (kind == poll_error::twice)
            a.fatal = ++refused_ > 1;
        else
            refused_ = 0;
        if (kind != poll_error::doubtful)
            doubtful_since_ = time_point::max();
        else if (doubtful_since_ == time_point::max())
            doubtful_since_ = now;
        else
            a.fatal = now - doubtful_since_ >= grace_of(status, rules_.grace);
        auto wait = rules_.retry.wait.at(failures_, u);
        if (status.code == grpc::status_code::resource_exhausted)
            wait = std::max(wait, rules_.retry.exhausted_wait.at(exhausted_++, u));
        if (kind == poll_error::limit)
            wait = std::max(wait, rules_.limit_wait);
        if (kind == poll_error::twice)
            wait = std::max<std::chrono::nanoseconds>(wait, std::chrono::seconds{1});
        failures_ += failures_ < 1000 ? 1 : 0;
        again_ = a.poll_again = now + wait;
        return a;
    }

    /// A poll was answered. The number of failures before it, if the log was told of them.
    std::uint32_t succeeded() noexcept
    {
        const std::uint32_t before = told_ ? failures_ : 0;
        failures_ = exhausted_ = refused_ = 0;
        told_ = false;
        doubtful_since_ = time_point::max();
        again_ = time_point::min();
        return before;
    }

    /// No poll begins before this.
    [[nodiscard]] time_point poll_again() const noexcept { return again_; }

private:
    rules rules_;
    std::uint32_t failures_ = 0;
    std::uint32_t exhausted_ = 0;
    std::uint32_t refused_ = 0;
    bool told_ = false;
    time_point last_{};
    time_point doubtful_since_ = time_point::max();
    time_point again_ = time_point::min();
};

}  // namespace mayfly::temporal::detail
