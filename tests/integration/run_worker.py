#!/usr/bin/env python3
# SPDX-License-Identifier: BSL-1.0
"""A worker program in a function and outside of one: run_worker.py SETUP_FUNCTION

The server is grpcio with the official messages, the Runtime API is Python's own HTTP server; both write down what they
are asked.
"""

import http.server
import json
import os
import queue
import signal
import subprocess
import sys
import threading
import time
from concurrent import futures

import grpc
import temporalio.api.common.v1 as common
import temporalio.api.workflowservice.v1 as service

PROGRAM = sys.argv[1]
SECRET = "SECRETMARKER-run-worker"
ARN = "arn:aws:lambda:eu-west-1:123456789012:function:shop:7"
FAILED = []


def check(what, good, seen=None):
    print(f"{'ok  ' if good else 'FAIL'} {what}" + ("" if good else f": {seen!r}"), flush=True)
    if not good:
        FAILED.append(what)


def until(condition, seconds=20):
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.01)
    return True


class Temporal:
    """A server that hands out what `tasks` holds."""

    def __init__(self, port=0):
        self.calls = []  # (method, peer, request)
        self.metadata = []
        self.tasks = queue.Queue()
        self.refuse = {}  # method: (code, words)
        self.left = threading.Event()
        self.server = grpc.server(futures.ThreadPoolExecutor(40))
        self.server.add_generic_rpc_handlers([self])
        self.port = self.server.add_insecure_port(f"127.0.0.1:{port}")
        self.server.start()

    def service(self, details):
        name = details.method.rsplit("/", 1)[-1]
        return grpc.unary_unary_rpc_method_handler(lambda request, context: self.answer(name, request, context))

    def answer(self, name, raw, context):
        request_type = getattr(service, name + "Request", None)
        if request_type is None:
            context.abort(grpc.StatusCode.UNIMPLEMENTED, "not here")
        request = request_type.FromString(raw)
        self.calls.append((name, context.peer(), request))
        self.metadata.append(dict(context.invocation_metadata()))
        if name in self.refuse:
            context.abort(*self.refuse[name])
        out = getattr(service, name + "Response")()
        if name == "GetSystemInfo":
            out.server_version = "test"
        elif name == "DescribeNamespace":
            out.namespace_info.name = request.namespace
        elif name == "ShutdownWorker":
            self.left.set()
        elif name == "PollActivityTaskQueue":
            self.left.clear()
            while context.is_active() and not self.left.is_set():
                try:
                    task = self.tasks.get(timeout=0.05)
                except queue.Empty:
                    continue
                if self.left.is_set() or not context.is_active():  # it is another poll's
                    self.tasks.put(task)
                    break
                out.CopyFrom(task)
                break
        return out.SerializeToString()

    def add(self, activity, *arguments):
        task = service.PollActivityTaskQueueResponse(
            task_token=os.urandom(8), activity_id="a", attempt=1, workflow_namespace="default")
        task.activity_type.name = activity
        for a in arguments:
            task.input.payloads.append(common.Payload(metadata={"encoding": b"json/plain"}, data=json.dumps(a).encode()))
        for field in ("start_to_close_timeout", "schedule_to_close_timeout"):
            getattr(task, field).seconds = 60
        for field in ("scheduled_time", "started_time", "current_attempt_scheduled_time"):
            getattr(task, field).GetCurrentTime()
        self.tasks.put(task)

    def of(self, name):
        return [c for c in self.calls if c[0] == name]

    def stop(self):
        self.left.set()
        self.server.stop(0).wait()


class RuntimeApi:
    """Lambda's side: hands out what `events` holds, and keeps the answers."""

    def __init__(self):
        self.events = queue.Queue()
        self.asked = []  # times of `next`
        self.answers = {}
        self.init_errors = []
        api = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_):
                pass

            def do_GET(self):
                api.asked.append(time.monotonic())
                event = api.events.get()
                if event is None:
                    self.close_connection = True
                    return
                request_id, seconds, payload = event
                body = payload.encode()
                self.send_response(200)
                self.send_header("Lambda-Runtime-Aws-Request-Id", request_id)
                self.send_header("Lambda-Runtime-Deadline-Ms", str(int((time.time() + seconds) * 1000)))
                self.send_header("Lambda-Runtime-Invoked-Function-Arn", ARN)
                self.send_header("Lambda-Runtime-Trace-Id", "Root=1-2-3")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def do_POST(self):
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                if self.path.endswith("/init/error"):
                    api.init_errors.append((self.headers.get("Lambda-Runtime-Function-Error-Type"), json.loads(body)))
                else:
                    request_id, what = self.path.split("/")[-2:]
                    api.answers[request_id] = (what, json.loads(body))
                self.send_response(202)
                self.send_header("Content-Length", "0")
                self.end_headers()

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.address = f"127.0.0.1:{self.server.server_address[1]}"

    def stop(self):
        self.events.put(None)
        self.server.shutdown()
        self.server.server_close()


