# SPDX-License-Identifier: BSL-1.0
"""Both sides of our gRPC meet those of Python's grpcio: grpc_python.py GRPC_PROBE"""

import subprocess
import sys
import threading
import time
from concurrent import futures

import grpc

PROBE = sys.argv[1]
FAILED = []


def check(what, good, seen=None):
    print(f"{'ok  ' if good else 'FAIL'} {what}" + ("" if good else f": {seen!r}"), flush=True)
    if not good:
        FAILED.append(what)


def unary(channel, name):
    return channel.unary_unary(f"/probe.Probe/{name}", request_serializer=bytes, response_deserializer=bytes)


def until(condition):
    end = time.monotonic() + 10
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.01)
    return True


def our_server():
    process = subprocess.Popen([PROBE, "serve"], stdout=subprocess.PIPE, text=True)
    try:
        port = process.stdout.readline().strip()
        large = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]
        for how, compression in (("identity", None), ("gzip", grpc.Compression.Gzip)):
            with grpc.insecure_channel(f"127.0.0.1:{port}", options=large, compression=compression) as channel:
                echo = unary(channel, "Echo")
                for size in (0, 1, 5, 16 * 1024, 1024 * 1024, 4 * 1024 * 1024):
                    message = bytes(i * i % 251 for i in range(min(size, 5000))) * (size // 5000 + 1)
                    message = message[:size]
                    check(f"{how}: {size} bytes come back", echo(message, timeout=20) == message)
                try:
                    unary(channel, "Size")(bytes(40 * 1024 * 1024), timeout=20)
                    check(f"{how}: too large a message is refused", False)
                except grpc.RpcError as e:
                    check(f"{how}: too large a message is refused", e.code() == grpc.StatusCode.RESOURCE_EXHAUSTED
                          and "larger than max" in e.details(), (e.code(), e.details()))
                check(f"{how}: and the next is not", echo(b"x", timeout=20) == b"x")

        with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
            answer, call = unary(channel, "Echo").with_call(
                b"m", timeout=20, metadata=(("x-text", "value"), ("x-bytes-bin", b"\0\xff\1")))
            trailers = dict(call.trailing_metadata())
            check("metadata comes back", trailers.get("x-text") == "value" and
                  trailers.get("x-bytes-bin") == b"\0\xff\1", trailers)
            check("metadata before the message", dict(call.initial_metadata()).get("peer") == "127.0.0.1")
            words = "100% müde\nsecond line"
            try:
                unary(channel, "Fail")(words.encode(), timeout=20)
                check("a failure fails", False)
            except grpc.RpcError as e:
                check("a failure's code and words", e.code() == grpc.StatusCode.FAILED_PRECONDITION
                      and e.details() == words, (e.code(), e.details()))
                details = dict(e.trailing_metadata()).get("grpc-status-details-bin")
                check("a failure's details", details == b"\x08\x09", details)
            try:
                unary(channel, "Nothing")(b"", timeout=20)
                check("an unknown method", False)
            except grpc.RpcError as e:
                check("an unknown method", e.code() == grpc.StatusCode.UNIMPLEMENTED, e.code())
            try:
                unary(channel, "Hold")(b"", timeout=0.1)
                check("a deadline", False)
            except grpc.RpcError as e:
                check("a deadline", e.code() == grpc.StatusCode.DEADLINE_EXCEEDED, e.code())
            held = unary(channel, "Hold").future(b"")
            time.sleep(0.1)
            held.cancel()
            cancelled = unary(channel, "Cancelled")
            check("deadline and cancellation reach the handler", until(lambda: cancelled(b"", timeout=20) == b"2"),
                  cancelled(b""))
            echo = unary(channel, "Echo")
            calls = [echo.future(str(i).encode(), timeout=20) for i in range(2000)]
            check("2000 calls at once", all(c.result() == str(i).encode() for i, c in enumerate(calls)))

            held = unary(channel, "Hold").future(b"", timeout=20)
            time.sleep(0.1)
            process.terminate()
            try:
                held.result()
                check("a call held over the stop", False)
            except grpc.RpcError as e:
                check("a call held over the stop", e.code() == grpc.StatusCode.UNAVAILABLE, e.code())
        check("the server ends by itself", process.wait(timeout=20) == 0, process.returncode)
    finally:
        process.kill()
        process.wait()


class Handlers(grpc.GenericRpcHandler):
    def __init__(self):
        self.cancelled = threading.Event()

    def service(self, details):
        name = details.method.rpartition("/")[2]
        handler = getattr(self, name.lower(), None)
        return handler and grpc.unary_unary_rpc_method_handler(
            handler, request_deserializer=bytes, response_serializer=bytes)

    def echo(self, request, context):
        context.set_trailing_metadata([("x-seen", dict(context.invocation_metadata()).get("x-sent", "")),
                                       ("x-limit", "yes" if context.time_remaining() else "no")])
        return request

    def double(self, request, context):
        return request * 2

    def fail(self, request, context):
        context.abort(grpc.StatusCode.NOT_FOUND, "nichts: 100% müde")

    def hold(self, request, context):
        context.add_callback(self.cancelled.set)
        self.cancelled.wait(20)
        return b""


def our_client():
    handlers = Handlers()
    server = grpc.server(futures.ThreadPoolExecutor(8), handlers=[handlers],
                         options=[("grpc.max_receive_message_length", 8 * 1024 * 1024)])
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()

    def call(path, message, *more):
        out = subprocess.run([PROBE, "call", str(port), path, message, *more], capture_output=True, text=True,
                             timeout=60).stdout
        return dict(line.partition(" ")[::2] for line in out.splitlines()), out

    seen, out = call("/probe.Probe/Echo", "hello", "20000", "x-sent=thing")
    check("our call to Python", seen.get("status") == "OK" and seen.get("message") == "hello", out)
    check("its metadata, both ways", "trailer x-seen=thing" in out, out)
    check("its deadline", "trailer x-limit=yes" in out, out)
    for size in (100_000, 2_000_000, 4 * 1024 * 1024):
        seen, out = call("/probe.Probe/Echo", f"@{size}", "20000")
        check(f"{size} bytes to Python and back", seen.get("size") == str(size), out)
    seen, out = call("/probe.Probe/Double", "@3000000", "20000")
    check("too large an answer", seen.get("status") == "RESOURCE_EXHAUSTED", out)
    seen, out = call("/probe.Probe/Fail", "", "20000")
    check("a failure of Python's", seen.get("status") == "NOT_FOUND" and seen.get("words") == "nichts: 100% müde", out)
    seen, out = call("/probe.Probe/Nothing", "", "20000")
    check("a method that Python does not know", seen.get("status") == "UNIMPLEMENTED", out)
    seen, out = call("/probe.Probe/Hold", "", "200")
    check("our deadline", seen.get("status") == "DEADLINE_EXCEEDED", out)
    check("is heard by Python", handlers.cancelled.wait(10))
    server.stop(None)


our_server()
our_client()
print(f"{len(FAILED)} failed")
sys.exit(1 if FAILED else 0)
