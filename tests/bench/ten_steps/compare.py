# SPDX-License-Identifier: BSL-1.0
"""A workflow of ten activities, end to end: what of the processor it costs our worker, beside a worker of the official
Go SDK, on a real Temporal server.

usage: compare.py WORKER [--quick] [--workflows N] [--at-once N] [--alone]

WORKER is worker.cpp, built for release. Both workers do the workflow tasks and the activities, with the same options,
on queues of their own. They run all the time and have their rounds in turn; counted is the processor time of a worker,
user and system, from a round's first start to its last result. Ratios are medians over the rounds.
"""

import argparse
import asyncio
import contextlib
import pathlib
import signal
import statistics
import subprocess
import sys
import tempfile
import time
import uuid

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent.parent / "integration"))

import temporal_services  # noqa: E402
from temporalio.client import Client  # noqa: E402

STEPS = 10
RESULT = sum(range(1, STEPS + 1))
BAR = 1 / 3
KEPT, REPLAYED = "1000", "0"  # runs in memory


class Worker:
    """A worker's process, with a queue of its own."""

    def __init__(self, program, deployment, address, log, cache=KEPT, eager=""):
        self.queue = f"{deployment}-{uuid.uuid4()}"
        self.process = subprocess.Popen(
            [program], stdin=subprocess.DEVNULL, stdout=log, stderr=log,
            env={"PATH": "/usr/bin:/bin", "HOME": "/tmp", "TEMPORAL_ADDRESS": address,
                 "TEMPORAL_TASK_QUEUE": self.queue, "STEPS_DEPLOYMENT": deployment, "STEPS_CACHE": cache,
                 "STEPS_EAGER": eager})

    def processor_time(self):
        # The kernel's clock of another process: all of its threads, also those that have ended.
        return time.clock_gettime((~self.process.pid << 3) | 2)

    def most_memory(self):
        """MiB."""
        for line in pathlib.Path(f"/proc/{self.process.pid}/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) / 1024
        raise RuntimeError("the kernel does not say what memory a process has had")

    def close(self):
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


async def run_many(client, worker, count, at_once):
    gate = asyncio.Semaphore(at_once)

    async def one():
        async with gate:
            result = await client.execute_workflow("steps", STEPS, id=f"steps-{uuid.uuid4()}", task_queue=worker.queue)
            if result != RESULT:
                raise RuntimeError(f"a workflow came to {result} instead of {RESULT}")

    running = asyncio.gather(*(one() for _ in range(count)))
    while not running.done():
        await asyncio.wait([running], timeout=1)
        if not running.done() and worker.process.poll() is not None:
            running.cancel()
            raise RuntimeError(f"a worker has ended with status {worker.process.returncode}")
    await running


async def measured(client, worker, given):
    """Microseconds of the processor for each workflow."""
    before = worker.processor_time()
    await run_many(client, worker, given.workflows, given.at_once)
    return (worker.processor_time() - before) / given.workflows * 1e6


def row(name, value, unit, control="", against=None, ratio=None):
    rest = "" if against is None else f" {control:34} {against:12.2f} {ratio:9.2f}"
    print(f"{name:46} {value:12.1f} {unit:10}{rest}", flush=True)


async def side_by_side(name, client, workers, given):
    """A row of the first beside the second, if there is one: their ratio then."""
    for w in workers:
        await run_many(client, w, given.warm_up, given.at_once)
    figures = [[] for _ in workers]
    for i in range(given.rounds):
        turns = list(zip(workers, figures))
        for worker, into in turns if i % 2 == 0 else reversed(turns):
            into.append(await measured(client, worker, given))
    middle = [statistics.median(f) for f in figures]
    if len(workers) == 1:
        row(name, middle[0], "us")
        return None
    ratio = statistics.median(a / b for a, b in zip(*figures))
    row(name, middle[0], "us", "the Go SDK", middle[1], ratio)
    return ratio


KINDS = {
    "a workflow of 10 activities": {},
    "the same, without eager activities": {"eager": "off"},
    "the same, replayed for each task": {"cache": REPLAYED},
}


async def compare(given, go, service, log):
    client = await Client.connect(service.address)
    programs = {"steps_cpp": given.worker} | ({} if go is None else {"steps_go": go})
    with contextlib.ExitStack() as stack:
        kinds = {}
        for deployment, program in programs.items():
            for name, settings in KINDS.items():
                worker = Worker(program, deployment, service.address, log, **settings)
                stack.callback(worker.close)
                kinds.setdefault(name, []).append(worker)
            await temporal_services.make_current(client, deployment, "1")
        ratios = [await side_by_side(name, client, workers, given) for name, workers in kinds.items()]
        if go is None:
            return
        ours, theirs = (w.most_memory() for w in next(iter(kinds.values())))
        row("most memory of a worker meanwhile", ours, "MiB", "the Go SDK", theirs, ours / theirs)
        held = "so it is" if ratios[0] <= BAR else "NOT SO"
        print(f"a third of the Go SDK's processor time at most: {held}", flush=True)


def main():
    reader = argparse.ArgumentParser()
    reader.add_argument("worker")
    reader.add_argument("--quick", action="store_true")
    reader.add_argument("--workflows", type=int, default=60)
    reader.add_argument("--at-once", type=int, default=20)
    reader.add_argument("--alone", action="store_true", help="our worker only, for who changes it")
    given = reader.parse_args()
    given.rounds, given.warm_up = 5, 60
    if given.quick:
        given.rounds, given.warm_up, given.workflows = 3, 20, min(given.workflows, 20)

    go = None if given.alone else temporal_services.built("ten_steps")
    print(f"{'':46} {'value':>12} {'unit':10} {'control':34} {'control':>12} {'ratio':>9}", flush=True)
    with tempfile.TemporaryFile() as log, temporal_services.serving("real") as service:
        try:
            asyncio.run(compare(given, go, service, log))
        except BaseException:
            log.seek(0)
            print("---- the workers said:\n" + log.read().decode(errors="replace")[-8000:], flush=True)
            raise
    return 0


if __name__ == "__main__":
    sys.exit(main())
