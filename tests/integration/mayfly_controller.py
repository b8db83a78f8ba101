#!/usr/bin/env python3
# SPDX-License-Identifier: BSL-1.0
"""`mayfly controller run` beside a service: functions come as tasks do and go again, and one replica after the other may
die without a task lost or a worker started twice.

usage: mayfly_controller.py SERVICE LOCAL_LAMBDA MAYFLY WORKER

SERVICE as temporal_services.py has it; WORKER is quickstart_worker.
"""

import asyncio
import json
import os
import pathlib
import re
import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
import uuid
from datetime import timedelta

from temporalio.api.common.v1 import Payload
from temporalio.api.deployment.v1 import WorkerDeploymentVersion
from temporalio.api.workflowservice.v1 import (CreateWorkerDeploymentRequest, CreateWorkerDeploymentVersionRequest,
                                               SetWorkerDeploymentCurrentVersionRequest,
                                               UpdateWorkerDeploymentVersionMetadataRequest)
from temporalio.client import Client

import checks
import serverless
import temporal_services
from checks import check, eventually

VERSION = {"deployment_name": "kitchen", "build_id": "build-1"}
QUICK = '[scaler.fleet]\nidle_exit_ms = 1000\nsteady_exit_ms = 1000\n[providers.aws]\nexternal_id_check = "off"\n'
MAXIMUM = 8


async def configure(client, arn, create, maximum=MAXIMUM, revision=1, minimum=0):
    """A version with its compute configuration in its metadata, which every server keeps."""
    version = WorkerDeploymentVersion(**VERSION)
    call = client.workflow_service
    if create:
        await call.create_worker_deployment(CreateWorkerDeploymentRequest(
            namespace=client.namespace, deployment_name=VERSION["deployment_name"], request_id=str(uuid.uuid4())))
        await call.create_worker_deployment_version(CreateWorkerDeploymentVersionRequest(
            namespace=client.namespace, deployment_version=version, request_id=str(uuid.uuid4())))
    compute = {"groups": {"default": {"provider": {"type": "aws-lambda", "details": {"arn": arn}},
                                      "limits": {"min": minimum, "max": maximum}}}, "revision": revision}
    entry = Payload(metadata={"encoding": b"json/plain"}, data=json.dumps(compute).encode())
    await call.update_worker_deployment_version_metadata(UpdateWorkerDeploymentVersionMetadataRequest(
        namespace=client.namespace, deployment_version=version, upsert_entries={"mayfly.compute": entry}))


async def make_current(client):
    await client.workflow_service.set_worker_deployment_current_version(SetWorkerDeploymentCurrentVersionRequest(
        namespace=client.namespace, **VERSION, ignore_missing_task_queues=True, allow_no_pollers=True))


async def cook(client, dish, milliseconds):
    result = await client.execute_activity("cook", args=[dish, milliseconds], id=str(uuid.uuid4()), task_queue="orders",
                                           schedule_to_close_timeout=timedelta(seconds=50))
    check(result == f"{dish} is ready", f"{dish} came as {result!r}")


def group_of(controller):
    version = controller.version("kitchen", "build-1")
    return version["groups"][0] if version and version["groups"] else None


def metrics(controller):
    """Samples by name and labels; each line is one that a scraper takes."""
    out = {}
    for line in controller.get("/metrics").splitlines():
        if line.startswith("#"):
            check(re.fullmatch(r"# (HELP \w+ .+|TYPE \w+ (gauge|counter|histogram))", line), f"a comment like {line!r}")
            continue
        found = re.fullmatch(r'(\w+)(?:\{((?:\w+="(?:[^"\\\n]|\\.)*",?)*)\})? (\S+)', line)
        check(found, f"a sample like {line!r}")
        if found:
            out[found[1], found[2] or ""] = float(found[3])
    return out


def ready(controller):
    try:
        return 200, controller.get("/readyz")
    except urllib.error.HTTPError as e:
        return e.code, e.read().decode()


