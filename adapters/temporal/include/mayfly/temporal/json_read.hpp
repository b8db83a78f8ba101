// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/base64.hpp>
#include <mayfly/temporal/json_place.hpp>
#include <mayfly/temporal/json_time.hpp>
#include <mayfly/temporal/json_types.hpp>
#include <mayfly/temporal/proto/wire.pb.h>

#include <boost/mp11/algorithm.hpp>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <limits>
#include <memory>
#include <optional>
#include <ranges>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>
#include <variant>

// JSON values to C++ values. What becomes what: see data_converter.hpp.

namespace mayfly::temporal::detail {

[[nodiscard]] inline std::string_view kind_name(const boost::json::value& v) noexcept
{
    switch (v.kind()) {
    case boost::json::kind::null: return "null";
    case boost::json::kind::bool_: return "a boolean";
    case boost::json::kind::int64:
    case boost::json::kind::uint64:
    case boost::json::kind::double_: return "a number";
    case boost::json::kind::string: return "a string";
    case boost::json::kind::array: return "an array";
    case boost::json::kind::object: break;
    }
    return "an object";
}

[[nodiscard]] inline std::string_view view(const boost::json::string& s) noexcept
{
    return {s.data(), s.size()};
}

inline std::nullopt_t unexpected(std::string_view what, const boost::json::value& v, const json_place& at)
{
    if (!at.walk().quiet) {
        std::string why = "expected ";
        why.append(what).append(", found ").append(kind_name(v));
        static_cast<void>(at.fail(why));
    }
    return std::nullopt;
}

inline std::nullopt_t refused(std::string_view why, const json_place& at)
{
    static_cast<void>(at.fail(why));
    return std::nullopt;
}

/// Nothing, and the reason in the walk, if it does not fit.
template <class T>
[[nodiscard]] std::optional<T> read_json(const boost::json::value& v, const json_place& at);

template <json_integer T>
[[nodiscard]] std::optional<T> read_integer(const boost::json::value& v, const json_place& at)
{
    if (const auto* const i = v.if_int64()) {
        if (std::in_range<T>(*i))
            return static_cast<T>(*i);
    } else if (const auto* const u = v.if_uint64()) {
        if (std::in_range<T>(*u))
            return static_cast<T>(*u);
    } else if (const auto* const d = v.if_double()) {
        // Languages with one kind of number may write 3.0 for 3. The bound above is a power of two, as max() is not.
        if (*d != std::trunc(*d))
            return refused("expected an integer, found a fraction", at);
        if (*d >= static_cast<double>(std::numeric_limits<T>::min()) &&
            *d < std::ldexp(1.0, std::numeric_limits<T>::digits))
            return static_cast<T>(*d);
    } else {
        return unexpected("an integer", v, at);
    }
    return refused("the number is out of range for this integer", at);
}

template <json_real T>
[[nodiscard]] std::optional<T> read_real(const boost::json::value& v, const json_place& at)
{
    if (const auto* const d = v.if_double()) {
        if constexpr (std::same_as<T, float>) {
            // The shortest text of the largest float is a little more than that, as a double.
            if (std::abs(*d) >= 0x1.ffffffp127)
                return refused("the number is out of range", at);
            constexpr double largest = std::numeric_limits<float>::max();
            return static_cast<float>(std::clamp(*d, -largest, largest));
        } else {
            return *d;
        }
    }
    if (const auto* const i = v.if_int64())
        return static_cast<T>(*i);
    if (const auto* const u = v.if_uint64())
        return static_cast<T>(*u);
    return unexpected("a number", v, at);
}

template <class E>
[[nodiscard]] std::optional<E> enum_of(std::underlying_type_t<E> number) noexcept
{
    if constexpr (fixed_enum<E>) {
        return static_cast<E>(number);
    } else {
        std::optional<E> found;
        boost::mp11::mp_for_each<boost::describe::describe_enumerators<E>>([&](auto d) {
            if (static_cast<std::underlying_type_t<E>>(d.value) == number)
                found = d.value;
        });
        return found;
    }
}

template <described_enum E>
[[nodiscard]] std::optional<E> enum_of(std::string_view name) noexcept
{
    std::optional<E> found;
    boost::mp11::mp_for_each<boost::describe::describe_enumerators<E>>([&](auto d) {
        if (name == d.name)
            found = d.value;
    });
    return found;
}

template <class E>
[[nodiscard]] std::optional<E> read_enum(const boost::json::value& v, const json_place& at)
{
    static_assert(fixed_enum<E> || described_enum<E>,
        "which numbers are values of this enumeration is not known: give it an underlying type, or describe it with "
        "BOOST_DESCRIBE_ENUM");
    if constexpr (described_enum<E>) {
        if (const auto* const s = v.if_string()) {
            if (const auto found = enum_of<E>(view(*s)))
                return found;
        } else if (!v.is_number()) {
            return unexpected("the name of an enumerator", v, at);
        }
        if (v.is_string()) {
            std::string names = "expected one of ";
            boost::mp11::mp_for_each<boost::describe::describe_enumerators<E>>(
                [&](auto d) { names.append(d.name).append(", "); });
            return refused(names + "found another name", at);
        }
    }
    const auto number = read_integer<std::underlying_type_t<E>>(v, at);
    if (!number)
        return std::nullopt;
    const auto found = enum_of<E>(*number);
    return found ? found : refused("the number is none of the enumerators", at);
}

template <class T>
[[nodiscard]] std::optional<T> read_time(const boost::json::value& v, const json_place& at)
{
    if constexpr (duration_like<T>) {
        std::optional<T> out;
        if (const auto* const s = v.if_string()) {
            const auto t = parse_duration(view(*s));
            if (!t)
                return refused("expected seconds, or text as in 1.5s or PT1M30S", at);
            out = joined<T>(*t);
        } else if (const auto* const i = v.if_int64()) {
            out = joined<T>({*i, 0});
        } else if (const auto* const d = v.if_double()) {
            out = from_seconds<T>(*d);
        } else if (!v.is_uint64()) {
            return unexpected("a duration in seconds", v, at);
        }
        return out ? out : refused("the duration is out of range", at);
    } else {
        const auto* const s = v.if_string();
        if (s == nullptr)
            return unexpected("a time as in 2026-01-31T09:30:00Z", v, at);
        const auto t = parse_time(view(*s));
        if (!t)
            return refused("expected a time as in 2026-01-31T09:30:00Z, found other text", at);
        const auto since = joined<typename T::duration>(*t);
        return since ? std::optional<T>{T{*since}} : refused("the time is out of range", at);
    }
}

/// Bytes into a container of them, or into an array of just as many.
template <bytes_like T>
[[nodiscard]] std::optional<T> bytes_of(std::string_view raw)
{
    using byte = std::ranges::range_value_t<const T>;
    T out{};
    if constexpr (is_array<T>) {
        if (raw.size() != out.size())
            return std::nullopt;
    } else {
        out.resize(raw.size());
    }
    std::transform(raw.begin(), raw.end(), std::ranges::begin(out),
        [](char c) { return static_cast<byte>(static_cast<unsigned char>(c)); });
    return out;
}

template <class K>
[[nodiscard]] std::optional<K> read_key(std::string_view text, const json_place& at)
{
    if constexpr (std::constructible_from<K, std::string_view>) {
        return K(text);
    } else {
        if constexpr (described_enum<K>) {
            if (const auto found = enum_of<K>(text))
                return found;
        }
        std::conditional_t<std::is_enum_v<K>, std::int64_t, K> number{};
        const auto [stop, ec] = std::from_chars(text.data(), text.data() + text.size(), number);
        if (ec == std::errc{} && stop == text.data() + text.size()) {
            if constexpr (!std::is_enum_v<K>) {
                return number;
            } else {
                if (std::in_range<std::underlying_type_t<K>>(number)) {
                    if (const auto found = enum_of<K>(static_cast<std::underlying_type_t<K>>(number)))
                        return found;
                }
            }
        }
        return refused("the key does not fit", at);
    }
}

template <class Map>
[[nodiscard]] std::optional<Map> read_map(const boost::json::value& v, const json_place& at)
{
    using key = typename Map::key_type;
    using mapped = typename Map::mapped_type;
    Map out;
    if constexpr (key_like<key>) {
        const auto* const object = v.if_object();
        if (object == nullptr)
            return unexpected("an object", v, at);
        for (const auto& [k, e] : *object) {
            const std::string_view name{k.data(), k.size()};
            const json_place here{at, name};
            auto read = read_key<key>(name, here);
            if (!read)
                return std::nullopt;
            auto item = read_json<mapped>(e, here);
            if (!item)
                return std::nullopt;
            out.emplace(*std::move(read), *std::move(item));
        }
    } else {
        const auto* const array = v.if_array();
        if (array == nullptr)
            return unexpected("an array of keys and values", v, at);
        for (std::size_t i = 0; i < array->size(); ++i) {
            auto item = read_json<std::pair<key, mapped>>((*array)[i], json_place{at, i});
            if (!item)
                return std::nullopt;
            out.emplace(std::move(item->first), std::move(item->second));
        }
    }
    return out;
}

template <class Range>
[[nodiscard]] std::optional<Range> read_range(const boost::json::value& v, const json_place& at)
{
    using element = std::ranges::range_value_t<Range>;
    const auto* const array = v.if_array();
    if (array == nullptr)
        return unexpected("an array", v, at);
    Range out{};
    if constexpr (is_array<Range>) {
        if (array->size() != out.size())
            return refused("expected an array of " + std::to_string(out.size()) + ", found another length", at);
    } else if constexpr (requires { out.reserve(array->size()); }) {
        out.reserve(array->size());
    }
    for (std::size_t i = 0; i < array->size(); ++i) {
        auto e = read_json<element>((*array)[i], json_place{at, i});
        if (!e)
            return std::nullopt;
        if constexpr (is_array<Range>)
            out[i] = *std::move(e);
        else
            out.insert(out.end(), *std::move(e));
    }
    return out;
}

template <class Tuple>
[[nodiscard]] std::optional<Tuple> read_tuple(const boost::json::value& v, const json_place& at)
{
    constexpr std::size_t size = std::tuple_size_v<Tuple>;
    const auto* const array = v.if_array();
    if (array == nullptr)
        return unexpected("an array", v, at);
    if (array->size() != size)
        return refused("expected an array of " + std::to_string(size) + ", found another length", at);
    return [&]<std::size_t... I>(std::index_sequence<I...>)->std::optional<Tuple>
    {
        std::tuple<std::optional<std::tuple_element_t<I, Tuple>>...> parts;
        [[maybe_unused]] const auto one = [&]<std::size_t N>(std::integral_constant<std::size_t, N>) {
            auto& part = std::get<N>(parts);
            part = read_json<std::tuple_element_t<N, Tuple>>((*array)[N], json_place{at, N});
            return part.has_value();
        };
        if (!(one(std::integral_constant<std::size_t, I>{}) && ...))
            return std::nullopt;
        return Tuple(*std::move(std::get<I>(parts))...);
    }
    (std::make_index_sequence<size>{});
}

/// The first alternative that fits.
template <class Variant>
[[nodiscard]] std::optional<Variant> read_variant(const boost::json::value& v, const json_place& at)
{
    std::optional<Variant> out;
    json_walk& walk = at.walk();
    const bool was_quiet = std::exchange(walk.quiet, true);
    bool last = false;
    boost::mp11::mp_for_each<boost::mp11::mp_iota_c<std::variant_size_v<Variant>>>([&](auto i) {
        if (out || last)
            return;
        if (auto held = read_json<std::variant_alternative_t<i, Variant>>(v, at))
            out.emplace(std::in_place_index<i>, *std::move(held));
        else
            last = walk.failures_left == 0 || --walk.failures_left == 0;
    });
    walk.quiet = was_quiet;
    if (out)
        return out;
    if (last)
        return refused("too many alternatives were tried", at);
    return unexpected("one of " + std::to_string(std::variant_size_v<Variant>) + " alternatives", v, at);
}

template <described T>
[[nodiscard]] std::optional<T> read_described(const boost::json::value& v, const json_place& at)
{
    const auto* const object = v.if_object();
    if (object == nullptr)
        return unexpected("an object", v, at);
    std::optional<T> out{std::in_place};
    boost::mp11::mp_for_each<described_members<T>>([&](auto member) {
        if (!out)
            return;
        const std::string_view name = member.name;
        const auto* const found = object->if_contains({name.data(), name.size()});
        if (found == nullptr)
            return;
        auto& target = *out.*member.pointer;
        if (auto read = read_json<std::remove_cvref_t<decltype(target)>>(*found, json_place{at, name}))
            target = *std::move(read);
        else
            out.reset();
    });
    return out;
}

template <class T>
[[nodiscard]] std::optional<T> read_by_user(const boost::json::value& v, const json_place& at)
{
    try {
        if constexpr (user_tries_to_read<T>) {
            auto read = tag_invoke(boost::json::try_value_to_tag<T>{}, v);
            if (read)
                return *std::move(read);
            return refused("its tag_invoke failed: " + read.error().message(), at);
        } else {
            return tag_invoke(boost::json::value_to_tag<T>{}, v);
        }
    } catch (const std::exception& e) {
        return refused(std::string("its tag_invoke failed: ") + e.what(), at);
    }
}

/// Of protobuf's messages those that have a JSON of their own.
template <message_like T>
[[nodiscard]] std::optional<T> read_message(const boost::json::value& v, const json_place& at)
{
    if constexpr (one_of<T, wire::Timestamp, wire::Duration>) {
        const auto* const s = v.if_string();
        if (s == nullptr)
            return unexpected("a string", v, at);
        const auto t = std::same_as<T, wire::Timestamp> ? parse_time(view(*s)) : parse_duration(view(*s));
        if (!t)
            return refused("the text is not what this message has in JSON", at);
        T out;
        out.set_seconds(t->seconds);
        out.set_nanos(static_cast<std::int32_t>(t->ns));
        return out;
    } else {
        return refused("this program cannot read this message from JSON, for protobuf's lite library cannot: have it "
                       "sent as binary/protobuf, or write tag_invoke(boost::json::value_to_tag<T>, const "
                       "boost::json::value&) for it",
            at);
    }
}

template <class T>
std::optional<T> read_json(const boost::json::value& v, const json_place& at)
{
    if constexpr (null_like<T>) {
        if (!v.is_null())
            return unexpected("null", v, at);
        if constexpr (std::same_as<T, std::nullopt_t>)
            return std::optional<T>{std::in_place, std::nullopt};
        else
            return T{};
    } else if constexpr (std::same_as<T, bool>) {
        const auto* const b = v.if_bool();
        return b != nullptr ? std::optional{*b} : unexpected("a boolean", v, at);
    } else if constexpr (std::same_as<T, boost::json::value>) {
        // With memory of its own: a plain copy would share that of the text's.
        return std::optional<T>{std::in_place, v, boost::json::storage_ptr{}};
    } else if constexpr (std::same_as<T, boost::json::object>) {
        return v.is_object() ? std::optional<T>{std::in_place, v.get_object(), boost::json::storage_ptr{}}
                             : unexpected("an object", v, at);
    } else if constexpr (std::same_as<T, boost::json::array>) {
        return v.is_array() ? std::optional<T>{std::in_place, v.get_array(), boost::json::storage_ptr{}}
                            : unexpected("an array", v, at);
    } else if constexpr (std::same_as<T, boost::json::string>) {
        return v.is_string() ? std::optional<T>{std::in_place, v.get_string(), boost::json::storage_ptr{}}
                             : unexpected("a string", v, at);
    } else if constexpr (json_integer<T>) {
        return read_integer<T>(v, at);
    } else if constexpr (json_real<T>) {
        return read_real<T>(v, at);
    } else if constexpr (optional_like<T>) {
        if (v.is_null())
            return std::optional<T>{std::in_place};
        using element = typename std::pointer_traits<std::conditional_t<is_a<T, std::optional>,
            std::remove_reference_t<decltype(*std::declval<T&>())>*, T>>::element_type;
        auto read = read_json<std::remove_cv_t<element>>(v, at);
        if (!read)
            return std::nullopt;
        if constexpr (is_a<T, std::optional>)
            return std::optional<T>{std::in_place, *std::move(read)};
        else
            return T{new element(*std::move(read))};
    } else if constexpr (is_a<T, std::variant>) {
        return read_variant<T>(v, at);
    } else if constexpr (duration_like<T> || is_time_point<T>) {
        return read_time<T>(v, at);
    } else if constexpr (user_reads<T>) {
        return read_by_user<T>(v, at);
    } else if constexpr (message_like<T>) {
        return read_message<T>(v, at);
    } else if constexpr (string_like<T>) {
        static_assert(std::constructible_from<T, const char*, std::size_t> && !std::is_trivially_copyable_v<T>,
            "this type only refers to text, which would be gone: read a std::string");
        const auto* const s = v.if_string();
        return s != nullptr ? std::optional<T>{std::in_place, s->data(), s->size()} : unexpected("a string", v, at);
    } else if constexpr (std::is_enum_v<T>) {
        return read_enum<T>(v, at);
    } else if constexpr (tuple_like<T>) {
        return read_tuple<T>(v, at);
    } else if constexpr (bytes_like<T>) {
        static_assert(!std::ranges::view<T>, "this type only refers to bytes, which would be gone: read a vector");
        const auto* const s = v.if_string();
        if (s == nullptr)
            return unexpected("bytes in base64", v, at);
        const auto raw = from_base64(view(*s), base64_form::liberal);
        if (!raw)
            return refused("expected bytes in base64, found other text", at);
        auto out = bytes_of<T>(*raw);
        return out ? std::move(out) : refused("expected another number of bytes", at);
    } else if constexpr (map_like<T>) {
        return read_map<T>(v, at);
    } else if constexpr (std::ranges::input_range<T>) {
        return read_range<T>(v, at);
    } else if constexpr (described<T>) {
        return read_described<T>(v, at);
    } else {
        static_assert(none_of_these<T>,
            "this type cannot be read from JSON: describe it with BOOST_DESCRIBE_STRUCT, or write "
            "tag_invoke(boost::json::value_to_tag<T>, const boost::json::value&) beside it");
    }
}

}  // namespace mayfly::temporal::detail
