#!/usr/bin/env python3
# SPDX-License-Identifier: BSL-1.0
"""The commands `mayfly worker`, `mayfly deploy-check` and `mayfly completion`: what they do, say and return.

    mayfly_worker_deployment.py SERVICE PATH/TO/mayfly PATH/TO/local_lambda PATH/TO/a_function

SERVICE is as temporal_services.py has it. Whoever polls as a version is a client of the package temporalio.
"""

import asyncio
import contextlib
import http.server
import json
import os
import pty
import shutil
import subprocess
import sys
import threading

from temporalio.api.deployment.v1 import WorkerDeploymentOptions
from temporalio.api.enums.v1 import WorkerVersioningMode
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflowservice.v1 import PollActivityTaskQueueRequest, RecordWorkerHeartbeatRequest
from temporalio.api.worker.v1 import WorkerHeartbeat
from temporalio.client import Client
from temporalio.service import RPCError

import checks
import serverless
import temporal_services
from checks import check, eventually

SPEC, MAYFLY, LOCAL_LAMBDA, FUNCTION = sys.argv[1:5]
DONE, REFUSED, UNUSABLE, UNCONFIRMED = range(4)
EXTERNAL_ID = "sesame-open"
ROLE = f"arn:aws:iam::{serverless.ACCOUNT}:role/invoker"
ARN = serverless.arn("orders", 1)


class Mayfly:
    """The program, as somebody calls it beside a service and a platform."""

    def __init__(self, **variables):
        self.variables = {k: v for k, v in os.environ.items() if not k.startswith(("TEMPORAL_", "AWS_"))}
        self.variables |= {"HOME": "/nonexistent"} | variables

    def __call__(self, *arguments, expected=DONE, said="", **options):
        done = subprocess.run([MAYFLY, *map(str, arguments)], capture_output=True, text=True, timeout=60, check=False,
                              env=self.variables, stdin=subprocess.DEVNULL, **options)
        told = done.stdout + done.stderr
        check(done.returncode == expected, f"{arguments} returns {expected}: {done.returncode} {told}")
        check(said in told, f"{arguments} says {said!r}: {told}")
        check(EXTERNAL_ID not in told, f"{arguments} tells no secret: {told}")
        check(expected == DONE or done.stderr or "deploy-check" in arguments or "validate-version" in arguments,
              f"{arguments} says why")
        return done.stdout

    def deployment(self, verb, *arguments, **expectation):
        return self("worker", "deployment", *verb.split(), *arguments, **expectation)

    def told(self, verb, *arguments, **expectation):
        out = self.deployment(verb, *arguments, "--output", "json", **expectation)
        return json.loads(out or "null")


def version(deployment, build_id):
    return ["--deployment-name", deployment, "--build-id", build_id]


@contextlib.asynccontextmanager
async def polled(client, deployment, build_id, queue):
    """A worker of this version."""
    request = PollActivityTaskQueueRequest(
        namespace="default", identity=f"worker-{build_id}", task_queue=TaskQueue(name=queue),
        deployment_options=WorkerDeploymentOptions(
            deployment_name=deployment, build_id=build_id,
            worker_versioning_mode=WorkerVersioningMode.WORKER_VERSIONING_MODE_VERSIONED))

    async def poll():
        while True:
            with contextlib.suppress(RPCError):
                await client.workflow_service.poll_activity_task_queue(request)
            await asyncio.sleep(0.05)

    task = asyncio.create_task(poll())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def words(mayfly):
    for path in ([], ["deployment"], ["deployment", "manager-identity"], ["deployment", "create"], ["list"],
                 ["deployment", "manager-identity", "set"], ["deployment", "set-ramping-version"]):
        out = mayfly("worker", *path, "--help")
        check(out.startswith(f"usage: mayfly worker{''.join(' ' + word for word in path)} "), f"{path} has help: {out}")
    for said, arguments in (
            ("there is no verb \"dance\"", ["dance"]),
            ("there is no verb \"deployment dance\"", ["deployment", "dance"]),
            ("wants one more word", ["deployment"]),
            ("wants one more word", ["deployment", "manager-identity"]),
            ("--name is missing", ["deployment", "create"]),
            ("the port is missing", ["list", "--address", "nowhere"])):
        mayfly("worker", *arguments, expected=UNUSABLE, said=said)
    mayfly("deploy-check", expected=UNUSABLE, said="give the function")
    mayfly("deploy-check", ARN, "another", expected=UNUSABLE, said="one function too many")
    mayfly("worker", "count", "--address", "127.0.0.1:1", "--tls", "false", expected=REFUSED, said="mayfly dev")


