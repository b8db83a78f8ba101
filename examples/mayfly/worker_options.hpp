// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "../support/flags.hpp"
#include "compute_flags.hpp"
#include "connection_flags.hpp"
#include "flag_values.hpp"
#include "output.hpp"

#include <mayfly/aws/target_facts.hpp>
#include <mayfly/deployment.hpp>
#include <mayfly/problem.hpp>
#include <mayfly/temporal/stored_compute.hpp>

#include <boost/json/value.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace examples {

enum class worker_verb : std::uint8_t {
    create,
    create_version,
    update_compute,
    validate_version,
    describe,
    describe_version,
    list,
    set_current,
    set_ramping,
    delete_version,
    remove,
    update_metadata,
    set_manager,
    unset_manager,
    list_workers,
    count_workers,
    describe_worker,
};

/// Where a compute configuration is kept.
enum class compute_place : std::uint8_t { automatic, metadata, server };

/// A command line below `mayfly worker`.
struct worker_arguments {
    worker_verb verb = worker_verb::list;
    connection_flags connection{};
    output_format output = output_format::text;
    bool help = false;
    bool yes = false;

    mayfly::deployment_version version{};  ///< `build_id` is empty for a deployment, and for `--unversioned`.
    bool unversioned = false;
    bool ignore_missing_task_queues = false;
    bool allow_no_pollers = false;
    std::optional<float> percentage{};
    bool remove_ramp = false;
    bool skip_drainage = false;
    bool stats = false;
    std::string controller{};  ///< Its address, like `http://127.0.0.1:7240`.

    compute_flags compute{};
    bool remove_compute = false;
    bool skip_validation = false;
    mayfly::aws::external_id_check external_id = mayfly::aws::external_id_check::enforce;
    compute_place place = compute_place::automatic;
    bool server_controller_is_off = false;

    std::vector<std::pair<std::string, boost::json::value>> metadata{};
    std::vector<std::string> remove_entries{};
    bool self = false;
    std::string manager{};

    std::string query{};
    std::string instance_key{};
    int limit = 1000;

    std::string problem{};  ///< Why these cannot be used; empty if they can.
};

/// One of the commands, as its help and shell completion know it.
struct worker_verb_entry {
    std::string_view path;  ///< The words after `mayfly worker`.
    worker_verb verb;
    unsigned takes;
    std::string_view words;
};

namespace detail {

/// What a command may be told.
enum worker_flag_group : unsigned {
    names_deployment = 1,  ///< `--name`
    of_deployment = 2,     ///< `--deployment-name`
    of_version = 4,        ///< `--build-id`
    of_routing = 8,        ///< Which checks of new routing are left out.
    of_ramp = 16,
    of_deletion = 32,
    of_description = 64,
    of_compute = 128,
    of_check = 256,
    of_compute_update = 512,
    of_metadata = 1024,
    of_manager = 2048,
    of_worker_query = 4096,
    of_worker_key = 8192,
    of_page = 16384,
    of_unversioned = 32768,
    of_place = 65536,
};

}  // namespace detail

