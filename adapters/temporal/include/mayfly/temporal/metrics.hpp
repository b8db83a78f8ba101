// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <utility>

// What workflows and activities measure, on its way to whatever collects it.

namespace mayfly::temporal {

enum class metric_kind : std::uint8_t {
    counter,    ///< To be added to what there is.
    gauge,      ///< How much there is now.
    histogram,  ///< One value of many.
    timer,      ///< The same, in seconds.
};

[[nodiscard]] constexpr std::string_view to_string(metric_kind k) noexcept
{
    switch (k) {
    case metric_kind::counter: return "counter";
    case metric_kind::gauge: return "gauge";
    case metric_kind::histogram: return "histogram";
    case metric_kind::timer: break;
    }
    return "timer";
}

using metric_tags = std::map<std::string, std::string, std::less<>>;

/// What is in it is there while the sink is called.
struct measurement {
    metric_kind kind = metric_kind::counter;
    std::string_view name{};
    double value = 0;
    const metric_tags& tags;
};

/// Hears of one measurement. It is called by whoever measures, by several threads at once where activities have
/// threads, and keeps them up while it runs. What it throws is passed over. An empty one hears nothing.
using metric_sink = std::function<void(const measurement&)>;

/** Measures: `ctx.meter().with("shop", "north").count("orders")`.

    Nothing is kept here: what has many names or many values of a tag costs whoever collects it.
*/
class meter {
public:
    explicit meter(metric_sink to, metric_tags tags = {}) : to_(std::move(to)), tags_(std::move(tags)) {}

    /// One with a tag more, or another value of it.
    [[nodiscard]] meter with(std::string tag, std::string value) const
    {
        meter out = *this;
        out.tags_.insert_or_assign(std::move(tag), std::move(value));
        return out;
    }
    [[nodiscard]] const metric_tags& tags() const noexcept { return tags_; }

    void count(std::string_view name, std::uint64_t by = 1) const
    {
        tell(metric_kind::counter, name, static_cast<double>(by));
    }
    void gauge(std::string_view name, double value) const { tell(metric_kind::gauge, name, value); }
    void histogram(std::string_view name, double value) const { tell(metric_kind::histogram, name, value); }
    void timer(std::string_view name, std::chrono::nanoseconds took) const
    {
        tell(metric_kind::timer, name, std::chrono::duration<double>(took).count());
    }

private:
    void tell(metric_kind kind, std::string_view name, double value) const noexcept
    {
        if (!to_)
            return;
        try {
            to_({kind, name, value, tags_});
        } catch (...) {
            // Nobody's work fails by what is measured of it.
        }
    }

    metric_sink to_;
    metric_tags tags_;
};

namespace detail {

/// Those that are known: a tag without a value says nothing.
[[nodiscard]] inline metric_tags known_tags(metric_tags all)
{
    std::erase_if(all, [](const auto& tag) { return tag.second.empty(); });
    return all;
}

}  // namespace detail

}  // namespace mayfly::temporal
