// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/clock.hpp>
#include <mayfly/condition.hpp>
#include <mayfly/error.hpp>
#include <mayfly/launch.hpp>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/basic_waitable_timer.hpp>
#include <boost/asio/cancellation_state.hpp>
#include <boost/asio/compose.hpp>
#include <boost/system/error_category.hpp>
#include <boost/system/error_code.hpp>

#include <cstddef>
#include <deque>
#include <map>
#include <memory>
#include <string>
#include <utility>

// What scripted providers and sources have in common.

namespace mayfly::testing {

namespace detail {

class scripted_category final : public boost::system::error_category {
public:
    constexpr scripted_category() noexcept : error_category(0x6d61'7966'6c79'0003) {}
    const char* name() const noexcept override { return "mayfly.scripted"; }
    std::string message(int v) const override
    {
        return "scripted: " + std::string(to_string(static_cast<condition>(v)));
    }
    boost::system::error_condition default_error_condition(int v) const noexcept override
    {
        return static_cast<condition>(v);
    }
};

inline constexpr scripted_category scripted_category_instance{};

/// How one call goes.
struct scripted_timing {
    uptime takes{};
    bool stubborn = false;
    boost::system::error_code ec{};
};

struct scripted_counts {
    std::size_t under_way = 0;
    std::size_t cancelled = 0;
};

/// Waits as long as the script says, then completes as it says.
template <DeadlineClock C, class Result>
struct scripted_operation {
    using timer_type = boost::asio::basic_waitable_timer<C>;

    std::unique_ptr<timer_type> timer;
    scripted_timing script;
    Result result;
    std::shared_ptr<scripted_counts> counts;
    bool begun = false;

    template <class Self>
    void operator()(Self& self, boost::system::error_code ec = {})
    {
        timer_type& t = *timer;  // self, and *this within it, is moved away below
        if (!std::exchange(begun, true)) {
            if (script.stubborn)
                self.reset_cancellation_state(boost::asio::disable_cancellation());
            else
                self.reset_cancellation_state(boost::asio::enable_total_cancellation());
            ++counts->under_way;
            if (script.takes == never)
                t.expires_at(C::time_point::max());
            else
                t.expires_after(std::chrono::duration_cast<typename C::duration>(script.takes));
            return t.async_wait(std::move(self));
        }
        --counts->under_way;
        if (!ec)
            return self.complete(script.ec, std::move(result));
        ++counts->cancelled;
        self.complete(ec, Result{});
    }
};

/// The script of a fake: which answer is whose.
template <class Answer>
class answer_book {
public:
    explicit answer_book(Answer always) : always_(std::move(always)) {}

    /// The answer to the next call that has none; in the order given.
    void next(Answer a) { next_.push_back(std::move(a)); }
    /// The answer to each call that has no other.
    void always(Answer a) { always_ = std::move(a); }
    /// The answer to each call for this function, before all others.
    void always(const std::string& function, Answer a) { by_function_[function] = std::move(a); }

    [[nodiscard]] Answer take(const launch_target* target = nullptr)
    {
        const auto own = target != nullptr ? by_function_.find(target->function) : by_function_.end();
        if (own != by_function_.end())
            return own->second;
        if (next_.empty())
            return always_;
        Answer a = std::move(next_.front());
        next_.pop_front();
        return a;
    }

private:
    Answer always_;
    std::deque<Answer> next_{};
    std::map<std::string, Answer> by_function_{};
};

/// The calls to a fake, each of which goes as its script says.
template <DeadlineClock C>
class scripted_calls {
public:
    explicit scripted_calls(boost::asio::any_io_executor executor) : executor_(std::move(executor)) {}

    template <class Result, class Token>
    auto async_answer(scripted_timing how, Result result, Token&& token)
    {
        using operation = scripted_operation<C, Result>;
        return boost::asio::async_compose<Token, void(boost::system::error_code, Result)>(
            operation{std::make_unique<typename operation::timer_type>(executor_), how, std::move(result), counts_},
            token, executor_);
    }

    [[nodiscard]] uptime now() const { return std::chrono::duration_cast<uptime>(C::now() - made_at_); }
    [[nodiscard]] std::size_t under_way() const noexcept { return counts_->under_way; }
    [[nodiscard]] std::size_t cancelled() const noexcept { return counts_->cancelled; }

private:
    boost::asio::any_io_executor executor_;
    std::shared_ptr<scripted_counts> counts_ = std::make_shared<scripted_counts>();
    typename C::time_point made_at_ = C::now();
};

}  // namespace detail

/// An error code of this condition, for scripts; no error for `ok`.
[[nodiscard]] inline boost::system::error_code scripted_error(condition c) noexcept
{
    return c == condition::ok ? boost::system::error_code{}
                              : boost::system::error_code{static_cast<int>(c), detail::scripted_category_instance};
}

}  // namespace mayfly::testing
