// SPDX-License-Identifier: BSL-1.0

// What a worker costs per activity: the processor time of its process, beside that of the bare two calls, poll and
// report, which a blocking socket and nghttp2 make with the same messages. The server is another process, which has a
// task for every poll.
//
//     bench_activity [--quick]

#include "../support/bench.hpp"
#include "../support/forked_server.hpp"
#include "../support/raw_grpc_client.hpp"

#include <mayfly/temporal/worker.hpp>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/system/error_code.hpp>

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <utility>

#include <time.h>

namespace {

namespace asio = boost::asio;
namespace grpc = mayfly::grpc;
using namespace mayfly::temporal;
using boost::system::error_code;

[[noreturn]] void die(const std::string& what)
{
    std::fprintf(stderr, "bench_activity: %s\n", what.c_str());
    std::exit(1);
}

/// A task as a server hands it out: an argument of 100 bytes.
api::PollActivityTaskQueueResponse task()
{
    api::PollActivityTaskQueueResponse t;
    t.set_task_token(std::string(64, 't'));
    t.mutable_activity_type()->set_name("greet");
    t.set_activity_id("activity-1");
    t.set_activity_run_id("0f4ac5a8-9d1c-4a5e-8d38-1f2a3b4c5d6e");
    t.set_attempt(1);
    t.mutable_start_to_close_timeout()->set_seconds(60);
    t.mutable_schedule_to_close_timeout()->set_seconds(600);
    const auto now = std::chrono::system_clock::now().time_since_epoch();
    const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(now).count();
    t.mutable_scheduled_time()->set_seconds(seconds);
    t.mutable_current_attempt_scheduled_time()->set_seconds(seconds);
    t.mutable_started_time()->set_seconds(seconds);
    auto& argument = *t.mutable_input()->add_payloads();
    (*argument.mutable_metadata())["encoding"] = "json/plain";
    argument.set_data('"' + std::string(98, 'x') + '"');
    return t;
}

void serve(asio::io_context&, grpc::server& server)
{
    server.handle(std::string(methods::poll_activity_task_queue.path),
        [message = task().SerializeAsString()](grpc::server_call) -> asio::awaitable<grpc::reply> {
            grpc::reply r;
            r.message = message;
            co_return r;
        });
    // Whatever else a worker asks, there is nothing to say.
    server.handle_others([](grpc::server_call) -> asio::awaitable<grpc::reply> { co_return grpc::reply{}; });
}

/// Microseconds of this process for each of `tasks`.
template <class F>
double cost(std::uint64_t tasks, F&& run)
{
    const double before = bench::seconds_of(CLOCK_PROCESS_CPUTIME_ID);
    run(tasks);
    return (bench::seconds_of(CLOCK_PROCESS_CPUTIME_ID) - before) * 1e6 / static_cast<double>(tasks);
}

/// The two calls, with what a worker sends in them.
class bare_calls {
public:
    explicit bare_calls(std::uint16_t port)
        : client_(port, {{"temporal-namespace", "default"}, {"client-name", "bench"}, {"client-version", "1.0.0"},
                            {"grpc-timeout", "70000m"}})
    {
        api::PollActivityTaskQueueRequest poll;
        poll.set_namespace_("default");
        poll.mutable_task_queue()->set_name("work");
        poll.set_identity("1234@host");
        poll.set_worker_instance_key("0f4ac5a8-9d1c-4a5e-8d38-1f2a3b4c5d6e");
        poll_ = poll.SerializeAsString();
        api::RespondActivityTaskCompletedRequest report;
        report.set_namespace_("default");
        report.set_identity("1234@host");
        report.set_task_token(std::string(64, 't'));
        auto& result = *report.mutable_result()->add_payloads();
        (*result.mutable_metadata())["encoding"] = "json/plain";
        result.set_data('"' + std::string(98, 'x') + '"');
        report_ = report.SerializeAsString();
    }

    void run(std::uint64_t tasks)
    {
        for (; tasks != 0; --tasks) {
            api::PollActivityTaskQueueResponse got;
            if (!got.ParseFromString(client_.call(methods::poll_activity_task_queue.path, poll_)))
                die("the task cannot be read");
            client_.call(methods::respond_activity_task_completed.path, report_);
        }
    }

private:
    raw_grpc::client client_;
    std::string poll_;
    std::string report_;
};

/// A whole worker with so many slots.
class whole_worker {
public:
    whole_worker(std::uint16_t port, std::uint32_t slots, std::uint32_t pollers, runs_on where)
    {
        activities_.add("greet", [](std::string name) { return name; }, {.runs_on = where});
        connection_options to;
        to.target = {false, "127.0.0.1", port};
        connection_ = std::make_shared<connection>(io_.get_executor(), to);
        worker_config config;
        config.activities = &activities_;
        config.settings.task_queue = "work";
        config.settings.max_concurrent_activities = slots;
        config.settings.activity_pollers = pollers;
        worker_ = std::make_unique<worker>(connection_, std::move(config));
        worker_->async_start([](error_code ec) {
            if (ec)
                die("the worker does not start: " + ec.message());
        });
        run(100);
    }
    whole_worker(const whole_worker&) = delete;
    whole_worker& operator=(const whole_worker&) = delete;
    ~whole_worker()
    {
        asio::post(io_, [this] {
            worker_.reset();
            connection_->close();
        });
        io_.restart();
        io_.run_for(std::chrono::seconds(5));
    }

    /// In this time it does so many more. Between two of these it stands still.
    void run(std::uint64_t tasks)
    {
        const auto enough = worker_->activity().completed + tasks;
        const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(120);
        io_.restart();
        while (worker_->activity().completed < enough)
            if (io_.run_one_for(std::chrono::seconds(10)) == 0 || std::chrono::steady_clock::now() > end)
                die("the worker does nothing");
    }

private:
    asio::io_context io_{1};
    activity_registry activities_;
    std::shared_ptr<connection> connection_;
    std::unique_ptr<worker> worker_;
};

}  // namespace

int main(int argc, char** argv)
{
    if (!bench::read_options(argc, argv))
        return 2;
    const bench::forked_server server(serve);
    const std::size_t rounds = bench::quick ? 3 : 9;
    const std::uint64_t tasks = bench::quick ? 500 : 3'000;

    bench::heading();
    bare_calls bare(server.port());
    const auto control = [&] { return cost(tasks, [&](std::uint64_t n) { bare.run(n); }); };
    struct row {
        const char* name;
        std::uint32_t slots;
        std::uint32_t pollers;
        runs_on where;
    };
    const row rows[] = {
        {"CPU of an activity, one slot", 1, 1, runs_on::executor},
        {"the same, on a thread of the pool", 1, 1, runs_on::pool},
        {"10 slots, 5 polls at a time", 10, 5, runs_on::executor},
        {"the same, on threads of the pool", 10, 5, runs_on::pool},
    };
    for (const row& r : rows) {
        whole_worker w(server.port(), r.slots, r.pollers, r.where);
        const auto value = [&] { return cost(tasks, [&](std::uint64_t n) { w.run(n); }); };
        bench::row(r.name, bench::side_by_side(rounds, value, control), "us", "poll and report over nghttp2");
    }
    return 0;
}
