// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/problem.hpp>
#include <mayfly/temporal/activity_context.hpp>
#include <mayfly/temporal/activity_signature.hpp>
#include <mayfly/temporal/api.hpp>
#include <mayfly/temporal/callable_names.hpp>
#include <mayfly/temporal/data_converter.hpp>
#include <mayfly/temporal/errors.hpp>

#include <boost/asio/awaitable.hpp>

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

namespace mayfly::temporal {

/// Where a function that is no coroutine runs.
enum class runs_on : std::uint8_t {
    pool,      ///< A thread of the worker's own pool: it may block and compute.
    executor,  ///< The worker's executor, between its other work: it must return at once.
};

struct activity_options {
    temporal::runs_on runs_on = temporal::runs_on::pool;  ///< Means nothing to coroutines, which run on the executor.
};

/// An activity whose types are no longer known. Exactly one of the two is there. They throw what the function throws,
/// and `application_error` where an argument or the result cannot be converted.
struct activity_type {
    std::string name{};
    std::function<api::common::Payload(activity_context&)> run{};
    std::function<boost::asio::awaitable<api::common::Payload>(activity_context&)> await{};
    activity_options options{};
};

namespace detail {

template <class... T>
[[nodiscard]] std::tuple<T...> decoded_arguments(const activity_context& context, std::type_identity<std::tuple<T...>>)
{
    auto values = context.converter().template from_payloads<T...>(context.task().input());
    if (!values)
        throw application_error("activity \"" + std::string(context.info().type) + "\": " + values.error().message,
            {.type = "ArgumentConversion"});
    return *std::move(values);
}

template <class T>
[[nodiscard]] api::common::Payload encoded_result(const activity_context& context, const T& value)
{
    auto made = context.converter().to_payload(value);
    if (!made)
        throw application_error(
            "result of activity \"" + std::string(context.info().type) + "\": " + made.error().message,
            {.type = "ResultConversion"});
    return *std::move(made);
}

template <class Signature, class F>
decltype(auto) call_activity(F& f, activity_context& context, typename Signature::arguments&& arguments)
{
    return std::apply(
        [&](auto&&... a) -> decltype(auto) {
            if constexpr (Signature::takes_context)
                return f(context, std::move(a)...);
            else
                return f(std::move(a)...);
        },
        std::move(arguments));
}

template <class Signature, class F>
[[nodiscard]] api::common::Payload run_activity(F& f, activity_context& context)
{
    auto arguments = decoded_arguments(context, std::type_identity<typename Signature::arguments>{});
    if constexpr (std::is_void_v<typename Signature::result>) {
        call_activity<Signature>(f, context, std::move(arguments));
        return encoded_result(context, nullptr);
    } else {
        return encoded_result(context, call_activity<Signature>(f, context, std::move(arguments)));
    }
}

// `f` is kept alive by whoever runs this.
template <class Signature, class F>
[[nodiscard]] boost::asio::awaitable<api::common::Payload> await_activity(F& f, activity_context& context)
{
    // They stay here until the end: the function may take references to them.
    auto arguments = decoded_arguments(context, std::type_identity<typename Signature::arguments>{});
    auto running = call_activity<Signature>(f, context, std::move(arguments));
    if constexpr (std::is_void_v<typename Signature::result>) {
        co_await std::move(running);
        co_return encoded_result(context, nullptr);
    } else {
        const typename Signature::result value = co_await std::move(running);
        co_return encoded_result(context, value);
    }
}

}  // namespace detail

/** The activities that a worker offers, by name. Filled before a worker is made with it; then it is only read.

    An activity is a plain function, a callable object or a member. It may take `activity_context&` first, then any
   types that the data converter knows, by value or by reference to const; it returns one of those or nothing, or an
    `awaitable` of them. Arguments that were not sent have their default value, and surplus ones are ignored.

    A coroutine runs on the worker's executor, and is cancelled (`terminal`) with its activity. Anything else runs on
   the worker's pool of threads, so several calls of one object may run at once; see `runs_on`.
*/
class activity_registry {
public:
    /// `f` is a function, or an object with one `operator()`, which is kept.
    template <class F>
    void add(std::string name, F f, activity_options options = {})
    {
        identify(f, name);
        insert(make(std::move(name), std::move(f), options));
    }

