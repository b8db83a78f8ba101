// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/temporal/workflow/detail/answers.hpp>
#include <mayfly/temporal/workflow/detail/run_state.hpp>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

// What every workflow answers, whatever it is.

namespace mayfly::temporal::workflow::detail {

/// All that are known of a kind, in alphabetical order, with a word for those that take any name.
template <class Entry>
[[nodiscard]] std::map<std::string, std::string> descriptions(
    const run_state& state, std::map<std::string, Entry, std::less<>> handler_table::*kind)
{
    std::map<std::string, std::string> out;
    for (const handler_table* table : {&state.handlers, state.members})
        if (table != nullptr)
            for (const auto& [name, entry] : table->*kind)
                out.emplace(name, entry.description);
    return out;
}

template <class Entry>
[[nodiscard]] std::string known_names(
    const run_state& state, std::map<std::string, Entry, std::less<>> handler_table::*kind)
{
    std::string out;
    for (const auto& [name, description] : descriptions(state, kind))
        if (!name.empty())
            out += (out.empty() ? "" : ", ") + name;
    return out.empty() ? "none" : out;
}

/// One paragraph for each thing that runs: where it waits, and for what, innermost first.
[[nodiscard]] inline std::string stack_trace_of(const run_state& state)
{
    std::string out;
    for (const auto& [order, r] : state.coroutines.roots()) {
        if (!out.empty())
            out += '\n';
        out += r->what == root::kind::run ? "workflow \"" + r->name + '"' : r->name;
        const frame* last = r->top;
        while (last->called != nullptr)
            last = last->called;
        if (last->on != nullptr)
            out += " waits for " + last->on->words();
        out += '\n';
        std::string lines;
        for (const frame* at = r->top; at != nullptr; at = at->called) {
            const std::string_view file = at->file;
            // What this library puts around is of no use to anybody.
            if (file.empty() || file.find("mayfly/temporal/workflow/") != std::string_view::npos)
                continue;
            lines.insert(0, "  at " + std::string(at->function) + " (" + std::string(file) + ':' +
                                std::to_string(at->line) + ")\n");
        }
        out += lines;
    }
    return out;
}

[[nodiscard]] inline payloads metadata_of(const run_state& state)
{
    const auto list = [&](auto kind) {
        boost::json::array out;
        for (const auto& [name, description] : descriptions(state, kind)) {
            boost::json::object one;
            if (!name.empty())
                one["name"] = name;
            if (!description.empty())
                one["description"] = description;
            out.push_back(std::move(one));
        }
        return out;
    };
    boost::json::object type;
    type["type"] = state.info.type;
    type["queryDefinitions"] = list(&handler_table::queries);
    type["signalDefinitions"] = list(&handler_table::signals);
    type["updateDefinitions"] = list(&handler_table::updates);
    boost::json::object all;
    all["definition"] = std::move(type);
    all["currentDetails"] = state.current_details;

    api::common::Payload made;
    (*made.mutable_metadata())["encoding"] = "json/protobuf";
    (*made.mutable_metadata())["messageType"] = "temporal.api.sdk.v1.WorkflowMetadata";
    made.set_data(boost::json::serialize(all));
    payloads out;
    *out.add_payloads() = state.setup.converter.encode(std::move(made)).value();
    return out;
}

[[nodiscard]] inline std::optional<payloads> built_in_answer(const run_state& state, std::string_view query)
{
    if (query == "__stack_trace") {
        payloads out;
        *out.add_payloads() = state.setup.converter.to_payload(stack_trace_of(state)).value();
        return out;
    }
    if (query == "__temporal_workflow_metadata")
        return metadata_of(state);
    return {};
}

}  // namespace mayfly::temporal::workflow::detail
