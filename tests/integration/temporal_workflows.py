# SPDX-License-Identifier: BSL-1.0
"""Workflows of ours, driven by the official Python SDK's client, on the embedded service and on a real server.

usage: temporal_workflows.py SERVICE PROGRAM [CHECK...]

SERVICE as temporal_services.py has it; PROGRAM is the C++ worker workflow_worker.
"""

import asyncio
import contextlib
import dataclasses
import datetime
import functools
import os
import subprocess
import sys
import tempfile
import uuid

import temporalio.activity
import temporalio.worker
from temporalio.api.common.v1 import Payload
from temporalio.api.enums.v1 import (EventType, PendingActivityState, TaskQueueType, VersioningBehavior,
                                     WorkflowTaskFailedCause)
from temporalio.api.sdk.v1 import WorkflowMetadata
from temporalio.api.workflowservice.v1 import UpdateTaskQueueConfigRequest
from temporalio.client import (Client, Interceptor, OutboundInterceptor, WorkflowExecutionStatus, WorkflowFailureError,
                               WorkflowQueryFailedError, WorkflowUpdateFailedError, WorkflowUpdateStage)
from temporalio.common import SearchAttributeKey, SearchAttributePair, TypedSearchAttributes
from temporalio.converter import DataConverter, PayloadCodec
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


def alone(function):
    """Not while others run: it holds the worker up, or has no patience with it."""
    function.alone = True
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

    def begin_worker(self, stderr=None, **environment):
        return subprocess.Popen([self.program], stderr=stderr,
                                env={**os.environ, "TEMPORAL_ADDRESS": self.address,
                                     "TEMPORAL_TASK_QUEUE": self.queue, **environment})

    @contextlib.asynccontextmanager
    async def another_worker(self, name):
        with tempfile.TemporaryFile() as log:
            at = OtherBench(self.client, self.address, f"{self.queue}-{name}", self.program, log)
            try:
                yield at
            except BaseException:
                print("---- the worker said:\n" + at.words()[-4000:], flush=True)
                raise
            finally:
                if at.worker:
                    at.worker.kill()
                    at.worker.wait()


class OtherBench(Bench):
    """A queue beside, where one worker can follow another."""

    def __init__(self, client, address, queue, program, log):
        super().__init__(client, address, queue, program)
        self.log, self.worker = log, None

    def begin(self, **environment):
        self.worker = self.begin_worker(self.log, **environment)

    async def end(self):
        self.worker.terminate()
        same(await asyncio.to_thread(self.worker.wait, 30), 0, "the worker's status after SIGTERM")
        self.worker = None

    async def ask(self, handle, query):
        """As soon as the worker is there to be asked."""
        async def answer():
            with contextlib.suppress(RPCError):
                return await handle.query(query)
        return await until(answer, f"query {query} is answered")

    def words(self):
        return os.pread(self.log.fileno(), 1 << 24, 0).decode(errors="replace")

    async def limit(self, per_second):
        """How many activities of a second may be polled."""
        request = UpdateTaskQueueConfigRequest(namespace=self.client.namespace, task_queue=self.queue,
                                               task_queue_type=TaskQueueType.TASK_QUEUE_TYPE_ACTIVITY)
        request.update_queue_rate_limit.reason = "a test"
        if per_second is not None:
            request.update_queue_rate_limit.rate_limit.requests_per_second = per_second
        await self.client.workflow_service.update_task_queue_config(request)


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
@alone
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
    # It ends when all handlers have.
    late = await handle.start_update("add", "late", wait_for_stage=WorkflowUpdateStage.ACCEPTED)
    await handle.signal("done")
    same(await late.result(), 8)
    same((await handle.result())[6:], ["z", "late"])


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
    handle = await b.start("continued", 2, 0)  # no more than one run a second
    same(await handle.result(), 3)
    same((await handle.describe()).status, WorkflowExecutionStatus.COMPLETED)
    same(await b.run("until_suggested", 0), 4100)


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
    # Unless it is said that such bugs are failures.
    e, _ = await b.fails("fragile")
    same((type(e), e.message), (ApplicationError, "broken for good"))


