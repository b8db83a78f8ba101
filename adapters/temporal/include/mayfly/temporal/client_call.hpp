// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/grpc/status.hpp>
#include <mayfly/temporal/api.hpp>
#include <mayfly/temporal/connection.hpp>
#include <mayfly/temporal/interceptor.hpp>

#include <boost/system/error_code.hpp>

#include <cstdint>
#include <exception>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace mayfly::temporal {

/** What a client is about to send, as an interceptor is given it: all that carries a header.

    What an interceptor throws refuses it: nothing is sent, and the call ends with FAILED_PRECONDITION and the
    exception's words.
*/
struct client_call {
    enum class kind : std::uint8_t {
        start_workflow,
        signal,
        signal_with_start,
        query,
        update,
        update_with_start,
        start_activity,
    };
    /// Of the call as a whole, with all that is sent again. Throws nothing.
    using listener = call_listener;

    kind what = kind::start_workflow;
    std::string_view type{};           ///< Of the workflow or the activity that is started.
    std::string_view name{};           ///< Of the signal, the query or the update.
    std::string_view id{};             ///< The workflow's, or the standalone activity's.
    std::string_view run_id{};         ///< Where one is meant.
    std::string_view task_queue{};     ///< Of what is started.
    api::common::Header& header;       ///< To read and to change: `get_header`, `set_header`.
    std::vector<listener>& listeners;  ///< See `on_end`.

    /// `f` hears how the call ended, before its caller does: never, if it is abandoned with its executor.
    void on_end(listener f) const { listeners.push_back(std::move(f)); }
};

[[nodiscard]] constexpr std::string_view to_string(client_call::kind k) noexcept
{
    switch (k) {
    case client_call::kind::start_workflow: return "start_workflow";
    case client_call::kind::signal: return "signal";
    case client_call::kind::signal_with_start: return "signal_with_start";
    case client_call::kind::query: return "query";
    case client_call::kind::update: return "update";
    case client_call::kind::update_with_start: return "update_with_start";
    case client_call::kind::start_activity: return "start_activity";
    }
    return "unknown";
}

namespace detail {

/// What is known of a call before interceptors see it.
struct client_call_facts {
    client_call::kind what = client_call::kind::start_workflow;
    std::string_view type{};
    std::string_view name{};
    std::string_view id{};
    std::string_view run_id{};
    std::string_view task_queue{};
};

/// Asks interceptors about a call that `carrier`, a message with a header, is sent with. What comes back hears of its
/// end; it is empty if nobody listens.
template <class Carrier>
[[nodiscard]] call_listener intercept(
    const hooks<client_call>& by, const client_call_facts& of, Carrier& carrier, std::optional<grpc::status>& refused)
{
    if (!by || refused)
        return {};
    std::vector<call_listener> all;
    api::common::Header header = carrier.header();
    client_call call{of.what, of.type, of.name, of.id, of.run_id, of.task_queue, header, all};
    const auto refuse = [&](const std::string& words) {
        refused = grpc::status{grpc::status_code::failed_precondition, "an interceptor refused it: " + words, {}};
    };
    try {
        ask(by, call);
    } catch (const std::exception& e) {
        refuse(e.what());
    } catch (...) {
        refuse("it threw what is no std::exception");
    }
    if (header.fields().empty())
        carrier.clear_header();
    else
        *carrier.mutable_header() = std::move(header);
    if (all.empty())
        return {};
    return [all = std::move(all)](const boost::system::error_code& ec, const grpc::status& status) {
        for (auto at = all.rbegin(); at != all.rend(); ++at)
            (*at)(ec, status);
    };
}

}  // namespace detail

}  // namespace mayfly::temporal
