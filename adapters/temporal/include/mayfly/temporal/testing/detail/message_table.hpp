// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <google/protobuf/io/coded_stream.h>

#include <cctype>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

// What messages are made of, which the lite library does not know of its own: read from the descriptors that protoc
// writes.

namespace mayfly::temporal::testing::detail {

/// Where the messages of `google.protobuf` are here.
inline constexpr std::string_view own_package = "mayfly.temporal.wire.";

/// As descriptors number them.
enum class field_type : std::uint8_t {
    real64 = 1,
    real32,
    int64,
    uint64,
    int32,
    fixed64,
    fixed32,
    boolean,
    text,
    group,
    message,
    bytes,
    uint32,
    enumeration,
    sfixed32,
    sfixed64,
    sint32,
    sint64,
};

struct message_entry;

/// An enumeration, whose names have two spellings in JSON: `EVENT_TYPE_TIMER_FIRED`, and `TimerFired` as older tools
/// write it.
struct enum_entry {
    [[nodiscard]] std::optional<std::int32_t> number_of(std::string_view name) const
    {
        if (const auto at = numbers.find(name); at != numbers.end())
            return at->second;
        const auto at = squeezed.find(squeeze(name));
        return at == squeezed.end() ? std::nullopt : std::optional(at->second);
    }

    /// Without underscores, in one case.
    static std::string squeeze(std::string_view name)
    {
        std::string out;
        for (const char c : name) {
            if (c != '_')
                out += static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
        }
        return out;
    }

    /// Once all values are there.
    void finish()
    {
        constexpr std::string_view none = "UNSPECIFIED";
        const auto zero = names.find(0);
        if (zero == names.end() || !zero->second.ends_with(none))
            return;
        const std::string prefix = zero->second.substr(0, zero->second.size() - none.size());
        for (const auto& [name, number] : numbers) {
            if (name.starts_with(prefix))
                squeezed.emplace(squeeze(std::string_view(name).substr(prefix.size())), number);
        }
    }

    std::map<std::string, std::int32_t, std::less<>> numbers{};
    std::map<std::string, std::int32_t, std::less<>> squeezed{};
    std::map<std::int32_t, std::string> names{};
};

struct field_entry {
    std::string name{};
    std::string json{};  ///< In lower camel case.
    std::uint32_t number = 0;
    field_type type = field_type::text;
    bool repeated = false;
    std::optional<std::int32_t> choice{};  ///< The `oneof` that it is of.
    std::string type_name{};
    const message_entry* message = nullptr;
    const enum_entry* enumeration = nullptr;

    [[nodiscard]] bool is_packable() const noexcept
    {
        return type != field_type::text && type != field_type::bytes && type != field_type::message &&
               type != field_type::group;
    }
};

struct message_entry {
    std::string name{};  ///< Full, such as `temporal.api.history.v1.History`.
    bool is_map_entry = false;
    std::deque<field_entry> fields{};
    std::map<std::uint32_t, const field_entry*> by_number{};
    std::map<std::string_view, const field_entry*> by_name{};  ///< In JSON, and as declared.
};

/** All messages of a set of descriptors, by their full names. Once built it does not change.

    A set that is cut or damaged gives a table of what could be read.
*/
class message_table {
public:
    explicit message_table(std::string_view descriptors)
    {
        each(descriptors, [this](std::uint32_t number, std::string_view file) {
            if (number == 1)
                add_file(file);
        });
        for (auto& [name, m] : messages_)
            link(m);
    }
    message_table(const message_table&) = delete;
    message_table& operator=(const message_table&) = delete;

