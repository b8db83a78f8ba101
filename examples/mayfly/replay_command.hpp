// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "../support/flags.hpp"

#include <mayfly/detail/json_write.hpp>
#include <mayfly/temporal/testing/history_check.hpp>
#include <mayfly/temporal/testing/history_file.hpp>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdio>
#include <cstring>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

namespace examples {

inline constexpr std::string_view replay_help =
    R"(usage: mayfly replay [--with PROGRAM] [--json] FILE...

Looks at workflow histories, saved as JSON (temporal workflow show --output json, or the download of the web UI) or as
protobuf's bytes.

Without --with it tells whether each history is whole and fits together: events in a row from the first one on, what
refers to what, nothing after the run's end. It does not know your workflows, so it cannot tell whether they still do what
a history says. That needs their code:

  --with PROGRAM   give those that are whole to PROGRAM, which replays them: one of yours, whose main ends in
                   mayfly::temporal::testing::run_replayer. It tells for each file whether the code still does the same,
                   and else at which event it does not, and likely why
  --json           a line of JSON for each file, from PROGRAM too
  --help           this

Exit status: 0 all is well, 1 a history does not fit or does not replay, 2 the arguments are not usable, or a file or
PROGRAM cannot be read or run.
)";

struct replay_options {
    std::string program{};
    bool json = false;
    bool help = false;
    std::vector<std::string> files{};
    std::string problem{};  ///< Why these arguments cannot be used; empty if they can.
};

inline replay_options read_replay_options(const std::vector<std::string_view>& arguments)
{
    replay_options o;
    const std::vector<std::string_view> switches{"--json"};
    flag_reader flags(arguments, switches);
    while (o.problem.empty()) {
        const auto next = flags.next();
        if (!next)
            break;
        if (next->name == "--help") {
            o.help = true;
            return o;
        }
        if (next->name.empty())
            o.files.emplace_back(next->value);
        else if (next->name == "--json")
            o.json = true;
        else if (next->name != "--with")
            o.problem = "there is no option " + std::string(next->name);
        else if (next->value.empty())
            o.problem = "--with: give the program that has the workflows";
        else
            o.program = next->value;
    }
    if (o.problem.empty() && o.files.empty())
        o.problem = "give the files to look at";
    return o;
}

namespace detail {

/// What was found in one file, and the status that it stands for.
struct history_finding {
    int status = 2;
    std::vector<std::string> wrong{};
    mayfly::temporal::testing::history_facts facts{};
};

inline history_finding look_at(const std::string& file)
{
    namespace testing = mayfly::temporal::testing;
    history_finding out;
    const auto saved = testing::read_file(file);
    if (!saved) {
        out.wrong.push_back(saved.error().message());
        return out;
    }
    const auto history = testing::read_history(*saved);
    if (!history) {
        out.wrong.push_back(history.error().message);
        return out;
    }
    out.facts = testing::check_history(history->message);
    out.wrong = out.facts.wrong;
    out.status = out.wrong.empty() ? 0 : 1;
    return out;
}

inline void tell(const std::string& file, const history_finding& f, bool json)
{
    const auto quoted = [](std::string_view s) {
        std::string out;
        mayfly::detail::append_json_string(out, s);
        return out;
    };
    std::string line;
    if (json) {
        line = "{\"file\":" + quoted(file) + ",\"verdict\":" +
               (f.status == 0      ? "\"whole\""
                   : f.status == 1 ? "\"inconsistent\""
                                   : "\"unreadable\"") +
               ",\"workflowType\":" + quoted(f.facts.workflow_type) + ",\"events\":" + std::to_string(f.facts.events) +
               ",\"closed\":" + (f.facts.closed ? "true" : "false") + ",\"wrong\":[";
        for (std::size_t i = 0; i < f.wrong.size(); ++i)
            line += (i == 0 ? "" : ",") + quoted(f.wrong[i]);
        line += "]}\n";
    } else {
        line = (f.status == 0 ? "whole   " : "FAILED  ") + file;
        if (f.status != 2)
            line += "  " + f.facts.workflow_type + ", " + std::to_string(f.facts.events) + " events" +
                    (f.facts.closed ? "" : ", still running");
        line += '\n';
        for (const std::string& w : f.wrong)
            line += "        " + w + '\n';
    }
    std::fputs(line.c_str(), stdout);
}

/// Its exit status; 2 if it cannot be run.
inline int run_with(const replay_options& o, std::vector<std::string> files)
{
    std::vector<std::string> words{o.program};
    if (o.json)
        words.emplace_back("--json");
    for (std::string& file : files)
        words.push_back(file.starts_with('-') ? "./" + file : std::move(file));
    std::vector<char*> pointers;
    for (std::string& word : words)
        pointers.push_back(word.data());
    pointers.push_back(nullptr);
    std::fflush(stdout);
    pid_t child = 0;
    const int failed = ::posix_spawnp(&child, o.program.c_str(), nullptr, nullptr, pointers.data(), environ);
    int status = 0;
    if (failed != 0) {
        std::fprintf(stderr, "mayfly replay: %s cannot be run: %s\n", o.program.c_str(), std::strerror(failed));
        return 2;
    }
    while (::waitpid(child, &status, 0) < 0) {
        if (errno != EINTR)
            return 2;
    }
    if (!WIFEXITED(status)) {
        std::fprintf(stderr, "mayfly replay: %s was ended by signal %d\n", o.program.c_str(), WTERMSIG(status));
        return 2;
    }
    return WEXITSTATUS(status);
}

}  // namespace detail

inline int run_replay(const std::vector<std::string_view>& arguments)
{
    const replay_options o = read_replay_options(arguments);
    if (o.help) {
        std::fwrite(replay_help.data(), 1, replay_help.size(), stdout);
        return 0;
    }
    if (!o.problem.empty()) {
        std::fprintf(stderr, "mayfly replay: %s; --help says what there is\n", o.problem.c_str());
        return 2;
    }
    int status = 0;
    std::vector<std::string> whole;
    for (const std::string& file : o.files) {
        const detail::history_finding found = detail::look_at(file);
        status = std::max(status, found.status);
        if (found.status == 0)
            whole.push_back(file);
        // Of what the program tells of, that it was whole is no news.
        if (found.status != 0 || o.program.empty())
            detail::tell(file, found, o.json);
    }
    if (!o.program.empty() && !whole.empty())
        status = std::max(status, detail::run_with(o, std::move(whole)));
    return status;
}

}  // namespace examples
