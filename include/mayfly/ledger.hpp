// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/clock.hpp>
#include <mayfly/detail/moment.hpp>
#include <mayfly/detail/service_meter.hpp>
#include <mayfly/ledger_entries.hpp>
#include <mayfly/signal.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace mayfly {

/** What was started, and what was seen of it.

    Every start is in exactly one `start_state`. A start is matched to a poller by the first half of the poller's
    identity `<requestID>@<function>`. Nothing here reads a clock: `now` is an argument and never goes back. Tolerates
    answers and sightings in any order, twice, late, or never.
*/
class ledger {
public:
    ledger() : ledger(ledger_settings{}) {}
    /// `settings` is shared by all ledgers of one policy, which keeps an idle one small.
    explicit ledger(std::shared_ptr<const ledger_settings> settings) : settings_(std::move(settings)) {}
    explicit ledger(const ledger_settings& settings) : ledger(std::make_shared<const ledger_settings>(settings)) {}

    /// Books that go on from an image. What was measured between two snapshots begins anew.
    ledger(std::shared_ptr<const ledger_settings> settings, ledger_image from)
        : settings_(std::move(settings)),
          records_(std::move(from.records)),
          next_id_(from.next_id),
          ends_by_age_from_(from.next_id),  // the life these workers were given is not in the image
          foreign_(from.foreign),
          refused_(from.refused),
          dead_in_a_row_(from.dead_in_a_row),
          slots_seen_(from.slots_seen),
          failure_rate_(static_cast<float>(from.failure_rate)),
          busy_(from.busy),
          startup_(from.startup.value_or(never)),
          startup_dev_(from.startup_dev),
          service_(from.service),
          last_seen_(from.last_seen),
          last_change_(from.last_change),
          newest_seen_ask_(from.newest_seen_ask),
          totals_(from.totals)
    {
        for (start_record& r : records_) {
            r.mark = 0;
            count(r.state, +1);
            nameless_ += is_nameless(r) ? 1U : 0U;
        }
        std::size_t size = 16;
        while (size < records_.size() * 2 + 2)
            size *= 2;
        if (!records_.empty())
            reindex(size);
        skip_dead();
    }

    /// All that a ledger needs to go on, but for its settings.
    [[nodiscard]] ledger_image image() const
    {
        return {records_, next_id_, ends_by_age_from_, foreign_, refused_, dead_in_a_row_, slots_seen_, busy_,
            startup_ ? std::optional(*startup_) : std::nullopt, startup_dev_, service_.mean(), last_seen_, last_change_,
            newest_seen_ask_, failure_rate_, totals_};
    }

    /// Other settings from now on. What was measured stays, and so do the ends of workers that live.
    void settle_for(std::shared_ptr<const ledger_settings> settings) noexcept
    {
        if (settings->useful_life != settings_->useful_life)
            ends_by_age_from_ = next_id_;
        settings_ = std::move(settings);
    }

    /// Notes `count` starts that the provider is asked for now. Returns the id of the first; they are consecutive.
    std::uint64_t ask(std::uint32_t count, uptime now)
    {
        tidy(now);
        const std::uint64_t first = next_id_;
        for (std::uint32_t i = 0; i < count; ++i)
            records_.push_back({.id = next_id_++, .asked_at = now, .changed_at = now});
        asked_ += count;
        totals_.asked = saturating_add(totals_.asked, count);
        return first;
    }

    /// The provider's answer to the start `id`. One that was answered already, or is unknown, is left as it is.
    void answer(std::uint64_t id, const launch_result& result, uptime now)
    {
        const auto r = find(id);
        if (r == records_.end() || r->state != start_state::asked)
            return;
        if (result.outcome != condition::ok) {
            refused_ = saturating_add(refused_, 1);
            totals_.refused = saturating_add(totals_.refused, 1);
            enter(*r, start_state::gone, now);
            return;
        }
        refused_ = 0;
        start_record* const early = lookup(result.request_id);
        r->request_id = result.request_id;
        enter(*r, start_state::accepted, now);
        nameless_ += r->request_id.empty() ? 1U : 0U;
        if (early != nullptr)
            take_over(*r, *early, now);
        index(static_cast<std::size_t>(r - records_.begin()));
    }

