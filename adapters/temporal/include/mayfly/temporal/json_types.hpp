// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <boost/describe/enumerators.hpp>
#include <boost/describe/members.hpp>
#include <boost/json/object.hpp>
#include <boost/json/value.hpp>
#include <boost/json/value_from.hpp>
#include <boost/json/value_to.hpp>

#include <google/protobuf/message_lite.h>

#include <array>
#include <chrono>
#include <concepts>
#include <cstddef>
#include <memory>
#include <optional>
#include <ranges>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>
#include <variant>

// Which C++ types are what in JSON. The first that fits counts, in the order in which json_write.hpp asks.

namespace mayfly::temporal::detail {

template <class T, template <class...> class Template>
inline constexpr bool is_a = false;
template <template <class...> class Template, class... A>
inline constexpr bool is_a<Template<A...>, Template> = true;

template <class T>
inline constexpr bool is_array = false;
template <class T, std::size_t N>
inline constexpr bool is_array<std::array<T, N>> = true;

template <class T>
inline constexpr bool is_time_point = false;
template <class D>
inline constexpr bool is_time_point<std::chrono::time_point<std::chrono::system_clock, D>> = true;

template <class T, class... Others>
concept one_of = (std::same_as<T, Others> || ...);

template <class T>
concept null_like = one_of<T, std::nullptr_t, std::monostate, std::nullopt_t>;

template <class T>
concept optional_like = is_a<T, std::optional> || is_a<T, std::unique_ptr> || is_a<T, std::shared_ptr>;

template <class T>
concept json_native = one_of<T, boost::json::value, boost::json::object, boost::json::array, boost::json::string>;

template <class T>
concept json_integer = std::integral<T> && sizeof(T) <= 8 &&
                       !one_of<T, bool, char, wchar_t, char8_t, char16_t, char32_t>;

template <class T>
concept json_real = one_of<T, float, double>;

template <class T>
concept duration_like = is_a<T, std::chrono::duration>;

template <class T>
concept message_like = std::derived_from<T, google::protobuf::MessageLite>;

/// `tag_invoke` of Boost.JSON, written for the type by its owner.
template <class T>
concept user_writes = requires(boost::json::value& json, const T& v)
{
    tag_invoke(boost::json::value_from_tag{}, json, v);
};
template <class T>
concept user_tries_to_read = requires(const boost::json::value& json)
{
    tag_invoke(boost::json::try_value_to_tag<T>{}, json);
};
template <class T>
concept user_reads = user_tries_to_read<T> || requires(const boost::json::value& json)
{
    tag_invoke(boost::json::value_to_tag<T>{}, json);
};

template <class T>
concept string_like = std::convertible_to<const T&, std::string_view> && !std::same_as<T, std::nullptr_t>;

/// Bytes, as opposed to a list of small numbers.
template <class T>
concept bytes_like = std::ranges::contiguous_range<const T> && !string_like<T> &&
                     one_of<std::ranges::range_value_t<const T>, std::byte, unsigned char>;

template <class T>
concept map_like = std::ranges::input_range<const T> && requires
{
    typename T::key_type;
    typename T::mapped_type;
};

/// Keys of objects: text, and what is written as text.
template <class T>
concept key_like = string_like<T> || json_integer<T> || std::is_enum_v<T>;

template <class T>
concept tuple_like = is_a<T, std::pair> || is_a<T, std::tuple>;

template <class T>
concept described = boost::describe::has_describe_members<T>::value && !std::is_union_v<T>;

template <class T>
concept described_enum = std::is_enum_v<T> && boost::describe::has_describe_enumerators<T>::value;

/// All values of the type beneath are values of such an enumeration.
template <class T>
concept fixed_enum = std::is_enum_v<T> && requires
{
    T{0};
};

template <class T>
using described_members =
    boost::describe::describe_members<T, boost::describe::mod_any_access | boost::describe::mod_inherited>;

/// Nothing of the JSON that it is read from can live on in it.
template <class T>
concept plain_value =
    one_of<T, bool, std::string> || json_integer<T> || json_real<T> || duration_like<T> || is_time_point<T>;

template <class>
inline constexpr bool none_of_these = false;

}  // namespace mayfly::temporal::detail
