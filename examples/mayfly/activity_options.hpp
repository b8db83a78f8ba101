// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "../support/flags.hpp"
#include "connection_flags.hpp"
#include "flag_values.hpp"
#include "output.hpp"

#include <mayfly/temporal/activity_requests.hpp>

#include <boost/json/value.hpp>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace examples {

enum class activity_verb : std::uint8_t {
    start,
    execute,
    result,
    describe,
    list,
    count,
    cancel,
    terminate,
    forget,
    complete,
    fail,
    heartbeat,
};

/// A command line below `mayfly activity VERB`.
struct activity_arguments {
    activity_verb verb = activity_verb::list;
    connection_flags connection{};
    output_format output = output_format::text;
    bool help = false;

    std::string type{};
    mayfly::temporal::start_options start{};
    mayfly::temporal::activity_target target{};  ///< `activity_id` and `run_id` also name the one that others mean.
    std::vector<boost::json::value> values{};
    std::string text{};  ///< A query, a reason, or what a failure says.
    std::string failure_type{};
    int limit = 1000;
    std::optional<std::chrono::milliseconds> within{};

    std::string problem{};  ///< Why these cannot be used; empty if they can.
};

namespace detail {

/// What a verb may be told.
enum flag_group : unsigned {
    of_start = 1,
    of_key = 2,
    of_wait = 4,
    of_query = 8,
    of_list = 16,
    of_reason = 32,
    of_target = 64,
    of_value = 128,
    of_failure = 256
};

struct verb_entry {
    std::string_view name;
    activity_verb verb;
    unsigned takes;
    std::string_view words;
};

inline constexpr std::array<verb_entry, 12> activity_verbs{{
    {"start", activity_verb::start, of_start, "start one; tells its id and run"},
    {"execute", activity_verb::execute, of_start | of_wait, "start one, wait for its end, and tell its result"},
    {"result", activity_verb::result, of_key | of_wait, "wait for the end of one, and tell its result"},
    {"describe", activity_verb::describe, of_key, "tell what there is to know of one"},
    {"list", activity_verb::list, of_query | of_list, "tell which there are"},
    {"count", activity_verb::count, of_query, "tell how many there are"},
    {"cancel", activity_verb::cancel, of_key | of_reason, "ask one to end, which it hears with its next heartbeat"},
    {"terminate", activity_verb::terminate, of_key | of_reason, "end one without asking it"},
    {"delete", activity_verb::forget, of_key, "end one if it runs, and forget it"},
    {"complete", activity_verb::complete, of_key | of_target | of_value,
        "report the result of one whose worker left that to others"},
    {"fail", activity_verb::fail, of_key | of_target | of_failure, "report that such a one failed"},
    {"heartbeat", activity_verb::heartbeat, of_key | of_target | of_value, "report that such a one is alive"},
}};

struct flag_entry {
    std::string_view flag;
    std::string_view shape;
    unsigned group;
    std::string_view words;
};

inline constexpr std::array<flag_entry, 30> activity_flags{{
    {"--type", "NAME", of_start, "what to do, as the worker calls it; needed"},
    {"--task-queue", "NAME", of_start, "where workers look for it; needed, unless TEMPORAL_TASK_QUEUE is set"},
    {"--input", "JSON", of_start, "an argument; as often as there are any"},
    {"--id", "ID", of_start, "otherwise one is made up"},
    {"--start-to-close", "TIME", of_start,
        "for one attempt, like 5s, 2m or 1h30m; 10m if nothing is given for this and all"},
    {"--schedule-to-close", "TIME", of_start, "for all of it, with its retries"},
    {"--schedule-to-start", "TIME", of_start, "for waiting for a worker"},
    {"--heartbeat", "TIME", of_start, "between two signs of life"},
    {"--start-delay", "TIME", of_start, "no worker gets it before"},
    {"--attempts", "N", of_start, "at most so many; 1 means no retries"},
    {"--retry-interval", "TIME", of_start, "before the second attempt"},
    {"--retry-most", "TIME", of_start, "at most between two attempts"},
    {"--retry-backoff", "FACTOR", of_start, "each wait is so much longer than the one before"},
    {"--no-retry-type", "NAME", of_start, "of failures that are final; may be given several times"},
    {"--reuse", "POLICY", of_start, "if one of this id has ended: allow, allow-if-failed or reject"},
    {"--conflict", "POLICY", of_start, "if one of this id runs: fail or use-existing"},
    {"--priority", "N", of_start, "lower is served first"},
    {"--fairness-key", "TEXT", of_start, "those of one priority share by these"},
    {"--summary", "TEXT", of_start, "one line for people"},
    {"--id", "ID", of_key, "which; needed"},
    {"--run", "RUN", of_key, "its run; otherwise the latest of this id"},
    {"--workflow-id", "ID", of_target, "whose it is, and the run is that one's; otherwise it is a standalone one"},
    {"--value", "JSON", of_value, "the result, or what the next attempt may go on from"},
    {"--message", "TEXT", of_failure, "what went wrong; needed"},
    {"--failure-type", "NAME", of_failure, "what retry policies know it by"},
    {"--within", "TIME", of_wait, "how long to wait; otherwise as long as it takes"},
    {"--query", "TEXT", of_query, "which, like: ActivityType = 'greet' AND ExecutionStatus = 'Running'"},
    {"--limit", "N", of_list, "at most so many; 1000 unless given"},
    {"--reason", "TEXT", of_reason, "for those who wonder"},
    {"--output", "FORMAT", ~0U, "text (unless given), json or jsonl"},
}};

/// Takes one flag that the verb has. Says what to do if the value is of no use, else nothing.
inline std::string set(activity_arguments& a, std::string_view flag, std::string_view value)
{
    auto& start = a.start;
    const auto retry = [&]() -> auto&
    {
        return start.retry ? *start.retry : start.retry.emplace();
    };
    const auto priority = [&]() -> auto&
    {
        return start.priority ? *start.priority : start.priority.emplace();
    };
    const auto text = [&](std::string& into) {
        into = value;
        return std::string();
    };
    if (flag == "--type")
        return text(a.type);
    if (flag == "--task-queue")
        return text(start.task_queue);
    if (flag == "--input" || flag == "--value")
        return json(a.values, value);
    if (flag == "--id")
        return text(a.target.activity_id);
    if (flag == "--run")
        return text(a.target.run_id);
    if (flag == "--workflow-id")
        return text(a.target.workflow_id);
    if (flag == "--start-to-close")
        return duration(start.start_to_close, value);
    if (flag == "--schedule-to-close")
        return duration(start.schedule_to_close, value);
    if (flag == "--schedule-to-start")
        return duration(start.schedule_to_start, value);
    if (flag == "--heartbeat")
        return duration(start.heartbeat, value);
    if (flag == "--start-delay")
        return duration(start.start_delay, value);
    if (flag == "--attempts")
        return number(retry().maximum_attempts, value, 1, "give a whole number from 1");
    if (flag == "--retry-interval")
        return duration(retry().initial_interval, value);
    if (flag == "--retry-most")
        return duration(retry().maximum_interval, value);
    if (flag == "--retry-backoff")
        return number(retry().backoff, value, 1.0, "give a number from 1, like 1.5");
    if (flag == "--no-retry-type")
        return retry().non_retryable_types.emplace_back(value), "";
    if (flag == "--reuse")
        return choice(start.reuse, value, std::array<std::string_view, 4>{"", "allow", "allow-if-failed", "reject"});
    if (flag == "--conflict")
        return choice(start.conflict, value, std::array<std::string_view, 3>{"", "fail", "use-existing"});
    if (flag == "--priority")
        return number(priority().key, value, 1, "give a whole number from 1");
    if (flag == "--fairness-key")
        return text(priority().fairness_key);
    if (flag == "--summary")
        return text(start.summary);
    if (flag == "--failure-type")
        return text(a.failure_type);
    if (flag == "--within")
        return duration(a.within.emplace(), value);
    if (flag == "--limit")
        return number(a.limit, value, 1, "give a whole number from 1");
    if (flag == "--output")
        return choice(a.output, value, std::array<std::string_view, 3>{"text", "json", "jsonl"});
    return text(a.text);  // --query, --message, --reason: a verb has one of them
}

/// What is missing, if anything is.
inline std::string missing(const activity_arguments& a, unsigned takes)
{
    if ((takes & of_start) != 0 && a.type.empty())
        return "--type is missing: say what to do, by the name that the worker has for it";
    if ((takes & of_key) != 0 && a.target.activity_id.empty())
        return "--id is missing: say which activity; mayfly activity list tells what there is";
    if (a.verb == activity_verb::fail && a.text.empty())
        return "--message is missing: say what went wrong";
    if (a.verb == activity_verb::complete && a.values.size() > 1)
        return "--value is there twice: an activity has one result";
    return {};
}

}  // namespace detail

