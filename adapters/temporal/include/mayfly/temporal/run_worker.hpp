// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/deployment.hpp>
#include <mayfly/environment.hpp>
#include <mayfly/invocation.hpp>
#include <mayfly/lambda_runtime/client.hpp>
#include <mayfly/lambda_runtime/run.hpp>
#include <mayfly/launch_notice.hpp>
#include <mayfly/temporal/connector.hpp>
#include <mayfly/temporal/detail/invocation_answer.hpp>
#include <mayfly/temporal/log.hpp>
#include <mayfly/temporal/worker_setup.hpp>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/system/error_code.hpp>

#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include <unistd.h>

namespace mayfly::temporal {

namespace detail {

/// A worker that was set up, as a process runs it.
class worker_process {
public:
    worker_process(const worker_setup& setup, const resolved_options& options, bool in_a_function)
        : setup_(&setup),
          options_(&options),
          connector_(io_.get_executor(), setup.connection,
              {.activities = &setup.activities,
                  .workflows = setup.workflows,
                  .converter = setup.converter,
                  .interceptors = setup.interceptors,
                  .logger = setup.logger,
                  .metrics = setup.metrics,
                  .timing = setup.timing,
                  .eager_activities = setup.options.eager_activities.value_or(true)},
              {.patient = !in_a_function})
    {}

    /// Serves invocations until the platform has no more. The process's exit status.
    [[nodiscard]] int serve_invocations(const environment& variables)
    {
        lambda_runtime::runtime_client api(io_.get_executor(), variables);
        lambda_runtime::run_report end;
        bool told = false;
        const auto run = [&] {
            if (told)
                return io_.stop();
            lambda_runtime::async_run_function(
                api, [this](event e) { return serve(std::move(e)); }, {.variables = variables},
                boost::asio::bind_cancellation_slot(
                    stop_.slot(), [&](boost::system::error_code, lambda_runtime::run_report report) {
                        end = std::move(report);
                        io_.stop();
                    }));
        };
        boost::asio::signal_set signals(io_, SIGTERM, SIGINT);
        signals.async_wait([&](boost::system::error_code ec, int) {
            told = !ec;
            if (told)
                stop_.emit(boost::asio::cancellation_type::terminal);
        });
        if (opens_ahead(variables))
            connector_.async_open_ahead(longest_ahead, [&](boost::system::error_code ec, bool) {
                if (ec)
                    say(log_level::warning, "connecting to " + connector_.target() +
                                                " before the first invocation failed: " + connector_.detail());
                run();
            });
        else
            run();
        io_.run();
        if (end.ec)
            say(log_level::error, "the Runtime API is of no more use: " + end.detail);
        return end.ec ? 1 : 0;
    }

    /// Works until a signal, or until there is no sense in it. The process's exit status.
    [[nodiscard]] int serve_until_told()
    {
        boost::asio::signal_set signals(io_, SIGTERM, SIGINT);
        int told = 0;
        std::optional<invocation_report> end;
        const std::function<void()> hurry = [&] {
            // Every emission ends what is waited for at that moment.
            if (end)
                return;
            stop_.emit(boost::asio::cancellation_type::terminal);
            boost::asio::post(io_, hurry);
        };
        const std::function<void(boost::system::error_code, int)> on_signal = [&](boost::system::error_code ec, int) {
            if (ec)
                return;
            if (++told > 1)
                return hurry();
            say(log_level::info, "told to stop: running activities have " +
                                     mayfly::detail::seconds_text(options_->settings().stop_timeout) +
                                     "; another signal ends them at once");
            stop_.emit(boost::asio::cancellation_type::terminal);
            signals.async_wait(on_signal);
        };
        signals.async_wait(on_signal);

        invocation_context context;
        context.on_warning = [this](std::string_view words) { say(log_level::warning, words); };
        async_invoke(std::move(context), connector_, *options_, setup_->hooks,
            boost::asio::bind_cancellation_slot(stop_.slot(), [&](boost::system::error_code, invocation_report report) {
                end = std::move(report);
                signals.cancel();
                io_.stop();
            }));
        io_.run();
        tell(*end);
        return failed(end->end) && !(end->end == invocation_end::stopped && told > 0) ? 1 : 0;
    }

private:
    using event = lambda_runtime::timed_invocation<deadline_clock>;

