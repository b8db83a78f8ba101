# SPDX-License-Identifier: BSL-1.0
"""Functions to start workers with, and who starts them: `local_lambda` as a process and what its log tells of every
invocation, `mayfly controller run`, and the commands that tell it what to do."""

import collections
import contextlib
import json
import os
import pathlib
import re
import signal
import subprocess
import tempfile
import time
import urllib.request
import zipfile
from datetime import datetime

REGION, ACCOUNT = "us-east-1", "123456789012"
KEY, SECRET = "AKIATESTSERVERLESS00", "a+secret/of+forty+characters+for+testing"

Invocation = collections.namedtuple("Invocation", "function version request begun ended billed failed")


def arn(function, version):
    return f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{function}:{version}"


def packaged(mayfly, program, folder):
    """The bootstrap out of the archive that `mayfly package` makes of the program, and whether it made one: what is not
    linked statically is refused, and then runs as it is."""
    archive = pathlib.Path(folder) / "function.zip"
    made = subprocess.run([mayfly, "package", "--bootstrap", program, "--output", archive], capture_output=True, text=True,
                          timeout=120, check=False)
    if made.returncode != 0:
        return str(program), False
    with zipfile.ZipFile(archive) as unpacked:
        path = pathlib.Path(unpacked.extract("bootstrap", folder))
    path.chmod(0o755)
    return str(path), True


class LocalLambda:
    """It runs the functions of a list of tables, each with the settings of a [[function]] of `local_lambda --help`."""

    def __init__(self, program, functions, *options):
        self.folder = tempfile.TemporaryDirectory(prefix="mayfly-functions-")
        place = pathlib.Path(self.folder.name)
        self.log = place / "log"
        # The values of TOML that are needed here are written as JSON's are; a table is not.
        text = ""
        for function in functions:
            text += "[[function]]\n"
            for key, value in function.items():
                if isinstance(value, dict):
                    value = "{ " + ", ".join(f"{json.dumps(k)} = {json.dumps(v)}" for k, v in value.items()) + " }"
                    text += f"{key} = {value}\n"
                else:
                    text += f"{key} = {json.dumps(value)}\n"
        (place / "functions.toml").write_text(text)
        self.process = subprocess.Popen(
            [program, "--functions", place / "functions.toml", "--region", REGION, "--account", ACCOUNT, "--access-key", KEY,
             "--secret-key", SECRET, "--log-file", self.log, *map(str, options)], stdout=subprocess.PIPE, text=True)
        line = self.process.stdout.readline()
        if not line.startswith("local_lambda: http"):
            raise RuntimeError(f"local_lambda said {line!r}, and {self.text()}")
        self.url = line.split()[1]

    def environment(self):
        """For whoever speaks to AWS and shall mean this."""
        return {"AWS_ENDPOINT_URL": self.url, "AWS_REGION": REGION, "AWS_DEFAULT_REGION": REGION, "AWS_ACCESS_KEY_ID": KEY,
                "AWS_SECRET_ACCESS_KEY": SECRET, "AWS_EC2_METADATA_DISABLED": "true"}

    def text(self):
        return self.log.read_text(errors="replace") if self.log.exists() else ""

    def invocations(self):
        """All of them in the order in which they began; those that go on have no end."""
        begun, out = {}, []
        for line in self.text().splitlines():
            when, _, rest = line.partition(" ")
            if found := re.search(r"^(\S+?):(\S+) \[\d+\] START RequestId: (\S+)", rest):
                begun[found[3]] = len(out)
                out.append(Invocation(found[1], found[2], found[3], seconds(when), None, None, False))
            elif found := re.search(r"REPORT RequestId: (\S+)\s.*Billed Duration: (\d+) ms", rest):
                if found[1] in begun:
                    at = begun[found[1]]
                    out[at] = out[at]._replace(ended=seconds(when), billed=int(found[2]) / 1000,
                                               failed="Status: " in rest)
        return out

    def running(self):
        return [i for i in self.invocations() if i.ended is None]

    def stop(self):
        """The exit status."""
        if self.process.poll() is None:
            self.process.terminate()
        try:
            return self.process.wait(30)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise
        finally:
            self.process.stdout.close()

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
            self.process.stdout.close()
        self.folder.cleanup()


