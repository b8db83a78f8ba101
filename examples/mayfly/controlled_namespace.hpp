// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "controller_context.hpp"
#include "controller_group.hpp"
#include "controller_log.hpp"
#include "controller_provider.hpp"
#include "controller_scaler.hpp"
#include "controller_status.hpp"
#include "driven_version.hpp"
#include "flight_record.hpp"
#include "handed_books.hpp"

#include <mayfly/aws/lambda_provider.hpp>
#include <mayfly/controller.hpp>
#include <mayfly/ledger.hpp>
#include <mayfly/temporal/connection.hpp>
#include <mayfly/temporal/task_queue_source.hpp>
#include <mayfly/temporal/version_registry.hpp>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/system/error_code.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace examples {

/** The core's controller at work in one namespace: the registry's versions go in, the source's readings, and Lambda
   does what it decides. Lives from the moment that this replica leads to the moment that it does not.

    Nothing is started twice because somebody else begins to lead. A version is driven only once its pollers were read,
    so that workers which another one started are in the books before the first decision. Starts that were accepted and
    have not polled are seen by nobody: so for `start_up_allowance` of the settings after it began to lead a replica
    starts nothing, and reads only then. Unless somebody says otherwise that is as long as whoever made them would have
    waited for them. A function that takes longer to poll, from a clean end of one leader on, is not in the books of the
    next; after a death the time that the lease took comes on top. Where the same process goes on within that time
    nobody else can have started anything: it has the books and waits for nothing. So does a version whose configuration
    names another way to the same function.
*/
class controlled_namespace : public std::enable_shared_from_this<controlled_namespace> {
public:
    using controller = mayfly::basic_controller<chosen_scaler, gated_provider, mayfly::temporal::task_queue_source>;
    using change = mayfly::temporal::registry_change;
    using entry = driven_version;
    using level = controller_log::level;

    /// `from`: what the last one in this process knew. If that is too long ago it is nothing.
    controlled_namespace(std::shared_ptr<controller_context> context, const namespace_settings& settings,
        std::shared_ptr<mayfly::temporal::connection> on, std::shared_ptr<launch_gate> gate, handed_on from = {})
        : context_(std::move(context)),
          settings_(settings),
          on_(std::move(on)),
          provider_(context_->aws, {.starts_at_once = context_->settings.aws.starts_at_once,
                                       .role_required = context_->settings.aws.role_required}),
          source_(on_, source_options()),
          registry_(on_, registry_options()),
          allowance_(context_->settings.start_up_allowance),
          began_(from.clock_now(allowance_)),
          goes_on_(began_ > mayfly::uptime::zero()),
          kept_(goes_on_ ? std::move(from.books) : bookshelf{}),
          controller_(
              on_->get_executor(), gated_provider(provider_, gate, context_->settings.aws.starts_at_once), source_,
              {.reads_at_once = mayfly::temporal::task_queue_source::reads_at_once},
              [this](const mayfly::controller_event& e) { saw(e); },
              {.read = mayfly::temporal::task_queue_source::longest_read}, began_),
          wall_{std::chrono::system_clock::now() -
                std::chrono::duration_cast<std::chrono::system_clock::duration>(began_)}
    {}

    /// Runs until `stop`; whoever made it need not keep it.
    void start()
    {
        source_.on_arrival([weak = weak_from_this()](const auto& version, const mayfly::task_added& tasks) {
            if (const auto self = weak.lock())
                if (const auto at = self->entries_.find(version); at != self->entries_.end())
                    self->controller_.added(at->second.handle, tasks);
        });
        controller_.async_run(boost::asio::bind_cancellation_slot(run_.slot(), [self = shared_from_this()](auto) {}));
        registry_.async_watch(
            [weak = weak_from_this()](const change& c) {
                if (const auto self = weak.lock())
                    self->hear(c);
            },
            boost::asio::bind_cancellation_slot(watch_.slot(), [self = shared_from_this()](auto, auto) {}));
        try_again_later();
    }

