# SPDX-License-Identifier: BSL-1.0
"""Which version's workers a workflow goes to, row by row: workers of ours with several build ids of one deployment,
driven by the official Python SDK's client, on the embedded service and on a real server.

usage: workflow_versions.py SERVICE PROGRAM [ROW...]

SERVICE as temporal_services.py has it; PROGRAM is the C++ worker workflow_worker, whose workflow `kept` is pinned and
whose `moving` upgrades by itself (tests/support/versioned_workflow.hpp).

A row is a generator: what it yields to is the next phase of the deployment. At first nobody is current and workers
without a version have the work, then build 1 is, then build 2, then nobody again. All rows go through the phases side
by side.
"""

import asyncio
import contextlib
import os
import subprocess
import sys
import traceback
import uuid

from google.protobuf.field_mask_pb2 import FieldMask
from temporalio import workflow
from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.deployment.v1 import WorkerDeploymentVersion as VersionMessage
from temporalio.api.enums.v1 import EventType, RoutingConfigUpdateState, WorkerDeploymentVersionStatus
from temporalio.api.workflow.v1 import WorkflowExecutionOptions
from temporalio.api.workflowservice.v1 import (DescribeWorkerDeploymentRequest, DescribeWorkerDeploymentVersionRequest,
                                               ResetWorkflowExecutionRequest,
                                               SetWorkerDeploymentCurrentVersionRequest,
                                               SetWorkerDeploymentRampingVersionRequest,
                                               UpdateWorkflowExecutionOptionsRequest)
from temporalio.client import Client, WithStartWorkflowOperation
from temporalio.common import (AutoUpgradeVersioningOverride, OneTimeVersioningOverride, PinnedVersioningOverride,
                               RetryPolicy, WorkerDeploymentVersion, WorkflowIDConflictPolicy)
from temporalio.service import RPCError, RPCStatusCode
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

import temporal_services
from temporal_activities import same, until

COMPLETED = EventType.EVENT_TYPE_WORKFLOW_TASK_COMPLETED
ROUTED = RoutingConfigUpdateState.ROUTING_CONFIG_UPDATE_STATE_COMPLETED
ROWS = []
NOBODY, ONE, TWO, NOBODY_AGAIN, END = range(5)


def row(why, begins=ONE):
    """A row of the table; it begins when that phase does."""
    def add(function):
        ROWS.append((function.__name__, why, begins, function))
        return function
    return add


class Waiting:
    """What workers without a version do of `kept` and `moving`: nothing, so that others can go on."""

    def __init__(self):
        self.acts = []

    async def wait(self):
        await workflow.wait_condition(lambda: ["end"] in self.acts)
        return ["none"]

    @workflow.signal
    def act(self, what: list[str]) -> None:
        self.acts.append(what)

    @workflow.query
    def build(self) -> str:
        return "none"


@workflow.defn(name="kept")
class Kept(Waiting):
    @workflow.run
    async def run(self, _: list[str]) -> list[str]:
        return await self.wait()


@workflow.defn(name="moving")
class Moving(Waiting):
    @workflow.run
    async def run(self, _: list[str]) -> list[str]:
        return await self.wait()


