// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/clock.hpp>
#include <mayfly/problem.hpp>

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <cmath>
#include <concepts>
#include <cstdint>
#include <functional>
#include <initializer_list>
#include <limits>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <variant>
#include <vector>

// Settings as a configuration file or a registry carries them: names and simple values. A program that sets a scaler
// up in code does not need this: there, settings are the fields of a struct.

namespace mayfly {

using setting = std::variant<bool, std::int64_t, double, std::string>;
using settings = std::map<std::string, setting, std::less<>>;

/// As a user would write it; text stands in quotes.
[[nodiscard]] inline std::string to_string(const setting& s)
{
    if (const auto* b = std::get_if<bool>(&s))
        return *b ? "true" : "false";
    if (const auto* i = std::get_if<std::int64_t>(&s))
        return std::to_string(*i);
    if (const auto* d = std::get_if<double>(&s)) {
        std::array<char, 32> buffer{};
        const auto end = std::to_chars(buffer.data(), buffer.data() + buffer.size(), *d).ptr;
        return {buffer.data(), end};
    }
    return '"' + *std::get_if<std::string>(&s) + '"';
}

namespace detail {

template <class Number>
[[nodiscard]] std::optional<Number> number_in(std::string_view text) noexcept
{
    Number out{};
    const char* const end = text.data() + text.size();
    const auto [at, ec] = std::from_chars(text.data(), end, out);
    return ec == std::errc{} && at == end ? std::optional{out} : std::nullopt;
}

}  // namespace detail

/// A whole number, however it was carried: 5, 5.0 or "5". Nothing else is one, `true` included.
[[nodiscard]] inline std::optional<std::int64_t> whole_number(const setting& s) noexcept
{
    if (const auto* i = std::get_if<std::int64_t>(&s))
        return *i;
    if (const auto* text = std::get_if<std::string>(&s))
        return detail::number_in<std::int64_t>(*text);
    const auto* d = std::get_if<double>(&s);
    constexpr double beyond = 9223372036854775808.0;  // 2^63: the largest integer itself has no double.
    if (d == nullptr || !(*d >= -beyond && *d < beyond) || std::trunc(*d) != *d)
        return std::nullopt;
    return static_cast<std::int64_t>(*d);
}

/// A finite number, however it was carried.
[[nodiscard]] inline std::optional<double> finite_number(const setting& s) noexcept
{
    std::optional<double> out;
    if (const auto* d = std::get_if<double>(&s))
        out = *d;
    else if (const auto* i = std::get_if<std::int64_t>(&s))
        out = static_cast<double>(*i);
    else if (const auto* text = std::get_if<std::string>(&s))
        out = detail::number_in<double>(*text);
    return out && std::isfinite(*out) ? out : std::nullopt;
}

/// Where a number may lie. `above` is not part of it, `to` is.
struct number_range {
    double from = 0;
    double to = std::numeric_limits<double>::infinity();
    bool above = false;  ///< `from` itself is too little.

    [[nodiscard]] constexpr bool contains(double d) const noexcept { return (above ? d > from : d >= from) && d <= to; }
};

[[nodiscard]] inline std::string to_string(const number_range& r)
{
    std::string out = (r.above ? "above " : "from ") + to_string(setting{r.from});
    if (r.to < std::numeric_limits<double>::infinity())
        out += " to " + to_string(setting{r.to});
    else if (!r.above)
        out += " up";
    return out;
}

/// Takes the fields of a struct out of settings. A field whose key is absent keeps its value.
class settings_reader {
public:
    /// Field names of problems begin with `where`.
    settings_reader(const settings& from, std::string where) : from_{from}, where_{std::move(where)} {}

    template <std::integral I>
    void whole(std::string_view key, I& into, std::int64_t least, std::int64_t most)
    {
        const setting* const s = find(key, std::to_string(into));
        if (s == nullptr)
            return;
        const auto n = whole_number(*s);
        if (n && *n >= least && *n <= most)
            into = static_cast<I>(*n);
        else
            wrong(key, "give a whole number from " + std::to_string(least) + " to " + std::to_string(most));
    }

    void milliseconds(std::string_view key, uptime& into, std::int64_t least)
    {
        std::int64_t ms = std::chrono::duration_cast<std::chrono::milliseconds>(into).count();
        whole(key, ms, least, std::chrono::duration_cast<std::chrono::milliseconds>(never).count());
        if (from_.contains(key) && !failed(key))
            into = std::chrono::milliseconds{ms};
    }

