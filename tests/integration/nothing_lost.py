# SPDX-License-Identifier: BSL-1.0
"""Nothing is lost: activities by the thousand while everything around them breaks.

usage: nothing_lost.py SERVICE WORKER [--activities N] [--seed N]

SERVICE as temporal_services.py has it; WORKER is activity_worker. First, workers come and go by SIGTERM and nothing else
happens: then no attempt may be lost at all. After that workers are killed, functions run into their deadlines,
connections are reset and hang, and the service is restarted, once gently and once not. In the end

- every activity has ended as its policy says,
- no attempt was given out twice, and none after the one whose result was taken,
- the result that was taken is one that a worker has made, in that very attempt,
- no gap between two attempts is longer than timeouts, backoff and what was down at that time explain.
"""

import argparse
import asyncio
import collections
import os
import pathlib
import random
import signal
import subprocess
import sys
import tempfile
import time
import uuid
from datetime import timedelta

from temporalio.client import Client, ActivityFailureError
from temporalio.common import RetryPolicy
from temporalio.exceptions import ActivityAlreadyStartedError, ApplicationError, TimeoutError as TemporalTimeout
from temporalio.service import RPCError, RPCStatusCode

import chaos
import temporal_services

ATTEMPT = 2.0  # start-to-close
BACKOFF = 0.5  # at most
IMPATIENT = 1.5  # schedule-to-close of those that do not wait
SLACK = 6.0  # queueing, and scheduling of a machine that does other things too

# How often each kind comes, and what may become of it.
KINDS = {
    "quick": (50, {"completed"}),
    "slow": (15, {"completed"}),
    "beating": (15, {"completed"}),
    "flaky": (8, {"completed"}),
    "hopeless": (4, {"Hopeless"}),
    "limited": (4, {"Limited", "timeout"}),
    "impatient": (4, {"completed", "timeout"}),
}


class Fleet:
    """Workers that run until they are told otherwise, and functions; all of them through the proxy."""

    def __init__(self, program, environment, log):
        self.program, self.environment, self.log = program, environment, log
        self.running, self.leaving = [], []
        self.functions = []
        self.stopped = {}  # process id -> seconds that a gentle end took
        self.killed = set()
        self.wrong = []

    def spawn(self):
        self.running.append(subprocess.Popen([self.program], env=self.environment, stdout=self.log, stderr=self.log))

    def add_function(self, work):
        self.functions.append(chaos.Function([self.program], self.environment, work, self.log))

    def stop_one(self):
        process = self.running.pop(0)
        process.terminate()
        self.leaving.append((process, time.monotonic()))
        self.spawn()

    def kill_one(self):
        process = self.running.pop(random.randrange(len(self.running)))
        process.kill()
        process.wait()
        self.killed.add(process.pid)
        self.spawn()

    def kill_function(self):
        function = random.choice(self.functions)
        if function.process:
            self.killed.add(function.process.pid)
        function.kill()

    def look(self):
        for process, since in list(self.leaving):
            took = time.monotonic() - since
            if process.poll() is not None:
                self.leaving.remove((process, since))
                self.stopped[process.pid] = took
                if process.returncode != 0:
                    self.wrong.append(f"a worker ended with {process.returncode} after SIGTERM")
            elif took > 15:
                self.wrong.append(f"a worker did not end within {took:.0f} s of SIGTERM")
                self.leaving.remove((process, since))
                process.kill()
                process.wait()
        for process in list(self.running):
            if process.poll() is not None:
                self.wrong.append(f"a worker ended by itself with {process.returncode}")
                self.running.remove(process)
                self.spawn()

    def kill_all(self):
        for process in [*self.running, *(p for p, _ in self.leaving)]:
            process.kill()
            process.wait()
        for function in self.functions:
            function.ending.set()
            function.kill()

    def close(self):
        for process in self.running:
            process.terminate()
            self.leaving.append((process, time.monotonic()))
        self.running = []
        for function in self.functions:
            function.close()
        while self.leaving:
            self.look()
            time.sleep(0.02)


