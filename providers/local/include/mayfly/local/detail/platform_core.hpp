// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/clock.hpp>
#include <mayfly/http/spawn.hpp>
#include <mayfly/local/concurrency.hpp>
#include <mayfly/local/detail/ids.hpp>
#include <mayfly/local/error.hpp>
#include <mayfly/local/event_queue.hpp>
#include <mayfly/local/function.hpp>
#include <mayfly/local/invoke.hpp>
#include <mayfly/local/memory.hpp>
#include <mayfly/local/platform_options.hpp>
#include <mayfly/local/sandbox.hpp>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/system/error_code.hpp>
#include <boost/system/result.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace mayfly::local::detail {

/// What a platform is behind its handle. Shared with its own coroutines.
class platform_core : public std::enable_shared_from_this<platform_core> {
public:
    using error_code = boost::system::error_code;
    using clock = std::chrono::steady_clock;
    template <class T>
    using awaitable = boost::asio::awaitable<T>;

    platform_core(boost::asio::any_io_executor executor, platform_options options)
        : executor_(std::move(executor)),
          options_(std::move(options)),
          places_(options_.concurrency, options_.least_unreserved),
          events_(options_.time_scale),
          chance_(options_.seed),
          events_timer_(executor_),
          idle_timer_(executor_),
          memory_timer_(executor_),
          quiet_(executor_, clock::time_point::max())
    {
        options_.memory_look = std::max(options_.memory_look, std::chrono::milliseconds{1});
    }

    /// Callbacks need to know where we are.
    void begin()
    {
        auto s = std::make_shared<sandbox_settings>();
        s->where = options_.where;
        s->init_limit = options_.init_limit;
        s->freeze = options_.freeze;
        s->log_line = options_.log_line;
        const auto weak = weak_from_this();
        s->log = [weak](const log_entry& e) {
            if (const auto self = weak.lock(); self && self->options_.log)
                self->options_.log(e);
        };
        s->event = [weak](const platform_event& e) {
            if (const auto self = weak.lock())
                self->note(e);
        };
        sandboxes_ = std::move(s);
    }

    [[nodiscard]] const platform_options& options() const noexcept { return options_; }
    [[nodiscard]] const boost::asio::any_io_executor& executor() const noexcept { return executor_; }
    [[nodiscard]] const concurrency& places() const noexcept { return places_; }
    [[nodiscard]] boost::asio::steady_timer& quiet_timer() noexcept { return quiet_; }

    [[nodiscard]] platform_stats stats() const
    {
        platform_stats out = stats_;
        out.running = busy_.size();
        out.queued = events_.waits();
        for (const auto& [name, versions] : functions_)
            for (const auto& [number, v] : versions)
                out.idle += v.idle.size();
        for (const auto& box : busy_)
            out.starting += box->is_starting() ? 1U : 0U;
        return out;
    }

    problems set(function_settings f)
    {
        problems wrong = check(f);
        if (!wrong.empty())
            return wrong;
        places_.limit(f.name, f.version, f.concurrency);
        version& v = functions_[f.name][f.version];
        retire_all(v);
        v.settings = std::make_shared<const function_settings>(std::move(f));
        return {};
    }

    bool remove(std::string_view function, std::string_view number)
    {
        const auto f = functions_.find(function);
        if (f == functions_.end())
            return false;
        const auto v = f->second.find(number);
        if (v == f->second.end())
            return false;
        retire_all(v->second);
        places_.limit(function, number, std::nullopt);
        f->second.erase(v);
        if (f->second.empty())
            functions_.erase(f);
        return true;
    }

    [[nodiscard]] const function_settings* find(std::string_view function, std::string_view number) const
    {
        const auto f = functions_.find(function);
        if (f == functions_.end())
            return nullptr;
        const auto v = f->second.find(number);
        return v == f->second.end() ? nullptr : v->second.settings.get();
    }

