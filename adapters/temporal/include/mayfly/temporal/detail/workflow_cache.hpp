// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstddef>
#include <functional>
#include <iterator>
#include <list>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace mayfly::temporal::detail {

/// Runs by their ids, in the order in which they were last used. Pure.
template <class Run>
class workflow_cache {
public:
    using run_ptr = std::shared_ptr<Run>;

    /// Null if there is none.
    [[nodiscard]] run_ptr find(std::string_view id) const
    {
        const auto at = all_.find(id);
        return at == all_.end() ? nullptr : at->second->run;
    }

    /// The one of this id, made if there is none; the most recent from now on.
    template <class Make>
    [[nodiscard]] run_ptr use(const std::string& id, Make make)
    {
        if (const auto at = all_.find(id); at != all_.end()) {
            order_.splice(order_.begin(), order_, at->second);
            return at->second->run;
        }
        order_.push_front({id, make()});
        all_.emplace(id, order_.begin());
        return order_.front().run;
    }

    void erase(std::string_view id)
    {
        if (const auto at = all_.find(id); at != all_.end()) {
            order_.erase(at->second);
            all_.erase(at);
        }
    }

    /// The least recent of those that are `idle`, as long as there are more than `most` runs. Null for none.
    template <class Idle>
    [[nodiscard]] run_ptr surplus(std::size_t most, Idle idle) const
    {
        if (order_.size() <= most)
            return nullptr;
        for (auto at = order_.rbegin(); at != order_.rend(); ++at)
            if (idle(*at->run))
                return at->run;
        return nullptr;
    }

    [[nodiscard]] std::vector<run_ptr> all() const
    {
        std::vector<run_ptr> out;
        for (const entry& e : order_)
            out.push_back(e.run);
        return out;
    }
    [[nodiscard]] std::size_t size() const noexcept { return order_.size(); }

private:
    struct entry {
        std::string id;
        run_ptr run;
    };
    using order = std::list<entry>;

    order order_{};
    std::map<std::string, typename order::iterator, std::less<>> all_{};
};

}  // namespace mayfly::temporal::detail
