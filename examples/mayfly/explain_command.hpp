// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "../support/flags.hpp"
#include "explain_story.hpp"
#include "flight_file.hpp"

#include <mayfly/detail/json_write.hpp>
#include <mayfly/temporal/json_time.hpp>

#include <charconv>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

namespace examples {

inline constexpr std::string_view explain_help =
    R"(usage: mayfly explain RECORD [OPTION]...

Tells out of the record of a controller why workers were started, and why not: what was read, what was known of the
workers, the rule that decided, and what the provider answered. Without a time it counts what was decided, and why.
RECORD is the file that mayfly controller run was given; what came before is in RECORD.1 and is read too.

  --at TIME                  what was decided around this moment, like 2026-01-31T09:30:00Z
  --before SECONDS           how much of what came before it is shown; 30 unless given
  --after SECONDS            and after it; 10 unless given
  --version DEPLOYMENT/BUILD of this version only
  --namespace N              of this namespace only
  --output text|json         text unless given
  --help                     this

Exit status: 0 it is told, 1 the record cannot be read or has nothing of it, 2 the arguments are not usable.
)";

struct explain_options {
    std::filesystem::path record{};
    std::optional<mayfly::wall_time> at{};
    explain_window window{};
    std::string deployment{};
    std::string build_id{};
    std::string name_space{};
    bool as_json = false;
    bool help = false;
    std::string problem{};  ///< Why these arguments cannot be used; empty if they can.
};

namespace detail {

/// `DEPLOYMENT/BUILD`, or with a colon as others write it, or a deployment alone. Says what to do if it is neither.
inline std::string read_version_name(std::string_view text, std::string& deployment, std::string& build_id)
{
    // No name has a colon in it, and a build id may have a slash.
    const auto slash = text.find(text.find(':') == text.npos ? '/' : ':');
    deployment = text.substr(0, slash);
    build_id = slash == text.npos ? std::string_view{} : text.substr(slash + 1);
    return deployment.empty() || (slash != text.npos && build_id.empty()) ? "give DEPLOYMENT/BUILD, like orders/b7"
                                                                          : "";
}

inline std::string read_moment(std::string_view text, std::optional<mayfly::wall_time>& into)
{
    const auto read = mayfly::temporal::detail::parse_time(text);
    if (!read)
        return "give a time like 2026-01-31T09:30:00Z";
    into = mayfly::wall_time{std::chrono::milliseconds{read->seconds * 1000 + read->ns / 1'000'000}};
    return {};
}

inline std::string read_span(std::string_view text, std::chrono::milliseconds& into)
{
    std::uint32_t seconds = 0;
    const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), seconds);
    if (ec != std::errc{} || end != text.data() + text.size())
        return "give seconds, a whole number";
    into = std::chrono::seconds{seconds};
    return {};
}

inline std::string set(explain_options& o, std::string_view flag, std::string_view value)
{
    if (value.empty())
        return "give a value";
    if (flag == "--at")
        return read_moment(value, o.at);
    if (flag == "--before")
        return read_span(value, o.window.before);
    if (flag == "--after")
        return read_span(value, o.window.after);
    if (flag == "--version")
        return read_version_name(value, o.deployment, o.build_id);
    if (flag == "--namespace") {
        o.name_space = value;
        return {};
    }
    if (flag == "--output") {
        o.as_json = value == "json";
        return value == "json" || value == "text" ? "" : "give text or json";
    }
    return "there is no such option";
}

}  // namespace detail

[[nodiscard]] inline explain_options read_explain_options(const std::vector<std::string_view>& arguments)
{
    explain_options o;
    flag_reader flags(arguments);
    while (const auto next = flags.next()) {
        if (next->name == "--help") {
            o.help = true;
            return o;
        }
        if (next->name.empty()) {
            if (!o.record.empty())
                o.problem = "give one record; \"" + std::string(next->value) + "\" is a second one";
            o.record = next->value;
        } else if (const std::string wrong = detail::set(o, next->name, next->value); !wrong.empty()) {
            o.problem = std::string(next->name) +
                        (next->value.empty() ? "" : " is \"" + std::string(next->value) + '"') + ": " + wrong;
        }
        if (!o.problem.empty())
            return o;
    }
    if (o.record.empty())
        o.problem = "give the record's file";
    return o;
}

namespace detail {

using flight_records = std::map<flight_subject, std::vector<flight_entry>>;

/// What `mayfly explain` prints.
class explain_printer {
public:
    explain_printer(const explain_options& o, const flight_records& all) : o_(&o), all_(&all) {}

    [[nodiscard]] std::string text() const
    {
        std::string out;
        for (const auto& [who, entries] : *all_) {
            out += (out.empty() ? "" : "\n") + to_string(who) + '\n';
            out += o_->at ? around(entries) : in_all(entries);
        }
        return out;
    }

    [[nodiscard]] std::string in_json() const
    {
        std::string out;
        mayfly::detail::json_writer to(out);
        to.begin_array();
        for (const auto& [who, entries] : *all_) {
            to.begin_object().member("namespace", who.name_space).member("deployment", who.version.deployment);
            to.member("build_id", who.version.build_id).member("group", who.group);
            if (o_->at)
                explanation(to, explain_at(entries, *o_->at, o_->window));
            else
                numbers(to, summarise(entries).begin()->second);
            to.end_object();
        }
        to.end_array();
        return out + '\n';
    }

private:
    static std::string line(const flight_entry& e) { return "  " + flight_time(e.at) + "  " + sentence_on(e) + '\n'; }

