// SPDX-License-Identifier: BSL-1.0
#include "bytes.hpp"

#include <mayfly/http/detail/exchange.hpp>

#include <boost/asio/buffer.hpp>
#include <boost/asio/error.hpp>
#include <boost/system/error_code.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <iterator>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

// One exchange of the client with a server that says whatever it likes, in whatever pieces. Planted defects: 1 to 3 of
// `peer`, 4 and 5 of `ask`, 6 of `well_formed`.

using namespace mayfly;
using boost::system::error_code;

namespace {

constexpr http::detail::response_limits small{.header = 512, .body = 1024};

/// The other end of a connection, and how it treats what is written and read.
struct peer {
    using handler = std::function<void(error_code, std::size_t)>;

    std::string_view says;
    std::vector<std::size_t> cuts{};  ///< Sizes of the pieces, over and over; none for all at once.
    std::size_t takes = 1'000'000;    ///< Of the request, without waiting.
    bool resets = false;              ///< Ends with an error instead of the end of the stream.

    handler reader{};
    handler writer{};
    boost::asio::mutable_buffer room{};
    std::size_t wanted = 0;
    std::size_t next_cut = 0;
    bool cut_before = false;

    template <class Buffers>
    std::size_t write_now(const Buffers& buffers, error_code& ec)
    {
        const std::size_t n = std::min(takes, boost::asio::buffer_size(buffers));
        takes -= n;
        ec = n == 0 ? boost::asio::error::would_block : error_code();
        return n;
    }
    template <class Buffers, class Handler>
    void async_write_some(const Buffers& buffers, Handler&& h)
    {
        wanted = boost::asio::buffer_size(buffers);
        writer = std::forward<Handler>(h);
    }
    template <class Buffer, class Handler>
    void async_read_some(const Buffer& buffer, Handler&& h)
    {
        MUST("one read at a time", !reader);
        room = buffer;
        reader = std::forward<Handler>(h);
    }

    /// One piece, or the end. False if nobody reads.
    bool speak()
    {
        if (!reader)
            return false;
        const handler h = std::exchange(reader, nullptr);
        if (says.empty()) {
            if (fuzz::planted() == 2)  // the end is not told
                return false;
            const error_code reset = boost::asio::error::connection_reset;
            h(resets ? reset : boost::asio::error::eof, 0);
            return true;
        }
        std::size_t n = std::min(says.size(), room.size());
        if (!cuts.empty())
            n = std::min(n, cuts[next_cut++ % cuts.size()]);
        boost::asio::buffer_copy(room, boost::asio::buffer(says.data(), n));
        says.remove_prefix(n);
        if (fuzz::planted() == 1 && n > 1 && says.size() > 1 && says.size() % 5 == 0)  // the last of a piece is lost
            --n;
        h({}, n);
        return true;
    }

    /// Takes the rest of the request.
    void take()
    {
        if (const handler h = std::exchange(writer, nullptr))
            h({}, wanted);
    }
};

/// Who waits for the exchange.
struct asker {
    explicit asker(peer p) : server(std::move(p)) {}

    peer server;
    http::detail::exchange<peer> exchange{server};
    error_code ec{};
    int ended = 0;

