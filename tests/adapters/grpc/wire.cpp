// SPDX-License-Identifier: BSL-1.0
#include "frames.hpp"

#include <mayfly/grpc/detail/client_session.hpp>
#include <mayfly/grpc/detail/server_session.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

// Both sides without sockets: against each other, and against frames written by hand.

using namespace grpc_test;
using namespace mayfly::grpc;
using namespace mayfly::grpc::detail;

namespace {

constexpr server_session::time_point t0{std::chrono::seconds{1000}};
/// A client and what it hears.
struct client {
    client_session session{{}, {.message = 1000, .header_list = 4000}};
    client_stream stream{};
    std::string text = "hello";
    bool alive = true;

    client()
    {
        stream.message = text;
        REQUIRE(session.start(stream, {.authority = "h", .path = "/a.B/C", .user_agent = "t"}));
    }
    std::string sent()
    {
        std::string out;
        session.pull(out, 1 << 20);
        return out;
    }
    void hear(std::string_view bytes, std::size_t piece = 1000)
    {
        for (std::size_t i = 0; i < bytes.size() && alive; i += piece)
            alive = session.feed(bytes.substr(i, piece));
    }
    reply answer()
    {
        client_stream* const s = session.next_over();
        REQUIRE(s == &stream);
        return s->answer.finish(s->code);
    }
};

struct wired_server {
    server_session session;
    bool alive = true;

    explicit wired_server(server_limits limits = {.message = 1000, .header_list = 4000, .held = 5000})
        : session({.max_streams = 10}, limits)
    {}
    std::string hear(std::string_view bytes, std::size_t piece = 1000)
    {
        for (std::size_t i = 0; i < bytes.size() && alive; i += piece)
            alive = session.feed(bytes.substr(i, piece), t0);
        std::string out;
        session.pull(out, 1 << 20);
        return out;
    }
};

}  // namespace

TEST_CASE("an answer is the same however its frames are cut, in whole and at every byte")
{
    const std::string m = message("world!");
    const std::string answer = settings +
                               frame(1, 4, 1, field(":status", "200") + field("content-type", "application/grpc")) +
                               frame(0, 0, 1, m.substr(0, 3)) + frame(0, 0, 1, "") + frame(0, 0, 1, m.substr(3)) +
                               frame(1, 5, 1, field("grpc-status", "0"));
    for (std::size_t piece = 1; piece <= answer.size(); ++piece) {
        client c;
        c.sent();
        c.hear(answer, piece);
        const reply r = c.answer();
        CHECK(r.status.ok());
        CHECK(r.message == "world!");
    }
    // A connection that ends anywhere in it has lost the call, and not answered it.
    for (std::size_t n = 0; n < answer.size(); ++n) {
        client c;
        c.sent();
        c.hear(std::string_view(answer).substr(0, n));
        CHECK(c.session.next_over() == nullptr);
        CHECK(c.session.next_lost() == &c.stream);
        CHECK(c.stream.on_wire);
    }
}

TEST_CASE("a call is the same however its frames are cut")
{
    client c;
    const std::string bytes = c.sent();
    for (std::size_t piece = 1; piece <= bytes.size(); ++piece) {
        wired_server s;
        s.hear(bytes, piece);
        const auto call = s.session.next_arrived();
        REQUIRE(call);
        CHECK(call->request.path == "/a.B/C");
        CHECK(call->request.message == "hello");
        CHECK(!s.session.next_arrived());
    }
}

