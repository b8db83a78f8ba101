// SPDX-License-Identifier: BSL-1.0

#include "activity_command.hpp"
#include "commands.hpp"

int examples::activity_command(const argument_list& given)
{
    return run_activity(given);
}
