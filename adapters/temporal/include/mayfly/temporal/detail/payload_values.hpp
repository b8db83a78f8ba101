// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/temporal/conversion_error.hpp>
#include <mayfly/temporal/json_parse.hpp>
#include <mayfly/temporal/json_read.hpp>
#include <mayfly/temporal/json_write.hpp>
#include <mayfly/temporal/proto/common.pb.h>

#include <boost/json/monotonic_resource.hpp>
#include <boost/json/storage_ptr.hpp>

#include <concepts>
#include <cstddef>
#include <limits>
#include <memory>
#include <optional>
#include <ranges>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <variant>

namespace mayfly::temporal {

/// A payload as it is, past all conversion; codecs apply to it still.
struct raw_payload {
    ::temporal::api::common::v1::Payload payload{};
};

namespace detail {

using ::temporal::api::common::v1::Payload;

inline constexpr std::string_view binary_null = "binary/null";
inline constexpr std::string_view binary_plain = "binary/plain";
inline constexpr std::string_view json_protobuf = "json/protobuf";
inline constexpr std::string_view binary_protobuf = "binary/protobuf";
inline constexpr std::string_view json_plain = "json/plain";

/// As the official definitions call it, not as C++ has to.
[[nodiscard]] inline std::string message_name(const google::protobuf::MessageLite& message)
{
    std::string name = message.GetTypeName();
    constexpr std::string_view wire = "mayfly.temporal.wire.";
    constexpr std::string_view name_space = "temporal.api.namespace_.";
    if (name.starts_with(wire))
        name.replace(0, wire.size(), "google.protobuf.");
    else if (name.starts_with(name_space))
        name.replace(0, name_space.size(), "temporal.api.namespace.");
    return name;
}

inline void set_metadata(Payload& out, const char* key, std::string_view value)
{
    (*out.mutable_metadata())[key].assign(value);
}

/// The metadata of that name; empty if there is none.
[[nodiscard]] inline std::string_view metadata(const Payload& p, const char* key)
{
    const auto found = p.metadata().find(key);
    return found == p.metadata().end() ? std::string_view{} : std::string_view{found->second};
}

/// Writes what `v` is into `out`, or says why not.
template <class T>
[[nodiscard]] std::string write_payload(const T& v, Payload& out)
{
    static_assert(!std::same_as<T, Payload>, "to send a payload as it is, wrap it in a raw_payload");
    if constexpr (std::same_as<T, raw_payload>) {
        out = v.payload;
    } else if constexpr (null_like<T>) {
        set_metadata(out, "encoding", binary_null);
    } else if constexpr (optional_like<T>) {
        if (v)
            return write_payload(*v, out);
        set_metadata(out, "encoding", binary_null);
    } else if constexpr (is_a<T, std::variant>) {
        if (v.valueless_by_exception())
            return "the variant has no value";
        return std::visit([&out](const auto& held) { return write_payload(held, out); }, v);
    } else if constexpr (bytes_like<T> && !user_writes<T>) {
        set_metadata(out, "encoding", binary_plain);
        const auto* const data = std::ranges::data(v);
        const auto size = static_cast<std::size_t>(std::ranges::size(v));
        if (size != 0)
            out.set_data(static_cast<const void*>(data), size);
        else
            out.mutable_data();
    } else if constexpr (message_like<T>) {
        if (!v.IsInitialized())
            return std::string(binary_protobuf) + ": a required field of " + message_name(v) + " is missing";
        if (!v.SerializePartialToString(out.mutable_data()))
            return std::string(binary_protobuf) + ": the " + message_name(v) + " is larger than 2 GiB";
        set_metadata(out, "encoding", binary_protobuf);
        set_metadata(out, "messageType", message_name(v));
    } else {
        if constexpr (std::same_as<T, boost::json::value>) {
            if (v.is_null()) {
                set_metadata(out, "encoding", binary_null);
                return {};
            }
        }
        json_walk walk;
        if (!write_json(*out.mutable_data(), v, json_place{walk}))
            return std::string(json_plain) + ": " + walk.error;
        set_metadata(out, "encoding", json_plain);
    }
    return {};
}

template <class T>
[[nodiscard]] converted<Payload> value_to_payload(const T& v)
{
    Payload out;
    if (std::string error = write_payload(v, out); !error.empty())
        return conversion_error{std::move(error)};
    return out;
}

/// `Read<U>` for what is within optionals and pointers, and for the alternatives of a variant.
template <class T, class Read>
[[nodiscard]] std::optional<T> unwrapped(const Read& read)
{
    if constexpr (is_a<T, std::optional>) {
        auto inner = unwrapped<typename T::value_type>(read);
        return inner ? std::optional<T>{std::in_place, *std::move(inner)} : std::nullopt;
    } else if constexpr (optional_like<T>) {
        using element = typename T::element_type;
        auto inner = unwrapped<std::remove_cv_t<element>>(read);
        return inner ? std::optional<T>{new element(*std::move(inner))} : std::nullopt;
    } else if constexpr (is_a<T, std::variant>) {
        std::optional<T> out;
        boost::mp11::mp_for_each<boost::mp11::mp_iota_c<std::variant_size_v<T>>>([&](auto i) {
            if (out)
                return;
            if (auto held = unwrapped<std::variant_alternative_t<i, T>>(read))
                out.emplace(std::in_place_index<i>, *std::move(held));
        });
        return out;
    } else {
        return read(std::type_identity<T>{});
    }
}

template <class T>
[[nodiscard]] std::optional<T> read_plain(const Payload& p, std::string& error)
{
    return unwrapped<T>([&]<class U>(std::type_identity<U>) -> std::optional<U> {
        if constexpr (bytes_like<U>) {
            static_assert(!std::ranges::view<U>, "this type only refers to bytes, which would be gone: read a vector");
            if (auto out = bytes_of<U>(p.data()))
                return out;
            error = "expected another number of bytes";
        } else {
            error = "found bytes, which only a std::vector<std::byte> and the like can hold";
        }
        return std::nullopt;
    });
}

template <class T>
[[nodiscard]] std::optional<T> read_protobuf(const Payload& p, std::string& error)
{
    const std::string_view type = metadata(p, "messageType");
    return unwrapped<T>([&]<class U>(std::type_identity<U>) -> std::optional<U> {
        if constexpr (message_like<U>) {
            std::optional<U> out{std::in_place};
            if (const std::string name = message_name(*out); type != name)
                error = "expected a " + name + ", found another message type";
            else if (!out->ParsePartialFromString(p.data()) || !out->IsInitialized())
                error = "the data is no " + name;
            else
                return out;
        } else {
            error = "found a message of protobuf, which only its own class can hold";
        }
        return std::nullopt;
    });
}

template <class T>
[[nodiscard]] std::optional<T> read_parsed(const boost::json::value& v, std::string& error)
{
    json_walk walk;
    auto out = read_json<T>(v, json_place{walk});
    if (!out)
        error = std::move(walk.error);
    return out;
}

template <class T>
[[nodiscard]] std::optional<T> read_text(std::string_view text, std::string& error)
{
    if constexpr (std::same_as<T, boost::json::value>) {
        boost::json::value v = parse_json(text, {}, error);
        return error.empty() ? std::optional<T>{std::move(v)} : std::nullopt;
    } else if constexpr (plain_value<T>) {
        unsigned char buffer[1024];
        boost::json::monotonic_resource memory{buffer, sizeof buffer};
        const boost::json::value v = parse_json(text, &memory, error);
        return error.empty() ? read_parsed<T>(v, error) : std::nullopt;
    } else {
        // Counted: a copy of a boost::json::value, which a tag_invoke may keep, shares the memory of the first.
        const auto memory = boost::json::make_shared_resource<boost::json::monotonic_resource>();
        const boost::json::value v = parse_json(text, memory, error);
        return error.empty() ? read_parsed<T>(v, error) : std::nullopt;
    }
}

template <class T>
[[nodiscard]] std::optional<T> read_json_protobuf(const Payload& p, std::string& error)
{
    const std::string_view type = metadata(p, "messageType");
    return unwrapped<T>([&]<class U>(std::type_identity<U>) -> std::optional<U> {
        if constexpr (message_like<U>) {
            if (const std::string name = message_name(U{}); type != name) {
                error = "expected a " + name + ", found another message type";
                return std::nullopt;
            }
            return read_text<U>(p.data(), error);
        } else if constexpr (json_native<U>) {
            return read_text<U>(p.data(), error);
        } else {
            error = "found a message of protobuf, which only its own class or a boost::json::value can hold";
            return std::nullopt;
        }
    });
}

/// In quotes, on one line, and no longer than such a name is.
[[nodiscard]] inline std::string shown_encoding(std::string_view encoding)
{
    std::string out;
    mayfly::detail::append_json_string(out, encoding.substr(0, 64));
    return out;
}

template <class T>
[[nodiscard]] converted<T> payload_to_value(const Payload& p)
{
    static_assert(!std::same_as<T, Payload>, "to receive a payload as it is, ask for a raw_payload");
    if constexpr (std::same_as<T, raw_payload>) {
        return raw_payload{p};
    } else {
        if (p.external_payloads_size() != 0)
            return conversion_error{"the payload's data is kept elsewhere, where this program cannot read it"};
        const std::string_view encoding = metadata(p, "encoding");
        std::optional<T> out;
        std::string error;
        if (encoding == json_plain)
            out = read_text<T>(p.data(), error);
        else if (encoding == binary_null)
            out = read_parsed<T>(boost::json::value{}, error);
        else if (encoding == binary_plain)
            out = read_plain<T>(p, error);
        else if (encoding == binary_protobuf)
            out = read_protobuf<T>(p, error);
        else if (encoding == json_protobuf)
            out = read_json_protobuf<T>(p, error);
        else if (encoding.empty())
            return conversion_error{"the payload's metadata does not say its encoding"};
        else
            return conversion_error{"the payload's encoding " + shown_encoding(encoding) +
                                    " is not known here: was it written through a codec that is missing?"};
        // In place: to GCC a std::string could be the error as well.
        if (out)
            return converted<T>{boost::system::in_place_value, *std::move(out)};
        return conversion_error{std::string(encoding) + ": " + error};
    }
}

}  // namespace detail
}  // namespace mayfly::temporal
