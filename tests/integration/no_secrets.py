# SPDX-License-Identifier: BSL-1.0
"""No secret of any test stands in what programs and tests print.

usage: no_secrets.py AWS_PROBE LOCAL_LAMBDA    provoke failures with keys at hand, and read what is said about them
       no_secrets.py --log FILE...             read what is there already, like ctest's LastTest.log

Tests take their secrets from SECRETS below, or mark them with MARKER.
"""

import base64
import concurrent.futures
import contextlib
import hashlib
import http.server
import os
import pathlib
import re
import signal
import subprocess
import sys
import tempfile
import threading
import urllib.error
import urllib.request

TESTS = pathlib.Path(__file__).resolve().parent.parent

MARKER = "SECRETMARKER"
SECRETS = [
    "wJalrXUtnFEMI",  # the examples that AWS publishes, however their slashes are written
    "EXAMPLETOKEN",
    "EXAMPLESESSIONTOKEN",
    "sessionsecretkey",
    "a+secret/of+forty+characters+for+testing",
    "a-shared:secret/42",
    "shared-with-us",
    "secret-words",
]
# A signature is as good as a key until it has expired. Tests of signing print theirs only when they fail.
SIGNED = re.compile(r"Credential=\S+, ?SignedHeaders=\S+, ?Signature=[0-9a-f]{64}")

KEY = f"{MARKER}+key/of+forty+characters+for+test"
TOKEN = f"{MARKER}//session+token=" + "t" * 200
EXTERNAL_ID = f"{MARKER}:external-id"
failures = []


def secrets_in(text):
    """Every secret in a text: as it is, in a url, in base64 at any offset, escaped as JSON."""
    plain = text.replace("%2F", "/").replace("%2B", "+").replace("%3D", "=").replace("\\/", "/")
    found = [s for s in [MARKER, *SECRETS] if s in plain]
    for secret in [MARKER, *SECRETS]:
        for shift in range(3):
            # Without the first and the last group, which hold octets of the neighbours.
            inner = base64.b64encode(b"\0" * shift + secret.encode()).decode().rstrip("=")[4 if shift else 0 : -2]
            if len(inner) >= 10 and inner in plain:
                found.append(f"{secret} in base64")
    return found + SIGNED.findall(plain)


def look(text, where):
    for line in text.splitlines():
        for secret in secrets_in(line):
            failures.append(f"{where}: {secret}: {line[:200]}")


def check_itself():
    """A search that finds nothing anywhere would always be content."""
    for secret in [MARKER, *SECRETS]:
        assert secrets_in(f"error: bad key {secret}, try again"), secret
        assert secrets_in("Basic " + base64.b64encode(f"user:{secret}:x".encode()).decode()), secret
    assert secrets_in("Credential=AKIA/20260731/r/s/aws4_request, SignedHeaders=host, Signature=" + "0" * 64)
    assert secrets_in("k=wJalrXUtnFEMI%2FK7MDENG")
    assert not secrets_in("AKIATESTKEY000000001 is a name, and no secret; neither is SECRET_ACCESS_KEY")
    own = pathlib.Path(__file__).name
    texts = [p.read_text() for kind in ("*.cpp", "*.hpp", "*.py") for p in TESTS.rglob(kind) if p.name != own]
    for secret in SECRETS:
        assert any(secret in t for t in texts), f"no test uses {secret} any more: take it out of SECRETS"


class rude(http.server.BaseHTTPRequestHandler):
    """Tells everybody who calls what they have said, and what else it knows of them."""

    protocol_version = "HTTP/1.1"
    status, content, knows = 403, "json", ()

    def answer(self):
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode("utf-8", "replace")
        said = "; ".join([*self.knows, *(f"{k}: {v}" for k, v in self.headers.items()), body])
        quoted = said.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
        if self.content == "xml":
            text = said.replace("&", "&amp;").replace("<", "&lt;")
            reply = f"<ErrorResponse><Error><Code>AccessDenied</Code><Message>{text}</Message></Error></ErrorResponse>"
        else:
            reply = f'{{"message":"{quoted}","Message":"{quoted}"}}'
        self.send_response(self.status)
        self.send_header("Content-Type", f"application/{self.content}")
        self.send_header("Content-Length", str(len(reply.encode())))
        self.send_header("x-amzn-ErrorType", "AccessDeniedException")
        self.end_headers()
        self.wfile.write(reply.encode())

    do_GET = do_POST = do_PUT = answer

    def log_message(self, *_):
        pass


