#!/usr/bin/env python3
# SPDX-License-Identifier: BSL-1.0
"""What keeps workers away is made on purpose, with real processes, and `mayfly doctor` names it.

    mayfly_doctor.py SERVICE PATH/TO/mayfly PATH/TO/local_lambda PATH/TO/activity_worker

SERVICE is one that temporal_services.py knows. Functions run at a local Lambda. What only a controller or a worker can
tell is told by files, in their own words: a flight record, a function's log.
"""

import concurrent.futures
import contextlib
import datetime
import json
import os
import pathlib
import stat
import subprocess
import sys
import tempfile
import time

import grpc
from google.protobuf.duration_pb2 import Duration
from temporalio.api.command.v1 import Command, ScheduleActivityTaskCommandAttributes
from temporalio.api.common.v1 import ActivityType, Payload, Payloads, WorkflowExecution, WorkflowType
from temporalio.api.deployment.v1 import WorkerDeploymentVersion
from temporalio.api.enums.v1 import CommandType, WorkerDeploymentVersionStatus
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflowservice.v1 import (
    WorkflowServiceServicer,
    WorkflowServiceStub,
    add_WorkflowServiceServicer_to_server,
)
from temporalio.api.workflowservice.v1 import request_response_pb2 as rpc

import serverless
import temporal_services

SPEC, MAYFLY, LOCAL_LAMBDA, WORKER = sys.argv[1:5]
ACCOUNT, REGION = "123456789012", "eu-west-1"
KEY, SECRET, EXTERNAL_ID = "AKIATESTKEY000000007", "SECRETMARKER-doctor-secret", "SECRETMARKER-external-id"
ROLES = {name: f"arn:aws:iam::{ACCOUNT}:role/{name}" for name in ("inviter", "open", "narrow")}
QUEUE = "doctor"
DRAINS_SOON = ['matching.wv.VersionDrainageStatusVisibilityGracePeriod="1s"',
               'matching.wv.VersionDrainageStatusRefreshInterval="1s"']
DEPLOYMENT = "activities"  # as the worker's code says; it says build id 1
FAILURES = []
SHOWN = set()
STARTED = []


def arn(function, qualifier="1"):
    plain = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{function}"
    return plain + (":" + qualifier if qualifier else "")


def functions_file(folder, address):
    """The functions, good and bad, and the roles to invoke them as."""
    crash = pathlib.Path(folder, "crash")
    crash.write_text("#!/bin/sh\nexit 3\n")
    crash.chmod(crash.stat().st_mode | stat.S_IXUSR)
    text = ""
    for name, settings in {
        "good": {},
        "short": {"timeout": 3},
        "crash": {"bootstrap": str(crash)},
        "lost": {"env": {"TEMPORAL_ADDRESS": "127.0.0.1:1"}},
        "full": {"reserved_concurrency": 0},
        "eager": {"async_retries": 2, "event_age": 21600},
        "making": {"state": "Pending"},
        "spoilt": {"last_update": "Failed"},
    }.items():
        given = {"bootstrap": WORKER, "timeout": 30, "async_retries": 0, "event_age": 60, **settings}
        env = {"TEMPORAL_ADDRESS": address, "TEMPORAL_TASK_QUEUE": QUEUE, **given.pop("env", {})}
        text += f'[[function]]\nfunction = "{name}"\nversions = [1, 2]\nalias = {{ PROD = 1 }}\n'
        text += "".join(f"{key} = {json.dumps(value)}\n" for key, value in given.items())
        text += "env = { " + ", ".join(f'{key} = "{value}"' for key, value in env.items()) + " }\n\n"
    text += f'[[role]]\nrole_arn = "{ROLES["inviter"]}"\nexternal_id = "{EXTERNAL_ID}"\n\n'
    text += f'[[role]]\nrole_arn = "{ROLES["open"]}"\n\n'
    text += (f'[[role]]\nrole_arn = "{ROLES["narrow"]}"\nexternal_id = "{EXTERNAL_ID}"\n'
             f'role_resource = ["{arn("good", "")}"]\n')
    path = pathlib.Path(folder, "functions.toml")
    path.write_text(text)
    return str(path)


