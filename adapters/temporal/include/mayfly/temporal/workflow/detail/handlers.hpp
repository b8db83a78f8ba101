// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/temporal/workflow/messages.hpp>
#include <mayfly/temporal/workflow/task.hpp>

#include <functional>
#include <map>
#include <string>
#include <string_view>

// What answers signals, updates and queries, with types that are no longer known. `object` is the workflow's, for its
// members; functions that were registered at run time have none.

namespace mayfly::temporal::workflow::detail {

using payloads = api::common::Payloads;

struct signal_entry {
    std::function<task<payloads>(void* object, context&, const std::string& name, payloads)> call{};
    std::string description{};
};

struct update_entry {
    std::function<task<payloads>(void* object, context&, const std::string& name, payloads)> call{};
    /// Throws if it cannot be let in.
    std::function<void(void* object, context&, const std::string& name, const payloads&)> check{};
    std::string description{};
};

struct query_entry {
    std::function<payloads(void* object, context&, const std::string& name, const payloads&)> call{};
    std::string description{};
};

/// By name; the empty name is for all that have no other.
struct handler_table {
    std::map<std::string, signal_entry, std::less<>> signals{};
    std::map<std::string, update_entry, std::less<>> updates{};
    std::map<std::string, query_entry, std::less<>> queries{};
};

template <class Map>
[[nodiscard]] auto* find_handler(Map& in, std::string_view name)
{
    const auto at = in.find(name);
    return at == in.end() ? nullptr : &at->second;
}

/// Names that SDKs and tools have among themselves.
[[nodiscard]] inline bool is_reserved(std::string_view name)
{
    return name.starts_with("__temporal_") || name == "__stack_trace" || name == "__enhanced_stack_trace";
}

}  // namespace mayfly::temporal::workflow::detail
