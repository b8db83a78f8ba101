// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "../simulate/svg.hpp"

#include <mayfly/controller_event.hpp>
#include <mayfly/local/invoke.hpp>
#include <mayfly/scaler.hpp>
#include <mayfly/testing/run_metrics.hpp>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <unistd.h>

// Shows a run: while it goes on, a line of progress and each decision; at the end a table, and a picture.

namespace quickstart {

[[nodiscard]] constexpr const char* in_words(mayfly::reason r) noexcept
{
    using mayfly::reason;
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

class run_view {
public:
    using clock = std::chrono::steady_clock;

    // What happens.

    void saw(const mayfly::controller_event& e)
    {
        using enum mayfly::controller_event::kind;
        if (e.what == decided)
            decided_(e.made);
        else if (e.what == bootstrap)
            decided_({.launch = 1, .reason = mayfly::reason::bootstrap});
        else if (e.what == launched)
            starts_ += e.count;
        else if (e.what == refused)
            say("the provider refuses " + std::to_string(e.count) + ": " + std::string(e.detail));
    }

    void saw(const mayfly::local::platform_event& e)
    {
        using enum mayfly::local::platform_event::kind;
        if (e.what == invoked) {
            running_.emplace(e.request_id, clock::now());
            ++invocations_;
        } else if (const auto at = running_.find(e.request_id);
                   (e.what == succeeded || e.what == failed) && at != running_.end()) {
            // As Lambda does: each begun millisecond.
            billed_ += std::chrono::ceil<std::chrono::milliseconds>(clock::now() - at->second);
            running_.erase(at);
            if (e.what == failed)
                say("a worker failed: " + std::string(e.detail));
        } else if (e.what == started) {
            ++processes_;
        } else if (e.what == start_failed) {
            say("a worker did not start: " + std::string(e.detail));
        }
    }

    void sent() { ++sent_; }
    void done(double waited)
    {
        ++done_;
        waits_.push_back(waited);
    }

    /// Ten times a second or so.
    void look(std::uint64_t waiting)
    {
        series_.push_back({.from = now(),
            .backlog = waiting,
            .workers = static_cast<std::uint32_t>(running_.size()),
            .starts = static_cast<std::uint32_t>(starts_ - drawn_starts_)});
        drawn_starts_ = starts_;
        const bool due = is_terminal_ || series_.size() % 5 == 1;
        if (!due)
            return;
        std::printf("%s%7.1f s  waiting %4llu %-20s  workers %3zu %-20s  done %zu of %zu%s", begin_line(), seconds(),
            static_cast<unsigned long long>(waiting), bar(waiting, 15).c_str(), running_.size(),
            bar(running_.size(), 2).c_str(), done_, sent_, is_terminal_ ? "" : "\n");
        std::fflush(stdout);
        line_open_ = is_terminal_;
    }

    void say(const std::string& what)
    {
        std::printf("%s%7.3f s  %s\n", begin_line(), seconds(), what.c_str());
        line_open_ = false;
    }

    // What came of it.

    [[nodiscard]] std::size_t workers() const noexcept { return running_.size(); }
    [[nodiscard]] bool complete() const noexcept { return done_ == sent_; }
    [[nodiscard]] std::size_t lost() const noexcept { return sent_ - done_; }

    void print_table()
    {
        std::printf("%s\n", begin_line());
        for (const auto& [what, value] : figures())
            std::printf("%-28s %12s\n", what.c_str(), value.c_str());
        std::printf("\n%-18s %9s %7s\n", "decided because", "decisions", "starts");
        for (const auto& [why, n] : tally_)
            std::printf(
                "%-18s %9u %7u  %s\n", std::string(to_string(why)).c_str(), n.decisions, n.starts, in_words(why));
    }

    /// False if it cannot be written.
    [[nodiscard]] bool draw(const std::filesystem::path& file) const
    {
        examples::run_chart chart{.title = "A burst from zero workers and back to zero",
            .note = "mayfly quickstart: real processes under a real Runtime API, real time"};
        chart.figures = figures();
        chart.series = series_;
        std::ofstream out(file, std::ios::binary);
        out << examples::to_svg(chart) << std::flush;
        return static_cast<bool>(out);
    }

private:
    struct count {
        unsigned decisions = 0;
        unsigned starts = 0;
    };

    void decided_(const mayfly::decision& d)
    {
        count& n = tally_[d.reason];
        n.decisions += 1;
        n.starts += d.launch;
        // Of many decisions in a row that start nothing for the same reason, the first is enough.
        if (d.launch > 0)
            say("start " + std::to_string(d.launch) + ": " + in_words(d.reason));
        else if (d.reason != last_ && n.decisions == 1)
            say(std::string("wait: ") + in_words(d.reason));
        last_ = d.reason;
    }

    [[nodiscard]] std::vector<std::pair<std::string, std::string>> figures() const
    {
        return {{"tasks", std::to_string(done_)}, {"wait, p50", examples::fixed(quantile(0.5), 3) + " s"},
            {"wait, p99", examples::fixed(quantile(0.99), 3) + " s"}, {"workers started", std::to_string(invocations_)},
            {"processes", std::to_string(processes_)},
            {"billed", examples::fixed(std::chrono::duration<double>(billed_).count(), 1) + " s"}};
    }

    [[nodiscard]] double quantile(double q) const
    {
        if (waits_.empty())
            return 0;
        std::vector<double> sorted = waits_;
        std::sort(sorted.begin(), sorted.end());
        const auto rank = static_cast<std::size_t>(std::ceil(q * static_cast<double>(sorted.size())));
        return sorted[std::max<std::size_t>(rank, 1) - 1];
    }

    [[nodiscard]] mayfly::uptime now() const
    {
        return std::chrono::duration_cast<mayfly::uptime>(clock::now() - began_);
    }
    [[nodiscard]] double seconds() const { return std::chrono::duration<double>(clock::now() - began_).count(); }
    [[nodiscard]] const char* begin_line() const { return line_open_ ? "\r\x1b[K" : ""; }
    [[nodiscard]] static std::string bar(std::uint64_t n, std::uint64_t each)
    {
        return std::string(static_cast<std::size_t>(std::min<std::uint64_t>(20, (n + each - 1) / each)), '#');
    }

    clock::time_point began_ = clock::now();
    bool is_terminal_ = ::isatty(STDOUT_FILENO) != 0;
    bool line_open_ = false;
    std::map<mayfly::reason, count> tally_{};
    mayfly::reason last_ = mayfly::reason::steady;
    std::map<std::string, clock::time_point, std::less<>> running_{};  // by request id
    std::vector<mayfly::testing::run_sample> series_{};
    std::vector<double> waits_{};
    std::chrono::milliseconds billed_{};
    std::size_t sent_ = 0;
    std::size_t done_ = 0;
    std::uint64_t starts_ = 0;
    std::uint64_t drawn_starts_ = 0;
    std::uint64_t invocations_ = 0;
    std::uint64_t processes_ = 0;
};

}  // namespace quickstart
