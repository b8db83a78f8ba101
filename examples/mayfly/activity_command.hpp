// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "activity_options.hpp"
#include "activity_output.hpp"
#include "service_remedy.hpp"

#include <mayfly/grpc/status.hpp>
#include <mayfly/temporal/client.hpp>
#include <mayfly/temporal/errors.hpp>
#include <mayfly/temporal/rpc_error.hpp>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/value.hpp>
#include <boost/system/error_code.hpp>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <exception>
#include <memory>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

namespace examples {

namespace asio = boost::asio;

/// What to do about a call that was not answered as it was meant; empty if nobody knows.
[[nodiscard]] inline std::string remedy_for(const mayfly::grpc::status& s, const temporal::connection_options& o)
{
    using mayfly::grpc::status_code;
    if (std::string general = service_remedy(s, o); !general.empty())
        return general;
    switch (s.code) {
    case status_code::not_found: return "mayfly activity list tells what there is";
    case status_code::already_exists: return "give another --id, or --conflict use-existing, or --reuse allow";
    case status_code::unimplemented:
        return "the service does not know this call; it may be too old for standalone activities";
    default: return {};
    }
}

/// One run of `mayfly activity VERB`.
class activity_run {
public:
    activity_run(activity_arguments given, temporal::client with) : given_(std::move(given)), client_(std::move(with))
    {}

    /// The exit status.
    asio::awaitable<int> run()
    {
        switch (given_.verb) {
        case activity_verb::start:
        case activity_verb::execute: co_return co_await start();
        case activity_verb::result: co_return co_await result(handle());
        case activity_verb::describe: co_return co_await describe();
        case activity_verb::list: co_return co_await list();
        case activity_verb::count: co_return co_await count();
        case activity_verb::cancel: co_return co_await cancel();
        case activity_verb::terminate: co_return co_await terminate();
        case activity_verb::forget: co_return co_await forget();
        case activity_verb::complete: co_return co_await complete();
        case activity_verb::fail: co_return co_await fail();
        case activity_verb::heartbeat: break;
        }
        co_return co_await heartbeat();
    }

private:
    using error_code = boost::system::error_code;
    using any_handle = temporal::activity_handle<json::value>;

    static constexpr auto answer = asio::as_tuple(asio::use_awaitable);

    [[nodiscard]] any_handle handle() const
    {
        return client_.handle<json::value>({given_.target.activity_id, given_.target.run_id});
    }

    int refused(const error_code& ec, const mayfly::grpc::status& s) const
    {
        const std::string why = s.ok() ? ec.message() : temporal::describe(s);
        const std::string remedy = remedy_for(s, client_.shared_connection()->options());
        std::fprintf(stderr, "mayfly activity: %s%s%s\n", why.c_str(), remedy.empty() ? "" : "; ", remedy.c_str());
        return 1;
    }

    int told(const char* what) const
    {
        if (given_.output == output_format::text)
            print_line(std::string(what) + ' ' + given_.target.activity_id);
        else
            print_line(to_json_text(json::object{{"id", given_.target.activity_id}, {"done", what}}));
        return 0;
    }

    asio::awaitable<int> start()
    {
        temporal::api::common::Payloads input;
        for (const auto& value : given_.values) {
            auto payload = client_.converter().to_payload(value);
            if (!payload) {
                std::fprintf(stderr, "mayfly activity: --input: %s\n", payload.error().message.c_str());
                co_return 2;
            }
            *input.add_payloads() = *std::move(payload);
        }
        auto [ec, r] = co_await client_.async_start_by_name<json::value>(given_.type, input, given_.start, answer);
        if (ec)
            co_return refused(ec, r.status);
        const any_handle begun = r.value.handle;
        if (given_.verb == activity_verb::execute)
            co_return co_await result(begun);
        const bool is_new = r.value.is_new;
        if (given_.output == output_format::text)
            print_line((is_new ? "started " : "running already: ") + begun.id() + ", run " + begun.run_id());
        else
            print_line(to_json_text(json::object{{"id", begun.id()}, {"run_id", begun.run_id()}, {"started", is_new}}));
        co_return 0;
    }

    asio::awaitable<int> result(any_handle of)
    {
        auto [ec, out] = co_await of.async_result(given_.within, answer);
        const bool ended = !ec || ec.category() == temporal::client_category();
        if (!ended && out.status.code == mayfly::grpc::status_code::deadline_exceeded && given_.within) {
            std::fprintf(stderr, "mayfly activity: %s has not ended yet; ask again, or give more time with --within\n",
                of.id().c_str());
            co_return 4;
        }
        if (!ended)
            co_return refused(ec, out.status);
        if (given_.output != output_format::text) {
            json::object shown{{"id", of.id()}, {"run_id", out.run_id}, {"status", status_of(ec)}};
            if (ec)
                shown["failure"] = out.words;
            else
                shown["result"] = *out.value;
            print_line(to_json_text(shown));
        } else if (ec) {
            std::fprintf(stderr, "mayfly activity: %s: %s\n", ec.message().c_str(), out.words.c_str());
        } else {
            print_line(to_json_text(*out.value));
        }
        co_return ec ? 3 : 0;
    }

    static std::string_view status_of(const error_code& ec)
    {
        using temporal::client_errc;
        if (!ec || ec == client_errc::not_convertible)
            return "completed";
        if (ec == client_errc::cancelled)
            return "cancelled";
        if (ec == client_errc::timed_out)
            return "timed_out";
        return ec == client_errc::terminated ? "terminated" : "failed";
    }

    asio::awaitable<int> describe()
    {
        const temporal::describe_options all{true, true, true, true};
        auto [ec, r] = co_await handle().async_describe(all, answer);
        if (ec)
            co_return refused(ec, r.status);
        print(to_json(r.value), given_.output);
        co_return 0;
    }