    problems reserve(std::string_view function, std::optional<std::uint32_t> n)
    {
        if (places_.reserve(function, n))
            return {};
        return {{"reserved_concurrency", std::to_string(n.value_or(0)),
            "give less; at least " + std::to_string(options_.least_unreserved) + " of the " +
                std::to_string(options_.concurrency) + " invocations at a time stay for all functions"}};
    }

    awaitable<http::outcome<invoke_result>> invoke(std::shared_ptr<invoke_request> r)
    {
        const auto self = shared_from_this();
        http::outcome<invoke_result> out;
        if (r->request_id.empty())
            r->request_id = ids_.request_id();
        out.value.request_id = r->request_id;
        out.ec = refusal(*r, most_payload_bytes);
        if (!out.ec)
            out.ec = acquire(*r);
        if (out.ec)
            co_return out;

        const auto call = std::make_shared<waiting_call>(executor_);
        serve(r, [call](error_code ec, invoke_result result) {
            call->ec = ec;
            call->result = std::move(result);
            call->done = true;
            call->timer.cancel();
        });
        // It may be over already: what runs begins to run at once.
        error_code ended;
        if (!call->done)
            co_await call->timer.async_wait(boost::asio::redirect_error(boost::asio::use_awaitable, ended));
        if (!call->done) {
            out.ec = boost::asio::error::operation_aborted;
            co_return out;
        }
        out.ec = call->ec;
        out.value = std::move(call->result);
        co_return out;
    }

    boost::system::result<std::string> enqueue(invoke_request r)
    {
        if (const error_code ec = refusal(r, most_event_bytes))
            return ec;
        if (events_.size() >= options_.queued_events)
            return error_code(errc::too_many_events);
        if (r.request_id.empty())
            r.request_id = ids_.request_id();
        r.client_context.clear();
        const event_rules rules = r.events.value_or(find(r.function, r.version)->events);
        std::string id = r.request_id;
        ++stats_.events;
        observe(platform_event::kind::event_accepted, r, {});
        queued_.emplace(events_.add(rules, now()), std::make_shared<invoke_request>(std::move(r)));
        schedule_events();
        return id;
    }

    /// Begins to end everything.
    void stop()
    {
        if (std::exchange(stopping_, true))
            return;
        events_timer_.cancel();
        idle_timer_.cancel();
        for (const auto id : events_.waiting())
            drop_event(id, drop_reason::stopped);
        for (auto& [name, versions] : functions_)
            for (auto& [number, v] : versions)
                retire_all(v);
        for (const auto& box : busy_)
            box->stop();
        wake_if_quiet();
    }

    [[nodiscard]] bool is_quiet() const noexcept { return busy_.empty() && leaving_.empty(); }

    /// The handle is gone, and with it those whom we could tell.
    void abandon()
    {
        options_.log = nullptr;
        options_.observer = nullptr;
        stop();
        memory_timer_.cancel();
        for (const auto& box : std::vector(leaving_.begin(), leaving_.end()))
            box->kill();
        leaving_.clear();
        for (const auto& box : busy_)
            box->kill();
    }

private:
    struct version {
        std::shared_ptr<const function_settings> settings{};
        struct idle_box {
            std::shared_ptr<sandbox> box{};
            clock::time_point since{};
        };
        std::vector<idle_box> idle{};  // the one that was busy last is the first to be busy again
    };

    /// Somebody who waits for an answer, and may stop doing so.
    struct waiting_call {
        explicit waiting_call(const boost::asio::any_io_executor& executor) : timer(executor, clock::time_point::max())
        {}
        boost::asio::steady_timer timer;
        bool done = false;
        error_code ec{};
        invoke_result result{};
    };

    using completion = std::function<void(error_code, invoke_result)>;

    [[nodiscard]] uptime now() const { return std::chrono::duration_cast<uptime>(clock::now() - made_at_); }