    /// The start `id` was not asked for after all.
    void withdraw(std::uint64_t id, uptime now) noexcept
    {
        if (const auto r = find(id); r != records_.end() && r->state == start_state::asked)
            enter(*r, start_state::gone, now);
    }

    /// Begins anew at `now` with what is in the books. Starts that nobody will answer any more may have been made, so
    /// they count as such until they are given up. Moments that have not come yet, from a clock that was further, are
    /// taken for now.
    void answers_lost(uptime now) noexcept
    {
        bool ahead = false;
        for (start_record& r : records_) {
            ahead |= r.asked_at > now;
            if (r.state == start_state::asked) {
                enter(r, start_state::accepted, now);
                nameless_ += 1;
            }
            r.asked_at = std::min(r.asked_at, now);
            r.changed_at = std::min(r.changed_at, now);
            if (r.ends_at != never)
                r.ends_at = std::min(r.ends_at, later(now, settings_->useful_life));
        }
        last_seen_ = std::min(last_seen_, now);
        last_change_ = std::min(last_change_, now);
        newest_seen_ask_ = std::min(newest_seen_ask_, now);
        service_.pause();
        if (ahead)
            ends_by_age_from_ = next_id_;
    }

    /// A poller was seen.
    sighting see(const worker_seen& w, const ledger_owner& own, uptime now)
    {
        const std::string_view request = w.identity.substr(0, w.identity.find('@'));
        start_record* r = lookup(request);
        if (r == nullptr)
            r = claim_nameless(w, request, own);
        if (r == nullptr)
            return adopt(w, request, own, now);
        r->mark = mark_;
        if (another_version(w, own)) {
            if (r->state != start_state::elsewhere) {
                // As good as none: starting more of them helps nobody.
                if (r->state != start_state::given_up)
                    came_to_nothing(*r);
                enter(*r, start_state::elsewhere, now);
                totals_.elsewhere = saturating_add(totals_.elsewhere, 1);
            }
            return sighting::elsewhere;
        }
        if (w.slots && *w.slots > 0)
            slots_seen_ = *w.slots;
        sighting what = sighting::known;
        switch (r->state) {
        case start_state::polling: break;
        case start_state::asked:
        case start_state::accepted:
        case start_state::given_up:
            what = r->state == start_state::given_up ? sighting::late : sighting::connected;
            connected(*r, w, now);
            break;
        case start_state::elsewhere:
        case start_state::gone:
            if (!w.present)
                return sighting::known;
            if (w.first_seen > r->changed_at) {
                totals_.returned = saturating_add(totals_.returned, 1);
                r->ends_at = later(std::min(w.first_seen, now), settings_->useful_life);
            } else if (w.last_seen <= r->changed_at || now >= r->ends_at) {
                // A worker past its end drains and may still be listed.
                return sighting::known;
            }
            // Either the platform delivered the event once more, or a snapshot had missed a worker that was there.
            what = sighting::returned;
            enter(*r, start_state::polling, now);
            break;
        }
        if (r->state == start_state::polling)
            r->busy = w.busy.value_or(0);
        if (!w.present && r->state == start_state::polling) {
            enter(*r, start_state::gone, now);
            if (what == sighting::known)
                what = sighting::left;
        }
        return what;
    }

    /// The poller is no more. False if it was not in the books as polling.
    bool gone(std::string_view identity, uptime now)
    {
        start_record* r = lookup(identity.substr(0, identity.find('@')));
        if (r == nullptr || r->state != start_state::polling)
            return false;
        enter(*r, start_state::gone, now);
        return true;
    }

    /// Takes in all that a snapshot shows: pollers, the missing ones, busy slots, the service time. True if a worker
    /// came or went.
    bool take(const queue_snapshot& snapshot, const ledger_owner& own, uptime now)
    {
        ++mark_;
        bool changed = false;
        std::uint32_t foreign = 0;
        for (const worker_seen& w : snapshot.workers) {
            const sighting what = see(w, own, now);
            changed |= what != sighting::known && what != sighting::foreign;
            foreign += what == sighting::foreign && w.present ? 1U : 0U;
        }
        foreign_ = foreign;
        if (snapshot.workers_complete)
            changed |= sweep(now);
        if (snapshot.busy_slots)
            busy_ = snapshot.busy_slots;
        else if (std::any_of(
                     snapshot.workers.begin(), snapshot.workers.end(), [](auto& w) { return w.busy.has_value(); }))
            busy_ = sum_busy();
        else if (busy_ && live_ == 0)
            busy_ = 0;
        measure_service(snapshot, now);
        return changed;
    }

