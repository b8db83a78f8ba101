// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/clock.hpp>

namespace mayfly::detail {

/// A moment, or none, in eight bytes: a hundred thousand idle versions remember several each.
class moment {
public:
    constexpr moment() = default;
    constexpr moment(uptime at) noexcept : at_{at} {}

    [[nodiscard]] constexpr explicit operator bool() const noexcept { return at_ != never; }
    [[nodiscard]] constexpr uptime operator*() const noexcept { return at_; }
    constexpr void reset() noexcept { at_ = never; }

    /// What is written down of it, and read.
    static void fields(auto& visit, auto& self) { visit("at", self.at_); }
    friend constexpr bool operator==(moment, moment) = default;

private:
    uptime at_ = never;
};

}  // namespace mayfly::detail
