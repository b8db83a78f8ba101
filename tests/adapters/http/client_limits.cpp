// SPDX-License-Identifier: BSL-1.0
#include "client_calls.hpp"

#include <mayfly/http/client.hpp>

#include <scripted_server.hpp>
#include <test_certificates.hpp>

#include <doctest/doctest.h>

#include <boost/asio/buffer.hpp>
#include <boost/asio/cancellation_type.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/write.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace asio = boost::asio;
namespace http = mayfly::http;
using namespace std::chrono_literals;
using namespace mayfly_test;
using http::client;
using http::client_options;
using http::errc;
using http::time_limits;

namespace {

/// Where a call can stand, and how to bring one there and no further.
struct place {
    const char* why;
    errc late;
    std::chrono::milliseconds time_limits::*limit;
    server_script script;
    bool tls = false;
    bool silent = false;         // connect to a port that does not answer
    bool unresolved = false;     // by a name whose resolver does not answer
    bool through_proxy = false;  // the server is the proxy
    std::size_t body = 0;
    std::size_t connections = 0;  // it has got there when the server has seen so many,
    std::size_t requests = 0;     // and so many
};

std::vector<place> places()
{
    const std::string part = "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc";
    return {
        {.why = "resolving",
            .late = errc::resolve_timeout,
            .limit = &time_limits::resolve,
            .script = {hang()},
            .unresolved = true},
        {.why = "connecting",
            .late = errc::connect_timeout,
            .limit = &time_limits::connect,
            .script = {hang()},
            .silent = true},
        {.why = "at the proxy",
            .late = errc::proxy_timeout,
            .limit = &time_limits::proxy,
            .script = {read_request(), hang()},
            .tls = true,
            .through_proxy = true,
            .connections = 1,
            .requests = 1},
        {.why = "in the handshake",
            .late = errc::handshake_timeout,
            .limit = &time_limits::handshake,
            .script = {hang()},
            .tls = true,
            .connections = 1},
        {.why = "sending",
            .late = errc::send_timeout,
            .limit = &time_limits::send,
            .script = {stall()},
            .body = 30'000'000,
            .connections = 1},
        {.why = "waiting for the head",
            .late = errc::response_timeout,
            .limit = &time_limits::response,
            .script = {read_request(), hang()},
            .connections = 1,
            .requests = 1},
        {.why = "within the head",
            .late = errc::response_timeout,
            .limit = &time_limits::response,
            .script = {read_request(), send_bytes("HTTP/1.1 200 OK\r\n"), hang()},
            .connections = 1,
            .requests = 1},
        {.why = "after an interim response",
            .late = errc::response_timeout,
            .limit = &time_limits::response,
            .script = {read_request(), send_bytes("HTTP/1.1 100 Continue\r\n\r\n"), hang()},
            .connections = 1,
            .requests = 1},
        {.why = "within the body",
            .late = errc::body_timeout,
            .limit = &time_limits::body,
            .script = {read_request(), send_bytes(part), hang()},
            .connections = 1,
            .requests = 1},
    };
}

/// A call on its way to a place.
struct journey {
    client_bench b{};
    temporary_file trusted{test_authority().certificate()};
    scripted_server server;
    silent_port silent;
    http::origin to;
    client c;
    bool resolving = false;

    journey(const place& p, time_limits limits)
        : server(b.io.get_executor(), {p.script}),
          silent(b.io),
          to{p.tls, p.unresolved ? "name.example" : "127.0.0.1", p.silent ? silent.port() : server.port()},
          c(b.io.get_executor(), options(p, limits))
    {}

    client_options options(const place& p, time_limits limits)
    {
        client_options o;
        o.limits = limits;
        o.connections_per_origin = 1;
        o.resolve = [this](const std::string&, std::uint16_t, auto) { resolving = true; };
        if (p.through_proxy)
            o.proxy.https = "http://127.0.0.1:" + std::to_string(server.port());
        o.tls.ca_file = trusted.path();
        return o;
    }

    asked& start(const place& p, http::call_options own = {})
    {
        http::request r(http::verb::put, "/", 11);
        r.body() = std::string(p.body, 'x');
        return b.ask(c, to, own, std::move(r));
    }

    /// Runs until it is there, and has taken what has come on the way.
    bool arrive(const place& p)
    {
        const bool there = b.run_until([&] {
            return server.accepted() >= p.connections && server.requests().size() >= p.requests &&
                   resolving == p.unresolved;
        });
        b.io.restart();
        for (int i = 0; i < 100; ++i)
            b.io.poll();
        return there;
    }
};

}  // namespace

TEST_CASE("each phase has its limit, and an error that says so")
{
    for (const place& p : places()) {
        time_limits limits;
        limits.*p.limit = 20ms;
        journey j(p, limits);
        const asked& a = j.start(p);
        CHECK_MESSAGE(j.b.run_until([&] { return a.answers == 1; }), p.why);
        CHECK_MESSAGE(a.ec == p.late, p.why, ": ", a.text());
        CHECK_MESSAGE(j.c.stats() == one_gone, p.why);
        j.server.stop();
    }
}

TEST_CASE("the limit of the whole call holds in each phase")
{
    for (const place& p : places()) {
        journey j(p, {});
        const asked& a = j.start(p, {.total = 20ms});
        CHECK_MESSAGE(j.b.run_until([&] { return a.answers == 1; }), p.why);
        CHECK_MESSAGE(a.ec == errc::timed_out, p.why, ": ", a.text());
        CHECK_MESSAGE(j.c.stats() == one_gone, p.why);
    }
}

