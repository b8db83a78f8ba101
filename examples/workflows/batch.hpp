// SPDX-License-Identifier: BSL-1.0
#pragma once

// Any number of records, some at once, and a history that stays short: every run does a part and begins the next.

#include <mayfly/temporal/workflow/context.hpp>

#include <boost/describe/class.hpp>

#include <algorithm>
#include <chrono>
#include <vector>

namespace batch {

namespace workflow = mayfly::temporal::workflow;
using namespace std::chrono_literals;

inline int process(int record)
{
    return record * 2;
}

//[workflow_batch
struct progress {
    int next = 0;
    int end = 0;
    long sum = 0;
};
BOOST_DESCRIBE_STRUCT(progress, (), (next, end, sum))

inline workflow::task<long> all_records(workflow::context& ctx, progress p)
{
    while (p.next < p.end) {
        std::vector<workflow::future<int>> page;
        for (const int last = std::min(p.next + 10, p.end); p.next < last; ++p.next)
            page.push_back(ctx.activity(process, p.next, {.start_to_close = 30s}));
        for (const int n : co_await workflow::when_all(page))
            p.sum += n;
        if (ctx.continue_as_new_suggested() || p.next % 100 == 0)
            ctx.continue_as_new(all_records, p);
    }
    co_return p.sum;
}
//]

}  // namespace batch
