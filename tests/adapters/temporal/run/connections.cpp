// SPDX-License-Identifier: BSL-1.0
#include "../../../support/fake_frontend.hpp"

#include <mayfly/temporal/connector.hpp>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/io_context.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

using namespace mayfly::temporal;
using namespace std::chrono_literals;
namespace asio = boost::asio;
namespace grpc = mayfly::grpc;
using boost::system::error_code;

namespace {

struct world {
    asio::io_context io{};
    fake::frontend server{io};
    std::vector<std::string> log{};
    std::unique_ptr<connector> made{};
    std::vector<worker_client> clients{};
    std::optional<error_code> ended{};
    asio::cancellation_signal cancel{};

    void make(connector_options options)
    {
        connection_options to;
        to.target = {false, "127.0.0.1", server.port()};
        to.retry.attempts = 1;
        options.again.first = 1ms;
        worker_config base;
        base.logger = [this](log_level, std::string_view words) { log.emplace_back(words); };
        made = std::make_unique<connector>(io.get_executor(), to, base, options);
    }

    template <class F>
    [[nodiscard]] bool until(F f)
    {
        const auto end = std::chrono::steady_clock::now() + 20s;
        while (!f() && std::chrono::steady_clock::now() < end) {
            io.restart();
            io.run_one_for(20ms);
        }
        return f();
    }

    void open_ahead()
    {
        ended.reset();
        made->async_open_ahead(5s, [this](error_code ec, bool) { ended = ec; });
        REQUIRE(until([&] { return ended.has_value(); }));
    }
    void begin()
    {
        ended.reset();
        made->async_connect({.identity = "me", .within = 10s},
            asio::bind_cancellation_slot(cancel.slot(), [this](error_code ec, std::optional<worker_client> client) {
                ended = ec;
                if (client)
                    clients.push_back(std::move(*client));
            }));
    }
    void connect()
    {
        begin();
        REQUIRE(until([&] { return ended.has_value(); }));
    }
};

}  // namespace

TEST_CASE("a connection that was opened ahead is for the first invocation alone, and only if it is young")
{
    struct row {
        const char* why;
        std::chrono::milliseconds lasts;
        std::size_t asked_once, asked_twice;
    };
    const row rows[] = {
        {"young", 1h, 1, 2},
        {"it may have been frozen", -1ms, 2, 3},
    };
    for (const row& r : rows) {
        CAPTURE(r.why);
        world w;
        w.make({.ahead_lasts = r.lasts});
        w.open_ahead();
        REQUIRE_FALSE(*w.ended);
        w.connect();
        CHECK_FALSE(*w.ended);
        CHECK(w.server.calls("GetSystemInfo") == r.asked_once);
        w.connect();
        CHECK_FALSE(*w.ended);
        CHECK(w.server.calls("GetSystemInfo") == r.asked_twice);
        CHECK(w.clients.size() == 2);
    }
}

TEST_CASE("one that could not be opened ahead is opened when it is wanted")
{
    world w;
    w.make({});
    w.server.script("GetSystemInfo", {{{grpc::status_code::permission_denied, "not you"}}});
    w.open_ahead();
    CHECK(*w.ended == make_error_code(grpc::status_code::permission_denied));
    CHECK(w.made->detail() == "PERMISSION_DENIED: not you");
    w.connect();
    CHECK_FALSE(*w.ended);
    CHECK(w.made->detail().empty());
}

TEST_CASE("who is patient tries again what may pass; in a function the platform does that")
{
    const std::vector<fake::scripted_answer> down(3, {{grpc::status_code::unavailable, "down"}});
    world patient;
    patient.make({.patient = true});
    patient.server.script("GetSystemInfo", down);
    patient.connect();
    CHECK_FALSE(*patient.ended);
    CHECK(patient.log.size() == 3);

    world hasty;
    hasty.make({});
    hasty.server.script("GetSystemInfo", down);
    hasty.connect();
    CHECK(*hasty.ended == make_error_code(grpc::status_code::unavailable));

    world refused;
    refused.make({.patient = true});
    refused.server.script("GetSystemInfo", {{{grpc::status_code::unauthenticated, "who?"}}});
    refused.connect();
    CHECK(*refused.ended == make_error_code(grpc::status_code::unauthenticated));
    CHECK(refused.log.empty());
}

TEST_CASE("who is patient and told to stop does not say that it tries again")
{
    world w;
    w.make({.patient = true});
    w.server.script("GetSystemInfo", {{.never = true}});
    w.begin();
    REQUIRE(w.until([&] { return w.server.calls("GetSystemInfo") == 1; }));
    w.cancel.emit(asio::cancellation_type::terminal);
    REQUIRE(w.until([&] { return w.ended.has_value(); }));
    CHECK(*w.ended == asio::error::operation_aborted);
    CHECK(w.log.empty());
}
