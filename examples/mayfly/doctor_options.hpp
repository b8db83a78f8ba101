// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "../support/flags.hpp"
#include "connection_flags.hpp"
#include "explain_command.hpp"

#include <mayfly/aws/target_facts.hpp>
#include <mayfly/deployment.hpp>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

namespace examples {

inline constexpr std::string_view doctor_help =
    R"(usage: mayfly doctor [--version DEPLOYMENT/BUILD] [OPTION]...

Finds out why workers of a version do not come, or do not get work done: goes from its configuration over credentials,
function, routing, queues and starts to its workers and tasks, and names what is wrong, with evidence and remedy.
Without --version it looks at each version that has a compute configuration.

  --version DEPLOYMENT/BUILD this version; or --deployment-name NAME and --build-id ID
  --expect-current           it was made the current version: if it is not, that is what is wrong
  --queue NAME               look for its workers on this queue too; may be given several times
  --controller URL           what mayfly controller run says of it, at http://HOST:PORT; its [health] address
  --record FILE              what a controller wrote down, where none can be asked
  --log FILE                 the function's log; lines that tell something are looked for
  --try                      invoke the function and look what comes; this starts a worker
  --try-for SECONDS          wait so long for its answer; 10 unless given
  --no-aws                   do not ask AWS; otherwise with credentials, region and endpoints as the AWS tools have them
  --external-id WORD         enforce, warn or off: whether a role that can be assumed without its external id is wrong
  --region NAME              where the namespace is active, like aws-us-east-1; otherwise as its address says, if it does
  --server-controller-is-off say that the server's own controller is off; no server tells
  --shutdown-buffer SECONDS  of the workers; 7 unless given
  --stop-timeout SECONDS     of the workers; 5 unless given
  --causes                   list the 27 causes that are known, and end
  --output text|json         text unless given
  --help                     this

Exit status: 0 nothing is wrong (it may wait or sleep), 1 something is wrong, 2 the arguments are not usable.
)";

struct doctor_options {
    connection_flags connection{};
    mayfly::deployment_version version{};  ///< Empty: all there are.
    std::vector<std::string> queues{};
    std::string controller{};
    std::string region{};
    std::filesystem::path record{};
    std::filesystem::path log{};
    mayfly::aws::validation_options needs{.dry_run = true};
    std::chrono::seconds stop_timeout{5};
    std::chrono::seconds try_for{10};
    bool expect_current = false;
    bool server_controller_is_off = false;
    bool try_it = false;
    bool ask_aws = true;
    bool causes = false;
    bool as_json = false;
    bool help = false;
    std::string problem{};  ///< Why these arguments cannot be used; empty if they can.
};

namespace detail {

inline std::string read_whole_seconds(std::string_view text, std::chrono::seconds& into)
{
    std::uint32_t seconds = 0;
    const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), seconds);
    if (ec != std::errc{} || end != text.data() + text.size() || seconds > 900)
        return "give seconds from 0 to 900, a whole number";
    into = std::chrono::seconds{seconds};
    return {};
}

inline std::string read_external_id_check(std::string_view text, mayfly::aws::external_id_check& into)
{
    using enum mayfly::aws::external_id_check;
    into = text == "off" ? off : text == "warn" ? warn : enforce;
    return text == "off" || text == "warn" || text == "enforce" ? "" : "give enforce, warn or off";
}

inline std::string set_switch(doctor_options& o, std::string_view flag)
{
    if (flag == "--expect-current")
        o.expect_current = true;
    else if (flag == "--server-controller-is-off")
        o.server_controller_is_off = true;
    else if (flag == "--try")
        o.try_it = true;
    else if (flag == "--no-aws")
        o.ask_aws = false;
    else if (flag == "--causes")
        o.causes = true;
    else
        return "give a value";
    return {};
}

inline std::string set(doctor_options& o, std::string_view flag, std::string_view value)
{
    if (value.empty())
        return set_switch(o, flag);
    if (flag == "--version")
        return read_version_name(value, o.version.deployment, o.version.build_id);
    if (flag == "--external-id")
        return read_external_id_check(value, o.needs.external_id);
    if (flag == "--shutdown-buffer")
        return read_whole_seconds(value, o.needs.shutdown_buffer);
    if (flag == "--stop-timeout")
        return read_whole_seconds(value, o.stop_timeout);
    if (flag == "--try-for") {
        o.try_it = true;
        return read_whole_seconds(value, o.try_for);
    }
    if (flag == "--output") {
        o.as_json = value == "json";
        return value == "json" || value == "text" ? "" : "give text or json";
    }
    if (flag == "--deployment-name")
        o.version.deployment = value;
    else if (flag == "--build-id")
        o.version.build_id = value;
    else if (flag == "--queue")
        o.queues.emplace_back(value);
    else if (flag == "--controller")
        o.controller = value;
    else if (flag == "--region")
        o.region = value;
    else if (flag == "--record")
        o.record = value;
    else if (flag == "--log")
        o.log = value;
    else if (!o.connection.take(flag, value))
        return "there is no such option";
    return {};
}

}  // namespace detail

[[nodiscard]] inline doctor_options read_doctor_options(const std::vector<std::string_view>& arguments)
{
    static const std::vector<std::string_view> switches{
        "--expect-current", "--server-controller-is-off", "--try", "--no-aws", "--causes"};
    doctor_options o;
    flag_reader flags(arguments, switches);
    while (const auto next = flags.next()) {
        if (next->name == "--help") {
            o.help = true;
            return o;
        }
        const std::string wrong = next->name.empty() ? "this is no option" : detail::set(o, next->name, next->value);
        if (!wrong.empty()) {
            o.problem = std::string(next->name.empty() ? next->value : next->name) + ": " + wrong;
            return o;
        }
    }
    if (o.version.deployment.empty() != o.version.build_id.empty())
        o.problem = "give both, a deployment and a build id, as in --version orders/b7";
    else if (o.version.deployment.empty() && (o.expect_current || o.try_it || !o.log.empty()))
        o.problem = "say of which version, with --version DEPLOYMENT/BUILD";
    return o;
}

}  // namespace examples