@contextlib.contextmanager
def rude_server(status, content, *knows):
    handler = type("rude_one", (rude,), {"status": status, "content": content, "knows": knows})
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def provoke(probe, place):
    """aws-probe in every way to fail that has a secret at hand."""
    keys = {"AWS_ACCESS_KEY_ID": "AKIATESTKEY000000001", "AWS_SECRET_ACCESS_KEY": KEY, "AWS_SESSION_TOKEN": TOKEN}
    common = {"AWS_REGION": "eu-central-1", "AWS_EC2_METADATA_DISABLED": "true", "PATH": os.environ["PATH"],
        "AWS_CONFIG_FILE": str(place / "none"), "AWS_SHARED_CREDENTIALS_FILE": str(place / "none")}

    def file(name, text):
        (place / name).write_text(text)
        return str(place / name)

    tells = file("tells.sh", f"#!/bin/sh\necho '{KEY}'\necho '{TOKEN}' >&2\nexit \"$1\"\n")
    half = file("half.sh", f"#!/bin/sh\necho '{{\"Version\":2,\"SecretAccessKey\":\"{KEY}\",\"SessionToken\":\"{TOKEN}\"'\n")
    profile = f"[default]\naws_access_key_id = A\naws_secret_access_key = {KEY}\n"
    assume = ("[profile r]\nrole_arn = arn:aws:iam::123456789012:role/r\nsource_profile = default\n"
              f"external_id = {EXTERNAL_ID}\nregion = eu-central-1\n")
    token_file = file("token", TOKEN)

    with (rude_server(403, "json", KEY, TOKEN) as json, rude_server(500, "json", KEY, TOKEN) as broken,
          rude_server(403, "xml", KEY) as xml, rude_server(403, "xml") as stranger):
        ways = {
            "refused": {**keys, "AWS_ENDPOINT_URL": json},
            "broken": {**keys, "AWS_ENDPOINT_URL": broken},
            "refused by STS": {**keys, "AWS_ENDPOINT_URL": xml},
            "nobody there": {**keys, "AWS_ENDPOINT_URL": "http://127.0.0.1:1"},
            "no url": {**keys, "AWS_ENDPOINT_URL": f"http://user:{MARKER}@"},
            "a url with a password": {**keys, "AWS_ENDPOINT_URL": f"http://user:{MARKER}@127.0.0.1:1"},
            "a container's url with a password": {
                "AWS_CONTAINER_CREDENTIALS_FULL_URI": f"http://user:{MARKER}@127.0.0.1:1/creds"},
            "a proxy that is not there": {**keys, "AWS_ENDPOINT_URL": "http://service.test",
                "HTTP_PROXY": f"http://user:{MARKER}@127.0.0.1:1"},
            "a proxy that cannot be used": {**keys, "AWS_ENDPOINT_URL": "http://service.test",
                "HTTP_PROXY": f"socks9://user:{MARKER}@127.0.0.1:1"},
            "a secret without its key": {"AWS_SECRET_ACCESS_KEY": KEY},
            "a process that fails": {"AWS_CONFIG_FILE": file("c1", f"[default]\ncredential_process = sh {tells} 1\n")},
            "a process that says nonsense": {
                "AWS_CONFIG_FILE": file("c2", f"[default]\ncredential_process = sh {tells} 0\n")},
            "a process that says half": {"AWS_CONFIG_FILE": file("c3", f"[default]\ncredential_process = sh {half}\n")},
            "a file with a broken line": {
                "AWS_SHARED_CREDENTIALS_FILE": file("s1", f"[default]\naws_secret_access_key {KEY}\n{TOKEN}\n")},
            "a file without an id": {
                "AWS_SHARED_CREDENTIALS_FILE": file("s2", f"[default]\naws_secret_access_key = {KEY}\n")},
            "a role that is refused": {"AWS_SHARED_CREDENTIALS_FILE": file("s3", profile), "AWS_PROFILE": "r",
                "AWS_CONFIG_FILE": file("c4", assume), "AWS_ENDPOINT_URL": xml},
            "an external id that cannot be": {"AWS_SHARED_CREDENTIALS_FILE": file("s4", profile), "AWS_PROFILE": "r",
                "AWS_CONFIG_FILE": file("c5", assume.replace(EXTERNAL_ID, EXTERNAL_ID + " x")), "AWS_ENDPOINT_URL": xml},
            "a web identity that is refused": {"AWS_WEB_IDENTITY_TOKEN_FILE": token_file,
                "AWS_ROLE_ARN": "arn:aws:iam::123456789012:role/r", "AWS_ENDPOINT_URL": stranger},
            "a container that refuses": {"AWS_CONTAINER_CREDENTIALS_FULL_URI": stranger + "/creds",
                "AWS_CONTAINER_AUTHORIZATION_TOKEN": TOKEN},
            "a container's token that cannot be": {"AWS_CONTAINER_CREDENTIALS_FULL_URI": stranger + "/creds",
                "AWS_CONTAINER_AUTHORIZATION_TOKEN": TOKEN + "\r\nX: y"},
        }
        commands = (["whoami"], ["invoke", "orders", "Event", "{}"], ["burst", "3", "orders"])

        def run(way, command):
            done = subprocess.run([probe, *command], env={**common, **ways[way]}, capture_output=True, text=True,
                errors="replace", timeout=120, check=False)
            return way, command, done

        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            jobs = [pool.submit(run, way, command) for way in ways for command in commands]
            for job in jobs:
                way, command, done = job.result()
                where = f"aws-probe {command[0]}, {way}"
                look(done.stdout + done.stderr, where)
                if done.returncode == 0:
                    failures.append(f"{where}: did not fail, so nothing was shown")
                if done.returncode < 0:
                    failures.append(f"{where}: ended by signal {-done.returncode}")
                if not done.stderr.strip():
                    failures.append(f"{where}: says nothing")


