// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

// Names of things at AWS, as far as workers are concerned.

namespace mayfly::aws {

/// `arn:partition:service:region:account:resource`. A view into the text it was read from.
struct arn {
    std::string_view partition;
    std::string_view service;
    std::string_view region;
    std::string_view account;
    std::string_view resource;  ///< All that is left, with its colons.
};

/// Nothing unless there are six parts, and partition, service and resource are not empty.
[[nodiscard]] inline std::optional<arn> parse_arn(std::string_view text) noexcept
{
    std::array<std::string_view, 5> parts;
    for (std::string_view& part : parts) {
        const auto colon = text.find(':');
        if (colon == text.npos)
            return std::nullopt;
        part = text.substr(0, colon);
        text.remove_prefix(colon + 1);
    }
    if (parts[0] != "arn" || parts[1].empty() || parts[2].empty() || text.empty())
        return std::nullopt;
    return arn{parts[1], parts[2], parts[3], parts[4], text};
}

namespace detail {

[[nodiscard]] constexpr bool only(std::string_view text, bool (*fits)(char)) noexcept
{
    return std::all_of(text.begin(), text.end(), fits);
}

[[nodiscard]] constexpr bool is_decimal(char c) noexcept
{
    return c >= '0' && c <= '9';
}

[[nodiscard]] constexpr bool is_letter(char c) noexcept
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

[[nodiscard]] constexpr bool is_name(char c) noexcept
{
    return is_decimal(c) || is_letter(c) || c == '-' || c == '_';
}

[[nodiscard]] constexpr bool is_region(std::string_view text) noexcept
{
    return !text.empty() && text.size() <= 32 &&
           only(text, [](char c) { return is_decimal(c) || (c >= 'a' && c <= 'z') || c == '-'; });
}

[[nodiscard]] constexpr bool is_account(std::string_view text) noexcept
{
    return text.size() == 12 && only(text, is_decimal);
}

}  // namespace detail

/// Which published state of a function is meant.
enum class qualifier_kind : std::uint8_t {
    none,     ///< As good as `$LATEST`.
    latest,   ///< `$LATEST`: whatever is deployed last.
    version,  ///< A number: never changes.
    alias,    ///< A name that can be pointed elsewhere.
};

[[nodiscard]] constexpr qualifier_kind kind_of_qualifier(std::string_view q) noexcept
{
    if (q.empty())
        return qualifier_kind::none;
    if (q == "$LATEST")
        return qualifier_kind::latest;
    return detail::only(q, detail::is_decimal) ? qualifier_kind::version : qualifier_kind::alias;
}

/// A function of Lambda, in full: `arn:aws:lambda:eu-west-1:123456789012:function:work:7`. A view.
struct function_arn {
    std::string_view partition;
    std::string_view region;
    std::string_view account;
    std::string_view name;
    std::string_view qualifier;  ///< Empty if there is none.
};

[[nodiscard]] inline std::optional<function_arn> parse_function_arn(std::string_view text) noexcept
{
    const auto a = parse_arn(text);
    constexpr std::string_view kind = "function:";
    if (!a || a->service != "lambda" || !detail::is_region(a->region) || !detail::is_account(a->account) ||
        !a->resource.starts_with(kind))
        return std::nullopt;
    const std::string_view rest = a->resource.substr(kind.size());
    const auto colon = rest.find(':');
    const function_arn out{a->partition, a->region, a->account, rest.substr(0, colon),
        colon == rest.npos ? std::string_view{} : rest.substr(colon + 1)};
    const bool name_fits = !out.name.empty() && out.name.size() <= 64 && detail::only(out.name, detail::is_name);
    const bool qualifier_fits =
        colon == rest.npos || out.qualifier == "$LATEST" ||
        (!out.qualifier.empty() && out.qualifier.size() <= 128 && detail::only(out.qualifier, detail::is_name));
    return name_fits && qualifier_fits ? std::optional(out) : std::nullopt;
}

/// A role of IAM: `arn:aws:iam::123456789012:role/path/name`.
[[nodiscard]] inline bool is_role_arn(std::string_view text) noexcept
{
    const auto a = parse_arn(text);
    constexpr std::string_view kind = "role/";
    return a && a->service == "iam" && a->region.empty() && detail::is_account(a->account) &&
           a->resource.starts_with(kind) && a->resource.size() > kind.size() && text.size() <= 2048 &&
           detail::only(text, [](char c) { return c > ' ' && c < '\x7f'; });
}

/// Text as one segment of a path: all but `A-Z a-z 0-9 - . _ ~` as `%XX`.
[[nodiscard]] inline std::string path_segment(std::string_view text)
{
    constexpr std::string_view digits = "0123456789ABCDEF";
    std::string out;
    for (const char c : text) {
        if (detail::is_name(c) || c == '.' || c == '~') {
            out += c;
        } else {
            const auto byte = static_cast<unsigned char>(c);
            out += '%';
            out += digits[byte >> 4U];
            out += digits[byte & 0xFU];
        }
    }
    return out;
}

}  // namespace mayfly::aws
