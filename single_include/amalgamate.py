#!/usr/bin/env python3
# SPDX-License-Identifier: BSL-1.0
"""Writes single_include/mayfly/mayfly.hpp: all of core in one file, under the same include path.

    amalgamate.py [--check | --output FILE]

The umbrella include/mayfly/mayfly.hpp decides what goes in and what stands behind its `#if ... __has_include` gate.
--check writes nothing: it fails when the umbrella misses a header or the committed file is not what would be written.
"""

import argparse
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
INCLUDE = ROOT / "include"
UMBRELLA = "mayfly/mayfly.hpp"
COMMITTED = ROOT / "single_include" / UMBRELLA
REMEDY = "python3 single_include/amalgamate.py"

INCLUDE_LINE = re.compile(r"^\s*#\s*include\s*<([^>]+)>")
GATE_LINE = re.compile(r"^#if .*__has_include\(<boost/")


def fail(problem):
    sys.exit(f"amalgamate.py: {problem}")


def text_of(header):
    path = INCLUDE / header
    if not path.is_file():
        fail(f"{header} is included, but there is no include/{header}")
    return path.read_text(encoding="utf-8")


def includes_of(header):
    found = [INCLUDE_LINE.match(line) for line in text_of(header).splitlines()]
    return [match[1] for match in found if match]


def needs_boost(header, seen=None):
    """Whether a header reaches Boost, by itself or through other headers of ours."""
    seen = set() if seen is None else seen
    if header in seen:
        return False
    seen.add(header)
    return any(
        name.startswith("boost/") or (name.startswith("mayfly/") and needs_boost(name, seen))
        for name in includes_of(header)
    )


def all_headers():
    found = (path.relative_to(INCLUDE).as_posix() for path in INCLUDE.rglob("*.hpp"))
    return sorted(header for header in found if header != UMBRELLA)


def pure_headers():
    """Every header that needs the standard library only."""
    return [header for header in all_headers() if not needs_boost(header)]


def split_umbrella():
    """The umbrella's headers before and behind its gate, and the lines of the gate that are not includes."""
    before, behind, gate, in_gate = [], [], [], False
    for line in text_of(UMBRELLA).splitlines():
        in_gate = in_gate or bool(GATE_LINE.match(line))
        match = INCLUDE_LINE.match(line)
        if match:
            (behind if in_gate else before).append(match[1])
        elif in_gate and line.strip():
            gate.append(line)
    if len(gate) < 2:
        fail(f"include/{UMBRELLA} has no '#if ... __has_include(<boost/...>)' block")
    return before, behind, gate


def umbrella_problems():
    before, behind, _ = split_umbrella()
    problems = [f"{h} needs Boost: include it behind the gate" for h in before if needs_boost(h)]
    problems += [f"{h} needs no Boost: include it before the gate" for h in behind if not needs_boost(h)]
    for header in unlisted_headers():
        if not header.startswith("mayfly/detail/"):
            where = "behind" if needs_boost(header) else "before"
            problems.append(f"{header} is missing: include it {where} the gate")
        elif not any(header in includes_of(other) for other in all_headers()):
            problems.append(f"{header} is used by no other header: delete it")
    return problems


def unlisted_headers():
    before, behind, _ = split_umbrella()
    return [header for header in all_headers() if header not in before + behind]


class Writer:
    """Inlines headers depth first, each once; what they include from elsewhere is collected for the top."""

    def __init__(self):
        self.done = {UMBRELLA}
        self.standard = set()
        self.boost = set()
        self.body = []

    def add(self, header):
        if header in self.done:
            return
        self.done.add(header)
        lines = []
        for line in text_of(header).splitlines():
            match = INCLUDE_LINE.match(line)
            if not match:
                if not line.startswith(("#pragma once", "// SPDX-License-Identifier")):
                    lines.append(line)
            elif match[1].startswith("mayfly/"):
                self.add(match[1])
            elif match[1].startswith("boost/"):
                self.boost.add(match[1])
            else:
                self.standard.add(match[1])
        self.body += ["", f"// {header} {'-' * (116 - len(header))}", "", *squeezed(lines)]

    def take(self):
        body, self.body = self.body, []
        return body


def squeezed(lines):
    """Without blank lines at either end, and never two in a row (left where includes were)."""
    kept = []
    for line in lines:
        if line.strip() or (kept and kept[-1].strip()):
            kept.append(line)
    while kept and not kept[-1].strip():
        kept.pop()
    return kept


def amalgamated():
    before, behind, gate = split_umbrella()
    writer = Writer()
    # A header that the umbrella misses is written all the same; that it is missing is for --check to say.
    for header in before + [header for header in unlisted_headers() if not needs_boost(header)]:
        writer.add(header)
    pure = writer.take()
    for header in behind + unlisted_headers():
        writer.add(header)
    shell = writer.take()

    lines = [
        "// SPDX-License-Identifier: BSL-1.0",
        "// mayfly core in one header. Generated from include/mayfly by single_include/amalgamate.py: change it there.",
        "#pragma once",
        "",
        *(f"#include <{name}>" for name in sorted(writer.standard)),
        *pure,
        "",
        *gate[:-1],
        "",
        *(f"#include <{name}>" for name in sorted(writer.boost)),
        *shell,
        "",
        gate[-1],
    ]
    return "\n".join(squeezed(lines)) + "\n"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    modes = parser.add_mutually_exclusive_group()
    modes.add_argument("--check", action="store_true")
    modes.add_argument("--output", type=pathlib.Path, default=COMMITTED)
    arguments = parser.parse_args()

    if arguments.check:
        problems = umbrella_problems()
        if problems:
            fail("include/mayfly/mayfly.hpp is not all of core:\n  " + "\n  ".join(problems))
        if not COMMITTED.is_file() or COMMITTED.read_text(encoding="utf-8") != amalgamated():
            fail(f"single_include/{UMBRELLA} is not what include/ says now. Run: {REMEDY}")
        return

    text = amalgamated()
    output = arguments.output
    if not output.is_file() or output.read_text(encoding="utf-8") != text:
        output.parent.mkdir(parents=True, exist_ok=True)
        output.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
