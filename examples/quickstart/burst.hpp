// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "run_view.hpp"

#include <mayfly/temporal/arrivals.hpp>
#include <mayfly/temporal/client.hpp>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/system/error_code.hpp>

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <filesystem>
#include <memory>
#include <random>
#include <string>
#include <tuple>
#include <utility>

// Puts tasks into the queue, as any client would, and sees each of them to its end.

namespace quickstart {

/// A version can be routed to once a worker of it has polled. Why it cannot, in words; empty if it is current now.
inline boost::asio::awaitable<std::string> make_current(
    std::shared_ptr<mayfly::temporal::connection> on, mayfly::deployment_version version)
{
    namespace temporal = mayfly::temporal;
    using mayfly::grpc::status_code;
    boost::asio::steady_timer pause(on->get_executor());
    temporal::api::SetWorkerDeploymentCurrentVersionRequest request;
    request.set_namespace_(on->options().name_space);
    request.set_deployment_name(version.deployment);
    request.set_build_id(version.build_id);
    for (int tries = 0; tries < 400; ++tries) {
        boost::system::error_code ec;
        const auto reply = co_await on->async_call(temporal::methods::set_worker_deployment_current_version, request,
            boost::asio::redirect_error(boost::asio::use_awaitable, ec));
        if (!ec)
            co_return std::string();
        const auto code = reply.status.code;
        if (code != status_code::not_found && code != status_code::failed_precondition)
            co_return "the version cannot be made current: " + temporal::describe(reply.status);
        pause.expires_after(std::chrono::milliseconds(20));
        co_await pause.async_wait(boost::asio::use_awaitable);
    }
    co_return "no worker of version " + version.deployment + ":" + version.build_id + " has come within 8 s";
}

class burst {
public:
    burst(boost::asio::any_io_executor executor, const mayfly::temporal::connection_options& to,
        mayfly::deployment_version version, std::string task_queue, run_view& view)
        : timer_(executor),
          client_(std::make_shared<mayfly::temporal::connection>(executor, to)),
          observer_(std::make_shared<mayfly::temporal::connection>(executor, to)),
          version_(std::move(version)),
          task_queue_(std::move(task_queue)),
          view_(&view)
    {}

    /// Tells of each task that the service has accepted, to who takes `settling` to hear of a new current version.
    void report_starts_to(mayfly::temporal::start_listener listener, std::chrono::milliseconds settling)
    {
        client_.report_starts_to(std::move(listener));
        settling_ = settling;
    }

    /// From the first worker, which makes its version known, until all tasks are done and nobody works any more. Why
    /// not, in words; empty if all went well.
    boost::asio::awaitable<std::string> run()
    {
        words_ = co_await make_current(observer_, version_);
        if (words_.empty())
            co_await send();
        client_.shared_connection()->close();
        observer_->close();
        co_return words_;
    }

private:
    using error_code = boost::system::error_code;
    template <class T>
    using awaitable = boost::asio::awaitable<T>;

    awaitable<void> send()
    {
        boost::asio::co_spawn(timer_.get_executor(), look(), boost::asio::detached);
        co_await until([this] { return view_->workers() == 0; });
        co_await sleep(settling_);
        view_->say("the version is current, and nobody is up; now 300 tasks come at once");
        for (int i = 0; i < 300; ++i)
            boost::asio::co_spawn(timer_.get_executor(), task(i), boost::asio::detached);
        for (int i = 300; i < 360; ++i) {
            co_await sleep(std::chrono::milliseconds(50));
            boost::asio::co_spawn(timer_.get_executor(), task(i), boost::asio::detached);
        }
        co_await until([this] { return view_->complete() || !words_.empty(); });
        co_await until([this] { return view_->workers() == 0; });
        co_await sleep(std::chrono::milliseconds(300));
        over_ = true;
        co_await until([this] { return !looking_; });
    }