/// What `mayfly activity --help` says.
inline std::string activity_help()
{
    std::string out = "usage: mayfly activity VERB [OPTION]...\n\n"
                      "Standalone activities: work for workers, without a workflow around it.\n\n";
    for (const auto& v : detail::activity_verbs)
        out.append("  ").append(v.name).append(v.name.size() < 12 ? 12 - v.name.size() : 1, ' ').append(v.words) +=
            '\n';
    return out + "\nmayfly activity VERB --help says more.\n";
}

/// What `mayfly activity VERB --help` says.
inline std::string activity_help(const detail::verb_entry& verb)
{
    std::string out = "usage: mayfly activity " + std::string(verb.name) +
                      " [OPTION]...\n\nActivities: " + std::string(verb.words) + ".\n\n";
    for (const auto& f : detail::activity_flags) {
        if ((f.group & verb.takes) == 0)
            continue;
        std::string line = "  " + std::string(f.flag) + ' ' + std::string(f.shape);
        line.resize(std::max<std::size_t>(line.size() + 1, 29), ' ');
        out.append(line).append(f.words) += '\n';
    }
    out += connection_help;
    return out + R"(
Exit status: 0 done, 1 the service refused or could not be reached, 2 the arguments are not usable, 3 the activity has
ended without a result, 4 it had not ended in the time that was given.
)";
}

