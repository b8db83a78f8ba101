// SPDX-License-Identifier: BSL-1.0

// How long a function takes from being started to having asked for work: until the last byte of its first `next` has
// come over loopback. Beside it, the least static program that sends the same bytes, and one that does nothing.
//
//     bench_cold_start [--quick]
//
// The function is examples/echo_function, linked statically by the preset `lambda`; `./dev bench` builds it first.

#include "../support/bench.hpp"

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <signal.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

namespace {

[[noreturn]] void die(const std::string& what)
{
    std::perror(("bench_cold_start: " + what).c_str());
    std::exit(1);
}

/// The Runtime API as far as anybody here needs it: it hears the first request.
class listener {
public:
    listener() : fd_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0))
    {
        sockaddr_in at{};
        at.sin_family = AF_INET;
        at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        socklen_t size = sizeof at;
        const timeval limit{.tv_sec = 10, .tv_usec = 0};
        if (::bind(fd_, reinterpret_cast<sockaddr*>(&at), sizeof at) != 0 || ::listen(fd_, 16) != 0 ||
            ::getsockname(fd_, reinterpret_cast<sockaddr*>(&at), &size) != 0 ||
            ::setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit) != 0)
            die("listen");
        port_ = std::to_string(ntohs(at.sin_port));
    }
    listener(const listener&) = delete;
    listener& operator=(const listener&) = delete;
    ~listener() { ::close(fd_); }

    [[nodiscard]] const std::string& port() const { return port_; }

    /// Waits for a connection, and for one request on it.
    [[nodiscard]] std::string hear() const
    {
        const int peer = ::accept4(fd_, nullptr, nullptr, SOCK_CLOEXEC);
        if (peer < 0)
            die("nobody has connected");
        std::string got;
        std::array<char, 4096> part{};
        while (got.find("\r\n\r\n") == got.npos) {
            const auto n = ::recv(peer, part.data(), part.size(), 0);
            if (n <= 0)
                die("the request has no end");
            got.append(part.data(), static_cast<std::size_t>(n));
        }
        heard_at_ = std::chrono::steady_clock::now();
        ::close(peer);
        return got;
    }
    [[nodiscard]] std::chrono::steady_clock::time_point heard_at() const { return heard_at_; }

private:
    int fd_;
    std::string port_;
    mutable std::chrono::steady_clock::time_point heard_at_{};
};

using milliseconds = std::chrono::duration<double, std::milli>;

/// A program in a process of its own, with few variables: what stands in them has to be read.
class process {
public:
    process(const std::string& program, std::vector<std::string> arguments, const std::string& port)
    {
        arguments.insert(arguments.begin(), program);
        std::vector<std::string> variables{"AWS_LAMBDA_RUNTIME_API=127.0.0.1:" + port, "_HANDLER=echo", "PATH=/usr/bin",
            "AWS_LAMBDA_FUNCTION_NAME=echo", "AWS_LAMBDA_FUNCTION_MEMORY_SIZE=128", "AWS_REGION=eu-central-1"};
        const auto pointers = [](std::vector<std::string>& texts) {
            std::vector<char*> all;
            for (std::string& t : texts)
                all.push_back(t.data());
            all.push_back(nullptr);
            return all;
        };
        const auto argv = pointers(arguments);
        const auto envp = pointers(variables);
        began_ = std::chrono::steady_clock::now();
        if (::posix_spawn(&id_, program.c_str(), nullptr, nullptr, argv.data(), envp.data()) != 0)
            die(program);
    }
    process(const process&) = delete;
    process& operator=(const process&) = delete;
    ~process()
    {
        ::kill(id_, SIGKILL);
        if (!ended_)
            ::waitpid(id_, nullptr, 0);
    }

    [[nodiscard]] std::chrono::steady_clock::time_point began() const { return began_; }

    void wait()
    {
        ::waitpid(id_, nullptr, 0);
        ended_ = true;
    }

private:
    pid_t id_ = -1;
    bool ended_ = false;
    std::chrono::steady_clock::time_point began_{};
};

double until_heard(const listener& api, const std::string& program, const std::vector<std::string>& arguments)
{
    const process p(program, arguments, api.port());
    static_cast<void>(api.hear());
    return milliseconds(api.heard_at() - p.began()).count();
}

double until_end(const listener& api, const std::string& program)
{
    process p(program, {}, api.port());
    p.wait();
    return milliseconds(std::chrono::steady_clock::now() - p.began()).count();
}

}  // namespace

int main(int argc, char** argv)
{
    if (!bench::read_options(argc, argv))
        return 2;
    const std::string function = MAYFLY_STATIC_FUNCTION;
    const std::string control = MAYFLY_STATIC_CONTROL;
    std::error_code none;
    const auto size = std::filesystem::file_size(function, none);
    if (none) {
        std::fprintf(stderr,
            "bench_cold_start: there is no %s\nBuild it: cmake --preset lambda && cmake --build --preset lambda "
            "--target echo_function\n",
            function.c_str());
        return 1;
    }

    const listener api;
    std::string bytes;
    {
        const process first(function, {}, api.port());
        bytes = api.hear();
    }
    const std::size_t rounds = bench::quick ? 20 : 200;
    const auto ours = [&] { return until_heard(api, function, {}); };
    const auto least = [&] { return until_heard(api, control, {api.port(), bytes}); };
    const auto nothing = [&] { return until_end(api, control); };
    const auto tell = [](const char* name, const bench::beside& b, const char* beside) {
        std::printf("%-46s %12.3f %-10s %-34s %12.3f %9.2f\n", name, b.value, "ms", beside, b.control, b.ratio);
    };
    bench::heading();
    tell("from exec to the first `next` on the wire", bench::side_by_side(rounds, ours, least),
        "the same bytes, least program");
    tell("", bench::side_by_side(rounds, ours, nothing), "an empty program, to its end");
    bench::figure("size of the function", static_cast<double>(size) / 1024, "KiB");
}