    /// Returns what the next one has to know.
    handed_on stop()
    {
        for (const auto& [version, e] : entries_)
            keep(e);
        stopped_ = true;
        again_.cancel();
        for (auto& [version, e] : entries_)
            if (const auto taking = std::exchange(e.taking, nullptr))
                taking->emit(boost::asio::cancellation_type::terminal);
        watch_.emit(boost::asio::cancellation_type::terminal);
        const mayfly::uptime now = controller_.now();
        run_.emit(boost::asio::cancellation_type::terminal);
        return {std::chrono::steady_clock::now(), now, std::move(kept_)};
    }

    /// Other settings hold for what groups do not say themselves.
    void settle()
    {
        for (auto& [version, e] : entries_)
            set_policies(e);
    }

    [[nodiscard]] std::map<mayfly::deployment_version, entry>& entries() noexcept { return entries_; }
    [[nodiscard]] const controller& core() const noexcept { return controller_; }
    [[nodiscard]] const wall_of_uptime& wall() const noexcept { return wall_; }
    [[nodiscard]] mayfly::temporal::source_load load() const { return source_.load(); }
    [[nodiscard]] const std::string& problem() const noexcept { return problem_; }
    [[nodiscard]] bool caught_up() const noexcept { return caught_up_; }

private:
    mayfly::temporal::source_options source_options()
    {
        return {.deployment_reads_per_second = settings_.deployment_reads_per_second,
            .queue_reads_per_second = settings_.queue_reads_per_second,
            .stats_cached_for = settings_.stats_cached_for,
            .longest_lifetime = settings_.longest_lifetime,
            .queues = settings_.queues,
            .on_event = [context = context_, n = name()](const mayfly::temporal::source_event& e) {
                const bool well = e.what == mayfly::temporal::source_event::kind::readable_again;
                const auto* const v = e.target != nullptr ? &e.target->version : nullptr;
                context->log(well ? level::info : level::warning, to_string(e.what),
                    {{"namespace", n}, {"deployment", v != nullptr ? v->deployment : ""},
                        {"build_id", v != nullptr ? v->build_id : ""}, {"detail", e.words}});
            }};
    }

    mayfly::temporal::registry_options registry_options()
    {
        const controller_settings& s = context_->settings;
        return {.look_every = s.look_every,
            .reads_per_second = settings_.registry_reads_per_second,
            .burst = settings_.registry_burst,
            .role = {.controller = s.lease.name, .server_controller_is_off = settings_.server_controller_is_off},
            .known = controller_compute(s),
            .check = [provider = provider_, aws = s.aws](mayfly::deployment_version,
                         mayfly::compute_config c) { return check_targets(provider, aws, std::move(c)); },
            .validate_every = s.validate_every};
    }

    [[nodiscard]] const std::string& name() const noexcept { return settings_.to.name_space.value; }

    // ---- what the registry tells

    void hear(const change& c)
    {
        using enum change::kind;
        switch (c.what) {
        case added:
        case changed:
        case status: return apply(c.record);
        case removed:
            let_go(entries_[c.record.version]);
            entries_.erase(c.record.version);
            kept_.forget(c.record.version);
            return tell(level::info, "version removed", c.record, {});
        case caught_up: caught_up_ = true; return;
        case problem:
            if (!c.record.version.deployment.empty())
                return of_one(c);
            problem_ = c.words;
            return context_->log(
                level::error, "the namespace cannot be read", {{"namespace", name()}, {"detail", c.words}});
        case well_again:
            if (!c.record.version.deployment.empty())
                return of_one(c);
            problem_.clear();
            return context_->log(level::info, "the namespace can be read again", {{"namespace", name()}});
        }
    }

    /// One version's trouble keeps nobody from driving the others.
    void of_one(const change& c)
    {
        if (const auto at = entries_.find(c.record.version); at != entries_.end())
            at->second.trouble = c.words;
        if (c.words.empty())
            tell(level::info, "the version has its trouble behind it", c.record, {});
        else
            tell(level::error, "the version has trouble", c.record, c.words);
    }

    void tell(level l, std::string_view words, const mayfly::temporal::version_record& r, std::string_view detail) const
    {
        context_->log(l, words,
            {{"namespace", name()}, {"deployment", r.version.deployment}, {"build_id", r.version.build_id},
                {"status", to_string(r.status)}, {"detail", detail}});
    }

