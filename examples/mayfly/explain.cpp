// SPDX-License-Identifier: BSL-1.0

#include "commands.hpp"
#include "explain_command.hpp"

int examples::explain_command(const argument_list& given)
{
    return run_explain(given);
}
