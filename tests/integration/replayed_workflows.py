# SPDX-License-Identifier: BSL-1.0
"""The workflows of tests/support/replay_worker.cpp in Python, activities too."""

import asyncio
from datetime import timedelta

from temporalio import activity, workflow
from temporalio.common import RetryPolicy, SearchAttributeKey
from temporalio.exceptions import (ActivityError, ApplicationError, ChildWorkflowError, FailureError,
                                   is_cancelled_exception)

SOON = {"start_to_close_timeout": timedelta(seconds=10)}
ONCE = {**SOON, "retry_policy": RetryPolicy(maximum_attempts=1)}


@activity.defn(name="twice")
async def twice(n: int) -> int:
    return 2 * n


@activity.defn(name="fails")
async def fails(n: int) -> int:
    raise ApplicationError(f"not {n}", type="unlucky", non_retryable=True)


@activity.defn(name="slow")
async def slow() -> str:
    while True:
        activity.heartbeat()
        await asyncio.sleep(0.05)


@workflow.defn(name="activities")
class Activities:
    @workflow.run
    async def run(self, n: int) -> int:
        total = 0
        for i in range(1, n + 1):
            total += await workflow.execute_activity(twice, i, **SOON)
        ten = workflow.start_activity(twice, 10, **SOON)
        twenty = workflow.start_activity(twice, 20, **SOON)
        total += await ten
        total += await twenty
        try:
            await workflow.execute_activity(fails, 13, **ONCE)
        except ActivityError:
            total += 100
        return total


@workflow.defn(name="timers")
class Timers:
    @workflow.run
    async def run(self) -> str:
        await asyncio.sleep(0.01)
        long_one = asyncio.create_task(asyncio.sleep(3600))
        short_one = asyncio.create_task(asyncio.sleep(0.02))
        await short_one
        long_one.cancel()
        await asyncio.gather(long_one, return_exceptions=True)
        try:
            await workflow.wait_condition(lambda: False, timeout=0.03)
            return "held"
        except asyncio.TimeoutError:
            return "timed out"


@workflow.defn(name="signals")
class Signals:
    def __init__(self):
        self.sum = self.notes = 0

    @workflow.run
    async def run(self) -> int:
        await workflow.wait_condition(lambda: self.sum >= 10, timeout=3600)
        await workflow.wait_condition(workflow.all_handlers_finished)
        return self.sum + self.notes

    @workflow.signal
    async def add(self, n: int) -> None:
        doubled = await workflow.execute_activity(twice, n, **SOON)
        self.sum += doubled

    @workflow.signal
    def note(self) -> None:
        self.notes += 100

    @workflow.query
    def total(self) -> int:
        return self.sum


@workflow.defn(name="updates")
class Updates:
    def __init__(self):
        self.sum = 0
        self.finished = False

    @workflow.run
    async def run(self) -> int:
        await workflow.wait_condition(lambda: self.finished)
        await workflow.wait_condition(workflow.all_handlers_finished)
        return self.sum

    @workflow.update
    async def add(self, n: int) -> int:
        if n == 5:
            n = await workflow.execute_activity(twice, n, **SOON)
        if n == 6:
            await asyncio.sleep(0.01)
        if n == 13:
            raise ApplicationError("not 13", type="unlucky")
        self.sum += n
        return self.sum

    @add.validator
    def check(self, n: int) -> None:
        if n < 0:
            raise ApplicationError("below zero", type="bad")

    @workflow.signal
    def finish(self) -> None:
        self.finished = True


@workflow.defn(name="child")
class Child:
    def __init__(self):
        self.by = 0

    @workflow.run
    async def run(self, n: int) -> int:
        if n < 0:
            raise ApplicationError("below zero", type="bad", non_retryable=True)
        if n == 7:
            await workflow.wait_condition(lambda: self.by != 0)
            return self.by
        return 2 * n

    @workflow.signal
    def go(self, n: int) -> None:
        self.by = n


@workflow.defn(name="children")
class Children:
    @workflow.run
    async def run(self) -> int:
        mine = workflow.info().workflow_id
        total = await workflow.execute_child_workflow(Child.run, 3, id=f"{mine}/first")
        waits = await workflow.start_child_workflow(Child.run, 7, id=f"{mine}/second")
        await waits.signal(Child.go, 5)
        total += await waits
        try:
            await workflow.execute_child_workflow(Child.run, -1, id=f"{mine}/third")
        except ChildWorkflowError:
            total += 100
        try:
            await workflow.get_external_workflow_handle("nobody").signal("go", 1)
        except ApplicationError:
            total += 1000
        unwanted = await workflow.start_child_workflow(Child.run, 7, id=f"{mine}/fourth")
        unwanted.cancel()
        try:
            await unwanted
        except ChildWorkflowError:
            total += 10000
        return total


@workflow.defn(name="locals")
class Locals:
    @workflow.run
    async def run(self) -> int:
        total = await workflow.execute_local_activity(twice, 1, **SOON)
        two = workflow.start_local_activity(twice, 2, **SOON)
        three = workflow.start_local_activity(twice, 3, **SOON)
        total += await two
        total += await three
        await asyncio.sleep(0.01)
        try:
            await workflow.execute_local_activity(fails, 13, **ONCE)
        except FailureError:
            total += 100
        total += await workflow.execute_local_activity(twice, 4, **SOON)
        return total


@workflow.defn(name="patches")
class Patches:
    @workflow.run
    async def run(self) -> str:
        out = ""
        if workflow.patched("one"):
            out += str(await workflow.execute_activity(twice, 1, **SOON))
        else:
            await asyncio.sleep(0.01)
        workflow.deprecate_patch("two")
        await asyncio.sleep(0.01)
        return out + (" new" if workflow.patched("one") else " old")


@workflow.defn(name="continuing")
class Continuing:
    @workflow.run
    async def run(self, left: int, total: int) -> int:
        await asyncio.sleep(0.005)
        if left > 0:
            workflow.continue_as_new(args=[left - 1, total + left])
        return total


@workflow.defn(name="cancelled")
class Cancelled:
    @workflow.run
    async def run(self, kind: str) -> str:
        slowly = {"start_to_close_timeout": timedelta(minutes=1), "heartbeat_timeout": timedelta(seconds=2)}
        try:
            if kind == "timer":
                await asyncio.sleep(3600)
            elif kind == "wait":
                await workflow.execute_activity(
                    slow, cancellation_type=workflow.ActivityCancellationType.WAIT_CANCELLATION_COMPLETED, **slowly)
            else:
                await workflow.execute_activity(slow, **slowly)
        except BaseException as e:
            if kind != "timer":
                return "cancelled" if is_cancelled_exception(e) else "ended"
            await workflow.execute_activity(twice, 1, **SOON)
            raise
        return "ended"


@workflow.defn(name="properties")
class Properties:
    @workflow.run
    async def run(self) -> int:
        workflow.upsert_memo({"step": 1})
        key = SearchAttributeKey.for_keyword("CustomKeywordField")
        workflow.upsert_search_attributes([key.value_set("seen")])
        await asyncio.sleep(0.01)
        workflow.upsert_memo({"step": 2})
        return 2


ACTIVITIES = [twice, fails, slow]
WORKFLOWS = [Activities, Timers, Signals, Updates, Child, Children, Locals, Patches, Continuing, Cancelled, Properties]
