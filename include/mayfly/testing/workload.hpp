// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/clock.hpp>
#include <mayfly/testing/random.hpp>

#include <cmath>
#include <cstdint>
#include <limits>
#include <numeric>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace mayfly::testing {

/// When tasks arrive. `is` says which of the fields are read; rates are per second, the rest is seconds.
struct arrival_spec {
    enum class kind : std::uint8_t { at, poisson, sine, mmpp, minutes, sum, chain };
    struct event {
        double t = 0;
        std::uint64_t n = 1;
        double spread = 0;
    };
    struct segment {
        double until = 0;
        double rate = 0;
    };

    kind is = kind::at;
    std::vector<event> events{};          ///< at: n tasks from t on, spread over `spread`.
    double start = 0;                     ///< poisson
    std::vector<segment> segments{};      ///< poisson: one after the other, from `start`.
    double mean = 0;                      ///< sine: rate `mean * (1 + amp * sin(2 pi t / period + phase))`.
    double amp = 0;                       ///< sine
    double period = 1;                    ///< sine
    double phase = 0;                     ///< sine, in radians
    double until = 0;                     ///< sine, mmpp
    std::vector<double> rates{};          ///< mmpp: one for each state; the states take turns.
    std::vector<double> dwell{};          ///< mmpp: mean time in each state.
    std::vector<std::uint64_t> counts{};  ///< minutes: how many in each window.
    double width = 60;                    ///< minutes
    std::vector<arrival_spec> of{};       ///< sum: the parts; chain: the roots, exactly one.
    std::uint32_t steps = 1;              ///< chain: tasks of each root, one after the other.
    double gap = 0;                       ///< chain: from the end of one task to the next.
};

struct worker_settings {
    std::uint32_t slots = 2;
    std::uint32_t pollers = 1;
    uptime poll_rtt{10'000};            ///< How long a poller is away after it received a task.
    uptime lifetime{60'000'000};        ///< From the end of init to the deadline.
    uptime shutdown_buffer{7'000'000};  ///< Polling stops this long before the deadline.
    uptime stop_timeout{5'000'000};     ///< A task may go on this long after that.
};

struct start_settings {
    distribution place_cold = distribution::lognormal(0.2, 0.4);
    distribution init_cold = distribution::lognormal(0.25, 0.4);
    distribution place_warm = distribution::lognormal(0.02, 0.3);
    distribution connect = distribution::lognormal(0.1, 0.3);
    uptime warm_keep{300'000'000};
};

/// Calls made in [from, to) fail with chance `p`.
struct api_failure {
    uptime from{0};
    uptime to{0};
    double p = 0;
};

/// Starts in [from, to) fail with chance `p`.
struct start_failure {
    enum class mode : std::uint8_t { crash, hang };

