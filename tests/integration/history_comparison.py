#!/usr/bin/env python3
# SPDX-License-Identifier: BSL-1.0
"""The same calls to the embedded service and to a real server, and the histories they write, event for event.

usage: history_comparison.py PROGRAM [--only NAME] [--show]

PROGRAM is our command-line program. Each scenario plays client and worker by hand, with the official messages, so that
both services get the very same calls in the same order. What may differ is listed in `AGREED`.
"""

import argparse
import asyncio
import base64
import contextvars
import json
import os
import re
import sys
import uuid

from google.protobuf.duration_pb2 import Duration
from google.protobuf.json_format import MessageToDict
from temporalio.api import common, enums, failure, protocol, query, update
from temporalio.api import workflowservice as ws
from temporalio.api.command.v1 import Command
from temporalio.api.taskqueue.v1 import StickyExecutionAttributes, TaskQueue
from temporalio.client import Client
from temporalio.service import RPCError

from temporal_services import make_current, serving

# Names of fields that the two need not agree on, and why.
AGREED = {
    "event_time": "when it was",
    "task_id": "a number of the server's storage",
    "version": "of the cluster",
    "namespace_id": "another one in each server",
    "parent_workflow_namespace_id": "likewise",
    "history_size_bytes": "ids and times differ in length",
    "worker_version": "of an older way of versioning, not served here",
    "prev_auto_reset_points": "of an older way to reset, not served here",
    "links": "of calls to one another",
    "workflow_execution_expiration_time": "when it was",
    "attached_request_id": "a random one",
    "started_request_id": "likewise",
    "inherited_auto_upgrade_info": "of the server's own revisions",
    "declined_target_version_upgrade": "likewise",
}
LATE = ("first_workflow_task_backoff",)  # counted from the run before, which lasted as long as it did
UUID_IN = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
UUID = re.compile(f"^{UUID_IN.pattern}$")
PATIENCE = 15
WORLD = contextvars.ContextVar("WORLD")  # of the scenario that is played


def seconds(value):
    return Duration(seconds=int(value), nanos=int(value % 1 * 1e9))


def payloads(*texts):
    return common.v1.Payloads(payloads=[common.v1.Payload(metadata={"encoding": b"json/plain"},
                                                          data=json.dumps(text).encode()) for text in texts])


def command(kind, **attributes):
    """Command("START_TIMER", timer_id="1", ...)."""
    field = {"REQUEST_CANCEL_ACTIVITY_TASK": "request_cancel_activity_task"}.get(kind, kind.lower())
    out = Command(command_type=enums.v1.CommandType.Value("COMMAND_TYPE_" + kind))
    target = getattr(out, field + "_command_attributes")
    target.SetInParent()
    target.MergeFrom(type(target)(**attributes))
    return out


def activity(name="a", **more):
    options = dict(activity_id=name, activity_type={"name": "work"}, task_queue={"name": WORLD.get().queue},
                   start_to_close_timeout=seconds(10), retry_policy={"maximum_attempts": 1})
    options.update(more)
    return command("SCHEDULE_ACTIVITY_TASK", **options)


def timer(name="t", after=0.1):
    return command("START_TIMER", timer_id=name, start_to_fire_timeout=seconds(after))


def complete(result="done"):
    return command("COMPLETE_WORKFLOW_EXECUTION", result=payloads(result))


def oops(message="it broke", kind="Oops", **more):
    return failure.v1.Failure(message=message, source="test",
                              application_failure_info=failure.v1.ApplicationFailureInfo(type=kind, **more))


