// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/clock.hpp>
#include <mayfly/deployment.hpp>
#include <mayfly/temporal/times.hpp>
#include <mayfly/temporal/version_record.hpp>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <map>
#include <optional>

namespace mayfly::temporal::detail {

/// Whose providers are to be looked at, and when. Pure.
class validation_plan {
public:
    static constexpr uptime at_least = std::chrono::minutes{1};

    explicit validation_plan(uptime every) : every_(std::max(every, at_least)) {}

    /// A version as it was read. The record in it may be of another process, on the wall clock.
    void read(const version_record& r, uptime now, wall_clock_time wall)
    {
        if (!r.drivable()) {
            due_.erase(r.version);
            return;
        }
        auto& e = due_[r.version];
        if (e.revision != r.compute.revision) {
            e.revision = r.compute.revision;
            e.looked = false;
        }
        if (e.soon)
            return;
        uptime in{};
        if (r.validation) {
            const auto ends = r.validation->checked + every_;
            in = std::clamp(std::chrono::duration_cast<uptime>(ends - wall), uptime{}, every_);
        }
        // What was found may not have come to be written down.
        e.at = std::max(now + in, later(e.last, e.looked ? every_ : at_least));
    }
    void gone(const deployment_version& v) { due_.erase(v); }

    /// Soon, whenever it was looked at last.
    void again(const deployment_version& v, uptime now)
    {
        const auto e = due_.find(v);
        if (e == due_.end())
            return;
        e->second.soon = true;
        e->second.at = std::min(e->second.at, std::max(now, later(e->second.last, at_least)));
    }

    /// Whom to look at now; it counts as done.
    [[nodiscard]] std::optional<deployment_version> next(uptime now)
    {
        const auto first = earliest();
        if (first == due_.end() || first->second.at > now)
            return std::nullopt;
        first->second = {first->second.revision, now, now + every_, true, false};
        return first->first;
    }
    [[nodiscard]] uptime next_at() const
    {
        const auto first = earliest();
        return first == due_.end() ? never : first->second.at;
    }

private:
    struct entry {
        std::uint64_t revision = 0;
        uptime last = uptime::min() / 2;
        uptime at{};
        bool looked = false;  // At this revision.
        bool soon = false;
    };
    using entries = std::map<deployment_version, entry>;

    [[nodiscard]] entries::iterator earliest()
    {
        return std::min_element(
            due_.begin(), due_.end(), [](const auto& a, const auto& b) { return a.second.at < b.second.at; });
    }
    [[nodiscard]] entries::const_iterator earliest() const
    {
        return std::min_element(
            due_.begin(), due_.end(), [](const auto& a, const auto& b) { return a.second.at < b.second.at; });
    }

    uptime every_;
    entries due_{};
};

}  // namespace mayfly::temporal::detail