inline constexpr std::array<worker_verb_entry, 17> worker_verbs{{
    {"deployment create", worker_verb::create, detail::names_deployment, "make a deployment, without versions"},
    {"deployment create-version", worker_verb::create_version,
        detail::of_deployment | detail::of_version | detail::of_compute | detail::of_check | detail::of_place,
        "make a version of one, with what runs its workers; no work goes to it yet"},
    {"deployment update-version-compute-config", worker_verb::update_compute,
        detail::of_deployment | detail::of_version | detail::of_compute | detail::of_compute_update | detail::of_check |
            detail::of_place,
        "change what runs a version's workers; what no flag speaks of stays"},
    {"deployment validate-version", worker_verb::validate_version,
        detail::of_deployment | detail::of_version | detail::of_compute | detail::of_check,
        "tell what is wrong with a version's compute configuration, as it is or as the flags would make it"},
    {"deployment describe", worker_verb::describe, detail::names_deployment, "tell what there is to know of one"},
    {"deployment describe-version", worker_verb::describe_version,
        detail::of_deployment | detail::of_version | detail::of_description, "tell what there is to know of a version"},
    {"deployment list", worker_verb::list, detail::of_page, "tell which there are"},
    {"deployment set-current-version", worker_verb::set_current,
        detail::of_deployment | detail::of_version | detail::of_routing | detail::of_unversioned,
        "let all new work go to a version"},
    {"deployment set-ramping-version", worker_verb::set_ramping,
        detail::of_deployment | detail::of_version | detail::of_routing | detail::of_unversioned | detail::of_ramp,
        "let a share of new work go to a version"},
    {"deployment delete-version", worker_verb::delete_version,
        detail::of_deployment | detail::of_version | detail::of_deletion,
        "forget a version that is not current or ramping, that has drained and that nobody polls"},
    {"deployment delete", worker_verb::remove, detail::names_deployment, "forget a deployment without versions"},
    {"deployment update-version-metadata", worker_verb::update_metadata,
        detail::of_deployment | detail::of_version | detail::of_metadata, "note things about a version"},
    {"deployment manager-identity set", worker_verb::set_manager, detail::of_deployment | detail::of_manager,
        "say who alone may change a deployment"},
    {"deployment manager-identity unset", worker_verb::unset_manager, detail::of_deployment,
        "let everybody change a deployment"},
    {"list", worker_verb::list_workers, detail::of_worker_query | detail::of_page,
        "tell which workers tell of themselves"},
    {"count", worker_verb::count_workers, detail::of_worker_query, "tell how many do"},
    {"describe", worker_verb::describe_worker, detail::of_worker_key, "tell what one told last"},
}};