def completion(mayfly):
    """What the shells themselves make of the scripts, where they are."""
    for shell in ("bash", "zsh", "fish"):
        check(mayfly("completion", shell).startswith("#"), f"a script for {shell}")
    mayfly("completion", "ksh", expected=UNUSABLE, said="bash")
    cases = ((["wor"], {"worker"}), (["worker", "deployment", "set-"], {"set-current-version", "set-ramping-version"}),
             (["worker", "deployment", "manager-identity", ""], {"set", "unset"}),
             (["worker", "deployment", "create-version", "--scaler-m"],
              {"--scaler-min-instances", "--scaler-max-instances"}), (["controller", ""], {"run", "check"}),
             (["controller", "run", "--le"], {"--lease"}))

    def fits(seen, line, expected):
        """Where no word was begun, options may stand beside the verbs."""
        more = seen - expected
        return expected <= seen and (not more or (line[-1] == "" and all(word.startswith("--") for word in more)))

    for line, expected in cases:
        text = "source <(\"$0\" completion bash); COMP_WORDS=(\"$0\" \"$@\"); COMP_CWORD=$#; _mayfly; " \
               "printf '%s\\n' \"${COMPREPLY[@]}\""
        out = subprocess.run(["bash", "-c", text, MAYFLY, *line], capture_output=True, text=True, timeout=60, check=False)
        check(fits(set(out.stdout.split()), line, expected), f"bash completes {line}: {out.stdout}{out.stderr}")
        if shutil.which("fish"):
            text = f"{MAYFLY} completion fish | source; complete -C 'mayfly {' '.join(line)}'"
            path = os.path.dirname(MAYFLY)
            out = subprocess.run(["fish", "-c", text], capture_output=True, text=True, timeout=60, check=False,
                                 env=os.environ | {"PATH": f"{path}:{os.environ['PATH']}"})
            seen = {entry.split("\t")[0] for entry in out.stdout.splitlines()}
            check(fits(seen, line, expected), f"fish completes {line}: {out.stdout}{out.stderr}")
    if shutil.which("zsh"):
        out = subprocess.run(["zsh", "-f", "-c", f"autoload -U compinit && compinit -u -D; source <({MAYFLY} completion zsh)"
                              "; whence -w _mayfly; print -r -- ${_comps[mayfly]}"], capture_output=True, text=True,
                             timeout=60, check=False)
        check(out.stdout.split() == ["_mayfly:", "function", "_mayfly"], f"zsh takes it: {out.stdout}{out.stderr}")


def deploy_check(mayfly):
    out = mayfly("deploy-check", ARN, "--role", ROLE, "--role-external-id", EXTERNAL_ID)
    check("fit to run workers" in out, f"a function that will do: {out}")
    told = json.loads(mayfly("deploy-check", serverless.arn("quick", 1), "--output", "json", expected=REFUSED))
    check(not told["valid"] and any("timeout" in e for e in told["errors"]), f"too short a time: {told}")
    mayfly("deploy-check", ARN[:-2], said="warning: ")
    mayfly("deploy-check", "orders", expected=REFUSED, said="error: arn is \"orders\"")
    mayfly("deploy-check", serverless.arn("nobody", 1), expected=REFUSED, said="not found")
    mayfly("deploy-check", ARN, "--role", ROLE, "--role-external-id", "other", expected=REFUSED, said="cannot be assumed")
    mayfly("deploy-check", serverless.arn("quick", 1), "--output", "none", expected=REFUSED)


