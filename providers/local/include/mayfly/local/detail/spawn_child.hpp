// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <array>
#include <cerrno>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <utility>

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

// From here to a running child, with nothing but system calls in between.

namespace mayfly::local::detail {

/// A file descriptor that is closed with its owner.
class owned_fd {
public:
    owned_fd() = default;
    explicit owned_fd(int fd) noexcept : fd_{fd} {}
    owned_fd(owned_fd&& other) noexcept : fd_{std::exchange(other.fd_, -1)} {}
    owned_fd& operator=(owned_fd&& other) noexcept
    {
        std::swap(fd_, other.fd_);
        return *this;
    }
    ~owned_fd() { reset(); }

    [[nodiscard]] int get() const noexcept { return fd_; }
    [[nodiscard]] explicit operator bool() const noexcept { return fd_ >= 0; }
    [[nodiscard]] int release() noexcept { return std::exchange(fd_, -1); }
    void reset() noexcept
    {
        if (fd_ >= 0)
            ::close(std::exchange(fd_, -1));
    }

    /// The same, out of the way of the three standard ones, should the host have closed these.
    [[nodiscard]] owned_fd above_standard() && noexcept
    {
        if (fd_ < 0 || fd_ > 2)
            return std::move(*this);
        return owned_fd{::fcntl(fd_, F_DUPFD_CLOEXEC, 3)};
    }

private:
    int fd_ = -1;
};

struct pipe_ends {
    owned_fd read{};
    owned_fd write{};

    [[nodiscard]] explicit operator bool() const noexcept { return read && write; }
};

/// Both ends are empty, and `errno` set, if there is none to be had.
[[nodiscard]] inline pipe_ends make_pipe() noexcept
{
    std::array<int, 2> fds{};
    if (::pipe2(fds.data(), O_CLOEXEC) != 0)
        return {};
    pipe_ends out;
    out.read = owned_fd{fds[0]}.above_standard();
    out.write = owned_fd{fds[1]}.above_standard();
    return out;
}

/// At which step a child failed to become the program, and the system's error number.
struct spawn_failure {
    enum class step : std::uint8_t { prepare, folder, execute };

    step at = step::prepare;
    int error = 0;
};

/// Everything that the child needs, made before there is one.
struct spawn_plan {
    const char* file = nullptr;
    char* const* arguments = nullptr;
    char* const* variables = nullptr;
    const char* folder = nullptr;
    int input = -1;
    int output = -1;
    int errors = -1;
    int report = -1;  ///< Gets a `spawn_failure`. Closed by the program's start.
    pid_t parent = 0;
    rlim_t descriptors = 0;  ///< The most that the program may have open.
};

/// In the child. The parent's memory may be shared, so nothing here allocates, locks or unwinds.
[[noreturn]] inline void become(const spawn_plan& plan, const sigset_t& mask) noexcept
{
    spawn_failure failure{};
    const auto fail = [&](spawn_failure::step at) {
        failure = {at, errno};
        // Nothing can be done if this fails too: the parent then sees an exit with 127.
        [[maybe_unused]] const auto written = ::write(plan.report, &failure, sizeof failure);
        ::_exit(127);
    };

    // Signals that the host ignores would stay ignored in the program, and its handlers must not run here.
    struct sigaction standard {};
    standard.sa_handler = SIG_DFL;
    for (int signal = 1; signal < NSIG; ++signal)
        ::sigaction(signal, &standard, nullptr);

    ::setsid();
    if (::prctl(PR_SET_PDEATHSIG, SIGKILL) != 0)
        fail(spawn_failure::step::prepare);
    if (::getppid() != plan.parent)  // it has died before it could have taken us along
        ::_exit(127);

    if (::dup2(plan.input, 0) < 0 || ::dup2(plan.output, 1) < 0 || ::dup2(plan.errors, 2) < 0)
        fail(spawn_failure::step::prepare);
    constexpr unsigned close_on_exec = 1U << 2U;
    if (::syscall(SYS_close_range, 3U, ~0U, close_on_exec) != 0) {
        rlimit open{};
        ::getrlimit(RLIMIT_NOFILE, &open);
        for (rlim_t fd = 3; fd < open.rlim_cur && fd < 65'536; ++fd)
            ::fcntl(static_cast<int>(fd), F_SETFD, FD_CLOEXEC);
    }

    rlimit limit{};
    ::setrlimit(RLIMIT_CORE, &limit);
    if (::getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_max = limit.rlim_max < plan.descriptors ? limit.rlim_max : plan.descriptors;
        limit.rlim_cur = limit.rlim_max;
        ::setrlimit(RLIMIT_NOFILE, &limit);
    }

    if (::chdir(plan.folder) != 0)
        fail(spawn_failure::step::folder);
    ::sigprocmask(SIG_SETMASK, &mask, nullptr);
    ::execve(plan.file, plan.arguments, plan.variables);
    fail(spawn_failure::step::execute);
    ::_exit(127);
}

// Apart from its caller, because what a `vfork` returns to twice should have no variables of interest.
[[gnu::noinline]] inline pid_t fork_into(const spawn_plan& plan, const sigset_t& mask) noexcept
{
    const pid_t pid = ::vfork();
    if (pid == 0)
        become(plan, mask);
    return pid;
}

/// Starts the program: its process id, or -1 with the reason. A child that failed has been reaped.
[[nodiscard]] inline pid_t spawn_child(spawn_plan plan, spawn_failure& failure) noexcept
{
    pipe_ends report = make_pipe();
    if (!report) {
        failure = {spawn_failure::step::prepare, errno};
        return -1;
    }
    plan.report = report.write.get();
    plan.parent = ::getpid();

    // No handler of the host may run in the child while it has our memory.
    sigset_t all{};
    sigset_t before{};
    sigset_t none{};
    ::sigfillset(&all);
    ::sigemptyset(&none);
    ::pthread_sigmask(SIG_SETMASK, &all, &before);
    const pid_t pid = fork_into(plan, none);
    const int fork_error = errno;
    ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
    if (pid < 0) {
        failure = {spawn_failure::step::prepare, fork_error};
        return -1;
    }

    report.write.reset();
    ssize_t got = 0;
    do
        got = ::read(report.read.get(), &failure, sizeof failure);
    while (got < 0 && errno == EINTR);
    if (got == 0)
        return pid;
    while (::waitpid(pid, nullptr, 0) < 0 && errno == EINTR) {
    }
    return -1;
}

}  // namespace mayfly::local::detail
