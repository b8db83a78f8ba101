// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/deployment.hpp>
#include <mayfly/signal.hpp>
#include <mayfly/temporal/deployment_values.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace mayfly::temporal {

/// Work for a version, as `arrivals` finds it.
struct arrival {
    deployment_version version{};
    task_added tasks{};

    friend bool operator==(const arrival&, const arrival&) = default;
};

/** Knows which version new work of a queue goes to, so that whoever starts work can say for whom it is.

    Pure. It learns from descriptions of versions, of up to `most_queues` queues. What it says is safe to
   lose, and safe to be wrong for a moment after the routing has changed: a version that is told too little still has
   its statistics.
*/
class arrivals {
public:
    static constexpr std::size_t most_queues = 20'000;

    /// What a description tells of where work goes.
    void learn(const version_description& v)
    {
        const bool current = v.status == version_status::current;
        const bool ramping = v.status == version_status::ramping;
        for (const version_queue& q : v.queues) {
            const key at{q.name, q.type};
            auto known = routes_.find(at);
            if (known == routes_.end()) {
                if ((!current && !ramping) || routes_.size() >= most_queues)
                    continue;
                known = routes_.emplace(at, route{}).first;
            }
            route& to = known->second;
            if (current) {
                to.current = v.version;
            } else if (ramping) {
                if (to.ramping != v.version)
                    to.owed = 0;
                to.ramping = v.version;
                to.percentage = std::clamp(v.ramp_percentage, 0.0F, 100.0F);
            }
            if (!current && to.current == v.version)
                to.current.reset();
            if (!ramping && to.ramping == v.version)
                to.ramping.reset();
            if (!to.current && !to.ramping)
                routes_.erase(known);
        }
    }

    /// The version is nobody's concern any more.
    void forget(const deployment_version& v)
    {
        for (auto at = routes_.begin(); at != routes_.end();) {
            route& to = at->second;
            if (to.current == v)
                to.current.reset();
            if (to.ramping == v)
                to.ramping.reset();
            at = !to.current && !to.ramping ? routes_.erase(at) : std::next(at);
        }
    }

    /// For whom `count` tasks are that were started on this queue; nobody if it is not known where its work goes. A
    /// ramping version gets its share of many, and none of it is lost in rounding.
    [[nodiscard]] std::vector<arrival> split(const std::string& queue, task_type type, std::uint32_t count)
    {
        std::vector<arrival> out;
        const auto known = routes_.find({queue, type});
        if (known == routes_.end() || count == 0)
            return out;
        route& to = known->second;
        std::uint32_t ramped = 0;
        if (to.ramping) {
            to.owed += static_cast<double>(count) * static_cast<double>(to.percentage) / 100;
            ramped = static_cast<std::uint32_t>(std::min(to.owed, static_cast<double>(count)));
            to.owed -= ramped;
        }
        const auto tell = [&](const std::optional<deployment_version>& v, std::uint32_t n) {
            if (v && n > 0)
                out.push_back({*v, {.type = type, .counts = {.not_matched = n}}});
        };
        tell(to.ramping, ramped);
        tell(to.current, count - ramped);
        return out;
    }

    [[nodiscard]] std::size_t queues() const noexcept { return routes_.size(); }

private:
    using key = std::pair<std::string, task_type>;

    struct route {
        std::optional<deployment_version> current{};
        std::optional<deployment_version> ramping{};
        float percentage = 0;
        double owed = 0;  // to the ramping version, less than one task
    };

    std::map<key, route> routes_{};
};

}  // namespace mayfly::temporal