def start(**variables):
    environment = {"PATH": os.environ["PATH"], "HOME": "/nonexistent", **variables}
    return subprocess.Popen([PROGRAM], env=environment, cwd="/", stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def end(process, what, status, seconds=20):
    """What it said, once it has ended."""
    try:
        out, said = process.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        out, said = process.communicate()
        check(f"{what}: ends", False, said)
    check(f"{what}: status {status}", process.returncode == status, (process.returncode, said))
    check(f"{what}: no secret, nothing on standard output", SECRET not in said and out == "", out + said)
    return said


def logged(said):
    """The messages of the structured lines, and the levels."""
    lines = [json.loads(line) for line in said.splitlines() if line.startswith("{")]
    return [(line["level"], line["message"]) for line in lines]


def notice(idle):
    return json.dumps({"schema": "mayfly-launch/1", "deployment": "shop", "build_id": "build-7", "group": "default",
                       "launch": 1, "orders": {"idle_exit": idle}})


def bad_setups():
    queue_name = {"TEMPORAL_TASK_QUEUE": "orders", "TEMPORAL_API_KEY": SECRET, "TEMPORAL_TLS": "false"}
    for what, variables, words in (
            ("no task queue", {}, ["task_queue", "TEMPORAL_TASK_QUEUE"]),
            ("the program throws", {**queue_name, "TEST_SETUP": "throw"}, ["the shop is closed"]),
            ("nothing registered", {**queue_name, "TEST_SETUP": "nothing"}, ["register"]),
            ("unversioned", {**queue_name, "TEST_SETUP": "unversioned"}, ["versioning"]),
            ("no address", {**queue_name, "TEMPORAL_ADDRESS": "nowhere"}, ["TEMPORAL_ADDRESS", "nowhere"]),
            ("a file that is not there", {**queue_name, "TEMPORAL_CONFIG_FILE": "/no/such.toml"}, ["/no/such.toml"])):
        said = end(start(**variables), what, 1)
        check(f"{what}: one line, by the library's name",
              said.startswith("mayfly: ") and len(said.splitlines()) == 1 and all(w in said for w in words), said)
        api = RuntimeApi()
        said = end(start(AWS_LAMBDA_RUNTIME_API=api.address, **variables), f"{what}, in a function", 1)
        check(f"{what}, in a function: the same line", said.startswith("mayfly: ") and len(said.splitlines()) == 1, said)
        check(f"{what}, in a function: the platform hears of it", len(api.init_errors) == 1
              and api.init_errors[0][0].startswith("Runtime.") and api.init_errors[0][1]["errorMessage"] in said
              and not api.asked, (api.init_errors, said))
        api.stop()


def invocations():
    temporal, api = Temporal(), RuntimeApi()
    process = start(AWS_LAMBDA_RUNTIME_API=api.address, TEMPORAL_ADDRESS=f"127.0.0.1:{temporal.port}",
                    TEMPORAL_TASK_QUEUE="orders", TEMPORAL_API_KEY=SECRET, TEMPORAL_TLS="false")
    check("it asks for work", until(lambda: api.asked))
    check("the first connection is opened before that", len(temporal.of("GetSystemInfo")) == 1, temporal.calls)
    for number in ("one", "two"):
        temporal.add("greet", number)
        api.events.put((f"request-{number}", 60, notice(1_000_000)))
        check(f"{number}: is answered", until(lambda n=number: f"request-{n}" in api.answers), temporal.calls)
    (how, report), (how2, second) = api.answers["request-one"], api.answers["request-two"]
    check("it leaves when there is nothing left to do, as ordered", report["end"] == "idle" == second["end"], report)
    check("with a report", how == "response" == how2 and report["ok"] and report["tasks"]["activity"] == 1
          and report["tasks"]["completed"] == 1 and report["hooks"] == {"run": 3, "failed": 1}
          and any("hook trouble" in w for w in report["warnings"]), report)
    polls = temporal.of("PollActivityTaskQueue")
    names = {p[2].identity for p in polls}
    check("each invocation has an identity of its own", names == {f"request-one@{ARN}", f"request-two@{ARN}"}, names)
    peers = {p[2].identity: p[1] for p in polls}
    check("and a connection of its own", len(set(peers.values())) == 2, peers)
    check("the first has the one that was opened ahead", peers[f"request-one@{ARN}"] == temporal.of("GetSystemInfo")[0][1])
    check("which is all there are", len({c[1] for c in temporal.calls}) == 2, {c[1] for c in temporal.calls})
    keys = {p[2].worker_instance_key for p in polls}
    check("and an instance key of its own", len(keys) == 2 and "" not in keys, keys)
    version = polls[0][2].deployment_options
    check("it is versioned", (version.deployment_name, version.build_id) == ("shop", "build-7")
          and version.worker_versioning_mode == 2, version)
    leaves = [i for i, c in enumerate(temporal.calls) if c[0] == "ShutdownWorker"]
    last = [max(i for i, c in enumerate(temporal.calls) if c[0] == "PollActivityTaskQueue" and c[2].identity == name)
            for name in (f"request-one@{ARN}", f"request-two@{ARN}")]
    check("it says goodbye, and polls no more after that", len(leaves) == 2 and last[0] < leaves[0] and last[1] < leaves[1],
          [c[0] for c in temporal.calls])
    results = [json.loads(c[2].result.payloads[0].data) for c in temporal.of("RespondActivityTaskCompleted")]
    check("the activities were done", results == ["Hello, one!", "Hello, two!"], results)
    check("the key goes with each call", all(m.get("authorization") == f"Bearer {SECRET}" for m in temporal.metadata))

    api.events.put(("request-late", 7.5, "{}"))
    check("too late: is answered", until(lambda: "request-late" in api.answers))
    how, error = api.answers["request-late"]
    check("too late: as an error, with numbers and remedies", how == "error"
          and error["errorType"] == "Function.DeadlineTooNear" and "shutdown_buffer" in error["errorMessage"], error)
    check("too late: without connecting", len({c[1] for c in temporal.calls}) == 2)

    temporal.add("nap", 700)
    before = time.monotonic()
    api.events.put(("request-deadline", 9, "{}"))
    check("deadline: is answered", until(lambda: "request-deadline" in api.answers))
    how, report = api.answers["request-deadline"]
    check("deadline: polls until the buffer begins", report["end"] == "deadline" and 1.5 < time.monotonic() - before < 6
          and report["tasks"]["completed"] == 1 and any("work time" in w for w in report["warnings"]), report)

    temporal.stop()
    api.events.put(("request-alone", 9, "{}"))
    check("no server: is answered", until(lambda: "request-alone" in api.answers))
    how, error = api.answers["request-alone"]
    check("no server: an error with the address", how == "error" and error["errorType"] == "Function.ConnectFailed"
          and f"127.0.0.1:{temporal.port}" in error["errorMessage"] and "refused" in error["errorMessage"], error)
    process.terminate()
    said = end(process, "the function", 0)
    order = [line for line in said.splitlines() if line.startswith("hook")]
    check("hooks in their order, each time; HOME where one may write", order ==
          ["hook first", "hook second", "hook third, HOME=/tmp"] * 4, order)
    check("what is said is structured", all(line.startswith(("{", "hook")) for line in said.splitlines()), said)
    check("warnings are told when they come up", any(level == "WARN" and "hook trouble" in words
                                                     for level, words in logged(said)), said)
    api.stop()


def outside():
    with_queue = {"TEMPORAL_TASK_QUEUE": "orders"}
    temporal = Temporal()
    process = start(TEMPORAL_ADDRESS=f"127.0.0.1:{temporal.port}", **with_queue)
    temporal.add("greet", "you")
    check("outside: it works", until(lambda: temporal.of("RespondActivityTaskCompleted")))
    identity = temporal.of("PollActivityTaskQueue")[0][2].identity
    check("outside: as pid@host", identity.startswith(f"{process.pid}@"), identity)
    temporal.add("nap", 300)
    check("outside: it works on", until(temporal.tasks.empty))
    process.terminate()
    said = end(process, "outside, told to stop", 0)
    check("outside: what runs is finished first", len(temporal.of("RespondActivityTaskCompleted")) == 2)
    check("outside: says goodbye", len(temporal.of("ShutdownWorker")) == 1)
    check("outside: hooks run once", [line for line in said.splitlines() if line.startswith("hook")] ==
          ["hook first", "hook second", "hook third, HOME=/nonexistent"], said)

    process = start(TEMPORAL_ADDRESS=f"127.0.0.1:{temporal.port}", **with_queue)
    temporal.add("nap", 60_000)
    check("outside: a long one has begun", until(temporal.tasks.empty))
    process.send_signal(signal.SIGINT)
    check("outside: it drains", until(lambda: len(temporal.of("ShutdownWorker")) == 2))
    began = time.monotonic()
    process.send_signal(signal.SIGINT)
    end(process, "outside, told twice", 0)
    check("outside: told twice it ends at once", time.monotonic() - began < 2, time.monotonic() - began)

    temporal.refuse["PollActivityTaskQueue"] = (grpc.StatusCode.PERMISSION_DENIED, "not for you")
    said = end(start(TEMPORAL_ADDRESS=f"127.0.0.1:{temporal.port}", **with_queue), "outside, not permitted", 1)
    check("outside: says why", any(level == "ERROR" and "permi" in words for level, words in logged(said)), said)
    temporal.stop()

    process = start(TEMPORAL_ADDRESS=f"127.0.0.1:{temporal.port}", **with_queue)
    time.sleep(1)
    check("outside: waits for a server", process.poll() is None)
    again = Temporal(temporal.port)
    again.add("greet", "late")
    check("outside: and works when it is there", until(lambda: again.of("RespondActivityTaskCompleted"), 40))
    process.terminate()
    end(process, "outside, after waiting", 0)
    again.stop()
    process = start(TEMPORAL_ADDRESS=f"127.0.0.1:{temporal.port}", **with_queue)
    time.sleep(0.5)
    process.terminate()
    end(process, "outside, told to stop while there is no server", 0)


bad_setups()
invocations()
outside()
sys.exit(1 if FAILED else 0)
