// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/local/detail/spawn_child.hpp>
#include <mayfly/local/log_text.hpp>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/system/error_code.hpp>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

namespace mayfly::local {

/// A program to be started.
struct process_spec {
    std::string file{};                    ///< Absolute, or as seen from `folder`.
    std::string folder{};                  ///< Where it runs.
    std::vector<std::string> variables{};  ///< Its whole environment, each as `NAME=value`.
    std::size_t longest_line = 256 * 1024;
    std::uint32_t descriptors = 1024;  ///< The most it may have open.
};

/// How a process ended.
struct process_exit {
    int code = 0;
    int signal = 0;  ///< Above zero: this one ended it.

    friend bool operator==(const process_exit&, const process_exit&) = default;
};

/// `exit status 1`, or `signal: killed`.
[[nodiscard]] inline std::string to_string(const process_exit& e)
{
    if (e.signal == 0)
        return "exit status " + std::to_string(e.code);
    // Named as Lambda's log names them, which is not how strsignal does.
    switch (e.signal) {
    case SIGHUP: return "signal: hangup";
    case SIGINT: return "signal: interrupt";
    case SIGQUIT: return "signal: quit";
    case SIGILL: return "signal: illegal instruction";
    case SIGTRAP: return "signal: trace/breakpoint trap";
    case SIGABRT: return "signal: aborted";
    case SIGBUS: return "signal: bus error";
    case SIGFPE: return "signal: floating point exception";
    case SIGKILL: return "signal: killed";
    case SIGUSR1: return "signal: user defined signal 1";
    case SIGSEGV: return "signal: segmentation fault";
    case SIGUSR2: return "signal: user defined signal 2";
    case SIGPIPE: return "signal: broken pipe";
    case SIGALRM: return "signal: alarm clock";
    case SIGTERM: return "signal: terminated";
    default: return "signal: signal " + std::to_string(e.signal);
    }
}

/** One child process, in a session and a group of its own.

    It has the environment it was given, `/dev/null` for input, and no descriptor besides its outputs, which are read
    line by line. When it ends, all others of its group are killed, and it is reaped: the host needs no SIGCHLD handler
    and must not reap it. It ends with the thread that started it. What leaves the group, by making a session of its
    own, escapes.

    Used from one thread or strand. The two callbacks are called there; neither is called after the other has told of
    the end, nor after destruction, which kills and reaps at once.
*/
class process : public std::enable_shared_from_this<process> {
public:
    using line_handler = std::function<void(std::string_view)>;
    using exit_handler = std::function<void(process_exit)>;

    /// Why there is no process.
    struct failure {
        detail::spawn_failure::step at = detail::spawn_failure::step::prepare;
        boost::system::error_code ec{};

        /// The machine has no more of something; it is not the program's fault.
        [[nodiscard]] bool no_room() const noexcept { return at == detail::spawn_failure::step::prepare; }
    };

    /// Starts a program, or returns null and why. It then never ran.
    [[nodiscard]] static std::shared_ptr<process> start(const boost::asio::any_io_executor& executor,
        const process_spec& spec, line_handler on_line, exit_handler on_exit, failure& why)
    {
        // Not make_shared: the constructor is nobody else's.
        std::shared_ptr<process> out(new process(executor, spec.longest_line));
        if (!out->spawn(spec, why))
            return nullptr;
        out->on_line_ = std::move(on_line);
        out->on_exit_ = std::move(on_exit);
        out->watch_output(out->output_);
        out->watch_output(out->errors_);
        out->watch_exit();
        return out;
    }

    process(const process&) = delete;
    process& operator=(const process&) = delete;

    ~process()
    {
        if (id_ <= 0)
            return;
        ::kill(-id_, SIGKILL);
        while (::waitpid(id_, nullptr, 0) < 0 && errno == EINTR) {
        }
    }

    /// Also that of its group. Zero once it has ended.
    [[nodiscard]] pid_t id() const noexcept { return id_; }

    /// It is no more, also if that has not been told yet.
    [[nodiscard]] bool has_ended() const noexcept
    {
        siginfo_t info{};
        return id_ <= 0 ||
               (::waitid(P_PID, static_cast<id_t>(id_), &info, WEXITED | WNOHANG | WNOWAIT) == 0 && info.si_pid != 0);
    }

    /// Sends a signal to the whole group. Nothing happens once the process has ended.
    void signal(int number) const noexcept
    {
        if (id_ > 0)
            ::kill(-id_, number);
    }

    /// Takes in what has been written so far, without waiting.
    void read_output()
    {
        take_output(output_);
        take_output(errors_);
    }

private:
    struct stream {
        boost::asio::posix::stream_descriptor from;
        line_splitter lines;
    };

    process(const boost::asio::any_io_executor& executor, std::size_t longest_line)
        : output_{boost::asio::posix::stream_descriptor(executor), line_splitter(longest_line)},
          errors_{boost::asio::posix::stream_descriptor(executor), line_splitter(longest_line)},
          exit_(executor)
    {}

