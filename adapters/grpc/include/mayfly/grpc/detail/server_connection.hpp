// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/grpc/detail/link.hpp>
#include <mayfly/grpc/detail/server_session.hpp>
#include <mayfly/grpc/message.hpp>
#include <mayfly/grpc/server_call.hpp>
#include <mayfly/grpc/server_options.hpp>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/system/error_code.hpp>

#include <openssl/ssl.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace mayfly::grpc::detail {

using server_handler = std::function<boost::asio::awaitable<reply>(server_call)>;

/// What all connections of a server share.
struct server_shared {
    server_options options{};
    std::map<std::string, server_handler, std::less<>> handlers{};
    server_handler any{};
    std::shared_ptr<SSL_CTX> tls{};
};

/// One client's connection, and the handlers that run for it.
class server_connection final : public link_user, public std::enable_shared_from_this<server_connection> {
public:
    using error_code = boost::system::error_code;
    using clock = std::chrono::steady_clock;
    using tcp = boost::asio::ip::tcp;

    /// `gone(this)` is called once, when it is closed and no handler runs any more.
    server_connection(boost::asio::any_io_executor executor, std::shared_ptr<const server_shared> shared,
        std::function<void(server_connection&)> gone)
        : shared_(std::move(shared)),
          gone_(std::move(gone)),
          timer_(executor),
          link_(std::make_shared<link>(std::move(executor))),
          session_({.max_streams = shared_->options.max_streams,
                       .stream_window = shared_->options.stream_window,
                       .connection_window = shared_->options.connection_window,
                       .header_list = shared_->options.header_limit},
              {shared_->options.receive_limit, shared_->options.header_limit,
                  std::max(shared_->options.held_limit, shared_->options.receive_limit)})
    {}

    server_connection(const server_connection&) = delete;
    server_connection& operator=(const server_connection&) = delete;
    ~server_connection() { link_->abandon(); }

    void start(tcp::socket socket, const tcp::endpoint& peer)
    {
        peer_ = peer;
        begun_ = idle_since_ = clock::now();
        link_->stream().lowest() = std::move(socket);
        look_after();
        if (!shared_->tls)
            return link_->run(*this, session_);
        link_->stream().async_accept(link_, shared_->tls.get(), [self = shared_from_this()](const error_code& ec) {
            if (ec || self->closed_)
                return self->close();
            self->link_->run(*self, self->session_);
        });
    }

    /// Takes no more calls, ends those it has, and closes then.
    void leave()
    {
        if (closed_ || leaving_)
            return;
        leaving_ = true;
        if (!talked_)
            return close();
        session_.leave(false);
        session_.ping();  // what was under way to us has come when its answer has
        left_at_ = clock::now();
        link_->flush_soon();
        look_after();
    }

    /// Closes at once, and cancels what runs.
    void close()
    {
        if (std::exchange(closed_, true))
            return;
        const auto self = shared_from_this();
        timer_.cancel();
        link_->abandon();
        std::vector<std::shared_ptr<running>> all;
        for (const auto& [id, r] : running_)
            all.push_back(r);
        for (const auto& r : all)
            r->cancel.emit(boost::asio::cancellation_type::terminal);
        // Outside of the executor that only posts the emission, and a handler may end before it comes: what it looks at
        // stays until then.
        boost::asio::post(link_->executor(), [held = std::move(all)] {});
        end_if_empty();
    }

private:
    struct running {
        boost::asio::cancellation_signal cancel{};
        clock::time_point deadline = clock::time_point::max();
    };

    // link_user
    bool came(std::string_view bytes) override
    {
        const bool sense = session_.feed(bytes, clock::now());
        const bool begins = session_.proven() && !std::exchange(talked_, true);
        while (auto call = session_.next_arrived())
            serve(*std::move(call));
        while (const auto id = session_.next_gone())
            cancel(*id);
        if (session_.take_pong() && leaving_ && !std::exchange(left_, true))
            session_.leave(true);
        note_idle();
        if (begins)
            look_after();
        return sense;
    }

    void wrote() override { note_idle(); }

    void stalls() override
    {
        if (const auto end = after(link_->stalled(), shared_->options.write_timeout); end < wakes_at_)
            wait_until(end);
    }

    void lost(error_code, std::string) override { close(); }

    void serve(arrived_call call)
    {
        // Clients that reset their calls do not get more handlers that way, nor more answers that take none of them.
        if (running_.size() >= shared_->options.max_streams || session_.going() > shared_->options.held_limit)
            return session_.refuse(call.id);
        const auto at = shared_->handlers.find(call.request.path);
        const server_handler* const handler = at != shared_->handlers.end() ? &at->second
                                              : shared_->any                ? &shared_->any
                                                                            : nullptr;
        if (!handler)
            return answer(call.id, status_code::unimplemented, "there is no method " + shown(call.request.path));
        if (call.timeout && call.timeout->count() <= 0)
            return answer(call.id, status_code::deadline_exceeded, "the deadline had passed before the call came");

        auto entry = std::make_shared<running>();
        running& r = *entry;
        server_call c{std::move(call.request), std::move(call.authority), std::nullopt, peer_};
        if (call.timeout) {
            const auto now = clock::now();
            r.deadline =
                *call.timeout < clock::time_point::max() - now ? now + *call.timeout : clock::time_point::max();
            c.deadline = r.deadline;
        }
        const std::uint64_t key = ++last_key_;
        keys_[call.id] = key;
        running_.emplace(key, std::move(entry));
        if (r.deadline < wakes_at_)
            wait_until(r.deadline);
        boost::asio::co_spawn(link_->executor(), (*handler)(std::move(c)),
            boost::asio::bind_cancellation_slot(
                r.cancel.slot(), [self = shared_from_this(), key, id = call.id](std::exception_ptr failure, reply out) {
                    self->finished(key, id, failure, std::move(out));
                }));
    }

