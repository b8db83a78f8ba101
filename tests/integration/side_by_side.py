#!/usr/bin/env python3
# SPDX-License-Identifier: BSL-1.0
"""Our controller against the one in a real server, in one run: the same server, the same functions, the same work.

usage: side_by_side.py LOCAL_LAMBDA MAYFLY WORKER PUSH_PROBE [--long] [--slack SECONDS]

Each has a namespace of its own: the controller in the server, ours, and ours inside a program that starts the work
itself and pushes it. The work: one task right after the version became current, four long ones in two pairs 200 ms
apart, of which each pair fills a worker, and a burst of 50; with --long a burst of 500 and a trickle too, and all patience
that such a comparison should have. Without it ours run at the same time, and the one in the server not at all.

It tells what tasks waited, what was started and billed, and what was left. Ours have to leave nothing, and have to have
begun a burst's last task within one reading of statistics and two start-ups, or within a second and a start-up if it is
pushed; to which comes the time that as many workers as there may be are busy with the others: with --long that is measured, by
the same burst while all of them are up, as server and machine have their part in it. A default server may hand a task to a
worker that has just gone, and hands it out again after the time of an attempt: what such a task waited is no controller's
doing, and is counted apart.
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

from temporalio.api.deployment.v1 import WorkerDeploymentVersion
from temporalio.api.workflowservice.v1 import (CreateWorkerDeploymentVersionRequest,
                                               SetWorkerDeploymentCurrentVersionRequest)
from temporalio.client import ActivityFailureError, Client

import checks
import serverless
import temporal_services
import their_controller
from checks import check

READING = 5.0  # seconds for which a server's statistics stay as they are
MAXIMUM, SLOTS = 40, 2  # workers, and what one of them does at a time


class Side:
    """One controller, with its namespace and its function."""

    def __init__(self, name, client, function, platform, life, patience):
        self.name, self.client, self.function, self.platform = name, client, function, platform
        self.life, self.patience = life, patience
        self.rows, self.probe = [], None

    def invocations(self):
        return [i for i in self.platform.invocations() if i.function == self.function]

    async def nobody_is_up(self):
        end = time.monotonic() + self.life + 20
        while any(i.ended is None for i in self.invocations()):
            if time.monotonic() > end:
                raise RuntimeError(f"workers of {self.name} do not leave")
            await asyncio.sleep(0.1)

    async def task(self, milliseconds):
        """How long it waited for a worker, and for which attempt; nothing if none came."""
        name = str(uuid.uuid4())
        if self.probe:
            handle = await self.probe.start(self.client, name, milliseconds, self.patience)
        else:
            handle = await self.client.start_activity("cook", args=[name, milliseconds], id=name, task_queue="orders",
                                                      # A default server may hand a task to a worker that has just gone.
                                                      start_to_close_timeout=timedelta(seconds=5 + milliseconds / 1000),
                                                      schedule_to_close_timeout=timedelta(seconds=self.patience),
                                                      rpc_timeout=timedelta(seconds=60))
        try:
            await handle.result()
        except ActivityFailureError:
            return None
        told = await handle.describe()
        return (told.last_started_time - told.schedule_time).total_seconds(), told.attempt

    async def all_are_up(self):
        end = time.monotonic() + 60
        while sum(i.ended is None for i in self.invocations()) < MAXIMUM:
            if time.monotonic() > end:
                raise RuntimeError(f"a minimum of {MAXIMUM} workers of {self.name} does not come")
            await asyncio.sleep(0.1)

    async def measure(self, what, work, warm=False):
        """`work` is a list of (after how many seconds, how many tasks, of how many milliseconds each). Nobody is up when it
        begins; or everybody is."""
        await (self.all_are_up() if warm else self.nobody_is_up())
        before = len(self.invocations())

        async def later(seconds, milliseconds):
            await asyncio.sleep(seconds)
            return await self.task(milliseconds)
        waits = await asyncio.gather(*(later(at, ms) for at, count, ms in work for _ in range(count)))
        if not warm:
            await self.nobody_is_up()
        started = self.invocations()[before:]
        served = [wait for wait, attempt in filter(None, waits) if attempt == 1]
        left = sum(w is None for w in waits)
        row = {"what": what, "tasks": len(waits), "left": left, "again": len(waits) - left - len(served),
               "p50": serverless.quantile(served, 0.5), "p99": serverless.quantile(served, 0.99), "workers": len(started),
               "billed": sum(i.billed or 0 for i in started)}
        self.rows.append(row)
        print(f"{self.name:8} {what:28} {row['tasks']:5} tasks, wait p50 {row['p50']:6.2f} s, p99 {row['p99']:6.2f} s, "
              f"{row['workers']:3} workers, {row['billed']:6.1f} s billed, {row['left']:3} left, {row['again']:2} handed out twice", flush=True)
        return row


class PushProbe:
    """A program that starts what it is told to, and drives the version that does it."""

    def __init__(self, program, service, namespace, function, environment):
        host, _, port = service.address.rpartition(":")
        self.command = [program, host, port, namespace, *their_controller.VERSION.values(), function, str(MAXIMUM)]
        self.environment = {**os.environ, **environment}
        self.waiting = {}

    async def __aenter__(self):
        self.process = await asyncio.create_subprocess_exec(*self.command, env=self.environment, stdin=asyncio.subprocess.PIPE,
                                                            stdout=asyncio.subprocess.PIPE)
        self.reader = asyncio.create_task(self.read())
        return self

    async def read(self):
        while line := await self.process.stdout.readline():
            self.waiting.pop(line.decode().strip()).set_result(None)

    async def start(self, client, name, milliseconds, patience):
        self.waiting[name] = started = asyncio.get_running_loop().create_future()
        self.process.stdin.write(f"{name} {milliseconds} {patience}\n".encode())
        await asyncio.wait_for(started, 30)
        return client.get_activity_handle(name)

    async def __aexit__(self, *_):
        self.process.stdin.close()
        check(await asyncio.wait_for(self.process.wait(), 30) == 0, "the program that pushes ends well")
        await self.reader


async def work_of(side, set_current, long):
    await set_current()
    await side.measure("right after set-current", [(0, 1, 20)])
    length = 6000 if long else 2000
    await side.measure("two pairs 200 ms apart", [(0, 2, length), (0.2, 2, length)])
    await side.measure("burst of 50", [(0, 50, 200)])
    if long:
        await side.measure("burst of 500", [(0, 500, 200)])
        await side.measure("trickle, one each 2 s", [(2 * i, 1, 20) for i in range(15)])


async def theirs(side, long):
    client = side.client
    await their_controller.create_version(client, serverless.arn(side.function, 1))
    while not side.invocations():
        await asyncio.sleep(0.05)
    await side.nobody_is_up()

    async def set_current():
        await client.workflow_service.set_worker_deployment_current_version(SetWorkerDeploymentCurrentVersionRequest(
            namespace=client.namespace, **their_controller.VERSION, ignore_missing_task_queues=True))
    await work_of(side, set_current, long)


async def work_once_bound(deployments, side, long):
    end = time.monotonic() + 30
    while not side.invocations():
        if time.monotonic() > end:
            raise RuntimeError(f"no first worker of {side.name} was started")
        await asyncio.sleep(0.05)
    await side.nobody_is_up()

    async def set_current():
        await asyncio.to_thread(deployments.set_current, *their_controller.VERSION.values())
    await work_of(side, set_current, long)


async def ours(deployments, side, long):
    deployment, build_id = their_controller.VERSION.values()
    await asyncio.to_thread(deployments.create, deployment)
    await asyncio.to_thread(deployments.create_version, deployment, build_id, serverless.arn(side.function, 1), "--storage",
                            "metadata", "--scaler-max-instances", str(MAXIMUM))
    await work_once_bound(deployments, side, long)
    if long:
        await asyncio.to_thread(deployments, "update-version-compute-config", "--deployment-name", deployment, "--build-id",
                                build_id, "--scaler-min-instances", str(MAXIMUM))
        await side.measure("burst of 50, all up", [(0, 50, 200)], warm=True)
        await side.measure("burst of 500, all up", [(0, 500, 200)], warm=True)


async def pushed(deployments, side, program, service, environment, long):
    """Nobody else drives it: its configuration is in the program alone."""
    deployment, build_id = their_controller.VERSION.values()
    await asyncio.to_thread(deployments.create, deployment)
    await side.client.workflow_service.create_worker_deployment_version(CreateWorkerDeploymentVersionRequest(
        namespace=side.client.namespace, deployment_version=WorkerDeploymentVersion(**their_controller.VERSION),
        request_id=str(uuid.uuid4())))
    arn = serverless.arn(side.function, 1)
    async with PushProbe(program, service, side.client.namespace, arn, environment) as side.probe:
        await work_once_bound(deployments, side, long)


def judge(side, busy, startup, reading, startups, slack):
    """`busy`: how long the last one of so many tasks waits although all workers are up."""
    for row in side.rows:
        check(row["left"] == 0, f"{side.name}, {row['what']}: {row['left']} tasks were left")
        check(row["again"] <= 1 + row["tasks"] / 5, f"{side.name}, {row['what']}: {row['again']} tasks were handed out twice")
        if row["what"].startswith("burst of") and "up" not in row["what"]:
            bar = reading + startups * startup + busy.get(row["tasks"], row["tasks"] * 0.2 / (MAXIMUM * SLOTS)) + slack
            print(f"{side.name}, {row['what']}: p99 {row['p99']:.2f} s, the bar is {bar:.2f} s; a start-up took {startup:.2f} s",
                  flush=True)
            check(row["p99"] <= bar, f"{side.name}, {row['what']}: p99 {row['p99']:.2f} s, not {bar:.2f} s")


async def run(given, folder):
    names = ("theirs", "ours", "pushed")
    configs = {name: pathlib.Path(folder) / f"{name}.toml" for name in names}
    life = 40 if given.long else 18
    functions = [{"function": name, "bootstrap": given.worker, "versions": [1], "timeout": life,
                  "async_retries": 0, "event_age": 60, "memory": 256, "env": {"TEMPORAL_CONFIG_FILE": str(config)}}
                 for name, config in configs.items()]
    with serverless.functions_of(given.local_lambda, functions) as platform:
        environment = platform.environment()
        with temporal_services.serving("real", dynamic=their_controller.CONTROLLER, namespaces=["ours", "pushed"],
                                       environment=environment) as service:
            namespaces = {"theirs": "default", "ours": "ours", "pushed": "pushed"}
            mayfly, sides, deployments = given.mayfly, {}, {}
            for name, config in configs.items():
                config.write_text(f'[profile.default]\naddress = "{service.address}"\nnamespace = "{namespaces[name]}"\n')
                client = await Client.connect(service.address, namespace=namespaces[name])
                sides[name] = Side(name, client, name, platform, life, 60 if given.long else 20)
                deployments[name] = serverless.Deployments(mayfly, service, environment, namespace=namespaces[name])
            controller = serverless.Controller(mayfly, service, folder, environment, namespace="ours")

            def push():
                return pushed(deployments["pushed"], sides["pushed"], given.probe, service, environment,
                              given.long)
            try:
                controller.start()
                if given.long:
                    await theirs(sides["theirs"], True)
                    await ours(deployments["ours"], sides["ours"], True)
                    await push()
                else:
                    await asyncio.gather(ours(deployments["ours"], sides["ours"], False), push())
                group = controller.version(*their_controller.VERSION.values())["groups"][0]
                startup = group["fleet"]["startup_seconds"]
            except BaseException:
                print("---- the controller said:\n" + controller.said(), flush=True)
                raise
            finally:
                check(controller.stop() == 0, "the controller ends well")
            busy = {row["tasks"]: row["p99"] for row in sides["ours"].rows if row["what"].endswith("all up")}
            judge(sides["ours"], busy, startup, READING, 2, given.slack)
            judge(sides["pushed"], busy, startup, 1, 1, given.slack)


def main():
    reader = argparse.ArgumentParser()
    reader.add_argument("local_lambda", type=os.path.abspath)
    reader.add_argument("mayfly", type=os.path.abspath)
    reader.add_argument("worker", type=os.path.abspath)
    reader.add_argument("probe", type=os.path.abspath)
    reader.add_argument("--long", action="store_true")
    reader.add_argument("--slack", type=float, default=1.5, help="of a machine that does other things too, in seconds")
    given = reader.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(run(given, folder))
    return checks.status()


if __name__ == "__main__":
    sys.exit(main())
