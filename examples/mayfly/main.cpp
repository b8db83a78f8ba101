// SPDX-License-Identifier: BSL-1.0

// The command line. `mayfly --help` says what it does.

#include "commands.hpp"

#include <algorithm>
#include <cstdio>
#include <exception>
#include <iterator>
#include <string>
#include <string_view>

namespace {

struct verb {
    std::string_view name;
    int (*run)(const examples::argument_list&);
    std::string_view purpose;
};

constexpr verb verbs[] = {
    {"activity", examples::activity_command, "start standalone activities, and see to them"},
    {"completion", examples::completion_command, "write what makes a shell complete these"},
    {"controller", examples::controller_command, "start workers for a cluster's versions, as tasks come"},
    {"deploy-check", examples::deploy_check_command, "tell what keeps a Lambda function from running workers"},
    {"dev", examples::dev_command, "run a Temporal service for development and tests"},
    {"doctor", examples::doctor_command, "find out why workers do not come, or do not get work done"},
    {"explain", examples::explain_command, "tell from a controller's record why workers were started, and why not"},
    {"package", examples::package_command, "make the archive that a Lambda function is created or updated with"},
    {"replay", examples::replay_command, "look at workflow histories, and replay them with a program of yours"},
    {"worker", examples::worker_command, "manage worker deployments and their versions, and look at workers"},
};

int show_help()
{
    std::printf("usage: mayfly VERB [OPTION]...\n\n");
    for (const verb& v : verbs)
        std::printf("  %-12s %s\n", std::string(v.name).c_str(), std::string(v.purpose).c_str());
    std::printf("  help         this\n\nmayfly VERB --help says more.\n");
    return 0;
}

int run_program(examples::argument_list arguments)
{
    const std::string_view name = arguments.empty() ? "help" : arguments.front();
    const auto found = std::find_if(std::begin(verbs), std::end(verbs), [&](const verb& v) { return v.name == name; });
    if (found != std::end(verbs)) {
        arguments.erase(arguments.begin());
        return found->run(arguments);
    }
    if (name == "help" || name == "--help" || name == "-h")
        return show_help();
    std::fprintf(
        stderr, "mayfly: there is no verb \"%s\"; mayfly help says what there is\n", std::string(name).c_str());
    return 2;
}

}  // namespace

int main(int argc, char** argv)
{
    try {
        return run_program({argv + 1, argv + argc});
    } catch (const std::exception& e) {
        std::fprintf(stderr, "mayfly: %s\n", e.what());
        return 1;
    }
}
