// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

namespace mayfly::detail {

/// One JSON value, with the place it was read from. Objects keep the order of their members.
struct json_value {
    enum class kind : std::uint8_t { null, boolean, number, string, array, object };

    kind is = kind::null;
    bool boolean = false;
    double number = 0;              ///< Finite.
    std::string text;               ///< A string's content, or a number as it was written.
    std::vector<json_value> items;  ///< The elements of an array, the values of an object.
    std::vector<std::string> keys;  ///< An object's names: `keys[i]` belongs to `items[i]`. No name comes twice.
    std::uint32_t line = 1;         ///< From 1.
    std::uint32_t column = 1;       ///< From 1, in bytes.

    [[nodiscard]] bool is_null() const noexcept { return is == kind::null; }
    [[nodiscard]] bool is_boolean() const noexcept { return is == kind::boolean; }
    [[nodiscard]] bool is_number() const noexcept { return is == kind::number; }
    [[nodiscard]] bool is_string() const noexcept { return is == kind::string; }
    [[nodiscard]] bool is_array() const noexcept { return is == kind::array; }
    [[nodiscard]] bool is_object() const noexcept { return is == kind::object; }

    /// The member of that name, or null. Null too if this is no object.
    [[nodiscard]] const json_value* find(std::string_view key) const noexcept
    {
        const auto at = std::find(keys.begin(), keys.end(), key);
        return at == keys.end() ? nullptr : &items[static_cast<std::size_t>(at - keys.begin())];
    }

    /// The number, if it was written as an integer that fits. Exact also where a double is not.
    template <class Integer>
    [[nodiscard]] std::optional<Integer> as() const noexcept
    {
        Integer out{};
        const char* const end = text.data() + text.size();
        if (!is_number())
            return std::nullopt;
        const auto [stop, ec] = std::from_chars(text.data(), end, out);
        return ec == std::errc{} && stop == end ? std::optional<Integer>(out) : std::nullopt;
    }
};

[[nodiscard]] constexpr std::string_view to_string(json_value::kind k) noexcept
{
    switch (k) {
    case json_value::kind::null: return "null";
    case json_value::kind::boolean: return "a boolean";
    case json_value::kind::number: return "a number";
    case json_value::kind::string: return "a string";
    case json_value::kind::array: return "an array";
    case json_value::kind::object: return "an object";
    }
    return "unknown";
}

/// What `read_json` returns: the value, or where and why the text is not JSON.
struct json_document {
    json_value root;
    std::string error;  ///< Empty if the text was read.

    [[nodiscard]] explicit operator bool() const noexcept { return error.empty(); }
};

class json_reader {
public:
    json_reader(std::string_view text, std::uint32_t max_depth) : text_(text), depth_left_(max_depth) {}

    json_document document()
    {
        json_document doc;
        skip_space();
        if (value(doc.root)) {
            skip_space();
            if (at_ != text_.size())
                fail("nothing may follow the value");
        }
        doc.error = std::move(error_);
        return doc;
    }

private:
    bool fail(std::string_view why)
    {
        if (error_.empty()) {
            error_ = "line " + std::to_string(line_) + ", column " + std::to_string(column()) + ": ";
            error_ += why;
        }
        return false;
    }

    [[nodiscard]] std::uint32_t column() const noexcept { return static_cast<std::uint32_t>(at_ - line_start_ + 1); }
    [[nodiscard]] bool ended() const noexcept { return at_ == text_.size(); }
    [[nodiscard]] char peek() const noexcept { return ended() ? '\0' : text_[at_]; }
    [[nodiscard]] bool digit() const noexcept { return peek() >= '0' && peek() <= '9'; }

    bool take(char c) noexcept
    {
        if (ended() || text_[at_] != c)
            return false;
        ++at_;
        return true;
    }

    void skip_space() noexcept
    {
        for (; at_ != text_.size(); ++at_) {
            const char c = text_[at_];
            if (c == '\n') {
                ++line_;
                line_start_ = at_ + 1;
            } else if (c != ' ' && c != '\t' && c != '\r') {
                return;
            }
        }
    }

    bool value(json_value& out)
    {
        out.line = line_;
        out.column = column();
        switch (peek()) {
        case '{': return nested(out, json_value::kind::object, '}');
        case '[': return nested(out, json_value::kind::array, ']');
        case '"': out.is = json_value::kind::string; return string(out.text);
        case 't': return word("true", out, json_value::kind::boolean, true);
        case 'f': return word("false", out, json_value::kind::boolean, false);
        case 'n': return word("null", out, json_value::kind::null, false);
        default: return number(out);
        }
    }

    bool word(std::string_view w, json_value& out, json_value::kind k, bool b)
    {
        if (text_.substr(at_, w.size()) != w)
            return fail("a value was expected");
        at_ += w.size();
        out.is = k;
        out.boolean = b;
        return true;
    }

