// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/temporal/data_converter.hpp>
#include <mayfly/temporal/proto/failure.pb.h>

#include <chrono>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <tuple>
#include <utility>

// What activity code throws and what callers see. failure_converter.hpp turns them into failures and back.

namespace mayfly::temporal {

/// Values that travel with an error.
class error_details {
public:
    error_details() = default;

    /// A value that cannot be converted is replaced by text that says why: an error has to come through.
    template <class... T>
    [[nodiscard]] static error_details of(const T&... values)
    {
        error_details out;
        (out.add(values), ...);
        return out;
    }

    /// As they come out of the codecs, or go into them.
    [[nodiscard]] static error_details from(::temporal::api::common::v1::Payloads payloads)
    {
        error_details out;
        out.payloads_ = std::move(payloads);
        return out;
    }

    [[nodiscard]] bool empty() const noexcept { return payloads_.payloads_size() == 0; }
    [[nodiscard]] std::size_t size() const noexcept { return static_cast<std::size_t>(payloads_.payloads_size()); }
    [[nodiscard]] const ::temporal::api::common::v1::Payloads& payloads() const noexcept { return payloads_; }

    /// The one at `index`, from 0; default-constructed if there is none.
    template <class T>
    [[nodiscard]] converted<T> get(std::size_t index = 0) const
    {
        if (index >= size())
            return converted<T>{boost::system::in_place_value};
        return data_converter{}.from_payload<T>(payloads_.payloads(static_cast<int>(index)));
    }

    template <class... T>
    [[nodiscard]] converted<std::tuple<T...>> as() const
    {
        return data_converter{}.from_payloads<T...>(payloads_);
    }

private:
    template <class T>
    void add(const T& value)
    {
        const data_converter plain;
        auto one = plain.to_payload(value);
        if (!one)
            one = plain.to_payload("this detail could not be converted: " + one.error().message);
        if (one)
            *payloads_.add_payloads() = *std::move(one);
    }

    ::temporal::api::common::v1::Payloads payloads_{};
};

/// What all of them are, and what a failure of an unknown kind is.
class temporal_error : public std::runtime_error {
public:
    explicit temporal_error(const std::string& message, std::exception_ptr cause = nullptr)
        : std::runtime_error(message), cause_(std::move(cause))
    {}

    /// What led to it, or null.
    [[nodiscard]] const std::exception_ptr& cause() const noexcept { return cause_; }

    /// Of one that was received: where it was thrown, in its language's own words.
    [[nodiscard]] const std::string& stack_trace() const noexcept
    {
        return received_ ? received_->stack_trace : none();
    }

    /// The failure that was received, as it came; null for one that was made here. Thrown again, it goes out like that.
    [[nodiscard]] const ::temporal::api::failure::v1::Failure* original() const noexcept
    {
        return received_ ? received_->failure.get() : nullptr;
    }

    /// For who converts failures.
    void set_received(std::shared_ptr<const ::temporal::api::failure::v1::Failure> failure, std::string stack_trace)
    {
        received_ = std::make_shared<const received>(received{std::move(failure), std::move(stack_trace)});
    }

private:
    struct received {
        std::shared_ptr<const ::temporal::api::failure::v1::Failure> failure;
        std::string stack_trace;
    };

    static const std::string& none() noexcept
    {
        static const std::string nothing;
        return nothing;
    }

    std::exception_ptr cause_;
    std::shared_ptr<const received> received_{};  // shared: copying an exception must not throw
};

/// What an `application_error` says beside its message.
struct application_options {
    std::string type{};          ///< What `non_retryable_error_types` of a retry policy is matched with.
    bool non_retryable = false;  ///< Not tried again, whatever the policy says.
    error_details details{};
    std::optional<std::chrono::nanoseconds> next_retry_delay{};  ///< Instead of the policy's own, once.
    bool benign = false;  ///< Expected: told with less noise, and not counted among errors.
    std::exception_ptr cause{};
};

/// The way for activity code to say how it failed. Any other exception is one of these too, with its class as the type:
/// see failure_converter.hpp.
class application_error : public temporal_error {
public:
    explicit application_error(const std::string& message, application_options options = {})
        : temporal_error(message, options.cause),
          options_(std::make_shared<const application_options>(std::move(options)))
    {}

    template <std::convertible_to<std::string> Type>
    application_error(const std::string& message, Type&& type)
        : application_error(message, application_options{.type = std::forward<Type>(type)})
    {}

    [[nodiscard]] const std::string& type() const noexcept { return options_->type; }
    [[nodiscard]] bool non_retryable() const noexcept { return options_->non_retryable; }
    [[nodiscard]] const error_details& details() const noexcept { return options_->details; }
    [[nodiscard]] std::optional<std::chrono::nanoseconds> next_retry_delay() const noexcept
    {
        return options_->next_retry_delay;
    }
    [[nodiscard]] bool benign() const noexcept { return options_->benign; }

private:
    std::shared_ptr<const application_options> options_;
};

/// Thrown by an activity that stops because it was asked to; seen by who asked for a result and finds it cancelled.
class cancelled_error : public temporal_error {
public:
    explicit cancelled_error(const std::string& message = "cancelled", error_details details = {},
        std::exception_ptr cause = nullptr, std::string identity = {})
        : temporal_error(message, std::move(cause)),
          more_(std::make_shared<const more>(more{std::move(details), std::move(identity)}))
    {}

