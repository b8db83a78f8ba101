// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/error.hpp>
#include <mayfly/grpc/channel.hpp>
#include <mayfly/http/error.hpp>
#include <mayfly/http/spawn.hpp>
#include <mayfly/temporal/connection_options.hpp>
#include <mayfly/temporal/detail/rpc_policy.hpp>
#include <mayfly/temporal/method.hpp>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/cancellation_type.hpp>
#include <boost/asio/compose.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/post.hpp>
#include <boost/system/error_code.hpp>

#include <algorithm>
#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace mayfly::temporal {

namespace detail {

struct start_offer;
using start_offers = std::vector<std::weak_ptr<const start_offer>>;

}  // namespace detail

/// How a call was answered.
template <class Response>
struct rpc_reply {
    grpc::status status{};
    Response value{};  ///< As it is by default, unless the status is OK.
};

/// Hears how a call ended.
using call_listener = std::function<void(const boost::system::error_code&, const grpc::status&)>;

/** A cluster, and a namespace of it: calls by method, each with the deadline, the retries and the metadata of its kind.

    Held by `shared_ptr`; calls under way keep it. Used from one thread or strand, which its executor is. All calls
   share one HTTP/2 connection, which comes with the first of them and comes again when it is lost; polls do not hinder
   the others on it.
*/
class connection : public std::enable_shared_from_this<connection> {
public:
    using error_code = boost::system::error_code;

    connection(boost::asio::any_io_executor executor, connection_options options)
        : options_(std::move(options)),
          metadata_(detail::client_metadata(options_)),
          channel_(std::move(executor), options_.target, options_.channel)
    {}

    [[nodiscard]] boost::asio::any_io_executor get_executor() const { return channel_.get_executor(); }
    [[nodiscard]] const connection_options& options() const noexcept { return options_; }
    [[nodiscard]] grpc::channel_stats stats() const { return channel_.stats(); }

    /// What the server said that it can do. All false before `async_connect`, and with servers that do not say.
    [[nodiscard]] const api::GetSystemInfoResponse::Capabilities& capabilities() const noexcept
    {
        return capabilities_;
    }

    /** Makes a call: `void(error_code, rpc_reply<Response>)`.

        Without an error the status is OK. Else the error is the status's code, or of `http::errc` where the server
       could not be reached, or `operation_aborted` if cancelled (`terminal`, `partial` or `total`); the status has the
        service's words. A poll for tasks whose answer has begun to come is not cancelled any more. The request has to
       stay until this returns, not longer. It carries namespace and identity itself; a request id is the same in all
       attempts.
    */
    template <class Request, class Response, class Token>
    auto async_call(const method<Request, Response>& what, const Request& request, rpc_options own, Token&& token)
    {
        return async_call_as<Response>(
            what, request, std::move(own), std::identity{}, std::nullopt, std::forward<Token>(token));
    }
    template <class Request, class Response, class Token>
    auto async_call(const method<Request, Response>& what, const Request& request, Token&& token)
    {
        return async_call(what, request, rpc_options{}, std::forward<Token>(token));
    }

    /** The same, where the caller wants something else than the message: `void(error_code, rpc_reply<Out>)`.

        @param map      makes an `Out` of a `Response&&`
        @param refused  why there is nothing to ask; the call ends with it, and nothing is sent
    */
    template <class Out, class Request, class Response, class Map, class Token>
    auto async_call_as(const method<Request, Response>& what, const Request& request, rpc_options own, Map map,
        std::optional<grpc::status> refused, Token&& token)
    {
        auto prepared = prepare(what, request);
        prepared.refused = std::move(refused);
        return async_send<Response, Out>(
            std::move(prepared), std::move(own), std::move(map), std::forward<Token>(token));
    }

    /// A call that is ready to be made, whatever its request was.
    struct prepared_call {
        grpc::request raw{};
        call_kind kind = call_kind::ordinary;
        std::optional<grpc::status> refused{};  ///< As for `async_call_as`.
        call_listener on_end{};                 ///< Called before the caller is; may be empty.
    };
    template <class Request, class Response>
    [[nodiscard]] prepared_call prepare(const method<Request, Response>& what, const Request& request) const
    {
        prepared_call out{{std::string(what.path), metadata_, {}}, what.kind, {}, {}};
        if constexpr (requires { request.namespace_(); }) {
            if (!request.namespace_().empty())
                out.raw.metadata.add("temporal-namespace", request.namespace_());
        }
        request.SerializeToString(&out.raw.message);
        return out;
    }

    /// Makes it. The answer is read as a `Response`; for the rest see `async_call_as`.
    template <class Response, class Out, class Map, class Token>
    auto async_send(prepared_call what, rpc_options own, Map map, Token&& token)
    {
        return boost::asio::async_compose<Token, void(error_code, rpc_reply<Out>)>(
            call<Response, Out, Map>{shared_from_this(), std::move(what.raw),
                detail::rpc_rounds(options_, what.kind, std::move(own)), std::move(map), std::move(what.refused),
                std::move(what.on_end)},
            token, channel_.get_executor());
    }