class Cluster:
    """The service, as whoever sets versions up sees it."""

    def __init__(self, address):
        self.address = address
        self.stub = WorkflowServiceStub(grpc.insecure_channel(address))
        self.known = set()

    def version(self, build_id, function=None, role=None, external_id=None, deployment=DEPLOYMENT):
        """Makes a version, with a function that runs its workers unless there is none."""
        if deployment not in self.known:
            self.stub.CreateWorkerDeployment(rpc.CreateWorkerDeploymentRequest(
                namespace="default", deployment_name=deployment, request_id="d-" + deployment, identity="test"))
            self.known.add(deployment)
        version = WorkerDeploymentVersion(deployment_name=deployment, build_id=build_id)
        self.stub.CreateWorkerDeploymentVersion(rpc.CreateWorkerDeploymentVersionRequest(
            namespace="default", deployment_version=version, request_id=f"v-{deployment}-{build_id}", identity="test"))
        if function:
            self.compute(build_id, function, role, external_id, deployment)
        return f"{deployment}/{build_id}"

    def compute(self, build_id, function, role, external_id=None, deployment=DEPLOYMENT):
        """Gives a version a function that runs its workers, as the registry keeps it."""
        details = {"arn": function, "role": role, "role_external_id": external_id or EXTERNAL_ID}
        return self.note(deployment, build_id, {"groups": {"default": {
            "provider": {"type": "aws-lambda", "details": details}, "limits": {"min": 0, "max": 5}}}, "revision": 1})

    def note(self, deployment, build_id, compute):
        request = rpc.UpdateWorkerDeploymentVersionMetadataRequest(
            namespace="default",
            deployment_version=WorkerDeploymentVersion(deployment_name=deployment, build_id=build_id))
        request.upsert_entries["mayfly.compute"].CopyFrom(
            Payload(metadata={"encoding": b"json/plain"}, data=json.dumps(compute).encode()))
        self.stub.UpdateWorkerDeploymentVersionMetadata(request)
        return f"{deployment}/{build_id}"

    def make_current(self, build_id, deployment=DEPLOYMENT):
        self.stub.SetWorkerDeploymentCurrentVersion(rpc.SetWorkerDeploymentCurrentVersionRequest(
            namespace="default", deployment_name=deployment, build_id=build_id, identity="test",
            ignore_missing_task_queues=True, allow_no_pollers=True))

    def becomes(self, status, version, within=30):
        """Waits until a version has that place in the routing."""
        deployment, _, build_id = version.partition("/")
        wanted = WorkerDeploymentVersionStatus.Value("WORKER_DEPLOYMENT_VERSION_STATUS_" + status.upper())
        end = time.monotonic() + within
        while time.monotonic() < end:
            told = self.stub.DescribeWorkerDeploymentVersion(rpc.DescribeWorkerDeploymentVersionRequest(
                namespace="default",
                deployment_version=WorkerDeploymentVersion(deployment_name=deployment, build_id=build_id)))
            if told.worker_deployment_version_info.status == wanted:
                return True
            time.sleep(0.1)
        return False

    def start_activity(self, name, kind, argument, **timeouts):
        self.stub.StartActivityExecution(rpc.StartActivityExecutionRequest(
            namespace="default", identity="test", request_id="r-" + name, activity_id=name,
            activity_type=ActivityType(name=kind), task_queue=TaskQueue(name=QUEUE),
            input=Payloads(payloads=[Payload(metadata={"encoding": b"json/plain"}, data=json.dumps(argument).encode())]),
            **{key: Duration(seconds=value) for key, value in timeouts.items()}))

    def attempt_of(self, name):
        info = self.stub.DescribeActivityExecution(rpc.DescribeActivityExecutionRequest(
            namespace="default", activity_id=name)).info
        return info.attempt

    def start_workflow_with(self, name, kind, argument):
        """A workflow that waits for one activity, which it was told of by hand: no worker of it is left."""
        queue = TaskQueue(name=QUEUE + "-of-workflows")
        self.stub.StartWorkflowExecution(rpc.StartWorkflowExecutionRequest(
            namespace="default", identity="test", request_id="w-" + name, workflow_id=name,
            workflow_type=WorkflowType(name="baker"), task_queue=queue))
        task = self.stub.PollWorkflowTaskQueue(rpc.PollWorkflowTaskQueueRequest(
            namespace="default", identity="test", task_queue=queue), timeout=30)
        given = ScheduleActivityTaskCommandAttributes(
            activity_id="in", activity_type=ActivityType(name=kind), task_queue=TaskQueue(name=QUEUE),
            input=Payloads(payloads=[Payload(metadata={"encoding": b"json/plain"}, data=json.dumps(argument).encode())]),
            schedule_to_close_timeout=Duration(seconds=600), start_to_close_timeout=Duration(seconds=600),
            heartbeat_timeout=Duration(seconds=1))
        self.stub.RespondWorkflowTaskCompleted(rpc.RespondWorkflowTaskCompletedRequest(
            namespace="default", identity="test", task_token=task.task_token, commands=[Command(
                command_type=CommandType.COMMAND_TYPE_SCHEDULE_ACTIVITY_TASK,
                schedule_activity_task_command_attributes=given)]))

    def attempt_in(self, workflow):
        pending = self.stub.DescribeWorkflowExecution(rpc.DescribeWorkflowExecutionRequest(
            namespace="default", execution=WorkflowExecution(workflow_id=workflow))).pending_activities
        return pending[0].attempt if pending else 0

    def terminate(self, workflow):
        self.stub.TerminateWorkflowExecution(rpc.TerminateWorkflowExecutionRequest(
            namespace="default", workflow_execution=WorkflowExecution(workflow_id=workflow), identity="test"))

    def polled_by(self, what, within=30):
        """Waits until somebody polls whose identity has this in it."""
        end = time.monotonic() + within
        while time.monotonic() < end:
            queue = self.stub.DescribeTaskQueue(rpc.DescribeTaskQueueRequest(
                namespace="default", task_queue=TaskQueue(name=QUEUE), task_queue_type=2))
            if any(what in p.identity for p in queue.pollers):
                return True
            time.sleep(0.05)
        return False


