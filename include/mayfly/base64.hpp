// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace mayfly {

enum class base64_form : std::uint8_t {
    padded,   ///< As in RFC 4648: `+` and `/`, filled up with `=`.
    liberal,  ///< Written without the filling. Read with or without it, with `-` and `_` too.
};

inline void append_base64(std::string& out, std::string_view bytes, base64_form form = base64_form::padded)
{
    constexpr std::string_view digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    out.reserve(out.size() + (bytes.size() + 2) / 3 * 4);
    for (std::size_t i = 0; i < bytes.size(); i += 3) {
        const auto byte = [&](std::size_t k) -> std::uint32_t {
            return i + k < bytes.size() ? static_cast<unsigned char>(bytes[i + k]) : 0U;
        };
        const std::uint32_t three = byte(0) << 16U | byte(1) << 8U | byte(2);
        const std::size_t filled = bytes.size() - i < 3 ? bytes.size() - i + 1 : 4;
        for (std::size_t k = 0; k < filled; ++k)
            out += digits[three >> (18U - 6U * k) & 63U];
        if (form == base64_form::padded)
            out.append(4 - filled, '=');
    }
}

[[nodiscard]] inline std::string to_base64(std::string_view bytes, base64_form form = base64_form::padded)
{
    std::string out;
    append_base64(out, bytes, form);
    return out;
}

/// Nothing if it is not of that form.
[[nodiscard]] inline std::optional<std::string> from_base64(
    std::string_view text, base64_form form = base64_form::padded)
{
    static constexpr std::uint8_t none = 255;
    static constexpr auto values = [] {
        constexpr std::string_view digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
        std::array<std::uint8_t, 256> v{};
        v.fill(none);
        for (std::size_t i = 0; i < digits.size(); ++i)
            v[static_cast<unsigned char>(digits[i])] = static_cast<std::uint8_t>(i);
        return v;
    }();
    if (text.size() % 4 == 0)
        for (int i = 0; i < 2 && text.ends_with('='); ++i)
            text.remove_suffix(1);
    else if (form == base64_form::padded)
        return std::nullopt;
    if (text.size() % 4 == 1)
        return std::nullopt;
    std::string out;
    out.reserve(text.size() * 3 / 4);
    std::uint32_t held = 0;
    unsigned bits = 0;
    for (const char c : text) {
        std::uint8_t value = values[static_cast<unsigned char>(c)];
        if (value == none && form == base64_form::liberal)
            value = c == '-' ? 62 : c == '_' ? 63 : none;
        if (value == none)
            return std::nullopt;
        held = (held << 6U | value) & 0xffffU;
        bits += 6;
        if (bits >= 8) {
            bits -= 8;
            out += static_cast<char>(held >> bits & 255U);
        }
    }
    return out;
}

}  // namespace mayfly
