// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/aws/sigv4_canonical.hpp>
#include <mayfly/problem.hpp>

#include <algorithm>
#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

// The shared files of AWS tools: sections, keys, and one level of keys below a key.

namespace mayfly::aws {

struct ini_entry {
    std::string key{};  ///< In lower case.
    std::string value{};
    std::size_t line = 0;             ///< From 1.
    std::vector<ini_entry> nested{};  ///< The indented `key = value` lines below it; only if `value` is empty.

    friend bool operator==(const ini_entry&, const ini_entry&) = default;
};

struct ini_section {
    std::string name{};  ///< What stands between the brackets, without blanks at its ends.
    std::size_t line = 0;
    std::vector<ini_entry> entries{};  ///< Each key once. A section that comes twice is one.

    friend bool operator==(const ini_section&, const ini_section&) = default;

    [[nodiscard]] const ini_entry* find(std::string_view key) const noexcept
    {
        for (const ini_entry& e : entries) {
            if (e.key == key)
                return &e;
        }
        return nullptr;
    }
};

struct ini_file {
    std::string path{};
    std::vector<ini_section> sections{};
    mayfly::problems problems{};  ///< Lines that were not understood, and left out. No values: they may be secrets.

    [[nodiscard]] const ini_section* find(std::string_view name) const noexcept
    {
        for (const ini_section& s : sections) {
            if (s.name == name)
                return &s;
        }
        return nullptr;
    }
};

/** Reads such a file. Nothing of it is fatal: what is understood is there, what is not is in `problems`.

    `#` and `;` begin a comment at the start of a line, not within one: commands and secrets may hold them. An indented
    line goes on with the value before it: as a nested key if that value is empty, else as another line of it.
*/
[[nodiscard]] inline ini_file read_ini(std::string path, std::string_view text)
{
    using detail::trimmed;
    ini_file out{.path = std::move(path)};
    std::size_t current = std::string_view::npos;  // index of the section
    ini_entry* last = nullptr;
    std::size_t line_number = 0;

    const auto wrong = [&](std::string_view remedy) {
        out.problems.push_back({out.path + ':' + std::to_string(line_number), "", std::string{remedy}});
        last = nullptr;
    };
    const auto set = [&](std::vector<ini_entry>& entries, std::string_view line) -> ini_entry* {
        const auto equals = line.find('=');
        std::string key{trimmed(line.substr(0, equals))};
        if (equals == line.npos || key.empty()) {
            wrong("write key = value");
            return nullptr;
        }
        for (char& c : key)
            c = detail::lower(c);
        ini_entry made{std::move(key), std::string{trimmed(line.substr(equals + 1))}, line_number, {}};
        for (ini_entry& e : entries) {
            if (e.key == made.key)
                return &(e = std::move(made));  // the last one wins
        }
        return &entries.emplace_back(std::move(made));
    };

    if (text.starts_with("\xEF\xBB\xBF"))
        text.remove_prefix(3);
    while (!text.empty()) {
        const std::string_view line = text.substr(0, text.find('\n'));
        text.remove_prefix(std::min(text.size(), line.size() + 1));
        ++line_number;
        const std::string_view content = trimmed(line);
        if (content.empty() || content.front() == '#' || content.front() == ';')
            continue;

        if (detail::is_blank(line.front()) && last != nullptr) {
            if (!last->value.empty())
                last->value.append("\n").append(content);
            else if (ini_entry* const above = last; set(above->nested, content) != nullptr)
                last = above;
        } else if (content.front() == '[') {
            const auto close = content.find(']');
            const std::string_view name = close == content.npos ? "" : trimmed(content.substr(1, close - 1));
            const std::string_view behind = close == content.npos ? "" : trimmed(content.substr(close + 1));
            last = nullptr;
            current = std::string_view::npos;
            if (name.empty() || (!behind.empty() && behind.front() != '#' && behind.front() != ';')) {
                wrong("write a section as [name]");
                continue;
            }
            for (current = 0; current < out.sections.size() && out.sections[current].name != name; ++current) {
            }
            if (current == out.sections.size())
                out.sections.push_back({std::string{name}, line_number, {}});
        } else if (detail::is_blank(line.front())) {
            wrong("an indented line must follow a key");
        } else if (current == std::string_view::npos) {
            wrong("a key must stand below a [section]");
        } else {
            last = set(out.sections[current].entries, content);
        }
    }
    return out;
}

/// A text that reads back as the same sections.
[[nodiscard]] inline std::string to_string(const ini_file& file)
{
    std::string out;
    for (const ini_section& s : file.sections) {
        out.append("[").append(s.name).append("]\n");
        for (const ini_entry& e : s.entries) {
            out.append(e.key).append("=");
            for (const char c : e.value)
                c == '\n' ? out.append("\n    ") : out.append(1, c);
            out += '\n';
            for (const ini_entry& n : e.nested)
                out.append("    ").append(n.key).append("=").append(n.value).append("\n");
        }
    }
    return out;
}

}  // namespace mayfly::aws
