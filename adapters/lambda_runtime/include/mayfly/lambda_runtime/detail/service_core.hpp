// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/detail/json_read.hpp>
#include <mayfly/detail/json_write.hpp>
#include <mayfly/http/message.hpp>
#include <mayfly/http/server_options.hpp>
#include <mayfly/http/spawn.hpp>
#include <mayfly/lambda_runtime/environment_state.hpp>
#include <mayfly/lambda_runtime/error.hpp>
#include <mayfly/lambda_runtime/vocabulary.hpp>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/system/error_code.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace mayfly::lambda_runtime {

/// Where a `runtime_service` listens, and what it tells extensions of the function.
struct service_options {
    std::string address = "127.0.0.1";
    std::uint16_t port = 0;  ///< 0: any free one.
    std::string function_name = "function";
    std::string function_version = "$LATEST";
    std::string handler = "bootstrap";
};

/// How an invocation, or the start of the function, ended.
struct invocation_outcome {
    std::string payload{};        ///< As the function sent it: its result, or the JSON of its error.
    std::string error_type{};     ///< As the platform records it; empty for a result.
    std::string error_message{};  ///< From the JSON of the error, if it says one.

    [[nodiscard]] bool failed() const noexcept { return !error_type.empty(); }
    friend bool operator==(const invocation_outcome&, const invocation_outcome&) = default;
};

namespace detail {

/// A call of the function, from its request line.
struct service_call {
    enum class kind : std::uint8_t {
        unknown,
        next,
        response,
        error,
        init_error,
        extension_register,
        extension_next,
        extension_error,
    };
    kind what = kind::unknown;
    bool right_method = true;
    std::string_view request_id{};  ///< Of a response or an error.
};

[[nodiscard]] inline service_call read_call(http::verb method, std::string_view target) noexcept
{
    using enum service_call::kind;
    const bool get = method == http::verb::get;
    const bool post = method == http::verb::post;
    if (target == path::next)
        return {next, get};
    if (target == path::init_error)
        return {init_error, post};
    if (target == path::extension_register)
        return {extension_register, post};
    if (target == path::extension_next)
        return {extension_next, get};
    if (target == path::extension_init_error || target == path::extension_exit_error)
        return {extension_error, post};
    if (!target.starts_with(path::invocation))
        return {};
    target.remove_prefix(path::invocation.size());
    const auto slash = target.find('/');
    const std::string_view id = target.substr(0, slash);
    const std::string_view rest = slash == std::string_view::npos ? std::string_view{} : target.substr(slash);
    if (id.empty() || (rest != path::response && rest != path::error))
        return {};
    return {rest == path::response ? response : error, post, id};
}

[[nodiscard]] inline http::response json_answer(unsigned code, std::string body)
{
    http::response out{static_cast<http::status>(code), 11};
    out.set(http::field::content_type, "application/json");
    out.body() = std::move(body);
    return out;
}

[[nodiscard]] inline http::response error_answer(unsigned code, std::string_view type, std::string_view message)
{
    std::string body;
    mayfly::detail::json_writer json(body);
    json.begin_object().member("errorMessage", message).member("errorType", type).end_object();
    return json_answer(code, std::move(body));
}

[[nodiscard]] inline http::response accepted()
{
    return json_answer(202, R"({"status":"OK"})");
}

/// The words that go with an error type of `step`.
[[nodiscard]] inline std::string_view words_for(std::string_view error_type) noexcept
{
    if (error_type == "InvalidRequestID")
        return "This is not the id of the invocation that is under way.";
    if (error_type == "RequestEntityTooLarge")
        return "The response has more than 6291556 bytes, which is the limit.";
    return "This call may not be made now.";
}

/// What is made of an error that the function tells.
[[nodiscard]] inline invocation_outcome told_error(const http::fields& head, std::string body)
{
    invocation_outcome out;
    out.error_type = recorded_error_type(value_of(head, header::error_type));
    const auto json = mayfly::detail::read_json(body);
    if (const auto* message = json ? json.root.find("errorMessage") : nullptr; message && message->is_string())
        out.error_message = message->text;
    out.payload = std::move(body);
    return out;
}

[[nodiscard]] inline invocation_outcome too_large()
{
    const function_error e{.type = "Function.ResponseSizeTooLarge",
        .message = "Response payload size exceeded maximum allowed payload size (6291556 bytes)."};
    invocation_outcome out;
    mayfly::detail::json_writer json(out.payload);
    json.begin_object().member("errorMessage", e.message).member("errorType", e.type).end_object();
    out.error_type = e.type;
    out.error_message = e.message;
    return out;
}

/// The state of one environment, and the coroutines that wait for it to change. Shared by all who wait.
class service_core : public std::enable_shared_from_this<service_core> {
public:
    using error_code = boost::system::error_code;
    template <class T>
    using awaitable = boost::asio::awaitable<T>;
    using outcome = http::outcome<invocation_outcome>;

