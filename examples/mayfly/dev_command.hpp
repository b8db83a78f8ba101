// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "../support/flags.hpp"

#include <mayfly/temporal/embedded_service.hpp>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/address.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/system/error_code.hpp>

#include <charconv>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace examples {

inline constexpr std::string_view dev_help =
    R"(usage: mayfly dev [OPTION]...

Runs a Temporal service for development and tests: workflows, standalone activities, task queues, workers and worker
deployments.
Clients and workers of any language use it like a server. It says when it is ready, and where, and runs until it gets
SIGINT or SIGTERM.

  --port N                   where it listens; 7233 if not given, 0 for any free port
  --address A                on which address; 127.0.0.1 if not given. It asks nobody who they are: give another one
                             only where you trust everybody who can reach it
  --namespace NAME           a namespace to begin with; "default" if none is given. May be given several times
  --state FILE               keep there what was accepted, so that the next start goes on from it; in memory if not
                             given. Workflows are in memory only, with a file too: they are gone when this ends
  --state-sync               with --state: wait for the disk before anything is answered, so that it outlives not only
                             this program but the machine
  --skip-time                for tests: time jumps to the next timer whenever a caller waits for a result and nothing
                             happens until then
  --help                     this

Exit status: 0 it was told to end, 1 it could not run, 2 the arguments are not usable.
)";

struct dev_options {
    mayfly::temporal::embedded_options service{.port = 7233};
    bool help = false;
    std::string problem{};  ///< Why these arguments cannot be used; empty if they can.
};

namespace detail {

inline std::string set(dev_options& o, const flag& given)
{
    const auto [name, value] = given;
    const std::string shown = std::string(name) + " is \"" + std::string(value) + "\": ";
    if (name == "--state-sync") {
        o.service.state_options.sync = true;
        return {};
    }
    if (name == "--skip-time") {
        o.service.skip_time = true;
        return {};
    }
    if (name != "--port" && name != "--address" && name != "--namespace" && name != "--state")
        return "there is no option " + std::string(name);
    if (value.empty())
        return std::string(name) + ": give a value";
    if (name == "--port") {
        const char* const end = value.data() + value.size();
        const auto [at, ec] = std::from_chars(value.data(), end, o.service.port);
        if (ec != std::errc{} || at != end)
            return shown + "give a number from 0 to 65535";
    } else if (name == "--address") {
        boost::system::error_code wrong;
        boost::asio::ip::make_address(std::string(value), wrong);
        if (wrong)
            return shown + "give an IPv4 or IPv6 address";
        o.service.address = value;
    } else if (name == "--namespace") {
        o.service.namespaces.emplace_back(value);
    } else {
        o.service.state_file = value;
    }
    return {};
}

}  // namespace detail

inline dev_options read_dev_options(const std::vector<std::string_view>& arguments)
{
    dev_options o;
    o.service.namespaces.clear();
    const std::vector<std::string_view> switches{"--state-sync", "--skip-time"};
    flag_reader flags{arguments, switches};
    for (auto given = flags.next(); given && o.problem.empty(); given = flags.next()) {
        if (given->name == "--help") {
            o.help = true;
            return o;
        }
        o.problem = given->name.empty() ? '"' + std::string(given->value) + "\" is no option" : detail::set(o, *given);
    }
    if (o.service.namespaces.empty())
        o.service.namespaces.emplace_back("default");
    if (o.problem.empty() && o.service.state_options.sync && o.service.state_file.empty())
        o.problem = "--state-sync: give a file, with --state";
    return o;
}

/// What happens in the service, a line each.
class dev_log {
public:
    static void line(const std::string& text)
    {
        std::printf("%s\n", text.c_str());
        std::fflush(stdout);
    }

    void worker(const mayfly::temporal::embedded::worker_event& e)
    {
        if (e.present)
            unserved_.erase(queue(e));
        line("worker " + e.identity + (e.present ? " polls " : " has left ") + queue(e) +
             (e.version ? " as " + e.version->deployment + ':' + e.version->build_id : ""));
    }

    /// Once for a queue, until somebody serves it: there may be many tasks.
    void added(const mayfly::temporal::embedded::add_event& e)
    {
        if (e.outcome == mayfly::add_outcome::not_matched && unserved_.insert(queue(e)).second)
            line("tasks wait in " + queue(e) + ", and no worker polls it" +
                 (e.version ? " as " + e.version->deployment + ':' + e.version->build_id : ""));
    }

private:
    template <class Event>
    [[nodiscard]] static std::string queue(const Event& e)
    {
        return e.name_space + '/' + e.task_queue + " (" + std::string(mayfly::to_string(e.task_type)) + ')';
    }

    std::set<std::string> unserved_;
};

inline int run_dev(const std::vector<std::string_view>& arguments)
{
    dev_options o = read_dev_options(arguments);
    if (o.help) {
        std::fwrite(dev_help.data(), 1, dev_help.size(), stdout);
        return 0;
    }
    if (!o.problem.empty()) {
        std::fprintf(stderr, "mayfly dev: %s\n", o.problem.c_str());
        return 2;
    }

    boost::asio::io_context io{1};
    boost::asio::signal_set signals{io, SIGINT, SIGTERM};
    dev_log log;
    int status = 0;
    o.service.on_worker = [&log](const auto& e) { log.worker(e); };
    o.service.on_added = [&log](const auto& e) { log.added(e); };
    o.service.on_failed = [&](const std::string& why) {
        std::fprintf(stderr, "mayfly dev: %s; nothing more is accepted\n", why.c_str());
        status = 1;
        signals.cancel();
    };

    mayfly::temporal::embedded_service service{io.get_executor(), o.service};
    if (const boost::system::error_code failed = service.listen()) {
        const std::string where = o.service.address + " port " + std::to_string(o.service.port);
        const bool taken = failed == boost::asio::error::address_in_use;
        std::fprintf(stderr, "mayfly dev: %s\n",
            !service.problem().empty() ? service.problem().c_str()
            : taken                    ? (where + " is in use; give another one, with --port").c_str()
                                       : ("cannot listen on " + where + ": " + failed.message()).c_str());
        return 1;
    }
    const std::size_t kept = service.engine().activities().open();
    const bool v6 = o.service.address.find(':') != std::string::npos;
    dev_log::line(
        "ready on " + (v6 ? '[' + o.service.address + ']' : o.service.address) + ':' + std::to_string(service.port()) +
        (o.service.state_file.empty() ? ", all in memory only"
                                      : ", going on from " + o.service.state_file + " with " + std::to_string(kept) +
                                            (kept == 1 ? " open activity" : " open activities") +
                                            "; workflows are in memory only and gone when this ends"));

    signals.async_wait([&](const boost::system::error_code&, int) {
        if (status == 0)
            dev_log::line("ending");
        service.async_stop([&](const boost::system::error_code&) { signals.cancel(); });
        // Who says it twice is in a hurry.
        signals.async_wait([&](const boost::system::error_code& ec, int) {
            if (!ec) {
                status = 1;
                io.stop();
            }
        });
    });
    io.run();
    return status;
}

}  // namespace examples
