// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/mayfly.hpp>

#include <optional>

/// A scaler that is not mayfly's: one worker for every missed task, but never two starts within `pause`.
struct own_scaler {
    mayfly::uptime pause{250'000};

    struct state {
        std::optional<mayfly::uptime> last_launch{};
        friend bool operator==(const state&, const state&) = default;
    };
    [[nodiscard]] mayfly::decision decide(
        state& st, const mayfly::scaling_signal& sig, mayfly::uptime now) const noexcept;
};

static_assert(mayfly::Scaler<own_scaler, mayfly::scaling_signal>);