    /// Lets time pass: gives up starts that should have been seen, and lets workers go whose time is over. True if
    /// something changed.
    bool advance(uptime now)
    {
        bool changed = false;
        const uptime patience = patience_now();
        while (oldest_pending_ < records_.size() && !pending(records_[oldest_pending_]))
            ++oldest_pending_;
        // A start without an answer holds up nobody behind it.
        for (std::size_t i = oldest_pending_; i < records_.size(); ++i) {
            start_record& r = records_[i];
            if (!pending(r))
                continue;
            if (later(r.asked_at, patience) > now)
                break;
            if (r.state == start_state::accepted) {
                give_up(r, now);
                changed = true;
            }
        }
        for (std::size_t i = oldest_live_; i < records_.size() && !ends_after(records_[i], now); ++i) {
            start_record& r = records_[i];
            if (r.state == start_state::polling && r.ends_at <= now) {
                enter(r, start_state::gone, now);
                changed = true;
            }
        }
        skip_dead();
        if (!changed && live_ + asked_ + accepted_ == 0 && !records_.empty() &&
            later(last_change_, settings_->remember) <= now) {
            records_ = std::vector<start_record>{};  // not "= {}", which keeps the memory
            table_ = std::vector<std::uint32_t>{};
            oldest_pending_ = oldest_live_ = 0;
        }
        return changed;
    }

    /// When `advance` may next have something to do.
    [[nodiscard]] uptime next_change() const noexcept
    {
        uptime at = never;
        if (accepted_ > 0)
            for (std::size_t i = oldest_pending_; i < records_.size(); ++i)
                if (records_[i].state == start_state::accepted) {
                    at = later(records_[i].asked_at, patience_now());
                    break;
                }
        if (live_ > 0 && oldest_live_ < records_.size())
            at = std::min(at, next_end());
        if (live_ + asked_ + accepted_ == 0 && !records_.empty())
            at = later(last_change_, settings_->remember);
        return at;
    }

    /// The books in numbers. `margin` is what a replacement needs beyond a start-up: usually one reading interval.
    [[nodiscard]] fleet_view view(uptime now, uptime margin = {}) const noexcept
    {
        fleet_view v;
        v.asked = asked_;
        v.starting = accepted_;
        v.live = live_;
        v.leaving = ending_before(later(now, startup() + 3 * startup_dev_ + margin));
        v.foreign = foreign_;
        v.given_up = dead_in_a_row_;
        v.refused = refused_;
        v.slots = std::max(1U, slots_seen_ > 0 ? slots_seen_ : settings_->slots);
        v.busy = busy_;
        v.leaves_in = leaves_in(now, margin);
        v.startup = startup();
        v.startup_dev = startup_dev_;
        v.service = service_.mean();
        v.failure_rate = failure_rate_;
        v.ever_seen = totals_.connected > 0 || totals_.adopted > 0;
        return v;
    }

    /// Whether the poller was started, or adopted, by these books.
    [[nodiscard]] bool knows(std::string_view identity) const noexcept
    {
        return const_cast<ledger*>(this)->lookup(identity.substr(0, identity.find('@'))) != nullptr;
    }

    [[nodiscard]] const std::vector<start_record>& records() const noexcept { return records_; }
    [[nodiscard]] const ledger_totals& totals() const noexcept { return totals_; }
    [[nodiscard]] const ledger_settings& settings() const noexcept { return *settings_; }
    [[nodiscard]] uptime last_seen() const noexcept { return last_seen_; }

    /// Mean time from the call to the first poll.
    [[nodiscard]] uptime startup() const noexcept { return startup_ ? *startup_ : settings_->expected_startup; }

private:
    using iterator = std::vector<start_record>::iterator;

    [[nodiscard]] static bool another_version(const worker_seen& w, const ledger_owner& own) noexcept
    {
        return own.version != nullptr && w.version != nullptr && *w.version != *own.version;
    }