class Bench:
    def __init__(self, client, address, program):
        self.client, self.address, self.program = client, address, program
        self.service = client.workflow_service
        unique = uuid.uuid4().hex[:8]
        self.deployment, self.elsewhere, self.ramped, self.latest = (
            f"{name}-{unique}" for name in ("main", "other", "ramp", "latest"))
        self.processes, self.unversioned = [], None

    # Workers: a deployment's queue has its name.

    def begin_worker(self, deployment, build, **more):
        process = subprocess.Popen([self.program], stdin=subprocess.DEVNULL, env={
            **os.environ, "TEMPORAL_ADDRESS": self.address, "TEMPORAL_TASK_QUEUE": deployment,
            "WORKFLOW_WORKER_VERSION": f"{deployment}:{build}", **more})
        self.processes.append(process)
        return process

    async def stop_worker(self, process):
        self.processes.remove(process)
        process.terminate()
        same(await asyncio.to_thread(process.wait, 30), 0, "a worker's status after SIGTERM")

    def begin_unversioned(self):
        worker = Worker(self.client, task_queue=self.deployment, workflows=[Kept, Moving],
                        workflow_runner=UnsandboxedWorkflowRunner())
        self.unversioned = (worker, asyncio.create_task(worker.run()))

    async def stop(self):
        """All workers; each ends well."""
        for process in self.processes:
            process.terminate()
        if self.unversioned:
            worker, runs = self.unversioned
            await worker.shutdown()
            await runs
        statuses = await asyncio.gather(*(asyncio.to_thread(p.wait, 30) for p in self.processes))
        self.processes, self.unversioned = [], None
        same(set(statuses) - {0}, set(), "statuses of workers after SIGTERM")

    async def described(self, deployment, build):
        return (await self.service.describe_worker_deployment_version(DescribeWorkerDeploymentVersionRequest(
            namespace="default", deployment_version=VersionMessage(deployment_name=deployment, build_id=build)))
               ).worker_deployment_version_info

    async def polls(self, deployment, build):
        """It polls its queue for workflows and for activities."""
        async def both():
            with contextlib.suppress(RPCError):
                return len((await self.described(deployment, build)).task_queue_infos) == 2
        await until(both, f"{deployment}:{build} polls", 30)

    async def routing(self, call, request):
        """Deployments are busy for a moment after each change."""
        async def done():
            try:
                await call(request)
                return True
            except RPCError as e:
                if e.status not in (RPCStatusCode.FAILED_PRECONDITION, RPCStatusCode.RESOURCE_EXHAUSTED,
                                    RPCStatusCode.UNAVAILABLE):
                    raise
        await until(done, "the routing is changed", 30)

        async def everywhere():
            info = await self.service.describe_worker_deployment(DescribeWorkerDeploymentRequest(
                namespace="default", deployment_name=request.deployment_name))
            return info.worker_deployment_info.routing_config_update_state == ROUTED
        await until(everywhere, "all queues know of it", 90)

    async def make_current(self, deployment, build):
        await self.routing(self.service.set_worker_deployment_current_version, SetWorkerDeploymentCurrentVersionRequest(
            namespace="default", deployment_name=deployment, build_id=build, ignore_missing_task_queues=True))

    async def ramp(self, deployment, build, percentage):
        await self.routing(self.service.set_worker_deployment_ramping_version, SetWorkerDeploymentRampingVersionRequest(
            namespace="default", deployment_name=deployment, build_id=build, percentage=percentage))

    # Workflows.

    def on(self, build):
        return WorkerDeploymentVersion(self.deployment, build)

    def pinned(self, build):
        return PinnedVersioningOverride(self.on(build))

    def options(self, kind, **more):
        return {"workflow": kind, "args": [[]], "id": f"{kind}-{uuid.uuid4()}", "task_queue": self.deployment, **more}

    async def start(self, kind, **options):
        """One whose first task is completed."""
        options = self.options(kind, **options)
        handle = await self.client.start_workflow(options.pop("workflow"), **options)
        await self.builds_after(handle, 0)
        return handle

    async def completed(self, handle):
        """Its latest run's events that end a task."""
        return [e for e in await self.events(handle) if e.event_type == COMPLETED]

    async def builds(self, handle):
        """Who completed each of its tasks. Workers without a version are `none`."""
        return [e.workflow_task_completed_event_attributes.deployment_version.build_id or "none"
                for e in await self.completed(handle)]

    async def builds_after(self, handle, known):
        async def more():
            return (await self.builds(handle))[known:]
        return await until(more, f"task {known + 1} of {handle.id} is completed", 20)

    async def act(self, handle, *what):
        await self.client.get_workflow_handle(handle.id).signal("act", list(what))

    async def next(self, handle):
        """Who gets a task that is made for it now."""
        known = len(await self.builds(handle))
        await self.act(handle, "nothing")
        return (await self.builds_after(handle, known))[0]

    async def ends(self, handle):
        await self.act(handle, "end")
        return await self.client.get_workflow_handle(handle.id).result()

    async def goes_on(self, handle, *what):
        """Does something that ends the run, after which there is another one."""
        latest = self.client.get_workflow_handle(handle.id)
        before = (await latest.describe()).run_id
        await self.act(handle, *what)

        async def another():
            return (await latest.describe()).run_id != before
        await until(another, f"{handle.id} has another run", 20)

    async def events(self, handle):
        return [e async for e in self.client.get_workflow_handle(handle.id).fetch_history_events()]

    async def order(self, handle, override):
        """Says which version serves a workflow that runs; None: it is as its workers say."""
        options = WorkflowExecutionOptions()
        if override is not None:
            options.versioning_override.CopyFrom(override._to_proto())  # pylint: disable=protected-access
        await self.service.update_workflow_execution_options(UpdateWorkflowExecutionOptionsRequest(
            namespace="default", workflow_execution=WorkflowExecution(workflow_id=handle.id), identity="test",
            workflow_execution_options=options, update_mask=FieldMask(paths=["versioning_override"])))

    async def reset(self, handle, task):
        """To where it was when that task, counted from 0, was completed, of which nothing is left. Its tasks there."""
        finish = (await self.completed(handle))[task].event_id
        await self.service.reset_workflow_execution(ResetWorkflowExecutionRequest(
            namespace="default", workflow_execution=WorkflowExecution(workflow_id=handle.id),
            workflow_task_finish_event_id=finish, reason="as asked", request_id=str(uuid.uuid4())))
        return (await self.builds_after(handle, task))[0]


