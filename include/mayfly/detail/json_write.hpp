// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <array>
#include <charconv>
#include <cmath>
#include <concepts>
#include <cstddef>
#include <string>
#include <string_view>

namespace mayfly::detail {

/// Length of the well-formed UTF-8 sequence at the start of `s`, or zero. `s` is not empty.
[[nodiscard]] constexpr std::size_t utf8_sequence(std::string_view s) noexcept
{
    const auto at = [&s](std::size_t i) { return i < s.size() ? static_cast<unsigned char>(s[i]) : 0U; };
    const auto tail = [&at](std::size_t i) { return (at(i) & 0xC0U) == 0x80; };
    const unsigned a = at(0);
    const unsigned b = at(1);
    if (a < 0x80)
        return 1;
    if (a >= 0xC2 && a < 0xE0)
        return tail(1) ? 2 : 0;
    // The second byte also tells overlong forms, surrogates and what lies beyond U+10FFFF.
    if (a >= 0xE0 && a < 0xF0) {
        const bool ok = (a != 0xE0 || b >= 0xA0) && (a != 0xED || b < 0xA0);
        return ok && tail(1) && tail(2) ? 3 : 0;
    }
    if (a >= 0xF0 && a < 0xF5) {
        const bool ok = (a != 0xF0 || b >= 0x90) && (a != 0xF4 || b < 0x90);
        return ok && tail(1) && tail(2) && tail(3) ? 4 : 0;
    }
    return 0;
}

[[nodiscard]] constexpr bool is_utf8(std::string_view s) noexcept
{
    while (!s.empty()) {
        const std::size_t length = utf8_sequence(s);
        if (length == 0)
            return false;
        s.remove_prefix(length);
    }
    return true;
}

/// Appends `s` in quotes. Bytes that are not UTF-8 become U+FFFD, so that the result is JSON whatever comes in.
inline void append_json_string(std::string& out, std::string_view s)
{
    constexpr std::string_view hex = "0123456789abcdef";
    out += '"';
    while (!s.empty()) {
        const auto c = static_cast<unsigned char>(s.front());
        const std::size_t length = utf8_sequence(s);
        switch (c) {
        case '"': out += "\\\""; break;
        case '\\': out += "\\\\"; break;
        case '\n': out += "\\n"; break;
        case '\r': out += "\\r"; break;
        case '\t': out += "\\t"; break;
        default:
            if (c < 0x20 || c == 0x7F) {
                out += "\\u00";
                out += hex[c >> 4U];
                out += hex[c & 0xFU];
            } else if (length == 0) {
                out += "\xEF\xBF\xBD";
            } else {
                out += s.substr(0, length);
            }
        }
        s.remove_prefix(length == 0 ? 1 : length);
    }
    out += '"';
}

/** Writes one JSON text to the end of a string, without spaces or line ends.

    Commas are put where they belong. The caller sees to it that what is begun is ended and that every value in an
   object has a name.
*/
class json_writer {
public:
    explicit json_writer(std::string& out) noexcept : out_{&out} {}

    json_writer& begin_object() { return open('{'); }
    json_writer& end_object() { return close('}'); }
    json_writer& begin_array() { return open('['); }
    json_writer& end_array() { return close(']'); }

    json_writer& key(std::string_view name)
    {
        comma();
        append_json_string(*out_, name);
        *out_ += ':';
        first_ = true;
        return *this;
    }

    json_writer& value(std::string_view s)
    {
        comma();
        append_json_string(*out_, s);
        return *this;
    }
    json_writer& value(const char* s) { return value(std::string_view{s}); }  // else a pointer would be a bool
    json_writer& value(std::same_as<bool> auto b) { return raw(b ? "true" : "false"); }
    json_writer& value(std::nullptr_t) { return raw("null"); }

    template <std::integral Integer>
        requires(!std::same_as<Integer, bool> && !std::same_as<Integer, char>)
    json_writer& value(Integer i) { return number(i); }

    /// The shortest text that reads back as the same number. JSON has no NaN and no infinity: these become null.
    json_writer& value(double d) { return std::isfinite(d) ? number(d) : raw("null"); }

    /// A value that is JSON already.
    json_writer& raw(std::string_view json)
    {
        comma();
        *out_ += json;
        return *this;
    }

    template <class T>
    json_writer& member(std::string_view name, const T& v)
    {
        return key(name).value(v);
    }

private:
    template <class Number>
    json_writer& number(Number n)
    {
        std::array<char, 32> text{};
        const auto end = std::to_chars(text.data(), text.data() + text.size(), n).ptr;
        return raw({text.data(), static_cast<std::size_t>(end - text.data())});
    }

    json_writer& open(char c)
    {
        comma();
        *out_ += c;
        first_ = true;
        return *this;
    }
    json_writer& close(char c)
    {
        *out_ += c;
        first_ = false;
        return *this;
    }
    void comma()
    {
        if (!first_)
            *out_ += ',';
        first_ = false;
    }

    std::string* out_;
    bool first_ = true;
};

}  // namespace mayfly::detail
