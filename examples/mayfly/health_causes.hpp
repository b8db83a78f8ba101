// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/verdict.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

// What can be wrong with serverless workers, by number, as `mayfly doctor --causes` prints it.

namespace examples {

/// In this order things are looked at: where an earlier one is not right, the later ones cannot be.
enum class health_step : std::uint8_t {
    configured,   ///< The version has a compute configuration that makes sense.
    credentials,  ///< The way to the function is open.
    function,     ///< It is there, and fit.
    routing,      ///< Work can reach the version.
    bound,        ///< The server knows which queues are the version's.
    invoked,      ///< Starts are made, and accepted.
    polling,      ///< Workers come, as this version.
    completing,   ///< And get work done.
};

[[nodiscard]] constexpr std::string_view to_string(health_step s) noexcept
{
    switch (s) {
    case health_step::configured: return "configured";
    case health_step::credentials: return "credentials";
    case health_step::function: return "function";
    case health_step::routing: return "routing";
    case health_step::bound: return "bound";
    case health_step::invoked: return "invoked";
    case health_step::polling: return "polling";
    case health_step::completing: return "completing";
    }
    return "unknown";
}

/// Names of the numbers below.
enum class health_cause : std::uint8_t {
    unlisted = 0,  ///< Something that the list has no number for, in the words of whoever found it.
    wrong_version_in_code = 1,
    nothing_routed,
    set_current_not_confirmed,
    no_compute_config,
    never_bound,
    timeout_too_short,
    server_out_of_reach,
    role_not_assumable,
    external_id_not_enforced,
    own_credentials,
    invoke_denied,
    activities_too_long,
    actions_failing,
    rate_limit,
    concurrency_reached,
    crash_at_start,
    floating_code,
    shared_code,
    idle_cost,
    mixed_fleet,
    drained_and_invoked,
    stop_times,
    telemetry,
    synchronous_invoke,
    delivered_again,
    function_not_ready,
    other_region,
};

struct cause_kind {
    health_cause number;
    std::string_view name;
    health_step step;
    mayfly::standing is;  ///< Unless what is seen tells otherwise. `ok`: good to know, nothing is broken.
    std::string_view seen;
    std::string_view remedy;
};

inline constexpr std::array<cause_kind, 27> all_causes{{
    {health_cause::wrong_version_in_code, "the code says another version", health_step::polling,
        mayfly::standing::misconfigured,
        "its workers poll as another deployment or build id, and its own queues see none",
        "change the names in the code, or create the version that the code names"},
    {health_cause::nothing_routed, "no work is routed to it", health_step::routing, mayfly::standing::misconfigured,
        "the version is neither current nor ramping", "make it the current version, or ramp it"},
    {health_cause::set_current_not_confirmed, "set-current-version was not confirmed", health_step::routing,
        mayfly::standing::misconfigured, "the version is still not current, though somebody made it so",
        "run the command again with --yes, and look at its exit status"},
    {health_cause::no_compute_config, "no compute configuration", health_step::configured,
        mayfly::standing::misconfigured, "the version is there, and nobody starts workers for it",
        "give it one with update-version-compute-config; create-version refuses a version that exists"},
    {health_cause::never_bound, "no queue was ever bound", health_step::bound, mayfly::standing::misconfigured,
        "no worker has ever polled as this version, so that the server knows of no queue of it",
        "read the function's log: most likely its first worker fails while it starts"},
    {health_cause::timeout_too_short, "the function's timeout is too short", health_step::function,
        mayfly::standing::misconfigured, "its configuration; 3 s is what the platform gives unasked",
        "raise it to the shutdown buffer and ten seconds, better to minutes"},
    {health_cause::server_out_of_reach, "the function cannot reach the server, or is not let in", health_step::polling,
        mayfly::standing::misconfigured, "starts are accepted and no worker polls; its log or its variables tell",
        "look at address, TLS, API key and network of the function"},
    {health_cause::role_not_assumable, "the role cannot be assumed", health_step::credentials,
        mayfly::standing::misconfigured, "AssumeRole is denied",
        "let the role's trust policy name this side's identity, with the external id as its condition"},
    {health_cause::external_id_not_enforced, "the external id is not enforced", health_step::credentials,
        mayfly::standing::misconfigured, "the role can be assumed without it",
        "add the condition StringEquals sts:ExternalId to its trust policy"},
    {health_cause::own_credentials, "this side has no credentials", health_step::credentials, mayfly::standing::broken,
        "none are found before any role is asked for", "give the controller credentials; the function's side is right"},
    {health_cause::invoke_denied, "the function may not be invoked by this name", health_step::function,
        mayfly::standing::misconfigured, "access is denied for its version, whatever holds for others",
        "let the policy's resources be the function and the function with :*"},
    {health_cause::activities_too_long, "activities take longer than an invocation has", health_step::completing,
        mayfly::standing::misconfigured, "attempts time out again and again, near the end of invocations",
        "stop timeout above the longest activity, buffer above that, function timeout above both; or heartbeats"},
    {health_cause::actions_failing, "the controller runs, and its starts fail", health_step::invoked,
        mayfly::standing::degraded, "the last answers of the provider, or of the server", "what the answer says"},
    {health_cause::rate_limit, "a rate limit is the bottleneck", health_step::completing, mayfly::standing::degraded,
        "the queue's limiter is on, and it hands out as much as that lets through",
        "raise the limit; more workers do not help"},
    {health_cause::concurrency_reached, "the account's or the function's concurrency is reached", health_step::invoked,
        mayfly::standing::degraded, "starts are throttled, or none are reserved",
        "raise the limit, or lower the maximum of workers to what it allows"},
    {health_cause::crash_at_start, "the function ends before it polls", health_step::polling,
        mayfly::standing::misconfigured, "starts are accepted, and no worker is seen within seconds",
        "read the function's log; starts go on more slowly until one is seen"},
    {health_cause::floating_code, "an unqualified function, or an alias", health_step::configured, mayfly::standing::ok,
        "the form of its name",
        "name a published version: otherwise a deployment changes the code under running workflows"},
    {health_cause::shared_code, "two versions have the same code", health_step::configured,
        mayfly::standing::misconfigured, "their configurations name the same function version",
        "publish a version of the function for each build id"},
    {health_cause::idle_cost, "most of what is paid for is idle", health_step::completing, mayfly::standing::ok,
        "workers live, and have nothing to do",
        "let workers leave sooner when idle, or shorten the function's timeout"},
    {health_cause::mixed_fleet, "others poll the queue too", health_step::completing, mayfly::standing::ok,
        "pollers that nobody started here", "nothing, if they are meant to; otherwise find and stop them"},
    {health_cause::drained_and_invoked, "drained, and still started", health_step::routing, mayfly::standing::degraded,
        "the version is drained, and workers live or are started", "stop starting them, and delete the version"},
    {health_cause::stop_times, "buffer and stop timeout do not fit", health_step::function,
        mayfly::standing::misconfigured, "what the worker says while it starts",
        "shutdown buffer = stop timeout + 2 s or more, function timeout = buffer + 10 s or more"},
    {health_cause::telemetry, "telemetry does not get out", health_step::completing, mayfly::standing::degraded,
        "a flush failed or was not done in time",
        "look at the collector's address, the layer's configuration and the execution role's permission"},
    {health_cause::synchronous_invoke, "a synchronous invocation seems to hang", health_step::invoked,
        mayfly::standing::ok, "no answer, and a worker that polls",
        "nothing: it runs until its buffer begins. Invoke it as an Event, or raise the client's read timeout"},
    {health_cause::delivered_again, "the platform tries failed starts again", health_step::invoked,
        mayfly::standing::ok, "a start's request id polls a second time, or the function's settings for events",
        "set its retry attempts to 0 and the age of its events to a minute"},
    {health_cause::function_not_ready, "the function is being made, or failed", health_step::function,
        mayfly::standing::misconfigured, "its state, or that of its last update", "wait, or deploy it again"},
    {health_cause::other_region, "the namespace is in another region than the function", health_step::configured,
        mayfly::standing::degraded, "the region that is active, and the function's",
        "give each region its own scaling group, or point it to a function there"},
}};

/// Not for `unlisted`.
[[nodiscard]] constexpr const cause_kind& kind_of(health_cause c) noexcept
{
    return all_causes[static_cast<std::size_t>(c) - 1];
}

}  // namespace examples
