// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstdint>
#include <limits>
#include <string>

namespace mayfly::temporal::workflow {

/// Random numbers that are the same at every replay of a run, with every compiler: distributions of the standard
/// library are not, so use the functions here. For choices, not for secrets.
class random_source {
public:
    using result_type = std::uint64_t;

    explicit random_source(std::uint64_t seed = 0) noexcept : state_{seed} {}

    [[nodiscard]] static constexpr std::uint64_t min() noexcept { return 0; }
    [[nodiscard]] static constexpr std::uint64_t max() noexcept { return std::numeric_limits<std::uint64_t>::max(); }

    std::uint64_t operator()() noexcept
    {
        state_ += 0x9E3779B97F4A7C15U;
        std::uint64_t z = state_;
        z = (z ^ (z >> 30U)) * 0xBF58476D1CE4E5B9U;
        z = (z ^ (z >> 27U)) * 0x94D049BB133111EBU;
        return z ^ (z >> 31U);
    }

    /// Below `end`, each as likely as any other; 0 if `end` is.
    [[nodiscard]] std::uint64_t below(std::uint64_t end) noexcept
    {
        if (end == 0)
            return 0;
        // What is left over at the top would make small numbers likelier.
        const std::uint64_t fair = max() - (max() % end + 1) % end;
        for (;;)
            if (const std::uint64_t n = (*this)(); n <= fair)
                return n % end;
    }

    /// From 0 up to, and without, 1.
    [[nodiscard]] double unit() noexcept { return static_cast<double>((*this)() >> 11U) * 0x1.0p-53; }

    /// A random UUID, version 4.
    [[nodiscard]] std::string uuid()
    {
        std::uint64_t high = (*this)();
        std::uint64_t low = (*this)();
        high = (high & 0xFFFFFFFFFFFF0FFFU) | 0x4000U;
        low = (low & 0x3FFFFFFFFFFFFFFFU) | 0x8000000000000000U;
        std::string out;
        out.reserve(36);
        for (unsigned i = 0; i < 32; ++i) {
            if (i == 8 || i == 12 || i == 16 || i == 20)
                out.push_back('-');
            const std::uint64_t half = i < 16 ? high : low;
            out.push_back("0123456789abcdef"[(half >> (60U - 4U * (i % 16U))) & 0xFU]);
        }
        return out;
    }

private:
    std::uint64_t state_;
};

}  // namespace mayfly::temporal::workflow
