// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/temporal/embedded/list_filter.hpp>
#include <mayfly/temporal/embedded/workflow_resets.hpp>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <iterator>
#include <map>
#include <optional>
#include <string>
#include <string_view>
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

/// A time as people write it: 2026-01-02T03:04:05Z, with or without a part of a second. None: it is something else.
[[nodiscard]] inline std::optional<std::chrono::sys_time<uptime>> read_time(const std::string& text)
{
    int year = 0;
    unsigned month = 0;
    unsigned day = 0;
    int hour = 0;
    int minute = 0;
    double second = 0;
    int end = 0;
    if (std::sscanf(text.c_str(), "%4d-%2u-%2uT%2d:%2d:%lf%n", &year, &month, &day, &hour, &minute, &second, &end) != 6)
        return std::nullopt;
    std::string_view zone = std::string_view(text).substr(static_cast<std::size_t>(end));
    std::chrono::minutes ahead{};
    if (zone != "Z" && !zone.empty()) {
        int h = 0;
        int m = 0;
        if (zone.size() != 6 || std::sscanf(zone.data() + 1, "%2d:%2d", &h, &m) != 2)
            return std::nullopt;
        ahead = std::chrono::minutes(h * 60 + m) * (zone.front() == '-' ? -1 : 1);
    }
    const std::chrono::year_month_day date{std::chrono::year(year), std::chrono::month(month), std::chrono::day(day)};
    if (!date.ok())
        return std::nullopt;
    return std::chrono::sys_days(date) + std::chrono::hours(hour) + std::chrono::minutes(minute) - ahead +
           uptime(static_cast<uptime::rep>(second * 1e6));
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
            if (time && !read_time(c.value))
                return bad_request("invalid query: " + c.value.substr(0, 100) + " is no time; write it as " + c.field +
                                   " > '2026-01-02T03:04:05Z'");
            if (c.field == "ExecutionStatus" && !is_status(c.value))
                return bad_request("invalid query: " + c.value.substr(0, 100) +
                                   " is no ExecutionStatus; use Running, Completed, Failed, Canceled, Terminated, "
                                   "ContinuedAsNew or TimedOut");
            const auto at = time ? read_time(c.value) : std::nullopt;
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
            switch (c.wanted.kind) {
            case comparison_kind::equal: return at == *c.time;
            case comparison_kind::not_equal: return at != *c.time;
            case comparison_kind::less: return at < *c.time;
            case comparison_kind::at_most: return at <= *c.time;
            case comparison_kind::more: return at > *c.time;
            case comparison_kind::at_least: return at >= *c.time;
            case comparison_kind::starts_with: return false;
            }
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
        // A keyword, as a search attribute holds it: in JSON.
        const auto& fields = r.search_attributes.indexed_fields();
        const auto at = fields.find(field);
        return at != fields.end() && json_holds(c.wanted, at->second.data());
    }

    [[nodiscard]] static bool json_holds(const comparison& wanted, std::string_view json)
    {
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
        std::uint64_t before = ~std::uint64_t{0};
        if (!q.next_page_token().empty()) {
            const auto token = read_token(q.next_page_token());
            if (!token)
                return bad_request("Invalid next page token.");
            before = token->stamp;
        }
        const int most = q.page_size() > 0 ? std::min(q.page_size(), 1'000) : 1'000;
        api::ListWorkflowExecutionsResponse out;
        // The newest first.
        for (auto at = runs_.all().lower_bound(before); at != runs_.all().begin();) {
            workflow_run& r = *std::prev(at)->second;
            if (r.name_space == q.namespace_() && query->matches(r)) {
                if (out.executions_size() == most) {
                    out.set_next_page_token(token_of({r.run_id, at->first}));
                    break;
                }
                *out.add_executions() = run_info(r);
            }
            --at;
        }
        return out;
    }

    [[nodiscard]] answered<api::CountWorkflowExecutionsResponse> count_workflows(
        const api::CountWorkflowExecutionsRequest& q, const caller&) const
    {
        if (grpc::status bad = names_.check(q.namespace_()); !bad.ok())
            return bad;
        const auto query = workflow_query::parse(q.query());
        if (!query)
            return query.error();
        std::map<api::enums::WorkflowExecutionStatus, std::int64_t> counts;
        std::int64_t all = 0;
        for (const auto& [order, r] : runs_.all())
            if (r->name_space == q.namespace_() && query->matches(*r)) {
                ++counts[r->status];
                ++all;
            }
        api::CountWorkflowExecutionsResponse out;
        out.set_count(all);
        if (query->grouped())
            for (const auto& [status, n] : counts) {
                auto& group = *out.add_groups();
                group.set_count(n);
                *group.add_group_values() = text_payload(status_word(status));
            }
        return out;
    }

protected:
    using workflow_resets::workflow_resets;
    ~workflow_visibility() = default;
};

}  // namespace mayfly::temporal::embedded
