// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/http/spawn.hpp>
#include <mayfly/temporal/connection.hpp>
#include <mayfly/temporal/detail/workflow_close.hpp>
#include <mayfly/temporal/rpc_error.hpp>
#include <mayfly/temporal/workflow_methods.hpp>

#include <boost/asio/cancellation_type.hpp>
#include <boost/asio/error.hpp>
#include <boost/system/error_code.hpp>

#include <algorithm>
#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>

// The operations behind clients of workflows that are more than one call.

namespace mayfly::temporal::detail {

using maybe_until = std::optional<std::chrono::steady_clock::time_point>;

inline maybe_until until_of(const std::optional<std::chrono::milliseconds>& within)
{
    if (!within)
        return std::nullopt;
    return std::chrono::steady_clock::now() + std::min(*within, longest_wait);
}

/// For a call that is made again and again until there is news: as patient as a poll, but not beyond the end.
inline rpc_options waiting(const connection& on, const maybe_until& until)
{
    rpc_options out;
    out.retry = on.options().poll_retry;
    out.timeout = on.options().poll_timeout;
    if (until)
        out.timeout = std::min(
            *out.timeout, std::chrono::ceil<std::chrono::milliseconds>(*until - std::chrono::steady_clock::now()));
    return out;
}

/// Whether a call that ended so only got no answer in its own time, which says nothing.
inline bool may_ask_again(const boost::system::error_code& ec, const maybe_until& until)
{
    return ec == grpc::status_code::deadline_exceeded && !(until && std::chrono::steady_clock::now() >= *until);
}

inline void set_failure(boost::system::error_code& ec, grpc::status& status, std::string message)
{
    status = {grpc::status_code::internal, std::move(message), {}};
    ec = make_error_code(status.code);
}

/// One call, of whose answer or error `finish` makes an `Out`: `void(error_code, Out)`.
template <class Request, class Response, class Finish>
struct call_and {
    using error_code = boost::system::error_code;

    std::shared_ptr<connection> on;
    method<Request, Response> what;
    Request request;
    rpc_options own;
    std::optional<grpc::status> refused;
    Finish finish;
    call_listener on_end{};  ///< Before its caller; may be empty.
    bool begun = false;

    template <class Self>
    void operator()(Self& self, error_code ec = {}, rpc_reply<Response> r = {})
    {
        if (!std::exchange(begun, true)) {
            self.reset_cancellation_state(http::detail::any_as_terminal{});
            const auto asked = std::move(request);
            auto& to = *on;
            return to.template async_call_as<Response>(
                what, asked, std::move(own), std::identity{}, std::move(refused), std::move(self));
        }
        auto out = finish(ec, std::move(r));
        if (on_end)
            on_end(ec, out.status);
        self.complete(ec, std::move(out));
    }
};

/// Waits for the end of a run, or of all its successors too.
template <class Finish>
struct await_close {
    using error_code = boost::system::error_code;
    using reply = rpc_reply<api::GetWorkflowExecutionHistoryResponse>;

    std::shared_ptr<connection> on;
    close_watch watch;
    maybe_until until;
    Finish finish;  ///< Of an error, a status and the watch.
    bool begun = false;

    template <class Self>
    void operator()(Self& self, error_code ec = {}, reply r = {})
    {
        if (!std::exchange(begun, true)) {
            self.reset_cancellation_state(http::detail::any_as_terminal{});
            return ask(self);
        }
        if (self.cancelled() != boost::asio::cancellation_type::none)
            ec = boost::asio::error::operation_aborted;
        else if (may_ask_again(ec, until))
            return ask(self);
        if (!ec) {
            const auto next = watch.take(std::move(r.value));
            if (next == close_watch::next::ask)
                return ask(self);
            if (next == close_watch::next::lost)
                set_failure(ec, r.status, "the server answered without the workflow's end, and without more to come");
        }
        auto out = finish(ec, std::move(r.status), watch);
        self.complete(ec, std::move(out));
    }

private:
    template <class Self>
    void ask(Self& self)
    {
        const auto asked = watch.request();
        auto& to = *on;
        auto own = waiting(to, until);
        to.async_call(methods::get_workflow_execution_history, asked, std::move(own), std::move(self));
    }
};

/// All pages of a history.
struct read_history {
    using error_code = boost::system::error_code;
    using reply = rpc_reply<api::GetWorkflowExecutionHistoryResponse>;

    std::shared_ptr<connection> on;
    api::GetWorkflowExecutionHistoryRequest request;
    rpc_reply<api::history::History> out{};
    bool begun = false;

    template <class Self>
    void operator()(Self& self, error_code ec = {}, reply r = {})
    {
        if (!std::exchange(begun, true)) {
            self.reset_cancellation_state(http::detail::any_as_terminal{});
            return ask(self);
        }
        if (self.cancelled() != boost::asio::cancellation_type::none)
            ec = boost::asio::error::operation_aborted;
        out.status = std::move(r.status);
        if (!ec && !take_events(r.value, out.value))
            set_failure(ec, out.status, "a page of the history is not what it should be");
        if (!ec && !r.value.next_page_token().empty()) {
            request.set_next_page_token(r.value.next_page_token());
            return ask(self);
        }
        auto done = std::move(out);
        self.complete(ec, std::move(done));
    }

private:
    template <class Self>
    void ask(Self& self)
    {
        const auto asked = request;
        auto& to = *on;
        to.async_call(methods::get_workflow_execution_history, asked, std::move(self));
    }
};

}  // namespace mayfly::temporal::detail