async def refused(call, status):
    try:
        await call
    except RPCError as e:
        return same(e.status, status, e.message)
    raise AssertionError("it was taken")


# What becomes of a workflow that runs while another version becomes current.


@row("pinned: all of it is done by the version that began it")
async def a_pinned_one_stays(b):
    run = await b.start("kept")
    yield
    same(await run.query("build"), "1", "who is asked")
    same(await b.next(run), "1")
    await b.act(run, "activity")
    same(await b.ends(run), ["1"], "activities")
    same(set(await b.builds(run)), {"1"})
    told = [e.workflow_task_started_event_attributes.target_worker_deployment_version_changed
            async for e in run.fetch_history_events() if e.event_type == EventType.EVENT_TYPE_WORKFLOW_TASK_STARTED]
    same((told[0], told[-1]), (False, True), "it is told that others begin elsewhere")


@row("auto-upgrade: the next task goes over, and all that follows, though the old worker remembers the run")
async def one_that_upgrades_goes_over(b):
    run = await b.start("moving")
    same(await b.next(run), "1")
    scheduled = [e async for e in run.fetch_history_events()
                 if e.event_type == EventType.EVENT_TYPE_WORKFLOW_TASK_SCHEDULED]
    same(scheduled[1].workflow_task_scheduled_event_attributes.task_queue.kind, 2, "it was remembered")
    yield
    same(await b.next(run), "2")
    same(await run.query("build"), "2", "who is asked")
    await b.act(run, "activity")
    same(await b.ends(run), ["2"], "activities")
    same([e async for e in run.fetch_history_events() if e.event_type == EventType.EVENT_TYPE_WORKFLOW_TASK_TIMED_OUT],
         [], "tasks that waited for the old worker")


@row("auto-upgrade: a question alone goes over, too")
async def one_that_upgrades_is_asked_elsewhere(b):
    run = await b.start("moving")
    same(await run.query("build"), "1")
    yield
    same(await run.query("build"), "2")
    same(await b.builds(run), ["1"], "without a task")


