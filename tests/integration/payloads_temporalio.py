# SPDX-License-Identifier: BSL-1.0
"""Payloads and failures travel to the official SDK and back unchanged, and from it.

    payloads_temporalio.py PATH/TO/payload-probe [--count 2000] [--seed 1]
"""

import argparse
import base64
import dataclasses
import datetime
import math
import random
import subprocess
import sys

from temporalio.api.common.v1 import WorkflowType
from temporalio.api.failure.v1 import Failure
from temporalio.converter import DataConverter, DefaultFailureConverterWithEncodedAttributes
from temporalio.exceptions import (ActivityError, ApplicationError, ApplicationErrorCategory, CancelledError,
                                   ChildWorkflowError, RetryState, ServerError, TerminatedError, TimeoutError,
                                   TimeoutType)


class Probe:
    def __init__(self, program):
        self.process = subprocess.Popen([program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def ask(self, verb, message):
        text = base64.b64encode(message.SerializeToString()).decode()
        self.process.stdin.write(f"{verb} {text}\n")
        self.process.stdin.flush()
        word, _, rest = self.process.stdout.readline().rstrip("\n").partition(" ")
        return (None, rest) if word == "error" else (type(message).FromString(base64.b64decode(rest)), None)

    def same(self, verb, message):
        answer, error = self.ask(verb, message)
        if error is not None:
            sys.exit(f"{verb} was refused: {error}\n{message}")
        return answer

    def end(self):
        self.process.stdin.close()
        if self.process.wait(30) != 0:
            sys.exit("the probe failed")


class Draws:
    def __init__(self, seed):
        self.random = random.Random(seed)

    def text(self):
        pieces = ["a", "name", "\u00e4", "\U0001f98b", '"', "\\", "\n", "\0", "\u2028", " ", "/", "\x7f", "\ufffd"]
        return "".join(self.random.choices(pieces, k=self.random.choice([0, 1, 3, 20])))

    def integer(self):
        draw = self.random
        return draw.choice([0, 1, -1, 2**63 - 1, -2**63, 2**64 - 1, 2**53 + 1, draw.randint(-2**63, 2**63 - 1)])

    def real(self):
        draw = self.random
        while True:
            value = draw.choice([0.0, -0.0, 1.0, 0.1, 1e300, 5e-324, 1.7976931348623157e308, draw.random(),
                                 draw.uniform(-1e9, 1e9), draw.random() * 10.0 ** draw.randint(-320, 308)])
            if math.isfinite(value):
                return value

    def value(self, depth=4):
        draw = self.random
        kind = draw.randint(0, 7 if depth else 5)
        if kind <= 5:
            return (None, draw.random() < 0.5, self.integer(), self.real(), self.text(), self.text())[kind]
        if kind == 6:
            return [self.value(depth - 1) for _ in range(draw.randint(0, 4))]
        return {self.text(): self.value(depth - 1) for _ in range(draw.randint(0, 4))}

    def failure(self, depth=4):
        """An exception of the SDK's, with causes."""
        draw = self.random
        kind = draw.randint(0, 6)
        message = self.text().replace("\0", "")  # where what() of C++ ends
        if kind <= 1:
            delay = draw.choice([None, datetime.timedelta(milliseconds=draw.randint(1, 10**9))])
            error = ApplicationError(message, *[self.value(2) for _ in range(draw.randint(0, 3))], type=self.text() or None,
                                     non_retryable=draw.random() < 0.5, next_retry_delay=delay,
                                     category=draw.choice(list(ApplicationErrorCategory)))
        elif kind == 2:
            error = CancelledError(message, *[self.value(2) for _ in range(draw.randint(0, 2))])
        elif kind == 3:
            error = TimeoutError(message, type=draw.choice(list(TimeoutType)),
                                 last_heartbeat_details=[self.value(2) for _ in range(draw.randint(0, 2))])
        elif kind == 4:
            error = draw.choice([TerminatedError(message), ServerError(message, non_retryable=draw.random() < 0.5)])
        elif kind == 5:
            error = ActivityError(message, scheduled_event_id=draw.randint(1, 9), started_event_id=draw.randint(1, 9),
                                  identity=self.text(), activity_type="a", activity_id=self.text(),
                                  retry_state=draw.choice(list(RetryState)))
        else:
            error = ChildWorkflowError(message, namespace="n", workflow_id=self.text(), run_id="r", workflow_type="w",
                                       initiated_event_id=draw.randint(1, 9), started_event_id=draw.randint(1, 9),
                                       retry_state=draw.choice(list(RetryState)))
        if depth and draw.random() < 0.6:
            error.__cause__ = self.failure(depth - 1)
        return error


def exact(value):
    """Tells 1 from 1.0 and from True, and 0.0 from -0.0."""
    if isinstance(value, dict):
        return {key: exact(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [exact(item) for item in value]
    return type(value).__name__, repr(value)


def traits(error):
    """All that an exception says."""
    if error is None:
        return None
    said = {"class": type(error).__name__, "message": getattr(error, "message", str(error)), "cause": traits(error.__cause__)}
    for name in ("type", "non_retryable", "next_retry_delay", "category", "details", "last_heartbeat_details",
                 "scheduled_event_id", "started_event_id", "identity", "activity_type", "activity_id", "retry_state",
                 "namespace", "workflow_id", "run_id", "workflow_type", "initiated_event_id"):
        if hasattr(error, name):
            value = getattr(error, name)
            said[name] = exact(value) if "details" in name else value
    return said


@dataclasses.dataclass
class Line:
    name: str
    count: int
    price: float | None


@dataclasses.dataclass
class Order:
    lines: list[Line]
    flags: dict[int, bool]
    at: str
    patience: float
    packed: str


def must(condition, why, *more):
    if not condition:
        sys.exit("\n".join([why, *map(repr, more)]))


def values(probe, draws, converter, count):
    for _ in range(count):
        value = draws.value()
        sent = converter.payload_converter.to_payload(value)
        back = probe.same("value", sent)
        must(back.metadata == sent.metadata, "another encoding", sent, back)
        read = converter.payload_converter.from_payload(back)
        must(exact(read) == exact(value), "another value", value, read)

        raw = draws.random.randbytes(draws.random.randint(0, 40))
        sent = converter.payload_converter.to_payload(raw)
        must(probe.same("raw", sent) == sent, "other bytes", raw)

    for _ in range(count // 4):
        at = datetime.datetime.fromtimestamp(draws.random.randint(-2**31, 2**32), datetime.timezone.utc)
        at += datetime.timedelta(microseconds=draws.random.randint(0, 999_999))
        patience = datetime.timedelta(microseconds=draws.random.randint(-10**12, 10**12))
        order = Order([Line(draws.text(), draws.random.randint(-2**63, 2**63 - 1), draws.random.choice([None, draws.real()]))
                       for _ in range(draws.random.randint(0, 3))],
                      {draws.random.randint(-99, 99): draws.random.random() < 0.5}, at.isoformat(),
                      patience.total_seconds(), draws.random.choice(["small", "large"]))
        back = probe.same("order", converter.payload_converter.to_payload(order))
        read = converter.payload_converter.from_payload(back, Order)
        must(datetime.datetime.fromisoformat(read.at) == at, "another moment", order, read)
        must(datetime.timedelta(seconds=read.patience) == patience, "another duration", order, read)
        must(dataclasses.replace(read, at=order.at) == order and exact([l.price for l in read.lines]) ==
             exact([l.price for l in order.lines]), "another order", order, read)

    # What one has and the other has not is an error that says so.
    for value, says in ((float("nan"), "json/plain: not JSON"), (WorkflowType(name="w"), "json/protobuf")):
        sent = converter.payload_converter.to_payload(value)
        _, error = probe.ask("order", sent)
        must(error is not None and error.startswith(says), "refused in other words", value, error)
    kept = probe.same("value", converter.payload_converter.to_payload(WorkflowType(name="w")))
    must(converter.payload_converter.from_payload(kept) == {"name": "w"}, "a message's JSON is readable", kept)


def content(failure, but=("source", "stack_trace")):
    """What a failure says, with fields at their defaults as absent."""
    copy = Failure()
    copy.CopyFrom(failure)
    at = copy
    while True:
        for name in but:
            at.ClearField(name)
        if not at.HasField("cause"):
            return copy
        at = at.cause


def told(failure, converter):
    return traits(converter.failure_converter.from_failure(failure, converter.payload_converter))


def failures(probe, draws, converter, encoded, count):
    for turn in range(count):
        error = draws.failure()
        sender = encoded if turn % 3 == 0 else converter
        sent = Failure()
        sender.failure_converter.to_failure(error, sender.payload_converter, sent)

        # As a cause of ours it is what it was, to the byte.
        outer = probe.same("failure", sent)
        must(outer.source == "mayfly" and outer.message == "handled", "not ours", outer)
        must(outer.cause == sent, "another failure", sent, outer.cause)
        read = converter.failure_converter.from_failure(outer, converter.payload_converter)
        must(isinstance(read, ApplicationError) and traits(read.__cause__) == told(sent, converter), "reads otherwise")

        # Made anew it says the same.
        again = probe.same("remade", sent)
        must(told(again, converter) == told(sent, converter), "says something else", told(sent, converter),
             told(again, converter))

        # Ours with encoded attributes is readable there.
        hidden = probe.same("hidden", sent)
        must(hidden.message == "Encoded failure" and hidden.HasField("encoded_attributes"), "in clear", hidden)
        read = encoded.failure_converter.from_failure(hidden, encoded.payload_converter)
        must(read.message == "handled", "another message", hidden)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("probe")
    parser.add_argument("--count", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()

    probe, draws = Probe(args.probe), Draws(args.seed)
    converter = DataConverter.default
    encoded = DataConverter(failure_converter_class=DefaultFailureConverterWithEncodedAttributes)
    values(probe, draws, converter, args.count)
    failures(probe, draws, converter, encoded, args.count // 2)
    probe.end()
    print(f"{args.count} values and {args.count // 2} failures, each there and back")


main()
