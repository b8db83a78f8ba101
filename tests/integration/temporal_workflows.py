# SPDX-License-Identifier: BSL-1.0
"""Workflows of ours, driven by the official Python SDK's client, on the embedded service and on a real server.

usage: temporal_workflows.py SERVICE PROGRAM [CHECK...]

SERVICE as temporal_services.py has it; PROGRAM is the C++ worker workflow_worker.
"""

import asyncio
import contextlib
import datetime
import functools
import os
import subprocess
import sys
import uuid

from temporalio.api.enums.v1 import EventType
from temporalio.client import (Client, WorkflowExecutionStatus, WorkflowFailureError, WorkflowQueryFailedError,
                               WorkflowUpdateFailedError)
from temporalio.exceptions import (ActivityError, ApplicationError, CancelledError, ChildWorkflowError,
                                   TerminatedError)
from temporalio.service import RPCError

import temporal_activities
import temporal_services
from temporal_activities import same

SECOND = datetime.timedelta(seconds=1)
CHECKS = []


def check(function):
    CHECKS.append(function)
    return function


# A workflow task that is lost comes again after ten seconds.
until = functools.partial(temporal_activities.until, within=20)


class Bench:
    """A client, a queue, and the means to have workers on it."""

    def __init__(self, client, address, queue, program):
        self.client, self.address, self.queue, self.program = client, address, queue, program

    async def start(self, name, *args, **options):
        options.setdefault("id", f"{name}-{uuid.uuid4()}")
        options.setdefault("task_queue", self.queue)
        options.setdefault("execution_timeout", 60 * SECOND)
        return await self.client.start_workflow(name, args=args, **options)

    async def run(self, name, *args, **options):
        return await (await self.start(name, *args, **options)).result()

    async def fails(self, name, *args, **options):
        handle = await self.start(name, *args, **options)
        try:
            result = await handle.result()
        except WorkflowFailureError as e:
            return e.cause, handle
        raise AssertionError(f"{name}{args} returned {result!r}")

    def begin_worker(self, **environment):
        return subprocess.Popen([self.program], env={**os.environ, "TEMPORAL_ADDRESS": self.address,
                                                     "TEMPORAL_TASK_QUEUE": self.queue, **environment})


async def events(handle, kind):
    return [e async for e in handle.fetch_history_events() if e.event_type == kind]


@check
async def activity_timer_and_signal(b):
    handle = await b.start("steps", 40)

    async def waits():
        return await handle.query("so_far") == [41, 42]
    await until(waits, "both activities are done")
    await handle.signal("go", 7)
    same(await handle.result(), [41, 42, 7])


@check
async def many_activities(b):
    same(await b.run("many", 20), [i + 1 for i in range(20)])
    same(await asyncio.gather(*(b.run("many", 3) for _ in range(20))), [[1, 2, 3]] * 20)


@check
async def activities_that_fail(b):
    e, _ = await b.fails("activity_fails")
    same(type(e), ActivityError)
    same((e.cause.message, e.cause.type), ("broken", "Broken"))
    same(await b.run("retried"), 3)


@check
async def local_activities(b):
    same(await b.run("locals"), [3, 3, 6])
    handle = await b.start("local_backs_off")
    same(await handle.result(), 2)
    same(len(await events(handle, EventType.EVENT_TYPE_TIMER_STARTED)), 1, "timers")
    same(len(await events(handle, EventType.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED)), 0, "activities on the server")
    assert await b.run("local_times_out")
    same(await b.run("local_cancelled"), "cancelled")


@check
async def a_local_activity_longer_than_a_task(b):
    handle = await b.start("long_local", 3500, task_timeout=1 * SECOND)
    await asyncio.sleep(1.5)
    await handle.signal("meanwhile")
    same(await handle.result(), "slow 1")
    same(len(await events(handle, EventType.EVENT_TYPE_WORKFLOW_TASK_TIMED_OUT)), 0, "tasks that timed out")
    assert len(await events(handle, EventType.EVENT_TYPE_WORKFLOW_TASK_COMPLETED)) >= 4


@check
async def timers_and_conditions(b):
    handle = await b.start("race")
    same(await handle.result(), "time is over")
    same(len(await events(handle, EventType.EVENT_TYPE_TIMER_CANCELED)), 1)


@check
async def children(b):
    same(await b.run("parent"), "42 failed")
    e, _ = await b.fails("child", -1)
    same((type(e), e.type, e.non_retryable), (ApplicationError, "Negative", True))


@check
async def cancellation(b):
    handle = await b.start("waits_for_cancel")
    await handle.cancel()
    try:
        await handle.result()
        raise AssertionError("it went on")
    except WorkflowFailureError as e:
        same(type(e.cause), CancelledError)
    same((await handle.describe()).status, WorkflowExecutionStatus.CANCELED)
    same(len(await events(handle, EventType.EVENT_TYPE_ACTIVITY_TASK_COMPLETED)), 1, "it cleaned up")


@check
async def other_workflows(b):
    other = await b.start("waits")
    same(await b.run("tells_others", other.id), "signalled, nobody")

    async def heard():
        return await other.query("sum") == 5
    await until(heard, "the signal is there")
    same(await b.run("cancels_other", other.id), "cancelled")
    try:
        await other.result()
        raise AssertionError("it went on")
    except WorkflowFailureError as e:
        same(type(e.cause), CancelledError)


