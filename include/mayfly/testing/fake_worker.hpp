// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/testing/manual_clock.hpp>
#include <mayfly/worker.hpp>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/basic_waitable_timer.hpp>
#include <boost/asio/compose.hpp>

#include <algorithm>
#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

namespace mayfly::testing {

/// How one call to a fake goes.
struct scripted_call {
    uptime takes{0};  ///< `never`: until it is cancelled or stopped.
    boost::system::error_code ec{};
    bool stubborn = false;  ///< Does not react to cancellation.
};

/// Something a fake worker lives through, `at` after its start.
struct scripted_change {
    uptime at{0};
    worker_activity activity{};
    boost::system::error_code ec{};  ///< With an error it fails for good.
};

/// One connection and its worker, from beginning to end.
struct scripted_session {
    scripted_call connect{};
    scripted_call start{};
    std::vector<scripted_change> changes{};  ///< In order of time.
    scripted_call drain{};
    scripted_call close{};
};

/// What was asked of a fake, at its time: `connect`, `start`, `drain`, `stop`, `close`, and `cancelled` after one of
/// them.
struct fake_call {
    uptime at{};
    std::string what{};

    friend bool operator==(const fake_call&, const fake_call&) = default;
};

struct fake_log {
    std::vector<fake_call> calls{};
    std::vector<connect_request> requests{};
    std::vector<deployment_version> versions{};  ///< Which each worker was made for.
    std::vector<uptime> drains{};                ///< How long each drain may take.
    int clients = 0;                             ///< Alive now.
    int workers = 0;                             ///< Alive now.

    void add(std::string what) { calls.push_back({manual_clock::now().time_since_epoch(), std::move(what)}); }

    /// The calls in a row, without their times.
    [[nodiscard]] std::string order() const
    {
        std::string out;
        for (const fake_call& c : calls)
            out += (out.empty() ? "" : " ") + c.what;
        return out;
    }

    /// When `what` was asked last; `never` if it was not.
    [[nodiscard]] uptime time_of(std::string_view what) const noexcept
    {
        const auto at =
            std::find_if(calls.rbegin(), calls.rend(), [what](const fake_call& c) { return c.what == what; });
        return at == calls.rend() ? never : at->at;
    }
};

namespace detail {

using fake_timer = boost::asio::basic_waitable_timer<manual_clock>;

/// Waits as long as the script says, then completes with what it says, and with `make()` after that.
template <class... Make>
struct fake_operation {
    std::shared_ptr<fake_timer> timer;
    scripted_call call;
    std::shared_ptr<fake_log> log;
    const char* what;
    std::tuple<Make...> make{};
    bool begun = false;

    template <class Self>
    void operator()(Self& self, boost::system::error_code ec = {})
    {
        fake_timer& t = *timer;  // self, and *this within it, is moved away below
        if (!std::exchange(begun, true)) {
            if (call.stubborn)
                self.reset_cancellation_state(boost::asio::disable_cancellation());
            if (call.takes == never)
                t.expires_at(manual_clock::time_point::max());
            else
                t.expires_after(call.takes);
            return t.async_wait(std::move(self));
        }
        if (ec && log)
            log->add(std::string(what) + " cancelled");
        ec = ec ? ec : call.ec;
        std::apply([&](auto&... m) { self.complete(ec, m(ec)...); }, make);
    }
};

template <class Token>
auto async_fake(const boost::asio::any_io_executor& ex, std::shared_ptr<fake_timer> timer, const scripted_call& call,
    std::shared_ptr<fake_log> log, const char* what, Token&& token)
{
    return boost::asio::async_compose<Token, void(boost::system::error_code)>(
        fake_operation<>{std::move(timer), call, std::move(log), what}, token, ex);
}

/// Counts itself in a log while it lives.
class fake_life {
public:
    fake_life(std::shared_ptr<fake_log> log, int fake_log::*count) : log_(std::move(log)), count_(count)
    {
        ++((*log_).*count_);
    }
    fake_life(fake_life&& o) noexcept : log_(std::exchange(o.log_, nullptr)), count_(o.count_) {}
    fake_life& operator=(fake_life&&) = delete;
    ~fake_life()
    {
        if (log_)
            --((*log_).*count_);
    }

private:
    std::shared_ptr<fake_log> log_;
    int fake_log::*count_;
};

}  // namespace detail

/// A `Worker` that follows a script and writes down what is asked of it.
class fake_worker {
public:
    fake_worker(
        boost::asio::any_io_executor ex, std::shared_ptr<const scripted_session> script, std::shared_ptr<fake_log> log)
        : ex_(ex),
          script_(std::move(script)),
          log_(log),
          life_(log, &fake_log::workers),
          call_(std::make_shared<detail::fake_timer>(ex)),
          watch_(std::make_shared<detail::fake_timer>(std::move(ex)))
    {}