    // Of the ten seconds that a function has for its start.
    static constexpr std::chrono::milliseconds longest_ahead{3'000};

    boost::asio::awaitable<lambda_runtime::function_result> serve(event e)
    {
        const std::optional<launch_notice> notice = notice_in(e.payload);
        if (const std::string words = odd_start(notice, options_->version()); !words.empty())
            say(log_level::warning, words);
        invocation_context context;
        context.request_id = e.request_id;
        context.function = e.function_arn;
        context.deadline = e.due;
        if (notice)
            context.orders = notice->orders;
        context.on_warning = [this](std::string_view words) { say(log_level::warning, words); };
        const auto ended = co_await async_invoke(std::move(context), connector_, *options_, setup_->hooks,
            boost::asio::as_tuple(boost::asio::use_awaitable));
        const invocation_report& report = std::get<1>(ended);
        tell(report);
        co_return answer_of(report, detail_of(report));
    }

    [[nodiscard]] std::string_view detail_of(const invocation_report& report) const
    {
        return report.end == invocation_end::connect_failed ? connector_.detail() : std::string_view{};
    }

    void tell(const invocation_report& report) const
    {
        const std::string words = failure_words(report, detail_of(report));
        if (!words.empty())
            say(log_level::error, words);
        say(log_level::info, sentence_on(report));
    }

    void say(log_level level, std::string_view words) const
    {
        if (setup_->logger)
            setup_->logger(level, words);
    }

    boost::asio::io_context io_{1};
    const worker_setup* setup_;
    const resolved_options* options_;
    connector connector_;
    boost::asio::cancellation_signal stop_{};
};

/// Tells everybody who may want to know why the worker does not start. The process's exit status.
[[nodiscard]] inline int cannot_start(const environment& variables, const std::string& why)
{
    if (variables.get("AWS_LAMBDA_RUNTIME_API")) {
        boost::asio::io_context io{1};
        lambda_runtime::runtime_client api(io.get_executor(), variables);
        const lambda_runtime::function_error error{.type = "Runtime.InvalidWorkerSetup", .message = why};
        api.async_init_error(error, [](boost::system::error_code, unsigned) {});
        io.run_for(std::chrono::seconds{2});
    }
    const std::string line = "mayfly: the worker cannot start: " + why + '\n';
    std::fwrite(line.data(), 1, line.size(), stderr);
    return 1;
}

}  // namespace detail

/** A worker's whole `main`: in a function or outside of one, the same program. Returns the process's exit status.

    First it reads `temporal.toml` and the environment and lets `configure` change and register what it likes; then it
    checks everything. What is wrong ends it with one line on standard error and status 1; in a function the platform
    hears of it too.

    With `AWS_LAMBDA_RUNTIME_API` in the environment it is a function: each invocation has a new connection, a new
    worker and an identity of its own (`<request id>@<function>`), stops polling `shutdown_buffer` before its deadline,
    drains, runs the hooks and answers with a report in JSON. What a controller orders in the payload (when to leave) is
    heeded. The first connection is opened before the first invocation, while a function starts.

    Without it, it is one long invocation: until SIGINT or SIGTERM, after which running activities have `stop_timeout`,
    or until a second signal, which ends them at once. A server that cannot be reached is tried again for ever; what
    cannot pass, like a missing permission, ends it with status 1.

    Everything runs on the calling thread, save activities that may block: those have a small pool.
*/
[[nodiscard]] inline int run_worker(
    const deployment_version& version, const std::function<void(worker_setup&)>& configure)
{
    const environment variables = environment::of_process();
    const bool in_a_function = variables.get("AWS_LAMBDA_RUNTIME_API").has_value();
    if (in_a_function) {
        const std::string home =
            better_home(variables, [](const std::string& path) { return ::access(path.c_str(), W_OK) == 0; });
        if (!home.empty())
            ::setenv("HOME", home.c_str(), 1);
    }

    checked<worker_setup> begun = begin_setup(version, variables, config::read_file);
    if (!begun)
        return detail::cannot_start(variables, detail::on_one_line(begun.problems()));
    worker_setup setup = *std::move(begun);
    try {
        configure(setup);
    } catch (const std::exception& e) {
        return detail::cannot_start(variables, std::string("its configuration failed: ") + e.what());
    } catch (...) {
        return detail::cannot_start(variables, "its configuration threw what is no std::exception");
    }
    const checked<resolved_options> options = finish_setup(setup, version);
    if (!options)
        return detail::cannot_start(variables, detail::on_one_line(options.problems()));
    const auto warn_of = [&setup](const problems& all) {
        for (const problem& p : all)
            if (setup.logger)
                setup.logger(log_level::warning, to_string(p));
    };
    warn_of(setup.settings.warnings);
    warn_of(options->notes());

    detail::worker_process process(setup, *options, in_a_function);
    return in_a_function ? process.serve_invocations(variables) : process.serve_until_told();
}

}  // namespace mayfly::temporal