    [[nodiscard]] const error_details& details() const noexcept { return more_->details; }
    [[nodiscard]] const std::string& identity() const noexcept
    {
        return more_->identity;
    }  ///< Who cancelled; may be empty.

private:
    struct more {
        error_details details;
        std::string identity;
    };
    std::shared_ptr<const more> more_;
};

/// Numbered as on the wire.
enum class timeout_kind { unspecified = 0, start_to_close, schedule_to_start, schedule_to_close, heartbeat };

class timeout_error : public temporal_error {
public:
    timeout_error(const std::string& message, timeout_kind kind, error_details last_heartbeat = {},
        std::exception_ptr cause = nullptr)
        : temporal_error(message, std::move(cause)),
          last_heartbeat_(std::make_shared<const error_details>(std::move(last_heartbeat))),
          kind_(kind)
    {}

    [[nodiscard]] timeout_kind kind() const noexcept { return kind_; }
    [[nodiscard]] const error_details& last_heartbeat() const noexcept { return *last_heartbeat_; }

private:
    std::shared_ptr<const error_details> last_heartbeat_;
    timeout_kind kind_;
};

class terminated_error : public temporal_error {
public:
    explicit terminated_error(
        const std::string& message, const std::string& identity = {}, std::exception_ptr cause = nullptr)
        : temporal_error(message, std::move(cause)), identity_(std::make_shared<const std::string>(identity))
    {}

    [[nodiscard]] const std::string& identity() const noexcept { return *identity_; }  ///< Who did it; may be empty.

private:
    std::shared_ptr<const std::string> identity_;
};

/// The service itself failed.
class server_error : public temporal_error {
public:
    explicit server_error(const std::string& message, bool non_retryable = false, std::exception_ptr cause = nullptr)
        : temporal_error(message, std::move(cause)), non_retryable_(non_retryable)
    {}

    [[nodiscard]] bool non_retryable() const noexcept { return non_retryable_; }

private:
    bool non_retryable_;
};

/// A workflow was reset while this was under way.
class reset_workflow_error : public temporal_error {
public:
    explicit reset_workflow_error(
        const std::string& message, error_details last_heartbeat = {}, std::exception_ptr cause = nullptr)
        : temporal_error(message, std::move(cause)),
          last_heartbeat_(std::make_shared<const error_details>(std::move(last_heartbeat)))
    {}

    [[nodiscard]] const error_details& last_heartbeat() const noexcept { return *last_heartbeat_; }

private:
    std::shared_ptr<const error_details> last_heartbeat_;
};

/// Why nothing is tried again. Numbered as on the wire.
enum class retry_state {
    unspecified = 0,
    in_progress,
    non_retryable_failure,
    timeout,
    maximum_attempts_reached,
    retry_policy_not_set,
    internal_server_error,
    cancel_requested,
};

/// Which activity failed.
struct activity_failure {
    std::int64_t scheduled_event_id = 0;
    std::int64_t started_event_id = 0;
    std::string identity{};  ///< Of the worker.
    std::string type{};
    std::string id{};
    retry_state retry = retry_state::unspecified;
};

/// Which child workflow failed.
struct child_workflow_failure {
    std::string name_space{};
    std::string workflow_id{};
    std::string run_id{};
    std::string type{};
    std::int64_t initiated_event_id = 0;
    std::int64_t started_event_id = 0;
    retry_state retry = retry_state::unspecified;
};

/// Which Nexus operation failed.
struct nexus_operation_failure {
    std::int64_t scheduled_event_id = 0;
    std::string endpoint{};
    std::string service{};
    std::string operation{};
    std::string operation_token{};
};

/// Numbered as on the wire.
enum class nexus_retry { unspecified = 0, retryable, non_retryable };

/// How a Nexus handler failed.
struct nexus_handler_failure {
    std::string type{};
    nexus_retry retry = nexus_retry::unspecified;
};

/// An error about something that failed; why it did is the cause.
template <class Failure>
class failed_error : public temporal_error {
public:
    failed_error(const std::string& message, Failure failure, std::exception_ptr cause = nullptr)
        : temporal_error(message, std::move(cause)), failure_(std::make_shared<const Failure>(std::move(failure)))
    {}

    [[nodiscard]] const Failure& failure() const noexcept { return *failure_; }

private:
    std::shared_ptr<const Failure> failure_;
};

using activity_error = failed_error<activity_failure>;
using child_workflow_error = failed_error<child_workflow_failure>;
using nexus_operation_error = failed_error<nexus_operation_failure>;
using nexus_handler_error = failed_error<nexus_handler_failure>;

}  // namespace mayfly::temporal
