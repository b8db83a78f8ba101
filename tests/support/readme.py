#!/usr/bin/env python3
# SPDX-License-Identifier: BSL-1.0
"""Holds the code in README.md to the files it is taken from, which are compiled and run.

usage: readme.py [--write] [--output PROGRAM]

A block of code in the README is the text between `//[name` and `//]` in a source file, without what stands there between
`//<-` and `//->`. With --write the README is
changed, otherwise a difference is an error. With --output, what PROGRAM prints must be the README's first block of
output.
"""
import argparse
import difflib
import pathlib
import re
import subprocess
import sys
import textwrap

root = pathlib.Path(__file__).resolve().parents[2]
sources = ["examples/quickstart/worker.cpp", "examples/workflows/hello.hpp", "examples/workflows/worker.cpp",
           "examples/workflows/approval.hpp", "examples/workflows/test.cpp", "tests/unit/readme.cpp",
           "examples/01_first_controller.cpp", "examples/echo_function/main.cpp"]


def region(path):
    text = (root / path).read_text()
    found = re.search(r"^[ ]*//\[\w+\n(.*?)^[ ]*//\]$", text, re.S | re.M)
    if not found:
        sys.exit(f"{path}: there is no part between //[name and //]")
    return textwrap.dedent(re.sub(r"^[ ]*//<-\n.*?^[ ]*//->\n", "", found.group(1), flags=re.S | re.M))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--write", action="store_true")
    parser.add_argument("--output", metavar="PROGRAM")
    arguments = parser.parse_args()

    readme = root / "README.md"
    before = readme.read_text()
    blocks = iter(region(path) for path in sources)
    after = re.sub(r"```cpp\n.*?```", lambda _: "```cpp\n" + next(blocks) + "```", before, flags=re.S)
    if arguments.output:
        printed = subprocess.run([arguments.output], check=True, capture_output=True, text=True).stdout
        after = re.sub(r"```text\n.*?```", lambda _: "```text\n" + printed + "```", after, count=1, flags=re.S)
    if after == before:
        return
    if arguments.write:
        readme.write_text(after)
        return
    sys.stdout.writelines(
        difflib.unified_diff(before.splitlines(True), after.splitlines(True), "README.md", "what the sources say"))
    sys.exit("README.md differs from the sources; run tests/support/readme.py --write")


main()
