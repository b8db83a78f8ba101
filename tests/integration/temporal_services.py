# SPDX-License-Identifier: BSL-1.0
"""A service to test against: the embedded one of `mayfly dev`, or a real Temporal server. From one source, by its name:

embedded:PROGRAM   PROGRAM dev, with PROGRAM our command-line program
real               what tests/temporal_server builds; where it was not built, the test is skipped and says so
address:HOST:PORT  one that runs already
"""

import asyncio
import contextlib
import os
import pathlib
import re
import selectors
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time

from temporalio.api.enums.v1 import IndexedValueType
from temporalio.api.operatorservice.v1 import AddSearchAttributesRequest
from temporalio.api.workflowservice.v1 import SetWorkerDeploymentCurrentVersionRequest
from temporalio.service import RPCError, RPCStatusCode

SKIPPED = 77
SERVER = pathlib.Path(__file__).resolve().parent.parent / "temporal_server" / "server.py"


def built(program):
    """A program of tests/temporal_server; the test is skipped where it was not built."""
    found = subprocess.run([sys.executable, str(SERVER), "path", program], capture_output=True, text=True, check=False)
    if found.returncode == SKIPPED:
        print(f"skipped: {pathlib.Path(sys.argv[0]).name}: {found.stdout.strip()}", flush=True)
        sys.exit(SKIPPED)
    if found.returncode != 0:
        raise RuntimeError(found.stderr)
    return found.stdout.strip()


def first_match(stream, pattern, within):
    """The first line of a process that matches; what came before is dropped."""
    end = time.monotonic() + within
    pending = b""
    with selectors.DefaultSelector() as selector:
        selector.register(stream, selectors.EVENT_READ)
        while (left := end - time.monotonic()) > 0:
            if not selector.select(left):
                continue
            block = stream.read1(4096)
            if not block:
                break
            pending += block
            *lines, pending = pending.split(b"\n")
            for line in lines:
                if found := re.search(pattern, line.decode(errors="replace")):
                    return found
    raise RuntimeError(f"no line like {pattern} came within {within} s; the last was {pending!r}")


class Service:
    """One that runs, can be stopped, killed and started again on its port with what it kept."""

    def __init__(self, spec, log, keep=False, dynamic=(), namespaces=(), environment=None):
        self.kind, _, rest = spec.partition(":")
        self.address = rest if self.kind == "address" else ""
        self.process = self.reader = None
        self.log = log
        self.environment = {**os.environ, **(environment or {})}
        self.file = tempfile.mkdtemp(prefix="mayfly-service-") + "/state" if keep else None
        kept = {"embedded": "--state", "real": "--db"}
        if self.kind == "embedded":
            self.command = [rest, "dev"]
        elif self.kind == "real":
            self.command = [built("temporal_server")]
        elif self.kind != "address":
            raise ValueError(f"{spec} is neither embedded:PROGRAM, real nor address:HOST:PORT")
        if keep:
            self.command += [kept[self.kind], self.file]
        if self.kind == "real":
            for setting in dynamic:
                self.command += ["-d", setting]
        if self.kind != "address":
            for namespace in namespaces:
                self.command += ["--namespace", namespace]

    def start(self):
        if self.kind == "address":
            return self
        port = self.address.rpartition(":")[2] or "0"
        self.process = subprocess.Popen([*self.command, "--port", port], stdout=subprocess.PIPE, stderr=self.log,
                                        env=self.environment)
        self.address = first_match(self.process.stdout, r"(127\.0\.0\.1:\d+)", 60)[1]
        # Read to its end, or the service would wait for a reader some day.
        self.reader = threading.Thread(target=self.drain, args=(self.process.stdout,), daemon=True)
        self.reader.start()
        return self

    def drain(self, stream):
        with stream:
            shutil.copyfileobj(stream, self.log)

    def stop(self, how=signal.SIGTERM):
        if self.process is None:
            return None
        self.process.send_signal(how)
        try:
            status = self.process.wait(30)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise
        finally:
            self.reader.join()
            self.process = None
        return status


@contextlib.contextmanager
def serving(spec, **options):
    with tempfile.TemporaryFile() as log:
        service = Service(spec, log, **options)
        try:
            yield service.start()
        except BaseException:
            log.seek(0)
            print("---- the service said:\n" + log.read().decode(errors="replace")[-8000:], flush=True)
            raise
        finally:
            service.stop(signal.SIGKILL)


async def add_search_attributes(client, **types):
    """A namespace has to know what its workflows are found by; some servers do from the start."""
    request = AddSearchAttributesRequest(namespace=client.namespace, search_attributes={
        name: IndexedValueType.Value(f"INDEXED_VALUE_TYPE_{kind}") for name, kind in types.items()})
    try:
        await client.operator_service.add_search_attributes(request)
    except RPCError as e:
        if "already" not in e.message and e.status != RPCStatusCode.UNIMPLEMENTED:
            raise


async def make_current(client, deployment, build_id):
    """Tasks go to this version from now on. A service knows one once it has polled."""
    request = SetWorkerDeploymentCurrentVersionRequest(namespace=client.namespace, deployment_name=deployment,
                                                       build_id=build_id)
    end = time.monotonic() + 30
    while True:
        try:
            return await client.workflow_service.set_worker_deployment_current_version(request)
        except RPCError as e:
            known = e.status not in (RPCStatusCode.NOT_FOUND, RPCStatusCode.FAILED_PRECONDITION)
            if known or time.monotonic() > end:
                raise
            await asyncio.sleep(0.1)
