// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <string_view>
#include <vector>

// What `mayfly VERB` runs, each in a source file of its own. They take what comes after the verb and return the exit
// status.

namespace examples {

using argument_list = std::vector<std::string_view>;

int activity_command(const argument_list&);
int completion_command(const argument_list&);
int controller_command(const argument_list&);
int deploy_check_command(const argument_list&);
int dev_command(const argument_list&);
int doctor_command(const argument_list&);
int explain_command(const argument_list&);
int package_command(const argument_list&);
int replay_command(const argument_list&);
int worker_command(const argument_list&);

}  // namespace examples
