// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/temporal/embedded/execution.hpp>

#include <algorithm>
#include <array>
#include <cctype>
#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace mayfly::temporal::embedded {

[[nodiscard]] inline std::string_view status_word(api::enums::ActivityExecutionStatus s) noexcept
{
    constexpr std::array<std::string_view, 8> words{
        "Unspecified", "Running", "Completed", "Failed", "Canceled", "Terminated", "TimedOut", "Paused"};
    const auto at = static_cast<std::size_t>(s);
    return at < words.size() ? words[at] : words[0];
}

/// `ActivityType = 'greet' AND ExecutionStatus = "Running"`: which activities are meant. An empty one means all.
class activity_query {
public:
    /// What is wrong with it, naming what there is instead.
    [[nodiscard]] static answered<activity_query> parse(std::string_view text)
    {
        activity_query out;
        scanner in{text};
        if (in.word_is("group")) {
            if (grpc::status bad = out.read_group(in); !bad.ok())
                return bad;
            return out;
        }
        while (!in.done()) {
            const std::string name = in.word();
            const field f = field_of(name);
            if (f == field::none)
                return bad_request("invalid query: " + shown(name, "the end") +
                                   " is not an attribute that can be asked for here; use ActivityId, ActivityType, "
                                   "ExecutionStatus, RunId or TaskQueue");
            const bool unlike = in.take("!=");
            if (!unlike && !in.take("="))
                return bad_request("invalid query: after " + name + " only = and != are understood here");
            std::string value;
            if (!in.value(value))
                return bad_request("invalid query: give a value in quotes for " + name);
            if (f == field::status && !is_status(value))
                return bad_request("invalid query: " + value +
                                   " is no ExecutionStatus; use Running, Completed, Failed, Canceled, Terminated or "
                                   "TimedOut");
            out.all_.push_back({f, unlike, std::move(value)});
            if (in.done())
                break;
            const std::string next = in.word();
            if (same(next, "group")) {
                if (grpc::status bad = out.read_group(in); !bad.ok())
                    return bad;
                break;
            }
            if (!same(next, "and") || in.done())
                return bad_request("invalid query: conditions are joined with AND here, and there is " +
                                   shown(next, "something else") + " after " + name);
        }
        return out;
    }

    [[nodiscard]] bool matches(const execution& e) const
    {
        return std::all_of(all_.begin(), all_.end(),
            [&e](const condition& c) { return (value_of(e, c.what) == c.value) != c.unlike; });
    }

    /// Counts are wanted for each status.
    [[nodiscard]] bool grouped() const noexcept { return grouped_; }

private:
    enum class field : std::uint8_t { none, id, type, status, run, queue };
    struct condition {
        field what;
        bool unlike;
        std::string value;
    };

    struct scanner {
        std::string_view rest;

        void skip()
        {
            while (!rest.empty() && std::isspace(static_cast<unsigned char>(rest.front())) != 0)
                rest.remove_prefix(1);
        }
        bool done()
        {
            skip();
            return rest.empty();
        }
        std::string word()
        {
            skip();
            std::size_t n = 0;
            while (n < rest.size() &&
                   (std::isalnum(static_cast<unsigned char>(rest[n])) != 0 || rest[n] == '_' || rest[n] == '`'))
                ++n;
            std::string out(rest.substr(0, n));
            std::erase(out, '`');
            rest.remove_prefix(n);
            return out;
        }
        bool word_is(std::string_view wanted)
        {
            scanner ahead = *this;
            if (!same(ahead.word(), wanted))
                return false;
            *this = ahead;
            return true;
        }
        bool take(std::string_view sign)
        {
            skip();
            if (!rest.starts_with(sign))
                return false;
            rest.remove_prefix(sign.size());
            return true;
        }
        bool value(std::string& out)
        {
            skip();
            if (rest.empty() || (rest.front() != '\'' && rest.front() != '"'))
                return false;
            const char quote = rest.front();
            for (std::size_t i = 1; i < rest.size(); ++i) {
                if (rest[i] == '\\' && i + 1 < rest.size()) {
                    out += rest[++i];
                } else if (rest[i] == quote) {
                    rest.remove_prefix(i + 1);
                    return true;
                } else {
                    out += rest[i];
                }
            }
            return false;
        }
    };

    grpc::status read_group(scanner& in)
    {
        if (!in.word_is("by") || !in.word_is("ExecutionStatus") || !in.done())
            return bad_request("invalid query: only GROUP BY ExecutionStatus, at the end, is understood here");
        grouped_ = true;
        return {};
    }

    [[nodiscard]] static bool same(std::string_view a, std::string_view b)
    {
        return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](char x, char y) {
            return std::tolower(static_cast<unsigned char>(x)) == std::tolower(static_cast<unsigned char>(y));
        });
    }
    [[nodiscard]] static std::string shown(const std::string& word, const char* otherwise)
    {
        return word.empty() ? otherwise : '"' + word.substr(0, 100) + '"';
    }
    [[nodiscard]] static field field_of(std::string_view name)
    {
        constexpr std::pair<std::string_view, field> names[] = {{"ActivityId", field::id},
            {"ActivityType", field::type}, {"ExecutionStatus", field::status}, {"RunId", field::run},
            {"ActivityRunId", field::run}, {"TaskQueue", field::queue}};
        for (const auto& [known, f] : names)
            if (name == known)
                return f;
        return field::none;
    }
    [[nodiscard]] static bool is_status(std::string_view value)
    {
        for (int i = 1; i <= api::enums::ActivityExecutionStatus_MAX; ++i)
            if (status_word(static_cast<api::enums::ActivityExecutionStatus>(i)) == value)
                return true;
        return false;
    }
    [[nodiscard]] static std::string_view value_of(const execution& e, field f) noexcept
    {
        switch (f) {
        case field::id: return e.id();
        case field::type: return e.request.activity_type().name();
        case field::status: return status_word(e.status);
        case field::run: return e.run_id;
        case field::queue: return e.request.task_queue().name();
        case field::none: break;
        }
        return {};
    }

    std::vector<condition> all_{};
    bool grouped_ = false;
};

}  // namespace mayfly::temporal::embedded
