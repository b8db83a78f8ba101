#!/usr/bin/env python3
# SPDX-License-Identifier: BSL-1.0
"""Temporal's own command line and `mayfly worker deployment` manage the same deployments: what one creates the other
describes, changes and deletes, and what both tell is the same.

    official_cli.py SERVICE PATH/TO/mayfly PATH/TO/local_lambda PATH/TO/a_function

SERVICE is as temporal_services.py has it. Theirs is what tests/temporal_server built; without it the test is skipped.
"""

import asyncio
import base64
import contextlib
import json
import os
import subprocess
import sys

from temporalio.client import Client

import checks
import serverless
import temporal_services
from checks import check
from mayfly_worker_deployment import polled, version

SPEC, MAYFLY, LOCAL_LAMBDA, FUNCTION = sys.argv[1:5]
ROLE = f"arn:aws:iam::{serverless.ACCOUNT}:role/invoker"
EXTERNAL_ID = "sesame-open"
# A default server takes no compute configuration. This one does, and its own controller is off.
TAKES_COMPUTE = ('workercontroller.compute_providers.enabled=["aws-lambda"]',
                 'workercontroller.scaling_algorithms.enabled=["no-sync","rate-based"]')


def official():
    found = subprocess.run([sys.executable, str(temporal_services.SERVER), "path", "temporal_cli"], capture_output=True,
                           text=True, check=False)
    if found.returncode == temporal_services.SKIPPED:
        print(f"skipped: official_cli.py: {found.stdout.strip()}", flush=True)
        sys.exit(temporal_services.SKIPPED)
    if found.returncode != 0:
        raise RuntimeError(found.stderr)
    return found.stdout.strip()


class Command:
    """One of the two, as somebody calls it."""

    def __init__(self, name, program, address, variables):
        self.name, self.program, self.address = name, program, address
        self.variables = {k: v for k, v in os.environ.items() if not k.startswith(("TEMPORAL_", "AWS_"))} | variables
        self.variables["HOME"] = "/nonexistent"

    def __call__(self, verb, *arguments, fails=False):
        done = subprocess.run(
            [self.program, "worker", *verb.split(), *map(str, arguments), "--address", self.address, "--identity",
             "the-same", "--output", "json"], capture_output=True, text=True, timeout=60, check=False, env=self.variables,
            stdin=subprocess.DEVNULL)
        check((done.returncode != 0) == fails, f"{self.name} {verb} {arguments}: {done.returncode} {done.stdout}{done.stderr}")
        try:
            return json.loads(done.stdout or "null")
        except json.JSONDecodeError:
            return done.stdout


def plain(value, path=""):
    """The same for both: no moment is none, a payload is what is in it, and what only ours tells is left away."""
    ours = {"status", "details", "minInstances", "maxInstances", "lastChangedTime", "lastCheckedTime"}
    if isinstance(value, dict):
        if set(value) == {"metadata", "data"}:
            return json.loads(base64.b64decode(value["data"]))
        return {k: plain(v, f"{path}/{k}") for k, v in value.items()
                if k not in ours and not k.startswith("mayfly.")} or None
    if isinstance(value, list) and value:
        return sorted((plain(v, path + "/[]") for v in value), key=json.dumps)
    if value is None or value == [] or isinstance(value, str) and (value.startswith("0001-01-01") or value.startswith("1970-01-01")):
        return None
    if isinstance(value, str) and value.endswith("Z") and path.endswith("Time"):
        return value[:-1].rstrip("0").rstrip(".")  # As many digits as each of them likes.
    return round(float(value), 3) if isinstance(value, (int, float)) else value


def told_alike(ours, theirs, verb, *arguments):
    here, there = plain(ours(verb, *arguments)), plain(theirs(verb, *arguments))
    if isinstance(there, dict):
        # Only one of them names what is not there.
        here = {k: v for k, v in here.items() if k in there}
    check(here == there, f"{verb} {arguments}\n  mayfly:   {json.dumps(here)}\n  temporal: {json.dumps(there)}")


