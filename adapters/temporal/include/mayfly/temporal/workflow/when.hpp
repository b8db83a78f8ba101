// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/temporal/workflow/future.hpp>

#include <algorithm>
#include <concepts>
#include <coroutine>
#include <cstddef>
#include <exception>
#include <memory>
#include <ranges>
#include <string>
#include <tuple>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

namespace mayfly::temporal::workflow {

namespace detail {

/// Suspends one coroutine until enough of several are there.
class several : public waiter, public waited_for {
public:
    several(std::vector<std::shared_ptr<awaited>> all, bool any) : all_{std::move(all)}, any_{any} {}
    several(const several&) = delete;
    several& operator=(const several&) = delete;
    ~several()
    {
        if (waits_)
            stop();
    }

    [[nodiscard]] bool await_ready() noexcept
    {
        const auto settles = [this](const auto& one) { return one->done() && (any_ || one->error()); };
        return std::ranges::any_of(all_, settles) || (any_ ? all_.empty() : rest_done());
    }
    template <class Promise>
    void await_suspend(std::coroutine_handle<Promise> h)
    {
        who_.keep(h, *this);
        waits_ = true;
        for (const auto& one : all_)
            if (!one->done())
                one->add(*this);
    }
    void woken(const awaited& by) override
    {
        if (!waits_ || !(any_ || by.error() || rest_done()))
            return;
        stop();
        who_.wake();
    }
    [[nodiscard]] std::string words() const override
    {
        std::string out = any_ ? "any of" : "all of";
        const char* between = " ";
        for (const auto& one : all_)
            if (!one->done())
                out += std::exchange(between, ", ") + one->words();
        return out;
    }

protected:
    /// The first that is there, by its place.
    [[nodiscard]] std::size_t first() const
    {
        const auto at = std::ranges::find_if(all_, [](const auto& one) { return one->done(); });
        return static_cast<std::size_t>(at - all_.begin());
    }
    void throw_first_error() const
    {
        for (const auto& one : all_)
            if (one->done() && one->error())
                std::rethrow_exception(one->error());
    }
    void forget() { all_.clear(); }

private:
    /// Goes through each once, however often it is asked.
    [[nodiscard]] bool rest_done() noexcept
    {
        while (done_ < all_.size() && all_[done_]->done())
            ++done_;
        return done_ == all_.size();
    }
    void stop() noexcept
    {
        waits_ = false;
        for (const auto& one : all_)
            one->remove(*this);
    }

    std::vector<std::shared_ptr<awaited>> all_;
    suspended who_{};
    std::size_t done_ = 0;  ///< So many, from the first on, are there.
    bool any_;
    bool waits_ = false;
};

class any_waiter final : public several {
public:
    explicit any_waiter(std::vector<std::shared_ptr<awaited>> all) : several(std::move(all), true) {}
    [[nodiscard]] std::size_t await_resume() const { return first(); }
};

template <class T>
[[nodiscard]] T taken(std::shared_ptr<future_state<T>>& from)
{
    if constexpr (std::is_copy_constructible_v<T>)
        return from.use_count() == 1 ? std::move(from->get()) : from->get();
    else
        return std::move(from->get());
}

template <class T>
using value_in_tuple = std::conditional_t<std::is_void_v<T>, std::monostate, T>;

template <class T>
[[nodiscard]] value_in_tuple<T> taken_in_tuple(std::shared_ptr<future_state<T>>& from)
{
    if constexpr (std::is_void_v<T>)
        return {};
    else
        return taken(from);
}

template <class... T>
class all_of_tuple final : public several {
public:
    explicit all_of_tuple(std::tuple<std::shared_ptr<future_state<T>>...> all)
        : several(
              std::apply([](const auto&... one) { return std::vector<std::shared_ptr<awaited>>{one...}; }, all), false),
          all_{std::move(all)}
    {}
    std::tuple<value_in_tuple<T>...> await_resume()
    {
        throw_first_error();
        forget();
        return std::apply(
            [](auto&... one) { return std::tuple<value_in_tuple<T>...>{taken_in_tuple<T>(one)...}; }, all_);
    }

private:
    std::tuple<std::shared_ptr<future_state<T>>...> all_;
};

template <class T>
class all_of_range final : public several {
public:
    explicit all_of_range(std::vector<std::shared_ptr<future_state<T>>> all)
        : several({all.begin(), all.end()}, false), all_{std::move(all)}
    {}
    auto await_resume()
    {
        throw_first_error();
        forget();
        if constexpr (!std::is_void_v<T>) {
            std::vector<T> out;
            out.reserve(all_.size());
            for (auto& one : all_)
                out.push_back(taken(one));
            return out;
        }
    }

private:
    std::vector<std::shared_ptr<future_state<T>>> all_;
};

template <class Waiter, class States>
class [[nodiscard]] several_futures {
public:
    explicit several_futures(States states) : states_{std::move(states)} {}
    [[nodiscard]] Waiter in_workflow() && { return Waiter(std::move(states_)); }

private:
    States states_;
};

template <class F>
concept future_like = requires(const F& f)
{
    typename F::value_type;
    {
        f.state()
        } -> std::convertible_to<std::shared_ptr<future_state<typename F::value_type>>>;
};

template <class R>
concept range_of_futures = std::ranges::input_range<R> && future_like<std::ranges::range_value_t<R>>;

}  // namespace detail

/// All of them: a tuple of what they came to, `std::monostate` for nothing. The first failure is thrown as soon as it
/// is there; the others go on.
template <detail::future_like... F>
[[nodiscard]] auto when_all(const F&... futures)
{
    using states = std::tuple<std::shared_ptr<detail::future_state<typename F::value_type>>...>;
    return detail::several_futures<detail::all_of_tuple<typename F::value_type...>, states>(states{futures.state()...});
}

/// All of a range: a vector of what they came to, in their order; nothing for futures of `void`.
template <detail::range_of_futures R>
[[nodiscard]] auto when_all(R&& futures)
{
    using value = typename std::ranges::range_value_t<R>::value_type;
    using states = std::vector<std::shared_ptr<detail::future_state<value>>>;
    states all;
    for (const auto& one : futures)
        all.push_back(one.state());
    return detail::several_futures<detail::all_of_range<value>, states>(std::move(all));
}

/// The place of the first that is there, failed or not: wait for that one to have it, or its failure. The others go on:
/// cancel what nobody needs any more.
template <detail::future_like... F>
[[nodiscard]] auto when_any(const F&... futures)
{
    using states = std::vector<std::shared_ptr<detail::awaited>>;
    return detail::several_futures<detail::any_waiter, states>(states{futures.state()...});
}

/// The same of a range; of an empty one, its size.
template <detail::range_of_futures R>
[[nodiscard]] auto when_any(R&& futures)
{
    using states = std::vector<std::shared_ptr<detail::awaited>>;
    states all;
    for (const auto& one : futures)
        all.push_back(one.state());
    return detail::several_futures<detail::any_waiter, states>(std::move(all));
}

}  // namespace mayfly::temporal::workflow
