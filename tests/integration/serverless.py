# SPDX-License-Identifier: BSL-1.0
"""Functions to start workers with: `local_lambda` as a process, and what its log tells of every invocation."""

import collections
import contextlib
import json
import os
import pathlib
import re
import subprocess
import tempfile
import time
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


def worst(times, share):
    """The quantile of a list; 0 of nothing."""
    ordered = sorted(times)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else 0.0
