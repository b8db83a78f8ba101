// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/base64.hpp>
#include <mayfly/temporal/json_place.hpp>
#include <mayfly/temporal/json_time.hpp>
#include <mayfly/temporal/testing/detail/message_table.hpp>

#include <boost/json/object.hpp>
#include <boost/json/value.hpp>

#include <google/protobuf/io/coded_stream.h>

#include <algorithm>
#include <array>
#include <bit>
#include <charconv>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <type_traits>
#include <utility>
#include <vector>

namespace mayfly::temporal::testing::detail {

using temporal::detail::json_place;
using temporal::detail::json_walk;

inline void append_varint(std::string& out, std::uint64_t value)
{
    for (; value >= 0x80; value >>= 7U)
        out += static_cast<char>((value & 0x7FU) | 0x80U);
    out += static_cast<char>(value);
}

inline void append_tag(std::string& out, std::uint32_t number, std::uint32_t wire_type)
{
    append_varint(out, (std::uint64_t{number} << 3U) | wire_type);
}

template <class Unsigned>
void append_fixed(std::string& out, Unsigned value)
{
    for (std::size_t i = 0; i < sizeof value; ++i)
        out += static_cast<char>((value >> (8 * i)) & 0xFFU);
}

inline void append_bytes(std::string& out, std::uint32_t number, std::string_view bytes)
{
    append_tag(out, number, 2);
    append_varint(out, bytes.size());
    out += bytes;
}

/** Messages from the JSON of protobuf to their bytes.

    What no field is known for is passed over and noted, or refused. Besides what the rules of proto3 allow,
   enumerations may be spelt as `enum_entry` says.
*/
class json_to_wire {
public:
    json_to_wire(const message_table& all, bool refuse_unknown) : all_(&all), refuse_unknown_(refuse_unknown) {}

    /// Appends to `out`. False: `at`'s walk says why not.
    [[nodiscard]] bool message(
        const message_entry& m, const boost::json::value& from, std::string& out, const json_place& at)
    {
        if (at.too_deep())
            return at.fail("nested too deeply");
        if (const auto known = well_known(m, from, out, at))
            return *known;
        const auto* const object = from.if_object();
        if (object == nullptr)
            return at.fail("expected an object");
        std::map<std::int32_t, std::string_view> chosen;
        for (const auto& member : *object) {
            const std::string_view key{member.key().data(), member.key().size()};
            const json_place here(at, key);
            const auto found = m.by_name.find(key);
            if (found == m.by_name.end()) {
                if (!unknown(here, "no field of " + m.name + " has this name"))
                    return false;
                continue;
            }
            if (member.value().is_null())
                continue;
            const field_entry& f = *found->second;
            // Under both of its names: which of them counts would be a guess.
            if (const auto* const other = key == f.json ? nullptr : object->if_contains(f.json);
                other != nullptr && !other->is_null())
                return here.fail("\"" + f.json + "\" is there too; give one of them");
            if (f.choice) {
                const auto [before, is_first] = chosen.emplace(*f.choice, key);
                if (!is_first)
                    return here.fail("\"" + std::string(before->second) + "\" is there too; give one of them");
            }
            if (!field(f, member.value(), out, here))
                return false;
        }
        return true;
    }

    /// Where something was passed over, each place in a list once.
    [[nodiscard]] const std::vector<std::string>& passed_over() const noexcept { return passed_over_; }

private:
    using value = boost::json::value;

    bool unknown(const json_place& here, std::string_view why)
    {
        if (refuse_unknown_)
            return here.fail(why);
        constexpr std::size_t most = 100;
        std::string path = anywhere(here.path());
        if (passed_over_.size() < most &&
            std::find(passed_over_.begin(), passed_over_.end(), path) == passed_over_.end())
            passed_over_.push_back(std::move(path));
        return true;
    }

