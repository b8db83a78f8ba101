// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/temporal/proto/activity.pb.h>
#include <mayfly/temporal/proto/common.pb.h>
#include <mayfly/temporal/proto/compute.pb.h>
#include <mayfly/temporal/proto/deployment.pb.h>
#include <mayfly/temporal/proto/enums.pb.h>
#include <mayfly/temporal/proto/errordetails.pb.h>
#include <mayfly/temporal/proto/failure.pb.h>
#include <mayfly/temporal/proto/namespace.pb.h>
#include <mayfly/temporal/proto/taskqueue.pb.h>
#include <mayfly/temporal/proto/wire.pb.h>
#include <mayfly/temporal/proto/worker.pb.h>
#include <mayfly/temporal/proto/workflowservice_activity.pb.h>
#include <mayfly/temporal/proto/workflowservice_deployment.pb.h>
#include <mayfly/temporal/proto/workflowservice_queue.pb.h>
#include <mayfly/temporal/proto/workflowservice_system.pb.h>

// Temporal's messages under short names: `api::StartActivityExecutionRequest`, `api::common::Payload`.

namespace mayfly::temporal::api {

using namespace ::temporal::api::workflowservice::v1;
namespace activity = ::temporal::api::activity::v1;
namespace common = ::temporal::api::common::v1;
namespace compute = ::temporal::api::compute::v1;
namespace deployment = ::temporal::api::deployment::v1;
namespace enums = ::temporal::api::enums::v1;
namespace errordetails = ::temporal::api::errordetails::v1;
namespace failure = ::temporal::api::failure::v1;
namespace name_space = ::temporal::api::namespace_::v1;
namespace taskqueue = ::temporal::api::taskqueue::v1;
namespace worker = ::temporal::api::worker::v1;

}  // namespace mayfly::temporal::api