    template <class Token>
    auto async_start(Token&& token)
    {
        log_->add("start");
        started_ = manual_clock::now() + (script_->start.takes == never ? uptime{} : script_->start.takes);
        return detail::async_fake(ex_, call_, script_->start, log_, "start", std::forward<Token>(token));
    }

    template <class Token>
    auto async_watch(Token&& token)
    {
        scripted_call next{.takes = never};
        if (shown_ < script_->changes.size()) {
            const scripted_change& c = script_->changes[shown_++];
            next = {.takes = std::max(uptime{}, started_ + c.at - manual_clock::now()), .ec = c.ec};
        }
        return detail::async_fake(ex_, watch_, next, nullptr, "watch", std::forward<Token>(token));
    }

    template <class Token>
    auto async_drain(uptime within, Token&& token)
    {
        log_->add("drain");
        log_->drains.push_back(within);
        return detail::async_fake(ex_, call_, script_->drain, log_, "drain", std::forward<Token>(token));
    }

    [[nodiscard]] worker_activity activity() const
    {
        worker_activity now{};
        for (const scripted_change& c : script_->changes)
            if (started_ + c.at <= manual_clock::now() && !c.ec)
                now = c.activity;
        return now;
    }

    void stop() noexcept
    {
        log_->add("stop");
        call_->cancel();
        watch_->cancel();
    }

private:
    boost::asio::any_io_executor ex_;
    std::shared_ptr<const scripted_session> script_;
    std::shared_ptr<fake_log> log_;
    detail::fake_life life_;
    std::shared_ptr<detail::fake_timer> call_;
    std::shared_ptr<detail::fake_timer> watch_;
    manual_clock::time_point started_{};
    std::size_t shown_ = 0;
};

static_assert(Worker<fake_worker>);

/// The client of a fake.
class fake_client {
public:
    fake_client(
        boost::asio::any_io_executor ex, std::shared_ptr<const scripted_session> script, std::shared_ptr<fake_log> log)
        : ex_(std::move(ex)), script_(std::move(script)), log_(log), life_(std::move(log), &fake_log::clients)
    {}

    [[nodiscard]] fake_worker make_worker(const resolved_options& options)
    {
        log_->versions.push_back(options.version());
        return {ex_, script_, log_};
    }

    template <class Token>
    auto async_close(Token&& token)
    {
        log_->add("close");
        return detail::async_fake(
            ex_, std::make_shared<detail::fake_timer>(ex_), script_->close, log_, "close", std::forward<Token>(token));
    }

private:
    boost::asio::any_io_executor ex_;
    std::shared_ptr<const scripted_session> script_;
    std::shared_ptr<fake_log> log_;
    detail::fake_life life_;
};

static_assert(WorkerClient<fake_client>);

/** A `Connector` on manual time whose connections follow a script, one session after the other; the last is repeated.

    Everything that is asked of it and of what it makes is in `log()`.
*/
class fake_connector {
public:
    using client_type = fake_client;

    explicit fake_connector(boost::asio::any_io_executor ex, std::vector<scripted_session> sessions = {{}})
        : ex_(std::move(ex)), log_(std::make_shared<fake_log>())
    {
        for (scripted_session& s : sessions)
            sessions_.push_back(std::make_shared<const scripted_session>(std::move(s)));
    }

    template <class Token>
    auto async_connect(connect_request request, Token&& token)
    {
        auto script = sessions_[std::min(log_->requests.size(), sessions_.size() - 1)];
        log_->add("connect");
        log_->requests.push_back(std::move(request));
        auto make = [ex = ex_, script, log = log_](boost::system::error_code ec) {
            return ec ? std::optional<client_type>{} : std::optional<client_type>{std::in_place, ex, script, log};
        };
        return boost::asio::async_compose<Token, void(boost::system::error_code, std::optional<client_type>)>(
            detail::fake_operation<decltype(make)>{
                std::make_shared<detail::fake_timer>(ex_), script->connect, log_, "connect", {std::move(make)}},
            token, ex_);
    }

    [[nodiscard]] std::string target() const { return "fake"; }
    [[nodiscard]] boost::asio::any_io_executor get_executor() const { return ex_; }
    [[nodiscard]] const fake_log& log() const noexcept { return *log_; }

private:
    boost::asio::any_io_executor ex_;
    std::shared_ptr<fake_log> log_;
    std::vector<std::shared_ptr<const scripted_session>> sessions_{};
};

static_assert(Connector<fake_connector>);

}  // namespace mayfly::testing
