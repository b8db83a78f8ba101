// SPDX-License-Identifier: BSL-1.0
#pragma once

// A trace that goes with everything: from whoever starts a workflow, through it, to its activities and children. No
// workflow and no activity knows of it.

#include <mayfly/temporal/interceptors.hpp>

#include <functional>
#include <random>
#include <string>
#include <utility>

namespace tracing {

/// What was done, for the trace that it belongs to. Goes to wherever you look at traces.
struct span {
    std::string trace{};
    std::string what{};
    bool failed = false;
};

/// Called on any thread.
using exporter = std::function<void(const span&)>;

inline std::string new_trace()
{
    static thread_local std::mt19937_64 random{std::random_device{}()};
    return std::to_string(random());
}

namespace temporal = mayfly::temporal;

/// For a worker (`setup.interceptors`) and for clients, whose third argument it is.
inline temporal::interceptor tracer(exporter to)
{
    const auto trace_of = [](const auto& header) {
        return temporal::get_header<std::string>(header, "trace").value_or("");
    };
    const auto tell_end = [to](std::string trace, std::string what) {
        return [to, trace, what](const temporal::call_end& how) { to({trace, what, how.thrown != nullptr}); };
    };

    temporal::interceptor out = temporal::pass_on_headers({"trace"});
    out.client = [to](temporal::client_call& call) {
        const std::string trace = new_trace();
        temporal::set_header(call.header, "trace", trace);
        to({trace, std::string(to_string(call.what)) + ' ' + std::string(call.id)});
    };
    out.workflow = [=](temporal::workflow_call& call) {
        if (!call.replaying)  // it was told when it happened
            to({trace_of(call.header), std::string(to_string(call.what)) + ' ' + std::string(call.name)});
    };
    out.activity = [=](temporal::activity_call& call) {
        call.on_end(tell_end(trace_of(call.header()), "activity " + std::string(call.context.info().type)));
    };
    return out;
}

}  // namespace tracing
