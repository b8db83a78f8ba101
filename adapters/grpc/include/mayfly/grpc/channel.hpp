// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/grpc/channel_options.hpp>
#include <mayfly/grpc/detail/call.hpp>
#include <mayfly/grpc/detail/channel_core.hpp>
#include <mayfly/grpc/message.hpp>
#include <mayfly/grpc/status.hpp>
#include <mayfly/http/url.hpp>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/cancellation_type.hpp>
#include <boost/system/error_code.hpp>

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <utility>

namespace mayfly::grpc {

/** Calls of one server, over one HTTP/2 connection at a time.

    The connection is made when the first call wants it, and again when it is lost or the server sends it away: calls
    that the server has not looked at go over to the next one, unnoticed. An open connection is read and kept alive as
    long as the channel is open, so the executor has work until `close`.

    Used from one thread or strand, which its executor is. Functions in its options must not call it.
*/
class channel {
public:
    explicit channel(boost::asio::any_io_executor executor, http::origin to, channel_options options = {})
        : core_(std::make_shared<detail::channel_core>(std::move(executor), std::move(to), std::move(options)))
    {}

    channel(const channel&) = delete;
    channel& operator=(const channel&) = delete;

    /// Calls under way end with UNAVAILABLE.
    ~channel() { core_->close(); }

    [[nodiscard]] boost::asio::any_io_executor get_executor() const { return core_->executor(); }

    /** Makes a call: `void(error_code, reply)`.

        Without an error the reply's status is OK. Else the error is the status's code, and the status says in words
       what happened; but where the server could not be reached the error is that of `http::errc` (and the status
       UNAVAILABLE), and if cancelled (`terminal`, `partial` or `total`) it is `operation_aborted` (and CANCELLED). What
       is given up is reset, so that the server hears of it.
    */
    template <class Token>
    auto async_call(request what, call_options own, Token&& token)
    {
        return initiate(false, std::move(what), std::move(own), std::forward<Token>(token));
    }
    template <class Token>
    auto async_call(request what, Token&& token)
    {
        return initiate(false, std::move(what), {}, std::forward<Token>(token));
    }

    /** Sees to a connection on which the server has shown that it is one: `void(error_code, reply)`, as for a call.

        It is tried again and again until `timeout`, unless what went wrong will not pass, such as a bad certificate.
    */
    template <class Token>
    auto async_connect(std::chrono::milliseconds timeout, Token&& token)
    {
        return initiate(true, {}, {.timeout = timeout}, std::forward<Token>(token));
    }

    /// Closes all connections, ends what is under way, and answers so to whatever is asked later.
    void close() { core_->close(); }

    [[nodiscard]] channel_stats stats() const { return core_->stats(); }

private:
    template <class Token>
    auto initiate(bool only_connects, request what, call_options own, Token&& token)
    {
        return boost::asio::async_initiate<Token, void(boost::system::error_code, reply)>(
            [](auto handler, std::shared_ptr<detail::channel_core> core, bool hope, request r, call_options with) {
                using call_type = detail::call_of<decltype(handler)>;
                auto c = std::make_unique<call_type>(std::move(handler), core->executor());
                c->only_connects = hope;
                c->request = std::move(r);
                c->own = std::move(with);
                if (auto slot = c->slot(); slot.is_connected()) {
                    slot.assign([held = std::weak_ptr(core), under_way = c.get()](boost::asio::cancellation_type type) {
                        if (const auto to = held.lock(); to && type != boost::asio::cancellation_type::none)
                            to->cancel(*under_way);
                    });
                }
                core->start(std::move(c));
            },
            token, core_, only_connects, std::move(what), std::move(own));
    }

    std::shared_ptr<detail::channel_core> core_;
};

}  // namespace mayfly::grpc
