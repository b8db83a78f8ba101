// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/system/error_code.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <functional>
#include <iterator>
#include <list>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace mayfly::http::detail {

using endpoints = std::vector<boost::asio::ip::tcp::endpoint>;

/// The same addresses, the families taking turns, so that one which leads nowhere costs one attempt and not all.
inline endpoints taking_turns(const endpoints& from)
{
    endpoints first;
    endpoints second;
    for (const auto& e : from)
        (e.protocol() == from.front().protocol() ? first : second).push_back(e);
    endpoints out;
    for (std::size_t i = 0; i < std::max(first.size(), second.size()); ++i) {
        if (i < first.size())
            out.push_back(first[i]);
        if (i < second.size())
            out.push_back(second[i]);
    }
    return out;
}

inline std::string to_text(const boost::asio::ip::tcp::endpoint& e)
{
    const std::string address = e.address().to_string();
    return (e.address().is_v6() ? '[' + address + ']' : address) + ':' + std::to_string(e.port());
}

/** Connects to one of several addresses: the next is tried when one fails, and also when it has not answered after
    a while; the first that answers wins. It has no time limit of its own: `cancel` it.
*/
class connector : public std::enable_shared_from_this<connector> {
public:
    using error_code = boost::system::error_code;
    using socket = boost::asio::ip::tcp::socket;
    /// With the error of the last address that failed, and all of them in words.
    using handler = std::function<void(error_code, socket, std::string)>;

    explicit connector(boost::asio::any_io_executor executor) : executor_(executor), timer_(std::move(executor)) {}

    /// `to` is not empty. `done` is not called before this has returned, and not after `cancel`.
    void start(endpoints to, std::chrono::milliseconds patience, handler done)
    {
        to_ = taking_turns(to);
        patience_ = patience;
        done_ = std::move(done);
        next();
    }

    /// Nothing is under way after this but handlers that find nobody.
    void cancel()
    {
        done_ = nullptr;
        attempts_.clear();
        timer_.cancel();
    }

    /// What failed up to now.
    [[nodiscard]] const std::string& words() const noexcept { return words_; }

private:
    void next()
    {
        attempts_.emplace_back(executor_);
        const auto attempt = std::prev(attempts_.end());
        const auto& endpoint = to_[tried_++];
        ++under_way_;
        attempt->async_connect(endpoint, [self = shared_from_this(), attempt, endpoint](const error_code& ec) {
            if (self->done_)  // else `attempt` is no more
                self->tried(attempt, endpoint, ec);
        });
        if (tried_ == to_.size()) {
            timer_.cancel();
            return;
        }
        timer_.expires_after(patience_);
        timer_.async_wait([self = shared_from_this(), before = tried_](const error_code& ec) {
            if (!ec && self->done_ && self->tried_ == before)
                self->next();
        });
    }

    void tried(std::list<socket>::iterator attempt, const boost::asio::ip::tcp::endpoint& to, const error_code& ec)
    {
        --under_way_;
        if (!ec)
            return end({}, std::move(*attempt));
        words_ += (words_.empty() ? "" : ", ") + to_text(to) + ' ' + ec.message();
        if (tried_ < to_.size())
            return next();
        if (under_way_ == 0)
            end(ec, socket(executor_));
    }

    void end(const error_code& ec, socket winner)
    {
        const handler done = std::move(done_);
        cancel();
        done(ec, std::move(winner), std::move(words_));
    }

    boost::asio::any_io_executor executor_;
    boost::asio::steady_timer timer_;
    endpoints to_{};
    std::chrono::milliseconds patience_{};
    handler done_{};
    std::list<socket> attempts_{};
    std::size_t tried_ = 0;
    std::size_t under_way_ = 0;
    std::string words_{};
};

}  // namespace mayfly::http::detail
