// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/controller_event.hpp>
#include <mayfly/queue_source.hpp>
#include <mayfly/temporal/detail/source_core.hpp>
#include <mayfly/temporal/source_options.hpp>
#include <mayfly/temporal/start_listener.hpp>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/system/error_code.hpp>

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>

namespace mayfly::temporal {

/** What a controller sees of versions in a Temporal namespace: statistics, pollers, and what workers tell of
    themselves.

    A handle; copies are of one source. Used from the thread or strand of its connection, by one controller: times in
   readings are that one's. It keeps within a budget of reads, whatever the number of versions: readings wait for their
   turn here, those on which something depends first. So let the controller start as many readings as it likes, and be
   patient with them:

        controller_options{.reads_at_once = task_queue_source::reads_at_once, ...}
        call_limits{.read = task_queue_source::longest_read}

    and hand its events on with `heard`: they tell for which versions a start is pending.
*/
class task_queue_source {
public:
    using error_code = boost::system::error_code;

    static constexpr std::uint32_t reads_at_once = 1'000'000;
    /// No reading takes longer, its turn included.
    static constexpr uptime longest_read = detail::source_core::longest_turn + std::chrono::seconds{45};

    explicit task_queue_source(std::shared_ptr<connection> on, source_options options = {})
        : core_(std::make_shared<detail::source_core>(std::move(on), std::move(options)))
    {}

    /** `void(error_code, queue_reading)`. Cancellation (terminal, partial or total) abandons it.

        Statistics are of the server's last sample, less what workers that came since have taken, and with what was
       pushed since; a type that was never told of is absent. For the first `stats_cached_for` of a source's life that
       is also one with a backlog: whoever drove the version before may have started workers for it. Pollers are
       complete where they were read. A reading whose turn does not come for long reads nothing, and keeps its place in
       line; of a version that was never read it ends with `timed_out`.
    */
    template <class Token>
    auto async_read(std::shared_ptr<const launch_target> target, uptime now, Token&& token)
    {
        return boost::asio::async_initiate<Token, void(error_code, queue_reading)>(
            [](auto handler, const std::shared_ptr<detail::source_core>& core,
                std::shared_ptr<const launch_target> whom,
                uptime at) { core->read(std::move(whom), at, std::move(handler)); },
            token, core_, std::move(target), now);
    }

    /// What a controller has decided, or what came of it; from its observer. Only notes what concerns readings.
    void heard(const controller_event& e) { core_->heard(e); }

    /** So many tasks of this type were just added to this queue. It calls what `on_arrival` was given, once for each
        version that work of the queue goes to: `matched` are those that workers which stay are expected to take.

        Where work of the queue goes may have to be read first; until then tasks are kept, for some seconds. Safe to
        leave out, and for queues that nobody polls here.
    */
    void push(const std::string& queue, task_type type, std::uint32_t count) { core_->push(queue, type, count); }

    /// Who is told of arrivals: `controller.added(handle_of(version), tasks)` is what to do with them. Not called from
    /// within `async_read` or `heard`.
    void on_arrival(std::function<void(const deployment_version&, const task_added&)> listener)
    {
        core_->on_arrival(std::move(listener));
    }

    /// For `client::report_starts_to`: each start that the server has accepted is pushed.
    [[nodiscard]] start_listener listener() const
    {
        return [core = std::weak_ptr<detail::source_core>(core_)](const std::string& queue, task_type type) {
            if (const auto there = core.lock())
                there->push(queue, type, 1);
        };
    }

    /// Somebody knows that a version has become current, or is not any more: its description is read as soon as it can
    /// be, so that what is pushed goes where the routing says. Safe to leave out.
    void routing_changed(const deployment_version& version) { core_->routing_changed(version); }

    /// A version that is not driven any more. Others that nobody asks for are forgotten after an hour.
    void forget(const deployment_version& version) { core_->forget(version); }

    [[nodiscard]] source_load load() const { return core_->load(); }
    [[nodiscard]] boost::asio::any_io_executor get_executor() const { return core_->get_executor(); }

private:
    std::shared_ptr<detail::source_core> core_;
};

static_assert(QueueSource<task_queue_source>);

}  // namespace mayfly::temporal
