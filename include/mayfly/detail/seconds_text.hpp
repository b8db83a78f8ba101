// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/clock.hpp>

#include <chrono>
#include <string>

namespace mayfly::detail {

/// A time for people, to the millisecond: `7 s`, `0.25 s`, `-1.5 s`.
[[nodiscard]] inline std::string seconds_text(uptime t)
{
    const auto ms = std::chrono::round<std::chrono::milliseconds>(t).count();
    std::string out = std::to_string(ms / 1000);
    if (ms < 0 && ms > -1000)
        out.insert(out.begin(), '-');
    if (const auto part = (ms < 0 ? -ms : ms) % 1000; part != 0) {
        std::string digits = std::to_string(1000 + part).substr(1);
        digits.erase(digits.find_last_not_of('0') + 1);
        out += '.' + digits;
    }
    return out + " s";
}

}  // namespace mayfly::detail