namespace detail {

struct worker_flag_entry {
    std::string_view flag;
    std::string_view shape;  ///< Empty: it has no value.
    unsigned group;
    std::string_view words;
};

inline constexpr std::array<worker_flag_entry, 25> worker_flags{{
    {"--name", "NAME", names_deployment, "of the deployment; needed"},
    {"--deployment-name", "NAME", of_deployment, "which deployment; needed"},
    {"--build-id", "ID", of_version, "which version of it; needed"},
    {"--unversioned", "", of_unversioned, "instead of --build-id: workers without a version"},
    {"--percentage", "N", of_ramp, "of new work, 0 to 100; needed, unless --delete is there"},
    {"--delete", "", of_ramp, "there is no ramp from now on; without --build-id, whichever there is"},
    {"--ignore-missing-task-queues", "", of_routing,
        "though the version does not poll all queues of the current one that are in use; enough for a serverless "
        "version that never ran"},
    {"--allow-no-pollers", "", of_routing, "though nothing has polled as this version, or it does not exist"},
    {"--skip-drainage", "", of_deletion, "though pinned workflows may still need it"},
    {"--report-task-queue-stats", "", of_description, "with the numbers of its queues"},
    {"--controller", "URL", of_description, "ask a running mayfly controller too, like http://127.0.0.1:7240"},
    {"--remove", "", of_compute_update,
        "nothing starts workers for the version from now on; goes with no "
        "other flag but --storage, which then says from where"},
    {"--skip-validation", "", of_check, "do not ask the provider whether the function exists and is fit"},
    {"--external-id", "RULE", of_check,
        "of a role that can be assumed without its external id: enforce (unless given), warn, or off for emulators"},
    {"--storage", "PLACE", of_place,
        "auto (unless given): where it is; a new one in the version's metadata, which mayfly's controller reads; or "
        "metadata, or server, whose own controller reads it"},
    {"--server-controller-is-off", "", of_place,
        "workercontroller.enabled is off for good there: auto keeps a new one in the server, where mayfly's controller "
        "takes it with server_controller_is_off in the namespace's settings"},
    {"--metadata", "KEY=JSON", of_metadata, "a note; may be given several times"},
    {"--remove-entries", "KEY", of_metadata, "a note that goes; may be given several times"},
    {"--manager-identity", "TEXT", of_manager, "who; as that one calls itself, see --identity"},
    {"--self", "", of_manager, "instead of --manager-identity: whoever makes this call"},
    {"--query", "TEXT", of_worker_query, "which, like: TaskQueue = 'orders'"},
    {"--worker-instance-key", "KEY", of_worker_key, "which; needed; mayfly worker list tells it"},
    {"--limit", "N", of_page, "at most so many; 1000 unless given"},
    {"--output", "FORMAT", ~0U, "text (unless given), json, jsonl or none"},
    {"--yes", "", ~0U, "do not ask"},
}};

inline std::string set(worker_arguments& a, std::string_view flag, std::string_view value)
{
    const auto text = [&](std::string& into) {
        into = value;
        return std::string();
    };
    const auto on = [](bool& into) {
        into = true;
        return std::string();
    };
    if (flag == "--name" || flag == "--deployment-name")
        return text(a.version.deployment);
    if (flag == "--build-id")
        return text(a.version.build_id);
    if (flag == "--unversioned")
        return on(a.unversioned);
    if (flag == "--percentage") {
        const auto remedy = number(a.percentage.emplace(), value, 0.0F, "give a number from 0 to 100");
        return *a.percentage <= 100 ? remedy : "give a number from 0 to 100";
    }
    if (flag == "--delete")
        return on(a.remove_ramp);
    if (flag == "--ignore-missing-task-queues")
        return on(a.ignore_missing_task_queues);
    if (flag == "--allow-no-pollers")
        return on(a.allow_no_pollers);
    if (flag == "--skip-drainage")
        return on(a.skip_drainage);
    if (flag == "--report-task-queue-stats")
        return on(a.stats);
    if (flag == "--controller")
        return text(a.controller);
    if (flag == "--remove")
        return on(a.remove_compute);
    if (flag == "--skip-validation")
        return on(a.skip_validation);
    if (flag == "--external-id")
        return choice(a.external_id, value, std::array<std::string_view, 3>{"enforce", "warn", "off"});
    if (flag == "--storage")
        return choice(a.place, value, std::array<std::string_view, 3>{"auto", "metadata", "server"});
    if (flag == "--server-controller-is-off")
        return on(a.server_controller_is_off);
    if (flag == "--metadata") {
        const auto equals = value.find('=');
        if (equals == 0 || equals == value.npos)
            return "give KEY=JSON; text stands in quotes, like 'team=\"shop\"'";
        std::vector<boost::json::value> read;
        auto remedy = json(read, value.substr(equals + 1));
        if (remedy.empty())
            a.metadata.emplace_back(std::string(value.substr(0, equals)), std::move(read.front()));
        return remedy;
    }
    if (flag == "--remove-entries" && value == mayfly::temporal::compute_key)
        return "nothing would start workers for the version any more; if that is meant: "
               "update-version-compute-config --remove";
    if (flag == "--remove-entries")
        return a.remove_entries.emplace_back(value), "";
    if (flag == "--manager-identity")
        return text(a.manager);
    if (flag == "--self")
        return on(a.self);
    if (flag == "--query")
        return text(a.query);
    if (flag == "--worker-instance-key")
        return text(a.instance_key);
    if (flag == "--limit")
        return number(a.limit, value, 1, "give a whole number from 1");
    if (flag == "--output")
        return choice(a.output, value, output_formats);
    return on(a.yes);
}

/// What is missing or goes too far, if anything does.
inline std::string fault_of(const worker_arguments& a, unsigned takes)
{
    const bool deployment = (takes & (names_deployment | of_deployment)) != 0;
    if (deployment && a.version.deployment.empty())
        return std::string((takes & names_deployment) != 0 ? "--name" : "--deployment-name") +
               " is missing: say which deployment; mayfly worker deployment list tells what there is";
    if ((takes & of_worker_key) != 0 && a.instance_key.empty())
        return "--worker-instance-key is missing: say which worker; mayfly worker list tells what there is";
    if (a.unversioned && !a.version.build_id.empty())
        return "--unversioned and --build-id are both there: give one of them";
    if ((takes & of_version) != 0 && a.version.build_id.empty() && !a.unversioned && !a.remove_ramp)
        return std::string("--build-id is missing: say which version") +
               ((takes & of_unversioned) != 0 ? ", or --unversioned" : "");
    const auto names = mayfly::check_names(
        {deployment ? a.version.deployment : "any", a.version.build_id.empty() ? "any" : a.version.build_id});
    if (!names.empty()) {
        const bool build = names.front().field == "build_id";
        const char* const flag = build                             ? "--build-id"
                                 : (takes & names_deployment) != 0 ? "--name"
                                                                   : "--deployment-name";
        return std::string(flag) + " is " + names.front().value + ": " + names.front().remedy;
    }
    if ((takes & of_ramp) != 0 && a.remove_ramp && a.percentage)
        return "--delete and --percentage are both there: a ramp that is gone has no share";
    if ((takes & of_ramp) != 0 && !a.remove_ramp && !a.percentage)
        return "--percentage is missing: say which share of new work, 0 to 100, or --delete";
    if (a.remove_compute && (!a.compute.empty() || a.skip_validation))
        return "--remove goes with no other flag about compute but --storage: leave it out, or the others";
    if (a.verb == worker_verb::update_compute && !a.remove_compute && a.compute.empty() &&
        a.place == compute_place::automatic)
        return "nothing to change: give a flag about compute, or --remove";
    if (a.verb == worker_verb::create_version)
        if (const auto made = a.compute.apply_to({}); !made)
            return mayfly::to_string(made.problems());
    if (a.verb == worker_verb::update_metadata && a.metadata.empty() && a.remove_entries.empty())
        return "nothing to change: give --metadata or --remove-entries";
    for (const auto& [key, value] : a.metadata)
        if (key.starts_with("mayfly."))
            return "--metadata is about \"" + key +
                   "\": such notes are mayfly's own; use update-version-compute-config, or another name";
    if (a.verb == worker_verb::set_manager && a.self == !a.manager.empty())
        return a.self ? "--self and --manager-identity are both there: give one of them"
                      : "--manager-identity is missing: say who, or --self";
    return {};
}

}  // namespace detail

