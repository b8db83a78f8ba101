// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/detail/json_write.hpp>
#include <mayfly/temporal/data_converter.hpp>
#include <mayfly/temporal/errors.hpp>
#include <mayfly/temporal/proto/failure.pb.h>
#include <mayfly/temporal/times.hpp>

#include <boost/core/demangle.hpp>
#include <boost/json/object.hpp>

#include <cstddef>
#include <exception>
#include <string>
#include <string_view>
#include <typeinfo>
#include <utility>

#include <cxxabi.h>

namespace mayfly::temporal {

struct failure_options {
    /// Message and stack trace go through the codecs too, and what stands in clear is `Encoded failure`.
    bool encode_attributes = false;
    std::size_t most_causes = 32;          ///< Of one failure.
    std::size_t longest_text = 64 * 1024;  ///< Of one message, in bytes.
};

namespace detail {

inline constexpr const char* failure_source = "mayfly";
inline constexpr const char* encoded_failure = "Encoded failure";

/// UTF-8 of at most `longest` bytes, whatever comes in.
[[nodiscard]] inline std::string clean_text(std::string_view text, std::size_t longest)
{
    if (text.size() <= longest && mayfly::detail::is_utf8(text))
        return std::string(text);
    std::string out;
    constexpr std::string_view more = "...";
    while (!text.empty()) {
        const std::size_t length = mayfly::detail::utf8_sequence(text);
        const std::string_view next = length == 0 ? std::string_view{"\xEF\xBF\xBD"} : text.substr(0, length);
        if (out.size() + next.size() + more.size() > longest)
            return out.append(more);
        out += next;
        text.remove_prefix(length == 0 ? 1 : length);
    }
    return out;
}

/// The name of a class as people call it: `not_found` for `shop::not_found`, and for what the standard library or Boost
/// makes of it when it throws.
[[nodiscard]] inline std::string class_name(std::string_view full)
{
    for (const std::string_view wrapper : {"std::_Nested_exception<", "std::__1::__nested<", "boost::wrapexcept<",
             "boost::exception_detail::clone_impl<", "boost::exception_detail::error_info_injector<"}) {
        if (full.starts_with(wrapper) && full.ends_with('>')) {
            full.remove_prefix(wrapper.size());
            full.remove_suffix(1);
            while (full.ends_with(' '))
                full.remove_suffix(1);
            return class_name(full);
        }
    }
    std::size_t begin = 0;
    int nested = 0;
    for (std::size_t i = 0; i + 1 < full.size(); ++i) {
        const char c = full[i];
        if (c == '<' || c == '(')
            ++nested;
        else if (c == '>' || c == ')')
            --nested;
        else if (nested == 0 && c == ':' && full[i + 1] == ':')
            begin = i + 2;
    }
    return std::string(full.substr(begin));
}

[[nodiscard]] inline std::string class_name(const std::type_info& type)
{
    return class_name(boost::core::demangle(type.name()));
}

template <class E>
[[nodiscard]] std::exception_ptr nested_in(const E& thrown) noexcept
{
    const auto* const nested = dynamic_cast<const std::nested_exception*>(&thrown);
    return nested != nullptr ? nested->nested_ptr() : nullptr;
}

class failure_writer {
public:
    using failure = ::temporal::api::failure::v1::Failure;

    failure_writer(const data_converter& converter, const failure_options& options)
        : converter_{&converter}, options_{&options}
    {}

    void write(const std::exception_ptr& thrown, failure& out, std::size_t depth) const
    {
        std::exception_ptr cause;
        try {
            if (thrown)
                std::rethrow_exception(thrown);
            out.set_message("an error without an exception");
        } catch (const temporal_error& e) {
            if (e.original() != nullptr) {
                out = *e.original();
                return;
            }
            out.set_message(clean(e.what()));
            fill(e, out);
            cause = e.cause() ? e.cause() : nested_in(e);
        } catch (const std::exception& e) {
            out.set_message(clean(e.what()));
            out.mutable_application_failure_info()->set_type(clean(class_name(typeid(e))));
            cause = nested_in(e);
        } catch (const std::nested_exception& e) {
            unknown(out);
            cause = e.nested_ptr();
        } catch (...) {
            unknown(out);
        }
        out.set_source(failure_source);
        if (options_->encode_attributes)
            hide(out);
        if (!cause)
            return;
        if (depth < options_->most_causes) {
            write(cause, *out.mutable_cause(), depth + 1);
        } else {
            out.mutable_cause()->set_message("further causes are left out");
            out.mutable_cause()->set_source(failure_source);
        }
    }

private:
    [[nodiscard]] std::string clean(std::string_view text) const { return clean_text(text, options_->longest_text); }

    /// Within a handler.
    void unknown(failure& out) const
    {
        const std::type_info* const type = abi::__cxa_current_exception_type();
        out.set_message("something that is no std::exception was thrown");
        if (type != nullptr)
            out.mutable_application_failure_info()->set_type(clean(class_name(*type)));
    }

