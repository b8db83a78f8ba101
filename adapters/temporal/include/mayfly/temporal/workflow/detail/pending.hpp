// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/temporal/data_converter.hpp>
#include <mayfly/temporal/failure_converter.hpp>
#include <mayfly/temporal/workflow/detail/scope_state.hpp>
#include <mayfly/temporal/workflow/errors.hpp>
#include <mayfly/temporal/workflow/intents.hpp>

#include <cstddef>
#include <cstdint>
#include <exception>
#include <memory>
#include <optional>
#include <string>
#include <tuple>
#include <type_traits>
#include <utility>

namespace mayfly::temporal::workflow::detail {

class run_state;

enum class pending_kind : std::uint8_t { activity, local_activity, timer, child, external_signal, external_cancel };
inline constexpr std::size_t pending_kinds = 6;

[[nodiscard]] inline const char* to_string(pending_kind k) noexcept
{
    switch (k) {
    case pending_kind::activity: return "activity";
    case pending_kind::local_activity: return "local activity";
    case pending_kind::timer: return "timer";
    case pending_kind::child: return "child workflow";
    case pending_kind::external_signal: return "signal to workflow";
    case pending_kind::external_cancel: return "request to cancel workflow";
    }
    return "";
}

/// Gives a future its value out of payloads.
using settle_function = void (*)(awaited&, const data_converter&, const api::common::Payloads&);

template <class T>
void settle(awaited& to, const data_converter& with, const api::common::Payloads& from)
{
    auto& state = static_cast<future_state<T>&>(to);
    if constexpr (std::is_void_v<T>) {
        state.set();
    } else {
        auto read = with.template from_payloads<T>(from);
        if (read)
            state.set(std::get<0>(*std::move(read)));
        else
            state.fail(std::make_exception_ptr(bad_conversion(read.error())));
    }
}

/// What was cancelled throws one kind of exception, whatever it was; what else is known of it is its cause.
[[nodiscard]] inline std::exception_ptr as_cancelled(const std::exception_ptr& received)
{
    std::exception_ptr at = received;
    while (at) {
        try {
            std::rethrow_exception(at);
        } catch (const cancelled_error& e) {
            if (at == received)
                return received;
            return std::make_exception_ptr(cancelled_error(e.what(), e.details(), received, e.identity()));
        } catch (const temporal_error& e) {
            const std::exception_ptr deeper = e.cause();
            at = deeper;
        } catch (...) {
            break;
        }
    }
    return std::make_exception_ptr(cancelled_error("cancelled", {}, received));
}

/// Something that was asked for and has not come back.
class pending final : public cancellable, public awaited::source, public waiter {
public:
    pending(run_state& of, pending_kind what, std::uint32_t seq, std::string label) noexcept
        : of_{&of}, what_{what}, seq_{seq}, label_{std::move(label)}
    {}
    ~pending()
    {
        if (result_)
            result_->set_source(nullptr);
        if (wait_)
            wait_->remove(*this);
    }

    void cancel() override;
    void scope_cancelled() override { cancel(); }
    [[nodiscard]] std::string words() const override
    {
        std::string out = to_string(what_);
        if (!label_.empty())
            out += " \"" + label_ + '"';
        return out;
    }

    /// A local activity that waits for its next attempt: the wait is over.
    void woken(const awaited&) override;

    /// Takes no reference to itself with it: whoever is woken may begin anything.
    void complete(const data_converter& with, const api::common::Payloads& value)
    {
        const auto to = release();
        settle_(*to, with, value);
    }
    void fail(const std::exception_ptr& error)
    {
        if (started_ && !started_->done())
            started_->fail(error);
        release()->fail(error);
    }

private:
    friend class run_state;

    [[nodiscard]] std::shared_ptr<awaited> release()
    {
        leave();
        auto to = std::move(result_);
        to->set_source(nullptr);
        return to;
    }

    run_state* of_;
    pending_kind what_;
    std::uint32_t seq_;
    bool cancel_asked_ = false;
    cancellation_type how_ = cancellation_type::try_cancel;
    std::uint64_t began_ = 0;  ///< In which activation.
    std::string label_;
    std::shared_ptr<awaited> result_{};
    settle_function settle_ = nullptr;
    std::shared_ptr<future_state<std::string>> started_{};  ///< A child's: its run id.
    std::unique_ptr<schedule_local_activity> attempt_{};    ///< A local activity's.
    std::shared_ptr<future_state<void>> wait_{};            ///< Between two of its attempts.
};

}  // namespace mayfly::temporal::workflow::detail
