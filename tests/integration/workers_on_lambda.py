#!/usr/bin/env python3
# SPDX-License-Identifier: BSL-1.0
"""Runs the example of a controller on Lambda against the local Lambda: a target that will do, and two that will not.

    workers_on_lambda.py PATH/TO/07_workers_on_lambda PATH/TO/local_lambda PATH/TO/echo_function
"""

import os
import subprocess
import sys

EXAMPLE, LOCAL_LAMBDA, FUNCTION = sys.argv[1:4]
ARN = "arn:aws:lambda:eu-west-1:123456789012:function:orders"
ROLE = "arn:aws:iam::123456789012:role/inviter"
KEY, SECRET, EXTERNAL_ID = "AKIATESTKEY000000007", "SECRETMARKER-example-secret", "shop-7"
failures = 0


def check(why, arguments, status, *words):
    global failures
    environment = {"AWS_ACCESS_KEY_ID": KEY, "AWS_SECRET_ACCESS_KEY": SECRET, "AWS_REGION": "eu-west-1",
                   "AWS_ENDPOINT_URL": url, "HOME": "/nonexistent", "PATH": os.environ["PATH"]}
    run = subprocess.run([EXAMPLE, *arguments], env=environment, capture_output=True, text=True, timeout=60)
    said = run.stdout + run.stderr
    if run.returncode != status or SECRET in said or not all(w in said for w in words):
        failures += 1
        print(f"FAILED: {why}: status {run.returncode}, said\n{said}", file=sys.stderr)


server = subprocess.Popen(
    [LOCAL_LAMBDA, "--port", "0", "--bootstrap", FUNCTION, "--function", "orders", "--versions", "7",
     "--timeout", "60", "--memory", "512", "--async-retries", "0", "--event-age", "60", "--region", "eu-west-1",
     "--account", "123456789012", "--access-key", KEY, "--secret-key", SECRET, "--role-arn", ROLE,
     "--external-id", EXTERNAL_ID], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
try:
    url = server.stdout.readline().split()[-1]
    check("a target that will do", [f"{ARN}:7", ROLE, EXTERNAL_ID], 0, "accepted: ")
    check("an unqualified one is warned of", [ARN], 0, "warning: ", "names no version", "accepted: ")
    check("no such version", [f"{ARN}:8", ROLE, EXTERNAL_ID], 1, "error: ", "Function not found")
    check("a wrong external id", [f"{ARN}:7", ROLE, "other"], 1, "error: ", "cannot be assumed")
finally:
    server.terminate()
    status = server.wait(30)
if status != 0:
    failures += 1
    print(f"FAILED: local_lambda ended with {status}", file=sys.stderr)
sys.exit(1 if failures else 0)
