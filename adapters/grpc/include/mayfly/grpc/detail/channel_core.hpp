// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/error.hpp>
#include <mayfly/grpc/channel_options.hpp>
#include <mayfly/grpc/detail/call.hpp>
#include <mayfly/grpc/detail/client_connection.hpp>
#include <mayfly/grpc/detail/timeout_text.hpp>
#include <mayfly/grpc/message.hpp>
#include <mayfly/grpc/retry.hpp>
#include <mayfly/grpc/status.hpp>
#include <mayfly/http/detail/tls_context.hpp>
#include <mayfly/http/error.hpp>
#include <mayfly/http/url.hpp>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/system/error_code.hpp>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <utility>
#include <vector>

namespace mayfly::grpc::detail {

/// What is behind a channel: its calls, the connection that takes new ones, and those that only end old ones.
class channel_core final : public connection_owner, public std::enable_shared_from_this<channel_core> {
public:
    using error_code = boost::system::error_code;
    using clock = std::chrono::steady_clock;

    channel_core(boost::asio::any_io_executor executor, http::origin to, channel_options options)
        : executor_(executor),
          to_(std::move(to)),
          options_(std::move(options)),
          tls_(options_.tls, "h2"),
          timer_(std::move(executor)),
          keepalive_(options_.keepalive_interval)
    {
        http::origin named = to_;
        if (!options_.server_name.empty())
            named.host = options_.server_name;
        authority_ = options_.authority.empty() ? http::host_header(named) : options_.authority;
    }

    [[nodiscard]] const boost::asio::any_io_executor& executor() const noexcept { return executor_; }

    /// Takes a call and sees to it that it ends; not before this has returned.
    void start(std::unique_ptr<call> taken)
    {
        call& c = *taken;
        c.begun = clock::now();
        c.tries = retries(c.begun);
        if (c.own.timeout)
            c.deadline = c.begun + *c.own.timeout;
        if (closed_)
            return refuse(std::move(taken), status_code::unavailable, http::errc::closed, "the channel was closed");
        if (auto wrong = problem_of(c.request.metadata))
            return refuse(std::move(taken), status_code::invalid_argument, *std::move(wrong));
        if (!c.only_connects && (!c.request.path.starts_with('/') || !is_visible(c.request.path)))
            return refuse(std::move(taken), status_code::invalid_argument,
                "path \"" + shown(c.request.path) + "\": write /package.Service/Method");
        if (c.request.message.size() > options_.send_limit)
            return refuse(std::move(taken), status_code::resource_exhausted,
                "grpc: trying to send message larger than max (" + std::to_string(c.request.message.size()) + " vs. " +
                    std::to_string(options_.send_limit) + ')');
        if (c.own.timeout && c.own.timeout->count() <= 0)
            return refuse(std::move(taken), status_code::deadline_exceeded, "the deadline had passed before the call");
        if (queue_.size() >= options_.waiting_calls)
            return refuse(std::move(taken), status_code::resource_exhausted,
                std::to_string(queue_.size()) + " calls are waiting for a stream already");

        call& kept = *taken.release();
        kept.due = kept.deadline;
        calls_.insert(kept);
        enqueue(kept, false);
        arm(kept.due);
        pump();
    }

    /// From the call's cancellation slot.
    void cancel(call& c)
    {
        if (c.own.hears_begun && c.stream && c.stream->answer.begun())
            c.own.retry = retry_policy::none();
        else if (c.at != call::place::nowhere)
            leave(c, status_code::cancelled, boost::asio::error::operation_aborted, "cancelled", call::delivery::later);
    }

    void close()
    {
        if (std::exchange(closed_, true))
            return;
        timer_.cancel();
        while (!calls_.empty())
            leave(*calls_.begin(), status_code::unavailable, http::errc::closed, "the channel was closed",
                call::delivery::later);
        if (const auto c = std::move(current_))
            c->abandon();
        for (const auto& c : std::exchange(draining_, {}))
            c->abandon();
    }

