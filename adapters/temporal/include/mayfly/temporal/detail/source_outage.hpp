// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/clock.hpp>

#include <chrono>
#include <cstdint>
#include <optional>
#include <utility>

namespace mayfly::temporal::detail {

/** Whether a failure that looks like one of the server concerns all versions.

    Pure. It does if nobody else is read meanwhile. What concerns one version only must not look like an outage that
    ends with each reading of another.
*/
class source_outage {
public:
    enum class scope : std::uint8_t {
        unclear,  ///< Others were read a moment ago: the next failure tells more.
        version,
        all,
    };

    /// A version was read. True if an outage has ended with that.
    bool succeeded(uptime now) noexcept
    {
        read_at_ = now;
        return std::exchange(is_on_, false);
    }

    /// A version cannot be read at `now`, and could not be since `since`.
    [[nodiscard]] scope failed(uptime since, uptime now) noexcept
    {
        if (is_on_)
            return scope::all;
        if (read_at_ && *read_at_ > since)
            return scope::version;
        if (read_at_ && now - *read_at_ < long_enough)
            return scope::unclear;
        is_on_ = true;
        return scope::all;
    }

    [[nodiscard]] bool is_on() const noexcept { return is_on_; }

private:
    static constexpr uptime long_enough = std::chrono::seconds{3};

    std::optional<uptime> read_at_{};
    bool is_on_ = false;
};

}  // namespace mayfly::temporal::detail
