// SPDX-License-Identifier: BSL-1.0

// A worker for workflows_survive.py: a workflow of ten steps, each of which leaves a line in the file STEPS_JOURNAL.
// What may be in memory at a time is in STEPS_CACHE.

#include <mayfly/temporal/run_worker.hpp>
#include <mayfly/temporal/workflows.hpp>

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>

#include <fcntl.h>
#include <unistd.h>

namespace {

namespace mt = mayfly::temporal;
namespace workflow = mt::workflow;
using namespace std::chrono_literals;

/// A line that is written whole, whoever writes beside.
void note(std::string who, int step)
{
    static const int file = ::open(std::getenv("STEPS_JOURNAL"), O_WRONLY | O_APPEND | O_CLOEXEC);
    const std::string line = who + ' ' + std::to_string(step) + ' ' + std::to_string(::getpid()) + '\n';
    if (::write(file, line.data(), line.size()) != static_cast<ssize_t>(line.size()))
        std::abort();
}

workflow::task<std::string> one_step(workflow::context& ctx, std::string who)
{
    co_await ctx.activity(note, who, 5, {.start_to_close = 3s});
    co_return who + " has a child";
}

struct steps {
    static void define(workflow::definition<steps>& d) { d.signal<&steps::go>().query<&steps::reached>(); }

    workflow::task<std::string> run(workflow::context& ctx, std::string who)
    {
        reached_ = 1;
        co_await ctx.activity(note, who, 1, {.start_to_close = 3s});
        reached_ = 2;
        co_await ctx.local_activity(note, who, 2, {.start_to_close = 3s});
        reached_ = 3;
        const auto wait = std::chrono::milliseconds{20 + ctx.random().below(200)};
        co_await ctx.sleep(wait);
        reached_ = 4;
        auto left = ctx.activity(note, who, 3, {.start_to_close = 3s});
        auto right = ctx.activity(note, who, 4, {.start_to_close = 3s});
        co_await workflow::when_all(left, right);
        reached_ = 5;
        const std::string child = co_await ctx.child(one_step, who, {});
        reached_ = 6;
        co_await ctx.wait_for([this] { return !word_.empty(); });
        reached_ = 7;
        const auto chosen = ctx.side_effect([] { return std::int64_t{::getpid()}; });
        co_await ctx.activity(note, who, 6, {.start_to_close = 3s});
        reached_ = 8;
        co_await ctx.local_activity(note, who, 7, {.start_to_close = 3s});
        reached_ = 9;
        co_await ctx.sleep(10ms);
        co_await ctx.activity(note, who, 8, {.start_to_close = 3s});
        reached_ = 10;
        co_return child + ", heard " + word_ + (chosen > 0 ? "" : " and was nowhere");
    }

    void go(std::string word) { word_ = std::move(word); }
    int reached() const { return reached_; }

private:
    std::string word_{};
    int reached_ = 0;
};

}  // namespace

int main()
{
    return mt::run_worker({"steps", "1"}, [](mt::worker_setup& setup) {
        setup.options.max_concurrent_activities = 20;
        setup.options.activity_pollers = 2;
        setup.options.stop_timeout = 1000ms;
        setup.options.hook_allowance = 300ms;
        setup.options.shutdown_buffer = 1500ms;
        if (const char* const cache = std::getenv("STEPS_CACHE"))
            setup.options.sticky_cache = static_cast<std::uint32_t>(std::atoi(cache));
        setup.activity("note", note);
        setup.workflow("one_step", one_step, mt::workflow_options{.behavior = mayfly::versioning_behavior::pinned});
        mt::workflows_of(setup).add<steps>("steps", {.behavior = mayfly::versioning_behavior::pinned});
    });
}