    [[nodiscard]] channel_stats stats() const
    {
        channel_stats s{.connects = connects_, .resent = resent_, .retried = retried_};
        s.waiting = static_cast<std::uint32_t>(queue_.size());
        s.streams = streams_;
        s.connected = current_ && current_->is_proven();
        return s;
    }

private:
    static constexpr std::uint32_t most_resent = 5;

    static bool is_visible(const std::string& path)
    {
        return std::all_of(path.begin(), path.end(), [](char c) { return c > ' ' && c <= '~'; });
    }

    void refuse(std::unique_ptr<call> c, status_code code, error_code ec, std::string words)
    {
        reply r;
        r.status = {code, std::move(words), {}};
        conclude(c.release(), ec, std::move(r), call::delivery::later);
    }
    void refuse(std::unique_ptr<call> c, status_code code, std::string words)
    {
        refuse(std::move(c), code, make_error_code(code), std::move(words));
    }

    // Where calls are.

    void enqueue(call& c, bool first)
    {
        c.at = c.only_connects ? call::place::hope : call::place::queue;
        call_queue& to = c.only_connects ? hopes_ : queue_;
        to.insert(first ? to.begin() : to.end(), c);
    }

    /// Takes a call out of where it is. It stays among `calls_`.
    void detach(call& c)
    {
        switch (std::exchange(c.at, call::place::nowhere)) {
        case call::place::hope: hopes_.erase(hopes_.iterator_to(c)); break;
        case call::place::queue: queue_.erase(queue_.iterator_to(c)); break;
        case call::place::stream:
            c.on->session().drop(*c.stream);
            c.on->flush_soon();
            --streams_;
            break;
        case call::place::nowhere:
        case call::place::pause: break;
        }
        c.stream.reset();
        c.on.reset();
    }

    void set_due(call& c, steady_time due)
    {
        calls_.erase(calls_.iterator_to(c));
        c.due = due;
        calls_.insert(c);
        arm(due);
    }

    /// The call ends, wherever it is.
    void end(call& c, error_code ec, reply&& r, call::delivery when)
    {
        detach(c);
        calls_.erase(calls_.iterator_to(c));
        conclude(&c, ec, std::move(r), when);
    }

    /// Without a reply of the server.
    void leave(call& c, status_code code, error_code ec, std::string words, call::delivery when)
    {
        reply r;
        r.status = {code, std::move(words), {}};
        end(c, ec, std::move(r), when);
    }

    void conclude(call* c, error_code ec, reply&& r, call::delivery when)
    {
        if (options_.on_call && !c->only_connects) {
            const auto took = clock::now() - c->begun;
            options_.on_call({.path = c->request.path,
                .code = r.status.code,
                .attempts = c->attempts,
                .sent = c->request.message.size(),
                .received = r.message.size(),
                .waited = c->waited.value_or(took),
                .duration = took});
        }
        c->deliver(ec, std::move(r), when);
    }

    // Streams.

    /// Gives streams to those who wait, as far as there are any, and sees to a connection.
    void pump()
    {
        while (!queue_.empty() && current_ && current_->can_start()) {
            call& c = queue_.front();
            queue_.pop_front();
            c.at = call::place::nowhere;
            begin(c);
        }
        if (current_ && current_->is_proven())
            fulfil_hopes();
        if (!current_ && !(queue_.empty() && hopes_.empty()))
            connect();
    }

    /// Those that only wanted a connection have one.
    void fulfil_hopes()
    {
        while (!hopes_.empty())
            end(hopes_.front(), {}, {}, call::delivery::later);
    }

