// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/signal.hpp>

#include <cstdint>

namespace mayfly::testing {

class model;

/** What stands on a model and scales it.

    `d.begin(m)`                        once, at time zero
    `d.added(m, outcome, partition)`    for every add, at once
    `d.invoked(m, ticket, accepted)`    the answer to one `m.invoke` or `m.resize`, and the last that is heard of it
    `d.timer(m, token)`                 for every `m.wake_at`

    Models here: `eager`.
*/
// clang-format off
template <class D>
concept ModelDriver = requires(D& d, model& m, add_outcome outcome, std::uint32_t n, std::uint64_t ticket, bool accepted) {
    d.begin(m);
    d.added(m, outcome, n);
    d.invoked(m, ticket, accepted);
    d.timer(m, n);
};
// clang-format on

}  // namespace mayfly::testing
