// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/temporal/workflow/activation.hpp>
#include <mayfly/temporal/workflow/detail/command_queue.hpp>
#include <mayfly/temporal/workflow/messages.hpp>

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace mayfly::temporal::workflow::detail {

/// Why a machine cannot go on.
struct fault {
    enum class kind : std::uint8_t {
        nondeterminism,  ///< Code does something else than history says it did.
        bad_history,     ///< History is not one that a server writes.
        bad_code,        ///< Code asked for what makes no sense.
    };
    kind what = kind::bad_history;
    std::string words{};
};

/// The jobs of one activation, on their way into their order.
class job_list {
public:
    /// Who comes first.
    enum class rank : std::uint8_t { start, known, seed, message, rest };

    /// `event` is when it came; what came `after` an event comes after all that the event itself brought.
    void add(rank r, std::int64_t event, job j, bool after = false)
    {
        jobs_.push_back({r, event, after, std::move(j)});
    }

    [[nodiscard]] bool empty() const noexcept { return jobs_.empty(); }

    [[nodiscard]] std::vector<job> take()
    {
        std::stable_sort(jobs_.begin(), jobs_.end(), [](const entry& a, const entry& b) {
            if (a.before != b.before)
                return a.before < b.before;
            return a.event != b.event ? a.event < b.event : a.after < b.after;
        });
        std::vector<job> out;
        out.reserve(jobs_.size());
        for (entry& e : jobs_)
            out.push_back(std::move(e.what));
        jobs_.clear();
        return out;
    }

private:
    struct entry {
        rank before;
        std::int64_t event;
        bool after;
        job what;
    };
    std::vector<entry> jobs_;
};

/// What all kinds of steps of a run write into.
struct run_books {
    command_queue queue{};
    job_list jobs{};
    std::vector<job> at_once{};  ///< What was cancelled and is taken so now.
    std::string name_space{};
    std::string task_queue{};  ///< The run's own.
    std::optional<fault> wrong{};

    void complain(fault::kind what, std::string words)
    {
        if (!wrong)
            wrong = fault{what, std::move(words)};
    }

    void used_twice(const char* what, std::uint32_t seq)
    {
        complain(fault::kind::bad_code, std::string("the workflow's code used number ") + std::to_string(seq) +
                                            " for two of its " + what + "; each needs a number of its own");
    }

    /// An event tells of something that history never began.
    void dangling(const api::history::HistoryEvent& e, const char* what, std::int64_t refers_to)
    {
        complain(fault::kind::nondeterminism, "history has " + words_for(e) + ", about the " + what + " of event " +
                                                  std::to_string(refers_to) +
                                                  ", but the workflow's code has none such open there");
    }

    void resolved(std::int64_t event, job j) { jobs.add(job_list::rank::rest, event, std::move(j)); }
};

}  // namespace mayfly::temporal::workflow::detail