TEST_CASE("cancelled in any phase, nothing is left")
{
    for (const place& p : places()) {
        for (const auto type :
            {asio::cancellation_type::terminal, asio::cancellation_type::partial, asio::cancellation_type::total}) {
            journey j(p, {});
            asked& a = j.start(p);
            asked& waiting = j.start(p);  // the only place is taken
            REQUIRE_MESSAGE(j.arrive(p), p.why);
            CHECK_MESSAGE(a.answers == 0, p.why);
            CHECK_MESSAGE(j.c.stats().waiting == 1, p.why);
            waiting.cancel.emit(type);
            a.cancel.emit(type);
            a.cancel.emit(type);                   // again: nobody is there any more
            CHECK_MESSAGE(a.answers == 0, p.why);  // not within the emission
            CHECK_MESSAGE(j.c.stats() == one_gone, p.why);
            CHECK_MESSAGE(j.b.run_until([&] { return a.answers + waiting.answers == 2; }), p.why);
            CHECK_MESSAGE(a.ec == asio::error::operation_aborted, p.why);
            CHECK_MESSAGE(waiting.ec == asio::error::operation_aborted, p.why);
            if (p.script.front().what != server_step::stall)
                CHECK_MESSAGE(j.b.run_until([&] { return j.server.open() == 0; }), p.why);
            j.server.stop();
            j.b.io.restart();
            j.b.io.run_for(5s);
            CHECK_MESSAGE(j.b.io.stopped(), p.why);  // nothing of it is under way
        }
    }
}

TEST_CASE("cancelling one lets the next have its place")
{
    client_bench b;
    scripted_server server(b.io.get_executor(), {{read_request(), hang()}, always(ok_response("a"))});
    client c(b.io.get_executor(), {.connections_per_origin = 1});
    asked& first = b.ask(c, plain_origin(server.port()));
    asked& second = b.ask(c, plain_origin(server.port()));
    asked& third = b.ask(c, plain_origin(server.port()));
    CHECK(b.run_until([&] { return server.requests().size() == 1; }));
    second.cancel.emit(asio::cancellation_type::terminal);
    first.cancel.emit(asio::cancellation_type::terminal);
    CHECK(b.run_until([&] { return third.answers == 1; }));
    CHECK(third.r.body() == "a");
    CHECK(server.requests().size() == 2);
}

TEST_CASE("the queue has its limit too")
{
    client_bench b;
    scripted_server server(b.io.get_executor(), {{read_request(), hang()}});
    client_options o{.connections_per_origin = 1};
    o.limits.wait = 20ms;
    client c(b.io.get_executor(), o);
    asked& first = b.ask(c, plain_origin(server.port()));
    asked& second = b.ask(c, plain_origin(server.port()));
    CHECK(b.run_until([&] { return second.answers == 1; }));
    CHECK(second.ec == errc::wait_timeout);
    CHECK(first.answers == 0);
    CHECK(c.stats().waiting == 0);
}

TEST_CASE("those whose time is over together open nothing for each other")
{
    client_bench b;
    scripted_server server(b.io.get_executor(), {{hang()}});
    client c(b.io.get_executor(), {.connections_per_origin = 1});
    for (int i = 0; i < 5; ++i)
        b.ask(c, plain_origin(server.port()), {.total = 20ms});
    // Nothing runs until the last one's time is over too: on a busy machine the first would go alone.
    for (const auto all_late = std::chrono::steady_clock::now() + 20ms; std::chrono::steady_clock::now() < all_late;) {
    }
    CHECK(b.run_until([&] { return c.stats().closed == 1 && c.stats().waiting == 0; }));
    CHECK(c.stats() == one_gone);
}

TEST_CASE("a call's own limits stand in for the client's, and zero is none")
{
    client_bench b;
    scripted_server server(b.io.get_executor(), {{read_request(), hang()}});
    const silent_port silent(b.io);
    client_options o;
    o.limits.response = 10ms;
    client c(b.io.get_executor(), o);
    const asked& patient = b.ask(c, plain_origin(server.port()), {.response = 0ms});
    const asked& usual = b.ask(c, plain_origin(server.port()));
    CHECK(b.get(c, plain_origin(silent.port()), {.connect = 10ms}).ec == errc::connect_timeout);
    CHECK(b.run_until([&] { return usual.answers == 1; }));
    CHECK(usual.ec == errc::response_timeout);
    CHECK(patient.answers == 0);
}

TEST_CASE("a body that keeps coming may take longer than its limit")
{
    // Ten parts, each after the client has had the one before for a while: the limit is for each.
    client_bench b;
    asio::ip::tcp::acceptor port(b.io, {asio::ip::address_v4::loopback(), 0});
    client_options o;
    o.limits.body = 200ms;
    o.limits.response = 200ms;
    client c(b.io.get_executor(), o);
    const asked& a = b.ask(c, plain_origin(port.local_endpoint().port()));
    asio::ip::tcp::socket s(b.io);
    bool accepted = false;
    port.async_accept(s, [&](boost::system::error_code) { accepted = true; });
    REQUIRE(b.run_until([&] { return accepted; }));
    asio::write(s, asio::buffer(std::string("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n")));
    for (int i = 0; i < 10; ++i) {
        const auto next = std::chrono::steady_clock::now() + 40ms;
        asio::steady_timer pause(b.io, next);
        bool over = false;
        pause.async_wait([&](boost::system::error_code) { over = true; });
        REQUIRE(b.run_until([&] { return over; }));
        asio::write(s, asio::buffer("x", 1));
    }
    CHECK(b.run_until([&] { return a.answers == 1; }));
    CHECK(!a.ec);
    CHECK(a.r.body() == "xxxxxxxxxx");
}
