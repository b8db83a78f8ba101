// SPDX-License-Identifier: BSL-1.0

// Both sides of gRPC for foreign programs to meet.
//
//     grpc-probe serve                                   serves /probe.Probe/..., and prints its port
//     grpc-probe call PORT PATH MESSAGE [TIMEOUT_MS] [NAME=VALUE]...
//                                                        one call; prints the status, words, message and trailers

#include <mayfly/grpc/channel.hpp>
#include <mayfly/grpc/server.hpp>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/system/error_code.hpp>

#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>
#include <utility>

namespace {

namespace asio = boost::asio;
namespace grpc = mayfly::grpc;
using boost::system::error_code;

int serve()
{
    asio::io_context io{1};
    grpc::server server(io.get_executor());
    std::size_t cancelled = 0;
    server.handle("/probe.Probe/Echo", [](grpc::server_call c) -> asio::awaitable<grpc::reply> {
        grpc::reply r;
        r.message = c.request.message;
        r.metadata.add("peer", c.peer.address().to_string());
        for (const auto& [name, value] : c.request.metadata)
            if (name.starts_with("x-"))
                r.trailers.add(name, value);
        co_return r;
    });
    server.handle("/probe.Probe/Size", [](grpc::server_call c) -> asio::awaitable<grpc::reply> {
        grpc::reply r;
        r.message = std::to_string(c.request.message.size());
        co_return r;
    });
    server.handle("/probe.Probe/Fail", [](grpc::server_call c) -> asio::awaitable<grpc::reply> {
        grpc::reply r;
        r.status = {grpc::status_code::failed_precondition, c.request.message, std::string("\x08\x09", 2)};
        co_return r;
    });
    server.handle("/probe.Probe/Hold", [&io, &cancelled](grpc::server_call) -> asio::awaitable<grpc::reply> {
        asio::steady_timer forever(io, std::chrono::steady_clock::time_point::max());
        error_code ec;
        co_await forever.async_wait(asio::redirect_error(asio::use_awaitable, ec));
        ++cancelled;
        co_return grpc::reply{};
    });
    server.handle("/probe.Probe/Cancelled", [&cancelled](grpc::server_call) -> asio::awaitable<grpc::reply> {
        grpc::reply r;
        r.message = std::to_string(cancelled);
        co_return r;
    });
    if (const error_code ec = server.listen()) {
        std::fprintf(stderr, "grpc-probe: %s\n", ec.message().c_str());
        return 1;
    }
    std::printf("%u\n", static_cast<unsigned>(server.port()));
    std::fflush(stdout);
    asio::signal_set stop(io, SIGTERM, SIGINT);
    stop.async_wait([&](error_code, int) { server.async_stop([](error_code) {}); });
    io.run();
    return 0;
}

int call(int count, char** arguments)
{
    asio::io_context io{1};
    grpc::channel channel(io.get_executor(), {false, "127.0.0.1", static_cast<std::uint16_t>(std::atoi(arguments[0]))});
    grpc::request what{arguments[1], {}, arguments[2]};
    // @N stands for N bytes.
    if (what.message.starts_with('@'))
        what.message.assign(static_cast<std::size_t>(std::atol(arguments[2] + 1)), 'x');
    grpc::call_options own;
    if (count > 3 && std::atol(arguments[3]) > 0)
        own.timeout = std::chrono::milliseconds(std::atol(arguments[3]));
    own.retry = grpc::retry_policy::none();
    for (int i = 4; i < count; ++i) {
        const std::string_view pair = arguments[i];
        const auto equals = pair.find('=');
        what.metadata.add(std::string(pair.substr(0, equals)), std::string(pair.substr(equals + 1)));
    }
    channel.async_call(std::move(what), std::move(own), [&](error_code, const grpc::reply& r) {
        std::printf("status %s\nwords %s\ndetails %zu\nsize %zu\n", std::string(to_string(r.status.code)).c_str(),
            r.status.message.c_str(), r.status.details.size(), r.message.size());
        if (r.message.size() < 1000)
            std::printf("message %s\n", r.message.c_str());
        for (const auto& [name, value] : r.trailers)
            std::printf("trailer %s=%s\n", name.c_str(), value.c_str());
        channel.close();
    });
    io.run();
    return 0;
}

}  // namespace

int main(int count, char** arguments)
{
    const std::string_view verb = count > 1 ? arguments[1] : "";
    if (verb == "serve")
        return serve();
    if (verb == "call" && count > 4)
        return call(count - 2, arguments + 2);
    std::fputs("usage: grpc-probe serve | call PORT PATH MESSAGE [TIMEOUT_MS] [NAME=VALUE]...\n", stderr);
    return 2;
}