class World:
    """One service, and the client and the worker that talk to it."""

    def __init__(self, client):
        self.client, self.service, self.runs = client, client.workflow_service, []
        self.queue = "q-" + uuid.uuid4().hex[:8]

    def id(self, name="w"):
        return f"{name}-{self.queue}"

    async def start(self, name="w", **more):
        options = dict(namespace="default", workflow_id=self.id(name), workflow_type={"name": "flow"},
                       task_queue={"name": self.queue}, request_id=str(uuid.uuid4()), identity="starter",
                       input=payloads("in"))
        options.update(more)
        run = (await self.service.start_workflow_execution(ws.v1.StartWorkflowExecutionRequest(**options))).run_id
        self.runs.append((options["workflow_id"], run))
        return run

    def worker(self, build):
        """What a worker of this version says of itself."""
        return {"deployment_name": "d-" + self.queue, "build_id": build,
                "worker_versioning_mode": "WORKER_VERSIONING_MODE_VERSIONED"} if build else None

    async def task(self, sticky=None, build=None):
        """The next workflow task."""
        queue = TaskQueue(name=self.queue)
        if sticky:
            queue = TaskQueue(name=sticky, kind="TASK_QUEUE_KIND_STICKY", normal_name=self.queue)
        got = await asyncio.wait_for(self.service.poll_workflow_task_queue(ws.v1.PollWorkflowTaskQueueRequest(
            namespace="default", task_queue=queue, identity="worker", deployment_options=self.worker(build))), PATIENCE)
        assert got.task_token, "no task came"
        return got

    async def reply(self, task, *commands, **more):
        return await self.service.respond_workflow_task_completed(ws.v1.RespondWorkflowTaskCompletedRequest(
            namespace="default", task_token=task.task_token, identity="worker", commands=commands, **more))

    async def refused(self, task, *commands, **more):
        """A completion that is not taken: what it is told."""
        try:
            await self.reply(task, *commands, **more)
        except RPCError as error:
            return error.status.name, error.message
        raise AssertionError("it was taken")

    async def fail_task(self, task, message="bug"):
        await self.service.respond_workflow_task_failed(ws.v1.RespondWorkflowTaskFailedRequest(
            namespace="default", task_token=task.task_token, identity="worker", failure=oops(message),
            cause="WORKFLOW_TASK_FAILED_CAUSE_WORKFLOW_WORKER_UNHANDLED_FAILURE"))

    async def work(self):
        """The next activity task."""
        got = await asyncio.wait_for(self.service.poll_activity_task_queue(ws.v1.PollActivityTaskQueueRequest(
            namespace="default", task_queue={"name": self.queue}, identity="hand")), PATIENCE)
        assert got.task_token, "no activity came"
        return got

    async def done(self, work, result="fine"):
        await self.service.respond_activity_task_completed(ws.v1.RespondActivityTaskCompletedRequest(
            namespace="default", task_token=work.task_token, identity="hand", result=payloads(result)))

    async def broken(self, work, **more):
        await self.service.respond_activity_task_failed(ws.v1.RespondActivityTaskFailedRequest(
            namespace="default", task_token=work.task_token, identity="hand", failure=oops(**more)))

    async def signal(self, name="s", workflow="w"):
        await self.service.signal_workflow_execution(ws.v1.SignalWorkflowExecutionRequest(
            namespace="default", workflow_execution={"workflow_id": self.id(workflow)}, signal_name=name,
            identity="caller", input=payloads(name), request_id=str(uuid.uuid4())))

    async def cancel(self, workflow="w"):
        await self.service.request_cancel_workflow_execution(ws.v1.RequestCancelWorkflowExecutionRequest(
            namespace="default", workflow_execution={"workflow_id": self.id(workflow)}, identity="caller",
            request_id=str(uuid.uuid4()), reason="enough"))

    async def terminate(self, workflow="w"):
        await self.service.terminate_workflow_execution(ws.v1.TerminateWorkflowExecutionRequest(
            namespace="default", workflow_execution={"workflow_id": self.id(workflow)}, identity="caller",
            reason="enough", details=payloads("why")))

    async def order(self, build):
        """Which version serves the workflow; None: it is as its workers say."""
        version = {"deployment_name": "d-" + self.queue, "build_id": build}
        options = {"versioning_override": {"pinned": {"behavior": "PINNED_OVERRIDE_BEHAVIOR_PINNED",
                                                      "version": version}}} if build else {}
        await self.service.update_workflow_execution_options(ws.v1.UpdateWorkflowExecutionOptionsRequest(
            namespace="default", workflow_execution={"workflow_id": self.id()}, identity="operator",
            workflow_execution_options=options, update_mask={"paths": ["versioning_override"]}))

    def update(self, name="u", stage="COMPLETED"):
        return asyncio.create_task(self.service.update_workflow_execution(ws.v1.UpdateWorkflowExecutionRequest(
            namespace="default", workflow_execution={"workflow_id": self.id()},
            wait_policy={"lifecycle_stage": "UPDATE_WORKFLOW_EXECUTION_LIFECYCLE_STAGE_" + stage},
            request=update.v1.Request(meta={"update_id": name, "identity": "caller"},
                                      input={"name": "put", "args": payloads(name)}))))

    async def history(self, workflow, run):
        out, token = [], b""
        while True:
            page = await self.service.get_workflow_execution_history(ws.v1.GetWorkflowExecutionHistoryRequest(
                namespace="default", execution={"workflow_id": workflow, "run_id": run}, next_page_token=token))
            out += page.history.events
            token = page.next_page_token
            if not token:
                return out

    async def all_histories(self):
        """Of all runs that the scenario knows, and of those that followed them."""
        seen = {}
        for workflow, run in self.runs:
            while run and run not in seen:
                seen[run] = await self.history(workflow, run)
                last = seen[run][-1]
                attributes = getattr(last, last.WhichOneof("attributes"))
                run = getattr(attributes, "new_execution_run_id", "")
        return list(seen.values())


