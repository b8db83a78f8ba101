# SPDX-License-Identifier: BSL-1.0
"""What `./dev demo --server` runs, the quickstart beside a real server, brought to its end: the server knows all of its
tasks as done, and no worker is left.

usage: demo_server.py QUICKSTART_CLUSTER QUICKSTART_WORKER SERVICE
"""

import asyncio
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import time

from temporalio.client import Client

import temporal_services

TASKS = 360
MAXIMUM = 40


def check(fine, what):
    if not fine:
        raise AssertionError(what)


def processes_of(program):
    """The ids of all that run it."""
    found = []
    for entry in pathlib.Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if entry.read_bytes().split(b"\0")[0] == os.fsencode(program):
                found.append(entry.parent.name)
        except OSError:
            pass  # it has just ended
    return found


def run_demo(program, kitchen, environment):
    """Its exit status, its words, and the most workers' processes that were there at once."""
    with tempfile.TemporaryFile() as log:
        with subprocess.Popen([program], env=environment, stdout=log, stderr=subprocess.STDOUT) as process:
            most = 0
            end = time.monotonic() + 120
            try:
                while process.poll() is None:
                    check(time.monotonic() < end, "it does not end")
                    most = max(most, len(processes_of(kitchen)))
                    time.sleep(0.2)
            finally:
                process.kill()
        log.seek(0)
        return process.returncode, log.read().decode(), most


def check_words(words):
    """What it tells while it runs, and in the table at its end."""
    looks = [(int(workers), int(done), int(sent))
             for workers, done, sent in re.findall(r"workers +(\d+) .*done (\d+) of (\d+)$", words, re.MULTILINE)]
    check(len(looks) > 3, f"it told of {len(looks)} looks")
    most = max(workers for workers, _, _ in looks)
    check(1 < most <= MAXIMUM, f"it had {most} workers up at once, and {MAXIMUM} may be")
    started = re.search(r"^workers started +(\d+)$", words, re.MULTILINE)
    check(started and int(started[1]) >= most, "the table says how many workers were started, and how often one came")
    check(re.search(rf"^tasks +{TASKS}$", words, re.MULTILINE), f"the table says {TASKS} tasks")
    check("a worker failed" not in words and "did not start" not in words, "no worker failed")
    return most, int(started[1])


async def check_server(address):
    """Its list of tasks follows a little later."""
    client = await Client.connect(address)
    end = time.monotonic() + 20
    while True:
        done = (await client.count_activities("TaskQueue = 'orders' AND ExecutionStatus = 'Completed'")).count
        everything = (await client.count_activities("TaskQueue = 'orders'")).count
        if done == everything == TASKS:
            return
        check(time.monotonic() < end, f"the server counts {done} tasks as done of {everything}, and {TASKS} were started")
        await asyncio.sleep(0.2)


def main():
    program, worker, spec = sys.argv[1:]
    with tempfile.TemporaryDirectory(prefix="mayfly-demo-") as name, temporal_services.serving(spec) as service:
        # It looks for its worker beside itself, and leaves its picture there.
        folder = pathlib.Path(name)
        for file in (program, worker):
            (folder / pathlib.Path(file).name).symlink_to(file)
        kitchen = folder / pathlib.Path(worker).name
        environment = {**os.environ, "TEMPORAL_ADDRESS": service.address, "TEMPORAL_CONFIG_FILE": os.devnull}
        status, words, processes = run_demo(folder / pathlib.Path(program).name, kitchen, environment)
        print(words[-2500:], flush=True)
        check(status == 0, f"it ended with {status}")
        left = processes_of(kitchen)
        check(not left, f"workers are left: {left}")
        most, started = check_words(words)
        check(processes > 1, f"of its workers {processes} processes were seen at once")
        asyncio.run(check_server(service.address))
        picture = (folder / "quickstart.svg").read_text()
        check(picture.startswith("<svg") and picture.rstrip().endswith("</svg>"), f"the picture is none: {picture[:80]!r}")
    print(f"{TASKS} tasks are done by {started} workers, at most {most} at once, and none is left")


main()
