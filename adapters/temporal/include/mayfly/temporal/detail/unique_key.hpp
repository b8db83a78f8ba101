// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <random>
#include <string>

namespace mayfly::temporal::detail {

/// A random UUID (version 4) in its usual letters.
[[nodiscard]] inline std::string unique_key()
{
    std::random_device system;
    std::array<std::uint32_t, 4> bits{};
    for (auto& b : bits)
        b = static_cast<std::uint32_t>(system());
    bits[1] = (bits[1] & 0xFFFF'0FFFU) | 0x4000U;
    bits[2] = (bits[2] & 0x3FFF'FFFFU) | 0x8000'0000U;
    std::string out;
    out.reserve(36);
    for (std::size_t i = 0; i < 32; ++i) {
        if (i == 8 || i == 12 || i == 16 || i == 20)
            out += '-';
        out += "0123456789abcdef"[(bits[i / 8] >> (28 - 4 * (i % 8))) & 0xFU];
    }
    return out;
}

}  // namespace mayfly::temporal::detail