    awaitable<void> task(int number)
    {
        namespace temporal = mayfly::temporal;
        const temporal::typed_activity<std::string(std::string, int)> cook{"cook"};
        const int milliseconds = std::uniform_int_distribution<int>(100, 400)(random_);
        const std::string dish = "dish " + std::to_string(number);
        temporal::start_options options;
        options.task_queue = task_queue_;
        options.schedule_to_close = std::chrono::seconds{60};
        // A server may hand a task to a worker that has just left: it is handed out again when this is over.
        options.start_to_close = std::chrono::seconds{5};
        view_->sent();

        error_code ec;
        const auto token = [&ec] { return boost::asio::redirect_error(boost::asio::use_awaitable, ec); };
        const std::tuple<std::string, int> arguments{dish, milliseconds};
        const auto started = co_await client_.async_start(cook, arguments, options, token());
        if (ec)
            co_return fail(dish + " was not taken: " + temporal::describe(started.status));
        const auto outcome = co_await started.value.handle.async_result(token());
        if (ec || outcome.value != dish + " is ready")
            co_return fail(dish + " is lost: " + outcome.words);
        const auto told = co_await started.value.handle.async_describe(token());
        if (ec || !told.value.last_started || !told.value.scheduled)
            co_return fail(dish + " cannot be asked for: " + temporal::describe(told.status));
        view_->done(std::chrono::duration<double>(*told.value.last_started - *told.value.scheduled).count());
    }

    void fail(std::string words)
    {
        if (words_.empty())
            words_ = std::move(words);
    }

    /// Ten times a second, how many tasks wait.
    awaitable<void> look()
    {
        namespace temporal = mayfly::temporal;
        looking_ = true;
        temporal::api::DescribeTaskQueueRequest request;
        request.set_namespace_(observer_->options().name_space);
        request.mutable_task_queue()->set_name(task_queue_);
        request.set_task_queue_type(temporal::api::enums::TASK_QUEUE_TYPE_ACTIVITY);
        request.set_report_stats(true);
        boost::asio::steady_timer timer(timer_.get_executor(), run_view::clock::now());
        while (!over_) {
            error_code ec;
            const auto reply = co_await observer_->async_call(temporal::methods::describe_task_queue, request,
                boost::asio::redirect_error(boost::asio::use_awaitable, ec));
            if (!ec)
                view_->look(static_cast<std::uint64_t>(reply.value.stats().approximate_backlog_count()));
            timer.expires_at(timer.expiry() + std::chrono::milliseconds(100));
            co_await timer.async_wait(boost::asio::redirect_error(boost::asio::use_awaitable, ec));
        }
        looking_ = false;
    }

    awaitable<void> sleep(std::chrono::milliseconds time)
    {
        timer_.expires_after(time);
        co_await timer_.async_wait(boost::asio::use_awaitable);
    }

    template <class F>
    awaitable<void> until(F condition)
    {
        while (!condition())
            co_await sleep(std::chrono::milliseconds(20));
    }

    boost::asio::steady_timer timer_;
    mayfly::temporal::client client_;
    std::shared_ptr<mayfly::temporal::connection> observer_;
    mayfly::deployment_version version_;
    std::string task_queue_;
    run_view* view_;
    std::minstd_rand random_{2024};
    std::string words_{};
    std::chrono::milliseconds settling_{0};
    bool looking_ = false;
    bool over_ = false;
};

/// A service of this machine.
[[nodiscard]] inline mayfly::temporal::connection_options at(std::uint16_t port)
{
    mayfly::temporal::connection_options to;
    to.target = {false, "127.0.0.1", port};
    return to;
}

[[nodiscard]] inline int sorry(const std::string& words)
{
    std::fprintf(stderr, "quickstart: %s\n", words.c_str());
    return 1;
}

/// The whole show, on `io`; `end` lets go of everything else that is on it. The program's exit status.
template <class End>
[[nodiscard]] int show(boost::asio::io_context& io, const mayfly::temporal::connection_options& to,
    const mayfly::deployment_version& version, run_view& view, const std::filesystem::path& picture, End end,
    mayfly::temporal::start_listener on_start = {})
{
    burst tasks(io.get_executor(), to, version, "orders", view);
    if (on_start)
        tasks.report_starts_to(std::move(on_start), std::chrono::seconds(2));
    std::string failure = "it was not brought to its end";
    boost::asio::co_spawn(io, tasks.run(), [&](const std::exception_ptr& thrown, std::string words) {
        if (thrown)
            std::rethrow_exception(thrown);
        failure = std::move(words);
        end();
    });
    io.run();
    view.print_table();
    if (!view.draw(picture))
        return sorry("the picture cannot be written to " + picture.string());
    std::printf("\nThe curves: %s\n", picture.string().c_str());
    if (!failure.empty() || view.lost() > 0)
        return sorry(std::to_string(view.lost()) + " tasks were lost: " + failure);
    return 0;
}

}  // namespace quickstart
