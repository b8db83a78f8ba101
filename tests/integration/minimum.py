#!/usr/bin/env python3
# SPDX-License-Identifier: BSL-1.0
"""Between a minimum and a maximum, with real processes beside a real server.

usage: minimum.py LOCAL_LAMBDA MAYFLY WORKER [--seconds N]

A version has a minimum of 2 workers and a maximum of 5, and functions that live for 20 s. Bursts come that want more than
the maximum, and now and then one of its processes is killed. The maximum is never exceeded. Workers whose time is over are
replaced before they have gone; one that was killed says nothing, and the server lists it on: it is replaced within a
start-up of the moment when its time would have been over.
"""

import argparse
import asyncio
import os
import pathlib
import random
import re
import signal
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

MINIMUM, MAXIMUM, LIFE = 2, 5, 20
# A reading while workers live, a list of workers, a start-up, and a machine that does other things too.
RESTORED_WITHIN = 2 + 2 + 2


class Watch:
    """How many workers run, and for how long they were too few."""

    def __init__(self, platform):
        self.platform, self.most, self.short_since, self.gaps = platform, 0, None, []
        self.killed_at = -LIFE
        self.killed_gaps = []  # those that a killed worker left

    def processes(self):
        """By request, of those that run."""
        running = {i.request for i in self.platform.running()}
        begun = re.findall(r"\[(\d+)\] START RequestId: (\S+)", self.platform.text())
        return {request: int(pid) for pid, request in begun if request in running}

    async def go_on(self):
        while True:
            running = len(self.platform.running())
            self.most = max(self.most, running)
            now = time.monotonic()
            if running >= MINIMUM:
                if self.short_since is not None:
                    killed = self.killed_at >= self.short_since - LIFE
                    (self.killed_gaps if killed else self.gaps).append(now - self.short_since)
                self.short_since = None
            elif self.short_since is None:
                self.short_since = now
            await asyncio.sleep(0.1)


async def run(given, client, deployments, platform):
    deployments.create("kitchen")
    deployments.create_version("kitchen", "build-1", serverless.arn("kitchen", 1), "--scaler-min-instances", str(MINIMUM),
                               "--scaler-max-instances", str(MAXIMUM))
    await eventually(platform.invocations, "a first worker", 30)
    deployments.set_current("kitchen", "build-1")
    await eventually(lambda: len(platform.running()) >= MINIMUM, "the minimum", 30)

    watch, waiting, killed = Watch(platform), [], 0
    watching = asyncio.create_task(watch.go_on())
    begun = time.monotonic()
    next_kill, next_burst = begun + 5, begun + 2
    while time.monotonic() < begun + given.seconds:
        if time.monotonic() > next_burst:
            next_burst += random.uniform(5, 15)
            for _ in range(random.randrange(1, 60)):
                name = str(uuid.uuid4())
                waiting.append(asyncio.create_task(client.execute_activity(
                    "cook", args=[name, 200], id=name, task_queue="orders", start_to_close_timeout=timedelta(seconds=5),
                    schedule_to_close_timeout=timedelta(seconds=60))))
        if time.monotonic() > next_kill:
            next_kill += max(given.seconds / 5, 15)
            victims = list(watch.processes().values())
            if victims:
                os.kill(random.choice(victims), signal.SIGKILL)
                watch.killed_at = time.monotonic()
                killed += 1
        await asyncio.sleep(0.1)
    done = await asyncio.gather(*waiting, return_exceptions=True)
    await eventually(lambda: len(platform.running()) >= MINIMUM, "the minimum in the end", LIFE + RESTORED_WITHIN)
    await asyncio.sleep(0.3)
    watching.cancel()

    lost = [e for e in done if isinstance(e, BaseException)]
    def told(gaps):
        return f"{len(gaps)} times, for {', '.join(f'{g:.1f}' for g in sorted(gaps)) or 'no'} s"
    print(f"{time.monotonic() - begun:.0f} s: {len(done)} tasks in bursts, {killed} workers killed, "
          f"{len(platform.invocations())} started; at most {watch.most} at once; fewer than {MINIMUM} while one that was "
          f"killed would have lived {told(watch.killed_gaps)}, and else {told(watch.gaps)}", flush=True)
    check(not lost, f"{len(lost)} tasks were lost, like {lost[:1]}")
    check(killed > 0, "somebody was killed")
    check(watch.most <= MAXIMUM, f"{watch.most} workers at once, {MAXIMUM} are allowed")
    for gaps, bar in (watch.gaps, RESTORED_WITHIN), (watch.killed_gaps, LIFE + RESTORED_WITHIN):
        longest = max(gaps, default=0.0)
        check(longest <= bar, f"the minimum was missed for {longest:.1f} s, not at most {bar}")


async def main(given):
    with tempfile.TemporaryDirectory() as folder:
        config = pathlib.Path(folder) / "temporal.toml"
        kitchen = {"function": "kitchen", "bootstrap": given.worker, "versions": [1], "timeout": LIFE, "async_retries": 0,
                   "event_age": 60, "memory": 256, "env": {"TEMPORAL_CONFIG_FILE": str(config)}}
        with temporal_services.serving("real") as service, serverless.functions_of(given.local_lambda, [kitchen]) as platform:
            config.write_text(f'[profile.default]\naddress = "{service.address}"\n')
            controller = serverless.Controller(given.mayfly, service, folder, platform.environment())
            try:
                controller.start()
                await run(given, await Client.connect(service.address),
                          serverless.Deployments(given.mayfly, service, platform.environment()), platform)
            finally:
                check(controller.stop() == 0, "the controller ends well")
                if checks.failures:
                    print("---- the controller said:\n" + controller.said(), flush=True)
    return checks.status()


if __name__ == "__main__":
    reader = argparse.ArgumentParser()
    reader.add_argument("local_lambda", type=os.path.abspath)
    reader.add_argument("mayfly", type=os.path.abspath)
    reader.add_argument("worker", type=os.path.abspath)
    reader.add_argument("--seconds", type=float, default=30)
    reader.add_argument("--seed", type=int, default=1)
    arguments = reader.parse_args()
    random.seed(arguments.seed)
    sys.exit(asyncio.run(main(arguments)))
