// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/clock.hpp>
#include <mayfly/environment.hpp>
#include <mayfly/http/spawn.hpp>
#include <mayfly/lambda_runtime/detail/plain_connection.hpp>
#include <mayfly/lambda_runtime/error.hpp>
#include <mayfly/lambda_runtime/vocabulary.hpp>
#include <mayfly/version.hpp>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/error.hpp>
#include <boost/system/error_code.hpp>

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>

namespace mayfly::lambda_runtime {

/** The function's side of the Runtime API: gets invocations and answers them, one at a time.

    It talks plain HTTP to the address in `AWS_LAMBDA_RUNTIME_API`, over one connection that is kept. A connection that
    the platform has dropped meanwhile is made anew without a word. Connecting may take a second; nothing else has a
   time limit, for the environment may be frozen at any moment.

    Used from one thread or strand, one call at a time, and it must outlive its calls. Every call can be cancelled
    (any type).

    @tparam Clock where deadlines are placed
*/
template <DeadlineClock Clock = deadline_clock>
class basic_runtime_client {
public:
    using error_code = boost::system::error_code;
    using invocation_type = timed_invocation<Clock>;

    basic_runtime_client(boost::asio::any_io_executor executor, const environment& variables)
        : connection_(executor, variables.get("AWS_LAMBDA_RUNTIME_API").value_or("")),
          held_(executor, connection_.address()),
          executor_(std::move(executor)),
          common_(" HTTP/1.1\r\nHost: " + connection_.address() + "\r\nUser-Agent: mayfly/" +
                  std::to_string(MAYFLY_VERSION_MAJOR) + "." + std::to_string(MAYFLY_VERSION_MINOR) + "\r\n")
    {}

    [[nodiscard]] const boost::asio::any_io_executor& get_executor() const noexcept { return executor_; }

    /// In words, why the last call failed. Empty if it did not.
    [[nodiscard]] const std::string& detail() const noexcept { return detail_; }

    /// Waits for an invocation, as long as it takes: `void(error_code, timed_invocation<Clock>)`. With this call the
    /// one before is over, and the environment may be frozen.
    template <class Token>
    auto async_next(Token&& token)
    {
        return http::spawn<invocation_type>(
            executor_, [this] { return next(); }, std::forward<Token>(token));
    }

    /// Answers an invocation: `void(error_code, unsigned status)`, with the status of HTTP, or 0. `errc::too_large`:
    /// the platform refused the size, and the invocation has failed with that.
    template <class Token>
    auto async_respond(std::string request_id, std::string body, Token&& token)
    {
        return post(std::string(path::invocation) + request_id + std::string(path::response), {}, std::move(body),
            std::forward<Token>(token));
    }

    /// Says that an invocation failed: as `async_respond`.
    template <class Token>
    auto async_fail(std::string request_id, const function_error& why, Token&& token)
    {
        return post(std::string(path::invocation) + request_id + std::string(path::error), error_headers(why),
            error_body(why), std::forward<Token>(token));
    }

    /// Says that the function cannot start, which is possible before the first `async_next` only: as `async_respond`.
    /// The process should then exit, with a status that is not zero.
    template <class Token>
    auto async_init_error(const function_error& why, Token&& token)
    {
        return post(std::string(path::init_error), error_headers(why), error_body(why), std::forward<Token>(token));
    }

    /** Registers an extension that wants no events, so that the platform ends the environment with SIGTERM and half a
        second's notice: `void(error_code, unsigned status)`. Without an extension it sends SIGKILL at once.

        Only before the first `async_next`. It costs a call and a second connection, which stays open.
    */
    template <class Token>
    auto async_register_extension(std::string name, Token&& token)
    {
        return http::spawn<unsigned>(
            executor_, [this, name = std::move(name)] { return register_extension(name); }, std::forward<Token>(token));
    }

private:
    using answer = http::outcome<http::response>;

