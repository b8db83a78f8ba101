// SPDX-License-Identifier: BSL-1.0

// A burst of tasks, served from zero workers and back to zero, in simulated time: the production controller with the
// default scaler stands on a simulated queue, a provider that refuses some calls, and workers. Shows each decision
// with its reason while it runs, the sum of it at the end, and writes the curves as a picture.

#include "../simulate/svg.hpp"

#include <mayfly/scalers/fleet.hpp>
#include <mayfly/testing/simulate.hpp>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <exception>
#include <filesystem>
#include <fstream>
#include <map>
#include <string>
#include <string_view>
#include <thread>
#include <utility>

#if __has_include(<unistd.h>)
#include <unistd.h>
static bool is_terminal()
{
    return isatty(STDOUT_FILENO) != 0;
}
#else
static bool is_terminal()
{
    return false;
}
#endif

namespace {

using namespace mayfly;
using namespace mayfly::testing;
using namespace std::chrono_literals;

workload burst()
{
    workload w;
    w.id = "A burst from zero and back";
    w.seed = 2024;
    w.duration = 8s;
    w.max_workers = 80;
    w.activity_timeout = 5s;
    w.arrivals = {.is = arrival_spec::kind::sum,
        .of = {{.events = {{.t = 1, .n = 300, .spread = 0.2}}},                                         // the burst
            {.is = arrival_spec::kind::poisson, .start = 2, .segments = {{.until = 8, .rate = 15}}}}};  // what follows
    w.service = distribution::lognormal(0.4, 0.5);
    w.service.cap = 3;
    w.provider.api_fail = {{.from = 1s, .to = 1100ms, .p = 0.3}};
    return w;
}

const char* in_words(reason r)
{
    switch (r) {
    case reason::missed_match: return "a task found nobody waiting";
    case reason::backlog: return "more tasks wait than those who are up or starting will take";
    case reason::refresh: return "tasks wait, and the last start is long ago";
    case reason::renewal: return "a worker is near its end and would be missed";
    case reason::minimum: return "fewer workers than the configured minimum";
    case reason::bootstrap: return "the first worker binds the version to its queue";
    case reason::probe: return "one start, to see whether starts work again";
    case reason::scale_up: return "the set shall be larger";
    case reason::scale_down: return "the set shall be smaller";
    case reason::cooling_off: return "too soon after the last start";
    case reason::gathering: return "more tasks may come within a moment, so they are counted first";
    case reason::at_maximum: return "the configured maximum is reached";
    case reason::rate_limited: return "the queue's limiter holds the tasks, so workers would not help";
    case reason::suppressed: return "more workers have not helped lately";
    case reason::breaker_open: return "starts come to nothing, so it waits before it tries again";
    case reason::provider_backoff: return "the provider refuses, so it waits before it tries again";
    case reason::calls_under_way: return "enough calls to the provider are under way";
    case reason::provider_ceiling: return "the provider runs no more workers than it does";
    case reason::not_wanted: return "no work can reach this version";
    case reason::steady: return "nothing waits";
    case reason::covered: return "tasks wait, and those who are up or starting will take them";
    }
    return "for no reason that has a name";
}

/// Prints what happens.
class narrator {
public:
    void saw(const controller_event& e)
    {
        using enum controller_event::kind;
        switch (e.what) {
        case decided: return saw(e.at, e.made);
        case launched: return say(e.at, "  the provider accepts " + std::to_string(e.count));
        case refused:
            return say(e.at,
                "  the provider refuses " + std::to_string(e.count) + " (" + std::string(to_string(e.outcome)) + ")");
        default: return;
        }
    }

    void second(uptime at, std::size_t waiting, std::size_t workers) const
    {
        std::printf("%10.0f s  | waiting %3zu %-20s | workers %3zu %s\n", in_seconds(at), waiting,
            bar(waiting, 15).c_str(), workers, bar(workers, 4).c_str());
        std::fflush(stdout);
        // For the eye. The simulation itself takes a few milliseconds.
        if (is_terminal())
            std::this_thread::sleep_for(60ms);
    }

    void print_decisions() const
    {
        std::printf("\n%-18s %9s %7s  %s\n", "decided because", "decisions", "starts", "");
        for (const auto& [why, n] : tally_)
            std::printf(
                "%-18s %9u %7u  %s\n", std::string(to_string(why)).c_str(), n.decisions, n.starts, in_words(why));
    }

private:
    struct count {
        unsigned decisions = 0;
        unsigned starts = 0;
    };

    static std::string bar(std::size_t n, std::size_t each)
    {
        return std::string(std::min<std::size_t>(20, (n + each - 1) / each), '#');
    }

    static void say(uptime at, const std::string& what) { std::printf("%10.3f s  %s\n", in_seconds(at), what.c_str()); }

