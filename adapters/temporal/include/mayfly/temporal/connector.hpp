// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/clock.hpp>
#include <mayfly/grpc/retry.hpp>
#include <mayfly/http/spawn.hpp>
#include <mayfly/temporal/connection.hpp>
#include <mayfly/temporal/connection_options.hpp>
#include <mayfly/temporal/log.hpp>
#include <mayfly/temporal/rpc_error.hpp>
#include <mayfly/temporal/worker.hpp>
#include <mayfly/temporal/worker_config.hpp>
#include <mayfly/worker.hpp>
#include <mayfly/worker_options.hpp>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/append.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/cancellation_type.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/system/error_code.hpp>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <utility>

namespace mayfly::temporal {

/// A connection of one invocation: a model of core's `WorkerClient`.
class worker_client {
public:
    worker_client(std::shared_ptr<connection> to, worker_config base) : to_(std::move(to)), base_(std::move(base)) {}

    [[nodiscard]] worker make_worker(const resolved_options& options) const
    {
        worker_config config = base_;
        config.settings = options.settings();
        config.settings.identity = base_.settings.identity;
        config.version = options.version();
        return worker(to_, std::move(config));
    }

    /// What is still under way on it ends with an error.
    template <class Token>
    auto async_close(Token&& token)
    {
        to_->close();
        return boost::asio::post(
            to_->get_executor(), boost::asio::append(std::forward<Token>(token), boost::system::error_code()));
    }

private:
    std::shared_ptr<connection> to_;
    worker_config base_;  // with the identity to poll as
};

struct connector_options {
    /// Whether failures that may pass are waited out, for as long as it takes. For a worker that is not in a function:
    /// there nobody else tries again.
    bool patient = false;
    grpc::growing_wait again{std::chrono::milliseconds{200}, 2, std::chrono::seconds{10}, 0.2};
    std::chrono::milliseconds attempt{10'000};  ///< The longest that one attempt may take.

    /// A connection that was opened ahead is used if it is no older than this. It may have been frozen meanwhile, and
    /// then the server has forgotten it.
    std::chrono::milliseconds ahead_lasts{5'000};
};

/** Makes the connections of a worker: a model of core's `Connector`.

    Every invocation has its own. One can be opened ahead, for the first. Used on its executor alone; it outlives what
   it makes, and the operations on it.
*/
class connector {
public:
    using client_type = worker_client;

    /// `base` says what every worker is made of; its settings and version come with each invocation.
    connector(boost::asio::any_io_executor executor, connection_options to, worker_config base,
        connector_options options = {})
        : executor_(std::move(executor)), to_(std::move(to)), base_(std::move(base)), options_(options)
    {}
    connector(const connector&) = delete;
    connector& operator=(const connector&) = delete;

    [[nodiscard]] const boost::asio::any_io_executor& get_executor() const noexcept { return executor_; }

    /// `host:port`.
    [[nodiscard]] std::string target() const
    {
        const bool bare = to_.target.host.find(':') == std::string::npos;
        return (bare ? to_.target.host : '[' + to_.target.host + ']') + ':' + std::to_string(to_.target.port);
    }

    /// In words, why the last connection could not be made. Empty if it could.
    [[nodiscard]] const std::string& detail() const noexcept { return detail_; }

    /// A connection, with the server's own word that it is there: `void(error_code, std::optional<client_type>)`.
    /// Cancellable (any type).
    template <class Token>
    auto async_connect(connect_request request, Token&& token)
    {
        return http::spawn<std::optional<client_type>>(
            executor_, [this, request = std::move(request)] { return connect(request); }, std::forward<Token>(token));
    }

    /** Opens a connection for the first invocation, which does not have to wait for it then: `void(error_code, bool)`.

        To be called before the first `async_connect`, and to be waited for. Cancellable (any type).
    */
    template <class Token>
    auto async_open_ahead(std::chrono::milliseconds within, Token&& token)
    {
        return http::spawn<bool>(
            executor_, [this, within] { return open_ahead(within); }, std::forward<Token>(token));
    }

private:
    using error_code = boost::system::error_code;
    template <class T>
    using awaitable = boost::asio::awaitable<T>;

    struct opened {
        std::shared_ptr<connection> to{};  // null if it failed
        error_code ec{};
        bool hopeless = false;
    };

    /// A moment, on two clocks: one of them may stand still while the environment is frozen.
    struct moment {
        std::chrono::steady_clock::time_point steady = std::chrono::steady_clock::now();
        std::chrono::system_clock::time_point wall = std::chrono::system_clock::now();

        [[nodiscard]] bool is_past(std::chrono::milliseconds age) const
        {
            const moment now;
            return now.steady - steady > age || now.wall - wall > age || now.wall < wall;
        }
    };

    awaitable<http::outcome<std::optional<client_type>>> connect(const connect_request& request)
    {
        http::outcome<std::optional<client_type>> out;
        std::shared_ptr<connection> to = take_ahead();
        for (std::uint32_t failures = 0; !to; ++failures) {
            const opened tried = co_await open(time_for_attempt(request.within));
            to = tried.to;
            out.ec = tried.ec;
            if (to || !options_.patient || tried.hopeless)
                break;
            const auto asked = co_await boost::asio::this_coro::cancellation_state;
            if (asked.cancelled() != boost::asio::cancellation_type::none)
                break;
            co_await wait(failures);
        }
        if (!to)
            co_return out;
        worker_config config = base_;
        config.settings.identity = request.identity;
        config.patient_start = options_.patient;
        config.eager_activities = config.eager_activities && options_.patient;
        config.eager_starts = config.eager_starts && options_.patient;
        out.value.emplace(std::move(to), std::move(config));
        co_return out;
    }

    awaitable<http::outcome<bool>> open_ahead(std::chrono::milliseconds within)
    {
        const opened tried = co_await open(within);
        ahead_ = tried.to;
        ahead_since_ = moment{};
        co_return http::outcome<bool>{tried.ec, tried.to != nullptr};
    }

    awaitable<opened> open(std::chrono::milliseconds within)
    {
        opened out;
        auto to = std::make_shared<connection>(executor_, to_);
        const auto reply =
            co_await to->async_connect(within, boost::asio::redirect_error(boost::asio::use_awaitable, out.ec));
        detail_ = out.ec ? describe(reply.status) : std::string{};
        if (out.ec) {
            out.hopeless = out.ec.category() == grpc::grpc_category() ? is_fatal_for_worker(reply.status)
                                                                      : condition_of(out.ec) == condition::permanent;
            to->close();
        } else {
            out.to = std::move(to);
        }
        co_return out;
    }

    awaitable<void> wait(std::uint32_t failures)
    {
        const auto pause = options_.again.at(failures, std::uniform_real_distribution<double>{}(random_));
        if (base_.logger) {
            const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(pause).count();
            base_.logger(log_level::warning, "connecting to " + target() + " failed, and is tried again in " +
                                                 std::to_string(ms) + " ms: " + detail_);
        }
        boost::asio::steady_timer timer(executor_, pause);
        co_await timer.async_wait(boost::asio::use_awaitable);
    }

    [[nodiscard]] std::shared_ptr<connection> take_ahead()
    {
        std::shared_ptr<connection> out = std::exchange(ahead_, nullptr);
        if (out && ahead_since_.is_past(options_.ahead_lasts)) {
            out->close();
            out = nullptr;
        }
        return out;
    }

    /// A little less than there is: who is cancelled when time is over cannot say why it took so long.
    [[nodiscard]] std::chrono::milliseconds time_for_attempt(uptime within) const
    {
        const uptime most = std::min<uptime>(within, options_.attempt);
        return std::chrono::ceil<std::chrono::milliseconds>(
            most - std::min<uptime>(most / 10, std::chrono::milliseconds{250}));
    }

    boost::asio::any_io_executor executor_;
    connection_options to_;
    worker_config base_;
    connector_options options_;
    std::shared_ptr<connection> ahead_{};
    moment ahead_since_{};
    std::string detail_{};
    std::minstd_rand random_{std::random_device{}()};
};

static_assert(Connector<connector>);

}  // namespace mayfly::temporal
