#!/usr/bin/env python3
# SPDX-License-Identifier: BSL-1.0
"""The command `mayfly activity` against `mayfly dev`: what it does, says and returns.

    mayfly_activity.py PATH/TO/mayfly

The worker is gRPC's for Python, with the official messages of the package temporalio.
"""

import json
import os
import re
import select
import subprocess
import sys

import grpc
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflowservice.v1 import request_response_pb2 as rpc
from temporalio.api.workflowservice.v1 import WorkflowServiceStub

MAYFLY = sys.argv[1]
SECRET = "sesame-open"
FAILURES = []


def check(holds, what):
    if not holds:
        FAILURES.append(what)
        print(f"not so: {what}", flush=True)


def run(*arguments, address=None, **variables):
    environment = {k: v for k, v in os.environ.items() if not k.startswith("TEMPORAL_")} | {"HOME": "/nonexistent"}
    if address:
        environment["TEMPORAL_ADDRESS"] = address
    done = subprocess.run([MAYFLY, "activity", *arguments], capture_output=True, text=True, timeout=60, check=False,
                          env=environment | variables)
    check(SECRET not in done.stdout + done.stderr, f"no secret is told: {done.stdout} {done.stderr}")
    return done


def words():
    for verb in ([], ["start"], ["execute"], ["result"], ["describe"], ["list"], ["count"], ["cancel"], ["terminate"],
                 ["delete"], ["complete"], ["fail"], ["heartbeat"]):
        done = run(*verb, "--help")
        check(done.returncode == 0 and done.stdout.startswith("usage: mayfly activity"), f"{verb} has help")
    for why, said, arguments in (
            ("no such verb", "there is no verb", ["dance"]),
            ("no such option", "there is no option --fast", ["list", "--fast", "yes"]),
            ("no queue", "--task-queue is missing", ["start", "--type", "greet"]),
            ("no address", "the port is missing", ["list", "--address", "nowhere"]),
            ("half a pair", "a certificate and its key come together", ["list", "--tls", "true", "--tls-cert", __file__])):
        done = run(*arguments, TEMPORAL_API_KEY=SECRET)
        check(done.returncode == 2 and said in done.stderr, f"not usable, {why}: {done.returncode} {done.stderr}")
    away = run("count", "--address", "127.0.0.1:1", "--tls", "false", TEMPORAL_API_KEY=SECRET)
    check(away.returncode == 1 and "mayfly dev" in away.stderr, f"nobody is there: {away.returncode} {away.stderr}")


def conversation(port):
    at = f"127.0.0.1:{port}"

    def ask(*arguments):
        return run(*arguments, address=at)

    def told(*arguments):
        done = ask(*arguments, "--output", "json")
        check(done.returncode == 0, f"{arguments}: {done.returncode} {done.stderr}")
        return json.loads(done.stdout or "null")

    started = told("start", "--type", "greet", "--task-queue", "q", "--id", "one", "--input", '"World"', "--input", "[1]",
                   "--start-to-close", "1m", "--summary", "a greeting")
    check(started["id"] == "one" and started["started"] and started["run_id"], f"it was started: {started}")
    again = ask("start", "--type", "greet", "--task-queue", "q", "--id", "one")
    check(again.returncode == 1 and "--conflict use-existing" in again.stderr, f"an id is used once: {again.stderr}")
    early = ask("result", "--id", "one", "--within", "200ms")
    check(early.returncode == 4 and "has not ended" in early.stderr, f"not yet: {early.returncode} {early.stderr}")
    seen = told("describe", "--id", "one")
    check(seen["status"] == "running" and seen["input"] == ["World", [1]] and seen["start_to_close"] == 60
          and seen["summary"] == "a greeting", f"it is described: {seen}")

    with grpc.insecure_channel(at) as channel:
        task = WorkflowServiceStub(channel).PollActivityTaskQueue(rpc.PollActivityTaskQueueRequest(
            namespace="default", identity="worker", task_queue=TaskQueue(name="q")), timeout=30)
    check([bytes(p.data) for p in task.input.payloads] == [b'"World"', b"[1]"], f"the worker gets it: {task}")
    run_id = ["--id", "one", "--run", started["run_id"]]
    check(told("heartbeat", *run_id, "--value", "50")["cancel_requested"] is False, "it is alive")
    ask("cancel", *run_id, "--reason", "why not")
    check(told("heartbeat", *run_id)["cancel_requested"] is True, "it hears that it is to end")
    done = ask("complete", *run_id, "--value", '{"said": "Hello"}')
    check(done.returncode == 0 and "completed one" in done.stdout, f"it is completed from elsewhere: {done.stderr}")
    result = ask("result", "--id", "one")
    check(result.returncode == 0 and json.loads(result.stdout) == {"said": "Hello"}, f"and has a result: {result.stdout}")

    told("start", "--type", "greet", "--task-queue", "q", "--id", "two")
    check(ask("terminate", "--id", "two", "--reason", "enough").returncode == 0, "it is terminated")
    ended = ask("result", "--id", "two", "--output", "jsonl")
    check(ended.returncode == 3 and json.loads(ended.stdout)["status"] == "terminated", f"no result: {ended.stdout}")
    timed_out = ask("execute", "--type", "greet", "--task-queue", "nobody", "--schedule-to-close", "200ms")
    check(timed_out.returncode == 3 and "timed out" in timed_out.stderr, f"nor this: {timed_out.stderr}")

    check(told("count")["count"] == 3, "they are counted")
    check({e["id"] for e in told("list", "--query", "ExecutionStatus = 'Terminated'")} == {"two"}, "they are found")
    lines = ask("list", "--output", "jsonl", "--limit", "2").stdout.splitlines()
    check(len(lines) == 2 and all(json.loads(line)["type"] == "greet" for line in lines), f"line by line: {lines}")
    table = ask("list").stdout.splitlines()
    check(len(table) == 4 and re.match(r"id +type +status", table[0]), f"or as a table: {table}")
    check(ask("delete", "--id", "two").returncode == 0 and told("count")["count"] == 2, "and forgotten")
    nobody = ask("describe", "--id", "nobody")
    check(nobody.returncode == 1 and "NOT_FOUND" in nobody.stderr and "activity list" in nobody.stderr,
          f"what is not there is told of: {nobody.stderr}")
    nowhere = ask("list", "--namespace", "elsewhere")
    check(nowhere.returncode == 1 and "--namespace" in nowhere.stderr, f"nor the namespace: {nowhere.stderr}")


def main():
    words()
    with subprocess.Popen([MAYFLY, "dev", "--port", "0"], stdout=subprocess.PIPE) as dev:
        try:
            ready, _, _ = select.select([dev.stdout], [], [], 60)
            found = re.match(r"ready on \S+:(\d+), ", dev.stdout.readline().decode() if ready else "")
            check(found, "the service starts")
            if found:
                conversation(int(found[1]))
        finally:
            dev.terminate()
    return 1 if FAILURES else 0


sys.exit(main())
