// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/clock.hpp>
#include <mayfly/deployment.hpp>

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

// What a ledger is made with, and what stands in it.

namespace mayfly {

/// What a ledger takes for granted until it has seen better.
struct ledger_settings {
    uptime useful_life = never;  ///< From a worker's first poll to the moment it stops polling; `never`: no end.
    uptime expected_startup = std::chrono::milliseconds{600};  ///< From call to first poll, before the first was seen.
    uptime patience = std::chrono::seconds{5};                 ///< A start is given up no sooner than this.
    uptime remember = std::chrono::minutes{10};  ///< A worker that is gone is still recognised for this long.
    std::uint32_t slots = 1;                     ///< Tasks one worker takes at once.

    friend bool operator==(const ledger_settings&, const ledger_settings&) = default;
};

/// For whom the books are kept.
struct ledger_owner {
    const deployment_version* version = nullptr;  ///< Ours; null to believe every poller that it is ours.
    /// The part behind the `@` of our workers' identities. A poller named so, whose request id we do not know, is
    /// adopted: after a restart of the controller these are the workers it had started. Empty: none is adopted.
    std::string_view function{};
};

/// The life of one start.
enum class start_state : std::uint8_t {
    asked,      ///< The provider has not answered yet.
    accepted,   ///< The provider took it; nobody has seen the worker.
    polling,    ///< The worker has been seen and is there.
    given_up,   ///< Accepted, not seen in time; recognised if it comes late.
    elsewhere,  ///< The worker came, as another version than ours.
    gone,       ///< The worker was there and is no more.
};

[[nodiscard]] constexpr std::string_view to_string(start_state s) noexcept
{
    switch (s) {
    case start_state::asked: return "asked";
    case start_state::accepted: return "accepted";
    case start_state::polling: return "polling";
    case start_state::given_up: return "given_up";
    case start_state::elsewhere: return "elsewhere";
    case start_state::gone: return "gone";
    }
    return "unknown";
}

/// One start and what was seen of it.
struct start_record {
    std::uint64_t id = 0;
    start_state state = start_state::asked;
    std::uint32_t busy = 0;  ///< Slots in use, from its last heartbeat.
    std::uint32_t mark = 0;  ///< The last snapshot that showed it.
    uptime asked_at{};
    uptime changed_at{};     ///< When it came into this state.
    uptime ends_at = never;  ///< When it stops polling, once it was seen.
    std::string request_id{};

    friend bool operator==(const start_record&, const start_record&) = default;
};

/// What a sighting of a poller told.
enum class sighting : std::uint8_t {
    connected,  ///< A start of ours, seen for the first time.
    late,       ///< The same, after it had been given up.
    returned,   ///< It was gone and is back: the platform delivered the event once more.
    known,      ///< Seen before.
    left,       ///< Seen before, and now it is no more.
    adopted,    ///< Of our function, but not in the books: taken in.
    elsewhere,  ///< A start of ours that says it is another version.
    foreign,    ///< Not ours.
};

/// Totals over the ledger's life; they only grow, and stop at the top.
struct ledger_totals {
    std::uint32_t asked = 0;
    std::uint32_t refused = 0;
    std::uint32_t connected = 0;
    std::uint32_t given_up = 0;
    std::uint32_t late = 0;
    std::uint32_t returned = 0;
    std::uint32_t adopted = 0;
    std::uint32_t elsewhere = 0;

    friend bool operator==(const ledger_totals&, const ledger_totals&) = default;
};

/// Books as plain values, to be kept where a program cannot reach: see `ledger::image`.
struct ledger_image {
    std::vector<start_record> records{};  ///< By id, rising, each below `next_id`.
    std::uint64_t next_id = 1;
    std::uint64_t ends_by_age_from = 0;
    std::uint32_t foreign = 0;
    std::uint32_t refused = 0;
    std::uint32_t dead_in_a_row = 0;
    std::uint32_t slots_seen = 0;
    std::optional<std::uint32_t> busy{};
    std::optional<uptime> startup{};  ///< None before the first.
    uptime startup_dev{};
    uptime service{};
    uptime last_seen{};
    uptime last_change{};
    uptime newest_seen_ask{};
    double failure_rate = 0;
    ledger_totals totals{};

    friend bool operator==(const ledger_image&, const ledger_image&) = default;
};

}  // namespace mayfly
