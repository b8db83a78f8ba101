// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/local/error.hpp>

#include <algorithm>
#include <cstdint>
#include <functional>
#include <map>
#include <numeric>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace mayfly::local {

/** How many invocations may run, as Lambda counts them.

    A function with a reserve uses its reserve and nothing else, and nobody else can use it. All others share what the
    reserves leave. A version may have a limit of its own below that.
*/
class concurrency {
public:
    /// `least_unreserved` of the `total` cannot be reserved.
    explicit concurrency(std::uint32_t total, std::uint32_t least_unreserved = 0) noexcept
        : total_{total}, least_unreserved_{std::min(total, least_unreserved)}
    {}

    /// Sets or takes away a function's reserve; what runs is left alone. False, and nothing is changed, if too little
    /// would be left for the others.
    bool reserve(std::string_view function, std::optional<std::uint32_t> reserve)
    {
        auto& f = functions_.try_emplace(std::string(function)).first->second;
        const std::uint64_t others = reserves() - f.reserve.value_or(0);
        if (reserve && others + *reserve > total_ - least_unreserved_)
            return false;
        f.reserve = reserve;
        return true;
    }

    [[nodiscard]] std::optional<std::uint32_t> reserved(std::string_view function) const
    {
        const auto f = functions_.find(function);
        return f == functions_.end() ? std::nullopt : f->second.reserve;
    }

    /// Sets or takes away a limit of one version.
    void limit(std::string_view function, std::string_view version, std::optional<std::uint32_t> limit)
    {
        auto& f = functions_.try_emplace(std::string(function)).first->second;
        f.versions.try_emplace(std::string(version)).first->second.limit = limit;
    }

    /// What functions without a reserve have together.
    [[nodiscard]] std::uint32_t unreserved() const
    {
        return static_cast<std::uint32_t>(total_ - std::min<std::uint64_t>(total_, reserves()));
    }

    /// Takes a place for an invocation, or says which limit is met.
    [[nodiscard]] std::optional<errc> acquire(std::string_view function, std::string_view version)
    {
        auto& f = functions_.try_emplace(std::string(function)).first->second;
        auto& v = f.versions.try_emplace(std::string(version)).first->second;
        if ((f.reserve && f.running >= *f.reserve) || (v.limit && v.running >= *v.limit))
            return errc::reserved_concurrency_exceeded;
        if (!f.reserve && shared() >= unreserved())
            return errc::account_concurrency_exceeded;
        ++f.running;
        ++v.running;
        ++running_;
        return std::nullopt;
    }

    /// Gives back a place that was taken.
    void release(std::string_view function, std::string_view version)
    {
        const auto f = functions_.find(function);
        if (f == functions_.end() || f->second.running == 0)
            return;
        const auto v = f->second.versions.find(version);
        if (v == f->second.versions.end() || v->second.running == 0)
            return;
        --v->second.running;
        --f->second.running;
        --running_;
    }

    [[nodiscard]] std::uint32_t running() const noexcept { return running_; }

    [[nodiscard]] std::uint32_t running(std::string_view function) const
    {
        const auto f = functions_.find(function);
        return f == functions_.end() ? 0 : f->second.running;
    }

    [[nodiscard]] std::uint32_t running(std::string_view function, std::string_view version) const
    {
        const auto f = functions_.find(function);
        if (f == functions_.end())
            return 0;
        const auto v = f->second.versions.find(version);
        return v == f->second.versions.end() ? 0 : v->second.running;
    }

private:
    struct version_count {
        std::optional<std::uint32_t> limit{};
        std::uint32_t running = 0;
    };
    struct function_count {
        std::optional<std::uint32_t> reserve{};
        std::uint32_t running = 0;
        std::map<std::string, version_count, std::less<>> versions{};
    };

    [[nodiscard]] std::uint64_t reserves() const
    {
        return std::accumulate(functions_.begin(), functions_.end(), std::uint64_t{0},
            [](std::uint64_t sum, const auto& f) { return sum + f.second.reserve.value_or(0); });
    }

    /// Running invocations of functions that have no reserve.
    [[nodiscard]] std::uint64_t shared() const
    {
        return std::accumulate(functions_.begin(), functions_.end(), std::uint64_t{0},
            [](std::uint64_t sum, const auto& f) { return sum + (f.second.reserve ? 0 : f.second.running); });
    }

    std::uint32_t total_;
    std::uint32_t least_unreserved_;
    std::uint32_t running_ = 0;
    std::map<std::string, function_count, std::less<>> functions_{};
};

}  // namespace mayfly::local