def answer(task, kind, **fields):
    """A message about the update that a task brought."""
    request = task.messages[0]
    if kind == "Acceptance":
        inner = update.v1.Request()
        request.body.Unpack(inner)
        body = update.v1.Acceptance(accepted_request_message_id=request.id, accepted_request=inner,
                                    accepted_request_sequencing_event_id=request.event_id)
    elif kind == "Rejection":
        body = update.v1.Rejection(rejected_request_message_id=request.id, failure=oops("no"),
                                   rejected_request_sequencing_event_id=request.event_id)
    else:
        body = update.v1.Response(meta={"update_id": request.protocol_instance_id, "identity": "caller"},
                                  outcome={"success": payloads("yes")})
    out = protocol.v1.Message(id=f"{request.protocol_instance_id}/{kind}",
                              protocol_instance_id=request.protocol_instance_id)
    out.body.Pack(body)
    return out


def message_command(message):
    return command("PROTOCOL_MESSAGE", message_id=message.id)


DISCARD = {"discard_speculative_workflow_task_with_events": True}


# Scenarios. Each returns what else has to be the same, if anything.

async def simple(w):
    await w.start(memo={"fields": {"m": payloads(1).payloads[0]}},
                  user_metadata={"summary": payloads("sum").payloads[0]}, workflow_execution_timeout=seconds(3600))
    await w.reply(await w.task(), complete())


async def timers(w):
    await w.start()
    await w.reply(await w.task(), timer("a", 0.1), timer("b", 100), command("RECORD_MARKER", marker_name="m",
                                                                         details={"d": payloads(1)}))
    await w.reply(await w.task(), command("CANCEL_TIMER", timer_id="b"), complete())


async def activities(w):
    await w.start()
    await w.reply(await w.task(), activity("a"), activity("b", retry_policy={"initial_interval": seconds(0.1)}))
    for _ in range(2):
        work = await w.work()
        await (w.done(work) if work.activity_id == "a" else w.broken(work))
    await w.reply(await w.task())
    await w.done(await w.work())
    await w.reply(await w.task(), complete())


async def activity_ends(w):
    await w.start()
    await w.reply(await w.task(), activity("fails"))
    await w.broken(await w.work(), non_retryable=True)
    await w.reply(await w.task(), activity("times-out", start_to_close_timeout=seconds(1)))
    await w.work()
    await w.reply(await w.task(), activity("not-taken", schedule_to_start_timeout=seconds(1)))
    await w.reply(await w.task(), activity("silent", heartbeat_timeout=seconds(1)))
    await w.work()
    await w.reply(await w.task(), command("FAIL_WORKFLOW_EXECUTION", failure=oops()))


async def activity_cancels(w):
    await w.start()
    await w.reply(await w.task(), activity("with-worker"))
    work = await w.work()
    await w.signal()
    await w.reply(await w.task(), activity("queued"))
    await w.signal()
    await w.reply(await w.task(), command("REQUEST_CANCEL_ACTIVITY_TASK", scheduled_event_id=5),
                  command("REQUEST_CANCEL_ACTIVITY_TASK", scheduled_event_id=10))
    await w.reply(await w.task())
    await w.service.respond_activity_task_canceled(ws.v1.RespondActivityTaskCanceledRequest(
        namespace="default", task_token=work.task_token, identity="hand", details=payloads("bye")))
    await w.reply(await w.task(), command("CANCEL_WORKFLOW_EXECUTION", details=payloads("bye")))


