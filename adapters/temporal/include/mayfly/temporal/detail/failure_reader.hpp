// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/temporal/data_converter.hpp>
#include <mayfly/temporal/errors.hpp>
#include <mayfly/temporal/proto/failure.pb.h>
#include <mayfly/temporal/times.hpp>

#include <boost/json/object.hpp>

#include <cstddef>
#include <exception>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

namespace mayfly::temporal::detail {

/// What a failure is, for people: an application's own type where there is one.
[[nodiscard]] inline std::string_view kind_of(const ::temporal::api::failure::v1::Failure& f)
{
    using ::temporal::api::failure::v1::Failure;
    switch (f.failure_info_case()) {
    case Failure::kApplicationFailureInfo: return f.application_failure_info().type();
    case Failure::kTimeoutFailureInfo: return "timeout";
    case Failure::kCanceledFailureInfo: return "cancelled";
    case Failure::kTerminatedFailureInfo: return "terminated";
    case Failure::kServerFailureInfo: return "server error";
    case Failure::kResetWorkflowFailureInfo: return "workflow reset";
    case Failure::kActivityFailureInfo: return "activity failed";
    case Failure::kChildWorkflowExecutionFailureInfo: return "child workflow failed";
    case Failure::kNexusOperationExecutionFailureInfo: return "Nexus operation failed";
    case Failure::kNexusHandlerFailureInfo: return "Nexus handler failed";
    case Failure::FAILURE_INFO_NOT_SET: break;
    }
    return {};
}

/// Without its ends of lines and the like; the start of what is long.
inline void append_line(std::string& out, std::string_view text)
{
    constexpr std::size_t longest = 1000;
    for (const char c : text.substr(0, longest))
        out += static_cast<unsigned char>(c) < 0x20 || c == 0x7F ? ' ' : c;
    if (text.size() > longest)
        out += "...";
}

class failure_reader {
public:
    using failure = ::temporal::api::failure::v1::Failure;

    failure_reader(const data_converter& converter, std::shared_ptr<const failure> kept)
        : converter_{&converter}, kept_{std::move(kept)}
    {}

    [[nodiscard]] std::exception_ptr read(const failure& f, std::size_t depth) const
    {
        // No parser of protobuf reads more levels than that.
        constexpr std::size_t deepest = 100;
        const std::exception_ptr cause = f.has_cause() && depth < deepest ? read(f.cause(), depth + 1) : nullptr;
        texts said{f.message(), f.stack_trace()};
        if (f.has_encoded_attributes())
            uncover(f, said);

        switch (f.failure_info_case()) {
        case failure::kApplicationFailureInfo: return received(application(f, said, cause), f, said);
        case failure::kTimeoutFailureInfo: {
            const auto& info = f.timeout_failure_info();
            return received(timeout_error(said.message, static_cast<timeout_kind>(info.timeout_type()),
                                details(info.last_heartbeat_details()), cause),
                f, said);
        }
        case failure::kCanceledFailureInfo: {
            const auto& info = f.canceled_failure_info();
            return received(cancelled_error(said.message, details(info.details()), cause, info.identity()), f, said);
        }
        case failure::kTerminatedFailureInfo:
            return received(terminated_error(said.message, f.terminated_failure_info().identity(), cause), f, said);
        case failure::kServerFailureInfo:
            return received(server_error(said.message, f.server_failure_info().non_retryable(), cause), f, said);
        case failure::kResetWorkflowFailureInfo: {
            const auto& info = f.reset_workflow_failure_info();
            return received(reset_workflow_error(said.message, details(info.last_heartbeat_details()), cause), f, said);
        }
        case failure::kActivityFailureInfo: {
            const auto& info = f.activity_failure_info();
            activity_failure what{.scheduled_event_id = info.scheduled_event_id(),
                .started_event_id = info.started_event_id(),
                .identity = info.identity(),
                .type = info.activity_type().name(),
                .id = info.activity_id(),
                .retry = static_cast<retry_state>(info.retry_state())};
            return received(activity_error(said.message, std::move(what), cause), f, said);
        }
        case failure::kChildWorkflowExecutionFailureInfo: {
            const auto& info = f.child_workflow_execution_failure_info();
            child_workflow_failure what{.name_space = info.namespace_(),
                .workflow_id = info.workflow_execution().workflow_id(),
                .run_id = info.workflow_execution().run_id(),
                .type = info.workflow_type().name(),
                .initiated_event_id = info.initiated_event_id(),
                .started_event_id = info.started_event_id(),
                .retry = static_cast<retry_state>(info.retry_state())};
            return received(child_workflow_error(said.message, std::move(what), cause), f, said);
        }
        case failure::kNexusOperationExecutionFailureInfo: {
            const auto& info = f.nexus_operation_execution_failure_info();
            nexus_operation_failure what{.scheduled_event_id = info.scheduled_event_id(),
                .endpoint = info.endpoint(),
                .service = info.service(),
                .operation = info.operation(),
                .operation_token = info.operation_token()};
            return received(nexus_operation_error(said.message, std::move(what), cause), f, said);
        }
        case failure::kNexusHandlerFailureInfo: {
            const auto& info = f.nexus_handler_failure_info();
            nexus_handler_failure what{.type = info.type(), .retry = static_cast<nexus_retry>(info.retry_behavior())};
            return received(nexus_handler_error(said.message, std::move(what), cause), f, said);
        }
        case failure::FAILURE_INFO_NOT_SET: break;
        }
        return received(temporal_error(said.message, cause), f, said);
    }

private:
    struct texts {
        std::string message;
        std::string stack_trace;
    };

    [[nodiscard]] application_error application(
        const failure& f, const texts& said, const std::exception_ptr& cause) const
    {
        const auto& info = f.application_failure_info();
        application_options options{.type = info.type(),
            .non_retryable = info.non_retryable(),
            .details = details(info.details()),
            .benign = info.category() == ::temporal::api::enums::v1::APPLICATION_ERROR_CATEGORY_BENIGN,
            .cause = cause};
        if (info.has_next_retry_delay())
            options.next_retry_delay = from_wire(info.next_retry_delay());
        return application_error(said.message, std::move(options));
    }

    template <class E>
    [[nodiscard]] std::exception_ptr received(E e, const failure& f, texts& said) const
    {
        // A part of what is kept, and keeps the whole.
        e.set_received(std::shared_ptr<const failure>{kept_, &f}, std::move(said.stack_trace));
        return std::make_exception_ptr(std::move(e));
    }

    [[nodiscard]] error_details details(const ::temporal::api::common::v1::Payloads& payloads) const
    {
        auto decoded = converter_->decode(payloads);
        return error_details::from(decoded ? *std::move(decoded) : payloads);
    }

    void uncover(const failure& f, texts& said) const
    {
        const auto attributes = converter_->from_payload<boost::json::object>(f.encoded_attributes());
        if (!attributes)
            return;
        const auto take = [&attributes](const char* name, std::string& to) {
            const auto* const found = attributes->if_contains(name);
            if (found != nullptr && found->is_string())
                to.assign(found->get_string().data(), found->get_string().size());
        };
        take("message", said.message);
        take("stack_trace", said.stack_trace);
    }

    const data_converter* converter_;
    std::shared_ptr<const failure> kept_;
};

}  // namespace mayfly::temporal::detail
