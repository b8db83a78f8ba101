// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/temporal/workflow/detail/run_state.hpp>
#include <mayfly/temporal/workflow/options.hpp>

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

// What is wanted, made of options. Nothing here depends on the types of a call.

namespace mayfly::temporal::workflow::detail {

[[nodiscard]] inline api::common::Payload encode_words(const data_converter& with, std::string_view words)
{
    api::common::Payload out;
    if (!words.empty())
        out = with.to_payload(words).value();
    return out;
}

[[nodiscard]] inline step_words encode_words(
    const data_converter& with, std::string_view summary, std::string_view details)
{
    return {encode_words(with, summary), encode_words(with, details)};
}

[[nodiscard]] inline std::optional<activity_retry> retry_of(const retry_policy& r)
{
    if (r == retry_policy{})
        return {};
    activity_retry out{.initial_interval = r.initial_interval,
        .backoff = r.backoff,
        .maximum_interval = r.maximum_interval,
        .maximum_attempts = r.maximum_attempts};
    for (const std::string_view type : r.non_retryable_types)
        if (!type.empty())
            out.non_retryable_types.emplace_back(type);
    return out;
}

[[nodiscard]] inline activity_priority priority_of(const priority& p)
{
    return {p.key, std::string(p.fairness_key), p.fairness_weight};
}

template <class T>
[[nodiscard]] T lent(const borrowed<T>& from)
{
    return from ? *from : T{};
}

inline void check_timeouts(std::string_view type, std::chrono::nanoseconds start, std::chrono::nanoseconds schedule)
{
    if (start.count() <= 0 && schedule.count() <= 0)
        throw usage_error("activity \"" + std::string(type) +
                          "\" has neither start_to_close nor schedule_to_close: say how long it may take, as in "
                          "{.start_to_close = 10s}");
}

template <class T>
[[nodiscard]] std::shared_ptr<future_state<T>> begin_activity(run_state& state, const std::shared_ptr<scope_state>& in,
    std::string type, api::common::Payloads input, const activity_options& o)
{
    check_timeouts(type, o.start_to_close, o.schedule_to_close);
    auto words = encode_words(state.setup.converter, o.summary, o.details);  // What may throw comes first.
    std::string queue = o.task_queue.empty() ? state.info.task_queue : std::string(o.task_queue);
    auto header = lent(o.header);
    if (state.asks_interceptors(in.get()))
        state.ask_interceptors(workflow_step::kind::activity, type, o.id, queue, input, header);
    auto to = std::make_shared<future_state<T>>();
    pending* const p = state.open(pending_kind::activity, to, in, type);
    if (p == nullptr)
        return to;
    state.set_cancellation(*p, o.cancellation);
    schedule_activity i;
    i.seq = state.seq_of(*p);
    i.id = o.id.empty() ? std::to_string(i.seq) : std::string(o.id);
    i.type = std::move(type);
    i.task_queue = std::move(queue);
    i.input = std::move(input);
    i.header = std::move(header);
    i.schedule_to_close = o.schedule_to_close;
    i.schedule_to_start = o.schedule_to_start;
    i.start_to_close = o.start_to_close;
    i.heartbeat = o.heartbeat;
    i.retry = retry_of(o.retry);
    i.cancellation = o.cancellation;
    i.use_workflow_version = o.use_workflow_version;
    i.priority = priority_of(o.priority);
    i.words = std::move(words);
    state.want(std::move(i));
    return to;
}

template <class T>
[[nodiscard]] std::shared_ptr<future_state<T>> begin_local_activity(run_state& state,
    const std::shared_ptr<scope_state>& in, std::string type, api::common::Payloads input,
    const local_activity_options& o)
{
    check_timeouts(type, o.start_to_close, o.schedule_to_close);
    auto words = encode_words(state.setup.converter, o.summary, {});
    auto header = lent(o.header);
    if (state.asks_interceptors(in.get()))
        state.ask_interceptors(workflow_step::kind::local_activity, type, o.id, {}, input, header);
    auto to = std::make_shared<future_state<T>>();
    pending* const p = state.open(pending_kind::local_activity, to, in, type);
    if (p == nullptr)
        return to;
    state.set_cancellation(*p, o.cancellation);
    schedule_local_activity i;
    i.seq = state.seq_of(*p);
    i.id = o.id.empty() ? std::to_string(i.seq) : std::string(o.id);
    i.type = std::move(type);
    i.input = std::move(input);
    i.header = std::move(header);
    i.schedule_to_close = o.schedule_to_close;
    i.schedule_to_start = o.schedule_to_start;
    i.start_to_close = o.start_to_close;
    i.retry = retry_of(o.retry);
    i.local_retry_threshold = o.local_retry_threshold;
    i.cancellation = o.cancellation;
    i.words = std::move(words);
    state.set_attempt(*p, i);
    state.want(std::move(i));
    return to;
}

template <class T>
struct begun_child {
    std::shared_ptr<future_state<T>> result{};
    std::shared_ptr<future_state<std::string>> started{};
    std::string workflow_id{};
};

template <class T>
[[nodiscard]] begun_child<T> begin_child(run_state& state, const std::shared_ptr<scope_state>& in, std::string type,
    api::common::Payloads input, const child_options& o)
{
    auto words = encode_words(state.setup.converter, o.summary, o.details);
    std::optional<api::common::Memo> memo;
    if (o.memo)
        memo = (*o.memo).message(state.setup.converter).value();
    std::string queue = o.task_queue.empty() ? state.info.task_queue : std::string(o.task_queue);
    auto header = lent(o.header);
    std::string id(o.id);
    if (state.asks_interceptors(in.get())) {
        if (id.empty())
            id = state.random.uuid();  // the number that it takes below without them
        state.ask_interceptors(workflow_step::kind::child, type, id, queue, input, header);
    }
    begun_child<T> to{std::make_shared<future_state<T>>(), std::make_shared<future_state<std::string>>()};
    pending* const p = state.open(pending_kind::child, to.result, in, type);
    if (p == nullptr) {
        if (to.result->done())
            to.started->fail(to.result->error());
        return to;
    }
    to.workflow_id = id.empty() ? state.random.uuid() : std::move(id);
    state.set_cancellation(*p, o.cancellation);
    state.set_started(*p, to.started);
    start_child i;
    i.seq = state.seq_of(*p);
    i.workflow_id = to.workflow_id;
    i.type = std::move(type);
    i.task_queue = std::move(queue);
    i.input = std::move(input);
    i.header = std::move(header);
    if (memo)
        i.memo = std::move(*memo);
    if (o.search_attributes)
        i.search_attributes = (*o.search_attributes).message();
    i.execution_timeout = o.execution_timeout;
    i.run_timeout = o.run_timeout;
    i.task_timeout = o.task_timeout;
    i.parent_close_policy = static_cast<api::enums::ParentClosePolicy>(o.parent_close);
    i.id_reuse = static_cast<api::enums::WorkflowIdReusePolicy>(o.reuse);
    i.retry = retry_of(o.retry);
    i.cron_schedule = std::string(o.cron_schedule);
    i.cancellation = o.cancellation;
    i.priority = priority_of(o.priority);
    i.words = std::move(words);
    state.want(std::move(i));
    return to;
}

[[nodiscard]] inline std::shared_ptr<future_state<void>> begin_signal(run_state& state,
    const std::shared_ptr<scope_state>& in, external_target target, std::string name, api::common::Payloads input)
{
    api::common::Header header;
    if (state.asks_interceptors(in.get()))
        state.ask_interceptors(workflow_step::kind::signal, name, target.workflow_id, {}, input, header);
    auto to = std::make_shared<future_state<void>>();
    if (pending* const p = state.open(pending_kind::external_signal, to, in, target.workflow_id))
        state.want(
            signal_external{state.seq_of(*p), std::move(target), std::move(name), std::move(input), std::move(header)});
    return to;
}

[[nodiscard]] inline std::shared_ptr<future_state<void>> begin_cancel(
    run_state& state, const std::shared_ptr<scope_state>& in, external_target target, std::string reason)
{
    auto to = std::make_shared<future_state<void>>();
    if (pending* const p = state.open(pending_kind::external_cancel, to, in, target.workflow_id))
        state.want(cancel_external{state.seq_of(*p), std::move(target), std::move(reason)});
    return to;
}

/// Thrown to end a run and begin the next. No `std::exception`: it is not for users to catch.
struct continued {
    continue_as_new what{};
};

[[noreturn]] inline void throw_continued(
    run_state& state, std::string type, api::common::Payloads input, const continue_options& o)
{
    if (!state.may_act("continue_as_new"))
        throw usage_error("continue_as_new was called while the run is being forgotten: not from a destructor");
    continued out;
    out.what.type = std::move(type);
    out.what.task_queue = std::string(o.task_queue);
    out.what.input = std::move(input);
    out.what.header = lent(o.header);
    if (state.asks_interceptors(nullptr)) {
        if (!o.header)
            out.what.header = state.info.header;
        state.ask_interceptors(workflow_step::kind::continue_as_new, out.what.type, {},
            o.task_queue.empty() ? std::string_view(state.info.task_queue) : o.task_queue, out.what.input,
            out.what.header);
    }
    out.what.run_timeout = o.run_timeout;
    out.what.task_timeout = o.task_timeout;
    out.what.retry = retry_of(o.retry);
    // Only here it is known what a codec hides: which fields were removed.
    out.what.memo = o.memo ? (*o.memo).message(state.setup.converter).value() : state.memo;
    if (o.search_attributes)
        out.what.search_attributes = (*o.search_attributes).message();
    out.what.versioning = static_cast<api::enums::ContinueAsNewVersioningBehavior>(o.versioning);
    throw out;
}

}  // namespace mayfly::temporal::workflow::detail
