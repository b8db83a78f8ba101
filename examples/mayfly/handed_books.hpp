// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/clock.hpp>
#include <mayfly/deployment.hpp>
#include <mayfly/ledger.hpp>

#include <chrono>
#include <map>
#include <string>
#include <utility>

// What is known of workers by who leads, for who leads next in the same process. `allowance` is for how long a start
// that was accepted may not have polled: what is older than that was seen by now, or is lost.

namespace examples {

/// What was known of the workers of one version, group by group, when it was let go.
struct kept_books {
    struct group {
        std::string function{};
        mayfly::ledger_image books{};
        bool bound = false;
    };
    mayfly::uptime at{};
    std::map<std::string, group> groups{};

    /// What had failed may be mended by the time that it is driven again.
    void add(const std::string& id, const std::string& function, const mayfly::ledger& books, bool bound)
    {
        group& g = groups[id];
        g = {function, books.image(), bound};
        g.books.refused = 0;
        g.books.dead_in_a_row = 0;
        g.books.failure_rate = 0;
    }

    /// Null if that group was not there, or had another function.
    [[nodiscard]] const group* of(const std::string& id, const std::string& function) const
    {
        const auto at_id = groups.find(id);
        return at_id == groups.end() || at_id->second.function != function ? nullptr : &at_id->second;
    }
};

/// The books of versions that are not driven now.
class bookshelf {
public:
    void keep(const mayfly::deployment_version& version, kept_books books)
    {
        all_.insert_or_assign(version, std::move(books));
    }

    /// Nothing if it is too old.
    [[nodiscard]] kept_books take(
        const mayfly::deployment_version& version, mayfly::uptime now, mayfly::uptime allowance)
    {
        const auto at = all_.find(version);
        if (at == all_.end())
            return {};
        kept_books out = std::move(at->second);
        all_.erase(at);
        return now - out.at < allowance ? std::move(out) : kept_books{};
    }

    void forget(const mayfly::deployment_version& version) { all_.erase(version); }

private:
    std::map<mayfly::deployment_version, kept_books> all_{};
};

/// What one that acts hands on to the next in the same process.
struct handed_on {
    std::chrono::steady_clock::time_point at{};
    mayfly::uptime clock{};  ///< Of the controller, at that moment.
    bookshelf books{};

    /// The clock of a controller that goes on from here; zero if there is nothing to go on from.
    [[nodiscard]] mayfly::uptime clock_now(mayfly::uptime allowance) const
    {
        const auto since = std::chrono::steady_clock::now() - at;
        const bool fresh = clock > mayfly::uptime::zero() && since < allowance;
        return fresh ? clock + std::chrono::duration_cast<mayfly::uptime>(since) : mayfly::uptime::zero();
    }
};

}  // namespace examples
