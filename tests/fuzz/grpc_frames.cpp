// SPDX-License-Identifier: BSL-1.0

// Bytes that a peer may send, to both sides of gRPC: whatever they are, both end, keep little, and do not mind how the
// bytes are cut.

#include "bytes.hpp"

#include <mayfly/grpc/detail/client_session.hpp>
#include <mayfly/grpc/detail/server_session.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace {

using namespace mayfly::grpc;
using namespace mayfly::grpc::detail;

constexpr std::size_t limit = 2'000;
constexpr std::size_t held = 3 * limit;
constexpr server_session::time_point t0{std::chrono::seconds{1000}};

std::string frame(unsigned type, unsigned flags, std::uint32_t id, std::string_view payload)
{
    std::string out;
    for (const unsigned shift : {16U, 8U, 0U})
        out += static_cast<char>((payload.size() >> shift) & 255U);
    out += static_cast<char>(type);
    out += static_cast<char>(flags);
    for (const unsigned shift : {24U, 16U, 8U, 0U})
        out += static_cast<char>((id >> shift) & 255U);
    return out.append(payload);
}

std::string field(std::string_view name, std::string_view value)
{
    std::string out(1, '\0');
    out += static_cast<char>(name.size());
    out += name;
    out += static_cast<char>(value.size());
    return out.append(value);
}

std::string fields(fuzz::bytes& in, bool from_client)
{
    std::string out;
    if (from_client)
        out += field(":method", in.below(8) == 0 ? "GET" : "POST") + field(":scheme", "http") + field(":path", "/a") +
               field(":authority", "h");
    else if (in.below(8) != 0)
        out += field(":status", in.below(4) == 0 ? "503" : "200");
    if (in.below(8) != 0)
        out += field("content-type", in.below(8) == 0 ? "text/html" : "application/grpc");
    switch (in.below(8)) {
    case 0: out += field("grpc-status", "0"); break;
    case 1: out += field("grpc-status", "5") + field("grpc-message", "%41"); break;
    case 2: out += field("grpc-encoding", "gzip"); break;
    case 3: out += field("grpc-timeout", "1S"); break;
    case 4: out += field("x-bin", "Zm9v"); break;
    case 5: out += field("x", std::string(in.below(120), 'x')); break;
    default: break;
    }
    return out;
}

/// Frames that mostly make sense, and now and then bytes that do not.
std::string conversation(fuzz::bytes& in, bool from_client, bool calm)
{
    std::string out = from_client ? "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" : "";
    out += frame(4, 0, 0, "");
    for (int n = 0; n < 60 && !in.empty(); ++n) {
        const std::uint32_t id = 1 + 2 * in.below(4);
        std::string number(4, '\0');
        number[3] = static_cast<char>(in.below(16));
        switch (in.below(12)) {
        case 0:
        case 1: out += frame(1, 4U | in.below(2), id, fields(in, from_client)); break;
        case 2:
        case 3:
        case 4: {
            const std::size_t size = in.below(200);
            const auto prefix = message_prefix(in.below(16) == 0 ? in.count32() : size);
            std::string m(prefix.data(), prefix.size());
            m[0] = in.below(8) == 0 ? '\1' : '\0';
            m.append(size, 'm');
            out += frame(0, in.below(2), id, m.substr(0, m.size() - in.below(3)));
            break;
        }
        case 5: out += frame(0, in.below(2), id, std::string(in.below(100), 'd')); break;
        case 6:
            if (!calm)
                out += frame(3, 0, id, number);
            break;
        case 7: out += frame(7, 0, 0, number + std::string(4, '\0')); break;
        case 8: out += frame(6, in.below(2), 0, std::string(8, 'p')); break;
        case 9: out += frame(1, 5, id, field("grpc-status", in.flag() ? "0" : "7")); break;
        case 10: out += frame(4, in.below(2), 0, ""); break;
        default: out += static_cast<char>(in.byte()); break;
        }
    }
    return out;
}