def doctor(version, *flags, credentials=True):
    environment = {"HOME": "/nonexistent", "PATH": os.environ["PATH"], "AWS_ENDPOINT_URL": LAMBDA, "AWS_REGION": REGION,
                   "AWS_EC2_METADATA_DISABLED": "true"}
    if credentials:
        environment.update(AWS_ACCESS_KEY_ID=KEY, AWS_SECRET_ACCESS_KEY=SECRET)
    return subprocess.run([MAYFLY, "doctor", "--address", CLUSTER.address, "--version", version, *flags],
                          env=environment, capture_output=True, text=True, timeout=60, check=False)


def expect(why, number, version, *flags, standing=None, evidence="", remedy="", alone=True, **how):
    """The cause of this number is found; alone, unless what is good to know comes with it."""
    run = doctor(version, *flags, "--output", "json", **how)
    try:
        report = json.loads(run.stdout)[0]
    except (ValueError, IndexError):
        report = {"causes": [], "standing": "none"}
    causes = {c["number"]: c for c in report["causes"]}
    wrong = [c for c in report["causes"] if c["standing"] in ("degraded", "misconfigured", "broken")]
    found = causes.get(number)
    good = found is not None and evidence in found["evidence"] and remedy in found["remedy"]
    good = good and run.returncode == (1 if wrong else 0)
    if standing:
        good = good and report["standing"] == standing
    if alone:
        good = good and all(c["number"] == number for c in wrong)
    good = good and "SECRETMARKER" not in run.stdout + run.stderr
    if not good:
        FAILURES.append(why)
        print(f"not so: {why}: {number} was expected; status {run.returncode}\n{json.dumps(report, indent=1)}\n{run.stderr}",
              flush=True)
    SHOWN.add(number)


