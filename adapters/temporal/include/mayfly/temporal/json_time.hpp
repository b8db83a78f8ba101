// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <charconv>
#include <chrono>
#include <cmath>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

// Durations and points in time as text, exact to the nanosecond.

namespace mayfly::temporal::detail {

inline constexpr std::int64_t second_in_ns = 1'000'000'000;

/// Both have the same sign.
struct seconds_and_ns {
    std::int64_t seconds = 0;
    std::int64_t ns = 0;
};

template <class Period>
inline constexpr bool is_decimal_part =
    Period::num == 1 && Period::den <= second_in_ns&& second_in_ns % Period::den == 0;

/// Nothing where it does not fit, or where the unit is no decimal part of a second.
template <std::integral Rep, class Period>
[[nodiscard]] constexpr std::optional<seconds_and_ns> split(std::chrono::duration<Rep, Period> d) noexcept
{
    if constexpr (std::numeric_limits<Rep>::max() > std::numeric_limits<std::int64_t>::max()) {
        if (d.count() > static_cast<Rep>(std::numeric_limits<std::int64_t>::max()))
            return std::nullopt;
    }
    const auto count = static_cast<std::int64_t>(d.count());
    if constexpr (is_decimal_part<Period>) {
        return seconds_and_ns{count / Period::den, count % Period::den * (second_in_ns / Period::den)};
    } else if constexpr (Period::den == 1) {
        std::int64_t seconds = 0;
        if (__builtin_mul_overflow(count, std::int64_t{Period::num}, &seconds))
            return std::nullopt;
        return seconds_and_ns{seconds, 0};
    } else {
        return std::nullopt;
    }
}

/// Drops what is finer than a tick.
template <class Duration>
[[nodiscard]] constexpr std::optional<Duration> joined(seconds_and_ns t) noexcept
{
    using rep = typename Duration::rep;
    using period = typename Duration::period;
    if constexpr (std::floating_point<rep>) {
        return std::chrono::duration_cast<Duration>(
            std::chrono::duration<double>(static_cast<double>(t.seconds) + static_cast<double>(t.ns) * 1e-9));
    } else {
        std::int64_t count = 0;
        if constexpr (is_decimal_part<period>) {
            if (__builtin_mul_overflow(t.seconds, std::int64_t{period::den}, &count) ||
                __builtin_add_overflow(count, t.ns / (second_in_ns / period::den), &count))
                return std::nullopt;
        } else {
            if (__builtin_mul_overflow(t.seconds, std::int64_t{period::den}, &count))
                return std::nullopt;
            count /= period::num;
        }
        if (!std::in_range<rep>(count))
            return std::nullopt;
        return Duration{static_cast<rep>(count)};
    }
}

/// The nearest tick.
template <class Duration>
[[nodiscard]] std::optional<Duration> from_seconds(double seconds) noexcept
{
    using rep = typename Duration::rep;
    using period = typename Duration::period;
    const double ticks = seconds * static_cast<double>(period::den) / static_cast<double>(period::num);
    if constexpr (std::floating_point<rep>) {
        return Duration{static_cast<rep>(ticks)};
    } else {
        const double whole = std::nearbyint(ticks);
        // Not max(), which no double is: the next one above it is a power of two.
        if (!(whole >= static_cast<double>(std::numeric_limits<rep>::min()) &&
                whole < std::ldexp(1.0, std::numeric_limits<rep>::digits)))
            return std::nullopt;
        return Duration{static_cast<rep>(whole)};
    }
}

/// As few digits of three, six or nine as there are.
inline void append_fraction(std::string& out, std::int64_t ns, bool in_threes)
{
    if (ns == 0)
        return;
    char digits[16];
    std::snprintf(digits, sizeof digits, ".%09lld", static_cast<long long>(ns));
    std::size_t length = 10;
    if (in_threes) {
        for (; length > 4 && ns % 1000 == 0; ns /= 1000)
            length -= 3;
    } else {
        for (; ns % 10 == 0; ns /= 10)
            --length;
    }
    out.append(digits, length);
}

/// `90`, `-0.25`: a JSON number.
inline void append_seconds(std::string& out, seconds_and_ns t)
{
    if (t.seconds == 0 && t.ns < 0)
        out += '-';
    out += std::to_string(t.seconds);
    append_fraction(out, t.ns < 0 ? -t.ns : t.ns, false);
}

/// Takes digits and up to nine of a fraction from the front of `text`; further ones are dropped.
[[nodiscard]] inline std::optional<seconds_and_ns> take_decimal(std::string_view& text) noexcept
{
    seconds_and_ns out;
    const auto [stop, ec] = std::from_chars(text.data(), text.data() + text.size(), out.seconds);
    if (ec != std::errc{} || text.front() == '-')
        return std::nullopt;
    text.remove_prefix(static_cast<std::size_t>(stop - text.data()));
    if (!text.empty() && (text.front() == '.' || text.front() == ',')) {
        text.remove_prefix(1);
        std::size_t digits = 0;
        for (; !text.empty() && text.front() >= '0' && text.front() <= '9'; ++digits) {
            if (digits < 9)
                out.ns = out.ns * 10 + (text.front() - '0');
            text.remove_prefix(1);
        }
        if (digits == 0)
            return std::nullopt;
        for (; digits < 9; ++digits)
            out.ns *= 10;
    }
    return out;
}

/// `1.5s` as protobuf's JSON has it, `1h2m0.5s` as Go prints it, `PT1H2M0.5S` and `P1DT12H` of ISO 8601.
[[nodiscard]] inline std::optional<seconds_and_ns> parse_duration(std::string_view text) noexcept
{
    bool negative = false;
    if (!text.empty() && (text.front() == '-' || text.front() == '+')) {
        negative = text.front() == '-';
        text.remove_prefix(1);
    }
    const bool iso = !text.empty() && text.front() == 'P';
    if (iso)
        text.remove_prefix(1);
    bool clock = !iso;  // hours and less may follow
    seconds_and_ns sum;
    bool any = false;
    while (!text.empty()) {
        if (iso && !clock && text.front() == 'T') {
            clock = true;
            text.remove_prefix(1);
            if (text.empty())
                return std::nullopt;
            continue;
        }
        const auto part = take_decimal(text);
        if (!part)
            return std::nullopt;
        struct unit {
            std::string_view name;
            std::int64_t ns;
        };
        static constexpr unit go[] = {{"ns", 1}, {"us", 1'000}, {"\xC2\xB5s", 1'000}, {"ms", 1'000'000},
            {"s", second_in_ns}, {"m", 60 * second_in_ns}, {"h", 3600 * second_in_ns}};
        static constexpr unit iso_clock[] = {{"S", second_in_ns}, {"M", 60 * second_in_ns}, {"H", 3600 * second_in_ns}};
        static constexpr unit iso_days[] = {{"D", 86400 * second_in_ns}, {"W", 7 * 86400 * second_in_ns}};
        const unit* found = nullptr;
        const auto look = [&](const auto& units) {
            for (const unit& u : units)
                if (found == nullptr && text.substr(0, u.name.size()) == u.name)
                    found = &u;
        };
        if (!iso)
            look(go);
        else if (clock)
            look(iso_clock);
        else
            look(iso_days);
        if (found == nullptr)
            return std::nullopt;
        text.remove_prefix(found->name.size());

        std::int64_t seconds = 0;
        std::int64_t ns = 0;
        if (found->ns >= second_in_ns) {
            const std::int64_t times = found->ns / second_in_ns;
            if (__builtin_mul_overflow(part->seconds, times, &seconds))
                return std::nullopt;
            // At most a week's worth of a fraction: 604800 * 10^9 fits.
            ns = part->ns * times;
        } else {
            const std::int64_t of_second = second_in_ns / found->ns;
            seconds = part->seconds / of_second;
            ns = part->seconds % of_second * found->ns + part->ns / of_second;
        }
        if (__builtin_add_overflow(sum.seconds, seconds, &sum.seconds) ||
            __builtin_add_overflow(sum.seconds, (sum.ns + ns) / second_in_ns, &sum.seconds))
            return std::nullopt;
        sum.ns = (sum.ns + ns) % second_in_ns;
        any = true;
    }
    if (!any)
        return std::nullopt;
    if (negative)
        sum = {-sum.seconds, -sum.ns};
    return sum;
}

/// `2026-01-31T09:30:00.25Z`; false for years before 0 or after 9999.
[[nodiscard]] inline bool append_time(std::string& out, std::int64_t seconds, std::int64_t ns)
{
    using namespace std::chrono;
    constexpr std::int64_t first = -62'167'219'200;  // 0000-01-01
    constexpr std::int64_t last = 253'402'300'799;   // 9999-12-31
    if (seconds < first || seconds > last)
        return false;
    const sys_seconds at{std::chrono::seconds{seconds}};
    const auto day = floor<days>(at);
    const year_month_day date{day};
    const hh_mm_ss time{at - day};
    char text[32];
    const int length = std::snprintf(text, sizeof text, "%04d-%02u-%02uT%02d:%02d:%02d", static_cast<int>(date.year()),
        static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()), static_cast<int>(time.hours().count()),
        static_cast<int>(time.minutes().count()), static_cast<int>(time.seconds().count()));
    out.append(text, static_cast<std::size_t>(length));
    append_fraction(out, ns, true);
    out += 'Z';
    return true;
}

