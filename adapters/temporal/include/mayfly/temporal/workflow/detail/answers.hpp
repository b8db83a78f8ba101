// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/temporal/workflow/detail/handlers.hpp>
#include <mayfly/temporal/workflow/detail/run_state.hpp>
#include <mayfly/temporal/workflow/errors.hpp>

#include <cstddef>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>

// Functions of any types become what answers by name and payloads.

namespace mayfly::temporal::workflow {

/// Arguments of a signal, a query or an update whose types are not known beforehand, for dynamic handlers.
class raw_arguments {
public:
    raw_arguments(api::common::Payloads all, const data_converter& with) : all_{std::move(all)}, with_{with} {}

    [[nodiscard]] std::size_t size() const noexcept { return static_cast<std::size_t>(all_.payloads_size()); }

    /// Missing ones are default-constructed, surplus ones are passed over.
    template <class... T>
    [[nodiscard]] converted<std::tuple<T...>> as() const
    {
        return with_.template from_payloads<T...>(all_);
    }

    [[nodiscard]] const api::common::Payloads& payloads() const noexcept { return all_; }

private:
    api::common::Payloads all_;
    data_converter with_;
};

namespace detail {

/// Arguments that cannot be read as what the function takes.
class unreadable : public std::runtime_error {
public:
    using std::runtime_error::runtime_error;
};

/// What of a handler depends on its run.
[[nodiscard]] run_state& state_of(context& ctx);

template <class Tuple>
struct reader;
template <class... T>
struct reader<std::tuple<T...>> {
    [[nodiscard]] static std::tuple<T...> read(context& ctx, std::string_view name, const payloads& from)
    {
        auto all = state_of(ctx).setup.converter.template from_payloads<T...>(from);
        if (!all)
            throw unreadable("\"" + std::string(name) + "\": " + all.error().message);
        return *std::move(all);
    }
};
template <>
struct reader<std::tuple<std::string, raw_arguments>> {
    [[nodiscard]] static std::tuple<std::string, raw_arguments> read(
        context& ctx, std::string_view name, const payloads& from)
    {
        return {std::string(name), raw_arguments(from, state_of(ctx).setup.converter)};
    }
};

template <class T>
[[nodiscard]] payloads encoded(context& ctx, const T& value)
{
    payloads out;
    *out.add_payloads() = state_of(ctx).setup.converter.to_payload(value).value();
    return out;
}

template <class Signature, class F, class Arguments>
decltype(auto) call_with(F& f, context& ctx, Arguments&& arguments)
{
    return std::apply(
        [&](auto&&... a) -> decltype(auto) {
            if constexpr (Signature::takes_context)
                return f(ctx, std::move(a)...);
            else
                return f(std::move(a)...);
        },
        std::forward<Arguments>(arguments));
}

// A program's own types often stand in an unnamed namespace. GCC warns of coroutines of templates that hold one.
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wsubobject-linkage"
#endif
/// Keeps the function, and the arguments, until it has ended.
template <class Signature, class F>
task<payloads> answer(std::shared_ptr<F> f, context& ctx, std::string name, payloads input)
{
    auto arguments = reader<typename Signature::arguments>::read(ctx, name, input);
    if constexpr (Signature::is_task) {
        auto running = call_with<Signature>(*f, ctx, std::move(arguments));
        if constexpr (std::is_void_v<typename Signature::result>) {
            co_await std::move(running);
            co_return encoded(ctx, nullptr);
        } else {
            const typename Signature::result value = co_await std::move(running);
            co_return encoded(ctx, value);
        }
    } else if constexpr (std::is_void_v<typename Signature::result>) {
        call_with<Signature>(*f, ctx, std::move(arguments));
        co_return encoded(ctx, nullptr);
    } else {
        co_return encoded(ctx, call_with<Signature>(*f, ctx, std::move(arguments)));
    }
}

#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic pop
#endif

/// A member as a function of its object.
template <class C, class M, class Parameters>
struct bound;
template <class C, class M, class... P>
struct bound<C, M, temporal::detail::types<P...>> {
    C* object;
    M member;
    decltype(auto) operator()(P... p) const { return (object->*member)(std::forward<P>(p)...); }
};
template <class C, class M>
[[nodiscard]] auto bind_member(void* object, M member)
{
    return bound<C, M, typename temporal::detail::call_shape<M>::parameters>{static_cast<C*>(object), member};
}

template <class C, class M, class Parameters = typename temporal::detail::call_shape<M>::parameters>
inline constexpr bool is_const_member = false;
template <class C, class M, class... P>
inline constexpr bool is_const_member<C, M, temporal::detail::types<P...>> = std::is_invocable_v<M, const C&, P...>;

template <class Signature>
constexpr void check_signal()
{
    static_assert(
        std::is_void_v<typename Signature::result>, "a signal's handler returns nothing, or workflow::task<>");
}
template <class Signature>
constexpr void check_query()
{
    static_assert(!Signature::is_task, "a query is answered at once: its handler returns a value, and no task");
    static_assert(!std::is_void_v<typename Signature::result>, "a query's handler returns what it answers");
}
template <class Update, class Validator>
constexpr void check_validator()
{
    static_assert(!Validator::is_task && std::is_void_v<typename Validator::result>,
        "a validator returns nothing: it throws what is wrong");
    static_assert(std::is_same_v<typename Update::arguments, typename Validator::arguments>,
        "a validator takes what its update takes");
}

template <class F>
[[nodiscard]] signal_entry make_signal(F f)
{
    using signature = workflow_signature<F>;
    check_signal<signature>();
    auto kept = std::make_shared<F>(std::move(f));
    return {[kept](void*, context& ctx, const std::string& name, payloads input) {
        return answer<signature>(kept, ctx, name, std::move(input));
    }};
}
template <class C, class M>
[[nodiscard]] signal_entry make_member_signal(M member)
{
    using signature = workflow_signature<M>;
    check_signal<signature>();
    return {[member](void* object, context& ctx, const std::string& name, payloads input) {
        return answer<signature>(
            std::make_shared<decltype(bind_member<C>(object, member))>(bind_member<C>(object, member)), ctx, name,
            std::move(input));
    }};
}

/// For updates without a validator.
struct lets_all_in {};

template <class Signature, class V>
void check_update(V& validator, context& ctx, const std::string& name, const payloads& input)
{
    auto arguments = reader<typename Signature::arguments>::read(ctx, name, input);
    if constexpr (!std::is_same_v<V, lets_all_in>)
        call_with<workflow_signature<V>>(validator, ctx, std::move(arguments));
}

template <class F, class V>
[[nodiscard]] update_entry make_update(F f, V validator)
{
    using signature = workflow_signature<F>;
    if constexpr (!std::is_same_v<V, lets_all_in>)
        check_validator<signature, workflow_signature<V>>();
    auto kept = std::make_shared<F>(std::move(f));
    auto kept_validator = std::make_shared<V>(std::move(validator));
    return {[kept](void*, context& ctx, const std::string& name, payloads input) {
                return answer<signature>(kept, ctx, name, std::move(input));
            },
        [kept_validator](void*, context& ctx, const std::string& name, const payloads& input) {
            check_update<signature>(*kept_validator, ctx, name, input);
        }};
}
template <class C, class M, class V>
[[nodiscard]] update_entry make_member_update(M member, V validator)
{
    using signature = workflow_signature<M>;
    if constexpr (!std::is_same_v<V, lets_all_in>)
        check_validator<signature, workflow_signature<V>>();
    return {[member](void* object, context& ctx, const std::string& name, payloads input) {
                return answer<signature>(
                    std::make_shared<decltype(bind_member<C>(object, member))>(bind_member<C>(object, member)), ctx,
                    name, std::move(input));
            },
        [validator](void* object, context& ctx, const std::string& name, const payloads& input) {
            if constexpr (std::is_same_v<V, lets_all_in>) {
                auto nothing = validator;
                check_update<signature>(nothing, ctx, name, input);
            } else {
                auto arguments = reader<typename signature::arguments>::read(ctx, name, input);
                auto on = bind_member<C>(object, validator);
                call_with<workflow_signature<V>>(on, ctx, std::move(arguments));
            }
        }};
}

template <class Signature, class F>
[[nodiscard]] payloads answer_query(F& f, context& ctx, const std::string& name, const payloads& input)
{
    auto arguments = reader<typename Signature::arguments>::read(ctx, name, input);
    return encoded(ctx, call_with<Signature>(f, ctx, std::move(arguments)));
}

template <class F>
[[nodiscard]] query_entry make_query(F f)
{
    using signature = workflow_signature<F>;
    check_query<signature>();
    auto kept = std::make_shared<F>(std::move(f));
    return {[kept](void*, context& ctx, const std::string& name, const payloads& input) {
        return answer_query<signature>(*kept, ctx, name, input);
    }};
}
template <class C, class M>
[[nodiscard]] query_entry make_member_query(M member)
{
    using signature = workflow_signature<M>;
    check_query<signature>();
    static_assert(is_const_member<C, M>, "a query is a const member: it changes nothing");
    return {[member](void* object, context& ctx, const std::string& name, const payloads& input) {
        auto on = bind_member<C>(object, member);
        return answer_query<signature>(on, ctx, name, input);
    }};
}

}  // namespace detail

}  // namespace mayfly::temporal::workflow
