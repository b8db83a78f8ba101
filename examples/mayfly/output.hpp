// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/detail/json_write.hpp>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/value.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

// How commands tell what they found out: as text for people, or as JSON.

namespace examples {

namespace json = boost::json;

enum class output_format : std::uint8_t { text, json, jsonl, none };

inline constexpr std::array<std::string_view, 4> output_formats{"text", "json", "jsonl", "none"};

namespace detail {

inline void write(mayfly::detail::json_writer& to, const json::value& v)
{
    switch (v.kind()) {
    case json::kind::null: to.value(nullptr); break;
    case json::kind::bool_: to.value(v.get_bool()); break;
    case json::kind::int64: to.value(v.get_int64()); break;
    case json::kind::uint64: to.value(v.get_uint64()); break;
    case json::kind::double_: to.value(v.get_double()); break;
    case json::kind::string: to.value(std::string_view(v.get_string())); break;
    case json::kind::array:
        to.begin_array();
        for (const json::value& each : v.get_array())
            write(to, each);
        to.end_array();
        break;
    case json::kind::object:
        to.begin_object();
        for (const auto& field : v.get_object()) {
            to.key(field.key());
            write(to, field.value());
        }
        to.end_object();
        break;
    }
}

}  // namespace detail

/// On one line, with numbers as people write them: 0.5, where Boost has 5E-1.
[[nodiscard]] inline std::string to_json_text(const json::value& v)
{
    std::string out;
    mayfly::detail::json_writer to(out);
    detail::write(to, v);
    return out;
}

/// Text as it is, all else as JSON.
[[nodiscard]] inline std::string as_text(const json::value& v)
{
    if (const auto* s = v.if_string())
        return std::string(*s);
    return v.is_null() ? "-" : to_json_text(v);
}

inline void print_line(const std::string& line)
{
    std::fwrite(line.data(), 1, line.size(), stdout);
    std::fputc('\n', stdout);
}

/// One thing: a line for each field, or JSON.
inline void print(const json::object& o, output_format format)
{
    if (format == output_format::none)
        return;
    if (format != output_format::text)
        return print_line(to_json_text(o));
    std::size_t longest = 0;
    for (const auto& field : o)
        longest = std::max(longest, field.key().size());
    for (const auto& field : o) {
        std::string line(field.key());
        line.resize(longest + 2, ' ');
        print_line(line + as_text(field.value()));
    }
}

/// Rows of one length each, the first with the names of the columns.
inline void print_table(std::vector<std::vector<std::string>> rows)
{
    std::vector<std::size_t> widths;
    for (const auto& row : rows) {
        widths.resize(std::max(widths.size(), row.size()), 0);
        for (std::size_t c = 0; c < row.size(); ++c)
            widths[c] = std::max(widths[c], row[c].size());
    }
    for (auto& row : rows) {
        std::string line;
        for (std::size_t c = 0; c < row.size(); ++c) {
            if (c + 1 < row.size())
                row[c].resize(widths[c] + 2, ' ');
            line += row[c];
        }
        print_line(line);
    }
}

/// Many of one kind: a table of some columns, a line of JSON each, or one array.
inline void print(const json::array& all, const std::vector<std::string_view>& columns, output_format format)
{
    if (format == output_format::none)
        return;
    if (format == output_format::json)
        return print_line(to_json_text(all));
    if (format == output_format::jsonl) {
        for (const auto& o : all)
            print_line(to_json_text(o));
        return;
    }
    std::vector<std::vector<std::string>> rows;
    rows.emplace_back(columns.begin(), columns.end());
    for (const auto& o : all) {
        auto& row = rows.emplace_back();
        for (const std::string_view c : columns)
            row.push_back(as_text(o.as_object().at({c.data(), c.size()})));
    }
    print_table(std::move(rows));
}

}  // namespace examples
