// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/aws/sha256.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <random>
#include <string_view>

namespace mayfly::aws {

/// The name that all attempts of one call have in common, in the form of a random UUID.
using invocation_id = std::array<char, 36>;

[[nodiscard]] inline std::string_view view(const invocation_id& id) noexcept
{
    return {id.data(), id.size()};
}

/// Gives each call its own. They are no secret: two that are alike would hurt nobody but who reads the service's log.
class invocation_ids {
public:
    [[nodiscard]] invocation_id next()
    {
        const std::array<std::uint64_t, 2> drawn{draw_(), draw_()};
        std::array<unsigned char, 16> bytes{};
        std::memcpy(bytes.data(), drawn.data(), bytes.size());
        bytes[6] = static_cast<unsigned char>((bytes[6] & 0x0FU) | 0x40U);
        bytes[8] = static_cast<unsigned char>((bytes[8] & 0x3FU) | 0x80U);
        invocation_id out{};
        std::size_t at = 0;
        for (std::size_t i = 0; i < bytes.size(); ++i, at += 2) {
            if (i == 4 || i == 6 || i == 8 || i == 10)
                out[at++] = '-';
            std::memcpy(&out[at], detail::hex_pairs[bytes[i]].data(), 2);
        }
        return out;
    }

private:
    [[nodiscard]] static std::mt19937_64 seeded()
    {
        std::random_device source;
        std::seed_seq seed{source(), source(), source(), source()};
        return std::mt19937_64{seed};
    }

    std::mt19937_64 draw_ = seeded();
};

}  // namespace mayfly::aws
