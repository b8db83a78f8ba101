// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <boost/system/result.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

// The queries that lists are filtered by: TaskQueue = 'orders' AND WorkerStatus != 'Shutdown'. Which fields there are
// is for each list to say.

namespace mayfly::temporal::embedded {

enum class comparison_kind : std::uint8_t { equal, not_equal, less, at_most, more, at_least, starts_with };

struct comparison {
    std::string field{};
    comparison_kind kind = comparison_kind::equal;
    std::string value{};  ///< Without its quotes.

    friend bool operator==(const comparison&, const comparison&) = default;
};

struct list_filter {
    std::vector<comparison> all{};  ///< Each has to hold; none at all let everything pass.
    std::string group_by{};         ///< The field to count by; empty if there is none.
};

/// Whether what is there stands to what is wanted as the query says. Only a text starts with another.
template <class T>
[[nodiscard]] constexpr bool stands(const T& there, comparison_kind kind, const T& wanted) noexcept
{
    switch (kind) {
    case comparison_kind::equal: return there == wanted;
    case comparison_kind::not_equal: return there != wanted;
    case comparison_kind::less: return there < wanted;
    case comparison_kind::at_most: return there <= wanted;
    case comparison_kind::more: return there > wanted;
    case comparison_kind::at_least: return there >= wanted;
    case comparison_kind::starts_with: break;
    }
    if constexpr (std::is_same_v<T, std::string_view>)
        return there.starts_with(wanted);
    else
        return false;
}

/// Whether a text passes. Texts compare as they are, byte by byte.
[[nodiscard]] inline bool holds(const comparison& c, std::string_view text) noexcept
{
    return stands(text, c.kind, std::string_view{c.value});
}

namespace detail {

class filter_reader {
public:
    explicit filter_reader(std::string_view text) : rest_{text} {}

    [[nodiscard]] boost::system::result<list_filter, std::string> read()
    {
        list_filter out;
        for (skip(); !rest_.empty(); skip()) {
            if (word("GROUP")) {
                skip();
                const bool by = word("BY");
                skip();
                out.group_by = name();
                skip();
                if (!by || out.group_by.empty() || !rest_.empty())
                    return "at \"" + here() + "\": GROUP BY one field ends a query";
                return out;
            }
            if (out.all.size() == most_comparisons)
                return "has more than " + std::to_string(most_comparisons) + " comparisons";
            if (!out.all.empty() && !word("AND"))
                return "at \"" + here() + "\": join comparisons with AND; OR, NOT, ORDER BY and brackets are not known";
            comparison c;
            skip();
            c.field = name();
            if (c.field.empty())
                return "at \"" + here() + "\": give the name of a field";
            skip();
            const std::optional<comparison_kind> kind = how();
            if (!kind)
                return "at \"" + here() + "\": after " + c.field + " give =, !=, <, <=, >, >= or STARTS_WITH";
            c.kind = *kind;
            skip();
            std::optional<std::string> value = operand();
            if (!value)
                return "at \"" + here() + "\": compare " + c.field + " with a text in quotes or with a number";
            c.value = *std::move(value);
            out.all.push_back(std::move(c));
        }
        return out;
    }

private:
    static constexpr std::size_t most_comparisons = 100;

    [[nodiscard]] static bool of_name(char c) noexcept
    {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '.';
    }

    void skip() noexcept
    {
        const auto end = rest_.find_first_not_of(" \t\r\n");
        rest_.remove_prefix(end == rest_.npos ? rest_.size() : end);
    }

    [[nodiscard]] std::string here() const { return rest_.empty() ? "the end" : std::string{rest_.substr(0, 40)}; }

    [[nodiscard]] std::string name()
    {
        const bool quoted = rest_.starts_with('`');
        if (quoted)
            rest_.remove_prefix(1);
        std::size_t length = 0;
        while (length < rest_.size() && of_name(rest_[length]))
            ++length;
        std::string out{rest_.substr(0, length)};
        rest_.remove_prefix(length);
        if (quoted && rest_.starts_with('`'))
            rest_.remove_prefix(1);
        return out;
    }

    // In capitals or not.
    [[nodiscard]] bool word(std::string_view capitals)
    {
        if (rest_.size() < capitals.size() || (rest_.size() > capitals.size() && of_name(rest_[capitals.size()])))
            return false;
        for (std::size_t i = 0; i < capitals.size(); ++i)
            if (const char c = rest_[i]; (c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c) != capitals[i])
                return false;
        rest_.remove_prefix(capitals.size());
        return true;
    }

    [[nodiscard]] std::optional<comparison_kind> how()
    {
        static constexpr std::pair<std::string_view, comparison_kind> signs[] = {
            {"!=", comparison_kind::not_equal},
            {"<>", comparison_kind::not_equal},
            {"<=", comparison_kind::at_most},
            {">=", comparison_kind::at_least},
            {"=", comparison_kind::equal},
            {"<", comparison_kind::less},
            {">", comparison_kind::more},
        };
        for (const auto& [sign, kind] : signs)
            if (rest_.starts_with(sign)) {
                rest_.remove_prefix(sign.size());
                return kind;
            }
        return word("STARTS_WITH") ? std::optional{comparison_kind::starts_with} : std::nullopt;
    }

    [[nodiscard]] std::optional<std::string> operand()
    {
        if (rest_.empty())
            return std::nullopt;
        const char quote = rest_.front();
        if (quote != '\'' && quote != '"') {
            const bool number = (quote >= '0' && quote <= '9') || quote == '-';
            std::size_t length = 0;
            while (number && length < rest_.size() && (of_name(rest_[length]) || rest_[length] == '-'))
                ++length;
            std::string out{rest_.substr(0, length)};
            rest_.remove_prefix(length);
            return out.empty() ? std::nullopt : std::optional{std::move(out)};
        }
        std::string out;
        for (std::size_t i = 1; i < rest_.size(); ++i) {
            const bool doubled = rest_[i] == quote && i + 1 < rest_.size() && rest_[i + 1] == quote;
            if (rest_[i] == quote && !doubled) {
                rest_.remove_prefix(i + 1);
                return out;
            }
            if (doubled || (rest_[i] == '\\' && i + 1 < rest_.size()))
                ++i;
            out += rest_[i];
        }
        return std::nullopt;
    }

    std::string_view rest_;
};

}  // namespace detail

/// What a query says, or what is wrong with it and what to write.
[[nodiscard]] inline boost::system::result<list_filter, std::string> read_list_filter(std::string_view query)
{
    return detail::filter_reader{query}.read();
}

}  // namespace mayfly::temporal::embedded
