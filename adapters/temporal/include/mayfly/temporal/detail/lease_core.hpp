// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/clock.hpp>
#include <mayfly/temporal/activity_requests.hpp>
#include <mayfly/temporal/connection.hpp>
#include <mayfly/temporal/detail/lease_term.hpp>
#include <mayfly/temporal/detail/requests.hpp>
#include <mayfly/temporal/detail/unique_key.hpp>
#include <mayfly/temporal/rpc_error.hpp>

#include <boost/asio/basic_waitable_timer.hpp>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/cancellation_type.hpp>
#include <boost/asio/post.hpp>
#include <boost/system/error_code.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>

namespace mayfly::temporal {

struct lease_options {
    std::string name = "mayfly-controller";  ///< Who uses the same name competes for the same lease.
    std::string holder{};                    ///< Who this is to people; empty: the connection's identity.
    uptime heartbeat_every = std::chrono::seconds{1};
    uptime lost_after = std::chrono::seconds{5};  ///< The server gives it to another so long after the last heartbeat.
};

/// It is held now, or is not any more, or something stands in the way of that.
struct lease_change {
    bool leads = false;
    std::string words{};  ///< Why, for people.
};

}  // namespace mayfly::temporal

namespace mayfly::temporal::detail {

/// Seeks, proves, holds and lets go. Lives for as long as a call is under way.
template <DeadlineClock C>
class lease_core : public std::enable_shared_from_this<lease_core<C>> {
public:
    using error_code = boost::system::error_code;
    using handler = std::function<void(const lease_change&)>;

    lease_core(std::shared_ptr<connection> on, lease_options o)
        : on_(std::move(on)), options_(std::move(o)), beat_(on_->get_executor()), end_(on_->get_executor())
    {
        if (options_.holder.empty())
            options_.holder = on_->options().identity;
    }

    [[nodiscard]] bool leads() const { return phase_ == phase::leading && term_.holds(now()); }

    void begin(handler tell)
    {
        tell_ = std::move(tell);
        told_.clear();
        seek();
    }

    /// Lets go, then calls `over` once, from the executor.
    void end(std::function<void()> over)
    {
        over_ = std::move(over);
        const phase before = std::exchange(phase_, phase::ending);
        beat_.cancel();
        end_.cancel();
        recall();
        if (before == phase::leading)
            tell({false, "let go of the lease"});
        if (before == phase::leading || before == phase::proving)
            release(std::exchange(token_, {}));
        maybe_over();
    }

private:
    using clock_timer = boost::asio::basic_waitable_timer<C>;

    enum class phase : std::uint8_t { idle, seeking, waiting, proving, leading, ending };