    [[nodiscard]] error_code refusal(const invoke_request& r, std::size_t most) const
    {
        if (stopping_)
            return errc::stopped;
        const auto f = functions_.find(r.function);
        if (f == functions_.end())
            return errc::function_not_found;
        if (!f->second.contains(r.version))
            return errc::version_not_found;
        return r.payload.size() > most ? error_code(errc::payload_too_large) : error_code();
    }

    error_code acquire(const invoke_request& r)
    {
        const auto refused = places_.acquire(r.function, r.version);
        if (!refused)
            return {};
        ++stats_.throttled;
        observe(platform_event::kind::throttled, r, throttle_reason(*refused));
        return *refused;
    }

    /// Runs one invocation, for which there is a place.
    void serve(std::shared_ptr<const invoke_request> r, completion then)
    {
        std::shared_ptr<sandbox> box = take(functions_.find(r->function)->second.find(r->version)->second);
        busy_.insert(box);
        ++stats_.invocations;
        watch_memory();
        boost::asio::co_spawn(executor_, run(shared_from_this(), std::move(box), std::move(r), std::move(then)),
            [](std::exception_ptr failure) {
                if (failure)
                    std::rethrow_exception(failure);
            });
    }

    /// A warm one if there is one.
    [[nodiscard]] std::shared_ptr<sandbox> take(version& v)
    {
        while (!v.idle.empty()) {
            std::shared_ptr<sandbox> box = std::move(v.idle.back().box);
            v.idle.pop_back();
            if (box->is_warm())
                return box;
            retire(std::move(box));
        }
        return std::make_shared<sandbox>(
            executor_, v.settings, sandboxes_, ids_.log_stream(v.settings->version, std::chrono::system_clock::now()));
    }

    // Static, and all it needs is an argument: these live as long as the coroutine does.
    static awaitable<void> run(std::shared_ptr<platform_core> self, std::shared_ptr<sandbox> box,
        std::shared_ptr<const invoke_request> r, completion then)
    {
        box->on_gone(nullptr);
        sandbox_job job;
        job.request_id = r->request_id;
        job.function_arn = function_arn(self->options_.where, r->function, r->qualifier);
        job.trace_id = r->trace_id.empty() ? self->ids_.trace_id(std::chrono::system_clock::now()) : r->trace_id;
        job.client_context = r->client_context;
        job.payload = r->payload;
        const double rate = box->function()->failure_rate;
        if (rate > 0 && !box->is_warm())
            job.comes_to_nothing = std::uniform_real_distribution<double>(0, 1)(self->chance_) < rate;
        if (self->stopping_)
            box->stop();

        sandbox_outcome ended = co_await box->invoke(job);

        self->busy_.erase(box);
        self->places_.release(r->function, r->version);
        self->note_outcome(*r, *box, ended);
        self->give_back(std::move(box));
        invoke_result result;
        result.request_id = r->request_id;
        if (!ended.ec) {
            result.executed_version = r->version;
            result.payload = std::move(ended.payload);
            result.function_error = ended.error_type.empty() ? "" : "Unhandled";
            result.log_tail = std::move(ended.log_tail);
        }
        then(ended.ec, std::move(result));
        self->wake_if_quiet();
    }

    void note_outcome(const invoke_request& r, const sandbox& box, const sandbox_outcome& ended)
    {
        const bool good = !ended.ec && ended.error_type.empty();
        ++(good ? stats_.succeeded : stats_.failed);
        observe(good ? platform_event::kind::succeeded : platform_event::kind::failed, r,
            ended.ec ? std::string_view("not run") : std::string_view(ended.error_type), box.process_id());
    }