    void finished(std::uint64_t key, std::int32_t id, const std::exception_ptr& failure, reply out)
    {
        running_.erase(key);
        if (const auto at = keys_.find(id); at != keys_.end() && at->second == key)
            keys_.erase(at);
        if (closed_)
            return end_if_empty();
        if (failure)
            answer(id, status_code::internal, "the handler of this call failed");
        else if (auto wrong = problem_of(out.metadata); wrong || (wrong = problem_of(out.trailers)))
            answer(id, status_code::internal, *wrong);
        else
            session_.respond(id, std::move(out));
        link_->flush_soon();
        note_idle();
    }

    void answer(std::int32_t id, status_code code, std::string words)
    {
        reply r;
        r.status = {code, std::move(words), {}};
        session_.respond(id, std::move(r));
    }

    /// The client does not want an answer any more.
    void cancel(std::int32_t id)
    {
        const auto at = keys_.find(id);
        if (at == keys_.end())
            return;
        const auto found = running_.find(at->second);
        keys_.erase(at);
        if (found == running_.end())
            return;
        const std::shared_ptr<running> r = found->second;
        r->cancel.emit(boost::asio::cancellation_type::terminal);
    }

    void end_if_empty()
    {
        if (running_.empty() && gone_)
            std::exchange(gone_, nullptr)(*this);
    }

    void note_idle()
    {
        const bool busy = !running_.empty() || session_.open() != 0;
        if (!busy && idle_since_ == clock::time_point::max()) {
            idle_since_ = clock::now();
            look_after();
        } else if (busy)
            idle_since_ = clock::time_point::max();
    }

    // Time.

    static clock::time_point after(clock::time_point from, std::chrono::milliseconds limit)
    {
        return limit.count() <= 0 || from == clock::time_point::max() ? clock::time_point::max() : from + limit;
    }

    void look_after()
    {
        if (closed_)
            return;
        const auto now = clock::now();
        const auto& o = shared_->options;
        expire(now);
        const auto grace = left_at_ == clock::time_point{} ? clock::time_point::max() : left_at_;
        if (now >= after(link_->stalled(), o.write_timeout) || now >= after(grace, o.age_grace) ||
            (!talked_ && now >= after(begun_, o.handshake_timeout)))
            return close();
        if (leaving_ && !left_ && now >= left_at_ + std::chrono::seconds(1)) {
            left_ = true;
            session_.leave(true);
            link_->flush_soon();
        }
        if (!leaving_ && (now >= after(begun_, o.max_age) || now >= after(idle_since_, o.idle_timeout)))
            return leave();
        auto quiet = clock::time_point::max();
        if (talked_ && o.keepalive_interval.count() > 0) {
            const bool asked = pinged_ > link_->heard();
            quiet = asked ? after(pinged_, o.keepalive_timeout) : link_->heard() + o.keepalive_interval;
            if (now >= quiet && asked)
                return close();
            if (now >= quiet) {
                pinged_ = now;
                session_.ping();
                link_->flush_soon();
                quiet = after(pinged_, o.keepalive_timeout);
            }
        }
        auto next = std::min({quiet, after(link_->stalled(), o.write_timeout), after(grace, o.age_grace)});
        if (!talked_)
            next = std::min(next, after(begun_, o.handshake_timeout));
        if (leaving_ && !left_)
            next = std::min(next, left_at_ + std::chrono::seconds(1));
        if (!leaving_)
            next = std::min({next, after(begun_, o.max_age), after(idle_since_, o.idle_timeout)});
        for (const auto& [id, r] : running_)
            next = std::min(next, r->deadline);
        wait_until(next);
    }

    void wait_until(clock::time_point at)
    {
        wakes_at_ = at;
        if (at == clock::time_point::max())
            return;
        timer_.expires_at(at);
        timer_.async_wait([self = weak_from_this()](const error_code& ec) {
            if (const auto me = self.lock(); me && !ec)
                me->look_after();
        });
    }

    /// Calls whose deadline has passed are answered for, and their handlers cancelled.
    void expire(clock::time_point now)
    {
        std::vector<std::int32_t> late;
        for (const auto& [id, key] : keys_)
            if (const auto r = running_.find(key); r != running_.end() && r->second->deadline <= now)
                late.push_back(id);
        for (const std::int32_t id : late) {
            answer(id, status_code::deadline_exceeded, "the deadline passed before the answer");
            running_.at(keys_.at(id))->deadline = clock::time_point::max();
            cancel(id);
        }
        if (!late.empty())
            link_->flush_soon();
    }

    std::shared_ptr<const server_shared> shared_;
    std::function<void(server_connection&)> gone_;
    tcp::endpoint peer_{};
    boost::asio::steady_timer timer_;
    std::shared_ptr<link> link_;
    server_session session_;
    std::map<std::uint64_t, std::shared_ptr<running>> running_{};
    std::map<std::int32_t, std::uint64_t> keys_{};
    std::uint64_t last_key_ = 0;
    clock::time_point begun_{};
    clock::time_point idle_since_{};
    clock::time_point left_at_{};
    clock::time_point pinged_{};
    clock::time_point wakes_at_ = clock::time_point::max();
    bool talked_ = false;
    bool leaving_ = false;  ///< Has been told to.
    bool left_ = false;     ///< Has told the client which calls were its last.
    bool closed_ = false;
};

}  // namespace mayfly::grpc::detail
