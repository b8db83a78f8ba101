// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <algorithm>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace examples {

[[nodiscard]] inline int hex_digit(char c) noexcept
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/// A `%` that no two hexadecimal digits follow stays as it is.
[[nodiscard]] inline std::string percent_decode(std::string_view s, bool plus_is_blank = false)
{
    std::string out;
    for (std::size_t i = 0; i < s.size(); ++i) {
        const int high = i + 2 < s.size() ? hex_digit(s[i + 1]) : -1;
        const int low = i + 2 < s.size() ? hex_digit(s[i + 2]) : -1;
        if (s[i] == '%' && high >= 0 && low >= 0) {
            out += static_cast<char>(high * 16 + low);
            i += 2;
        } else {
            out += s[i] == '+' && plus_is_blank ? ' ' : s[i];
        }
    }
    return out;
}

/// The parameters of a query, or of a form in a body.
class parameters {
public:
    parameters() = default;
    explicit parameters(std::string_view text)
    {
        while (!text.empty()) {
            const auto end = std::min(text.find('&'), text.size());
            const std::string_view piece = text.substr(0, end);
            const auto equals = std::min(piece.find('='), piece.size());
            if (!piece.empty())
                all_.emplace_back(percent_decode(piece.substr(0, equals), true),
                    percent_decode(piece.substr(std::min(equals + 1, piece.size())), true));
            text.remove_prefix(std::min(end + 1, text.size()));
        }
    }

    /// The first of that name.
    [[nodiscard]] std::optional<std::string> get(std::string_view name) const
    {
        for (const auto& [key, value] : all_) {
            if (key == name)
                return value;
        }
        return std::nullopt;
    }

private:
    std::vector<std::pair<std::string, std::string>> all_;
};

}  // namespace examples
