// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/clock.hpp>
#include <mayfly/error.hpp>
#include <mayfly/launch.hpp>
#include <mayfly/temporal/connection_options.hpp>
#include <mayfly/temporal/detail/source_outage.hpp>
#include <mayfly/temporal/detail/source_version.hpp>
#include <mayfly/temporal/detail/source_words.hpp>
#include <mayfly/temporal/read_budget.hpp>
#include <mayfly/temporal/source_options.hpp>

#include <boost/asio/error.hpp>
#include <boost/system/error_code.hpp>

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <utility>

namespace mayfly::temporal::detail {

/// Tells whoever wants to know how the readings of a source go, and each thing only once.
class source_teller {
public:
    explicit source_teller(std::function<void(const source_event&)> listener) : listener_(std::move(listener)) {}

    void tell(const source_event& e) const
    {
        if (listener_)
            listener_(e);
    }

    /// That the budget is what readings wait for: those of queues, or of descriptions.
    void limit(const read_budget& of, bool of_queues, std::size_t versions, uptime now)
    {
        std::optional<uptime>& told_at = told_limit_at_[of_queues ? 1 : 0];
        if (told_at && now - *told_at < std::chrono::minutes{1})
            return;
        told_at = now;
        const std::string words = limit_words(of_queues ? "queues" : "turn",
            of_queues ? "queue_reads_per_second" : "deployment_reads_per_second", of, versions);
        tell({.what = source_event::kind::budget_is_the_limit, .outcome = condition::throttled, .words = words});
    }

    /// What cannot be read, and when it can be again: of the version, or, where it concerns all, once for all.
    void outcome(source_version& v, const launch_target& target, const boost::system::error_code& ec,
        const grpc::status& said, const connection_options& at, uptime now)
    {
        using enum source_event::kind;
        if (ec == boost::asio::error::operation_aborted)
            return;
        if (!ec) {
            v.failing_since.reset();
            v.unreadable = false;
            if (outage_.succeeded(now))
                tell({.what = readable_again});
            if (std::exchange(v.told, false))
                tell({.what = readable_again, .target = &target});
            return;
        }
        ++failed_;
        v.unreadable = true;
        if (!v.failing_since)
            v.failing_since = now;
        const bool was_on = outage_.is_on();
        using enum source_outage::scope;
        const auto scope = concerns_all(said) ? outage_.failed(*v.failing_since, now) : version;
        const bool for_all = scope == all;
        if (scope == unclear || (for_all ? was_on : std::exchange(v.told, true)))
            return;
        const std::string words = unreadable_words(ec, said, at, target.version);
        tell({unreadable, for_all ? nullptr : &target, condition_of(ec), words});
    }

    [[nodiscard]] std::uint64_t failed() const noexcept { return failed_; }

private:
    std::function<void(const source_event&)> listener_;
    source_outage outage_{};
    std::array<std::optional<uptime>, 2> told_limit_at_{};  // of descriptions, of queues
    std::uint64_t failed_ = 0;
};

}  // namespace mayfly::temporal::detail
