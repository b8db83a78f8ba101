// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace mayfly::temporal::embedded {

/// What a record is of. The numbers stand in state files.
enum class record_kind : std::uint8_t {
    name_space = 1,
    activity = 2,
    deployment = 3,
    version = 4,
    task_queue = 5,
    activity_state = 6,
};

/** One thing that has to survive a restart, whole: a part of the service writes it anew whenever it changed.

    Each part keeps count of what it changed. `take_changes(into)` appends it, every thing once, as it is now, and
   begins anew; `all_records(into)` appends all there is; `restore(record)` takes one back, false if it is unreadable.
   Before a call is answered, what it changed is written.
*/
struct record {
    record_kind kind{};
    std::string key{};    ///< Tells it from others of its kind; not for people.
    std::string value{};  ///< One of the messages in stored.proto.
    bool erased = false;  ///< There is no such thing any more.

    friend bool operator==(const record&, const record&) = default;
};

using records = std::vector<record>;

}  // namespace mayfly::temporal::embedded