/// What a side made of it.
struct seen {
    std::vector<std::string> calls{};
    bool alive = true;
};

std::size_t piece_of(std::size_t n, std::size_t total)
{
    return n == 0 ? std::max<std::size_t>(1, total) : n;
}

seen as_server(std::string_view bytes, std::size_t piece, bool calm)
{
    server_session s({.max_streams = 4}, {.message = limit, .header_list = 500, .held = held});
    seen out;
    std::size_t taken = 0;
    const std::size_t step = piece_of(piece, bytes.size());
    for (std::size_t i = 0; i < bytes.size() && out.alive; i += step) {
        out.alive = s.feed(bytes.substr(i, step), t0);
        MUST("what is kept has a bound", s.coming() <= held && s.open() <= 100);
        while (auto call = s.next_arrived()) {
            MUST("no message is larger than its limit", call->request.message.size() <= limit);
            out.calls.push_back(std::to_string(call->id) + call->request.path + call->request.message);
            if (++taken % 2 == 0 && !calm)
                s.respond(call->id, {});
        }
        while (s.next_gone())
            taken += 0;
        std::string answer;
        s.pull(answer, 1 << 20);
        out.alive = out.alive && !s.over();
    }
    std::sort(out.calls.begin(), out.calls.end());
    return out;
}

seen as_client(std::string_view bytes, std::size_t piece, bool)
{
    client_session c({}, {.message = limit, .header_list = 500});
    std::vector<client_stream> streams(3);
    std::string out_bytes;
    for (client_stream& s : streams) {
        s.message = "hello";
        c.start(s, {.authority = "h", .path = "/a", .user_agent = "f"});
    }
    c.pull(out_bytes, 1 << 20);
    seen out;
    std::size_t ended = 0;
    const auto note = [&](client_stream& s, bool lost) {
        ++ended;
        const reply r = lost ? reply{} : s.answer.finish(s.code);
        MUST("no message is larger than its limit", r.message.size() <= limit);
        MUST("a failure has no message", r.status.ok() || r.message.empty());
        out.calls.push_back(
            std::to_string(s.id) + (lost ? "lost" : std::to_string(static_cast<int>(r.status.code)) + r.message));
    };
    const std::size_t step = piece_of(piece, bytes.size());
    for (std::size_t i = 0; i < bytes.size() && out.alive; i += step) {
        // Planted: a byte at the end of a piece goes astray.
        const std::string_view part = bytes.substr(i, step);
        out.alive = c.feed(fuzz::planted() == 1 && part.size() == 7 && i > 100 ? part.substr(0, 6) : part);
        // Planted: whoever was reset is forgotten.
        while (client_stream* const s = c.next_over())
            if (fuzz::planted() != 2 || s->code == 0)
                note(*s, false);
        out_bytes.clear();
        c.pull(out_bytes, 1 << 20);
        out.alive = out.alive && !c.over();
    }
    while (client_stream* const s = c.next_over())
        note(*s, false);
    while (client_stream* const s = c.next_lost())
        note(*s, true);
    MUST("every call ends, once", ended == streams.size());
    std::sort(out.calls.begin(), out.calls.end());
    return out;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size)
{
    fuzz::bytes in(data, size);
    const bool from_client = in.flag();
    const bool calm = in.flag();
    const std::string bytes = in.below(16) == 0 ? std::string(reinterpret_cast<const char*>(data), size)
                                                : conversation(in, from_client, calm);
    const auto run = from_client ? &as_server : &as_client;
    const seen one = run(bytes, 1, calm);
    const seen other = run(bytes, 7, calm);
    // What we answer, and what the peer takes back, means something else before and after the peer's next bytes. Where
    // there is neither, and nobody gave up, the pieces must not show.
    if (calm && one.alive && other.alive)
        MUST("pieces make no difference", one.calls == other.calls);
    return 0;
}