@check
async def an_unknown_workflow_waits_for_who_knows_it(b):
    handle = await b.start("nobody_has_this", execution_timeout=30 * SECOND)

    async def failed():
        return await events(handle, EventType.EVENT_TYPE_WORKFLOW_TASK_FAILED)
    message = (await until(failed, "the task fails"))[0].workflow_task_failed_event_attributes.failure.message
    assert "nobody_has_this" in message and "steps" in message, message
    await handle.terminate()


@check
@alone
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
async def all_and_any(b):
    same(await b.run("several"), [0, 2, 4, 6, 1])


@check
async def scopes(b):
    handle = await b.start("scopes")
    same(await handle.result(), "cancelled 42 alone")
    same(len(await events(handle, EventType.EVENT_TYPE_TIMER_STARTED)), 0, "timers of what was cancelled at once")


@check
async def three_ways_to_cancel(b):
    handle = await b.start("three_ways_to_cancel")

    async def all_run():
        pending = (await handle.describe()).raw_description
        started = [a for a in pending.pending_activities
                   if a.state == PendingActivityState.PENDING_ACTIVITY_STATE_STARTED]
        return len(started) == 3 and len(pending.pending_children) == 3
    await until(all_run, "three activities and three children run")
    await handle.signal("now")
    same(await handle.result(), ["cancelled", "wound up", "cancelled"] * 2)
    for kind, times in ((EventType.EVENT_TYPE_ACTIVITY_TASK_CANCEL_REQUESTED, 2),
                        (EventType.EVENT_TYPE_REQUEST_CANCEL_EXTERNAL_WORKFLOW_EXECUTION_INITIATED, 2)):
        same(len(await events(handle, kind)), times, EventType.Name(kind))


@check
async def parent_close_policies(b):
    terminated, abandoned, asked = [b.client.get_workflow_handle(i) for i in await b.run("leaves_children")]
    for left, error in ((terminated, TerminatedError), (asked, CancelledError)):
        try:
            await left.result()
            raise AssertionError("it went on")
        except WorkflowFailureError as e:
            same(type(e.cause), error)
    await abandoned.signal("go", 3)
    await abandoned.signal("end")
    same(await abandoned.result(), 3)


@check
async def handlers_of_any_name(b):
    handle = await b.start("takes_anything")
    await handle.signal("one", "a")
    same(await handle.execute_update("two", "b"), 2)
    same(await handle.query("three", "c"), "three c")
    await handle.signal("done")
    same(await handle.result(), ["signal one a", "update two b"])


@check
async def memo_and_search_attributes(b):
    keyword, number = SearchAttributeKey.for_keyword("CustomKeywordField"), SearchAttributeKey.for_int("CustomIntField")
    handle = await b.start("labelled", memo={"from": "here", "stays": 1},
                           search_attributes=TypedSearchAttributes([SearchAttributePair(keyword, "ann")]))
    same(await handle.result(), "here ann 7")
    seen = await handle.describe()
    same(await seen.memo(), {"stays": 1, "steps": 2})
    same((seen.typed_search_attributes.get(keyword), seen.typed_search_attributes.get(number)), ("bob", None))


class Traces(Interceptor):
    """Gives what it starts a header."""

    class Outbound(OutboundInterceptor):
        async def start_workflow(self, input):
            made = DataConverter.default.payload_converter.to_payloads(["t-1"])[0]
            input.headers = {**input.headers, "trace": made}
            return await super().start_workflow(input)

    def intercept_client(self, next):
        return Traces.Outbound(super().intercept_client(next))


@check
async def headers(b):
    traced = Client(b.client.service_client, interceptors=[Traces()])
    same(await traced.execute_workflow("traced", id=f"traced-{uuid.uuid4()}", task_queue=b.queue,
                                       execution_timeout=60 * SECOND), ["t-1"] * 4)