def write_record(folder, lines):
    """A controller's record of a version, its last line now."""
    path = pathlib.Path(folder, f"record-{len(list(pathlib.Path(folder).iterdir()))}")
    now = datetime.datetime.now(datetime.timezone.utc)
    last = max(line["uptime"] for line in lines)
    with open(path, "w", encoding="utf-8") as out:
        for line in lines:
            at = now - datetime.timedelta(seconds=last - line["uptime"])
            out.write(json.dumps({"at": at.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
                                  "namespace": "default", "group": "default", **line}) + "\n")
    return str(path)


def fleet(**numbers):
    return {"asked": 0, "starting": 0, "live": 0, "leaving": 0, "foreign": 0, "given_up": 0, "refused": 0, "slots": 1,
            "startup": 100000, "startup_dev": 0, "service": 0, "failure_rate": 0, "ever_seen": True, **numbers}


def read(uptime, build_id, backlog=0, limited=False, reason="steady", **numbers):
    return {"uptime": uptime, "deployment": DEPLOYMENT, "build_id": build_id, "event": "decided", "why": "stats",
            "reason": reason, "fleet": fleet(**numbers), "limits": {"min": 0, "max": 5},
            "stats": {"activity": {"backlog": backlog, "oldest": 0, "add_rate": 2, "dispatch_rate": 2,
                                   "limiter_active": limited}}}


def refused(uptime, build_id, outcome, words):
    return {"uptime": uptime, "deployment": DEPLOYMENT, "build_id": build_id, "event": "refused", "count": 1,
            "outcome": outcome, "detail": words, "fleet": fleet(refused=1)}