    /// A member of an object: `add("greet", &greeter, &greeter_type::greet)`. A plain pointer's object outlives all
    /// workers; a `shared_ptr` keeps it.
    template <class Object, class Member>
        requires std::is_member_function_pointer_v<Member>
    void add(std::string name, Object object, Member member, activity_options options = {})
    {
        called_.add(member, name);
        add_member(
            std::move(name), std::move(object), member, options, typename detail::call_shape<Member>::parameters{});
    }

    /// For activities whose types are found out at run time.
    void add(activity_type type) { insert(std::move(type)); }

    /// For all names that are not registered: what was called is in its `info().type`.
    template <class F>
    void add_dynamic(F f, activity_options options = {})
    {
        if (dynamic_)
            problems_.push_back({"activities", "two dynamic ones", "register one dynamic activity at most"});
        else
            dynamic_ = std::make_shared<const activity_type>(make({}, std::move(f), options));
    }

    /// In place of what has this name already, if anything has: for tests.
    template <class F>
    void replace(std::string name, F f, activity_options options = {})
    {
        identify(f, name);
        auto type = std::make_shared<const activity_type>(make(name, std::move(f), options));
        types_.insert_or_assign(std::move(name), std::move(type));
    }

    /// Workflows that name an activity by `f` mean the one of this name, unless it had another before.
    template <class F>
    void identify([[maybe_unused]] const F& f, [[maybe_unused]] const std::string& name)
    {
        if constexpr (callable_names::has_identity<F>)
            called_.add(f, name);
    }

    [[nodiscard]] std::vector<std::string> names() const
    {
        std::vector<std::string> out;
        out.reserve(types_.size());
        for (const auto& [name, type] : types_)
            out.push_back(name);
        return out;
    }

    /// The dynamic one for a name that is not known; null if there is none.
    [[nodiscard]] std::shared_ptr<const activity_type> find(std::string_view name) const
    {
        const auto at = types_.find(name);
        return at == types_.end() ? dynamic_ : at->second;
    }

    [[nodiscard]] bool has_dynamic() const noexcept { return dynamic_ != nullptr; }
    [[nodiscard]] bool empty() const noexcept { return types_.empty() && !dynamic_; }

    /// Which functions and members are called what, for workflows that name activities by them.
    [[nodiscard]] const callable_names& called() const noexcept { return called_; }

    /// What was registered and cannot be: names that are empty, or were given twice. The first of those counts.
    [[nodiscard]] const mayfly::problems& problems() const noexcept { return problems_; }

private:
    template <class F>
    [[nodiscard]] static activity_type make(std::string name, F f, activity_options options)
    {
        using signature = activity_signature<F>;
        activity_type type{.name = std::move(name), .options = options};
        auto kept = std::make_shared<F>(std::move(f));
        if constexpr (signature::is_awaitable)
            type.await = [kept](
                             activity_context& context) { return detail::await_activity<signature>(*kept, context); };
        else
            type.run = [kept](activity_context& context) { return detail::run_activity<signature>(*kept, context); };
        return type;
    }

    template <class Object, class Member, class... A>
    void add_member(std::string name, Object object, Member member, activity_options options, detail::types<A...>)
    {
        add(
            std::move(name),
            [object = std::move(object), member](
                A... a) { return std::invoke(member, *object, std::forward<A>(a)...); },
            options);
    }

    void insert(activity_type type)
    {
        const std::string name = type.name;
        if (name.empty())
            problems_.push_back({"activities", "", "register each activity under a name"});
        else if (!types_.emplace(name, std::make_shared<const activity_type>(std::move(type))).second)
            problems_.push_back({"activities." + name, "registered twice", "give each activity a name of its own"});
    }

    std::map<std::string, std::shared_ptr<const activity_type>, std::less<>> types_{};
    std::shared_ptr<const activity_type> dynamic_{};
    callable_names called_{};
    mayfly::problems problems_{};
};

}  // namespace mayfly::temporal
