// SPDX-License-Identifier: BSL-1.0
#include <mayfly/temporal/proto/common.pb.h>

int main()
{
    temporal::api::common::v1::WorkflowExecution execution;
    execution.set_workflow_id("order");
    return execution.SerializeAsString() == "\x0a\x05order" ? 0 : 1;
}
