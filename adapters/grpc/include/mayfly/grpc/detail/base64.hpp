// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace mayfly::grpc::detail {

inline constexpr std::string_view base64_digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// Without padding, as gRPC asks for.
[[nodiscard]] inline std::string to_base64(std::string_view bytes)
{
    std::string out;
    out.reserve((bytes.size() * 4 + 2) / 3);
    std::uint32_t held = 0;
    unsigned bits = 0;
    for (const char c : bytes) {
        held = (held << 8 | static_cast<unsigned char>(c)) & 0xffffU;
        for (bits += 8; bits >= 6; bits -= 6)
            out += base64_digits[(held >> (bits - 6)) & 63U];
    }
    if (bits != 0)
        out += base64_digits[(held << (6 - bits)) & 63U];
    return out;
}

/// Padded or not. Nothing if it is neither.
[[nodiscard]] inline std::optional<std::string> from_base64(std::string_view text)
{
    static constexpr auto values = [] {
        std::array<std::uint8_t, 256> v{};
        v.fill(255);
        for (std::size_t i = 0; i < base64_digits.size(); ++i)
            v[static_cast<unsigned char>(base64_digits[i])] = static_cast<std::uint8_t>(i);
        return v;
    }();
    if (text.size() % 4 == 0)
        for (int i = 0; i < 2 && text.ends_with('='); ++i)
            text.remove_suffix(1);
    if (text.size() % 4 == 1)
        return std::nullopt;
    std::string out;
    out.reserve(text.size() * 3 / 4);
    std::uint32_t held = 0;
    unsigned bits = 0;
    for (const char c : text) {
        const auto value = values[static_cast<unsigned char>(c)];
        if (value == 255)
            return std::nullopt;
        held = (held << 6 | value) & 0xffffU;
        bits += 6;
        if (bits >= 8) {
            bits -= 8;
            out += static_cast<char>((held >> bits) & 255U);
        }
    }
    return out;
}

}  // namespace mayfly::grpc::detail
