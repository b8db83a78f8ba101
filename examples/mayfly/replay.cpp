// SPDX-License-Identifier: BSL-1.0

#include "commands.hpp"
#include "replay_command.hpp"

int examples::replay_command(const argument_list& given)
{
    return run_replay(given);
}
