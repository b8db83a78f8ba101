// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/temporal/activity_signature.hpp>
#include <mayfly/temporal/workflow/child.hpp>
#include <mayfly/temporal/workflow/detail/begin.hpp>
#include <mayfly/temporal/workflow/detail/call.hpp>
#include <mayfly/temporal/workflow/future.hpp>
#include <mayfly/temporal/workflow/options.hpp>

#include <concepts>
#include <cstddef>
#include <exception>
#include <memory>
#include <string>
#include <tuple>
#include <type_traits>
#include <utility>

namespace mayfly::temporal::workflow {

namespace detail {

template <class Options, class... A>
inline constexpr bool ends_with = false;
template <class Options, class First, class... Rest>
inline constexpr bool ends_with<Options, First, Rest...> = ends_with<Options, Rest...>;
template <class Options, class Last>
inline constexpr bool ends_with<Options, Last> = std::same_as<Options, Last>;

/// Up to so many arguments there is an overload each, since options in braces cannot follow a pack.
inline constexpr std::size_t most_spelt_out = 6;

template <class Options, class... A>
concept spelt_out = ends_with<Options, A...> && sizeof...(A) <= most_spelt_out + 1;

/// Splits what has options last, or gets those that are the default.
template <class Options, class Do, class... A>
decltype(auto) with_options(Do&& then, const A&... all)
{
    if constexpr (ends_with<Options, A...>) {
        const auto tied = std::tie(all...);
        return [&]<std::size_t... I>(std::index_sequence<I...>)->decltype(auto)
        {
            return then(std::get<sizeof...(A) - 1>(tied), std::get<I>(tied)...);
        }
        (std::make_index_sequence<sizeof...(A) - 1>{});
    } else {
        return then(Options{}, all...);
    }
}

}  // namespace detail

/** How a workflow calls: activities, local activities, children, its own next run.

    What is called is a function or a member that the worker has registered, a name with its types (`typed_activity`,
    `typed_workflow`), or a name alone, with the result's type in angle brackets: `ctx.activity<receipt>("charge", o,
    {...})`. Then come its arguments without a context, and options last. Arguments are values, as in
    `order{.id = id}`, but such a value gets a name first, since GCC 12 destroys it twice within a co_await. The same
    goes for functions that capture such values: `wait_for` and `spawn` refuse those without a name.
*/
class calls {
public:
    /// Done once or more, anywhere, by a worker that has it. Throws an `activity_error` if it failed for good.
    template <class R = detail::its_own, class F>
    [[nodiscard]] auto activity(const F& f, const activity_options& o) const
    {
        return begin<R>(f, o);
    }
    template <class R = detail::its_own, class F, class A>
    [[nodiscard]] auto activity(const F& f, const A& a, const activity_options& o) const
    {
        return begin<R>(f, o, a);
    }
    template <class R = detail::its_own, class F, class A, class B>
    [[nodiscard]] auto activity(const F& f, const A& a, const B& b, const activity_options& o) const
    {
        return begin<R>(f, o, a, b);
    }
    template <class R = detail::its_own, class F, class A, class B, class C>
    [[nodiscard]] auto activity(const F& f, const A& a, const B& b, const C& c, const activity_options& o) const
    {
        return begin<R>(f, o, a, b, c);
    }
    template <class R = detail::its_own, class F, class A, class B, class C, class D>
    [[nodiscard]] auto activity(
        const F& f, const A& a, const B& b, const C& c, const D& d, const activity_options& o) const
    {
        return begin<R>(f, o, a, b, c, d);
    }
    template <class R = detail::its_own, class F, class A, class B, class C, class D, class E>
    [[nodiscard]] auto activity(
        const F& f, const A& a, const B& b, const C& c, const D& d, const E& e, const activity_options& o) const
    {
        return begin<R>(f, o, a, b, c, d, e);
    }
    template <class R = detail::its_own, class F, class A, class B, class C, class D, class E, class G>
    [[nodiscard]] auto activity(const F& f, const A& a, const B& b, const C& c, const D& d, const E& e, const G& g,
        const activity_options& o) const
    {
        return begin<R>(f, o, a, b, c, d, e, g);
    }
    template <class R = detail::its_own, class F, class... A>
        requires(!detail::spelt_out<activity_options, A...>)
    [[nodiscard]] auto activity(const F& f, const A&... all) const
    {
        static_assert(detail::ends_with<activity_options, A...>,
            "say how long the activity may take, as the last argument: {.start_to_close = 10s}");
        return detail::with_options<activity_options>(
            [&](const activity_options& o, const auto&... a) { return begin<R>(f, o, a...); }, all...);
    }

    /// Done by the worker that runs this workflow, within its workflow task: for what is short, and is all there is to
    /// know in history once it is done.
    template <class R = detail::its_own, class F>
    [[nodiscard]] auto local_activity(const F& f, const local_activity_options& o) const
    {
        return begin<R>(f, o);
    }
    template <class R = detail::its_own, class F, class A>
    [[nodiscard]] auto local_activity(const F& f, const A& a, const local_activity_options& o) const
    {
        return begin<R>(f, o, a);
    }
    template <class R = detail::its_own, class F, class A, class B>
    [[nodiscard]] auto local_activity(const F& f, const A& a, const B& b, const local_activity_options& o) const
    {
        return begin<R>(f, o, a, b);
    }
    template <class R = detail::its_own, class F, class A, class B, class C>
    [[nodiscard]] auto local_activity(
        const F& f, const A& a, const B& b, const C& c, const local_activity_options& o) const
    {
        return begin<R>(f, o, a, b, c);
    }
    template <class R = detail::its_own, class F, class... A>
        requires(!detail::spelt_out<local_activity_options, A...> || sizeof...(A) > 4)
    [[nodiscard]] auto local_activity(const F& f, const A&... all) const
    {
        static_assert(detail::ends_with<local_activity_options, A...>,
            "say how long the activity may take, as the last argument: {.start_to_close = 10s}");
        return detail::with_options<local_activity_options>(
            [&](const local_activity_options& o, const auto&... a) { return begin<R>(f, o, a...); }, all...);
    }

