# SPDX-License-Identifier: BSL-1.0
"""Workflows of ten steps while everything around them breaks: each ends as it should, and does what it does as often as
it promises.

usage: workflows_survive.py SERVICE WORKER [--workflows N] [--seconds N] [--seed N]

SERVICE as temporal_services.py has it; WORKER is steps_worker. Workers are killed, leave gently, forget runs (their
caches are small), functions run into their deadlines, connections are reset, and the service is restarted, once gently
and once not. In the end

- every workflow has ended, with the result that its steps make, its child and the signal it was sent,
- every step was made, and an activity not more often than history has attempts of it; a local activity once for each
  workflow task that was begun for it, at most,
- no workflow task failed: workers that go cost time, not errors.
"""

import argparse
import asyncio
import collections
import os
import pathlib
import random
import signal
import sys
import tempfile
import time
import uuid
from datetime import timedelta

from temporalio.api.enums.v1 import EventType
from temporalio.client import Client, WorkflowFailureError
from temporalio.exceptions import WorkflowAlreadyStartedError
from temporalio.service import RPCError

import chaos
import checks
import nothing_lost
import temporal_services
from checks import check

STEPS = range(1, 9)
LOCAL = (2, 7)
CACHES = ("0", "1", "50")


class Fleet(nothing_lost.Fleet):
    """Workers whose caches have different sizes."""

    def spawn(self):
        self.environment = {**self.environment, "STEPS_CACHE": random.choice(CACHES)}
        super().spawn()


class Load:
    def __init__(self, client, queue):
        self.client, self.queue = client, queue
        self.handles, self.results, self.wrong = {}, {}, []

    async def one(self, name):
        async def start():
            try:
                return await self.client.start_workflow("steps", name, id=name, task_queue=self.queue,
                                                        execution_timeout=timedelta(seconds=600))
            except WorkflowAlreadyStartedError:  # by a call whose answer did not come
                return self.client.get_workflow_handle(name)
        handle = self.handles[name] = await nothing_lost.patient(start)
        await asyncio.sleep(random.uniform(0, 2))
        await nothing_lost.patient(lambda: handle.signal("go", name[:8]))

    async def outcome(self, name):
        try:
            # Calls that wait are made anew if nothing came: their connection may be the one that hangs.
            self.results[name] = await nothing_lost.patient(
                lambda: self.handles[name].result(rpc_timeout=timedelta(seconds=20)))
        except WorkflowFailureError as e:
            self.wrong.append(f"{name}: {e.cause}")

    async def start_many(self, count, seconds):
        begun = time.monotonic()
        gate = asyncio.Semaphore(100)

        async def one(i):
            await asyncio.sleep(max(0.0, begun + seconds * i / count - time.monotonic()))
            async with gate:
                await self.one(f"steps-{uuid.uuid4()}")
        await asyncio.gather(*(one(i) for i in range(count)))

    async def collect(self, within):
        gate = asyncio.Semaphore(100)

        async def one(name):
            async with gate:
                await self.outcome(name)
        waiting = [asyncio.create_task(one(n)) for n in self.handles]
        done, left = await asyncio.wait(waiting, timeout=within)
        for task in left:
            task.cancel()
        for task in done:
            task.result()


async def attempts_of(client, name):
    """The activities' attempts in a run's history, by step; how many tasks began; and what failed of them."""
    attempts, tasks, failed = collections.Counter(), 0, []
    scheduled = {}
    handle = client.get_workflow_handle(name)
    async for e in handle.fetch_history_events():
        if e.event_type == EventType.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED:
            scheduled[e.event_id] = int(e.activity_task_scheduled_event_attributes.input.payloads[1].data)
        elif e.event_type == EventType.EVENT_TYPE_ACTIVITY_TASK_STARTED:
            a = e.activity_task_started_event_attributes
            attempts[scheduled[a.scheduled_event_id]] = a.attempt
        elif e.event_type == EventType.EVENT_TYPE_WORKFLOW_TASK_STARTED:
            tasks += 1
        elif e.event_type == EventType.EVENT_TYPE_WORKFLOW_TASK_FAILED:
            failed.append(e.workflow_task_failed_event_attributes.failure.message)
        elif e.event_type == EventType.EVENT_TYPE_START_CHILD_WORKFLOW_EXECUTION_INITIATED:
            child = e.start_child_workflow_execution_initiated_event_attributes.workflow_id
            attempts[5] = await attempts_of_child(client, child)
    return attempts, tasks, failed


async def attempts_of_child(client, name):
    async for e in client.get_workflow_handle(name).fetch_history_events():
        if e.event_type == EventType.EVENT_TYPE_ACTIVITY_TASK_STARTED:
            return e.activity_task_started_event_attributes.attempt
    return 0


async def where(client, name):
    """What a workflow that has not ended waits for, as the service has it."""
    handle = client.get_workflow_handle(name)
    told = (await handle.describe()).raw_description
    events = [f"{e.event_id} {EventType.Name(e.event_type).removeprefix('EVENT_TYPE_').lower()} at "
              f"{e.event_time.ToJsonString()}" async for e in handle.fetch_history_events()]
    return "\n    ".join([f"{name}, of which the service says:", *events[-6:],
                          *(f"pending: {' '.join(str(p).split())}" for p in
                            [*told.pending_activities, *told.pending_children, told.pending_workflow_task])])


