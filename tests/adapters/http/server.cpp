// SPDX-License-Identifier: BSL-1.0
#include <mayfly/http/server.hpp>

#include "raw_client.hpp"
#include "test_certificates.hpp"

#include <doctest/doctest.h>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ssl.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <chrono>
#include <cstdint>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include <sys/resource.h>
#include <unistd.h>

namespace {

namespace asio = boost::asio;
using boost::system::error_code;
using mayfly::http::request;
using mayfly::http::response;
using mayfly::http::server;
using mayfly::http::server_options;
using mayfly::http::status;
using mayfly_test::raw_client;
using mayfly_test::run_until;

using namespace std::chrono_literals;

std::string text(boost::beast::string_view s)
{
    return {s.data(), s.size()};
}

/// Whether the body of one response is all that follows its head, and what status it has.
std::string status_of(const std::string& answer)
{
    return answer.substr(0, answer.find("\r\n"));
}

bool has(const std::string& where, std::string_view what)
{
    return where.find(what) != std::string::npos;
}

/// Says what it was asked. "/wait" waits until it is cancelled or let go; "/throw" throws.
struct talker {
    struct state {
        std::vector<std::string> asked;
        int waiting = 0;
        int cancelled = 0;
        asio::steady_timer* gate = nullptr;
    };
    state* s;

    asio::awaitable<response> operator()(request r) const
    {
        s->asked.push_back(text(r.target()));
        response out{status::ok, 11};
        if (r.target() == "/throw")
            throw std::runtime_error("a secret");
        if (r.target() == "/none")
            out.result(status::no_content);
        if (r.target() == "/close")
            out.keep_alive(false);
        if (r.target() == "/dated")
            out.set(mayfly::http::field::date, "Thu, 01 Jan 1970 00:00:00 GMT");
        if (r.target() == "/wait") {
            error_code ec;
            ++s->waiting;
            co_await s->gate->async_wait(asio::redirect_error(asio::use_awaitable, ec));
            --s->waiting;
            const auto own = co_await asio::this_coro::cancellation_state;
            if (own.cancelled() != asio::cancellation_type::none)
                ++s->cancelled;
        }
        out.body() = text(r.method_string()) + " " + text(r.target()) + " [" + r.body() + "]";
        co_return out;
    }
};

struct fixture {
    explicit fixture(server_options options = {}) : served(io.get_executor(), talker{&state}, std::move(options))
    {
        state.gate = &gate;
        const error_code ec = served.listen();
        REQUIRE_MESSAGE(!ec, ec.message());
    }

    /// What comes back for some bytes, after which the client waits for the server to close.
    std::string talk(std::string_view bytes)
    {
        raw_client client(io, served.port());
        client.send(bytes);
        return client.read_to_end();
    }

    /// Stops the server, and says with which error and how many connections are left.
    error_code stop()
    {
        error_code out = asio::error::would_block;
        served.async_stop([&](error_code ec) { out = ec; });
        run_until(io, [&] { return out != asio::error::would_block; });
        return out;
    }

