// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/clock.hpp>
#include <mayfly/compute_registry.hpp>
#include <mayfly/temporal/compute_store_options.hpp>
#include <mayfly/temporal/read_version.hpp>
#include <mayfly/temporal/version_record.hpp>

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

namespace mayfly::temporal {

struct registry_options {
    uptime look_every = std::chrono::seconds{2};  ///< At the list of deployments.
    /// Descriptions of deployments and versions. A server has 50 a second for a namespace, for everybody.
    double reads_per_second = 10;
    double burst = 100;           ///< Descriptions at once after a rest, and so at the beginning.
    double lists_per_second = 4;  ///< Pages of the list. A server has 10.
    /// With a name in it, versions that are configured are marked as driven by that controller, and those that another
    /// one drives are told with a conflict.
    reader_role role{};
    compute_registry known{};  ///< A configuration that does not fit is not drivable.
    /// Hears at once of changes that a `compute_store` makes. Empty: it has to look.
    std::string notes_queue = "mayfly-changes";
    online_check check{};                           ///< Empty: nothing is validated.
    uptime validate_every = std::chrono::hours{6};  ///< At least a minute.
    std::chrono::seconds check_within{15};
};

/// One piece of news.
struct registry_change {
    enum class kind : std::uint8_t {
        added,       ///< A version that was not known.
        changed,     ///< Its configuration, what is wrong with it, who drives it, or its validation; its status too.
        status,      ///< Only its standing in the routing.
        removed,     ///< It is no more. `record` is the last that was known: of one that never could be read, its name.
        caught_up,   ///< Once: all that was there in the beginning has been told.
        problem,     ///< What is in `words` keeps the namespace from being read; or, if `record` names a version, is in
                     ///< the way of that one alone. What was known is kept.
        well_again,  ///< The namespace can be read again; or the version that `record` names has its trouble behind it.
    };
    kind what = kind::added;
    version_record record{};
    std::string words{};
};

[[nodiscard]] constexpr std::string_view to_string(registry_change::kind k) noexcept
{
    using enum registry_change::kind;
    switch (k) {
    case added: return "added";
    case changed: return "changed";
    case status: return "status";
    case removed: return "removed";
    case caught_up: return "caught_up";
    case problem: return "problem";
    case well_again: return "well_again";
    }
    return "unknown";
}

}  // namespace mayfly::temporal