async def either_way(first, second, client, name):
    """What `first` does, `second` sees, changes and undoes."""
    print(f"{first.name} and {second.name}", flush=True)
    ours, theirs = (first, second) if first.name == "mayfly" else (second, first)
    first("deployment create", "--name", name)
    first("deployment create", "--name", name, fails=True)
    second("deployment create", "--name", name, fails=True)
    told_alike(ours, theirs, "deployment describe", "--name", name)

    async with polled(client, name, "1", f"{name}-queue"), polled(client, name, "2", f"{name}-queue"):
        for _ in range(300):
            if len(second("deployment describe", "--name", name)["versionSummaries"] or ()) == 2:
                break
            await asyncio.sleep(0.1)
        told_alike(ours, theirs, "deployment describe", "--name", name)
        first("deployment set-current-version", *version(name, "1"), "--yes")
        second("deployment set-ramping-version", *version(name, "2"), "--percentage", 25, "--yes")
        told_alike(ours, theirs, "deployment describe", "--name", name)
        told_alike(ours, theirs, "deployment describe-version", *version(name, "1"))
        told_alike(ours, theirs, "deployment describe-version", *version(name, "2"), "--report-task-queue-stats")
        first("deployment set-ramping-version", *version(name, "2"), "--delete", "--yes")
        second("deployment set-current-version", *version(name, "2"), "--yes")
        told_alike(ours, theirs, "deployment describe", "--name", name)
        first("deployment set-current-version", *version(name, "none"), "--yes", fails=True)
        second("deployment set-current-version", *version(name, "none"), "--yes", fails=True)
        for command in (first, second):
            command("deployment set-current-version", *version(name, "1"), fails=True)  # Nobody can be asked.

        first("deployment update-version-metadata", *version(name, "1"), "--metadata", 'team="orders"')
        second("deployment update-version-metadata", *version(name, "1"), "--metadata", "rank=3")
        told_alike(ours, theirs, "deployment describe-version", *version(name, "1"))
        told = plain(ours("deployment describe-version", *version(name, "1")))
        check(told["metadata"] == {"team": "orders", "rank": 3}, f"notes of both: {told}")
        second("deployment update-version-metadata", *version(name, "1"), "--remove-entries", "team")
        told = plain(theirs("deployment describe-version", *version(name, "1")))
        check(told["metadata"] == {"rank": 3}, f"one is gone: {told}")

        first("deployment manager-identity set", "--deployment-name", name, "--manager-identity", "ada", "--yes")
        told_alike(ours, theirs, "deployment describe", "--name", name)
        second("deployment set-current-version", *version(name, "1"), "--yes", fails=True)
        second("deployment manager-identity unset", "--deployment-name", name, "--yes")
        told_alike(ours, theirs, "deployment describe", "--name", name)
        for command in (first, second):
            command("deployment delete-version", *version(name, "2"), fails=True)
            command("deployment delete", "--name", name, fails=True)
        second("deployment set-current-version", "--deployment-name", name, "--unversioned", "--yes")
        told_alike(ours, theirs, "deployment describe", "--name", name)


def doctor(ours, which, *flags):
    done = subprocess.run([ours.program, "doctor", "--version", which, "--address", ours.address, "--no-aws", *flags],
                          capture_output=True, text=True, timeout=60, check=False, env=ours.variables)
    return done.stdout + done.stderr


def compute(ours, theirs):
    """Versions that nobody polls, with what runs their workers, in the server's own configuration."""
    arn = serverless.arn("orders", 1)
    role = ["--aws-lambda-assume-role-arn", ROLE, "--aws-lambda-assume-role-external-id", EXTERNAL_ID]
    for first, second, name in ((ours, theirs, "mine"), (theirs, ours, "yours")):
        print(f"{first.name} and {second.name}, with compute", flush=True)
        at = ["--server-controller-is-off"]
        first("deployment create", "--name", name)
        shop = version(name, "1")
        first("deployment create-version", *shop, fails=True)
        first("deployment create-version", *shop, "--aws-lambda-function-arn", arn, *role, *(at if first is ours else []))
        second("deployment create-version", *shop, "--aws-lambda-function-arn", arn, *role, fails=True)
        told_alike(ours, theirs, "deployment describe-version", *shop)
        told = ours("deployment describe-version", *shop)
        provider = told["computeConfig"]["scalingGroups"]["default"]["provider"]
        check(provider["details"]["arn"] == arn and told["computeKeptIn"] == "server", f"whole: {told}")
        for flags, noted in (([], True), (["--server-controller-is-off"], False)):
            said = doctor(ours, f"{name}:1", *flags)
            check(("the server keeps the configuration" in said) == noted, f"who may act on it, with {flags}: {said}")
        # Theirs wants all of it again; ours only what changes.
        theirs("deployment update-version-compute-config", *shop, "--aws-lambda-function-arn", arn, *role)
        ours("deployment update-version-compute-config", *shop, "--scaler-type", "no-sync")
        told_alike(ours, theirs, "deployment describe-version", *shop)

        # Never invoked, and this flag alone is enough with ours. Theirs wants another one.
        if second is ours:
            second("deployment set-current-version", *shop, "--ignore-missing-task-queues", "--yes")
        else:
            second("deployment set-current-version", *shop, "--ignore-missing-task-queues", "--allow-no-pollers", "--yes")
        told_alike(ours, theirs, "deployment describe", "--name", name)
        first("deployment set-current-version", "--deployment-name", name, "--unversioned", "--yes")
        second("deployment update-version-compute-config", *shop, "--remove")
        told = plain(theirs("deployment describe-version", *shop))
        check("computeConfig" not in told, f"it is gone: {told}")
        second("deployment delete-version", *shop, "--skip-drainage")
        second("deployment delete", "--name", name)
        first("deployment describe", "--name", name, fails=True)


async def main():
    program = official()
    functions = [{"function": "orders", "bootstrap": FUNCTION, "versions": [1], "timeout": 60, "async_retries": 0,
                  "event_age": 60, "memory": 512}]
    with serverless.functions_of(LOCAL_LAMBDA, functions, "--role-arn", ROLE, "--external-id", EXTERNAL_ID) as platform:
        os.environ.update(platform.environment())  # The server asks the platform itself.
        with temporal_services.serving(SPEC, dynamic=TAKES_COMPUTE) as service:
            ours = Command("mayfly", MAYFLY, service.address, platform.environment())
            theirs = Command("temporal", program, service.address, {})
            client = await Client.connect(service.address)
            await either_way(ours, theirs, client, "first")
            await either_way(theirs, ours, client, "second")
            compute(ours, theirs)
            check({e["name"] for e in ours("deployment list")} == {e["name"] for e in theirs("deployment list")},
                  "the same deployments")
    return checks.status()


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
