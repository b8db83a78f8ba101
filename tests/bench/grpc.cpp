// SPDX-License-Identifier: BSL-1.0

// What a call over a channel costs, beside a client that makes the same calls of the same server with a blocking socket
// and nghttp2 alone: time on the processor, the system's part included, and calls a second. The server is ours, in a
// process of its own. Then what a channel holds while nothing happens but that one long poll waits.
//
//     bench_grpc [--quick]

#include "../support/bench.hpp"
#include "../support/forked_server.hpp"
#include "../support/raw_grpc_client.hpp"

#include <mayfly/grpc/channel.hpp>
#include <mayfly/grpc/server.hpp>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/system/error_code.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <time.h>

namespace {

using namespace mayfly;
namespace asio = boost::asio;
using boost::system::error_code;

/// So much goes each way: about what a small task and its result are.
const std::string message(300, 'x');

[[noreturn]] void die(const char* what)
{
    std::fprintf(stderr, "bench_grpc: %s\n", what);
    std::exit(1);
}

/// Echoes, and holds polls without end.
void serve(asio::io_context& io, grpc::server& server)
{
    server.handle("/bench.Bench/Echo", [](grpc::server_call c) -> asio::awaitable<grpc::reply> {
        grpc::reply r;
        r.message = std::move(c.request.message);
        co_return r;
    });
    server.handle("/bench.Bench/Poll", [&io](grpc::server_call) -> asio::awaitable<grpc::reply> {
        asio::steady_timer forever(io, std::chrono::steady_clock::time_point::max());
        error_code ec;
        co_await forever.async_wait(asio::redirect_error(asio::use_awaitable, ec));
        co_return grpc::reply{};
    });
}

/// The channel, as it is used.
class caller {
public:
    explicit caller(std::uint16_t port) : channel_(io_.get_executor(), {false, "127.0.0.1", port}) {}

    /// So many calls, `at_once` of them under way at any time.
    void call_many(std::size_t calls, std::size_t at_once)
    {
        left_ = calls;
        under_way_ = 0;
        for (std::size_t i = 0; i < at_once && left_ > 0; ++i)
            next();
        io_.restart();
        while (under_way_ > 0)
            io_.run_one();
    }

private:
    void next()
    {
        --left_;
        ++under_way_;
        channel_.async_call({"/bench.Bench/Echo", {}, message}, [this](error_code ec, const grpc::reply& r) {
            --under_way_;
            if (ec || r.message.size() != message.size())
                die(r.status.message.c_str());
            if (left_ > 0)
                next();
        });
    }

    asio::io_context io_{1};
    grpc::channel channel_;
    std::size_t left_ = 0;
    std::size_t under_way_ = 0;
};

/// Microseconds of one call, on the processor here and there, and on the clock.
struct times {
    double cpu = 0;
    double server = 0;
    double wall = 0;
};

template <class Make>
times timed(const bench::forked_server& server, std::size_t calls, Make&& make)
{
    const double there = server.cpu_seconds();
    const double here = bench::seconds_of(CLOCK_PROCESS_CPUTIME_ID);
    const double wall = bench::seconds_of(CLOCK_MONOTONIC);
    make();
    const double each = 1e6 / static_cast<double>(calls);
    return {(bench::seconds_of(CLOCK_PROCESS_CPUTIME_ID) - here) * each, (server.cpu_seconds() - there) * each,
        (bench::seconds_of(CLOCK_MONOTONIC) - wall) * each};
}

void compare(const char* name, std::size_t at_once)
{
    const std::size_t calls = (bench::quick ? 500U : 4'000U) * (at_once > 1 ? 4U : 1U);
    const std::size_t rounds = bench::quick ? 5 : 15;
    const bench::forked_server server(serve);
    caller ours(server.port());
    ours.call_many(10 * at_once, at_once);
    raw_grpc::client raw(server.port());
    raw.call_many("/bench.Bench/Echo", message, 10 * at_once, at_once);

    std::vector<double> ours_wall;
    std::vector<double> raw_wall;
    std::vector<double> there;
    const bench::beside cpu = bench::side_by_side(
        rounds,
        [&] {
            const times t = timed(server, calls, [&] { ours.call_many(calls, at_once); });
            ours_wall.push_back(t.wall);
            there.push_back(t.server);
            return t.cpu;
        },
        [&] {
            const times t = timed(server, calls, [&] { raw.call_many("/bench.Bench/Echo", message, calls, at_once); });
            raw_wall.push_back(t.wall);
            return t.cpu;
        });
    bench::row(name, cpu, "us cpu", "a blocking socket and nghttp2");
    bench::row("  calls a second", 1e6 / bench::median(ours_wall), "per s", "a blocking socket and nghttp2",
        1e6 / bench::median(raw_wall));
    const std::uint64_t before = allocations::count;
    ours.call_many(calls, at_once);
    bench::figure(
        "  allocations of a call", static_cast<double>(allocations::count - before) / static_cast<double>(calls));
    bench::figure("  the server's part of a call", bench::median(there), "us cpu");
}

/// What `operator new` gave, which is all of ours, Asio's part for the socket and the timers included. nghttp2 takes
/// its own, for the session and its tables, from `malloc`: that is a buffer, and not in it.
void long_polls()
{
    const std::size_t channels = 200;
    const bench::forked_server server(serve);
    asio::io_context io{1};
    std::vector<std::unique_ptr<grpc::channel>> all;
    all.reserve(channels + 1);
    const auto add = [&] {
        all.push_back(
            std::make_unique<grpc::channel>(io.get_executor(), http::origin{false, "127.0.0.1", server.port()}));
        all.back()->async_call({"/bench.Bench/Poll", {}, message},
            [](error_code, const grpc::reply& r) { die(r.status.message.c_str()); });
        while (!all.back()->stats().connected)
            io.run_one();
        io.run_for(std::chrono::milliseconds(1));
    };
    add();
    const std::uint64_t before = allocations::bytes;
    for (std::size_t i = 0; i < channels; ++i)
        add();
    const double each = static_cast<double>(allocations::bytes - before) / static_cast<double>(channels);
    bench::row("A channel with one idle long poll", each - static_cast<double>(message.size()), "B", "the bar", 4096);
}

}  // namespace

int main(int argc, char** argv)
{
    if (!bench::read_options(argc, argv))
        return 2;
    bench::heading();
    compare("Calls one by one: a call", 1);
    compare("100 calls at once: a call", 100);
    long_polls();
}
