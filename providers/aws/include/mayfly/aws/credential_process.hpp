// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/aws/credential_json.hpp>
#include <mayfly/environment.hpp>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/cancellation_type.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <array>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstring>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <csignal>
#include <fcntl.h>
#include <spawn.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

// A program that prints credentials. It is run without a shell, in a process group of its own, with nothing on its
// standard input; what it writes to standard error goes nowhere, as it may hold secrets.

namespace mayfly::aws {

struct credential_process_limits {
    std::chrono::milliseconds time{std::chrono::seconds{60}};
    std::size_t output = 64 * 1024;
};

namespace detail {

/// A running child. Shared with the timer that ends it; the last to let go of it kills and reaps what is left.
class credential_child {
public:
    explicit credential_child(const boost::asio::any_io_executor& executor)
        : output(executor), exit(executor), limit(executor)
    {}
    credential_child(const credential_child&) = delete;
    credential_child& operator=(const credential_child&) = delete;

    ~credential_child()
    {
        kill();
        if (pid_ > 0)
            reap(0);
    }

    /// An error of the system's, or zero.
    int start(const std::vector<std::string>& command, const environment& variables)
    {
        std::array<int, 2> pipe{-1, -1};
        if (::pipe2(pipe.data(), O_CLOEXEC) != 0)
            return errno;
        output.assign(pipe[0]);
        const int failed = spawn(command, variables, pipe[1]);
        ::close(pipe[1]);
        if (failed != 0)
            return failed;
        const long descriptor = ::syscall(SYS_pidfd_open, pid_, 0);
        if (descriptor < 0)
            return errno;
        exit.assign(static_cast<int>(descriptor));
        return 0;
    }

    /// The whole group: a script's own children too.
    void kill() noexcept
    {
        if (pid_ > 0)
            ::kill(-pid_, SIGKILL);
    }

    /// True once it is gone; `status` then says how.
    bool reap(int options = WNOHANG) noexcept
    {
        siginfo_t info{};
        if (::waitid(P_PID, static_cast<id_t>(pid_), &info, WEXITED | options) == 0 && info.si_pid == 0)
            return false;
        status = info.si_pid != 0 && info.si_code == CLD_EXITED ? info.si_status : -1;
        pid_ = -1;
        return true;
    }

    boost::asio::posix::stream_descriptor output;
    boost::asio::posix::stream_descriptor exit;  // readable when it has ended
    boost::asio::steady_timer limit;
    bool timed_out = false;
    int status = -1;  // below zero: no exit code

private:
    int spawn(const std::vector<std::string>& command, const environment& variables, int out)
    {
        std::vector<std::string> settings;
        for (const auto& [name, value] : variables.variables)
            settings.push_back(name + '=' + value);
        const auto pointers = [](const std::vector<std::string>& texts) {
            std::vector<char*> all;
            for (const std::string& t : texts)
                all.push_back(const_cast<char*>(t.c_str()));
            all.push_back(nullptr);
            return all;
        };
        const std::vector<char*> words = pointers(command);
        const std::vector<char*> env = pointers(settings);

        posix_spawn_file_actions_t files;
        posix_spawnattr_t how;
        ::posix_spawn_file_actions_init(&files);
        ::posix_spawn_file_actions_addopen(&files, 0, "/dev/null", O_RDONLY, 0);
        ::posix_spawn_file_actions_adddup2(&files, out, 1);
        ::posix_spawn_file_actions_addopen(&files, 2, "/dev/null", O_WRONLY, 0);
        ::posix_spawnattr_init(&how);
        sigset_t all;
        sigset_t none;
        ::sigfillset(&all);
        ::sigemptyset(&none);
        ::posix_spawnattr_setsigdefault(&how, &all);
        ::posix_spawnattr_setsigmask(&how, &none);
        ::posix_spawnattr_setpgroup(&how, 0);
        ::posix_spawnattr_setflags(&how, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK);
        const int failed = ::posix_spawnp(&pid_, words[0], &files, &how, words.data(), env.data());
        ::posix_spawnattr_destroy(&how);
        ::posix_spawn_file_actions_destroy(&files);
        if (failed != 0)
            pid_ = -1;
        return failed;
    }

    pid_t pid_ = -1;
};

}  // namespace detail

/// Runs the program and reads what it prints. Cancelled or out of time, the program and its children are killed; none
/// stays behind as a zombie.
[[nodiscard]] inline boost::asio::awaitable<fetched_credentials> run_credential_process(
    std::vector<std::string> command, environment variables, std::string source, credential_process_limits limits = {})
{
    namespace asio = boost::asio;
    using boost::system::error_code;
    const auto fail = [&source](error_code ec, const std::string& words) {
        return fetched_credentials{.why = credential_failure(ec, source + ": " + words)};
    };
    const asio::any_io_executor executor = co_await asio::this_coro::executor;
    const auto child = std::make_shared<detail::credential_child>(executor);
    if (const int failed = child->start(command, variables); failed != 0)
        co_return fail(
            credential_errc::source_refused, "\"" + command[0] + "\" cannot be run: " + std::strerror(failed));

    child->limit.expires_after(limits.time);
    child->limit.async_wait([child](error_code ec) {
        if (ec)
            return;
        child->timed_out = true;
        child->kill();
        error_code ignored;
        child->output.cancel(ignored);
    });

    error_code ec;
    std::string text;
    bool too_long = false;
    std::array<char, 4096> part;
    while (!ec && !too_long) {
        const std::size_t n =
            co_await child->output.async_read_some(asio::buffer(part), asio::redirect_error(asio::use_awaitable, ec));
        text.append(part.data(), n);
        too_long = text.size() > limits.output;
    }
    bool gone = false;
    if (ec == asio::error::eof && !too_long) {
        ec = {};
        co_await child->exit.async_wait(
            asio::posix::stream_descriptor::wait_read, asio::redirect_error(asio::use_awaitable, ec));
        gone = !ec;
    }
    child->limit.cancel();
    if (!gone) {
        // Killed, it ends at once, and it is waited for whatever comes.
        child->kill();
        error_code ignored;
        co_await asio::this_coro::reset_cancellation_state(asio::disable_cancellation());
        co_await child->exit.async_wait(
            asio::posix::stream_descriptor::wait_read, asio::redirect_error(asio::use_awaitable, ignored));
    }
    child->reap();
    if (child->timed_out)
        co_return fail(credential_errc::source_failed,
            "did not end within " + std::to_string(limits.time.count()) + " ms, and was killed");
    if (too_long)
        co_return fail(
            credential_errc::source_refused, "printed more than " + std::to_string(limits.output) + " bytes");
    if (!gone)
        co_return fail(ec, "cancelled");
    if (child->status != 0)
        co_return fail(credential_errc::source_failed, child->status < 0
                                                           ? std::string{"was ended by a signal"}
                                                           : "ended with exit code " + std::to_string(child->status));
    co_return read_credentials(text, credential_form::process, source);
}

}  // namespace mayfly::aws
