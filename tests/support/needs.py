#!/usr/bin/env python3
# SPDX-License-Identifier: BSL-1.0
"""Runs a test with the interpreter that has its packages, or tells loudly why it cannot run.

usage: needs.py --python INTERPRETER [--module NAME]... [--tool NAME]... [--root] -- SCRIPT [ARGUMENT]...

What is missing makes the test skipped (status 77, one line "skipped: ..."), and failed where CI is set: there, all of
it has to run.
"""
import argparse
import os
import shutil
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
    for tool in given.tool:
        if not shutil.which(tool):
            yield f"there is no program {tool}"
    if given.root and os.geteuid() != 0:
        yield "it needs root, for a network namespace and a root of its own"


def main():
    reader = argparse.ArgumentParser()
    reader.add_argument("--python", required=True)
    reader.add_argument("--module", action="append", default=[])
    reader.add_argument("--tool", action="append", default=[])
    reader.add_argument("--root", action="store_true")
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