def provoke_front(program, place):
    """local_lambda with a key of its own, and callers who get it wrong."""
    bootstrap = place / "bootstrap"
    bootstrap.write_text("#!/bin/sh\nexit 1\n")
    bootstrap.chmod(0o755)
    command = [program, "--port", "0", "--bootstrap", str(bootstrap), "--function", "orders", "--versions", "1",
        "--region", "eu-central-1", "--account", "123456789012", "--access-key", "AKIATESTKEY000000001", "--secret-key",
        KEY, "--role-arn", "arn:aws:iam::123456789012:role/r", "--external-id", EXTERNAL_ID]
    bad = subprocess.run([*command, "--no-such-flag"], capture_output=True, text=True, timeout=60, check=False)
    look(bad.stdout + bad.stderr, "local_lambda with a wrong flag")
    if bad.returncode == 0:
        failures.append("local_lambda takes any flag")

    with open(place / "front.log", "w+", encoding="utf-8") as log:
        front = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, text=True)
        try:
            first = front.stdout.readline()
            look(first, "local_lambda's first line")
            port = re.search(r":(\d+)", first)
            if port is None:
                failures.append(f"local_lambda does not say where it listens: {first!r}")
                return
            url = f"http://127.0.0.1:{port[1]}"
            form = f"Action=AssumeRole&Version=2011-06-15&RoleArn=x&RoleSessionName=s&ExternalId={EXTERNAL_ID}"
            hashed = hashlib.sha256(b"{}").hexdigest()
            auth = ("AWS4-HMAC-SHA256 Credential=AKIATESTKEY000000001/20260731/eu-central-1/lambda/aws4_request, "
                    "SignedHeaders=host;x-amz-date, Signature=" + "0" * 64)
            for path, data, headers in (
                ("/2015-03-31/functions/orders/invocations", b"{}", {}),
                ("/2015-03-31/functions/orders/invocations", b"{}",
                    {"Authorization": auth, "X-Amz-Date": "20260731T120000Z", "X-Amz-Content-Sha256": hashed}),
                ("/", form.encode(), {"Content-Type": "application/x-www-form-urlencoded"}),
            ):
                request = urllib.request.Request(url + path, data=data, headers=headers, method="POST")
                try:
                    with urllib.request.urlopen(request, timeout=30) as reply:
                        failures.append(f"local_lambda took an unsigned request: {reply.status}")
                except urllib.error.HTTPError as error:
                    text = error.read().decode("utf-8", "replace")
                    look("\n".join(line for line in text.splitlines()), f"local_lambda's answer to {path}")
        finally:
            front.send_signal(signal.SIGTERM)
            try:
                rest, _ = front.communicate(timeout=30)
            except subprocess.TimeoutExpired:
                front.kill()
                rest, _ = front.communicate()
                failures.append("local_lambda does not stop")
        log.seek(0)
        look(rest + log.read(), "local_lambda's log")


def main():
    check_itself()
    if sys.argv[1:2] == ["--log"]:
        for name in sys.argv[2:]:
            text = pathlib.Path(name).read_text(encoding="utf-8", errors="replace")
            if not text.strip():
                failures.append(f"{name} is empty")
            look(text, name)
    else:
        probe, front = map(os.path.abspath, sys.argv[1:3])
        with tempfile.TemporaryDirectory() as place:
            provoke(probe, pathlib.Path(place))
            provoke_front(front, pathlib.Path(place))
    for failure in failures:
        print(failure)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
