// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/clock.hpp>
#include <mayfly/deployment.hpp>
#include <mayfly/signal.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <limits>
#include <string_view>

// What all fuzz targets share: bytes become calls, and a relation that does not hold ends the run and names itself.

namespace fuzz {

/// Which of a target's planted defects is in effect; zero for none. Builds without `MAYFLY_FUZZ_PLANTED` have none.
/// Each defect breaks one relation, and a test shows that the target notices: see tests/CMakeLists.txt.
inline unsigned planted()
{
#ifdef MAYFLY_FUZZ_PLANTED
    static const unsigned which = [] {
        const char* const text = std::getenv("MAYFLY_PLANT");
        return text == nullptr ? 0U : static_cast<unsigned>(std::strtoul(text, nullptr, 10));
    }();
    return which;
#else
    return 0;
#endif
}

[[noreturn]] inline void broken(const char* relation, const char* condition, const char* file, int line)
{
    std::fprintf(stderr, "%s:%d: broken: %s (%s)\n", file, line, relation, condition);
    // A planted defect was found, as it should be: that is no crash.
    if (planted() != 0)
        std::_Exit(1);
    std::abort();
}

#define MUST(relation, ...)                                                                                            \
    ((__VA_ARGS__) ? static_cast<void>(0) : ::fuzz::broken(relation, #__VA_ARGS__, __FILE__, __LINE__))

/// Reads values from the input. When it is used up, all of them are zero.
class bytes {
public:
    bytes(const std::uint8_t* data, std::size_t size) : at_{data}, end_{data + size} {}

    [[nodiscard]] bool empty() const { return at_ == end_; }
    std::uint8_t byte() { return empty() ? std::uint8_t{0} : *at_++; }
    bool flag() { return (byte() & 1U) != 0; }
    std::uint32_t below(std::uint32_t end) { return byte() % end; }

    std::uint64_t number()
    {
        std::uint64_t n = 0;
        for (int i = 0; i < 8; ++i)
            n = n << 8 | byte();
        return n;
    }

    /// Mostly small; now and then at an edge where something could wrap.
    std::uint64_t count()
    {
        constexpr std::uint64_t top32 = std::numeric_limits<std::uint32_t>::max();
        constexpr std::uint64_t top64 = std::numeric_limits<std::uint64_t>::max();
        const std::uint8_t b = byte();
        switch (b) {
        case 255: return top64;
        case 254: return top64 - byte();
        case 253: return top64 / 2 + byte();
        case 252: return top32 - byte();
        case 251: return top32 + byte();
        case 250: return number();
        case 249: return 4'000'000'000U + byte();
        case 248: return std::uint64_t{byte()} << 16;
        default: return b < 128 ? b % 8U : b;
        }
    }

    std::uint32_t count32()
    {
        return static_cast<std::uint32_t>(std::min<std::uint64_t>(count(), std::numeric_limits<std::uint32_t>::max()));
    }

    double real()
    {
        switch (const std::uint8_t b = byte(); b) {
        case 255: return std::numeric_limits<double>::infinity();
        case 254: return -std::numeric_limits<double>::infinity();
        case 253: return std::numeric_limits<double>::quiet_NaN();
        case 252: return std::numeric_limits<double>::max();
        case 251: return -1;
        case 250: return std::numeric_limits<double>::denorm_min();
        default: return b / 8.0;
        }
    }

    /// A stretch of time: often none, mostly under a minute, at most some days.
    mayfly::uptime wait()
    {
        const std::uint8_t b = byte();
        const std::int64_t fine = byte();
        switch (b % 8) {
        case 0: return mayfly::uptime{0};
        case 1: return mayfly::uptime{fine};
        case 2: return mayfly::uptime{fine * 1'000};
        case 3: return mayfly::uptime{fine * 10'000};
        case 4: return mayfly::uptime{fine * 50'000};
        case 5: return mayfly::uptime{fine * 250'000};
        case 6: return mayfly::uptime{fine * 1'000'000};
        default: return mayfly::uptime{fine * (b == 255 ? 4'000'000'000 : 10'000'000)};
        }
    }

    mayfly::task_type type() { return mayfly::all_task_types[below(3)]; }

    mayfly::condition outcome()
    {
        constexpr std::array all{mayfly::condition::ok, mayfly::condition::ok, mayfly::condition::ok,
            mayfly::condition::throttled, mayfly::condition::transient, mayfly::condition::permanent};
        return all[below(all.size())];
    }

    mayfly::add_counts adds()
    {
        mayfly::add_counts c;
        switch (below(6)) {
        case 0: c.matched = 1; break;
        case 1: c.not_matched = 1; break;
        case 2: c.behind_backlog = 1; break;
        case 3: c.rate_limited = 1; break;
        default:
            c = {.matched = count32(),
                .not_matched = count32(),
                .behind_backlog = count32(),
                .rate_limited = flag() ? count32() : 0};
        }
        return c;
    }

    mayfly::queue_stats stats()
    {
        mayfly::queue_stats s{.backlog = count(), .oldest = wait(), .add_rate = real(), .dispatch_rate = real()};
        const std::uint8_t more = byte();
        s.limiter_active = (more & 15U) == 15U;
        if ((more & 16U) != 0)
            s.added = count();
        if ((more & 32U) != 0)
            s.dispatched = count();
        return s;
    }

private:
    const std::uint8_t* at_;
    const std::uint8_t* end_;
};

}  // namespace fuzz