def seconds(text):
    return datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()


@contextlib.contextmanager
def functions_of(program, functions, *options):
    platform = LocalLambda(program, functions, *options)
    try:
        yield platform
    except BaseException:
        print("---- local_lambda said:\n" + platform.text()[-6000:], flush=True)
        raise
    finally:
        platform.close()


def quantile(times, share):
    """0 of nothing."""
    ordered = sorted(times)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else 0.0


class Controller:
    """`mayfly controller run` beside a service: started, killed, asked, and started again with the record it left."""

    def __init__(self, mayfly, service, folder, environment, name="controller", namespace="default", settings=""):
        self.mayfly, self.service, self.name, self.namespace = mayfly, service, name, namespace
        self.folder = pathlib.Path(folder)
        self.environment = {**os.environ, **environment}
        self.file, self.record, self.log = (self.folder / f"{name}.{kind}" for kind in ("toml", "jsonl", "log"))
        self.settings = settings
        self.process = self.url = None

    def start(self):
        self.file.write_text(f'[controller]\nlook_every_ms = 500\nlog_format = "text"\n[health]\naddress = "127.0.0.1:0"\n'
                             f'[record]\nfile = "{self.record}"\n{self.settings}\n'
                             f'[[namespace]]\nname = "{self.namespace}"\naddress = "{self.service.address}"\n')
        begin = self.log.stat().st_size if self.log.exists() else 0
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen([self.mayfly, "controller", "run", self.file], stdout=log, stderr=log,
                                            env=self.environment)
        end = time.monotonic() + 60
        while not (found := re.search(r"health is served.*?(127\.0\.0\.1:\d+)", self.log.read_text(errors="replace")[begin:])):
            if self.process.poll() is not None or time.monotonic() > end:
                raise RuntimeError("the controller does not come up:\n" + self.said())
            time.sleep(0.05)
        self.url = "http://" + found[1]
        return self

    def get(self, path):
        with urllib.request.urlopen(self.url + path, timeout=10) as answer:
            return answer.read().decode()

    def version(self, deployment, build_id):
        """What it tells of one, or nothing."""
        for namespace in json.loads(self.get("/status"))["namespaces"]:
            for version in namespace.get("versions", []):
                if (version["deployment"], version["build_id"]) == (deployment, build_id):
                    return version
        return None

    def said(self):
        return self.log.read_text(errors="replace")[-6000:] if self.log.exists() else ""

    def stop(self, how=signal.SIGTERM):
        """The exit status; 0 if it does not run."""
        if self.process is None:
            return 0
        if self.process.poll() is None:
            self.process.send_signal(how)
        try:
            return self.process.wait(30)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise
        finally:
            self.process = None


class Deployments:
    """`mayfly worker deployment`, as the commands of a test."""

    def __init__(self, mayfly, service, environment, namespace="default"):
        self.mayfly, self.service, self.namespace = mayfly, service, namespace
        self.environment = {**os.environ, **environment}

    def __call__(self, *arguments):
        made = subprocess.run([self.mayfly, "worker", "deployment", *map(str, arguments), "--address", self.service.address,
                               "--namespace", self.namespace], env=self.environment, capture_output=True, text=True, timeout=60,
                              check=False)
        if made.returncode != 0:
            raise RuntimeError(f"mayfly worker deployment {' '.join(map(str, arguments))}: {made.returncode}\n"
                               f"{made.stdout}{made.stderr}")
        return made.stdout

    def create(self, deployment):
        return self("create", "--name", deployment)

    def create_version(self, deployment, build_id, function, *flags):
        return self("create-version", "--deployment-name", deployment, "--build-id", build_id, "--aws-lambda-invoke", function,
                    *flags)

    def set_current(self, deployment, build_id):
        return self("set-current-version", "--deployment-name", deployment, "--build-id", build_id,
                    "--ignore-missing-task-queues", "--yes")