/// ISO 8601 as RFC 3339 has it, with any number of digits in the fraction. Without an offset it is UTC. `ns` is not
/// negative.
[[nodiscard]] inline std::optional<seconds_and_ns> parse_time(std::string_view text) noexcept
{
    bool good = true;
    const auto number = [&](std::size_t digits) {
        int n = 0;
        for (; digits != 0; --digits) {
            good = good && !text.empty() && text.front() >= '0' && text.front() <= '9';
            if (!good)
                return 0;
            n = n * 10 + (text.front() - '0');
            text.remove_prefix(1);
        }
        return n;
    };
    const auto take = [&](std::string_view any) {
        good = good && !text.empty() && any.find(text.front()) != any.npos;
        if (good)
            text.remove_prefix(1);
    };

    using namespace std::chrono;
    const int y = number(4);
    take("-");
    const int mo = number(2);
    take("-");
    const int d = number(2);
    take("Tt ");
    const int h = number(2);
    take(":");
    const int mi = number(2);
    take(":");
    const int s = number(2);
    const year_month_day date{year{y}, month{static_cast<unsigned>(mo)}, day{static_cast<unsigned>(d)}};
    if (!good || !date.ok() || h > 23 || mi > 59 || s > 59)
        return std::nullopt;
    seconds_and_ns out;
    out.seconds = sys_seconds{sys_days{date}}.time_since_epoch().count() + h * 3600 + mi * 60 + s;

    if (!text.empty() && (text.front() == '.' || text.front() == ',')) {
        std::size_t digits = 0;
        for (text.remove_prefix(1); !text.empty() && text.front() >= '0' && text.front() <= '9'; ++digits) {
            if (digits < 9)
                out.ns = out.ns * 10 + (text.front() - '0');
            text.remove_prefix(1);
        }
        if (digits == 0)
            return std::nullopt;
        for (; digits < 9; ++digits)
            out.ns *= 10;
    }
    if (!text.empty() && (text.front() == '+' || text.front() == '-')) {
        const int sign = text.front() == '-' ? 1 : -1;  // what is ahead of UTC was earlier there
        text.remove_prefix(1);
        const int hours = number(2);
        if (!text.empty() && text.front() == ':')
            text.remove_prefix(1);
        const int minutes = number(2);
        if (!good || hours > 23 || minutes > 59)
            return std::nullopt;
        out.seconds += sign * (hours * 3600 + minutes * 60);
    } else if (!text.empty() && (text.front() == 'Z' || text.front() == 'z')) {
        text.remove_prefix(1);
    }
    return text.empty() ? std::optional{out} : std::nullopt;
}

}  // namespace mayfly::temporal::detail