    /// Whether the part behind the request is our function, where we have one.
    [[nodiscard]] static bool named_like_ours(
        const worker_seen& w, std::string_view request, const ledger_owner& own) noexcept
    {
        return own.function.empty() ||
               (w.identity.size() > request.size() && w.identity.substr(request.size() + 1) == own.function);
    }

    [[nodiscard]] uptime patience_now() const noexcept
    {
        return std::max(settings_->patience, 2 * startup() + 6 * startup_dev_);
    }

    [[nodiscard]] static bool pending(const start_record& r) noexcept
    {
        return r.state == start_state::asked || r.state == start_state::accepted;
    }

    /// Whether this record, and each one behind it, ends after `at`.
    [[nodiscard]] bool ends_after(const start_record& r, uptime at) const noexcept
    {
        return r.id >= ends_by_age_from_ && later(r.asked_at, settings_->useful_life) > at;
    }

    [[nodiscard]] iterator find(std::uint64_t id) noexcept
    {
        const auto at = std::lower_bound(records_.begin(), records_.end(), id,
            [](const start_record& r, std::uint64_t wanted) { return r.id < wanted; });
        return at != records_.end() && at->id == id ? at : records_.end();
    }

    void enter(start_record& r, start_state to, uptime now) noexcept
    {
        count(r.state, -1);
        count(to, +1);
        r.state = to;
        r.changed_at = last_change_ = now;
        if (to == start_state::polling)
            oldest_live_ = std::min(oldest_live_, static_cast<std::uint32_t>(&r - records_.data()));
    }

    void count(start_state s, int by) noexcept
    {
        const auto step = static_cast<std::uint32_t>(by);  // minus one wraps to minus one
        if (s == start_state::asked)
            asked_ += step;
        else if (s == start_state::accepted)
            accepted_ += step;
        else if (s == start_state::polling)
            live_ += step;
    }

    void connected(start_record& r, const worker_seen& w, uptime now) noexcept
    {
        const bool late = r.state == start_state::given_up;
        const uptime first = std::clamp(w.first_seen, r.asked_at, now);
        learn_startup(first - r.asked_at);
        if (late) {
            totals_.late = saturating_add(totals_.late, 1);
            failure_rate_ = std::max(0.0F, failure_rate_ - failure_weight);
        }
        failure_rate_ -= failure_rate_ * failure_weight;
        totals_.connected = saturating_add(totals_.connected, 1);
        newest_seen_ask_ = std::max(newest_seen_ask_, r.asked_at);
        dead_in_a_row_ = 0;
        last_seen_ = now;
        r.ends_at = later(first, settings_->useful_life);
        enter(r, start_state::polling, now);
    }

    void learn_startup(uptime sample) noexcept
    {
        // One that the platform tried again minutes later says little about the next.
        sample = std::min(sample, 2 * patience_now());
        if (!startup_) {
            startup_ = sample;
            startup_dev_ = sample / 4;
        } else {
            const uptime error = sample - *startup_;
            startup_ = *startup_ + error / 8;
            startup_dev_ += (std::max(error, -error) - startup_dev_) / 8;
        }
    }

    /// The worker was faster than the provider's answer and was adopted: it is this start's.
    void take_over(start_record& r, start_record& early, uptime now) noexcept
    {
        const bool there = early.state == start_state::polling;
        // One that has been gone since before belongs to an older start of the same name.
        if (!there && (early.state != start_state::gone || early.asked_at < r.asked_at))
            return;
        connected(r, {.identity = r.request_id, .first_seen = early.asked_at}, now);
        r.busy = early.busy;
        r.mark = early.mark;
        early.request_id.clear();
        enter(there ? early : r, start_state::gone, now);
    }

    /// A platform that gives no request ids leaves starts without a name: the oldest that may be this worker is.
    start_record* claim_nameless(const worker_seen& w, std::string_view request, const ledger_owner& own)
    {
        if (nameless_ == 0 || request.empty() || !w.present || !named_like_ours(w, request, own))
            return nullptr;
        for (std::size_t i = 0; i < records_.size(); ++i) {
            start_record& r = records_[i];
            if (!is_nameless(r) || r.asked_at > w.first_seen)
                continue;
            r.request_id = request;
            nameless_ -= 1;
            index(i);
            return &r;
        }
        return nullptr;
    }

