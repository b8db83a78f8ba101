// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "../support/utc_text.hpp"

#include <mayfly/detail/json_write.hpp>
#include <mayfly/temporal/log.hpp>

#include <algorithm>
#include <chrono>
#include <concepts>
#include <cstdio>
#include <exception>
#include <initializer_list>
#include <string>
#include <string_view>

namespace examples {

/// One fact of a line of the log: a name and a text, a number, or yes and no.
struct log_field {
    std::string_view name;
    std::string text;
    bool quoted = true;

    log_field(std::string_view n, std::string_view t) : name(n), text(t) {}
    log_field(std::string_view n, const char* t) : name(n), text(t) {}
    log_field(std::string_view n, const std::string& t) : name(n), text(t) {}
    template <std::integral I>
    log_field(std::string_view n, I i) : name(n), text(std::to_string(i)), quoted(false)
    {}
};

/// What an exception says.
inline std::string words_of(const std::exception_ptr& thrown)
{
    try {
        std::rethrow_exception(thrown);
    } catch (const std::exception& e) {
        return e.what();
    } catch (...) {
        return "no standard exception";
    }
}

/** One line for each event: a JSON object, or `name=value`. What is told of is named by fields, so that the words of
   one kind of event are always the same and can be searched for.
*/
class controller_log {
public:
    using level = mayfly::temporal::log_level;

    void set(level least, bool json)
    {
        least_ = least;
        json_ = json;
    }

    void operator()(level l, std::string_view words, std::initializer_list<log_field> fields = {}) const
    {
        if (l < least_)
            return;
        const std::string text = line(l, words, fields, std::chrono::system_clock::now()) + '\n';
        std::fwrite(text.data(), 1, text.size(), stderr);
    }

    [[nodiscard]] std::string line(level l, std::string_view words, std::initializer_list<log_field> fields,
        std::chrono::system_clock::time_point at) const
    {
        std::string out;
        if (json_) {
            mayfly::detail::json_writer to(out);
            to.begin_object().member("timestamp", utc_text(at)).member("level", to_string(l)).member("message", words);
            for (const log_field& f : fields) {
                to.key(f.name);
                if (f.quoted)
                    to.value(std::string_view(f.text));
                else
                    to.raw(f.text);
            }
            to.end_object();
            return out;
        }
        out.append(utc_text(at)).append(" ").append(to_string(l)).append(" ");
        pair(out, "message", words);
        for (const log_field& f : fields)
            pair(out += ' ', f.name, f.text);
        return out;
    }

private:
    static void pair(std::string& out, std::string_view name, std::string_view text)
    {
        out.append(name).append("=");
        const auto plain = [](char c) { return c > ' ' && c < 0x7F && c != '"' && c != '\\' && c != '='; };
        if (!text.empty() && std::all_of(text.begin(), text.end(), plain))
            out += text;
        else
            mayfly::detail::append_json_string(out, text);
    }

    level least_ = level::info;
    bool json_ = true;
};

}  // namespace examples