    asio::awaitable<int> list()
    {
        constexpr int page = 100;
        json::array all;
        std::string next;
        do {
            const int left = given_.limit - static_cast<int>(all.size());
            auto [ec, r] = co_await client_.async_list(given_.text, next, std::min(page, left), answer);
            if (ec)
                co_return refused(ec, r.status);
            for (const auto& e : r.value.entries)
                if (static_cast<int>(all.size()) < given_.limit)
                    all.push_back(to_json(e));
            next = r.value.next_page_token;
        } while (!next.empty() && static_cast<int>(all.size()) < given_.limit);
        print(all, {"id", "type", "status", "task_queue", "scheduled"}, given_.output);
        co_return 0;
    }

    asio::awaitable<int> count()
    {
        auto [ec, r] = co_await client_.async_count(given_.text, answer);
        if (ec)
            co_return refused(ec, r.status);
        json::array groups;
        for (const auto& g : r.value.groups) {
            json::array values;
            for (const auto& v : g.values)
                values.push_back(shown(v));
            groups.push_back(json::object{{"values", std::move(values)}, {"count", g.count}});
        }
        if (given_.output != output_format::text) {
            json::object out{{"count", r.value.count}};
            if (!groups.empty())
                out["groups"] = std::move(groups);
            print_line(to_json_text(out));
            co_return 0;
        }
        print_line(std::to_string(r.value.count));
        for (const auto& g : groups)
            print_line("  " + as_text(g.at("values")) + "  " + as_text(g.at("count")));
        co_return 0;
    }

    asio::awaitable<int> cancel()
    {
        auto [ec, r] = co_await handle().async_cancel(given_.text, answer);
        co_return ec ? refused(ec, r.status) : told("asked to end");
    }

    asio::awaitable<int> terminate()
    {
        auto [ec, r] = co_await handle().async_terminate(given_.text, answer);
        co_return ec ? refused(ec, r.status) : told("terminated");
    }

    asio::awaitable<int> forget()
    {
        auto [ec, r] = co_await handle().async_delete(answer);
        co_return ec ? refused(ec, r.status) : told("deleted");
    }

    asio::awaitable<int> complete()
    {
        const json::value value = given_.values.empty() ? json::value() : given_.values.front();
        auto [ec, r] = co_await client_.async_complete(given_.target, value, answer);
        co_return ec ? refused(ec, r.status) : told("completed");
    }

    asio::awaitable<int> fail()
    {
        const auto why = std::make_exception_ptr(temporal::application_error(given_.text, given_.failure_type));
        auto [ec, r] = co_await client_.async_fail(given_.target, why, answer);
        co_return ec ? refused(ec, r.status) : told("failed");
    }

    asio::awaitable<int> heartbeat()
    {
        const std::tuple<json::value> details(given_.values.empty() ? json::value() : given_.values.front());
        auto [ec, r] = co_await client_.async_heartbeat(given_.target, details, answer);
        if (ec)
            co_return refused(ec, r.status);
        print(json::object{{"id", given_.target.activity_id}, {"cancel_requested", r.value.cancel_requested},
                  {"paused", r.value.paused}, {"reset", r.value.reset}},
            given_.output);
        co_return 0;
    }

    activity_arguments given_;
    temporal::client client_;
};

namespace detail {

inline int unusable(const std::string& why)
{
    std::fprintf(stderr, "mayfly activity: %s\n", why.c_str());
    return 2;
}

}  // namespace detail

/// `mayfly activity ...`, without these two words. The exit status.
inline int run_activity(std::vector<std::string_view> arguments)
{
    const std::string_view name = arguments.empty() ? "help" : arguments.front();
    if (name == "help" || name == "--help" || name == "-h") {
        const std::string help = activity_help();
        std::fwrite(help.data(), 1, help.size(), stdout);
        return 0;
    }
    const auto verb = std::find_if(
        detail::activity_verbs.begin(), detail::activity_verbs.end(), [&](const auto& v) { return v.name == name; });
    if (verb == detail::activity_verbs.end())
        return detail::unusable("there is no verb \"" + std::string(name) + "\"; --help says what there is");
    arguments.erase(arguments.begin());

    activity_arguments given = read_activity_arguments(*verb, arguments);
    if (given.help) {
        const std::string help = activity_help(*verb);
        std::fwrite(help.data(), 1, help.size(), stdout);
        return 0;
    }
    if (!given.problem.empty())
        return detail::unusable(given.problem + "; --help says what there is");

    const auto settings = given.connection.settings();
    if (!settings)
        return detail::unusable(to_string(settings.problems()));
    for (const auto& w : settings->warnings)
        std::fprintf(stderr, "mayfly activity: warning: %s\n", to_string(w).c_str());
    const auto options = given.connection.options(*settings);
    if (!options)
        return detail::unusable(to_string(options.problems()));
    auto patient = *options;
    patient.retry.total = std::chrono::seconds{3};  // Somebody sits in front of it.
    if (given.start.task_queue.empty())
        given.start.task_queue = settings->task_queue.value;
    if ((verb->takes & detail::of_start) != 0 && given.start.task_queue.empty())
        return detail::unusable("--task-queue is missing: name the queue that the workers poll");

    int status = 1;
    asio::io_context io(1);
    const auto on = std::make_shared<temporal::connection>(io.get_executor(), std::move(patient));
    activity_run run(std::move(given), temporal::client(on));
    asio::co_spawn(io, run.run(), [&](const std::exception_ptr& thrown, int ended) {
        if (thrown)
            std::rethrow_exception(thrown);
        status = ended;
        on->close();
    });
    io.run();
    return status;
}

}  // namespace examples
