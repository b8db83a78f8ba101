# SPDX-License-Identifier: BSL-1.0
"""Standalone activities between the official Python SDK and ours, on the embedded service and on a real server.

usage: temporal_activities.py SERVICE python            Python's client, Python's worker: the service alone is ours
       temporal_activities.py SERVICE PROGRAM           Python's client, the C++ worker activity_worker

SERVICE as temporal_services.py has it. Both workers offer the same activities; see the ones below.
"""

import asyncio
import contextlib
import dataclasses
import datetime
import logging
import os
import subprocess
import sys
import traceback
import typing
import uuid

import temporalio.api.enums.v1
import temporalio.api.taskqueue.v1
import temporalio.api.workflowservice.v1 as service_v1
from temporalio import activity
from temporalio.client import ActivityExecutionStatus, ActivityFailureError, Client
from temporalio.common import ActivityIDConflictPolicy, ActivityIDReusePolicy, RetryPolicy
from temporalio.exceptions import (ActivityAlreadyStartedError, ApplicationError, ApplicationErrorCategory,
                                   CancelledError, TerminatedError, TimeoutError as TemporalTimeout, TimeoutType)
from temporalio.service import RPCError, RPCStatusCode
from temporalio.worker import Worker

import temporal_services

MS = datetime.timedelta(milliseconds=1)
SECOND = datetime.timedelta(seconds=1)
CHECKS = []
BYTES = bytes(range(256)) * 40


# What both workers have. The C++ ones are in tests/support/activity_worker.cpp, under the same names.


@dataclasses.dataclass
class Order:
    id: int
    names: list
    price: float
    note: str | None = None


@activity.defn
async def echo(value: typing.Any) -> typing.Any:
    return value


@activity.defn
async def echo_bytes(value: bytes) -> bytes:
    return value


@activity.defn
async def nothing() -> None:
    return None


@activity.defn
async def add(left: int, right: int) -> int:
    return left + right


@activity.defn
async def reprice(order: Order, factor: float) -> Order:
    return dataclasses.replace(order, price=order.price * factor, names=[*order.names, "repriced"])


@activity.defn
async def fail(kind: str) -> str:
    attempt = activity.info().attempt
    if kind == "plain":
        raise ApplicationError("broken", type="Broken", non_retryable=True)
    if kind == "details":
        raise ApplicationError("with details", {"a": 1}, "two", b"\0\xff", type="Detailed", non_retryable=True)
    if kind == "chain":
        try:
            try:
                raise ApplicationError("the root", "root detail", type="Root")
            except ApplicationError as e:
                raise ApplicationError("the middle", type="Middle") from e
        except ApplicationError as e:
            raise ApplicationError("the top", type="Top", non_retryable=True) from e
    if kind == "native":
        raise ValueError("of the language's own")
    if kind == "delay":
        if attempt == 1:
            raise ApplicationError("later", type="Later", next_retry_delay=300 * MS)
        return f"attempt {attempt}"
    if kind == "benign":
        raise ApplicationError("as expected", type="Benign", non_retryable=True,
                               category=ApplicationErrorCategory.BENIGN)
    return kind


@activity.defn
async def flaky(good_attempt: int) -> int:
    attempt = activity.info().attempt
    if attempt < good_attempt:
        raise ApplicationError(f"attempt {attempt}", type="Flaky")
    return attempt


@activity.defn
async def resume(until: int) -> list:
    """Counts on in heartbeats; the first attempt fails half-way, the next one says where it went on."""
    details = activity.info().heartbeat_details
    begun = details[0] if details else 0
    for i in range(begun, until):
        activity.heartbeat(i + 1, f"step {i + 1}")
        if activity.info().attempt == 1 and i + 1 == until // 2:
            raise ApplicationError("half-way", type="HalfWay")
    return [begun, until]


@activity.defn
async def until_cancelled(detail: str) -> str:
    try:
        while True:
            activity.heartbeat("still here")
            await asyncio.sleep(0.05)
    except asyncio.CancelledError:
        raise CancelledError("cancelled", detail, activity.info().activity_id) from None