    [[nodiscard]] static bool is_nameless(const start_record& r) noexcept
    {
        return r.request_id.empty() && r.state == start_state::accepted;
    }

    void give_up(start_record& r, uptime now) noexcept
    {
        if (r.request_id.empty()) {
            // Nobody can tell whether it came, so it is held against nobody.
            nameless_ -= 1;
            enter(r, start_state::gone, now);
            return;
        }
        totals_.given_up = saturating_add(totals_.given_up, 1);
        came_to_nothing(r);
        enter(r, start_state::given_up, now);
    }

    void came_to_nothing(const start_record& r) noexcept
    {
        failure_rate_ += (1 - failure_rate_) * failure_weight;
        // One of a crowd that was asked for together with a worker that came is late, not a sign that nothing works.
        if (r.asked_at > later(newest_seen_ask_, std::chrono::seconds{1}) || totals_.connected == 0)
            dead_in_a_row_ = saturating_add(dead_in_a_row_, 1);
    }

    sighting adopt(const worker_seen& w, std::string_view request, const ledger_owner& own, uptime now)
    {
        if (request.empty() || own.function.empty() || !named_like_ours(w, request, own) || !w.present ||
            another_version(w, own))
            return sighting::foreign;
        tidy(now);
        const uptime first = std::min(w.first_seen, now);
        records_.push_back({.id = next_id_++,
            .state = start_state::gone,
            .busy = w.busy.value_or(0),
            .mark = mark_,
            .asked_at = first,
            .changed_at = now,
            .request_id = std::string{request}});
        ends_by_age_from_ = next_id_;
        start_record& r = records_.back();
        r.ends_at = later(first, settings_->useful_life);
        enter(r, start_state::polling, now);
        index(records_.size() - 1);
        totals_.adopted = saturating_add(totals_.adopted, 1);
        dead_in_a_row_ = 0;
        last_seen_ = now;
        return sighting::adopted;
    }

    bool sweep(uptime now) noexcept
    {
        bool changed = false;
        for (std::size_t i = oldest_live_; i < records_.size(); ++i) {
            start_record& r = records_[i];
            if (r.state == start_state::polling && r.mark != mark_) {
                enter(r, start_state::gone, now);
                changed = true;
            }
        }
        skip_dead();
        return changed;
    }

    void skip_dead() noexcept
    {
        while (oldest_live_ < records_.size() && records_[oldest_live_].state != start_state::polling)
            ++oldest_live_;
    }

    [[nodiscard]] std::uint32_t sum_busy() const noexcept
    {
        std::uint32_t sum = 0;
        for (std::size_t i = oldest_live_; i < records_.size(); ++i)
            if (records_[i].state == start_state::polling)
                sum = saturating_add(sum, records_[i].busy);
        return sum;
    }

    void measure_service(const queue_snapshot& snapshot, uptime now) noexcept
    {
        std::uint64_t dispatched = 0;
        bool counted = false;
        for (const auto& s : snapshot.stats)
            if (s && s->dispatched) {
                dispatched += *s->dispatched;
                counted = true;
            }
        if (counted && busy_)
            service_.read(*busy_, dispatched, now);
    }

    [[nodiscard]] std::uint32_t ending_before(uptime horizon) const noexcept
    {
        std::uint32_t n = 0;
        for (std::size_t i = oldest_live_; i < records_.size() && !ends_after(records_[i], horizon); ++i) {
            const start_record& r = records_[i];
            n += r.state == start_state::polling && r.ends_at <= horizon ? 1U : 0U;
        }
        return n;
    }

    /// Not before this has passed will a worker count as leaving that does not yet.
    [[nodiscard]] uptime leaves_in(uptime now, uptime margin) const noexcept
    {
        if (live_ == 0 || settings_->useful_life == never || oldest_live_ >= records_.size())
            return never;
        const start_record& r = records_[oldest_live_];
        const uptime end = r.id < ends_by_age_from_ ? r.ends_at : later(r.asked_at, settings_->useful_life);
        return end == never ? never : end - startup() - 3 * startup_dev_ - margin - now;
    }

