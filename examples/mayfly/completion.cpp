// SPDX-License-Identifier: BSL-1.0

#include "commands.hpp"
#include "completion_command.hpp"

int examples::completion_command(const argument_list& given)
{
    return run_completion(given);
}
