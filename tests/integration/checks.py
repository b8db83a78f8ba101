# SPDX-License-Identifier: BSL-1.0
"""What a test expects. What is not so is told at once, and all of it again as the last words of the program, where
somebody who sees only the end of its output looks."""

import asyncio
import atexit
import time

failures = []


def check(holds, what):
    if not holds:
        failures.append(what)
        print(f"not so: {what}", flush=True)


async def eventually(holds, what, seconds=30):
    """What `holds()` gives once it is true; it may fail until then because somebody is not there yet."""
    end = time.monotonic() + seconds
    while True:
        try:
            if got := holds():
                return got
        except (OSError, ValueError, TypeError):
            pass
        if time.monotonic() > end:
            check(False, f"{what} within {seconds} s")
            return None
        await asyncio.sleep(0.05)


def status():
    """Of the program."""
    if not failures:
        print("all is well", flush=True)
    return 1 if failures else 0


def last_words():
    for what in failures:
        print(f"FAILED: {what}", flush=True)


atexit.register(last_words)
