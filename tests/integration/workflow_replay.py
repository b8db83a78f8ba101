# SPDX-License-Identifier: BSL-1.0
"""Histories from one SDK replayed in the other: of workflows that a worker of the Python SDK ran by our
code, and of the same ones that our worker ran by the Python SDK's replayer. Each also by its own, and with planted
defects, which have to be found.

usage: workflow_replay.py REPLAY_WORKER MAYFLY embedded:PROGRAM|real|address:HOST:PORT [--keep FOLDER]
"""

import argparse
import asyncio
import contextlib
import json
import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import uuid

import temporal_services
from replayed_workflows import ACTIVITIES, WORKFLOWS
from temporalio.api.enums.v1 import IndexedValueType
from temporalio.api.history.v1 import History
from temporalio.api.operatorservice.v1 import AddSearchAttributesRequest
from temporalio.client import Client, WorkflowFailureError, WorkflowUpdateFailedError
from temporalio.service import RPCError
from temporalio.worker import Replayer, UnsandboxedWorkflowRunner, Worker


async def drive(client, queue):
    """All workflows once. The ids, each with what it came to."""
    prefix = f"{queue}-{uuid.uuid4().hex[:8]}"
    ended = {}

    async def start(kind, *args, name=None, **options):
        workflow_id = f"{prefix}-{name or kind}"
        return await client.start_workflow(kind, args=list(args), id=workflow_id, task_queue=queue, **options)

    async def end(handle, expected):
        try:
            seen = await handle.result()
        except WorkflowFailureError as e:
            seen = type(e.cause).__name__
        if seen != expected:
            raise AssertionError(f"{handle.id} came to {seen!r} instead of {expected!r}")
        ended[handle.id] = handle

    async def simple(kind, *args, expected):
        await end(await start(kind, *args), expected)

    async def signals():
        handle = await start("signals")
        for n in (1, 2):
            await handle.signal("add", n)
        await handle.signal("note")
        await handle.query("total")
        await handle.signal("add", 4)
        await end(handle, 114)

    async def early_signals():
        handle = await start("signals", name="early", start_signal="add", start_signal_args=[3])
        await handle.signal("note")
        await handle.signal("add", 2)
        await end(handle, 110)

    async def updates():
        handle = await start("updates")
        results = [await handle.execute_update("add", n) for n in (1, 5)]
        with contextlib.suppress(WorkflowUpdateFailedError):
            await handle.execute_update("add", -1)
        with contextlib.suppress(WorkflowUpdateFailedError):
            await handle.execute_update("add", 13)
        results += sorted(await asyncio.gather(*[handle.execute_update("add", n) for n in (5, 6, 1)]))
        if results[:2] != [1, 11]:
            raise AssertionError(f"updates came to {results}")
        await handle.signal("finish")
        await end(handle, 28)

    async def children():
        handle = await start("children")
        await end(handle, 11111)
        for name in ("first", "second", "third", "fourth"):
            ended[f"{handle.id}/{name}"] = client.get_workflow_handle(f"{handle.id}/{name}")

    async def continuing():
        handle = await start("continuing", 2, 0)
        await end(handle, 3)
        ended[f"{handle.id}/first-run"] = client.get_workflow_handle(handle.id, run_id=handle.first_execution_run_id)

    async def cancelled(kind, expected):
        handle = await start("cancelled", kind, name=f"cancelled-{kind}")
        while not any(e.HasField("workflow_task_completed_event_attributes")
                      for e in (await handle.fetch_history()).events):
            await asyncio.sleep(0.05)
        if kind != "timer":
            await asyncio.sleep(0.3)
        await handle.cancel()
        await end(handle, expected)

    async def open_one():
        handle = await start("signals", name="open")
        await handle.signal("add", 1)
        while await handle.query("total") != 2:
            await asyncio.sleep(0.05)
        ended[handle.id] = handle

    await asyncio.gather(
        simple("activities", 2, expected=166), simple("timers", expected="timed out"),
        simple("locals", expected=120), simple("patches", expected="2 new"), simple("properties", expected=2),
        signals(), early_signals(), updates(), children(), continuing(), open_one(),
        cancelled("timer", "CancelledError"), cancelled("wait", "cancelled"), cancelled("try", "cancelled"))
    return ended


async def save(ended, folder):
    """Each history as the SDK's JSON, and every second one as protobuf's bytes."""
    histories, files = [], []
    for number, (name, handle) in enumerate(sorted(ended.items())):
        history = await handle.fetch_history()
        histories.append(history)
        file = folder / name.replace("/", "_")
        if number % 2:
            file = file.with_suffix(".bin")
            file.write_bytes(History(events=history.events).SerializeToString())
        else:
            file = file.with_suffix(".json")
            file.write_text(history.to_json())
        files.append(str(file))
    return histories, files


def replay_in_ours(program, files, defect=""):
    done = subprocess.run([program, "--json", *files], capture_output=True, text=True, check=False, timeout=30,
                          env={**os.environ, "REPLAY_DEFECT": defect})
    reports = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    if len(reports) != len(files):
        raise AssertionError(f"{len(files)} files gave {len(reports)} reports: {done.stdout}{done.stderr}")
    return done.returncode, reports