    /// `$.events[*].eventType` for `$.events[3].eventType`.
    static std::string anywhere(const std::string& path)
    {
        std::string out;
        bool in_index = false;
        for (std::size_t i = 0; i < path.size(); ++i) {
            const char c = path[i];
            const bool is_digit = c >= '0' && c <= '9';
            if (in_index && is_digit)
                continue;
            in_index = c == '[' && i + 1 < path.size() && path[i + 1] >= '0' && path[i + 1] <= '9';
            out += c;
            if (in_index)
                out += '*';
        }
        return out;
    }

    bool field(const field_entry& f, const value& v, std::string& out, const json_place& at)
    {
        if (f.message != nullptr && f.message->is_map_entry)
            return entries(f, v, out, at);
        if (!f.repeated)
            return one(f, v, out, at);
        const auto* const array = v.if_array();
        if (array == nullptr)
            return at.fail("expected an array");
        for (std::size_t i = 0; i < array->size(); ++i) {
            if (!one(f, (*array)[i], out, json_place(at, i)))
                return false;
        }
        return true;
    }

    bool entries(const field_entry& f, const value& v, std::string& out, const json_place& at)
    {
        const auto* const object = v.if_object();
        const auto key = f.message->by_number.find(1);
        const auto element = f.message->by_number.find(2);
        if (object == nullptr || key == f.message->by_number.end() || element == f.message->by_number.end())
            return at.fail("expected an object");
        for (const auto& member : *object) {
            const json_place here(at, std::string_view{member.key().data(), member.key().size()});
            std::string entry;
            // Keys of all types are text in JSON.
            value name(member.key());
            if (key->second->type == field_type::boolean)
                name = member.key() == "true";
            if (!one(*key->second, name, entry, here) || !one(*element->second, member.value(), entry, here))
                return false;
            append_bytes(out, f.number, entry);
        }
        return true;
    }

    bool one(const field_entry& f, const value& v, std::string& out, const json_place& at)
    {
        switch (f.type) {
        case field_type::real64: return real<double, std::uint64_t>(f, v, out, at);
        case field_type::real32: return real<float, std::uint32_t>(f, v, out, at);
        case field_type::int64:
        case field_type::sint64: return varint<std::int64_t>(f, v, out, at);
        case field_type::int32:
        case field_type::sint32: return varint<std::int32_t>(f, v, out, at);
        case field_type::uint64: return varint<std::uint64_t>(f, v, out, at);
        case field_type::uint32: return varint<std::uint32_t>(f, v, out, at);
        case field_type::fixed64:
        case field_type::sfixed64: return fixed<std::int64_t, std::uint64_t>(f, v, out, at);
        case field_type::fixed32:
        case field_type::sfixed32: return fixed<std::int32_t, std::uint32_t>(f, v, out, at);
        case field_type::boolean: {
            const bool* const is = v.if_bool();
            if (is == nullptr)
                return at.fail("expected true or false");
            append_tag(out, f.number, 0);
            append_varint(out, *is ? 1 : 0);
            return true;
        }
        case field_type::text: {
            const auto* const s = v.if_string();
            if (s == nullptr)
                return at.fail("expected a string");
            append_bytes(out, f.number, {s->data(), s->size()});
            return true;
        }
        case field_type::bytes: {
            const auto* const s = v.if_string();
            const auto bytes = s == nullptr ? std::nullopt : from_base64({s->data(), s->size()}, base64_form::liberal);
            if (!bytes)
                return at.fail("expected bytes as base64");
            append_bytes(out, f.number, *bytes);
            return true;
        }
        case field_type::enumeration: return enumeration(f, v, out, at);
        case field_type::message: {
            std::string inner;
            if (f.message == nullptr)
                return at.fail("of a type that is not known: " + f.type_name);
            if (!message(*f.message, v, inner, at))
                return false;
            append_bytes(out, f.number, inner);
            return true;
        }
        case field_type::group: break;
        }
        return at.fail("of a kind that cannot be read");
    }

