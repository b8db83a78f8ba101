// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/clock.hpp>
#include <mayfly/grpc/server.hpp>
#include <mayfly/temporal/embedded/engine_records.hpp>
#include <mayfly/temporal/embedded/methods.hpp>
#include <mayfly/temporal/embedded/queue_source.hpp>
#include <mayfly/temporal/embedded/state_file.hpp>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/basic_waitable_timer.hpp>
#include <boost/asio/cancellation_type.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/system/errc.hpp>
#include <boost/system/error_code.hpp>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

namespace mayfly::temporal {

struct embedded_options {
    std::string address = "127.0.0.1";  ///< An IPv4 or IPv6 address to listen on.
    std::uint16_t port = 0;             ///< 0: any free one.
    std::vector<std::string> namespaces{"default"};
    embedded::limits limits{};
    std::uint64_t seed = 0;  ///< Of ids and tokens; 0: another one each time.

    /// For tests: time jumps to the next timer, retry or timeout whenever somebody waits for a result and until then
    /// nothing would happen. A workflow of thirty days ends in milliseconds. What is closed is not forgotten then.
    bool skip_time = false;

    /// Where to keep what was accepted, so that the next service with the same file goes on from there. Empty: all is
    /// in memory only. Workflows, their histories and their activities always are: with a file, too, the next service
    /// knows nothing of them.
    std::string state_file{};
    embedded::state_file_options state_options{};

    /// Called for every task that is added to a queue, with what became of it; and for workers that come and go. From
    /// the executor, after the call or the moment that brought it about. They may use the service, but not destroy it.
    std::function<void(const embedded::add_event&)> on_added{};
    std::function<void(const embedded::worker_event&)> on_worker{};
    /// Called once, with a sentence, when the state file cannot be written any more. From then on every call is
    /// refused: but for workflows, which no restart finds, nothing is accepted that a restart would not find.
    std::function<void(const std::string&)> on_failed{};
};

namespace detail {

/// Lives for as long as a handler runs.
template <DeadlineClock C>
class embedded_core : public std::enable_shared_from_this<embedded_core<C>> {
public:
    using error_code = boost::system::error_code;

    embedded_core(boost::asio::any_io_executor executor, embedded_options options)
        : options_(std::move(options)),
          engine_(options_.limits, options_.seed != 0 ? options_.seed : random_seed()),
          executor_(executor),
          timer_(executor)
    {
        for (const std::string& name : options_.namespaces)
            engine_.make_namespace(name, std::chrono::hours(options_.skip_time ? 24 * 365 * 100 : 24));
    }

    [[nodiscard]] const embedded::engine& engine() const noexcept { return engine_; }
    [[nodiscard]] const embedded_options& options() const noexcept { return options_; }
    [[nodiscard]] const boost::asio::any_io_executor& executor() const noexcept { return executor_; }
    [[nodiscard]] bool stopped() const noexcept { return stopped_; }

    [[nodiscard]] embedded::moment now() const
    {
        const auto at = C::now();
        const auto since_epoch = std::chrono::duration_cast<uptime>(at - C::from_wall(wall_time{}));
        return {std::chrono::duration_cast<uptime>(at - begun_) + skipped_,
            std::chrono::sys_time<uptime>(since_epoch + skipped_)};
    }

    boost::asio::awaitable<grpc::reply> handle(grpc::server_call call)
    {
        namespace asio = boost::asio;
        const auto self = this->shared_from_this();
        const embedded::ticket id = ++last_ticket_;
        const std::shared_ptr<waiting> entry = begin(id, call);
        if (!entry->got) {
            entry->wake.emplace(executor_, asio::steady_timer::time_point::max());
            error_code ignored;
            co_await entry->wake->async_wait(asio::redirect_error(asio::use_awaitable, ignored));
        }
        waiting_.erase(id);
        const auto state = co_await asio::this_coro::cancellation_state;
        if (state.cancelled() == asio::cancellation_type::none && entry->got) {
            grpc::reply r;
            r.status = std::move(entry->got->status);
            r.message = std::move(entry->got->message);
            co_return r;
        }
        // Nobody is there for the answer: the poll leaves its place, and what it may have been given goes back.
        const embedded::moment at = now();
        engine_.leave(id, at);
        if (entry->got && entry->got->task)
            engine_.give_back(*entry->got->task, at);
        deliver();
        co_return grpc::reply{};
    }