@row("auto-upgrade: an activity does not begin on the new version before the workflow is there")
async def activities_follow_the_workflow(b):
    run = await b.start("moving")
    await b.act(run, "activity but", "1")

    async def tried():
        return any(a.attempt > 1 for a in (await run.describe()).raw_description.pending_activities)
    await until(tried, "an activity waits for its next attempt")
    yield

    async def done():
        return [e.event_type for e in await b.events(run)
                if e.event_type == EventType.EVENT_TYPE_ACTIVITY_TASK_COMPLETED]
    await until(done, "the activity is done", 20)
    events = await b.events(run)
    begun = next(i for i, e in enumerate(events) if e.event_type == EventType.EVENT_TYPE_ACTIVITY_TASK_STARTED)
    before = [e.workflow_task_completed_event_attributes.deployment_version.build_id
              for e in events[:begun] if e.event_type == COMPLETED]
    same(before[-1], "2", "who has completed a task before")
    same(await b.ends(run), ["2"])


@row("activities on a queue of others: that queue's own version, and the workflow stays where it is")
async def activities_elsewhere(b):
    runs = [await b.start("kept"), await b.start("moving")]
    yield
    for run, own in zip(runs, "12"):
        same(await b.next(run), own)
        await b.act(run, "activity", b.elsewhere)
        same(await b.ends(run), ["e"])
        same(set((await b.builds(run))[1:]), {own})


@row("children: of a pinned one the same version, if it has their queue, at every attempt; else where new ones go")
async def children(b):
    runs = [await b.start("kept"), await b.start("moving")]
    yield
    for run, own in zip(runs, "12"):
        await b.act(run, "child")
        await b.act(run, "child", b.elsewhere)
        await b.act(run, "child that fails once")
        same(await b.ends(run), [own, "e", own])


@row("continue as new: the pin goes with it, unless the workflow says otherwise")
async def continued(b):
    wanted = [("kept", (), "1"), ("kept", ("upgraded",), "2"), ("moving", (), "2")]
    runs = [await b.start(kind) for kind, _, _ in wanted]
    yield
    for run, (kind, how, build) in zip(runs, wanted):
        await b.goes_on(run, "continue", *how)
        same((await b.builds_after(run, 0))[0], build, f"{kind} {how}")
        same(await b.next(run), build, f"{kind} {how}, from then on")


@row("another try of the whole workflow begins where new ones do, though it was pinned")
async def retried(b):
    runs = [await b.start(kind, retry_policy=RetryPolicy(maximum_attempts=2)) for kind in ("kept", "moving")]
    yield
    for run in runs:
        await b.goes_on(run, "fail")
        same((await b.builds_after(run, 0))[0], "2", run.id)


# What somebody orders.


@row("an order with the start goes before what workers say; one for a single task is over after it", TWO)
async def ordered_at_the_start(b):
    for kind, override, builds in (("kept", b.pinned("1"), "11"), ("moving", b.pinned("1"), "11"),
                                   ("kept", AutoUpgradeVersioningOverride(), "22"),
                                   ("moving", OneTimeVersioningOverride(b.on("1")), "12"),
                                   ("kept", OneTimeVersioningOverride(b.on("1")), "11")):
        run = await b.start(kind, versioning_override=override)
        same((await b.builds(run))[0] + await b.next(run), builds, f"{kind} {override}")
    yield


@row("an order goes with children and with what follows")
async def orders_are_handed_on(b):
    yield
    run = await b.start("moving", versioning_override=b.pinned("1"))
    await b.act(run, "child")
    same(await b.next(run), "1")
    await b.goes_on(run, "continue", "upgraded")
    same((await b.builds_after(run, 0))[0], "1")