async def buffered(w):
    await w.start()
    task = await w.task()
    await w.signal("one")
    await w.signal("two")
    told = await w.refused(task, complete())
    task = await w.task()
    try:
        await w.signal("three")
    except RPCError as error:
        told += error.status.name,
    await w.reply(task)
    await w.signal("four")
    task = await w.task()
    await w.signal("five")
    await w.reply(task, timer("t", 50))
    await w.reply(await w.task(), complete())
    return told


async def failing_task(w):
    await w.start()
    await w.fail_task(await w.task())
    task = await w.task()
    attempt = task.attempt, [e.event_id for e in task.history.events]
    await w.fail_task(task)
    task = await w.task()
    await w.reply(task, timer("t", 50))
    await w.signal()
    await w.fail_task(await w.task())
    await w.signal()
    task = await w.task()
    await w.reply(task, complete())
    return attempt, task.attempt


async def slow_task(w):
    await w.start(workflow_task_timeout=seconds(1))
    await w.task()
    await w.reply(await w.task(), complete())


async def sticky(w):
    await w.start()
    mine = "sticky-" + w.queue
    attributes = StickyExecutionAttributes(worker_task_queue=TaskQueue(
        name=mine, kind="TASK_QUEUE_KIND_STICKY", normal_name=w.queue), schedule_to_start_timeout=seconds(1))
    poll = asyncio.create_task(w.task(mine))
    await asyncio.sleep(0.3)
    await w.reply(await w.task(), timer("t", 0.1), sticky_attributes=attributes)
    task = await poll
    seen = [e.event_id for e in task.history.events]
    await w.reply(task, sticky_attributes=attributes)
    await w.signal()
    task = await w.task()  # nobody polls the sticky queue any more
    await w.reply(task, complete())
    return seen, [e.event_id for e in task.history.events]


async def inline_task(w):
    await w.start()
    task = await w.task()
    await w.signal()
    out = await w.reply(task, activity("late"), return_new_workflow_task=True)
    seen = [e.event_id for e in out.workflow_task.history.events]
    out = await w.reply(out.workflow_task, force_create_new_workflow_task=True, return_new_workflow_task=True)
    seen += [e.event_id for e in out.workflow_task.history.events]
    await w.reply(out.workflow_task, complete())
    return seen


def child(w, name="child", **more):
    options = dict(namespace="default", workflow_id=w.id(name), workflow_type={"name": "kid"},
                   task_queue={"name": w.queue}, input=payloads("toy"))
    options.update(more)
    return command("START_CHILD_WORKFLOW_EXECUTION", **options)


async def children(w):
    await w.start()
    await w.reply(await w.task(), child(w))
    for end in (complete("grown"), command("FAIL_WORKFLOW_EXECUTION", failure=oops()),
                command("CANCEL_WORKFLOW_EXECUTION", details=payloads("no")), None):
        tasks = [await w.task(), await w.task()]
        of_child = next(t for t in tasks if t.workflow_type.name == "kid")
        of_parent = next(t for t in tasks if t.workflow_type.name == "flow")
        w.runs.append((w.id("child"), of_child.workflow_execution.run_id))
        await w.reply(of_parent)
        if end is None:
            await w.terminate("child")
        else:
            await w.reply(of_child, end)
        await w.reply(await w.task(), child(w) if end is not None else complete())


async def child_exists(w):
    await w.start()
    await w.start("child", workflow_type={"name": "kid"})
    tasks = [await w.task(), await w.task()]
    await w.reply(next(t for t in tasks if t.workflow_type.name == "flow"), child(w))
    await w.reply(await w.task(), complete())


async def parent_closes(w):
    await w.start()
    for name, policy in (("gone", "TERMINATE"), ("asked", "REQUEST_CANCEL"), ("left", "ABANDON")):
        await w.reply(await w.task(), child(w, name, parent_close_policy="PARENT_CLOSE_POLICY_" + policy))
        tasks = [await w.task(), await w.task()]
        kid = next(t for t in tasks if t.workflow_type.name == "kid")
        w.runs.append((w.id(name), kid.workflow_execution.run_id))
        await w.reply(kid)
        await w.reply(next(t for t in tasks if t.workflow_type.name == "flow"))
        await w.signal()
    await w.reply(await w.task(), complete())
    await w.task()  # of the one that was asked
    await asyncio.sleep(0.5)