    /// Goes on from the state file. What is wrong with that; empty if nothing.
    [[nodiscard]] std::string load()
    {
        if (options_.state_file.empty() || state_.is_open())
            return {};
        const auto found = state_.open(options_.state_file, options_.state_options);
        if (!found)
            return found.error();
        embedded::engine_records::begin(engine_);
        if (!embedded::engine_records::restore(engine_, found->found, now())) {
            state_.close();
            return options_.state_file + " holds what this version of mayfly does not understand. It is left as it is: "
                                         "use the version that wrote it, or give another name";
        }
        arm();
        return {};
    }

    /// All calls that wait are answered with nothing, and so are those that would.
    void stop()
    {
        if (std::exchange(stopped_, true))
            return;
        timer_.cancel();
        for (const auto& [id, entry] : std::unordered_map(waiting_))
            if (!entry->got) {
                engine_.leave(id, now());
                entry->answer({id, {}, {}, {}});
            }
    }

private:
    struct waiting {
        std::optional<boost::asio::steady_timer> wake{};
        std::optional<embedded::answer> got{};

        void answer(embedded::answer a)
        {
            got = std::move(a);
            if (wake)
                wake->cancel();
        }
    };

    static std::uint64_t random_seed()
    {
        std::random_device device;
        return (std::uint64_t{device()} << 32) | device();
    }

    [[nodiscard]] std::shared_ptr<waiting> begin(embedded::ticket id, const grpc::server_call& call)
    {
        embedded::caller who;
        who.now = now();
        if (call.deadline)
            who.deadline =
                who.now.at + std::chrono::duration_cast<uptime>(*call.deadline - std::chrono::steady_clock::now());
        who.client_name = call.request.metadata.get("client-name").value_or("");
        who.client_version = call.request.metadata.get("client-version").value_or("");
        auto entry = std::make_shared<waiting>();
        waiting_.emplace(id, entry);
        engine_.advance(who.now);
        embedded::serve(engine_, id, call.request.path, call.request.message, who);
        deliver();
        if (stopped_ && !entry->got) {
            engine_.leave(id, who.now);
            entry->answer({id, {}, {}, {}});
        }
        return entry;
    }

    /// After everything that was done with the engine: brings answers and news to where they belong.
    void deliver()
    {
        embedded::outputs out = engine_.take_outputs();
        const bool failed = state_.is_open() && !keep(out.answers);
        for (embedded::answer& a : out.answers)
            if (const auto at = waiting_.find(a.id); at != waiting_.end()) {
                const std::shared_ptr<waiting> entry = at->second;
                entry->answer(std::move(a));
            }
        arm();
        for (const auto& e : out.added)
            if (options_.on_added)
                options_.on_added(e);
        for (const auto& e : out.workers)
            if (options_.on_worker)
                options_.on_worker(e);
        if (failed && !std::exchange(told_, true) && options_.on_failed)
            options_.on_failed(failed_);
    }

    /// What changed is written before anybody hears of it. If it cannot be, nobody hears anything else, either.
    [[nodiscard]] bool keep(std::vector<embedded::answer>& answers)
    {
        embedded::records changed;
        embedded::engine_records::take_changes(engine_, changed);
        if (failed_.empty())
            failed_ = state_.append(changed);
        if (failed_.empty() && state_.wants_compaction()) {
            changed.clear();
            embedded::engine_records::all(engine_, changed);
            // If it cannot be written anew, the file grows on.
            static_cast<void>(state_.compact(changed));
        }
        if (failed_.empty())
            return true;
        for (embedded::answer& a : answers) {
            a.status = {grpc::status_code::unavailable, "the service cannot keep its state: " + failed_, {}};
            a.message.clear();
        }
        return false;
    }

    void arm()
    {
        if (stopped_)
            return;
        uptime next = engine_.next_event();
        if (const uptime jump = options_.skip_time ? engine_.next_jump() : never; jump != never) {
            skipped_ += std::max(jump - now().at, uptime::zero());
            next = std::min(next, now().at);
            armed_ = never;
        }
        if (next == never || next >= armed_)
            return;
        armed_ = next;
        timer_.expires_at(begun_ + std::chrono::duration_cast<typename C::duration>(next - skipped_));
        timer_.async_wait([weak = this->weak_from_this()](const error_code& ec) {
            const auto self = weak.lock();
            if (!self || ec || self->stopped_)
                return;
            self->armed_ = never;
            self->engine_.advance(self->now());
            self->deliver();
        });
    }