async def patient(call):
    """A service that is just being restarted is asked again."""
    end = time.monotonic() + 30
    while True:
        try:
            return await call()
        except RPCError as e:
            again = e.status in (RPCStatusCode.UNAVAILABLE, RPCStatusCode.CANCELLED, RPCStatusCode.DEADLINE_EXCEEDED,
                                 RPCStatusCode.RESOURCE_EXHAUSTED, RPCStatusCode.UNKNOWN, RPCStatusCode.INTERNAL)
            if not again or time.monotonic() > end:
                raise
            await asyncio.sleep(0.1)


class Load:
    def __init__(self, client, queue):
        self.client, self.queue = client, queue
        self.kinds, self.handles, self.outcomes = {}, {}, {}
        self.begun, self.ended = {}, {}  # as the client sees it

    async def start(self, kind):
        name = f"{kind}-{uuid.uuid4()}"
        self.kinds[name] = kind
        options = {"start_to_close_timeout": timedelta(seconds=ATTEMPT)}
        policy = {"initial_interval": timedelta(seconds=0.1), "backoff_coefficient": 2.0,
                  "maximum_interval": timedelta(seconds=BACKOFF)}
        if kind == "beating":
            options["heartbeat_timeout"] = timedelta(seconds=ATTEMPT / 2)
        elif kind == "limited":
            policy["maximum_attempts"] = 2
        elif kind == "impatient":
            options["schedule_to_close_timeout"] = timedelta(seconds=IMPATIENT)

        async def once():
            try:
                return await self.client.start_activity("work", args=[kind], id=name, task_queue=self.queue,
                                                        retry_policy=RetryPolicy(**policy), **options)
            except ActivityAlreadyStartedError:  # by a call whose answer did not come
                return self.client.get_activity_handle(name)
        self.begun[name] = time.time()
        self.handles[name] = await patient(once)

    async def outcome(self, name):
        handle = self.handles[name]
        try:
            # The calls that wait are made anew if nothing came: their connection may be the one that hangs.
            result = await patient(lambda: handle.result(rpc_timeout=timedelta(seconds=20)))
            outcome = ("completed", result)
        except ActivityFailureError as e:
            if isinstance(e.cause, ApplicationError):
                outcome = (e.cause.type, e.cause.message)
            elif isinstance(e.cause, TemporalTimeout):
                outcome = ("timeout", e.cause.type)
            else:
                outcome = (type(e.cause).__name__, str(e.cause))
        description = await patient(handle.describe)
        self.ended[name] = description.close_time.timestamp()
        self.outcomes[name] = (*outcome, description.attempt)

    async def start_many(self, count, seconds):
        begun = time.monotonic()
        gate = asyncio.Semaphore(50)

        async def one(i):
            await asyncio.sleep(max(0.0, begun + seconds * i / count - time.monotonic()))
            async with gate:
                await self.start(random.choices(list(KINDS), [share for share, _ in KINDS.values()])[0])
        await asyncio.gather(*(one(i) for i in range(count)))

    async def collect(self, within):
        gate = asyncio.Semaphore(100)

        async def one(name):
            async with gate:
                try:
                    await self.outcome(name)
                except RPCError as e:
                    if e.status != RPCStatusCode.NOT_FOUND:
                        raise
                    # It was accepted, and is not known any more: without an outcome, it counts as lost.
        waiting = [asyncio.create_task(one(n)) for n in self.handles if n not in self.outcomes]
        if waiting:
            _, left = await asyncio.wait(waiting, timeout=within)
            for task in left:
                task.cancel()
            for task in waiting:
                if task.done() and not task.cancelled() and task.exception():
                    raise task.exception()


class Journal:
    """What workers wrote down: a line where an attempt begins, and one where it ends."""

    def __init__(self, path):
        self.begun, self.ended = collections.defaultdict(list), {}
        for line in path.read_text().splitlines():
            what, name, attempt, mark, when, pid = line.split(" ")[:6]
            entry = (int(attempt), mark, float(when), int(pid))
            if what == "begun":
                self.begun[name].append(entry)
            else:
                self.ended[(name, int(attempt), mark)] = entry

    def without_end(self, pids):
        return [(name, entry) for name, entries in self.begun.items() for entry in entries
                if entry[3] in pids and (name, *entry[:2]) not in self.ended]


