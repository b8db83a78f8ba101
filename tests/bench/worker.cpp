// SPDX-License-Identifier: BSL-1.0

// What a worker costs before it does anything: from being started to its first poll at the server, over loopback,
// beside an empty static program; the memory it has then. How long the embedded service and the controller take from a
// task to the call that starts a worker. And the quickstart's burst, beside one start of its worker.
//
//     bench_worker [--quick]
//
// The worker is examples/quickstart/worker.cpp, linked statically by the preset `lambda`; `./dev bench` builds it
// first.

#include "../support/bench.hpp"
#include "../support/test_certificates.hpp"

#include <mayfly/controller.hpp>
#include <mayfly/grpc/server.hpp>
#include <mayfly/temporal/client.hpp>
#include <mayfly/temporal/embedded/tell.hpp>
#include <mayfly/temporal/embedded_service.hpp>

#include <boost/asio/append.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

namespace {

namespace asio = boost::asio;
namespace grpc = mayfly::grpc;
using namespace std::chrono_literals;
using clock_type = std::chrono::steady_clock;
using milliseconds = std::chrono::duration<double, std::milli>;

[[noreturn]] void die(const std::string& what)
{
    std::fprintf(stderr, "bench_worker: %s\n", what.c_str());
    std::exit(1);
}

/// A program in a process of its own, with these variables and few others.
class process {
public:
    process(const std::string& program, std::vector<std::string> variables)
    {
        variables.insert(variables.end(), {"PATH=/usr/bin", "HOME=/tmp"});
        std::vector<char*> envp;
        for (std::string& v : variables)
            envp.push_back(v.data());
        envp.push_back(nullptr);
        std::string name = program;
        char* const argv[] = {name.data(), nullptr};
        // Its log, a line each time, is not what anybody reads here.
        ::posix_spawn_file_actions_t quiet;
        ::posix_spawn_file_actions_init(&quiet);
        ::posix_spawn_file_actions_addopen(&quiet, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
        began_ = clock_type::now();
        const int failure = ::posix_spawn(&id_, program.c_str(), &quiet, nullptr, argv, envp.data());
        ::posix_spawn_file_actions_destroy(&quiet);
        if (failure != 0)
            die("cannot start " + program);
    }
    process(const process&) = delete;
    process& operator=(const process&) = delete;
    ~process()
    {
        ::kill(id_, SIGKILL);
        ::waitpid(id_, nullptr, 0);
    }

    [[nodiscard]] clock_type::time_point began() const { return began_; }
    void wait() const { ::waitpid(id_, nullptr, 0); }

    /// Memory in use, in MiB.
    [[nodiscard]] double resident() const
    {
        std::ifstream status("/proc/" + std::to_string(id_) + "/status");
        for (std::string word; status >> word;)
            if (double kib = 0; word == "VmRSS:" && status >> kib)
                return kib / 1024;
        return 0;
    }

private:
    pid_t id_ = -1;
    clock_type::time_point began_{};
};

/// A server as far as a worker that starts needs one: it notes when it is polled.
class polled_server {
public:
    explicit polled_server(grpc::server_options options) : server_(io_.get_executor(), std::move(options))
    {
        server_.handle_others([this](grpc::server_call call) { return answer(std::move(call)); });
        if (server_.listen())
            die("the server cannot listen");
    }

    [[nodiscard]] std::string port() const { return std::to_string(server_.port()); }

    /// Milliseconds from the worker's start to its first poll.
    double until_polled(const std::string& program, const std::vector<std::string>& variables)
    {
        const process worker(program, variables);
        polled_ = false;
        for (const auto end = clock_type::now() + 10s; !polled_;) {
            if (clock_type::now() > end)
                die("the worker has not polled");
            io_.restart();
            io_.run_one_for(1s);
        }
        resident_ = worker.resident();
        return milliseconds(at_ - worker.began()).count();
    }

    /// Of the last one, when it had polled.
    [[nodiscard]] double resident() const { return resident_; }

private:
    asio::awaitable<grpc::reply> answer(grpc::server_call call)
    {
        if (call.request.path.ends_with("/PollActivityTaskQueue") && !polled_) {
            at_ = clock_type::now();
            polled_ = true;
            asio::steady_timer hold(io_, 10s);
            boost::system::error_code ignored;
            co_await hold.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
        }
        co_return grpc::reply{};
    }

