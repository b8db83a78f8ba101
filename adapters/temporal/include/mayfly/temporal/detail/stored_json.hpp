// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/problem.hpp>
#include <mayfly/settings.hpp>
#include <mayfly/temporal/detail/json_settings.hpp>
#include <mayfly/temporal/json_time.hpp>
#include <mayfly/temporal/times.hpp>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>
#include <boost/system/error_code.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace mayfly::temporal::detail {

/// A key of an object as a part of a field's name: what somebody wrote, and not more of it than one wants to read.
[[nodiscard]] inline std::string shown_name(std::string_view key)
{
    static constexpr std::size_t most = 64;
    std::string out;
    for (const char c : key.substr(0, most))
        out += static_cast<unsigned char>(c) < 0x20 || c == 0x7f ? '?' : c;
    // Not in the middle of a character.
    while (key.size() > most && !out.empty() && (static_cast<unsigned char>(out.back()) & 0x80U) != 0)
        out.pop_back();
    return key.size() > most ? out + "..." : out;
}

/// Takes an object of JSON apart and gathers what is wrong with it, without ever showing what stands there: it may be a
/// secret in the wrong place.
class stored_reader {
public:
    explicit stored_reader(problems& wrong) : wrong_(&wrong) {}

    void complain(std::string field, std::string remedy)
    {
        wrong_->push_back({std::move(field), "", std::move(remedy)});
    }

    /// Keys that are none of these.
    void only(const boost::json::object& o, const std::string& at, std::initializer_list<std::string_view> known)
    {
        for (const auto& member : o) {
            const std::string_view key{member.key().data(), member.key().size()};
            if (std::find(known.begin(), known.end(), key) != known.end())
                continue;
            std::string names;
            for (const std::string_view k : known)
                names += (names.empty() ? "" : ", ") + std::string(k);
            complain(join(at, key), "unknown; the keys are " + names);
        }
    }

    /// Null, with a problem, if it is there and is no object.
    const boost::json::object* object(const boost::json::object& in, std::string_view key, const std::string& at)
    {
        const auto* const v = in.if_contains(key);
        if (v == nullptr)
            return nullptr;
        if (const auto* o = v->if_object())
            return o;
        complain(join(at, key), "give an object");
        return nullptr;
    }
    const boost::json::array* array(const boost::json::object& in, std::string_view key, const std::string& at)
    {
        const auto* const v = in.if_contains(key);
        if (v == nullptr)
            return nullptr;
        if (const auto* a = v->if_array())
            return a;
        complain(join(at, key), "give an array of texts");
        return nullptr;
    }
    void text(const boost::json::object& in, std::string_view key, const std::string& at, std::string& into)
    {
        if (const auto* const v = in.if_contains(key))
            text(*v, join(at, key), into);
    }
    void text(const boost::json::value& v, const std::string& field, std::string& into)
    {
        if (const auto* s = v.if_string())
            into.assign(s->data(), s->size());
        else
            complain(field, "give a text");
    }
    template <class Number>
    void whole(const boost::json::object& in, std::string_view key, const std::string& at, Number& into)
    {
        const auto* const v = in.if_contains(key);
        if (v == nullptr)
            return;
        constexpr std::uint64_t most = std::numeric_limits<Number>::max();
        std::optional<std::uint64_t> n;
        if (const auto* i = v->if_int64(); i != nullptr && *i >= 0)
            n = static_cast<std::uint64_t>(*i);
        else if (const auto* u = v->if_uint64())
            n = *u;
        else if (const auto* d = v->if_double(); d != nullptr && *d >= 0 && *d < 9e15)
            // As some writers have it: 5.0.
            if (const auto floor = static_cast<std::uint64_t>(*d); static_cast<double>(floor) == *d)
                n = floor;
        if (n && *n <= most)
            into = static_cast<Number>(*n);
        else
            complain(join(at, key), "give a whole number from 0 to " + std::to_string(most));
    }
    void time(const boost::json::object& in, std::string_view key, const std::string& at, wall_clock_time& into)
    {
        std::string words;
        text(in, key, at, words);
        if (words.empty())
            return;
        const auto t = detail::parse_time(words);
        constexpr std::int64_t far = std::numeric_limits<std::int64_t>::max() / 1'000'000'000 - 1;
        if (t && t->seconds < far && t->seconds > -far)
            into = wall_clock_time{std::chrono::seconds{t->seconds} + std::chrono::nanoseconds{t->ns}};
        else
            complain(join(at, key), "give a time like 2026-01-02T03:04:05Z");
    }
    void details(const boost::json::object& in, const std::string& at, settings& into)
    {
        const auto* const o = object(in, "details", at);
        if (o == nullptr)
            return;
        for (const auto& member : *o) {
            const std::string_view key{member.key().data(), member.key().size()};
            setting& s = into[std::string(key)];
            if (auto simple = setting_of(member.value()))
                s = *std::move(simple);
            else
                complain(join(at + ".details", key), simple_value_wanted);
        }
    }

    [[nodiscard]] static std::string join(const std::string& at, std::string_view key)
    {
        return at.empty() ? shown_name(key) : at + '.' + shown_name(key);
    }

private:
    problems* wrong_;
};

/// The object that a text is, or a problem of `field`.
[[nodiscard]] inline checked<boost::json::object> stored_object(
    std::string_view text, const std::string& field, std::size_t most)
{
    if (text.size() > most)
        return problems{
            {field, std::to_string(text.size()) + " bytes long", "give at most " + std::to_string(most) + " bytes"}};
    boost::system::error_code ec;
    boost::json::value v = boost::json::parse({text.data(), text.size()}, ec);
    // A text that has the object within: some tools write all values as texts.
    if (const auto* inner = ec ? nullptr : v.if_string())
        v = boost::json::parse(boost::json::string(*inner), ec);
    if (!ec)
        if (auto* o = v.if_object())
            return std::move(*o);
    return problems{{field, "", "is no JSON object" + (ec ? ": " + ec.message() : "")}};
}

[[nodiscard]] inline std::string stored_time(wall_clock_time t)
{
    std::string out;
    const auto parts = split(t.time_since_epoch().count(), true);
    (void)append_time(out, parts.seconds, parts.nanos);
    return out;
}

}  // namespace mayfly::temporal::detail