def causes_before_workers(folder):
    """What can be told of a version that nothing ever polled."""
    expect("no server", 0, f"{DEPLOYMENT}/1", "--address", "127.0.0.1:1", standing="broken")
    expect("no version", 0, f"{DEPLOYMENT}/none", standing="misconfigured", remedy="create-version")

    bare = CLUSTER.version("bare")
    CLUSTER.make_current("bare")
    expect("without a compute configuration", 4, bare, standing="misconfigured", remedy="update-version-compute-config")

    unbound = CLUSTER.version("1", arn("good"), ROLES["inviter"], deployment="unbound")
    CLUSTER.make_current("1", "unbound")
    expect("nobody was ever started", 5, unbound, standing="misconfigured", evidence="no worker has ever polled")

    for name, number, function, role, words in (
            ("short", 6, arn("short"), "inviter", "arn.timeout is 3 s"),
            ("open", 9, arn("good"), "open", "role/open"),
            ("narrow", 11, arn("good"), "narrow", ":function:good:1"),
            ("full", 15, arn("full"), "inviter", "arn.reserved_concurrency is 0")):
        version = CLUSTER.version("1", function, ROLES[role], deployment=name)
        CLUSTER.make_current("1", name)
        expect(f"the function {name}", number, version, standing="misconfigured", evidence=words)

    stranger = CLUSTER.version("1", arn("good"), ROLES["inviter"], "SECRETMARKER-of-somebody-else", "stranger")
    CLUSTER.make_current("1", "stranger")
    expect("a wrong external id", 8, stranger, standing="misconfigured", remedy="sts:ExternalId")
    expect("no credentials of our own", 10, unbound, standing="broken", credentials=False)

    for name, function, words in (("floating", arn("good", ""), "names no published version"),
                                  ("alias", arn("good", "PROD"), "can be pointed at other code")):
        version = CLUSTER.version(name, function, ROLES["inviter"], deployment=name)
        expect(f"the function's name is {name}", 17, version, evidence=words, alone=False)
    for build_id in ("a", "b"):
        shared = CLUSTER.version(build_id, arn("good", "2"), ROLES["inviter"], deployment="shared")
    CLUSTER.make_current("b", "shared")
    expect("two build ids, one code", 18, shared, evidence='is also the code of build id "a"', alone=False)
    expect("nothing is current", 2, CLUSTER.version("a", arn("good"), ROLES["inviter"], deployment="fresh"),
           standing="misconfigured", evidence="neither a current nor a ramping version", alone=False)
    expect("it was made current, and is not", 3, "fresh/a", "--expect-current", standing="misconfigured", remedy="--yes")
    for name, standing, words in (("making", "degraded", "arn.state is Pending"),
                                  ("spoilt", "misconfigured", "arn.last_update is Failed")):
        version = CLUSTER.version("1", arn(name), ROLES["inviter"], deployment=name)
        CLUSTER.make_current("1", name)
        expect(f"the function {name}", 26, version, standing=standing, evidence=words)
    expect("the platform's settings for events", 25, CLUSTER.version("1", arn("eager"), ROLES["inviter"], deployment="eager"),
           evidence="arn.event_retries is 2", alone=False)

    log = pathlib.Path(folder, "log")
    log.write_text("2026-01-31T09:30:00Z mayfly: warning: shutdown_buffer is 1 s: running tasks and hooks may be cut off: "
                   "stop_timeout and hook_allowance need 7 s\n")
    expect("buffer and stop timeout", 22, unbound, "--log", str(log), standing="misconfigured",
           evidence="shutdown_buffer is 1 s")
    log.write_text('mayfly: warning: shutdown hook "telemetry" was not done in time\n')
    expect("telemetry", 23, unbound, "--log", str(log), evidence="telemetry", alone=False)


def causes_of_starts():
    """Functions that are invoked to see what they do."""
    for name, number, words in (("crash", 16, "Runtime.ExitError"), ("lost", 7, arn("lost"))):
        version = CLUSTER.version("1", arn(name), ROLES["inviter"], deployment=name)
        CLUSTER.make_current("1", name)
        expect(f"the function {name}", number, version, "--try-for", "5", standing="misconfigured", evidence=words)


