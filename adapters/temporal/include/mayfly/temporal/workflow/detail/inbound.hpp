// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/temporal/workflow/messages.hpp>
#include <mayfly/temporal/workflow_call.hpp>

#include <string>
#include <vector>

namespace mayfly::temporal::workflow::detail {

/// Something that a run was asked, for interceptors. What is done for it has it, so that they know why.
struct inbound {
    workflow_call::kind what = workflow_call::kind::run;
    std::string name{};
    api::common::Header header{};
    api::common::Payloads input{};  ///< Until they have seen it.
    std::vector<end_listener> listeners{};
};

}  // namespace mayfly::temporal::workflow::detail
