// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "controlled_namespace.hpp"

#include <mayfly/temporal/connection.hpp>
#include <mayfly/temporal/leader_lease.hpp>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace examples {

/** One namespace from the view of one replica: it waits for the lease, acts while it has it, and stops when it has not.

    Used from one thread, which is that of the executor.
*/
class namespace_driver : public std::enable_shared_from_this<namespace_driver> {
public:
    using level = controller_log::level;

    namespace_driver(
        boost::asio::any_io_executor executor, std::shared_ptr<controller_context> context, namespace_settings settings)
        : context_(std::move(context)),
          settings_(std::move(settings)),
          term_(context_->settings.lease),
          retry_(executor)
    {
        auto options = *mayfly::temporal::options_of(settings_.to);  // was checked when it was read
        options.identity = context_->settings.identity;
        on_ = std::make_shared<mayfly::temporal::connection>(std::move(executor), std::move(options));
        lease_.emplace(on_, mayfly::temporal::lease_options{.name = term_.name,
                                .holder = context_->settings.identity,
                                .heartbeat_every = term_.heartbeat_every,
                                .lost_after = term_.lost_after});
    }

    /// `from` is what `stop` told of the one whose place it takes.
    void start(handed_on from = {})
    {
        from_ = std::move(from);
        if (!term_.on)
            return lead();
        reach();
        lease_->async_hold(
            [weak = weak_from_this()](const mayfly::temporal::lease_change& c) {
                if (const auto self = weak.lock())
                    self->hear(c);
            },
            boost::asio::bind_cancellation_slot(hold_.slot(), [self = shared_from_this()](auto, auto) {
                self->follow("stopped");
                self->retry_.cancel();
                self->on_->close();
                if (self->ended_)
                    self->ended_(std::move(self->from_));
            }));
    }

    /// Lets the lease go, so that another replica has it at once. Calls `ended` when that is done.
    void stop(std::function<void(handed_on)> ended)
    {
        if (term_.on) {
            ended_ = std::move(ended);
            return hold_.emit(boost::asio::cancellation_type::terminal);
        }
        follow("stopped");
        on_->close();
        boost::asio::post(on_->get_executor(),
            [ended = std::move(ended), from = std::move(from_)]() mutable { ended(std::move(from)); });
    }

    [[nodiscard]] const namespace_settings& settings() const noexcept { return settings_; }
    [[nodiscard]] controller_role role() const noexcept { return role_; }
    [[nodiscard]] const std::string& name() const noexcept { return settings_.to.name_space.value; }
    [[nodiscard]] const latency_histogram& latency() const noexcept { return *latency_; }
    /// While it leads; else null.
    [[nodiscard]] const std::shared_ptr<controlled_namespace>& acting() const noexcept { return acting_; }

    /// What keeps it from its work; empty: nothing.
    [[nodiscard]] std::string problem() const
    {
        return acting_ && !acting_->problem().empty() ? acting_->problem() : trouble_;
    }
    /// Whether this replica does all that it can: it has all versions in hand, or waits for the lease.
    [[nodiscard]] bool ready() const
    {
        return (role_ == controller_role::standby && trouble_.empty()) ||
               (acting_ && acting_->caught_up() && problem().empty());
    }

    void settle()
    {
        if (acting_)
            acting_->settle();
    }

