#!/usr/bin/env python3
# SPDX-License-Identifier: BSL-1.0
"""Other people's programs to test against, built once on each machine from public Go modules: a real Temporal server,
workers of the official Go SDK, one of them a Lambda function, and Temporal's own command line.

usage: server.py build [PROGRAM]    build it, unless that was done already; say where it is
       server.py path [PROGRAM]     say where it is, or what keeps it from being there (status 77)

PROGRAM is temporal_server, unless given, lambda_worker, ten_steps or temporal_cli. They go to
${XDG_CACHE_HOME:-~/.cache}/mayfly, under names made of the sources' digests. A Go that is too old, or none, is no reason
to fail: the one that go.mod asks for is taken from the module proxy, checked, and kept there too.
"""

import base64
import dataclasses
import fcntl
import hashlib
import os
import pathlib
import platform
import re
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
import zipfile

HERE = pathlib.Path(__file__).resolve().parent
CACHE = pathlib.Path(os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache") / "mayfly"
GO = re.search(r"^go ([0-9.]+)$", (HERE / "go.mod").read_text(), re.MULTILINE).group(1)
PACKED = 71_700_000  # octets of a toolchain, about
UNAVAILABLE = 77

# Digests of the module golang.org/toolchain at this version, as Go's checksum database writes them (h1).
TOOLCHAINS = {
    ("1.26.8", "amd64"): "ZOmGe1OnfREDMIdb1Qi4G9JSuDPBLGExZMQ4nis1RXM=",
    ("1.26.8", "arm64"): "sYL/O6MqS68ML0kjsQ36WoYIpJqkw60TxizWUYUKQMc=",
}
ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}


class Unavailable(Exception):
    """Why there is no such program, in words for a person."""


@dataclasses.dataclass
class Program:
    name: str
    what: str  # in words
    folder: pathlib.Path  # with go.mod and go.sum
    size: str  # of its modules
    package: str = "."

    def binary(self):
        digest = hashlib.sha256()
        for source in sorted([self.folder / "go.mod", self.folder / "go.sum", *self.folder.glob("*.go")]):
            digest.update(source.read_bytes() + b"\0")
        return CACHE / f"{self.name}-{digest.hexdigest()[:16]}"


PROGRAMS = {program.name: program for program in (
    Program("temporal_server", "the Temporal server", HERE, "1.5 GB"),
    Program("lambda_worker", "the Go worker for Lambda", HERE / "lambda_worker", "100 MB"),
    Program("ten_steps", "the Go worker to measure beside", HERE / "ten_steps", "100 MB"),
    # Of one go.mod, as it holds a server too, and so four fifths of it are there already.
    Program("temporal_cli", "Temporal's command line", HERE, "1.5 GB", "github.com/temporalio/cli/cmd/temporal"),
)}


def say(text):
    print(f"    {text}", file=sys.stderr, flush=True)