    service_core(boost::asio::any_io_executor executor, service_options options)
        : options_(std::move(options)), changed_(std::move(executor), std::chrono::steady_clock::time_point::max())
    {}

    [[nodiscard]] static http::server_options server_settings(const std::shared_ptr<service_core>& core)
    {
        // The function may be frozen at any moment, for as long as the platform likes: no time limit is a fair one.
        constexpr std::chrono::hours long_time{24 * 7};
        http::server_options o;
        o.address = core->options_.address;
        o.port = core->options_.port;
        o.header_limit = 2 * 1024 * 1024;  // an error's cause for X-Ray may have a megabyte; nobody reads it here
        o.skip_long_fields = true;
        o.body_limit = response_limit;
        o.idle_timeout = o.request_timeout = o.write_timeout = long_time;
        o.too_large = [core](const http::request& head) { return core->refuse_large(head); };
        return o;
    }

    [[nodiscard]] environment_state state() const noexcept { return state_; }
    [[nodiscard]] bool has_extension() const noexcept { return !extensions_.empty(); }

    awaitable<outcome> invoke(std::shared_ptr<const invocation> what)
    {
        const auto self = shared_from_this();
        outcome out;
        if (stopped_ || what_) {
            out.ec = stopped_ ? error_code(boost::asio::error::operation_aborted) : errc::busy;
            co_return out;
        }
        what_ = std::move(what);
        const std::uint64_t mine = ++invocations_;
        answer_.reset();
        deliver();
        bool cancelled = false;
        while (
            !cancelled && mine == invocations_ && what_ && !answer_ && !stopped_ && state_ != environment_state::failed)
            cancelled = co_await wait();

        const bool still_mine = mine == invocations_ && what_;
        if (still_mine && answer_) {
            out.value = std::move(*answer_);
        } else if (still_mine && !cancelled && state_ == environment_state::failed) {
            out.ec = errc::init_failed;
            out.value = init_failure_;
        } else {
            out.ec = boost::asio::error::operation_aborted;
            if (still_mine)
                on(environment_event::abandoned);
        }
        if (still_mine) {
            what_.reset();
            answer_.reset();
        }
        co_return out;
    }

    awaitable<outcome> ready()
    {
        const auto self = shared_from_this();
        const std::uint64_t asked = asked_;
        outcome out;
        bool cancelled = false;
        while (!cancelled && !stopped_ && state_ != environment_state::waiting && state_ != environment_state::failed &&
               asked == asked_)
            cancelled = co_await wait();
        if (stopped_ || cancelled)
            out.ec = boost::asio::error::operation_aborted;
        else if (state_ == environment_state::failed) {
            out.ec = errc::init_failed;
            out.value = init_failure_;
        }
        co_return out;
    }

