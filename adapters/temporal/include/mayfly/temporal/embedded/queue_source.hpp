// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/queue_source.hpp>
#include <mayfly/temporal/embedded/engine.hpp>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/associated_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/bind_executor.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/post.hpp>
#include <boost/system/error_code.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>

namespace mayfly::temporal::embedded {

/// A worker without a poll, without a task, and not heard of for so long, is not there: one that is idle polls.
inline constexpr uptime longest_silence = std::chrono::seconds(10);

/// What a controller sees of a version's queues, of all types. `now` is the engine's time; times in what comes out are
/// later by `shift`. A version without names stands for workers without a version.
[[nodiscard]] inline queue_reading read_queues(
    const engine& e, const std::string& name_space, const deployment_version& version, const moment& now, uptime shift)
{
    const std::optional<deployment_version> wanted =
        version == deployment_version() ? std::nullopt : std::optional(version);
    queue_reading out;
    out.workers_complete = true;
    std::map<std::string, queue_reading::poller> workers;
    std::uint32_t busy = 0;
    const auto& all = e.queues().all();
    for (auto at = all.lower_bound({name_space, "", task_type::workflow});
         at != all.end() && at->first.name_space == name_space; ++at) {
        const task_queue& q = *at->second;
        const auto share = q.lanes().find(wanted);
        // What waits for the one worker that remembers it is no work for another one.
        if (share != q.lanes().end() && !q.sticky()) {
            const auto seen = q.stats(now.at, &wanted);
            auto& of_type = out.stats[static_cast<std::size_t>(at->first.type)];
            mayfly::queue_stats& s = of_type ? *of_type : of_type.emplace();
            s.backlog += static_cast<std::uint64_t>(seen.approximate_backlog_count());
            s.oldest = std::max(s.oldest, read(seen.approximate_backlog_age()));
            s.add_rate += static_cast<double>(seen.tasks_add_rate());
            s.dispatch_rate += static_cast<double>(seen.tasks_dispatch_rate());
            s.limiter_active = s.limiter_active || seen.rate_limiting_active();
            s.added = s.added.value_or(0) + share->second.added.total();
            s.dispatched = s.dispatched.value_or(0) + share->second.dispatched.total();
        }
        for (const auto& [who, w] : q.pollers()) {
            if (who.version != wanted)
                continue;
            const bool there = w.polls != 0 || w.tasks != 0;
            const uptime last = (there ? now.at : w.last.at) + shift;
            const bool present = !w.left && (there || now.at - w.last.at < longest_silence);
            busy += w.tasks;
            const auto [known, fresh] = workers.try_emplace(who.identity);
            queue_reading::poller& p = known->second;
            p.identity = who.identity;
            p.first_seen = fresh ? w.first.at + shift : std::min(p.first_seen, w.first.at + shift);
            p.last_seen = fresh ? last : std::max(p.last_seen, last);
            p.present = fresh ? present : p.present || present;
            p.busy = p.busy.value_or(0) + w.tasks;
            p.version = wanted;
        }
    }
    for (auto& [identity, p] : workers)
        out.workers.push_back(std::move(p));
    out.busy_slots = busy;
    return out;
}

/// What an embedded service's queues and workers look like to a controller in the same process. Nothing goes over a
/// wire, and what it reads is of this very moment. One outlives its service, and has nothing to read then.
class queue_source {
public:
    using error_code = boost::system::error_code;
    /// Null if the service is gone.
    using reader = std::function<std::optional<queue_reading>(const deployment_version&, uptime)>;

    queue_source(boost::asio::any_io_executor executor, reader read)
        : executor_(std::move(executor)), read_(std::move(read))
    {}

    /// `void(error_code, queue_reading)`. There is nothing to cancel.
    template <class Token>
    auto async_read(std::shared_ptr<const launch_target> target, uptime now, Token&& token)
    {
        namespace asio = boost::asio;
        return asio::async_initiate<Token, void(error_code, queue_reading)>(
            [](auto handler, asio::any_io_executor ex, std::optional<queue_reading> r) {
                const auto runs_on = asio::get_associated_executor(handler, ex);
                asio::post(ex, asio::bind_executor(runs_on, [handler = std::move(handler), r = std::move(r)]() mutable {
                    const error_code ec = r ? error_code() : asio::error::operation_aborted;
                    std::move(handler)(ec, std::move(r).value_or(queue_reading()));
                }));
            },
            token, executor_, read_(target->version, now));
    }

private:
    boost::asio::any_io_executor executor_;
    reader read_;
};

static_assert(QueueSource<queue_source>);

}  // namespace mayfly::temporal::embedded
