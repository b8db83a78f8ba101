// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "burst.hpp"
#include "stays.hpp"

#include <mayfly/controller.hpp>
#include <mayfly/local/local_provider.hpp>
#include <mayfly/temporal/embedded/tell.hpp>
#include <mayfly/temporal/embedded_service.hpp>
#include <mayfly/temporal/workflow_client.hpp>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>

#include <functional>
#include <map>
#include <optional>
#include <set>

// A workflow that takes days, served by workers that live for seconds. Whenever nobody is up the service skips the time
// to where something happens next; everything else takes the time that it takes.

namespace quickstart {

class days {
public:
    /// @param here  where the workers' programs are
    explicit days(const std::filesystem::path& here)
        : service_(io_.get_executor(), {.skip_time = true,
                                           .on_added =
                                               [this](const auto& e) {
                                                   tell(e);
                                                   // Work has come: from here on time takes its time again.
                                                   came_.emit(boost::asio::cancellation_type::terminal);
                                               },
                                           .on_worker = [this](const auto& e) { tell(e); }}),
          lambda_(std::make_shared<mayfly::local::platform>(
              io_.get_executor(), mayfly::local::platform_options{.observer = [this](const auto& e) { saw(e); }})),
          here_(here),
          timer_(io_)
    {}

    /// Why it did not go well, in words; empty if it did.
    [[nodiscard]] std::string run()
    {
        if (const auto ec = service_.listen())
            return "the service cannot listen: " + ec.message();
        controller_.emplace(io_.get_executor(), mayfly::local::local_provider(lambda_), service_.queue_source());
        // Ten seconds, of which the last seven are for leaving.
        for (const auto& [deployment, program, timeout] :
            {std::tuple{"kitchen", "quickstart_worker", 60}, std::tuple{"examples", "workflows_worker", 10}})
            if (std::string wrong = add(deployment, program, std::chrono::seconds(timeout)); !wrong.empty())
                return wrong;
        boost::asio::cancellation_signal stop;
        controller_->async_run(boost::asio::bind_cancellation_slot(stop.slot(), boost::asio::detached));

        std::string failure = "it was not brought to its end";
        const auto on = std::make_shared<mayfly::temporal::connection>(io_.get_executor(), at(service_.port()));
        boost::asio::co_spawn(io_, story(on), [&](const std::exception_ptr& thrown, std::string words) {
            if (thrown)
                std::rethrow_exception(thrown);
            failure = std::move(words);
            on->close();
            stop.emit(boost::asio::cancellation_type::terminal);
            lambda_->async_stop(boost::asio::detached);
            service_.async_stop(boost::asio::detached);
        });
        io_.run();
        return failure;
    }

private:
    using clock = std::chrono::steady_clock;
    using handle = mayfly::temporal::workflow_handle<std::string>;
    template <class T>
    using awaitable = boost::asio::awaitable<T>;

    template <class Event>
    void tell(const Event& event)
    {
        if (event.version)
            mayfly::temporal::embedded::tell(*controller_, versions_.at(event.version->deployment), event);
    }

    void saw(const mayfly::local::platform_event& e)
    {
        using enum mayfly::local::platform_event::kind;
        if (e.what == invoked) {
            up_.emplace(e.request_id);
            stays_.invoked(std::string(e.function), std::string(e.request_id));
        } else if (e.what == succeeded || e.what == failed) {
            up_.erase(std::string(e.request_id));
            if (e.what == failed)
                wrong_ = "a worker failed: " + std::string(e.detail);
        }
    }

    std::string add(const std::string& deployment, const std::string& program, std::chrono::seconds timeout)
    {
        mayfly::local::function_settings function{.name = deployment, .version = "1", .bootstrap = here_ / program};
        function.variables["TEMPORAL_ADDRESS"] = "127.0.0.1:" + std::to_string(service_.port());
        function.timeout = timeout;
        if (const auto wrong = lambda_->set(function); !wrong.empty())
            return to_string(wrong);
        const auto policy = std::make_shared<mayfly::group_policy<mayfly::fleet>>();
        policy->limits.max = 2;
        policy->orders.idle_exit = std::chrono::seconds(1);
        const auto target = std::make_shared<mayfly::launch_target>();
        target->version = {deployment, "build-1"};
        target->function = lambda_->arn(deployment, "1");
        target->details = {{"function", deployment + ":1"}};
        versions_[deployment] = controller_->add({.groups = {{policy, target}}});
        return {};
    }