    awaitable<http::response> serve(http::request request)
    {
        using enum service_call::kind;
        const auto self = shared_from_this();
        const std::string target(request.target());
        const service_call call = read_call(request.method(), target);
        if (call.what != unknown && !call.right_method)
            co_return error_answer(405, "MethodNotAllowed", "This path does not know the method.");
        switch (call.what) {
        case next: {
            http::response out = co_await serve_next();
            co_return out;
        }
        case response: co_return take_answer(environment_event::response, call.request_id, std::move(request));
        case error: co_return take_answer(environment_event::error, call.request_id, std::move(request));
        case init_error: co_return take_init_error(std::move(request));
        case extension_register: co_return register_extension(request);
        case extension_next: {
            http::response out = co_await hold_extension(request);
            co_return out;
        }
        case extension_error: co_return accepted();
        case unknown: break;
        }
        co_return error_answer(404, "NotFound", "The Runtime API has no such path.");
    }

    void restart()
    {
        if (state_ == environment_state::running)
            what_.reset();
        handed_.reset();
        extensions_.clear();
        ++asker_;
        on(environment_event::restarted);
    }

    void stop()
    {
        stopped_ = true;
        changed_.cancel();
    }

private:
    /// Waits for any change; true if whoever waits was cancelled.
    awaitable<bool> wait()
    {
        error_code ec;
        co_await changed_.async_wait(boost::asio::redirect_error(boost::asio::use_awaitable, ec));
        const auto cancellation = co_await boost::asio::this_coro::cancellation_state;
        co_return cancellation.cancelled() != boost::asio::cancellation_type::none;
    }

    environment_step on(environment_event event, bool current = true)
    {
        const environment_step next = step(state_, event, current);
        state_ = next.to;
        changed_.cancel();
        return next;
    }

    void deliver()
    {
        if (!what_ || answer_ || state_ != environment_state::waiting)
            return;
        on(environment_event::delivered);
        handed_ = what_;
    }

    awaitable<http::response> serve_next()
    {
        const environment_step asked = on(environment_event::next);
        if (asked.status != 200)
            co_return error_answer(asked.status, asked.error_type, words_for(asked.error_type));
        ++asked_;
        const std::uint64_t mine = ++asker_;
        if (asked.to == environment_state::running)
            handed_ = what_;
        deliver();
        bool cancelled = false;
        while (!cancelled && !stopped_ && mine == asker_ && !handed_)
            cancelled = co_await wait();
        if (mine != asker_)
            co_return error_answer(403, "InvalidStateTransition", "Work was asked for on another connection since.");
        if (cancelled || stopped_) {
            on(environment_event::asker_gone);
            co_return error_answer(500, "InternalServerError", "The environment is being closed.");
        }
        const auto what = std::exchange(handed_, nullptr);
        http::response out = json_answer(200, what->payload);
        write_headers(out, *what);
        co_return out;
    }

    [[nodiscard]] bool is_current(std::string_view request_id) const
    {
        return what_ && request_id == what_->request_id;
    }

    http::response take_answer(environment_event event, std::string_view request_id, http::request request)
    {
        const environment_step next = on(event, is_current(request_id));
        if (next.status == 202) {
            // A response that is streamed tells in its trailer that it failed on the way.
            if (event == environment_event::error || !value_of(request, header::error_type).empty())
                answer_ = told_error(request, std::move(request.body()));
            else
                answer_.emplace().payload = std::move(request.body());
            return accepted();
        }
        return error_answer(next.status, next.error_type, words_for(next.error_type));
    }

    http::response refuse_large(const http::request& head)
    {
        using enum service_call::kind;
        const std::string target(head.target());
        const service_call call = read_call(head.method(), target);
        environment_step result{state_, 413, "RequestEntityTooLarge"};
        if (call.right_method && (call.what == response || call.what == error))
            result = on(environment_event::large_response, is_current(call.request_id));
        if (result.to == environment_state::between)
            answer_ = too_large();
        return error_answer(result.status, result.error_type, words_for(result.error_type));
    }

