// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/clock.hpp>
#include <mayfly/deployment.hpp>
#include <mayfly/detail/json_read.hpp>
#include <mayfly/detail/json_write.hpp>

#include <charconv>
#include <cmath>
#include <concepts>
#include <cstddef>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

// A struct's fields are named once, in a static member `fields(visit, object)` or an overload of it in this namespace,
// and from that list both written and read. Times are whole microseconds. An absent optional is no member. A string
// that is not UTF-8 stands in hex, under its name and `_hex`. What has no such overload is a list of items.

namespace mayfly::detail {

template <class T, class U>
concept Is = std::same_as<std::remove_const_t<T>, U>;

template <class T>
inline constexpr bool is_optional = false;
template <class T>
inline constexpr bool is_optional<std::optional<T>> = true;

/// The enumerator of that name. Enumerators begin at zero, and `to_string` says "unknown" behind the last.
template <class E>
[[nodiscard]] std::optional<E> enumerator(std::string_view name) noexcept
{
    for (unsigned i = 0; to_string(static_cast<E>(i)) != "unknown"; ++i)
        if (to_string(static_cast<E>(i)) == name)
            return static_cast<E>(i);
    return std::nullopt;
}

[[nodiscard]] inline std::string to_hex(std::string_view bytes)
{
    constexpr std::string_view digits = "0123456789abcdef";
    std::string out;
    for (const char c : bytes) {
        out += digits[static_cast<unsigned char>(c) >> 4U];
        out += digits[static_cast<unsigned char>(c) & 0xFU];
    }
    return out;
}

/// What `to_hex` wrote, or nothing.
[[nodiscard]] inline std::optional<std::string> from_hex(std::string_view text)
{
    if (text.size() % 2 != 0)
        return std::nullopt;
    std::string out;
    for (; !text.empty(); text.remove_prefix(2)) {
        unsigned byte = 0;
        const char* const end = text.data() + 2;
        if (std::from_chars(text.data(), end, byte, 16).ptr != end)
            return std::nullopt;
        out += static_cast<char>(byte);
    }
    return out;
}

template <class T, class F>
concept NamesFields = requires(F& f, T& v)
{
    std::remove_const_t<T>::fields(f, v);
};

/// The type's own list, or the one kept in this namespace.
template <class F, class T>
    requires NamesFields<T, F> || requires(F& f, T& v)
    {
        fields(f, v);
    }
void visit_fields(F& f, T& v)
{
    if constexpr (NamesFields<T, F>)
        std::remove_const_t<T>::fields(f, v);
    else
        fields(f, v);
}

/// Writes each field that it is shown.
struct json_out {
    json_writer* to;

    template <class T>
    void operator()(std::string_view name, const T& v)
    {
        if constexpr (is_optional<T>) {
            if (v)
                (*this)(name, *v);
        } else {
            if constexpr (std::convertible_to<const T&, std::string_view>) {
                if (!is_utf8(v)) {
                    to->key(std::string(name) + "_hex").value(to_hex(v));
                    return;
                }
            }
            to->key(name);
            put(v);
        }
    }

    template <class T>
    void put(const T& v)
    {
        if constexpr (std::is_enum_v<T>) {
            to->value(to_string(v));
        } else if constexpr (std::same_as<T, uptime>) {
            to->value(v.count());
        } else if constexpr (std::floating_point<T>) {
            // JSON has no such numbers, and what a source told must come back as it was.
            if (std::isfinite(v))
                to->value(static_cast<double>(v));
            else
                to->value(std::isnan(v) ? "nan" : v > 0 ? "inf" : "-inf");
        } else if constexpr (std::integral<T>) {
            to->value(v);
        } else if constexpr (std::convertible_to<const T&, std::string_view>) {
            to->value(std::string_view{v});
        } else if constexpr (std::same_as<T, task_types>) {
            to->begin_array();
            for (task_type t : all_task_types)
                if (v.contains(t))
                    to->value(to_string(t));
            to->end_array();
        } else if constexpr (requires(json_out & f) { visit_fields(f, v); }) {
            to->begin_object();
            visit_fields(*this, v);
            to->end_object();
        } else {
            to->begin_array();
            for (const auto& item : v)
                put(item);
            to->end_array();
        }
    }
};

/// Reads each field that it is shown. The first failure is kept, and what is read after it means nothing.
struct json_in {
    const json_value* from;
    std::string* error;

    template <class T>
    void operator()(std::string_view name, T& out)
    {
        const json_value* const v = from->find(name);
        if constexpr (std::same_as<T, std::string> || std::same_as<T, std::optional<std::string>>) {
            const std::string in_hex = std::string(name) + "_hex";
            if (const json_value* const hex = v == nullptr ? from->find(in_hex) : nullptr) {
                std::optional<std::string> bytes = hex->is_string() ? from_hex(hex->text) : std::nullopt;
                if (bytes)
                    out = std::move(*bytes);
                else
                    fail(in_hex, "must be a string of two hexadecimal digits for each byte");
                return;
            }
        }
        if constexpr (is_optional<T>) {
            out.reset();
            if (v != nullptr)
                take(name, *v, out.emplace());
        } else if (v == nullptr) {
            fail(name, "is missing");
        } else {
            take(name, *v, out);
        }
    }

    void fail(std::string_view name, std::string_view why) const
    {
        if (error->empty())
            error->append("\"").append(name).append("\" ").append(why);
    }

    template <class T>
    void take(std::string_view name, const json_value& v, T& out)
    {
        if constexpr (std::is_enum_v<T>) {
            if (const auto e = enumerator<T>(v.is_string() ? v.text : ""))
                out = *e;
            else
                fail(name, "is none of the names that are known here");
        } else if constexpr (std::same_as<T, uptime>) {
            if (const auto n = v.template as<uptime::rep>())
                out = uptime{*n};
            else
                fail(name, "must be whole microseconds");
        } else if constexpr (std::floating_point<T>) {
            constexpr double inf = std::numeric_limits<double>::infinity();
            if (v.is_number())
                out = static_cast<T>(v.number);
            else if (v.is_string() && (v.text == "inf" || v.text == "-inf"))
                out = static_cast<T>(v.text == "inf" ? inf : -inf);
            else if (v.is_string() && v.text == "nan")
                out = std::numeric_limits<T>::quiet_NaN();
            else
                fail(name, "must be a number");
        } else if constexpr (std::same_as<T, bool>) {
            out = v.boolean;
            if (!v.is_boolean())
                fail(name, "must be true or false");
        } else if constexpr (std::integral<T>) {
            if (const auto n = v.template as<T>())
                out = *n;
            else
                fail(name, "must be a whole number that fits");
        } else if constexpr (std::same_as<T, std::string>) {
            out = v.text;
            if (!v.is_string())
                fail(name, "must be a string");
        } else if constexpr (std::same_as<T, task_types>) {
            out = {};
            if (!v.is_array())
                fail(name, "must be an array");
            for (const json_value& item : v.items) {
                task_type t{};
                take(name, item, t);
                out.insert(t);
            }
        } else if constexpr (requires(json_in & f) { visit_fields(f, out); }) {
            if (!v.is_object())
                return fail(name, "must be an object");
            json_in inside{&v, error};
            visit_fields(inside, out);
        } else {
            if (!v.is_array())
                return fail(name, "must be an array");
            if constexpr (requires { out.resize(v.items.size()); })
                out.resize(v.items.size());
            if (out.size() != v.items.size())
                return fail(name, "must have as many items as there are");
            for (std::size_t i = 0; i < v.items.size(); ++i)
                take(name, v.items[i], out[i]);
        }
    }
};

}  // namespace mayfly::detail
