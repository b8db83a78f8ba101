// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/clock.hpp>
#include <mayfly/deployment.hpp>

#include <chrono>
#include <map>
#include <utility>

namespace mayfly::temporal::detail {

/// When to mark versions, which this controller is about to drive and nobody is marked to. One that cannot be marked is
/// driven all the same, so that is not tried at each reading.
class mark_plan {
public:
    static constexpr uptime again_after = std::chrono::minutes{1};

    [[nodiscard]] bool wants(const deployment_version& v, uptime now) const
    {
        const auto at = marks_.find(v);
        return at == marks_.end() || at->second.next <= now;
    }
    void tried(const deployment_version& v, uptime now) { marks_[v].next = now + again_after; }

    /// It could not be marked; `for_good`: this controller may not do that. Whether this is news.
    [[nodiscard]] bool failed(const deployment_version& v, bool for_good)
    {
        mark& m = marks_[v];
        if (for_good)
            m.next = never;
        return !std::exchange(m.trouble, true);
    }
    /// A mark was read. If it goes, another is set at once. Whether trouble had been told.
    [[nodiscard]] bool there(const deployment_version& v)
    {
        const auto at = marks_.extract(v);
        return !at.empty() && at.mapped().trouble;
    }
    void gone(const deployment_version& v) { marks_.erase(v); }

private:
    struct mark {
        uptime next{};  // Not before this.
        bool trouble = false;
    };
    std::map<deployment_version, mark> marks_{};
};

}  // namespace mayfly::temporal::detail
