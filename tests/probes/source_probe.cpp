// SPDX-License-Identifier: BSL-1.0

// What a task queue source sees of a service, in a small story with one version, two workers and three tasks.
//
//     source-probe HOST PORT CACHED_MS     CACHED_MS: how long that service keeps its statistics
//
// Prints a line "name value" for each thing that was seen, measured times in milliseconds among them.

#include <mayfly/temporal/client.hpp>
#include <mayfly/temporal/deployments.hpp>
#include <mayfly/temporal/task_queue_source.hpp>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace {

namespace asio = boost::asio;
using namespace mayfly::temporal;
using namespace std::chrono_literals;
using steady = std::chrono::steady_clock;

constexpr auto answer = asio::as_tuple(asio::use_awaitable);

void say(const char* name, const std::string& value)
{
    std::printf("%s %s\n", name, value.c_str());
    std::fflush(stdout);
}

[[noreturn]] void give_up(const char* what, const std::string& why)
{
    std::printf("failed %s: %s\n", what, why.c_str());
    std::exit(1);
}

class story {
public:
    story(std::shared_ptr<connection> on, source_options options) : on_(std::move(on)), source_(on_, std::move(options))
    {
        source_.on_arrival([this](const mayfly::deployment_version& v, const mayfly::task_added& tasks) {
            if (v == version_)
                arrivals_ += tasks.counts.total();
        });
    }

    asio::awaitable<void> tell()
    {
        auto [ec, hello] = co_await on_->async_connect(20s, answer);
        if (ec)
            give_up("connect", hello.status.message);

        // A version that nobody has heard of.
        auto unknown = co_await read();
        say("unknown_version", unknown ? "read" : "refused");

        deployments all(on_);
        const std::string no_id;
        const mayfly::compute_config no_compute;
        auto [made, m] = co_await all.async_create(version_.deployment, no_id, answer);
        if (made)
            give_up("create deployment", m.status.message);
        auto [versioned, n] = co_await all.async_create_version(version_, no_compute, no_id, answer);
        if (versioned)
            give_up("create version", n.status.message);
        const condition anything = [](const mayfly::queue_reading&) { return true; };
        auto before = co_await until(anything);
        say("unbound_has_stats", activity(before) ? "yes" : "no");

        co_await poll(first_, 3s);
        routing_options routed;
        routed.allow_no_pollers = true;
        auto [set, s] = co_await all.async_set_current(version_, routed, answer);
        if (set)
            give_up("set current", s.status.message);
        const condition is_bound = [](const auto& r) { return activity(r) && !r.workers.empty(); };
        auto bound = co_await until(is_bound);
        say("bound_backlog", std::to_string(activity(bound)->backlog));
        say("bound_workers", workers(bound));

        // The moment after a sample is the worst to come.
        co_await sleep(250ms);
        client c(on_);
        c.report_starts_to(source_.listener());
        const std::string type = "anything";
        const api::common::Payloads input;
        start_options how;
        how.task_queue = queue_;
        how.schedule_to_close = 1min;
        const auto begun = steady::now();
        for (int i = 0; i < 3; ++i) {
            auto [bad, started] = co_await c.async_start_by_name<std::string>(type, input, how, answer);
            if (bad)
                give_up("start", started.status.message);
        }
        say("arrivals", std::to_string(arrivals_));
        say("arrival_ms", ms(begun));
        co_await sleep(300ms);
        auto pushed = co_await until(anything);
        say("backlog_with_push", std::to_string(activity(pushed)->backlog));

        // Another source heard of no arrival: it has the statistics alone.
        source_ = task_queue_source(on_, options_of_other_);
        const condition all_there = [](const auto& r) { return activity(r) && activity(r)->backlog == 3; };
        auto seen = co_await until(all_there);
        say("statistics_ms", ms(begun));
        say("oldest_is_known", activity(seen)->oldest > 0s ? "yes" : "no");

        co_await poll(second_, 5s);
        co_await beat(second_, false);
        const condition both = [](const auto& r) { return r.workers.size() == 2; };
        auto came = co_await until(both);
        say("workers_then", workers(came));
        co_await beat(second_, true);
        const auto goodbye = steady::now();
        const condition has_gone = [this](const auto& r) {
            return r.workers_complete && std::none_of(r.workers.begin(), r.workers.end(),
                                             [this](const auto& w) { return w.identity == second_ && w.present; });
        };
        auto left = co_await until(has_gone);
        say("workers_at_last", workers(left));
        say("goodbye_ms", ms(goodbye));
        const source_load load = source_.load();
        say("reads", std::to_string(load.deployment_reads) + '+' + std::to_string(load.queue_reads));
        say("end", "");
        on_->close();
        done_ = true;
    }

    source_options options_of_other_{};
    [[nodiscard]] bool done() const noexcept { return done_; }

private:
    using condition = std::function<bool(const mayfly::queue_reading&)>;