class For(Interceptor):
    """Does all that it does for a tenant."""

    def __init__(self, tenant):
        self.header = {"tenant": DataConverter.default.payload_converter.to_payloads([tenant])[0]}

    def intercept_client(self, next):
        outer = self

        class Outbound(OutboundInterceptor):
            async def start_workflow(self, input):
                return await super().start_workflow(dataclasses.replace(input, headers=outer.header))

            async def signal_workflow(self, input):
                return await super().signal_workflow(dataclasses.replace(input, headers=outer.header))

            async def query_workflow(self, input):
                return await super().query_workflow(dataclasses.replace(input, headers=outer.header))

            async def start_workflow_update(self, input):
                return await super().start_workflow_update(dataclasses.replace(input, headers=outer.header))
        return Outbound(next)


class ReadsHeaders(temporalio.worker.Interceptor):
    """Of a worker of the official SDK: its activities come to the headers that they have."""

    @staticmethod
    def read(payload):
        return DataConverter.default.payload_converter.from_payload(payload)

    class Inbound(temporalio.worker.ActivityInboundInterceptor):
        async def execute_activity(self, input):
            return " by ".join(ReadsHeaders.read(input.headers[name]) for name in ("tenant", "step"))

    def intercept_activity(self, next):
        return ReadsHeaders.Inbound(next)


@temporalio.activity.defn(name="whose")
async def whose() -> str:
    raise AssertionError("its interceptor answers")


@check
async def interceptors(b):
    """What a client says in headers reaches all that is done for it, past workflows and activities; and who may what."""
    def of(tenant):
        return Client(b.client.service_client, interceptors=[For(tenant)])

    def options(name):
        return {"id": f"{name}-{uuid.uuid4()}", "task_queue": b.queue, "execution_timeout": 60 * SECOND}
    theirs = f"{b.queue}-{uuid.uuid4()}"
    async with temporalio.worker.Worker(b.client, task_queue=theirs, activities=[whose], interceptors=[ReadsHeaders()]):
        ann = await of("ann").start_workflow("tenants", theirs, **options("tenants"))
        bob, nobody = (of(t).get_workflow_handle(ann.id) for t in ("bob", "nobody"))
        same(await bob.execute_update("ask"), "bob by activity tenant_of_activity")
        same(await bob.query("told"), "")
        try:
            raise AssertionError(await nobody.execute_update("ask"))
        except WorkflowUpdateFailedError as e:
            same((e.cause.type, e.cause.message), ("Tenant", "nobody may not"))
        try:
            raise AssertionError(await nobody.query("told"))
        except WorkflowQueryFailedError as e:
            same("nobody may not" in str(e), True, str(e))
        await bob.signal("go")
        same(await ann.result(), [
            "ann", "ann by activity tenant_of_activity", "ann by local_activity tenant_of_activity",
            "child tenant_of_child, ann by activity tenant_of_activity",
            "ann by activity whose", "bob by activity tenant_of_activity"])
    scheduled = await events(ann, EventType.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED)
    same(sorted(ReadsHeaders.read(e.activity_task_scheduled_event_attributes.header.fields["tenant"]) for e in scheduled),
         ["ann", "ann", "bob", "bob"])
    [child] = await events(ann, EventType.EVENT_TYPE_START_CHILD_WORKFLOW_EXECUTION_INITIATED)
    same(ReadsHeaders.read(child.start_child_workflow_execution_initiated_event_attributes.header.fields["tenant"]), "ann")
    same(await of("ann").execute_workflow("tenant_of_next", 2, **options("next")),
         "ann by activity tenant_of_activity")
    for tenant, depth in (("nobody", 1), ("idler", 2)):
        try:
            raise AssertionError(await of(tenant).execute_workflow("tenant_of_next", 0, **options("next")))
        except WorkflowFailureError as e:
            for _ in range(depth):
                e = e.cause
            same((e.type, e.message), ("Tenant", f"{tenant} may not"))


