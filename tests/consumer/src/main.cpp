// SPDX-License-Identifier: BSL-1.0
#include "own_provider.hpp"
#include "own_scaler.hpp"

#include <cstdio>

int main()
{
    using mayfly::add_outcome;
    using mayfly::task_type;

    mayfly::scaling_signal missed{.why = mayfly::cause::added};
    missed.added = mayfly::task_added::one(task_type::activity, add_outcome::not_matched).counts;

    own_scaler::state st;
    const own_scaler scaler;
    const auto first = scaler.decide(st, missed, mayfly::uptime(0));
    const auto second = scaler.decide(st, missed, mayfly::uptime(100'000));
    const int started = start_some_workers(static_cast<int>(first.launch));

#ifdef MAYFLY_HAS_ASIO
    const char* parts = "all of core";
#else
    const char* parts = "the pure parts";
#endif
    const bool good = first.launch == 1 && second.launch == 0 && second.revisit == mayfly::uptime(150'000) &&
        started == 1;
    std::printf("mayfly %d.%d.%d, %s: %s\n", MAYFLY_VERSION_MAJOR, MAYFLY_VERSION_MINOR, MAYFLY_VERSION_PATCH, parts,
        good ? "as expected" : "not as expected");
    return good ? 0 : 1;
}