async def externals(w):
    await w.start()
    other = await w.start("other", workflow_type={"name": "kid"})
    tasks = [await w.task(), await w.task()]
    await w.reply(next(t for t in tasks if t.workflow_type.name == "kid"))
    await w.reply(next(t for t in tasks if t.workflow_type.name == "flow"),
                  command("SIGNAL_EXTERNAL_WORKFLOW_EXECUTION", namespace="default", signal_name="hey",
                          execution={"workflow_id": w.id("other"), "run_id": other}, input=payloads(1)))
    tasks = [await w.task(), await w.task()]
    await w.reply(next(t for t in tasks if t.workflow_type.name == "kid"))
    await w.reply(next(t for t in tasks if t.workflow_type.name == "flow"),
                  command("SIGNAL_EXTERNAL_WORKFLOW_EXECUTION", namespace="default", signal_name="hey",
                          execution={"workflow_id": w.id("nobody")}))
    await w.reply(await w.task(), command("REQUEST_CANCEL_EXTERNAL_WORKFLOW_EXECUTION", namespace="default",
                                          workflow_id=w.id("nobody"), reason="r"))
    await w.reply(await w.task(), command("REQUEST_CANCEL_EXTERNAL_WORKFLOW_EXECUTION", namespace="default",
                                          workflow_id=w.id("other"), reason="r"))
    tasks = [await w.task(), await w.task()]
    await w.reply(next(t for t in tasks if t.workflow_type.name == "flow"), complete())


async def continues(w):
    await w.start(workflow_run_timeout=seconds(100), retry_policy={"maximum_attempts": 3})
    await w.reply(await w.task(), command("CONTINUE_AS_NEW_WORKFLOW_EXECUTION", workflow_type={"name": "flow"},
                                          task_queue={"name": w.queue}, input=payloads("again")))
    await w.reply(await w.task(), complete())


async def retries(w):
    await w.start(retry_policy={"initial_interval": seconds(1), "maximum_attempts": 2})
    for _ in range(2):
        await w.reply(await w.task(), command("FAIL_WORKFLOW_EXECUTION", failure=oops()))


async def run_timeout(w):
    await w.start(workflow_run_timeout=seconds(2))
    await w.task()
    await w.signal()
    await asyncio.sleep(3.5)


async def cancelled(w):
    await w.start()
    await w.cancel()
    await w.reply(await w.task(), command("CANCEL_WORKFLOW_EXECUTION"))


async def terminated(w):
    await w.start()
    await w.task()
    await w.signal()
    await w.terminate()
    await w.start("idle")
    await w.terminate("idle")


async def updates(w):
    await w.start()
    await w.reply(await w.task())
    call = w.update("one")
    task = await w.task()
    accepted, responded = answer(task, "Acceptance"), answer(task, "Response")
    await w.reply(task, message_command(accepted), timer("t", 50), message_command(responded),
                  messages=[accepted, responded])
    told = [MessageToDict((await call).outcome)]
    call = w.update("two", "ACCEPTED")
    task = await w.task()
    accepted = answer(task, "Acceptance")
    await w.reply(task, message_command(accepted), messages=[accepted])
    told.append((await call).stage)
    await w.signal()
    late = answer(task, "Response")
    await w.reply(await w.task(), message_command(late), messages=[late])
    call = w.update("three")
    task = await w.task()
    seen = task.started_event_id, [e.event_id for e in task.history.events], task.messages[0].event_id
    out = await w.reply(task, messages=[answer(task, "Rejection")], capabilities=DISCARD)
    told.append(MessageToDict((await call).outcome))
    await w.signal()
    await w.reply(await w.task(), complete())
    return told, seen, out.reset_history_event_id


async def update_unanswered(w):
    await w.start()
    call = w.update()
    await asyncio.sleep(0.5)
    await w.reply(await w.task())
    failed = (await call).outcome.failure.application_failure_info.type
    call = w.update("second")
    task = await w.task()
    await w.signal()
    accepted = answer(task, "Acceptance")
    await w.reply(task, message_command(accepted), messages=[accepted])
    await w.reply(await w.task(), complete())
    return failed, (await call).outcome.failure.application_failure_info.type


