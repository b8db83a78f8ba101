# SPDX-License-Identifier: BSL-1.0
"""What our task queue source sees of a service: the embedded one, a real server, and a real one that keeps no
statistics. The situations are the same, so what is seen of them has to be the same; how long it takes is told, and has
its bounds.

usage: task_queue_source.py PROBE embedded:PROGRAM|real|address:HOST:PORT
"""

import subprocess
import sys

import temporal_services

FRESH = 'matching.TaskQueueInfoByBuildIdTTL="1ms"'

EXPECTED = {
    "unknown_version": "refused",
    "unbound_has_stats": "no",
    "bound_backlog": "0",
    "bound_workers": "r1@arn:f:1+",
    "arrivals": "3",
    "backlog_with_push": "3",
    "oldest_is_known": "yes",
}


def tell(probe, service, cached_ms):
    host, _, port = service.address.rpartition(":")
    done = subprocess.run([probe, host, port, str(cached_ms)], capture_output=True, text=True, check=False, timeout=58)
    if done.returncode != 0:
        raise AssertionError(f"the probe ended with {done.returncode}: {done.stdout}{done.stderr}")
    return dict((line.split(" ", 1) + [""])[:2] for line in done.stdout.splitlines())


def check(seen, slowest_ms):
    wrong = [f"{name}: {seen.get(name)} instead of {value}"
             for name, value in EXPECTED.items() if seen.get(name) != value]
    # An embedded service forgets who says goodbye, a real one goes on to list it.
    if "r2@arn:f:1+" not in seen["workers_then"] or "r2@arn:f:1+" in seen["workers_at_last"]:
        wrong.append(f"workers: {seen['workers_then']}, then {seen['workers_at_last']}")
    if int(seen["arrival_ms"]) > 2000:
        wrong.append(f"a start was pushed after {seen['arrival_ms']} ms")
    if int(seen["statistics_ms"]) > slowest_ms:
        wrong.append(f"statistics told of it after {seen['statistics_ms']} ms, not {slowest_ms}")
    if wrong:
        raise AssertionError("; ".join(wrong))


def main(probe, spec):
    settings = [("as it is by default", 5000, 8000, ()), ("keeping no statistics", 0, 3000, (FRESH,))]
    if not spec.startswith("real"):
        settings = [("", 0, 3000, ())]
    for name, cached_ms, slowest_ms, dynamic in settings:
        with temporal_services.serving(spec, dynamic=dynamic) as service:
            seen = tell(probe, service, cached_ms)
        print(f"{spec.partition(':')[0]} {name}: a start was pushed within {seen['arrival_ms']} ms and in the statistics "
              f"after {seen['statistics_ms']} ms; a goodbye was seen after {seen['goodbye_ms']} ms; "
              f"{seen['reads']} reads", flush=True)
        check(seen, slowest_ms)
    print("all is well")


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