    /// What people do, and what the clock does while they sleep.
    awaitable<std::string> story(std::shared_ptr<mayfly::temporal::connection> on)
    {
        for (const auto& [deployment, version] : versions_) {
            const mayfly::deployment_version build{deployment, "build-1"};
            std::string words = co_await make_current(on, build);
            if (!words.empty())
                co_return words;
        }
        co_await all_have_left();

        boost::system::error_code ec;
        const auto token = [&ec] { return boost::asio::redirect_error(boost::asio::use_awaitable, ec); };
        const mayfly::temporal::workflow_client client(on);
        const mayfly::temporal::typed_workflow<std::string(int)> type{"party"};
        const mayfly::temporal::typed_signal<void()> confirm{"confirm"};
        const mayfly::temporal::workflow_start_options options{.id = "party", .task_queue = "examples"};
        const std::tuple<int> dishes{12};
        const std::tuple<> nothing{};
        const auto started = co_await client.async_start(type, dishes, options, token());
        if (ec)
            co_return "the workflow was not started: " + mayfly::temporal::describe(started.status);
        const handle party = started.value.handle;
        bool confirmed = false;
        while (!is_late() && wrong_.empty()) {
            co_await all_have_left();
            const auto history = co_await party.async_history(token());
            if (ec)
                co_return "the history cannot be read: " + mayfly::temporal::describe(history.status);
            stays_.tell(history.value);
            if (stays_.closed())
                co_return stays_.sum_up(std::chrono::duration<double>(clock::now() - begun_).count());
            if (!confirmed && stays_.days() >= 2) {
                confirmed = true;
                co_await party.async_signal(confirm, nothing, token());
                if (ec)
                    co_return "the signal did not arrive: " + ec.message();
            } else {
                co_await somebody_comes(party);
            }
        }
        co_return wrong_.empty() ? "it took more than a minute" : wrong_;
    }

    /// Nobody is up, and nothing is left for anybody to do.
    awaitable<void> all_have_left()
    {
        const auto& runs = service_.engine().workflows();
        const auto* const run = runs.find("default", "party", {});
        while (!up_.empty() || runs.busy() != 0 || (run != nullptr && !run->activities.empty())) {
            if (is_late())
                co_return;
            co_await sleep();
        }
    }

    /// Waits for the result, and so time is skipped, until that has brought work for a worker.
    awaitable<void> somebody_comes(const handle& of)
    {
        boost::system::error_code ec;
        co_await of.async_result(boost::asio::bind_cancellation_slot(
            came_.slot(), boost::asio::redirect_error(boost::asio::use_awaitable, ec)));
    }

    [[nodiscard]] bool is_late() const { return clock::now() - begun_ > std::chrono::seconds(60); }

    awaitable<void> sleep()
    {
        timer_.expires_after(std::chrono::milliseconds(20));
        co_await timer_.async_wait(boost::asio::use_awaitable);
    }

    boost::asio::io_context io_{};
    std::optional<mayfly::controller<mayfly::local::local_provider, mayfly::temporal::embedded::queue_source>>
        controller_{};
    std::map<std::string, mayfly::version_handle> versions_{};
    mayfly::temporal::embedded_service service_;
    std::shared_ptr<mayfly::local::platform> lambda_;
    std::filesystem::path here_;
    boost::asio::steady_timer timer_;
    boost::asio::cancellation_signal came_{};
    std::set<std::string, std::less<>> up_{};  // invocations
    stays stays_{};
    clock::time_point begun_ = clock::now();
    std::string wrong_{};
};

}  // namespace quickstart