@row("an order for one that runs: from its next task on; without it again, where it is")
async def ordered_later(b):
    kept, freed, moving = await b.start("kept"), await b.start("kept"), await b.start("moving")
    yield
    await b.order(kept, b.pinned("2"))
    same(await b.next(kept), "2")
    await b.order(kept, None)
    same(await b.next(kept), "2", "pinned to where it is")
    await b.order(freed, AutoUpgradeVersioningOverride())
    same(await b.next(freed), "2")
    await b.order(moving, b.pinned("1"))
    same(await b.next(moving), "1")
    await b.order(moving, None)
    same(await b.next(moving), "2", "upgrades again")


@row("nobody can be ordered to a version that does not poll its queue", TWO)
async def orders_that_make_no_sense(b):
    run = await b.start("kept")
    unknown = b.pinned("unknown")
    await refused(b.order(run, unknown), RPCStatusCode.FAILED_PRECONDITION)
    await refused(b.client.start_workflow(**b.options("kept"), versioning_override=unknown),
                  RPCStatusCode.FAILED_PRECONDITION)
    same(await b.next(run), "2")
    yield


@row("a start with a signal or an update, with an order and without", TWO)
async def starts_with_more(b):
    for override, build in ((b.pinned("1"), "1"), (None, "2")):
        more = {"versioning_override": override}
        signalled = await b.start("kept", start_signal="act", start_signal_args=[["activity"]], **more)
        same(await b.ends(signalled), [build])
        options = b.options("kept", id_conflict_policy=WorkflowIDConflictPolicy.FAIL, **more)
        begin = WithStartWorkflowOperation(options.pop("workflow"), **options)
        same(await b.client.execute_update_with_start_workflow("told", "well", start_workflow_operation=begin), "well")
        same((await b.builds(await begin.workflow_handle()))[0], build)
    yield


@row("a reset goes on as its history says: without a task in it, where new ones begin; orders given since stay")
async def resets(b):
    late, early, ordered = await b.start("kept"), await b.start("kept"), await b.start("kept")
    for run in (late, early, ordered):
        same(await b.next(run), "1")
    yield
    same(await b.reset(late, 1), "1")
    same(await b.next(late), "1")
    same(await b.reset(early, 0), "2")
    same(await b.next(early), "2")
    await b.order(ordered, b.pinned("1"))
    same(await b.reset(ordered, 0), "1")


# Workers without a version.


@row("without a version until one is current: then as the version's workers say", NOBODY)
async def from_no_version(b):
    runs = [await b.start("kept"), await b.start("moving")]
    for run in runs:
        same(await b.builds(run), ["none"])
        same((await run.describe()).raw_description.workflow_execution_info.versioning_info.behavior, 0)
    yield
    for run in runs:
        same(await b.next(run), "1")
    yield
    for run, build in zip(runs, "12"):
        same(await b.next(run), build)


@row("back to workers without a version: what is pinned stays, and so does what a worker remembers", TWO)
async def to_no_version(b):
    runs = [await b.start("kept"), await b.start("moving")]
    for run in runs:
        same(await b.builds(run), ["2"])
    yield
    for run, build in zip(runs, ("2", "none")):
        same(await b.next(run), "2")
        await b.order(run, b.pinned("1"))  # which makes it forgotten
        await b.order(run, None)
        same(await b.next(run), build)


# Apart from the phases.


