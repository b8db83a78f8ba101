#!/usr/bin/env python3
# SPDX-License-Identifier: BSL-1.0
"""Our controller starts workers of the official Go SDK: its Lambda worker, behind the local Lambda, on a real server.

usage: their_worker.py LOCAL_LAMBDA MAYFLY

Nothing about that worker is ours: it ignores what the controller tells it, and polls until its deadline is near. The
controller has to know it by its identity all the same, count it while it is up, and let it drain.
"""

import asyncio
import os
import pathlib
import sys
import tempfile
import time
import uuid
from datetime import timedelta

from temporalio.client import Client

import checks
import serverless
import temporal_services
from checks import check, eventually

TIMEOUT = 18  # seconds of a function; it polls for 7 s less


async def cook(client, i):
    result = await client.execute_activity("cook", args=[f"dish {i}", 50], id=str(uuid.uuid4()), task_queue="orders",
                                           schedule_to_close_timeout=timedelta(seconds=60))
    check(result == f"dish {i} is ready", f"activity {i} came as {result!r}")


async def dine(client, i):
    result = await client.execute_workflow("dinner", ["soup", "fish", "cake"], id=str(uuid.uuid4()), task_queue="orders",
                                           execution_timeout=timedelta(seconds=60))
    check(result == 3, f"workflow {i} came as {result!r}")


async def run(client, controller, deployments, platform):
    deployments.create("kitchen")
    deployments.create_version("kitchen", "go-1", serverless.arn("kitchen", 1), "--scaler-max-instances", "4")
    await eventually(lambda: len(platform.invocations()) == 1, "a first worker, which binds the version to its queue", 30)
    deployments.set_current("kitchen", "go-1")
    await eventually(lambda: not platform.running(), "the first worker leaves", 30)

    begun = time.monotonic()
    work = asyncio.gather(*(cook(client, i) for i in range(30)), *(dine(client, i) for i in range(5)))
    seen = 0

    def look():
        nonlocal seen
        version = controller.version("kitchen", "go-1")
        seen = max(seen, *(g["fleet"]["live"] for g in version["groups"]))
        check(len(platform.running()) <= 4, "never more than the maximum")

    while not work.done():
        await asyncio.wait([work], timeout=0.2)
        look()
    await work
    print(f"30 activities and 5 workflows: {time.monotonic() - begun:.1f} s", flush=True)
    # They stay for some seconds, in which the controller reads who polls.
    await eventually(lambda: look() or not platform.running(), "all workers drain and leave", 40)
    check(seen > 0, "the controller saw workers at work")

    def totals():
        return controller.version("kitchen", "go-1")["groups"][0]["totals"]
    started = len(platform.invocations())
    await eventually(lambda: totals()["connected"] == started, "each start is known by its worker's identity", 20)
    books = totals()
    check(books["asked"] == started, f"{started} workers ran, {books['asked']} were asked for")
    check(books["given_up"] == 0 and books["adopted"] == 0, f"no start is lost, nobody is a stranger: {books}")
    check(not [i for i in platform.invocations() if i.failed], "no invocation failed")
    print(f"{started} workers, each matched by its identity; {sum(i.billed for i in platform.invocations()):.1f} s billed",
          flush=True)


async def main():
    local_lambda, mayfly = map(os.path.abspath, sys.argv[1:3])
    worker = temporal_services.built("lambda_worker")
    with tempfile.TemporaryDirectory() as folder, temporal_services.serving("real") as service:
        config = pathlib.Path(folder) / "temporal.toml"
        config.write_text(f'[profile.default]\naddress = "{service.address}"\n')
        kitchen = {"function": "kitchen", "bootstrap": worker, "versions": [1], "timeout": TIMEOUT, "async_retries": 0,
                   "event_age": 60, "memory": 256,
                   "env": {"TEMPORAL_CONFIG_FILE": str(config), "TEMPORAL_TASK_QUEUE": "orders", "DEPLOYMENT": "kitchen",
                           "BUILD_ID": "go-1"}}
        with serverless.functions_of(local_lambda, [kitchen]) as platform:
            controller = serverless.Controller(mayfly, service, folder, platform.environment())
            try:
                controller.start()
                await run(await Client.connect(service.address), controller,
                          serverless.Deployments(mayfly, service, platform.environment()), platform)
            except BaseException:
                print("---- the controller said:\n" + controller.said(), flush=True)
                raise
            finally:
                check(controller.stop() == 0, "the controller ends well")
            check(platform.stop() == 0, "local_lambda ends well")
            if checks.failures:
                print("---- the controller said:\n" + controller.said(), flush=True)
                print("---- local_lambda said:\n" + platform.text()[-4000:], flush=True)
    return checks.status()


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