    bool enumeration(const field_entry& f, const value& v, std::string& out, const json_place& at)
    {
        std::optional<std::int32_t> number;
        if (const auto* const s = v.if_string()) {
            const std::string_view name{s->data(), s->size()};
            if (f.enumeration != nullptr)
                number = f.enumeration->number_of(name);
            if (!number)
                return unknown(at, "no value of " + f.type_name + " has the name \"" + std::string(name) + '"');
        } else {
            number = integer<std::int32_t>(v);
            if (!number)
                return at.fail("expected a name or a number of " + f.type_name);
        }
        append_tag(out, f.number, 0);
        append_varint(out, static_cast<std::uint64_t>(std::int64_t{*number}));
        return true;
    }

    template <class Integer>
    static std::optional<Integer> integer(const value& v)
    {
        if (const auto* const i = v.if_int64())
            return std::in_range<Integer>(*i) ? std::optional(static_cast<Integer>(*i)) : std::nullopt;
        if (const auto* const u = v.if_uint64())
            return std::in_range<Integer>(*u) ? std::optional(static_cast<Integer>(*u)) : std::nullopt;
        if (const auto* const d = v.if_double())
            return whole<Integer>(*d);
        const auto* const s = v.if_string();
        if (s == nullptr)
            return std::nullopt;
        Integer out{};
        const auto [stop, ec] = std::from_chars(s->data(), s->data() + s->size(), out);
        if (ec == std::errc{} && stop == s->data() + s->size())
            return out;
        const auto d = number<double>(v);
        return d ? whole<Integer>(*d) : std::nullopt;
    }

    /// `1e3` is an integer too.
    template <class Integer>
    static std::optional<Integer> whole(double d)
    {
        const double above = std::ldexp(1.0, std::numeric_limits<Integer>::digits);
        if (!(d >= static_cast<double>(std::numeric_limits<Integer>::min()) && d < above) || d != std::floor(d))
            return std::nullopt;
        return static_cast<Integer>(d);
    }

    template <class Real>
    static std::optional<Real> number(const value& v)
    {
        if (const auto* const d = v.if_double()) {
            if (std::abs(*d) > static_cast<double>(std::numeric_limits<Real>::max()))
                return std::nullopt;
            return static_cast<Real>(*d);
        }
        if (const auto* const i = v.if_int64())
            return static_cast<Real>(*i);
        if (const auto* const u = v.if_uint64())
            return static_cast<Real>(*u);
        const auto* const s = v.if_string();
        if (s == nullptr)
            return std::nullopt;
        using limits = std::numeric_limits<Real>;
        if (*s == "NaN")
            return limits::quiet_NaN();
        if (*s == "Infinity" || *s == "-Infinity")
            return s->front() == '-' ? -limits::infinity() : limits::infinity();
        Real out{};
        const auto [stop, ec] = std::from_chars(s->data(), s->data() + s->size(), out);
        return ec == std::errc{} && stop == s->data() + s->size() ? std::optional(out) : std::nullopt;
    }

    template <class Real, class Bits>
    static bool real(const field_entry& f, const value& v, std::string& out, const json_place& at)
    {
        const auto d = number<Real>(v);
        if (!d)
            return at.fail("expected a number");
        append_tag(out, f.number, sizeof(Bits) == 8 ? 1 : 5);
        append_fixed(out, std::bit_cast<Bits>(*d));
        return true;
    }

    template <class Integer>
    static bool varint(const field_entry& f, const value& v, std::string& out, const json_place& at)
    {
        const auto i = integer<Integer>(v);
        if (!i)
            return at.fail("expected an integer of its size");
        append_tag(out, f.number, 0);
        std::uint64_t bits = 0;
        if constexpr (std::is_signed_v<Integer>) {
            const auto wide = static_cast<std::int64_t>(*i);
            const bool zigzag = f.type == field_type::sint32 || f.type == field_type::sint64;
            bits = zigzag ? (static_cast<std::uint64_t>(wide) << 1U) ^ static_cast<std::uint64_t>(wide >> 63)
                          : static_cast<std::uint64_t>(wide);
        } else {
            bits = *i;
        }
        append_varint(out, bits);
        return true;
    }

