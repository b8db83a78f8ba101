// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "history_server.hpp"
#include "program.hpp"

#include <mayfly/temporal/workflow/machine.hpp>

#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/io/zero_copy_stream_impl_lite.h>

#include <doctest/doctest.h>

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace mayfly::temporal::workflow::testing {

using kind = machine_step::kind;

inline machine_options options_of_tests(bool replay_only = false)
{
    machine_options o;
    o.workflow_id = "order-7";
    o.run_id = "run-1";
    o.workflow_type = "shop";
    o.name_space = "default";
    o.version = {"shop", "1"};
    o.replay_only = replay_only;
    return o;
}

inline std::unique_ptr<machine> make_machine(
    const std::vector<op>& ops, defect d = defect::none, std::vector<program::seen>* log = nullptr, bool only = false)
{
    auto p = std::make_unique<program>(ops, d);
    p->log = log;
    return std::make_unique<machine>(std::move(p), options_of_tests(only));
}

/// The same bytes for the same message, maps too.
inline std::string bytes_of(const google::protobuf::MessageLite& m)
{
    std::string out;
    {
        google::protobuf::io::StringOutputStream to(&out);
        google::protobuf::io::CodedOutputStream coded(&to);
        coded.SetSerializationDeterministic(true);
        m.SerializePartialToCodedStream(&coded);
    }
    return out;
}

/// All that would be sent.
inline std::string bytes_of(const machine_step& s)
{
    std::string out = std::to_string(static_cast<int>(s.what)) + (s.force_new_task ? "+" : "") + s.words;
    for (const auto& c : s.commands)
        out += "\nc " + bytes_of(c);
    for (const auto& m : s.messages)
        out += "\nm " + bytes_of(m);
    for (const auto& [id, r] : s.query_results)
        out += "\nq " + id + bytes_of(r);
    for (const auto& l : s.local_starts)
        out += "\nl " + std::to_string(l.what.seq);
    return out;
}

/// Names of the commands, in their order.
inline std::string names_of(const machine_step& s)
{
    std::string out;
    for (const auto& c : s.commands)
        out += (out.empty() ? "" : " ") + std::string(detail::name_of(c.command_type()));
    return out;
}

/// Begins a task, and gives history `page` events at a time; zero: all at once.
inline machine_step begin_paged(machine& m, run_task t, std::size_t page)
{
    if (page == 0)
        return m.begin(std::move(t));
    auto rest = std::exchange(t.events, {});
    std::size_t at = std::min(page, rest.size());
    t.events.assign(rest.begin(), rest.begin() + static_cast<std::ptrdiff_t>(at));
    t.more_history = true;
    machine_step s = m.begin(std::move(t));
    while (s.what == kind::more_history) {
        REQUIRE(at <= rest.size());
        const std::size_t end = std::min(at + page, rest.size());
        // The last page is an empty one.
        const bool more = at < rest.size();
        s = m.more(
            {rest.begin() + static_cast<std::ptrdiff_t>(at), rest.begin() + static_cast<std::ptrdiff_t>(end)}, more);
        at = end;
    }
    return s;
}

inline machine_step replay(
    const std::vector<HistoryEvent>& events, const std::vector<op>& ops, defect d = defect::none, std::size_t page = 0)
{
    auto m = make_machine(ops, d, nullptr, true);
    run_task t;
    t.events = events;
    return begin_paged(*m, std::move(t), page);
}

}  // namespace mayfly::temporal::workflow::testing
