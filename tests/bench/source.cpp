// SPDX-License-Identifier: BSL-1.0

// What it costs to watch ten thousand idle versions of a cluster beside one where work waits, and whether that one
// notices: a controller with a task queue source, over loopback, at a server in a process of its own.
//
//     bench_source [--quick]

#include "../support/bench.hpp"
#include "../support/forked_server.hpp"

#include <mayfly/controller.hpp>
#include <mayfly/temporal/task_queue_source.hpp>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/bind_executor.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/system/error_code.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <time.h>

namespace {

namespace asio = boost::asio;
namespace grpc = mayfly::grpc;
using namespace mayfly::temporal;
using namespace std::chrono_literals;
using boost::system::error_code;
using steady = std::chrono::steady_clock;

constexpr const char* service = "/temporal.api.workflowservice.v1.WorkflowService/";
constexpr const char* busy = "busy";

/// Every version has one queue; one task waits in that of the busy one.
void serve_versions(asio::io_context&, grpc::server& server)
{
    server.handle(std::string(service) + "DescribeWorkerDeploymentVersion",
        [](grpc::server_call call) -> asio::awaitable<grpc::reply> {
            api::DescribeWorkerDeploymentVersionRequest r;
            r.ParseFromString(call.request.message);
            api::DescribeWorkerDeploymentVersionResponse out;
            auto& v = *out.mutable_worker_deployment_version_info();
            *v.mutable_deployment_version() = r.deployment_version();
            v.set_status(api::enums::WORKER_DEPLOYMENT_VERSION_STATUS_CURRENT);
            auto& q = *out.add_version_task_queues();
            q.set_name("queue of " + r.deployment_version().build_id());
            q.set_type(api::enums::TASK_QUEUE_TYPE_ACTIVITY);
            if (r.deployment_version().build_id() == busy) {
                q.mutable_stats()->set_approximate_backlog_count(1);
                *q.mutable_stats()->mutable_approximate_backlog_age() = to_wire(steady::now().time_since_epoch());
            }
            grpc::reply reply;
            reply.message = out.SerializeAsString();
            co_return reply;
        });
    for (const char* name : {"DescribeTaskQueue", "ListWorkers"})
        server.handle(std::string(service) + name,
            [](grpc::server_call) -> asio::awaitable<grpc::reply> { co_return grpc::reply(); });
}

/// Takes every start; no worker ever comes.
struct taker {
    template <class Handler>
    void async_launch(mayfly::launch_request, Handler&& handler)
    {
        const auto on = asio::get_associated_executor(handler);
        asio::post(on,
            [h = std::forward<Handler>(handler)]() mutable { std::move(h)(error_code(), mayfly::launch_report()); });
    }
};

/// Notes when the busy version is asked for: an interval is the time between two of its readings.
struct noting_source {
    task_queue_source from;
    std::shared_ptr<std::vector<steady::time_point>> asked = std::make_shared<std::vector<steady::time_point>>();

    template <class Handler>
    void async_read(std::shared_ptr<const mayfly::launch_target> target, mayfly::uptime now, Handler&& handler)
    {
        if (target->version.build_id == busy)
            asked->push_back(steady::now());
        from.async_read(std::move(target), now, std::forward<Handler>(handler));
    }
};

struct outcome {
    double cpu = 0;           // share of a core
    double bytes = 0;         // a version
    double descriptions = 0;  // a second
    double queues = 0;
    std::vector<double> intervals{};  // of the busy version, ms
};

outcome measure(std::uint16_t port, std::uint32_t idle, std::chrono::seconds how_long)
{
    asio::io_context io{1};
    connection_options o;
    o.target = {false, "127.0.0.1", port};
    const auto on = std::make_shared<connection>(io.get_executor(), std::move(o));
    noting_source source{task_queue_source(on)};
    const auto asked = source.asked;
    task_queue_source handle = source.from;
    mayfly::basic_controller<mayfly::fleet, taker, noting_source> control(io.get_executor(), {}, std::move(source),
        {.reads_at_once = task_queue_source::reads_at_once},
        [&](const mayfly::controller_event& e) { handle.heard(e); }, {.read = task_queue_source::longest_read});
    auto policy = std::make_shared<mayfly::group_policy<mayfly::fleet>>();
    policy->scaler.read_idle = 5s;
    policy->bootstrap = false;
    const std::uint64_t before = allocations::bytes;
    const auto add = [&](std::string build_id) {
        auto target = std::make_shared<const mayfly::launch_target>(
            mayfly::launch_target{.version = {"shop", std::move(build_id)}, .function = "f"});
        control.add({.groups = {{policy, std::move(target), mayfly::task_types::all()}},
            .status = mayfly::version_status::current});
    };
    add(busy);
    for (std::uint32_t i = 0; i < idle; ++i)
        add(std::to_string(i));
    bool ended = false;
    asio::cancellation_signal stop;
    control.async_run(asio::bind_cancellation_slot(stop.slot(), [&](error_code) { ended = true; }));

    const auto warm = std::min<std::chrono::seconds>(how_long / 2, 8s);
    io.run_for(warm);
    const source_load first = handle.load();
    const double cpu = bench::seconds_of(CLOCK_PROCESS_CPUTIME_ID);
    const std::size_t skip = asked->size();
    io.run_for(how_long);
    outcome out;
    const auto seconds = static_cast<double>(how_long.count());
    out.cpu = (bench::seconds_of(CLOCK_PROCESS_CPUTIME_ID) - cpu) / seconds;
    out.bytes = static_cast<double>(allocations::bytes - before) / (idle + 1);
    const source_load last = handle.load();
    out.descriptions = static_cast<double>(last.deployment_reads - first.deployment_reads) / seconds;
    out.queues = static_cast<double>(last.queue_reads - first.queue_reads) / seconds;
    for (std::size_t i = skip; i + 1 < asked->size(); ++i)
        out.intervals.push_back(std::chrono::duration<double, std::milli>((*asked)[i + 1] - (*asked)[i]).count());
    stop.emit(asio::cancellation_type::terminal);
    on->close();
    for (const auto end = steady::now() + 10s; !ended && steady::now() < end;)
        io.run_one_for(100ms);
    return out;
}

void print(std::uint32_t idle, const outcome& o)
{
    const auto longest = std::max_element(o.intervals.begin(), o.intervals.end());
    std::printf(
        "%6u idle versions beside a busy one: %5.2f %% of a core, %6.0f bytes a version, %5.1f + %4.1f reads/s; "
        "the busy one is read every %4.0f ms, at most %4.0f\n",
        idle, o.cpu * 100, o.bytes, o.descriptions, o.queues, o.intervals.empty() ? 0.0 : bench::median(o.intervals),
        o.intervals.empty() ? 0.0 : *longest);
}

}  // namespace

int main(int argc, char** argv)
{
    if (!bench::read_options(argc, argv))
        return 2;
    const bench::forked_server server(serve_versions);
    const std::chrono::seconds how_long = bench::quick ? 6s : 30s;
    for (const std::uint32_t idle : {0U, 100U, 10'000U})
        print(idle, measure(server.port(), idle, how_long));
}
