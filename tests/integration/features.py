# SPDX-License-Identifier: BSL-1.0
"""What the table of features says that a test shows is in that test, and is shown on both services.

usage: features.py ROOT, the repository's
"""

import pathlib
import re
import sys

import checks
from checks import check

NO_SERVICE = "no service has a part in it"


def rows_of(table):
    """Each with the part that it is in."""
    part = ""
    for line in table.splitlines():
        if line.startswith("## "):
            part = line.removeprefix("## ")
        elif line.startswith("| ") and not line.startswith("| |"):
            yield part, [cell.strip() for cell in line.strip("|\n ").split(" | ")]


def on_both(file, tests):
    """Whether this script is a test of the embedded service and of a real server."""
    kinds = set(re.findall(rf"mayfly_add_python_test\({re.escape(file)} NAME \w+\.(\S+)", tests))
    return file == "history_comparison.py" or "${kind}" in kinds or kinds >= {"embedded", "real"}


def main(root):
    table = (root / "adapters/temporal/FEATURES.md").read_text()
    driven = (root / "tests/integration/temporal_workflows.py").read_text()
    tests = (root / "tests/integration/CMakeLists.txt").read_text()
    cases = "\n".join(p.read_text() for p in (root / "tests").rglob("*.cpp"))
    check(on_both("temporal_workflows.py", tests), "temporal_workflows.py does not run on both services")
    rows = list(rows_of(table))
    check(len(rows) > 40, f"{len(rows)} rows were found")
    for part, row in rows:
        name, ours, shown = row[0], row[5], row[6].strip("| ") if len(row) > 6 else ""
        check(shown or ours.startswith("no"), f"nothing shows \"{name}\"")
        for case in re.findall(r'"([^"]+)"', shown):
            check(f'"{case}"' in cases, f"no test case is called \"{case}\", which is to show \"{name}\"")
        driving = re.findall(r"`wf\.(\w+)`", shown)
        for test in driving:
            check(re.search(rf"@check\n(@alone\n)?async def {test}\(", driven),
                  f"temporal_workflows.py has no {test}, which is to show \"{name}\"")
        files = re.findall(r"`([\w/]+(?:\.py|_fail))`", shown)
        for file in files:
            places = [root / "tests/integration" / file, root / file]
            check(any(p.exists() for p in places), f"there is no {file}, which is to show \"{name}\"")
        check(driving or any(on_both(file, tests) for file in files) or NO_SERVICE in shown or ours.startswith("no"),
              f"nothing shows \"{name}\" ({part}) on both services")
    print(f"{len(rows)} rows", flush=True)
    return checks.status()


if __name__ == "__main__":
    sys.exit(main(pathlib.Path(sys.argv[1])))
