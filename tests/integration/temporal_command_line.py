# SPDX-License-Identifier: BSL-1.0
"""Our command line as the client of activities that Python's worker or ours serves, on either service.

usage: temporal_command_line.py SERVICE MAYFLY python|WORKER
"""

import asyncio
import json
import logging
import sys
import uuid

from temporalio.client import Client

import temporal_activities
import temporal_services
from temporal_activities import same

DONE, REFUSED, UNUSABLE, WITHOUT_RESULT, NOT_YET = range(5)


class CommandLine:
    def __init__(self, program, address, queue):
        self.program, self.address, self.queue = program, address, queue

    async def __call__(self, verb, *arguments, expected=DONE):
        process = await asyncio.create_subprocess_exec(
            self.program, "activity", verb, *arguments, "--address", self.address, "--output", "json",
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE)
        try:
            told, complaint = await asyncio.wait_for(process.communicate(), 60)
        except asyncio.TimeoutError:
            process.kill()
            raise
        same(process.returncode, expected, f"status of {verb} {arguments}, which said {told!r} {complaint!r}")
        return json.loads(told) if told else complaint.decode()

    async def execute(self, name, *values, options=(), expected=DONE):
        inputs = [word for value in values for word in ("--input", json.dumps(value))]
        return await self("execute", "--type", name, "--task-queue", self.queue, *inputs, *options, expected=expected)

    async def start(self, name, *values, options=()):
        inputs = [word for value in values for word in ("--input", json.dumps(value))]
        return await self("start", "--type", name, "--task-queue", self.queue, *inputs, *options)


CHECKS = []


def check(function):
    CHECKS.append(function)
    return function


@check
async def values_come_back(cli):
    for value in (None, True, -1, 2**53, 1.5, "", "Grüße, 世界 \" \\", [], [1, "a", None], {}, {"a": {"b": [1, {"c": False}]}}):
        same((await cli.execute("echo", value))["result"], value)
    same((await cli.execute("add", 20, 22))["result"], 42)
    same((await cli.execute("nothing"))["result"], None)
    order = {"id": 7, "names": ["a"], "price": 2.5, "note": None}
    same((await cli.execute("reprice", order, 2.0))["result"], {**order, "names": ["a", "repriced"], "price": 5.0})


@check
async def failures_are_told(cli):
    for kind, words in (("plain", "Broken: broken"), ("details", "Detailed: with details"),
                        ("chain", "Top: the top; caused by: Middle: the middle; caused by: Root: the root")):
        told = await cli.execute("fail", kind, expected=WITHOUT_RESULT)
        same((told["status"], told["failure"]), ("failed", words))
    told = await cli.execute("fail", "native", options=["--attempts", "1"], expected=WITHOUT_RESULT)
    assert "of the language's own" in told["failure"], told


@check
async def retries(cli):
    same((await cli.execute("flaky", 3, options=["--retry-interval", "50ms"]))["result"], 3)
    told = await cli.execute("flaky", 9, options=["--retry-interval", "50ms", "--attempts", "2"], expected=WITHOUT_RESULT)
    same(told["failure"], "Flaky: attempt 2")
    told = await cli.execute("flaky", 9, options=["--no-retry-type", "Flaky"], expected=WITHOUT_RESULT)
    same(told["failure"], "Flaky: attempt 1")
    same((await cli.execute("resume", 6, options=["--retry-interval", "50ms"]))["result"], [3, 6])


@check
async def ends_of_other_kinds(cli):
    told = await cli.execute("slow", 20_000, options=["--start-to-close", "300ms", "--attempts", "1"],
                             expected=WITHOUT_RESULT)
    same(told["status"], "timed_out")

    started = await cli.start("slow", 20_000)
    await cli("result", "--id", started["id"], "--within", "100ms", expected=NOT_YET)
    await cli("terminate", "--id", started["id"], "--reason", "enough")
    told = await cli("result", "--id", started["id"], expected=WITHOUT_RESULT)
    same((told["status"], told["failure"]), ("terminated", "terminated: enough"))

    started = await cli.start("until_cancelled", "a detail", options=["--heartbeat", "1s"])
    while not (await cli("describe", "--id", started["id"]))["last_heartbeat"]:
        await asyncio.sleep(0.05)
    await cli("cancel", "--id", started["id"], "--reason", "not wanted")
    told = await cli("result", "--id", started["id"], expected=WITHOUT_RESULT)
    same(told["status"], "cancelled")
    same((await cli("describe", "--id", started["id"]))["cancel_reason"], "not wanted")


@check
async def completed_by_the_command_line(cli):
    for verb, arguments, status, expected in (
            ("complete", ["--value", '{"by":"hand"}'], "completed", DONE),
            ("fail", ["--message", "by hand"], "failed", WITHOUT_RESULT)):
        started = await cli.start("later", options=["--heartbeat", "20s", "--attempts", "1"])
        while not (await cli("describe", "--id", started["id"]))["last_heartbeat"]:
            await asyncio.sleep(0.05)
        await cli(verb, "--id", started["id"], *arguments)
        told = await cli("result", "--id", started["id"], expected=expected)
        same(told["status"], status)
        if status == "completed":
            same(told["result"], {"by": "hand"})


@check
async def described_and_listed(cli):
    name = f"listed-{uuid.uuid4()}"
    await cli.execute("echo", [1, 2], options=["--id", name])
    described = await cli("describe", "--id", name)
    same((described["type"], described["status"], described["task_queue"], described["attempt"]),
         ("echo", "completed", cli.queue, 1))
    query = f"TaskQueue = '{cli.queue}' AND ActivityType = 'echo'"
    for _ in range(200):
        if any(entry["id"] == name for entry in await cli("list", "--query", query)):
            break
        await asyncio.sleep(0.05)
    else:
        raise AssertionError("not listed")
    await cli("describe", "--id", "there-is-none", expected=REFUSED)
    await cli("start", "--type", "echo", expected=UNUSABLE)


async def main(spec, program, worker, *chosen):
    logging.disable(logging.CRITICAL)  # of failures that are wanted
    with temporal_services.serving(spec) as service:
        client = await Client.connect(service.address)
        queue = f"command-line-{uuid.uuid4()}"
        async with temporal_activities.served(client, service.address, queue, worker):
            cli = CommandLine(program, service.address, queue)
            failed = await temporal_activities.run_checks(CHECKS, cli, chosen)
    print(f"{len(failed)} failed: {' '.join(failed)}" if failed else "all is well")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(asyncio.run(main(*sys.argv[1:])))