TEST_CASE("a client hears of what was refused, and of what never was looked at")
{
    struct row {
        const char* why;
        std::string bytes;
        bool untouched;
        bool draining;
    };
    const std::string zero(4, '\0');
    const row rows[] = {
        {"REFUSED_STREAM", frame(3, 0, 1, std::string("\0\0\0\7", 4)), true, false},
        {"GOAWAY before it", frame(7, 0, 0, zero + zero), true, true},
        {"RST_STREAM: CANCEL", frame(3, 0, 1, std::string("\0\0\0\10", 4)), false, false},
        {"RST_STREAM: INTERNAL_ERROR", frame(3, 0, 1, std::string("\0\0\0\2", 4)), false, false},
    };
    for (const row& r : rows) {
        client c;
        c.sent();
        c.hear(settings + r.bytes, 1);
        client_stream* const s = c.session.next_over();
        REQUIRE_MESSAGE(s == &c.stream, r.why);
        CHECK_MESSAGE((s->code == NGHTTP2_REFUSED_STREAM && !s->answer.begun()) == r.untouched, r.why);
        CHECK_MESSAGE(c.session.draining() == r.draining, r.why);
        CHECK_MESSAGE(c.session.can_start() == !r.draining, r.why);
    }

    client later;
    later.sent();
    later.hear(settings + frame(7, 0, 0, std::string("\0\0\0\1", 4) + zero));
    CHECK(later.session.draining());
    CHECK(later.session.next_over() == nullptr);
    later.hear(frame(1, 5, 1, field(":status", "200") + field("grpc-status", "5")));
    CHECK(later.answer().status.code == status_code::not_found);
}

TEST_CASE("a client gives up on what is too large or too long, and on what is no HTTP/2")
{
    client giant;
    giant.sent();
    giant.hear(settings + frame(1, 4, 1, field(":status", "200") + field("x", std::string(5000, 'x'))));
    giant.sent();
    CHECK(giant.answer().status.code == status_code::resource_exhausted);

    client http1;
    http1.sent();
    http1.hear("HTTP/1.1 400 Bad Request\r\n\r\n");
    http1.sent();
    CHECK((!http1.alive || http1.session.over()));

    client large;
    large.sent();
    large.hear(settings + frame(1, 4, 1, field(":status", "200") + field("content-type", "application/grpc")) +
               frame(0, 0, 1, message(std::string(1001, 'x')).substr(0, 100)));
    CHECK(large.answer().status.code == status_code::resource_exhausted);
    CHECK(large.sent().find(frame(3, 0, 1, std::string("\0\0\0\10", 4))) != std::string::npos);
}

TEST_CASE("a dropped call is reset, and what still comes for it is dropped too")
{
    client c;
    c.sent();
    c.hear(settings);
    c.session.drop(c.stream);
    CHECK(c.sent().find(frame(3, 0, 1, std::string("\0\0\0\10", 4))) != std::string::npos);
    c.hear(frame(1, 5, 1, field(":status", "200") + field("grpc-status", "0")));
    CHECK(c.alive);
    CHECK(c.session.next_over() == nullptr);

    // Before anything of it has left.
    client_session early({}, {});
    client_stream s;
    REQUIRE(early.start(s, {.authority = "h", .path = "/a", .user_agent = "t"}));
    early.drop(s);
    std::string out;
    early.pull(out, 1 << 20);
    CHECK(early.next_lost() == nullptr);
}