    void apply(const mayfly::temporal::version_record& r)
    {
        entry& e = entries_[r.version];
        const mayfly::temporal::version_record before = std::exchange(e.record, r);
        const bool driven = e.taken != 0;
        if (!r.drivable()) {
            if (driven || before.wrong != r.wrong || before.conflict != r.conflict)
                tell(r.compute.config.groups.empty() && r.wrong.empty() ? level::info : level::warning,
                    "version is not driven", r, r.conflict.empty() ? to_string(r.wrong) : r.conflict);
            return let_go(e);
        }
        if (!driven || !start_alike(before.compute.config, r.compute.config)) {
            let_go(e);
            return take(e);
        }
        if (before.status != r.status) {
            tell(level::info, "version has another status", r, to_string(before.status));
            source_.routing_changed(r.version);
            for (auto& g : e.groups)
                g->set_status(r.status, controller_.now());
            controller_.tell([&](auto& machine, mayfly::uptime now) { machine.set_status(e.handle, r.status, now); });
            look_at_life(e);
        }
        if (before.compute.config != r.compute.config)
            set_policies(e);
    }

    void let_go(entry& e)
    {
        if (e.taken == 0)
            return;
        keep(e);
        controller_.remove(e.handle);
        thinner_.forget(e.handle);
        source_.forget(e.record.version);
        for (const auto& g : e.groups)
            views_.erase(g->target().get());
        e.groups.clear();
        e.ids.clear();
        e.handle = {};
        e.life = mayfly::never;
        e.taken = 0;
        if (const auto taking = std::exchange(e.taking, nullptr))
            taking->emit(boost::asio::cancellation_type::terminal);
    }

    /// Puts its books by, for when it is driven again. What had failed may have been mended meanwhile.
    void keep(const entry& e)
    {
        if (e.groups.empty())
            return;
        kept_books all{.at = controller_.now()};
        const auto memories = controller_.machine().remember(e.handle);
        for (std::size_t i = 0; i < memories.size(); ++i)
            all.add(e.ids[i], e.groups[i]->target()->function, memories[i].books, memories[i].bound);
        kept_.keep(e.record.version, std::move(all));
    }

    void set_policies(entry& e)
    {
        for (std::size_t i = 0; i < e.groups.size(); ++i) {
            const mayfly::scaling_group& g = e.record.compute.config.groups.at(e.ids[i]);
            e.groups[i]->shown(limits_of(g), scaler_name(g, context_->settings));
            controller_.tell([&](auto& machine, mayfly::uptime now) {
                machine.set_policy(e.handle, i, policy_of(g, context_->settings, e.life), now);
            });
        }
    }

    // ---- a version comes under control

    void take(entry& e)
    {
        e.taken = ++takes_;
        tell(level::info, "version is driven", e.record, {});
        e.taking = std::make_shared<boost::asio::cancellation_signal>();
        boost::asio::co_spawn(on_->get_executor(), take_in(e.record.version, e.taken),
            boost::asio::bind_cancellation_slot(
                e.taking->slot(), [self = shared_from_this(), v = e.record.version, taken = e.taken, held = e.taking](
                                      std::exception_ptr failed) {
                    // What was cancelled is not wanted any more.
                    if (entry* const wants = self->wanted(v, taken); failed && wants != nullptr) {
                        self->tell(level::error, "version could not be taken in", wants->record, words_of(failed));
                        self->let_go(*wants);
                    }
                }));
    }

    void look_at_life(entry& e)
    {
        boost::asio::co_spawn(on_->get_executor(), learn_life(e.record.version, e.taken),
            [self = shared_from_this()](std::exception_ptr) {});
    }

    /// What came to nothing is tried again, some of it each minute.
    void try_again_later()
    {
        again_.expires_after(std::chrono::minutes{1});
        again_.async_wait([weak = weak_from_this()](boost::system::error_code ec) {
            const auto self = weak.lock();
            if (!self || ec || self->stopped_)
                return;
            self->try_again();
            self->try_again_later();
        });
    }

