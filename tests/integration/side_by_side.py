#!/usr/bin/env python3
# SPDX-License-Identifier: BSL-1.0
"""Our controller against the one in a real server, in one run: the same server, the same functions, the same work.

usage: side_by_side.py LOCAL_LAMBDA MAYFLY WORKER [--full]

Each has a namespace of its own. The work: one task right after the version became current, four long ones in two pairs
200 ms apart, of which each pair fills a worker, and a burst of 50; with --full a burst of 500 and a trickle too, and all
patience that such a comparison should have. It tells what tasks waited, what was started and billed, and what was left;
ours has to leave nothing, and has to have begun a burst's last task within one reading of statistics, two start-ups, and
the time that as many workers as there may be are busy with the others.
"""

import argparse
import asyncio
import os
import pathlib
import sys
import tempfile
import time
import uuid
from datetime import timedelta

from temporalio.api.workflowservice.v1 import SetWorkerDeploymentCurrentVersionRequest
from temporalio.client import ActivityFailureError, Client

import serverless
import temporal_services
import their_controller

READING = 5.0  # seconds for which a server's statistics stay as they are
SLACK = 1.5  # of a machine that does other things too
MAXIMUM, SLOTS = 40, 2  # workers, and what one of them does at a time
failures = []


def check(holds, what):
    if not holds:
        failures.append(what)
        print(f"not so: {what}", flush=True)


class Side:
    """One controller, with its namespace and its function."""

    def __init__(self, name, client, function, platform, patience):
        self.name, self.client, self.function, self.platform, self.patience = name, client, function, platform, patience
        self.rows = []

    def invocations(self):
        return [i for i in self.platform.invocations() if i.function == self.function]

    async def nobody_is_up(self):
        end = time.monotonic() + 60
        while any(i.ended is None for i in self.invocations()):
            if time.monotonic() > end:
                raise RuntimeError(f"workers of {self.name} do not leave")
            await asyncio.sleep(0.1)

    async def task(self, milliseconds):
        """How long it waited for a worker; nothing if none came."""
        handle = await self.client.start_activity("cook", args=["dish", milliseconds], id=str(uuid.uuid4()), task_queue="orders",
                                                  # A default server may hand a task to a worker that has just gone.
                                                  start_to_close_timeout=timedelta(seconds=5 + milliseconds / 1000),
                                                  schedule_to_close_timeout=timedelta(seconds=self.patience))
        try:
            await handle.result()
        except ActivityFailureError:
            return None
        told = await handle.describe()
        return (told.last_started_time - told.schedule_time).total_seconds()

    async def measure(self, what, work):
        """`work` is a list of (after how many seconds, how many tasks, of how many milliseconds each)."""
        await self.nobody_is_up()
        before = len(self.invocations())

        async def later(seconds, milliseconds):
            await asyncio.sleep(seconds)
            return await self.task(milliseconds)
        waits = await asyncio.gather(*(later(at, ms) for at, count, ms in work for _ in range(count)))
        await self.nobody_is_up()
        started = self.invocations()[before:]
        served = [w for w in waits if w is not None]
        row = {"what": what, "tasks": len(waits), "left": len(waits) - len(served), "p50": serverless.quantile(served, 0.5),
               "p99": serverless.quantile(served, 0.99), "workers": len(started), "billed": sum(i.billed for i in started)}
        self.rows.append(row)
        print(f"{self.name:8} {what:28} {row['tasks']:5} tasks, wait p50 {row['p50']:6.2f} s, p99 {row['p99']:6.2f} s, "
              f"{row['workers']:3} workers, {row['billed']:6.1f} s billed, {row['left']:3} left", flush=True)
        return row


async def work_of(side, set_current, full):
    await set_current()
    await side.measure("right after set-current", [(0, 1, 20)])
    await side.measure("two pairs 200 ms apart", [(0, 2, 6000), (0.2, 2, 6000)])
    await side.measure("burst of 50", [(0, 50, 200)])
    if full:
        await side.measure("burst of 500", [(0, 500, 200)])
        await side.measure("trickle, one each 2 s", [(2 * i, 1, 20) for i in range(15)])


async def theirs(service, side, full):
    client = side.client
    await their_controller.create_version(client, serverless.arn(side.function, 1))
    while not side.invocations():
        await asyncio.sleep(0.05)
    await side.nobody_is_up()

    async def set_current():
        await client.workflow_service.set_worker_deployment_current_version(SetWorkerDeploymentCurrentVersionRequest(
            namespace=client.namespace, **their_controller.VERSION, ignore_missing_task_queues=True))
    await work_of(side, set_current, full)


async def ours(deployments, side, full):
    deployments.create("kitchen")
    deployments.create_version("kitchen", "build-1", serverless.arn(side.function, 1), "--storage", "metadata",
                               "--scaler-max-instances", str(MAXIMUM))
    end = time.monotonic() + 30
    while not side.invocations():
        if time.monotonic() > end:
            raise RuntimeError("no first worker was started")
        await asyncio.sleep(0.05)
    await side.nobody_is_up()

    async def set_current():
        await asyncio.to_thread(deployments.set_current, "kitchen", "build-1")
    await work_of(side, set_current, full)


async def run(given, folder):
    configs = {name: pathlib.Path(folder) / f"{name}.toml" for name in ("theirs", "ours")}
    functions = [{"function": name, "bootstrap": os.path.abspath(given.worker), "versions": [1], "timeout": 75 if given.full else 18,
                  "async_retries": 0, "event_age": 60, "memory": 256, "env": {"TEMPORAL_CONFIG_FILE": str(config)}}
                 for name, config in configs.items()]
    with serverless.functions_of(given.local_lambda, functions) as platform:
        environment = platform.environment()
        with temporal_services.serving("real", dynamic=their_controller.CONTROLLER, namespaces=["ours"],
                                       environment=environment) as service:
            namespaces = {"theirs": "default", "ours": "ours"}
            sides = {}
            for name, config in configs.items():
                config.write_text(f'[profile.default]\naddress = "{service.address}"\nnamespace = "{namespaces[name]}"\n')
                client = await Client.connect(service.address, namespace=namespaces[name])
                sides[name] = Side(name, client, name, platform, 60 if given.full else 20)
            controller = serverless.Controller(os.path.abspath(given.mayfly), service, folder, environment, namespace="ours")
            deployments = serverless.Deployments(os.path.abspath(given.mayfly), service, environment, namespace="ours")
            try:
                controller.start()
                await theirs(service, sides["theirs"], given.full)
                await ours(deployments, sides["ours"], given.full)
                group = controller.version("kitchen", "build-1")["groups"][0]
                startup = group["fleet"]["startup_seconds"]
            except BaseException:
                print("---- the controller said:\n" + controller.said(), flush=True)
                raise
            finally:
                check(controller.stop() == 0, "the controller ends well")
            for row in sides["ours"].rows:
                check(row["left"] == 0, f"{row['what']}: {row['left']} tasks were left")
                if "burst" in row["what"]:
                    bar = READING + 2 * startup + row["tasks"] * 0.2 / (MAXIMUM * SLOTS) + SLACK
                    print(f"{row['what']}: p99 {row['p99']:.2f} s, the bar is {bar:.2f} s; a start-up took {startup:.2f} s",
                          flush=True)
                    check(row["p99"] <= bar, f"{row['what']}: p99 {row['p99']:.2f} s")


def main():
    reader = argparse.ArgumentParser()
    reader.add_argument("local_lambda")
    reader.add_argument("mayfly")
    reader.add_argument("worker")
    reader.add_argument("--full", action="store_true")
    given = reader.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(run(given, folder))
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