    [[nodiscard]] uptime next_end() const noexcept
    {
        uptime at = never;
        for (std::size_t i = oldest_live_; i < records_.size(); ++i) {
            const start_record& r = records_[i];
            // Not earlier than what was found, nor is any behind it.
            if (r.id >= ends_by_age_from_ && later(r.asked_at, settings_->useful_life) >= at)
                break;
            if (r.state == start_state::polling)
                at = std::min(at, r.ends_at);
        }
        return at;
    }

    // Request ids are found by an open-addressed table of positions; a vector keeps an idle ledger small.
    [[nodiscard]] static std::size_t hash(std::string_view s) noexcept
    {
        std::uint64_t h = 0xcbf29ce484222325U;
        for (char c : s)
            h = (h ^ static_cast<unsigned char>(c)) * 0x100000001b3U;
        return static_cast<std::size_t>(h ^ (h >> 32));
    }

    void index(std::size_t position)
    {
        if ((indexed_ + 1) * 2 > table_.size())
            reindex(std::max<std::size_t>(16, table_.size() * 2));
        else
            place(position);
    }

    void place(std::size_t position) noexcept
    {
        if (records_[position].request_id.empty())
            return;
        std::size_t at = hash(records_[position].request_id) & (table_.size() - 1);
        while (table_[at] != 0)
            at = (at + 1) & (table_.size() - 1);
        table_[at] = static_cast<std::uint32_t>(position + 1);
        ++indexed_;
    }

    void reindex(std::size_t size)
    {
        table_.assign(size, 0);
        indexed_ = 0;
        for (std::size_t i = 0; i < records_.size(); ++i)
            place(i);
    }

    [[nodiscard]] start_record* lookup(std::string_view request_id) noexcept
    {
        if (table_.empty() || request_id.empty())
            return nullptr;
        for (std::size_t at = hash(request_id) & (table_.size() - 1); table_[at] != 0;
             at = (at + 1) & (table_.size() - 1))
            if (records_[table_[at] - 1].request_id == request_id)
                return &records_[table_[at] - 1];
        return nullptr;
    }

    /// Forgets what ended long ago, so that the books stay as small as the fleet.
    void tidy(uptime now)
    {
        const std::size_t alive = std::size_t{live_} + asked_ + accepted_;
        if (records_.size() < 64 || records_.size() < 3 * alive)
            return;
        std::size_t ended = records_.size() - alive;
        const std::size_t keep = std::max<std::size_t>(256, alive);
        const auto stale = [&](const start_record& r) {
            const bool over =
                r.state == start_state::gone || r.state == start_state::given_up || r.state == start_state::elsewhere;
            if (!over || (later(r.changed_at, settings_->remember) > now && ended <= keep))
                return false;
            --ended;
            return true;
        };
        const auto from = std::remove_if(records_.begin(), records_.end(), stale);
        if (from == records_.end())
            return;
        records_.erase(from, records_.end());
        reindex(std::max<std::size_t>(16, table_.size()));
        oldest_pending_ = oldest_live_ = 0;
        skip_dead();
    }

    static constexpr float failure_weight = 1.0F / 16;

    std::shared_ptr<const ledger_settings> settings_;
    std::vector<start_record> records_{};  // by id, which is by age but for adopted workers
    std::vector<std::uint32_t> table_{};
    std::uint32_t indexed_ = 0;
    std::uint32_t oldest_pending_ = 0;  // no record before it is asked or accepted
    std::uint32_t oldest_live_ = 0;     // no record before it is polling
    std::uint64_t next_id_ = 1;
    // Before this id a worker may end sooner than its asked_at tells: it was adopted, or has another useful life.
    std::uint64_t ends_by_age_from_ = 0;
    std::uint32_t asked_ = 0;
    std::uint32_t accepted_ = 0;
    std::uint32_t live_ = 0;
    std::uint32_t foreign_ = 0;
    std::uint32_t refused_ = 0;
    std::uint32_t dead_in_a_row_ = 0;
    std::uint32_t slots_seen_ = 0;
    std::uint32_t mark_ = 0;
    std::uint32_t nameless_ = 0;  // accepted without a request id
    float failure_rate_ = 0;
    std::optional<std::uint32_t> busy_{};
    detail::moment startup_{};  // none before the first
    uptime startup_dev_{};
    detail::service_meter service_{};
    uptime last_seen_{};
    uptime last_change_{};
    uptime newest_seen_ask_{};
    ledger_totals totals_{};
};

}  // namespace mayfly
