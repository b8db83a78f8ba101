#!/usr/bin/env python3
# SPDX-License-Identifier: BSL-1.0
"""Two controllers beside a real server while everything around them breaks: what starts workers must neither forget work
nor go on starting.

usage: controller_chaos.py LOCAL_LAMBDA MAYFLY WORKER [--seconds N] [--seed N]

Work comes all the time, for our worker and for one of the official Go SDK that starts slowly. Meanwhile the leading
controller is killed and replaced, the server is restarted, gently and not, the local Lambda refuses everything for a
while, and every tenth start of a function comes to nothing. Beside these a function that crashes at once and one whose
worker calls itself another build are driven too. In the end

- all work is done,
- no function was started more often than is stated here, and there were never more than the maximum for two seconds,
- one controller leads and the other stands by,
- `mayfly doctor` names what is wrong with the two.
"""

import argparse
import asyncio
import collections
import contextlib
import json
import os
import pathlib
import random
import signal
import subprocess
import sys
import tempfile
import time
import uuid
from datetime import timedelta

import boto3
from temporalio.client import ActivityFailureError, Client
from temporalio.exceptions import ActivityAlreadyStartedError
from temporalio.runtime import LoggingConfig, Runtime, TelemetryConfig, TelemetryFilter
from temporalio.service import RPCError, RPCStatusCode

import checks
import serverless
import temporal_services
from checks import check

MAXIMUM = 5
# A first worker that is not seen is tried again after 10 s, 20 s, 40 s and so on up to 5 min; a new leader begins anew.
HOPELESS_STARTS = 8
FAILOVER = 15.0  # from the death of a leader, while the server answers
LED_WITHIN = 60.0  # once a server was started again, on a machine that is busy with other things too
DONE_WITHIN = 120.0  # likewise, after the last trouble
NAMED_WITHIN = 45.0  # by the doctor


async def patient(call):
    """A service that is just being restarted is asked again, and not by all at once."""
    end = time.monotonic() + DONE_WITHIN
    while True:
        try:
            return await call()
        except RPCError as e:
            if e.status in (RPCStatusCode.INVALID_ARGUMENT, RPCStatusCode.NOT_FOUND) or time.monotonic() > end:
                raise
            await asyncio.sleep(random.uniform(0.2, 1))


class Load:
    """Activities that somebody waits for."""

    def __init__(self, client):
        self.client, self.waiting, self.waits = client, set(), []
        self.lost = []

    def send(self, queue, milliseconds):
        task = asyncio.create_task(self.one(queue, milliseconds))
        self.waiting.add(task)
        task.add_done_callback(self.waiting.discard)

    async def one(self, queue, milliseconds):
        name, begun = str(uuid.uuid4()), time.monotonic()

        async def start():
            try:
                return await self.client.start_activity("cook", args=[name, milliseconds], id=name, task_queue=queue,
                                                        start_to_close_timeout=timedelta(seconds=10))
            except ActivityAlreadyStartedError:  # by a call whose answer did not come
                return self.client.get_activity_handle(name)
        try:
            handle = await patient(start)
            result = await patient(lambda: handle.result(rpc_timeout=timedelta(seconds=20)))
            if result != f"{name} is ready":
                self.lost.append(f"{name} came as {result!r}")
        except (ActivityFailureError, RPCError) as e:
            self.lost.append(f"{name}: {e}")
        self.waits.append(time.monotonic() - begun)