class Progress:
    """One line that changes on a terminal; elsewhere, a line every tenth of the way."""

    def __init__(self, what, total):
        self.what, self.total, self.begun, self.told = what, max(total, 1), time.monotonic(), -1

    def at(self, done):
        percent = min(100, 100 * done // self.total)
        if not sys.stderr.isatty():
            percent -= percent % 10
        if percent != self.told:
            self.told = percent
            end = "" if sys.stderr.isatty() and percent < 100 else "\n"
            start = "\r" if sys.stderr.isatty() else ""
            print(f"{start}    {self.what}: {percent} %, {time.monotonic() - self.begun:.0f} s", end=end,
                  file=sys.stderr, flush=True)


def version_of(go):
    try:
        text = subprocess.run([go, "env", "GOVERSION"], capture_output=True, text=True, timeout=60, check=True,
                              env={**os.environ, "GOTOOLCHAIN": "local"}).stdout
    except (OSError, subprocess.SubprocessError):
        return ()
    return tuple(int(part) for part in re.findall(r"\d+", text)[:3])


def fetch(url, file):
    with urllib.request.urlopen(url, timeout=60) as answer:
        progress = Progress("Go from the module proxy", int(answer.headers.get("Content-Length") or PACKED))
        done = 0
        while block := answer.read(1 << 20):
            file.write(block)
            done += len(block)
            progress.at(done)


def check(archive, expected):
    """The digest that go.sum and the checksum database use: of every file's digest and name, in order."""
    lines = (f"{hashlib.sha256(archive.read(name)).hexdigest()}  {name}\n" for name in sorted(archive.namelist()))
    seen = base64.b64encode(hashlib.sha256("".join(lines).encode()).digest()).decode()
    if seen != expected:
        raise Unavailable(f"the Go toolchain that came is not the published one: h1:{seen}, expected h1:{expected}")


def unpack(archive, place):
    for entry in archive.infolist():
        _, inner = entry.filename.split("@", 1)
        inner = pathlib.PurePosixPath(*pathlib.PurePosixPath(inner).parts[1:])
        # Modules have no executable files, and no modules within.
        path = place / (inner.with_name("go.mod") if inner.name == "_go.mod" else inner)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(archive.read(entry))
        if inner.parts[0] == "bin" or inner.parts[:2] == ("pkg", "tool"):
            path.chmod(0o755)


def toolchain():
    place = CACHE / f"go{GO}"
    if (place / "bin" / "go").exists():
        return str(place / "bin" / "go")

    architecture = ARCHITECTURES.get(platform.machine())
    expected = TOOLCHAINS.get((GO, architecture))
    if platform.system() != "Linux" or expected is None:
        raise Unavailable(f"there is no Go {GO} or newer here; see https://go.dev/dl")
    say(f"there is no Go {GO} or newer here; it goes to {place}")
    proxies = re.split("[,|]", os.environ.get("GOPROXY", "")) + ["https://proxy.golang.org"]
    proxy = next(p for p in proxies if p.startswith(("https://", "http://"))).rstrip("/")
    url = f"{proxy}/golang.org/toolchain/@v/v0.0.1-go{GO}.linux-{architecture}.zip"
    with tempfile.TemporaryFile() as file:
        try:
            fetch(url, file)
        except (OSError, urllib.error.URLError) as e:
            raise Unavailable(f"there is no Go {GO} or newer here, and it could not be had from {url} ({e}); "
                              "see https://go.dev/dl") from e
        with zipfile.ZipFile(file) as archive, tempfile.TemporaryDirectory(dir=CACHE) as work:
            check(archive, expected)
            unpack(archive, pathlib.Path(work) / "go")
            (pathlib.Path(work) / "go").rename(place)
    return str(place / "bin" / "go")


def find_go():
    wanted = tuple(int(part) for part in GO.split("."))
    for candidate in (os.environ.get("GO"), shutil.which("go"), "/usr/local/go/bin/go"):
        if candidate and version_of(candidate) >= wanted:
            return candidate
    return toolchain()


def compile_with(go, program, output):
    environment = {**os.environ, "CGO_ENABLED": "0", "GOTOOLCHAIN": "local", "GOWORK": "off", "GOFLAGS": "-mod=readonly"}

    say(f"modules of {program.what}, the first time about {program.size}")
    got = subprocess.run([go, "mod", "download"], cwd=program.folder, env=environment, capture_output=True, text=True, check=False)
    if got.returncode != 0:
        raise Unavailable(f"the modules of {program.what} could not be had: " + " ".join(got.stderr.split())[:500])

    packages = subprocess.run([go, "list", "-deps", program.package], cwd=program.folder, env=environment,
                              capture_output=True, text=True, check=True).stdout.splitlines()
    command = [go, "build", "-v", "-p", str(os.cpu_count() or 1), "-trimpath", "-buildvcs=false", "-ldflags=-s -w", "-o",
               str(output), program.package]
    progress = Progress(f"packages of {program.what}", len(packages))
    with subprocess.Popen(command, cwd=program.folder, env=environment, stderr=subprocess.PIPE, text=True,
                          preexec_fn=lambda: os.nice(10)) as process:
        # With -v, a line for each package that is compiled; what is no package's name tells what is wrong.
        known, done, errors = set(packages), 0, []
        for line in process.stderr:
            if line.strip() in known:
                done += 1
                progress.at(min(done, len(packages) - 1))
            else:
                errors.append(line)
    if process.returncode != 0:
        raise RuntimeError(f"{program.what} does not build:\n" + "".join(errors))
    progress.at(len(packages))


def build(program):
    path = program.binary()
    if path.exists():
        return path
    CACHE.mkdir(parents=True, exist_ok=True)
    with open(CACHE / "lock", "w", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not path.exists():
            with tempfile.TemporaryDirectory(dir=CACHE) as work:
                made = pathlib.Path(work) / program.name
                compile_with(find_go(), program, made)
                made.rename(path)
    return path


def main():
    verb, name, *more = [*sys.argv[1:], *["", "temporal_server"][len(sys.argv) - 1:]]
    if more or verb not in ("build", "path") or name not in PROGRAMS:
        print(__doc__, file=sys.stderr)
        return 2
    program = PROGRAMS[name]
    try:
        path = build(program) if verb == "build" else program.binary()
        if not path.exists():
            raise Unavailable(f"{program.what} was not built here; ./dev setup does it")
    except Unavailable as e:
        print(e)
        return UNAVAILABLE
    except RuntimeError as e:
        print(e, file=sys.stderr)
        return 1
    print(path)
    return 0


if __name__ == "__main__":
    sys.exit(main())
