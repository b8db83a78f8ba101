# SPDX-License-Identifier: BSL-1.0
"""Runs the program `simulate` as a user would, and looks at what it writes.

usage: simulate.py PROGRAM WORKLOADS
"""

import json
import math
import pathlib
import subprocess
import sys
import tempfile
import xml.etree.ElementTree

PROGRAM, WORKLOADS = sys.argv[1], pathlib.Path(sys.argv[2])
FIELDS = ("id scaler seed p50 p99 mean max cost relative_cost excess invocations describes lost unserved billed "
          "J makespan").split()
failures = []


def check(holds, what):
    if not holds:
        failures.append(what)


def run(*arguments):
    return subprocess.run([PROGRAM, *map(str, arguments)], capture_output=True, text=True, timeout=240)


def results(folder, *arguments):
    out = folder / "out.json"
    done = run(*arguments, "--json", out)
    check(done.returncode == 0, f"{arguments}: exit status {done.returncode}: {done.stderr}")
    return json.loads(out.read_text()) if done.returncode == 0 else {"workloads": [], "summary": {}}


def near(ours, theirs, share, least):
    return abs(ours - theirs) <= max(share * abs(theirs), least)


def baseline_is_as_published(folder, scaler, policy):
    published = {w["id"]: w for w in json.loads(WORKLOADS.read_text())["workloads"]}
    found = results(folder, "--scaler", scaler)["workloads"]
    check([w["id"] for w in found] == list(published), f"{scaler}: not the published workloads in their order")
    for w in found:
        theirs = published[w["id"]]["measured"][policy]
        check(near(w["cost"], theirs["cost"], 0.02, 0), f"{w['id']}, {scaler}: cost {w['cost']}")
        for key in ("p50", "p99"):
            check(near(w[key], theirs[key], 0.02, 0.02), f"{w['id']}, {scaler}: {key} {w[key]}")
        check(set(FIELDS) <= set(w), f"{w['id']}: fields are missing: {set(FIELDS) - set(w)}")


def every_scaler_in_both_modes_serves(folder):
    for scaler in ("fleet", "no_sync", "no_sync_tuned", "rate_based"):
        for mode in ("events", "poll-only"):
            found = results(folder, "--scaler", scaler, "--mode", mode, "--only", "W22")["workloads"]
            check(len(found) == 1 and found[0]["scaler"] == scaler and found[0]["unserved"] == 0,
                  f"{scaler}, {mode}: {found}")


def another_seed_is_another_run(folder):
    first = results(folder, "--only", "W10")["workloads"][0]
    second = results(folder, "--only", "W10", "--seed-offset", 7919)["workloads"][0]
    check(second["seed"] == first["seed"] + 7919, "the offset is not in the seed")
    check(second["zero_wait_cost"] != first["zero_wait_cost"], "the bounds are still those of the published seed")


def a_file_without_results_is_measured(folder):
    """What a file does not state is computed, and comes to what a file states."""
    file = json.loads(WORKLOADS.read_text())
    file["workloads"] = [w for w in file["workloads"] if w["id"][:3] in ("W06", "W13", "W15", "W19")]
    stated = results(folder, *(a for w in file["workloads"] for a in ("--only", w["id"])))["workloads"]
    for w in file["workloads"]:
        for key in ("check", "bounds", "measured"):
            del w[key]
    bare = folder / "bare.json"
    bare.write_text(json.dumps(file))
    for a, b in zip(stated, results(folder, "--workloads", bare)["workloads"], strict=True):
        check(math.isclose(a["relative_cost"], b["relative_cost"], rel_tol=0.01), f"{a['id']}: relative cost differs")
        check(near(b["floor_p99"], a["floor_p99"], 0.01, 0.001), f"{a['id']}: the floor's p99 differs")


def another_world_runs(folder):
    odd = {"schema": "scaling-workloads/1", "workloads": [
        {"id": "a <b> & c", "seed": 2**64 - 1, "duration": 30, "max_workers": 3, "activity_timeout": 5,
         "arrivals": {"kind": "poisson", "segments": [{"until": 30, "rate": 4}]},
         "service": {"kind": "uniform", "lo": 0.1, "hi": 2},
         "worker": {"slots": 7, "pollers": 3, "lifetime": 20, "shutdown_buffer": 2},
         "start": {"place_cold": {"kind": "const", "v": 3}},
         "provider": {"max_concurrent": 2, "api_fail": [{"from": 5, "to": 9, "p": 0.5}],
                      "start_fail": [{"from": 0, "to": 20, "p": 0.3, "mode": "hang"}]}},
        {"id": "nothing arrives", "seed": 0, "duration": 0, "arrivals": {"kind": "at", "events": []},
         "service": {"kind": "const", "v": 1}}]}
    file = folder / "odd.json"
    file.write_text(json.dumps(odd))
    for scaler in ("fleet", "rate_based"):
        found = results(folder, "--workloads", file, "--svg", folder / "svg", "--scaler", scaler)
        check([w["id"] for w in found["workloads"]] == ["a <b> & c", "nothing arrives"], "not both were run")
    for w in odd["workloads"]:
        picture = xml.etree.ElementTree.parse(folder / "svg" / (w["id"] + ".svg")).getroot()
        check(any(w["id"] in (t.text or "") for t in picture), f"the picture of {w['id']} has no title")


def what_cannot_be_used_is_refused(folder):
    (folder / "broken.json").write_text('{"schema": ')
    (folder / "wrong.json").write_text(json.dumps({"schema": "scaling-workloads/1", "workloads": [
        {"id": "x", "seed": -1, "duration": 1, "arrivals": {"kind": "at", "events": [{"t": 0, "n": 1e12}]}}]}))
    (folder / "empty.json").write_text('{"schema": "scaling-workloads/1", "workloads": []}')
    refused = [
        (["--scalar", "fleet"], "--scalar"), (["fleet"], "fleet"), (["--scaler"], "give a value"),
        (["--scaler", "best"], "best"), (["--mode", "poll"], "events or poll-only"),
        (["--seed-offset", "1.5"], "whole number"), (["--seed-offset", "-1"], "whole number"),
        (["--only", "W99"], "W01-single"), (["--workloads", folder / "none.json"], "no such file"),
        (["--workloads", folder], "no such file"), (["--workloads", folder / "broken.json"], "not a JSON text"),
        (["--workloads", folder / "wrong.json"], "seed"), (["--workloads", folder / "empty.json"], "no workload"),
        (["--json", folder / "no" / "such" / "folder.json"], "cannot be written"),
        (["--svg", folder / "broken.json"], "give a directory"),
    ]
    for arguments, says in refused:
        done = run(*arguments)
        check(done.returncode == 2 and says in done.stderr, f"{arguments}: {done.returncode}: {done.stderr}")
    help_text = run("--help")
    check(help_text.returncode == 0 and "--seed-offset" in help_text.stdout, "--help does not help")


with tempfile.TemporaryDirectory() as name:
    there = pathlib.Path(name)
    baseline_is_as_published(there, "no_sync", "no-sync")
    baseline_is_as_published(there, "no_sync_tuned", "no-sync-tuned")
    every_scaler_in_both_modes_serves(there)
    another_seed_is_another_run(there)
    a_file_without_results_is_measured(there)
    another_world_runs(there)
    what_cannot_be_used_is_refused(there)

for f in failures:
    print(f)
sys.exit(1 if failures else 0)
