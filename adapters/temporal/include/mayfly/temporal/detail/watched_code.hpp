// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/detail/seconds_text.hpp>
#include <mayfly/temporal/detail/activity_failures.hpp>
#include <mayfly/temporal/detail/step_watch.hpp>
#include <mayfly/temporal/workflow/code.hpp>

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <variant>

namespace mayfly::temporal::detail {

/// What woke a workflow, for people.
[[nodiscard]] inline std::string words_of(const workflow::job& job)
{
    using namespace workflow;
    const auto seq = [](std::uint32_t n) { return " " + std::to_string(n); };
    if (std::holds_alternative<start_run>(job))
        return "its start";
    if (const auto* s = std::get_if<signal_received>(&job))
        return "signal \"" + s->name + '"';
    if (const auto* u = std::get_if<update_received>(&job))
        return "update \"" + u->name + '"';
    if (std::holds_alternative<cancel_requested>(job))
        return "the request to cancel it";
    if (const auto* t = std::get_if<timer_fired>(&job))
        return "timer" + seq(t->seq);
    if (const auto* a = std::get_if<activity_resolved>(&job))
        return "the end of activity" + seq(a->seq);
    if (const auto* a = std::get_if<local_activity_resolved>(&job))
        return "the end of local activity" + seq(a->seq);
    if (const auto* c = std::get_if<child_started>(&job))
        return "the start of child" + seq(c->seq);
    if (const auto* c = std::get_if<child_resolved>(&job))
        return "the end of child" + seq(c->seq);
    if (const auto* e = std::get_if<external_signal_resolved>(&job))
        return "the answer to signal" + seq(e->seq);
    if (const auto* e = std::get_if<external_cancel_resolved>(&job))
        return "the answer to cancel request" + seq(e->seq);
    return "news";
}

/// A step that is watched until it is over, by an exception too.
class watched_step {
public:
    watched_step(step_watch& by, const std::function<std::string()>& words) : by_(&by) { by.begin(words); }
    watched_step(const watched_step&) = delete;
    watched_step& operator=(const watched_step&) = delete;
    ~watched_step()
    {
        if (by_ != nullptr)
            static_cast<void>(by_->end());
    }

    /// It has come back. True if it took longer than it may.
    [[nodiscard]] bool end() { return std::exchange(by_, nullptr)->end(); }

private:
    step_watch* by_;
};

/** Code that fails its task where it does not come back in time.

    It cannot be interrupted: it is told of while it hangs, and the task fails once it has come back.
*/
class watched_code final : public workflow::code {
public:
    watched_code(std::unique_ptr<workflow::code> inner, std::shared_ptr<step_watch> watch, std::string name)
        : inner_(std::move(inner)), watch_(std::move(watch)), name_(std::move(name))
    {}

    [[nodiscard]] workflow::activated activate(workflow::activation now) override
    {
        cause_ = now.jobs.empty() ? std::string{"nothing"} : words_of(now.jobs.back());
        watched_step step(*watch_, words_);
        workflow::activated out = inner_->activate(std::move(now));
        if (step.end() && !out.problem)
            out.problem = workflow::task_problem{.failure = late()};
        return out;
    }

    [[nodiscard]] workflow::query_answer query(const api::query::WorkflowQuery& question) override
    {
        cause_ = "query \"" + question.query_type() + '"';
        watched_step step(*watch_, words_);
        workflow::query_answer out = inner_->query(question);
        if (step.end())
            out.failure = late();
        return out;
    }

    [[nodiscard]] std::string stack_trace() const override { return inner_->stack_trace(); }

private:
    [[nodiscard]] std::string words() const
    {
        return "[TMPRL1101] potential deadlock: " + name_ + " did not come back within " +
               mayfly::detail::seconds_text(std::chrono::duration_cast<uptime>(watch_->patience())) + " after " +
               cause_ + "; a workflow must not block: leave what takes time to activities";
    }

    [[nodiscard]] api::failure::Failure late() const
    {
        std::string text = words();
        if (const std::string where = inner_->stack_trace(); !where.empty())
            text += "; it waits now at:\n" + where;
        return made_failure(std::move(text), "PotentialDeadlock", false);
    }

    std::unique_ptr<workflow::code> inner_;
    std::shared_ptr<step_watch> watch_;
    std::string name_;
    std::string cause_{};
    const std::function<std::string()> words_ = [this] { return words(); };
};

}  // namespace mayfly::temporal::detail
