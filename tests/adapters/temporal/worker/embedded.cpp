// SPDX-License-Identifier: BSL-1.0
#include <mayfly/temporal/embedded_service.hpp>
#include <mayfly/temporal/worker.hpp>

#include <boost/asio/io_context.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>

using namespace mayfly::temporal;
using namespace std::chrono_literals;
namespace asio = boost::asio;
using boost::system::error_code;

TEST_CASE("a worker and the embedded service: results, a retry, and an end that loses nothing")
{
    asio::io_context io;
    embedded_service service(io.get_executor());
    REQUIRE_FALSE(service.listen());

    connection_options o;
    o.target = {false, "127.0.0.1", service.port()};
    const auto wire = std::make_shared<connection>(io.get_executor(), o);

    activity_registry activities;
    activities.add("double", [](int n) { return 2 * n; });
    activities.add("second time", [](activity_context& context) {
        if (context.info().attempt == 1)
            throw std::runtime_error("not yet");
        return context.info().attempt;
    });
    worker_config config;
    config.activities = &activities;
    config.settings.task_queue = "work";
    config.settings.max_concurrent_activities = 4;
    config.settings.activity_pollers = 2;
    std::optional<worker> w(std::in_place, wire, config);

    const auto until = [&](auto done) {
        const auto end = std::chrono::steady_clock::now() + 20s;
        while (!done() && std::chrono::steady_clock::now() < end) {
            io.restart();
            io.run_one_for(20ms);
        }
        return done();
    };

    std::optional<error_code> started;
    w->async_start([&](error_code ec) { started = ec; });
    REQUIRE(until([&] { return started.has_value(); }));
    REQUIRE_FALSE(*started);

    constexpr int many = 50;
    int answered = 0;
    long long sum = 0;
    const auto begin = [&](const std::string& id, const std::string& type, const std::string& argument) {
        api::StartActivityExecutionRequest r;
        r.set_namespace_("default");
        r.set_request_id(id);
        r.set_activity_id(id);
        r.mutable_activity_type()->set_name(type);
        r.mutable_task_queue()->set_name("work");
        r.mutable_start_to_close_timeout()->set_seconds(30);
        r.mutable_retry_policy()->mutable_initial_interval()->set_nanos(1'000'000);
        auto& p = *r.mutable_input()->add_payloads();
        (*p.mutable_metadata())["encoding"] = "json/plain";
        p.set_data(argument);
        wire->async_call(methods::start_activity_execution, r, [&, id](error_code ec, const auto& reply) {
            CHECK_MESSAGE(!ec, describe(reply.status));
            api::PollActivityExecutionRequest poll;
            poll.set_namespace_("default");
            poll.set_activity_id(id);
            wire->async_call(methods::poll_activity_execution, poll, [&](error_code failed, const auto& outcome) {
                CHECK_MESSAGE(!failed, describe(outcome.status));
                ++answered;
                if (outcome.value.outcome().has_result())
                    sum += std::stoi(outcome.value.outcome().result().payloads(0).data());
            });
        });
    };
    int expected = 2;  // of the second time
    for (int i = 0; i < many; ++i) {
        begin("a" + std::to_string(i), "double", std::to_string(i));
        expected += 2 * i;
    }
    begin("again", "second time", "0");
    REQUIRE(until([&] { return answered == many + 1; }));
    CHECK(sum == expected);

    std::optional<error_code> drained;
    w->async_drain([&](error_code ec) { drained = ec; });
    REQUIRE(until([&] { return drained.has_value(); }));
    CHECK(w->activity().received_in_all() == many + 2);
    CHECK(w->activity().completed == many + 2);
    bool over = false;
    asio::post(io, [&] {
        w.reset();
        wire->close();
        service.async_stop([&](error_code) { over = true; });
    });
    CHECK(until([&] { return over; }));
}
