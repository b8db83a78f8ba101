// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "judge.hpp"
#include "svg.hpp"

#include <mayfly/detail/json_write.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <string>
#include <string_view>
#include <vector>

// The same results as a table, as JSON and as a picture.

namespace examples {

/// Text as a terminal can show it.
inline std::string printable(std::string_view text)
{
    std::string out(text);
    std::replace_if(
        out.begin(), out.end(), [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7F; }, '?');
    return out;
}

inline std::string number(double v, int digits)
{
    return std::isnan(v) ? "-" : fixed(v, digits);
}

/// Prints a line for each workload as it comes.
class table {
public:
    explicit table(std::size_t id_width) : id_width_(static_cast<int>(std::clamp<std::size_t>(id_width, 8, 32))) {}

    void head() const
    {
        std::printf("%-*s %9s %9s %9s %9s %10s %8s %8s %8s %8s %6s %8s\n", id_width_, "workload", "p50 s", "p99 s",
            "mean s", "max s", "cost", "rel.cost", "excess", "invoc.", "describe", "lost", "unserved");
    }

    void line(const verdict& v) const
    {
        const auto& r = v.run;
        std::printf("%-*s %9.3f %9.3f %9.3f %9.3f %10.1f %8s %8s %8llu %8llu %6llu %8llu%s\n", id_width_,
            printable(v.id).c_str(), r.p50, r.p99, r.mean, r.max, r.cost, number(v.relative_cost(), 3).c_str(),
            number(v.excess(), 3).c_str(), count(r.invocations), count(r.describes), count(r.lost), count(r.unserved),
            v.faulty ? "  (faulty world)" : "");
        std::fflush(stdout);
    }

    static void foot(const summary& s)
    {
        if (s.normal > 0)
            std::printf("\n%zu normal workloads: relative cost %.3f (geometric mean), %.3f (worst); "
                        "excess %.3f (mean), %.3f (worst, %.2f s)\n",
                s.normal, s.relative_cost_mean, s.relative_cost_worst, s.excess_mean, s.excess_worst,
                s.excess_worst_seconds);
        std::printf("%slost though an activity timeout was declared: %llu; unserved: %llu\n", s.normal > 0 ? "" : "\n",
            count(s.lost_of_bounded), count(s.unserved));
    }

private:
    static unsigned long long count(std::uint64_t n) { return n; }

    int id_width_;
};

/// One object a workload, one workload a line.
inline std::string to_json(
    const std::vector<verdict>& all, const summary& s, policy p, bool events, std::uint64_t seed_offset)
{
    using mayfly::detail::json_writer;
    std::string out;
    json_writer w(out);
    w.begin_object().member("schema", "scaling-results/1").member("scaler", to_string(p));
    w.member("mode", events ? "events" : "poll-only").member("seed_offset", seed_offset);
    w.key("workloads").begin_array();
    for (const verdict& v : all) {
        std::string row;
        const auto& r = v.run;
        json_writer o(row);
        o.begin_object().member("id", v.id).member("scaler", to_string(p)).member("seed", v.seed);
        o.member("p50", r.p50).member("p99", r.p99).member("mean", r.mean).member("max", r.max);
        o.member("cost", r.cost).member("relative_cost", v.relative_cost()).member("excess", v.excess());
        o.member("invocations", r.invocations).member("describes", r.describes);
        o.member("lost", r.lost).member("unserved", r.unserved).member("billed", r.billed);
        o.member("J", r.total()).member("makespan", r.makespan).member("tasks", r.tasks);
        o.member("refused", r.refused).member("dropped", r.dropped).member("normal", !v.faulty);
        o.member("zero_wait_cost", v.against.bounds.zero_wait_cost).member("work_cost", v.against.bounds.work_cost);
        o.member("startup", v.against.bounds.startup).member("floor_p99", v.against.floor_p99).end_object();
        w.raw('\n' + row);
    }
    out += '\n';
    w.end_array().key("summary").begin_object().member("normal_workloads", s.normal);
    w.member("relative_cost_geometric_mean", s.relative_cost_mean);
    w.member("relative_cost_worst", s.relative_cost_worst);
    w.member("excess_mean", s.excess_mean).member("excess_worst", s.excess_worst);
    w.member("excess_worst_seconds", s.excess_worst_seconds);
    w.member("lost_where_bounded", s.lost_of_bounded).member("unserved", s.unserved);
    w.end_object().end_object();
    return out + '\n';
}

inline run_chart chart_of(const verdict& v, std::string_view note, policy p, bool events)
{
    const auto& r = v.run;
    run_chart c;
    c.title = v.id + " · " + std::string(to_string(p)) + (events ? "" : ", poll-only");
    c.note = note;
    c.figures = {{"tasks", std::to_string(r.tasks)}, {"wait, p50", fixed(r.p50, 2) + " s"},
        {"wait, p99", fixed(r.p99, 2) + " s"}, {"relative cost", number(v.relative_cost(), 2)},
        {"excess", number(v.excess(), 2)}, {"invocations", std::to_string(r.invocations)},
        {"billed", fixed(r.billed, 0) + " s"},
        {"lost · unserved", std::to_string(r.lost) + " · " + std::to_string(r.unserved)}};
    c.series = r.series;
    return c;
}

}  // namespace examples
