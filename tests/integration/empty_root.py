#!/usr/bin/env python3
# SPDX-License-Identifier: BSL-1.0
"""A packaged function serves invocations where there is nothing but its archive, a resolv.conf and certificates.

usage: empty_root.py MAYFLY BOOTSTRAP DYNAMIC

BOOTSTRAP is fetch_function as mayfly_add_bootstrap makes it, DYNAMIC the same as any other program is linked here. The
function runs below a root of its own, in a network namespace of its own where a DNS server, a TLS server and the
Runtime API live, all in this file. For each event it fetches the event's url.
"""
import datetime
import fcntl
import http.server
import ipaddress
import json
import os
import pathlib
import queue
import shutil
import signal
import socket
import ssl
import struct
import subprocess
import sys
import tempfile
import threading
import time
import zipfile

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

NAME = "service.mayfly.test"
AMAZON = "etc/pki/tls/certs/ca-bundle.crt"
DEBIAN = "etc/ssl/certs/ca-certificates.crt"
ALPINE = "etc/ssl/cert.pem"
PATIENCE = 30
FAILURES = []


def check(holds, what):
    print(("ok      " if holds else "NOT SO  ") + what, flush=True)
    if not holds:
        FAILURES.append(what)


# Packaging.


def package(mayfly, bootstrap, archive):
    return subprocess.run([mayfly, "package", "--bootstrap", bootstrap, "--output", archive],
                          capture_output=True, text=True, timeout=120, check=False)


def check_packaging(mayfly, bootstrap, dynamic, place):
    refused = package(mayfly, dynamic, place / "refused.zip")
    check(refused.returncode == 1 and not (place / "refused.zip").exists(), "a program linked the ordinary way is refused")
    for words in ("refused: bootstrap needs ", "libstdc++.so.6", "which provided.al2023 does not have", "-static"):
        check(words in refused.stderr, f"which is told as \"{words}\"")

    accepted = package(mayfly, bootstrap, place / "function.zip")
    print(accepted.stdout + accepted.stderr, end="")
    check(accepted.returncode == 0 and not accepted.stderr, "the static one is accepted, without a warning")
    again = place / "elsewhere"
    shutil.copyfile(bootstrap, again)
    again.chmod(0o700)
    package(mayfly, again, place / "again.zip")
    check((place / "function.zip").read_bytes() == (place / "again.zip").read_bytes(), "and packaged again to the same bytes")


def unpack(archive, folder):
    with zipfile.ZipFile(archive) as packed:
        check(packed.testzip() is None, "the archive is whole")
        for entry in packed.infolist():
            path = pathlib.Path(packed.extract(entry, folder))
            path.chmod(entry.external_attr >> 16 & 0o777)
    check((folder / "bootstrap").stat().st_mode & 0o777 == 0o755, "bootstrap may be run")


# Certificates.


class Authority:
    def __init__(self, name):
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        self.certificate = self.issue(self.name, self.key, x509.BasicConstraints(ca=True, path_length=0))

    def issue(self, subject, key, *extensions):
        today = datetime.datetime.now(datetime.timezone.utc)
        made = (x509.CertificateBuilder().subject_name(subject).issuer_name(self.name).public_key(key.public_key())
                .serial_number(x509.random_serial_number())
                .not_valid_before(today - datetime.timedelta(days=1)).not_valid_after(today + datetime.timedelta(days=2)))
        for extension in extensions:
            made = made.add_extension(extension, critical=isinstance(extension, x509.BasicConstraints))
        return made.sign(self.key, hashes.SHA256())

    def pem(self):
        return self.certificate.public_bytes(serialization.Encoding.PEM)

    def serve(self, name, path):
        """A certificate for `name` and its key, in one file."""
        key = ec.generate_private_key(ec.SECP256R1())
        made = self.issue(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]), key,
                          x509.SubjectAlternativeName([x509.DNSName(name)]))
        path.write_bytes(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
                                           serialization.NoEncryption()) + made.public_bytes(serialization.Encoding.PEM))
        return path


# The world around the function.


def loopback_up():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        flags_of, set_flags, up = 0x8913, 0x8914, 1
        answer = fcntl.ioctl(s, flags_of, struct.pack("16sh14x", b"lo", 0))
        flags = struct.unpack("16sh14x", answer)[1]
        fcntl.ioctl(s, set_flags, struct.pack("16sh14x", b"lo", flags | up))


