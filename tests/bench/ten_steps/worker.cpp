// SPDX-License-Identifier: BSL-1.0

// A worker for compare.py: a workflow of so many activities, one after the other. It is set up as
// tests/temporal_server/ten_steps, which is of the Go SDK.

#include <mayfly/temporal/run_worker.hpp>
#include <mayfly/temporal/workflows.hpp>

#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <string_view>

namespace {

namespace mt = mayfly::temporal;
using namespace std::chrono_literals;

std::int64_t add(std::int64_t number)
{
    return number + 1;
}

mt::workflow::task<std::int64_t> steps(mt::workflow::context& ctx, std::int64_t count)
{
    std::int64_t sum = 0;
    for (std::int64_t i = 0; i < count; ++i)
        sum += co_await ctx.activity(add, i, {.start_to_close = 10s});
    co_return sum;
}

}  // namespace

int main()
{
    const char* const deployment = std::getenv("STEPS_DEPLOYMENT");
    return mt::run_worker({deployment != nullptr ? deployment : "", "1"}, [](mt::worker_setup& setup) {
        setup.options.max_concurrent_activities = 100;
        setup.options.max_concurrent_workflow_tasks = 100;
        setup.options.activity_pollers = 2;
        setup.options.workflow_pollers = 2;
        if (const char* const cache = std::getenv("STEPS_CACHE"))
            setup.options.sticky_cache = static_cast<std::uint32_t>(std::atoi(cache));
        const char* const eager = std::getenv("STEPS_EAGER");
        setup.options.eager_activities = eager == nullptr || eager != std::string_view{"off"};
        setup.activity("add", add);
        setup.workflow("steps", steps, mt::workflow_options{.behavior = mayfly::versioning_behavior::pinned});
    });
}