async def one(client, platform, service, controller, mayfly):
    """A version from its configuration to zero workers again."""
    await eventually(lambda: ready(controller) == (200, "default: leader\n"), "the controller leads and is ready", 20)
    check(controller.get("/healthz") == "ok\n", "it is alive")
    check(controller.version("kitchen", "build-1") is None, "nothing is configured")
    page = controller.get("/metrics")
    check("# TYPE worker_controller_instance_scale_up_count counter" in page and "kitchen" not in page,
          "metrics are told of before there is anything to count")

    await configure(client, serverless.arn("kitchen", 1), create=True)
    await eventually(lambda: len(platform.invocations()) == 1, "a first worker binds the version to its queues", 15)
    await make_current(client)
    await eventually(lambda: controller.version("kitchen", "build-1")["status"] == "current", "it is current", 10)
    await eventually(lambda: not platform.running(), "the first worker leaves", 15)
    check(len(platform.invocations()) == 1, f"{len(platform.invocations())} workers for no task")

    # As a person would: the command line.
    begun = time.monotonic()
    said = subprocess.run([mayfly, "activity", "execute", "--type", "greet", "--task-queue", "orders", "--input", '"Ada"',
                           "--address", service.address], capture_output=True, text=True, timeout=30, check=False)
    check("Hello, Ada!" in said.stdout, f"a greeting comes: {said.stdout}{said.stderr}")
    print(f"one task: {time.monotonic() - begun:.2f} s, {len(platform.invocations()) - 1} started", flush=True)
    check(len(platform.invocations()) <= 3, "no more than one or two workers for a task")

    before, begun = len(platform.invocations()), time.monotonic()
    burst = asyncio.gather(*(cook(client, f"dish {i}", 1000) for i in range(40)))
    await eventually(lambda: len(platform.running()) > 1, "workers come for a burst", 15)
    await asyncio.wait_for(burst, 40)
    started = len(platform.invocations()) - before
    most = max_at_once(platform.invocations()[before:])
    print(f"40 tasks at once: {time.monotonic() - begun:.2f} s, {started} started, {most} at once", flush=True)
    check(most <= MAXIMUM, f"{most} at once, and {MAXIMUM} are allowed")

    group = await eventually(lambda: group_of(controller), "its group is shown", 5)
    check(group["limits"] == {"min": 0, "max": MAXIMUM} and group["scaler"] == "fleet", f"as configured: {group['limits']}")
    check(group["function"] == serverless.arn("kitchen", 1) and group["provider"] == "aws-lambda", "and its function")
    events = {d["event"] for d in group["decisions"]}
    check({"decided", "launched"} <= events, f"the last decisions are shown: {events}")

    await eventually(lambda: not platform.running(), "all workers leave", 20)
    await eventually(lambda: group_of(controller)["fleet"]["live"] == 0, "and are not counted any more", 20)
    # What a server counts as waiting it tells up to five seconds late, so that the last worker may be gone before.
    await eventually(lambda: group_of(controller)["standing"] == "ok", "and it is well", 15)
    check(not [i for i in platform.invocations() if i.failed], "no invocation failed")

    numbers = metrics(controller)
    who = 'namespace="default",worker_deployment_name="kitchen",worker_build_id="build-1",group="default"'
    asked = sum(v for (name, labels), v in numbers.items() if name.endswith("_scale_up_count") and labels.startswith(who))
    check(asked == len(platform.invocations()), f"metrics tell of {asked} starts, and {len(platform.invocations())} were made")
    check(numbers.get(("mayfly_controller_leader", 'namespace="default"')) == 1, "metrics tell who leads")
    check(numbers.get(("worker_controller_instance_live_worker_count", who)) == 0, "and that nobody lives")
    for counter in ('action_error_count', 'read_error_count'):
        check(("worker_controller_instance_" + counter, who + ',outcome="permanent"') in numbers,
              f"{counter} is there though nothing has failed")
    check(numbers.get(("worker_controller_instance_scale_up_throttled_count", who + ',reason="breaker_open"')) == 0,
          "as is what never held anybody back")
    calls = numbers.get(("worker_controller_instance_scaling_action_latency_count", 'namespace="default"'))
    check(calls and calls <= asked, f"and how long {calls} calls took")
    told = controller.get("/status?deployment=other")
    check(json.loads(told)["namespaces"][0]["versions"] == [], "only what is asked for is told")


async def reload(client, controller):
    """Settings are taken anew, broken ones are not, and what is configured in the cluster is seen at once."""
    good = controller.file.read_text()
    controller.file.write_text(good + "\n[lease]\nlost_after_ms = 1\n")
    controller.process.send_signal(signal.SIGHUP)
    await eventually(lambda: "the settings stay as they are" in controller.said(), "a broken file is refused", 10)
    check("lease.lost_after_ms" in controller.said(), "and it is said why")
    controller.file.write_text(good.replace("[scaler.fleet]", "[scaler.fleet]\nhedge = 0.0"))
    controller.process.send_signal(signal.SIGHUP)
    await eventually(lambda: "settings taken" in controller.said(), "a good one is taken", 10)
    check(ready(controller) == (200, "default: leader\n"), "and it goes on leading")
    check(controller.log.read_text().count("message=leader") == 1, "without a break")

    await configure(client, serverless.arn("kitchen", 1), create=False, maximum=3, revision=2)
    await eventually(lambda: (g := group_of(controller)) and g["limits"]["max"] == 3, "another maximum is seen", 10)
    await configure(client, "no arn", create=False, revision=3)
    version = await eventually(lambda: (v := controller.version("kitchen", "build-1")) and not v["driven"] and v,
                               "what cannot be understood is not driven", 10)
    check(version and any("arn" in p for p in version["problems"]), f"and it is said why: {version}")
    await configure(client, serverless.arn("kitchen", 1), create=False, revision=4)
    await eventually(lambda: controller.version("kitchen", "build-1")["driven"], "until it can be", 10)