@activity.defn
async def ignore_cancel() -> str:
    while not activity.cancellation_details():
        activity.heartbeat()
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.sleep(0.05)
    return "done all the same"


@activity.defn
async def slow(milliseconds: int) -> str:
    await asyncio.sleep(milliseconds / 1000)
    return "slow"


@activity.defn
async def later() -> str:
    activity.heartbeat(activity.info().task_token)
    await asyncio.sleep(0.3)  # a throttled heartbeat goes out first
    activity.raise_complete_async()


@activity.defn
async def info() -> dict:
    i = activity.info()
    return {"id": i.activity_id, "type": i.activity_type, "attempt": i.attempt, "queue": i.task_queue,
            "namespace": i.namespace, "run": i.activity_run_id}


@activity.defn
async def big(size: int) -> str:
    return "x" * size


ACTIVITIES = [echo, echo_bytes, nothing, add, reprice, fail, flaky, resume, until_cancelled, ignore_cancel, slow, later,
              info, big]


# The client's side.


def check(function):
    CHECKS.append(function)
    return function


def same(seen, expected, what=""):
    if seen != expected:
        raise AssertionError(f"{what or 'seen'}: {seen!r}, expected {expected!r}")


class Bench:
    """A client, a queue with a worker behind it, and names that nobody else has."""

    def __init__(self, client, queue, worker):
        self.client, self.queue, self.python = client, queue, worker == "python"

    async def start(self, name, *args, **options):
        options.setdefault("id", f"{name}-{uuid.uuid4()}")
        options.setdefault("task_queue", self.queue)
        options.setdefault("schedule_to_close_timeout", 30 * SECOND)
        options.setdefault("retry_policy", RetryPolicy(initial_interval=50 * MS))
        return await self.client.start_activity(name, args=args, **options)

    async def run(self, name, *args, **options):
        return await (await self.start(name, *args, **options)).result()

    async def fails(self, name, *args, **options):
        handle = await self.start(name, *args, **options)
        try:
            result = await handle.result()
        except ActivityFailureError as e:
            return e.cause, handle
        raise AssertionError(f"{name}{args} returned {result!r}")


async def until(condition, what, within=10):
    end = asyncio.get_running_loop().time() + within
    while True:
        if found := await condition():
            return found
        if asyncio.get_running_loop().time() > end:
            raise AssertionError(f"not within {within} s: {what}")
        await asyncio.sleep(0.02)


@check
async def values_come_back(b):
    for value in (None, True, 0, -1, 2**53, 1.5, "", "Grüße, 世界 \U0001f600 \0 \" \\", [], [1, "a", None], {},
                  {"a": {"b": [1, 2, {"c": False}]}}):
        same(await b.run("echo", value), value)
    for value in (b"", b"\0", BYTES):
        same(await b.run("echo_bytes", value), value)


@check
async def arguments_and_structures(b):
    same(await b.run("nothing"), None)
    same(await b.run("add", 20, 22), 42)
    order = await b.run("reprice", Order(7, ["a", "ü"], 2.5), 2.0)
    same(order, {"id": 7, "names": ["a", "ü", "repriced"], "price": 5.0, "note": None})
    order = await b.run("reprice", Order(2**40, [], 0.1, "n"), 1.0)
    same(order, {"id": 2**40, "names": ["repriced"], "price": 0.1, "note": "n"})


@check
async def large_payloads(b):
    size = 1_900_000  # below the limit of 2 MB that servers have
    same(len(await b.run("big", size)), size)
    same(len(await b.run("echo", "y" * size)), size)


@check
async def information_of_the_task(b):
    handle = await b.start("info")
    same(await handle.result(), {"id": handle.id, "type": "info", "attempt": 1, "queue": b.queue, "namespace": "default",
                                 "run": handle.run_id})


