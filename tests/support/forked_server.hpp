// SPDX-License-Identifier: BSL-1.0
#pragma once

// For benchmarks: a gRPC server in a process of its own, so that what it costs can be told from what its client costs.

#include <mayfly/grpc/server.hpp>

#include <boost/asio/io_context.hpp>

#include <cstdint>
#include <cstdio>
#include <cstdlib>

#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

namespace bench {

[[nodiscard]] inline double seconds_of(clockid_t clock)
{
    timespec t{};
    clock_gettime(clock, &t);
    return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_nsec) * 1e-9;
}

/// Made before this process has threads.
class forked_server {
public:
    /// `set_up(io, server)` gives it its methods.
    template <class SetUp>
    explicit forked_server(SetUp set_up)
    {
        int ends[2];
        if (::pipe(ends) != 0 || (child_ = ::fork()) < 0)
            die("there is no process for the server");
        if (child_ == 0) {
            ::prctl(PR_SET_PDEATHSIG, SIGKILL);
            boost::asio::io_context io{1};
            mayfly::grpc::server server(io.get_executor());
            set_up(io, server);
            const std::uint16_t port = server.listen() ? std::uint16_t{0} : server.port();
            if (port != 0 && ::write(ends[1], &port, sizeof port) == sizeof port)
                io.run();
            std::_Exit(1);
        }
        ::close(ends[1]);
        if (::read(ends[0], &port_, sizeof port_) != sizeof port_)
            die("the server did not begin");
        ::close(ends[0]);
        ::clock_getcpuclockid(child_, &clock_);
    }
    forked_server(const forked_server&) = delete;
    forked_server& operator=(const forked_server&) = delete;
    ~forked_server()
    {
        ::kill(child_, SIGKILL);
        ::waitpid(child_, nullptr, 0);
    }

    [[nodiscard]] std::uint16_t port() const { return port_; }
    [[nodiscard]] double cpu_seconds() const { return seconds_of(clock_); }

private:
    [[noreturn]] static void die(const char* what)
    {
        std::fprintf(stderr, "benchmark: %s\n", what);
        std::exit(1);
    }

    pid_t child_ = -1;
    clockid_t clock_{};
    std::uint16_t port_ = 0;
};

}  // namespace bench
