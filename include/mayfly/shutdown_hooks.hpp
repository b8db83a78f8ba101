// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/clock.hpp>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/post.hpp>
#include <boost/system/error_code.hpp>

#include <cstddef>
#include <exception>
#include <functional>
#include <string>
#include <utility>
#include <vector>

namespace mayfly {

/// Receives the outcome of one shutdown hook. Call it once, from any thread; a later call changes nothing. It is a
/// completion handler of `void(error_code)` and of `void(std::exception_ptr)`, so it can be handed to an Asio operation
/// or to `co_spawn`; the operation is cancelled when the hook's time is over.
class hook_handler {
public:
    using executor_type = boost::asio::any_io_executor;
    using cancellation_slot_type = boost::asio::cancellation_slot;

    /// `then` is posted to the executor with the words of the failure; none for success.
    hook_handler(executor_type executor, cancellation_slot_type slot, std::function<void(std::string)> then)
        : executor_(std::move(executor)), slot_(slot), then_(std::move(then))
    {}

    [[nodiscard]] executor_type get_executor() const noexcept { return executor_; }
    [[nodiscard]] cancellation_slot_type get_cancellation_slot() const noexcept { return slot_; }

    void operator()(boost::system::error_code ec = {}) const { tell(ec ? ec.message() : std::string{}); }
    void operator()(const std::exception_ptr& thrown) const { tell(thrown ? words_of(thrown) : std::string{}); }

    [[nodiscard]] static std::string words_of(const std::exception_ptr& thrown)
    {
        try {
            std::rethrow_exception(thrown);
        } catch (const std::exception& e) {
            return *e.what() != '\0' ? e.what() : "threw an exception without words";
        } catch (...) {
            return "threw something that is no std::exception";
        }
    }

private:
    void tell(std::string failure) const
    {
        boost::asio::post(
            executor_, [then = then_, failure = std::move(failure)]() mutable { then(std::move(failure)); });
    }

    executor_type executor_;
    cancellation_slot_type slot_;
    std::function<void(std::string)> then_;
};

/// What is to be done at the end of every invocation, in this order: flush telemetry, give back a lease. Filled once,
/// before the first invocation.
class shutdown_hooks {
public:
    /// How much time the hook has.
    using function = std::function<void(uptime)>;
    using async_function = std::function<void(uptime, hook_handler)>;

    /// A hook that is done when it returns, and has failed if it throws.
    void add(std::string name, function f)
    {
        names_.push_back(std::move(name));
        hooks_.push_back({std::move(f), {}});
    }

    /// A hook that is done when it calls its handler, and has failed if it throws.
    void add_async(std::string name, async_function f)
    {
        names_.push_back(std::move(name));
        hooks_.push_back({{}, std::move(f)});
    }

    [[nodiscard]] const std::vector<std::string>& names() const noexcept { return names_; }
    [[nodiscard]] bool is_sync(std::size_t index) const noexcept { return static_cast<bool>(hooks_[index].sync); }

    /// Runs a synchronous hook. Returns the words of its failure; none for success.
    [[nodiscard]] std::string run_sync(std::size_t index, uptime left) const
    {
        try {
            hooks_[index].sync(left);
            return {};
        } catch (...) {
            return hook_handler::words_of(std::current_exception());
        }
    }

    void begin(std::size_t index, uptime left, const hook_handler& done) const
    {
        try {
            hooks_[index].async(left, done);
        } catch (...) {
            done(std::current_exception());
        }
    }

private:
    struct hook {
        function sync;
        async_function async;
    };

    std::vector<std::string> names_{};
    std::vector<hook> hooks_{};
};

}  // namespace mayfly
