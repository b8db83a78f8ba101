// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/clock.hpp>
#include <mayfly/http/spawn.hpp>
#include <mayfly/temporal/compute_store.hpp>
#include <mayfly/temporal/connection.hpp>
#include <mayfly/temporal/deployments.hpp>
#include <mayfly/temporal/detail/change_notes.hpp>
#include <mayfly/temporal/detail/mark_plan.hpp>
#include <mayfly/temporal/detail/online_check.hpp>
#include <mayfly/temporal/detail/validation_plan.hpp>
#include <mayfly/temporal/detail/watch_plan.hpp>
#include <mayfly/temporal/registry_options.hpp>
#include <mayfly/temporal/rpc_error.hpp>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/cancellation_state.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/system/error_code.hpp>

#include <algorithm>
#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <variant>

namespace mayfly::temporal::detail {

/// Whether an answer tells of the namespace or the way to it, and so of all that is there.
[[nodiscard]] inline bool is_of_namespace(const grpc::status& s)
{
    using enum grpc::status_code;
    switch (s.code) {
    case unavailable:
    case deadline_exceeded:
    case permission_denied:
    case unauthenticated:
    case resource_exhausted:
    case unimplemented:
    case cancelled: return true;
    default: return detail_of<api::errordetails::NamespaceNotFoundFailure>(s).has_value();
    }
}

/// Looks, one read after the other; the notes and one validation go on beside that.
class registry_core : public std::enable_shared_from_this<registry_core> {
public:
    using handler = std::function<void(const registry_change&)>;
    using error_code = boost::system::error_code;
    using clock = std::chrono::steady_clock;

    registry_core(std::shared_ptr<connection> on, registry_options options)
        : on_(std::move(on)),
          options_(std::move(options)),
          deployments_(on_),
          store_(on_, {.known = options_.known, .role = options_.role, .notes_queue = ""}),
          pace_(options_.reads_per_second, options_.burst),
          validations_(options_.validate_every),
          wake_(on_->get_executor())
    {}

    [[nodiscard]] boost::asio::any_io_executor get_executor() const { return on_->get_executor(); }
    [[nodiscard]] const std::map<deployment_version, version_record>& versions() const noexcept { return versions_; }

    void look_again(const deployment_version& v)
    {
        plan_.noted(v);
        wake_.cancel();
    }
    void validate_again(const deployment_version& v)
    {
        validations_.again(v, now());
        wake_.cancel();
    }

    static boost::asio::awaitable<http::outcome<std::monostate>> watch(
        std::shared_ptr<registry_core> self, handler tell)
    {
        namespace asio = boost::asio;
        co_await asio::this_coro::throw_if_cancelled(false);
        self->tell_ = std::move(tell);
        self->listen();
        const auto state = co_await asio::this_coro::cancellation_state;
        error_code ignored;
        while (state.cancelled() == asio::cancellation_type::none) {
            const uptime at = self->now();
            if (at < self->paused_until_) {
                // Nobody is asked anything.
            } else if (at >= self->list_due_) {
                co_await self->list_page();
                continue;
            } else if (self->plan_.next_at() <= at && self->pace_.take(at)) {
                const auto target = *self->plan_.next(at);
                if (target.build_id.empty())
                    co_await self->read_deployment(target.deployment);
                else
                    co_await self->read_version(target);
                self->maybe_caught_up();
                continue;
            }
            self->maybe_validate();
            self->wake_.expires_at(self->time_of(self->next_moment(at)));
            co_await self->wake_.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
        }
        co_await asio::this_coro::reset_cancellation_state(asio::disable_cancellation());
        self->tell_ = nullptr;
        if (self->notes_)
            self->notes_->stop();
        self->stop_validation_.emit(asio::cancellation_type::terminal);
        while (self->validating_) {
            self->wake_.expires_at(clock::time_point::max());
            co_await self->wake_.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
        }
        co_return http::outcome<std::monostate>{asio::error::operation_aborted, {}};
    }

private:
    static constexpr auto answer = boost::asio::as_tuple(boost::asio::use_awaitable);
    static constexpr int page_size = 100;
    static constexpr uptime first_pause = std::chrono::seconds{1};
    static constexpr uptime longest_pause = std::chrono::seconds{30};

    [[nodiscard]] uptime now() const { return std::chrono::duration_cast<uptime>(clock::now() - begun_); }
    [[nodiscard]] clock::time_point time_of(uptime t) const
    {
        return t == never ? clock::time_point::max() : begun_ + t;
    }

