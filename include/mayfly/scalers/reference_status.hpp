// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/clock.hpp>
#include <mayfly/deployment.hpp>
#include <mayfly/scalers/no_sync.hpp>
#include <mayfly/scalers/rate_based.hpp>
#include <mayfly/settings.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

// What the reference scalers remember, in the slots in which Temporal's controller keeps it: moments are milliseconds
// of the wall clock, so they outlive a restart. `began` is the wall-clock time at uptime zero. A slot that is missing,
// unknown, of another type or out of its range is as good as none: a bad slot must not stop a version from scaling.

namespace mayfly {

namespace detail {

class status_reader {
public:
    status_reader(const settings& from, wall_time began) : from_{from}, began_{began} {}

    [[nodiscard]] std::optional<double> rate(std::string_view key) const
    {
        const setting* const s = find(key);
        const auto d = s != nullptr ? finite_number(*s) : std::nullopt;
        return d && *d >= 0 ? d : std::nullopt;
    }

    [[nodiscard]] std::optional<std::int64_t> whole(std::string_view key, std::int64_t most) const
    {
        const setting* const s = find(key);
        const auto n = s != nullptr ? whole_number(*s) : std::nullopt;
        return n && *n >= 0 && *n <= most ? n : std::nullopt;
    }

    [[nodiscard]] std::optional<uptime> moment(std::string_view key) const
    {
        // Zero is how the reference writes "never". The limit is far beyond any clock, and does not wrap in
        // microseconds.
        constexpr std::int64_t year_275760 = 8'640'000'000'000'000;
        const auto ms = whole(key, year_275760).value_or(0);
        return ms > 0 ? std::optional<uptime>{std::chrono::milliseconds{ms} - began_.time_since_epoch()} : std::nullopt;
    }

private:
    // Numbers in text are fine in settings, which people write. Slots are written by a scaler.
    [[nodiscard]] const setting* find(std::string_view key) const
    {
        const auto at = from_.find(key);
        return at == from_.end() || std::holds_alternative<std::string>(at->second) ? nullptr : &at->second;
    }

    const settings& from_;
    wall_time began_;
};

class status_writer {
public:
    explicit status_writer(wall_time began) : began_{began} {}

    void put(std::string key, const std::optional<double>& v)
    {
        if (v)
            out_.emplace(std::move(key), *v);
    }
    void put(std::string key, const std::optional<std::uint32_t>& v)
    {
        if (v)
            out_.emplace(std::move(key), std::int64_t{*v});
    }
    void put(std::string key, const std::optional<uptime>& v)
    {
        if (v)
            out_.emplace(std::move(key),
                std::int64_t{(began_ + std::chrono::floor<std::chrono::milliseconds>(*v)).time_since_epoch().count()});
    }
    [[nodiscard]] settings take() { return std::move(out_); }

private:
    wall_time began_;
    settings out_;
};

}  // namespace detail

[[nodiscard]] inline settings to_status(const no_sync::state& st, wall_time began)
{
    detail::status_writer out{began};
    out.put("last_scale_up_time_ms", st.last_scale_up);
    for (task_type t : all_task_types) {
        const std::string name{to_string(t)};
        const no_sync::type_state& of = st.types[static_cast<std::size_t>(t)];
        out.put(name + "_dispatch_rate_within_epsilon_since_ms", of.within_epsilon_since);
        out.put(name + "_dispatch_ref_rate", of.ref_rate);
        out.put(name + "_suppress_scale_up_until_ms", of.suppressed_until);
    }
    return out.take();
}

inline void from_status(const settings& slots, wall_time began, no_sync::state& into)
{
    const detail::status_reader from{slots, began};
    into = {.last_scale_up = from.moment("last_scale_up_time_ms")};
    for (task_type t : all_task_types) {
        const std::string name{to_string(t)};
        into.types[static_cast<std::size_t>(t)] = {
            .within_epsilon_since = from.moment(name + "_dispatch_rate_within_epsilon_since_ms"),
            .ref_rate = from.rate(name + "_dispatch_ref_rate"),
            .suppressed_until = from.moment(name + "_suppress_scale_up_until_ms"),
        };
    }
}

[[nodiscard]] inline settings to_status(const rate_based::state& st, wall_time began)
{
    detail::status_writer out{began};
    out.put("worker_count", st.worker_count);
    out.put("ewma_arrival_rate", st.ewma_arrival_rate);
    out.put("ewma_dispatch_rate", st.ewma_dispatch_rate);
    out.put("ewma_per_consumer_capacity", st.ewma_per_consumer_capacity);
    out.put("last_scale_up_time_ms", st.last_scale_up);
    out.put("last_scale_down_time_ms", st.last_scale_down);
    out.put("last_no_sync_match_time_ms", st.last_no_sync_match);
    return out.take();
}

inline void from_status(const settings& slots, wall_time began, rate_based::state& into)
{
    const detail::status_reader from{slots, began};
    into = {};
    if (const auto n = from.whole("worker_count", std::numeric_limits<std::int32_t>::max()))
        into.worker_count = static_cast<std::uint32_t>(*n);
    into.ewma_arrival_rate = from.rate("ewma_arrival_rate");
    into.ewma_dispatch_rate = from.rate("ewma_dispatch_rate");
    into.ewma_per_consumer_capacity = from.rate("ewma_per_consumer_capacity");
    if (into.ewma_per_consumer_capacity == 0.0)
        into.ewma_per_consumer_capacity.reset();
    into.last_scale_up = from.moment("last_scale_up_time_ms");
    into.last_scale_down = from.moment("last_scale_down_time_ms");
    into.last_no_sync_match = from.moment("last_no_sync_match_time_ms");
}

}  // namespace mayfly