async def a_ramp(b):
    """A share of the ids, always the same ones, goes to the version that ramps; a greater one takes more."""
    ids = [f"ramp-{i}" for i in range(200)]

    async def sides(of):
        async def side(name):
            handle = b.client.get_workflow_handle(name)
            await b.client.execute_workflow("at_once", id=name, task_queue=b.ramped)
            return (await handle.describe()).raw_description.workflow_execution_info.versioning_info
        got = await asyncio.gather(*(side(name) for name in of))
        return {name: v.deployment_version.build_id for name, v in zip(of, got)}

    old = {name: await b.start("moving", id=name + "-old", task_queue=b.ramped) for name in ids[:6]}
    kept = await b.start("kept", task_queue=b.ramped)
    await b.ramp(b.ramped, "2", 30)
    first = await sides(ids)
    same(set(first.values()), {"1", "2"})
    share = sum(side == "2" for side in first.values())
    assert 20 <= share <= 100, f"{share} of 200 ids are in a ramp of 30 %"
    same(await sides(ids[:20]), {name: first[name] for name in ids[:20]}, "the same ids again")
    moved = {}
    for name, run in old.items():
        moved[run.id] = await b.next(run)
        await run.terminate()
    same(await sides(moved), moved, "one that runs goes where a new one with its id does")
    same(await b.next(kept), "1", "pinned")
    await b.goes_on(kept, "continue", "ramping")
    same((await b.builds_after(kept, 0))[0], "2", "continues as new in the ramp, whatever its id")
    await b.ramp(b.ramped, "2", 70)
    more = await sides(ids[:40])
    assert all(more[name] == "2" for name in ids[:40] if first[name] == "2"), "an id left a ramp that grew"
    assert sum(side == "2" for side in more.values()) > 10
    await b.ramp(b.ramped, "", 0)
    same(set((await sides(ids[:10])).values()), {"1"}, "without a ramp")


async def one_function_for_all(b):
    """Versions with the same code behind them, as of a function without versions of its own: each keeps its name,
    and whatever runs is replayed by what was deployed last; a switch alters routing only."""
    first = b.begin_worker(b.latest, "1")
    await b.polls(b.latest, "1")
    await b.make_current(b.latest, "1")
    kept, moving = await b.start("kept", task_queue=b.latest), await b.start("moving", task_queue=b.latest)
    for run in (kept, moving):
        await b.act(run, "activity")
    await b.stop_worker(first)
    for build in "12":
        b.begin_worker(b.latest, build, WORKFLOW_WORKER_ANEW="1")
    await b.polls(b.latest, "2")
    for run in (kept, moving):
        same(await run.query("build"), "1 anew")
    await b.make_current(b.latest, "2")
    for run, own in ((kept, "1"), (moving, "2")):
        same(await b.next(run), own)
        await b.act(run, "activity")
        same((await b.ends(run))[-1], f"{own} anew")


async def undeclared(b):
    """A workflow of which nobody says what becomes of it is refused before anything begins."""
    environment = {**os.environ, "TEMPORAL_ADDRESS": b.address, "TEMPORAL_TASK_QUEUE": "nowhere",
                   "WORKFLOW_WORKER_UNDECLARED": "1"}
    process = await asyncio.to_thread(subprocess.run, [b.program], env=environment, capture_output=True, text=True,
                                      timeout=30, check=False)
    same(process.returncode, 1, process.stderr)
    assert "undeclared" in process.stderr and "default_behavior" in process.stderr, process.stderr


async def drains(b, real):
    """A version drains as long as a workflow is pinned to it. Once it has drained and nobody polls, nobody is asked."""
    status = WorkerDeploymentVersionStatus

    async def is_now(wanted):
        async def so():
            return (await b.described(b.deployment, "1")).status == wanted
        await until(so, f"build 1 is {status.Name(wanted)}", 20)
    last = await b.start("kept", versioning_override=b.pinned("1"))
    async for other in b.client.list_workflows(f"ExecutionStatus = 'Running' AND TaskQueue = '{b.deployment}'"):
        if other.id != last.id:
            with contextlib.suppress(RPCError):
                await b.client.get_workflow_handle(other.id).terminate()
    await is_now(status.WORKER_DEPLOYMENT_VERSION_STATUS_DRAINING)
    same(await last.query("build"), "1")
    if not real:
        await b.ends(last)
        return  # looked at every three minutes: in tests of its own
    checked = (await b.described(b.deployment, "1")).drainage_info.last_checked_time.ToDatetime()

    async def looked_at_again():
        info = await b.described(b.deployment, "1")
        same(info.status, status.WORKER_DEPLOYMENT_VERSION_STATUS_DRAINING)
        return info.drainage_info.last_checked_time.ToDatetime() > checked
    await until(looked_at_again, "it is looked at again", 20)
    await b.ends(last)
    await is_now(status.WORKER_DEPLOYMENT_VERSION_STATUS_DRAINED)
    same(await last.query("build"), "1", "its workers are still there")
    again = await b.start("kept", versioning_override=b.pinned("1"))
    await is_now(status.WORKER_DEPLOYMENT_VERSION_STATUS_DRAINING)
    await b.ends(again)
    await is_now(status.WORKER_DEPLOYMENT_VERSION_STATUS_DRAINED)
    await b.stop()
    await refused(last.query("build"), RPCStatusCode.FAILED_PRECONDITION)


