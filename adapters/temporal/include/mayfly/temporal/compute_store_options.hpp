// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/compute_config.hpp>
#include <mayfly/compute_registry.hpp>
#include <mayfly/compute_update.hpp>
#include <mayfly/deployment.hpp>
#include <mayfly/temporal/read_version.hpp>
#include <mayfly/temporal/version_record.hpp>

#include <boost/asio/awaitable.hpp>

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace mayfly::temporal {

/// Asks the providers whether a configuration would work. Errors forbid that it is stored, warnings only tell. It is
/// cancelled when its time is over, and throws nothing but that.
using online_check = std::function<boost::asio::awaitable<findings>(deployment_version, compute_config)>;

struct store_options {
    compute_registry known{};  ///< Which providers and algorithms there are.
    online_check check{};      ///< Empty: nobody is asked.
    std::chrono::seconds check_within{15};
    reader_role role{};
    /// Tells a `version_registry` of changes, through a task queue of this name. Empty: it has to look.
    std::string notes_queue = "mayfly-changes";
};

/// Where a configuration shall be kept.
enum class storage_choice : std::uint8_t {
    /// Where it is already. A new one: in the server, if the server's own controller is known to be off, it takes this
    /// one, and it can keep all of it; else in metadata.
    automatic,
    metadata,
    server,
};

struct put_options {
    bool create_version = false;     ///< It must not be there yet; else it has to be.
    bool create_deployment = false;  ///< With it: the deployment too, if there is none.
    /// One that is kept elsewhere is moved.
    storage_choice storage = storage_choice::automatic;
    bool only_check = false;  ///< Says what would become of it, and stores nothing.
};

struct remove_options {
    std::string conflict_token{};  ///< Of the record that shall be removed; empty: whatever is there.
    /// From one place only, where it is in both.
    storage_choice storage = storage_choice::automatic;
};

/// What became of a change.
struct put_result {
    update_plan::verdict what = update_plan::verdict::nothing;
    version_record before{};
    version_record after{};
    findings found{};                  ///< Why it was refused; and what surely is not meant.
    std::vector<std::string> reset{};  ///< As of `update_plan`.
};

}  // namespace mayfly::temporal