/// What `--help` says where more words have to follow: `prefix` is empty, `deployment`, or the like.
inline std::string worker_help(std::string_view prefix)
{
    std::string out = "usage: mayfly worker" + std::string(prefix.empty() ? "" : " ") + std::string(prefix) +
                      " VERB [OPTION]...\n\nWorkers, and the deployments that their versions belong to.\n\n";
    std::string last;
    for (const auto& v : worker_verbs) {
        std::string_view rest = v.path;
        if (!prefix.empty()) {
            if (!rest.starts_with(prefix) || rest.size() <= prefix.size() || rest[prefix.size()] != ' ')
                continue;
            rest.remove_prefix(prefix.size() + 1);
        }
        const auto space = rest.find(' ');
        std::string line = "  " + std::string(rest.substr(0, space));
        if (line == last)
            continue;
        last = line;
        line.resize(std::max<std::size_t>(line.size() + 1, 31), ' ');
        out.append(line).append(space == rest.npos ? v.words : "more verbs; see its own help") += '\n';
    }
    return out + "\nmayfly worker" + std::string(prefix.empty() ? "" : " ") + std::string(prefix) +
           " VERB --help says more.\n";
}

/// What `mayfly worker PATH --help` says.
inline std::string worker_help(const worker_verb_entry& verb)
{
    std::string out = "usage: mayfly worker " + std::string(verb.path) + " [OPTION]...\n\n";
    std::string words{verb.words};
    words.front() = static_cast<char>(words.front() - 'a' + 'A');
    out += words + ".\n\n";
    const auto add = [&](std::string_view flag, std::string_view shape, std::string_view what) {
        std::string line = "  " + std::string(flag) + (shape.empty() ? "" : " ") + std::string(shape);
        line.resize(std::max<std::size_t>(line.size() + 1, 35), ' ');
        out.append(line).append(what) += '\n';
    };
    for (const auto& f : detail::worker_flags)
        if ((f.group & verb.takes) != 0)
            add(f.flag, f.shape, f.words);
    if ((verb.takes & detail::of_compute) != 0) {
        out += "\nWhat runs the workers\n";
        for (const auto& f : compute_flags::known)
            add(f.flag, f.shape, f.words);
        out += "\nThe function is looked at as the AWS tools would: with credentials, region and endpoints of the "
               "environment and\nthe shared files.\n";
    }
    out += connection_help;
    return out + R"(
Exit status: 0 done, 1 the service refused or could not be reached, or the compute configuration is not fit, 2 the
arguments are not usable, 3 nothing was done: a change of routing has to be confirmed, on a terminal or by --yes.
)";
}

