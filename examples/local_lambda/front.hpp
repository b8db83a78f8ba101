// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "answer.hpp"
#include "authenticate.hpp"
#include "function_settings.hpp"
#include "functions.hpp"
#include "invoke.hpp"
#include "journal.hpp"
#include "keys.hpp"
#include "route.hpp"
#include "sts.hpp"

#include <mayfly/http/message.hpp>
#include <mayfly/local/platform.hpp>

#include <boost/asio/awaitable.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

namespace local_lambda {

/// Lambda and STS behind one port: who asks, what for, whether they may, and the answer. STS is what is asked of `/`.
class front {
public:
    /// What it is made from outlives it.
    front(platform& on, functions& known, key_book& keys, const sts_options& sts, const journal& log,
        std::chrono::milliseconds clock_offset)
        : platform_(&on),
          functions_(&known),
          log_(&log),
          sts_(sts, keys),
          authenticate_(keys, on.options().where.region),
          clock_offset_(clock_offset)
    {}

    boost::asio::awaitable<mayfly::http::response> answer_to(mayfly::http::request r)
    {
        const auto began = std::chrono::steady_clock::now();
        const mayfly::wall_time now = this->now();
        const std::string request_id = random_uuid();
        const std::string_view path = split_target({r.target().data(), r.target().size()}).first;

        mayfly::http::response out;
        std::string action;
        if (path == "/" && !detail::header(r, "X-Amz-Target").empty())
            out = other_service(request_id);
        else if (path == "/")
            out = ask_sts(r, now, request_id, action);
        else
            out = co_await ask_lambda(r, now, request_id, action);
        out.set(mayfly::http::field::date, http_date(this->now()));

        const auto took = std::chrono::steady_clock::now() - began;
        std::string line(r.method_string().data(), r.method_string().size());
        line.append(" ").append(path).append(" ").append(std::to_string(out.result_int())).append(" ").append(action);
        if (const auto code = detail::header(out, "x-amzn-ErrorType"); !code.empty())
            line.append(" ").append(code);
        line.append(" RequestId: ").append(request_id).append(" ");
        line.append(std::to_string(std::chrono::round<std::chrono::milliseconds>(took).count()));
        log_->line(line.append(" ms"));
        co_return out;
    }

    /// What a request is told whose body is too large even to be read.
    [[nodiscard]] mayfly::http::response too_large(const mayfly::http::request& r) const
    {
        const bool event = detail::header(r, "X-Amz-Invocation-Type") == "Event";
        const auto bytes = read_integer<std::size_t>(detail::header(r, "Content-Length"), 0, SIZE_MAX).value_or(0);
        auto out = lambda_refusal(payload_too_large(bytes, event), random_uuid());
        out.set(mayfly::http::field::date, http_date(now()));
        return out;
    }

private:
    [[nodiscard]] mayfly::wall_time now() const
    {
        return std::chrono::floor<std::chrono::milliseconds>(std::chrono::system_clock::now()) + clock_offset_;
    }

    mayfly::http::response ask_sts(
        const mayfly::http::request& r, mayfly::wall_time now, const std::string& request_id, std::string& action)
    {
        const std::string_view query = split_target({r.target().data(), r.target().size()}).second;
        const parameters asked(r.method() == mayfly::http::verb::get ? query : std::string_view(r.body()));
        constexpr std::size_t longest_name = 64;
        action = "sts:" + asked.get("Action").value_or("").substr(0, longest_name);
        const auto refused = [&](const refusal& why) {
            action += ' ' + why.code;
            return sts_refusal(why, request_id);
        };
        answer<identity> who = identity{};
        const bool is_unsigned = token_service::is_unsigned(asked);
        if (!is_unsigned)
            who = authenticate_(r, service::sts, now);
        if (!who)
            return refused(who.error());
        if (asked.get("Policy"))
            log_->line(action + ": session policies are not heeded here; the role's own permissions hold");
        const auto done = sts_.perform(asked, is_unsigned ? nullptr : &*who, now);
        return done ? sts_answer(done->action, done->xml, request_id) : refused(done.error());
    }

    boost::asio::awaitable<mayfly::http::response> ask_lambda(
        const mayfly::http::request& r, mayfly::wall_time now, const std::string& request_id, std::string& action)
    {
        const auto who = authenticate_(r, service::lambda, now);
        if (!who)
            co_return lambda_refusal(who.error(), request_id);
        const auto asked = find_call(r.method(), {r.target().data(), r.target().size()});
        if (!asked)
            co_return lambda_refusal(no_operation(r), request_id);
        action = asked->action;

        answer<function_reference> ref = function_reference{};
        if (!asked->function.empty())
            ref = resolve(asked->function, asked->query.get("Qualifier"), where());
        if (!ref)
            co_return lambda_refusal(ref.error(), request_id);
        if (const auto refused = forbidden(*who, *asked, *ref); !refused.code.empty())
            co_return lambda_refusal(refused, request_id);

        if (asked->what == operation::invoke) {
            auto out = co_await invoke(*platform_, *functions_, *ref, r, request_id, now);
            co_return out;
        }
        const auto done = functions_->perform(*asked, *ref, r.body(), now);
        co_return done ? json_answer(done->status, done->body, request_id) : lambda_refusal(done.error(), request_id);
    }

    /// Tools whose every endpoint is pointed here ask for other services too.
    static mayfly::http::response other_service(const std::string& request_id)
    {
        return plain_answer(400, "application/x-amz-json-1.1",
            R"({"__type":"UnknownOperationException","message":"Only Lambda and STS are here."})", request_id);
    }

    [[nodiscard]] const account& where() const { return platform_->options().where; }

    static refusal no_operation(const mayfly::http::request& r)
    {
        const std::string method(r.method_string().data(), r.method_string().size());
        return {404, "UnknownOperationException",
            "There is no operation " + method + ' ' +
                std::string(split_target({r.target().data(), r.target().size()}).first) + " here.",
            {}};
    }

    /// Without a code if the caller may do it.
    [[nodiscard]] refusal forbidden(const identity& who, const call& asked, const function_reference& ref) const
    {
        account there = where();
        if (!ref.account.empty())
            there.account = ref.account;
        const std::string resource = asked.function.empty() ? "*" : arn_of(there, ref);
        const bool own = there.account == where().account;
        if (own && (who.role == nullptr || allows(*who.role, asked.action, resource)))
            return {};
        return {403, "AccessDeniedException",
            "User: " + who.arn + " is not authorized to perform: " + std::string(asked.action) +
                " on resource: " + resource + " because no " + (own ? "identity" : "resource") +
                "-based policy allows the " + std::string(asked.action) + " action",
            {}};
    }

    platform* platform_;
    functions* functions_;
    const journal* log_;
    token_service sts_;
    authenticator authenticate_;
    std::chrono::milliseconds clock_offset_;
};

}  // namespace local_lambda
