// SPDX-License-Identifier: BSL-1.0

// The registry and the lease for whole-program tests.
//
//     registry-probe lease HOST:PORT HOLDER   competes for the lease "probe", and prints, while it runs: `leads T`,
//                                             `stops T WORDS`, and `at work T` every 20 ms in which it leads. T are
//                                             milliseconds of the machine's steady clock. SIGTERM lets go.

#include <mayfly/temporal/leader_lease.hpp>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/system/error_code.hpp>

#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace {

namespace asio = boost::asio;
namespace temporal = mayfly::temporal;
using boost::system::error_code;
using namespace std::chrono_literals;

long long steady_ms()
{
    const auto now = std::chrono::steady_clock::now().time_since_epoch();
    return std::chrono::duration_cast<std::chrono::milliseconds>(now).count();
}

std::shared_ptr<temporal::connection> connect(asio::io_context& io, const std::string& address, const char* identity)
{
    temporal::connection_options o;
    const auto colon = address.rfind(':');
    o.target = {
        false, address.substr(0, colon), static_cast<std::uint16_t>(std::strtoul(&address[colon + 1], nullptr, 10))};
    o.identity = identity;
    return std::make_shared<temporal::connection>(io.get_executor(), std::move(o));
}

int lease(const std::vector<const char*>& arguments)
{
    asio::io_context io{1};
    const auto on = connect(io, arguments[0], arguments[1]);
    temporal::lease_options o;
    o.name = "probe";
    temporal::leader_lease held(on, o);

    asio::steady_timer tick(io);
    std::function<void(error_code)> work = [&](error_code ec) {
        if (ec)
            return;
        if (held.leads())
            std::printf("at work %lld\n", steady_ms());
        std::fflush(stdout);
        tick.expires_after(20ms);
        tick.async_wait(work);
    };
    work({});

    asio::cancellation_signal stop;
    held.async_hold(
        [](const temporal::lease_change& change) {
            std::printf("%s %lld %s\n", change.leads ? "leads" : "stops", steady_ms(), change.words.c_str());
            std::fflush(stdout);
        },
        asio::bind_cancellation_slot(stop.slot(), [&](error_code, std::monostate) {
            tick.cancel();
            on->close();
        }));
    asio::signal_set signals(io, SIGTERM, SIGINT);
    signals.async_wait([&](error_code ec, int) {
        if (!ec)
            stop.emit(asio::cancellation_type::terminal);
    });
    io.run();
    return 0;
}

}  // namespace

int main(int argc, char** argv)
{
    const std::vector<const char*> arguments(argv + 1, argv + argc);
    if (arguments.size() == 3 && std::string_view(arguments[0]) == "lease")
        return lease({arguments[1], arguments[2]});
    std::fputs("usage: see the head of registry_probe.cpp\n", stderr);
    return 2;
}