async def attempt(name, what, failed, within=30):
    """False if there is nothing more to do, as it is over or has failed."""
    try:
        await asyncio.wait_for(what, within)
        return True
    except StopAsyncIteration:
        pass
    except Exception as e:  # pylint: disable=broad-exception-caught
        failed.append(name)
        at = next((f for f in reversed(traceback.extract_tb(e.__traceback__)) if f.filename == __file__), None)
        print(f"FAIL {name}:{at.lineno if at else ''}: {type(e).__name__}: {e!s:.1500}", flush=True)
    return False


async def table(b, real, chosen):
    failed = []
    for build in "12":
        b.begin_worker(b.deployment, build)
        b.begin_worker(b.ramped, build)
    b.begin_worker(b.elsewhere, "e")
    b.begin_unversioned()
    await asyncio.gather(*(b.polls(*version) for version in ((b.deployment, "1"), (b.deployment, "2"), (b.ramped, "1"),
                                                             (b.ramped, "2"), (b.elsewhere, "e"))))
    await b.make_current(b.elsewhere, "e")
    await b.make_current(b.ramped, "1")
    aside = [asyncio.create_task(alone(f, f(b), failed)) for f in (a_ramp, one_function_for_all, undeclared)
             if not chosen or f.__name__ in chosen]
    rows = [(name, why, begins, function(b)) for name, why, begins, function in ROWS if not chosen or name in chosen]
    live = []
    for phase, current in ((NOBODY, None), (ONE, "1"), (TWO, "2"), (NOBODY_AGAIN, ""), (END, None)):
        if current is not None:
            await b.make_current(b.deployment, current)
        live += [r for r in rows if r[2] == phase]
        goes_on = await asyncio.gather(*(attempt(name, steps.__anext__(), failed) for name, _, _, steps in live))
        for (name, why, _, _), more in zip(live, goes_on):
            if not more and name not in failed:
                print(f"ok   {name}: {why}", flush=True)
        live = [r for r, more in zip(live, goes_on) if more]
    same([name for name, *_ in live], [], "rows with more phases than there are")
    for task in aside:
        await task
    if not chosen or "drains" in chosen:
        await alone(drains, drains(b, real), failed)
    return failed


async def alone(function, done, failed):
    if await attempt(function.__name__, done, failed, 120):
        print(f"ok   {function.__name__}: {' '.join(function.__doc__.split())}", flush=True)


async def main(spec, program, *chosen):
    dynamic = ["frontend.enableCancelWorkerPollsOnShutdown=true",
               'matching.wv.VersionDrainageStatusVisibilityGracePeriod="1s"',
               'matching.wv.VersionDrainageStatusRefreshInterval="1s"']
    with temporal_services.serving(spec, dynamic=dynamic) as service:
        bench = Bench(await Client.connect(service.address), service.address, program)
        try:
            failed = await table(bench, spec == "real", chosen)
        finally:
            await bench.stop()
    print(f"{len(failed)} failed: {' '.join(failed)}" if failed else "all is well")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(asyncio.run(main(*sys.argv[1:])))