@check
async def what_people_read(b):
    handle = await b.start("described", static_summary="an order", static_details="of _books_")

    async def details():
        told = await handle.query("__temporal_workflow_metadata", result_type=WorkflowMetadata)
        return told if told.current_details == "waits for **done**" else None
    told = await until(details, "it says what it waits for")
    same([(s.name, s.description) for s in told.definition.signal_definitions], [("done", "ends it")])
    same(told.definition.type, "described")
    seen = await handle.describe()
    same((await seen.static_summary(), await seen.static_details()), ("an order", "of _books_"))
    for kind, summary in ((EventType.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED, b'"a sum"'),
                          (EventType.EVENT_TYPE_TIMER_STARTED, b'"a moment"')):
        same([e.user_metadata.summary.data for e in await events(handle, kind)], [summary])
    await handle.signal("done")
    await handle.result()


@check
async def versioning_behaviors(b):
    """A workflow's own goes before the worker's."""
    for name, behavior in (("several", VersioningBehavior.VERSIONING_BEHAVIOR_PINNED),
                           ("facts", VersioningBehavior.VERSIONING_BEHAVIOR_AUTO_UPGRADE)):
        handle = await b.start(name)
        await handle.result()
        done = await events(handle, EventType.EVENT_TYPE_WORKFLOW_TASK_COMPLETED)
        same({e.workflow_task_completed_event_attributes.versioning_behavior for e in done}, {behavior}, name)
        same((await handle.describe()).raw_description.workflow_execution_info.versioning_info.behavior, behavior, name)


@check
async def code_that_changes(b):
    """A run goes on with other code, by what it was patched with when it went by; what it says, it says once."""
    async with b.another_worker("changes") as at:
        at.begin(WORKFLOW_WORKER_CODE="old")
        before, bad = await at.start("changes"), await at.start("changes_badly")
        facts = await before.query("facts")
        await bad.query("__stack_trace")
        same(await at.run("nobody_has_this", "x"), "nobody_has_this x")
        await at.end()
        at.begin()
        same(await at.ask(before, "facts"), facts)
        await before.signal("go")
        same(await before.result(), 100, "a run of the old code")
        patched = await at.start("changes")
        new_facts = await patched.query("facts")
        await bad.signal("go")

        async def refused():
            return await events(bad, EventType.EVENT_TYPE_WORKFLOW_TASK_FAILED)
        why = (await until(refused, "code that was changed without a patch is found out"))[0]
        why = why.workflow_task_failed_event_attributes
        same(why.cause, WorkflowTaskFailedCause.WORKFLOW_TASK_FAILED_CAUSE_NON_DETERMINISTIC_ERROR)
        assert "[TMPRL1100]" in why.failure.message and "add" in why.failure.message, why.failure.message
        await bad.terminate()
        await at.end()
        at.begin(WORKFLOW_WORKER_CODE="later")
        same(await at.ask(patched, "facts"), new_facts)
        await patched.signal("go")
        same(await patched.result(), 119, "a run with the patch")
        await at.end()
        for begun in (facts, new_facts):
            same(at.words().count(f"began as {begun}"), 1, "how often it was said")


@check
async def a_setting_that_changes(b):
    """A mutable side effect is looked at again at each call, and is in history only where it changed."""
    async with b.another_worker("settings") as at:
        at.begin(WORKFLOW_WORKER_CODE="old")
        handle = await at.start("reads_settings")

        async def looks(seen):
            await handle.signal("look")

            async def it_has():
                return await at.ask(handle, "seen") == seen
            await until(it_has, f"it has seen {seen}")
        await looks(["old"] * 2)
        await at.end()
        at.begin(WORKFLOW_WORKER_CODE="new")
        same(await at.ask(handle, "seen"), ["old"] * 2)
        await looks(["old", "old", "new"])
        await looks(["old", "old", "new", "new"])
        await at.end()
        at.begin(WORKFLOW_WORKER_CODE="later")
        await handle.signal("look")
        same(await handle.result(), ["old", "old", "new", "new"])
        marks = [e.marker_recorded_event_attributes for e in await events(handle, EventType.EVENT_TYPE_MARKER_RECORDED)]
        same([(m.marker_name, *(m.details[part].payloads[0].data.decode() for part in
                                ("side-effect-id", "mutable-side-effect-call-counter", "data"))) for m in marks],
             [("MutableSideEffect", '"setting"', "1", '"old"'), ("MutableSideEffect", '"setting"', "3", '"new"')])