def compute(mayfly):
    """Versions with what runs their workers."""
    shop = version("shop", "1")
    mayfly.deployment("create-version", *shop, "--aws-lambda-invoke", ARN, expected=REFUSED, said="deployment create makes")
    mayfly.deployment("create", "--name", "shop", said="created deployment shop")
    mayfly.deployment("create", "--name", "shop", expected=REFUSED, said="describe tells about it")
    mayfly.deployment("create-version", *shop, expected=UNUSABLE, said="--aws-lambda-invoke")
    mayfly.deployment("create-version", *shop, "--aws-lambda-invoke", serverless.arn("nobody", 1), expected=REFUSED,
                      said="not found")
    mayfly.deployment("create-version", *shop, "--aws-lambda-invoke", ARN, "--scaler-min-instances", 6,
                      "--scaler-max-instances", 5, expected=REFUSED, said="limits.min")
    made = mayfly.told("create-version", *shop, "--aws-lambda-invoke", ARN, "--scaler-max-instances", 5)
    check((made["BuildID"], made["done"], made["keptIn"]) == ("1", "created", "metadata"), f"a version is made: {made}")
    mayfly.deployment("create-version", *shop, "--aws-lambda-invoke", ARN, expected=REFUSED, said="new build id")

    told = mayfly.told("describe-version", *shop)
    default = told["computeConfig"]["scalingGroups"]["default"]
    check(default["provider"] == {"type": "aws-lambda", "details": {"arn": ARN}}, f"its provider: {told}")
    check(default["scaler"]["maxInstances"] == 5, f"its limits: {told}")
    check(told["status"] in ("created", "inactive") and told["metadata"] == {}, f"not routed to yet: {told}")
    check(told["validation"]["error"] == "" and told["validation"]["checked"], f"that it was looked at: {told}")

    mayfly.deployment("update-version-compute-config", *shop, "--aws-lambda-assume-role-arn", ROLE, expected=REFUSED,
                      said="come together")
    role = ["--aws-lambda-assume-role-arn", ROLE, "--aws-lambda-assume-role-external-id", EXTERNAL_ID]
    mayfly.deployment("update-version-compute-config", *shop, *role, said="changed")
    mayfly.deployment("update-version-compute-config", *shop, "--scaler-min-instances", 1)
    mayfly.deployment("update-version-compute-config", *shop, "--scaler-min-instances", 1, said="all is as it was")
    default = mayfly.told("describe-version", *shop)["computeConfig"]["scalingGroups"]["default"]
    check(default["provider"]["details"] == {"arn": ARN, "role": ROLE, "role_external_id": "(not shown)"},
          f"a role is added and the rest stays: {default}")
    check((default["scaler"]["minInstances"], default["scaler"]["maxInstances"]) == (1, 5), f"both limits: {default}")
    text = mayfly.deployment("describe-version", *shop)
    check("aws-lambda (min 1, max 5)" in text and ARN in text and ROLE in text, f"and as text: {text}")
    check("--controller URL" in text, f"with where the controller's verdict is: {text}")

    mayfly.deployment("validate-version", *shop, said="all is well")
    mayfly.deployment("validate-version", *shop, "--aws-lambda-invoke", ARN[:-2], said="names no published version")
    told = mayfly.told("validate-version", *shop, "--aws-lambda-invoke", serverless.arn("quick", 1), expected=REFUSED)
    check(not told["valid"] and told["errors"], f"what would be wrong: {told}")
    mayfly.deployment("update-version-compute-config", *shop, "--aws-lambda-invoke", serverless.arn("nobody", 1),
                      expected=REFUSED)
    mayfly.deployment("update-version-compute-config", *shop, "--aws-lambda-invoke", serverless.arn("nobody", 1),
                      "--skip-validation", said="changed")
    mayfly.deployment("update-version-compute-config", *version("shop", "none"), "--scaler-max-instances", 2,
                      expected=REFUSED)

    mayfly.deployment("update-version-compute-config", *shop, "--remove", said="nothing starts workers")
    mayfly.deployment("update-version-compute-config", *shop, "--remove", expected=REFUSED, said="to remove")
    check("computeConfig" not in mayfly.told("describe-version", *shop), "nothing is left")
    mayfly.deployment("validate-version", *shop, expected=REFUSED, said="no compute configuration")
    mayfly.deployment("update-version-compute-config", *shop, "--scaler-max-instances", 2, expected=REFUSED,
                      said="--aws-lambda-invoke")
    mayfly.deployment("update-version-compute-config", *shop, "--aws-lambda-invoke", ARN, said="changed")
    mayfly.deployment("create-version", *version("shop", "cloud"), "--gcp-cloud-run-project", "p",
                      "--gcp-cloud-run-region", "r", "--gcp-cloud-run-worker-pool", "w", "--gcp-cloud-run-service-account",
                      "a", "--storage", "metadata", expected=REFUSED, said="gcp-cloud-run")
    mayfly.deployment("create-version", *version("shop", "endpoint"), "--aws-agentcore-endpoint-arn", "e",
                      "--scaler-max-instances", 5, expected=UNUSABLE, said="keeps no limits")