    /** Sees to a connection and asks the server what it can do: `void(error_code, rpc_reply<GetSystemInfoResponse>)`.

        Tried until `within` is over, unless what went wrong will not pass. A server too old to be asked is one that can
        nothing special.
    */
    template <class Token>
    auto async_connect(std::chrono::milliseconds within, Token&& token)
    {
        return boost::asio::async_compose<Token, void(error_code, rpc_reply<api::GetSystemInfoResponse>)>(
            handshake{shared_from_this(), std::chrono::steady_clock::now() + std::min(within, detail::longest_wait)},
            token, channel_.get_executor());
    }

    /// Ends all calls under way with UNAVAILABLE, and all later ones.
    void close() { channel_.close(); }

    /// Where its workers and its clients meet: see `workflow_start_options::eager`.
    [[nodiscard]] detail::start_offers& start_offers() noexcept { return start_offers_; }

private:
    /// Of what did not come from the server: whether it stays so.
    static bool is_final(const error_code& ec)
    {
        return ec.category() != grpc::grpc_category() &&
               (ec == boost::asio::error::operation_aborted || ec == http::errc::closed ||
                   condition_of(ec) == condition::permanent);
    }

    /// One call, in as many rounds as its kind has.
    template <class Response, class Out, class Map>
    struct call {
        std::shared_ptr<connection> on;
        grpc::request raw;
        detail::rpc_rounds rounds;
        Map map;
        std::optional<grpc::status> refused;
        call_listener on_end;
        bool begun = false;

        template <class Self>
        void operator()(Self& self, error_code ec = {}, grpc::reply r = {})
        {
            if (!std::exchange(begun, true)) {
                self.reset_cancellation_state(http::detail::any_as_terminal{});
                if (refused)
                    return boost::asio::post(on->get_executor(), std::move(self));
            } else if (refused) {
                ec = make_error_code(refused->code);
                return end(self, ec, rpc_reply<Out>{*std::move(refused), {}});
            } else if (!ec || is_final(ec) || self.cancelled() != boost::asio::cancellation_type::none) {
                return finish(self, ec, std::move(r));
            }
            const auto next = rounds.next(r.status, std::chrono::steady_clock::now());
            if (!next)
                return finish(self, ec, std::move(r));
            auto& channel = on->channel_;
            // The last round may have the request itself.
            auto with = rounds.is_last() ? std::move(raw) : raw;
            channel.async_call(std::move(with), *next, std::move(self));
        }

        template <class Self>
        void finish(Self& self, error_code ec, grpc::reply r)
        {
            rpc_reply<Out> out{std::move(r.status), {}};
            if (!ec) {
                Response said;
                if (said.ParseFromString(r.message)) {
                    out.value = map(std::move(said));
                } else {
                    out.status = {grpc::status_code::internal, "the answer is not the message that it should be", {}};
                    ec = make_error_code(out.status.code);
                }
            }
            end(self, ec, std::move(out));
        }

        template <class Self>
        void end(Self& self, error_code ec, rpc_reply<Out> out)
        {
            if (on_end)
                on_end(ec, out.status);
            self.complete(ec, std::move(out));
        }
    };

    struct handshake {
        std::shared_ptr<connection> on;
        std::chrono::steady_clock::time_point until;
        int step = 0;

        template <class Self>
        void operator()(Self& self, error_code ec = {}, grpc::reply r = {})
        {
            using reply_type = rpc_reply<api::GetSystemInfoResponse>;
            if (step++ == 0) {
                self.reset_cancellation_state(http::detail::any_as_terminal{});
                auto& channel = on->channel_;
                return channel.async_connect(left(), std::move(self));
            }
            if (ec)
                return self.complete(ec, reply_type{std::move(r.status), {}});
            auto& c = *on;
            rpc_options own;
            own.timeout = left();
            c.async_call(methods::get_system_info, api::GetSystemInfoRequest{}, std::move(own), std::move(self));
        }

        template <class Self>
        void operator()(Self& self, error_code ec, rpc_reply<api::GetSystemInfoResponse> r)
        {
            if (r.status.code == grpc::status_code::unimplemented) {
                ec = {};
                r = {};
            }
            if (!ec)
                on->capabilities_ = r.value.capabilities();
            self.complete(ec, std::move(r));
        }

        [[nodiscard]] std::chrono::milliseconds left() const
        {
            return std::chrono::ceil<std::chrono::milliseconds>(until - std::chrono::steady_clock::now());
        }
    };

    connection_options options_;
    grpc::metadata metadata_;
    api::GetSystemInfoResponse::Capabilities capabilities_{};
    detail::start_offers start_offers_{};
    grpc::channel channel_;
};

}  // namespace mayfly::temporal