class Verdict:
    def __init__(self):
        self.wrong = collections.Counter()
        self.examples = {}

    def __call__(self, good, what, example=""):
        if not good:
            self.wrong[what] += 1
            self.examples.setdefault(what, []).append(str(example)[:300])

    def tell(self):
        for what, count in self.wrong.items():
            print(f"FAIL {count} x {what}: " + "; ".join(self.examples[what][:3]), flush=True)
        return bool(self.wrong)


def judge(load, journal, outages, verdict):
    lost = 0
    for name, kind in load.kinds.items():
        verdict(name in load.outcomes, "an activity did not end", name)
        if name not in load.outcomes:
            continue
        what, value, last = load.outcomes[name]
        verdict(what in KINDS[kind][1], f"{kind} ended in a way that its policy does not allow", (name, what, value))

        entries = sorted(journal.begun[name])
        attempts = [e[0] for e in entries]
        lost += last - len(attempts)
        verdict(len(set(attempts)) == len(attempts), "an attempt was given out twice", (name, attempts))
        verdict(not attempts or attempts[-1] <= last, "an attempt was made after the last one", (name, attempts, last))
        verdict(kind != "limited" or last <= 2, "more attempts than the policy allows", (name, last))
        if what == "completed":
            verdict(value["attempt"] == last, "a result is not the last attempt's", (name, value, last))
            verdict((name, last, value["mark"]) in journal.ended, "a result that no worker made", (name, value))

        # Attempts that never reached a worker's code took their time too.
        moments = [(0, load.begun[name])] + [(e[0], e[2]) for e in entries]
        for (one, begun), (two, next_begun) in zip(moments, moments[1:]):
            down = sum(max(0.0, min(next_begun, b) - max(begun, a)) for a, b in outages)
            allowed = (two - one - (one == 0)) * (ATTEMPT + BACKOFF) + (ATTEMPT + BACKOFF) * (one > 0) + down + SLACK
            verdict(next_begun - begun <= allowed, "a wait that nothing explains",
                    f"{name}: attempt {two} began {next_begun - begun:.1f} s after {one or 'the start'}, {allowed:.1f} s "
                    "would be the most")
        if kind == "impatient":
            took = load.ended[name] - load.begun[name]
            down = sum(max(0.0, min(load.ended[name], b) - max(load.begun[name], a)) for a, b in outages)
            verdict(took <= IMPATIENT + down + SLACK, "a wait beyond schedule-to-close", f"{name}: {took:.1f} s")
    return lost


async def restart(service, proxy, how, outages):
    begun = time.time()
    await asyncio.to_thread(service.stop, how)
    await asyncio.sleep(0.3)
    await asyncio.to_thread(service.start)
    proxy.target = service.address
    outages.append((begun, time.time() + 1.0))  # until everybody has found that it is back


