// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/temporal/activity_requests.hpp>
#include <mayfly/temporal/callable_names.hpp>
#include <mayfly/temporal/data_converter.hpp>
#include <mayfly/temporal/workflow/errors.hpp>
#include <mayfly/temporal/workflow/messages.hpp>
#include <mayfly/temporal/workflow_signature.hpp>

#include <concepts>
#include <cstddef>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>

// Calls by a function, a member, a name with types, or a name alone: what they are called, and their arguments.

namespace mayfly::temporal::workflow::detail {

/// Stands for the result that the callee has.
struct its_own {};

template <class F>
concept by_name = std::convertible_to<const F&, std::string_view>;

template <class F>
concept by_identity = callable_names::has_identity<std::decay_t<F>>;

template <class F, template <class> class Typed>
inline constexpr bool is_typed = false;
template <class G, template <class> class Typed>
inline constexpr bool is_typed<Typed<G>, Typed> = true;

/// How something is called that the callee's types are known of.
template <class F, template <class> class Signature>
struct types_of : Signature<F> {};
template <class G, template <class> class Signature>
struct types_of<typed_activity<G>, Signature> : typed_activity<G> {};
template <class G, template <class> class Signature>
struct types_of<typed_workflow<G>, Signature> : typed_workflow<G> {};
template <class G, template <class> class Signature>
struct types_of<typed_signal<G>, Signature> : typed_signal<G> {};

template <class Said, class F, template <class> class Signature>
struct result_of_call {
    static_assert(std::same_as<Said, its_own>, "the result's type is known from the callee: name a type only with "
                                               "text, as in ctx.activity<int>(\"count\", ...)");
    using type = typename types_of<std::decay_t<F>, Signature>::result;
};
template <class Said, by_name F, template <class> class Signature>
struct result_of_call<Said, F, Signature> {
    using type = std::conditional_t<std::same_as<Said, its_own>, void, Said>;
};

template <class Parameter, class A>
[[nodiscard]] converted<api::common::Payload> encode_one(const data_converter& with, const A& value)
{
    static_assert(std::is_convertible_v<const A&, Parameter>,
        "an argument does not fit the parameter of what is called: see the types in this message");
    if constexpr (!std::is_convertible_v<const A&, Parameter>) {
        return conversion_error{};
    } else if constexpr (std::same_as<Parameter, A>) {
        return with.to_payload(value);
    } else {
        const Parameter as = value;
        return with.to_payload(as);
    }
}

template <class Tuple, class... A>
struct encode_all;
template <class... P, class... A>
struct encode_all<std::tuple<P...>, A...> {
    [[nodiscard]] static api::common::Payloads encode(
        std::string_view callee, const data_converter& with, const A&... values)
    {
        static_assert(sizeof...(P) == sizeof...(A),
            "what is called takes another number of arguments (its context does not count), with options last");
        api::common::Payloads out;
        [[maybe_unused]] const auto add = [&](converted<api::common::Payload> one) {
            if (!one)
                throw bad_conversion({"argument " + std::to_string(out.payloads_size() + 1) + " for \"" +
                                      std::string(callee) + "\": " + one.error().message});
            *out.add_payloads() = *std::move(one);
        };
        if constexpr (sizeof...(P) == sizeof...(A))
            (add(encode_one<P>(with, values)), ...);
        return out;
    }
};

/// Text literals are text.
template <class A>
using as_sent = std::conditional_t<std::is_array_v<A> && by_name<A>, std::string_view, A>;

template <class F, template <class> class Signature, class... A>
[[nodiscard]] api::common::Payloads encode_for(std::string_view callee, const data_converter& with, const A&... values)
{
    if constexpr (by_name<F>)
        return encode_all<std::tuple<as_sent<A>...>, A...>::encode(callee, with, values...);
    else
        return encode_all<typename types_of<std::decay_t<F>, Signature>::arguments, A...>::encode(
            callee, with, values...);
}

/// What is called; `kind` is for the words where it is not known.
template <class F>
[[nodiscard]] std::string name_of(const F& callee, const callable_names* names, std::string_view kind)
{
    if constexpr (by_name<F>) {
        return std::string(std::string_view(callee));
    } else if constexpr (by_identity<F>) {
        const std::string_view name = names != nullptr ? names->find(std::decay_t<F>(callee)) : std::string_view{};
        if (name.empty())
            throw usage_error("a function was called that this worker does not have as " + std::string(kind) +
                              ": register it, or call it by a name with its types (typed_activity, typed_workflow)");
        return std::string(name);
    } else {
        return callee.name;
    }
}

}  // namespace mayfly::temporal::workflow::detail
