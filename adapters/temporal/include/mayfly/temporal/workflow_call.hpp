// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/temporal/api.hpp>
#include <mayfly/temporal/call_end.hpp>

#include <cstdint>
#include <string_view>
#include <utility>
#include <vector>

namespace mayfly::temporal {

namespace workflow {
class context;
}  // namespace workflow

/** Something that a workflow is about to be asked, as an interceptor is given it.

    A run that is replayed is asked the same again, with `replaying`. What is to be seen once, like a metric, is to be
    left out then; all else has to be the same again, since what an interceptor throws, or puts into a header, is part
   of what the workflow does.

    The context is for looking: to start, to wait for or to change anything with it throws, and so does `random()`. So
   no interceptor makes histories that were recorded without it unfit for replay. Its logger is silent on replay.

    What an interceptor throws is what the workflow or its handler throws; that does not run then.
*/
struct workflow_call {
    enum class kind : std::uint8_t {
        run,       ///< The workflow itself.
        signal,    ///< A signal's handler.
        validate,  ///< An update's validator, also where it has none. What it ends with is not looked at but for
                   ///< errors.
        update,    ///< An update's handler.
        query,
    };

    kind what = kind::run;
    std::string_view name;  ///< Of the workflow's type, or of the signal and so on.
    const workflow::context& context;
    const api::common::Header& header;     ///< That it came with.
    const api::common::Payloads& input;    ///< As it came; a converter reads it.
    bool replaying = false;                ///< It has been asked before. Never so of queries and validators.
    std::vector<end_listener>& listeners;  ///< See `on_end`.

    /// `f` hears how it ended. Never, if the run is forgotten before, as a run is that has to make room for others:
    /// then `f` is destroyed, and the next replay asks again.
    void on_end(end_listener f) const { listeners.push_back(std::move(f)); }
};

[[nodiscard]] constexpr std::string_view to_string(workflow_call::kind k) noexcept
{
    switch (k) {
    case workflow_call::kind::run: return "run";
    case workflow_call::kind::signal: return "signal";
    case workflow_call::kind::validate: return "validate";
    case workflow_call::kind::update: return "update";
    case workflow_call::kind::query: return "query";
    }
    return "unknown";
}

/** What a workflow is about to begin, as an interceptor is given it: all that carries a header.

    Headers are not compared on replay: they may be others than history has. For the rest see `workflow_call`. What an
    interceptor throws is thrown where the workflow begins it.
*/
struct workflow_step {
    enum class kind : std::uint8_t { activity, local_activity, child, signal, continue_as_new };

    kind what = kind::activity;
    std::string_view name;        ///< Of the activity's or the workflow's type, or of the signal.
    std::string_view id;          ///< Of the child or the signalled workflow; of an activity that was given one.
    std::string_view task_queue;  ///< Of an activity, a child, or the next run.
    const workflow::context& context;
    /// That came with what this is done for: the signal or update, in their handlers, and in what they spawn; else the
    /// start of the run.
    const api::common::Header& cause;
    const api::common::Header& start;    ///< That the run came with.
    const api::common::Payloads& input;  ///< As it goes out.
    bool replaying = false;
    /// To read and to change: `get_header`, `set_header`. Of the next run it is this run's, unless the workflow says
    /// another.
    api::common::Header& header;
};

[[nodiscard]] constexpr std::string_view to_string(workflow_step::kind k) noexcept
{
    switch (k) {
    case workflow_step::kind::activity: return "activity";
    case workflow_step::kind::local_activity: return "local_activity";
    case workflow_step::kind::child: return "child";
    case workflow_step::kind::signal: return "signal";
    case workflow_step::kind::continue_as_new: return "continue_as_new";
    }
    return "unknown";
}

}  // namespace mayfly::temporal