async def queries(w):
    await w.start()
    await w.reply(await w.task())

    async def ask():
        out = await w.service.query_workflow(ws.v1.QueryWorkflowRequest(
            namespace="default", execution={"workflow_id": w.id()}, query=query.v1.WorkflowQuery(query_type="q")))
        return MessageToDict(out)

    async def reply_query(task):
        assert task.query.query_type == "q" and task.started_event_id == 0
        await w.service.respond_query_task_completed(ws.v1.RespondQueryTaskCompletedRequest(
            namespace="default", task_token=task.task_token, completed_type="QUERY_RESULT_TYPE_ANSWERED",
            query_result=payloads("here")))
        return task.previous_started_event_id, [e.event_id for e in task.history.events]

    asked = asyncio.create_task(ask())
    idle = await reply_query(await w.task())
    told = [await asked]
    await w.signal()
    task = await w.task()
    asked = asyncio.create_task(ask())
    await asyncio.sleep(0.5)
    await w.reply(task, complete())
    closed = await reply_query(await w.task())
    told.append(await asked)
    return told, idle, closed


async def bad_commands(w):
    told = []
    for i, bad in enumerate(([command("START_TIMER", start_to_fire_timeout=seconds(1))],
                             [timer("t", 50), timer("t", 50)],
                             [command("CANCEL_TIMER", timer_id="none")],
                             [command("REQUEST_CANCEL_ACTIVITY_TASK", scheduled_event_id=77)],
                             [activity("a"), activity("a")],
                             [activity("a", start_to_close_timeout=None)],
                             [command("RECORD_MARKER")],
                             [command("PROTOCOL_MESSAGE", message_id="none")],
                             [command("FAIL_WORKFLOW_EXECUTION")],
                             [child(w, "x", workflow_type={"name": ""})])):
        await w.start(f"w{i}")
        told.append((await w.refused(await w.task(), *bad))[0])
        await w.reply(await w.task(), complete())
    return told


async def properties(w):
    await w.start(memo={"fields": {"old": payloads(1).payloads[0]}})
    await w.reply(await w.task(), command("MODIFY_WORKFLOW_PROPERTIES", upserted_memo={
        "fields": {"new": payloads(2).payloads[0]}}), complete())
    out = await w.service.describe_workflow_execution(ws.v1.DescribeWorkflowExecutionRequest(
        namespace="default", execution={"workflow_id": w.id()}))
    return sorted(out.workflow_execution_info.memo.fields)


async def signal_with_start(w):
    for name in ("first", "second"):
        out = await w.service.signal_with_start_workflow_execution(ws.v1.SignalWithStartWorkflowExecutionRequest(
            namespace="default", workflow_id=w.id(), workflow_type={"name": "flow"}, task_queue={"name": w.queue},
            request_id=str(uuid.uuid4()), identity="starter", signal_name=name, signal_input=payloads(name)))
    w.runs.append((w.id(), out.run_id))
    await w.reply(await w.task(), complete())


async def ids(w):
    told = []
    for reuse, conflict in (("ALLOW_DUPLICATE", "FAIL"), ("ALLOW_DUPLICATE", "USE_EXISTING"),
                            ("ALLOW_DUPLICATE", "TERMINATE_EXISTING")):
        if not w.runs:
            await w.start()
        try:
            await w.start(workflow_id_reuse_policy="WORKFLOW_ID_REUSE_POLICY_" + reuse,
                          workflow_id_conflict_policy="WORKFLOW_ID_CONFLICT_POLICY_" + conflict)
            told.append("taken")
        except RPCError as error:
            told.append(error.status.name)
    await w.terminate()
    for reuse in ("REJECT_DUPLICATE", "ALLOW_DUPLICATE_FAILED_ONLY"):
        try:
            await w.start(workflow_id_reuse_policy="WORKFLOW_ID_REUSE_POLICY_" + reuse)
            told.append("taken")
        except RPCError as error:
            told.append(error.status.name)
    return told


async def reset(w):
    run = await w.start()
    await w.reply(await w.task(), timer("t", 50))
    await w.signal("one")
    await w.reply(await w.task())
    await w.signal("two")
    await w.reply(await w.task(), complete())
    out = await w.service.reset_workflow_execution(ws.v1.ResetWorkflowExecutionRequest(
        namespace="default", workflow_execution={"workflow_id": w.id(), "run_id": run}, reason="again",
        workflow_task_finish_event_id=8, request_id=str(uuid.uuid4())))
    w.runs.append((w.id(), out.run_id))
    await w.reply(await w.task(), complete())


