// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/http/client_options.hpp>
#include <mayfly/http/detail/call.hpp>
#include <mayfly/http/detail/client_core.hpp>
#include <mayfly/http/error.hpp>
#include <mayfly/http/failure.hpp>
#include <mayfly/http/message.hpp>
#include <mayfly/http/url.hpp>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/cancellation_type.hpp>
#include <boost/system/error_code.hpp>

#include <memory>
#include <utility>

namespace mayfly::http {

/** An HTTP/1.1 client that keeps its connections.

    Used from one thread, or from the strand that is its executor; cancellations too are emitted there. It has no thread
    of its own, and keeps the context running only while a request is under way: an idle connection whose time is over
    is closed when the client is next used.

    The system's resolver cannot be interrupted. A request ends in its time all the same, but the context stays busy
    until the resolver has answered, and its destructor waits for that; `client_options::resolve` can do better.
*/
class client {
public:
    explicit client(boost::asio::any_io_executor executor, client_options options = {})
        : core_(std::make_shared<detail::client_core>(std::move(executor), std::move(options)))
    {}

    client(const client&) = delete;
    client& operator=(const client&) = delete;

    /// Requests under way end with `errc::closed`.
    ~client() { core_->close(); }

    [[nodiscard]] boost::asio::any_io_executor get_executor() const { return core_->executor(); }

    /** Sends a request and reads its response: `void(error_code, response)`.

        The message goes out as it is, but for `Host`, which is added where it is missing, `Content-Length`, which says
        how long the body is, and `Expect`, which is left away. Redirects are answers like any other. An interim
        response (1xx) is skipped. If a kept connection turns out to be closed before a byte of the response, the
        request is sent once more, on a fresh one.

        An error is one of `errc`, or `operation_aborted` if cancelled (`terminal`, `partial` or `total`); the response
        then says in words what failed: see `failure_text`.
    */
    template <class Token>
    auto async_request(const origin& to, request message, call_options own, Token&& token)
    {
        return async_request(to, std::make_shared<const request>(std::move(message)), own, std::forward<Token>(token));
    }

    /// The same with a message that others hold too, to send it again perhaps. Nobody changes it before the call is
    /// over.
    template <class Token>
    auto async_request(const origin& to, std::shared_ptr<const request> message, call_options own, Token&& token)
    {
        return boost::asio::async_initiate<Token, void(boost::system::error_code, response)>(
            [](auto handler, detail::client_core* core, origin where, std::shared_ptr<const request> r,
                call_options with) {
                using call_type = detail::call_of<decltype(handler)>;
                auto c = std::make_unique<call_type>(std::move(handler), core->executor());
                c->to = std::move(where);
                c->message = std::move(r);
                if (auto slot = c->slot(); slot.is_connected()) {
                    slot.assign([core, under_way = c.get()](boost::asio::cancellation_type type) {
                        if (type != boost::asio::cancellation_type::none)
                            core->cancel(*under_way);
                    });
                }
                core->start(std::move(c), with);
            },
            token, core_.get(), to, std::move(message), own);
    }

    /// Closes all connections, ends what is under way with `errc::closed`, and answers so to whatever is asked later.
    void close() { core_->close(); }

    /// Closes the connections that serve nothing.
    void close_idle() { core_->close_idle(); }

    [[nodiscard]] client_stats stats() const { return core_->stats(); }

private:
    std::shared_ptr<detail::client_core> core_;
};

}  // namespace mayfly::http
