// SPDX-License-Identifier: BSL-1.0
// fails with: bootstarp.*group_policy|group_policy.*bootstarp

// Settings are fields, so a misspelt one does not pass for a default.

#include <mayfly/controller_machine.hpp>
#include <mayfly/scalers/fleet.hpp>

#ifdef MAYFLY_BROKEN
const mayfly::group_policy<mayfly::fleet> policy{.limits = {.max = 10}, .bootstarp = false};
#else
const mayfly::group_policy<mayfly::fleet> policy{.limits = {.max = 10}, .bootstrap = false};
#endif
