// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/clock.hpp>

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <optional>
#include <string_view>
#include <system_error>

// A signature holds for five minutes, so a clock that is wrong locks its machine out. The service's answer tells what
// time it is.

namespace mayfly::aws {

/// A `Date` header, like `Sun, 06 Nov 1994 08:49:37 GMT`.
[[nodiscard]] inline std::optional<std::chrono::sys_seconds> http_date(std::string_view text) noexcept
{
    constexpr std::string_view shape = "Www, 00 Mmm 0000 00:00:00 GMT";
    constexpr std::array<std::string_view, 12> months{
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    if (text.size() != shape.size() || text.substr(25) != " GMT")
        return std::nullopt;
    const auto number = [&text](std::size_t at, std::size_t digits) -> int {
        int out = -1;
        const char* const begin = text.data() + at;
        const auto [end, ec] = std::from_chars(begin, begin + digits, out);
        return ec == std::errc{} && end == begin + digits ? out : -1;
    };
    const auto* const month = std::find(months.begin(), months.end(), text.substr(8, 3));
    const std::chrono::year_month_day day{std::chrono::year{number(12, 4)},
        std::chrono::month{static_cast<unsigned>(month - months.begin()) + 1},
        std::chrono::day{static_cast<unsigned>(number(5, 2))}};
    const int h = number(17, 2);
    const int m = number(20, 2);
    const int s = number(23, 2);
    if (number(12, 4) < 0 || !day.ok() || h < 0 || h > 23 || m < 0 || m > 59 || s < 0 || s > 60)
        return std::nullopt;
    return std::chrono::sys_days{day} + std::chrono::hours{h} + std::chrono::minutes{m} + std::chrono::seconds{s};
}

/// How wrong the local clock is, as one endpoint sees it.
class clock_offset {
public:
    /// A smaller difference has not made a request fail.
    static constexpr std::chrono::minutes tolerated{4};

    [[nodiscard]] constexpr wall_time corrected(wall_time local) const noexcept { return local + offset_; }
    [[nodiscard]] constexpr std::chrono::milliseconds offset() const noexcept { return offset_; }

    /** Takes in a refusal. True: the clock was to blame, and a request signed with the corrected time may be accepted.

        `local` is what the local clock, uncorrected, showed when the answer came, and `used` the offset that the
        request was signed with: calls overlap, and another one may have learnt it in between.
    */
    [[nodiscard]] bool learn(
        std::string_view code, std::string_view date, wall_time local, std::chrono::milliseconds used) noexcept
    {
        constexpr std::array<std::string_view, 5> suspect{"InvalidSignatureException", "SignatureDoesNotMatch",
            "AuthFailure", "RequestTimeTooSkewed", "AccessDeniedException"};
        const auto theirs = http_date(date);
        if (!theirs || std::find(suspect.begin(), suspect.end(), code) == suspect.end())
            return false;
        const std::chrono::milliseconds ahead = *theirs - local;
        if (std::chrono::abs(ahead - used) <= tolerated)
            return false;
        offset_ = ahead;
        return true;
    }

private:
    std::chrono::milliseconds offset_{0};
};

}  // namespace mayfly::aws