def notes(mayfly):
    shop = version("shop", "1")
    told = mayfly.told("update-version-metadata", *shop, "--metadata", 'team="orders"', "--metadata", 'of={"n":[1]}')
    check(told == {"metadata": {"team": "orders", "of": {"n": [1]}}, "removed": []}, f"notes, without our own: {told}")
    told = mayfly.told("update-version-metadata", *shop, "--remove-entries", "of", "--remove-entries", "never")
    check(told == {"metadata": {"team": "orders"}, "removed": ["of"]}, f"one is gone: {told}")
    mayfly.deployment("update-version-metadata", *shop, "--remove-entries", "mayfly.validation",
                      said="removed mayfly.validation")
    mayfly.deployment("update-version-metadata", *shop, "--remove-entries", "mayfly.compute", expected=UNUSABLE,
                      said="update-version-compute-config --remove")
    mayfly.deployment("update-version-metadata", *shop, "--metadata", "mayfly.compute={}", expected=UNUSABLE)
    mayfly.deployment("update-version-metadata", *version("shop", "none"), "--metadata", "a=1", expected=REFUSED)
    check(mayfly.told("describe-version", *shop)["computeConfig"], "its compute configuration is still there")


def asked(mayfly, arguments, answer):
    """The same on a terminal, where somebody answers."""
    leader, follower = pty.openpty()
    with subprocess.Popen([MAYFLY, "worker", "deployment", *arguments], stdin=follower, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, env=mayfly.variables) as process:
        os.write(leader, answer.encode() + b"\n")
        said = process.stdout.read().decode()
        status = process.wait(60)
    os.close(leader)
    os.close(follower)
    return status, said


async def routing(mayfly, client):
    """A version that never ran, and those that did."""
    first, second = version("shop", "1"), version("shop", "2")
    mayfly.deployment("set-current-version", *first, "--ignore-missing-task-queues", expected=UNCONFIRMED, said="--yes")
    mayfly.told("set-current-version", *first, "--ignore-missing-task-queues", expected=UNCONFIRMED)
    status, said = asked(mayfly, ["set-current-version", *first, "--ignore-missing-task-queues"], "n")
    check(status == UNCONFIRMED and "Version Summaries:" in said and "nothing was changed" in said, f"{status} {said}")
    check(mayfly.told("describe", "--name", "shop")["routingConfig"]["currentVersionBuildID"] == "", "nothing is current")
    mayfly.deployment("set-current-version", *first, "--ignore-missing-task-queues", "--yes",
                      said="shop:1 is current now (before: no version)")
    mayfly.deployment("set-current-version", *version("shop", "none"), "--yes", expected=REFUSED)
    mayfly.deployment("set-current-version", *version("nowhere", "1"), "--yes", expected=REFUSED, said="list")

    async with polled(client, "shop", "2", "orders"):
        await eventually(lambda: any(
            v["BuildID"] == "2" for v in mayfly.told("describe", "--name", "shop")["versionSummaries"]),
            "a version of a worker that polled")
        status, said = asked(mayfly, ["set-ramping-version", *second, "--percentage", "25"], "y")
        check(status == DONE and "shop:2 gets 25 % of new work now" in said, f"it is asked and done: {status} {said}")
        config = mayfly.told("describe", "--name", "shop")["routingConfig"]
        check((config["rampingVersionBuildID"], config["rampingVersionPercentage"]) == ("2", 25), f"a ramp: {config}")
        mayfly.deployment("set-ramping-version", *first, "--delete", "--yes", expected=REFUSED, said="2 is")
        told = mayfly.told("set-ramping-version", "--deployment-name", "shop", "--delete", "--yes")
        check((told["previousBuildID"], told["previousPercentage"]) == ("2", 25), f"no ramp: {told}")
        config = mayfly.told("describe", "--name", "shop")["routingConfig"]
        check(config["rampingVersionBuildID"] == "" and config["rampingVersionPercentage"] == 0, f"no ramp: {config}")

        told = mayfly.told("set-current-version", *second, "--yes")
        check(told["previousBuildID"] == "1", f"the one before: {told}")
        told = mayfly.told("describe-version", *second, "--report-task-queue-stats")
        queue = told["taskQueuesInfos"][0]
        check((queue["name"], queue["type"]) == ("orders", "activity"), f"its queue: {told}")
        check(queue["stats"]["approximateBacklogCount"] == 0, f"with numbers: {told}")
        check(told["workers"][0]["identity"] == "worker-2" and told["workers"][0]["lastAccessTime"], f"who polls: {told}")
        text = mayfly.deployment("describe-version", *second, "--report-task-queue-stats")
        check(all(w in text for w in ("Task Queues:", "ApproximateBacklogCount", "Workers:", "worker-2")), f"{text}")
        mayfly.deployment("delete-version", *second, expected=REFUSED)
        told = mayfly.told("set-current-version", "--deployment-name", "shop", "--unversioned", "--yes")
        check(told["previousBuildID"] == "2", f"no version at all: {told}")
        mayfly.deployment("delete-version", *second, "--skip-drainage", expected=REFUSED)