    asio::io_context io;
    asio::steady_timer gate{io, std::chrono::steady_clock::time_point::max()};
    talker::state state{};
    server served;
};

TEST_CASE("what comes back for a request, byte for byte sent")
{
    struct row {
        const char* why;
        std::string sent;
        const char* status;
        std::vector<const char*> also;
    };
    const std::string close = "Connection: close\r\n\r\n";
    const row rows[] = {
        {"the least request", "GET /a HTTP/1.1\r\n" + close, "HTTP/1.1 200 OK", {"GET /a []", "\r\nDate: "}},
        {"HTTP/1.0 closes by itself", "GET /a HTTP/1.0\r\n\r\n", "HTTP/1.0 200 OK", {"GET /a []"}},
        {"a body with its length", "POST /b HTTP/1.1\r\nContent-Length: 3\r\n" + close + "xyz", "HTTP/1.1 200 OK",
            {"POST /b [xyz]"}},
        {"a body in chunks, with a trailer",
            "POST /c HTTP/1.1\r\nTransfer-Encoding: chunked\r\n" + close + "2\r\nxy\r\n1;e=1\r\nz\r\n0\r\nT: 1\r\n\r\n",
            "HTTP/1.1 200 OK", {"POST /c [xyz]"}},
        {"HEAD has the length and no body", "HEAD /abc HTTP/1.1\r\n" + close, "HTTP/1.1 200 OK",
            {"Content-Length: 12\r\n"}},
        {"204 has neither", "GET /none HTTP/1.1\r\n" + close, "HTTP/1.1 204 No Content", {}},
        {"the handler may close", "GET /close HTTP/1.1\r\n\r\n", "HTTP/1.1 200 OK", {"Connection: close\r\n"}},
        {"the handler's own date", "GET /dated HTTP/1.1\r\n" + close, "HTTP/1.1 200 OK", {"Date: Thu, 01 Jan 1970"}},
        {"a method of its own", "BREW /pot HTTP/1.1\r\n" + close, "HTTP/1.1 200 OK", {"BREW /pot []"}},
        {"a handler that throws, whose words stay here", "GET /throw HTTP/1.1\r\n" + close,
            "HTTP/1.1 500 Internal Server Error", {"The server failed"}},
        {"no HTTP at all", "garbage\r\n\r\n", "HTTP/1.1 400 Bad Request", {"Connection: close\r\n"}},
        {"HTTP/2 uninvited", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "HTTP/1.1 400 Bad Request", {}},
        {"a bad length", "POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n", "HTTP/1.1 400 Bad Request", {}},
        {"two lengths that differ", "POST / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nxx",
            "HTTP/1.1 400 Bad Request", {}},
        {"a bad chunk", "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", "HTTP/1.1 400 Bad Request", {}},
        {"a line that is folded around a header", "GET / HTTP/1.1\r\n: x\r\n\r\n", "HTTP/1.1 400 Bad Request", {}},
        {"too long a head", "GET / HTTP/1.1\r\nX: " + std::string(2000, 'x') + "\r\n\r\n",
            "HTTP/1.1 431 Request Header Fields Too Large", {"1000 bytes"}},
        {"too long a body", "POST / HTTP/1.1\r\nContent-Length: 101\r\n\r\n" + std::string(101, 'x'),
            "HTTP/1.1 413 Payload Too Large", {"100 bytes, the limit", "Connection: close\r\n"}},
        {"too long a body, in chunks",
            "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n65\r\n" + std::string(101, 'x') + "\r\n0\r\n\r\n",
            "HTTP/1.1 413 Payload Too Large", {"100 bytes, the limit"}},
        {"trailers without end",
            "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nT: " + std::string(2000, 'x'),
            "HTTP/1.1 431 Request Header Fields Too Large", {"1000 bytes"}},
        {"a chunk's extension without end",
            "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1;" + std::string(2000, 'x'),
            "HTTP/1.1 431 Request Header Fields Too Large", {"1000 bytes"}},
        {"a coding that does not tell where the body ends, which would be taken for a request",
            "POST / HTTP/1.1\r\nTransfer-Encoding: gzip\r\n\r\nGET /smuggled HTTP/1.1\r\n\r\n",
            "HTTP/1.1 400 Bad Request", {"Connection: close\r\n"}},
        {"chunks that are not the last coding",
            "POST / HTTP/1.1\r\nTransfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n", "HTTP/1.1 400 Bad Request",
            {"Connection: close\r\n"}},
    };
    for (const row& r : rows) {
        INFO(std::string(r.why));
        fixture f({.header_limit = 1000, .body_limit = 100});
        raw_client client(f.io, f.served.port());
        client.send(r.sent);
        client.end_sending();
        const std::string got = client.read_to_end();
        CHECK(status_of(got) == r.status);
        for (const char* part : r.also)
            CHECK_MESSAGE(has(got, part), got);
        CHECK_FALSE(has(got, "secret"));
        if (r.sent.starts_with("HEAD") || r.sent.starts_with("GET /none"))
            CHECK(got.ends_with("\r\n\r\n"));
        CHECK(run_until(f.io, [&] { return f.served.connections() == 0; }));
    }
}

TEST_CASE("a connection is kept, and pipelined requests are answered in their order")
{
    fixture f;
    raw_client client(f.io, f.served.port());
    client.send("GET /1 HTTP/1.1\r\n\r\n");
    CHECK(has(client.read_to("GET /1 []"), "200 OK"));
    client.send("GET /2 HTTP/1.1\r\n\r\nPOST /3 HTTP/1.1\r\nContent-Length: 1\r\n\r\nxGET /4 HT");
    CHECK(has(client.read_to("POST /3 [x]"), "GET /2 []"));
    client.send("TP/1.1\r\n\r\n");
    CHECK(has(client.read_to("GET /4 []"), "200 OK"));
    CHECK(f.served.connections() == 1);
    CHECK(f.state.asked == std::vector<std::string>{"/1", "/2", "/3", "/4"});
}

TEST_CASE("requests that come while a handler runs wait for their turn")
{
    fixture f({.header_limit = 8192});
    raw_client client(f.io, f.served.port());
    client.send("GET /wait HTTP/1.1\r\n\r\n");
    REQUIRE(run_until(f.io, [&] { return f.state.waiting == 1; }));
    // More than the server cares to keep for later: it stops reading until the handler is done.
    std::string many;
    for (int i = 0; i < 1000; ++i)
        many += "GET /x HTTP/1.1\r\n\r\n";
    client.send_all(many + "GET /last HTTP/1.1\r\n\r\n");
    CHECK(f.state.asked.size() == 1);
    f.gate.cancel();
    CHECK(has(client.read_to("GET /last []"), "GET /wait []"));
    CHECK(f.state.asked.size() == 1002);
    CHECK(f.state.cancelled == 0);
}

TEST_CASE("a client that has said all it will is answered to the last")
{
    fixture f;
    raw_client client(f.io, f.served.port());
    client.send("GET /1 HTTP/1.1\r\n\r\nGET /2 HTTP/1.1\r\n\r\nGET /3 HTTP/1.1\r\n\r\n");
    client.end_sending();
    const std::string got = client.read_to_end();
    for (const char* answer : {"GET /1 []", "GET /2 []", "GET /3 []"})
        CHECK(has(got, answer));
}

TEST_CASE("a request may come one byte at a time")
{
    fixture f;
    raw_client client(f.io, f.served.port());
    client.trickle("POST /b HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nxy\r\n0\r\n\r\n");
    CHECK(has(client.read_to("POST /b [xy]"), "200 OK"));
    client.trickle("POST /c HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n");
    CHECK(has(client.read_to("POST /c []"), "200 OK"));
}

TEST_CASE("who expects to be told to continue is told so, and who would send too much is told that")
{
    fixture f({.body_limit = 10});
    raw_client client(f.io, f.served.port());
    client.send("POST /b HTTP/1.1\r\nContent-Length: 2\r\nExpect: 100-Continue\r\n\r\n");
    CHECK(client.read_to("\r\n\r\n") == "HTTP/1.1 100 Continue\r\n\r\n");
    client.send("xy");
    CHECK(has(client.read_to("POST /b [xy]"), "200 OK"));

    client.send("POST /b HTTP/1.1\r\nContent-Length: 11\r\nExpect: 100-continue\r\n\r\n");
    CHECK(status_of(client.read_to("\r\n\r\n")) == "HTTP/1.1 413 Payload Too Large");
}

TEST_CASE("a client that sends far too much, and only then reads, still gets its answer")
{
    fixture f({.body_limit = 1000});
    raw_client client(f.io, f.served.port());
    const std::size_t size = 32 * 1024 * 1024;
    client.send_all(
        "POST /b HTTP/1.1\r\nContent-Length: " + std::to_string(size) + "\r\n\r\n" + std::string(size, 'x'));
    CHECK(status_of(client.read_to_end()) == "HTTP/1.1 413 Payload Too Large");
}

TEST_CASE("a field that cannot be kept is refused or left out, in the head and behind the body")
{
    struct row {
        const char* why;
        std::size_t length;
        bool skip;
        const char* status;
    };
    const row rows[] = {
        {"the longest", 65'533, false, "HTTP/1.1 200 OK"},
        {"one octet more", 65'534, false, "HTTP/1.1 431 Request Header Fields Too Large"},
        {"left out", 65'534, true, "HTTP/1.1 200 OK"},
        {"long", 1'000'000, true, "HTTP/1.1 200 OK"},
    };
    for (const row& r : rows) {
        INFO(std::string(r.why));
        const std::string line = "X: " + std::string(r.length, 'x') + "\r\n";
        const std::string heads[] = {
            "GET /a HTTP/1.1\r\n" + line + "Connection: close\r\n\r\n",
            "POST /a HTTP/1.1\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n0\r\n" + line + "\r\n",
        };
        for (const std::string& sent : heads) {
            fixture f({.header_limit = 2'000'000, .skip_long_fields = r.skip});
            raw_client client(f.io, f.served.port());
            client.send_all(sent);
            CHECK(status_of(client.read_to_end()) == r.status);
        }
    }
}

TEST_CASE("the answer to too much can be one's own")
{
    std::string asked;
    fixture f({.body_limit = 10, .too_large = [&](const request& head) {
                   asked = text(head.target());
                   response out{status::payload_too_large, 11};
                   out.body() = "mine";
                   return out;
               }});
    CHECK(has(f.talk("POST /b HTTP/1.1\r\nContent-Length: 11\r\n\r\n01234567890"), "\r\n\r\nmine"));
    CHECK(asked == "/b");
}

TEST_CASE("a client that goes takes its handler with it")
{
    for (const bool politely : {true, false}) {
        fixture f;
        raw_client client(f.io, f.served.port());
        client.send("GET /wait HTTP/1.1\r\n\r\n");
        REQUIRE(run_until(f.io, [&] { return f.state.waiting == 1; }));
        if (politely)
            client.close();
        else
            client.reset();
        CHECK(run_until(f.io, [&] { return f.state.waiting == 0 && f.served.connections() == 0; }));
        CHECK(f.state.cancelled == 1);
    }
}

TEST_CASE("who is slow is sent away")
{
    SUBCASE("with a request that does not end: 408")
    {
        fixture f({.request_timeout = 30ms});
        CHECK(status_of(f.talk("GET / HTT")) == "HTTP/1.1 408 Request Timeout");
        CHECK(status_of(f.talk("POST / HTTP/1.1\r\nContent-Length: 5\r\n\r\nxy")) == "HTTP/1.1 408 Request Timeout");
    }
    SUBCASE("without any request: without a word")
    {
        fixture f({.idle_timeout = 30ms});
        CHECK(f.talk("") == "");
        raw_client client(f.io, f.served.port());
        client.send("GET /1 HTTP/1.1\r\n\r\n");
        CHECK(has(client.read_to_end(), "GET /1 []"));
    }
    SUBCASE("who does not read the answer")
    {
        fixture f({.body_limit = 64 * 1024 * 1024, .write_timeout = 30ms});
        asio::ip::tcp::socket mute(f.io);
        mute.connect(f.served.local_endpoint());
        const std::string sent = "POST / HTTP/1.1\r\nContent-Length: 33554432\r\n\r\n" + std::string(33554432, 'x');
        asio::async_write(mute, asio::buffer(sent), [](error_code, std::size_t) {});
        REQUIRE(run_until(f.io, [&] { return f.state.asked.size() == 1; }));
        CHECK(run_until(f.io, [&] { return f.served.connections() == 0; }));
    }
    SUBCASE("but a handler may take its time")
    {
        fixture f({.idle_timeout = 10ms, .request_timeout = 10ms, .write_timeout = 10ms});
        raw_client client(f.io, f.served.port());
        client.send("GET /wait HTTP/1.1\r\n\r\n");
        asio::steady_timer later(f.io, 40ms);
        later.async_wait([&](error_code) { f.gate.cancel(); });
        CHECK(has(client.read_to("GET /wait []"), "200 OK"));
        CHECK(f.state.cancelled == 0);
    }
}

TEST_CASE("beyond the limit of connections the longest idle one makes room, and without one newcomers wait")
{
    fixture f({.max_connections = 2});
    raw_client first(f.io, f.served.port());
    first.send("GET /1 HTTP/1.1\r\n\r\n");
    first.read_to("GET /1 []");
    raw_client second(f.io, f.served.port());
    second.send("GET /wait HTTP/1.1\r\n\r\n");
    REQUIRE(run_until(f.io, [&] { return f.state.waiting == 1; }));

    raw_client third(f.io, f.served.port());
    third.send("GET /wait HTTP/1.1\r\n\r\n");
    REQUIRE(run_until(f.io, [&] { return f.state.waiting == 2; }));
    CHECK(first.read_to_end() == "");

    raw_client fourth(f.io, f.served.port());
    fourth.send("GET /4 HTTP/1.1\r\n\r\n");
    f.io.restart();
    f.io.run_for(20ms);
    CHECK(f.state.asked.size() == 3);
    CHECK(f.served.connections() == 2);
    f.gate.cancel();
    CHECK(has(fourth.read_to("GET /4 []"), "200 OK"));
    CHECK(f.state.cancelled == 0);
}

TEST_CASE("stopping: idle connections at once, running ones in their time, and no port afterwards")
{
    SUBCASE("nothing there")
    {
        fixture f;
        CHECK_FALSE(f.stop());
    }
    SUBCASE("a handler in its grace, and another stop that waits for the same")
    {
        fixture f;
        raw_client idle(f.io, f.served.port());
        idle.send("GET /1 HTTP/1.1\r\n\r\n");
        idle.read_to("GET /1 []");
        raw_client busy(f.io, f.served.port());
        busy.send("GET /wait HTTP/1.1\r\n\r\n");
        REQUIRE(run_until(f.io, [&] { return f.state.waiting == 1; }));

        int stopped = 0;
        f.served.async_stop([&](error_code ec) { stopped += ec ? 100 : 1; });
        f.served.async_stop([&](error_code ec) { stopped += ec ? 100 : 1; });
        CHECK(idle.read_to_end() == "");
        CHECK(stopped == 0);
        asio::ip::tcp::socket late(f.io);
        error_code refused;
        late.connect(f.served.local_endpoint(), refused);
        CHECK(refused == asio::error::connection_refused);

        f.gate.cancel();
        const std::string got = busy.read_to_end();
        CHECK(has(got, "GET /wait []"));
        CHECK(has(got, "Connection: close\r\n"));
        CHECK(run_until(f.io, [&] { return stopped == 2; }));
        CHECK(f.state.cancelled == 0);
        CHECK(f.served.connections() == 0);
    }
    SUBCASE("a handler beyond its grace is cancelled")
    {
        fixture f({.stop_grace = 20ms});
        raw_client busy(f.io, f.served.port());
        busy.send("GET /wait HTTP/1.1\r\n\r\n");
        REQUIRE(run_until(f.io, [&] { return f.state.waiting == 1; }));
        CHECK_FALSE(f.stop());
        CHECK(f.state.cancelled == 1);
        CHECK(f.served.connections() == 0);
    }
    SUBCASE("the waiting can be cancelled, of any type")
    {
        for (const auto kind : {asio::cancellation_type::terminal, asio::cancellation_type::total}) {
            fixture f;
            raw_client busy(f.io, f.served.port());
            busy.send("GET /wait HTTP/1.1\r\n\r\n");
            REQUIRE(run_until(f.io, [&] { return f.state.waiting == 1; }));
            asio::cancellation_signal signal;
            error_code seen;
            f.served.async_stop(asio::bind_cancellation_slot(signal.slot(), [&](error_code ec) { seen = ec; }));
            signal.emit(kind);
            CHECK(run_until(f.io, [&] { return seen == asio::error::operation_aborted; }));
            CHECK(f.state.waiting == 1);
        }
    }
    SUBCASE("a server that is destroyed closes everything")
    {
        fixture* f = new fixture;
        asio::io_context& io = f->io;
        raw_client busy(io, f->served.port());
        busy.send("GET /wait HTTP/1.1\r\n\r\n");
        REQUIRE(run_until(io, [&] { return f->state.waiting == 1; }));
        f->served.close();
        CHECK(busy.read_to_end() == "");
        CHECK(run_until(io, [&] { return f->state.cancelled == 1; }));
        busy.close();
        run_until(io, [&] { return busy.ended(); });
        delete f;
    }
}

TEST_CASE("no descriptor is left after a stop")
{
    asio::io_context io;
    const auto lowest_free = [] {
        const int fd = ::dup(0);
        ::close(fd);
        return fd;
    };
    {
        asio::steady_timer warm(io, 0ms);
        warm.async_wait([](error_code) {});
        io.run();
    }
    const int before = lowest_free();
    {
        talker::state state;
        server served(io.get_executor(), talker{&state});
        REQUIRE_FALSE(served.listen());
        raw_client client(io, served.port());
        client.send("GET /1 HTTP/1.1\r\n\r\n");
        client.read_to("GET /1 []");
        bool stopped = false;
        served.async_stop([&](error_code) { stopped = true; });
        CHECK(run_until(io, [&] { return stopped && client.ended(); }));
    }
    CHECK(lowest_free() == before);
}

TEST_CASE("out of descriptors, the server waits until there are some")
{
    fixture f;
    rlimit old{};
    ::getrlimit(RLIMIT_NOFILE, &old);
    asio::ip::tcp::socket first(f.io);
    first.open(asio::ip::tcp::v4());
    asio::ip::tcp::socket second(f.io);
    second.open(asio::ip::tcp::v4());
    rlimit none = old;
    none.rlim_cur = static_cast<rlim_t>(second.native_handle()) + 1;
    REQUIRE(::setrlimit(RLIMIT_NOFILE, &none) == 0);

    first.connect(f.served.local_endpoint());
    const std::string sent = "GET /1 HTTP/1.1\r\n\r\n";
    asio::write(first, asio::buffer(sent));
    // The failing accept comes back a few times, and not thousands.
    f.io.restart();
    const std::size_t handlers = f.io.run_for(60ms);
    CHECK(handlers < 50);
    CHECK(f.state.asked.empty());
    ::setrlimit(RLIMIT_NOFILE, &old);
    CHECK(run_until(f.io, [&] { return f.state.asked.size() == 1; }));
}

TEST_CASE("a server that cannot listen says so")
{
    asio::io_context io;
    talker::state state;
    fixture taken;
    const auto listen = [&](server_options o) {
        server s(io.get_executor(), talker{&state}, std::move(o));
        return s.listen();
    };
    CHECK(listen({.port = taken.served.port()}) == asio::error::address_in_use);
    CHECK(listen({.address = "localhost"}));
    CHECK(listen({.certificate = "/nowhere.pem", .key = "/nowhere.pem"}));
    CHECK(listen({.certificate = "-----BEGIN nonsense", .key = "-----BEGIN nonsense"}));
    const auto one = mayfly_test::test_authority::self_signed();
    const auto other = mayfly_test::test_authority::self_signed();
    CHECK(listen({.certificate = one.certificate, .key = other.key}));
}

TEST_CASE("a handler may ask who is there")
{
    asio::io_context io;
    server served(io.get_executor(), [](request, const asio::ip::tcp::endpoint& peer) -> asio::awaitable<response> {
        response out{status::ok, 11};
        out.body() = peer.address().to_string();
        co_return out;
    });
    REQUIRE_FALSE(served.listen());
    raw_client client(io, served.port());
    client.send("GET / HTTP/1.1\r\nConnection: close\r\n\r\n");
    CHECK(client.read_to_end().ends_with("\r\n\r\n127.0.0.1"));
}

/// A client of the TLS server, which trusts it.
struct tls_client {
    tls_client(asio::io_context& io, const std::string& trusted, std::uint16_t port)
        : context(make(trusted)), stream(io, context)
    {
        stream.next_layer().connect({asio::ip::make_address("127.0.0.1"), port});
        stream.async_handshake(asio::ssl::stream_base::client, [this](error_code ec) { shaken = ec ? -1 : 1; });
    }
    static asio::ssl::context make(const std::string& trusted)
    {
        asio::ssl::context out(asio::ssl::context::tls_client);
        out.add_certificate_authority(asio::buffer(trusted));
        out.set_verify_mode(asio::ssl::verify_peer);
        return out;
    }
    std::string ask(asio::io_context& io, const std::string& sent, std::string_view end)
    {
        std::string got;
        bool ended = false;
        asio::async_write(stream, asio::buffer(sent), [](error_code, std::size_t) {});
        std::array<char, 4096> bytes{};
        const std::function<void()> more = [&] {
            stream.async_read_some(asio::buffer(bytes), [&](error_code ec, std::size_t n) {
                got.append(bytes.data(), n);
                ended = ec.failed() || got.find(end) != std::string::npos;
                if (!ended)
                    more();
            });
        };
        more();
        run_until(io, [&] { return ended; });
        return got;
    }
    asio::ssl::context context;
    asio::ssl::stream<asio::ip::tcp::socket> stream;
    int shaken = 0;
};

TEST_CASE("the same over TLS, from PEM in text and in files")
{
    const mayfly_test::test_authority authority;
    const auto identity = authority.issue();
    const mayfly_test::temporary_file certificate(identity.certificate);
    const mayfly_test::temporary_file key(identity.key);
    const server_options both[] = {
        {.certificate = identity.certificate, .key = identity.key},
        {.certificate = certificate.path(), .key = key.path()},
    };
    for (const server_options& options : both) {
        fixture f(options);
        tls_client client(f.io, authority.certificate(), f.served.port());
        REQUIRE(run_until(f.io, [&] { return client.shaken != 0; }));
        REQUIRE(client.shaken == 1);
        CHECK(has(client.ask(f.io, "GET /1 HTTP/1.1\r\n\r\n", "GET /1 []"), "200 OK"));
        const std::string large(100'000, 'x');
        CHECK(has(client.ask(f.io, "POST /2 HTTP/1.1\r\nContent-Length: 100000\r\n\r\n" + large, "xxx]"), large + "]"));

        // One that goes while its handler runs.
        const std::string waits = "GET /wait HTTP/1.1\r\n\r\n";
        asio::async_write(client.stream, asio::buffer(waits), [](error_code, std::size_t) {});
        REQUIRE(run_until(f.io, [&] { return f.state.waiting == 1; }));
        client.stream.next_layer().close();
        CHECK(run_until(f.io, [&] { return f.state.cancelled == 1 && f.served.connections() == 0; }));

        // One that does not speak TLS.
        raw_client open(f.io, f.served.port());
        open.send("GET / HTTP/1.1\r\n\r\n");
        CHECK_FALSE(has(open.read_to_end(), "HTTP/1.1"));
        CHECK_FALSE(f.stop());
    }
}

/// Holds a server until it is destroyed itself, waiting for what never comes.
asio::awaitable<void> hold(std::shared_ptr<server> held, std::shared_ptr<asio::steady_timer> first)
{
    asio::steady_timer never(first->get_executor(), std::chrono::steady_clock::time_point::max());
    co_await never.async_wait(asio::use_awaitable);
    held->close();
}

TEST_CASE("a context may go with connections in it, and take the server along at any moment of that")
{
    // Which of the frames a context destroys first is its own affair: so, one that goes before and one that goes after.
    for (const bool holder_is_first : {true, false}) {
        for (const bool own_timer : {true, false}) {
            CAPTURE(holder_is_first);
            CAPTURE(own_timer);
            asio::io_context io;
            const auto gate = std::make_shared<asio::steady_timer>(io, std::chrono::steady_clock::time_point::max());
            int waiting = 0;
            auto served = std::make_shared<server>(io.get_executor(), [&, gate](request) -> asio::awaitable<response> {
                const auto executor = co_await asio::this_coro::executor;
                asio::steady_timer own(executor, std::chrono::steady_clock::time_point::max());
                ++waiting;
                co_await (own_timer ? own : *gate).async_wait(asio::use_awaitable);
                co_return response{status::ok, 11};
            });
            REQUIRE_FALSE(served->listen());
            const std::uint16_t port = served->port();
            if (holder_is_first)
                asio::co_spawn(io, hold(served, gate), asio::detached);
            raw_client idle(io, port);
            raw_client busy(io, port);
            busy.send("GET / HTTP/1.1\r\n\r\n");
            CHECK(run_until(io, [&] { return waiting == 1 && served->connections() == 2; }));
            if (!holder_is_first) {
                asio::co_spawn(io, hold(served, gate), asio::detached);
                io.poll();
            }
            served.reset();
        }
    }
}

TEST_CASE("dates as HTTP writes them")
{
    struct row {
        const char* why;
        long long at;
        const char* date;
    };
    const row rows[] = {
        {"the beginning", 0, "Thu, 01 Jan 1970 00:00:00 GMT"},
        {"the specification's own", 784111777, "Sun, 06 Nov 1994 08:49:37 GMT"},
        {"a leap day", 1709251199, "Thu, 29 Feb 2024 23:59:59 GMT"},
    };
    for (const row& r : rows)
        CHECK_MESSAGE(
            mayfly::http::detail::http_date(std::chrono::sys_seconds{std::chrono::seconds{r.at}}) == r.date, r.why);
}

}  // namespace
