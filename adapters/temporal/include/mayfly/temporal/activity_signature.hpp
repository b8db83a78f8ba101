// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/temporal/detail/call_shape.hpp>

#include <boost/asio/awaitable.hpp>

#include <type_traits>

namespace mayfly::temporal {

class activity_context;

namespace detail {

template <class R>
struct result_of {
    static constexpr bool is_awaitable = false;
    using type = std::remove_cvref_t<R>;
};
template <class R, class E>
struct result_of<boost::asio::awaitable<R, E>> {
    static constexpr bool is_awaitable = true;
    using type = std::remove_cvref_t<R>;
};

}  // namespace detail

/** What a function is as an activity, for its registration and for callers that are typed by it.

    `result`         what it returns, from within `awaitable` too; `void` for nothing
    `arguments`      a tuple of what it takes, by value; without the context
    `takes_context`  its first parameter is `activity_context&`
    `is_awaitable`   it returns `awaitable<result>`
*/
template <class F>
struct activity_signature {
private:
    using shape = detail::call_shape<std::remove_cvref_t<F>>;
    using taken = detail::arguments_of<activity_context, typename shape::parameters>;
    using given = detail::result_of<typename shape::result>;
    static_assert(taken::are_values,
        "an activity takes its arguments by value or by reference to const, after an optional activity_context&");

public:
    using result = typename given::type;
    using arguments = typename taken::type;
    static constexpr bool takes_context = taken::takes_context;
    static constexpr bool is_awaitable = given::is_awaitable;
};

}  // namespace mayfly::temporal
