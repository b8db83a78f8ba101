// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/temporal/workflow/detail/command_parts.hpp>
#include <mayfly/temporal/workflow/detail/patch_book.hpp>
#include <mayfly/temporal/workflow/detail/run_books.hpp>
#include <mayfly/temporal/workflow/intents.hpp>

#include <string>
#include <utility>

namespace mayfly::temporal::workflow::detail {

/// What a run was started with and has changed since, for the run that continues it; and its last word.
class run_estate {
public:
    void began(const api::history::WorkflowExecutionStartedEventAttributes& a)
    {
        type_ = a.workflow_type().name();
        task_queue_ = a.task_queue().name();
        run_timeout_ = a.workflow_run_timeout();
        task_timeout_ = a.workflow_task_timeout();
        header_ = a.header();
        memo_ = a.memo();
        attributes_ = a.search_attributes();
        attributes_.mutable_indexed_fields()->erase(change_attribute);  // That belongs to this run's code.
        has_retry_ = a.has_retry_policy();
        retry_ = a.retry_policy();
    }

    void upsert(upsert_search_attributes u, run_books& books)
    {
        auto& c = books.queue.push(want::attributes, 0, {}, api::enums::COMMAND_TYPE_UPSERT_WORKFLOW_SEARCH_ATTRIBUTES);
        merge(*attributes_.mutable_indexed_fields(), u.attributes.indexed_fields());
        *c.command.mutable_upsert_workflow_search_attributes_command_attributes()->mutable_search_attributes() =
            std::move(u.attributes);
    }

    void upsert(upsert_memo u, run_books& books)
    {
        auto& c = books.queue.push(want::memo, 0, {}, api::enums::COMMAND_TYPE_MODIFY_WORKFLOW_PROPERTIES);
        merge(*memo_.mutable_fields(), u.memo.fields());
        *c.command.mutable_modify_workflow_properties_command_attributes()->mutable_upserted_memo() = std::move(u.memo);
    }

    static void complete(complete_run r, run_books& books)
    {
        auto& out = *last_word(api::enums::COMMAND_TYPE_COMPLETE_WORKFLOW_EXECUTION, books)
                         .mutable_complete_workflow_execution_command_attributes();
        if (has_any(r.result))
            *out.mutable_result() = std::move(r.result);
    }

    static void fail(fail_run r, run_books& books)
    {
        *last_word(api::enums::COMMAND_TYPE_FAIL_WORKFLOW_EXECUTION, books)
             .mutable_fail_workflow_execution_command_attributes()
             ->mutable_failure() = std::move(r.failure);
    }

    static void cancel(cancel_run r, run_books& books)
    {
        auto& out = *last_word(api::enums::COMMAND_TYPE_CANCEL_WORKFLOW_EXECUTION, books)
                         .mutable_cancel_workflow_execution_command_attributes();
        if (has_any(r.details))
            *out.mutable_details() = std::move(r.details);
    }

    void go_on(continue_as_new c, run_books& books) const
    {
        auto& out = *last_word(api::enums::COMMAND_TYPE_CONTINUE_AS_NEW_WORKFLOW_EXECUTION, books)
                         .mutable_continue_as_new_workflow_execution_command_attributes();
        out.mutable_workflow_type()->set_name(c.type.empty() ? type_ : std::move(c.type));
        out.mutable_task_queue()->set_name(c.task_queue.empty() ? task_queue_ : std::move(c.task_queue));
        if (has_any(c.input))
            *out.mutable_input() = std::move(c.input);
        out.set_initiator(api::enums::CONTINUE_AS_NEW_INITIATOR_WORKFLOW);
        put(c.run_timeout, run_timeout_, *out.mutable_workflow_run_timeout());
        put(c.task_timeout, task_timeout_, *out.mutable_workflow_task_timeout());
        if (c.retry)
            put_retry(out, c.retry);
        else if (has_retry_)
            *out.mutable_retry_policy() = retry_;
        *out.mutable_header() = has_any(c.header) ? std::move(c.header) : header_;
        *out.mutable_memo() = c.memo ? std::move(*c.memo) : memo_;
        *out.mutable_search_attributes() = c.search_attributes ? std::move(*c.search_attributes) : attributes_;
        if (c.versioning != api::enums::CONTINUE_AS_NEW_VERSIONING_BEHAVIOR_UNSPECIFIED)
            out.set_initial_versioning_behavior(c.versioning);
    }

private:
    static api::command::Command& last_word(api::enums::CommandType type, run_books& books)
    {
        return books.queue.push(want::close, 0, {}, type).command;
    }

    static void put(std::chrono::nanoseconds wish, const wire::Duration& as_was, wire::Duration& out)
    {
        out = wish.count() > 0 ? to_wire(wish) : as_was;
    }

    /// What is set to nothing is gone.
    template <class Map>
    static void merge(Map& into, const Map& from)
    {
        for (const auto& [name, value] : from) {
            const auto encoding = value.metadata().find("encoding");
            const bool gone = value.data().empty() ||
                              (encoding != value.metadata().end() && encoding->second == "binary/null") ||
                              value.data() == "null" || value.data() == "[]";
            if (gone)
                into.erase(name);
            else
                into[name] = value;
        }
    }

    std::string type_;
    std::string task_queue_;
    wire::Duration run_timeout_;
    wire::Duration task_timeout_;
    api::common::Header header_;
    api::common::Memo memo_;
    api::common::SearchAttributes attributes_;
    api::common::RetryPolicy retry_;
    bool has_retry_ = false;
};

}  // namespace mayfly::temporal::workflow::detail
