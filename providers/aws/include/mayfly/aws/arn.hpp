// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/aws/partition.hpp>
#include <mayfly/problem.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace mayfly::aws {

/// `arn:partition:service:region:account:resource`. Region and account may be empty, the resource may hold colons.
struct arn {
    std::string partition{};
    std::string service{};
    std::string region{};
    std::string account{};
    std::string resource{};

    friend bool operator==(const arn&, const arn&) = default;
};

[[nodiscard]] inline std::string to_string(const arn& a)
{
    return "arn:" + a.partition + ':' + a.service + ':' + a.region + ':' + a.account + ':' + a.resource;
}

namespace detail {

[[nodiscard]] constexpr bool is_digits(std::string_view text) noexcept
{
    return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

[[nodiscard]] constexpr bool is_account(std::string_view text) noexcept
{
    return text.size() == 12 && is_digits(text);
}

/// Letters, digits, `-` and `_`.
[[nodiscard]] constexpr bool is_word(std::string_view text, std::size_t most) noexcept
{
    const auto fits = [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
    };
    return !text.empty() && text.size() <= most && std::all_of(text.begin(), text.end(), fits);
}

/// Takes the part up to the next colon away from `text`.
[[nodiscard]] constexpr std::string_view next_part(std::string_view& text) noexcept
{
    const std::string_view part = text.substr(0, text.find(':'));
    text.remove_prefix(std::min(text.size(), part.size() + 1));
    return part;
}

}  // namespace detail

/// Nothing unless all six parts are there, with a known partition, an account of twelve digits or none, and printable
/// characters only.
[[nodiscard]] inline std::optional<arn> parse_arn(std::string_view text)
{
    if (std::count(text.begin(), text.end(), ':') < 5 || detail::next_part(text) != "arn")
        return std::nullopt;
    arn out;
    for (std::string* const part : {&out.partition, &out.service, &out.region, &out.account})
        *part = detail::next_part(text);
    out.resource = text;
    const auto printable = [](char c) { return c > ' ' && c < '\x7F'; };
    const bool fits = find_partition(out.partition) != nullptr && detail::is_word(out.service, 64) &&
                      (out.region.empty() || is_region(out.region)) &&
                      (out.account.empty() || detail::is_account(out.account)) && !out.resource.empty() &&
                      std::all_of(out.resource.begin(), out.resource.end(), printable);
    return fits ? std::optional(std::move(out)) : std::nullopt;
}

/// What the end of a function's name stands for.
enum class qualifier_kind {
    none,     ///< The unpublished code, which changes.
    latest,   ///< The same, said in words.
    version,  ///< A number: code and configuration never change.
    alias,    ///< A name that can be pointed elsewhere.
};

[[nodiscard]] constexpr std::optional<qualifier_kind> kind_of_qualifier(std::string_view text) noexcept
{
    if (text.empty())
        return qualifier_kind::none;
    if (text == "$LATEST")
        return qualifier_kind::latest;
    if (!detail::is_word(text, 128))
        return std::nullopt;
    return detail::is_digits(text) ? qualifier_kind::version : qualifier_kind::alias;
}

/** A Lambda function as one may name it: `name`, `function:name`, `ACCOUNT:function:name` or the whole ARN, each with
    a `:qualifier` or without. What was not said is empty.
*/
struct function_id {
    std::string partition{};
    std::string region{};
    std::string account{};
    std::string name{};
    std::string qualifier{};
    bool prefixed = false;  ///< Said with `function:`, though without an account.

    /// A whole ARN, which names its region.
    [[nodiscard]] bool is_arn() const noexcept { return !region.empty(); }
    [[nodiscard]] qualifier_kind kind() const noexcept
    {
        return kind_of_qualifier(qualifier).value_or(qualifier_kind::alias);
    }