    http::response take_init_error(http::request request)
    {
        const environment_step next = step(state_, environment_event::init_error);
        if (next.status != 202)
            return error_answer(next.status, next.error_type, words_for(next.error_type));
        init_failure_ = told_error(request, std::move(request.body()));
        on(environment_event::init_error);
        return accepted();
    }

    http::response register_extension(const http::request& request)
    {
        const std::string_view name = value_of(request, header::extension_name);
        if (name.empty())
            return error_answer(403, "Extension.InvalidExtensionName", "The header Lambda-Extension-Name is missing.");
        const auto body = mayfly::detail::read_json(request.body());
        const auto* events = body ? body.root.find("events") : nullptr;
        if (!body || (events && !events->is_array()))
            return error_answer(403, "InvalidRequestFormat", "The body should be {\"events\":[...]}.");
        for (const auto& event : events ? events->items : std::vector<mayfly::detail::json_value>{})
            if (!event.is_string() || event.text != "INVOKE")
                return error_answer(
                    403, "Extension.InvalidEventType", "An internal extension may ask for INVOKE only.");
        if (state_ != environment_state::starting)
            return error_answer(403, "Extension.RegistrationClosed", "The function has started already.");
        if (std::find(extensions_.begin(), extensions_.end(), name) != extensions_.end())
            return error_answer(403, "Extension.InvalidExtensionState", "There is an extension of this name already.");
        if (extensions_.size() == 10)
            return error_answer(403, "Extension.TooManyExtensions", "There are 10 extensions, which is the limit.");
        extensions_.emplace_back(name);

        std::string answer;
        mayfly::detail::json_writer json(answer);
        json.begin_object()
            .member("functionName", options_.function_name)
            .member("functionVersion", options_.function_version)
            .member("handler", options_.handler)
            .end_object();
        http::response out = json_answer(200, std::move(answer));
        put(out, header::extension_id, extension_id(extensions_.size()));
        return out;
    }

    /// An extension gets no events here; it is held until it goes.
    awaitable<http::response> hold_extension(const http::request& request)
    {
        const std::string id(value_of(request, header::extension_id));
        bool known = false;
        for (std::size_t i = 1; i <= extensions_.size(); ++i)
            known = known || id == extension_id(i);
        if (!known)
            co_return error_answer(
                403, "Extension.UnknownExtensionIdentifier", "No extension was registered with this identifier.");
        bool cancelled = false;
        while (!cancelled && !stopped_)
            cancelled = co_await wait();
        co_return error_answer(500, "InternalServerError", "The environment is being closed.");
    }

    [[nodiscard]] static std::string extension_id(std::size_t number)
    {
        const std::string digits = std::to_string(number);
        return "6d617966-6c79-4000-8000-" + std::string(12 - digits.size(), '0') + digits;
    }

    service_options options_;
    boost::asio::steady_timer changed_;  // never expires; cancelled at every change
    environment_state state_ = environment_state::starting;
    std::shared_ptr<const invocation> what_;    // under way: waits for the function, or is with it
    std::optional<invocation_outcome> answer_;  // to it
    std::shared_ptr<const invocation> handed_;  // delivered, and not yet taken by the call that asked
    invocation_outcome init_failure_;
    std::vector<std::string> extensions_;  // their names
    std::uint64_t invocations_ = 0;
    std::uint64_t asked_ = 0;  // how often the function asked for work
    std::uint64_t asker_ = 0;  // which of its calls is the one that gets it
    bool stopped_ = false;
};

/// The handler of the environment's HTTP server.
struct service_handler {
    std::shared_ptr<service_core> core;
    boost::asio::awaitable<http::response> operator()(http::request request) const
    {
        return core->serve(std::move(request));
    }
};

}  // namespace detail

}  // namespace mayfly::lambda_runtime