@check
async def failures_are_readable(b):
    e, handle = await b.fails("fail", "plain")
    same((type(e), e.message, e.type, e.non_retryable, list(e.details)), (ApplicationError, "broken", "Broken", True, []))
    same((await handle.describe()).status, ActivityExecutionStatus.FAILED)
    same((await handle.describe()).attempt, 1)

    e, _ = await b.fails("fail", "details")
    same((e.message, e.type, list(e.details)), ("with details", "Detailed", [{"a": 1}, "two", b"\0\xff"]))

    e, _ = await b.fails("fail", "chain")
    same((e.message, e.type), ("the top", "Top"))
    same((e.cause.message, e.cause.type, e.cause.non_retryable), ("the middle", "Middle", False))
    same((e.cause.cause.message, e.cause.cause.type, list(e.cause.cause.details)), ("the root", "Root", ["root detail"]))
    same(e.cause.cause.cause, None)

    e, _ = await b.fails("fail", "native", retry_policy=RetryPolicy(maximum_attempts=1))
    same((type(e), e.message, e.non_retryable), (ApplicationError, "of the language's own", False))
    assert e.type, "a type for non_retryable_error_types to name"

    e, _ = await b.fails("fail", "benign")
    same(e.category, ApplicationErrorCategory.BENIGN)


@check
async def an_unknown_activity_fails(b):
    e, _ = await b.fails("nobody_has_this", retry_policy=RetryPolicy(maximum_attempts=1))
    same(type(e), ApplicationError)
    assert "nobody_has_this" in e.message, e.message


@check
async def arguments_that_do_not_fit(b):
    e, _ = await b.fails("add", "twenty", "two", retry_policy=RetryPolicy(maximum_attempts=1))
    same(type(e), ApplicationError)


@check
async def retries(b):
    handle = await b.start("flaky", 3)
    same(await handle.result(), 3)
    same((await handle.describe()).attempt, 3)

    e, handle = await b.fails("flaky", 9, retry_policy=RetryPolicy(initial_interval=10 * MS, maximum_attempts=3))
    same((e.message, e.type), ("attempt 3", "Flaky"))

    e, handle = await b.fails("flaky", 9, retry_policy=RetryPolicy(non_retryable_error_types=["Flaky"]))
    same(e.message, "attempt 1")

    begun = asyncio.get_running_loop().time()
    same(await b.run("fail", "delay", retry_policy=RetryPolicy(initial_interval=20 * SECOND)), "attempt 2")
    waited = asyncio.get_running_loop().time() - begun
    assert 0.3 <= waited < 10, f"the attempt said 0.3 s, it was {waited:.2f} s"


@check
async def heartbeat_details_reach_the_next_attempt(b):
    same(await b.run("resume", 6, heartbeat_timeout=10 * SECOND), [3, 6])


@check
async def cancellation(b):
    handle = await b.start("until_cancelled", "a detail", heartbeat_timeout=1 * SECOND)

    async def beaten():
        return (await handle.describe()).last_heartbeat_time
    await until(beaten, "a heartbeat is seen")
    await handle.cancel(reason="not wanted any more")
    try:
        await handle.result()
        raise AssertionError("it went on")
    except ActivityFailureError as e:
        # Python's worker keeps no details of a cancellation.
        same((type(e.cause), list(e.cause.details)), (CancelledError, [] if b.python else ["a detail", handle.id]))
    description = await handle.describe()
    same((description.status, description.canceled_reason), (ActivityExecutionStatus.CANCELED, "not wanted any more"))

    handle = await b.start("ignore_cancel", heartbeat_timeout=1 * SECOND)
    await until(beaten, "a heartbeat is seen")
    await handle.cancel()
    same(await handle.result(), "done all the same")
    same((await handle.describe()).status, ActivityExecutionStatus.COMPLETED)


@check
async def cancelled_before_it_began(b):
    handle = await b.start("echo", 1, task_queue="nobody-polls-" + str(uuid.uuid4()))
    await handle.cancel(reason="early")
    try:
        await handle.result()
        raise AssertionError("it ran")
    except ActivityFailureError as e:
        same(type(e.cause), CancelledError)