@contextlib.contextmanager
def a_controller(status):
    """What answers as a running controller would; its address."""
    class Handler(http.server.BaseHTTPRequestHandler):
        asked = []

        def do_GET(self):
            self.asked.append(self.path)
            body = json.dumps(status).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    with http.server.HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}", Handler.asked
        finally:
            server.shutdown()
            thread.join()


def verdicts(mayfly):
    """What a controller makes of a version."""
    shop = version("shop", "1")
    decision = {"at": "2026-01-02T03:04:05.000Z", "event": "decided", "why": "stats", "reason": "backlog", "launch": 3,
                "held_back": 1, "outcome": "ok", "detail": "because"}
    none = dict.fromkeys("asked starting live leaving foreign given_up refused slots startup_seconds failure_rate".split(), 0)
    totals = dict.fromkeys("asked refused connected given_up late returned adopted elsewhere".split(), 0)
    group = {"group": "default", "task_types": ["activity"], "provider": "aws-lambda", "function": ARN, "scaler": "fleet",
             "limits": {"min": 0}, "standing": "misconfigured", "symptom": "never_connected",
             "message": "it starts and never polls; read its log", "since": "2026-01-02T03:04:05.000Z", "backlog": 0,
             "dispatch_rate": 0, "fleet": none | {"ever_seen": False}, "totals": totals, "workers": [],
             "decisions": [decision]}
    driven = {"deployment": "shop", "build_id": "1", "status": "inactive", "kept_in": "metadata", "revision": 1,
              "driven": True, "beginning": False, "problems": [], "conflict": "", "groups": [group]}
    status = {"schema": "mayfly-controller-status/1", "identity": "it", "started": "", "now": "", "namespaces": [
        {"name": "default", "address": "", "role": "leader", "since": "", "problem": "", "reads": 0, "reads_waiting": 0,
         "reads_per_second": 0, "versions": [driven], "left_out": 0}]}
    with a_controller(status) as (address, asked_for):
        text = mayfly.deployment("describe-version", *shop, "--controller", address)
        check(asked_for == ["/status?namespace=default&deployment=shop&build_id=1"], f"it is asked for one: {asked_for}")
        check(all(w in text for w in ("misconfigured, never_connected since 2026-01-02", "read its log", "Last decisions:",
                                      "because")) and "--controller URL" not in text, f"its words: {text}")
        told = mayfly.told("describe-version", *shop, "--controller", address)["controller"]
        check(told["identity"] == "it" and told["groups"][0]["verdict"] == "misconfigured", f"as values: {told}")
        check(told["groups"][0]["decisions"][0]["launch"] == 3, f"with what it did: {told}")
        status["namespaces"][0]["role"] = "standby"
        mayfly.deployment("describe-version", *shop, "--controller", address, said="ask the one that leads")
        status["namespaces"] = []
        mayfly.deployment("describe-version", *shop, "--controller", address, said="does not know shop:1")
        status["schema"] = "another"
        mayfly.deployment("describe-version", *shop, "--controller", address, said="schema")
    mayfly.deployment("describe-version", *shop, "--controller", "http://127.0.0.1:1", said="http://127.0.0.1:1: ")
    mayfly.deployment("describe-version", *shop, "--controller", "what is this", said="give one like http://")