    void try_again()
    {
        constexpr int at_once = 16;
        int left = at_once;
        const auto some = [&](auto from, auto to) {
            for (; from != to && left > 0; ++from) {
                entry& e = from->second;
                tried_ = from->first;
                if (!e.record.drivable() || (e.taken != 0 && (e.life != mayfly::never || e.groups.empty())))
                    continue;
                --left;
                if (e.taken == 0)
                    take(e);
                else
                    look_at_life(e);
            }
        };
        const auto middle = entries_.upper_bound(tried_);
        const auto begin = entries_.begin();
        const auto until = tried_;
        some(middle, entries_.end());
        some(begin, entries_.upper_bound(until));
    }

    [[nodiscard]] entry* wanted(const mayfly::deployment_version& v, std::uint64_t taken)
    {
        const auto at = entries_.find(v);
        return stopped_ || at == entries_.end() || at->second.taken != taken ? nullptr : &at->second;
    }

    boost::asio::awaitable<void> take_in(mayfly::deployment_version version, std::uint64_t taken)
    {
        namespace asio = boost::asio;
        auto life = learn_life(version, taken);
        co_await std::move(life);
        if (wanted(version, taken) == nullptr)
            co_return;
        std::vector<std::shared_ptr<const mayfly::launch_target>> targets;
        for (const auto& [id, group] : entries_[version].record.compute.config.groups)
            targets.push_back(target_of(version, id, *group.provider));
        asio::steady_timer timer(on_->get_executor());
        if (!goes_on_ && controller_.now() < allowance_) {
            timer.expires_after(allowance_ - controller_.now());
            co_await timer.async_wait(asio::as_tuple(asio::use_awaitable));
            if (wanted(version, taken) == nullptr)
                co_return;
        }
        mayfly::queue_reading seen;
        bool told = false;
        for (std::chrono::seconds pause{1};; pause = std::min(2 * pause, std::chrono::seconds{30})) {
            const mayfly::uptime asked = controller_.now();
            auto reading = source_.async_read(targets[0], asked, asio::as_tuple(asio::use_awaitable));
            auto [ec, r] = co_await std::move(reading);
            entry* const e = wanted(version, taken);
            if (e == nullptr)
                co_return;
            // A sample is told once: what was told with half a reading goes with the whole one.
            for (std::size_t i = 0; i < r.stats.size(); ++i)
                if (!r.stats[i])
                    r.stats[i] = seen.stats[i];
            seen = std::move(r);
            if (!ec && tells_all(seen, controller_.now() - asked))
                break;
            if (ec && !std::exchange(told, true))
                tell(level::warning, "version waits to be read", e->record, ec.message());
            timer.expires_after(pause);
            co_await timer.async_wait(asio::as_tuple(asio::use_awaitable));
        }
        if (entry* const e = wanted(version, taken))
            add(*e, targets, seen);
    }

    /// Not if there was no room for a reading, or for its pollers: those are driven last that have the least to do.
    static bool tells_all(const mayfly::queue_reading& r, mayfly::uptime took)
    {
        const bool bound = std::any_of(r.stats.begin(), r.stats.end(), [](const auto& q) { return q.has_value(); });
        return r.workers_complete || (!bound && took < mayfly::temporal::task_queue_source::longest_read / 2);
    }

