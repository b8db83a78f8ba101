// SPDX-License-Identifier: BSL-1.0

#include "commands.hpp"
#include "deploy_check_command.hpp"

int examples::deploy_check_command(const argument_list& given)
{
    return run_deploy_check(given);
}
