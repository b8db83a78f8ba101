// SPDX-License-Identifier: BSL-1.0

#include "commands.hpp"
#include "controller_command.hpp"

int examples::controller_command(const argument_list& given)
{
    return run_controller(given);
}