TEST_CASE("a server answers for calls that are none")
{
    using enum status_code;
    struct row {
        const char* why;
        std::string head;
        std::string data;
        status_code code;
        const char* words;
    };
    const std::string m = message("hello");
    const std::string gzip = field("grpc-encoding", "gzip");
    // It says that it becomes 4 GiB.
    const std::string bomb = std::string("\x1f\x8b\x08\0\0\0\0\0\0\3", 10) + std::string(20, 'x') + "\xff\xff\xff\xff";
    const row rows[] = {
        {"GET", field(":method", "GET") + field(":scheme", "http") + field(":path", "/") + field(":authority", "h"), m,
            unknown, "HTTP status 405"},
        {"another content type",
            field(":method", "POST") + field(":scheme", "http") + field(":path", "/") + field(":authority", "h") +
                field("content-type", "text/plain"),
            m, unknown, "HTTP status 415"},
        {"a bad timeout", call_head(field("grpc-timeout", "soon")), m, internal, "grpc-timeout"},
        {"an unknown encoding", call_head(field("grpc-encoding", "br")), m, unimplemented, "use gzip"},
        {"giant fields", call_head(field("x", std::string(5000, 'x'))), m, resource_exhausted, "4000 bytes"},
        {"no message", call_head(), "", internal, "no message"},
        {"half a prefix", call_head(), m.substr(0, 3), internal, "truncated"},
        {"half a message", call_head(), m.substr(0, 7), internal, "truncated"},
        {"two messages", call_head(), m + m, internal, "more than one"},
        {"an unknown flag", call_head(), '\2' + m.substr(1), internal, "flag"},
        {"compressed without an encoding", call_head(), '\1' + m.substr(1), internal, "does not say how"},
        {"broken gzip", call_head(gzip), '\1' + m.substr(1), internal, "no valid gzip"},
        {"a gzip bomb", call_head(gzip), '\1' + message(bomb).substr(1), resource_exhausted, "after decompression"},
        {"too large", call_head(), message(std::string(1001, 'x')), resource_exhausted, "(1001 vs. 1000)"},
    };
    for (const row& r : rows) {
        wired_server s;
        // The client side reads the answer: HPACK is not for tests to parse.
        client c;
        c.sent();
        std::string out = s.hear(preface + settings + frame(1, 4, 1, r.head));
        out += s.hear(frame(0, 1, 1, r.data));
        CHECK_MESSAGE(s.alive, r.why);
        CHECK_MESSAGE(!s.session.next_arrived(), r.why);
        CHECK_MESSAGE(s.session.open() == 0, r.why);
        CHECK_MESSAGE(s.session.coming() == 0, r.why);
        c.hear(out);
        const reply a = c.answer();
        CHECK_MESSAGE(a.status.code == r.code, r.why);
        CHECK_MESSAGE(a.status.message.find(r.words) != std::string::npos, r.why << ": " << a.status.message);
    }
}

