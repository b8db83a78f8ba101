// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <algorithm>
#include <cstddef>
#include <string_view>
#include <vector>

namespace mayfly::config::detail {

/** Finds what toml++ would not survive.

    Some versions of it do not return an error but end the program, where a table's header has no name or where a
    brace closes an array. And each dot of a key is a table within a table: these are destroyed within each other, until
    there is no stack left. Nothing that is TOML, and has keys of less than 64 levels, is refused.
*/
class toml_guard {
public:
    explicit toml_guard(std::string_view text) : rest_{text}
    {
        if (rest_.starts_with("\xEF\xBB\xBF"))
            rest_.remove_prefix(3);
        while (!rest_.empty() && refusal_.empty())
            step();
    }

    /// Why the text is refused; empty if it is not.
    [[nodiscard]] std::string_view refusal() const noexcept { return refusal_; }
    [[nodiscard]] std::size_t line() const noexcept { return line_; }

private:
    void step()
    {
        const char c = rest_.front();
        if (c == '"' || c == '\'') {
            statement_begins_ = false;
            return skip_text(c);
        }
        if (c == '#') {
            rest_.remove_prefix(std::min(rest_.find('\n'), rest_.size()));
            return;
        }
        rest_.remove_prefix(1);
        if (c == '\n') {
            ++line_;
            dots_ = 0;
            statement_begins_ = open_.empty();
        } else if (c != ' ' && c != '\t' && c != '\r') {
            take(c);
            statement_begins_ = false;
        }
    }

    void take(char c)
    {
        constexpr std::size_t most_dots = 64;
        if (c < ' ' || c > '~')
            refusal_ = "this is not TOML: without quotes there are only plain characters";
        else if (c == '.' && ++dots_ > most_dots)
            refusal_ = "there are too many dots in this line for a key; shorten it";
        else if (c == '[' && statement_begins_ && is_nameless_header())
            refusal_ = "this is not TOML: a table has a name; write [profile.NAME]";
        else if (c == '[' || c == '{')
            open_.push_back(c);
        else if (c == ']' || c == '}') {
            if (open_.empty() || open_.back() != (c == ']' ? '[' : '{'))
                refusal_ = "this is not TOML: a bracket closes what none has opened";
            else
                open_.pop_back();
        }
    }

    /// What follows the first bracket of a header.
    [[nodiscard]] bool is_nameless_header() const noexcept
    {
        std::string_view name = rest_;
        const auto skip = [&name](std::string_view what, std::size_t most) {
            name.remove_prefix(std::min({name.find_first_not_of(what), most, name.size()}));
        };
        skip(" \t", name.size());
        skip("[", 1);
        skip(" \t", name.size());
        const char c = name.empty() ? ']' : name.front();
        return !((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_' ||
                 c == '"' || c == '\'');
    }

    /// Text in quotes, to its end: that of its line if it has no other.
    void skip_text(char quote)
    {
        const auto quotes = [&] { return std::min(rest_.find_first_not_of(quote), rest_.size()); };
        const std::size_t opening = quotes();
        const bool several_lines = opening >= 3;
        rest_.remove_prefix(several_lines ? 3 : 1);
        while (!rest_.empty()) {
            const char c = rest_.front();
            if (c == quote && (!several_lines || quotes() >= 3)) {
                // Up to two quotes may stand before the three that end it.
                rest_.remove_prefix(several_lines ? std::min<std::size_t>(quotes(), 5) : 1);
                return;
            }
            if (c == '\n') {
                if (!several_lines)
                    return;
                ++line_;
                dots_ = 0;
            }
            rest_.remove_prefix(c == '\\' && quote == '"' && rest_.size() > 1 && rest_[1] != '\n' ? 2 : 1);
        }
    }

    std::string_view rest_;
    std::string_view refusal_;
    std::size_t line_ = 1;
    std::size_t dots_ = 0;
    std::vector<char> open_;
    bool statement_begins_ = true;
};

}  // namespace mayfly::config::detail