@check
async def termination(b):
    handle = await b.start("slow", 60_000)
    await handle.terminate(reason="enough")
    try:
        await handle.result()
        raise AssertionError("it went on")
    except ActivityFailureError as e:
        same((type(e.cause), e.cause.message), (TerminatedError, "enough"))
    same((await handle.describe()).status, ActivityExecutionStatus.TERMINATED)


@check
async def timeouts(b):
    nobody = "nobody-polls-" + str(uuid.uuid4())
    once = RetryPolicy(maximum_attempts=1)
    for what, expected, name, args, options in (
            ("no worker came", TimeoutType.SCHEDULE_TO_START, "echo", [1],
             {"task_queue": nobody, "schedule_to_start_timeout": 200 * MS}),
            ("no worker came before all of it was over", TimeoutType.SCHEDULE_TO_START, "echo", [1],
             {"task_queue": nobody, "schedule_to_close_timeout": 200 * MS}),
            ("all of it", TimeoutType.SCHEDULE_TO_CLOSE, "slow", [3000],
             {"schedule_to_close_timeout": 200 * MS, "start_to_close_timeout": 10 * SECOND}),
            ("one attempt", TimeoutType.START_TO_CLOSE, "slow", [3000],
             {"start_to_close_timeout": 200 * MS, "retry_policy": once}),
            ("no heartbeat", TimeoutType.HEARTBEAT, "slow", [3000],
             {"heartbeat_timeout": 200 * MS, "start_to_close_timeout": 20 * SECOND, "retry_policy": once})):
        begun = asyncio.get_running_loop().time()
        e, handle = await b.fails(name, *args, **options)
        waited = asyncio.get_running_loop().time() - begun
        same((type(e), e.type), (TemporalTimeout, expected), what)
        same((await handle.describe()).status, ActivityExecutionStatus.TIMED_OUT, what)
        assert waited < 2.5, f"{what}: {waited:.2f} s"

    # What does not fit into the time that is left is not tried.
    begun = asyncio.get_running_loop().time()
    e, handle = await b.fails("flaky", 9, schedule_to_close_timeout=20 * SECOND,
                              retry_policy=RetryPolicy(initial_interval=30 * SECOND))
    same((type(e), e.message, (await handle.describe()).status), (ApplicationError, "attempt 1",
                                                                 ActivityExecutionStatus.FAILED))
    assert asyncio.get_running_loop().time() - begun < 5


@check
async def a_late_answer_counts_nothing(b):
    """The attempt that timed out answers all the same; its answer must not be the result of the next one."""
    # A server's timers may be a second late.
    handle = await b.start("slow", 2500, start_to_close_timeout=500 * MS, schedule_to_close_timeout=4 * SECOND)
    try:
        await handle.result()
        raise AssertionError("a late answer was taken")
    except ActivityFailureError as e:
        same(type(e.cause), TemporalTimeout)


@check
async def completed_elsewhere(b):
    async def begun():
        d = await handle.describe(include_heartbeat_details=True)
        return d if d.last_heartbeat_time else None

    handle = await b.start("later", heartbeat_timeout=10 * SECOND)
    await until(begun, "it has begun")
    elsewhere = b.client.get_async_activity_handle(activity_id=handle.id, run_id=handle.run_id)
    await elsewhere.heartbeat("from elsewhere")
    await elsewhere.complete("by id")
    same(await handle.result(), "by id")

    handle = await b.start("later", heartbeat_timeout=10 * SECOND)
    token = (await (await until(begun, "it has begun")).heartbeat_details())[0]
    elsewhere = b.client.get_async_activity_handle(task_token=token)
    await elsewhere.fail(ApplicationError("from elsewhere", 5, type="Elsewhere", non_retryable=True))
    try:
        await handle.result()
        raise AssertionError("it went on")
    except ActivityFailureError as e:
        same((e.cause.message, e.cause.type, list(e.cause.details)), ("from elsewhere", "Elsewhere", [5]))

    handle = await b.start("later", heartbeat_timeout=10 * SECOND)
    await until(begun, "it has begun")
    await handle.cancel()
    await b.client.get_async_activity_handle(activity_id=handle.id, run_id=handle.run_id).report_cancellation("why")
    try:
        await handle.result()
        raise AssertionError("it went on")
    except ActivityFailureError as e:
        same((type(e.cause), list(e.cause.details)), (CancelledError, ["why"]))


