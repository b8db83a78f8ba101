// SPDX-License-Identifier: BSL-1.0
#include <mayfly/grpc/server.hpp>
#include <mayfly/temporal/connection.hpp>
#include <mayfly/temporal/rpc_error.hpp>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

using namespace mayfly::temporal;
using namespace std::chrono_literals;
namespace grpc = mayfly::grpc;
namespace asio = boost::asio;
using boost::system::error_code;

namespace {

/// A server that keeps what it is asked, and answers as it is told.
struct bare_world {
    asio::io_context io{};
    grpc::server server{io.get_executor()};
    std::vector<grpc::server_call> calls{};
    std::deque<grpc::reply> replies{};  ///< Of the next calls; then OK, and empty.
    bool silent = false;                ///< It answers nothing.
    connection_options options{};
    std::shared_ptr<connection> on{};

    bare_world()
    {
        server.handle_others([this](grpc::server_call call) -> asio::awaitable<grpc::reply> {
            calls.push_back(std::move(call));
            if (silent) {
                asio::steady_timer forever(io, 1h);
                co_await forever.async_wait(asio::use_awaitable);
            }
            grpc::reply out;
            if (!replies.empty()) {
                out = std::move(replies.front());
                replies.pop_front();
            }
            co_return out;
        });
        REQUIRE(!server.listen());
        options.target = {false, "127.0.0.1", server.port()};
        options.identity = "me@here";
        options.metadata = {{"team", "blue"}};
        options.channel.draw = [] { return 0.5; };
        for (auto* p : {&options.retry, &options.poll_retry}) {
            p->wait = {1ms, 1, 1ms, 0};
            p->exhausted_wait = {1ms, 1, 1ms, 0};
        }
    }
    bare_world(const bare_world&) = delete;
    bare_world& operator=(const bare_world&) = delete;
    ~bare_world()
    {
        if (on)
            on->close();
        server.close();
        io.restart();
        io.run_for(50ms);
    }

    void fail(grpc::status_code code, int times)
    {
        for (int i = 0; i < times; ++i)
            replies.push_back({.status = {code, "no " + std::to_string(i), {}}});
    }

    connection& link()
    {
        if (!on)
            on = std::make_shared<connection>(io.get_executor(), options);
        return *on;
    }

    template <class Request, class Response>
    std::pair<error_code, rpc_reply<Response>> call(
        const method<Request, Response>& what, Request request, rpc_options own = {})
    {
        std::optional<std::pair<error_code, rpc_reply<Response>>> out;
        if constexpr (requires { request.set_namespace_("x"); })
            request.set_namespace_("orders");
        link().async_call(what, request, std::move(own),
            [&](error_code ec, rpc_reply<Response> r) { out.emplace(ec, std::move(r)); });
        wait([&] { return out.has_value(); });
        REQUIRE(out);
        return *std::move(out);
    }

    template <class Done>
    void wait(Done done)
    {
        const auto until = std::chrono::steady_clock::now() + 20s;
        io.restart();
        while (!done() && std::chrono::steady_clock::now() < until)
            io.run_one_for(100ms);
    }
};

}  // namespace

TEST_CASE("a call has the metadata of its kind, and what it sends arrives")
{
    bare_world w;
    api::CountWorkersResponse five;
    five.set_count(5);
    w.replies.push_back({.message = five.SerializeAsString()});
    api::CountWorkersRequest request;
    request.set_query("x");
    auto [ec, r] = w.call(methods::count_workers, request);
    CHECK(!ec);
    CHECK(r.value.count() == 5);
    REQUIRE(w.calls.size() == 1);
    const auto& got = w.calls[0].request;
    CHECK(got.path == "/temporal.api.workflowservice.v1.WorkflowService/CountWorkers");
    CHECK(got.metadata.get("client-name") == "mayfly-cpp");
    CHECK(got.metadata.contains("client-version"));
    CHECK(got.metadata.get("temporal-namespace") == "orders");
    CHECK(got.metadata.get("team") == "blue");
    api::CountWorkersRequest read;
    REQUIRE(read.ParseFromString(got.message));
    CHECK(read.query() == "x");
    REQUIRE(w.calls[0].deadline);
    const auto left = *w.calls[0].deadline - std::chrono::steady_clock::now();
    CHECK(left > 20s);
    CHECK(left <= 31s);

    const auto [again, s] = w.call(methods::get_system_info, {});
    CHECK(!again);
    CHECK_FALSE(w.calls[1].request.metadata.contains("temporal-namespace"));
}

