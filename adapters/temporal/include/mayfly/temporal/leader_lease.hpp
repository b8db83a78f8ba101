// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/clock.hpp>
#include <mayfly/http/spawn.hpp>
#include <mayfly/temporal/connection.hpp>

#include <boost/asio/awaitable.hpp>

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <variant>

namespace mayfly::temporal {

struct lease_options {
    std::string name = "mayfly-controller";  ///< Who uses the same name competes for the same lease.
    std::string holder{};                    ///< Who this is to people; empty: the connection's identity.
    uptime heartbeat_every = std::chrono::seconds{1};
    uptime lost_after = std::chrono::seconds{5};  ///< The server gives it to another so long after the last heartbeat.
};

/// It is held now, or is not any more, or something stands in the way of that.
struct lease_change {
    bool leads = false;
    std::string words{};  ///< Why, for people.
};

/** A lease that one of many processes holds, kept in the cluster itself: a standalone activity that never ends, whose
    attempt is the lease. Who polls it leads, for as long as its heartbeats are answered; the others wait in the queue.

    Never two at once: a leader steps down by its own steady clock, counted from when it sent its last answered
    heartbeat, before the server can give the lease to another; one that was frozen finds that out before it does
    anything, if it asks `leads()` before it acts. An activity that somebody ended is made anew, after a wait that
    outlasts whoever held the old one. The clocks have to run alike to a few percent, and the server's must not leap.

    A clean end hands it on at once; a death takes `lost_after`, and up to two seconds more.

    A handle. Used from the connection's thread or strand.
*/
template <DeadlineClock C>
class basic_leader_lease {
public:
    using handler = std::function<void(const lease_change&)>;

    basic_leader_lease(std::shared_ptr<connection> on, lease_options options);

    /// Seeks the lease and holds it until cancelled, and has then let it go: `void(error_code, std::monostate)`, with
    /// `operation_aborted`. Tells each time that changes; `tell` returns when nothing is done as a leader any more.
    template <class Token>
    auto async_hold(handler tell, Token&& token)
    {
        return http::spawn<std::monostate>(
            on_->get_executor(), [core = core_, tell = std::move(tell)] { return hold(core, tell); },
            std::forward<Token>(token));
    }

    /// Whether it is held now: asks the clock. Ask it before each deed that only a leader may do.
    [[nodiscard]] bool leads() const;

private:
    struct core;
    static boost::asio::awaitable<http::outcome<std::monostate>> hold(std::shared_ptr<core> core, handler tell);

    std::shared_ptr<connection> on_;
    std::shared_ptr<core> core_;
};

using leader_lease = basic_leader_lease<deadline_clock>;

}  // namespace mayfly::temporal