def causes_of_workers(folder):
    """With a worker that polls."""
    # It runs until its buffer begins, as activities/1, and so it is no worker of this one.
    expect("the code says another version", 1, "unbound/1", "--try-for", "5", "--queue", QUEUE, standing="misconfigured",
           evidence="activities/1, not as unbound/1", alone=False)

    version = CLUSTER.compute("1", arn("good"), ROLES["inviter"])  # which its worker has made
    CLUSTER.make_current("1")
    expect("a synchronous invocation", 24, version, "--try-for", "5", evidence="no answer in 5 s", alone=False)
    expect("another region is active", 27, version, "--region", "aws-us-east-1", standing="degraded",
           evidence="aws-us-east-1")

    desk = subprocess.Popen([WORKER], env={**os.environ, "TEMPORAL_ADDRESS": CLUSTER.address, "TEMPORAL_TASK_QUEUE": QUEUE},
                            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    STARTED.append(desk)
    host = f"{desk.pid}@"
    if not CLUSTER.polled_by(host):
        FAILURES.append("a worker on this machine polls")
    expect("others poll too", 20, version, evidence=host, alone=False)

    CLUSTER.start_activity("endless", "slow", 600000, schedule_to_close_timeout=600, heartbeat_timeout=1)
    end = time.monotonic() + 30
    while CLUSTER.attempt_of("endless") < 2 and time.monotonic() < end:
        time.sleep(0.1)
    expect("attempts that time out again and again", 12, version, evidence="slow endless on queue", alone=False)
    CLUSTER.start_workflow_with("oven", "slow", 600000)
    end = time.monotonic() + 30
    while CLUSTER.attempt_in("oven") < 2 and time.monotonic() < end:
        time.sleep(0.1)
    expect("and those of a workflow's activity", 12, version, "--queue", QUEUE + "-of-workflows", alone=False,
           evidence="slow in of workflow oven")
    CLUSTER.terminate("oven")

    for why, number, lines, flags in (
            ("the provider fails", 13, [read(1, "1", 3), refused(2, "1", "transient", "HTTP 503")], {"evidence": "HTTP 503"}),
            ("the provider has no room", 15, [read(1, "1", 3), refused(2, "1", "throttled", "Rate Exceeded.")],
             {"evidence": "Rate Exceeded."}),
            ("a rate limit", 14, [read(1, "1", 40, True, "rate_limited", live=1)], {"evidence": "behind a rate limit"}),
            ("idle workers", 19, [read(t, "1", live=2, busy=0) for t in range(1, 200, 20)], {"evidence": "100 %"})):
        expect(why, number, version, "--record", write_record(folder, lines), alone=False, **flags)

    if SPEC != "real":
        return  # an embedded service takes three minutes to call a version drained
    # Who starts its workers all the same has not heard of it.
    successor = CLUSTER.version("2", arn("good", "2"), ROLES["inviter"])
    CLUSTER.make_current("2")
    if not CLUSTER.becomes("drained", version):
        FAILURES.append(f"{version} drains once {successor} is current")
    expect("drained, and still started", 21, version, "--record", write_record(folder, [read(1, "1", live=1)]),
           standing="degraded", evidence="1 worker live", alone=False)


def causes_told_by_a_controller(service, folder):
    """A controller that runs, and whose starts fail; then the record that it left."""
    environment = {"AWS_ENDPOINT_URL": LAMBDA, "AWS_REGION": REGION, "AWS_ACCESS_KEY_ID": KEY,
                   "AWS_SECRET_ACCESS_KEY": SECRET, "AWS_EC2_METADATA_DISABLED": "true"}
    controller = serverless.Controller(MAYFLY, service, folder, environment).start()
    try:
        end = time.monotonic() + 30
        while time.monotonic() < end:
            told = controller.version("narrow", "1") or {"groups": []}
            driven = (controller.version("full", "1") or {"groups": []})["groups"]
            if driven and any(g["symptom"] == "refused_for_good" for g in told["groups"]):
                break
            time.sleep(0.1)
        expect("its starts are refused", 13, "narrow/1", "--no-aws", "--controller", controller.url,
               evidence="refuses to start", alone=False)
        expect("what AWS says explains it", 11, "narrow/1", "--controller", controller.url, evidence=":function:good:1",
               standing="misconfigured", alone=False)
        expect("and explains starts that come to nothing", 15, "full/1", "--controller", controller.url,
               standing="misconfigured", evidence="arn.reserved_concurrency is 0")
        idle = serverless.Controller(MAYFLY, service, folder, environment, name="idle").start()
        try:
            end = time.monotonic() + 30
            while json.loads(idle.get("/status"))["namespaces"][0]["role"] != "standby" and time.monotonic() < end:
                time.sleep(0.1)
            expect("one that stands by", 0, "narrow/1", "--no-aws", "--controller", idle.url,
                   evidence="ask the one that leads", alone=False)
        finally:
            idle.stop()
        expect("no controller there", 0, "narrow/1", "--no-aws", "--controller", "http://127.0.0.1:1", alone=False,
               evidence="127.0.0.1:1")
    finally:
        controller.stop()
    expect("so its record says", 13, "narrow/1", "--no-aws", "--record", str(controller.record), alone=False,
           evidence="refuses to start")
    told = subprocess.run([MAYFLY, "explain", controller.record, "--version", "narrow/1", "--output", "json"],
                          capture_output=True, text=True, timeout=60, check=False)
    if told.returncode != 0 or json.loads(told.stdout)[0]["refused"].get("permanent", 0) < 1:
        FAILURES.append("why nobody was started")
        print(f"not so: the record tells of refused starts: {told.stdout}{told.stderr}", flush=True)


class Half(WorkflowServiceServicer):
    """A service that tells of everything but its deployments."""

    def DescribeNamespace(self, request, context):
        return rpc.DescribeNamespaceResponse()

    def ListWorkers(self, request, context):
        return rpc.ListWorkersResponse()

    def ListWorkerDeployments(self, request, context):
        context.abort(grpc.StatusCode.PERMISSION_DENIED, "not for you")


@contextlib.contextmanager
def half_a_service():
    server = grpc.server(concurrent.futures.ThreadPoolExecutor(2))
    add_WorkflowServiceServicer_to_server(Half(), server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        yield f"127.0.0.1:{port}"
    finally:
        server.stop(None).wait()


def all_of(address):
    return subprocess.run([MAYFLY, "doctor", "--address", address, "--no-aws"], capture_output=True, text=True, timeout=60,
                          check=False)


def words_and_status():
    """Text, help, and what is no use."""
    CLUSTER.version("unread", deployment="unread")
    CLUSTER.note("unread", "unread", {"groups": 7})
    with half_a_service() as address:
        unlisted = all_of(address)
    listed = subprocess.run([MAYFLY, "doctor", "--causes"], capture_output=True, text=True, timeout=60, check=False)
    text = doctor("unbound/1")
    for why, run, status, words in (
            ("all causes are listed", listed, 0, ["27 the namespace is in another region"]),
            ("for people", text, 1, ["credentials ok ", "seen: ", "do:   "]),
            ("all versions at once", all_of(CLUSTER.address), 1, ["short/1", "shared/b", "unread/unread"]),
            ("versions that cannot be listed", unlisted, 1, ["not all versions can be found", "not for you"]),
            ("no such version name", doctor("orders"), 2, ["--version orders/b7"]),
            ("no such option", doctor("a/b", "--nothing", "x"), 2, ["no such option"]),
            ("no such record", doctor("a/b", "--record", "/nonexistent"), 2, ["--record"])):
        said = run.stdout + run.stderr
        if run.returncode != status or "SECRETMARKER" in said or not all(w in said for w in words):
            FAILURES.append(why)
            print(f"not so: {why}: status {run.returncode}\n{said}", flush=True)


with tempfile.TemporaryDirectory() as folder, temporal_services.serving(SPEC, dynamic=DRAINS_SOON) as service:
    platform = subprocess.Popen(
        [LOCAL_LAMBDA, "--port", "0", "--region", REGION, "--account", ACCOUNT, "--access-key", KEY, "--secret-key", SECRET,
         "--functions", functions_file(folder, service.address), "--log-file", os.path.join(folder, "lambda.log")],
        stdout=subprocess.PIPE, text=True)
    STARTED.append(platform)
    try:
        LAMBDA = platform.stdout.readline().split()[-1]
        CLUSTER = Cluster(service.address)
        begun = time.monotonic()
        for part in (causes_before_workers, causes_of_workers):
            part(folder)
        causes_of_starts()
        causes_told_by_a_controller(service, folder)
        words_and_status()
    finally:
        platform.terminate()
        for process in STARTED[1:]:
            process.kill()  # its endless task would keep it for long
        for process in STARTED:
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                process.kill()

MISSING = set(range(1, 28)) - SHOWN
print(f"{len(SHOWN - {0})} of 27 causes with real processes in {time.monotonic() - begun:.0f} s; "
      f"by tables alone: {', '.join(map(str, sorted(MISSING)))}")
print(f"FAILED: {len(FAILURES)}: {'; '.join(FAILURES)}" if FAILURES else "all is as it should be")
sys.exit(1 if FAILURES else 0)