    [[nodiscard]] bool spawn(const process_spec& spec, failure& why)
    {
        const auto give_up = [&why] {
            why = {detail::spawn_failure::step::prepare, {errno, boost::system::system_category()}};
            return false;
        };
        const detail::owned_fd input =
            detail::owned_fd{::open("/dev/null", O_RDONLY | O_CLOEXEC)}.above_standard();  // NOLINT
        if (!input)
            return give_up();
        detail::pipe_ends output = detail::make_pipe();
        if (!output)
            return give_up();
        detail::pipe_ends errors = detail::make_pipe();
        if (!errors)
            return give_up();

        std::vector<char*> variables;
        variables.reserve(spec.variables.size() + 1);
        for (const std::string& v : spec.variables)
            variables.push_back(const_cast<char*>(v.c_str()));  // execve takes them so, and leaves them alone
        variables.push_back(nullptr);
        const std::array<char*, 2> arguments{const_cast<char*>(spec.file.c_str()), nullptr};

        detail::spawn_failure failed{};
        id_ = detail::spawn_child({.file = spec.file.c_str(),
                                      .arguments = arguments.data(),
                                      .variables = variables.data(),
                                      .folder = spec.folder.c_str(),
                                      .input = input.get(),
                                      .output = output.write.get(),
                                      .errors = errors.write.get(),
                                      .descriptors = spec.descriptors},
            failed);
        if (id_ < 0) {
            why = {failed.at, {failed.error, boost::system::system_category()}};
            return false;
        }

        // From here on the destructor cleans up.
        detail::owned_fd exit{static_cast<int>(::syscall(SYS_pidfd_open, id_, 0))};
        if (!exit)
            return give_up();
        return adopt(exit_, exit, why) && adopt(output_.from, output.read, why) &&
               adopt(errors_.from, errors.read, why);
    }

    [[nodiscard]] static bool adopt(boost::asio::posix::stream_descriptor& into, detail::owned_fd& fd, failure& why)
    {
        boost::system::error_code ec;
        into.assign(fd.get(), ec);
        if (!ec) {
            static_cast<void>(fd.release());
            into.native_non_blocking(true, ec);
        }
        if (ec)
            why = {detail::spawn_failure::step::prepare, ec};
        return !ec;
    }

    void watch_output(stream& s)
    {
        using boost::asio::posix::stream_descriptor;
        if (!s.from.is_open())
            return;
        s.from.async_wait(stream_descriptor::wait_read, [weak = weak_from_this(), &s](boost::system::error_code ec) {
            const auto self = weak.lock();
            if (ec || !self)
                return;
            self->take_output(s);
            self->watch_output(s);
        });
    }

    // Reads here and not in the reactor, so that `read_output` cannot overtake bytes that are on their way to a
    // handler.
    void take_output(stream& s)
    {
        std::array<char, 16 * 1024> buffer;
        // A process that writes without end must not keep the thread for itself.
        for (int rounds = 0; rounds < 64 && s.from.is_open(); ++rounds) {
            const ssize_t got = ::read(s.from.native_handle(), buffer.data(), buffer.size());
            if (got > 0) {
                s.lines.feed({buffer.data(), static_cast<std::size_t>(got)}, on_line_);
                if (static_cast<std::size_t>(got) < buffer.size())
                    return;
            } else if (got < 0 && errno == EINTR) {
                continue;
            } else {
                if (got == 0 || (errno != EAGAIN && errno != EWOULDBLOCK))
                    end_output(s);
                return;
            }
        }
    }

    void end_output(stream& s)
    {
        if (!s.from.is_open())
            return;
        boost::system::error_code ignored;
        s.from.close(ignored);
        s.lines.finish(on_line_);
    }

    void watch_exit()
    {
        using boost::asio::posix::stream_descriptor;
        exit_.async_wait(stream_descriptor::wait_read, [weak = weak_from_this()](boost::system::error_code ec) {
            if (const auto self = weak.lock(); self && !ec)
                self->ended();
        });
    }

    void ended()
    {
        // While it is not reaped its id is nobody else's, so this is the moment for those it left behind.
        ::kill(-id_, SIGKILL);
        siginfo_t info{};
        int reaped = 0;
        do
            reaped = ::waitid(P_PID, static_cast<id_t>(id_), &info, WEXITED);
        while (reaped < 0 && errno == EINTR);
        id_ = 0;
        boost::system::error_code ignored;
        exit_.close(ignored);
        read_output();
        end_output(output_);
        end_output(errors_);
        process_exit how;
        if (reaped == 0)
            (info.si_code == CLD_EXITED ? how.code : how.signal) = info.si_status;
        on_line_ = nullptr;
        if (const auto tell = std::exchange(on_exit_, nullptr))
            tell(how);
    }

    pid_t id_ = 0;
    stream output_;
    stream errors_;
    boost::asio::posix::stream_descriptor exit_;
    line_handler on_line_{};
    exit_handler on_exit_{};
};

}  // namespace mayfly::local