def check_ours(program, files, who):
    status, reports = replay_in_ours(program, files)
    wrong = [f"{r['file']}: {r['verdict']}: {r['words']}" for r in reports if r["verdict"] != "ok"]
    if wrong or status != 0:
        raise AssertionError(f"histories of {who} do not replay in ours ({status}):\n" + "\n".join(wrong))


async def check_theirs(histories, who):
    replayer = Replayer(workflows=WORKFLOWS, workflow_runner=UnsandboxedWorkflowRunner())
    wrong = []
    async with replayer.workflow_replay_iterator(each(histories)) as results:
        async for r in results:
            if r.replay_failure:
                wrong.append(f"{r.history.workflow_id}: {r.replay_failure}")
    if wrong:
        raise AssertionError(f"histories of {who} do not replay in theirs:\n" + "\n".join(wrong))


async def each(histories):
    for history in histories:
        yield history


def check_defects(program, files):
    """What was changed is found in the workflow that was changed, and nowhere else."""
    for defect, verdict in (("activities", "nondeterministic"), ("patches", "nondeterministic"), ("timers", "failed")):
        status, reports = replay_in_ours(program, files, defect)
        found = {r["workflowType"]: r for r in reports if r["verdict"] != "ok"}
        if status != 1 or set(found) != {defect} or found[defect]["verdict"] != verdict or not found[defect]["words"]:
            raise AssertionError(f"of a defect in {defect} was found: {status}, {list(found.values())}")
    cut = pathlib.Path(files[0]).with_name("cut.json")
    cut.write_text('{"events": [{"eventId": "1"')
    status, reports = replay_in_ours(program, [*files[:2], str(cut)])
    if status != 2 or reports[2]["verdict"] != "unreadable":
        raise AssertionError(f"a file that was cut gave {status}, {reports[2]}")


def check_command(mayfly, program, files):
    """`mayfly replay`, alone and with the program that has the workflows."""
    def ask(*words):
        done = subprocess.run([mayfly, "replay", *words], capture_output=True, text=True, check=False, timeout=30)
        return done.returncode, done.stdout

    status, out = ask(*files)
    if status != 0 or out.count("whole ") != len(files):
        raise AssertionError(f"mayfly replay says {status}:\n{out}")
    status, out = ask("--with", program, *files)
    if status != 0 or not out.endswith(f"{len(files)} of {len(files)} histories replay\n"):
        raise AssertionError(f"mayfly replay --with says {status}:\n{out}")
    history = json.loads(pathlib.Path(files[0]).read_text())
    del history["events"][2]
    gap = pathlib.Path(files[0]).with_name("gap.json")
    gap.write_text(json.dumps(history))
    status, out = ask("--json", "--with", program, str(gap), files[1])
    verdicts = [json.loads(line)["verdict"] for line in out.splitlines()]
    if status != 1 or verdicts != ["inconsistent", "ok"]:
        raise AssertionError(f"mayfly replay with a gap says {status}:\n{out}")
    for words, expected in (([], 2), (["--with", "/nowhere/program", files[0]], 2), (["/nowhere/file"], 2)):
        if ask(*words)[0] != expected:
            raise AssertionError(f"mayfly replay {words} ended with {ask(*words)[0]}")


@contextlib.asynccontextmanager
async def our_worker(program, client, service, queue):
    environment = {**os.environ, "TEMPORAL_ADDRESS": service.address, "TEMPORAL_TASK_QUEUE": queue,
                   "TEMPORAL_CONFIG_FILE": os.devnull}
    process = subprocess.Popen([program], env=environment)
    try:
        await temporal_services.make_current(client, "replays", "1")
        yield
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(15)
        except subprocess.TimeoutExpired:
            process.kill()
            raise


async def run(program, mayfly, service, folder):
    client = await Client.connect(service.address)
    with contextlib.suppress(RPCError):  # some servers know it from the start
        await client.operator_service.add_search_attributes(AddSearchAttributesRequest(
            namespace=client.namespace,
            search_attributes={"CustomKeywordField": IndexedValueType.INDEXED_VALUE_TYPE_KEYWORD}))
    async with Worker(client, task_queue="theirs", workflows=WORKFLOWS, activities=ACTIVITIES,
                      workflow_runner=UnsandboxedWorkflowRunner()):
        ended = await drive(client, "theirs")
    histories, files = await save(ended, folder)
    await check_theirs(histories, "theirs")
    check_ours(program, files, "theirs")
    check_defects(program, files)
    check_command(mayfly, program, files)

    async with our_worker(program, client, service, "ours"):
        ended = await drive(client, "ours")
    histories, files = await save(ended, folder)
    check_ours(program, files, "ours")
    await check_theirs(histories, "ours")
    events = sum(len(h.events) for h in histories)
    print(f"{len(files)} histories each way, {events} events in ours; 3 defects and a cut file were found")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("program")
    parser.add_argument("mayfly")
    parser.add_argument("service")
    parser.add_argument("--keep", help="a folder for the histories")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, temporal_services.serving(given.service) as service:
        keep = pathlib.Path(given.keep or folder)
        keep.mkdir(parents=True, exist_ok=True)
        asyncio.run(asyncio.wait_for(run(given.program, given.mayfly, service, keep), 58))


if __name__ == "__main__":
    sys.exit(main())
