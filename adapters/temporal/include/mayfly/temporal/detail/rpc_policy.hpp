// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/grpc/channel_options.hpp>
#include <mayfly/grpc/metadata.hpp>
#include <mayfly/grpc/retry.hpp>
#include <mayfly/grpc/status.hpp>
#include <mayfly/temporal/connection_options.hpp>
#include <mayfly/temporal/method.hpp>
#include <mayfly/version.hpp>

#include <algorithm>
#include <chrono>
#include <optional>
#include <string>

namespace mayfly::temporal {

/// What one call has of its own.
struct rpc_options {
    /// For all of it, with its retries. Not set: as its kind has. For a completion: the task's own time, what is left
    /// of it.
    std::optional<std::chrono::milliseconds> timeout{};
    std::optional<grpc::retry_policy> retry{};  ///< Not set: as its kind has.
};

}  // namespace mayfly::temporal

namespace mayfly::temporal::detail {

inline grpc::metadata client_metadata(const connection_options& o)
{
    const auto number = [](int n) { return std::to_string(n); };
    grpc::metadata out = o.metadata;
    if (!out.contains("client-name")) {
        out.add("client-name", "mayfly-cpp");
        out.add("client-version",
            number(MAYFLY_VERSION_MAJOR) + '.' + number(MAYFLY_VERSION_MINOR) + '.' + number(MAYFLY_VERSION_PATCH));
    }
    // Without it a server hides where an ended run goes on, from who asks for its end only.
    if (!out.contains("supported-features"))
        out.add("supported-features", "follows-next-run-id");
    return out;
}

/// Who says that something may take longer means for ever; no clock has to count that far.
inline constexpr std::chrono::milliseconds longest_wait = std::chrono::hours{24 * 365};

/** How often a call is handed to the channel, and with what patience. Pure.

    Once, save for completions. A channel tries again what failed, but one attempt that is never answered would take all
    the time there is; so a completion, which must not be lost, goes out in rounds, each with an end.
*/
class rpc_rounds {
public:
    using time_point = std::chrono::steady_clock::time_point;

    rpc_rounds(const connection_options& o, call_kind kind, rpc_options own)
    {
        with_.retry = o.retry;
        with_.timeout = o.timeout;
        switch (kind) {
        case call_kind::ordinary: break;
        case call_kind::poll:
            with_.retry = o.poll_retry;
            with_.hears_begun = true;  // it may be a task, which is nobody else's then
            [[fallthrough]];
        case call_kind::long_poll: with_.timeout = o.poll_timeout; break;
        case call_kind::completion:
            with_.timeout = o.completion_timeout;
            with_.retry->attempts = 0;
            with_.retry->total = {};
            with_.wait_for_ready = true;
            round_ = std::chrono::milliseconds{15'000};
            break;
        case call_kind::once: with_.retry = grpc::retry_policy::none(); break;
        }
        if (own.timeout)
            with_.timeout = own.timeout;
        if (own.retry)
            with_.retry = own.retry;
        whole_ = std::min(*with_.timeout, longest_wait);
        with_.timeout = whole_;
    }

    /// The next round, or nothing if there is to be none. `ended` is how the one before ended; of the first it is not
    /// asked.
    [[nodiscard]] std::optional<grpc::call_options> next(const grpc::status& ended, time_point now)
    {
        if (last_ || (end_ && !may_again(ended)))
            return std::nullopt;
        if (!end_)
            end_ = now + whole_;
        const auto left = std::chrono::ceil<std::chrono::milliseconds>(*end_ - now);
        last_ = !round_ || left <= *round_;
        with_.timeout = last_ ? left : *round_;
        return with_;
    }

    /// Whether the round that `next` returned is the last there will be.
    [[nodiscard]] bool is_last() const noexcept { return last_; }

private:
    [[nodiscard]] bool may_again(const grpc::status& ended) const
    {
        return ended.code == grpc::status_code::deadline_exceeded ||
               (with_.retry->codes.contains(ended.code) && !grpc::is_message_too_large(ended.code, ended.message));
    }

    grpc::call_options with_{};
    std::chrono::milliseconds whole_{};
    std::optional<std::chrono::milliseconds> round_{};
    std::optional<time_point> end_{};
    bool last_ = false;
};

}  // namespace mayfly::temporal::detail
