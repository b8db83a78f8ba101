// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace mayfly::temporal::workflow::detail {

/** A run's random seed, of its original run id: SipHash-1-3 without a key.

    It must never change: a run that began years ago still has to find the same.
*/
[[nodiscard]] constexpr std::uint64_t random_seed_of(std::string_view run_id) noexcept
{
    std::uint64_t a = 0x736f6d6570736575U;
    std::uint64_t b = 0x646f72616e646f6dU;
    std::uint64_t c = 0x6c7967656e657261U;
    std::uint64_t d = 0x7465646279746573U;
    const auto round = [&] {
        a += b;
        b = std::rotl(b, 13) ^ a;
        a = std::rotl(a, 32);
        c += d;
        d = std::rotl(d, 16) ^ c;
        a += d;
        d = std::rotl(d, 21) ^ a;
        c += b;
        b = std::rotl(b, 17) ^ c;
        c = std::rotl(c, 32);
    };
    const auto take = [&](std::uint64_t word) {
        d ^= word;
        round();
        a ^= word;
    };
    std::uint64_t word = 0;
    for (std::size_t i = 0; i < run_id.size(); ++i) {
        word |= std::uint64_t{static_cast<unsigned char>(run_id[i])} << (8 * (i % 8));
        if (i % 8 == 7) {
            take(word);
            word = 0;
        }
    }
    take(word | std::uint64_t{run_id.size() & 0xFFU} << 56);
    c ^= 0xFFU;
    round();
    round();
    round();
    return a ^ b ^ c ^ d;
}

}  // namespace mayfly::temporal::workflow::detail