    [[nodiscard]] std::string around(const std::vector<flight_entry>& entries) const
    {
        const flight_explanation told = explain_at(entries, *o_->at, o_->window);
        std::string out = told.answer + '\n';
        for (const flight_entry& e : told.before)
            out += line(e);
        out += "> " + flight_time(*o_->at) + "  the moment asked for\n";
        for (const flight_entry& e : told.after)
            out += line(e);
        return out;
    }

    static std::string counts(const std::map<std::string, std::uint64_t>& all)
    {
        std::string out;
        for (const auto& [name, n] : all)
            out += (out.empty() ? "" : ", ") + std::to_string(n) + ' ' + name;
        return out.empty() ? "none" : out;
    }

    static std::string in_all(const std::vector<flight_entry>& entries)
    {
        const flight_summary s = summarise(entries).begin()->second;
        std::string out = "  from " + flight_time(s.first) + " to " + flight_time(s.last) + ", " +
                          mayfly::detail::count_of(entries.size(), "line");
        if (s.controller_starts != 0)
            out += "; the controller was started anew " + mayfly::detail::count_of(s.controller_starts, "time");
        out += '\n';
        if (s.decisions == 0) {
            for (const flight_entry& e : entries)
                out += line(e);
            return out;
        }
        out += "  starts wished for:   " + counts(s.starts) + '\n';
        out += "  accepted:            " + std::to_string(s.accepted) + '\n';
        out += "  refused:             " + counts(s.refused) + '\n';
        out += "  held back:           " + counts(s.held_back) + '\n';
        out += "  nobody, though tasks waited (decisions): " + counts(s.not_started) + '\n';
        if (s.unread != 0)
            out += "  statistics that could not be read: " + std::to_string(s.unread) + '\n';
        if (s.last_decision)
            out += "  last" + line(*s.last_decision).substr(1);
        return out;
    }

    static void counted(
        mayfly::detail::json_writer& to, std::string_view name, const std::map<std::string, std::uint64_t>& all)
    {
        to.key(name).begin_object();
        for (const auto& [key, n] : all)
            to.member(key, n);
        to.end_object();
    }
    static void numbers(mayfly::detail::json_writer& to, const flight_summary& s)
    {
        to.member("from", flight_time(s.first)).member("to", flight_time(s.last)).member("decisions", s.decisions);
        counted(to, "starts", s.starts);
        to.member("accepted", s.accepted);
        counted(to, "refused", s.refused);
        counted(to, "held_back", s.held_back);
        counted(to, "nobody_though_tasks_waited", s.not_started);
        to.member("unread", s.unread).member("controller_starts", s.controller_starts);
    }
    static void explanation(mayfly::detail::json_writer& to, const flight_explanation& told)
    {
        to.member("answer", told.answer);
        const auto lines = [&](std::string_view name, const std::vector<flight_entry>& all) {
            to.key(name).begin_array();
            for (const flight_entry& e : all)
                to.begin_object().member("told", sentence_on(e)).key("entry").raw(to_flight_line(e)).end_object();
            to.end_array();
        };
        lines("before", told.before);
        lines("after", told.after);
    }

    const explain_options* o_;
    const flight_records* all_;
};

}  // namespace detail

inline int run_explain(const std::vector<std::string_view>& arguments)
{
    const auto say = [](const std::string& words) { std::fprintf(stderr, "mayfly explain: %s\n", words.c_str()); };
    const explain_options o = read_explain_options(arguments);
    if (o.help) {
        std::fwrite(explain_help.data(), 1, explain_help.size(), stdout);
        return 0;
    }
    if (!o.problem.empty()) {
        say(o.problem + "; --help says what there is");
        return 2;
    }

    detail::flight_records all;
    std::uint64_t bad = 0;
    std::string first_bad;
    const bool read = read_flight_files(
        o.record, [&](const std::filesystem::path& file, std::uint64_t number, std::string_view line) {
            const flight_line one = read_flight_line(line);
            if (!one) {
                if (bad++ == 0)
                    first_bad = file.string() + ", line " + std::to_string(number) + ": " + one.problem;
                return;
            }
            const flight_entry& e = one.entry;
            const bool wanted = (o.name_space.empty() || e.name_space == o.name_space) &&
                                (o.deployment.empty() || e.version.deployment == o.deployment) &&
                                (o.build_id.empty() || e.version.build_id == o.build_id);
            if (wanted)
                all[subject_of(e)].push_back(e);
        });
    if (!read) {
        say(o.record.string() + ": cannot be read; give the file that [record] of the controller's settings names");
        return 1;
    }
    if (bad != 0)
        say("passed over what is no line of a record: " + std::to_string(bad) + ", the first is " + first_bad);
    if (all.empty()) {
        say(o.record.string() + " has nothing of " +
            (o.deployment.empty() ? "that" : o.deployment + (o.build_id.empty() ? "" : '/' + o.build_id)));
        return 1;
    }
    const detail::explain_printer printer(o, all);
    const std::string text = o.as_json ? printer.in_json() : printer.text();
    std::fwrite(text.data(), 1, text.size(), stdout);
    return 0;
}

}  // namespace examples