    /// Null if there is none.
    [[nodiscard]] const message_entry* find(std::string_view name) const
    {
        const auto at = messages_.find(name);
        return at == messages_.end() ? nullptr : &at->second;
    }

private:
    /// Each field that has bytes, then each that has a number.
    template <class Bytes>
    static void each(std::string_view message, Bytes bytes)
    {
        each(message, bytes, [](std::uint32_t, std::uint64_t) {});
    }
    template <class Bytes, class Number>
    static void each(std::string_view message, Bytes bytes, Number number)
    {
        google::protobuf::io::CodedInputStream in(
            reinterpret_cast<const std::uint8_t*>(message.data()), static_cast<int>(message.size()));
        for (std::uint32_t tag = in.ReadTag(); tag != 0; tag = in.ReadTag()) {
            std::uint64_t value = 0;
            std::uint32_t length = 0;
            switch (tag & 7U) {
            case 0:
                if (!in.ReadVarint64(&value))
                    return;
                number(tag >> 3U, value);
                break;
            case 2: {
                if (!in.ReadVarint32(&length))
                    return;
                const auto at = static_cast<std::size_t>(in.CurrentPosition());
                if (!in.Skip(static_cast<int>(length)))
                    return;
                bytes(tag >> 3U, message.substr(at, length));
                break;
            }
            default: return;  // descriptors have no others
            }
        }
    }

    void add_file(std::string_view file)
    {
        std::string package;
        each(file, [&](std::uint32_t number, std::string_view value) {
            if (number == 2)
                package = std::string(value) + '.';
        });
        each(file, [&](std::uint32_t number, std::string_view value) {
            if (number == 4)
                add_message(value, package);
            else if (number == 5)
                add_enum(value, package);
        });
    }

    void add_message(std::string_view message, const std::string& scope)
    {
        message_entry m;
        each(message, [&](std::uint32_t number, std::string_view value) {
            if (number == 1)
                m.name = scope + std::string(value);
            else if (number == 2)
                m.fields.push_back(field_of(value));
            else if (number == 7)
                each(
                    value, [](std::uint32_t, std::string_view) {},
                    [&](std::uint32_t option, std::uint64_t is) { m.is_map_entry = option == 7 && is != 0; });
        });
        each(message, [&](std::uint32_t number, std::string_view value) {
            if (number == 3)
                add_message(value, m.name + '.');
            else if (number == 4)
                add_enum(value, m.name + '.');
        });
        std::string name = m.name;
        messages_.emplace(std::move(name), std::move(m));
    }

    static field_entry field_of(std::string_view field)
    {
        field_entry f;
        each(
            field,
            [&](std::uint32_t number, std::string_view value) {
                if (number == 1)
                    f.name = value;
                else if (number == 6)
                    f.type_name = value.substr(value.starts_with('.') ? 1 : 0);
            },
            [&](std::uint32_t number, std::uint64_t value) {
                if (number == 3)
                    f.number = static_cast<std::uint32_t>(value);
                else if (number == 4)
                    f.repeated = value == 3;
                else if (number == 5)
                    f.type = static_cast<field_type>(value);
                else if (number == 9)
                    f.choice = static_cast<std::int32_t>(value);
            });
        bool up = false;
        for (const char c : f.name) {
            if (c != '_')
                f.json += up ? static_cast<char>(std::toupper(static_cast<unsigned char>(c))) : c;
            up = c == '_';
        }
        return f;
    }

    void add_enum(std::string_view enumeration, const std::string& scope)
    {
        std::string name;
        enum_entry e;
        each(enumeration, [&](std::uint32_t number, std::string_view value) {
            if (number == 1)
                name = scope + std::string(value);
            if (number != 2)
                return;
            std::string constant;
            std::int32_t is = 0;
            each(
                value, [&](std::uint32_t n, std::string_view v) { constant = n == 1 ? v : constant; },
                [&](std::uint32_t n, std::uint64_t v) { is = n == 2 ? static_cast<std::int32_t>(v) : is; });
            e.names.emplace(is, constant);
            e.numbers.emplace(constant, is);
        });
        e.finish();
        enums_.emplace(std::move(name), std::move(e));
    }

    void link(message_entry& m)
    {
        for (field_entry& f : m.fields) {
            m.by_number.emplace(f.number, &f);
            m.by_name.emplace(f.json, &f);
            m.by_name.emplace(f.name, &f);
            if (const auto at = messages_.find(f.type_name); at != messages_.end())
                f.message = &at->second;
            if (const auto at = enums_.find(f.type_name); at != enums_.end())
                f.enumeration = &at->second;
        }
    }

    std::map<std::string, message_entry, std::less<>> messages_{};
    std::map<std::string, enum_entry, std::less<>> enums_{};
};

}  // namespace mayfly::temporal::testing::detail