    /// A workflow of its own, begun by this one: by its function, or `&its_class::run`.
    template <class R = detail::its_own, class F>
    [[nodiscard]] auto child(const F& f, const child_options& o) const
    {
        return begin<R>(f, o);
    }
    template <class R = detail::its_own, class F, class A>
    [[nodiscard]] auto child(const F& f, const A& a, const child_options& o) const
    {
        return begin<R>(f, o, a);
    }
    template <class R = detail::its_own, class F, class A, class B>
    [[nodiscard]] auto child(const F& f, const A& a, const B& b, const child_options& o) const
    {
        return begin<R>(f, o, a, b);
    }
    template <class R = detail::its_own, class F, class A, class B, class C>
    [[nodiscard]] auto child(const F& f, const A& a, const B& b, const C& c, const child_options& o) const
    {
        return begin<R>(f, o, a, b, c);
    }
    template <class R = detail::its_own, class F, class... A>
        requires(!detail::spelt_out<child_options, A...> || sizeof...(A) > 4)
    [[nodiscard]] auto child(const F& f, const A&... all) const
    {
        return detail::with_options<child_options>(
            [&](const child_options& o, const auto&... a) { return begin<R>(f, o, a...); }, all...);
    }

    /** Ends this run and begins the next with an empty history: `ctx.continue_as_new(batch, cursor);`. Nothing after it
        is done: it throws, what is no `std::exception`, and so also from within what `run` calls. Memo, search
        attributes, and whatever the options do not say, stay.
    */
    template <class F>
    [[noreturn]] void continue_as_new(const F& f, const continue_options& o) const
    {
        next_run(f, o);
    }
    template <class F, class A>
    [[noreturn]] void continue_as_new(const F& f, const A& a, const continue_options& o) const
    {
        next_run(f, o, a);
    }
    template <class F, class A, class B>
    [[noreturn]] void continue_as_new(const F& f, const A& a, const B& b, const continue_options& o) const
    {
        next_run(f, o, a, b);
    }
    template <class F, class A, class B, class C>
    [[noreturn]] void continue_as_new(const F& f, const A& a, const B& b, const C& c, const continue_options& o) const
    {
        next_run(f, o, a, b, c);
    }
    template <class F, class... A>
        requires(!detail::spelt_out<continue_options, A...> || sizeof...(A) > 4)
    [[noreturn]] void continue_as_new(const F& f, const A&... all) const
    {
        detail::with_options<continue_options>(
            [&](const continue_options& o, const auto&... a) { next_run(f, o, a...); }, all...);
        std::terminate();
    }

protected:
    calls(detail::run_state& state, std::shared_ptr<detail::scope_state> in) noexcept
        : state_{&state}, in_{std::move(in)}
    {}
    ~calls() = default;

    [[nodiscard]] detail::run_state& state() const noexcept { return *state_; }
    [[nodiscard]] const std::shared_ptr<detail::scope_state>& in() const noexcept { return in_; }

private:
    template <class R, class F, class... A>
    [[nodiscard]] auto begin(const F& f, const activity_options& o, const A&... a) const
    {
        using result = typename detail::result_of_call<R, F, activity_signature>::type;
        std::string name = detail::name_of(f, state_->setup.activities, "an activity");
        auto input = detail::encode_for<F, activity_signature>(name, state_->setup.converter, a...);
        return future<result>(detail::begin_activity<result>(*state_, in_, std::move(name), std::move(input), o));
    }
    template <class R, class F, class... A>
    [[nodiscard]] auto begin(const F& f, const local_activity_options& o, const A&... a) const
    {
        using result = typename detail::result_of_call<R, F, activity_signature>::type;
        std::string name = detail::name_of(f, state_->setup.activities, "an activity");
        auto input = detail::encode_for<F, activity_signature>(name, state_->setup.converter, a...);
        return future<result>(detail::begin_local_activity<result>(*state_, in_, std::move(name), std::move(input), o));
    }
    template <class R, class F, class... A>
    [[nodiscard]] auto begin(const F& f, const child_options& o, const A&... a) const
    {
        using result = typename detail::result_of_call<R, F, workflow_signature>::type;
        std::string name = detail::name_of(f, state_->setup.workflows, "a workflow");
        auto input = detail::encode_for<F, workflow_signature>(name, state_->setup.converter, a...);
        return child_workflow<result>(
            *state_, in_, detail::begin_child<result>(*state_, in_, std::move(name), std::move(input), o));
    }
    template <class F, class... A>
    [[noreturn]] void next_run(const F& f, const continue_options& o, const A&... a) const
    {
        std::string name = detail::name_of(f, state_->setup.workflows, "a workflow");
        auto input = detail::encode_for<F, workflow_signature>(name, state_->setup.converter, a...);
        detail::throw_continued(*state_, std::move(name), std::move(input), o);
    }

    detail::run_state* state_;
    std::shared_ptr<detail::scope_state> in_;
};

}  // namespace mayfly::temporal::workflow
