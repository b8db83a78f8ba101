// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/clock.hpp>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

namespace mayfly::testing {

/// `seconds` in whole microseconds, to the nearest. What no `uptime` can hold becomes the largest one.
[[nodiscard]] inline uptime micros(double seconds) noexcept
{
    const double us = std::round(seconds * 1e6);
    return us >= 9.2e18 ? never : uptime(static_cast<uptime::rep>(us));
}

[[nodiscard]] constexpr double in_seconds(uptime t) noexcept
{
    return static_cast<double>(t.count()) / 1e6;
}

/** SplitMix64, one independent stream for each use, so that a policy that draws more often moves nobody else's numbers.
    The same seed and stream give the same numbers everywhere. */
class random_stream {
public:
    random_stream() = default;
    constexpr random_stream(std::uint64_t seed, std::uint64_t stream) noexcept
        : state_(mix(seed * 0x9E3779B97F4A7C15U + stream * 0xD1B54A32D192ED03U))
    {}

    constexpr std::uint64_t next() noexcept { return mix(state_ += 0x9E3779B97F4A7C15U); }

    /// In (0, 1), never either end.
    constexpr double uniform() noexcept { return (static_cast<double>(next() >> 11) + 0.5) / 9007199254740992.0; }

    double exponential(double mean) noexcept { return -mean * std::log(uniform()); }

    double normal() noexcept
    {
        const double a = uniform();
        const double b = uniform();
        return std::sqrt(-2.0 * std::log(a)) * std::cos(2.0 * pi * b);
    }

    friend bool operator==(const random_stream&, const random_stream&) = default;

private:
    static constexpr double pi = 3.14159265358979323846;

    static constexpr std::uint64_t mix(std::uint64_t z) noexcept
    {
        z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9U;
        z = (z ^ z >> 27) * 0x94D049BB133111EBU;
        return z ^ z >> 31;
    }

    std::uint64_t state_ = 0;
};

/// What each stream of a workload's seed is for.
namespace streams {
inline constexpr std::uint64_t arrivals = 1;
inline constexpr std::uint64_t service = 2;
inline constexpr std::uint64_t starts = 3;
inline constexpr std::uint64_t failures = 4;
inline constexpr std::uint64_t partitions = 5;
inline constexpr std::uint64_t policy = 6;
inline constexpr std::uint64_t thinning = 7;
inline constexpr std::uint64_t chains = 1000;  ///< Plus the number of the root.
}  // namespace streams

/// A distribution of durations, in seconds.
struct distribution {
    enum class kind : std::uint8_t { constant, exponential, lognormal, uniform, pareto, mix };

    kind is = kind::constant;
    double a = 0;  ///< constant: the value; exponential: mean; lognormal: median; uniform: lo; pareto: xm
    double b = 0;  ///< lognormal: sigma; uniform: hi; pareto: alpha
    /// lognormal and pareto: nothing above it. At first thirty years: a few of them still sum to an `uptime`.
    double cap = 1e9;
    std::vector<double> p{};         ///< mix: the chance of each branch.
    std::vector<distribution> of{};  ///< mix: the branches.

    [[nodiscard]] static distribution constant(double v) { return {.a = v}; }
    [[nodiscard]] static distribution exponential(double mean) { return {.is = kind::exponential, .a = mean}; }
    [[nodiscard]] static distribution lognormal(double median, double sigma)
    {
        return {.is = kind::lognormal, .a = median, .b = sigma};
    }

    [[nodiscard]] double sample(random_stream& from) const
    {
        switch (is) {
        case kind::constant: break;
        case kind::exponential: return from.exponential(a);
        case kind::lognormal: return std::min(a * std::exp(b * from.normal()), cap);
        case kind::uniform: return a + (b - a) * from.uniform();
        case kind::pareto: return std::min(a / std::pow(from.uniform(), 1.0 / b), cap);
        case kind::mix: return of.empty() ? 0.0 : branch(from.uniform()).sample(from);
        }
        return a;
    }

    /// The chance of at most `x`.
    [[nodiscard]] double chance(double x) const
    {
        switch (is) {
        case kind::constant: break;
        case kind::exponential: return x <= 0 ? 0.0 : 1.0 - std::exp(-x / a);
        case kind::lognormal:
            return x <= 0     ? 0.0
                   : x >= cap ? 1.0
                   : b <= 0   ? step(x)
                              : 0.5 * std::erfc(-std::log(x / a) / (b * std::sqrt(2.0)));
        case kind::uniform: return b <= a ? step(x) : std::clamp((x - a) / (b - a), 0.0, 1.0);
        case kind::pareto: return x >= cap ? 1.0 : x <= a ? 0.0 : 1.0 - std::pow(a / x, b);
        case kind::mix: {
            double sum = 0;
            for (std::size_t i = 0; i < of.size(); ++i)
                sum += p[i] * of[i].chance(x);
            return sum;
        }
        }
        return step(x);
    }

    /// Half of the draws are no longer.
    [[nodiscard]] double median() const
    {
        switch (is) {
        case kind::constant: break;
        case kind::exponential: return a * std::log(2.0);
        case kind::lognormal: return std::min(a, cap);
        case kind::uniform: return (a + b) / 2;
        case kind::pareto: return std::min(a * std::pow(2.0, 1.0 / b), cap);
        case kind::mix: {
            double lo = 0;
            double hi = 0;
            for (const distribution& d : of)
                hi = std::max(hi, d.median());  // half of each branch lies below, so half of all does
            for (int i = 0; i < 100; ++i) {
                const double mid = (lo + hi) / 2;
                (chance(mid) < 0.5 ? lo : hi) = mid;
            }
            return hi;
        }
        }
        return a;
    }

private:
    [[nodiscard]] double step(double x) const { return x >= a ? 1.0 : 0.0; }

    // The last branch takes what rounding leaves of the chances.
    [[nodiscard]] const distribution& branch(double u) const
    {
        std::size_t i = 0;
        for (double sum = p[0]; i + 1 < of.size() && u >= sum; sum += p[i])
            ++i;
        return of[i];
    }
};

}  // namespace mayfly::testing
