#!/usr/bin/env python3
# SPDX-License-Identifier: BSL-1.0
"""Runs a test with the interpreter that has its packages, or tells loudly why it cannot run.

usage: needs.py --python INTERPRETER [--module NAME]... [--namespaces] -- SCRIPT [ARGUMENT]...

What is missing makes the test skipped (status 77, one line "skipped: ..."), and failed where CI is set: there, all of
it has to run.
"""
import argparse
import os
import subprocess
import sys

SKIPPED = 77


def missing(given):
    if given.module:
        imports = ", ".join(given.module)
        try:
            found = subprocess.run([given.python, "-c", f"import {imports}"], capture_output=True, timeout=120, check=False)
            if found.returncode != 0:
                yield f"{given.python} has no {imports}"
        except OSError:
            yield f"there is no {given.python}; ./dev test makes it (pip install -r tests/support/requirements.txt)"
    if given.namespaces:
        command = ["unshare", "--net", *([] if os.geteuid() == 0 else ["--map-root-user"]), "true"]
        try:
            made = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
            if made.returncode != 0:
                yield f"no network namespace can be made here, as root or by a user namespace ({made.stderr.strip()})"
        except OSError:
            yield "there is no program unshare (util-linux)"


def main():
    reader = argparse.ArgumentParser()
    reader.add_argument("--python", required=True)
    reader.add_argument("--module", action="append", default=[])
    reader.add_argument("--namespaces", action="store_true")
    reader.add_argument("command", nargs="+")
    given = reader.parse_args()

    lacking = "; ".join(missing(given))
    if lacking:
        name = os.path.basename(given.command[0])
        print(f"skipped: {name}: {lacking}", flush=True)
        return 1 if os.environ.get("CI") else SKIPPED

    interpreter = given.python if given.module else sys.executable
    os.execv(interpreter, [interpreter, *given.command])


sys.exit(main())