    /// Keeps an environment for the next invocation, if it is of use.
    void give_back(std::shared_ptr<sandbox> box)
    {
        version* const v = version_of(*box->function());
        if (stopping_ || v == nullptr || v->settings != box->function() || !box->is_warm())
            return retire(std::move(box));
        box->on_gone([weak = weak_from_this(), which = std::weak_ptr<sandbox>(box)] {
            const auto self = weak.lock();
            const auto gone = which.lock();
            if (self && gone)
                self->forget_idle(gone);
        });
        v->idle.push_back({std::move(box), clock::now()});
        schedule_eviction();
    }

    [[nodiscard]] version* version_of(const function_settings& f)
    {
        const auto at = functions_.find(f.name);
        if (at == functions_.end())
            return nullptr;
        const auto v = at->second.find(f.version);
        return v == at->second.end() ? nullptr : &v->second;
    }

    /// The process of an idle environment has ended by itself.
    void forget_idle(const std::shared_ptr<sandbox>& box)
    {
        for (auto& [name, versions] : functions_)
            for (auto& [number, v] : versions)
                std::erase_if(v.idle, [&box](const auto& i) { return i.box == box; });
    }

    void retire_all(version& v)
    {
        for (auto& i : std::exchange(v.idle, {}))
            retire(std::move(i.box));
    }

    /// Ends an environment that nothing runs in.
    void retire(std::shared_ptr<sandbox> box)
    {
        if (box->process_id() == 0)
            return;
        box->on_gone([weak = weak_from_this(), which = std::weak_ptr<sandbox>(box)] {
            if (const auto self = weak.lock()) {
                self->leaving_.erase(which.lock());
                self->wake_if_quiet();
            }
        });
        leaving_.insert(box);
        box->stop();
    }

    void schedule_eviction()
    {
        if (evicting_ || stopping_)
            return;
        clock::time_point first = clock::time_point::max();
        for (const auto& [name, versions] : functions_)
            for (const auto& [number, v] : versions)
                if (!v.idle.empty())
                    first = std::min(first, v.idle.front().since);
        if (first == clock::time_point::max())
            return;
        evicting_ = true;
        idle_timer_.expires_at(first + options_.idle);
        idle_timer_.async_wait([weak = weak_from_this()](error_code) {
            if (const auto self = weak.lock()) {
                self->evicting_ = false;
                self->evict();
            }
        });
    }

    void evict()
    {
        if (stopping_)
            return;
        const auto last = clock::now() - options_.idle;
        for (auto& [name, versions] : functions_)
            for (auto& [number, v] : versions)
                while (!v.idle.empty() && v.idle.front().since <= last) {
                    const std::shared_ptr<sandbox> box = std::move(v.idle.front().box);
                    v.idle.erase(v.idle.begin());
                    ++stats_.evicted;
                    forward({platform_event::kind::evicted, name, number, {}, box->process_id(), {}});
                    retire(box);
                }
        schedule_eviction();
    }

    void watch_memory()
    {
        if (looking_)
            return;
        looking_ = true;
        memory_timer_.expires_after(look_again_);
        memory_timer_.async_wait([weak = weak_from_this()](error_code ec) {
            const auto self = weak.lock();
            if (!self)
                return;
            self->looking_ = false;
            if (!ec && !self->busy_.empty())
                self->look_at_memory();
        });
    }

    void look_at_memory()
    {
        const auto began = clock::now();
        const auto used = resident_by_session();
        for (const auto& box : busy_)
            if (const auto at = used.find(box->process_id()); at != used.end())
                box->note_memory(at->second);
        // With many processes on the machine a look takes its time; it may have a twentieth of it all.
        look_again_ = std::max<clock::duration>(options_.memory_look, 20 * (clock::now() - began));
        watch_memory();
    }

    void schedule_events()
    {
        if (stopping_)
            return;
        const uptime at = events_.next_wake();
        if (at == never) {
            events_timer_.cancel();
            return;
        }
        events_timer_.expires_at(made_at_ + at);
        events_timer_.async_wait([weak = weak_from_this()](error_code ec) {
            if (const auto self = weak.lock(); self && !ec)
                self->try_events();
        });
    }