    [[nodiscard]] uptime next_moment(uptime at)
    {
        if (at < paused_until_)
            return paused_until_;
        uptime out = std::min(list_due_, std::max(plan_.next_at(), pace_.next_at(at)));
        if (options_.check && !validating_)
            out = std::min(out, validations_.next_at());
        return out;
    }

    void tell(registry_change::kind what, version_record record, std::string words = {})
    {
        if (tell_)
            tell_({what, std::move(record), std::move(words)});
    }

    void listen()
    {
        if (options_.notes_queue.empty())
            return;
        notes_ = std::make_shared<change_notes>(
            on_, options_.notes_queue, [weak = weak_from_this()](const deployment_version& v) {
                if (const auto self = weak.lock())
                    self->look_again(v);
            });
        notes_->listen();
    }

    boost::asio::awaitable<void> list_page()
    {
        if (page_token_.empty())
            pass_began_ = now();
        const std::string token = page_token_;
        auto [ec, r] = co_await deployments_.async_list(token, page_size, answer);
        if (ec) {
            page_token_.clear();
            trouble(ec, r.status);
            // All of it once more, then.
            list_due_ = now();
            co_return;
        }
        well();
        for (const auto& d : r.value.deployments)
            plan_.listed(d, now());
        page_token_ = r.value.next_page_token;
        if (page_token_.empty()) {
            plan_.list_ended();
            list_due_ = std::max(pass_began_ + options_.look_every, now());
            listed_once_ = true;
            maybe_caught_up();
        } else {
            list_due_ = now() + uptime{static_cast<uptime::rep>(1e6 / std::max(options_.lists_per_second, 0.01))};
        }
    }

    boost::asio::awaitable<void> read_deployment(std::string name)
    {
        auto [ec, r] = co_await deployments_.async_describe(name, answer);
        if (!ec) {
            well();
            plan_.described(r.value, now());
        } else if (ec == grpc::status_code::not_found && !is_of_namespace(r.status)) {
            plan_.deployment_gone(name);
        } else {
            not_read({name, ""}, ec, r.status);
        }
    }

    boost::asio::awaitable<void> read_version(deployment_version v)
    {
        auto [ec, r] = co_await store_.async_read(v, answer);
        if (!ec) {
            well();
            check_record(r.value, options_.known);
            if (wants_mark(r.value)) {
                co_await mark(r.value);
                co_return;
            }
            bool was_troubled = troubled_.erase(v) > 0;
            if (is_marked(r.value) || !r.value.drivable())
                was_troubled = marks_.there(v) || was_troubled;
            know(r.value);
            if (was_troubled)
                tell(registry_change::kind::well_again, std::move(r.value));
        } else if (ec == grpc::status_code::not_found && !is_of_namespace(r.status)) {
            plan_.gone(v);
            validations_.gone(v);
            marks_.gone(v);
            const bool troubled = troubled_.erase(v) > 0;
            if (auto known = versions_.extract(v))
                tell(registry_change::kind::removed, std::move(known.mapped()));
            else if (troubled)
                tell(registry_change::kind::removed, version_record{.version = v});
        } else {
            not_read(v, ec, r.status);
        }
    }

    [[nodiscard]] static bool is_marked(const version_record& r) { return r.controller && !r.controller->name.empty(); }
    /// A version that this controller is about to drive and that nobody is marked to.
    [[nodiscard]] bool wants_mark(const version_record& r) const
    {
        return !options_.role.controller.empty() && r.drivable() && !is_marked(r) && marks_.wants(r.version, now());
    }
    /// It is read again after that: another controller may have had the same idea.
    boost::asio::awaitable<void> mark(version_record r)
    {
        const deployment_version v = r.version;
        marks_.tried(v, now());
        const controller_record record{
            options_.role.controller, on_->options().identity, wall_clock_time(std::chrono::system_clock::now())};
        auto [ec, done] = co_await store_.async_note_controller(v, record, answer);
        if (ec == boost::asio::error::operation_aborted)
            co_return;
        const bool for_good = ec == grpc::status_code::permission_denied || ec == grpc::status_code::unimplemented;
        if (ec && ec != grpc::status_code::not_found && marks_.failed(v, for_good))
            tell(registry_change::kind::problem, r,
                "cannot mark the version as driven by \"" + options_.role.controller + "\": " + describe(done.status));
        plan_.noted(v);
    }

    void know(version_record r)
    {
        const auto at = versions_.find(r.version);
        const bool is_new = at == versions_.end();
        const bool same = !is_new && at->second == r;
        const bool only_status = !is_new && !same && same_but_status(at->second, r);
        plan_.read(r.version, r.status, r.kept_in != compute_storage::none, is_new ? caught_up_ : !same, now());
        validations_.read(r, now(), wall_clock_time(std::chrono::system_clock::now()));
        if (same)
            return;
        versions_.insert_or_assign(r.version, r);
        tell(is_new        ? registry_change::kind::added
             : only_status ? registry_change::kind::status
                           : registry_change::kind::changed,
            std::move(r));
    }

