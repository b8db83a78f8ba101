# SPDX-License-Identifier: BSL-1.0
"""What our client sees of workflows that a worker of the Python SDK runs: results over several runs, failures, signals,
queries, updates, resets and the rest.

usage: workflow_client.py PROBE embedded:PROGRAM|real|address:HOST:PORT
"""

import asyncio
import sys
from datetime import timedelta

import temporal_services
from temporalio import workflow
from temporalio.client import Client
from temporalio.converter import PayloadConverter
from temporalio.exceptions import ApplicationError
from temporalio.worker import Interceptor, UnsandboxedWorkflowRunner, Worker, WorkflowInboundInterceptor

QUEUE = "workflow-client"


@workflow.defn(name="greet")
class Greet:
    @workflow.run
    async def run(self, name: str) -> str:
        return f"Hello, {name}"


@workflow.defn(name="failing")
class Failing:
    @workflow.run
    async def run(self, kind: str) -> None:
        raise ApplicationError("no such order", type=kind, non_retryable=True)


@workflow.defn(name="counting")
class Counting:
    @workflow.run
    async def run(self, left: int, runs: int) -> int:
        if left:
            workflow.continue_as_new(args=[left - 1, runs + 1])
        return runs


@workflow.defn(name="second_try")
class SecondTry:
    @workflow.run
    async def run(self) -> int:
        if workflow.info().attempt == 1:
            raise ApplicationError("not yet")
        return workflow.info().attempt


@workflow.defn(name="approval")
class Approval:
    def __init__(self):
        self.by = None
        self.changes = 0

    @workflow.run
    async def run(self) -> str:
        await workflow.wait_condition(lambda: self.by is not None)
        return f"by {self.by}"

    @workflow.signal
    def approve(self, by: str) -> None:
        self.by = by

    @workflow.query(name="changes")
    def count(self) -> int:
        return self.changes

    @workflow.query
    def no_answer(self, word: str) -> int:
        raise ApplicationError(f"nothing to say to {word}")

    @workflow.update
    async def change(self, by: int) -> int:
        if by == 99:
            raise ApplicationError("too much", type="limit")
        if by == 50:
            await asyncio.sleep(0.3)
        self.changes += 1
        return by + 1

    @change.validator
    def check(self, by: int) -> None:
        if by < 0:
            raise ValueError("below zero")


HEARD = set()


def hear(kind, input):
    if "from" in input.headers:
        HEARD.add((kind, PayloadConverter.default.from_payload(input.headers["from"])))
    return input


class HearsInbound(WorkflowInboundInterceptor):
    async def execute_workflow(self, input):
        return await super().execute_workflow(hear("run", input))

    async def handle_signal(self, input):
        return await super().handle_signal(hear("signal", input))

    async def handle_query(self, input):
        return await super().handle_query(hear("query", input))

    def handle_update_validator(self, input):
        super().handle_update_validator(hear("validator", input))

    async def handle_update_handler(self, input):
        return await super().handle_update_handler(hear("update", input))


class Hears(Interceptor):
    """Keeps who says that they sent something."""

    def workflow_interceptor_class(self, input):
        return HearsInbound


EXPECTED = {
    "result": "Hello, World",
    "failure": "it failed; not_found: no such order",
    "failure_type": "not_found",
    "result_of_last_run": "3",
    "another_run": "yes",
    "result_of_first_run": "the run goes on in another",
    "next_run_known": "yes",
    "result_of_retry": "2",
    "result_of_nobody": "NOT_FOUND",
    "result_of_other_type": "the result is not of the type that was asked for",
    "same_request": "same run",
    "id_in_use": "ALREADY_EXISTS",
    "id_in_use_by": "first",
    "attached": "attached",
    "instead": "new",
    "replaced": "it was terminated",
    "old_handle": "NOT_FOUND",
    "not_reused": "ALREADY_EXISTS",
    "query": "0",
    "update": "8",
    "update_rejected": "it failed; ValueError: below zero",
    "update_failed": "it failed; limit: too much",
    "update_accepted": "under way",
    "update_result": "51",
    "update_from_elsewhere": "51",
    "update_repeated": "51",
    "query_failed": "failed",
    "signalled": "by ann",
    "query_when_closed": "2",
    "query_rejected": "the query was rejected; the workflow is completed",
    "signal_when_closed": "NOT_FOUND",
    "history": "all",
    "after_reset": "by ann",
    "changes_after_reset": "0",
    "signal_with_start": "by eve",
    "update_with_start": "8, new",
    "update_with_start_again": "51, attached",
    "update_with_start_refused": "ALREADY_EXISTS",
    "update_with_start_blames": "the start",
    "terminate": "done",
    "cancelled": "it was cancelled",
    "terminated": "it was terminated; terminated: enough of it",
    "timed_out": "it timed out",
    "not_in_time": "DEADLINE_EXCEEDED",
    "status": "running",
    "type": "approval",
    "execution_timeout": "3600",
    "memo": "3",
    "search_attribute": "ann",
    "summary": "an order",
    "listed": "1",
    "counted": "1",
    "eager": "Hello, Ann, accepted, begun with the start",
    "eager_pinned": "Hello, Ann, accepted, begun with the start",
    "override": "done",
    "overridden": "yes",
    "override_gone": "yes",
    "deleted": "NOT_FOUND",
    "intercepted_calls": "all ended",
}


async def told(probe, address):
    host, _, port = address.rpartition(":")
    process = await asyncio.create_subprocess_exec(probe, host, port, QUEUE, stdout=asyncio.subprocess.PIPE)
    try:
        out, _ = await asyncio.wait_for(process.communicate(), 50)
    except TimeoutError:
        process.kill()
        raise
    lines = out.decode().splitlines()
    if process.returncode != 0:
        raise AssertionError(f"the probe ended with {process.returncode}: {lines[-3:]}")
    return dict((line.split(" ", 1) + [""])[:2] for line in lines)


async def run(probe, service):
    client = await Client.connect(service.address)
    await temporal_services.add_search_attributes(client, CustomKeywordField="KEYWORD")
    workflows = [Greet, Failing, Counting, SecondTry, Approval]
    async with Worker(client, task_queue=QUEUE, workflows=workflows, workflow_runner=UnsandboxedWorkflowRunner(),
                      graceful_shutdown_timeout=timedelta(0), interceptors=[Hears()]):
        seen = await told(probe, service.address)
    starts = int(seen.pop("starts_told"))
    wrong = [f"{name}: {seen.get(name)!r} instead of {value!r}" for name, value in EXPECTED.items()
             if seen.get(name) != value]
    wrong += [f"{name}: {seen[name]!r} was not expected" for name in seen.keys() - EXPECTED.keys()]
    # One of them is the same start a second time, which a server says is new.
    if starts != 15:
        wrong.append(f"{starts} starts were told of, not 15")
    if HEARD != {(kind, "probe") for kind in ("run", "signal", "query", "validator", "update")}:
        wrong.append(f"the worker heard {HEARD}")
    if wrong:
        raise AssertionError("; ".join(wrong))
    print(f"{len(EXPECTED)} things are as they should be")


def main(probe, spec):
    with temporal_services.serving(spec) as service:
        asyncio.run(asyncio.wait_for(run(probe, service), 58))


if __name__ == "__main__":
    main(*sys.argv[1:])
