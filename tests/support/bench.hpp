// SPDX-License-Identifier: BSL-1.0
#pragma once

// What the benchmarks have in common. To be included by one source of a program.

#include "allocations.hpp"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <string_view>
#include <vector>

namespace bench {

inline bool quick = false;

/// Reads the only option there is. False, with words, if there is another.
inline bool read_options(int argc, char** argv)
{
    for (int i = 1; i < argc; ++i) {
        if (std::string_view{argv[i]} != "--quick") {
            std::fprintf(stderr, "usage: %s [--quick]\n", argv[0]);
            return false;
        }
        quick = true;
    }
    return true;
}

template <class T>
void keep(const T& value)
{
    asm volatile("" : : "g"(&value) : "memory");
}

[[nodiscard]] inline double median(std::vector<double> all)
{
    const auto middle = all.begin() + static_cast<std::ptrdiff_t>(all.size() / 2);
    std::nth_element(all.begin(), middle, all.end());
    return *middle;
}

/// A figure, its control, and figure ÷ control.
struct beside {
    double value = 0;
    double control = 0;
    double ratio = 0;
};

/// Medians over rounds in each of which both are measured, one right after the other: what slows the machine down for
/// a while slows both.
template <class Value, class Control>
[[nodiscard]] beside side_by_side(std::size_t rounds, Value&& value, Control&& control)
{
    std::vector<double> values;
    std::vector<double> controls;
    std::vector<double> ratios;
    for (std::size_t i = 0; i < rounds; ++i) {
        double v = 0;
        double c = 0;
        if (i % 2 == 0) {
            v = value();
            c = control();
        } else {
            c = control();
            v = value();
        }
        values.push_back(v);
        controls.push_back(c);
        ratios.push_back(v / c);
    }
    return {median(values), median(controls), median(ratios)};
}

/// Nanoseconds of one call.
template <class F>
[[nodiscard]] double nanoseconds_once(std::size_t calls, F&& call)
{
    const auto begin = std::chrono::steady_clock::now();
    for (std::size_t i = 0; i < calls; ++i)
        call(i);
    const std::chrono::duration<double, std::nano> took = std::chrono::steady_clock::now() - begin;
    return took.count() / static_cast<double>(calls);
}

inline void heading()
{
    std::printf("%-46s %12s %-10s %-34s %12s %9s\n", "", "value", "unit", "control", "control", "ratio");
}

inline void row(const char* name, double value, const char* unit, const char* control, double against, double ratio)
{
    std::printf("%-46s %12.1f %-10s %-34s %12.2f %9.2f\n", name, value, unit, control, against, ratio);
    std::fflush(stdout);
}

inline void row(const char* name, double value, const char* unit, const char* control, double against)
{
    row(name, value, unit, control, against, against > 0 ? value / against : 0.0);
}

inline void row(const char* name, const beside& b, const char* unit, const char* control)
{
    row(name, b.value, unit, control, b.control, b.ratio);
}

inline void figure(const char* name, double value, const char* unit = "")
{
    std::printf("%-46s %12.1f %-10s\n", name, value, unit);
    std::fflush(stdout);
}

}  // namespace bench
