// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/temporal/embedded/failures.hpp>
#include <mayfly/temporal/embedded/ids.hpp>
#include <mayfly/temporal/embedded/types.hpp>

#include <algorithm>
#include <cstdint>
#include <iterator>
#include <map>

// Lists and counts of executions, of whatever kind. `all` has them by when each came.

namespace mayfly::temporal::embedded {

/// A page of those that match, the newest first.
template <class Response, class Request, class All, class Matches, class Info>
[[nodiscard]] answered<Response> page_of(const All& all, const Request& r, Matches matches, Info info)
{
    std::uint64_t before = ~std::uint64_t{0};
    if (!r.next_page_token().empty()) {
        const auto token = read_token(r.next_page_token());
        if (!token)
            return bad_request("Invalid next page token.");
        before = token->stamp;
    }
    const int most = r.page_size() > 0 ? std::min(r.page_size(), 1'000) : 1'000;
    Response out;
    for (auto at = all.lower_bound(before); at != all.begin();) {
        auto& e = *std::prev(at)->second;
        if (matches(e)) {
            if (out.executions_size() == most) {
                out.set_next_page_token(token_of({e.run_id, at->first}));
                break;
            }
            *out.add_executions() = info(e);
        }
        --at;
    }
    return out;
}

/// How many match; `grouped`, also of each status, under its word.
template <class Response, class All, class Matches, class Word>
[[nodiscard]] Response count_of(const All& all, bool grouped, Matches matches, Word word)
{
    std::map<decltype(all.begin()->second->status), std::int64_t> counts;
    std::int64_t count = 0;
    for (const auto& [order, e] : all)
        if (matches(*e)) {
            ++counts[e->status];
            ++count;
        }
    Response out;
    out.set_count(count);
    if (grouped)
        for (const auto& [status, n] : counts) {
            auto& group = *out.add_groups();
            group.set_count(n);
            *group.add_group_values() = text_payload(word(status));
        }
    return out;
}

}  // namespace mayfly::temporal::embedded
