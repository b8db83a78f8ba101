// SPDX-License-Identifier: BSL-1.0

// The two promises as a whole, with a bootstrap in C++: ten thousand invocations without a loss, and a burst of work
// from zero workers and back to zero.

#include "platform_fixture.hpp"

#include <mayfly/controller.hpp>
#include <mayfly/http/server.hpp>
#include <mayfly/local/local_provider.hpp>

#include <doctest/doctest.h>

#include <boost/asio/append.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

using namespace std::chrono_literals;

namespace {

namespace asio = boost::asio;
namespace http = mayfly::http;
using namespace mayfly_test;
using namespace mayfly::local;
using mayfly::uptime;

function_settings worker_function()
{
    return {.name = "worker", .version = "1", .bootstrap = MAYFLY_WORKER_FUNCTION, .timeout = 60s};
}

TEST_CASE("ten thousand invocations: none lost, none late, no process left")
{
    constexpr int all = 10'000;
    constexpr std::uint32_t at_once = 8;
    boost::asio::io_context io;
    std::size_t ended_processes = 0;
    std::size_t worst_children = 0;
    platform lambda(io.get_executor(), {.concurrency = at_once, .observer = [&](const platform_event& e) {
                                            ended_processes += e.what == platform_event::kind::exited ? 1U : 0U;
                                        }});
    auto f = worker_function();
    f.timeout = 10s;
    REQUIRE(lambda.set(f).empty());

    int begun = 0;
    int ended = 0;
    std::vector<int> answers(all);
    int wrong = 0;
    std::chrono::steady_clock::duration slowest{};
    std::function<void()> next = [&] {
        if (begun == all)
            return;
        const int i = begun++;
        const std::string payload = "{\"number\":" + std::to_string(i) + '}';
        const auto from = std::chrono::steady_clock::now();
        lambda.async_invoke(invoke_request{.function = "worker", .version = "1", .payload = payload},
            [&, i, payload, from](boost::system::error_code ec, const invoke_result& r) {
                slowest = std::max(slowest, std::chrono::steady_clock::now() - from);
                ++answers[static_cast<std::size_t>(i)];
                ++ended;
                wrong += ec || r.payload != payload || !r.function_error.empty() ? 1 : 0;
                if (i % 1000 == 0)
                    worst_children = std::max(worst_children, children());
                next();
            });
    };
    for (std::uint32_t i = 0; i < at_once; ++i)
        next();
    REQUIRE(run_until(
        io, [&] { return ended == all; }, 200s));
    CHECK(wrong == 0);
    CHECK(std::count(answers.begin(), answers.end(), 1) == all);
    CHECK(slowest < f.timeout);
    const platform_stats s = lambda.stats();
    CHECK(s.succeeded == all);
    CHECK(s.throttled == 0);
    CHECK(s.starts == at_once);
    CHECK(ended_processes == 0);
    CHECK(worst_children <= at_once);
    MESSAGE("slowest: " << std::chrono::duration_cast<std::chrono::milliseconds>(slowest).count() << " ms");

    bool stopped = false;
    lambda.async_stop([&](boost::system::error_code) { stopped = true; });
    REQUIRE(run_until(io, [&] { return stopped; }));
    CHECK(children() == 0);
}

/// The queue of units, as an HTTP service, and what is known of those who work on it.
class work_queue {
public:
    /// Told when a worker polls for the first time, and when it has left.
    std::function<void(const std::string&)> came{};
    std::function<void(const std::string&)> left{};

    explicit work_queue(asio::io_context& io)
        : io_(io), server_(io.get_executor(), [this](http::request r) { return serve(std::move(r)); })
    {
        REQUIRE_FALSE(server_.listen());
    }

    [[nodiscard]] std::string address() const { return "127.0.0.1:" + std::to_string(server_.port()); }

    void add(std::size_t unit)
    {
        waiting_.push_back(unit);
        done.emplace(unit, 0);
    }

    [[nodiscard]] std::size_t waiting() const noexcept { return waiting_.size(); }
    [[nodiscard]] const std::map<std::string, uptime>& workers() const noexcept { return workers_; }

    std::map<std::size_t, int> done{};  // how often each unit was
    std::uint64_t dispatched = 0;
    std::size_t finished = 0;
    std::size_t most_workers = 0;
    std::size_t workers_in_all = 0;

