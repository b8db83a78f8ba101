// SPDX-License-Identifier: BSL-1.0

// AWS Lambda and STS on this machine. `local_lambda --help` says how.

#include "front.hpp"
#include "functions.hpp"
#include "journal.hpp"
#include "keys.hpp"
#include "options.hpp"

#include <mayfly/http/server.hpp>
#include <mayfly/local/platform.hpp>

#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/system/error_code.hpp>

#include <chrono>
#include <csignal>
#include <cstdio>
#include <exception>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <sys/resource.h>

namespace {

using namespace local_lambda;
namespace asio = boost::asio;
using boost::system::error_code;

constexpr int unusable = 2;

int refuse(const mayfly::problems& wrong)
{
    for (const mayfly::problem& p : wrong)
        std::fprintf(stderr, "local_lambda: %s\n", to_string(p).c_str());
    return unusable;
}

/// Each environment takes a port, a connection and two pipes, and the usual limit is 1024 for all of them.
void allow_many_files()
{
    rlimit open{};
    if (::getrlimit(RLIMIT_NOFILE, &open) == 0) {
        open.rlim_cur = open.rlim_max;
        ::setrlimit(RLIMIT_NOFILE, &open);
    }
}

/// Nothing is left to be ended: a signal now would only spoil the exit status.
void hold_signals()
{
    sigset_t both;
    ::sigemptyset(&both);
    ::sigaddset(&both, SIGINT);
    ::sigaddset(&both, SIGTERM);
    ::pthread_sigmask(SIG_BLOCK, &both, nullptr);
}

/** Ends everything at the first signal. At the second, callers do not even get their answers; a third is left to the
    system.
*/
class stopper {
public:
    stopper(asio::io_context& io, mayfly::http::server& server, platform& on, const journal& log)
        : server_(&server), platform_(&on), log_(&log), signals_(io, SIGINT, SIGTERM)
    {
        signals_.async_wait([this](error_code ec, int) {
            if (!ec)
                stop();
        });
    }

private:
    void stop()
    {
        log_->line("stopping");
        signals_.async_wait([this](error_code ec, int) {
            if (ec)
                return;
            signals_.clear();
            server_->close();
        });
        server_->async_stop([this](error_code) { one_less(); });
        platform_->async_stop([this](error_code) { one_less(); });
    }

    void one_less()
    {
        if (--left_ == 0)
            signals_.cancel();
    }

    mayfly::http::server* server_;
    platform* platform_;
    const journal* log_;
    asio::signal_set signals_;
    int left_ = 2;
};

int run(options o)
{
    journal log;
    if (!o.log_file.empty() && !log.open(o.log_file))
        return refuse(
            {mayfly::problem{"--log-file", in_quotes(o.log_file.string()), "give a file that can be written"}});

    allow_many_files();
    asio::io_context io{1};
    o.platform.log = [&log](const mayfly::local::log_entry& e) { log(e); };
    o.platform.observer = [&log](const mayfly::local::platform_event& e) { log(e); };
    platform on(io.get_executor(), o.platform);

    functions known(on);
    const auto now = std::chrono::floor<std::chrono::milliseconds>(std::chrono::system_clock::now()) + o.clock_offset;
    for (const function_plan& plan : o.functions) {
        auto wrong = known.add(plan, now);
        for (mayfly::problem& p : wrong)
            p.field = "function " + in_quotes(plan.settings.name) + ", " + p.field;
        if (!wrong.empty())
            return refuse(wrong);
    }

    key_book keys(o.own, o.platform.where);
    front service(on, known, keys, o.sts, log, o.clock_offset);
    constexpr std::size_t most_body_bytes = 64 * 1024 * 1024;  // so that most that is too large still hears why
    o.server.body_limit = most_body_bytes;
    o.server.max_connections = 16'384;  // A caller that waits for its answer holds one.
    o.server.too_large = [&service](const mayfly::http::request& r) { return service.too_large(r); };
    mayfly::http::server server(
        io.get_executor(), [&service](mayfly::http::request r) { return service.answer_to(std::move(r)); }, o.server);
    if (const error_code ec = server.listen()) {
        std::fprintf(stderr, "local_lambda: cannot listen on port %u: %s\n", o.server.port, ec.message().c_str());
        return 1;
    }
    const stopper at_signals(io, server, on, log);
    std::printf("local_lambda: %s://127.0.0.1:%u\n", o.server.certificate.empty() ? "http" : "https", server.port());
    std::fflush(stdout);
    io.run();
    hold_signals();
    return 0;
}

}  // namespace

int main(int argc, char** argv)
{
    try {
        options o = read_options({argv + 1, argv + argc});
        if (o.help) {
            std::fwrite(help_text.data(), 1, help_text.size(), stdout);
            return 0;
        }
        return o.problems.empty() ? run(std::move(o)) : refuse(o.problems);
    } catch (const std::exception& e) {
        std::fprintf(stderr, "local_lambda: %s\n", e.what());
        return 1;
    }
}
