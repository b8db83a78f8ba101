// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/clock.hpp>
#include <mayfly/deployment.hpp>
#include <mayfly/launch.hpp>
#include <mayfly/temporal/detail/source_version.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

namespace mayfly::temporal::detail {

/// The versions of a source, each with a small number of its own for as long as it is known. Pure.
class source_table {
public:
    using place = std::uint32_t;

    [[nodiscard]] std::optional<place> find(const deployment_version& version) const
    {
        const auto known = by_name_.find(version);
        return known == by_name_.end() ? std::nullopt : std::optional(known->second);
    }

    /// The version has to be new.
    place add(std::shared_ptr<const launch_target> target)
    {
        place at = 0;
        if (free_.empty()) {
            at = static_cast<place>(all_.size());
            all_.emplace_back();
        } else {
            at = free_.back();
            free_.pop_back();
        }
        by_name_.emplace(target->version, at);
        all_[at] = std::make_shared<source_version>();
        all_[at]->target = std::move(target);
        return at;
    }

    std::shared_ptr<source_version> take(place at)
    {
        std::shared_ptr<source_version> out = std::move(all_[at]);
        by_name_.erase(out->target->version);
        free_.push_back(at);
        return out;
    }

    /// Null if it is no more.
    [[nodiscard]] const std::shared_ptr<source_version>& operator[](place at) const noexcept { return all_[at]; }

    /// Calls `f(place, version)` for each until it returns false.
    template <class F>
    void each(F f) const
    {
        for (place at = 0; at < all_.size(); ++at)
            if (all_[at] && !f(at, *all_[at]))
                return;
    }

    /// Those that nobody has asked for in an hour, looked for once in a while.
    [[nodiscard]] std::vector<place> forgotten(uptime now)
    {
        std::vector<place> out;
        if (now - looked_at_ < std::chrono::minutes{10})
            return out;
        looked_at_ = now;
        each([&](place at, const source_version& v) {
            if (v.waiters.empty() && now - v.asked_at > std::chrono::hours{1})
                out.push_back(at);
            return true;
        });
        return out;
    }

    [[nodiscard]] std::size_t size() const noexcept { return by_name_.size(); }

private:
    std::vector<std::shared_ptr<source_version>> all_{};
    std::vector<place> free_{};
    std::map<deployment_version, place> by_name_{};
    uptime looked_at_{};
};

}  // namespace mayfly::temporal::detail