    [[nodiscard]] static bool same_but_status(version_record before, const version_record& after)
    {
        before.status = after.status;
        return before == after;
    }

    void not_read(const read_target& target, error_code ec, const grpc::status& status)
    {
        if (is_of_namespace(status) || ec.category() != grpc::grpc_category()) {
            plan_.later_again(target, now());
            return trouble(ec, status);
        }
        plan_.later_again(target, now() + longest_pause);
        if (target.build_id.empty() || !troubled_.insert(target).second)
            return;
        const auto at = versions_.find(target);
        version_record record = at != versions_.end() ? at->second : version_record{.version = target};
        tell(registry_change::kind::problem, std::move(record), "the version cannot be read: " + describe(status));
    }

    /// Nothing is read for a while.
    void trouble(error_code ec, const grpc::status& status)
    {
        if (ec == boost::asio::error::operation_aborted)
            return;
        pause_ = std::clamp(pause_ * 2, first_pause, longest_pause);
        paused_until_ = now() + pause_;
        // That there is too much to read just now is no news, unless it stays so.
        if (status.code == grpc::status_code::resource_exhausted && pause_ < longest_pause)
            return;
        std::string words = describe(status);
        if (words == words_)
            return;
        words_ = words;
        tell(registry_change::kind::problem, {},
            "namespace \"" + on_->options().name_space + "\" cannot be read: " + words +
                (status.code == grpc::status_code::permission_denied
                        ? "; this identity has to be allowed to list and describe worker deployments"
                        : ""));
    }
    void well()
    {
        pause_ = {};
        if (!std::exchange(words_, {}).empty())
            tell(registry_change::kind::well_again, {});
    }

    void maybe_caught_up()
    {
        if (!listed_once_ || caught_up_ || plan_.urgent() > 0)
            return;
        caught_up_ = true;
        tell(registry_change::kind::caught_up, {});
    }

    void maybe_validate()
    {
        if (!options_.check || validating_)
            return;
        const auto v = validations_.next(now());
        if (!v)
            return;
        validating_ = true;
        http::spawn<std::monostate>(
            get_executor(),
            [self = shared_from_this(), v = *v, config = versions_.at(*v).compute.config] {
                return validate(self, v, config);
            },
            boost::asio::bind_cancellation_slot(
                stop_validation_.slot(), [self = shared_from_this()](error_code, std::monostate) {
                    self->validating_ = false;
                    self->wake_.cancel();
                }));
    }

    static boost::asio::awaitable<http::outcome<std::monostate>> validate(
        std::shared_ptr<registry_core> self, deployment_version v, compute_config config)
    {
        namespace asio = boost::asio;
        co_await asio::this_coro::throw_if_cancelled(false);
        const auto asked = co_await ask_online(
            self->options_.check, v, config, std::chrono::milliseconds(self->options_.check_within));
        if (asked.ec)
            co_return http::outcome<std::monostate>{};
        const auto& found = asked.value;
        validation_record record;
        record.error = found ? to_string(without_secrets(found->errors))
                             : "could not be verified: no answer within " +
                                   std::to_string(self->options_.check_within.count()) + " s";
        record.checked = wall_clock_time(std::chrono::system_clock::now());
        record.by = self->on_->options().identity;
        auto [ec, r] = co_await self->store_.async_note_validation(v, record, answer);
        self->plan_.noted(v);
        co_return http::outcome<std::monostate>{};
    }

    std::shared_ptr<connection> on_;
    registry_options options_;
    deployments deployments_;
    compute_store store_;
    clock::time_point begun_ = clock::now();
    read_pace pace_;
    watch_plan plan_{};
    validation_plan validations_;
    boost::asio::steady_timer wake_;
    handler tell_{};
    std::shared_ptr<change_notes> notes_{};
    std::map<deployment_version, version_record> versions_{};
    mark_plan marks_{};
    std::set<deployment_version> troubled_{};  // Whose own trouble has been told.
    std::string page_token_{};
    uptime pass_began_{};
    uptime list_due_{};
    uptime paused_until_{};
    uptime pause_{};
    std::string words_{};  // Of the trouble that has been told and is not over.
    bool listed_once_ = false;
    bool caught_up_ = false;
    bool validating_ = false;
    boost::asio::cancellation_signal stop_validation_{};
};

}  // namespace mayfly::temporal::detail
