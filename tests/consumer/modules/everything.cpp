// SPDX-License-Identifier: BSL-1.0
#include "everything.hpp"

int refusals()
{
    return static_cast<int>(mayfly::aws::check_package({}, mayfly::aws::architecture::arm64).size());
}