    void fill(const temporal_error& e, failure& out) const
    {
        if (const auto* const app = dynamic_cast<const application_error*>(&e)) {
            auto& info = *out.mutable_application_failure_info();
            // One of a user's own that derives from it, and says no type, has its class.
            if (!app->type().empty() || typeid(e) == typeid(application_error))
                info.set_type(clean(app->type()));
            else
                info.set_type(clean(class_name(typeid(e))));
            info.set_non_retryable(app->non_retryable());
            if (app->next_retry_delay())
                *info.mutable_next_retry_delay() = to_wire(*app->next_retry_delay());
            if (app->benign())
                info.set_category(::temporal::api::enums::v1::APPLICATION_ERROR_CATEGORY_BENIGN);
            if (!app->details().empty())
                add(app->details(), *info.mutable_details(), out);
        } else if (const auto* const cancelled = dynamic_cast<const cancelled_error*>(&e)) {
            auto& info = *out.mutable_canceled_failure_info();
            if (!cancelled->identity().empty())
                info.set_identity(clean(cancelled->identity()));
            if (!cancelled->details().empty())
                add(cancelled->details(), *info.mutable_details(), out);
        } else if (const auto* const timeout = dynamic_cast<const timeout_error*>(&e)) {
            auto& info = *out.mutable_timeout_failure_info();
            info.set_timeout_type(static_cast<::temporal::api::enums::v1::TimeoutType>(timeout->kind()));
            if (!timeout->last_heartbeat().empty())
                add(timeout->last_heartbeat(), *info.mutable_last_heartbeat_details(), out);
        } else if (const auto* const terminated = dynamic_cast<const terminated_error*>(&e)) {
            out.mutable_terminated_failure_info()->set_identity(clean(terminated->identity()));
        } else if (const auto* const server = dynamic_cast<const server_error*>(&e)) {
            out.mutable_server_failure_info()->set_non_retryable(server->non_retryable());
        } else if (const auto* const reset = dynamic_cast<const reset_workflow_error*>(&e)) {
            auto& info = *out.mutable_reset_workflow_failure_info();
            if (!reset->last_heartbeat().empty())
                add(reset->last_heartbeat(), *info.mutable_last_heartbeat_details(), out);
        } else {
            fill_failed(e, out);
        }
    }

    void fill_failed(const temporal_error& e, failure& out) const
    {
        using ::temporal::api::enums::v1::RetryState;
        if (const auto* const activity = dynamic_cast<const activity_error*>(&e)) {
            const activity_failure& from = activity->failure();
            auto& info = *out.mutable_activity_failure_info();
            info.set_scheduled_event_id(from.scheduled_event_id);
            info.set_started_event_id(from.started_event_id);
            info.set_identity(clean(from.identity));
            info.mutable_activity_type()->set_name(clean(from.type));
            info.set_activity_id(clean(from.id));
            info.set_retry_state(static_cast<RetryState>(from.retry));
        } else if (const auto* const child = dynamic_cast<const child_workflow_error*>(&e)) {
            const child_workflow_failure& from = child->failure();
            auto& info = *out.mutable_child_workflow_execution_failure_info();
            info.set_namespace_(clean(from.name_space));
            info.mutable_workflow_execution()->set_workflow_id(clean(from.workflow_id));
            info.mutable_workflow_execution()->set_run_id(clean(from.run_id));
            info.mutable_workflow_type()->set_name(clean(from.type));
            info.set_initiated_event_id(from.initiated_event_id);
            info.set_started_event_id(from.started_event_id);
            info.set_retry_state(static_cast<RetryState>(from.retry));
        } else if (const auto* const operation = dynamic_cast<const nexus_operation_error*>(&e)) {
            const nexus_operation_failure& from = operation->failure();
            auto& info = *out.mutable_nexus_operation_execution_failure_info();
            info.set_scheduled_event_id(from.scheduled_event_id);
            info.set_endpoint(clean(from.endpoint));
            info.set_service(clean(from.service));
            info.set_operation(clean(from.operation));
            info.set_operation_token(clean(from.operation_token));
        } else if (const auto* const handler = dynamic_cast<const nexus_handler_error*>(&e)) {
            auto& info = *out.mutable_nexus_handler_failure_info();
            info.set_type(clean(handler->failure().type));
            info.set_retry_behavior(
                static_cast<::temporal::api::enums::v1::NexusHandlerErrorRetryBehavior>(handler->failure().retry));
        } else if (typeid(e) != typeid(temporal_error)) {
            out.mutable_application_failure_info()->set_type(clean(class_name(typeid(e))));
        }
    }

    void add(const error_details& details, ::temporal::api::common::v1::Payloads& to, failure& out) const
    {
        if (auto encoded = converter_->encode(details.payloads()))
            to = *std::move(encoded);
        else
            out.set_message(out.message() + " (its details are left out: " + clean(encoded.error().message) + ")");
    }

    void hide(failure& out) const
    {
        boost::json::object shown;
        shown["message"] = out.message();
        shown["stack_trace"] = out.stack_trace();
        auto hidden = converter_->to_payload(shown);
        out.set_message(encoded_failure);
        out.clear_stack_trace();
        // What it says must not go out in clear, whatever happens.
        if (hidden)
            *out.mutable_encoded_attributes() = *std::move(hidden);
        else
            out.set_message(std::string(encoded_failure) + " (" + clean(hidden.error().message) + ")");
    }

    const data_converter* converter_;
    const failure_options* options_;
};

}  // namespace detail
}  // namespace mayfly::temporal
