// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/temporal/embedded/types.hpp>

#include <charconv>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>

namespace mayfly::temporal::embedded {

/// Ids that look like others, all from one seed: the same calls get the same ones.
class id_source {
public:
    explicit id_source(std::uint64_t seed) noexcept : state_(seed) {}

    /// Never zero.
    std::uint64_t number() noexcept
    {
        std::uint64_t z = state_ += 0x9e37'79b9'7f4a'7c15;
        z = (z ^ (z >> 30)) * 0xbf58'476d'1ce4'e5b9;
        z = (z ^ (z >> 27)) * 0x94d0'49bb'1331'11eb;
        z ^= z >> 31;
        return z == 0 ? 1 : z;
    }

    /// A UUID as a server's run ids are: version 4.
    std::string uuid()
    {
        constexpr char digits[] = "0123456789abcdef";
        const std::uint64_t high = (number() & ~0xf000ULL) | 0x4000;
        const std::uint64_t low = (number() & ~(3ULL << 62)) | (2ULL << 62);
        std::string out;
        out.reserve(36);
        for (unsigned i = 0; i < 32; ++i) {
            if (i == 8 || i == 12 || i == 16 || i == 20)
                out += '-';
            const std::uint64_t half = i < 16 ? high : low;
            out += digits[(half >> (60 - 4 * (i % 16))) & 0xf];
        }
        return out;
    }

private:
    std::uint64_t state_;
};

[[nodiscard]] inline bool is_uuid(std::string_view text) noexcept
{
    if (text.size() != 36)
        return false;
    for (std::size_t i = 0; i < text.size(); ++i) {
        const char c = text[i];
        const bool dash = i == 8 || i == 13 || i == 18 || i == 23;
        const bool hex = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
        if (dash ? c != '-' : !hex)
            return false;
    }
    return true;
}

/// A run and a number: what task tokens and tokens of long polls are.
[[nodiscard]] inline std::string token_of(const attempt_id& a)
{
    return a.run_id + '/' + std::to_string(a.stamp);
}

[[nodiscard]] inline std::optional<attempt_id> read_token(std::string_view token)
{
    attempt_id out;
    if (token.size() < 38 || token[36] != '/' || !is_uuid(token.substr(0, 36)))
        return std::nullopt;
    out.run_id = token.substr(0, 36);
    const auto [end, ec] = std::from_chars(token.data() + 37, token.data() + token.size(), out.stamp);
    if (ec != std::errc{} || end != token.data() + token.size())
        return std::nullopt;
    return out;
}

}  // namespace mayfly::temporal::embedded
