// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/temporal/embedded/list_filter.hpp>
#include <mayfly/temporal/embedded/pages.hpp>
#include <mayfly/temporal/embedded/workflow_resets.hpp>
#include <mayfly/temporal/json_time.hpp>

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

namespace mayfly::temporal::embedded {

[[nodiscard]] inline std::string_view status_word(api::enums::WorkflowExecutionStatus s) noexcept
{
    constexpr std::array<std::string_view, 9> words{"Unspecified", "Running", "Completed", "Failed", "Canceled",
        "Terminated", "ContinuedAsNew", "TimedOut", "Paused"};
    const auto at = static_cast<std::size_t>(s);
    return at < words.size() ? words[at] : words[0];
}

/// Nothing if it is no time.
[[nodiscard]] inline std::optional<std::chrono::sys_time<uptime>> read_time(std::string_view text)
{
    const auto parts = temporal::detail::parse_time(text);
    const auto since = parts ? temporal::detail::joined<uptime>(*parts) : std::nullopt;
    return since ? std::optional(std::chrono::sys_time<uptime>(*since)) : std::nullopt;
}

/// `WorkflowType = 'order' AND ExecutionStatus = 'Running'`: which runs are meant. An empty one means all.
class workflow_query {
public:
    /// What is wrong with it, naming what there is instead.
    [[nodiscard]] static answered<workflow_query> parse(std::string_view text)
    {
        auto read = read_list_filter(text);
        if (!read)
            return bad_request("invalid query: " + read.error());
        workflow_query out;
        for (comparison& c : read->all) {
            const bool time = is_time(c.field);
            const auto at = time ? read_time(c.value) : std::nullopt;
            if (time && !at)
                return bad_request("invalid query: " + c.value.substr(0, 100) + " is no time; write it as " + c.field +
                                   " > '2026-01-02T03:04:05Z'");
            if (c.field == "ExecutionStatus" && !is_status(c.value))
                return bad_request("invalid query: " + c.value.substr(0, 100) +
                                   " is no ExecutionStatus; use Running, Completed, Failed, Canceled, Terminated, "
                                   "ContinuedAsNew or TimedOut");
            out.all_.push_back({std::move(c), at});
        }
        if (!read->group_by.empty() && read->group_by != "ExecutionStatus")
            return bad_request("invalid query: only GROUP BY ExecutionStatus is understood here");
        out.grouped_ = !read->group_by.empty();
        return out;
    }

    [[nodiscard]] bool matches(const workflow_run& r) const
    {
        return std::all_of(all_.begin(), all_.end(), [&r](const condition& c) { return holds_for(c, r); });
    }

    /// Counts are wanted for each status.
    [[nodiscard]] bool grouped() const noexcept { return grouped_; }

private:
    struct condition {
        comparison wanted{};
        std::optional<std::chrono::sys_time<uptime>> time{};
    };

    [[nodiscard]] static bool is_time(std::string_view field)
    {
        return field == "StartTime" || field == "CloseTime" || field == "ExecutionTime";
    }

    [[nodiscard]] static bool is_status(const std::string& word)
    {
        for (int s = api::enums::WORKFLOW_EXECUTION_STATUS_RUNNING;
             s <= api::enums::WORKFLOW_EXECUTION_STATUS_TIMED_OUT; ++s)
            if (word == status_word(static_cast<api::enums::WorkflowExecutionStatus>(s)))
                return true;
        return false;
    }

    [[nodiscard]] static bool holds_for(const condition& c, const workflow_run& r)
    {
        const std::string& field = c.wanted.field;
        if (is_time(field)) {
            if (field == "CloseTime" && !r.closed)
                return false;
            const auto at = field == "StartTime"   ? r.began.wall
                            : field == "CloseTime" ? r.closed->wall
                                                   : execution_time(r).wall;
            return stands(at, c.wanted.kind, *c.time);
        }
        if (field == "WorkflowId")
            return holds(c.wanted, r.workflow_id);
        if (field == "WorkflowType")
            return holds(c.wanted, r.begun().workflow_type().name());
        if (field == "RunId")
            return holds(c.wanted, r.run_id);
        if (field == "TaskQueue")
            return holds(c.wanted, r.task_queue);
        if (field == "ExecutionStatus")
            return holds(c.wanted, status_word(r.status));
        // A search attribute, in JSON.
        const auto& fields = r.search_attributes.indexed_fields();
        const auto at = fields.find(field);
        return at != fields.end() && json_holds(c.wanted, at->second.data());
    }

    [[nodiscard]] static bool json_holds(const comparison& wanted, std::string_view json)
    {
        if (const auto number = read_number(json)) {
            const auto other = read_number(wanted.value);
            return other && stands(*number, wanted.kind, *other);
        }
        if (!json.starts_with('['))
            return holds(wanted, unquoted(json));
        // A list of keywords: one of them is enough.
        json = json.substr(1, json.size() - 2);
        while (!json.empty()) {
            const std::string_view one = json.substr(0, json.find(','));
            if (holds(wanted, unquoted(one)))
                return true;
            json.remove_prefix(std::min(one.size() + 1, json.size()));
        }
        return false;
    }

    /// Nothing if it is more than a number, or none.
    [[nodiscard]] static std::optional<double> read_number(std::string_view text)
    {
        double out = 0;
        const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
        return error == std::errc{} && end == text.data() + text.size() ? std::optional(out) : std::nullopt;
    }

    [[nodiscard]] static std::string_view unquoted(std::string_view json)
    {
        while (json.starts_with(' '))
            json.remove_prefix(1);
        return json.size() >= 2 && json.starts_with('"') ? json.substr(1, json.size() - 2) : json;
    }

    std::vector<condition> all_{};
    bool grouped_ = false;
};

/// Lists of runs.
class workflow_visibility : public workflow_resets {
public:
    [[nodiscard]] answered<api::ListWorkflowExecutionsResponse> list_workflows(
        const api::ListWorkflowExecutionsRequest& q, const caller&) const
    {
        if (grpc::status bad = names_.check(q.namespace_()); !bad.ok())
            return bad;
        const auto query = workflow_query::parse(q.query());
        if (!query)
            return query.error();
        return page_of<api::ListWorkflowExecutionsResponse>(
            runs_.all(), q, [&](const workflow_run& r) { return r.name_space == q.namespace_() && query->matches(r); },
            [](workflow_run& r) { return run_info(r); });
    }

    [[nodiscard]] answered<api::CountWorkflowExecutionsResponse> count_workflows(
        const api::CountWorkflowExecutionsRequest& q, const caller&) const
    {
        if (grpc::status bad = names_.check(q.namespace_()); !bad.ok())
            return bad;
        const auto query = workflow_query::parse(q.query());
        if (!query)
            return query.error();
        return count_of<api::CountWorkflowExecutionsResponse>(
            runs_.all(), query->grouped(),
            [&](const workflow_run& r) { return r.name_space == q.namespace_() && query->matches(r); },
            [](api::enums::WorkflowExecutionStatus s) { return status_word(s); });
    }

protected:
    using workflow_resets::workflow_resets;
    ~workflow_visibility() = default;
};

}  // namespace mayfly::temporal::embedded
