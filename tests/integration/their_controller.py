#!/usr/bin/env python3
# SPDX-License-Identifier: BSL-1.0
"""A Temporal server's own controller starts our workers: with an empty event, one worker for a signal of its own.

usage: their_controller.py LOCAL_LAMBDA MAYFLY WORKER

WORKER is quickstart_worker. A program that `mayfly package` takes runs out of the archive which that makes. The server
speaks to the local Lambda as to AWS: it validates the function, starts one worker as soon as the version is there, and
more when tasks come that nobody waits for.
"""

import asyncio
import os
import pathlib
import sys
import tempfile
import time
import uuid
from datetime import timedelta

from temporalio.api.common.v1 import Payload
from temporalio.api.compute.v1 import ComputeConfig, ComputeConfigScalingGroup, ComputeProvider
from temporalio.api.deployment.v1 import WorkerDeploymentVersion
from temporalio.api.workflowservice.v1 import (CreateWorkerDeploymentRequest, CreateWorkerDeploymentVersionRequest,
                                               SetWorkerDeploymentCurrentVersionRequest)
from temporalio.client import Client

import checks
import serverless
import temporal_services
from checks import check, eventually

CONTROLLER = ["workercontroller.enabled=true", 'workercontroller.compute_providers.enabled=["aws-lambda"]',
              'workercontroller.scaling_algorithms.enabled=["no-sync"]',
              "workercontroller.compute_providers.aws.require_role_and_external_id=false"]
VERSION = {"deployment_name": "kitchen", "build_id": "build-1"}


async def create_version(client, arn):
    await client.workflow_service.create_worker_deployment(CreateWorkerDeploymentRequest(
        namespace=client.namespace, deployment_name=VERSION["deployment_name"], request_id=str(uuid.uuid4())))
    provider = ComputeProvider(type="aws-lambda", details=Payload(
        metadata={"encoding": b"json/plain"}, data=b'{"arn":"%s"}' % arn.encode()))
    await client.workflow_service.create_worker_deployment_version(CreateWorkerDeploymentVersionRequest(
        namespace=client.namespace, deployment_version=WorkerDeploymentVersion(**VERSION), request_id=str(uuid.uuid4()),
        compute_config=ComputeConfig(scaling_groups={"default": ComputeConfigScalingGroup(provider=provider)})))


async def cook(client, dish):
    begun = time.monotonic()
    result = await client.execute_activity("cook", args=[dish, 20], id=str(uuid.uuid4()), task_queue="orders",
                                           schedule_to_close_timeout=timedelta(seconds=60))
    check(result == f"{dish} is ready", f"{dish} came as {result!r}")
    return time.monotonic() - begun


async def run(client, platform):
    await create_version(client, serverless.arn("kitchen", 1))
    await eventually(lambda: len(platform.invocations()) == 1, "a first worker, which binds the version to its queue", 20)
    await client.workflow_service.set_worker_deployment_current_version(SetWorkerDeploymentCurrentVersionRequest(
        namespace=client.namespace, **VERSION, ignore_missing_task_queues=True))
    await eventually(lambda: not platform.running(), "the first worker leaves", 30)
    check(len(platform.invocations()) == 1, "nobody is started for nothing")
    print(f"the first worker was billed {platform.invocations()[0].billed:.1f} s", flush=True)

    waited = await asyncio.wait_for(cook(client, "one dish"), 30)
    alone = len(platform.invocations()) - 1
    check(alone == 1, f"one task, {alone} workers")
    print(f"one task: one worker, the result after {waited:.2f} s", flush=True)
    await eventually(lambda: not platform.running(), "that worker leaves", 30)

    before = len(platform.invocations())
    waits = await asyncio.wait_for(asyncio.gather(*(cook(client, f"dish {i}") for i in range(50))), 60)
    await eventually(lambda: not platform.running(), "all workers leave", 30)
    started = platform.invocations()[before:]
    check(1 <= len(started) <= 10, f"{len(started)} workers for 50 tasks")
    print(f"50 tasks at once: {len(started)} workers, the last result after {max(waits):.2f} s, "
          f"{sum(i.billed for i in started):.1f} s billed", flush=True)
    failed = [i for i in platform.invocations() if i.failed]
    check(not failed, f"invocations failed: {failed}")


async def main():
    local_lambda, mayfly, worker = map(os.path.abspath, sys.argv[1:4])
    with tempfile.TemporaryDirectory() as folder:
        bootstrap, is_packaged = serverless.packaged(mayfly, worker, folder)
        print(f"the worker runs {'out of its archive' if is_packaged else 'as it was linked'}", flush=True)
        config = pathlib.Path(folder) / "temporal.toml"
        kitchen = {"function": "kitchen", "bootstrap": bootstrap, "versions": [1], "timeout": 12, "async_retries": 0,
                   "env": {"TEMPORAL_CONFIG_FILE": str(config)}}
        with serverless.functions_of(local_lambda, [kitchen]) as platform:
            with temporal_services.serving("real", dynamic=CONTROLLER, environment=platform.environment()) as service:
                config.write_text(f'[profile.default]\naddress = "{service.address}"\n')
                client = await Client.connect(service.address)
                await run(client, platform)
            check(platform.stop() == 0, "local_lambda ends well")
            if checks.failures:
                print("---- local_lambda said:\n" + platform.text()[-6000:], flush=True)
    return checks.status()


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
