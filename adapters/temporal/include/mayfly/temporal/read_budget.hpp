// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/clock.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <vector>

namespace mayfly::temporal {

/// How much depends on a reading.
enum class read_rank : std::uint8_t {
    hot,     ///< Work waits, or a start is pending.
    routed,  ///< Nothing is going on, but work can come at any time.
    quiet,   ///< New work does not go there.
};

inline constexpr std::size_t read_ranks = 3;

/** So many reads a second, shared by any number of readers.

    Pure. A reader is a small number, and stands in line once. Whoever is hot goes first, and a part of the burst is
   kept for that; but of four reads one is for the others while there are any, and of these one in eight for the quiet
   ones, so that nobody waits for ever. Within a rank it is first come, first served. Each call takes constant time.
*/
class read_budget {
public:
    using reader = std::uint32_t;

    /// @param per_second  above zero
    /// @param burst       reads at once after a rest; at least one
    explicit read_budget(double per_second, double burst = 5)
        : rate_(std::max(per_second, 1e-3)), burst_(std::max(burst, 1.0)), tokens_(burst_)
    {}

    /// Gets in line, or to a better rank if it is there. `cost` is how many reads it makes when its turn comes.
    void join(reader r, read_rank rank, std::uint32_t cost, uptime now)
    {
        if (r >= nodes_.size())
            nodes_.resize(std::size_t{r} + 1);
        node& n = nodes_[r];
        if (n.waits && n.rank <= rank)
            return;
        if (n.waits)
            unlink(r);
        else
            n.since = now;
        n.waits = true;
        n.rank = rank;
        n.cost = static_cast<std::uint16_t>(std::clamp<std::uint32_t>(cost, 1, 0xffff));
        link(r);
    }

    void leave(reader r)
    {
        if (r < nodes_.size() && nodes_[r].waits) {
            unlink(r);
            nodes_[r].waits = false;
        }
    }

    /// Who may read now, and is out of the line with that.
    [[nodiscard]] std::optional<reader> next(uptime now)
    {
        refill(now);
        const auto rank = turn();
        if (!rank || tokens_ < least(*rank))
            return std::nullopt;
        const reader r = lines_[index(*rank)].first;
        node& n = nodes_[r];
        unlink(r);
        n.waits = false;
        tokens_ -= n.cost;
        made_ += n.cost;
        note_turn(*rank);
        return r;
    }

    /// Reads that nobody stands in line for, if there is room beside those who do.
    [[nodiscard]] bool take(std::uint32_t cost, uptime now)
    {
        refill(now);
        if (waiting() > 0 || tokens_ < 1 + burst_ / 2)
            return false;
        tokens_ -= cost;
        made_ += cost;
        return true;
    }

    /// Reads that are made in any case: those in line wait the longer.
    void pay(std::uint32_t cost, uptime now)
    {
        refill(now);
        tokens_ -= cost;
        made_ += cost;
    }

    /// When `next` will have somebody; `never` while nobody waits.
    [[nodiscard]] uptime next_at(uptime now)
    {
        refill(now);
        const auto rank = turn();
        if (!rank)
            return never;
        const double lack = least(*rank) - tokens_;
        return lack <= 0 ? now : later(now, uptime{static_cast<uptime::rep>(std::ceil(lack / rate_ * 1e6))});
    }

    [[nodiscard]] bool waits(reader r) const noexcept { return r < nodes_.size() && nodes_[r].waits; }
    [[nodiscard]] std::size_t waiting() const noexcept
    {
        return lines_[0].length + lines_[1].length + lines_[2].length;
    }
    [[nodiscard]] std::size_t waiting(read_rank rank) const noexcept { return lines_[index(rank)].length; }

    /// How long the first of that rank has stood there.
    [[nodiscard]] uptime longest_wait(read_rank rank, uptime now) const noexcept
    {
        const line& l = lines_[index(rank)];
        return l.length == 0 ? uptime::zero() : now - nodes_[l.first].since;
    }

    [[nodiscard]] std::uint64_t made() const noexcept { return made_; }
    [[nodiscard]] double per_second() const noexcept { return rate_; }

private:
    static constexpr reader none = std::numeric_limits<reader>::max();

    struct node {
        reader before = none;
        reader after = none;
        uptime since{};
        std::uint16_t cost = 1;
        read_rank rank = read_rank::quiet;
        bool waits = false;
    };
    struct line {
        reader first = none;
        reader last = none;
        std::size_t length = 0;
    };

    static constexpr std::size_t index(read_rank r) noexcept { return static_cast<std::size_t>(r); }

    void refill(uptime now) noexcept
    {
        if (now > at_)
            tokens_ = std::min(burst_, tokens_ + rate_ * static_cast<double>((now - at_).count()) * 1e-6);
        at_ = std::max(at_, now);
    }

    /// Whose turn it is, whether or not there is enough yet.
    [[nodiscard]] std::optional<read_rank> turn() const noexcept
    {
        using enum read_rank;
        const bool others = waiting(routed) + waiting(quiet) > 0;
        if (waiting(hot) > 0 && !(others && hot_in_a_row_ >= 3))
            return hot;
        if (!others)
            return std::nullopt;
        const bool to_quiet = waiting(quiet) > 0 && (waiting(routed) == 0 || routed_in_a_row_ >= 7);
        return to_quiet ? quiet : routed;
    }

    /// What has to be there for a read. Of what is kept for the hot ones the others only take what is theirs.
    [[nodiscard]] double least(read_rank rank) const noexcept
    {
        return rank == read_rank::hot || hot_in_a_row_ >= 3 ? 1.0 : std::min(burst_, 1 + burst_ / 2);
    }

    void note_turn(read_rank rank) noexcept
    {
        if (rank == read_rank::hot) {
            hot_in_a_row_ = static_cast<std::uint8_t>(std::min(hot_in_a_row_ + 1, 3));
            return;
        }
        hot_in_a_row_ = 0;
        routed_in_a_row_ =
            rank == read_rank::quiet ? std::uint8_t{0} : static_cast<std::uint8_t>(std::min(routed_in_a_row_ + 1, 7));
    }

    void link(reader r) noexcept
    {
        line& l = lines_[index(nodes_[r].rank)];
        nodes_[r].before = l.last;
        nodes_[r].after = none;
        (l.last == none ? l.first : nodes_[l.last].after) = r;
        l.last = r;
        ++l.length;
    }

    void unlink(reader r) noexcept
    {
        const node& n = nodes_[r];
        line& l = lines_[index(n.rank)];
        (n.before == none ? l.first : nodes_[n.before].after) = n.after;
        (n.after == none ? l.last : nodes_[n.after].before) = n.before;
        --l.length;
    }

    double rate_;
    double burst_;
    double tokens_;
    uptime at_{};
    std::vector<node> nodes_{};
    std::array<line, read_ranks> lines_{};
    std::uint64_t made_ = 0;
    std::uint8_t hot_in_a_row_ = 0;
    std::uint8_t routed_in_a_row_ = 0;
};

}  // namespace mayfly::temporal
