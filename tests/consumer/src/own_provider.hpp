// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/mayfly.hpp>

#ifdef MAYFLY_HAS_ASIO

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/append.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/post.hpp>

#include <cstdint>
#include <string>
#include <utility>

/// A provider that is not mayfly's: every start is accepted, and gets a number for an id.
class own_provider {
public:
    own_provider(boost::asio::any_io_executor executor, std::uint32_t& started)
        : executor_(executor), started_(&started)
    {}

    template <class Token>
    auto async_launch(mayfly::launch_request request, Token&& token)
    {
        mayfly::launch_report report;
        for (std::uint32_t i = 0; i < request.count; ++i)
            report.starts.push_back({.request_id = std::to_string(++*started_)});
        return boost::asio::async_initiate<Token, void(boost::system::error_code, mayfly::launch_report)>(
            [](auto handler, auto executor, mayfly::launch_report done) {
                boost::asio::post(
                    executor, boost::asio::append(std::move(handler), boost::system::error_code(), std::move(done)));
            },
            token, executor_, std::move(report));
    }

private:
    boost::asio::any_io_executor executor_;
    std::uint32_t* started_;
};

static_assert(mayfly::ComputeProvider<own_provider>);

#endif