async def update_with_start(w):
    start = ws.v1.StartWorkflowExecutionRequest(
        namespace="default", workflow_id=w.id(), workflow_type={"name": "flow"}, task_queue={"name": w.queue},
        request_id=str(uuid.uuid4()), identity="starter",
        workflow_id_conflict_policy="WORKFLOW_ID_CONFLICT_POLICY_FAIL")
    change = ws.v1.UpdateWorkflowExecutionRequest(
        namespace="default", workflow_execution={"workflow_id": w.id()},
        wait_policy={"lifecycle_stage": "UPDATE_WORKFLOW_EXECUTION_LIFECYCLE_STAGE_COMPLETED"},
        request=update.v1.Request(meta={"update_id": "u", "identity": "caller"}, input={"name": "put"}))
    call = asyncio.create_task(w.service.execute_multi_operation(ws.v1.ExecuteMultiOperationRequest(
        namespace="default", operations=[{"start_workflow": start}, {"update_workflow": change}])))
    task = await w.task()
    accepted, responded = answer(task, "Acceptance"), answer(task, "Response")
    await w.reply(task, message_command(accepted), message_command(responded), messages=[accepted, responded])
    out = (await call).responses
    w.runs.append((w.id(), out[0].start_workflow.run_id))
    await w.signal()
    await w.reply(await w.task(), complete())
    return out[0].start_workflow.started, MessageToDict(out[1].update_workflow.outcome)


async def on_schedule(w):
    await w.start(cron_schedule="@every 2s")
    await w.reply(await w.task(), complete("first"))
    await w.reply(await w.task(), command("FAIL_WORKFLOW_EXECUTION", failure=oops()))
    await w.task()
    await w.terminate()


async def versions(w):
    polls = [asyncio.create_task(w.task(build=build)) for build in ("1", "2")]
    await make_current(w.client, "d-" + w.queue, "1")
    await w.start("pinned")
    kept = {"versioning_behavior": "VERSIONING_BEHAVIOR_PINNED", "deployment_options": w.worker("1")}
    await w.reply(await polls[0], **kept)
    moving = {"versioning_behavior": "VERSIONING_BEHAVIOR_AUTO_UPGRADE"}
    await w.start("moving")
    await w.reply(await w.task(build="1"), deployment_options=w.worker("1"), **moving)
    await make_current(w.client, "d-" + w.queue, "2")
    await asyncio.sleep(1)
    await w.signal(workflow="moving")
    await w.reply(await polls[1], complete(), deployment_options=w.worker("2"), **moving)
    await w.signal(workflow="pinned")
    await w.reply(await w.task(build="1"), child(w), timer("t", 50), **kept)
    tasks = [await w.task(build="1"), await w.task(build="1")]
    kid = next(t for t in tasks if t.workflow_type.name == "kid")
    w.runs.append((w.id("child"), kid.workflow_execution.run_id))
    await w.reply(kid, complete(), **kept)
    await w.reply(next(t for t in tasks if t.workflow_type.name == "flow"), **kept)
    await w.reply(await w.task(build="1"), command("CONTINUE_AS_NEW_WORKFLOW_EXECUTION", input=payloads(1)), **kept)
    await w.reply(await w.task(build="1"), complete(), **kept)


async def orders(w):
    """Of versions: given, handed on to a child and to what follows, taken back, and kept by a reset."""
    polls = [asyncio.create_task(w.task(build=build)) for build in ("1", "2")]
    await make_current(w.client, "d-" + w.queue, "1")
    on = [{"versioning_behavior": "VERSIONING_BEHAVIOR_AUTO_UPGRADE", "deployment_options": w.worker(build)}
          for build in ("1", "2")]
    run = await w.start()
    await w.reply(await polls[0], **on[0])
    await w.order("2")
    await w.signal()
    await w.reply(await polls[1], child(w), **on[1])
    tasks = [await w.task(build="2"), await w.task(build="2")]
    kid = next(t for t in tasks if t.workflow_type.name == "kid")
    w.runs.append((w.id("child"), kid.workflow_execution.run_id))
    await w.reply(kid, complete(), **on[1])
    await w.reply(next(t for t in tasks if t.workflow_type.name == "flow"), **on[1])
    await w.reply(await w.task(build="2"), command("CONTINUE_AS_NEW_WORKFLOW_EXECUTION", input=payloads(1)), **on[1])
    await w.reply(await w.task(build="2"), **on[1])
    await w.order(None)
    await w.signal("late")
    await w.reply(await w.task(build="1"), **on[0])
    await w.order("2")
    out = await w.service.reset_workflow_execution(ws.v1.ResetWorkflowExecutionRequest(
        namespace="default", workflow_execution={"workflow_id": w.id(), "run_id": run}, reason="again",
        workflow_task_finish_event_id=4, request_id=str(uuid.uuid4())))
    w.runs.append((w.id(), out.run_id))
    await w.reply(await w.task(build="2"), complete(), **on[1])


