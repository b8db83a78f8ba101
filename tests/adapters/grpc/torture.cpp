// SPDX-License-Identifier: BSL-1.0
#include "frames.hpp"
#include "world.hpp"

#include <doctest/doctest.h>

#include <boost/asio/bind_executor.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/socket_base.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/asio/write.hpp>

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <future>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

// Peers that are slow, silent, rude or wrong, over real sockets.

using namespace grpc_test;
using grpc::status_code;
using mayfly::http::errc;

namespace {

using tcp = asio::ip::tcp;

/// A connection that only says what it is told to, and reads only if it is told to.
struct raw_peer : std::enable_shared_from_this<raw_peer> {
    explicit raw_peer(tcp::socket s) : socket(std::move(s)) {}

    void send(std::string bytes)
    {
        auto held = std::make_shared<std::string>(std::move(bytes));
        asio::async_write(socket, asio::buffer(*held), [held, self = shared_from_this()](error_code ec, std::size_t) {
            self->written += held->size();
            self->ended = self->ended || ec;
        });
    }
    /// `heard` is called whenever something has come; all of that is in `got`.
    void read(std::function<void(raw_peer&)> heard = {})
    {
        auto room = std::make_shared<std::array<char, 16 * 1024>>();
        socket.async_read_some(
            asio::buffer(*room), [room, heard, self = shared_from_this()](error_code ec, std::size_t n) {
                self->got.append(room->data(), n);
                self->ended = self->ended || ec;
                if (ec)
                    return;
                if (heard)
                    heard(*self);
                self->read(heard);
            });
    }
    void reset()
    {
        error_code ignored;
        socket.set_option(asio::socket_base::linger(true, 0), ignored);
        socket.close(ignored);
    }

    tcp::socket socket;
    std::string got{};
    std::size_t written = 0;
    bool ended = false;
};

std::shared_ptr<raw_peer> raw_client(world& w, std::uint16_t port)
{
    tcp::socket s(w.io);
    s.connect({asio::ip::make_address("127.0.0.1"), port});
    return std::make_shared<raw_peer>(std::move(s));
}

/// Does with each connection what it is told.
struct raw_server {
    raw_server(world& w, std::function<void(raw_peer&, std::size_t)> begin)
        : acceptor(w.io, {asio::ip::make_address("127.0.0.1"), 0}), begun(std::move(begin))
    {
        accept();
    }
    ~raw_server()
    {
        for (const auto& p : peers) {
            error_code ignored;
            p->socket.close(ignored);
        }
    }
    raw_server(const raw_server&) = delete;
    raw_server& operator=(const raw_server&) = delete;

    void accept()
    {
        acceptor.async_accept([this](error_code ec, tcp::socket s) {
            if (ec)
                return;
            peers.push_back(std::make_shared<raw_peer>(std::move(s)));
            begun(*peers.back(), peers.size());
            accept();
        });
    }
    [[nodiscard]] std::uint16_t port() const { return acceptor.local_endpoint().port(); }

    tcp::acceptor acceptor;
    std::function<void(raw_peer&, std::size_t)> begun;
    std::vector<std::shared_ptr<raw_peer>> peers{};
};

/// Tells `call` of each stream whose client has said all, and takes what was read so far.
void each_call(raw_peer& p, const std::function<void(std::uint32_t)>& call)
{
    if (p.got.starts_with(preface))
        p.got.erase(0, preface.size());
    std::string_view rest = p.got;
    std::vector<std::uint32_t> ended;
    for (auto before = rest;; before = rest) {
        const whole_frame f = take_frame(rest);
        if (f.type < 0)
            break;
        if (f.type <= 1 && (static_cast<unsigned char>(before[4]) & 1U) != 0)
            ended.push_back(f.id);
    }
    p.got.erase(0, p.got.size() - rest.size());
    for (const std::uint32_t id : ended)
        call(id);
}

void answer_all(raw_peer& p)
{
    p.send(settings);
    p.read([](raw_peer& self) { each_call(self, [&self](std::uint32_t id) { self.send(answer(id, "good")); }); });
}

const std::string widest =
    frame(4, 0, 0, std::string("\0\4\x7f\xff\xff\xff", 6)) + frame(8, 0, 0, std::string("\x7f\xff\0\0", 4));

}  // namespace

