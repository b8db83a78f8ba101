# SPDX-License-Identifier: BSL-1.0
"""What goes wrong around workers, made on purpose: connections that break or hang, and functions that run out of time."""

import http.server
import os
import pathlib
import queue
import random
import selectors
import signal
import socket
import struct
import subprocess
import threading
import time
import uuid


class End:
    """Of a connection through the proxy."""

    def __init__(self, other):
        self.other = other
        self.pending = bytearray()  # not written to this one yet
        self.last = False  # nothing will follow what is pending


class Proxy:
    """Between workers and their service. Its connections can be reset, and can hang: then nothing comes through in either
    direction, though both ends believe to be connected."""

    def __init__(self):
        self.target = None
        self.held = False
        self.pairs = {}
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=256)
        self.listener.setblocking(False)
        self.address = "127.0.0.1:%d" % self.listener.getsockname()[1]
        self.orders = queue.SimpleQueue()
        self.woken, self.waker = socket.socketpair()
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def order(self, function):
        self.orders.put(function)
        self.waker.send(b".")

    def reset(self, share=1.0):
        self.order(lambda: [self.drop(s) for s in list(self.pairs) if random.random() < share])

    def hold(self, held):
        def change():
            self.held = held
            for s in self.pairs:
                self.watch(s)
        self.order(change)

    def close(self):
        self.order(None)
        self.thread.join(10)

    def watch(self, s):
        events = 0 if self.held else selectors.EVENT_READ
        if not self.held and self.pairs[s].pending:
            events |= selectors.EVENT_WRITE
        key = self.selector.get_map().get(s)
        if key is None:
            if events:
                self.selector.register(s, events)
        elif not events:
            self.selector.unregister(s)
        elif key.events != events:
            self.selector.modify(s, events)

    def drop(self, s, gently=False):
        if s in self.pairs:
            for end in (s, self.pairs[s].other):
                if end in self.selector.get_map():
                    self.selector.unregister(end)
                del self.pairs[end]
                end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", not gently, 0))
                end.close()

    def accept(self):
        near, _ = self.listener.accept()
        try:
            host, port = self.target.split(":")
            far = socket.create_connection((host, int(port)), timeout=1)
        except OSError:
            near.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            near.close()
            return
        for s, other in ((near, far), (far, near)):
            s.setblocking(False)
            s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.pairs[s] = End(other)
        self.watch(near)
        self.watch(far)

    def transfer(self, s, events):
        try:
            if events & selectors.EVENT_READ:
                block = s.recv(65536)
                other = self.pairs[s].other
                self.pairs[other].pending.extend(block)
                self.pairs[other].last = not block
                self.flush(other)
            if events & selectors.EVENT_WRITE and s in self.pairs:
                self.flush(s)
        except BlockingIOError:
            pass
        except OSError:
            self.drop(s)

    def flush(self, s):
        end = self.pairs[s]
        if end.pending:
            try:
                del end.pending[: s.send(end.pending)]
            except BlockingIOError:
                pass
        if end.last and not end.pending:
            self.drop(s, gently=True)
        else:
            self.watch(s)

    def run(self):
        with selectors.DefaultSelector() as self.selector:
            self.selector.register(self.listener, selectors.EVENT_READ)
            self.selector.register(self.woken, selectors.EVENT_READ)
            while True:
                for key, events in self.selector.select():
                    if key.fileobj is self.listener:
                        self.accept()
                    elif key.fileobj is self.woken:
                        self.woken.recv(4096)
                        while not self.orders.empty():
                            order = self.orders.get()
                            if order is None:
                                return
                            order()
                    elif key.fileobj in self.pairs:
                        self.transfer(key.fileobj, events)


class RuntimeApi(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request, client_address):
        pass  # whoever was connected is gone


class Function:
    """One environment of Lambda: invocations one after another, frozen in between, killed if an answer is late."""

    ARN = "arn:aws:lambda:eu-west-1:123456789012:function:work:1"

    def __init__(self, command, environment, work, log):
        self.command, self.environment, self.log = command, environment, log
        self.work = work  # seconds of an invocation
        self.invocations = self.failed = self.late = 0
        self.process = None
        self.said = b""  # to the Runtime API
        self.ending = threading.Event()
        self.asked, self.answered = queue.SimpleQueue(), queue.SimpleQueue()
        self.server = RuntimeApi(("127.0.0.1", 0), self.handler())
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def handler(self):
        function = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                mine = queue.SimpleQueue()
                function.asked.put(mine)
                headers = mine.get()
                if headers is None:
                    self.close_connection = True
                    return
                self.send_response(200)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", "2")
                self.end_headers()
                self.wfile.write(b"{}")

            def do_POST(self):
                if "chunked" in self.headers.get("Transfer-Encoding", ""):
                    while size := int(self.rfile.readline().split(b";")[0], 16):
                        function.said += self.rfile.read(size + 2)
                    while self.rfile.readline().strip():
                        pass
                else:
                    function.said += self.rfile.read(int(self.headers.get("Content-Length", 0)))
                function.said += str(self.headers).encode()
                self.send_response(202)
                self.send_header("Content-Length", "0")
                self.end_headers()
                self.wfile.flush()
                function.answered.put(self.path.rsplit("/", 1)[1])

            def log_message(self, *_):
                pass
        return Handler

    def spawn(self):
        for kept in (self.asked, self.answered):
            while not kept.empty():
                if (old := kept.get()) and kept is self.asked:
                    old.put(None)
        self.process = subprocess.Popen(self.command, env={
            **self.environment, "AWS_LAMBDA_RUNTIME_API": "127.0.0.1:%d" % self.server.server_address[1],
            "AWS_LAMBDA_FUNCTION_NAME": "work", "AWS_LAMBDA_FUNCTION_VERSION": "1", "_HANDLER": "bootstrap",
            "LAMBDA_TASK_ROOT": str(pathlib.Path(self.command[0]).parent)}, stdout=self.log, stderr=self.log)

    def invoke(self, call):
        deadline = time.time() + self.work
        call.put({"Lambda-Runtime-Aws-Request-Id": str(uuid.uuid4()),
                  "Lambda-Runtime-Deadline-Ms": str(int(deadline * 1000)),
                  "Lambda-Runtime-Invoked-Function-Arn": self.ARN,
                  "Lambda-Runtime-Trace-Id": "Root=1-5759e988-bd862e3fe1be46a994272793"})
        self.invocations += 1
        try:
            if self.answered.get(timeout=deadline - time.time()) == "error":
                self.failed += 1
            return True
        except queue.Empty:
            self.late += self.process.poll() is None
            return False

    def run(self):
        while not self.ending.is_set():
            self.spawn()
            while not self.ending.is_set():
                try:
                    call = self.asked.get(timeout=0.2)
                except queue.Empty:
                    if self.process.poll() is not None:
                        break
                    continue
                if not self.invoke(call):
                    break
                os.kill(self.process.pid, signal.SIGSTOP)
                self.ending.wait(random.uniform(0.05, 0.6))
                os.kill(self.process.pid, signal.SIGCONT)
            self.process.kill()
            self.process.wait()

    def kill(self):
        process = self.process
        if process and process.poll() is None:
            process.kill()

    def close(self):
        self.ending.set()
        self.thread.join(30)
        self.server.shutdown()
