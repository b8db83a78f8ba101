// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/clock.hpp>
#include <mayfly/deployment.hpp>
#include <mayfly/temporal/deployment_values.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

// Which deployment or version a registry reads next. Pure.

namespace mayfly::temporal::detail {

/// What a summary says, to compare with: another text, and there is something to read.
[[nodiscard]] inline std::string summary_text(const version_entry& v)
{
    const auto time = [](const std::optional<wall_clock_time>& t) {
        return t ? std::to_string(t->time_since_epoch().count()) : std::string();
    };
    std::string out = v.version.build_id + '|' + (v.status ? std::string(to_string(*v.status)) : std::string()) + '|' +
                      time(v.created) + '|' + time(v.provider_checked) + '|' + v.provider_problem;
    for (const auto& [id, type] : v.providers)
        out += '|' + id + '=' + type;
    return out;
}
[[nodiscard]] inline std::string summary_text(const deployment_entry& d)
{
    const auto of = [](const std::optional<version_entry>& v) { return v ? summary_text(*v) : std::string(); };
    return std::to_string(d.routing.revision) + '/' + (d.routing.current ? d.routing.current->build_id : "") + '/' +
           (d.routing.ramping ? d.routing.ramping->build_id : "") + '/' + std::to_string(d.routing.ramp_percentage) +
           '/' + of(d.latest) + '/' + of(d.current) + '/' + of(d.ramping);
}

/// So many reads a second, and some at once after a rest.
class read_pace {
public:
    read_pace(double per_second, double burst)
        : per_second_(std::max(per_second, 0.01)), burst_(std::max(burst, 1.0)), tokens_(burst_)
    {}

    /// Whether one may be made now, which it is then.
    [[nodiscard]] bool take(uptime now)
    {
        refill(now);
        if (tokens_ < 1)
            return false;
        tokens_ -= 1;
        return true;
    }
    [[nodiscard]] uptime next_at(uptime now)
    {
        refill(now);
        return tokens_ >= 1 ? now : now + uptime{static_cast<uptime::rep>((1 - tokens_) / per_second_ * 1e6) + 1};
    }

private:
    void refill(uptime now)
    {
        tokens_ = std::min(burst_, tokens_ + std::chrono::duration<double>(now - at_).count() * per_second_);
        at_ = now;
    }

    double per_second_;
    double burst_;
    double tokens_;
    uptime at_{};
};

/// A deployment, or with a build id a version.
using read_target = deployment_version;

/** What there is to read, and when.

    What changed goes first: what somebody told of, then versions that receive work, then the others. All else is read
   in turn, each so long after its last reading as its kind wants; where there is more than can be read, all of it waits
    alike.
*/
class watch_plan {
public:
    static constexpr uptime fresh_for = std::chrono::seconds{60};
    static constexpr uptime fresh_every = std::chrono::seconds{2};
    static constexpr uptime busy_every = std::chrono::seconds{5};
    static constexpr uptime quiet_every = std::chrono::seconds{20};
    static constexpr uptime deployment_every = std::chrono::seconds{30};

    /// A deployment as it stands in the list.
    void listed(const deployment_entry& d, uptime now)
    {
        listed_.insert(d.name);
        auto [at, is_new] = deployments_.try_emplace(d.name);
        std::string text = summary_text(d);
        if (is_new || at->second != text) {
            at->second = std::move(text);
            hurry({d.name, ""}, told);
        }
        for (const auto* v : {&d.current, &d.ramping, &d.latest})
            if (*v)
                summarised(**v, &version::in_list, now);
    }

    /// The list is through: what does not stand in it may be gone.
    void list_ended()
    {
        for (auto at = deployments_.begin(); at != deployments_.end();) {
            if (listed_.contains(at->first)) {
                ++at;
                continue;
            }
            forget({at->first, ""});
            for (auto v = versions_.lower_bound({at->first, ""});
                 v != versions_.end() && v->first.deployment == at->first; ++v)
                hurry(v->first, told);
            at = deployments_.erase(at);
        }
        listed_.clear();
    }

    void described(const deployment_description& d, uptime now)
    {
        std::set<std::string> builds;
        for (const auto& v : d.versions) {
            builds.insert(v.version.build_id);
            summarised(v, &version::in_description, now);
        }
        for (auto v = versions_.lower_bound({d.name, ""}); v != versions_.end() && v->first.deployment == d.name; ++v)
            if (!builds.contains(v->first.build_id))
                hurry(v->first, told);
        later_again({d.name, ""}, now + deployment_every);
    }

