// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/detail/json_write.hpp>
#include <mayfly/problem.hpp>
#include <mayfly/temporal/testing/history_file.hpp>
#include <mayfly/temporal/testing/replay.hpp>
#include <mayfly/temporal/worker_setup.hpp>
#include <mayfly/temporal/workflows.hpp>

#include <algorithm>
#include <cstddef>
#include <exception>
#include <functional>
#include <iostream>
#include <ostream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace mayfly::temporal::testing {

namespace detail {

/// For people: a line for each file, and what is wrong below it.
inline void tell(const std::string& file, const replay_report& r, std::ostream& out)
{
    out << (r.ok() ? "ok      " : "FAILED  ") << file;
    if (!r.workflow_type.empty())
        out << "  " << r.workflow_type << ", " << r.events << " events" << (r.closed ? "" : ", still running");
    out << '\n';
    if (!r.ok())
        out << "        " << to_string(r.verdict) << ": " << r.words << '\n';
}

/// For programs: an object in a line for each file.
inline void tell_json(const std::string& file, const replay_report& r, std::ostream& out)
{
    const auto text = [](std::string_view s) {
        std::string quoted;
        mayfly::detail::append_json_string(quoted, s);
        return quoted;
    };
    out << "{\"file\":" << text(file) << ",\"verdict\":" << text(to_string(r.verdict))
        << ",\"workflowType\":" << text(r.workflow_type) << ",\"workflowId\":" << text(r.workflow_id)
        << ",\"runId\":" << text(r.run_id) << ",\"events\":" << r.events
        << ",\"closed\":" << (r.closed ? "true" : "false") << ",\"words\":" << text(r.words) << ",\"passedOver\":[";
    for (std::size_t i = 0; i < r.passed_over.size(); ++i)
        out << (i == 0 ? "" : ",") << text(r.passed_over[i]);
    out << "]}\n";
}

}  // namespace detail

/** A program's whole `main` that replays histories: `PROGRAM [--json] FILE...`. Returns its exit status: 0 if all of
   them are `ok`, 1 if one is not, 2 if there was nothing to do or a file cannot be read.

    `configure` is what `run_worker` is given too: it registers the workflows, and says how data is converted. A
   worker's program may take files as its arguments, and replay them instead of working:

        return argc > 1 ? testing::run_replayer(argc, argv, configure) : run_worker(version, configure);

    `out` gets a line for each file, with `--json` an object.
*/
[[nodiscard]] inline int run_replayer(int argc, const char* const* argv,
    const std::function<void(worker_setup&)>& configure, std::ostream& out = std::cout)
{
    std::vector<std::string> files;
    bool json = false;
    for (int i = 1; i < argc; ++i) {
        const std::string_view word = argv[i];
        if (word == "--json")
            json = true;
        else if (!word.starts_with("--") && !word.empty())
            files.emplace_back(word);
        else
            files.clear(), argc = 0;
    }
    if (files.empty()) {
        out << "usage: PROGRAM [--json] FILE...\n\nReplays histories, saved as JSON or as protobuf's bytes, with the "
               "workflows of this program.\n";
        return 2;
    }
    worker_setup setup;
    try {
        configure(setup);
    } catch (const std::exception& e) {
        out << "the configuration failed: " << e.what() << '\n';
        return 2;
    }
    const workflow_registry& workflows = workflows_of(setup);
    for (const problem& p : workflows.problems()) {
        out << to_string(p) << '\n';
        return 2;
    }
    replay_options with;
    with.converter = setup.converter;
    with.name_space = setup.connection.name_space;
    with.activities = &setup.activities.called();
    with.interceptors = setup.interceptors;
    with.logger = setup.logger;

    int status = 0;
    std::size_t good = 0;
    for (const std::string& file : files) {
        const auto saved = read_file(file);
        replay_report r;
        if (saved)
            r = replay(*saved, workflows, with);
        else
            r.words = "the file cannot be read: " + saved.error().message();
        if (r.ok())
            ++good;
        else
            status = std::max(status, r.verdict == replay_verdict::unreadable ? 2 : 1);
        (json ? detail::tell_json : detail::tell)(file, r, out);
    }
    if (!json)
        out << good << " of " << files.size() << " histories replay\n";
    return status;
}

}  // namespace mayfly::temporal::testing