    void try_events()
    {
        if (stopping_)
            return;
        const uptime t = now();
        while (const auto id = events_.expired(t))
            drop_event(*id, drop_reason::aged);
        while (const auto id = events_.next(t))
            try_event(*id);
        schedule_events();
    }

    void try_event(event_queue::event_id id)
    {
        const std::shared_ptr<const invoke_request> r = queued_.at(id);
        if (refusal(*r, most_event_bytes) || places_.reserved(r->function) == 0U)
            return tried(id, try_outcome::refused);
        if (acquire(*r))
            return tried(id, try_outcome::throttled);
        serve(r, [weak = weak_from_this(), id](error_code ec, const invoke_result& result) {
            if (const auto self = weak.lock()) {
                self->tried(id, ec == errc::stopped             ? try_outcome::refused
                                : ec                            ? try_outcome::system_error
                                : result.function_error.empty() ? try_outcome::succeeded
                                                                : try_outcome::function_error);
                self->schedule_events();
            }
        });
    }

    void tried(event_queue::event_id id, try_outcome outcome)
    {
        const auto r = queued_.at(id);
        const event_queue::verdict v = events_.tried(id, outcome, now());
        if (v.dropped)
            return drop_event(id, stopping_ ? drop_reason::stopped : *v.dropped);
        if (!v.again_at) {
            queued_.erase(id);
            return;
        }
        if (outcome == try_outcome::function_error)
            ++stats_.retried;
        observe(platform_event::kind::event_retried, *r,
            outcome == try_outcome::function_error ? "function error" : "no room");
    }

    void drop_event(event_queue::event_id id, drop_reason why)
    {
        events_.forget(id);
        const auto at = queued_.find(id);
        if (at == queued_.end())
            return;
        const auto r = std::move(at->second);
        queued_.erase(at);
        ++stats_.dropped;
        observe(platform_event::kind::event_dropped, *r, to_string(why));
    }

    void observe(platform_event::kind what, const invoke_request& r, std::string_view detail, std::int64_t process = 0)
    {
        forward({what, r.function, r.version, r.request_id, process, detail});
    }

    /// Of a sandbox.
    void note(const platform_event& e)
    {
        using enum platform_event::kind;
        if (e.what == started) {
            ++stats_.starts;
            ++stats_.processes;
        } else if (e.what == start_failed) {
            ++stats_.start_failures;
        } else if (e.what == exited) {
            --stats_.processes;
        }
        forward(e);
    }

    void forward(const platform_event& e)
    {
        if (options_.observer)
            options_.observer(e);
    }

    void wake_if_quiet()
    {
        if (stopping_ && is_quiet()) {
            memory_timer_.cancel();
            quiet_.cancel();
        }
    }

    boost::asio::any_io_executor executor_;
    platform_options options_;
    concurrency places_;
    event_queue events_;
    std::mt19937_64 chance_;
    id_maker ids_{};
    std::shared_ptr<const sandbox_settings> sandboxes_{};
    clock::time_point made_at_ = clock::now();

    std::map<std::string, std::map<std::string, version, std::less<>>, std::less<>> functions_{};
    std::set<std::shared_ptr<sandbox>> busy_{};
    std::set<std::shared_ptr<sandbox>> leaving_{};
    std::map<event_queue::event_id, std::shared_ptr<invoke_request>> queued_{};  // those being tried included
    platform_stats stats_{};

    boost::asio::steady_timer events_timer_;
    boost::asio::steady_timer idle_timer_;
    boost::asio::steady_timer memory_timer_;
    boost::asio::steady_timer quiet_;                             // never expires; cancelled when everything has ended
    clock::duration look_again_ = std::chrono::milliseconds{10};  // the first look is an early one
    bool evicting_ = false;
    bool looking_ = false;
    bool stopping_ = false;
};

}  // namespace mayfly::local::detail
