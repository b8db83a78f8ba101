// SPDX-License-Identifier: BSL-1.0
#include "client_calls.hpp"

#include <mayfly/http/client.hpp>
#include <mayfly/http/spawn.hpp>

#include <scripted_server.hpp>

#include <doctest/doctest.h>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/use_future.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace asio = boost::asio;
namespace http = mayfly::http;
using namespace std::chrono_literals;
using namespace mayfly_test;
using boost::asio::ip::tcp;
using boost::system::error_code;
using http::call_options;
using http::client;
using http::client_options;
using http::errc;
using http::request;
using http::verb;

namespace {

request message(verb v, std::string body = "", std::string target = "/")
{
    request r(v, target, 11);
    r.body() = std::move(body);
    return r;
}

/// Resolves every name to these addresses.
http::resolve_function to_addresses(asio::io_context& io, std::vector<tcp::endpoint> all)
{
    return [&io, all](const std::string&, std::uint16_t, auto done) { asio::post(io, [all, done] { done({}, all); }); };
}

tcp::endpoint at(const char* address, std::uint16_t port)
{
    return {asio::ip::make_address(address), port};
}

}  // namespace

TEST_CASE("requests one after the other share a connection")
{
    client_bench b;
    scripted_server server(b.io.get_executor(), {always(ok_response("hello", "X-A: b\r\n"))});
    client c(b.io.get_executor());
    for (int i = 0; i < 3; ++i) {
        const asked& a = b.get(c, plain_origin(server.port()), {}, message(verb::post, "some body", "/x?y=%2f"));
        REQUIRE(!a.ec);
        CHECK(a.r.result_int() == 200);
        CHECK(a.r.body() == "hello");
        CHECK(a.r["X-A"] == "b");
    }
    CHECK(server.accepted() == 1);
    CHECK(server.requests().front() == "POST /x?y=%2f HTTP/1.1\r\nHost: 127.0.0.1:" + std::to_string(server.port()) +
                                           "\r\nContent-Length: 9\r\n\r\nsome body");
    CHECK(c.stats() == http::client_stats{.opened = 1, .reused = 2, .idle = 1});
}

TEST_CASE("a client at rest keeps no context running")
{
    client_bench b;
    scripted_server server(b.io.get_executor(), {always(ok_response("x"))});
    client c(b.io.get_executor());
    b.get(c, plain_origin(server.port()));
    server.stop();
    b.io.restart();
    b.io.run_for(10s);
    CHECK(b.io.stopped());  // had work been left, the time would have run out instead
    CHECK(c.stats().idle == 1);
}

TEST_CASE("a large body arrives whole, both ways")
{
    client_bench b;
    const std::string large(5'000'000, 'x');
    scripted_server server(b.io.get_executor(), {{read_request(), send_reply([](const std::string& got) {
                                                      return ok_response(got.substr(got.find("\r\n\r\n") + 4));
                                                  }),
                                                    again()}});
    client c(b.io.get_executor());
    for (int i = 0; i < 2; ++i) {
        const asked& a = b.get(c, plain_origin(server.port()), {}, message(verb::put, large));
        REQUIRE(!a.ec);
        CHECK(a.r.body() == large);
    }
    CHECK(c.stats().opened == 1);
}

