#!/usr/bin/env python3
# SPDX-License-Identifier: BSL-1.0
"""Line coverage of the headers that need no Boost, merged over all translation units.

    coverage.py BUILD_FOLDER [--minimum PERCENT]

A line counts once, however often a template is instantiated, and is covered if any of them ran it. Lines that only
run while compiling (constant expressions) are not lines of a program and do not count.
"""

import argparse
import collections
import json
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
INCLUDE = ROOT / "include"
sys.path.insert(0, str(ROOT / "single_include"))
sys.dont_write_bytecode = True

import amalgamate  # noqa: E402  (needs the path above)


def counts(build):
    """For each header: line -> how often it ran."""
    lines = collections.defaultdict(collections.Counter)
    # One .gcno for each object: its lines. The .gcda beside it, if the object ran: how often each did.
    notes = sorted(str(path) for path in build.rglob("*.gcno"))
    if not notes:
        sys.exit(f"coverage.py: no .gcno file below {build}: build with --coverage and run the tests first")
    for note in notes:
        output = subprocess.run(
            ["gcov", "--json-format", "--stdout", note], cwd=build, check=True, capture_output=True, text=True
        ).stdout
        for document in filter(None, output.splitlines()):
            report = json.loads(document)
            for file in report["files"]:
                path = (pathlib.Path(report["current_working_directory"]) / file["file"]).resolve()
                if path.is_relative_to(INCLUDE):
                    header = path.relative_to(INCLUDE).as_posix()
                    for line in file["lines"]:
                        lines[header][line["line_number"]] += line["count"]
    return lines


def ranges(numbers):
    """[3, 4, 5, 9] as "3-5 9"."""
    groups = []
    for number in numbers:
        if groups and number == groups[-1][1] + 1:
            groups[-1][1] = number
        else:
            groups.append([number, number])
    return " ".join(str(first) if first == last else f"{first}-{last}" for first, last in groups)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("build", type=pathlib.Path)
    parser.add_argument("--minimum", type=float, default=0)
    arguments = parser.parse_args()

    lines = counts(arguments.build)
    total = covered = 0
    print(f"{'header':<44}{'lines':>7}{'covered':>9}{'percent':>9}  not covered")
    for header in amalgamate.pure_headers():
        seen = lines.get(header, {})
        ran = sum(1 for count in seen.values() if count)
        total += len(seen)
        covered += ran
        share = f"{100 * ran / len(seen):.1f}" if seen else "-"
        missed = ranges(sorted(number for number, count in seen.items() if not count))
        print(f"{header:<44}{len(seen):>7}{ran:>9}{share:>9}  {missed}".rstrip())

    percent = 100 * covered / total if total else 0.0
    print(f"{'total':<44}{total:>7}{covered:>9}{percent:>9.1f}")
    if percent < arguments.minimum:
        sys.exit(f"coverage.py: {percent:.1f} % of the lines are covered, below {arguments.minimum:g} %")


if __name__ == "__main__":
    main()
