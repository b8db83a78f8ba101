// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "controller_program.hpp"
#include "controller_settings_read.hpp"

#include <cstdio>
#include <string>
#include <string_view>
#include <vector>

namespace examples {

inline constexpr std::string_view controller_verbs_help =
    R"(usage: mayfly controller VERB [FILE] [OPTION]...

  run                        start workers for the versions of a Temporal cluster that have a compute configuration, as
                             tasks come, and let them go again. Start as many replicas as you like: one acts, the
                             others stand by
  check                      say what is in effect, and end
)";

inline constexpr std::string_view controller_help =
    R"(
What takes the place of the file's settings
  --health ADDRESS:PORT      where /healthz, /readyz, /metrics and /status are served; 127.0.0.1:7240 if nobody says
                             otherwise, port 0 for any free one, off for nowhere
  --record FILE              keep what was decided there, and in FILE.1, for mayfly explain
  --log LEVEL                debug, info (if not given), warning or error
  --log-format FORMAT        json (if not given) or text, to the standard error
  --lease on|off             off only where there is no other replica: then nobody is asked whether this one may act
  --help                     this
)";

inline constexpr std::string_view controller_file_help =
    R"(
The file, in TOML; all of it may be left out
  [controller]               identity, log, log_format, look_every_ms (2000: how often versions are looked for),
                             validate_every_minutes (360), most_series (1000 versions with metrics of their own),
                             start_up_allowance_ms (5000: who begins to lead waits so long for workers that the one before
                             it started; above the time that a function needs to its first poll, none is started twice)
  [health]                   address
  [record]                   file, max_mib (64, both files together)
  [lease]                    on, name, heartbeat_every_ms (1000), lost_after_ms (5000)
  [scaler]                   default: fleet or no-sync, for versions that name none
  [scaler.fleet]             its settings, where a version does not say otherwise
  [providers.aws]            session_name, require_role_and_external_id, external_id_check (enforce, warn or off),
                             starts_at_once, shutdown_buffer_seconds (7)
  [[providers.aws.intermediary_role]]
                             role_arn, external_id, session_name; assumed in this order before a version's own role
  [[namespace]]              name, address, profile, config, authority, api_key_file, tls, tls_cert, tls_key, tls_ca,
                             tls_server_name; queues, deployment_reads_per_second (25), queue_reads_per_second (40),
                             registry_reads_per_second (10), registry_burst (100 at once after a rest): what deployments
                             and versions are described with,
                             stats_cached_for_ms (5000, as the server has it), longest_lifetime_ms (900000),
                             server_controller_is_off (false; true: configurations that the server keeps are driven).
                             As often as needed; without one, the options above say how to connect

Credentials, region and endpoints of AWS come from where its tools look for them.

SIGHUP: read the file again; one that cannot be used changes nothing, and the log says why.
SIGINT or SIGTERM: end, and let another replica act at once. At a second one nobody is waited for.
Exit status: 0 it was told to end, 1 it could not run, 2 the arguments or the settings are not usable.
)";

inline int run_controller(const std::vector<std::string_view>& arguments)
{
    const std::string_view verb = arguments.empty() ? "--help" : arguments.front();
    const auto help = [](std::string usage) {
        usage.append(controller_help).append(connection_help).append(controller_file_help);
        std::fwrite(usage.data(), 1, usage.size(), stdout);
        return 0;
    };
    if (verb == "--help" || verb == "-h" || verb == "help")
        return help(std::string(controller_verbs_help));
    if (verb != "run" && verb != "check") {
        std::fprintf(
            stderr, "mayfly controller: there is no verb \"%s\"; there are run and check\n", std::string(verb).c_str());
        return 2;
    }
    controller_arguments given = read_controller_arguments({arguments.begin() + 1, arguments.end()});
    if (given.help)
        return help("usage: mayfly controller " + std::string(verb) + " [FILE] [OPTION]...\n");
    if (!given.problem.empty()) {
        std::fprintf(stderr, "mayfly controller: %s\n", given.problem.c_str());
        return 2;
    }
    if (verb == "run")
        return controller_program(std::move(given)).run();

    const auto settings = read_controller_settings(given, mayfly::environment::of_process(), mayfly::config::read_file);
    for (const mayfly::problem& p : settings ? settings->warnings : settings.problems())
        std::fprintf(stderr, "mayfly controller: %s\n", to_string(p).c_str());
    if (!settings)
        return 2;
    std::printf("%s", to_string(*settings).c_str());
    return 0;
}

}  // namespace examples