@check
async def what_is_measured_once(b):
    """A run goes on in another worker, which replays it: nothing is counted twice."""
    async with b.another_worker("measured") as at:
        at.begin()
        shop = str(uuid.uuid4())
        handle = await at.start("measures", shop)

        async def waited():
            return f"shop={shop}" in at.words() and "measured timer wait" in at.words()
        await until(waited, "both activities are done")
        await at.end()
        at.begin()
        await handle.signal("go")
        same(await handle.result(), 44)
        await at.end()
        place = f"namespace=default task_queue={at.queue}"
        tags = f"namespace=default shop={shop} task_queue={at.queue} workflow_type=measures"
        same([line.removeprefix("measured ") for line in at.words().splitlines() if line.startswith("measured ")],
             [f"counter began 1.000000 {tags}",
              f"histogram sum 42.000000 activity_type=measured_sum {place} workflow_type=measures",
              f"histogram sum 2.000000 activity_type=measured_sum {place} workflow_type=measures",
              f"timer wait 1.500000 {tags}", f"gauge open 0.000000 {tags}"])


@check
async def no_more_runs_are_kept_than_may_be(b):
    async with b.another_worker("counted") as at:
        at.begin(WORKFLOW_WORKER_CACHE="2")
        handles = await asyncio.gather(*(at.start("counted") for _ in range(8)))
        for handle in handles:
            await handle.query("alive")
        for handle in handles:
            alive = await handle.query("alive")
            assert 1 <= alive <= 4, f"{alive} runs in memory: two, the one that is asked, and the one before"
        for handle in handles:
            await handle.signal("end")
        for handle in handles:
            same(await handle.result(), 0)


class Turning(PayloadCodec):
    async def encode(self, payloads):
        return [Payload(metadata={"encoding": b"binary/turned"}, data=p.SerializeToString()[::-1]) for p in payloads]

    async def decode(self, payloads):
        return [Payload.FromString(p.data[::-1]) if p.metadata.get("encoding") == b"binary/turned" else p
                for p in payloads]


@check
async def payload_codecs(b):
    async with b.another_worker("codec") as at:
        at.client = Client(b.client.service_client,
                           data_converter=dataclasses.replace(DataConverter.default, payload_codec=Turning()))
        at.begin(WORKFLOW_WORKER_CODEC="1")
        handle = await at.start("steps", 40)
        await handle.signal("go", 7)
        same(await handle.result(), [41, 42, 7])
        ended = await events(handle, EventType.EVENT_TYPE_ACTIVITY_TASK_COMPLETED)
        same({p.metadata["encoding"] for e in ended for p in e.activity_task_completed_event_attributes.result.payloads},
             {b"binary/turned"})


@check
async def activities_that_come_with_the_answer(b):
    """Nothing that is polled passes the limit; what comes with the answer to a workflow task does, three at a time."""
    async with b.another_worker("eager") as at:
        at.begin()
        same(await at.run("many", 1), [1])
        await at.limit(0)
        handle = await at.start("many", 4)

        async def three_are_done():
            done = await events(handle, EventType.EVENT_TYPE_ACTIVITY_TASK_COMPLETED)
            return len(done) >= 3 and len((await handle.describe()).raw_description.pending_activities) == 1
        await until(three_are_done, "three activities passed the limit")
        await at.limit(None)
        same(await handle.result(), [1, 2, 3, 4])


@check
@alone
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
        await temporal_services.add_search_attributes(client, CustomKeywordField="KEYWORD", CustomIntField="INT")
        bench = Bench(client, service.address, f"workflows-{uuid.uuid4()}", program)
        async with served(bench, **({"WORKFLOW_WORKER_CACHE": cache[0]} if cache else {})):
            crowd = [c for c in CHECKS if not hasattr(c, "alone")]
            failed = await temporal_activities.run_checks(crowd, bench, chosen, at_once=8)
            failed += await temporal_activities.run_checks([c for c in CHECKS if c not in crowd], bench, chosen)
    print(f"{len(failed)} failed: {' '.join(failed)}" if failed else "all is well")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(asyncio.run(main(*sys.argv[1:])))
