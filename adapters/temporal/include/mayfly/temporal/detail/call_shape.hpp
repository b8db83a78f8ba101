// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <tuple>
#include <type_traits>

namespace mayfly::temporal::detail {

template <class... T>
struct types {};

// A callable as `result(parameters...)`, without the object of a member.

template <class F>
struct call_shape : call_shape<decltype(&F::operator())> {};

template <class R, class... A>
struct call_shape<R(A...)> {
    using result = R;
    using parameters = types<A...>;
};
template <class R, class... A>
struct call_shape<R(A...) noexcept> : call_shape<R(A...)> {};
template <class R, class... A>
struct call_shape<R (*)(A...)> : call_shape<R(A...)> {};
template <class R, class... A>
struct call_shape<R (*)(A...) noexcept> : call_shape<R(A...)> {};
template <class R, class C, class... A>
struct call_shape<R (C::*)(A...)> : call_shape<R(A...)> {};
template <class R, class C, class... A>
struct call_shape<R (C::*)(A...) noexcept> : call_shape<R(A...)> {};
template <class R, class C, class... A>
struct call_shape<R (C::*)(A...) const> : call_shape<R(A...)> {};
template <class R, class C, class... A>
struct call_shape<R (C::*)(A...) const noexcept> : call_shape<R(A...)> {};

/// A parameter that is there to be changed.
template <class P>
inline constexpr bool is_output = std::is_lvalue_reference_v<P> && !std::is_const_v<std::remove_reference_t<P>>;

/// What a function takes, as values; an optional `Context&` comes first and is none of them.
template <class Context, class Parameters>
struct arguments_of;
template <class Context, class... A>
struct arguments_of<Context, types<A...>> {
    static constexpr bool takes_context = false;
    static constexpr bool are_values = !(is_output<A> || ...);
    using type = std::tuple<std::remove_cvref_t<A>...>;
};
template <class Context, class... A>
struct arguments_of<Context, types<Context&, A...>> : arguments_of<Context, types<A...>> {
    static constexpr bool takes_context = true;
};

}  // namespace mayfly::temporal::detail