    void add(entry& e, const std::vector<std::shared_ptr<const mayfly::launch_target>>& targets,
        const mayfly::queue_reading& seen)
    {
        const mayfly::uptime now = controller_.now();
        std::vector<mayfly::worker_seen> room;
        const mayfly::queue_snapshot shown = seen.view(room);
        const mayfly::compute_config& config = e.record.compute.config;
        mayfly::version_spec<chosen_scaler> spec{.status = e.record.status};
        const kept_books kept = kept_.take(e.record.version, now, allowance_);
        std::vector<controller::memory> books;
        for (const auto& target : targets) {
            const mayfly::scaling_group& g = config.groups.at(target->group);
            const auto types = mayfly::effective_types(config, target->group);
            const auto policy = policy_of(g, context_->settings, e.life);
            spec.groups.push_back({policy, target, types});
            controller::memory& m = books.emplace_back();
            // With the life they have: pollers are listed for minutes after they are gone.
            m.books = mayfly::ledger(policy->workers);
            if (const auto* const before = kept.of(target->group, target->function)) {
                m.books = mayfly::ledger({policy, &policy->workers}, before->books);
                m.books.answers_lost(now);
                m.bound = before->bound;
            }
            m.books.take(shown, {&target->version, target->function}, now);
            m.bound = m.bound || m.books.view(now).live > 0 ||
                      std::any_of(mayfly::all_task_types.begin(), mayfly::all_task_types.end(),
                          [&](mayfly::task_type t) { return types.contains(t) && shown.of(t); });
            group_status about{.group = target->group,
                .task_types = types,
                .provider = g.provider->type,
                .function = target->function,
                .scaler = scaler_name(g, context_->settings),
                .limits = limits_of(g)};
            e.ids.push_back(target->group);
            e.groups.push_back(std::make_unique<group_view>(target, std::move(about), e.record.status, now));
            views_[target.get()] = e.groups.back().get();
        }
        e.handle = controller_.add(std::move(spec), std::move(books));
        // Statistics may be older than the last starts of whoever led before, or of ours: then the next are waited for.
        const mayfly::uptime since = kept.groups.empty() ? began_ : kept.at;
        if (now - since >= settings_.stats_cached_for)
            controller_.tell([&](auto& machine, mayfly::uptime t) { machine.snapshot(e.handle, shown, t); });
    }

    /// A worker stops polling a while before its function's time is over; then it counts no more.
    boost::asio::awaitable<void> learn_life(mayfly::deployment_version version, std::uint64_t taken)
    {
        const entry* const asks = wanted(version, taken);
        if (asks == nullptr || asks->life != mayfly::never || asks->record.status == mayfly::version_status::drained)
            co_return;
        auto asked = shortest_life(context_->aws, context_->settings.aws, asks->record.compute.config);
        const mayfly::uptime life = co_await std::move(asked);
        if (entry* const e = wanted(version, taken); e != nullptr && life != mayfly::never) {
            e->life = life;
            set_policies(*e);
        }
    }

    // ---- what the controller does

    void saw(const mayfly::controller_event& e)
    {
        using enum mayfly::controller_event::kind;
        source_.heard(e);
        const auto view = views_.find(e.target);
        if (view == views_.end())
            return;
        const bool telling = thinner_.keeps(e);
        view->second->note(e, telling, wall_);
        if (telling)
            context_->note(flight_entry_of(
                e, name(), std::chrono::floor<std::chrono::milliseconds>(std::chrono::system_clock::now())));
        if (e.what == decided)
            return;
        const bool bad = e.what == refused || e.what == not_resized || e.what == unread;
        context_->log(bad ? level::warning : level::info, to_string(e.what),
            {{"namespace", name()}, {"deployment", e.target->version.deployment},
                {"build_id", e.target->version.build_id}, {"group", e.target->group}, {"count", e.count},
                {"outcome", to_string(e.outcome)}, {"detail", e.detail}});
        if (e.what == refused && e.outcome == mayfly::condition::permanent)
            registry_.validate_again(e.target->version);
    }

    std::shared_ptr<controller_context> context_;
    namespace_settings settings_;
    std::shared_ptr<mayfly::temporal::connection> on_;
    mayfly::aws::lambda_provider provider_;
    mayfly::temporal::task_queue_source source_;
    mayfly::temporal::version_registry registry_;
    mayfly::uptime allowance_;
    mayfly::uptime began_;  // on the controller's clock
    bool goes_on_;
    bookshelf kept_;  // of versions that are not driven now
    controller controller_;
    wall_of_uptime wall_;
    flight_thinner thinner_{};
    std::map<mayfly::deployment_version, entry> entries_{};
    std::map<const mayfly::launch_target*, group_view*> views_{};
    boost::asio::steady_timer again_{on_->get_executor()};
    mayfly::deployment_version tried_{};  // the last one
    boost::asio::cancellation_signal run_{};
    boost::asio::cancellation_signal watch_{};
    std::string problem_{};
    std::uint64_t takes_ = 0;
    bool caught_up_ = false;
    bool stopped_ = false;
};

}  // namespace examples