TEST_CASE("a client that only makes work is told to calm down")
{
    const std::string zero(4, '\0');
    const auto calmed = [&](const std::string& what, int times) {
        wired_server s;
        std::string out = s.hear(preface + settings);
        for (int i = 0; i < times && s.alive && !s.session.over(); ++i)
            out += s.hear(what);
        return goaway_in(out) == NGHTTP2_ENHANCE_YOUR_CALM || !s.alive;
    };
    CHECK(!calmed(frame(6, 0, 0, zero + zero), 100));
    CHECK(calmed(frame(6, 0, 0, zero + zero), 300));
    CHECK(!calmed(frame(4, 0, 0), 20));
    CHECK(calmed(frame(4, 0, 0), 100));
    CHECK(!calmed(frame(8, 0, 0, std::string("\0\0\0\1", 4)), 1000));
    CHECK(calmed(frame(8, 0, 0, std::string("\0\0\0\1", 4)), 30'000));

    // Calls that are begun and reset at once.
    wired_server s;
    std::string out = s.hear(preface + settings);
    std::uint32_t id = 1;
    for (; id < 10'000 && s.alive && !s.session.over(); id += 2)
        out += s.hear(frame(1, 4, id, call_head()) + frame(3, 0, id, std::string("\0\0\0\10", 4)));
    CHECK((goaway_in(out) == NGHTTP2_ENHANCE_YOUR_CALM || !s.alive));
    CHECK(id > 1'000);
    CHECK(s.session.open() == 0);
}

TEST_CASE("a call whose client has gone is told of once it was taken, and only then")
{
    wired_server s;
    s.hear(preface + settings + frame(1, 4, 1, call_head()) + frame(0, 1, 1, message("x")) +
           frame(3, 0, 1, std::string("\0\0\0\10", 4)));
    CHECK(!s.session.next_arrived());
    CHECK(!s.session.next_gone());

    s.hear(frame(1, 4, 3, call_head()) + frame(0, 1, 3, message("x")));
    CHECK(s.session.next_arrived()->id == 3);
    s.hear(frame(3, 0, 3, std::string("\0\0\0\10", 4)));
    CHECK(s.session.next_gone() == 3);
    s.session.respond(3, {});  // too late, and no harm
    CHECK(s.session.open() == 0);
}

TEST_CASE("calls that do not come whole have a bound together")
{
    wired_server s;  // 1000 bytes of a message, 5000 of all
    s.hear(preface + settings);
    for (std::uint32_t id = 1; id < 16; id += 2) {
        s.hear(frame(1, 4, id, call_head()) + frame(0, 0, id, message(std::string(900, 'x')).substr(0, 895)));
        CHECK(s.session.coming() <= 5000);
    }
    CHECK(s.session.open() == 5);
    s.hear(frame(0, 1, 1, "12345678901"));
    CHECK(!s.session.next_arrived());  // it was too long
    s.hear(frame(0, 1, 3, "1234567890"));
    CHECK(s.session.next_arrived()->id == 3);
    CHECK(s.session.coming() == 890 * 3);
    s.hear(frame(3, 0, 5, std::string("\0\0\0\10", 4)));
    CHECK(s.session.coming() == 890 * 2);
    CHECK(s.alive);
}

TEST_CASE("whoever wants answers and takes none is given up, on both sides")
{
    // Streams beyond the limit, which all are to be refused.
    wired_server s;
    std::string bytes = preface + settings;
    std::uint32_t id = 1;
    for (; id < 100'000 && s.alive; id += 2) {
        s.alive = s.session.feed(bytes, t0);
        bytes = frame(1, 4, id, call_head());
    }
    CHECK(!s.alive);
    CHECK(id > 1000);

    client pinged;
    pinged.sent();
    pinged.hear(settings);
    for (int i = 0; i < 10'000 && pinged.alive; ++i)
        pinged.hear(frame(6, 0, 0, "12345678"));
    CHECK(!pinged.alive);
}

TEST_CASE("a client outlives a server that only makes work, as long as it takes the answers")
{
    client c;
    c.sent();
    c.hear(settings);
    c.sent();
    for (int i = 0; i < 5'000; ++i) {
        c.hear(frame(6, 0, 0, "12345678"));
        c.hear(frame(4, 0, 0));
        c.hear(frame(8, 0, 0, std::string("\0\0\0\1", 4)));
        c.hear(frame(0xbe, 0, 0, "unknown"));
        CHECK(c.sent().size() == 17 + 9);
    }
    CHECK(c.alive);
    c.hear(grpc_test::answer(1, "hello"));
    CHECK(c.answer().message == "hello");

    // Interim answers without end.
    client patient;
    patient.sent();
    patient.hear(settings);
    for (int i = 0; i < 100; ++i)
        patient.hear(frame(1, 4, 1, field(":status", "103")));
    patient.sent();
    CHECK(patient.answer().status.code == status_code::resource_exhausted);
}

TEST_CASE("fields that are more than can be sent end their call, and nothing else")
{
    const std::string giant(2 * 1024 * 1024, 'x');
    client c;
    c.sent();
    c.hear(settings);
    client_stream other;
    const metadata more{{"x", giant}};
    REQUIRE(c.session.start(other, {.authority = "h", .path = "/a", .user_agent = "t", .more = &more}));
    c.sent();
    REQUIRE(c.session.next_over() == &other);
    const reply r = other.answer.finish(other.code);
    CHECK(r.status.code == status_code::resource_exhausted);
    CHECK(r.status.message.find("too large to be sent") != std::string::npos);
    c.hear(grpc_test::answer(1, "hello"));
    CHECK(c.answer().message == "hello");

    wired_server s;
    std::string out = s.hear(preface + settings + frame(1, 4, 1, call_head()) + frame(0, 1, 1, message("x")));
    REQUIRE(s.session.next_arrived());
    reply large;
    large.trailers.add("x", giant);
    s.session.respond(1, large);
    out += s.hear("");
    CHECK(s.session.open() == 0);
    CHECK(s.session.going() == 0);
    client asked;
    asked.sent();
    asked.hear(out);
    CHECK(asked.answer().status.code == status_code::internal);
}
