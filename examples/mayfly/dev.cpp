// SPDX-License-Identifier: BSL-1.0

#include "commands.hpp"
#include "dev_command.hpp"

int examples::dev_command(const argument_list& given)
{
    return run_dev(given);
}
