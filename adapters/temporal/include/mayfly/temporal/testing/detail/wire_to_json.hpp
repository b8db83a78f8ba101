// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/base64.hpp>
#include <mayfly/detail/json_write.hpp>
#include <mayfly/temporal/json_place.hpp>
#include <mayfly/temporal/json_time.hpp>
#include <mayfly/temporal/testing/detail/message_table.hpp>

#include <google/protobuf/io/coded_stream.h>

#include <array>
#include <bit>
#include <charconv>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace mayfly::temporal::testing::detail {

/// Messages from their bytes to the JSON of protobuf. What the table does not know is left out.
class wire_to_json {
public:
    explicit wire_to_json(const message_table& all) : all_(&all) {}

    /// Appends to `out`. False if the bytes are no such message, or hold what JSON cannot say.
    [[nodiscard]] bool message(const message_entry& m, std::string_view bytes, std::string& out, int depth = 0) const
    {
        if (depth > static_cast<int>(deepest_json))
            return false;
        std::vector<found> all;
        if (!read(m, bytes, all))
            return false;
        if (m.name.starts_with(own_package)) {
            const std::string_view name = std::string_view(m.name).substr(own_package.size());
            if (name == "Timestamp" || name == "Duration")
                return time(name == "Timestamp", all, out);
            if (name == "DoubleValue")
                return value(m.fields.front(), all.empty() ? found{} : all.back(), out, depth);
            if (name == "FieldMask")
                return mask(all, out);
            if (name == "Any")
                return any(all, out, depth);
        }
        out += '{';
        const std::size_t begin = out.size();
        const bool ok = members(all, out, begin, depth);
        out += '}';
        return ok;
    }

private:
    /// One occurrence of a field.
    struct found {
        const field_entry* field = nullptr;
        std::uint64_t number = 0;
        std::string_view bytes{};
    };

    static bool read(const message_entry& m, std::string_view message, std::vector<found>& all)
    {
        google::protobuf::io::CodedInputStream in(
            reinterpret_cast<const std::uint8_t*>(message.data()), static_cast<int>(message.size()));
        while (static_cast<std::size_t>(in.CurrentPosition()) < message.size()) {
            const std::uint32_t tag = in.ReadTag();
            const auto known = m.by_number.find(tag >> 3U);
            found f{known == m.by_number.end() ? nullptr : known->second, 0, {}};
            std::uint32_t small = 0;
            bool ok = false;
            switch (tag & 7U) {
            case 0: ok = in.ReadVarint64(&f.number); break;
            case 1: ok = in.ReadLittleEndian64(&f.number); break;
            case 2: {
                ok = in.ReadVarint32(&small);
                const auto at = static_cast<std::size_t>(in.CurrentPosition());
                ok = ok && in.Skip(static_cast<int>(small));
                if (ok)
                    f.bytes = message.substr(at, small);
                break;
            }
            case 5:
                ok = in.ReadLittleEndian32(&small);
                f.number = small;
                break;
            default: break;
            }
            if (tag == 0 || !ok)
                return false;
            if (f.field == nullptr)
                continue;
            const bool is_packed = (tag & 7U) == 2 && f.field->is_packable();
            if (is_packed ? !unpack(f, all) : (tag & 7U) != wire_type_of(*f.field))
                return false;
            if (!is_packed)
                all.push_back(f);
        }
        return true;
    }

    static std::uint32_t wire_type_of(const field_entry& f)
    {
        switch (f.type) {
        case field_type::real64:
        case field_type::fixed64:
        case field_type::sfixed64: return 1;
        case field_type::real32:
        case field_type::fixed32:
        case field_type::sfixed32: return 5;
        case field_type::text:
        case field_type::bytes:
        case field_type::message: return 2;
        case field_type::group: return 3;
        default: return 0;
        }
    }

