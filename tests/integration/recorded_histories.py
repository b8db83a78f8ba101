# SPDX-License-Identifier: BSL-1.0
"""Histories that others recorded: the test data of Temporal's Go SDK and of its server, which are in the module cache
of Go once `./dev setup` has built a server. Each has to be read, found whole and told apart when damaged by `mayfly
replay`, and gone through by our machine.

usage: recorded_histories.py REPLAY_WORKER MAYFLY

The SDK's own are of workflows that are written once more in C++ and replay to their end. For those of the server's stands
a workflow that only waits. So the first thing that was recorded of its code's doing has to be missed, and told.
"""

import collections
import gzip
import hashlib
import json
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

import temporal_services

LEAST = {"sdk": 2, "server": 100}
OURS = ("testReplayWorkflowFromFile", "testReplayWorkflowFromFileParent")
# What code asks for. Nothing else in a history comes from there.
ASKED = ("MARKER_RECORDED", "TIMER_STARTED", "TIMER_CANCELED", "ACTIVITY_TASK_SCHEDULED", "ACTIVITY_TASK_CANCEL_REQUESTED",
         "WORKFLOW_EXECUTION_UPDATE_ACCEPTED", "WORKFLOW_EXECUTION_UPDATE_COMPLETED", "WORKFLOW_PROPERTIES_MODIFIED",
         "UPSERT_WORKFLOW_SEARCH_ATTRIBUTES", "START_CHILD_WORKFLOW_EXECUTION_INITIATED",
         "SIGNAL_EXTERNAL_WORKFLOW_EXECUTION_INITIATED", "REQUEST_CANCEL_EXTERNAL_WORKFLOW_EXECUTION_INITIATED",
         "WORKFLOW_EXECUTION_COMPLETED", "WORKFLOW_EXECUTION_FAILED", "WORKFLOW_EXECUTION_CANCELED",
         "WORKFLOW_EXECUTION_CONTINUED_AS_NEW")
ENDS = ("WORKFLOW_EXECUTION_COMPLETED", "WORKFLOW_EXECUTION_FAILED", "WORKFLOW_EXECUTION_CANCELED",
        "WORKFLOW_EXECUTION_TERMINATED", "WORKFLOW_EXECUTION_TIMED_OUT", "WORKFLOW_EXECUTION_CONTINUED_AS_NEW")


def check(fine, what):
    if not fine:
        raise AssertionError(what)


def kind(event):
    """Both ways in which the type is written: EVENT_TYPE_TIMER_STARTED, and of old TimerStarted."""
    name = event["eventType"]
    return name.removeprefix("EVENT_TYPE_") if "_" in name else re.sub(r"(?<!^)(?=[A-Z])", "_", name).upper()


def skip(why):
    print(f"skipped: {pathlib.Path(sys.argv[0]).name}: {why}; ./dev setup gets them", flush=True)
    sys.exit(temporal_services.SKIPPED)


def module_cache():
    if not shutil.which("go"):
        skip("there is no program go, so there are no modules with recorded histories")
    told = subprocess.run(["go", "env", "GOMODCACHE"], capture_output=True, text=True, check=True, timeout=60)
    return pathlib.Path(told.stdout.strip()) / "go.temporal.io"


def recorded(cache):
    """By module, each history once: versions of a module share most of theirs."""
    found, seen = collections.defaultdict(list), set()
    for file in sorted(cache.glob("*/**/testdata/**/*.json*")):
        module = file.relative_to(cache).parts[0].partition("@")[0]
        text = gzip.decompress(file.read_bytes()) if file.suffix == ".gz" else file.read_bytes()
        key = hashlib.sha256(text).digest()
        if module not in LEAST or key in seen:
            continue
        seen.add(key)
        history = json.loads(text)
        if "events" in history:
            found[module].append((file, text, history["events"]))
    if not found:
        skip(f"there are no recorded histories under {cache}")
    for module, least in LEAST.items():
        check(len(found[module]) >= least, f"{len(found[module])} histories of {module} under {cache}, not {least}")
    return [h for module in LEAST for h in found[module]]


