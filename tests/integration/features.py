# SPDX-License-Identifier: BSL-1.0
"""What the table of features says that a test shows is in that test.

usage: features.py ROOT, the repository's
"""

import pathlib
import re
import sys

import checks
from checks import check


def main(root):
    table = (root / "adapters/temporal/FEATURES.md").read_text()
    driven = (root / "tests/integration/temporal_workflows.py").read_text()
    cases = "\n".join(p.read_text() for p in (root / "tests").rglob("*.cpp"))
    rows = [[cell.strip() for cell in line.strip("|\n ").split(" | ")] for line in table.splitlines()
            if line.startswith("| ") and not line.startswith("| |")]
    check(len(rows) > 40, f"{len(rows)} rows were found")
    for row in rows:
        name, ours, shown = row[0], row[5], row[6].strip("| ") if len(row) > 6 else ""
        check(shown or ours.startswith("no"), f"nothing shows \"{name}\"")
        for case in re.findall(r'"([^"]+)"', shown):
            check(f'"{case}"' in cases, f"no test case is called \"{case}\", which is to show \"{name}\"")
        for test in re.findall(r"`wf\.(\w+)`", shown):
            check(f"async def {test}(" in driven, f"temporal_workflows.py has no {test}, which is to show \"{name}\"")
        for file in re.findall(r"`([\w/]+(?:\.py|\.hpp|_fail))`", shown):
            places = [root / "tests/integration" / file, root / "adapters/temporal/include/mayfly/temporal" / file, root / file]
            check(any(p.exists() for p in places), f"there is no {file}, which is to show \"{name}\"")
    print(f"{len(rows)} rows", flush=True)
    return checks.status()


if __name__ == "__main__":
    sys.exit(main(pathlib.Path(sys.argv[1])))
