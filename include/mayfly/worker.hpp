// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/clock.hpp>
#include <mayfly/detail/completion_archetype.hpp>
#include <mayfly/invocation_report.hpp>
#include <mayfly/worker_options.hpp>

#include <boost/asio/any_io_executor.hpp>

#include <concepts>
#include <optional>
#include <string>
#include <utility>

// What an invocation asks of the library that really talks to a task queue.

namespace mayfly {

/** Polls a task queue and runs what it gets. It is used for one invocation and never again.

    `w.async_start(token)`  completes with `void(error_code)` when it polls, or will never. Called once, first.
    `w.async_watch(token)`  completes with `void(error_code)`: without an error when `activity()` has changed since the
                            last call completed or, at first, since the start; with one when the worker has failed for
                            good and polls no more. Called again after each change, until the drain.
    `w.async_drain(within, token)`
                            makes no new poll from now on, tells the queue that it leaves if the queue can be told, and
                            completes with `void(error_code)` when no poll is under way and no task runs. A task that
                            the last poll still brings is run. Tasks have `within`, an `uptime`; it is stopped then, so
                            those that run long are cancelled a little before, while that can still be reported. Called
                            once.
    `w.activity()`          what it does now. Also allowed after `stop`.
    `w.stop()`              ends everything at once: polls, running tasks (their contexts are cancelled, their results
                            dropped) and the operations above, which complete soon with any error. Called once, last,
                            also after a drain and after a start that failed.

    Destroyed before the client it came from.
*/
template <class W>
concept Worker = std::move_constructible<W> && requires(W& w, const W& seen, detail::completion_archetype<> done)
{
    w.async_start(std::move(done));
    w.async_watch(std::move(done));
    w.async_drain(uptime{}, std::move(done));
    {
        seen.activity()
        } -> std::same_as<worker_activity>;
    {
        w.stop()
    }
    noexcept;
};

/** A connection to a task queue, of one invocation.

    `c.make_worker(options)`  a worker with all registrations, not started
    `c.async_close(token)`    completes with `void(error_code)` when the connection is closed; called once, after the
                              worker has stopped, while hooks may no longer use it
*/
template <class C>
concept WorkerClient = std::move_constructible<C> &&
    requires(C& c, const resolved_options& options, detail::completion_archetype<> done)
{
    {
        c.make_worker(options)
        } -> Worker;
    c.async_close(std::move(done));
};

struct connect_request {
    std::string identity{};  ///< As which to poll; empty for the client's own default.
    uptime within = never;   ///< The time there is. Past it the call is cancelled.
};

/** Makes clients. It lives as long as the process, holds the registrations, and outlives every invocation.

    `K::client_type`                   a `WorkerClient`
    `k.async_connect(request, token)`  completes with `void(error_code, std::optional<client_type>)`; the client is
                                       there if there is no error. Cancellation (terminal) abandons it.
    `k.target()`                       where it connects to, for messages
    `k.get_executor()`                 on which everything happens

    Every invocation gets a new client. A connection that was opened ahead of the first invocation belongs to that one
    alone. Models: `testing::fake_connector`, `temporal::connector`.
*/
template <class K>
concept Connector = WorkerClient<typename K::client_type> && requires(K& k, const K& seen, connect_request request,
    detail::completion_archetype<std::optional<typename K::client_type>> done)
{
    k.async_connect(std::move(request), std::move(done));
    {
        seen.target()
        } -> std::convertible_to<std::string>;
    {
        k.get_executor()
        } -> std::convertible_to<boost::asio::any_io_executor>;
};

}  // namespace mayfly
