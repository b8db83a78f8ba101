// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/clock.hpp>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <optional>
#include <string_view>

namespace mayfly::aws {

/// A moment as `X-Amz-Date` writes it: `YYYYMMDDTHHMMSSZ`, in UTC.
class amz_time {
public:
    /// Drops what is finer than a second. For the years 0 to 9999.
    explicit amz_time(wall_time at) noexcept
    {
        const auto day = std::chrono::floor<std::chrono::days>(at);
        const std::chrono::year_month_day date{day};
        const std::chrono::hh_mm_ss clock{std::chrono::floor<std::chrono::seconds>(at - day)};
        put(0, 4, static_cast<unsigned>(static_cast<int>(date.year())));
        put(4, 2, static_cast<unsigned>(date.month()));
        put(6, 2, static_cast<unsigned>(date.day()));
        put(9, 2, static_cast<unsigned>(clock.hours().count()));
        put(11, 2, static_cast<unsigned>(clock.minutes().count()));
        put(13, 2, static_cast<unsigned>(clock.seconds().count()));
    }

    /// Nothing unless it is exactly that form and a moment that there is.
    [[nodiscard]] static std::optional<amz_time> parse(std::string_view text) noexcept
    {
        if (text.size() != 16 || text[8] != 'T' || text[15] != 'Z')
            return std::nullopt;
        for (std::size_t i = 0; i < 15; ++i) {
            if (i != 8 && (text[i] < '0' || text[i] > '9'))
                return std::nullopt;
        }
        amz_time out{wall_time{}};
        std::copy(text.begin(), text.end(), out.text_.begin());
        const bool real = out.day().ok() && out.number(9, 2) < 24 && out.number(11, 2) < 60 && out.number(13, 2) < 60;
        return real ? std::optional(out) : std::nullopt;
    }

    [[nodiscard]] std::string_view text() const noexcept { return {text_.data(), text_.size()}; }
    /// `YYYYMMDD`.
    [[nodiscard]] std::string_view date() const noexcept { return text().substr(0, 8); }

    [[nodiscard]] wall_time time() const noexcept
    {
        return std::chrono::sys_days{day()} + std::chrono::hours{number(9, 2)} + std::chrono::minutes{number(11, 2)} +
               std::chrono::seconds{number(13, 2)};
    }

    friend bool operator==(const amz_time&, const amz_time&) = default;

private:
    void put(std::size_t at, std::size_t digits, unsigned n) noexcept
    {
        for (std::size_t i = at + digits; i-- > at; n /= 10)
            text_[i] = static_cast<char>('0' + n % 10);
    }

    [[nodiscard]] unsigned number(std::size_t at, std::size_t digits) const noexcept
    {
        unsigned n = 0;
        for (const char c : text().substr(at, digits))
            n = n * 10 + static_cast<unsigned>(c - '0');
        return n;
    }

    [[nodiscard]] std::chrono::year_month_day day() const noexcept
    {
        return {std::chrono::year{static_cast<int>(number(0, 4))}, std::chrono::month{number(4, 2)},
            std::chrono::day{number(6, 2)}};
    }

    std::array<char, 16> text_{'0', '0', '0', '0', '0', '0', '0', '0', 'T', '0', '0', '0', '0', '0', '0', 'Z'};
};

}  // namespace mayfly::aws
