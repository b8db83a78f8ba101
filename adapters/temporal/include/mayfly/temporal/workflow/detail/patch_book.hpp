// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/detail/json_write.hpp>
#include <mayfly/temporal/workflow/detail/markers.hpp>
#include <mayfly/temporal/workflow/detail/run_books.hpp>
#include <mayfly/temporal/workflow/intents.hpp>

#include <cstddef>
#include <optional>
#include <set>
#include <string>
#include <utility>

namespace mayfly::temporal::workflow::detail {

/// The patches of a run: those of which history knows, and those that code went by.
class patch_book {
public:
    /// History has a marker. True the first time, when code has to be told.
    bool known(const std::string& id) { return known_.insert(id).second; }

    /// `replaying`: history says already what comes of this task. `with_attribute`: as history says, or as new runs do.
    void set(set_patch p, bool replaying, bool with_attribute, run_books& books)
    {
        // Code of after the patch meets a run of before it, and goes on as if it had always been there.
        if (replaying && p.deprecated && !known_.contains(p.id))
            return;
        if (!set_.insert(p.id).second)
            return;
        auto& marker = books.queue.push(want::patch, 0, p.id, api::enums::COMMAND_TYPE_RECORD_MARKER);
        write_patch(*marker.command.mutable_record_marker_command_attributes(), {p.id, p.deprecated});
        if (!with_attribute)
            return;
        // Of what was set, not of what is known: a replay has to come to the same size at the same place.
        std::string json;
        mayfly::detail::json_writer w(json);
        w.begin_array();
        for (const std::string& id : set_)
            w.value(id);
        w.end_array();
        constexpr std::size_t too_large = 2048;
        if (json.size() >= too_large)
            return;
        auto& upsert =
            books.queue.push(want::patch_attributes, 0, {}, api::enums::COMMAND_TYPE_UPSERT_WORKFLOW_SEARCH_ATTRIBUTES);
        auto& value = (*upsert.command.mutable_upsert_workflow_search_attributes_command_attributes()
                            ->mutable_search_attributes()
                            ->mutable_indexed_fields())[change_attribute];
        put_json(value, std::move(json));
        (*value.mutable_metadata())["type"] = "KeywordList";
    }

private:
    std::set<std::string> known_;
    std::set<std::string> set_;  ///< In order, as the attribute has them.
};

[[nodiscard]] inline std::optional<patch_mark> patch_of(const api::history::HistoryEvent& e)
{
    if (e.event_type() != api::enums::EVENT_TYPE_MARKER_RECORDED)
        return std::nullopt;
    return read_patch(e.marker_recorded_event_attributes());
}

}  // namespace mayfly::temporal::workflow::detail