TEST_CASE("what failed is made again as its kind wants")
{
    using enum grpc::status_code;
    struct row {
        const char* why;
        call_kind kind;
        grpc::status_code code;
        int failures;
        std::size_t attempts;
        grpc::status_code end;
    };
    const row rows[] = {
        {"an ordinary call, when it may help", call_kind::ordinary, unavailable, 3, 4, ok},
        {"but not for ever", call_kind::ordinary, unavailable, 20, 10, unavailable},
        {"nor if it is wrong", call_kind::ordinary, invalid_argument, 1, 1, invalid_argument},
        {"a shutdown never", call_kind::once, unavailable, 1, 1, unavailable},
        {"a poll is not counted", call_kind::poll, cancelled, 20, 21, ok},
        {"a completion neither", call_kind::completion, unavailable, 20, 21, ok},
        {"unless the task is gone", call_kind::completion, not_found, 20, 1, not_found},
        {"a long poll is an ordinary call", call_kind::long_poll, internal, 20, 10, internal},
    };
    for (const row& r : rows) {
        CAPTURE(r.why);
        bare_world w;
        w.fail(r.code, r.failures);
        auto what = methods::describe_worker;
        what.kind = r.kind;
        const auto [ec, got] = w.call(what, {});
        CHECK(w.calls.size() == r.attempts);
        CHECK(got.status.code == r.end);
        CHECK(bool(ec) == (r.end != ok));
        if (r.end != ok) {
            CHECK(ec == make_error_code(r.end));
            CHECK(got.status.message == "no " + std::to_string(r.attempts - 1));
        }
    }
}

TEST_CASE("a call ends when its time is over, and says so")
{
    bare_world w;
    w.silent = true;
    const auto [ec, r] = w.call(methods::shutdown_worker, {}, {.timeout = 50ms});
    CHECK(ec == grpc::status_code::deadline_exceeded);
    CHECK(r.status.code == grpc::status_code::deadline_exceeded);
}

TEST_CASE("an answer that is none is an error")
{
    bare_world w;
    w.replies.push_back({.message = "\xff\xff\xff"});
    const auto [ec, r] = w.call(methods::describe_worker, {});
    CHECK(ec == grpc::status_code::internal);
    CHECK(r.status.message.find("not the message") != std::string::npos);
}

TEST_CASE("connecting asks the server what it can do")
{
    bare_world w;
    std::optional<error_code> ended;
    SUBCASE("and hears it")
    {
        api::GetSystemInfoResponse said;
        said.set_server_version("9");
        said.mutable_capabilities()->set_server_scaled_deployments(true);
        w.replies.push_back({.message = said.SerializeAsString()});
        w.link().async_connect(10s, [&](error_code ec, rpc_reply<api::GetSystemInfoResponse> r) {
            ended = ec;
            CHECK(r.value.server_version() == "9");
        });
        w.wait([&] { return ended.has_value(); });
        CHECK(ended == error_code());
        CHECK(w.link().capabilities().server_scaled_deployments());
    }
    SUBCASE("one too old to be asked can nothing special")
    {
        w.fail(grpc::status_code::unimplemented, 1);
        w.link().async_connect(10s, [&](error_code ec, const rpc_reply<api::GetSystemInfoResponse>&) { ended = ec; });
        w.wait([&] { return ended.has_value(); });
        CHECK(ended == error_code());
        CHECK_FALSE(w.link().capabilities().server_scaled_deployments());
    }
    SUBCASE("one that is not there is not there")
    {
        w.server.close();
        w.link().async_connect(100ms, [&](error_code ec, const rpc_reply<api::GetSystemInfoResponse>& r) {
            ended = ec;
            CHECK(r.status.code != grpc::status_code::ok);
        });
        w.wait([&] { return ended.has_value(); });
        REQUIRE(ended);
        CHECK(*ended);
    }
}

TEST_CASE("a call that is cancelled ends, of any kind, and its connection goes on")
{
    using enum asio::cancellation_type;
    for (const auto kind : {call_kind::ordinary, call_kind::poll, call_kind::completion}) {
        for (const auto type : {terminal, partial, total}) {
            bare_world w;
            w.silent = true;
            auto what = methods::describe_worker;
            what.kind = kind;
            asio::cancellation_signal stop;
            std::optional<error_code> ended;
            w.link().async_call(what, api::DescribeWorkerRequest{},
                asio::bind_cancellation_slot(
                    stop.slot(), [&](error_code ec, const rpc_reply<api::DescribeWorkerResponse>&) { ended = ec; }));
            w.wait([&] { return !w.calls.empty(); });
            CHECK_FALSE(ended);
            stop.emit(type);
            w.wait([&] { return ended.has_value(); });
            REQUIRE(ended);
            CHECK(*ended == asio::error::operation_aborted);
            w.silent = false;
            CHECK(!w.call(methods::get_system_info, {}).first);
        }
    }
}

TEST_CASE("closing ends what is under way, completions too")
{
    bare_world w;
    w.silent = true;
    std::optional<error_code> ended;
    w.link().async_call(methods::respond_activity_task_completed, api::RespondActivityTaskCompletedRequest{},
        [&](error_code ec, const rpc_reply<api::RespondActivityTaskCompletedResponse>&) { ended = ec; });
    w.wait([&] { return !w.calls.empty(); });
    w.link().close();
    w.wait([&] { return ended.has_value(); });
    REQUIRE(ended);
    CHECK(*ended == mayfly::http::errc::closed);
}