class Chaos:
    def __init__(self, given, folder, service, platform):
        self.given, self.service, self.platform = given, service, platform
        environment = platform.environment()
        settings = "[lease]\nheartbeat_every_ms = 500\nlost_after_ms = 3000\n"
        self.controllers = [serverless.Controller(given.mayfly, service, folder, environment, name=name, settings=settings)
                            for name in ("one", "two")]
        self.aws = boto3.client("lambda", endpoint_url=platform.url, region_name=serverless.REGION,
                                aws_access_key_id=serverless.KEY, aws_secret_access_key=serverless.SECRET)
        self.leaders, self.most, self.failovers = 0, 0, []

    def role(self, controller):
        if controller.process is None:
            return ""
        with contextlib.suppress(OSError, ValueError):
            return json.loads(controller.get("/status"))["namespaces"][0]["role"]
        return ""

    def leader(self):
        leading = [c for c in self.controllers if self.role(c) == "leader"]
        # They were asked one after the other: the first may have handed over meanwhile.
        still = [c for c in leading if self.role(c) == "leader"] if len(leading) > 1 else leading
        check(len(still) <= 1, "there are two leaders")
        return still[-1] if still else None

    async def until_led(self, within):
        end = time.monotonic() + within
        while not (leading := await asyncio.to_thread(self.leader)):
            if time.monotonic() > end:
                check(False, f"nobody leads within {within} s")
                return None
            await asyncio.sleep(0.1)
        return leading

    # What goes wrong.

    async def kill_the_leader(self):
        leading = await self.until_led(LED_WITHIN)
        if leading is None:
            return
        begun = time.monotonic()
        await asyncio.to_thread(leading.stop, signal.SIGKILL)
        await self.until_led(FAILOVER)
        self.failovers.append(time.monotonic() - begun)
        self.leaders += 1
        await asyncio.to_thread(leading.start)

    async def restart_the_server(self, how=signal.SIGTERM):
        await asyncio.to_thread(self.service.stop, how)
        await asyncio.sleep(1)
        await asyncio.to_thread(self.service.start)
        self.leaders += 1  # perhaps: the lease may have been lost meanwhile

    async def kill_the_server(self):
        await self.restart_the_server(signal.SIGKILL)

    async def throttle(self):
        self.aws.put_function_concurrency(FunctionName="kitchen", ReservedConcurrentExecutions=0)
        await asyncio.sleep(4)
        self.aws.delete_function_concurrency(FunctionName="kitchen")

    async def watch(self):
        """One that has said goodbye takes a moment to end, and the next may have begun by then: neither is one too many."""
        before = collections.deque([frozenset()] * 10, maxlen=10)
        while True:
            running = frozenset(i.request for i in self.platform.running() if i.function == "kitchen")
            self.most = max(self.most, len(running & before[0]))
            before.append(running)
            await asyncio.sleep(0.2)


def functions(given, config):
    go = temporal_services.built("lambda_worker")
    crashing = pathlib.Path(given.folder) / "crash"
    crashing.write_text("#!/bin/sh\necho 'no such shared library' >&2\nexit 127\n")
    crashing.chmod(0o755)

    def one(name, bootstrap, env, **more):
        return {"function": name, "bootstrap": str(bootstrap), "versions": [1], "timeout": 20, "async_retries": 0, "event_age": 60,
                "memory": 256, "env": {"TEMPORAL_CONFIG_FILE": str(config), **env}, **more}
    return [one("kitchen", given.worker, {}, failure_rate=0.1),
            one("slow", go, {"TEMPORAL_TASK_QUEUE": "slow", "DEPLOYMENT": "slow", "BUILD_ID": "go-1"}, start_delay=2),
            one("crash", crashing, {}),
            one("wrong", go, {"TEMPORAL_TASK_QUEUE": "wrong", "DEPLOYMENT": "wrong", "BUILD_ID": "not-this-one"})]


def causes(given, service, controller, version):
    """What `mayfly doctor` finds in a version: evidence by number."""
    made = subprocess.run([given.mayfly, "doctor", "--version", version, "--address", service.address, "--controller",
                           controller.url, "--output", "json"], capture_output=True, text=True, timeout=60, check=False,
                          env=controller.environment)
    return {c["number"]: c["evidence"] for c in json.loads(made.stdout)[0]["causes"]}


async def named(given, service, chaos, version, number, words):
    """A leader that has just taken over starts nobody for a while, and has to see its own starts fail."""
    end, found = time.monotonic() + NAMED_WITHIN, {}
    while time.monotonic() < end:
        leading = await chaos.until_led(LED_WITHIN)
        if leading is None:
            return
        found = await asyncio.to_thread(causes, given, service, leading, version)
        if words in found.get(number, ""):
            return
        await asyncio.sleep(0.5)
    check(False, f"doctor does not find cause {number} in {version} within {NAMED_WITHIN:.0f} s, but {found}")


