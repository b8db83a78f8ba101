// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <functional>
#include <memory>
#include <utility>
#include <vector>

namespace mayfly::temporal {

struct activity_call;
struct client_call;
struct workflow_call;
struct workflow_step;

/** Functions that are called before something is done, wherever it is done: for traces, metrics, audits, rules.

    They look at what is about to happen, change its header where there is one, throw to stop it, and may leave a
    function that hears how it ended (`on_end`). Of several the first is the outermost: it is asked first, and hears of
    the end last. All may be empty. See `interceptors.hpp`, which has what they are given.
*/
struct interceptor {
    std::function<void(client_call&)> client{};  ///< A client sends something; on its executor.
    std::function<void(activity_call&)>
        activity{};  ///< An activity runs, local or not; where it runs, so on any thread.
    std::function<void(workflow_call&)> workflow{};  ///< A workflow runs, or one of its handlers.
    std::function<void(workflow_step&)> step{};      ///< A workflow begins an activity, a child and so on.
};

namespace detail {

/// One of these functions of several interceptors. Null: there is none.
template <class Call>
using hooks = std::shared_ptr<const std::vector<std::function<void(Call&)>>>;

template <class Call>
[[nodiscard]] hooks<Call> hooks_of(const std::vector<interceptor>& all, std::function<void(Call&)> interceptor::*which)
{
    std::vector<std::function<void(Call&)>> out;
    for (const interceptor& i : all)
        if (i.*which)
            out.push_back(i.*which);
    if (out.empty())
        return nullptr;
    return std::make_shared<const std::vector<std::function<void(Call&)>>>(std::move(out));
}

/// Throws what they throw.
template <class Call>
void ask(const hooks<Call>& all, Call& call)
{
    if (all)
        for (const auto& one : *all)
            one(call);
}

}  // namespace detail

}  // namespace mayfly::temporal