TEST_CASE("a server that falls silent is given up, and what may be asked again is asked elsewhere")
{
    world w;
    raw_server s(w, [](raw_peer& p, std::size_t n) {
        if (n % 2 == 0)
            return answer_all(p);
        p.send(settings);
        p.read();
    });
    grpc::channel_options o = quick();
    o.keepalive_interval = 20ms;
    o.keepalive_timeout = 20ms;
    grpc::channel c(w.io.get_executor(), plain(s.port()), o);
    const auto once = w.ask(c, "/t.T/Echo", "", {.retry = grpc::retry_policy::none()});
    CHECK(once->code() == status_code::unavailable);
    CHECK(once->says("did not answer a ping"));
    CHECK(s.peers.size() == 1);
    CHECK(w.ask(c, "/t.T/Echo", "", {.retry = grpc::retry_policy::none()})->reply.message == "good");

    grpc::channel other(w.io.get_executor(), plain(s.port()), o);
    CHECK(w.ask(other, "/t.T/Echo", "")->reply.message == "good");
    CHECK(other.stats().retried == 1);
    CHECK(s.peers.size() == 4);
}

TEST_CASE("a client that falls silent is given up, and its calls with it")
{
    world w;
    test_server s(w, {.keepalive_interval = 20ms, .keepalive_timeout = 20ms});
    const auto p = raw_client(w, s.server.port());
    p->send(preface + settings + frame(1, 4, 1, call_head("", "/t.T/Hold")) + frame(0, 1, 1, message("x")));
    REQUIRE(w.until([&] { return s.holding == 1; }));
    CHECK(w.until([&] { return s.cancelled == 1 && s.server.connections() == 0; }));
}

TEST_CASE("connections on which nothing ever comes are closed")
{
    struct row {
        const char* why;
        std::string said;
    };
    const row rows[] = {{"nothing", ""}, {"half a greeting", preface.substr(0, 10)}, {"no settings", preface},
        {"half a frame", preface + settings.substr(0, 5)}};
    for (const row& r : rows) {
        world w;
        test_server s(w, {.handshake_timeout = 20ms});
        const auto p = raw_client(w, s.server.port());
        p->send(r.said);
        p->read();
        CHECK_MESSAGE(w.until([&] { return p->ended && s.server.connections() == 0; }), r.why);
    }

    world w;
    raw_server mute(w, [](raw_peer& p, std::size_t) { p.read(); });
    grpc::channel_options o = quick();
    o.connect_timeout = 20ms;
    grpc::channel c(w.io.get_executor(), plain(mute.port()), o);
    const auto late = w.ask(c, "/t.T/Echo", "", {.retry = grpc::retry_policy::none()});
    CHECK(*late->ec == errc::connect_timeout);
    CHECK(late->code() == status_code::unavailable);
    CHECK(late->says("no HTTP/2 settings"));
}

