// SPDX-License-Identifier: BSL-1.0

// A provider of your own, for a platform that rents out a few machines: an operation with a completion token that can
// be cancelled, and error codes of its own that the controller understands all the same.

#include <mayfly/compute_provider.hpp>
#include <mayfly/error.hpp>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/compose.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_future.hpp>

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <memory>
#include <string>
#include <utility>

namespace asio = boost::asio;
using boost::system::error_code;
using namespace std::chrono_literals;

// The platform's failures keep their own names. One function says which of three differences each makes to a
// controller: come back later and slower, try again, or do not try until somebody has changed something.

enum class farm_errc { all_rented = 1, power_cut, no_such_image };

class farm_category_type final : public boost::system::error_category {
public:
    const char* name() const noexcept override { return "farm"; }
    std::string message(int v) const override
    {
        switch (static_cast<farm_errc>(v)) {
        case farm_errc::all_rented: return "all machines are rented";
        case farm_errc::power_cut: return "power cut";
        case farm_errc::no_such_image: return "no such image";
        }
        return "unknown";
    }
    boost::system::error_condition default_error_condition(int v) const noexcept override
    {
        switch (static_cast<farm_errc>(v)) {
        case farm_errc::all_rented: return mayfly::condition::throttled;
        case farm_errc::power_cut: return mayfly::condition::transient;
        case farm_errc::no_such_image: break;
        }
        return mayfly::condition::permanent;
    }
};

error_code make_error_code(farm_errc e)
{
    static const farm_category_type category;
    return {static_cast<int>(e), category};
}

class farm_provider {
public:
    farm_provider(asio::any_io_executor executor, std::uint32_t machines)
        : executor_(std::move(executor)), free_(machines)
    {}

    /// Completes with `void(error_code, launch_report)`.
    template <class Token>
    auto async_launch(mayfly::launch_request request, Token&& token)
    {
        // The timer stands for a call over the network. Whoever cancels the token cancels it, as it waits for us.
        auto call = std::make_unique<asio::steady_timer>(executor_, 20ms);
        return asio::async_compose<Token, void(error_code, mayfly::launch_report)>(
            [this, request = std::move(request), call = std::move(call), called = false](
                auto& self, error_code ec = {}) mutable {
                if (!std::exchange(called, true)) {
                    asio::steady_timer& wait = *call;  // self, and all that is captured, is moved away
                    return wait.async_wait(std::move(self));
                }
                mayfly::launch_report report;
                if (!ec)
                    ec = rent(request, report);
                self.complete(ec, std::move(report));
            },
            token, executor_);
    }

private:
    // Starts that the report does not name ended as the error says. So a call may half succeed.
    error_code rent(const mayfly::launch_request& request, mayfly::launch_report& report)
    {
        if (request.target->function != "shop-worker:7")
            return make_error_code(farm_errc::no_such_image);
        for (std::uint32_t i = 0; i < request.count; ++i) {
            if (free_ == 0) {
                // What the platform says in so many words goes beside the code, for whoever reads the log.
                report.detail = "ask for a larger quota at the counter";
                return make_error_code(farm_errc::all_rented);
            }
            --free_;
            report.starts.push_back({.request_id = "machine-" + std::to_string(free_)});
        }
        return {};
    }

    asio::any_io_executor executor_;
    std::uint32_t free_;
};

static_assert(mayfly::ComputeProvider<farm_provider>);

int main()
{
    asio::io_context io;
    farm_provider farm(io.get_executor(), 3);
    const auto shop = std::make_shared<const mayfly::launch_target>(mayfly::launch_target{.function = "shop-worker:7"});
    const auto typo = std::make_shared<const mayfly::launch_target>(mayfly::launch_target{.function = "shop-wroker:7"});

    const auto tell = [](const char* what) {
        return [what](error_code ec, const mayfly::launch_report& r) {
            std::printf("%-28s %zu accepted; %s: %s %s\n", what, r.starts.size(),
                std::string(to_string(mayfly::condition_of(ec))).c_str(), ec ? ec.message().c_str() : "",
                r.detail.c_str());
        };
    };

    farm.async_launch({.target = shop, .count = 2}, tell("two workers"));
    farm.async_launch({.target = shop, .count = 2}, tell("two more, one machine left"));
    farm.async_launch({.target = typo}, tell("a misspelt image"));

    asio::cancellation_signal stop;
    farm.async_launch({.target = shop}, asio::bind_cancellation_slot(stop.slot(), tell("a call that is given up")));
    stop.emit(asio::cancellation_type::terminal);
    io.run();

    // Any completion token does: a callback as above, a future as here, a coroutine, or your own.
    farm_provider larger(io.get_executor(), 10);
    auto report = larger.async_launch({.target = shop, .count = 4}, asio::use_future);
    io.restart();
    io.run();
    std::printf("%-28s %zu accepted\n", "by a future", report.get().starts.size());
}