    static const std::optional<mayfly::queue_stats>& activity(const mayfly::queue_reading& r)
    {
        return r.stats[static_cast<std::size_t>(mayfly::task_type::activity)];
    }
    static std::string ms(steady::time_point since)
    {
        return std::to_string(std::chrono::duration_cast<std::chrono::milliseconds>(steady::now() - since).count());
    }
    static std::string workers(const mayfly::queue_reading& r)
    {
        std::string out;
        for (const auto& w : r.workers)
            out += (out.empty() ? "" : ",") + w.identity + (w.present ? "+" : "-") +
                   (w.slots ? std::to_string(*w.busy) + '/' + std::to_string(*w.slots) : "");
        return out.empty() ? "none" : out;
    }

    asio::awaitable<void> sleep(std::chrono::milliseconds how_long)
    {
        asio::steady_timer timer(on_->get_executor(), how_long);
        co_await timer.async_wait(answer);
    }

    asio::awaitable<std::optional<mayfly::queue_reading>> read()
    {
        const auto now = std::chrono::duration_cast<mayfly::uptime>(steady::now() - began_);
        auto [ec, r] = co_await source_.async_read(target_, now, answer);
        co_return ec ? std::nullopt : std::optional(std::move(r));
    }

    asio::awaitable<mayfly::queue_reading> until(const condition& holds)
    {
        const auto end = steady::now() + 15s;
        while (steady::now() < end) {
            auto r = co_await read();
            if (r && holds(*r))
                co_return *std::move(r);
            co_await sleep(100ms);
        }
        give_up("wait", "what should be seen was not");
    }

    asio::awaitable<void> poll(const std::string& identity, std::chrono::milliseconds within)
    {
        api::PollActivityTaskQueueRequest request;
        request.set_namespace_(on_->options().name_space);
        request.set_identity(identity);
        request.mutable_task_queue()->set_name(queue_);
        request.set_worker_instance_key("key of " + identity);
        auto& d = *request.mutable_deployment_options();
        d.set_deployment_name(version_.deployment);
        d.set_build_id(version_.build_id);
        d.set_worker_versioning_mode(api::enums::WORKER_VERSIONING_MODE_VERSIONED);
        rpc_options own;
        own.timeout = within;
        co_await on_->async_call(methods::poll_activity_task_queue, request, std::move(own), answer);
    }

    asio::awaitable<void> beat(const std::string& identity, bool goodbye)
    {
        api::worker::WorkerHeartbeat beat;
        beat.set_worker_instance_key("key of " + identity);
        beat.set_worker_identity(identity);
        beat.set_task_queue(queue_);
        beat.mutable_deployment_version()->set_deployment_name(version_.deployment);
        beat.mutable_deployment_version()->set_build_id(version_.build_id);
        beat.set_status(goodbye ? api::enums::WORKER_STATUS_SHUTTING_DOWN : api::enums::WORKER_STATUS_RUNNING);
        const wall_clock_time now = std::chrono::system_clock::now();
        *beat.mutable_start_time() = to_wire(now - 1s);
        *beat.mutable_heartbeat_time() = to_wire(now);
        beat.mutable_activity_task_slots_info()->set_current_used_slots(1);
        beat.mutable_activity_task_slots_info()->set_current_available_slots(9);
        if (!goodbye) {
            api::RecordWorkerHeartbeatRequest request;
            request.set_namespace_(on_->options().name_space);
            request.set_identity(identity);
            *request.add_worker_heartbeat() = beat;
            co_await on_->async_call(methods::record_worker_heartbeat, request, answer);
            co_return;
        }
        api::ShutdownWorkerRequest request;
        request.set_namespace_(on_->options().name_space);
        request.set_identity(identity);
        request.set_reason("the story ends");
        request.set_worker_instance_key(beat.worker_instance_key());
        request.set_task_queue(queue_);
        *request.mutable_worker_heartbeat() = beat;
        co_await on_->async_call(methods::shutdown_worker, request, answer);
    }

    std::shared_ptr<connection> on_;
    task_queue_source source_;
    const mayfly::deployment_version version_{"source-probe", "1"};
    const std::string queue_ = "source-probe-orders";
    const std::string first_ = "r1@arn:f:1";
    const std::string second_ = "r2@arn:f:1";
    std::shared_ptr<const mayfly::launch_target> target_ = std::make_shared<const mayfly::launch_target>(
        mayfly::launch_target{.version = version_, .function = "arn:f:1"});
    steady::time_point began_ = steady::now();
    std::uint32_t arrivals_ = 0;
    bool done_ = false;
};

}  // namespace

int main(int argc, char** argv)
{
    if (argc != 4) {
        std::fputs("usage: source-probe HOST PORT CACHED_MS\n", stderr);
        return 2;
    }
    asio::io_context io{1};
    connection_options o;
    o.target = {false, argv[1], static_cast<std::uint16_t>(std::atoi(argv[2]))};
    source_options options;
    options.stats_cached_for = std::chrono::milliseconds{std::atoi(argv[3])};
    options.on_event = [](const source_event& e) {
        say("event", std::string(to_string(e.what)) + ' ' + std::string(e.words));
    };
    story s(std::make_shared<connection>(io.get_executor(), std::move(o)), options);
    s.options_of_other_ = options;
    asio::co_spawn(io, s.tell(), asio::detached);
    io.run_for(55s);
    return s.done() ? 0 : 1;
}