def ask(command, files):
    """The exit status, and the reports in the order of the files."""
    done = subprocess.run([*command, *map(str, files)], capture_output=True, text=True, check=False, timeout=120)
    reports = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    check(len(reports) == len(files) and [r["file"] for r in reports] == [str(f) for f in files],
          f"{command[0]} ended with {done.returncode} and {len(reports)} reports for {len(files)} files: {done.stderr[-800:]}")
    return done.returncode, reports


def type_of(events):
    return events[0]["workflowExecutionStartedEventAttributes"]["workflowType"]["name"]


def check_whole(mayfly, files, histories):
    status, reports = ask([mayfly, "replay", "--json"], files)
    check(status == 0, f"mayfly replay ended with {status}: {[r for r in reports if r['verdict'] != 'whole'][:3]}")
    for report, (file, _, events) in zip(reports, histories):
        seen = report["verdict"], report["workflowType"], report["events"], report["closed"]
        expected = "whole", type_of(events), len(events), any(kind(e) in ENDS for e in events)
        check(seen == expected, f"{file}: found {seen}, and it is {expected}")


def check_damaged(mayfly, folder, histories):
    """One event lost, and the file's second half lost."""
    gaps, cuts = [], []
    for number, (_, text, events) in enumerate(histories):
        lost = 1 + number % (len(events) - 2)
        gaps.append(folder / f"{number}.gap.json")
        gaps[-1].write_text(json.dumps({"events": events[:lost] + events[lost + 1:]}))
        cuts.append(folder / f"{number}.cut.json")
        cuts[-1].write_bytes(text[:len(text) // 2])
    for files, verdict, expected in ((gaps, "inconsistent", 1), (cuts, "unreadable", 2)):
        status, reports = ask([mayfly, "replay", "--json"], files)
        passed = [r for r in reports if r["verdict"] != verdict or not r["wrong"]]
        check(status == expected and not passed, f"damaged histories gave {status}, and {len(passed)} passed: {passed[:3]}")


def names_it(words, asked, events):
    """An update is delivered before the code does anything, so where it has one that is told, and else the first event."""
    updates = {e["workflowExecutionUpdateAcceptedEventAttributes"]["protocolInstanceId"]
               for e in events if kind(e) == "WORKFLOW_EXECUTION_UPDATE_ACCEPTED"}
    if told := re.search(r'history has the update "([^"]+)" accepted', words):
        return told[1] in updates
    return f"history has event {asked['eventId']}, " in words


def check_replayed(program, files, histories):
    """How many replay to their end, and how many tell what was missed."""
    _, reports = ask([program, "--json"], files)
    counts = collections.Counter()
    for report, (file, _, events) in zip(reports, histories):
        asked = next((e for e in events if kind(e) in ASKED), None)
        check(report["events"] == len(events) and report["workflowType"] == type_of(events), f"{file}: {report}")
        expected = "ok" if report["workflowType"] in OURS or asked is None else "nondeterministic"
        check(report["verdict"] == expected, f"{file}: expected {expected}, asked for was {asked}: {report}")
        if expected != "ok":
            check(names_it(report["words"], asked, events), f"{file}: event {asked['eventId']} is not named: {report}")
        counts[expected] += 1
    check(counts["ok"] >= len(OURS) and counts["nondeterministic"] >= LEAST["server"], f"replayed were {counts}")
    return counts


def main():
    program, mayfly = sys.argv[1:]
    histories = recorded(module_cache())
    with tempfile.TemporaryDirectory(prefix="mayfly-recorded-") as name:
        folder = pathlib.Path(name)
        files = [folder / f"{number}.json" for number in range(len(histories))]
        for file, (_, text, _) in zip(files, histories):
            file.write_bytes(text)
        check_whole(mayfly, files, histories)
        check_damaged(mayfly, folder, histories)
        counts = check_replayed(program, files, histories)
    events = sum(len(events) for _, _, events in histories)
    types = collections.Counter(type_of(events) for _, _, events in histories)
    print(f"{len(histories)} histories with {events} events, of {len(types)} types, are whole, and not when damaged; "
          f"{counts['ok']} replay, and {counts['nondeterministic']} tell what our workflow did not do")


main()
