#!/usr/bin/env python3
# SPDX-License-Identifier: BSL-1.0
"""A function for tests, in nothing but Python's own library: what a stranger's bootstrap looks like.

Does what its event says, in this order; an event without these is merely shown:

  note      a line is added to this file
  print     this is written to the standard output
  await     goes on when there is a file of this name
  sleep     so many seconds
  fork      leaves a process behind that would live for a minute
  exit      ends the process with this status
  fail      ends the invocation with an error of this type
  bytes     answers with so many of them
"""

import http.client
import json
import os
import subprocess
import sys
import time

PREFIX = "/2018-06-01/runtime/"
runtime = http.client.HTTPConnection(os.environ["AWS_LAMBDA_RUNTIME_API"])
invocations = 0


def call(method, path, body=None, headers=None):
    runtime.request(method, PREFIX + path, body, headers or {})
    answer = runtime.getresponse()
    content = answer.read()
    if answer.status >= 400 and answer.status != 413:
        sys.exit(f"{method} {path}: {answer.status} {content!r}")
    return answer.headers, content


def perform(headers, event):
    wish = event if isinstance(event, dict) else {}
    identity = headers["Lambda-Runtime-Aws-Request-Id"]
    if "note" in wish:
        with open(wish["note"], "a") as file:
            file.write(f"{identity} {headers['Lambda-Runtime-Invoked-Function-Arn']} {time.time()}\n")
    if "print" in wish:
        print(wish["print"], flush=True)
    while "await" in wish and not os.path.exists(wish["await"]):
        time.sleep(0.01)
    time.sleep(wish.get("sleep", 0))
    if wish.get("fork"):
        subprocess.Popen(["sleep", "60"])
    if "exit" in wish:
        os._exit(wish["exit"])
    if "fail" in wish:
        raise RuntimeError(wish["fail"])
    if "bytes" in wish:
        return "x" * wish["bytes"]
    return {"event": event, "headers": dict(headers), "environment": dict(os.environ), "pid": os.getpid(),
            "folder": os.getcwd(), "invocations": invocations}


while True:
    headers, body = call("GET", "invocation/next")
    invocations += 1
    request = "invocation/" + headers["Lambda-Runtime-Aws-Request-Id"] + "/"
    try:
        call("POST", request + "response", json.dumps(perform(headers, json.loads(body))))
    except RuntimeError as error:
        kind = str(error)
        call("POST", request + "error", json.dumps({"errorMessage": "as told", "errorType": kind, "stackTrace": []}),
             {"Lambda-Runtime-Function-Error-Type": kind})