    [[nodiscard]] namespace_status status(const status_filter& about) const
    {
        namespace_status out{.name = name(),
            .address = settings_.to.address.value,
            .role = role_,
            .since = utc_text(since_),
            .problem = problem()};
        if (!acting_)
            return out;
        const mayfly::temporal::source_load load = acting_->load();
        out.reads = load.deployment_reads + load.queue_reads;
        out.reads_waiting = load.waiting;
        out.reads_per_second = load.deployment_reads_per_second + load.queue_reads_per_second;
        for (auto& [version, e] : acting_->entries()) {
            if (!about.takes(version) || (e.record.kept_in == mayfly::temporal::compute_storage::none && e.taken == 0))
                continue;
            if (about.deployment.empty() && out.versions.size() == namespace_status::most_versions)
                ++out.left_out;
            else
                out.versions.push_back(state_of(version, e));
        }
        return out;
    }

private:
    version_state state_of(const mayfly::deployment_version& version, const controlled_namespace::entry& e) const
    {
        version_state out{.deployment = version.deployment,
            .build_id = version.build_id,
            .status = e.record.status,
            .kept_in = std::string(to_string(e.record.kept_in)),
            .revision = e.record.compute.revision,
            .driven = !e.groups.empty(),
            .beginning = e.taken != 0 && e.groups.empty(),
            .conflict = e.record.conflict};
        for (const mayfly::problem& p : e.record.wrong)
            out.problems.push_back(to_string(p));
        if (!e.trouble.empty())
            out.problems.push_back(e.trouble);
        if (const auto& v = e.record.validation)
            out.validation = {v->error,
                utc_text(std::chrono::time_point_cast<std::chrono::system_clock::duration>(v->checked)), v->by};
        const auto& core = acting_->core();
        for (std::size_t i = 0; i < e.groups.size(); ++i)
            if (const auto* const books = core.machine().books(e.handle, i))
                out.groups.push_back(e.groups[i]->status(*books, core.now(), acting_->wall()));
        return out;
    }

    /// Says whether the server can be reached, until it was.
    void reach()
    {
        on_->async_connect(std::chrono::seconds{10}, [weak = weak_from_this()](auto ec, const auto& reply) {
            const auto self = weak.lock();
            if (!self || self->role_ != controller_role::starting || self->ended_)
                return;
            if (!ec) {
                self->trouble_.clear();
                return self->become(controller_role::standby);
            }
            self->trouble_ = self->settings_.to.address.value + " cannot be reached: " +
                             (reply.status.message.empty() ? ec.message() : reply.status.message);
            self->context_->log(level::warning, "the server cannot be reached",
                {{"namespace", self->name()}, {"detail", self->trouble_}});
            self->retry_.expires_after(std::chrono::seconds{1});
            self->retry_.async_wait([weak](auto failed) {
                if (const auto again = weak.lock(); again && !failed)
                    again->reach();
            });
        });
    }

    void hear(const mayfly::temporal::lease_change& c)
    {
        if (c.leads)
            return lead();
        if (role_ == controller_role::leader)
            return follow(c.words);
        trouble_ = c.words;
        if (!c.words.empty())
            context_->log(level::warning, "the lease cannot be had", {{"namespace", name()}, {"detail", c.words}});
    }

    void lead()
    {
        trouble_.clear();
        become(controller_role::leader);
        gate_ = std::make_shared<launch_gate>(
            launch_gate{[lease = *lease_, on = term_.on] { return !on || lease.leads(); }, latency_});
        acting_ = std::make_shared<controlled_namespace>(context_, settings_, on_, gate_, std::exchange(from_, {}));
        acting_->start();
    }

    void follow(std::string_view why)
    {
        if (!acting_)
            return;
        gate_->open = [] { return false; };
        from_ = std::exchange(acting_, nullptr)->stop();
        become(controller_role::standby, why);
    }

    void become(controller_role role, std::string_view why = {})
    {
        role_ = role;
        since_ = std::chrono::system_clock::now();
        context_->log(level::info, to_string(role), {{"namespace", name()}, {"detail", why}});
        context_->note({.at = std::chrono::floor<std::chrono::milliseconds>(since_),
            .name_space = name(),
            .event = role == controller_role::leader ? "leading" : "following",
            .detail = std::string(why)});
    }

    std::shared_ptr<controller_context> context_;
    namespace_settings settings_;
    lease_settings term_;
    std::shared_ptr<mayfly::temporal::connection> on_{};
    std::optional<mayfly::temporal::leader_lease> lease_{};
    boost::asio::steady_timer retry_;
    std::shared_ptr<latency_histogram> latency_ = std::make_shared<latency_histogram>();
    std::shared_ptr<launch_gate> gate_{};  ///< Of the one that acts; one that has stopped keeps its own, closed.
    std::shared_ptr<controlled_namespace> acting_{};
    boost::asio::cancellation_signal hold_{};
    handed_on from_{};  ///< What the last one that acted knew.
    std::function<void(handed_on)> ended_{};
    controller_role role_ = controller_role::starting;
    std::chrono::system_clock::time_point since_ = std::chrono::system_clock::now();
    std::string trouble_{};
};

}  // namespace examples