    /// Of a version that was read. `changed`: it is not as it was before.
    void read(const deployment_version& v, version_status status, bool configured, bool changed, uptime now)
    {
        version& known = versions_[v];
        if (changed)
            known.fresh_until = now + fresh_for;
        const uptime wait = now < known.fresh_until               ? fresh_every
                            : configured || receives_work(status) ? busy_every
                                                                  : quiet_every;
        later_again(v, now + wait);
    }

    /// Reads that again then: it could not be read now.
    void later_again(const read_target& target, uptime at)
    {
        const auto old = turns_.find(target);
        if (old != turns_.end())
            turn_order_.erase({old->second, target});
        turns_[target] = at;
        turn_order_.emplace(at, target);
    }

    /// A version that is no more.
    void gone(const deployment_version& v)
    {
        versions_.erase(v);
        forget(v);
    }
    void deployment_gone(const std::string& name) { forget({name, ""}); }

    /// Somebody said that this one is another now.
    void noted(const deployment_version& v) { hurry(v, told); }

    /// What to read now. It is not in the plan until it was read, or is to be read again.
    [[nodiscard]] std::optional<read_target> next(uptime now)
    {
        if (!urgent_order_.empty()) {
            const read_target out = std::get<2>(*urgent_order_.begin());
            urgent_order_.erase(urgent_order_.begin());
            urgent_.erase(out);
            return out;
        }
        if (turn_order_.empty() || turn_order_.begin()->first > now)
            return std::nullopt;
        const read_target out = turn_order_.begin()->second;
        turn_order_.erase(turn_order_.begin());
        turns_.erase(out);
        return out;
    }
    [[nodiscard]] uptime next_at() const
    {
        if (!urgent_order_.empty())
            return uptime::min();
        return turn_order_.empty() ? never : turn_order_.begin()->first;
    }

    /// What changed and was not read yet.
    [[nodiscard]] std::size_t urgent() const noexcept { return urgent_order_.size(); }

private:
    enum rank : std::uint8_t { told, busy, other };

    struct version {
        // The list lags behind; each is compared with its own.
        std::string in_list{};
        std::string in_description{};
        uptime fresh_until{};
    };

    void summarised(const version_entry& v, std::string version::*where, uptime now)
    {
        auto [at, is_new] = versions_.try_emplace(v.version);
        std::string& before = at->second.*where;
        std::string text = summary_text(v);
        if (before == text)
            return;
        const bool first = before.empty();
        before = std::move(text);
        if (first && !is_new)
            return;
        if (!first)
            at->second.fresh_until = now + fresh_for;
        hurry(v.version, v.status && receives_work(*v.status) ? busy : other);
    }

    void hurry(const read_target& target, rank r)
    {
        const auto turn = turns_.find(target);
        if (turn != turns_.end()) {
            turn_order_.erase({turn->second, target});
            turns_.erase(turn);
        }
        const auto [at, is_new] = urgent_.try_emplace(target, r, 0);
        if (!is_new && at->second.first <= r)
            return;
        if (!is_new)
            urgent_order_.erase({at->second.first, at->second.second, target});
        at->second = {r, ++count_};
        urgent_order_.emplace(r, count_, target);
    }

    void forget(const read_target& target)
    {
        if (const auto at = turns_.find(target); at != turns_.end()) {
            turn_order_.erase({at->second, target});
            turns_.erase(at);
        }
        if (const auto at = urgent_.find(target); at != urgent_.end()) {
            urgent_order_.erase({at->second.first, at->second.second, target});
            urgent_.erase(at);
        }
    }

    std::map<std::string, std::string> deployments_{};  // With their texts in the list.
    std::set<std::string> listed_{};
    std::map<deployment_version, version> versions_{};
    std::map<read_target, uptime> turns_{};
    std::set<std::pair<uptime, read_target>> turn_order_{};
    std::map<read_target, std::pair<rank, std::uint64_t>> urgent_{};
    std::set<std::tuple<rank, std::uint64_t, read_target>> urgent_order_{};
    std::uint64_t count_ = 0;
};

}  // namespace mayfly::temporal::detail
