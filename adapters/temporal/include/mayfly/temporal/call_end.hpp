// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/temporal/api.hpp>

#include <exception>
#include <functional>
#include <vector>

namespace mayfly::temporal {

/// How something ended that an interceptor saw begin.
struct call_end {
    const api::common::Payload* result =
        nullptr;  ///< As it goes out: through the codecs. Null: it threw, or only looked.
    std::exception_ptr thrown{};
    bool continued = false;  ///< A run that goes on as another; what was thrown says nothing then.
};

/// May throw: then that is how it ended.
using end_listener = std::function<void(const call_end&)>;

namespace detail {

/// Tells all of them, the last first. What they throw is thrown from there on, and no result any more.
inline void tell_end(std::vector<end_listener>& all, call_end how, std::exception_ptr& thrown)
{
    for (; !all.empty(); all.pop_back()) {
        try {
            all.back()(how);
        } catch (...) {
            thrown = std::current_exception();
            how = {nullptr, thrown, false};
        }
    }
}

}  // namespace detail

}  // namespace mayfly::temporal
