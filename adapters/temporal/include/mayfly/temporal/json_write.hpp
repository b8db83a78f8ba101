// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/base64.hpp>
#include <mayfly/detail/json_write.hpp>
#include <mayfly/temporal/json_place.hpp>
#include <mayfly/temporal/json_time.hpp>
#include <mayfly/temporal/json_types.hpp>

#include <boost/mp11/algorithm.hpp>

#include <array>
#include <charconv>
#include <chrono>
#include <cmath>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <ranges>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>
#include <variant>

// C++ values to JSON text, straight into the string that is sent. What becomes what: see data_converter.hpp.

namespace mayfly::temporal::detail {

template <class Number>
void append_digits(std::string& out, Number n)
{
    std::array<char, 32> text{};
    const auto end = std::to_chars(text.data(), text.data() + text.size(), n).ptr;
    out.append(text.data(), static_cast<std::size_t>(end - text.data()));
}

[[nodiscard]] inline bool write_text(std::string& out, std::string_view text, const json_place& at)
{
    if (!mayfly::detail::is_utf8(text))
        return at.fail("the text is not UTF-8; send other bytes as std::vector<std::byte>");
    mayfly::detail::append_json_string(out, text);
    return true;
}

/// The shortest text that reads back as the same number, and reads as no integer elsewhere.
template <json_real Real>
[[nodiscard]] bool write_real(std::string& out, Real d, const json_place& at)
{
    if (!std::isfinite(d))
        return at.fail("JSON has no NaN and no infinity");
    const std::size_t begin = out.size();
    append_digits(out, d);
    if (out.find_first_of(".e", begin) == out.npos)
        out += ".0";
    return true;
}

/// Empty if none of the described ones.
template <described_enum E>
[[nodiscard]] std::string_view enumerator_name(E v) noexcept
{
    std::string_view name;
    boost::mp11::mp_for_each<boost::describe::describe_enumerators<E>>([&](auto d) {
        if (d.value == v && name.empty())
            name = d.name;
    });
    return name;
}

[[nodiscard]] inline bool write_native(std::string& out, const boost::json::value& v, const json_place& at);

template <class T>
[[nodiscard]] bool write_json(std::string& out, const T& v, const json_place& at);

template <class K>
[[nodiscard]] bool write_key(std::string& out, const K& key, const json_place& at)
{
    if constexpr (string_like<K>) {
        return write_text(out, key, at);
    } else {
        out += '"';
        if constexpr (described_enum<K>) {
            if (const std::string_view name = enumerator_name(key); !name.empty())
                out += name;
            else
                append_digits(out, static_cast<std::underlying_type_t<K>>(key));
        } else if constexpr (std::is_enum_v<K>) {
            append_digits(out, static_cast<std::underlying_type_t<K>>(key));
        } else {
            append_digits(out, key);
        }
        out += '"';
        return true;
    }
}

template <class K>
[[nodiscard]] std::string_view shown_key(const K& key) noexcept
{
    if constexpr (string_like<K>)
        return key;
    else
        return "a key";
}

template <class Map>
[[nodiscard]] bool write_map(std::string& out, const Map& map, const json_place& at)
{
    using key = typename Map::key_type;
    constexpr bool object = key_like<key>;
    out += object ? '{' : '[';
    bool first = true;
    std::size_t index = 0;
    for (const auto& [k, v] : map) {
        if (!first)
            out += ',';
        first = false;
        if constexpr (object) {
            const json_place here{at, shown_key(k)};
            if (!write_key(out, k, here))
                return false;
            out += ':';
            if (!write_json(out, v, here))
                return false;
        } else {
            const json_place here{at, index++};
            out += '[';
            if (!write_json(out, k, here))
                return false;
            out += ',';
            if (!write_json(out, v, here))
                return false;
            out += ']';
        }
    }
    out += object ? '}' : ']';
    return true;
}

template <class Range>
[[nodiscard]] bool write_range(std::string& out, const Range& range, const json_place& at)
{
    using element = std::ranges::range_value_t<const Range>;
    out += '[';
    std::size_t index = 0;
    for (auto&& e : range) {
        if (index != 0)
            out += ',';
        // Converted, for std::vector<bool>.
        if (!write_json<element>(out, e, json_place{at, index++}))
            return false;
    }
    out += ']';
    return true;
}

template <class Tuple>
[[nodiscard]] bool write_tuple(std::string& out, const Tuple& tuple, const json_place& at)
{
    out += '[';
    std::size_t index = 0;
    const auto one = [&](const auto& e) {
        if (index != 0)
            out += ',';
        return write_json(out, e, json_place{at, index++});
    };
    const bool good = std::apply([&](const auto&... e) { return (one(e) && ...); }, tuple);
    out += ']';
    return good;
}

template <described T>
[[nodiscard]] bool write_described(std::string& out, const T& v, const json_place& at)
{
    out += '{';
    bool good = true;
    bool first = true;
    boost::mp11::mp_for_each<described_members<T>>([&](auto member) {
        if (!good)
            return;
        if (!first)
            out += ',';
        first = false;
        const std::string_view name = member.name;
        out.append("\"").append(name).append("\":");
        good = write_json(out, v.*member.pointer, json_place{at, name});
    });
    out += '}';
    return good;
}

template <class T>
[[nodiscard]] bool write_by_user(std::string& out, const T& v, const json_place& at)
{
    boost::json::value json;
    try {
        tag_invoke(boost::json::value_from_tag{}, json, v);
    } catch (const std::exception& e) {
        return at.fail(std::string("its tag_invoke failed: ") + e.what());
    }
    return write_native(out, json, at);
}

template <class T>
[[nodiscard]] bool write_time(std::string& out, const T& v, const json_place& at)
{
    if constexpr (duration_like<T>) {
        if constexpr (std::floating_point<typename T::rep>) {
            return write_real(out, std::chrono::duration<double>(v).count(), at);
        } else if (const auto t = split(v)) {
            append_seconds(out, *t);
            return true;
        } else {
            return write_real(out, std::chrono::duration<double>(v).count(), at);
        }
    } else {
        const auto whole = std::chrono::floor<std::chrono::seconds>(v);
        const auto rest = std::chrono::floor<std::chrono::nanoseconds>(v - whole);
        out += '"';
        if (!append_time(out, whole.time_since_epoch().count(), rest.count()))
            return at.fail("the year is not between 0 and 9999");
        out += '"';
        return true;
    }
}

/// Appends to `out`, which is of no use after `false`.
template <class T>
[[nodiscard]] bool write_json(std::string& out, const T& v, const json_place& at)
{
    if (at.too_deep())
        return at.fail("nested too deeply");
    if constexpr (null_like<T>) {
        out += "null";
    } else if constexpr (std::same_as<T, bool>) {
        out += v ? "true" : "false";
    } else if constexpr (std::same_as<T, boost::json::value>) {
        return write_native(out, v, at);
    } else if constexpr (std::same_as<T, boost::json::string>) {
        return write_text(out, {v.data(), v.size()}, at);
    } else if constexpr (std::same_as<T, boost::json::object>) {
        out += '{';
        bool first = true;
        for (const auto& [k, e] : v) {
            if (!first)
                out += ',';
            first = false;
            const std::string_view key{k.data(), k.size()};
            const json_place here{at, key};
            if (!write_text(out, key, here))
                return false;
            out += ':';
            if (!write_json<boost::json::value>(out, e, here))
                return false;
        }
        out += '}';
    } else if constexpr (std::same_as<T, boost::json::array>) {
        return write_range(out, v, at);
    } else if constexpr (json_integer<T>) {
        append_digits(out, v);
    } else if constexpr (json_real<T>) {
        return write_real(out, v, at);
    } else if constexpr (optional_like<T>) {
        if (v)
            return write_json(out, *v, at);
        out += "null";
    } else if constexpr (is_a<T, std::variant>) {
        if (v.valueless_by_exception())
            return at.fail("the variant has no value");
        return std::visit([&](const auto& held) { return write_json(out, held, at); }, v);
    } else if constexpr (duration_like<T> || is_time_point<T>) {
        return write_time(out, v, at);
    } else if constexpr (user_writes<T>) {
        return write_by_user(out, v, at);
    } else if constexpr (string_like<T>) {
        return write_text(out, v, at);
    } else if constexpr (described_enum<T>) {
        if (const std::string_view name = enumerator_name(v); !name.empty())
            return write_text(out, name, at);
        append_digits(out, static_cast<std::underlying_type_t<T>>(v));
    } else if constexpr (std::is_enum_v<T>) {
        append_digits(out, static_cast<std::underlying_type_t<T>>(v));
    } else if constexpr (tuple_like<T>) {
        return write_tuple(out, v, at);
    } else if constexpr (bytes_like<T>) {
        out += '"';
        append_base64(out, {reinterpret_cast<const char*>(std::ranges::data(v)), std::ranges::size(v)});
        out += '"';
    } else if constexpr (map_like<T>) {
        return write_map(out, v, at);
    } else if constexpr (std::ranges::input_range<const T>) {
        return write_range(out, v, at);
    } else if constexpr (described<T>) {
        return write_described(out, v, at);
    } else {
        static_assert(none_of_these<T>,
            "this type cannot be written as JSON: describe it with BOOST_DESCRIBE_STRUCT, or write "
            "tag_invoke(boost::json::value_from_tag, boost::json::value&, const T&) beside it");
    }
    return true;
}

inline bool write_native(std::string& out, const boost::json::value& v, const json_place& at)
{
    if (at.too_deep())
        return at.fail("nested too deeply");
    switch (v.kind()) {
    case boost::json::kind::null: break;
    case boost::json::kind::bool_: return write_json(out, v.get_bool(), at);
    case boost::json::kind::int64: return write_json(out, v.get_int64(), at);
    case boost::json::kind::uint64: return write_json(out, v.get_uint64(), at);
    case boost::json::kind::double_: return write_json(out, v.get_double(), at);
    case boost::json::kind::string: return write_json(out, v.get_string(), at);
    case boost::json::kind::array: return write_json(out, v.get_array(), at);
    case boost::json::kind::object: return write_json(out, v.get_object(), at);
    }
    out += "null";
    return true;
}

}  // namespace mayfly::temporal::detail
