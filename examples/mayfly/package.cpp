// SPDX-License-Identifier: BSL-1.0

#include "commands.hpp"
#include "package_command.hpp"

int examples::package_command(const argument_list& given)
{
    return run_package(given);
}
