// SPDX-License-Identifier: BSL-1.0

// What an Invoke costs in this process: its time on the processor, the system's part included, beside a client that
// writes the very same bytes to a blocking socket and reads the answer. The server runs in a process of its own.
//
//     bench_http [--quick]

#include "../support/bench.hpp"
#include "../support/loopback.hpp"

#include <mayfly/aws/client.hpp>
#include <mayfly/aws/lambda_messages.hpp>
#include <mayfly/clock.hpp>
#include <mayfly/http/client.hpp>

#include <boost/asio/io_context.hpp>
#include <boost/system/error_code.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <time.h>
#include <unistd.h>

namespace {

using namespace mayfly;
namespace asio = boost::asio;
using boost::system::error_code;

const std::string accepted =
    "HTTP/1.1 202 Accepted\r\n"
    "Date: Fri, 31 Jul 2026 12:00:00 GMT\r\n"
    "Content-Type: application/json\r\n"
    "Content-Length: 0\r\n"
    "Connection: keep-alive\r\n"
    "x-amzn-RequestId: 5f0f6f2e-36b5-4a3b-8c4b-0a6ad9d6b0c5\r\n"
    "x-amzn-Remapped-Content-Length: 0\r\n"
    "X-Amzn-Trace-Id: root=1-6a6c9e3f-1b2c3d4e5f60718293a4b5c6;parent=53995c3f42cd8ad8;sampled=0\r\n\r\n";

double cpu_seconds()
{
    timespec t{};
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_nsec) * 1e-9;
}

/// Microseconds of one call, on the processor and on the clock.
struct times {
    double cpu = 0;
    double wall = 0;
};

times timed(std::size_t calls, const std::function<void(std::size_t)>& make)
{
    const double cpu = cpu_seconds();
    const auto wall = std::chrono::steady_clock::now();
    make(calls);
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - wall;
    const double each = 1e6 / static_cast<double>(calls);
    return {(cpu_seconds() - cpu) * each, took.count() * each};
}

/// The client that the providers use.
class invoker {
public:
    invoker(const loopback::server& server, const char* trusted, std::uint32_t connections)
        : http_(std::make_shared<http::client>(io_.get_executor(), options(trusted, connections))),
          client_(http_, std::make_shared<const aws::config>()),
          call_{.to = {.origin = {trusted != nullptr, "127.0.0.1", server.port()},
                    .region = "eu-central-1",
                    .service = "lambda"},
              .keys = aws::fixed_keys({.access_key_id = "AKIATESTKEY000000001",
                  .secret_access_key = std::string(40, 's'),
                  .session_token = std::string(800, 't')})}
    {
        call_.request = {http::verb::post,
            "/2015-03-31/functions/arn%3Aaws%3Alambda%3Aeu-central-1%3A123456789012%3Afunction%3Aorders/"
            "invocations?Qualifier=7",
            11};
        call_.request.set(http::field::content_type, "application/json");
        call_.request.set("X-Amz-Invocation-Type", "Event");
        call_.request.body() = std::string(300, 'x');
    }

    /// So many calls, `at_once` of them under way at any time.
    void invoke(std::size_t calls, std::size_t at_once)
    {
        left_ = calls;
        for (std::size_t i = 0; i < at_once && left_ > 0; ++i)
            next();
        io_.restart();
        io_.run();
    }

    [[nodiscard]] http::client_stats stats() const { return http_->stats(); }

private:
    static http::client_options options(const char* trusted, std::uint32_t connections)
    {
        http::client_options o{.connections_per_origin = connections, .idle_connections = connections};
        if (trusted != nullptr)
            o.tls.ca_file = trusted;
        return o;
    }

    void next()
    {
        --left_;
        client_.async_call(call_, [this](error_code ec, const aws::service_answer& a) {
            if (ec) {
                std::fprintf(stderr, "bench_http: %s\n", a.failed.message.c_str());
                std::exit(1);
            }
            if (left_ > 0)
                next();
        });
    }

    asio::io_context io_{1};
    std::shared_ptr<http::client> http_;
    aws::basic_service_client<deadline_clock> client_;
    aws::service_call call_;
    std::size_t left_ = 0;
};

void compare(const char* name, const loopback::identity* who, const char* trusted)
{
    const std::size_t calls = bench::quick ? 300 : 2'000;
    const std::size_t rounds = bench::quick ? 5 : 15;
    const std::size_t burst = 1'000;

    const loopback::server server(who, accepted);
    invoker ours(server, trusted, 32);
    ours.invoke(100, 1);
    const std::string bytes = server.first_request();
    loopback::raw_client raw(server.port(), who);
    raw.exchange(bytes);

    std::vector<double> ours_wall;
    std::vector<double> raw_wall;
    const bench::beside cpu = bench::side_by_side(
        rounds,
        [&] {
            const times t = timed(calls, [&](std::size_t n) { ours.invoke(n, 1); });
            ours_wall.push_back(t.wall);
            return t.cpu;
        },
        [&] {
            const times t = timed(calls, [&](std::size_t n) {
                for (; n > 0; --n)
                    raw.exchange(bytes);
            });
            raw_wall.push_back(t.wall);
            return t.cpu;
        });
    bench::row(name, cpu, "us cpu", "a blocking socket, the same bytes");
    bench::row("  requests a second, one by one", 1e6 / bench::median(ours_wall), "per s", "the blocking socket",
        1e6 / bench::median(raw_wall));
    std::printf("%-46s %12llu %-10s %-34s %12d\n", "  connections opened for them",
        static_cast<unsigned long long>(server.accepted() - 1), "", "needed", 1);

    invoker many(server, trusted, 32);
    const std::uint64_t before = server.accepted();
    const times t = timed(burst, [&](std::size_t n) { many.invoke(n, n); });
    bench::row("  1 000 at once: a call", t.cpu, "us cpu", "a blocking socket, the same bytes", cpu.control);
    std::printf("%-46s %12llu %-10s %-34s %12d\n", "  1 000 at once: connections opened",
        static_cast<unsigned long long>(server.accepted() - before), "", "allowed", 32);
    bench::figure("  1 000 at once: requests a second", 1e6 / t.wall, "per s");
}

}  // namespace

int main(int argc, char** argv)
{
    if (!bench::read_options(argc, argv))
        return 2;
    bench::heading();
    compare("Invoke over plain HTTP: a call", nullptr, nullptr);

    const loopback::identity who;
    char path[] = "/tmp/bench_http-XXXXXX";
    const int file = ::mkstemp(path);
    if (file < 0)
        loopback::die(path);
    ::close(file);
    who.write_certificate(path);
    compare("Invoke over TLS: a call", &who, path);
    ::unlink(path);
}
