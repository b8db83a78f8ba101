// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/temporal/embedded/execution.hpp>
#include <mayfly/temporal/embedded/list_filter.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace mayfly::temporal::embedded {

[[nodiscard]] inline std::string_view status_word(api::enums::ActivityExecutionStatus s) noexcept
{
    constexpr std::array<std::string_view, 8> words{
        "Unspecified", "Running", "Completed", "Failed", "Canceled", "Terminated", "TimedOut", "Paused"};
    const auto at = static_cast<std::size_t>(s);
    return at < words.size() ? words[at] : words[0];
}

/// `ActivityType = 'greet' AND ExecutionStatus = "Running"`: which activities are meant. An empty one means all.
class activity_query {
public:
    /// What is wrong with it, naming what there is instead.
    [[nodiscard]] static answered<activity_query> parse(std::string_view text)
    {
        auto read = read_list_filter(text);
        if (!read)
            return bad_request("invalid query: " + read.error());
        activity_query out;
        for (comparison& c : read->all) {
            const attribute of = attribute_of(c.field);
            if (of == nullptr)
                return bad_request("invalid query: \"" + c.field.substr(0, 100) +
                                   "\" is not an attribute that can be asked for here; use ActivityId, ActivityType, "
                                   "ExecutionStatus, RunId or TaskQueue");
            if (c.kind != comparison_kind::equal && c.kind != comparison_kind::not_equal)
                return bad_request("invalid query: after " + c.field + " only = and != are understood here");
            if (of == &status_of && !is_status(c.value))
                return bad_request("invalid query: " + c.value.substr(0, 100) +
                                   " is no ExecutionStatus; use Running, Completed, Failed, Canceled, Terminated or "
                                   "TimedOut");
            out.all_.push_back({of, std::move(c)});
        }
        if (!read->group_by.empty() && read->group_by != "ExecutionStatus")
            return bad_request("invalid query: only GROUP BY ExecutionStatus is understood here");
        out.grouped_ = !read->group_by.empty();
        return out;
    }

    [[nodiscard]] bool matches(const execution& e) const
    {
        return std::all_of(all_.begin(), all_.end(), [&e](const condition& c) { return holds(c.wanted, c.of(e)); });
    }

    /// Counts are wanted for each status.
    [[nodiscard]] bool grouped() const noexcept { return grouped_; }

private:
    using attribute = std::string_view (*)(const execution&);
    struct condition {
        attribute of;
        comparison wanted;
    };

    [[nodiscard]] static std::string_view status_of(const execution& e) { return status_word(e.status); }

    /// Null for what there is not.
    [[nodiscard]] static attribute attribute_of(std::string_view name)
    {
        if (name == "ActivityId")
            return [](const execution& e) -> std::string_view { return e.id(); };
        if (name == "ActivityType")
            return [](const execution& e) -> std::string_view { return e.request.activity_type().name(); };
        if (name == "ExecutionStatus")
            return &status_of;
        if (name == "RunId" || name == "ActivityRunId")
            return [](const execution& e) -> std::string_view { return e.run_id; };
        if (name == "TaskQueue")
            return [](const execution& e) -> std::string_view { return e.request.task_queue().name(); };
        return nullptr;
    }

    [[nodiscard]] static bool is_status(std::string_view value)
    {
        for (int i = 1; i <= api::enums::ActivityExecutionStatus_MAX; ++i)
            if (status_word(static_cast<api::enums::ActivityExecutionStatus>(i)) == value)
                return true;
        return false;
    }

    std::vector<condition> all_{};
    bool grouped_ = false;
};

}  // namespace mayfly::temporal::embedded