    template <class Signed, class Unsigned>
    static bool fixed(const field_entry& f, const value& v, std::string& out, const json_place& at)
    {
        const bool is_signed = f.type == field_type::sfixed32 || f.type == field_type::sfixed64;
        const auto s = is_signed ? integer<Signed>(v) : std::nullopt;
        const auto u = is_signed ? std::nullopt : integer<Unsigned>(v);
        if (!s && !u)
            return at.fail("expected an integer of its size");
        append_tag(out, f.number, sizeof(Unsigned) == 8 ? 1 : 5);
        append_fixed(out, s ? static_cast<Unsigned>(*s) : *u);
        return true;
    }

    static void append_number(std::string& out, std::uint32_t field, std::int64_t n)
    {
        if (n == 0)
            return;
        append_tag(out, field, 0);
        append_varint(out, static_cast<std::uint64_t>(n));
    }

    /// Those whose JSON is something else than an object of their fields. Nothing: not one of them.
    std::optional<bool> well_known(const message_entry& m, const value& v, std::string& out, const json_place& at)
    {
        if (!m.name.starts_with(own_package))
            return std::nullopt;
        const std::string_view name = std::string_view(m.name).substr(own_package.size());
        const auto* const s = v.if_string();
        const std::string_view words = s == nullptr ? std::string_view{} : std::string_view{s->data(), s->size()};
        if (name == "Timestamp" || name == "Duration") {
            const bool is_time = name == "Timestamp";
            const auto t = is_time ? temporal::detail::parse_time(words) : temporal::detail::parse_duration(words);
            if (!t)
                return at.fail(is_time ? "expected a time such as \"2026-01-31T09:30:00.25Z\""
                                       : "expected a duration such as \"1.5s\"");
            append_number(out, 1, t->seconds);
            append_number(out, 2, t->ns);
            return true;
        }
        if (name == "DoubleValue") {
            const field_entry& f = m.fields.front();
            return one(f, v, out, at);
        }
        if (name == "FieldMask") {
            if (s == nullptr || words.find('_') != words.npos)
                return at.fail("expected names of fields in lower camel case with commas between");
            for (std::size_t from = 0; from < words.size();) {
                const std::size_t to = std::min(words.find(',', from), words.size());
                append_bytes(out, 1, snake(words.substr(from, to - from)));
                from = to + 1;
            }
            return true;
        }
        if (name == "Any")
            return any(v, out, at);
        return std::nullopt;
    }

    static std::string snake(std::string_view camel)
    {
        std::string out;
        for (const char c : camel) {
            if (c >= 'A' && c <= 'Z') {
                out += '_';
                out += static_cast<char>(c - 'A' + 'a');
            } else {
                out += c;
            }
        }
        return out;
    }

    bool any(const value& v, std::string& out, const json_place& at)
    {
        const auto* const object = v.if_object();
        const auto* const type = object == nullptr ? nullptr : object->if_contains("@type");
        if (type == nullptr || !type->is_string())
            return at.fail("expected an object with \"@type\"");
        const std::string_view url{type->get_string().data(), type->get_string().size()};
        const std::size_t slash = url.rfind('/');
        std::string_view name = slash == url.npos ? url : url.substr(slash + 1);
        std::string ours;
        bool has_value = false;
        if (name.starts_with("google.protobuf.")) {
            has_value = true;
            ours = std::string(own_package) + std::string(name.substr(16));
            name = ours;
        } else if (name.starts_with(own_package)) {
            name = {};  // which nobody else knows by it
        }
        const message_entry* const m = all_->find(name);
        if (m == nullptr)
            return json_place(at, "@type").fail("a message of this type is not known here");
        boost::json::value inner;
        if (const auto* const within = object->if_contains("value"); has_value && within != nullptr) {
            inner = *within;
        } else {
            inner = *object;
            inner.get_object().stable_erase("@type");
        }
        std::string bytes;
        if (!message(*m, inner, bytes, at))
            return false;
        append_bytes(out, 1, url);
        append_bytes(out, 2, bytes);
        return true;
    }

    const message_table* all_;
    bool refuse_unknown_;
    std::vector<std::string> passed_over_{};
};

}  // namespace mayfly::temporal::testing::detail