SCENARIOS = [simple, timers, activities, activity_ends, activity_cancels, buffered, failing_task, slow_task, sticky,
             inline_task, children, child_exists, parent_closes, externals, continues, retries, run_timeout, cancelled,
             terminated, updates, update_unanswered, queries, bad_commands, properties, signal_with_start, ids, reset,
             update_with_start, on_schedule, versions, orders]


def plain(value, names, key=""):
    """Without what need not be the same; random ids by the order in which they come."""
    if isinstance(value, dict):
        if value.get("event_type") == "EVENT_TYPE_WORKFLOW_TASK_FAILED":
            # The cause is named; the words after it are each service's own.
            failed = value["workflow_task_failed_event_attributes"].get("failure", {})
            failed["message"] = failed.get("message", "").partition(":")[0]
        return {k: plain(v, names, k) for k, v in value.items() if k not in AGREED and k not in LATE and v != "0s"}
    if isinstance(value, list):
        return [plain(v, names, key) for v in value]
    if isinstance(value, str):
        if key == "data":  # of a payload
            return plain(UUID_IN.sub("(an id)", base64.b64decode(value).decode(errors="replace")), names)
        if UUID.match(value):
            return names.setdefault(value, f"#{len(names) + 1}")
        for name, short in names.items():
            if not UUID.match(name):
                value = value.replace(name, short)
    return value


async def play(scenario, client):
    w = World(client)
    WORLD.set(w)
    names = {w.queue: "QUEUE"}
    extra = await scenario(w)
    histories = await w.all_histories()
    return [[plain(MessageToDict(e, preserving_proto_field_name=True), names) for e in h] for h in histories], \
        plain(json.loads(json.dumps(extra, default=str)), names)


def show(events):
    return [f"{e['event_id']:>3} {e['event_type'].removeprefix('EVENT_TYPE_')} " +
            json.dumps({k: v for k, v in e.items() if k not in ("event_id", "event_type")}, sort_keys=True)
            for e in events]


def differences(real, ours):
    out = []
    for n, (a, b) in enumerate(zip(real[0], ours[0])):
        for x, y in zip(show(a) + ["(end)"] * len(b), show(b) + ["(end)"] * len(a)):
            if x != y:
                short = os.path.commonprefix([x, y])
                at = max(0, len(short) - 60) if x[:30] == y[:30] else 0
                head = x[:45] + " ... " if at else ""
                out += [f"history {n + 1}", f"  real {head}{x[at:at + 300]}", f"  ours {head}{y[at:at + 300]}"]
    if len(real[0]) != len(ours[0]):
        out.append(f"{len(real[0])} histories on the real server, {len(ours[0])} here")
    if real[1] != ours[1]:
        out += [f"  real answers {real[1]}", f"  ours answers {ours[1]}"]
    return out


async def attempt(scenario, client):
    try:
        return await asyncio.wait_for(play(scenario, client), 60)
    except Exception as error:  # the other one shows whether it should have been so
        return [], f"{type(error).__name__}: {error}"


async def compare(addresses, only, every):
    clients = [await Client.connect(address) for address in addresses]
    wrong = 0
    for scenario in SCENARIOS:
        if only and scenario.__name__ not in only:
            continue
        results = await asyncio.gather(*(attempt(scenario, client) for client in clients))
        found = differences(*results)
        failed = isinstance(results[0][1], str) or isinstance(results[1][1], str)
        wrong += bool(found or failed)
        print(f"{'differs' if found or failed else 'same   '} {scenario.__name__}: "
              f"{sum(map(len, results[0][0]))} events", flush=True)
        for line in found or ([str(r[1]) for r in results] if failed else []):
            print(f"    {line}")
        if every:
            for events in results[1][0]:
                print("\n".join("    " + line for line in show(events)))
    return wrong


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("program")
    arguments.add_argument("--only", action="append", help="this scenario; may be given several times")
    arguments.add_argument("--show", action="store_true", help="every event")
    given = arguments.parse_args()
    with serving("real") as real, serving(f"embedded:{given.program}") as ours:
        return 1 if asyncio.run(compare([real.address, ours.address], given.only, given.show)) else 0


if __name__ == "__main__":
    sys.exit(main())