    void begin(call& c)
    {
        const auto now = clock::now();
        const std::string timeout = c.deadline == steady_time::max() ? "" : to_timeout_text(c.deadline - now);
        std::string authorization;
        if (options_.api_key && !c.request.metadata.contains("authorization")) {
            authorization = options_.api_key();
            if (!authorization.empty())
                authorization.insert(0, "Bearer ");
        }
        if (!std::all_of(authorization.begin(), authorization.end(), [](char ch) { return ch >= ' ' && ch <= '~'; }))
            return leave(c, status_code::unauthenticated, status_code::unauthenticated,
                "the API key holds a character that no header can; does it end with a line break?",
                call::delivery::later);

        c.stream.emplace();
        c.stream->message = c.request.message;
        c.stream->user = &c;
        const client_head head{.scheme = to_.tls ? "https" : "http",
            .authority = authority_,
            .path = c.request.path,
            .timeout = timeout,
            .user_agent = options_.user_agent,
            .authorization = authorization,
            .more = &c.request.metadata};
        if (!current_->session().start(*c.stream, head)) {  // all its stream ids are used up
            c.stream.reset();
            enqueue(c, true);
            return retire();
        }
        c.on = current_;
        c.at = call::place::stream;
        ++streams_;
        ++c.attempts;
        if (!c.waited)
            c.waited = now - c.begun;
        current_->flush_soon();
    }

    void over(client_connection&, client_stream& s) override
    {
        const auto self = shared_from_this();  // a handler may let go of the channel
        call& c = *static_cast<call*>(s.user);
        const bool untouched = s.code == NGHTTP2_REFUSED_STREAM && !s.answer.begun();
        reply r = s.answer.finish(s.code);
        give_back(c);
        if (untouched && c.resent < most_resent) {
            send_again(c);
        } else {
            const error_code ec = r.status.ok() ? error_code() : make_error_code(r.status.code);
            judge(c, ec, std::move(r), call::delivery::now);
        }
        pump();
    }

    void give_back(call& c)
    {
        --streams_;
        c.at = call::place::nowhere;
        c.stream.reset();
        c.on.reset();
    }

    /// The server has not looked at it: that was no attempt.
    void send_again(call& c)
    {
        ++c.resent;
        ++resent_;
        enqueue(c, true);
    }

    /// An attempt is over. The call is nowhere.
    void judge(call& c, error_code ec, reply&& r, call::delivery when)
    {
        if (!ec)
            return end(c, ec, std::move(r), when);
        const auto now = clock::now();
        const bool lasts = ec.category() != grpc_category() && condition_of(ec) == condition::permanent;
        const retry_policy& how = c.own.retry ? *c.own.retry : options_.retry;
        const auto wait = lasts ? std::nullopt : c.tries.failed(how, r.status, now, draw());
        // A pause that would outlast the deadline only hides what went wrong.
        if (!wait || now + *wait >= c.deadline)
            return end(c, ec, std::move(r), when);
        ++retried_;
        c.at = call::place::pause;
        c.last = std::make_unique<const status>(std::move(r.status));
        set_due(c, now + *wait);
    }

    // Connections.

    void connect()
    {
        const auto now = clock::now();
        if (!reconnects_.may(now)) {
            if (last_error_)
                fail_waiting();
            return arm(reconnects_.next());
        }
        ++connects_;
        current_ = std::make_shared<client_connection>(executor_, *this, to_, options_, tls_, keepalive_);
        current_->connect();
    }

    /// The server cannot be reached, and some do not want to wait until it can.
    void fail_waiting()
    {
        const bool lasts = condition_of(last_error_) == condition::permanent;
        std::vector<call*> leaving;
        for (call& c : queue_)
            if (lasts || (!c.own.wait_for_ready && c.resent == 0))
                leaving.push_back(&c);
        for (call& c : hopes_)
            if (lasts)
                leaving.push_back(&c);
        for (call* const c : leaving) {
            detach(*c);
            reply r;
            r.status = {status_code::unavailable, last_words_, {}};
            judge(*c, last_error_, std::move(r), call::delivery::later);
        }
    }

    void ready(client_connection&) override { pump(); }

    void proven(client_connection& which) override
    {
        last_error_ = {};
        last_words_.clear();
        if (&which == current_.get())
            fulfil_hopes();
        pump();
    }

    void draining(client_connection& which) override
    {
        if (which.session().goaway_code() == NGHTTP2_ENHANCE_YOUR_CALM)
            keepalive_ *= 2;  // it may be our pings that it cannot bear
        if (&which == current_.get())
            retire();
    }