/// The command that the first words name, and how many these are; nothing if they name none.
inline const worker_verb_entry* find_worker_verb(const std::vector<std::string_view>& arguments, std::size_t& words)
{
    for (const auto& v : worker_verbs) {
        std::string_view rest = v.path;
        words = 0;
        while (!rest.empty() && words < arguments.size()) {
            const std::string_view next = rest.substr(0, rest.find(' '));
            if (arguments[words] != next)
                break;
            ++words;
            rest.remove_prefix(std::min(rest.size(), next.size() + 1));
        }
        if (rest.empty())
            return &v;
    }
    return nullptr;
}

/// Reads what follows the command's words.
inline worker_arguments read_worker_arguments(
    const worker_verb_entry& verb, const std::vector<std::string_view>& arguments)
{
    worker_arguments out;
    out.verb = verb.verb;
    std::vector<std::string_view> switches;
    for (const auto& f : detail::worker_flags)
        if (f.shape.empty())
            switches.push_back(f.flag);
    for (const auto& f : compute_flags::known)
        if (f.shape.empty())
            switches.push_back(f.flag);
    const auto is_switch = [&](std::string_view f) {
        return std::find(switches.begin(), switches.end(), f) != switches.end();
    };

    flag_reader flags(arguments, switches);
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
        const bool own = std::any_of(detail::worker_flags.begin(), detail::worker_flags.end(),
            [&](const auto& f) { return f.flag == flag && (f.group & verb.takes) != 0; });
        const auto* const compute = (verb.takes & detail::of_compute) != 0 ? compute_flags::find(flag) : nullptr;
        connection_flags probe;
        std::string remedy;
        if (!own && compute == nullptr && !probe.take(flag, ""))
            out.problem = "there is no option " + flag;
        else if (is_switch(flag) != next->value.empty())
            out.problem = flag + (is_switch(flag) ? ": has no value" : ": give a value");
        else if (own)
            remedy = detail::set(out, flag, next->value);
        else if (compute != nullptr)
            remedy = out.compute.take(*compute, next->value);
        else
            static_cast<void>(out.connection.take(flag, next->value));
        if (!remedy.empty())
            out.problem =
                flag +
                (flag.ends_with("external-id") && compute != nullptr ? ": "
                                                                     : " is \"" + std::string(next->value) + "\": ") +
                remedy;
    }
    if (out.problem.empty())
        out.problem = detail::fault_of(out, verb.takes);
    return out;
}

/// Whether to go on with a change that may be meant for another deployment.
enum class consent : std::uint8_t { given, ask, missing };

[[nodiscard]] constexpr consent consent_to_routing(const worker_arguments& a, bool on_terminal) noexcept
{
    if (a.yes)
        return consent::given;
    return on_terminal && a.output == output_format::text ? consent::ask : consent::missing;
}

}  // namespace examples