    void number(std::string_view key, double& into, const number_range& range)
    {
        const setting* const s = find(key, to_string(setting{into}));
        if (s == nullptr)
            return;
        const auto d = finite_number(*s);
        if (d && range.contains(*d))
            into = *d;
        else
            wrong(key, "give a number " + to_string(range));
    }

    void text(std::string_view key, std::string& into)
    {
        const setting* const s = find(key, to_string(setting{into}));
        if (s == nullptr)
            return;
        if (const auto* t = std::get_if<std::string>(s))
            into = *t;
        else
            wrong(key, "give text");
    }

    void flag(std::string_view key, bool& into)
    {
        const setting* const s = find(key, to_string(setting{into}));
        if (s == nullptr)
            return;
        const auto* t = std::get_if<std::string>(s);
        if (const auto* b = std::get_if<bool>(s))
            into = *b;
        else if (t != nullptr && (*t == "true" || *t == "false"))
            into = *t == "true";
        else
            wrong(key, "give true or false");
    }

    /// A key that has to be there, and be text that is not empty.
    void required_text(std::string_view key, std::string& into)
    {
        text(key, into);
        if (into.empty() && !failed(key))
            wrong(key, "is required");
    }

    /// A rule over several keys, of which the first is to blame. Keys that are wrong by themselves are left in peace.
    void require(bool holds, std::initializer_list<std::string_view> keys, std::string remedy)
    {
        if (holds || std::any_of(keys.begin(), keys.end(), [this](std::string_view k) { return failed(k); }))
            return;
        for (auto k = keys.begin() + 1; k < keys.end(); ++k)
            remedy += (k == keys.begin() + 1 ? " (" : ", ") + std::string{*k} + " is " + in_effect(*k);
        add(*keys.begin(), in_effect(*keys.begin()), keys.size() > 1 ? remedy + ')' : remedy);
    }

    /// All problems, unknown keys among them. Call it last.
    [[nodiscard]] problems finish()
    {
        for (const auto& [key, value] : from_) {
            if (known(key) != known_.end())
                continue;
            std::string names;
            for (const auto& k : known_)
                names += (names.empty() ? "" : ", ") + k.first;
            add(key, to_string(value),
                names.empty() ? "there are no settings here; remove it" : "unknown; the settings are " + names);
        }
        return std::move(found_);
    }

private:
    using known_keys = std::vector<std::pair<std::string, std::string>>;

    [[nodiscard]] const setting* find(std::string_view key, std::string otherwise)
    {
        if (known(key) == known_.end())
            known_.emplace_back(key, std::move(otherwise));
        const auto at = from_.find(key);
        return at == from_.end() ? nullptr : &at->second;
    }

    [[nodiscard]] known_keys::const_iterator known(std::string_view key) const
    {
        return std::find_if(known_.begin(), known_.end(), [key](const auto& k) { return k.first == key; });
    }

    [[nodiscard]] std::string in_effect(std::string_view key) const
    {
        if (const auto at = from_.find(key); at != from_.end())
            return to_string(at->second);
        const auto at = known(key);
        return at == known_.end() ? std::string{} : at->second + ", the default";
    }

    [[nodiscard]] bool failed(std::string_view key) const
    {
        return std::find(failed_.begin(), failed_.end(), key) != failed_.end();
    }

    void wrong(std::string_view key, std::string remedy)
    {
        const auto at = from_.find(key);
        add(key, at == from_.end() ? std::string{} : to_string(at->second), std::move(remedy));
        failed_.emplace_back(key);
    }

    void add(std::string_view key, std::string value, std::string remedy)
    {
        std::string field = where_;
        if (!field.empty())
            field += '.';
        found_.push_back({field.append(key), std::move(value), std::move(remedy)});
    }

    const settings& from_;
    std::string where_;
    known_keys known_;  // With their defaults.
    std::vector<std::string> failed_;
    problems found_;
};

/// What can be read from settings: somewhere beside `T`, there is `void read_settings(settings_reader&, T&)`.
template <class T>
concept FromSettings = std::default_initializable<T> && requires(settings_reader& from, T& into)
{
    read_settings(from, into);
};

/// A `T` with the given settings and defaults for all others, or every problem with them.
template <FromSettings T>
[[nodiscard]] checked<T> from_settings(const settings& from, std::string where = {})
{
    T out{};
    settings_reader reader{from, std::move(where)};
    read_settings(reader, out);
    problems wrong = reader.finish();
    if (!wrong.empty())
        return wrong;
    return out;
}

/// What is wrong with these settings for a `T`. Its address serves as a table's entry.
template <FromSettings T>
[[nodiscard]] problems check_settings(const settings& from, const std::string& where)
{
    return from_settings<T>(from, where).problems();
}

}  // namespace mayfly
