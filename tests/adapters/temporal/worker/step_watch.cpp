// SPDX-License-Identifier: BSL-1.0

// The thread that tells of steps which do not come back, beside the one that makes them.

#include <mayfly/temporal/detail/step_watch.hpp>
#include <mayfly/temporal/detail/watched_code.hpp>
#include <mayfly/temporal/workflow/code.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace {

namespace api = mayfly::temporal::api;
namespace flow = mayfly::temporal::workflow;
using namespace std::chrono_literals;
using mayfly::temporal::detail::step_watch;
using mayfly::temporal::detail::watched_code;

class code final : public flow::code {
public:
    explicit code(std::function<void()> body) : body_(std::move(body)) {}

    [[nodiscard]] flow::activated activate(flow::activation) override
    {
        body_();
        return {};
    }
    [[nodiscard]] flow::query_answer query(const api::query::WorkflowQuery&) override
    {
        body_();
        return {};
    }
    [[nodiscard]] std::string stack_trace() const override { return "here"; }

private:
    std::function<void()> body_;
};

/// Waits for this, but not for ever.
template <class F>
bool comes_true(F f, std::chrono::milliseconds patience = 30s)
{
    const auto end = std::chrono::steady_clock::now() + patience;
    while (!f()) {
        if (std::chrono::steady_clock::now() > end)
            return false;
        std::this_thread::yield();
    }
    return true;
}

flow::activation signalled(const std::string& name)
{
    flow::activation out;
    out.jobs.emplace_back(flow::signal_received{name, {}, {}, {}});
    return out;
}

}  // namespace

TEST_CASE("steps are told of while they hang, each by its own name, among many that do not")
{
    std::mutex mutex;
    std::vector<std::string> told;
    const auto said = [&](const std::string& words) {
        const std::scoped_lock lock(mutex);
        return std::any_of(
            told.begin(), told.end(), [&](const std::string& w) { return w.find(words) != std::string::npos; });
    };
    const auto watch = std::make_shared<step_watch>(1ms, [&](const std::string& words) {
        const std::scoped_lock lock(mutex);
        told.push_back(words);
    });
    std::string awaited;  // empty: the step comes back at once
    watched_code run(std::make_unique<code>([&] {
        if (!awaited.empty())
            CHECK(comes_true([&] { return said(awaited); }));
    }),
        watch, "run");
    for (int i = 0; i < 200; ++i) {
        const bool hangs = i % 20 == 0;
        const auto name = "signal-" + std::to_string(i);
        awaited = hangs ? "run did not come back within 0.001 s after signal \"" + name + '"' : "";
        const auto out = run.activate(signalled(name));
        if (!hangs)
            continue;
        REQUIRE(out.problem);
        CHECK(out.problem->failure.message().find("here") != std::string::npos);
        awaited = "query \"" + name + '"';
        api::query::WorkflowQuery question;
        question.set_query_type(name);
        CHECK(run.query(question).failure.has_value());
    }
}

TEST_CASE("who makes steps does not wait for the telling of one")
{
    std::atomic<int> told{0};
    std::atomic<bool> go{false};
    bool went = false;
    const std::function<std::string()> words = [] { return std::string("words"); };
    {
        step_watch watch(1ms, [&](const std::string&) {
            if (++told == 1)
                went = comes_true([&] { return go.load(); }, 10s);
        });
        watch.begin(words);
        REQUIRE(comes_true([&] { return told == 1; }));
        CHECK(watch.end());
        for (int i = 0; i < 3; ++i) {
            watch.begin(words);
            static_cast<void>(watch.end());
        }
        go = true;
    }
    CHECK(went);
}

TEST_CASE("a step that throws is not watched any longer")
{
    std::atomic<int> told{0};
    const auto watch = std::make_shared<step_watch>(5ms, [&](const std::string&) { ++told; });
    watched_code run(std::make_unique<code>([] { throw 1; }), watch, "run");
    CHECK_THROWS(static_cast<void>(run.activate({})));
    CHECK_FALSE(comes_true([&] { return told != 0; }, 100ms));
}
