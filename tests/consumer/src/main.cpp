// SPDX-License-Identifier: BSL-1.0
#include "own_scaler.hpp"
#include "run_both.hpp"

#include <cstdio>

namespace {

bool decide_twice()
{
    using mayfly::uptime;

    mayfly::scaling_signal missed{.why = mayfly::cause::added};
    missed.added = mayfly::task_added::one(mayfly::task_type::activity, mayfly::add_outcome::not_matched).counts;

    own_scaler::state st;
    const own_scaler scaler;
    const auto first = scaler.decide(st, missed, uptime(0));
    const auto second = scaler.decide(st, missed, uptime(100'000));
    return first.launch == 1 && second.launch == 0 && second.revisit == uptime(150'000);
}

}  // namespace

int main()
{
#ifdef MAYFLY_HAS_ASIO
    const char* parts = "all of core";
#else
    const char* parts = "the pure parts";
#endif
    const bool good = decide_twice() && run_both();
    std::printf("mayfly %d.%d.%d, %s: %s\n", MAYFLY_VERSION_MAJOR, MAYFLY_VERSION_MINOR, MAYFLY_VERSION_PATCH, parts,
        good ? "as expected" : "not as expected");
    return good ? 0 : 1;
}
