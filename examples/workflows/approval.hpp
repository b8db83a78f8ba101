// SPDX-License-Identifier: BSL-1.0
#pragma once

// Waits for people, for as long as it takes: signals tell it, updates ask it and are answered, queries look.

#include <mayfly/temporal/workflow/context.hpp>
#include <mayfly/temporal/workflow/definition.hpp>

#include <boost/describe/class.hpp>

#include <algorithm>
#include <chrono>
#include <string>
#include <vector>

namespace approval {

namespace workflow = mayfly::temporal::workflow;
using namespace std::chrono_literals;

inline void remind(const std::string&) {}

//[workflow_approval
class expense {
public:
    static void define(workflow::definition<expense>& d)
    {
        d.signal<&expense::withdraw>()
            .update<&expense::approve, &expense::check_approve>()
            .query<&expense::approvals>();
    }

    workflow::task<std::string> run(workflow::context& ctx, std::string boss)
    {
        // Once a week, until two have said yes.
        while (!co_await ctx.wait_for([&] { return withdrawn_ || by_.size() == 2; }, 7 * 24h))
            co_await ctx.activity(remind, boss, {.start_to_close = 1min, .summary = "a reminder"});
        co_return withdrawn_ ? "withdrawn" : "approved by " + by_[0] + " and " + by_[1];
    }

    void withdraw() { withdrawn_ = true; }

    std::size_t approve(const std::string& who)
    {
        by_.push_back(who);
        return by_.size();
    }

    /// What it throws is the answer, and the update leaves no trace.
    void check_approve(const std::string& who) const
    {
        if (std::find(by_.begin(), by_.end(), who) != by_.end())
            throw mayfly::temporal::application_error(who + " has approved already");
    }

    const std::vector<std::string>& approvals() const { return by_; }

private:
    std::vector<std::string> by_;
    bool withdrawn_ = false;
};
//]

}  // namespace approval
