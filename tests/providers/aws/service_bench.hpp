// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "scripted_server.hpp"

#include <mayfly/aws/client.hpp>
#include <mayfly/aws/config.hpp>
#include <mayfly/aws/session.hpp>
#include <mayfly/http/client.hpp>
#include <mayfly/testing/manual_clock.hpp>

#include <boost/asio/io_context.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

// A service on loopback, and the client of it: real sockets, and a clock between attempts that the test moves.

namespace mayfly_test {

/// A response with a status, fields and a body, after which the connection ends.
inline std::string response(std::string_view status, std::string_view fields, std::string_view body, bool keep = false)
{
    return "HTTP/1.1 " + std::string{status} + "\r\n" + std::string{fields} + (keep ? "" : "Connection: close\r\n") +
           "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + std::string{body};
}

/// One answer for one connection.
inline server_script once(std::string bytes)
{
    return {read_request(), send_bytes(std::move(bytes))};
}

/// The value of a request's field; empty if it has none.
inline std::string field_of(std::string_view request, std::string_view name)
{
    const std::string begin = "\r\n" + std::string{name} + ": ";
    const auto at = request.find(begin);
    if (at == request.npos)
        return {};
    const auto from = at + begin.size();
    return std::string{request.substr(from, request.find("\r\n", from) - from)};
}

inline std::string body_of(std::string_view request)
{
    return std::string{request.substr(request.find("\r\n\r\n") + 4)};
}

inline const mayfly::aws::credentials test_keys{.access_key_id = "AKIDEXAMPLE",
    .secret_access_key = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
    .session_token = "IQoJb3JpZ2luX2VjEXAMPLETOKEN//////////wEaCXVz"};

struct service_bench {
    using clock = mayfly::testing::manual_clock;
    using service_client = mayfly::aws::basic_service_client<clock>;
    using session_type = mayfly::aws::basic_session<clock>;

    explicit service_bench(std::vector<server_script> scripts, mayfly::environment env = {},
        mayfly::http::client_options transport_options = {}, std::string path = {})
        : server(io.get_executor(), std::move(scripts)),
          transport(std::make_shared<mayfly::http::client>(io.get_executor(), std::move(transport_options)))
    {
        clock::reset();
        url = "http://127.0.0.1:" + std::to_string(server.port()) + path;
        env.variables.try_emplace("AWS_ENDPOINT_URL", url);
        env.variables.try_emplace("AWS_REGION", "eu-west-1");
        settings = mayfly::aws::config::of(std::move(env), "", "");
        use({});
    }

    /// With other settings than the defaults.
    void use(mayfly::aws::service_options options)
    {
        options.now = [this] { return wall; };
        options.uniform = [] { return 1.0; };
        service = std::make_shared<service_client>(
            transport, std::make_shared<const mayfly::aws::config>(settings), std::move(options));
    }

    [[nodiscard]] std::shared_ptr<session_type> session(mayfly::aws::session_options options = {}) const
    {
        return std::make_shared<session_type>(service, mayfly::aws::fixed_keys(test_keys), std::move(options));
    }

    /// Runs until `done`. Whenever nothing is on the wire the clock goes on; `waits` is how long each time.
    template <class Done>
    void run_until(Done done)
    {
        const auto give_up = std::chrono::steady_clock::now() + std::chrono::seconds{20};
        std::chrono::milliseconds idle{0};
        auto sent = requests();
        while (!done()) {
            if (std::chrono::steady_clock::now() > give_up)
                FAIL("still not done after twenty seconds");
            io.restart();
            const bool ran = io.poll() != 0;
            if (const auto now = requests(); now != sent) {
                sent = now;
                if (idle.count() != 0)
                    waits.push_back(std::exchange(idle, {}));
            }
            const auto stats = transport->stats();
            if (ran || stats.in_use != 0 || stats.waiting != 0 || done())
                continue;
            clock::advance(std::chrono::milliseconds{1});
            idle += std::chrono::milliseconds{1};
        }
    }

    /// Whether nothing is left that could still happen on the client's side.
    [[nodiscard]] bool at_rest()
    {
        server.stop();
        transport->close_idle();
        io.restart();
        const auto give_up = std::chrono::steady_clock::now() + std::chrono::seconds{5};
        while (std::chrono::steady_clock::now() < give_up && !io.stopped())
            io.poll();
        return io.stopped() && transport->stats().in_use == 0 && transport->stats().waiting == 0;
    }

    /// So many that found a connection, or got one of their own.
    [[nodiscard]] std::uint64_t requests() const
    {
        const auto stats = transport->stats();
        return stats.opened + stats.reused;
    }

    boost::asio::io_context io{1};
    scripted_server server;
    std::shared_ptr<mayfly::http::client> transport;
    std::string url;
    mayfly::aws::config settings{};
    mayfly::wall_time wall{std::chrono::seconds{1'440'938'160}};  // 30 August 2015, 12:36:00
    std::shared_ptr<service_client> service{};
    std::vector<std::chrono::milliseconds> waits{};
};

}  // namespace mayfly_test