TEST_CASE("what a response says about the connection is kept to")
{
    struct row {
        const char* why;
        const char* bytes;
        verb method;
        bool kept;
    };
    const row rows[] = {
        {"a length", "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\na", verb::get, true},
        {"chunks", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n", verb::get, true},
        {"no content", "HTTP/1.1 204 No Content\r\n\r\n", verb::get, true},
        {"the answer to HEAD", "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n", verb::head, true},
        {"an interim one before", "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n", verb::get, true},
        {"it says close", "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 1\r\n\r\na", verb::get, false},
        {"HTTP/1.0", "HTTP/1.0 200 OK\r\nContent-Length: 1\r\n\r\na", verb::get, false},
        {"something follows it", "HTTP/1.1 204 No Content\r\n\r\nHTTP", verb::get, false},
        {"it says how long, and that is nothing", "HTTP/1.1 204 No Content\r\nKeep-Alive: timeout=0\r\n\r\n", verb::get,
            false},
        {"it says how long", "HTTP/1.1 204 No Content\r\nKeep-Alive: timeout=5, max=9\r\n\r\n", verb::get, true},
    };
    for (const row& r : rows) {
        client_bench b;
        scripted_server server(b.io.get_executor(), {{read_request(), send_bytes(r.bytes), hang()}});
        client c(b.io.get_executor());
        const asked& a = b.get(c, plain_origin(server.port()), {}, message(r.method));
        CHECK_MESSAGE(!a.ec, r.why);
        CHECK_MESSAGE(c.stats().idle == (r.kept ? 1 : 0), r.why);
        CHECK_MESSAGE(c.stats().closed == (r.kept ? 0 : 1), r.why);
        CHECK_MESSAGE(c.stats().in_use == 0, r.why);
    }
    client_bench b;
    scripted_server server(b.io.get_executor(), {always(ok_response("x"))});
    client c(b.io.get_executor());
    request last = message(verb::get);
    last.keep_alive(false);
    CHECK(!b.get(c, plain_origin(server.port()), {}, std::move(last)).ec);
    CHECK(c.stats().idle == 0);
}

TEST_CASE("responses that are none")
{
    struct row {
        const char* why;
        server_script script;
        errc error;
    };
    const row rows[] = {
        {"closed at once", {read_request()}, errc::connection_lost},
        {"reset at once", {read_request(), reset()}, errc::connection_lost},
        {"closed in the head", {read_request(), send_bytes("HTTP/1.1 200 OK\r\nCont")}, errc::truncated},
        {"closed in the body", {read_request(), send_bytes("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc")},
            errc::truncated},
        {"reset in the body", {read_request(), send_bytes("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc"), reset()},
            errc::truncated},
        {"reset in a body without a length", {read_request(), send_bytes("HTTP/1.1 200 OK\r\n\r\nabc"), reset()},
            errc::truncated},
        {"something else", {read_request(), send_bytes("220 mail.example ESMTP\r\n"), hang()}, errc::bad_response},
        {"a huge head", {read_request(), send_bytes("HTTP/1.1 200 OK\r\nX: " + std::string(70'000, 'x')), hang()},
            errc::header_too_large},
        {"a huge body", {read_request(), send_bytes("HTTP/1.1 200 OK\r\nContent-Length: 99999999\r\n\r\n"), hang()},
            errc::body_too_large},
        {"a chunk's line without an end",
            {read_request(),
                send_bytes("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1;" + std::string(2'000'000, 'x')),
                hang()},
            errc::header_too_large},
    };
    for (const row& r : rows) {
        client_bench b;
        scripted_server server(b.io.get_executor(), {r.script});
        client c(b.io.get_executor());
        const asked& a = b.get(c, plain_origin(server.port()));
        CHECK_MESSAGE(a.ec == r.error, r.why, ": ", a.text());
        CHECK_MESSAGE(a.text().find("127.0.0.1:") == 0, r.why);
        CHECK_MESSAGE(c.stats().in_use == 0, r.why);
        CHECK_MESSAGE(c.stats().closed == 1, r.why);
        CHECK_MESSAGE(server.accepted() == 1, r.why);  // no second try: nothing had been reused
        CHECK_MESSAGE(b.run_until([&] { return server.open() == 0; }), r.why);
    }
}

TEST_CASE("the limit of one call's body is that call's")
{
    client_bench b;
    scripted_server server(b.io.get_executor(), {always(ok_response("0123456789"))});
    client c(b.io.get_executor(), {.body_limit = 10});
    CHECK(!b.get(c, plain_origin(server.port())).ec);
    CHECK(b.get(c, plain_origin(server.port()), {.body_limit = 9}).ec == errc::body_too_large);
    CHECK(!b.get(c, plain_origin(server.port())).ec);
}

TEST_CASE("a server that answers before it has heard everything is heard")
{
    client_bench b;
    // It reads only the head; what is under way when it closes makes it reset the connection.
    scripted_server server(
        b.io.get_executor(), {{send_bytes("HTTP/1.1 413 Too Large\r\nContent-Length: 2\r\n\r\nno"), hang()}});
    client c(b.io.get_executor());
    const asked& a = b.get(c, plain_origin(server.port()), {}, message(verb::put, std::string(50'000'000, 'x')));
    CHECK(!a.ec);
    CHECK(a.r.result_int() == 413);
    CHECK(c.stats().idle == 0);
}

TEST_CASE("a kept connection that died is replaced, once, and nobody notices")
{
    struct row {
        const char* why;
        server_script first;
        bool seen_before_use;
    };
    const server_step answer = send_bytes(ok_response("a"));
    const row rows[] = {
        {"closed while it was idle", {read_request(), answer}, true},
        {"reset while it was idle", {read_request(), answer, reset()}, true},
        {"something came on it unasked", {read_request(), answer, send_bytes("HTTP/1.1 408 Timeout\r\n\r\n"), hang()},
            true},
        {"closed on the next request", {read_request(), answer, read_request()}, false},
        {"reset on the next request", {read_request(), answer, read_request(), reset()}, false},
    };
    for (const row& r : rows) {
        client_bench b;
        scripted_server server(b.io.get_executor(), {r.first, always(ok_response("b"))});
        client c(b.io.get_executor());
        const http::origin to = plain_origin(server.port());
        CHECK_MESSAGE(b.get(c, to).r.body() == "a", r.why);
        if (r.seen_before_use) {
            b.io.restart();
            while (b.io.poll() != 0) {
            }
        }
        const asked& a = b.get(c, to, {}, message(verb::post, "again"));
        CHECK_MESSAGE(!a.ec, r.why, ": ", a.text());
        CHECK_MESSAGE(a.r.body() == "b", r.why);
        CHECK_MESSAGE(server.requests().back().ends_with("\r\n\r\nagain"), r.why);
        CHECK_MESSAGE(c.stats().opened == 2, r.why);
        CHECK_MESSAGE(c.stats().closed == 1, r.why);
        CHECK_MESSAGE(c.stats().retried == (r.seen_before_use ? 0 : 1), r.why);
        CHECK_MESSAGE(c.stats().in_use == 0, r.why);
    }
}

TEST_CASE("one retry, and only where nothing had come")
{
    client_bench b;
    const server_step answer = send_bytes(ok_response("a"));
    SUBCASE("the fresh connection is closed too")
    {
        scripted_server server(b.io.get_executor(), {{read_request(), answer, read_request()}, {read_request()}});
        client c(b.io.get_executor());
        b.get(c, plain_origin(server.port()));
        CHECK(b.get(c, plain_origin(server.port())).ec == errc::connection_lost);
        CHECK(server.accepted() == 2);
    }
    SUBCASE("a byte of the response had come")
    {
        scripted_server server(
            b.io.get_executor(), {{read_request(), answer, read_request(), send_bytes("H")}, always(ok_response("b"))});
        client c(b.io.get_executor());
        b.get(c, plain_origin(server.port()));
        CHECK(b.get(c, plain_origin(server.port())).ec == errc::truncated);
        CHECK(server.accepted() == 1);
    }
}

TEST_CASE("an idle connection is not used after its time, nor kept beyond the limit")
{
    client_bench b;
    scripted_server server(b.io.get_executor(), {always(ok_response("a"))});
    client c(b.io.get_executor(), {.idle_time = 1ms});
    b.get(c, plain_origin(server.port()));
    const auto since = std::chrono::steady_clock::now();
    b.run_until([&] {
        asio::post(b.io, [] {});
        return std::chrono::steady_clock::now() - since > 2ms;
    });
    b.get(c, plain_origin(server.port()));
    CHECK(c.stats().opened == 2);
    CHECK(c.stats().reused == 0);

    client none(b.io.get_executor(), {.idle_connections = 0});
    b.get(none, plain_origin(server.port()));
    CHECK(none.stats() == http::client_stats{.opened = 1, .closed = 1});

    client forced(b.io.get_executor());
    b.get(forced, plain_origin(server.port()));
    forced.close_idle();
    CHECK(forced.stats() == http::client_stats{.opened = 1, .closed = 1});
}

TEST_CASE("a thousand requests through few connections, in order of arrival")
{
    client_bench b;
    scripted_server server(b.io.get_executor(), {always(ok_response("a"))});
    client c(b.io.get_executor(), {.connections_per_origin = 5});
    std::vector<asked*> all;
    for (int i = 0; i < 1000; ++i)
        all.push_back(&b.ask(c, plain_origin(server.port())));
    CHECK(c.stats().in_use == 5);
    CHECK(c.stats().waiting == 995);
    CHECK(b.run_until(
        [&] { return std::all_of(all.begin(), all.end(), [](const asked* a) { return a->answers == 1; }); }));
    CHECK(std::none_of(all.begin(), all.end(), [](const asked* a) { return a->ec.failed(); }));
    CHECK(server.accepted() == 5);
    CHECK(server.requests().size() == 1000);
    CHECK(c.stats() == http::client_stats{.opened = 5, .reused = 995, .idle = 5});
}

TEST_CASE("a full queue refuses")
{
    client_bench b;
    scripted_server server(b.io.get_executor(), {{hang()}});
    client c(b.io.get_executor(), {.connections_per_origin = 1, .waiting_requests = 1});
    b.ask(c, plain_origin(server.port()));
    const asked& waits = b.ask(c, plain_origin(server.port()));
    const asked& refused = b.ask(c, plain_origin(server.port()));
    CHECK(refused.answers == 0);  // not before the call that asked has returned
    b.run_until([&] { return refused.answers != 0; });
    CHECK(refused.ec == errc::too_many_waiting);
    CHECK(waits.answers == 0);
}

TEST_CASE("places of connections that fail go to those who wait")
{
    client_bench b;
    scripted_server server(
        b.io.get_executor(), {{read_request()}, {read_request(), reset()}, always(ok_response("a"))});
    client c(b.io.get_executor(), {.connections_per_origin = 1});
    asked& first = b.ask(c, plain_origin(server.port()));
    asked& second = b.ask(c, plain_origin(server.port()));
    asked& third = b.ask(c, plain_origin(server.port()));
    CHECK(b.run_until([&] { return third.answers == 1; }));
    CHECK(first.ec == errc::connection_lost);
    CHECK(second.ec == errc::connection_lost);
    CHECK(third.r.body() == "a");
    CHECK(c.stats().in_use == 0);
}

TEST_CASE("several addresses: one that refuses, one that is silent, one that answers")
{
    client_bench b;
    scripted_server server(b.io.get_executor(), {always(ok_response("a"))});
    const silent_port silent(b.io);
    std::uint16_t closed_port = 0;
    {
        scripted_server gone(b.io.get_executor(), {{hang()}});
        closed_port = gone.port();
    }
    struct row {
        const char* why;
        std::vector<tcp::endpoint> addresses;
    };
    const row rows[] = {
        {"one", {at("127.0.0.1", server.port())}},
        {"after one that refuses", {at("127.0.0.1", closed_port), at("127.0.0.1", server.port())}},
        {"after one that is silent", {at("127.0.0.1", silent.port()), at("127.0.0.1", server.port())}},
        {"after both", {at("127.0.0.1", silent.port()), at("127.0.0.1", closed_port), at("127.0.0.1", server.port())}},
        {"the other family refuses", {at("::1", closed_port), at("127.0.0.1", server.port())}},
    };
    for (const row& r : rows) {
        client c(b.io.get_executor(), {.resolve = to_addresses(b.io, r.addresses)});
        const asked& a = b.get(c, plain_origin(server.port(), "name.example"));
        CHECK_MESSAGE(!a.ec, r.why, ": ", a.text());
        CHECK_MESSAGE(a.r.body() == "a", r.why);
    }
    client nobody(b.io.get_executor(),
        {.resolve = to_addresses(b.io, {at("127.0.0.1", closed_port), at("127.0.0.2", closed_port)})});
    const asked& a = b.get(nobody, plain_origin(80, "name.example"));
    CHECK(a.ec == errc::connect_failed);
    CHECK(a.text() == "name.example:80: could not connect (127.0.0.1:" + std::to_string(closed_port) +
                          " Connection refused, 127.0.0.2:" + std::to_string(closed_port) + " Connection refused)");
}

TEST_CASE("names: the system's resolver, none at all, and numbers without any")
{
    client_bench b;
    scripted_server server(b.io.get_executor(), {always(ok_response("a"))});
    client c(b.io.get_executor());
    CHECK(b.get(c, plain_origin(server.port(), "localhost")).r.body() == "a");
    const asked& nowhere = b.get(c, plain_origin(server.port(), "no-such-name.invalid"));
    CHECK(nowhere.ec == errc::resolve_failed);

    int resolved = 0;
    client_options counting;
    counting.resolve = [&](const std::string&, std::uint16_t, auto done) {
        ++resolved;
        asio::post(b.io, [done] { done({}, {}); });
    };
    client counted(b.io.get_executor(), counting);
    CHECK(!b.get(counted, plain_origin(server.port())).ec);
    CHECK(resolved == 0);
    CHECK(b.get(counted, plain_origin(server.port(), "name.example")).ec == errc::resolve_failed);
    CHECK(resolved == 1);
}

TEST_CASE("a request that cannot be written is refused, and opens nothing")
{
    client_bench b;
    client c(b.io.get_executor());
    CHECK(b.get(c, plain_origin(1), {}, message(verb::get, "", "/a b")).ec == errc::bad_request);
    CHECK(c.stats() == http::client_stats{});
}

TEST_CASE("a closed client ends everything, and takes nothing more")
{
    client_bench b;
    scripted_server server(b.io.get_executor(), {always(ok_response("a")), {read_request(), hang()}});
    auto c = std::make_unique<client>(b.io.get_executor(), client_options{.connections_per_origin = 1});
    b.get(*c, plain_origin(server.port()), {}, [] {
        request r = message(verb::get);
        r.keep_alive(false);
        return r;
    }());
    asked& under_way = b.ask(*c, plain_origin(server.port()));
    asked& waiting = b.ask(*c, plain_origin(server.port()));
    CHECK(b.run_until([&] { return server.requests().size() == 2; }));

    SUBCASE("close()")
    {
        c->close();
        CHECK(c->stats().opened == 2);  // none for the one that waited
        CHECK(c->stats().in_use == 0);
        CHECK(c->stats().waiting == 0);
        CHECK(under_way.answers == 0);
        CHECK(b.get(*c, plain_origin(server.port())).ec == errc::closed);
        c->close();
    }
    SUBCASE("its destructor")
    {
        c.reset();
    }
    CHECK(b.run_until([&] { return under_way.answers + waiting.answers == 2 && server.open() == 0; }));
    CHECK(under_way.ec == errc::closed);
    CHECK(waiting.ec == errc::closed);
}

TEST_CASE("a client may go within the handler of its request")
{
    client_bench b;
    scripted_server server(b.io.get_executor(), {always(ok_response("a"))});
    auto c = std::make_unique<client>(b.io.get_executor(), client_options{.connections_per_origin = 1});
    error_code other;
    bool done = false;
    c->async_request(
        plain_origin(server.port()), message(verb::get), {}, [&](error_code, http::response) { c.reset(); });
    c->async_request(plain_origin(server.port()), message(verb::get), {}, [&](error_code ec, http::response) {
        other = ec;
        done = true;
    });
    CHECK(b.run_until([&] { return done; }));
    CHECK(other == errc::closed);
}

TEST_CASE("a handler may ask, think better of it, and ask again")
{
    client_bench b;
    scripted_server server(b.io.get_executor(), {always(ok_response("a"))});
    client c(b.io.get_executor());
    asked* last = nullptr;
    c.async_request(plain_origin(server.port()), message(verb::get), {}, [&](error_code, http::response) {
        asked& regretted = b.ask(c, plain_origin(server.port()));
        regretted.cancel.emit(asio::cancellation_type::total);
        last = &b.ask(c, plain_origin(server.port()));
    });
    CHECK(b.run_until([&] { return last && last->answers == 1; }));
    REQUIRE(last);
    CHECK(last->r.body() == "a");
}

TEST_CASE("a context that goes takes its requests with it, whoever owns the client")
{
    const auto alive = std::make_shared<int>(0);
    {
        client_bench b;
        scripted_server server(b.io.get_executor(), {{read_request(), hang()}});
        // The coroutines own the client, and the client what resumes them: in the exchange, and in the queue.
        const auto shared = [&] {
            return std::make_shared<client>(b.io.get_executor(), client_options{.connections_per_origin = 1});
        }();
        const auto ask_and_hold = [](std::shared_ptr<client> own, std::shared_ptr<int>,
                                      std::uint16_t port) -> asio::awaitable<void> {
            request r(verb::get, "/", 11);
            const http::origin to{false, "127.0.0.1", port};
            const call_options none;
            co_await own->async_request(to, std::move(r), none, asio::as_tuple(asio::use_awaitable));
        };
        auto held = shared;
        asio::co_spawn(b.io, ask_and_hold(held, alive, server.port()), asio::detached);
        asio::co_spawn(b.io, ask_and_hold(std::move(held), alive, server.port()), asio::detached);
        CHECK(b.run_until([&] { return server.requests().size() == 1; }));
        CHECK(alive.use_count() == 3);
        CHECK(shared->stats().waiting == 1);
    }
    CHECK(alive.use_count() == 1);
}

TEST_CASE("any completion token")
{
    client_bench b;
    scripted_server server(b.io.get_executor(), {always(ok_response("a"))});
    client c(b.io.get_executor());
    auto later = c.async_request(plain_origin(server.port()), message(verb::get), {}, asio::use_future);
    CHECK(b.run_until([&] { return c.stats().idle == 1; }));
    CHECK(later.get().body() == "a");

    std::string body;
    mayfly::http::spawn<std::string>(
        b.io.get_executor(),
        [&]() -> asio::awaitable<http::outcome<std::string>> {
            request r(verb::get, "/", 11);
            const http::origin to = plain_origin(server.port());
            const call_options none;
            auto [ec, answer] = co_await c.async_request(to, std::move(r), none, asio::as_tuple(asio::use_awaitable));
            co_return http::outcome<std::string>{ec, answer.body()};
        },
        [&](error_code, std::string got) { body = std::move(got); });
    CHECK(b.run_until([&] { return !body.empty(); }));
}
