// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/temporal/detail/call_shape.hpp>

#include <string>
#include <type_traits>

namespace mayfly::temporal::workflow {

class context;

template <class T>
class task;

}  // namespace mayfly::temporal::workflow

namespace mayfly::temporal {

namespace detail {

template <class F>
struct workflow_call : call_shape<F> {};
template <class F>
    requires requires
    {
        &F::run;
    }
struct workflow_call<F> : call_shape<decltype(&F::run)> {};

template <class R>
struct workflow_result {
    static constexpr bool is_task = false;
    using type = std::remove_cvref_t<R>;
};
template <class R>
struct workflow_result<workflow::task<R>> {
    static constexpr bool is_task = true;
    using type = std::remove_cvref_t<R>;
};

}  // namespace detail

/** What a function is as a workflow, or as a handler of its signals, queries or updates: for registration, and for
    callers that are typed by it. Of a class with a member `run`, it is that one's.

    `result`         what it returns, from within `workflow::task` too; `void` for nothing
    `arguments`      a tuple of what it takes, by value; without the context
    `takes_context`  its first parameter is `workflow::context&`
    `is_task`        it returns `workflow::task<result>`

    Neither tasks nor contexts have to be defined where it is used.
*/
template <class F>
struct workflow_signature {
private:
    using shape = detail::workflow_call<std::remove_cvref_t<F>>;
    using taken = detail::arguments_of<workflow::context, typename shape::parameters>;
    using given = detail::workflow_result<typename shape::result>;
    static_assert(taken::are_values,
        "a workflow takes its arguments by value or by reference to const, after an optional workflow::context&; so do "
        "its handlers");

public:
    using result = typename given::type;
    using arguments = typename taken::type;
    static constexpr bool takes_context = taken::takes_context;
    static constexpr bool is_task = given::is_task;
};

/** A workflow by its name, with the types of the function or the class that it is: a signature,
    `typed_workflow<receipt(order)>`, or its own, `typed_workflow<decltype(checkout)> checking_out{"checkout"}`.
*/
template <class F>
struct typed_workflow {
    using result = typename workflow_signature<F>::result;
    using arguments = typename workflow_signature<F>::arguments;

    std::string name{};
};

/// One of its signals: `typed_signal<void(std::string)> approve{"approve"}`, or with `decltype(&order::approve)`.
template <class F>
struct typed_signal {
    using arguments = typename workflow_signature<F>::arguments;

    std::string name{};
};

/// One of its queries.
template <class F>
struct typed_query {
    using result = typename workflow_signature<F>::result;
    using arguments = typename workflow_signature<F>::arguments;

    std::string name{};
};

/// One of its updates.
template <class F>
struct typed_update {
    using result = typename workflow_signature<F>::result;
    using arguments = typename workflow_signature<F>::arguments;

    std::string name{};
};

}  // namespace mayfly::temporal