@check
async def updates(b):
    handle = await b.start("updated")
    same(await handle.execute_update("add", "a"), 1)
    several = await asyncio.gather(*(handle.execute_update("add", str(i)) for i in range(5)))
    same(sorted(several), [2, 3, 4, 5, 6])
    accepted = len(await events(handle, EventType.EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_ACCEPTED))
    same(accepted, 6)
    for name, argument, words in (("add", "", "a name is needed"), ("fail", 1, "as asked"), ("unknown", 1, "unknown")):
        try:
            await handle.execute_update(name, argument)
            raise AssertionError(f"update {name} went through")
        except WorkflowUpdateFailedError as e:
            assert words in str(e.cause), e.cause
    accepted = len(await events(handle, EventType.EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_ACCEPTED))
    same(accepted, 7, "what is rejected leaves no trace")
    same(len(await handle.query("names")), 6)
    same(await handle.execute_update("add", "z"), 7)
    await handle.signal("done")
    same(len(await handle.result()), 7)


@check
async def queries(b):
    handle = await b.start("waits")
    same(await handle.query("sum"), 0)
    for i in range(3):
        await handle.signal("go", i + 1)

    async def heard():
        return await handle.query("sum") == 6
    await until(heard, "all signals are there")
    try:
        await handle.query("unknown")
        raise AssertionError("an unknown query was answered")
    except WorkflowQueryFailedError as e:
        assert "sum" in str(e), e
    assert "waits" in await handle.query("__stack_trace")
    await handle.signal("end")
    same(await handle.result(), 6)
    same(await handle.query("sum"), 6)


@check
async def continued_as_new(b):
    handle = await b.start("continued", 5, 0)
    same(await handle.result(), 15)
    same((await handle.describe()).status, WorkflowExecutionStatus.COMPLETED)


@check
async def what_is_the_same_at_every_replay(b):
    handle = await b.start("facts")
    result = await handle.result()
    assert result.endswith(f" later patched effect {handle.id}"), result
    same(len(result.split()[0]), 36)


@check
async def failures(b):
    e, _ = await b.fails("fails", "application")
    same((type(e), e.message, e.type), (ApplicationError, "on purpose", "Purpose"))
    # A bug fails the task, which is tried again.
    handle = await b.start("fails", "bug")
    assert await handle.result() >= 2
    failed = await events(handle, EventType.EVENT_TYPE_WORKFLOW_TASK_FAILED)
    same(len(failed), 1)
    attributes = failed[0].workflow_task_failed_event_attributes
    same(attributes.failure.message, "a bug")


@check
async def an_unknown_workflow_waits_for_who_knows_it(b):
    handle = await b.start("nobody_has_this", execution_timeout=30 * SECOND)

    async def failed():
        return await events(handle, EventType.EVENT_TYPE_WORKFLOW_TASK_FAILED)
    message = (await until(failed, "the task fails"))[0].workflow_task_failed_event_attributes.failure.message
    assert "nobody_has_this" in message and "steps" in message, message
    await handle.terminate()


@check
async def a_workflow_that_blocks(b):
    handle = await b.start("blocks")
    same(await handle.result(), "unblocked")
    message = (await events(handle, EventType.EVENT_TYPE_WORKFLOW_TASK_FAILED))[0]
    assert "[TMPRL1101]" in message.workflow_task_failed_event_attributes.failure.message, message


@check
async def termination(b):
    handle = await b.start("waits")
    await handle.terminate(reason="enough")
    try:
        await handle.result()
        raise AssertionError("it went on")
    except WorkflowFailureError as e:
        same(type(e.cause), TerminatedError)


@check
async def a_worker_leaves_in_the_middle(b):
    """Runs move to a worker that never saw them, without a task that timed out or failed."""
    handles = [await b.start("steps", i) for i in range(10)]
    local = await b.start("long_local", 4000)
    await asyncio.sleep(0.3)
    b.worker.terminate()
    same(await asyncio.to_thread(b.worker.wait, 30), 0, "the worker's status after SIGTERM")
    b.worker = b.begin_worker()
    for handle in handles:
        await handle.signal("go", 1)
    for i, handle in enumerate(handles):
        same(await handle.result(), [i + 1, i + 2, 1])
    same(await local.result(), "slow 0")
    for handle in [*handles, local]:
        for kind in (EventType.EVENT_TYPE_WORKFLOW_TASK_FAILED, EventType.EVENT_TYPE_WORKFLOW_TASK_TIMED_OUT):
            bad = await events(handle, kind)
            # Sticky tasks that found nobody went to the normal queue: that is no task that was lost.
            bad = [e for e in bad if e.event_type == EventType.EVENT_TYPE_WORKFLOW_TASK_FAILED
                   or e.workflow_task_timed_out_event_attributes.timeout_type == 1]
            same(bad, [], handle.id)


@contextlib.asynccontextmanager
async def served(bench, **environment):
    bench.worker = bench.begin_worker(**environment)
    try:
        await temporal_services.make_current(bench.client, "workflows", "1")
        yield
    finally:
        bench.worker.terminate()
        status = await asyncio.to_thread(bench.worker.wait, 30)
        same(status, 0, "the worker's status after SIGTERM")


async def main(spec, program, *chosen):
    cache = [c.removeprefix("cache=") for c in chosen if c.startswith("cache=")]
    chosen = [c for c in chosen if not c.startswith("cache=")]
    # A worker that leaves loses nothing where the server ends its polls.
    ends_polls = ["frontend.enableCancelWorkerPollsOnShutdown=true"]
    with temporal_services.serving(spec, dynamic=ends_polls) as service:
        client = await Client.connect(service.address)
        bench = Bench(client, service.address, f"workflows-{uuid.uuid4()}", program)
        async with served(bench, **({"WORKFLOW_WORKER_CACHE": cache[0]} if cache else {})):
            failed = await temporal_activities.run_checks(CHECKS, bench, chosen)
    print(f"{len(failed)} failed: {' '.join(failed)}" if failed else "all is well")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(asyncio.run(main(*sys.argv[1:])))
