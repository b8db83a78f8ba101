// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/grpc/status.hpp>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/system/error_code.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <exception>

// Tests that talk to a server on the same loop.

namespace conversation {

inline constexpr auto answer = boost::asio::as_tuple(boost::asio::use_awaitable);

// Functions, as Clang 14 lets no lambda, of which doctest's messages are made, see structured bindings.
inline void check_ok(boost::system::error_code ec, const mayfly::grpc::status& status)
{
    CHECK_MESSAGE(!ec, status.message);
}
inline void require_ok(boost::system::error_code ec, const mayfly::grpc::status& status)
{
    REQUIRE_MESSAGE(!ec, status.message);
}

/// What a world of such a test begins with.
struct loop {
    boost::asio::io_context io{1};

    /// Runs until this is so. False if it does not come about.
    template <class F>
    [[nodiscard]] bool until(F f, std::chrono::milliseconds patience = std::chrono::seconds{30})
    {
        const auto end = std::chrono::steady_clock::now() + patience;
        while (!f()) {
            if (std::chrono::steady_clock::now() > end)
                return false;
            io.restart();
            io.run_one_for(std::chrono::milliseconds{20});
        }
        return true;
    }

    /// Runs a conversation to its end.
    template <class Talk>
    void run(Talk talk)
    {
        bool ended = false;
        boost::asio::co_spawn(io, talk(), [&](const std::exception_ptr& thrown) {
            if (thrown)
                std::rethrow_exception(thrown);
            ended = true;
        });
        REQUIRE(until([&] { return ended; }));
    }
};

}  // namespace conversation