    [[nodiscard]] bool attached() const { return true; }
    void moved(http::detail::exchange<peer>::step) {}
    void exchanged(error_code e)
    {
        ec = e;
        ++ended;
    }
};

struct outcome {
    error_code ec{};
    bool reusable = false;
    std::size_t unread = 0;
    unsigned status = 0;
    std::string reason{};
    std::vector<std::pair<std::string, std::string>> fields{};
    std::string body{};
};

std::shared_ptr<const http::request> request_of(http::verb method, std::size_t body)
{
    return std::make_shared<const http::request>(method, "/", 11, std::string(body, 'q'));
}

outcome ask(peer server, http::verb method, std::size_t body)
{
    const auto a = std::make_shared<asker>(std::move(server));
    a->exchange.start(a, request_of(method, body), {.host = "h"}, small);
    for (bool more = true; more && a->ended == 0;)
        more = a->server.speak();
    a->server.take();
    MUST("every exchange ends, once", a->ended == 1);

    outcome out{.ec = a->ec, .reusable = !a->ec && a->exchange.reusable(), .unread = a->exchange.unread()};
    if (out.reusable)
        MUST("a connection that is kept is quiet", !a->server.reader && !a->server.writer);
    a->server.reader = a->server.writer = nullptr;
    if (out.ec)
        return out;
    http::response r = a->exchange.take_response();
    out.status = r.result_int();
    out.reason = std::string(r.reason());
    std::size_t head = 0;
    for (const auto& f : r) {
        out.fields.emplace_back(std::string(f.name_string()), std::string(f.value()));
        head += f.name_string().size() + f.value().size();
    }
    out.body = std::move(r.body());
    if (fuzz::planted() == 4)  // bodies have no limit
        out.body.append(small.body, '.');
    if (fuzz::planted() == 5 && out.fields.size() > 1)  // a field is lost
        out.fields.erase(out.fields.begin());
    MUST("no response is larger than its limits", out.body.size() <= small.body && head <= small.header);
    MUST("a response has a status, and is the last one", out.status >= 101 && (out.status >= 200 || out.status == 101));
    return out;
}

std::vector<std::size_t> read_cuts(fuzz::bytes& in)
{
    std::vector<std::size_t> all;
    for (std::uint32_t n = 1 + in.below(6); n > 0; --n)
        all.push_back(1 + in.below(40));
    return all;
}

void same_in_pieces(fuzz::bytes& in, std::string_view text, http::verb method)
{
    const std::uint8_t how = in.byte();
    peer whole{.says = text, .resets = (how & 1U) != 0};
    if ((how & 2U) != 0)
        whole.takes = in.byte();
    peer pieces = whole;
    pieces.cuts = read_cuts(in);
    const std::size_t body = (how & 4U) != 0 ? 20'000 : 0;
    const outcome a = ask(whole, method, body);
    const outcome b = ask(pieces, method, body);
    // Which error it is may depend on how much of what is wrong is there at once.
    MUST("pieces make no difference", a.ec.failed() == b.ec.failed() && a.status == b.status && a.reason == b.reason &&
                                          a.fields == b.fields && a.body == b.body);
    // What comes after a response may come later than somebody has looked.
    if (a.unread == 0)
        MUST("pieces make no difference", a.reusable == b.reusable);
}

std::string token(fuzz::bytes& in, std::size_t most)
{
    constexpr std::string_view letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_";
    std::string out;
    for (std::size_t n = 1 + in.below(static_cast<std::uint32_t>(most)); n > 0; --n)
        out += letters[in.below(static_cast<std::uint32_t>(letters.size()))];
    return out;
}

std::string hex(std::size_t n)
{
    std::string out;
    for (; n > 0 || out.empty(); n /= 16)
        out.insert(out.begin(), "0123456789abcdef"[n % 16]);
    return out;
}

/// What a server that keeps to the rules says, and how it is to be understood.
void well_formed(fuzz::bytes& in)
{
    constexpr unsigned codes[] = {200, 202, 302, 400, 404, 429, 500, 503};
    const unsigned status = codes[in.below(8)];
    const std::uint8_t how = in.byte();
    std::string text;
    for (unsigned n = how & 3U; n > 1; --n)
        text += "HTTP/1.1 100 Continue\r\n\r\n";
    text += "HTTP/1.1 " + std::to_string(status) + " " + token(in, 10) + "\r\n";
    outcome meant{.status = status};
    for (std::uint32_t n = in.below(5); n > 0; --n) {
        meant.fields.emplace_back("X-" + token(in, 8), token(in, 20));
        const auto& [name, value] = meant.fields.back();
        text += name + ((how & 4U) != 0 ? ":  " : ": ") + value + "\r\n";
    }
    for (std::uint32_t n = in.below(200); n > 0; --n)
        meant.body += static_cast<char>(in.byte());

    const unsigned framing = in.below(3);
    bool closes = false;
    if (framing == 0) {
        text += "Content-Length: " + std::to_string(meant.body.size()) + "\r\n\r\n" + meant.body;
    } else if (framing == 1) {
        text += "Transfer-Encoding: chunked\r\n\r\n";
        for (std::size_t at = 0; at < meant.body.size();) {
            const std::size_t n = std::min<std::size_t>(1 + in.below(50), meant.body.size() - at);
            text += hex(n) + ((how & 8U) != 0 ? ";ext=1" : "") + "\r\n" + meant.body.substr(at, n) + "\r\n";
            at += n;
        }
        text += (how & 16U) != 0 ? "0\r\nX-Trailer: 1\r\n\r\n" : "0\r\n\r\n";
    } else {
        text += "Connection: close\r\n\r\n" + meant.body;
        closes = true;
    }
    if (fuzz::planted() == 6 && !meant.body.empty())  // the body is another one
        meant.body.back() = static_cast<char>(meant.body.back() ^ 1);

    const outcome got = ask({.says = text, .cuts = read_cuts(in)}, http::verb::post, 3);
    MUST("what is well-formed is understood", !got.ec && got.status == meant.status && got.body == meant.body);
    for (const auto& field : meant.fields)
        MUST("what is well-formed is understood",
            std::find(got.fields.begin(), got.fields.end(), field) != got.fields.end());
    MUST("what is well-formed is understood", got.reusable == !closes);
}

/// A server that never stops: what is kept of it has a bound.
void flood(fuzz::bytes& in)
{
    constexpr std::string_view begins[] = {"HTTP/1.1 200 OK\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 99999999\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n", "",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n", "HTTP/1.1 "};
    std::string text{begins[in.below(static_cast<std::uint32_t>(std::size(begins)))]};
    constexpr std::string_view units[] = {"HTTP/1.1 100 Continue\r\n\r\n", "1\r\na\r\n", "a", ""};
    std::string unit{units[in.below(static_cast<std::uint32_t>(std::size(units)))]};
    for (std::uint32_t n = unit.empty() ? 1 + in.below(40) : 0; n > 0; --n)
        unit += static_cast<char>(in.byte());
    constexpr std::size_t much = 1'500'000;
    text.reserve(much + unit.size());
    while (text.size() < much)
        text += unit;

    const auto a = std::make_shared<asker>(peer{.says = text});
    a->exchange.start(a, request_of(http::verb::get, 0), {.host = "h"}, small);
    while (a->ended == 0 && !a->server.says.empty()) {
        MUST("an exchange that has not ended reads on", a->server.speak());
        std::size_t kept = a->exchange.unread() + a->exchange.reader().head().body().size();
        if (fuzz::planted() == 3)  // nothing is thrown away
            kept = text.size() - a->server.says.size();
        MUST("what is kept has a bound", kept <= 1'100'000);
    }
    a->server.reader = a->server.writer = nullptr;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size)
{
    fuzz::bytes in{data, size};
    const std::uint32_t what = in.below(64);
    if (what == 0) {
        if (in.below(32) == 7)  // It takes long.
            flood(in);
    } else if (what < 24) {
        well_formed(in);
    } else {
        constexpr std::size_t script = 12;  // octets of the input, before the text
        const std::string_view text =
            size <= script ? std::string_view{}
                           : std::string_view{reinterpret_cast<const char*>(data) + script, size - script};
        same_in_pieces(in, text, what < 32 ? http::verb::head : http::verb::post);
    }
    return 0;
}