def managers(mayfly):
    shop = ["--deployment-name", "shop"]
    mayfly.deployment("manager-identity set", *shop, "--self", expected=UNCONFIRMED)
    told = mayfly.told("manager-identity set", *shop, "--manager-identity", "ada", "--yes")
    check((told["managerIdentity"], told["previousManagerIdentity"]) == ("ada", ""), f"a manager: {told}")
    mayfly.deployment("set-current-version", *version("shop", "1"), "--yes", "--allow-no-pollers",
                      "--ignore-missing-task-queues", expected=REFUSED, said="ada")
    mayfly.deployment("set-current-version", *version("shop", "1"), "--yes", "--allow-no-pollers",
                      "--ignore-missing-task-queues", "--identity", "ada", said="current now")
    mayfly.deployment("set-current-version", *shop, "--unversioned", "--yes", "--identity", "ada")
    told = mayfly.told("manager-identity set", *shop, "--self", "--identity", "bob", "--yes")
    check((told["managerIdentity"], told["previousManagerIdentity"]) == ("bob", "ada"), f"another: {told}")
    mayfly.deployment("manager-identity unset", *shop, "--yes", "--identity", "bob", said="no manager (before: bob)")
    me = mayfly.told("manager-identity set", *shop, "--self", "--yes")["managerIdentity"]
    mayfly.deployment("set-current-version", *version("shop", "1"), "--yes", "--allow-no-pollers",
                      "--ignore-missing-task-queues", said="current now")
    mayfly.deployment("set-current-version", *shop, "--unversioned", "--yes")
    mayfly.deployment("manager-identity unset", *shop, "--yes", said=f"no manager (before: {me})")


async def workers(mayfly, client):
    heartbeat = WorkerHeartbeat(worker_instance_key="key-1", worker_identity="me", task_queue="orders", sdk_name="x",
                                sdk_version="1")
    await client.workflow_service.record_worker_heartbeat(
        RecordWorkerHeartbeatRequest(namespace="default", identity="me", worker_heartbeat=[heartbeat]))
    query = ["--query", "TaskQueue = 'orders'"]
    await eventually(lambda: json.loads(mayfly("worker", "count", *query, "--output", "json"))["count"] == 1,
                     "it tells of itself")
    listed = mayfly("worker", "list", *query, "--output", "jsonl").splitlines()
    check([json.loads(line)["workerInstanceKey"] for line in listed] == ["key-1"], f"listed: {listed}")
    check("key-1" in mayfly("worker", "list"), "as a table")
    told = json.loads(mayfly("worker", "describe", "--worker-instance-key", "key-1", "--output", "json"))
    check((told["workerIdentity"], told["sdk"]) == ("me", "x 1"), f"described: {told}")
    mayfly("worker", "describe", "--worker-instance-key", "key-2", expected=REFUSED, said="worker list tells")


async def lists(mayfly):
    for name in ("b", "c"):
        mayfly.deployment("create", "--name", name, "--output", "none")
    # A server lists what is new a moment later.
    await eventually(lambda: {"shop", "b", "c"} <= {entry["name"] for entry in mayfly.told("list")}, "all of them are listed")
    lines = mayfly.deployment("list", "--output", "jsonl", "--limit", 2).splitlines()
    check(len(lines) == 2 and all(json.loads(line)["routingConfig"] for line in lines), f"line by line: {lines}")
    check(mayfly.deployment("list", "--output", "none") == "", "or silently")
    table = mayfly.deployment("list")
    check("Name" in table and "shop" in table, f"or as a table: {table}")


def ends(mayfly):
    mayfly.deployment("delete", "--name", "shop", expected=REFUSED)
    mayfly.deployment("delete-version", *version("shop", "1"), "--skip-drainage", said="deleted version shop:1")
    mayfly.deployment("describe-version", *version("shop", "1"), expected=REFUSED)
    for name in ("b", "c"):
        mayfly.deployment("delete", "--name", name, said=f"deleted deployment {name}")
    mayfly.deployment("describe", "--name", "b", expected=REFUSED, said="list")
    mayfly.deployment("delete", "--name", "b", expected=REFUSED, said="list")
    mayfly.deployment("delete-version", *version("shop", "1"), expected=REFUSED, said="list")


async def main():
    functions = [{"function": name, "bootstrap": FUNCTION, "versions": [1], "timeout": timeout, "async_retries": 0,
                  "event_age": 60, "memory": 512} for name, timeout in (("orders", 60), ("quick", 3))]
    with temporal_services.serving(SPEC) as service, serverless.functions_of(
            LOCAL_LAMBDA, functions, "--role-arn", ROLE, "--external-id", EXTERNAL_ID) as platform:
        mayfly = Mayfly(TEMPORAL_ADDRESS=service.address, **platform.environment())
        client = await Client.connect(service.address)
        words(mayfly)
        completion(mayfly)
        deploy_check(mayfly)
        compute(mayfly)
        notes(mayfly)
        verdicts(mayfly)
        await routing(mayfly, client)
        managers(mayfly)
        await workers(mayfly, client)
        await lists(mayfly)
        ends(mayfly)
    return checks.status()


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
