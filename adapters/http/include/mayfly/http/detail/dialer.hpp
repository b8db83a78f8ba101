// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/http/client_options.hpp>
#include <mayfly/http/detail/connector.hpp>
#include <mayfly/http/error.hpp>
#include <mayfly/http/proxy.hpp>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/system/error_code.hpp>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>

namespace mayfly::http::detail {

/// From a host's name to a connection with one of its addresses. It has no time limit of its own: `cancel` it.
class dialer : public std::enable_shared_from_this<dialer> {
public:
    using error_code = boost::system::error_code;
    using socket = connector::socket;

    enum class step { resolving, connecting };

    struct destination {
        std::string host{};  ///< A name or an address.
        std::uint16_t port = 0;
        std::chrono::milliseconds limit{};  ///< What all addresses have together; zero for as long as they like.
        resolve_function resolve{};         ///< If empty, the system's resolver.
    };

    explicit dialer(boost::asio::any_io_executor executor) : executor_(std::move(executor)) {}

    /// `entered(step)` tells where it stands, also from within this call. `done(error, socket, words)` is not called
    /// before this has returned, and not after `cancel`.
    void start(destination to, std::function<void(step)> entered, connector::handler done)
    {
        limit_ = to.limit;
        entered_ = std::move(entered);
        done_ = std::move(done);
        if (const auto address = parse_address(to.host))
            return connect({{*address, to.port}});

        entered_(step::resolving);
        resolving_ = true;
        const auto resolved = [self = shared_from_this()](const error_code& ec, endpoints found) {
            if (!std::exchange(self->resolving_, false) || !self->done_)
                return;
            self->resolver_.reset();
            if (ec || found.empty())
                return self->end(errc::resolve_failed, socket(self->executor_), ec ? ec.message() : "no address");
            self->connect(std::move(found));
        };
        if (to.resolve)
            return to.resolve(to.host, to.port, resolved);
        resolver_.emplace(executor_);
        resolver_->async_resolve(to.host, std::to_string(to.port), boost::asio::ip::resolver_base::numeric_service,
            [resolved](const error_code& ec, const boost::asio::ip::tcp::resolver::results_type& found) {
                resolved(ec, endpoints(found.begin(), found.end()));
            });
    }

    /// Nothing is under way after this but handlers that find nobody.
    void cancel()
    {
        done_ = nullptr;
        entered_ = nullptr;
        if (connector_)
            connector_->cancel();
        connector_.reset();
        resolver_.reset();
    }

    /// What failed up to now.
    [[nodiscard]] std::string words() const { return connector_ ? connector_->words() : std::string(); }

private:
    void connect(endpoints to)
    {
        constexpr std::chrono::milliseconds patience{250};
        const auto share = limit_ / static_cast<std::chrono::milliseconds::rep>(to.size());
        entered_(step::connecting);
        connector_ = std::make_shared<connector>(executor_);
        connector_->start(std::move(to), limit_.count() > 0 ? std::min(patience, share) : patience,
            [self = shared_from_this()](const error_code& ec, socket s, std::string words) {
                self->connector_.reset();
                if (self->done_)
                    self->end(
                        ec ? make_error_code(errc::connect_failed) : error_code(), std::move(s), std::move(words));
            });
    }

    void end(error_code ec, socket s, std::string words)
    {
        const auto done = std::move(done_);
        cancel();
        done(ec, std::move(s), std::move(words));
    }

    boost::asio::any_io_executor executor_;
    std::chrono::milliseconds limit_{};
    std::function<void(step)> entered_{};
    connector::handler done_{};
    std::optional<boost::asio::ip::tcp::resolver> resolver_{};
    std::shared_ptr<connector> connector_{};
    bool resolving_ = false;
};

}  // namespace mayfly::http::detail
