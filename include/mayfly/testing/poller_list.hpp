// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/clock.hpp>
#include <mayfly/signal.hpp>

#include <charconv>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

namespace mayfly::testing {

/// The second half of every simulated worker's identity.
inline constexpr std::string_view simulated_function = "arn:aws:lambda:eu-central-1:000000000000:function:simulated:1";

/// The first half of the identity of the worker that `ticket` starts.
[[nodiscard]] inline std::string request_id_of(std::uint64_t ticket)
{
    constexpr char digits[] = "0123456789abcdef";
    std::string id = "00000000-0000-4000-8000-000000000000";
    for (std::size_t at = id.size(); ticket != 0 && at-- > 24; ticket >>= 4)
        id[at] = digits[ticket & 0xF];
    return id;
}

/// The ticket that such an identity, or its first half, belongs to; 0 if it is none.
[[nodiscard]] inline std::uint64_t ticket_of_identity(std::string_view identity)
{
    std::uint64_t ticket = 0;
    if (identity.size() < 36)
        return 0;
    const auto [end, ec] = std::from_chars(identity.data() + 24, identity.data() + 36, ticket, 16);
    return ec == std::errc{} && end == identity.data() + 36 ? ticket : 0;
}

/// Who polls a queue, as its statistics show it: those that poll now, and once more those that have gone.
class poller_list {
public:
    /// A worker begins to poll. Numbers may be used again once their worker has left.
    void join(std::uint32_t worker, std::uint64_t ticket, uptime now)
    {
        if (worker >= place_.size())
            place_.resize(worker + 1);
        place_[worker] = here_.size();
        std::string identity = request_id_of(ticket);
        identity += '@';
        identity += simulated_function;
        here_.push_back({std::move(identity), now, now, worker});
    }

    void leave(std::uint32_t worker, uptime now)
    {
        const std::size_t at = place_[worker];
        here_[at].last = now;
        if (gone_.size() == most_gone)  // nobody has looked for long; the oldest are forgotten
            gone_.erase(gone_.begin(), gone_.begin() + most_gone / 2);
        gone_.push_back(std::move(here_[at]));
        if (at + 1 != here_.size()) {
            here_[at] = std::move(here_.back());
            place_[here_[at].worker] = at;
        }
        here_.pop_back();
    }

    [[nodiscard]] std::size_t size() const noexcept { return here_.size(); }

    /// Everybody. Valid until the next call of `list`, whatever comes between.
    std::span<const worker_seen> list(uptime now)
    {
        shown_.clear();
        names_.clear();
        seen_.clear();
        shown_.swap(gone_);
        for (const poller& p : here_)
            names_.append(p.identity);
        const std::string_view names = names_;
        std::size_t at = 0;
        for (const poller& p : here_) {
            const std::string_view identity = names.substr(at, p.identity.size());
            at += p.identity.size();
            seen_.push_back({.identity = identity, .first_seen = p.first, .last_seen = now});
        }
        for (const poller& p : shown_)
            seen_.push_back({.identity = p.identity, .first_seen = p.first, .last_seen = p.last, .present = false});
        return seen_;
    }

private:
    struct poller {
        std::string identity;
        uptime first;
        uptime last;
        std::uint32_t worker;
    };

    static constexpr std::size_t most_gone = 4096;

    std::vector<poller> here_{};
    std::vector<std::size_t> place_{};  // of each worker in `here_`
    std::vector<poller> gone_{};        // since the last list
    std::vector<poller> shown_{};       // gone ones in the last list
    std::string names_{};               // of those that are here, in the last list
    std::vector<worker_seen> seen_{};
};

}  // namespace mayfly::testing
