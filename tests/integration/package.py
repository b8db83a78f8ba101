#!/usr/bin/env python3
# SPDX-License-Identifier: BSL-1.0
"""The command `mayfly package`, by what it writes, says and returns.

usage: package.py MAYFLY
"""
import os
import pathlib
import struct
import subprocess
import sys
import tempfile
import zipfile

FAILURES = []
MAYFLY = sys.argv[1]


def check(holds, what):
    if not holds:
        FAILURES.append(what)
        print(f"not so: {what}")


def run(*arguments):
    return subprocess.run([MAYFLY, *map(str, arguments)], capture_output=True, text=True, timeout=120, check=False)


def static_program(machine, padding=b""):
    """The header of one, which has nothing to load."""
    ident = b"\x7fELF" + bytes([2, 1, 1]) + bytes(9)
    return ident + struct.pack("<HHIQQQIHHHHHH", 2, machine, 1, 0x400000, 0, 0, 0, 64, 56, 0, 0, 0, 0) + padding


def write(path, content, mode=0o644):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    path.chmod(mode)
    return path


def main():
    with tempfile.TemporaryDirectory() as folder:
        place = pathlib.Path(folder)
        program = write(place / "worker", static_program(62, os.urandom(1 << 20) + bytes(9 << 20)), 0o755)
        config = write(place / "production.toml", b"[profile.default]\n")
        write(place / "certs/ca.pem", b"-----BEGIN CERTIFICATE-----\n")
        write(place / "certs/client/key.pem", b"-----BEGIN PRIVATE KEY-----\nsecret-words\n")
        tool = write(place / "tool", b"#!/bin/sh\n", 0o755)
        output = place / "function.zip"

        full = ["package", "--bootstrap", program, "--config", config, "--certificates", f"{place}/certs/",
                "--certificates", place / "certs/ca.pem", f"--file=bin/tool={tool}", "--output", output]
        made = run(*full)
        check(made.returncode == 0, f"it is made: {made.stderr}")
        with zipfile.ZipFile(output) as archive:
            check(archive.testzip() is None, "it is whole")
            modes = {entry.filename: entry.external_attr >> 16 for entry in archive.infolist()}
            check(modes == {"bin/tool": 0o100755, "bootstrap": 0o100755, "ca.pem": 0o100644, "certs/ca.pem": 0o100644,
                            "certs/client/key.pem": 0o100644, "temporal.toml": 0o100644}, f"with what was asked for: {modes}")
            check(list(modes) == sorted(modes), "by name")
            check(all(entry.date_time == (1980, 1, 1, 0, 0, 0) for entry in archive.infolist()), "without a date")
            check(archive.read("bootstrap") == program.read_bytes() and archive.read("temporal.toml") == config.read_bytes(),
                  "as it was")
        check("certs/client/key.pem holds a private key" in made.stderr, "a private key is told of")
        check("secret-words" not in made.stdout + made.stderr, "and not shown")
        check("compressing bootstrap" in made.stderr, "who waits for something large hears so")
        for words in ("architecture x86_64", "10 485 824 bytes", "temporal.toml", "262 144 000", "52 428 800"):
            check(words in made.stdout, f"{words} in:\n{made.stdout}")

        first = output.read_bytes()
        for path in place.rglob("*"):
            os.utime(path, (1_000_000_000, 1_000_000_000))
        check(run(*full).returncode == 0 and output.read_bytes() == first, "at another time, the same bytes")

        arm = write(place / "arm", static_program(183), 0o755)
        check("architecture arm64" in run("package", "--bootstrap", arm, "--output", place / "arm.zip").stdout,
              "the architecture is the program's")

        plain = write(place / "plain", static_program(62))
        warned = run("package", "--bootstrap", plain, "--output", place / "plain.zip")
        check(warned.returncode == 0 and "not executable; in the archive it is" in warned.stderr, "run bits are set")

        for why, words, arguments in (
                ("the other architecture", "is for x86_64 and the function for arm64",
                 ["--bootstrap", program, "--architecture", "arm64"]),
                ("linked the ordinary way", "libstdc++.so.6", ["--bootstrap", MAYFLY]),
                ("not there", "no-such: there is no such file", ["--bootstrap", place / "no-such"]),
                ("a folder", "this is no file", ["--bootstrap", place]),
                ("out of the archive", "give a path within the archive", ["--bootstrap", program, "--file", f"../x={tool}"]),
                ("two of one name", "give it once", ["--bootstrap", program, "--file", f"bootstrap={tool}"])):
            refused = run("package", *arguments, "--output", output)
            check(refused.returncode == 1 and words in refused.stderr, f"refused, {why}: {refused.stderr}")
            check(output.read_bytes() == first, f"and the archive before it stays, {why}")
        nowhere = run("package", "--bootstrap", program, "--output", place / "no/such/folder.zip")
        check(nowhere.returncode == 1 and "cannot be written" in nowhere.stderr, f"no folder to write to: {nowhere.stderr}")

        for why, words, arguments in (
                ("nothing", "--bootstrap", []),
                ("no output", "--output", ["--bootstrap", program]),
                ("an unknown option", "there is no option --fast", ["--fast", "yes"]),
                ("an unknown architecture", "give x86_64 or arm64", ["--architecture", "riscv"]),
                ("no value", "--bootstrap: give a value", ["--bootstrap"]),
                ("half a file", "give NAME=PATH", ["--file", "name"]),
                ("a word", "\"word\" is no option", ["word"])):
            unusable = run("package", *arguments)
            check(unusable.returncode == 2 and words in unusable.stderr, f"not usable, {why}: {unusable.stderr}")
        check(run("fly").returncode == 2 and run().returncode == 0 and run("package", "--help").returncode == 0,
              "help is there, and other verbs are not")
        check(sorted(p.name for p in place.glob("*.new")) == [], "no draft is left behind")
    return 1 if FAILURES else 0


sys.exit(main())
