#!/usr/bin/env python3
# SPDX-License-Identifier: BSL-1.0
"""The command `mayfly dev`: what it says and returns, and that what it accepted is there after it was killed.

    mayfly_dev.py PATH/TO/mayfly [--kills 12] [--seed 1]

The client and the worker are gRPC's for Python, with the official messages of the package temporalio.
"""

import argparse
import os
import random
import re
import select
import signal
import subprocess
import tempfile
import threading
import time

import grpc
from google.protobuf.duration_pb2 import Duration
from temporalio.api.common.v1 import ActivityType, Payload, Payloads
from temporalio.api.deployment.v1 import WorkerDeploymentOptions, WorkerDeploymentVersion
from temporalio.api.enums.v1 import ActivityExecutionStatus, WorkerVersioningMode
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflowservice.v1 import request_response_pb2 as rpc
from temporalio.api.workflowservice.v1 import WorkflowServiceStub

MAYFLY = ""
FAILURES = []
STARTED = []


def check(holds, what):
    if not holds:
        FAILURES.append(what)
        print(f"not so: {what}", flush=True)
    return holds


class Dev:
    """One run of the program, from its first line on."""

    def __init__(self, *arguments):
        self.process = subprocess.Popen([MAYFLY, "dev", *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        STARTED.append(self.process)
        ready, _, _ = select.select([self.process.stdout], [], [], 60)
        self.first = self.process.stdout.readline().decode() if ready else "nothing within a minute"
        found = re.match(r"ready on (\S+):(\d+), ", self.first)
        self.port = int(found[2]) if found else None

    def channel(self):
        return grpc.insecure_channel(f"127.0.0.1:{self.port}", options=[
            ("grpc.use_local_subchannel_pool", 1), ("grpc.enable_retries", 0)])

    def end(self, how=signal.SIGTERM):
        self.process.send_signal(how)
        try:
            out, err = self.process.communicate(timeout=60)
        except subprocess.TimeoutExpired:
            self.process.kill()
            out, err = self.process.communicate()
            check(False, f"it ends when it gets signal {how}")
        return self.process.returncode, out.decode(), err.decode()


def refused(*arguments):
    done = subprocess.run([MAYFLY, "dev", *arguments], capture_output=True, text=True, timeout=60, check=False)
    return done.returncode, done.stderr


def start_request(name, queue="orders", payload=b'"in"'):
    return rpc.StartActivityExecutionRequest(
        namespace="default", identity="client", request_id="request-" + name, activity_id=name,
        activity_type=ActivityType(name="work"), task_queue=TaskQueue(name=queue),
        start_to_close_timeout=Duration(seconds=600), schedule_to_close_timeout=Duration(seconds=3600),
        input=Payloads(payloads=[Payload(metadata={"encoding": b"json/plain"}, data=payload)]))


def poll_request(queue="orders", **more):
    return rpc.PollActivityTaskQueueRequest(namespace="default", identity="worker", task_queue=TaskQueue(name=queue),
                                            **more)


def words_and_status():
    code, err = refused("--port", "x")
    check(code == 2 and "0 to 65535" in err, f"a port has to be one: {code} {err}")
    code, err = refused("--address", "nowhere.example")
    check(code == 2 and "IPv4 or IPv6" in err, f"an address has to be one: {code} {err}")
    code, err = refused("--colour", "red")
    check(code == 2 and "no option --colour" in err, f"an unknown option is told of: {code} {err}")
    code, err = refused("--state-sync")
    check(code == 2 and "--state" in err, f"there has to be something to sync: {code} {err}")
    done = subprocess.run([MAYFLY, "dev", "--help"], capture_output=True, text=True, timeout=60, check=False)
    check(done.returncode == 0 and "Exit status" in done.stdout, "--help helps")

    dev = Dev("--port=0")
    check(dev.port and "in memory" in dev.first, f"it says where it is: {dev.first}")
    code, err = refused("--port", str(dev.port))
    check(code == 1 and f"127.0.0.1 port {dev.port} is in use" in err, f"a port that is taken is told of: {code} {err}")
    with dev.channel() as channel:
        stub = WorkflowServiceStub(channel)
        waiting = stub.PollActivityTaskQueue.future(poll_request(), timeout=60)
        # The list shows it as soon as it waits.
        until = time.monotonic() + 30
        while time.monotonic() < until and not stub.DescribeTaskQueue(rpc.DescribeTaskQueueRequest(
                namespace="default", task_queue=TaskQueue(name="orders"), task_queue_type=2), timeout=30).pollers:
            pass
        stub.StartActivityExecution(start_request("a", "mail"), timeout=30)
        stub.StartActivityExecution(start_request("b", "mail"), timeout=30)
        began = time.monotonic()
        code, out, _ = dev.end(signal.SIGINT)
        check(code == 0, f"SIGINT ends it well: {code}")
        check(time.monotonic() - began < 20, "and soon, though somebody waits for a task")
        check(waiting.exception(timeout=30) is None or waiting.code() == grpc.StatusCode.UNAVAILABLE,
              f"who waits is told: {waiting.exception()}")
    check("worker worker polls default/orders (activity)" in out, f"a worker is told of: {out}")
    check(out.count("tasks wait in default/mail (activity)") == 1, f"so are tasks that nobody serves, once: {out}")
    check(out.endswith("ending\n"), f"and the end: {out}")

    dev = Dev("--port", "0", "--address", "::1", "--namespace", "one", "--namespace", "two")
    check("ready on [::1]:" in dev.first, f"IPv6: {dev.first}")
    check(dev.end()[0] == 0, "SIGTERM ends it well")


def state_files(folder):
    path = os.path.join(folder, "state")
    dev = Dev("--port", "0", "--state", path, "--state-sync")
    code, err = refused("--port", "0", "--state", path)
    check(code == 1 and "in use by another service" in err, f"a file is one service's: {code} {err}")
    with dev.channel() as channel:
        stub = WorkflowServiceStub(channel)
        for i in range(20):
            stub.StartActivityExecution(start_request(f"a{i}"), timeout=30)
    check(dev.end()[0] == 0, "it ends well with a file")
    dev = Dev("--port", "0", "--state", path)
    check("with 20 open activities" in dev.first, f"it goes on: {dev.first}")
    dev.end()

    with open(path, "rb") as file:
        whole = file.read()
    damaged = bytearray(whole)
    damaged[len(whole) // 2] ^= 1
    with open(path, "wb") as file:
        file.write(damaged)
    code, err = refused("--port", "0", "--state", path)
    check(code == 1 and "is damaged at byte" in err, f"a damaged file is told of: {code} {err}")
    with open(path, "rb") as file:
        check(file.read() == bytes(damaged), "and left as it is")
    code, err = refused("--port", "0", "--state", os.path.join(folder, "none", "state"))
    check(code == 1 and "cannot be made" in err, f"a folder that is not there is told of: {code} {err}")


class Load:
    """Starts activities and does some of them, as fast as the service answers, until that is gone."""

    def __init__(self, dev, round_number, accepted, done):
        self.accepted, self.done = accepted, done
        self.round = round_number
        self.channel = dev.channel()
        self.stub = WorkflowServiceStub(self.channel)
        self.threads = [threading.Thread(target=self.start, args=(t,)) for t in range(3)]
        self.threads.append(threading.Thread(target=self.work))
        for thread in self.threads:
            thread.start()

    def start(self, thread):
        for i in range(1_000_000):
            name = f"r{self.round}-{thread}-{i}"
            size = 20_000 if i % 50 == 0 else 20
            try:
                answer = self.stub.StartActivityExecution(start_request(name, payload=b'"' + b"x" * size + b'"'),
                                                          timeout=30)
            except grpc.RpcError:
                return
            self.accepted[name] = answer.run_id

    def work(self):
        while True:
            try:
                task = self.stub.PollActivityTaskQueue(poll_request(), timeout=20)
                if not task.task_token:
                    continue
                result = Payloads(payloads=[Payload(data=task.activity_id.encode())])
                self.stub.RecordActivityTaskHeartbeat(rpc.RecordActivityTaskHeartbeatRequest(
                    namespace="default", task_token=task.task_token, details=result), timeout=30)
                self.stub.RespondActivityTaskCompleted(rpc.RespondActivityTaskCompletedRequest(
                    namespace="default", identity="worker", task_token=task.task_token, result=result), timeout=30)
            except grpc.RpcError:
                return
            self.done[task.activity_id] = task.activity_run_id

    def join(self):
        for thread in self.threads:
            thread.join(timeout=60)
        check(not any(thread.is_alive() for thread in self.threads), "clients notice that the service is gone")
        self.channel.close()


def killed(folder, kills, draws):
    path = os.path.join(folder, "killed")
    accepted, done = {}, {}
    version = WorkerDeploymentVersion(deployment_name="greeter", build_id="1")
    for number in range(kills):
        dev = Dev("--port", "0", "--state", path)
        if not check(dev.port, f"it comes up after kill {number}: {dev.first}"):
            return
        if number == 1:
            with dev.channel() as channel:
                stub = WorkflowServiceStub(channel)
                stub.RegisterNamespace(rpc.RegisterNamespaceRequest(
                    namespace="kept", workflow_execution_retention_period=Duration(seconds=86400)), timeout=30)
                stub.SetWorkerDeploymentCurrentVersion(rpc.SetWorkerDeploymentCurrentVersionRequest(
                    namespace="default", deployment_name="greeter", build_id="1", identity="me",
                    allow_no_pollers=True), timeout=30)
        load = Load(dev, number, accepted, done)
        time.sleep(draws.uniform(0.05, 0.5))  # not to wait for anything: the kill comes at any moment
        dev.process.kill()
        dev.process.communicate()
        load.join()

    dev = Dev("--port", "0", "--state", path)
    with dev.channel() as channel:
        stub = WorkflowServiceStub(channel)
        stub.DescribeNamespace(rpc.DescribeNamespaceRequest(namespace="kept"), timeout=30)
        current = stub.DescribeWorkerDeployment(rpc.DescribeWorkerDeploymentRequest(
            namespace="default", deployment_name="greeter"), timeout=30).worker_deployment_info.routing_config
        check(current.current_deployment_version == version, f"the routing is as it was: {current}")

        lost = unfinished = 0
        for name, run in accepted.items():
            try:
                found = stub.DescribeActivityExecution(rpc.DescribeActivityExecutionRequest(
                    namespace="default", activity_id=name, include_outcome=True), timeout=30)
            except grpc.RpcError as failed:
                lost += 1
                print(f"{name}: {failed.code()} {failed.details()}")
                continue
            check(found.run_id == run, f"{name} is the run that it was")
            complete = found.info.status == ActivityExecutionStatus.ACTIVITY_EXECUTION_STATUS_COMPLETED
            if name in done:
                check(complete and found.outcome.result.payloads[0].data == name.encode(),
                      f"{name} was completed, and has its result")
            unfinished += not complete
            # The same request again is the same activity, not another one.
            if unfinished < 20:
                again = stub.StartActivityExecution(start_request(name), timeout=30)
                check(again.run_id == run and not again.started, f"{name} is not started twice")
        check(lost == 0, f"{lost} of {len(accepted)} accepted activities are lost")

        # What waited is done now, each once. What a worker had when the service was killed is with that worker still.
        late = set()
        while True:
            task = stub.PollActivityTaskQueue(poll_request(), timeout=5)
            if not task.task_token:
                break
            check(task.activity_id not in done and task.activity_id not in late, f"{task.activity_id} is done once")
            late.add(task.activity_id)
            stub.RespondActivityTaskCompleted(rpc.RespondActivityTaskCompletedRequest(
                namespace="default", identity="worker", task_token=task.task_token), timeout=30)
        missing = set(accepted) - set(done) - late
        check(len(missing) <= 2 * kills, f"all but what a worker had are done: {len(missing)} are not")
        for name in missing:
            info = stub.DescribeActivityExecution(rpc.DescribeActivityExecutionRequest(
                namespace="default", activity_id=name), timeout=30).info
            check(info.status == ActivityExecutionStatus.ACTIVITY_EXECUTION_STATUS_COMPLETED or info.attempt == 1,
                  f"{name} is with its worker, or was done: {info.status}")
    code, _, err = dev.end()
    check(code == 0, f"it ends well: {code} {err}")
    print(f"{len(accepted)} activities accepted over {kills} kills, {len(done)} completed meanwhile, {len(late)} after "
          f"them; the file has {os.path.getsize(path)} bytes")


def versioned(folder):
    """A version that polled keeps its queue, and work goes to it after a restart."""
    path = os.path.join(folder, "versioned")
    options = WorkerDeploymentOptions(deployment_name="greeter", build_id="1",
                                      worker_versioning_mode=WorkerVersioningMode.WORKER_VERSIONING_MODE_VERSIONED)
    dev = Dev("--port", "0", "--state", path)
    with dev.channel() as channel:
        stub = WorkflowServiceStub(channel)
        stub.PollActivityTaskQueue(poll_request(deployment_options=options), timeout=3)
        stub.SetWorkerDeploymentCurrentVersion(rpc.SetWorkerDeploymentCurrentVersionRequest(
            namespace="default", deployment_name="greeter", build_id="1", identity="me"), timeout=30)
        stub.StartActivityExecution(start_request("a"), timeout=30)
    dev.end(signal.SIGKILL)
    dev = Dev("--port", "0", "--state", path)
    with dev.channel() as channel:
        stub = WorkflowServiceStub(channel)
        task = stub.PollActivityTaskQueue(poll_request(), timeout=3)
        check(not task.task_token, "it is not for workers without a version")
        task = stub.PollActivityTaskQueue(poll_request(deployment_options=options), timeout=30)
        check(task.activity_id == "a", "but for the current one's")
    dev.end()


def main():
    global MAYFLY
    options = argparse.ArgumentParser()
    options.add_argument("mayfly")
    options.add_argument("--kills", type=int, default=12)
    options.add_argument("--seed", type=int, default=1)
    options = options.parse_args()
    MAYFLY = options.mayfly
    try:
        with tempfile.TemporaryDirectory() as folder:
            words_and_status()
            state_files(folder)
            versioned(folder)
            killed(folder, options.kills, random.Random(options.seed))
    finally:
        for process in STARTED:
            process.kill()
    if FAILURES:
        raise SystemExit(f"{len(FAILURES)} things are not so")


if __name__ == "__main__":
    main()
