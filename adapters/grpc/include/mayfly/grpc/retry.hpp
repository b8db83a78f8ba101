// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/grpc/status.hpp>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string_view>

// When a call is made again, and when a lost connection is. Pure: times and draws are arguments; whoever asks waits.

namespace mayfly::grpc {

/// A set of status codes.
class status_codes {
public:
    constexpr status_codes() = default;
    constexpr status_codes(std::initializer_list<status_code> codes)
    {
        for (const status_code c : codes)
            bits_ |= bit(c);
    }
    [[nodiscard]] constexpr bool contains(status_code c) const noexcept { return (bits_ & bit(c)) != 0; }
    friend bool operator==(const status_codes&, const status_codes&) = default;

private:
    static constexpr std::uint32_t bit(status_code c) noexcept { return 1U << static_cast<unsigned>(c); }
    std::uint32_t bits_ = 0;
};

/// Waits that grow: `first`, and each `factor` times the one before, up to `most`; each is drawn from within `jitter`
/// (a share of it) around that.
struct growing_wait {
    std::chrono::milliseconds first{100};
    double factor = 1.7;
    std::chrono::milliseconds most{5'000};
    double jitter = 0.2;

    /// The n-th wait, from zero. `u` is uniform in [0, 1).
    [[nodiscard]] constexpr std::chrono::nanoseconds at(std::uint32_t n, double u) const noexcept
    {
        double ms = static_cast<double>(first.count());
        const double bound = static_cast<double>(most.count());
        for (std::uint32_t i = 0; i < n && ms < bound; ++i)
            ms *= factor;
        ms = std::min(ms, bound) * (1 + jitter * (2 * u - 1));
        return std::chrono::nanoseconds(static_cast<std::int64_t>(ms * 1e6));
    }
    friend bool operator==(const growing_wait&, const growing_wait&) = default;
};

/// Which failed calls are made again, when, and how often. Calls that the peer says it never processed are made again
/// beside all this, at once.
struct retry_policy {
    status_codes codes{status_code::unknown, status_code::resource_exhausted, status_code::aborted,
        status_code::out_of_range, status_code::internal, status_code::unavailable, status_code::data_loss};
    growing_wait wait{};
    /// After RESOURCE_EXHAUSTED: grows beside the other, and the longer one counts.
    growing_wait exhausted_wait{std::chrono::seconds{1}, 2, std::chrono::seconds{10}, 0.2};
    std::uint32_t attempts = 10;              ///< At most, with the first; zero for no bound.
    std::chrono::milliseconds total{10'000};  ///< From the first attempt on, none begins later; zero for no bound.

    /// One attempt only.
    [[nodiscard]] static retry_policy none() { return {.codes = {}, .attempts = 1}; }

    /// For long polls, which are asked again and again anyway.
    [[nodiscard]] static retry_policy poll()
    {
        retry_policy p;
        p.codes = {status_code::cancelled, status_code::unknown, status_code::deadline_exceeded,
            status_code::resource_exhausted, status_code::aborted, status_code::out_of_range, status_code::internal,
            status_code::unavailable, status_code::data_loss};
        p.wait = {std::chrono::milliseconds{200}, 2, std::chrono::seconds{10}, 0.2};
        p.attempts = 0;
        p.total = {};
        return p;
    }
    friend bool operator==(const retry_policy&, const retry_policy&) = default;
};

/// Whether a RESOURCE_EXHAUSTED means that a message is too large, so that another attempt would only fail again.
[[nodiscard]] constexpr bool is_message_too_large(status_code code, std::string_view message) noexcept
{
    constexpr std::string_view openings[] = {"grpc: received message larger than max",
        "grpc: message after decompression larger than max",
        "grpc: received message after decompression larger than max", "grpc: trying to send message larger than max",
        "trying to send message larger than max", "grpc: message too large", "Received message larger than max",
        "Sent message larger than max"};
    return code == status_code::resource_exhausted &&
           std::any_of(std::begin(openings), std::end(openings), [&](auto o) { return message.starts_with(o); });
}

/// The attempts of one call.
class retries {
public:
    using time_point = std::chrono::steady_clock::time_point;

    constexpr retries() = default;
    constexpr explicit retries(time_point begun) : begun_{begun} {}

    /// An attempt failed: the wait before the next, or nothing if there is to be none. `u` is uniform in [0, 1).
    [[nodiscard]] constexpr std::optional<std::chrono::nanoseconds> failed(
        const retry_policy& how, const status& why, time_point now, double u) noexcept
    {
        ++attempts_;
        if (!how.codes.contains(why.code) || is_message_too_large(why.code, why.message))
            return std::nullopt;
        if (how.attempts != 0 && attempts_ >= how.attempts)
            return std::nullopt;
        auto wait = how.wait.at(attempts_ - 1, u);
        if (why.code == status_code::resource_exhausted)
            wait = std::max(wait, how.exhausted_wait.at(exhausted_++, u));
        if (how.total.count() > 0 && now + wait - begun_ > how.total)
            return std::nullopt;
        return wait;
    }

private:
    time_point begun_{};
    std::uint32_t attempts_ = 0;
    std::uint32_t exhausted_ = 0;
};

/// When a connection that failed is tried again.
class reconnects {
public:
    using time_point = std::chrono::steady_clock::time_point;

    /// A try failed, or was of no use. `u` is uniform in [0, 1).
    constexpr void failed(const growing_wait& how, time_point now, double u) noexcept
    {
        next_ = now + how.at(failures_, u);
        failures_ += failures_ < 1000 ? 1 : 0;
    }
    constexpr void succeeded() noexcept { *this = {}; }
    [[nodiscard]] constexpr bool may(time_point now) const noexcept { return failures_ == 0 || now >= next_; }
    [[nodiscard]] constexpr time_point next() const noexcept { return next_; }

private:
    time_point next_{};
    std::uint32_t failures_ = 0;
};

}  // namespace mayfly::grpc