async def judge(load, journal):
    made = collections.Counter()
    for line in journal.read_text().splitlines():
        name, step, _ = line.split(" ")
        made[name, int(step)] += 1
    check(not load.wrong, f"{len(load.wrong)} workflows failed, like {load.wrong[:3]}")
    missing = [n for n in load.handles if n not in load.results]
    check(not missing, f"{len(missing)} workflows have not ended, like " +
          "\nand ".join([await where(load.client, n) for n in missing[:3]]))
    gate = asyncio.Semaphore(50)
    again, tasks_begun, runs_failed = 0, 0, []

    async def one(name):
        nonlocal again, tasks_begun
        result = load.results[name]
        check(result == f"{name} has a child, heard {name[:8]}", f"{name} came as {result!r}")
        check(all(made[name, s] for s in STEPS), f"{name} left out {[s for s in STEPS if not made[name, s]]}")
        async with gate:
            attempts, tasks, failed = await attempts_of(load.client, name)
        tasks_begun += tasks
        runs_failed.extend(f"{name}: {f}" for f in failed)
        for step in STEPS:
            allowed = tasks if step in LOCAL else attempts[step]
            again += made[name, step] - 1
            check(made[name, step] <= allowed,
                  f"{name} made step {step} {made[name, step]} times, which history allows {allowed} times")
    await asyncio.gather(*(one(n) for n in load.results))
    check(not runs_failed, f"{len(runs_failed)} workflow tasks failed, like {runs_failed[:3]}")
    return again, tasks_begun


async def run(given, folder, log):
    random.seed(given.seed)
    service = temporal_services.Service(given.service, log, keep=given.service == "real",
                                        dynamic=["frontend.enableCancelWorkerPollsOnShutdown=true"])
    proxy = chaos.Proxy()
    queue = f"steps-{uuid.uuid4()}"
    journal = folder / "journal"
    journal.touch()
    counts = collections.Counter()
    fleet = Fleet(given.worker, {**os.environ, "TEMPORAL_ADDRESS": proxy.address, "TEMPORAL_TASK_QUEUE": queue,
                                 "STEPS_JOURNAL": str(journal)}, log)
    try:
        await asyncio.to_thread(service.start)
        proxy.target = service.address
        client = await Client.connect(service.address)
        load = Load(client, queue)
        for _ in range(4):
            fleet.spawn()
        await temporal_services.make_current(client, "steps", "1")
        for work in (4.0, 5.0):
            fleet.add_function(work)

        begun = time.monotonic()
        starting = asyncio.create_task(load.start_many(given.workflows, given.seconds))
        # What the embedded service has of workflows is in its memory.
        restarts = [(0.35, signal.SIGTERM), (0.7, signal.SIGKILL)] if given.service == "real" else []
        expected_restarts = len(restarts)
        while not starting.done():
            await asyncio.sleep(random.uniform(0.3, 0.7))
            if restarts and time.monotonic() - begun > restarts[0][0] * given.seconds:
                await nothing_lost.restart(service, proxy, restarts.pop(0)[1], [])
                counts["restarts"] += 1
                continue
            action = random.choices(("kill", "stop", "function", "reset"), (3, 3, 2, 2))[0]
            counts[action] += 1
            if action == "kill":
                fleet.kill_one()
            elif action == "stop":
                fleet.stop_one()
            elif action == "function":
                fleet.kill_function()
            else:
                proxy.reset(random.choice((0.3, 1.0)))
            fleet.look()
        await starting
        collecting = asyncio.create_task(load.collect(240))
        while not collecting.done():
            await asyncio.wait([collecting], timeout=0.2)
            fleet.look()
        await collecting
        took = time.monotonic() - begun
        again, tasks = await judge(load, journal)
        await asyncio.to_thread(fleet.close)
        fleet.look()
        print(f"{len(load.results)} of {len(load.handles)} workflows in {took:.0f} s, {tasks} workflow tasks, "
              f"{again} steps made again; {dict(counts)}, {sum(f.invocations for f in fleet.functions)} invocations", flush=True)
        for wrong in fleet.wrong:
            check(False, wrong)
        # It must have been as bad as it was meant to be.
        check(counts["restarts"] == expected_restarts, f"the service was restarted {counts['restarts']} times")
        check(counts["kill"] > 0 and counts["stop"] > 0, f"nobody was killed or told to go: {dict(counts)}")
    finally:
        fleet.kill_all()
        proxy.close()
        service.stop(signal.SIGKILL)


def main():
    reader = argparse.ArgumentParser()
    reader.add_argument("service")
    reader.add_argument("worker")
    reader.add_argument("--workflows", type=int, default=2000)
    reader.add_argument("--seconds", type=float, default=360)
    reader.add_argument("--seed", type=int, default=1)
    given = reader.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        with open(pathlib.Path(folder) / "log", "w+b") as log:
            try:
                asyncio.run(run(given, pathlib.Path(folder), log))
            except RPCError as e:
                check(False, f"a call failed: {e}")
            finally:
                if checks.failures:
                    log.seek(0)
                    print("---- what workers and the service said, its end:\n" +
                          log.read()[-8000:].decode(errors="replace"), flush=True)
    return checks.status()


if __name__ == "__main__":
    sys.exit(main())
