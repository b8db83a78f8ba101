// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/temporal/embedded/types.hpp>

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

namespace mayfly::temporal::embedded {

/** When a workflow on a schedule runs again: `minute hour day month weekday`, with lists, ranges and steps, or
    `@every 90s`, `@hourly`, `@daily`, `@weekly`, `@monthly`, `@yearly`. In UTC; names and other zones are not known.
*/
class cron_schedule {
public:
    /// None: it is not understood.
    [[nodiscard]] static std::optional<cron_schedule> parse(std::string_view text)
    {
        cron_schedule out;
        for (const auto& [word, fields] : {std::pair<std::string_view, std::string_view>{"@hourly", "0 * * * *"},
                 {"@daily", "0 0 * * *"}, {"@midnight", "0 0 * * *"}, {"@weekly", "0 0 * * 0"},
                 {"@monthly", "0 0 1 * *"}, {"@yearly", "0 0 1 1 *"}, {"@annually", "0 0 1 1 *"}})
            if (text == word)
                text = fields;
        if (text.starts_with("@every "))
            return every(text.substr(7)) ? std::optional(cron_schedule{*every(text.substr(7))}) : std::nullopt;
        constexpr std::array<std::pair<int, int>, 5> bounds{{{0, 59}, {0, 23}, {1, 31}, {1, 12}, {0, 7}}};
        for (std::size_t i = 0; i < bounds.size(); ++i) {
            text.remove_prefix(std::min(text.find_first_not_of(' '), text.size()));
            const std::string_view field = text.substr(0, text.find(' '));
            text.remove_prefix(field.size());
            if (!read_field(field, bounds[i].first, bounds[i].second, out.fields_[i]))
                return std::nullopt;
            out.open_[i] = field.starts_with('*');
        }
        if (text.find_first_not_of(' ') != text.npos)
            return std::nullopt;
        if ((out.fields_[4] >> 7 & 1) != 0)
            out.fields_[4] |= 1;  // Sunday is 0 and 7
        return out;
    }

    /// How long after `now` it runs next, if it ran last at `last`. None: never again.
    [[nodiscard]] std::optional<uptime> wait(
        std::chrono::sys_time<uptime> last, std::chrono::sys_time<uptime> now) const
    {
        using namespace std::chrono;
        if (every_ > uptime::zero()) {
            const uptime since = now - last;
            return every_ - since % every_;
        }
        auto at = floor<minutes>(now) + minutes(1);
        for (const auto end = at + days(366 * 5); at < end;) {
            const auto day = floor<days>(at);
            const year_month_day ymd(day);
            if (!matches_day(ymd, day)) {
                at = day + days(1);
                continue;
            }
            const auto minute_of_day = (at - day).count();
            if (has(1, static_cast<int>(minute_of_day / 60)) && has(0, static_cast<int>(minute_of_day % 60)))
                return duration_cast<uptime>(at - now);
            at += minutes(1);
        }
        return std::nullopt;
    }

private:
    cron_schedule() = default;
    explicit cron_schedule(uptime every) : every_(every) {}

    [[nodiscard]] bool has(std::size_t field, int value) const noexcept { return (fields_[field] >> value & 1) != 0; }

    [[nodiscard]] bool matches_day(const std::chrono::year_month_day& ymd, std::chrono::sys_days day) const
    {
        const bool by_date = has(2, static_cast<int>(static_cast<unsigned>(ymd.day())));
        const bool by_week = has(4, static_cast<int>(std::chrono::weekday(day).c_encoding()));
        // Where both are given, either is enough.
        return has(3, static_cast<int>(static_cast<unsigned>(ymd.month()))) &&
               (open_[2] || open_[4] ? by_date && by_week : by_date || by_week);
    }

    [[nodiscard]] static std::optional<int> number(std::string_view text)
    {
        int out = 0;
        const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), out);
        return ec == std::errc{} && end == text.data() + text.size() ? std::optional(out) : std::nullopt;
    }

    [[nodiscard]] static bool read_field(std::string_view field, int least, int most, std::uint64_t& into)
    {
        while (!field.empty()) {
            std::string_view part = field.substr(0, field.find(','));
            field.remove_prefix(std::min(part.size() + 1, field.size()));
            int step = 1;
            bool stepped = false;
            if (const auto slash = part.find('/'); slash != part.npos) {
                const auto given = number(part.substr(slash + 1));
                if (!given || *given < 1)
                    return false;
                step = *given;
                stepped = true;
                part = part.substr(0, slash);
            }
            int from = least;
            int to = most;
            if (part != "*" && part != "?") {
                const auto dash = part.find('-');
                const auto first = number(part.substr(0, dash));
                const auto last =
                    dash == part.npos ? (stepped ? std::optional(most) : first) : number(part.substr(dash + 1));
                if (!first || !last || *first < least || *last > most || *first > *last)
                    return false;
                from = *first;
                to = *last;
            }
            for (int v = from; v <= to; v += step)
                into |= std::uint64_t{1} << v;
        }
        return into != 0;
    }

    /// As Go writes durations: 1h30m, 90s.
    [[nodiscard]] static std::optional<uptime> every(std::string_view text)
    {
        uptime out{};
        while (!text.empty()) {
            const auto digits = text.find_first_not_of("0123456789");
            const auto n = number(text.substr(0, digits));
            if (!n || digits == text.npos)
                return std::nullopt;
            text.remove_prefix(digits);
            const auto unit = text.substr(0, std::min(text.find_first_of("0123456789"), text.size()));
            text.remove_prefix(unit.size());
            if (unit == "h")
                out += std::chrono::hours(*n);
            else if (unit == "m")
                out += std::chrono::minutes(*n);
            else if (unit == "s")
                out += std::chrono::seconds(*n);
            else
                return std::nullopt;
        }
        return out >= std::chrono::seconds(1) ? std::optional(out) : std::nullopt;
    }

    uptime every_{};
    std::array<std::uint64_t, 5> fields_{};
    std::array<bool, 5> open_{};
};

}  // namespace mayfly::temporal::embedded