    static bool unpack(const found& f, std::vector<found>& all)
    {
        google::protobuf::io::CodedInputStream in(
            reinterpret_cast<const std::uint8_t*>(f.bytes.data()), static_cast<int>(f.bytes.size()));
        while (static_cast<std::size_t>(in.CurrentPosition()) < f.bytes.size()) {
            found one{f.field, 0, {}};
            std::uint32_t small = 0;
            const std::uint32_t type = wire_type_of(*f.field);
            const bool ok = type == 0   ? in.ReadVarint64(&one.number)
                            : type == 1 ? in.ReadLittleEndian64(&one.number)
                                        : in.ReadLittleEndian32(&small);
            if (!ok)
                return false;
            if (type == 5)
                one.number = small;
            all.push_back(one);
        }
        return true;
    }

    bool members(const std::vector<found>& all, std::string& out, std::size_t begin, int depth) const
    {
        std::vector<const field_entry*> done;
        for (std::size_t i = 0; i < all.size(); ++i) {
            const field_entry& f = *all[i].field;
            bool again = false;
            for (const field_entry* d : done)
                again = again || d == &f;
            if (again)
                continue;
            done.push_back(&f);
            if (out.size() != begin)
                out += ',';
            mayfly::detail::append_json_string(out, f.json);
            out += ':';
            const bool is_map = f.message != nullptr && f.message->is_map_entry;
            if (!f.repeated) {
                // Of what comes twice the last one counts.
                std::size_t last = i;
                for (std::size_t k = i; k < all.size(); ++k)
                    last = all[k].field == &f ? k : last;
                if (!value(f, all[last], out, depth))
                    return false;
                continue;
            }
            out += is_map ? '{' : '[';
            bool first = true;
            for (std::size_t k = i; k < all.size(); ++k) {
                if (all[k].field != &f)
                    continue;
                if (!std::exchange(first, false))
                    out += ',';
                if (!(is_map ? entry(*f.message, all[k].bytes, out, depth) : value(f, all[k], out, depth)))
                    return false;
            }
            out += is_map ? '}' : ']';
        }
        return true;
    }

    bool entry(const message_entry& m, std::string_view bytes, std::string& out, int depth) const
    {
        std::vector<found> all;
        const auto key = m.by_number.find(1);
        const auto element = m.by_number.find(2);
        if (!read(m, bytes, all) || key == m.by_number.end() || element == m.by_number.end())
            return false;
        found k{key->second, 0, {}};
        found v{element->second, 0, {}};
        for (const found& f : all)
            (f.field == k.field ? k : v) = f;
        std::string name;
        if (!value(*k.field, k, name, depth))
            return false;
        // Keys of all types are text in JSON.
        out += name.starts_with('"') ? name : '"' + name + '"';
        out += ':';
        return value(*v.field, v, out, depth);
    }

    bool value(const field_entry& f, const found& is, std::string& out, int depth) const
    {
        switch (f.type) {
        case field_type::real64: return real(std::bit_cast<double>(is.number), out);
        case field_type::real32: return real(std::bit_cast<float>(static_cast<std::uint32_t>(is.number)), out);
        case field_type::int64:
        case field_type::sfixed64: return quoted(static_cast<std::int64_t>(is.number), out);
        case field_type::uint64:
        case field_type::fixed64: return quoted(is.number, out);
        case field_type::sint64: return quoted(unzigzag(is.number), out);
        case field_type::int32:
        case field_type::sfixed32: return digits(static_cast<std::int32_t>(is.number), out);
        case field_type::sint32: return digits(unzigzag(is.number), out);
        case field_type::uint32:
        case field_type::fixed32: return digits(static_cast<std::uint32_t>(is.number), out);
        case field_type::boolean: out += is.number != 0 ? "true" : "false"; return true;
        case field_type::text: mayfly::detail::append_json_string(out, is.bytes); return true;
        case field_type::bytes:
            out += '"';
            append_base64(out, is.bytes);
            out += '"';
            return true;
        case field_type::enumeration: {
            const auto number = static_cast<std::int32_t>(is.number);
            if (f.enumeration != nullptr) {
                if (const auto at = f.enumeration->names.find(number); at != f.enumeration->names.end()) {
                    out += '"' + at->second + '"';
                    return true;
                }
            }
            return digits(number, out);
        }
        case field_type::message: return f.message != nullptr && message(*f.message, is.bytes, out, depth + 1);
        case field_type::group: break;
        }
        return false;
    }