async def run(given, folder, log):
    random.seed(given.seed)
    # Without this a real server leaves polls open that their worker has announced to leave, and hands tasks to them.
    service = temporal_services.Service(given.service, log, keep=True,
                                        dynamic=["frontend.enableCancelWorkerPollsOnShutdown=true"])
    proxy = chaos.Proxy()
    queue = f"nothing-lost-{uuid.uuid4()}"
    journal_path = folder / "journal"
    journal_path.touch()
    verdict = Verdict()
    outages = []
    counts = collections.Counter()
    fleet = Fleet(given.worker, {
        **os.environ, "TEMPORAL_ADDRESS": proxy.address, "TEMPORAL_TASK_QUEUE": queue, "ACTIVITY_WORKER_JOURNAL": str(journal_path)},
        log)
    try:
        await asyncio.to_thread(service.start)
        proxy.target = service.address
        client = await Client.connect(service.address)
        load = Load(client, queue)
        for _ in range(4):
            fleet.spawn()
        await temporal_services.make_current(client, "activities", "1")

        # Nothing but workers that come and go.
        calm = given.activities // 4
        begun = time.monotonic()
        starting = asyncio.create_task(load.start_many(calm, 10))
        while not starting.done() or len(fleet.leaving) > 0:
            if not starting.done():
                fleet.stop_one()
                counts["gentle stops"] += 1
            await asyncio.wait([starting], timeout=0.7)
            await asyncio.sleep(0.05)
            fleet.look()
        await starting
        await load.collect(30)
        gentle = judge(load, Journal(journal_path), [], verdict)
        for name in load.kinds:
            what, value, last = load.outcomes.get(name, ("", "", 0))
            expected = {"flaky": 3, "limited": 2}.get(load.kinds[name], 1)
            verdict(last == expected, "a worker that left gently lost an attempt", (name, what, value, last))
        lost_by_stopped = Journal(journal_path).without_end(fleet.stopped)
        verdict(not lost_by_stopped, "a worker that left gently left work behind", lost_by_stopped[:3])
        print(f"{calm} activities while {counts['gentle stops']} workers left gently: {time.monotonic() - begun:.1f} s, "
              f"{gentle} attempts lost; the longest farewell took {max(fleet.stopped.values()):.1f} s", flush=True)

        # Everything.
        for work in (4.0, 4.5, 5.0):
            fleet.add_function(work)
        begun = time.monotonic()
        spread = given.seconds
        starting = asyncio.create_task(load.start_many(given.activities - calm, spread))
        restarts = [(0.35, signal.SIGTERM), (0.7, signal.SIGKILL)]
        while not starting.done():
            await asyncio.sleep(random.uniform(0.2, 0.5))
            if restarts and time.monotonic() - begun > restarts[0][0] * spread:
                await restart(service, proxy, restarts.pop(0)[1], outages)
                counts["restarts"] += 1
                continue
            action = random.choices(("kill", "stop", "function", "reset", "hang"), (4, 3, 2, 3, 1))[0]
            counts[action] += 1
            if action == "kill":
                fleet.kill_one()
            elif action == "stop":
                fleet.stop_one()
            elif action == "function":
                fleet.kill_function()
            elif action == "reset":
                proxy.reset(random.choice((0.3, 1.0)))
            else:
                since = time.time()
                proxy.hold(True)
                await asyncio.sleep(random.uniform(0.5, 2.5))
                if random.random() < 0.5:
                    proxy.reset()
                proxy.hold(False)
                outages.append((since, time.time() + 1.0))
            fleet.look()
        await starting
        collecting = asyncio.create_task(load.collect(60))
        while not collecting.done():
            await asyncio.wait([collecting], timeout=0.2)
            fleet.look()
        await collecting
        await asyncio.to_thread(fleet.close)
        fleet.look()

        journal = Journal(journal_path)
        lost = judge(load, journal, outages, verdict)
        begun_attempts = sum(len(e) for e in journal.begun.values())
        kinds = collections.Counter(what for what, _, _ in load.outcomes.values())
        print(f"{given.activities - calm} more in {time.monotonic() - begun:.1f} s, while {dict(counts)}, "
              f"{sum(f.invocations for f in fleet.functions)} invocations ({sum(f.failed for f in fleet.functions)} failed, "
              f"{sum(f.late for f in fleet.functions)} late)", flush=True)
        print(f"{len(load.outcomes)} of {len(load.kinds)} ended ({dict(kinds)}) in {begun_attempts} attempts; {lost} more never "
              "reached a worker")
        for wrong in fleet.wrong:
            verdict(False, wrong)
        # It must have been as bad as it was meant to be.
        verdict(len(journal.without_end(fleet.killed)) > 0, "nobody was killed at work")
        verdict(counts["restarts"] == 2, "the service was not restarted twice")
        verdict(sum(f.invocations for f in fleet.functions) > 10, "functions hardly ran")
    finally:
        fleet.kill_all()
        proxy.close()
        service.stop(signal.SIGKILL)
    return verdict.tell()


def main():
    reader = argparse.ArgumentParser()
    reader.add_argument("service")
    reader.add_argument("worker")
    reader.add_argument("--activities", type=int, default=5000)
    reader.add_argument("--seconds", type=float, default=40)
    reader.add_argument("--seed", type=int, default=1)
    given = reader.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        with open(pathlib.Path(folder) / "log", "w+b") as log:
            failed = True
            try:
                failed = asyncio.run(run(given, pathlib.Path(folder), log))
            finally:
                if failed:
                    log.seek(0)
                    print("---- what workers and the service said, its end:\n" +
                          log.read().decode(errors="replace")[-6000:], flush=True)
    print("all is well" if not failed else "something was lost, or was not as it should be")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
