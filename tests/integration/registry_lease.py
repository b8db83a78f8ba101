#!/usr/bin/env python3
# SPDX-License-Identifier: BSL-1.0
"""The lease and the registry against a service, by processes of their own.

usage: registry_lease.py SERVICE PROBE     SERVICE as in temporal_services.py, PROBE is registry-probe

Of three processes one leads; when it is killed or frozen, another does within fifteen seconds, and never do two at the
same time. The registry sees what its own store changes at once, what others write within seconds, and goes on after the
service was killed and started again.
"""

import asyncio
import json
import signal
import subprocess
import sys
import tempfile
import time

import temporalio.api.common.v1 as common
import temporalio.api.deployment.v1 as deployment
import temporalio.api.workflowservice.v1 as api
from temporalio.client import Client

import temporal_services as services

FAILOVER = 15.0


def wait(what, condition, within):
    """What the condition returned, and how long it took."""
    begun = time.monotonic()
    while time.monotonic() - begun < within:
        if found := condition():
            return found, time.monotonic() - begun
        time.sleep(0.02)
    raise AssertionError(f"{what}: not within {within} s")


class Probe:
    """One process, and the lines it has printed."""

    def __init__(self, program, *arguments):
        self.name = arguments[-1]
        self.file = tempfile.NamedTemporaryFile("r", prefix="mayfly-probe-")
        self.process = subprocess.Popen([program, *arguments], stdout=open(self.file.name, "w", encoding="utf-8"))
        self.kept = []

    def lines(self):
        self.kept += self.file.read().splitlines()
        return self.kept

    def end(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()


class Holder(Probe):
    def __init__(self, program, address, name):
        super().__init__(program, "lease", address, name)

    def at_work(self):
        return [int(line.split()[2]) / 1000 for line in self.lines() if line.startswith("at work ")]

    def led_after(self, moment):
        work = self.at_work()
        return bool(work) and work[-1] > moment


def leader(holders, after, within=FAILOVER):
    return wait("a leader", lambda: next((h for h in holders if h.led_after(after)), None), within)


def lease(program, address):
    begun = time.monotonic()
    holders = [Holder(program, address, name) for name in ("a", "b", "c")]
    try:
        first, took = leader(holders, begun)
        print(f"lease: {first.name} leads after {took:.2f} s")

        for how, name in ((signal.SIGSTOP, "frozen"), (signal.SIGKILL, "killed")):
            now, _ = leader(holders, time.monotonic())
            at = time.monotonic()
            now.process.send_signal(how)
            rest = [h for h in holders if h is not now]
            following, took = leader([h for h in rest if h.process.poll() is None], at)
            print(f"lease: {now.name} {name}, {following.name} leads after {took:.2f} s")
            if how == signal.SIGSTOP:
                now.process.send_signal(signal.SIGCONT)
                wait("it finds that it leads no more",
                     lambda probe=now: any(line.startswith("stops ") for line in probe.lines()), 5)

        now, _ = leader([h for h in holders if h.process.poll() is None], time.monotonic())
        at = time.monotonic()
        now.process.send_signal(signal.SIGTERM)
        assert now.process.wait(10) == 0, "a clean end has status 0"
        rest = [h for h in holders if h.process.poll() is None]
        following, took = leader(rest, at)
        print(f"lease: {now.name} ended, {following.name} leads after {took:.2f} s")
        assert took < 4, "a clean end hands the lease on, and nobody has to wait until it is lost"

        marks = sorted((at, h.name) for h in holders for at in h.at_work())
        turns = [marks[0][1]]
        for _, name in marks:
            if name != turns[-1]:
                turns.append(name)
        # Two at once would take turns every few milliseconds.
        assert 4 <= len(turns) < 10, f"two led at the same time: {turns}"
    finally:
        for h in holders:
            h.end()


def version(build):
    return deployment.WorkerDeploymentVersion(deployment_name="orders", build_id=build)


async def registry(program, service):
    def seen(news, **wanted):
        return lambda: next((n for n in map(json.loads, reversed(news.lines()))
                             if all(n.get(key) == value for key, value in wanted.items())), None)

    def probe(*arguments):
        done = subprocess.run([program, arguments[0], service.address, *arguments[1:]], capture_output=True, text=True,
                              timeout=30, check=False)
        assert done.returncode == 0, done.stdout + done.stderr

    client = await Client.connect(service.address)
    foreign = client.workflow_service
    watcher = Probe(program, "watch", service.address, "mine")
    try:
        wait("all is known", seen(watcher, what="caught_up"), 10)
        probe("put", "orders", "1", "5")
        _, took = wait("a new version", seen(watcher, version="orders:1", drivable=True, max=5, controller="mine"), 10)
        print(f"registry: a new version after {took:.2f} s")
        probe("put", "orders", "1", "6")
        _, took = wait("our own change", seen(watcher, version="orders:1", max=6), 3)
        print(f"registry: a change of our store after {took:.2f} s")

        text = json.dumps({"groups": {"default": {"provider": {"type": "local"}, "limits": {"max": 7}}}})
        request = api.UpdateWorkerDeploymentVersionMetadataRequest(namespace="default",
                                                                   deployment_version=version("1"), identity="other")
        request.upsert_entries["mayfly.compute"].CopyFrom(
            common.Payload(metadata={"encoding": b"json/plain"}, data=text.encode()))
        await foreign.update_worker_deployment_version_metadata(request)
        _, took = wait("somebody else's change", seen(watcher, version="orders:1", max=7), 10)
        print(f"registry: a change of another client's after {took:.2f} s")

        await foreign.set_worker_deployment_current_version(api.SetWorkerDeploymentCurrentVersionRequest(
            namespace="default", deployment_name="orders", build_id="1", identity="other", allow_no_pollers=True,
            ignore_missing_task_queues=True))
        _, took = wait("the routing", seen(watcher, version="orders:1", status="current"), 6)
        print(f"registry: the routing after {took:.2f} s")

        service.stop(signal.SIGKILL)
        wait("trouble", seen(watcher, what="problem"), 20)
        service.start()
        wait("its end", seen(watcher, what="well_again"), 45)
        assert not seen(watcher, what="removed")(), "nothing is forgotten for that"
        probe("put", "orders", "1", "8")
        _, took = wait("a change after that", seen(watcher, version="orders:1", max=8), 40)
        print(f"registry: a change after a restart after {took:.2f} s")

        probe("remove", "orders", "1")
        wait("no configuration", seen(watcher, version="orders:1", kept_in="none"), 6)
        watcher.process.send_signal(signal.SIGTERM)
        assert watcher.process.wait(10) == 0
    finally:
        watcher.end()


def main():
    spec, program = sys.argv[1:]
    with services.serving(spec, keep=True) as service:
        lease(program, service.address)
        asyncio.run(registry(program, service))


main()