    static std::int64_t unzigzag(std::uint64_t n) noexcept
    {
        return static_cast<std::int64_t>(n >> 1U) ^ -static_cast<std::int64_t>(n & 1U);
    }

    template <class Number>
    static bool digits(Number n, std::string& out)
    {
        std::array<char, 32> text{};
        const auto end = std::to_chars(text.data(), text.data() + text.size(), n).ptr;
        out.append(text.data(), static_cast<std::size_t>(end - text.data()));
        return true;
    }

    template <class Integer>
    static bool quoted(Integer n, std::string& out)
    {
        out += '"';
        digits(n, out);
        out += '"';
        return true;
    }

    template <class Real>
    static bool real(Real d, std::string& out)
    {
        if (d == 0 && std::signbit(d)) {
            out += "-0.0";  // "-0" would be an integer, which has no sign
            return true;
        }
        if (std::isfinite(d))
            return digits(d, out);
        out += std::isnan(d) ? "\"NaN\"" : d < 0 ? "\"-Infinity\"" : "\"Infinity\"";
        return true;
    }

    static bool time(bool is_time, const std::vector<found>& all, std::string& out)
    {
        temporal::detail::seconds_and_ns t;
        for (const found& f : all)
            (f.field->number == 1 ? t.seconds : t.ns) = static_cast<std::int64_t>(f.number);
        constexpr std::int64_t most = 1'000'000'000;
        if (t.ns <= -most || t.ns >= most || (is_time && t.ns < 0))
            return false;
        out += '"';
        if (is_time) {
            if (!temporal::detail::append_time(out, t.seconds, t.ns))
                return false;
        } else {
            if ((t.seconds < 0 && t.ns > 0) || (t.seconds > 0 && t.ns < 0))
                return false;
            if (t.seconds == 0 && t.ns < 0)
                out += '-';
            out += std::to_string(t.seconds);
            temporal::detail::append_fraction(out, t.ns < 0 ? -t.ns : t.ns, true);
            out += 's';
        }
        out += '"';
        return true;
    }

    static bool mask(const std::vector<found>& all, std::string& out)
    {
        std::string names;
        for (const found& f : all) {
            if (!names.empty())
                names += ',';
            bool up = false;
            for (const char c : f.bytes) {
                const bool is_lower = c >= 'a' && c <= 'z';
                if ((up && !is_lower) || (c >= 'A' && c <= 'Z') || c == ',')
                    return false;  // it would come back as another one
                if (c != '_')
                    names += up ? static_cast<char>(c - 'a' + 'A') : c;
                up = c == '_';
            }
            if (up)
                return false;
        }
        mayfly::detail::append_json_string(out, names);
        return true;
    }

    bool any(const std::vector<found>& all, std::string& out, int depth) const
    {
        std::string_view url;
        std::string_view bytes;
        for (const found& f : all)
            (f.field->number == 1 ? url : bytes) = f.bytes;
        const std::size_t slash = url.rfind('/');
        std::string name(slash == url.npos ? url : url.substr(slash + 1));
        const bool has_value = name.starts_with("google.protobuf.");
        if (has_value)
            name = std::string(own_package) + name.substr(16);
        else if (name.starts_with(own_package))
            return false;  // nobody else knows it by that name
        const message_entry* const m = all_->find(name);
        std::string inner;
        if (m == nullptr || !message(*m, bytes, inner, depth + 1))
            return false;
        out += "{\"@type\":";
        mayfly::detail::append_json_string(out, url);
        if (has_value)
            out += ",\"value\":" + inner;
        else if (inner.size() > 2)
            out += ',' + inner.substr(1, inner.size() - 2);
        out += '}';
        return true;
    }

    const message_table* all_;
};

}  // namespace mayfly::temporal::testing::detail