TEST_CASE("whatever answers instead of a gRPC server, the call says what it was")
{
    struct row {
        const char* why;
        std::string said;
        const char* words;
    };
    const row rows[] = {
        {"HTTP/1.1", "HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n", "expected SETTINGS"},
        {"a line", "220 mail.example ESMTP\r\n", "does not speak HTTP/2"},
        {"TLS", std::string("\x15\x03\x01\x00\x02\x02\x50 some more", 17), "does not speak HTTP/2"},
        {"a frame on no stream", settings + frame(0, 0, 0, "x"), "does not speak HTTP/2"},
        {"a frame that is too large", settings + frame(0, 0, 1, std::string(20'000, 'x')).substr(0, 9),
            "does not speak HTTP/2"},
        {"GOAWAY and its reason", settings + frame(7, 0, 0, std::string("\0\0\0\1\0\0\0\xb", 8) + "too_many_pings"),
            "too_many_pings"},
        {"nothing, and an end", "", "closed the connection"},
        {"settings, and an end", settings, "closed the connection"},
    };
    for (const row& r : rows) {
        world w;
        raw_server s(w, [&](raw_peer& p, std::size_t) {
            p.send(r.said);
            p.read([](raw_peer& self) {
                error_code ignored;
                if (self.got.size() > 60)
                    self.socket.shutdown(tcp::socket::shutdown_send, ignored);
            });
        });
        grpc::channel c(w.io.get_executor(), plain(s.port()), quick());
        const auto a = w.ask(c, "/t.T/Echo", "hello", {.timeout = 10s, .retry = grpc::retry_policy::none()});
        CHECK_MESSAGE(a->code() == status_code::unavailable, r.why);
        CHECK_MESSAGE(a->says(r.words), r.why << ": " << a->reply.status.message);
        CHECK_MESSAGE(a->says("127.0.0.1:" + std::to_string(s.port())), r.why << ": " << a->reply.status.message);
    }

    world w;
    raw_server rude(w, [](raw_peer& p, std::size_t) {
        p.send(settings);
        p.read([](raw_peer& self) { each_call(self, [&](std::uint32_t) { self.reset(); }); });
    });
    grpc::channel c(w.io.get_executor(), plain(rude.port()), quick());
    CHECK(w.ask(c, "/t.T/Echo", "", {.retry = grpc::retry_policy::none()})->code() == status_code::unavailable);
}

TEST_CASE("calls beyond the last one of a GOAWAY go over to the next connection")
{
    world w;
    raw_server s(w, [](raw_peer& p, std::size_t n) {
        if (n > 1)
            return answer_all(p);
        p.send(settings);
        auto calls = std::make_shared<std::size_t>(0);
        p.read([calls](raw_peer& self) {
            each_call(self, [&](std::uint32_t) {
                if (++*calls == 3)
                    self.send(frame(7, 0, 0, std::string("\0\0\0\1\0\0\0\0", 8)) + answer(1, "the first"));
            });
        });
    });
    std::vector<std::uint32_t> attempts;
    grpc::channel_options o = quick();
    o.on_call = [&](const grpc::call_record& r) { attempts.push_back(r.attempts); };
    grpc::channel c(w.io.get_executor(), plain(s.port()), o);
    std::vector<std::unique_ptr<outcome>> calls;
    for (int i = 0; i < 3; ++i)
        calls.push_back(w.call(c, "/t.T/Echo", "x", {.timeout = 10s, .retry = grpc::retry_policy::none()}));
    REQUIRE(w.until([&] { return calls[0]->done() && calls[1]->done() && calls[2]->done(); }));
    CHECK(calls[0]->reply.message == "the first");
    CHECK(calls[1]->reply.message == "good");
    CHECK(calls[2]->reply.message == "good");
    CHECK(c.stats().resent == 2);
    CHECK(c.stats().retried == 0);
    CHECK(attempts == std::vector<std::uint32_t>{1, 2, 2});
}

TEST_CASE("a client that takes no answers gets no more of them, and is cut off in the end")
{
    world w;
    constexpr std::size_t each = 64 * 1024;
    test_server s(w, {.receive_limit = each, .held_limit = 1024 * 1024, .write_timeout = 300ms});
    const auto p = raw_client(w, s.server.port());
    std::string all = preface + widest;
    for (std::uint32_t id = 1; id < 2 * 480; id += 2) {
        all += frame(1, 4, id, call_head("", "/t.T/Echo"));
        const std::string m = message(std::string(each, 'x'));
        for (std::size_t i = 0; i < m.size(); i += 16 * 1024)
            all += frame(0, i + 16 * 1024 >= m.size() ? 1 : 0, id, std::string_view(m).substr(i, 16 * 1024));
    }
    p->send(all);
    CHECK(w.until([&] { return p->written != 0 || p->ended; }));
    // What the system's own buffers take comes on top.
    CHECK(s.calls > 1);
    CHECK(s.calls < 300);
    CHECK(w.until([&] { return s.server.connections() == 0; }));
}

TEST_CASE("a server that reads nothing holds calls up, but not for longer than they have, nor when it is silent")
{
    world w;
    raw_server s(w, [](raw_peer& p, std::size_t) { p.send(widest); });
    grpc::channel_options o = quick();
    o.keepalive_interval = 100ms;
    o.keepalive_timeout = 100ms;
    o.retry = grpc::retry_policy::none();
    grpc::channel c(w.io.get_executor(), plain(s.port()), o);
    std::vector<std::unique_ptr<outcome>> calls;
    for (int i = 0; i < 8; ++i)
        calls.push_back(w.call(c, "/t.T/Echo", std::string(4 * 1024 * 1024, 'x')));
    const auto brief = w.ask(c, "/t.T/Echo", "", {.timeout = 1ms});
    CHECK(brief->code() == status_code::deadline_exceeded);
    for (const auto& x : calls) {
        CHECK(w.until([&] { return x->done(); }));
        CHECK(x->code() == status_code::unavailable);
        CHECK(x->says("did not answer a ping"));
    }
}

TEST_CASE("an API key is shown to the server and to nobody else")
{
    const std::string key = "sk-not-to-be-seen";
    std::string seen;
    const auto note = [&](const outcome& o) {
        seen += o.reply.status.message + o.reply.status.details + o.ec->message() + '\n';
    };
    const auto with_key = [&](std::string k) {
        grpc::channel_options o = quick();
        o.api_key = [k] { return k; };
        o.retry.attempts = 2;
        o.on_call = [&seen](const grpc::call_record& r) { seen += std::string(r.path) + '\n'; };
        return o;
    };
    world w;
    test_server s(w, {.header_limit = 2000});
    std::uint16_t gone = 0;
    {
        test_server other(w);
        gone = other.server.port();
    }
    for (const std::string& k : {key, key + '\n', key + std::string(3000, 'x'), key + std::string(3'000'000, 'x')}) {
        grpc::channel c(w.io.get_executor(), plain(s.server.port()), with_key(k));
        for (const char* const path : {"/t.T/Echo", "/t.T/Fail", "/t.T/Throw", "/t.T/Nothing", "no path"})
            note(*w.ask(c, path, "message"));
        note(*w.ask(c, "/t.T/Hold", "", {.timeout = 20ms}));
        note(*w.ask(c, "/t.T/Echo", "", {}, {{"Bearer " + std::string("x"), "y"}}));
        grpc::channel nobody(w.io.get_executor(), plain(gone), with_key(k));
        note(*w.ask(nobody, "/t.T/Echo", ""));
        note(*w.ask(nobody, "/t.T/Echo", "", {.timeout = 20ms, .wait_for_ready = true}));
        grpc::channel deaf(w.io.get_executor(), {true, "127.0.0.1", s.server.port()}, with_key(k));
        note(*w.ask(deaf, "/t.T/Echo", ""));
    }
    CHECK(s.seen.request.metadata.get("authorization") == "Bearer " + key);
    CHECK(seen.find("does it end with a line break?") != std::string::npos);
    CHECK(seen.find("2000 bytes") != std::string::npos);
    CHECK(seen.find("too large to be sent") != std::string::npos);
    CHECK(seen.find(key) == std::string::npos);
}

TEST_CASE("both sides work from strands of a pool")
{
    asio::thread_pool pool(3);
    const auto own = asio::make_strand(pool);
    grpc::server server(own);
    server.handle("/t.T/Echo", [](grpc::server_call c) -> asio::awaitable<grpc::reply> {
        grpc::reply r;
        r.message = std::move(c.request.message);
        co_return r;
    });
    REQUIRE(!server.listen());
    constexpr int calls = 200;
    std::atomic<int> good{0};
    std::promise<void> over;
    const auto strand = asio::make_strand(pool);
    auto channel = std::make_shared<grpc::channel>(strand, plain(server.port()));
    int left = calls;  // the strand's
    std::function<void()> next = [&] {
        channel->async_call({"/t.T/Echo", {}, "x"}, {.timeout = 20s},
            asio::bind_executor(strand, [&](error_code ec, const grpc::reply& r) {
                good += !ec && r.message == "x" ? 1 : 0;
                if (--left > 0)
                    return left >= 10 ? next() : void();
                channel.reset();
                over.set_value();
            }));
    };
    asio::post(strand, [&] {
        for (int i = 0; i < 10; ++i)
            next();
    });
    CHECK(over.get_future().wait_for(30s) == std::future_status::ready);
    CHECK(good == calls);
    std::promise<void> stopped;
    asio::post(own, [&] { server.async_stop([&](error_code) { stopped.set_value(); }); });
    CHECK(stopped.get_future().wait_for(30s) == std::future_status::ready);
    pool.stop();
    pool.join();
}