    template <class Token>
    auto post(std::string target, std::string headers, std::string body, Token&& token)
    {
        return http::spawn<unsigned>(
            executor_,
            [this, target = std::move(target), headers = std::move(headers), body = std::move(body)] {
                return send(target, headers, body);
            },
            std::forward<Token>(token));
    }

    [[nodiscard]] static std::string error_headers(const function_error& why)
    {
        // The platform takes no cause of a megabyte or more.
        constexpr std::size_t cause_limit = 1'000'000;
        std::string out(header::error_type);
        out.append(": ").append(recorded_error_type(why.type)).append("\r\n");
        if (!why.xray_cause.empty() && why.xray_cause.size() < cause_limit)
            out.append(header::xray_cause).append(": ").append(detail::on_one_line(why.xray_cause)).append("\r\n");
        return out;
    }

    [[nodiscard]] std::string post_head(const std::string& target, const std::string& headers, std::size_t length) const
    {
        return "POST " + target + common_ + headers +
               "Content-Type: application/json\r\nContent-Length: " + std::to_string(length) + "\r\n\r\n";
    }

    boost::asio::awaitable<http::outcome<invocation_type>> next()
    {
        http::outcome<invocation_type> out;
        std::string head = "GET " + std::string(path::next) + common_ + "\r\n";
        answer a = co_await call(std::move(head), {});
        out.ec = a.ec;
        if (a.ec)
            co_return out;
        invocation_read read = read_invocation(a.value, std::move(a.value.body()));
        if (!read) {
            detail_ = std::move(read.error);
            out.ec = errc::bad_invocation;
            co_return out;
        }
        static_cast<invocation&>(out.value) = std::move(read.value);
        out.value.due = Clock::from_wall(out.value.deadline);
        co_return out;
    }

    boost::asio::awaitable<http::outcome<unsigned>> send(
        const std::string& target, const std::string& headers, const std::string& body)
    {
        std::string head = post_head(target, headers, body.size());
        const answer a = co_await call(std::move(head), body);
        co_return http::outcome<unsigned>{a.ec, a.value.result_int()};
    }

    boost::asio::awaitable<http::outcome<unsigned>> register_extension(const std::string& name)
    {
        const std::string body = R"({"events":[]})";
        std::string headers = std::string(header::extension_name) + ": " + detail::on_one_line(name) + "\r\n";
        std::string head = post_head(std::string(path::extension_register), headers, body.size());
        const answer a = co_await call(std::move(head), body);
        http::outcome<unsigned> out{a.ec, a.value.result_int()};
        if (out.ec)
            co_return out;
        // This call is never answered. That it is made tells the platform that the extension has started.
        head = "GET " + std::string(path::extension_next) + common_ + std::string(header::extension_id) + ": " +
               std::string(detail::value_of(a.value, header::extension_id)) + "\r\n\r\n";
        out.ec = co_await held_.begin(head);
        if (out.ec)
            detail_ = held_.detail();
        co_return out;
    }

    /// One call. Whatever is not 2xx is an error.
    boost::asio::awaitable<answer> call(std::string head, std::string_view body)
    {
        answer out = co_await connection_.exchange(std::move(head), body);
        detail_ = connection_.detail();
        // 0 stands for "no answer".
        if (out.ec) {
            out.value.result(0U);
            co_return out;
        }
        const unsigned status = out.value.result_int();
        if (status >= 200 && status < 300)
            co_return out;
        out.ec = status == 413 ? errc::too_large : status >= 500 ? errc::broken : errc::refused;
        detail_ = "the Runtime API answered " + std::to_string(status) + ": " + out.value.body().substr(0, 500);
        co_return out;
    }

    detail::plain_connection connection_;
    detail::plain_connection held_;  // by the extension
    boost::asio::any_io_executor executor_;
    std::string common_;  // the rest of the request line, and the headers of every request
    std::string detail_;
};

using runtime_client = basic_runtime_client<>;

}  // namespace mayfly::lambda_runtime
