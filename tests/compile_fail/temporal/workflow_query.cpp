// SPDX-License-Identifier: BSL-1.0
// fails with: a query is answered at once

// A query that waits.

#include <mayfly/temporal/workflow/context.hpp>
#include <mayfly/temporal/workflow/definition.hpp>

namespace workflow = mayfly::temporal::workflow;

struct order {
#ifdef MAYFLY_BROKEN
    workflow::task<int> items(workflow::context& ctx) const;
#else
    int items() const;
#endif
};

void define(workflow::definition<order>& d)
{
    d.query<&order::items>();
}