@check
async def one_id_at_a_time(b):
    handle = await b.start("slow", 60_000, id=f"once-{uuid.uuid4()}")
    try:
        await b.start("echo", 1, id=handle.id)
        raise AssertionError("two of one id")
    except ActivityAlreadyStartedError as e:
        same((e.activity_id, e.run_id), (handle.id, handle.run_id))
    again = await b.start("echo", 1, id=handle.id, id_conflict_policy=ActivityIDConflictPolicy.USE_EXISTING)
    same(again.run_id, handle.run_id)
    await handle.terminate()

    again = await b.start("echo", 2, id=handle.id)
    same(await again.result(), 2)
    assert again.run_id != handle.run_id
    for policy in (ActivityIDReusePolicy.ALLOW_DUPLICATE_FAILED_ONLY, ActivityIDReusePolicy.REJECT_DUPLICATE):
        try:
            await b.start("echo", 3, id=handle.id, id_reuse_policy=policy)
            raise AssertionError(f"{policy} let it through")
        except ActivityAlreadyStartedError:
            pass


@check
async def what_is_described(b):
    handle = await b.start("slow", 60_000, start_to_close_timeout=20 * SECOND, summary="in a few words",
                           heartbeat_timeout=30 * SECOND,
                           retry_policy=RetryPolicy(initial_interval=3 * SECOND, backoff_coefficient=4.0,
                                                    maximum_interval=9 * SECOND, maximum_attempts=5,
                                                    non_retryable_error_types=["A", "B"]))

    async def started():
        d = await handle.describe()
        return d if d.last_started_time else None
    d = await until(started, "it has started")
    same((d.activity_id, d.activity_run_id, d.activity_type, d.task_queue), (handle.id, handle.run_id, "slow", b.queue))
    same((d.status, d.attempt), (ActivityExecutionStatus.RUNNING, 1))
    same((d.start_to_close_timeout, d.schedule_to_close_timeout), (20 * SECOND, 30 * SECOND))
    # Never longer than the attempt may take.
    same(d.heartbeat_timeout, 20 * SECOND)
    same(d.retry_policy, RetryPolicy(initial_interval=3 * SECOND, backoff_coefficient=4.0, maximum_interval=9 * SECOND,
                                     maximum_attempts=5, non_retryable_error_types=["A", "B"]))
    assert d.last_worker_identity, "who works on it"
    await handle.terminate()
    d = await handle.describe()
    assert d.close_time and d.execution_duration is not None, d

    try:
        await b.client.get_activity_handle("there-is-none-" + str(uuid.uuid4())).describe()
        raise AssertionError("something was described")
    except RPCError as e:
        same(e.status, RPCStatusCode.NOT_FOUND)


@check
async def what_is_listed(b):
    name = f"listed-{uuid.uuid4()}"
    for i in range(7):
        await b.run("echo", i, id=f"{name}-{i}")
    query = f"ActivityType = 'echo' AND TaskQueue = '{b.queue}' AND ExecutionStatus = 'Completed'"

    async def all_seen():
        found = [e async for e in b.client.list_activities(query, page_size=3) if e.activity_id.startswith(name)]
        return found if len(found) == 7 else None
    found = await until(all_seen, "all seven are listed")
    same({e.activity_id for e in found}, {f"{name}-{i}" for i in range(7)})
    assert (await b.client.count_activities(query)).count >= 7


@check
async def refused_requests(b):
    for what, options in (("no timeout", {"schedule_to_close_timeout": None}),
                          ("no queue", {"task_queue": ""}),
                          ("an id too long", {"id": "i" * 2000}),
                          ("a backoff below 1", {"retry_policy": RetryPolicy(backoff_coefficient=0.5)})):
        try:
            await b.start("echo", 1, **options)
            raise AssertionError(f"{what} was accepted")
        except RPCError as e:
            same(e.status, RPCStatusCode.INVALID_ARGUMENT, what)
        except (ValueError, AssertionError) as e:
            if isinstance(e, AssertionError):
                raise


