// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/clock.hpp>

#include <cstddef>
#include <cstdint>
#include <set>
#include <tuple>

namespace mayfly::temporal::embedded {

/// When each of many things is due. A thing has an `alarm`, which only this changes, and an `order`, which never
/// changes and by which those of one moment come.
template <class T>
class alarms {
public:
    /// Sets, moves, or with `never` takes away.
    void set(T& thing, uptime at)
    {
        if (thing.alarm == at)
            return;
        if (thing.alarm != never)
            all_.erase({thing.alarm, thing.order, &thing});
        thing.alarm = at;
        if (at != never)
            all_.insert({at, thing.order, &thing});
    }

    [[nodiscard]] uptime soonest() const noexcept { return all_.empty() ? never : std::get<0>(*all_.begin()); }

    /// Whatever is due first, if it is due; its alarm is off then.
    [[nodiscard]] T* next_due(uptime now)
    {
        if (soonest() > now)
            return nullptr;
        T* const thing = std::get<2>(*all_.begin());
        all_.erase(all_.begin());
        thing->alarm = never;
        return thing;
    }

    [[nodiscard]] std::size_t size() const noexcept { return all_.size(); }

private:
    std::set<std::tuple<uptime, std::uint64_t, T*>> all_{};
};

}  // namespace mayfly::temporal::embedded