    bool nested(json_value& out, json_value::kind k, char close)
    {
        if (depth_left_ == 0)
            return fail("nested too deeply");
        --depth_left_;
        out.is = k;
        ++at_;
        skip_space();
        if (!take(close)) {
            for (;;) {
                if (k == json_value::kind::object && !key(out))
                    return false;
                if (!value(out.items.emplace_back()))
                    return false;
                skip_space();
                if (take(close))
                    break;
                if (!take(','))
                    return fail(k == json_value::kind::object ? "',' or '}' was expected" : "',' or ']' was expected");
                skip_space();
            }
        }
        ++depth_left_;
        return k == json_value::kind::array || distinct(out);
    }

    bool key(json_value& out)
    {
        if (peek() != '"')
            return fail("a name in quotes was expected");
        if (!string(out.keys.emplace_back()))
            return false;
        skip_space();
        if (!take(':'))
            return fail("':' was expected");
        skip_space();
        return true;
    }

    // Sorted, not compared pair by pair: an object of a million names must not take minutes.
    bool distinct(const json_value& object)
    {
        std::vector<std::string_view> names(object.keys.begin(), object.keys.end());
        std::sort(names.begin(), names.end());
        const auto twice = std::adjacent_find(names.begin(), names.end());
        return twice == names.end() || fail("the name \"" + std::string(*twice) + "\" comes twice in this object");
    }

    bool number(json_value& out)
    {
        const std::size_t begin = at_;
        take('-');
        if (!digit())
            return fail("a value was expected");
        if (!take('0'))
            skip_digits();
        if (take('.')) {
            if (!digit())
                return fail("a digit was expected");
            skip_digits();
        }
        if (take('e') || take('E')) {
            if (!take('+'))
                take('-');
            if (!digit())
                return fail("a digit was expected");
            skip_digits();
        }
        out.is = json_value::kind::number;
        out.text.assign(text_.substr(begin, at_ - begin));
        const auto read = std::from_chars(out.text.data(), out.text.data() + out.text.size(), out.number);
        if (read.ec != std::errc{})
            return fail("the number is out of range");
        return true;
    }

    void skip_digits() noexcept
    {
        while (digit())
            ++at_;
    }

    bool string(std::string& out)
    {
        ++at_;
        for (;;) {
            if (ended())
                return fail("the string does not end");
            const auto c = static_cast<unsigned char>(text_[at_]);
            if (c < 0x20)
                return fail("a control character in a string must be escaped");
            ++at_;
            if (c == '"')
                return true;
            if (c != '\\')
                out += static_cast<char>(c);
            else if (!escape(out))
                return false;
        }
    }

    bool escape(std::string& out)
    {
        const char c = peek();
        constexpr std::string_view from = "\"\\/bfnrt";
        constexpr std::string_view to = "\"\\/\b\f\n\r\t";
        if (const auto i = from.find(c); !ended() && i != std::string_view::npos) {
            ++at_;
            out += to[i];
            return true;
        }
        if (!take('u'))
            return fail("no such escape");
        std::uint32_t point = 0;
        if (!hex4(point))
            return false;
        if (point >= 0xD800 && point < 0xDC00) {
            std::uint32_t low = 0;
            if (!take('\\') || !take('u') || !hex4(low) || low < 0xDC00 || low > 0xDFFF)
                return fail("half of a surrogate pair");
            point = 0x10000 + ((point - 0xD800) << 10) + (low - 0xDC00);
        } else if (point >= 0xDC00 && point < 0xE000) {
            return fail("half of a surrogate pair");
        }
        append_utf8(out, point);
        return true;
    }

    bool hex4(std::uint32_t& out)
    {
        const std::string_view four = text_.substr(at_, 4);
        const auto [stop, ec] = std::from_chars(four.data(), four.data() + four.size(), out, 16);
        if (four.size() != 4 || ec != std::errc{} || stop != four.data() + 4)
            return fail("four hexadecimal digits were expected");
        at_ += 4;
        return true;
    }

    static void append_utf8(std::string& out, std::uint32_t p)
    {
        const auto put = [&out](std::uint32_t byte) { out += static_cast<char>(static_cast<unsigned char>(byte)); };
        if (p < 0x80) {
            put(p);
        } else if (p < 0x800) {
            put(0xC0 | p >> 6);
            put(0x80 | (p & 0x3F));
        } else if (p < 0x10000) {
            put(0xE0 | p >> 12);
            put(0x80 | (p >> 6 & 0x3F));
            put(0x80 | (p & 0x3F));
        } else {
            put(0xF0 | p >> 18);
            put(0x80 | (p >> 12 & 0x3F));
            put(0x80 | (p >> 6 & 0x3F));
            put(0x80 | (p & 0x3F));
        }
    }

    std::string_view text_;
    std::uint32_t depth_left_;
    std::size_t at_ = 0;
    std::size_t line_start_ = 0;
    std::uint32_t line_ = 1;
    std::string error_;
};

/// Reads one JSON text (RFC 8259, nothing more) of at most `max_depth` nested arrays and objects.
[[nodiscard]] inline json_document read_json(std::string_view text, std::uint32_t max_depth = 32)
{
    return json_reader(text, max_depth).document();
}

}  // namespace mayfly::detail