    uptime from{0};
    uptime to{0};
    double p = 0;
    mode how = mode::crash;
    uptime after{0};  ///< crash: this long after billing began.
};

struct provider_settings {
    std::uint32_t max_concurrent = 1000;
    uptime invoke_latency{65'000};
    uptime event_age{21'600'000'000};
    std::uint32_t async_retries = 2;
    std::vector<api_failure> api_fail{};
    std::vector<start_failure> start_fail{};
};

struct queue_settings {
    std::uint32_t partitions = 4;
    double rate_limit = 0;  ///< Tasks a second; zero for no limit.
    std::uint32_t rate_burst = 1;
    uptime redeliver{10'000'000};  ///< From the loss of a task to its return.
};

/// Numbers by name, as a workload file carries them along.
struct named_numbers {
    std::string name{};
    std::vector<std::pair<std::string, double>> values{};

    [[nodiscard]] std::optional<double> get(std::string_view key) const
    {
        for (const auto& [k, v] : values) {
            if (k == key)
                return v;
        }
        return std::nullopt;
    }
};

/// One workload: what arrives, how long it takes, and the world it happens in.
struct workload {
    std::string id{};
    std::string note{};
    std::uint64_t seed = 0;
    uptime duration{0};                        ///< Arrivals happen before this.
    uptime grace{1'800'000'000};               ///< The run is cut this long after `duration`.
    std::uint32_t max_workers = 1000;          ///< What a scaler may rely on.
    std::optional<uptime> activity_timeout{};  ///< Declared upper bound of one task.
    arrival_spec arrivals{};
    distribution service{};
    worker_settings worker{};
    start_settings start{};
    provider_settings provider{};
    queue_settings queue{};
    named_numbers check{};                  ///< What a generator must come to.
    named_numbers bounds{};                 ///< `zero_wait_cost`, `work_cost`, `startup`.
    std::vector<named_numbers> measured{};  ///< Published results, one for each policy.
};

/// The most tasks of one workload. A file that asks for more is refused before anything is drawn.
inline constexpr double max_tasks = 5e6;

inline constexpr std::uint32_t no_task = std::numeric_limits<std::uint32_t>::max();

/// One task of a workload. Its number is its place in `generated::tasks`.
struct task {
    uptime arrives = never;        ///< `never` for the later tasks of a chain.
    uptime service{0};             ///< How long it occupies a slot.
    std::uint32_t next = no_task;  ///< The task of the chain that follows this one.
    uptime gap{0};                 ///< How long after this one is done.
};

/// Everything of a workload that does not depend on a policy.
struct generated {
    std::vector<task> tasks;  ///< First those that arrive by themselves, in order of time; then the rest of each chain.
    std::uint32_t arrivals = 0;  ///< How many arrive by themselves.
};

namespace detail {

struct arrival {
    double t = 0;
    std::uint32_t steps = 0;  // of a chain; 0 for a task on its own
    double gap = 0;
};

inline void draw_sine(const arrival_spec& a, random_stream& from, std::vector<arrival>& out)
{
    constexpr double two_pi = 6.28318530717958647692;
    const double top = a.mean * (1 + a.amp);
    if (top <= 0)
        return;
    for (double t = from.exponential(1 / top); t < a.until; t += from.exponential(1 / top)) {
        const double rate = a.mean * (1 + a.amp * std::sin(two_pi * t / a.period + a.phase));
        if (from.uniform() * top < rate)
            out.push_back({t});
    }
}

inline void draw_poisson(double begin, double end, double rate, random_stream& from, std::vector<arrival>& out)
{
    if (rate <= 0)
        return;
    for (double t = begin + from.exponential(1 / rate); t < end; t += from.exponential(1 / rate))
        out.push_back({t});
}

inline void draw_arrivals(const arrival_spec& a, random_stream& from, std::vector<arrival>& out)
{
    using enum arrival_spec::kind;
    switch (a.is) {
    case at:
        for (const arrival_spec::event& e : a.events) {
            for (std::uint64_t i = 0; i < e.n; ++i)
                out.push_back({e.t + e.spread * static_cast<double>(i) / static_cast<double>(e.n)});
        }
        return;
    case poisson: {
        double begin = a.start;
        for (const arrival_spec::segment& s : a.segments) {
            draw_poisson(begin, s.until, s.rate, from, out);
            begin = s.until;
        }
        return;
    }
    case sine: return draw_sine(a, from, out);
    case mmpp: {
        std::size_t state = 0;
        for (double t = 0; t < a.until;) {
            const double end = t + from.exponential(a.dwell[state]);
            draw_poisson(t, std::min(end, a.until), a.rates[state], from, out);
            t = end;
            state = (state + 1) % a.dwell.size();
        }
        return;
    }
    case minutes:
        for (std::size_t i = 0; i < a.counts.size(); ++i) {
            for (std::uint64_t n = 0; n < a.counts[i]; ++n)
                out.push_back({(static_cast<double>(i) + from.uniform()) * a.width});
        }
        return;
    case sum:
        for (const arrival_spec& part : a.of)
            draw_arrivals(part, from, out);
        return;
    case chain:
        if (!a.of.empty()) {
            const std::size_t first = out.size();
            draw_arrivals(a.of[0], from, out);
            for (std::size_t i = first; i < out.size(); ++i) {
                out[i].steps = a.steps;
                out[i].gap = a.gap;
            }
        }
        return;
    }
}

/// About how many numbers have to be drawn for these arrivals.
[[nodiscard]] inline double expected_draws(const arrival_spec& a)
{
    using enum arrival_spec::kind;
    double n = 0;
    switch (a.is) {
    case at:
        for (const arrival_spec::event& e : a.events)
            n += static_cast<double>(e.n);
        return n;
    case poisson: {
        double begin = a.start;
        for (const arrival_spec::segment& s : a.segments) {
            n += std::max(0.0, s.until - begin) * s.rate;
            begin = s.until;
        }
        return n;
    }
    case sine: return a.until * a.mean * (1 + a.amp);
    case mmpp: {
        const double cycle = std::accumulate(a.dwell.begin(), a.dwell.end(), 0.0);
        double tasks = static_cast<double>(a.dwell.size());
        for (std::size_t i = 0; i < a.dwell.size(); ++i)
            tasks += a.dwell[i] * a.rates[i];
        return a.until > 0 ? a.until / cycle * tasks : 0;
    }
    case minutes:
        for (const std::uint64_t c : a.counts)
            n += static_cast<double>(c);
        return n;
    case sum:
    case chain:
        for (const arrival_spec& part : a.of)
            n += expected_draws(part);
        return a.is == chain ? n * a.steps : n;
    }
    return n;
}

}  // namespace detail

/// Draws all tasks of `w`, which must be sound (see `validate`). The same workload always gives the same tasks.
[[nodiscard]] inline generated generate(const workload& w)
{
    std::vector<detail::arrival> drawn;
    random_stream from(w.seed, streams::arrivals);
    detail::draw_arrivals(w.arrivals, from, drawn);
    std::stable_sort(drawn.begin(), drawn.end(), [](const auto& x, const auto& y) { return x.t < y.t; });

    generated out;
    out.arrivals = static_cast<std::uint32_t>(drawn.size());
    out.tasks.resize(drawn.size());
    random_stream times(w.seed, streams::service);
    std::uint64_t root = 0;
    for (std::size_t i = 0; i < drawn.size(); ++i) {
        out.tasks[i].arrives = micros(drawn[i].t);
        if (drawn[i].steps == 0) {
            out.tasks[i].service = micros(w.service.sample(times));
            continue;
        }
        random_stream own(w.seed, streams::chains + root++);
        std::size_t at = i;
        for (std::uint32_t step = 0; step < drawn[i].steps; ++step) {
            if (step > 0) {
                out.tasks[at].next = static_cast<std::uint32_t>(out.tasks.size());
                out.tasks[at].gap = micros(drawn[i].gap);
                at = out.tasks.size();
                out.tasks.emplace_back();
            }
            out.tasks[at].service = micros(w.service.sample(own));
        }
    }
    return out;
}

}  // namespace mayfly::testing