class Names(threading.Thread):
    """Knows one name, and an IPv4 address of it."""

    def __init__(self):
        super().__init__(daemon=True)
        self.asked = []
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 53))

    def run(self):
        while True:
            question, peer = self.socket.recvfrom(512)
            at, labels = 12, []
            while question[at]:
                labels.append(question[at + 1:at + 1 + question[at]].decode())
                at += 1 + question[at]
            kind = struct.unpack(">H", question[at + 1:at + 3])[0]
            name = ".".join(labels).lower()
            self.asked.append(name)
            known = name == NAME
            answers = 1 if known and kind == 1 else 0
            head = struct.pack(">2sHHHHH", question[:2], 0x8180 if known else 0x8183, 1, answers, 0, 0)
            answer = head + question[12:at + 5]
            if answers:
                answer += struct.pack(">HHHIH4s", 0xc00c, 1, 1, 60, 4, ipaddress.IPv4Address("127.0.0.1").packed)
            self.socket.sendto(answer, peer)


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request, client_address):
        pass  # A client that does not like the certificate goes away, which is what it shall do.


class Service(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        body = f"you asked for {self.path}".encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


class Runtime(http.server.BaseHTTPRequestHandler):
    """The Runtime API of one environment, as little of it as serves."""

    protocol_version = "HTTP/1.1"
    prefix = "/2018-06-01/runtime/"

    def answer(self, status, body=b"", headers=()):
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        if self.path != self.prefix + "invocation/next":
            return self.answer(404)
        self.server.asked.set()
        number, event = self.server.events.get()
        deadline = int((time.time() + PATIENCE) * 1000)
        self.answer(200, json.dumps(event).encode(), [
            ("Content-Type", "application/json"), ("Lambda-Runtime-Aws-Request-Id", f"request-{number}"),
            ("Lambda-Runtime-Deadline-Ms", str(deadline)),
            ("Lambda-Runtime-Invoked-Function-Arn", "arn:aws:lambda:eu-central-1:123456789012:function:fetch:1")])

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if self.path.startswith("/2020-01-01/extension/register"):
            return self.answer(200, b"{}", [("Lambda-Extension-Identifier", "of-this-test")])
        self.server.results.put((self.path.removeprefix(self.prefix), body.decode()))
        self.answer(202, b'{"status":"OK"}')

    def log_message(self, *_):
        pass


class Environment:
    """One start of the function: its root, its Runtime API, its process."""

    def __init__(self, place, files, is_root):
        self.root = pathlib.Path(tempfile.mkdtemp(dir=place))
        self.root.chmod(0o755)
        task = self.root / "var/task"
        task.mkdir(parents=True)
        archive = place / "function.zip"
        with zipfile.ZipFile(archive) as packed:
            inside = [f"var/task/{name}" for name in packed.namelist()]
        unpack(archive, task)
        for name, content in files.items():
            path = self.root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        there = sorted(str(p.relative_to(self.root)) for p in self.root.rglob("*") if not p.is_dir())
        check(there == sorted([*inside, *files]), f"the root holds nothing but {' '.join(there)}")

        self.runtime = Server(("127.0.0.1", 0), Runtime)
        self.runtime.asked, self.runtime.events, self.runtime.results = threading.Event(), queue.Queue(), queue.Queue()
        threading.Thread(target=self.runtime.serve_forever, daemon=True).start()
        self.number = 0

        def enter():
            os.chroot(self.root)
            os.chdir("/var/task")
            if is_root:  # rather than root of nothing but a user namespace, who has no other user to become
                os.setgroups([])
                os.setgid(65534)
                os.setuid(65534)

        begin = time.monotonic()
        self.process = subprocess.Popen(["/var/task/bootstrap"], preexec_fn=enter, stdin=subprocess.DEVNULL, env={
            "AWS_LAMBDA_RUNTIME_API": f"127.0.0.1:{self.runtime.server_address[1]}", "LAMBDA_TASK_ROOT": "/var/task",
            "LAMBDA_RUNTIME_DIR": "/var/runtime", "_HANDLER": "bootstrap", "AWS_REGION": "eu-central-1", "TZ": ":UTC",
            "LANG": "en_US.UTF-8", "PATH": "/usr/local/bin:/usr/bin:/bin:/opt/bin", "LD_LIBRARY_PATH": "/var/task:/var/task/lib"})
        asked = self.runtime.asked.wait(PATIENCE)
        check(asked, f"it starts and asks for work, {1000 * (time.monotonic() - begin):.1f} ms after exec")

    def invoke(self, url):
        self.number += 1
        self.runtime.events.put((self.number, {"url": url}))
        path, body = self.runtime.results.get(timeout=PATIENCE)
        assert path.startswith(f"invocation/request-{self.number}/"), path
        return path.endswith("/response"), body

    def end(self):
        check(self.process.poll() is None, "it is still there after its last answer")
        self.process.kill()
        self.process.wait(PATIENCE)
        self.runtime.shutdown()
        self.runtime.server_close()


def run_inside(place, is_root):
    loopback_up()
    ours, other = Authority("the authority of this test"), Authority("another authority")
    names = Names()
    names.start()
    for port, name in ((443, NAME), (8443, "elsewhere.mayfly.test")):
        server = Server(("127.0.0.1", port), Service)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(ours.serve(name, place / f"{name}.pem"))
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
        threading.Thread(target=server.serve_forever, daemon=True).start()

    resolver = {"etc/resolv.conf": b"nameserver 127.0.0.1\noptions timeout:2\n"}

    print("== as on provided.al2023", flush=True)
    environment = Environment(place, {**resolver, AMAZON: ours.pem()}, is_root)
    for i in range(20):
        succeeded, body = environment.invoke(f"https://{NAME}/page/{i}")
        good = succeeded and json.loads(body) == {"status": 200, "body": f"you asked for /page/{i}"}
        if not good or i == 19:
            check(good, f"invocation {i + 1} fetches its page: {body}")
    check(NAME in names.asked, "having asked the DNS server for the name")
    succeeded, body = environment.invoke(f"https://{NAME}:8443/")
    check(not succeeded and "certificate" in body, f"a certificate for another name is refused: {body}")
    succeeded, body = environment.invoke("https://unknown.mayfly.test/")
    check(not succeeded and "unknown.mayfly.test" in names.asked, f"an unknown name is an error: {body}")
    succeeded, body = environment.invoke(f"https://{NAME}/again")
    check(succeeded, "after which the next invocation is served")
    environment.end()

    for why, path in (("Debian", DEBIAN), ("Alpine", ALPINE)):
        print(f"== certificates where {why} has them, and a name service that is not there", flush=True)
        environment = Environment(place, {**resolver, path: other.pem() + ours.pem(),
                                          "etc/nsswitch.conf": b"hosts: files mymachines resolve dns\n"}, is_root)
        succeeded, body = environment.invoke(f"https://{NAME}/")
        check(succeeded, f"the page is fetched: {body}")
        environment.end()

    for why, certificates in (("the wrong authority", {AMAZON: other.pem()}), ("no certificates at all", {})):
        print(f"== {why}", flush=True)
        environment = Environment(place, {**resolver, **certificates}, is_root)
        succeeded, body = environment.invoke(f"https://{NAME}/")
        check(not succeeded and "certificate" in body, f"the page is not fetched, for want of a certificate: {body}")
        environment.end()


def main(arguments):
    signal.alarm(240)  # Whatever hangs, this ends.
    if arguments[0] == "--inside":
        run_inside(pathlib.Path(arguments[1]), arguments[2] == "root")
        return 1 if FAILURES else 0

    mayfly, bootstrap, dynamic = arguments
    with tempfile.TemporaryDirectory() as folder:
        place = pathlib.Path(folder)
        place.chmod(0o755)
        check_packaging(mayfly, bootstrap, dynamic, place)
        if not (place / "function.zip").exists():
            return 1
        is_root = os.geteuid() == 0
        alone = ["unshare", "--net", *([] if is_root else ["--map-root-user"])]
        inside = subprocess.run([*alone, sys.executable, __file__, "--inside", place, "root" if is_root else "user"],
                                timeout=200, check=False)
        check(inside.returncode == 0, "all of that inside")
    return 1 if FAILURES else 0


sys.exit(main(sys.argv[1:]))