async def once(client, platform, controller):
    """Workers that were asked for and have not polled are not started once more because the settings are read anew."""
    await eventually(lambda: not platform.running(), "nobody is left of before", 20)
    before = len(platform.invocations())
    good = controller.file.read_text()
    controller.file.write_text(good.replace("look_every_ms = 500", "look_every_ms = 400"))
    terms = controller.log.read_text().count("message=leader")
    await configure(client, serverless.arn("kitchen", 1), create=False, maximum=2, minimum=2, revision=5)
    await eventually(lambda: len(platform.invocations()) > before, "the minimum is started", 10)
    controller.process.send_signal(signal.SIGHUP)
    controller.process.send_signal(signal.SIGHUP)
    await eventually(lambda: controller.log.read_text().count("message=leader") > terms, "it leads anew", 15)
    await eventually(lambda: (g := group_of(controller)) and g["fleet"]["live"] == 2, "both are seen", 15)
    started = len(platform.invocations()) - before
    check(started == 2, f"{started} started for a minimum of 2")
    controller.file.write_text(good)
    await configure(client, serverless.arn("kitchen", 1), create=False, revision=6)


def max_at_once(invocations):
    changes = sorted([(i.begun, 1) for i in invocations] + [(i.ended, -1) for i in invocations if i.ended])
    most = now = 0
    for _, step in changes:
        now += step
        most = max(most, now)
    return most


async def replicas(client, platform, first, second):
    """The leader is killed in mid-burst."""
    await eventually(lambda: group_of(first), "the first one drives the version", 20)
    await eventually(lambda: ready(second) == (200, "default: standby\n"), "the second one stands by", 20)
    await eventually(lambda: not platform.running(), "nobody is left of before", 20)
    before = len(platform.invocations())
    burst = asyncio.gather(*(cook(client, f"dish {i}", 1500) for i in range(24)))
    await eventually(lambda: len(platform.invocations()) - before >= 3, "workers come for the burst", 15)
    first.stop(signal.SIGKILL)
    died, started = time.monotonic(), len(platform.invocations()) - before
    await eventually(lambda: ready(second)[1].startswith("default: leader"), "the other one takes over", 15)
    took = time.monotonic() - died
    # Two tasks more, which nobody but a leader starts workers for if those of the burst have left.
    late = asyncio.gather(*(cook(client, f"late dish {i}", 100) for i in range(2)))
    await asyncio.wait_for(burst, 45)
    await asyncio.wait_for(late, 45)
    all_started = platform.invocations()[before:]
    most = max_at_once(all_started)
    print(f"failover after {took:.1f} s; {started} started before, {len(all_started)} in all, {most} at once", flush=True)
    check(took < 15, "failover takes less than 15 s")
    check(most <= MAXIMUM, f"{most} at once, and {MAXIMUM} are allowed")
    await eventually(lambda: not platform.running(), "all workers leave", 25)
    # A worker takes several tasks, so that fewer than one for each are enough, whoever leads.
    check(len(all_started) <= 24 + 2, f"{len(all_started)} started for 26 tasks")


async def run(spec, local_lambda, mayfly, worker):
    with tempfile.TemporaryDirectory() as folder:
        config = pathlib.Path(folder) / "temporal.toml"
        kitchen = {"function": "kitchen", "bootstrap": worker, "versions": [1], "timeout": 15, "async_retries": 0,
                   "env": {"TEMPORAL_CONFIG_FILE": str(config)}}
        with serverless.functions_of(local_lambda, [kitchen]) as platform, temporal_services.serving(spec) as service:
            config.write_text(f'[profile.default]\naddress = "{service.address}"\n')
            client = await Client.connect(service.address)
            both = [serverless.Controller(mayfly, service, folder, platform.environment(), name, settings=QUICK)
                    for name in ("first", "second")]
            try:
                both[0].start()
                await one(client, platform, service, both[0], mayfly)
                await reload(client, both[0])
                await once(client, platform, both[0])
                both[1].start()
                await replicas(client, platform, *both)
                check(both[1].stop() == 0, "SIGTERM ends it well")
                lines = both[0].record.read_text().splitlines() + both[1].record.read_text().splitlines()
                events = {json.loads(line)["event"] for line in lines}
                check({"leading", "decided", "launched", "bootstrap"} <= events, f"the record has it all: {events}")
                said = both[0].log.read_text() + both[1].log.read_text() + "\n".join(lines)
                check(serverless.SECRET not in said, "no secret is said")
            except BaseException:
                for controller in both:
                    print(f"---- the {controller.name} controller said:\n{controller.said()}", flush=True)
                raise
            finally:
                for controller in both:
                    controller.stop(signal.SIGKILL)
            if checks.failures:
                for controller in both:
                    print(f"---- the {controller.name} controller said:\n{controller.said()}", flush=True)
    return checks.status()


if __name__ == "__main__":
    sys.exit(asyncio.run(run(sys.argv[1], *map(os.path.abspath, sys.argv[2:5]))))