    void saw(uptime at, const decision& d)
    {
        tally_[d.reason].decisions += 1;
        tally_[d.reason].starts += d.launch;
        // Of many decisions in a row that start nothing for the same reason, the first is enough; and that it gathers
        // after a start goes without saying, once it was said.
        if (d.launch > 0)
            say(at, "start " + std::to_string(d.launch) + ": " + in_words(d.reason));
        else if (d.reason != last_ && (d.reason != reason::gathering || tally_[d.reason].decisions == 1))
            say(at, std::string("wait: ") + in_words(d.reason));
        last_ = d.reason;
    }

    std::map<reason, count> tally_{};
    reason last_ = reason::steady;
};

/// The controller on the model, and somebody who looks at both every second.
class watched {
public:
    watched(const workload& w, fleet scaler, const simulation& how, narrator& tells)
        : driver_(w, std::move(scaler), how, [&tells](const controller_event& e) { tells.saw(e); }), tells_(&tells)
    {}

    void begin(model& m)
    {
        driver_.begin(m);
        timer(m, look);
    }
    void added(model& m, add_outcome outcome, std::uint32_t partition) { driver_.added(m, outcome, partition); }
    void invoked(model& m, std::uint64_t ticket, bool accepted) { driver_.invoked(m, ticket, accepted); }
    void timer(model& m, std::uint32_t token)
    {
        if (token != look)
            return driver_.timer(m, token);
        tells_->second(m.now(), m.backlog(), m.workers());
        m.wake_at(m.now() + 1s, look);
    }

private:
    static constexpr std::uint32_t look = 1000;  // none of the driver's own tokens

    machine_driver<fleet> driver_;
    narrator* tells_;
};

bool draw(const workload& w, const run_metrics& r, const std::filesystem::path& file)
{
    examples::run_chart chart{.title = w.id, .note = "mayfly demo: simulated time, production controller"};
    chart.figures = {{"tasks", std::to_string(r.tasks)}, {"wait, p50", examples::fixed(r.p50, 2) + " s"},
        {"wait, p99", examples::fixed(r.p99, 2) + " s"}, {"workers started", std::to_string(r.invocations)},
        {"refused calls", std::to_string(r.refused)}, {"billed", examples::fixed(r.billed, 0) + " s"}};
    chart.series = r.series;
    std::ofstream out(file, std::ios::binary);
    out << examples::to_svg(chart) << std::flush;
    return static_cast<bool>(out);
}

int run(const std::filesystem::path& picture)
{
    const workload w = burst();
    fleet scaler;
    scaler.activity_timeout = *w.activity_timeout;

    std::printf(
        "300 tasks come within 0.2 s while no worker is up; 15 a second follow. A worker takes %u tasks at once.\n"
        "The provider refuses some of the first calls.\n\n",
        w.worker.slots);
    narrator tells;
    watched driver(w, scaler, {.event_age = 60s, .async_retries = 0}, tells);
    model world(w);
    const run_metrics r = world.run(driver);
    std::printf(
        "%10.3f s  back to zero: no task waits, no worker is up, nothing is paid for\n", in_seconds(world.now()));

    std::printf("\n%-28s %8llu\n%-28s %8.2f s\n%-28s %8.2f s\n%-28s %8llu\n%-28s %8llu\n%-28s %8.1f s\n",
        "tasks served", static_cast<unsigned long long>(r.tasks - r.unserved), "wait of a task, median", r.p50,
        "wait of a task, p99", r.p99, "workers started", static_cast<unsigned long long>(r.invocations),
        "calls the provider refused", static_cast<unsigned long long>(r.refused), "billed time of all workers",
        r.billed);
    tells.print_decisions();

    if (draw(w, r, picture))
        std::printf("\nThe curves: %s\n", picture.string().c_str());
    else
        std::fprintf(stderr, "\ndemo: the picture cannot be written to %s; name another place with --svg FILE\n",
            picture.string().c_str());
    if (r.unserved > 0 || r.lost > 0)
        std::fprintf(stderr, "demo: %llu tasks were not served, %llu were lost on the way\n",
            static_cast<unsigned long long>(r.unserved), static_cast<unsigned long long>(r.lost));
    return r.unserved == 0 && r.lost == 0 ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv)
{
    try {
        std::filesystem::path picture = std::filesystem::absolute(argv[0]).parent_path() / "demo.svg";
        if (argc == 3 && std::string_view(argv[1]) == "--svg") {
            picture = argv[2];
        } else if (argc != 1) {
            const bool help = argc == 2 && std::string_view(argv[1]) == "--help";
            std::fprintf(help ? stdout : stderr,
                "usage: demo [--svg FILE]\n\nServes a burst of tasks in simulated time. The picture goes beside the "
                "program unless FILE says where.\n");
            return help ? 0 : 2;
        }
        return run(picture);
    } catch (const std::exception& e) {
        std::fprintf(stderr, "demo: %s\n", e.what());
        return 1;
    }
}