@check
async def statistics_and_pollers(b):
    request = service_v1.DescribeTaskQueueRequest(
        namespace="default", task_queue=temporalio.api.taskqueue.v1.TaskQueue(name=b.queue),
        task_queue_type=temporalio.api.enums.v1.TaskQueueType.TASK_QUEUE_TYPE_ACTIVITY, report_stats=True)

    async def polled():
        answer = await b.client.workflow_service.describe_task_queue(request)
        return answer if answer.pollers else None
    answer = await until(polled, "a poller is listed")
    assert answer.pollers[0].identity
    assert answer.HasField("stats"), answer

    idle = "nobody-polls-" + str(uuid.uuid4())
    handles = [await b.start("echo", i, task_queue=idle) for i in range(5)]
    request.task_queue.name = idle

    async def backlog():
        return (await b.client.workflow_service.describe_task_queue(request)).stats.approximate_backlog_count == 5
    await until(backlog, "a backlog of five")
    for handle in handles:
        await handle.terminate()


@check
async def many_at_once(b):
    # A real server that takes over a second to note a start hands that attempt to nobody (it tries again under another
    # request id, and finds it started). On a busy machine that happens: with a timeout of its own it is made again.
    results = await asyncio.gather(*(b.run("add", i, 1, start_to_close_timeout=5 * SECOND) for i in range(200)))
    same(results, [i + 1 for i in range(200)])


# Who serves.


@contextlib.asynccontextmanager
async def python_worker(client, queue):
    async with Worker(client, task_queue=queue, activities=ACTIVITIES, max_heartbeat_throttle_interval=50 * MS,
                      default_heartbeat_throttle_interval=50 * MS, graceful_shutdown_timeout=datetime.timedelta(0)):
        yield


@contextlib.asynccontextmanager
async def our_worker(client, address, queue, program):
    process = subprocess.Popen([program], env={**os.environ, "TEMPORAL_ADDRESS": address, "TEMPORAL_TASK_QUEUE": queue})
    try:
        await temporal_services.make_current(client, "activities", "1")
        yield
    finally:
        process.terminate()
        status = await asyncio.to_thread(process.wait, 30)
        same(status, 0, "the worker's status after SIGTERM")


def served(client, address, queue, worker):
    return python_worker(client, queue) if worker == "python" else our_worker(client, address, queue, worker)


async def run_checks(checks, context, chosen, at_once=1):
    """Those that failed, of some or of all."""
    failed = []
    room = asyncio.Semaphore(at_once)

    async def run(function):
        async with room:
            begun = asyncio.get_running_loop().time()
            try:
                await asyncio.wait_for(function(context), 60)
                print(f"ok   {function.__name__} ({asyncio.get_running_loop().time() - begun:.1f} s)", flush=True)
            except Exception as e:  # pylint: disable=broad-exception-caught
                failed.append(function.__name__)
                at = next((f for f in reversed(traceback.extract_tb(e.__traceback__))
                           if "/tests/integration/" in f.filename), None)
                print(f"FAIL {function.__name__}:{at.lineno if at else ''}: {type(e).__name__}: {e!s:.1500}", flush=True)

    await asyncio.gather(*(run(f) for f in checks if not chosen or f.__name__ in chosen))
    return failed


async def main(spec, worker, *chosen):
    logging.disable(logging.CRITICAL)  # of failures that are wanted
    with temporal_services.serving(spec) as service:
        client = await Client.connect(service.address)
        queue = f"activities-{uuid.uuid4()}"
        async with served(client, service.address, queue, worker):
            failed = await run_checks(CHECKS, Bench(client, queue, worker), chosen)
    print(f"{len(failed)} failed: {' '.join(failed)}" if failed else "all is well")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(asyncio.run(main(*sys.argv[1:])))
