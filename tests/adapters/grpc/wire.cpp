// SPDX-License-Identifier: BSL-1.0
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

using namespace mayfly::grpc;
using namespace mayfly::grpc::detail;

namespace {

constexpr server_session::time_point t0{std::chrono::seconds{1000}};
const std::string preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

std::string frame(unsigned type, unsigned flags, std::uint32_t id, std::string_view payload = "")
{
    std::string out;
    for (unsigned shift = 24; shift > 0;)
        out += static_cast<char>((payload.size() >> (shift -= 8)) & 255U);
    out += static_cast<char>(type);
    out += static_cast<char>(flags);
    for (unsigned shift = 32; shift > 0;)
        out += static_cast<char>((id >> (shift -= 8)) & 255U);
    return out.append(payload);
}

/// A header field as HPACK's plainest form: a literal that is not indexed, without Huffman.
std::string field(std::string_view name, std::string_view value)
{
    const auto text = [](std::string_view t) {
        std::string out;
        if (t.size() < 127) {
            out += static_cast<char>(t.size());
        } else {
            out += '\x7f';
            std::size_t rest = t.size() - 127;
            for (; rest >= 128; rest /= 128)
                out += static_cast<char>(rest % 128 + 128);
            out += static_cast<char>(rest);
        }
        return out.append(t);
    };
    return '\0' + text(name) + text(value);
}

std::string message(std::string_view text)
{
    const auto p = message_prefix(text.size());
    return std::string(p.data(), p.size()).append(text);
}

std::string call_head(std::string_view more = "")
{
    return field(":method", "POST") + field(":scheme", "http") + field(":path", "/a.B/C") + field(":authority", "h") +
           field("te", "trailers") + field("content-type", "application/grpc") + std::string(more);
}

const std::string settings = frame(4, 0, 0);

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

struct server {
    server_session session;
    bool alive = true;

    explicit server(server_limits limits = {.message = 1000, .header_list = 4000, .held = 5000})
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

/// The last GOAWAY's code among these frames, or -1.
int goaway_in(std::string_view bytes)
{
    int code = -1;
    while (bytes.size() >= 9) {
        const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(bytes[i]); };
        const std::size_t size = std::size_t{byte(0)} << 16U | std::size_t{byte(1)} << 8U | byte(2);
        if (byte(3) == 7 && bytes.size() >= 17)
            code = byte(16);
        bytes.remove_prefix(std::min(bytes.size(), size + 9));
    }
    return code;
}

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
        server s;
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
    struct row {
        const char* why;
        std::string head;
        std::string data;
        const char* status;
        const char* grpc;
    };
    const std::string m = message("hello");
    const row rows[] = {
        {"GET", field(":method", "GET") + field(":scheme", "http") + field(":path", "/") + field(":authority", "h"), m,
            "405", ""},
        {"another content type",
            field(":method", "POST") + field(":scheme", "http") + field(":path", "/") + field(":authority", "h") +
                field("content-type", "text/plain"),
            m, "415", ""},
        {"a bad timeout", call_head(field("grpc-timeout", "soon")), m, "200", "13"},
        {"an unknown encoding", call_head(field("grpc-encoding", "br")), m, "200", "12"},
        {"giant fields", call_head(field("x", std::string(5000, 'x'))), m, "200", "8"},
        {"no message", call_head(), "", "200", "13"},
        {"half a prefix", call_head(), "abc", "200", "13"},
        {"half a message", call_head(), m.substr(0, 7), "200", "13"},
        {"two messages", call_head(), m + m, "200", "13"},
        {"an unknown flag", call_head(), '\2' + m.substr(1), "200", "13"},
        {"compressed without an encoding", call_head(), '\1' + m.substr(1), "200", "13"},
        {"broken gzip", call_head(field("grpc-encoding", "gzip")), '\1' + m.substr(1), "200", "13"},
        {"too large", call_head(), message(std::string(1001, 'x')), "200", "8"},
    };
    for (const row& r : rows) {
        server s;
        // The client side of nghttp2 reads the answer: raw HPACK is not for tests to parse.
        client c;
        c.sent();
        s.hear(preface + settings + frame(1, 4, 1, r.head));
        std::string out = s.hear(frame(0, 1, 1, r.data));
        CHECK_MESSAGE(s.alive, r.why);
        CHECK_MESSAGE(!s.session.next_arrived(), r.why);
        CHECK_MESSAGE(s.session.open() == 0, r.why);
    }
}

TEST_CASE("a client that only makes work is told to calm down")
{
    const std::string zero(4, '\0');
    const auto calmed = [&](const std::string& what, int times) {
        server s;
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
    server s;
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
    server s;
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
