// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/temporal/api.hpp>
#include <mayfly/temporal/proto/command.pb.h>
#include <mayfly/temporal/proto/history.pb.h>
#include <mayfly/temporal/proto/protocol.pb.h>
#include <mayfly/temporal/proto/query.pb.h>
#include <mayfly/temporal/proto/sdk.pb.h>
#include <mayfly/temporal/proto/update.pb.h>
#include <mayfly/temporal/proto/workflow.pb.h>
#include <mayfly/temporal/proto/workflowservice_workflow.pb.h>

// The messages that only workflows need, which are many: a worker of activities compiles without them.

namespace mayfly::temporal::api {

namespace command = ::temporal::api::command::v1;
namespace history = ::temporal::api::history::v1;
namespace protocol = ::temporal::api::protocol::v1;
namespace query = ::temporal::api::query::v1;
namespace sdk = ::temporal::api::sdk::v1;
namespace update = ::temporal::api::update::v1;
namespace workflow = ::temporal::api::workflow::v1;

}  // namespace mayfly::temporal::api