async def run(given, folder, service, platform):
    # A server that is away is no news here: not each call of a client should tell of it.
    quiet = LoggingConfig(filter=TelemetryFilter(core_level="ERROR", other_level="ERROR"))
    client = await Client.connect(service.address, runtime=Runtime(telemetry=TelemetryConfig(logging=quiet)))
    chaos = Chaos(given, folder, service, platform)
    deployments = serverless.Deployments(given.mayfly, service, platform.environment())
    load = Load(client)
    watching = None
    try:
        for controller in chaos.controllers:
            await asyncio.to_thread(controller.start)
        await chaos.until_led(LED_WITHIN)
        for name, build in (("kitchen", "build-1"), ("slow", "go-1"), ("crash", "build-1"), ("wrong", "build-1")):
            deployments.create(name)
            deployments.create_version(name, build, serverless.arn(name, 1), "--scaler-max-instances", str(MAXIMUM))
            deployments.set_current(name, build)
        watching = asyncio.create_task(chaos.watch())

        order = [chaos.kill_the_leader, chaos.restart_the_server, chaos.throttle, chaos.kill_the_server]
        counts = {}
        begun = time.monotonic()
        end = begun + given.seconds
        trouble = None
        while time.monotonic() < end:
            load.send("orders", random.randrange(20, 300))
            if random.random() < 0.1:
                load.send("slow", 50)
            if random.random() < 0.02:
                for _ in range(30):
                    load.send("orders", 100)
            if trouble is None or trouble.done():
                if trouble is not None:
                    trouble.result()
                action = order[sum(counts.values()) % len(order)]
                counts[action.__name__] = counts.get(action.__name__, 0) + 1

                async def then_pause(what):
                    await what()
                    await asyncio.sleep(random.uniform(1, max(2.0, given.seconds / 20)))
                trouble = asyncio.create_task(then_pause(action))
            await asyncio.sleep(0.2)
        await trouble
        if load.waiting:
            await asyncio.wait(list(load.waiting), timeout=DONE_WITHIN)
        took = time.monotonic() - begun
        check(not load.waiting, f"{len(load.waiting)} activities are not done {DONE_WITHIN:.0f} s later")
        check(not load.lost, f"{len(load.lost)} activities were lost, like {load.lost[:3]}")

        started = {}
        for i in platform.invocations():
            started[i.function] = started.get(i.function, 0) + 1
        print(f"{len(load.waits)} activities in {took:.0f} s, p50 {serverless.quantile(load.waits, 0.5):.2f} s, p99 "
              f"{serverless.quantile(load.waits, 0.99):.2f} s from start to result; {counts}; failover after "
              f"{', '.join(f'{f:.1f}' for f in chaos.failovers)} s; starts {started}, at most {chaos.most} at once", flush=True)
        check(chaos.most <= MAXIMUM, f"{chaos.most} workers of kitchen at once, {MAXIMUM} are allowed")
        check(all(f <= FAILOVER for f in chaos.failovers), f"a failover took {max(chaos.failovers, default=0):.1f} s")
        bounds = {"kitchen": 10 + took, "slow": 10 + took / 2, "crash": HOPELESS_STARTS + 2 * chaos.leaders,
                  "wrong": HOPELESS_STARTS + 2 * chaos.leaders}
        for name, bound in bounds.items():
            check(1 <= started.get(name, 0) + platform.text().count(f" {name}:1 start_failed") <= bound,
                  f"{name} was started {started.get(name, 0)} times, 1 to {bound:.0f} were expected")

        begun = time.monotonic()
        await named(given, service, chaos, "crash/build-1", 5, "no worker has ever polled")
        await named(given, service, chaos, "wrong/build-1", 1, "not-this-one")
        print(f"doctor named what is wrong with two versions after {time.monotonic() - begun:.1f} s", flush=True)
    except BaseException:
        for controller in chaos.controllers:
            print(f"---- controller {controller.name} said:\n" + controller.said(), flush=True)
        raise
    finally:
        if watching:
            watching.cancel()
        for controller in chaos.controllers:
            check(await asyncio.to_thread(controller.stop) == 0, f"controller {controller.name} ends well")
        if checks.failures:
            for controller in chaos.controllers:
                print(f"---- controller {controller.name} said:\n" + controller.said(), flush=True)


def main():
    reader = argparse.ArgumentParser()
    reader.add_argument("local_lambda")
    reader.add_argument("mayfly")
    reader.add_argument("worker")
    reader.add_argument("--seconds", type=float, default=40)
    reader.add_argument("--seed", type=int, default=1)
    given = reader.parse_args()
    for name in ("local_lambda", "mayfly", "worker"):
        setattr(given, name, os.path.abspath(getattr(given, name)))
    random.seed(given.seed)
    with tempfile.TemporaryDirectory() as folder:
        given.folder = folder
        config = pathlib.Path(folder) / "temporal.toml"
        with temporal_services.serving("real", keep=True) as service:
            config.write_text(f'[profile.default]\naddress = "{service.address}"\n')
            with serverless.functions_of(given.local_lambda, functions(given, config)) as platform:
                asyncio.run(run(given, folder, service, platform))
    return checks.status()


if __name__ == "__main__":
    sys.exit(main())