    std::function<uptime()> now{};

private:
    asio::awaitable<http::response> serve(http::request r)
    {
        http::response out{http::status::ok, 11};
        const std::string target(r.target());
        const std::string worker = r.body();
        if (target == "/take") {
            if (workers_.emplace(worker, now()).second) {
                ++workers_in_all;
                most_workers = std::max(most_workers, workers_.size());
                came(worker);
            }
            const auto give_up = std::chrono::steady_clock::now() + 100ms;
            while (waiting_.empty() && std::chrono::steady_clock::now() < give_up) {
                boost::system::error_code ec;
                asio::steady_timer pause(io_, 5ms);
                co_await pause.async_wait(asio::redirect_error(asio::use_awaitable, ec));
            }
            if (waiting_.empty()) {
                out.result(http::status::no_content);
            } else {
                out.body() = std::to_string(waiting_.front());
                waiting_.pop_front();
                ++dispatched;
            }
        } else if (target.starts_with("/done/")) {
            ++done[std::stoul(target.substr(6))];
            ++finished;
        } else if (target == "/leave") {
            workers_.erase(worker);
            left(worker);
        } else {
            out.result(http::status::not_found);
        }
        co_return out;
    }

    asio::io_context& io_;
    std::deque<std::size_t> waiting_{};
    std::map<std::string, uptime> workers_{};
    http::server server_;
};

/// What the controller reads of it.
struct work_source {
    work_queue* queue = nullptr;
    asio::any_io_executor executor{};

    template <class Token>
    auto async_read(std::shared_ptr<const mayfly::launch_target>, uptime now, Token&& token)
    {
        mayfly::queue_reading r{.workers_complete = true};
        r.stats[static_cast<std::size_t>(mayfly::task_type::activity)] =
            mayfly::queue_stats{.backlog = queue->waiting(), .dispatched = queue->dispatched};
        for (const auto& [name, first] : queue->workers())
            r.workers.push_back({.identity = name, .first_seen = first, .last_seen = now});
        return asio::post(
            executor, asio::append(std::forward<Token>(token), boost::system::error_code(), std::move(r)));
    }
};

TEST_CASE("a burst of a thousand units, from no worker to no worker")
{
    constexpr std::size_t units = 1000;
    constexpr std::uint32_t most = 12;
    asio::io_context io;
    work_queue queue(io);
    const auto lambda = std::make_shared<platform>(io.get_executor());
    auto f = worker_function();
    f.variables["WORK_QUEUE"] = queue.address();
    REQUIRE(lambda->set(f).empty());

    using controller_type = mayfly::basic_controller<mayfly::fleet, local_provider, work_source>;
    std::size_t refused = 0;
    controller_type controller(io.get_executor(), local_provider(lambda), work_source{&queue, io.get_executor()}, {},
        [&](const mayfly::controller_event& e) {
            refused += e.what == mayfly::controller_event::kind::refused ? e.count : 0U;
        });
    const auto policy = std::make_shared<mayfly::group_policy<mayfly::fleet>>();
    policy->limits.max = most;
    policy->bootstrap = false;
    const auto target = std::make_shared<mayfly::launch_target>();
    target->version = {"shop", "build-7"};
    target->function = lambda->arn("worker", "1");
    target->details = {{"function", std::string("worker:1")}};
    const auto version = controller.add({.groups = {{policy, target}}});

    queue.now = [&] { return controller.now(); };
    queue.came = [&](const std::string& worker) {
        controller.tell([&](auto& machine, uptime now) {
            machine.seen(version, {.identity = worker, .first_seen = now, .last_seen = now}, now);
        });
    };
    queue.left = [&](const std::string& worker) {
        controller.tell([&](auto& machine, uptime now) { machine.gone(version, {.identity = worker}, now); });
    };

    asio::cancellation_signal stop;
    bool ended = false;
    controller.async_run(asio::bind_cancellation_slot(stop.slot(), [&](boost::system::error_code) { ended = true; }));
    for (std::size_t i = 0; i < units; ++i)
        queue.add(i);
    controller.added(version, {.counts = {.not_matched = 1, .behind_backlog = units - 1}});

    REQUIRE(run_until(
        io, [&] { return queue.finished >= units; }, 100s));
    REQUIRE(run_until(
        io, [&] { return queue.workers().empty() && lambda->stats().running == 0; }, 100s));
    CHECK(queue.done.size() == units);
    CHECK(std::all_of(queue.done.begin(), queue.done.end(), [](const auto& d) { return d.second == 1; }));
    CHECK(queue.finished == units);
    CHECK(queue.most_workers > 1);
    CHECK(queue.most_workers <= most);
    CHECK(refused == 0);
    const platform_stats s = lambda->stats();
    CHECK(s.failed == 0);
    CHECK(s.dropped == 0);
    CHECK(s.succeeded == s.events);
    CHECK(s.starts <= s.events);
    MESSAGE(s.events << " starts, " << queue.workers_in_all << " workers polled, " << queue.most_workers << " at once, "
                     << s.starts << " processes");

    stop.emit(asio::cancellation_type::terminal);
    REQUIRE(run_until(io, [&] { return ended; }));
    bool stopped = false;
    lambda->async_stop([&](boost::system::error_code) { stopped = true; });
    REQUIRE(run_until(io, [&] { return stopped; }));
    CHECK(lambda->stats().processes == 0);
    CHECK(children() == 0);
}

}  // namespace