    // A poll is given up often enough to see whether there still is something to wait for; and one that a frozen
    // process has left at the server is soon nobody's.
    static constexpr std::chrono::milliseconds poll_for{10'000};
    static constexpr std::chrono::milliseconds seek_again{1'000};
    static constexpr std::chrono::milliseconds release_within{2'000};

    [[nodiscard]] static uptime now() { return std::chrono::duration_cast<uptime>(C::now().time_since_epoch()); }
    [[nodiscard]] static typename C::time_point at(uptime t)
    {
        return typename C::time_point{std::chrono::duration_cast<typename C::duration>(t)};
    }

    void tell(lease_change change)
    {
        told_ = change.words;
        if (tell_)
            tell_(change);
    }
    /// The same trouble is told once.
    void tell_trouble(std::string words)
    {
        in_the_way_ = true;
        if (words != told_)
            tell({false, std::move(words)});
    }

    template <class Request, class Response, class Then>
    void call(
        const method<Request, Response>& what, const Request& request, std::chrono::milliseconds within, Then then)
    {
        ++calls_;
        auto cancel = std::make_shared<boost::asio::cancellation_signal>();
        under_way_ = cancel;
        rpc_options own;
        own.timeout = within;
        own.retry = grpc::retry_policy::none();
        const auto slot = cancel->slot();
        on_->async_call(what, request, std::move(own),
            boost::asio::bind_cancellation_slot(
                slot, [self = this->shared_from_this(), cancel = std::move(cancel), then = std::move(then)](
                          error_code ec, rpc_reply<Response> reply) mutable {
                    if (self->under_way_ == cancel)
                        self->under_way_.reset();
                    then(ec, std::move(reply));
                    --self->calls_;
                    self->maybe_over();
                }));
    }

    void recall()
    {
        if (const auto cancel = under_way_)
            cancel->emit(boost::asio::cancellation_type::terminal);
    }

    void maybe_over()
    {
        if (phase_ != phase::ending || calls_ > 0 || !over_)
            return;
        phase_ = phase::idle;
        tell_ = nullptr;
        boost::asio::post(on_->get_executor(), std::exchange(over_, nullptr));
    }

    void after(uptime wait, void (lease_core::*what)())
    {
        beat_.expires_at(at(now() + wait));
        beat_.async_wait([weak = this->weak_from_this(), what](error_code ec) {
            if (const auto self = weak.lock(); self && !ec && self->phase_ != phase::ending)
                ((*self).*what)();
        });
    }

    void seek()
    {
        phase_ = phase::seeking;
        start(false);
    }

    /// Sees to it that there is an activity. A new one begins when nobody can believe any more that he still holds
    /// another, which the server may have forgotten: a start finds it ended, or does not find it.
    void start(bool anew)
    {
        start_options o;
        o.task_queue = options_.name;
        o.start_to_close = std::chrono::hours{24 * 3650};
        o.heartbeat = options_.lost_after;
        o.retry = activity_retry{.initial_interval = std::chrono::milliseconds{100},
            .backoff = 1,
            .maximum_interval = std::chrono::milliseconds{100}};
        o.reuse = anew ? id_reuse::allow : id_reuse::reject;
        o.conflict = id_conflict::use_existing;
        o.start_delay = options_.lost_after;
        auto request = start_request("mayfly.lease", o);
        request.set_namespace_(on_->options().name_space);
        request.set_identity(options_.holder);
        request.set_activity_id(options_.name);
        request.set_request_id(unique_key());
        call(methods::start_activity_execution, request, std::chrono::seconds{5},
            [this, anew](error_code ec, const rpc_reply<api::StartActivityExecutionResponse>& reply) {
                if (phase_ != phase::seeking)
                    return;
                if (!ec)
                    return poll();
                if (!anew && reply.status.code == grpc::status_code::already_exists)
                    return start(true);
                no_lease(reply.status);
            });
    }

    void no_lease(const grpc::status& why)
    {
        std::string words = "cannot seek the lease \"" + options_.name + "\": " + describe(why);
        if (why.code == grpc::status_code::unimplemented)
            words += "; it needs a server with standalone activities, Temporal 1.32 or newer";
        tell_trouble(std::move(words));
        phase_ = phase::seeking;
        after(seek_again, &lease_core::seek);
    }

    void poll()
    {
        phase_ = phase::waiting;
        auto request = request_for<api::PollActivityTaskQueueRequest>(*on_);
        request.set_identity(options_.holder);
        request.mutable_task_queue()->set_name(options_.name);
        call(methods::poll_activity_task_queue, request, poll_for,
            [this](error_code ec, rpc_reply<api::PollActivityTaskQueueResponse> reply) {
                std::string token = ec ? std::string() : std::move(*reply.value.mutable_task_token());
                if (phase_ != phase::waiting) {
                    if (!token.empty())
                        release(std::move(token));
                    return;
                }
                if (!token.empty())
                    return prove(std::move(token));
                if (ec && reply.status.code != grpc::status_code::deadline_exceeded)
                    return no_lease(reply.status);
                if (std::exchange(in_the_way_, false))
                    tell({});
                seek();
            });
    }

    /// When the task was given away is not known here: it may have lain in a buffer while this process was frozen. So a
    /// first heartbeat has to be answered.
    void prove(std::string token)
    {
        phase_ = phase::proving;
        token_ = std::move(token);
        term_ = lease_term(options_.heartbeat_every, options_.lost_after);
        beat();
    }

    void beat()
    {
        const uptime sent = now();
        if (phase_ == phase::leading && !term_.holds(sent))
            return step_down();
        auto request = request_for<api::RecordActivityTaskHeartbeatRequest>(*on_);
        request.set_identity(options_.holder);
        request.set_task_token(token_);
        const auto patience = std::chrono::ceil<std::chrono::milliseconds>(term_.patience());
        call(methods::record_activity_task_heartbeat, request, patience,
            [this, sent, token = token_](
                error_code ec, const rpc_reply<api::RecordActivityTaskHeartbeatResponse>& reply) {
                if (token != token_ || (phase_ != phase::proving && phase_ != phase::leading))
                    return;
                if (!ec)
                    return heard(sent, reply.value);
                trouble_ = describe(reply.status);
                const bool proving = phase_ == phase::proving;
                const bool gone = reply.status.code == grpc::status_code::not_found;
                if (gone && proving)  // It had lain in a buffer until it was lost.
                    return lose({});
                if (gone)
                    return lose("the lease is not held any more: " + trouble_);
                if (proving) {
                    lose("the lease cannot be held: " + trouble_);
                    return release(token);
                }
                after(term_.next_beat(sent) - now(), &lease_core::beat);
            });
    }

    void heard(uptime sent, const api::RecordActivityTaskHeartbeatResponse& said)
    {
        if (said.cancel_requested() || said.activity_paused() || said.activity_reset()) {
            const char* const what = said.cancel_requested()  ? "cancelled"
                                     : said.activity_paused() ? "paused"
                                                              : "reset";
            const bool cancelled = said.cancel_requested();
            std::string token = std::exchange(token_, {});
            lose(std::string("somebody has ") + what + " the activity \"" + options_.name + "\", which is the lease");
            return cancelled ? confirm_cancel(token) : release(std::move(token));
        }
        term_.answered(sent);
        if (!term_.holds(now()))
            return step_down();
        in_the_way_ = false;
        const bool first = std::exchange(phase_, phase::leading) == phase::proving;
        watch_end();
        after(term_.next_beat(sent) - now(), &lease_core::beat);
        if (first)
            tell({true, "holds the lease \"" + options_.name + '"'});
    }

    void watch_end()
    {
        end_.expires_at(at(term_.ends()));
        end_.async_wait([weak = this->weak_from_this()](error_code ec) {
            const auto self = weak.lock();
            if (self && !ec && self->phase_ == phase::leading && !self->term_.holds(now()))
                self->step_down();
        });
    }

    void step_down()
    {
        std::string token = std::exchange(token_, {});
        lose("no heartbeat of the lease has been answered in time" + (trouble_.empty() ? "" : ": " + trouble_));
        // Nothing is done as a leader any more, so the next one need not wait until the server gives up on this one.
        release(std::move(token));
    }

    void lose(std::string words)
    {
        const phase before = std::exchange(phase_, phase::seeking);
        token_.clear();
        beat_.cancel();
        end_.cancel();
        recall();
        uptime wait = std::chrono::milliseconds{100};
        if (before == phase::leading) {
            tell({false, std::move(words)});
        } else if (!words.empty()) {
            tell_trouble(std::move(words));
            wait = seek_again;
        }
        trouble_.clear();
        if (phase_ == phase::seeking)  // `tell` may have ended it
            after(wait, &lease_core::seek);
    }

    /// Fails the attempt, so that the server gives it to the next who waits.
    void release(std::string token)
    {
        auto request = request_for<api::RespondActivityTaskFailedRequest>(*on_);
        request.set_identity(options_.holder);
        request.set_task_token(std::move(token));
        auto& failure = *request.mutable_failure();
        failure.set_message(options_.holder + " has let go of the lease");
        failure.mutable_application_failure_info()->set_type("mayfly.LeaseReleased");
        call(methods::respond_activity_task_failed, request, release_within, [](error_code, const auto&) {});
    }
    void confirm_cancel(std::string token)
    {
        auto request = request_for<api::RespondActivityTaskCanceledRequest>(*on_);
        request.set_identity(options_.holder);
        request.set_task_token(std::move(token));
        call(methods::respond_activity_task_canceled, request, release_within, [](error_code, const auto&) {});
    }

    std::shared_ptr<connection> on_;
    lease_options options_;
    clock_timer beat_;
    clock_timer end_;
    handler tell_{};
    std::function<void()> over_{};
    std::shared_ptr<boost::asio::cancellation_signal> under_way_{};
    std::size_t calls_ = 0;
    phase phase_ = phase::idle;
    std::string token_{};
    lease_term term_{};
    std::string trouble_{};  // What the last heartbeat met that was not answered.
    std::string told_{};
    bool in_the_way_ = false;  // What was told as trouble, and not yet that it is over.
};

}  // namespace mayfly::temporal::detail