/// Reads what follows the verb.
inline activity_arguments read_activity_arguments(
    const detail::verb_entry& verb, const std::vector<std::string_view>& arguments)
{
    activity_arguments out;
    out.verb = verb.verb;
    flag_reader flags(arguments);
    while (out.problem.empty()) {
        const auto next = flags.next();
        if (!next)
            break;
        const std::string flag(next->name);
        if (flag == "--help") {
            out.help = true;
            return out;
        }
        if (flag.empty()) {
            out.problem = '"' + std::string(next->value) + "\" is no option";
            continue;
        }
        const bool own = std::any_of(detail::activity_flags.begin(), detail::activity_flags.end(),
            [&](const auto& f) { return f.flag == flag && (f.group & verb.takes) != 0; });
        connection_flags probe;
        if (!own && !probe.take(flag, ""))
            out.problem = "there is no option " + flag;
        else if (next->value.empty())
            out.problem = flag + ": give a value";
        else if (!own)
            static_cast<void>(out.connection.take(flag, next->value));
        else if (const auto remedy = detail::set(out, flag, next->value); !remedy.empty())
            out.problem = flag + " is \"" + std::string(next->value) + "\": " + remedy;
    }
    if (out.problem.empty())
        out.problem = detail::missing(out, verb.takes);
    auto& start = out.start;
    start.id = out.target.activity_id;
    if (start.start_to_close.count() == 0 && start.schedule_to_close.count() == 0)
        start.start_to_close = std::chrono::minutes{10};
    return out;
}

}  // namespace examples