    /// The connection takes no more streams: another one does, and at once if anybody is there.
    void retire()
    {
        note_end(*current_);
        draining_.push_back(std::exchange(current_, nullptr));
        if (streams_ != 0 || !queue_.empty() || !hopes_.empty())
            connect();
    }

    void note_end(const client_connection& c)
    {
        if (c.was_useful())
            reconnects_.succeeded();
        else
            reconnects_.failed(options_.reconnect, clock::now(), draw());
    }

    void closed(client_connection& which, error_code ec, std::string words) override
    {
        const auto held = which.shared_from_this();
        const bool ours = ec.category() == http::http_category();
        if (ours)
            words = ec.message() + (words.empty() ? "" : " (" + words + ')');
        words = http::authority(to_) + ": " + words;
        if (!ours)
            ec = status_code::unavailable;

        std::erase(draining_, held);
        const bool was_current = held == current_;
        if (was_current) {
            current_.reset();
            note_end(which);
            if (!which.is_proven()) {
                last_error_ = ec;
                last_words_ = words;
            }
        }
        while (client_stream* const s = which.session().next_lost()) {
            call& c = *static_cast<call*>(s->user);
            const bool untouched = !s->on_wire;
            give_back(c);
            if (untouched) {
                enqueue(c, true);
                continue;
            }
            reply r;
            r.status = {status_code::unavailable, words, {}};
            judge(c, ec, std::move(r), call::delivery::later);
        }
        if (was_current && last_error_)
            fail_waiting();
        pump();
    }

    // Time.

    void arm(steady_time at)
    {
        if (at >= wakes_at_)
            return;
        wakes_at_ = at;
        timer_.expires_at(at);
        timer_.async_wait([core = weak_from_this(), wake = ++wakes_](const error_code& ec) {
            const auto self = core.lock();
            if (!ec && self && self->wakes_ == wake && !self->closed_)
                self->woken();
        });
    }

    void woken()
    {
        wakes_at_ = steady_time::max();
        const auto now = clock::now();
        while (!calls_.empty() && calls_.begin()->due <= now) {
            call& c = *calls_.begin();
            if (c.deadline > now) {
                enqueue(c, false);
                set_due(c, c.deadline);
            } else {
                leave(c, status_code::deadline_exceeded, status_code::deadline_exceeded, late_words(c),
                    call::delivery::later);
            }
        }
        pump();
        if (!calls_.empty())
            arm(calls_.begin()->due);
    }

    [[nodiscard]] std::string late_words(const call& c) const
    {
        std::string words = "the deadline passed";
        switch (c.at) {
        case call::place::stream: words += " before the answer"; break;
        case call::place::hope:
        case call::place::queue:
            words += current_ && current_->can_start() ? "" : " without a connection that takes the call";
            if (!last_words_.empty())
                words += "; " + last_words_;
            break;
        case call::place::pause:
        case call::place::nowhere: break;
        }
        if (c.last)
            words += "; the attempt before ended with " + std::string(to_string(c.last->code)) + ": " + c.last->message;
        return words;
    }

    [[nodiscard]] double draw()
    {
        if (options_.draw)
            return options_.draw();
        if (!random_)
            random_.emplace(std::random_device{}());
        return std::uniform_real_distribution<double>(0, 1)(*random_);
    }

    boost::asio::any_io_executor executor_;
    http::origin to_;
    channel_options options_;
    std::string authority_{};
    http::detail::tls_source tls_;
    boost::asio::steady_timer timer_;
    std::chrono::milliseconds keepalive_;
    calls_by_time calls_{};
    call_queue queue_{};
    call_queue hopes_{};
    std::shared_ptr<client_connection> current_{};
    std::vector<std::shared_ptr<client_connection>> draining_{};
    reconnects reconnects_{};
    error_code last_error_{};
    std::string last_words_{};
    std::optional<std::minstd_rand> random_{};
    steady_time wakes_at_ = steady_time::max();
    std::uint64_t wakes_ = 0;
    std::uint64_t connects_ = 0;
    std::uint64_t resent_ = 0;
    std::uint64_t retried_ = 0;
    std::uint32_t streams_ = 0;
    bool closed_ = false;
};

}  // namespace mayfly::grpc::detail
