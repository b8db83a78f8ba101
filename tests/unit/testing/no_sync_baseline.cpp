// SPDX-License-Identifier: BSL-1.0
#include "../../support/published_workloads.hpp"

#include <mayfly/testing/no_sync_baseline.hpp>

#include <doctest/doctest.h>

#include <string>
#include <vector>

using mayfly::testing::named_numbers;
using mayfly::testing::no_sync_baseline;
using mayfly::testing::run_metrics;
using mayfly::testing::simulate_baseline;
using mayfly::testing::workload;

namespace {

double measured(const workload& w, const std::string& policy, const char* key)
{
    for (const named_numbers& m : w.measured)
        if (m.name == policy)
            return m.get(key).value_or(-1);
    return -1;
}

}  // namespace

TEST_CASE("no_sync in the production controller comes to the published numbers, start by start")
{
    struct row {
        no_sync_baseline which;
        const char* policy;
    };
    const row rows[] = {{no_sync_baseline::defaults, "no-sync"}, {no_sync_baseline::tuned, "no-sync-tuned"}};
    for (const workload& w : mayfly_test::published()) {
        for (const row& r : rows) {
            const run_metrics m = simulate_baseline(w, r.which);
            const std::string why = w.id + ", " + r.policy;
            CHECK_MESSAGE(m.cost == doctest::Approx(measured(w, r.policy, "cost")).epsilon(1e-4), why);
            CHECK_MESSAGE(m.p50 == doctest::Approx(measured(w, r.policy, "p50")).epsilon(1e-3), why);
            CHECK_MESSAGE(m.p99 == doctest::Approx(measured(w, r.policy, "p99")).epsilon(1e-3), why);
            CHECK_MESSAGE(static_cast<double>(m.invocations) == measured(w, r.policy, "invocations"), why);
            CHECK_MESSAGE(static_cast<double>(m.describes) == measured(w, r.policy, "describe"), why);
            CHECK_MESSAGE(static_cast<double>(m.lost) == measured(w, r.policy, "lost"), why);
            CHECK_MESSAGE(static_cast<double>(m.unserved) == measured(w, r.policy, "unserved"), why);
        }
    }
}
