// SPDX-License-Identifier: BSL-1.0

// The command line for those who deploy functions. `mayfly --help` says what it does.

#include "package_command.hpp"

#include <cstdio>
#include <exception>
#include <string>
#include <string_view>
#include <vector>

namespace {

constexpr std::string_view help = R"(usage: mayfly VERB [OPTION]...

  package   make the archive that a Lambda function is created or updated with; mayfly package --help
  help      this
)";

int run_program(std::vector<std::string_view> arguments)
{
    const std::string_view verb = arguments.empty() ? "help" : arguments.front();
    if (verb == "package") {
        arguments.erase(arguments.begin());
        return examples::run_package(arguments);
    }
    if (verb == "help" || verb == "--help" || verb == "-h") {
        std::fwrite(help.data(), 1, help.size(), stdout);
        return 0;
    }
    std::fprintf(
        stderr, "mayfly: there is no verb \"%s\"; mayfly help says what there is\n", std::string(verb).c_str());
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
