// SPDX-License-Identifier: BSL-1.0

// The registry and the lease for whole-program tests.
//
//     registry-probe lease HOST:PORT HOLDER   competes for the lease "probe", and prints, while it runs: `leads T`,
//                                             `stops T WORDS`, and `at work T` every 20 ms in which it leads. T are
//                                             milliseconds of the machine's steady clock. SIGTERM lets go.
//     registry-probe watch HOST:PORT NAME     watches as the controller NAME, and prints each piece of news as one line
//                                             of JSON. SIGTERM ends it.
//     registry-probe put HOST:PORT DEPLOYMENT BUILD_ID MAX
//                                             stores a configuration with this maximum; creates what is not there
//     registry-probe remove HOST:PORT DEPLOYMENT BUILD_ID

#include <mayfly/temporal/compute_store.hpp>
#include <mayfly/temporal/embedded/compute_kinds.hpp>
#include <mayfly/temporal/leader_lease.hpp>
#include <mayfly/temporal/version_registry.hpp>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
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

void print(const temporal::registry_change& change)
{
    const temporal::version_record& r = change.record;
    boost::json::object out;
    out["what"] = std::string(to_string(change.what));
    out["version"] = r.version.deployment + ':' + r.version.build_id;
    out["status"] = std::string(to_string(r.status));
    out["kept_in"] = std::string(to_string(r.kept_in));
    out["drivable"] = r.drivable();
    out["controller"] = r.controller ? r.controller->name : "";
    out["conflict"] = r.conflict;
    out["words"] = change.words;
    if (const auto group = r.compute.config.groups.find("default"); group != r.compute.config.groups.end())
        out["max"] = group->second.limits.max;
    std::printf("%s\n", boost::json::serialize(out).c_str());
    std::fflush(stdout);
}

int watch(const std::vector<const char*>& arguments)
{
    asio::io_context io{1};
    const auto on = connect(io, arguments[0], arguments[1]);
    temporal::registry_options o;
    o.known = temporal::embedded::compute_kinds;
    o.role.controller = arguments[1];
    temporal::version_registry registry(on, o);
    asio::cancellation_signal stop;
    registry.async_watch(
        print, asio::bind_cancellation_slot(stop.slot(), [&](error_code, std::monostate) { on->close(); }));
    asio::signal_set signals(io, SIGTERM, SIGINT);
    signals.async_wait([&](error_code ec, int) {
        if (!ec)
            stop.emit(asio::cancellation_type::terminal);
    });
    io.run();
    return 0;
}

/// With a maximum, stores; without one, removes.
int change(const std::vector<const char*>& arguments)
{
    asio::io_context io{1};
    const auto on = connect(io, arguments[0], "probe");
    temporal::store_options o;
    o.known = temporal::embedded::compute_kinds;
    const temporal::compute_store store(on, o);
    const mayfly::deployment_version version{arguments[1], arguments[2]};
    int status = 1;
    const auto ended = [&](error_code ec, const temporal::rpc_reply<temporal::put_result>& r) {
        std::printf("%s\n", ec ? r.status.message.c_str() : std::string(to_string(r.value.what)).c_str());
        status = ec ? 1 : 0;
        on->close();
    };
    store.async_read(version, [&](error_code missing, const temporal::rpc_reply<temporal::version_record>& r) {
        if (arguments.size() == 3)
            return store.async_remove(version, temporal::remove_options{}, ended);
        mayfly::compute_update update;
        auto& group = update.change["default"].group;
        group.provider = mayfly::provider_spec{"local", {{"function", std::string("greet")}}, ""};
        group.limits.max = static_cast<std::uint32_t>(std::strtoul(arguments[3], nullptr, 10));
        if (!r.value.compute.config.groups.empty())
            update.change["default"].mask = {"limits"};
        store.async_put(version, update,
            temporal::put_options{.create_version = missing.failed(), .create_deployment = true}, ended);
    });
    io.run();
    return status;
}

}  // namespace

int main(int argc, char** argv)
{
    const std::vector<const char*> arguments(argv + 1, argv + argc);
    const std::string_view verb = arguments.empty() ? "" : arguments[0];
    const std::vector<const char*> rest(arguments.begin() + (arguments.empty() ? 0 : 1), arguments.end());
    if (verb == "lease" && rest.size() == 2)
        return lease(rest);
    if (verb == "watch" && rest.size() == 2)
        return watch(rest);
    if ((verb == "put" && rest.size() == 4) || (verb == "remove" && rest.size() == 3))
        return change(rest);
    std::fputs("usage: see the head of registry_probe.cpp\n", stderr);
    return 2;
}
