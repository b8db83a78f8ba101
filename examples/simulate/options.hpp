// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "../support/flags.hpp"
#include "judge.hpp"

#include <charconv>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace examples {

inline constexpr std::string_view simulate_help =
    R"(usage: simulate [OPTION]...

Runs workloads against a scaler in simulated time, and says what it cost and how long tasks waited.

  --workloads FILE      a file of schema scaling-workloads/1; otherwise the one in examples/data
  --scaler NAME         fleet (unless given), no_sync, no_sync_tuned or rate_based
  --mode MODE           events (unless given): every added task is reported to the scaler at once
                        poll-only: it learns of tasks by reading statistics only
  --seed-offset N       added to the seed of every workload; 7919, 15838, .. are the customary further ones
  --only ID             this workload, or all whose id contains ID; may be given several times
  --json FILE           writes the results there
  --svg DIR             draws each run there, as ID.svg
  --help                this

What the scalers are given:
  fleet          its defaults, the workload's maximum and declared activity timeout; a provider that forgets a start
                 it had no room for after 60 s, and repeats none. In poll-only mode it reads every second while idle.
  no_sync        the published baseline: signals gathered for each partition, a look every 60 s, one repeated call
  no_sync_tuned  the same without cool-off, gathering 50 ms, a look every 30 s, workers that leave after 5 s
  rate_based     its defaults, sizing a worker set of at most the workload's maximum; signals as for no_sync

Relative cost is in units of what a clairvoyant fleet pays that lets no task wait. Excess says by how many median
start-ups the p99 of waiting is worse than with a worker started for every single unmatched task. Both are taken from
the file where it states them (seed offset 0), and computed otherwise.

Exit status: 0 all were run, 1 something went wrong on the way, 2 the arguments or the file are not usable.
)";

struct options {
    std::filesystem::path workloads{};
    policy scaler = policy::fleet;
    bool events = true;
    std::uint64_t seed_offset = 0;
    std::vector<std::string> only{};
    std::filesystem::path json{};
    std::filesystem::path svg{};
    bool help = false;
    std::string problem{};  ///< Why these arguments cannot be used; empty if they can.
};

namespace detail {

inline std::string set(options& o, std::string_view flag, std::string_view value)
{
    const std::string given = std::string(flag) + " is \"" + std::string(value) + "\": ";
    if (value.empty())
        return std::string(flag) + ": give a value";
    if (flag == "--workloads") {
        o.workloads = value;
    } else if (flag == "--scaler") {
        const auto found = find_policy(value);
        if (!found)
            return given + "give fleet, no_sync, no_sync_tuned or rate_based";
        o.scaler = *found;
    } else if (flag == "--mode") {
        if (value != "events" && value != "poll-only")
            return given + "give events or poll-only";
        o.events = value == "events";
    } else if (flag == "--seed-offset") {
        const auto [end, ec] = std::from_chars(value.data(), value.data() + value.size(), o.seed_offset);
        if (ec != std::errc{} || end != value.data() + value.size())
            return given + "give a whole number from 0 to 2^64 - 1";
    } else if (flag == "--only") {
        o.only.emplace_back(value);
    } else if (flag == "--json") {
        o.json = value;
    } else if (flag == "--svg") {
        o.svg = value;
    } else {
        return "there is no option " + std::string(flag);
    }
    return {};
}

}  // namespace detail

/// Takes `--name value` and `--name=value`. Where one is given twice, the last counts.
inline options read_options(const std::vector<std::string_view>& arguments)
{
    options o;
    flag_reader flags(arguments);
    while (o.problem.empty()) {
        const auto next = flags.next();
        if (!next)
            break;
        if (next->name == "--help")
            o.help = true;
        else if (next->name.empty())
            o.problem = "\"" + std::string(next->value) + "\" is no option";
        else
            o.problem = detail::set(o, next->name, next->value);
    }
    return o;
}

}  // namespace examples