    asio::io_context io_{1};
    grpc::server server_;
    bool polled_ = false;
    clock_type::time_point at_{};
    double resident_ = 0;
};

void starts(const std::string& worker)
{
    const std::size_t rounds = bench::quick ? 20 : 100;
    const auto nothing = [] {
        const process p(MAYFLY_STATIC_CONTROL, {});
        p.wait();
        return milliseconds(clock_type::now() - p.began()).count();
    };
    const auto tell = [](const char* name, const bench::beside& b) {
        std::printf("%-46s %12.3f %-10s %-34s %12.3f %9.2f\n", name, b.value, "ms", "an empty program, to its end",
            b.control, b.ratio);
    };
    polled_server plain({});
    const auto plainly = [&] { return plain.until_polled(worker, {"TEMPORAL_ADDRESS=127.0.0.1:" + plain.port()}); };
    tell("from exec to the first poll at the server", bench::side_by_side(rounds, plainly, nothing));
    bench::figure("memory then", plain.resident(), "MiB");

    const mayfly_test::test_authority authority;
    const auto identity = authority.issue();
    grpc::server_options with_tls;
    with_tls.certificate = identity.certificate;
    with_tls.key = identity.key;
    polled_server tls(with_tls);
    const auto safely = [&] {
        return tls.until_polled(worker, {"TEMPORAL_ADDRESS=localhost:" + tls.port(), "TEMPORAL_TLS=true",
                                            "TEMPORAL_TLS_SERVER_CA_CERT_DATA=" + authority.certificate()});
    };
    tell("the same, with TLS", bench::side_by_side(rounds, safely, nothing));
    bench::figure("memory then", tls.resident(), "MiB");
}

/// Notes when it is asked to start somebody.
struct noting_provider {
    asio::any_io_executor executor;
    clock_type::time_point* asked;

    template <class Token>
    auto async_launch(mayfly::launch_request, Token&& token)
    {
        *asked = clock_type::now();
        return asio::post(
            executor, asio::append(std::forward<Token>(token), boost::system::error_code(), mayfly::launch_report()));
    }
};

/// From a client's call that starts an activity to the call that starts a worker, both sides of the wire included.
void add_to_invocation()
{
    asio::io_context io{1};
    clock_type::time_point asked{};
    mayfly::controller<noting_provider> controller(io.get_executor(), {io.get_executor(), &asked});
    mayfly::version_handle version;
    mayfly::temporal::embedded_service service(
        io.get_executor(), {.on_added = [&](const mayfly::temporal::embedded::add_event& e) {
            mayfly::temporal::embedded::tell(controller, version, e);
        }});
    if (service.listen())
        die("the embedded service cannot listen");
    asio::cancellation_signal stop;
    controller.async_run(asio::bind_cancellation_slot(stop.slot(), asio::detached));

    mayfly::temporal::connection_options to;
    to.target = {false, "127.0.0.1", service.port()};
    const mayfly::temporal::client client(std::make_shared<mayfly::temporal::connection>(io.get_executor(), to));
    const mayfly::temporal::typed_activity<int()> work{"work"};
    const auto policy = std::make_shared<mayfly::group_policy<mayfly::fleet>>();
    policy->bootstrap = false;
    std::vector<double> all;
    const int rounds = bench::quick ? 50 : 500;
    for (int i = -1; i < rounds; ++i) {
        // A version that has never started anybody, and a queue of its own.
        version = controller.add({.groups = {{policy, std::make_shared<mayfly::launch_target>()}}});
        mayfly::temporal::start_options options;
        options.task_queue = "queue-" + std::to_string(i);
        options.schedule_to_close = 60s;
        asked = {};
        bool answered = false;
        const auto began = clock_type::now();
        client.async_start(work, {}, options, [&](boost::system::error_code ec, const auto& reply) {
            if (ec)
                die("no activity can be started: " + reply.status.message);
            answered = true;
        });
        while (asked == clock_type::time_point{} || !answered) {
            if (clock_type::now() - began > 5s)
                die("nobody was started");
            io.restart();
            io.run_one_for(1s);
        }
        if (i >= 0)  // the first one connects
            all.push_back(milliseconds(asked - began).count());
        controller.remove(version);
    }
    std::printf("%-46s %12.3f %-10s %-34s %12.3f\n", "from a client's call to the start of a worker, p50",
        bench::median(all), "ms", "bar", 1.0);
    stop.emit(asio::cancellation_type::terminal);
    io.restart();
    io.run_for(100ms);
}

/// What the quickstart says that 99 of 100 tasks waited at most, in milliseconds.
double burst_wait()
{
    FILE* const run = ::popen(MAYFLY_QUICKSTART " --burst", "r");
    if (run == nullptr)
        die("cannot start the quickstart");
    double seconds = -1;
    char line[512];
    while (std::fgets(line, sizeof line, run) != nullptr)
        std::sscanf(line, "wait, p99 %lf s", &seconds);
    if (::pclose(run) != 0 || seconds < 0)
        die("the quickstart failed");
    return seconds * 1000;
}

}  // namespace

int main(int argc, char** argv)
{
    if (!bench::read_options(argc, argv))
        return 2;
    const std::string worker = MAYFLY_STATIC_WORKER;
    std::error_code none;
    const auto size = std::filesystem::file_size(worker, none);
    if (none) {
        std::fprintf(stderr,
            "bench_worker: there is no %s\nBuild it: cmake --preset lambda && cmake --build --preset lambda "
            "--target quickstart_worker\n",
            worker.c_str());
        return 1;
    }
    bench::heading();
    starts(worker);
    bench::figure("size of the worker", static_cast<double>(size) / 1024, "KiB");
    add_to_invocation();

    polled_server plain({});
    const auto start = [&] { return plain.until_polled(worker, {"TEMPORAL_ADDRESS=127.0.0.1:" + plain.port()}); };
    bench::row("the quickstart's burst, p99 of waiting", bench::side_by_side(bench::quick ? 1 : 3, burst_wait, start),
        "ms", "one start of a worker");
}