    friend bool operator==(const function_id&, const function_id&) = default;
};

[[nodiscard]] inline std::string to_string(const function_id& f)
{
    std::string out;
    if (f.is_arn())
        out = "arn:" + f.partition + ":lambda:" + f.region + ':';
    if (!f.account.empty())
        out += f.account + ':';
    if (f.prefixed || !f.account.empty())
        out += "function:";
    out += f.name;
    return f.qualifier.empty() ? out : out + ':' + f.qualifier;
}

namespace detail {

/// What is wrong with a function's name; fills `out` as far as it is right.
[[nodiscard]] inline std::string function_problem(std::string_view text, function_id& out)
{
    if (text.size() > 256)
        return "is longer than 256 characters";
    std::string_view rest = text;
    if (text.starts_with("arn:")) {
        if (std::count(text.begin(), text.end(), ':') < 6)
            return "write arn:PARTITION:lambda:REGION:ACCOUNT:function:NAME, with :VERSION at the end to pin it";
        static_cast<void>(next_part(rest));
        out.partition = next_part(rest);
        if (find_partition(out.partition) == nullptr)
            return "there is no partition \"" + out.partition + "\"; most regions are in aws";
        if (const std::string_view service = next_part(rest); service != "lambda")
            return "names a thing of \"" + std::string{service} + "\"; a function of lambda is needed";
        out.region = next_part(rest);
        if (!is_region(out.region))
            return "the fourth part must be a region, like us-east-1";
        if (const partition& home = partition_of(out.region); home.id != out.partition)
            return "the region " + out.region + " is in the partition " + std::string{home.id};
        out.account = next_part(rest);
        if (!is_account(out.account))
            return "the fifth part must be an account, twelve digits";
        if (next_part(rest) != "function")
            return "the sixth part must be the word function";
    } else if (text.starts_with("function:")) {
        static_cast<void>(next_part(rest));
        out.prefixed = true;
    } else if (text.size() > 22 && is_account(text.substr(0, 12)) && text.substr(12, 10) == ":function:") {
        out.account = text.substr(0, 12);
        rest.remove_prefix(22);
    }

    const bool qualified = rest.find(':') != rest.npos;
    out.name = next_part(rest);
    out.qualifier = rest;
    if (!is_word(out.name, 64))
        return "a function's name is 1 to 64 letters, digits, - and _";
    if ((qualified && rest.empty()) || !kind_of_qualifier(rest))
        return "what follows the function's name must be a version's number, an alias or $LATEST";
    return {};
}

}  // namespace detail

/// Reads any of the forms. `field` is how a problem calls the place.
[[nodiscard]] inline checked<function_id> read_function(std::string_view text, std::string_view field)
{
    function_id out;
    if (std::string why = detail::function_problem(text, out); !why.empty())
        return problems{{std::string{field}, '"' + std::string{text} + '"', std::move(why)}};
    return out;
}

/// Reads the whole ARN of a function; the other forms do not say where it is.
[[nodiscard]] inline checked<function_id> read_function_arn(std::string_view text, std::string_view field)
{
    if (!text.starts_with("arn:"))
        return problems{{std::string{field}, '"' + std::string{text} + '"',
            "write the whole ARN: arn:PARTITION:lambda:REGION:ACCOUNT:function:NAME, with :VERSION at the end to pin "
            "it"}};
    return read_function(text, field);
}

/// Reads the ARN of an IAM role.
[[nodiscard]] inline checked<arn> read_role_arn(std::string_view text, std::string_view field)
{
    const auto wrong = [&](std::string why) {
        return problems{{std::string{field}, '"' + std::string{text} + '"', std::move(why)}};
    };
    const std::optional<arn> out = parse_arn(text);
    if (!out || text.size() < 20 || text.size() > 2048)
        return wrong("write the role's ARN: arn:PARTITION:iam::ACCOUNT:role/NAME");
    if (out->service == "sts")
        return wrong("is a session of a role; write the role's own ARN: arn:PARTITION:iam::ACCOUNT:role/NAME");
    if (out->service != "iam" || !out->region.empty() || out->account.empty() || !out->resource.starts_with("role/") ||
        out->resource.ends_with('/'))
        return wrong("names no role: arn:PARTITION:iam::ACCOUNT:role/NAME");
    return *out;
}

/// The role's name without its path: what stands in the ARN of a session.
[[nodiscard]] inline std::string_view role_name(const arn& role) noexcept
{
    const std::string_view all = role.resource;
    return all.substr(all.rfind('/') + 1);
}

}  // namespace mayfly::aws
