// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/temporal/testing/answer.hpp>
#include <mayfly/temporal/testing/detail/world.hpp>
#include <mayfly/temporal/workflow/detail/call.hpp>
#include <mayfly/temporal/workflow/detail/member_name.hpp>
#include <mayfly/temporal/workflow_handle.hpp>

#include <optional>
#include <string>
#include <type_traits>
#include <utility>

namespace mayfly::temporal::testing {

class environment;

/** A workflow that an `environment` runs, its result an `R`. Lives no longer than that.

    Signals, queries and updates are said by their name, or by a member that is known by its own name:
    `run.signal("go", 7)`, `run.query<int>("count")`, `run.update<&order::add>(item)`. Whatever was not to be had is
    in the answer; of a run that could not be started, that is why.
*/
template <class R>
class test_run {
public:
    /// It was started.
    [[nodiscard]] explicit operator bool() const noexcept { return !failed_.error; }
    [[nodiscard]] const std::string& id() const noexcept { return handle_.id(); }
    /// The client's own.
    [[nodiscard]] const workflow_handle<R>& handle() const noexcept { return handle_; }

    /// Waits until it has ended, and with it the runs that it went on as.
    answer<R> result() const
    {
        return told<R, workflow_outcome<R>>(
            "the result of " + shown_, [this](auto then) { handle_.async_result(std::move(then)); });
    }

    template <class... A>
    answer<void> signal(const std::string& name, const A&... arguments) const
    {
        return send(name, encoded(name, arguments...));
    }
    template <auto Member, class... A>
    answer<void> signal(const A&... arguments) const
    {
        return send(name_of<Member>(), encoded_for<Member>(arguments...));
    }

    template <class T, class... A>
    answer<T> query(const std::string& name, const A&... arguments) const
    {
        return ask<T>(name, encoded(name, arguments...));
    }
    template <auto Member, class... A>
    auto query(const A&... arguments) const
    {
        return ask<result_of<Member>>(name_of<Member>(), encoded_for<Member>(arguments...));
    }

    /// Waits for its outcome.
    template <class T, class... A>
    answer<T> update(const std::string& name, const A&... arguments) const
    {
        return change<T>(name, encoded(name, arguments...));
    }
    template <auto Member, class... A>
    auto update(const A&... arguments) const
    {
        return change<result_of<Member>>(name_of<Member>(), encoded_for<Member>(arguments...));
    }

    answer<void> cancel(const std::string& reason = {}) const
    {
        return done<rpc_reply<api::RequestCancelWorkflowExecutionResponse>>(
            "the cancellation of " + shown_, [&](auto then) { handle_.async_cancel(reason, std::move(then)); });
    }
    answer<void> terminate(const std::string& reason = {}) const
    {
        return done<rpc_reply<api::TerminateWorkflowExecutionResponse>>(
            "the end of " + shown_, [&](auto then) { handle_.async_terminate(reason, std::move(then)); });
    }

    /// Where it waits, and for what.
    [[nodiscard]] answer<std::string> stack_trace() const { return query<std::string>("__stack_trace"); }

private:
    friend class environment;

    template <auto Member>
    using result_of = typename workflow_signature<decltype(Member)>::result;

    test_run(detail::world& in, std::string shown) : world_(&in), shown_(std::move(shown)) {}

    template <auto Member>
    [[nodiscard]] static std::string name_of()
    {
        return std::string(workflow::detail::member_name<Member>());
    }
    template <class... A>
    [[nodiscard]] api::common::Payloads encoded(const std::string& name, const A&... arguments) const
    {
        return workflow::detail::encode_for<std::string, workflow_signature>(
            name, world_->setup().converter, arguments...);
    }
    template <auto Member, class... A>
    [[nodiscard]] api::common::Payloads encoded_for(const A&... arguments) const
    {
        return workflow::detail::encode_for<decltype(Member), workflow_signature>(
            name_of<Member>(), world_->setup().converter, arguments...);
    }

    answer<void> send(const std::string& name, api::common::Payloads input) const
    {
        return done<rpc_reply<api::SignalWorkflowExecutionResponse>>("signal \"" + name + "\" to " + shown_,
            [&](auto then) { handle_.async_signal_by_name(name, std::move(input), std::move(then)); });
    }
    template <class T>
    answer<T> ask(const std::string& name, api::common::Payloads input) const
    {
        return told<T, query_outcome<T>>("query \"" + name + "\" of " + shown_, [&](auto then) {
            handle_.template async_query_by_name<T>(name, std::move(input), query_options{}, std::move(then));
        });
    }
    template <class T>
    answer<T> change(const std::string& name, api::common::Payloads input) const
    {
        return told<T, update_outcome<T>>("update \"" + name + "\" of " + shown_, [&](auto then) {
            handle_.template async_update_by_name<T>(name, std::move(input), update_options{}, std::move(then));
        });
    }

    /// What comes to a value, or to words of its own.
    template <class T, class Outcome, class Begin>
    answer<T> told(const std::string& what, Begin begin) const
    {
        answer<T> out;
        if (auto heard = call<Outcome>(what, std::move(begin), out)) {
            static_cast<workflow_answer<T>&>(out) = std::move(heard->value);
            out.error = heard->ec;
        }
        return out;
    }
    /// What is done or not.
    template <class Reply, class Begin>
    answer<void> done(const std::string& what, Begin begin) const
    {
        answer<void> out;
        if (auto heard = call<Reply>(what, std::move(begin), out)) {
            out.error = heard->ec;
            out.status = std::move(heard->value.status);
            if (heard->ec)
                out.words = describe(out.status);
            else
                out.value.emplace();
        }
        return out;
    }
    template <class T, class Begin, class Answer>
    std::optional<detail::world::heard<T>> call(const std::string& what, Begin begin, Answer& refused) const
    {
        if (failed_.error) {
            refused.error = failed_.error;
            refused.words = failed_.words;
            return std::nullopt;
        }
        auto out = world_->ready() ? world_->call<T>(what, std::move(begin)) : std::nullopt;
        if (!out)
            world_->refuse(refused);
        return out;
    }

    detail::world* world_;
    std::string shown_;
    workflow_handle<R> handle_{};
    answer<void> failed_{};  // its start, if it did
};

}  // namespace mayfly::temporal::testing
