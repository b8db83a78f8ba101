// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace mayfly::aws {

/// Splits a command line as a shell would, without doing anything else that a shell does. Nothing if a quote does not
/// end or a backslash is the last character.
[[nodiscard]] inline std::optional<std::vector<std::string>> split_words(std::string_view line)
{
    std::vector<std::string> out;
    bool in_word = false;
    char quote = '\0';
    for (std::size_t i = 0; i < line.size(); ++i) {
        const char c = line[i];
        const bool blank = c == ' ' || (c >= '\t' && c <= '\r');
        if (quote == '\0' && blank) {
            in_word = false;
            continue;
        }
        if (!in_word) {
            out.emplace_back();
            in_word = true;
        }
        std::string& word = out.back();
        if (quote == '\0' && (c == '\'' || c == '"')) {
            quote = c;
        } else if (c == quote) {
            quote = '\0';
        } else if (c == '\\' && quote != '\'') {
            if (i + 1 == line.size())
                return std::nullopt;
            const char next = line[i + 1];
            // Within double quotes it is a character like any other, unless there is something to protect.
            if (quote == '"' && next != '"' && next != '\\') {
                word += c;
            } else {
                word += next;
                ++i;
            }
        } else {
            word += c;
        }
    }
    return quote == '\0' ? std::optional(out) : std::nullopt;
}

}  // namespace mayfly::aws