    embedded_options options_;
    embedded::engine engine_;
    boost::asio::any_io_executor executor_;
    boost::asio::basic_waitable_timer<C> timer_;
    typename C::time_point begun_ = C::now();
    std::unordered_map<embedded::ticket, std::shared_ptr<waiting>> waiting_{};
    embedded::ticket last_ticket_ = 0;
    uptime armed_ = never;
    uptime skipped_{};  // By which its time is ahead of the clock's.
    bool stopped_ = false;
    embedded::state_file state_{};
    std::string failed_{};  // Why nothing is accepted any more; empty if all is well.
    bool told_ = false;
};

}  // namespace detail

/** A Temporal service for development and tests, in this process: clients and workers of any language talk to it as
   they do to a server.

    It serves namespaces, workflows, standalone activities, task queues, worker heartbeats and worker deployments; not
   schedules, Nexus and batches. Workflows are in memory only and end with it, unfinished ones too; the rest is in a
   state file as well, if there is to be one. It runs on the clock `C`, which may be a manual one. Used from one thread
   or strand, which its executor is. It may go at any time.
*/
template <DeadlineClock C>
class basic_embedded_service {
public:
    using error_code = boost::system::error_code;

    explicit basic_embedded_service(boost::asio::any_io_executor executor, embedded_options options = {})
        : core_(std::make_shared<detail::embedded_core<C>>(executor, std::move(options))),
          server_(executor, server_options_of(core_->options()))
    {
        server_.handle_others([core = core_](grpc::server_call call) { return core->handle(std::move(call)); });
    }

    basic_embedded_service(basic_embedded_service&&) noexcept = default;
    basic_embedded_service& operator=(basic_embedded_service&&) = delete;
    ~basic_embedded_service()
    {
        if (core_)
            core_->stop();
    }

    /// Reads the state file if there is to be one, opens the port and begins to serve. Called once. On failure nothing
    /// is left open.
    [[nodiscard]] error_code listen()
    {
        problem_ = core_->load();
        return problem_.empty() ? server_.listen() : make_error_code(boost::system::errc::io_error);
    }
    /// What is wrong with the state file, if `listen` failed for that; else empty.
    [[nodiscard]] const std::string& problem() const noexcept { return problem_; }
    [[nodiscard]] std::uint16_t port() const noexcept { return server_.port(); }

    /// What it knows, for reading.
    [[nodiscard]] const embedded::engine& engine() const noexcept { return core_->engine(); }
    [[nodiscard]] embedded::moment now() const { return core_->now(); }

    /// For a controller in this process. It may be kept for longer than the service; once that has been stopped, its
    /// reads fail with `operation_aborted`.
    [[nodiscard]] embedded::queue_source queue_source(std::string name_space = "default")
    {
        return {core_->executor(),
            [weak = std::weak_ptr(core_), name = std::move(name_space)](
                const deployment_version& version, uptime asked) -> std::optional<queue_reading> {
                const auto core = weak.lock();
                if (!core || core->stopped())
                    return std::nullopt;
                const embedded::moment now = core->now();
                return embedded::read_queues(core->engine(), name, version, now, asked - now.at);
            }};
    }

    /** Stops gracefully: `void(error_code)`.

        Polls and other calls that wait are answered with nothing at once; the others end. Completes when no connection
        is left. Cancelling this (any type) ends the waiting, not the stopping.
    */
    template <class Token>
    auto async_stop(Token&& token)
    {
        core_->stop();
        return server_.async_stop(std::forward<Token>(token));
    }

private:
    static grpc::server_options server_options_of(const embedded_options& o)
    {
        grpc::server_options out;
        out.address = o.address;
        out.port = o.port;
        // Whoever waits for thousands of results does so on one connection.
        out.max_streams = 100'000;
        return out;
    }

    std::shared_ptr<detail::embedded_core<C>> core_;
    grpc::server server_;
    std::string problem_{};
};

/// On the machine's own clocks.
using embedded_service = basic_embedded_service<deadline_clock>;

}  // namespace mayfly::temporal
