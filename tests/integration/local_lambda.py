# SPDX-License-Identifier: BSL-1.0
"""Drives the program `local_lambda` with boto3, the AWS CLI and requests made by hand.

usage: local_lambda.py LOCAL_LAMBDA TEST_FUNCTION [AWS_PROBE]
"""

import base64
import concurrent.futures
import contextlib
import datetime
import hashlib
import hmac
import http.client
import io
import json
import os
import pathlib
import signal
import socket
import subprocess
import sys
import tempfile
import time
import unittest.mock
import urllib.parse
import xml.etree.ElementTree

import awscli.clidriver
import boto3
import botocore.config
import botocore.exceptions

PROGRAM, TEST_FUNCTION = map(os.path.abspath, sys.argv[1:3])
PROBE = os.path.abspath(sys.argv[3]) if len(sys.argv) > 3 else None
BOOTSTRAP = str(pathlib.Path(__file__).parent.parent / "support" / "python_bootstrap.py")
REGION, ACCOUNT = "eu-central-1", "210987654321"
KEY, SECRET = "AKIATESTLOCALLAMBDA0", "a+secret/of+forty+characters+for+testing"
ROLE, EXTERNAL_ID = f"arn:aws:iam::{ACCOUNT}:role/some/path/worker", "a-shared:secret/42"
ARN = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:orders"
failures = []


def check(holds, what):
    if not holds:
        failures.append(what)


def eventually(holds, what, seconds=20):
    """Looks again and again: nothing here waits for a fixed time."""
    until = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > until:
            failures.append("never: " + what)
            return False
        time.sleep(0.01)
    return True


# The program


class Server:
    """One run of the program, with its own log."""

    def __init__(self, *arguments, base=True):
        common = ["--port", "0", "--region", REGION, "--account", ACCOUNT, "--access-key", KEY, "--secret-key", SECRET]
        if base:
            common += ["--function", "orders", "--bootstrap", BOOTSTRAP, "--timeout", "20"]
        self.log = tempfile.TemporaryFile("w+")
        self.process = subprocess.Popen([PROGRAM, *common, *map(str, arguments)], stdout=subprocess.PIPE,
                                        stderr=self.log, text=True)
        line = self.process.stdout.readline()
        self.url = line.split()[1] if line.startswith("local_lambda: http") else None
        if self.url is None:
            self.process.kill()
            raise RuntimeError(f"{arguments}: said {line!r}, and {self.text()}")
        self.port = int(self.url.rsplit(":", 1)[1])

    def text(self):
        self.log.seek(0)
        return self.log.read()

    def client(self, service="lambda", credentials=None, **settings):
        own = credentials or {}
        return boto3.client(service, endpoint_url=self.url, region_name=REGION,
                            aws_access_key_id=own.get("AccessKeyId", KEY),
                            aws_secret_access_key=own.get("SecretAccessKey", SECRET),
                            aws_session_token=own.get("SessionToken"),
                            config=botocore.config.Config(retries={"total_max_attempts": 1}, read_timeout=40,
                                                          max_pool_connections=50,
                                                          parameter_validation=False), **settings)

    def assume(self, **arguments):
        wanted = {"RoleArn": ROLE, "RoleSessionName": "tester", "ExternalId": EXTERNAL_ID} | arguments
        wanted = {name: value for name, value in wanted.items() if value is not None}
        return self.client("sts").assume_role(**wanted)

    def stop(self, how=signal.SIGTERM):
        """Every run has to end well: at once, with nothing left of it."""
        if self.process.poll() is None:
            of_it = descendants(self.process.pid)
            self.process.send_signal(how)
            try:
                status = self.process.wait(20)
            except subprocess.TimeoutExpired:
                self.process.kill()
                status = f"none after 20 s:\n{self.text()}"
            check(status == 0, f"exit status {status} after signal {how}")
            eventually(lambda: not any(alive(p) for p in of_it), "the functions' processes end")
            with socket.socket() as probe:
                check(probe.connect_ex(("127.0.0.1", self.port)) != 0, "the port is still open")
        logs.append(self.text())
        self.log.close()
        self.process.stdout.close()


logs = []


@contextlib.contextmanager
def running(*arguments, **options):
    server = Server(*arguments, **options)
    try:
        yield server
    finally:
        server.stop()


def alive(pid):
    try:
        return pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def descendants(root):
    children = {}
    for entry in pathlib.Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                parent = int((entry / "stat").read_text().rsplit(")", 1)[1].split()[1])
                children.setdefault(parent, []).append(int(entry.name))
    found, left = [], [root]
    while left:
        left += children.get(left.pop(), [])
        found += left
    return set(found) - {root}


# What clients say and hear


def invoke(client, event=None, name="orders", **arguments):
    """The answer, with its payload read."""
    if event is not None:
        arguments["Payload"] = json.dumps(event)
    answer = client.invoke(FunctionName=name, **arguments)
    text = answer["Payload"].read()
    return answer | {"text": text, "body": json.loads(text) if text else None}


def refusal(call, *arguments, **named):
    """(status, code, message, whole answer) of a call that must fail."""
    try:
        done = call(*arguments, **named)
    except botocore.exceptions.ClientError as e:
        meta = e.response["ResponseMetadata"]
        check("date" in meta["HTTPHeaders"], f"no Date in {e.response}")
        check(meta.get("RequestId"), f"no request id in {e.response}")
        model = call.__self__.meta.service_model
        if model.service_name == "lambda" and e.response["Error"]["Code"] in model.shape_names:
            members = {"Type", "message", "Message"} & set(model.shape_for(e.response["Error"]["Code"]).members)
            check(members <= set(e.response), f"not as the model names it, {members}: {e.response}")
        return meta["HTTPStatusCode"], e.response["Error"]["Code"], e.response["Error"]["Message"], e.response
    failures.append(f"{named}: not refused: {done}")
    return 0, "", "", {}


def refused(row, call, *arguments, status, code, says="", **named):
    got = refusal(call, *arguments, **named)
    check(got[:2] == (status, code) and says in got[2], f"{row}: {got[:3]}, not {(status, code, says)}")
    return got[3]


# Requests made by hand: signed by the book, and then spoilt


def encoded(text, keep="-_.~"):
    return urllib.parse.quote(text, safe=keep)


class Wish:
    """One request. What is signed and what is sent can be told apart."""

    def __init__(self, server, name="orders", body=b"{}", key=(KEY, SECRET, None), service="lambda", qualifier=None):
        self.server, self.body, self.key, self.service = server, body, key, service
        self.method, self.path = "POST", f"/2015-03-31/functions/{encoded(name)}/invocations"
        self.query = "" if qualifier is None else "Qualifier=" + encoded(qualifier)
        if service == "sts":
            self.path = "/"
        self.headers = {"Host": f"127.0.0.1:{server.port}"}
        self.region, self.at, self.scope_date, self.algorithm = REGION, 0, None, "AWS4-HMAC-SHA256"
        self.unsigned = set()
        self.canonical_path = None
        self.after = lambda wish: None  # spoils what was signed
        self.signature = None

    def sign(self):
        now = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=self.at)
        stamp = now.strftime("%Y%m%dT%H%M%SZ")
        date = self.scope_date or stamp[:8]
        self.headers.setdefault("X-Amz-Date", stamp)
        if self.key[2]:
            self.headers.setdefault("X-Amz-Security-Token", self.key[2])
        signed = sorted((n.lower(), " ".join(v.split())) for n, v in self.headers.items()
                        if n.lower() not in self.unsigned)
        names = ";".join(n for n, _ in signed)
        pairs = sorted(tuple(encoded(urllib.parse.unquote(t)) for t in (p + "=").split("=")[:2])
                       for p in self.query.split("&") if p)
        canonical = "\n".join([
            self.method, self.canonical_path or encoded(self.path, "-_.~/"), "&".join(f"{n}={v}" for n, v in pairs),
            "".join(f"{n}:{v}\n" for n, v in signed), names, hashlib.sha256(self.body).hexdigest()])
        scope = f"{date}/{self.region}/{self.service}/aws4_request"
        to_sign = "\n".join([self.algorithm, stamp, scope, hashlib.sha256(canonical.encode()).hexdigest()])
        key = b"AWS4" + self.key[1].encode()
        for part in scope.split("/"):
            key = hmac.new(key, part.encode(), "sha256").digest()
        self.signature = hmac.new(key, to_sign.encode(), "sha256").hexdigest()
        self.headers["Authorization"] = (f"{self.algorithm} Credential={self.key[0]}/{scope}, SignedHeaders={names}, "
                                         f"Signature={self.signature}")

    def send(self):
        """(status, code, message, headers)"""
        self.sign()
        self.after(self)
        link = http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=20)
        with contextlib.closing(link):
            link.putrequest(self.method, self.path + ("?" + self.query if self.query else ""), skip_host=True,
                            skip_accept_encoding=True)
            for name, value in (self.headers | {"Content-Length": str(len(self.body))}).items():
                link.putheader(name, value)
            link.endheaders(self.body)
            answer = link.getresponse()
            text = answer.read().decode()
        code, message = answer.headers.get("x-amzn-ErrorType", ""), ""
        if answer.status >= 300 and text.startswith("<"):
            error = xml.etree.ElementTree.fromstring(text)
            found = {e.tag.rsplit("}", 1)[1]: e.text for e in error.iter()}
            code, message = found.get("Code", ""), found.get("Message", "")
        elif answer.status >= 300 and text.startswith("{"):
            said = json.loads(text)
            message = said.get("message", said.get("Message"))
        return answer.status, code, message or "", answer.headers


SIGNATURE = (403, "InvalidSignatureException")
INCOMPLETE = (400, "IncompleteSignatureException")
UNKNOWN = (403, "UnrecognizedClientException")
MISSING = (403, "MissingAuthenticationTokenException")


def spoilt_requests(session, other_session):
    """(why, what to do to the request, what it is told)"""

    def set_to(**values):
        return lambda w: w.__dict__.update(values)

    def after(change):
        return set_to(after=change)

    def header(name, value):
        def change(w):
            if value is None:
                w.headers.pop(name)
            else:
                w.headers[name] = value
        return change

    def authorization(change):
        return after(lambda w: w.headers.update(Authorization=change(w.headers["Authorization"])))

    def flipped(text):
        at = text.rindex("=") + 1
        return text[:at] + ("0" if text[at] != "0" else "1") + text[at + 1:]

    keys = [(s["AccessKeyId"], s["SecretAccessKey"], s["SessionToken"]) for s in (session, other_session)]
    wrong_hash = hashlib.sha256(b"another body").hexdigest()
    arn_path = f"/2015-03-31/functions/{encoded(ARN)}/invocations"
    day = datetime.timedelta(days=1)
    yesterday = (datetime.datetime.now(datetime.timezone.utc) - day).strftime("%Y%m%d")
    return [
        ("another signature", authorization(flipped), SIGNATURE, "does not match"),
        ("a signature cut short", authorization(lambda a: a[:-1]), SIGNATURE, ""),
        ("another secret", set_to(key=(KEY, SECRET + "x", None)), SIGNATURE, "does not match"),
        ("another body", after(lambda w: w.__dict__.update(body=w.body + b" ")), SIGNATURE, ""),
        ("another value of a signed header", after(header("X-Amz-Invocation-Type", "RequestResponse")), SIGNATURE, ""),
        ("a signed header taken away", after(header("X-Amz-Invocation-Type", None)), SIGNATURE, ""),
        ("another query", after(set_to(query="Qualifier=1")), SIGNATURE, ""),
        ("no query", after(set_to(query="")), SIGNATURE, ""),
        ("another path", after(lambda w: w.__dict__.update(path=w.path.replace("orders", "other"))), SIGNATURE, ""),
        ("another method", after(set_to(method="PUT")), SIGNATURE, ""),
        ("an ARN's path encoded once", set_to(path=arn_path, canonical_path=arn_path, query=""), SIGNATURE, ""),
        ("20 minutes ago", set_to(at=-1200), SIGNATURE, "Signature expired: "),
        ("20 minutes ahead", set_to(at=1200), SIGNATURE, "Signature not yet current: "),
        ("six minutes ago", set_to(at=-360), SIGNATURE, "- 5 min.)"),
        ("six minutes ahead", set_to(at=360), SIGNATURE, "+ 5 min.)"),
        ("another region's scope", set_to(region="us-east-1"), SIGNATURE, "region"),
        ("another service's scope", set_to(service="sts"), SIGNATURE, "'lambda'"),
        ("another date's scope", set_to(scope_date=yesterday), SIGNATURE, "Date in Credential scope"),
        ("another end of the scope", authorization(lambda a: a.replace("aws4_request", "aws4_requests")), INCOMPLETE, ""),
        ("a session's key without its token", set_to(key=(*keys[0][:2], None)), UNKNOWN, ""),
        ("a session's key with another's token", set_to(key=(*keys[0][:2], keys[1][2])), UNKNOWN, ""),
        ("a lasting key with a token", set_to(key=(KEY, SECRET, keys[0][2])), UNKNOWN, ""),
        ("an unknown key", set_to(key=("AKIANOBODYATALL00000", SECRET, None)), UNKNOWN, ""),
        ("a token that is not signed", set_to(key=keys[0], unsigned={"x-amz-security-token"}), SIGNATURE, ""),
        ("an x-amz header that is not signed", set_to(unsigned={"x-amz-invocation-type"}), SIGNATURE, "not signed"),
        ("a date that is not signed", set_to(unsigned={"x-amz-date"}), SIGNATURE, "not signed"),
        ("an x-amz header added", after(header("X-Amz-Tenant-Id", "me")), SIGNATURE, "not signed"),
        ("a host that is not signed", set_to(unsigned={"host"}), INCOMPLETE, "Host"),
        ("another host", after(header("Host", "lambda.example.com")), SIGNATURE, ""),
        ("no authorization", after(header("Authorization", None)), MISSING, ""),
        ("authorization that is none", after(header("Authorization", "Bearer of-good-news")), INCOMPLETE, ""),
        ("another algorithm", set_to(algorithm="AWS4-HMAC-SHA512"), INCOMPLETE, ""),
        ("no signature", authorization(lambda a: a[:a.rindex(",")]), INCOMPLETE, "'Signature'"),
        ("no credential", authorization(lambda a: a.replace("Credential", "Credentials")), INCOMPLETE, ""),
        ("no date", after(header("X-Amz-Date", None)), INCOMPLETE, "X-Amz-Date"),
        ("a date that is none", after(header("X-Amz-Date", "20261341T000000Z")), INCOMPLETE, "X-Amz-Date"),
        ("the hash of another body", lambda w: w.headers.update({"X-Amz-Content-Sha256": wrong_hash}), SIGNATURE, ""),
        ("no hash of the body", lambda w: w.headers.update({"X-Amz-Content-Sha256": "UNSIGNED-PAYLOAD"}), SIGNATURE,
         ""),
    ]


def refuses_what_is_not_signed_well(folder):
    note = folder / "ran"
    with running("--versions", "1,7", "--role-arn", ROLE, "--external-id", EXTERNAL_ID) as server:
        session, other = (server.assume()["Credentials"] for _ in range(2))

        def request():
            wish = Wish(server, body=json.dumps({"note": str(note)}).encode(), qualifier="7")
            wish.headers |= {"Content-Type": "application/json", "X-Amz-Invocation-Type": "Event"}
            return wish

        for why, spoil, expected, says in spoilt_requests(session, other):
            wish = request()
            spoil(wish)
            status, code, message, headers = wish.send()
            check((status, code) == expected and says in message, f"{why}: {status} {code} {message}")
            check(headers.get("Date") and headers.get("x-amzn-RequestId"), f"{why}: no Date or id in {headers}")
            check(not any(k["SessionToken"] in message for k in (session, other)), f"{why}: shows the session token")

        with socket.create_connection(("127.0.0.1", server.port), 20) as link:
            wish = request()
            wish.sign()
            lines = [f"{n}: {v}" for n, v in wish.headers.items() if n != "Host"]
            link.sendall("\r\n".join([f"POST {wish.path}?{wish.query} HTTP/1.1", *lines,
                                      f"Content-Length: {len(wish.body)}", "Connection: close", "", ""]).encode())
            link.sendall(wish.body)
            said = link.makefile().readline()
            check(said.split()[1:2] == ["400"], f"no host at all: {said}")

        # The same requests unspoilt. All of the above would have been queued before these, had they been accepted.
        for why, key in (("own key", (KEY, SECRET, None)),
                         ("session", (session["AccessKeyId"], session["SecretAccessKey"], session["SessionToken"]))):
            wish = request()
            wish.key = key
            check(wish.send()[0] == 202, f"{why}: a good request is not accepted")
        for shift in (-290, 290):
            wish = request()
            wish.at = shift
            check(wish.send()[0] == 202, f"{shift} s: a request within five minutes is not accepted")
        for spelling in (encoded(ARN + ":7"), ARN + ":7", "orders//", "./x/../orders"):
            wish = request()
            wish.query, wish.path = "", f"/2015-03-31/functions/{spelling}/invocations"
            wish.canonical_path = {"orders//": "/2015-03-31/functions/orders/invocations",
                                   "./x/../orders": "/2015-03-31/functions/orders/invocations"}.get(spelling)
            status = wish.send()[0]
            # Dots and empty segments are signed as if they were not there, but they name nothing.
            check(status == (404 if "/" in spelling and "." in spelling else 202), f"{spelling}: {status}")
        eventually(lambda: note.exists() and len(note.read_text().splitlines()) >= 7, "the good events run")
        check(len(note.read_text().splitlines()) == 7, f"something ran that was refused: {note.read_text()}")


def sts_refuses_in_its_own_words(folder):
    with running("--role-arn", ROLE, "--external-id", EXTERNAL_ID) as server:
        body = b"Action=GetCallerIdentity&Version=2011-06-15"

        def asks(**changes):
            wish = Wish(server, body=body, service="sts")
            wish.headers["Content-Type"] = "application/x-www-form-urlencoded; charset=utf-8"
            wish.__dict__.update(changes)
            return wish.send()[:2]

        def no_authorization(wish):
            wish.headers.pop("Authorization")

        check(asks()[0] == 200, "a good request is refused")
        other = refusal(server.client("logs").describe_log_groups)
        check(other[:2] == (400, "UnknownOperationException"), f"another service: {other}")
        rows = [
            ("wrong secret", {"key": (KEY, "x", None)}, (403, "SignatureDoesNotMatch")),
            ("old", {"at": -1200}, (403, "SignatureDoesNotMatch")),
            ("other region", {"region": "us-west-2"}, (403, "SignatureDoesNotMatch")),
            ("unknown key", {"key": ("AKIAX", "x", None)}, (403, "InvalidClientTokenId")),
            ("unsigned host", {"unsigned": {"host"}}, (400, "IncompleteSignature")),
            ("no authorization", {"after": no_authorization}, (403, "MissingAuthenticationToken")),
            ("no action", {"body": b"Version=2011-06-15"}, (400, "MissingAction")),
            ("unknown action", {"body": b"Action=Nonsense&Version=2011-06-15"}, (400, "InvalidAction")),
        ]
        for why, changes, expected in rows:
            got = asks(**changes)
            check(got == expected, f"sts, {why}: {got}")


# The operations


def sts_issues_sessions(folder):
    policy = json.dumps({"Version": "2012-10-17", "Statement": []})
    with running("--role-arn", ROLE, "--external-id", EXTERNAL_ID) as server:
        sts = server.client("sts")
        who = sts.get_caller_identity()
        check(who["Account"] == ACCOUNT and who["Arn"].startswith(f"arn:aws:iam::{ACCOUNT}:"), f"identity: {who}")

        made = server.assume(DurationSeconds=900, Policy=policy)
        session = made["Credentials"]
        check(session["AccessKeyId"].startswith("ASIA") and len(session["AccessKeyId"]) == 20, "a session's key")
        left = (session["Expiration"] - datetime.datetime.now(datetime.timezone.utc)).total_seconds()
        check(880 < left <= 900, f"the session lasts {left} s")
        expected = f"arn:aws:sts::{ACCOUNT}:assumed-role/worker/tester"
        check(made["AssumedRoleUser"]["Arn"] == expected, f"assumed: {made['AssumedRoleUser']}")
        check("PackedPolicySize" in made, "a session policy is not measured")
        inside = server.client("sts", session)
        who = inside.get_caller_identity()
        check(who["Arn"] == expected and who["UserId"] == made["AssumedRoleUser"]["AssumedRoleId"], f"session: {who}")

        asked = {"RoleArn": ROLE, "RoleSessionName": "tester", "ExternalId": EXTERNAL_ID}
        denied = {"status": 403, "code": "AccessDenied", "says": "not authorized to perform: sts:AssumeRole"}
        invalid = {"status": 400, "code": "ValidationError"}
        rows = [
            ("no external id", sts, {"ExternalId": None}, denied),
            ("wrong external id", sts, {"ExternalId": EXTERNAL_ID + "x"}, denied),
            ("no such role", sts, {"RoleArn": ROLE + "s"}, denied),
            ("too short", sts, {"DurationSeconds": 899}, invalid | {"says": "900"}),
            ("too long", sts, {"DurationSeconds": 43201}, invalid | {"says": "43200"}),
            ("longer than the role allows", sts, {"DurationSeconds": 3601}, invalid | {"says": "MaxSessionDuration"}),
            ("longer than a chain may be", inside, {"DurationSeconds": 3601}, invalid | {"says": "role chaining"}),
            ("bad session name", sts, {"RoleSessionName": "a b"}, invalid | {"says": "roleSessionName"}),
            ("bad policy", sts, {"Policy": "{"}, {"status": 400, "code": "MalformedPolicyDocument"}),
        ]
        for why, client, changes, expected in rows:
            call = {n: v for n, v in (asked | changes).items() if v is not None}
            refused(why, client.assume_role, **call, **expected)
        check(inside.assume_role(**asked)["Credentials"]["SessionToken"], "a role cannot be chained")
        refused("no web identity here", sts.assume_role_with_web_identity, RoleArn=ROLE, RoleSessionName="web",
                WebIdentityToken="token", status=403, code="AccessDenied")


def sessions_end(folder):
    with running("--role-arn", ROLE, "--external-id", EXTERNAL_ID, "--session-seconds", "2") as server:
        session = server.assume()["Credentials"]
        function, sts = server.client("lambda", session), server.client("sts", session)
        check(function.invoke(FunctionName="orders", InvocationType="DryRun")["StatusCode"] == 204, "a new session")

        def over():
            try:
                sts.get_caller_identity()
            except botocore.exceptions.ClientError:
                return True
            return False

        eventually(over, "the session ends")
        refused("an old session", sts.get_caller_identity, status=403, code="ExpiredToken")
        refused("an old session", function.invoke, FunctionName="orders", status=403, code="ExpiredTokenException")


def web_identity_needs_no_signature(folder):
    token = folder / "token"
    token.write_text("header.claims.signature\n")
    with running("--role-arn", ROLE, "--external-id", EXTERNAL_ID, "--web-identity-token", token) as server:
        nobody = boto3.client("sts", endpoint_url=server.url, region_name=REGION,
                              config=botocore.config.Config(signature_version=botocore.UNSIGNED))
        asked = {"RoleArn": ROLE, "RoleSessionName": "pod"}
        made = nobody.assume_role_with_web_identity(WebIdentityToken="header.claims.signature", **asked)
        check(server.client("sts", made["Credentials"]).get_caller_identity()["Arn"].endswith("/worker/pod"), "pod")
        refused("another token", nobody.assume_role_with_web_identity, WebIdentityToken="something else", **asked,
                status=400, code="InvalidIdentityToken")


def roles_are_held_to_their_resources(folder):
    with running("--versions", "1", "--alias", "PROD=1", "--role-arn", ROLE, "--external-id", EXTERNAL_ID,
                 "--role-resource", ARN + ":*") as server:
        only_qualified = server.client("lambda", server.assume()["Credentials"])
        for name in ("orders:1", "orders:PROD", "orders:$LATEST", ARN + ":1"):
            check(invoke(only_qualified, name=name, InvocationType="DryRun")["StatusCode"] == 204, name)
        for name in ("orders", ARN, "others"):
            refused(name, only_qualified.invoke, FunctionName=name, status=403, code="AccessDeniedException",
                    says="is not authorized to perform: lambda:InvokeFunction on resource: arn:aws:lambda:")
        check(only_qualified.get_function(FunctionName="orders", Qualifier="1")["Configuration"]["Version"] == "1", "1")
        refused("reading unqualified", only_qualified.get_function, FunctionName="orders", status=403,
                code="AccessDeniedException", says="lambda:GetFunction")
        refused("another action", only_qualified.publish_version, FunctionName="orders:1", status=403,
                code="AccessDeniedException", says="lambda:PublishVersion")
        refused("listing", only_qualified.list_functions, status=403, code="AccessDeniedException")
    with running("--versions", "1", "--role-arn", ROLE, "--role-resource", ARN, "--role-action", "lambda:Invoke*",
                 "--role-action", "lambda:GetFunctionConf*") as server:
        unqualified = server.client("lambda", server.assume(ExternalId=None)["Credentials"])
        check(invoke(unqualified, InvocationType="DryRun")["StatusCode"] == 204, "unqualified")
        check(unqualified.get_function_configuration(FunctionName="orders")["Version"] == "$LATEST", "configuration")
        refused("qualified", unqualified.invoke, FunctionName="orders:1", status=403, code="AccessDeniedException")
        refused("an action that is not listed", unqualified.get_function, FunctionName="orders", status=403,
                code="AccessDeniedException")


def invokes_and_waits(folder):
    with running("--versions", "1,7", "--alias", "PROD=7", "--env", "MODE=test", "--memory", "256",
                 "--handler", "a.handler") as server:
        client = server.client()
        rows = [
            ("orders", {}, "$LATEST", ARN), ("orders", {"Qualifier": "$LATEST"}, "$LATEST", ARN + ":$LATEST"),
            ("orders", {"Qualifier": "7"}, "7", ARN + ":7"), ("orders:1", {}, "1", ARN + ":1"),
            ("orders", {"Qualifier": "PROD"}, "7", ARN + ":PROD"), (ARN, {}, "$LATEST", ARN),
            (ARN + ":PROD", {}, "7", ARN + ":PROD"), (ARN + ":7", {"Qualifier": "7"}, "7", ARN + ":7"),
            (f"{ACCOUNT}:function:orders:1", {}, "1", ARN + ":1"), (f"function:orders", {}, "$LATEST", ARN),
        ]
        for name, more, version, arn in rows:
            got = invoke(client, {"for": name}, name=name, **more)
            said, environment = got["body"]["headers"], got["body"]["environment"]
            row = f"{name} {more}"
            check(got["StatusCode"] == 200 and got["ExecutedVersion"] == version, f"{row}: {got}")
            check("FunctionError" not in got and got["body"]["event"] == {"for": name}, f"{row}: {got['text']}")
            check(said["Lambda-Runtime-Invoked-Function-Arn"] == arn, f"{row}: is called {said}")
            check(said["Lambda-Runtime-Aws-Request-Id"] == got["ResponseMetadata"]["RequestId"], f"{row}: another id")
            check(environment["AWS_LAMBDA_FUNCTION_VERSION"] == version, f"{row}: {environment}")

        check(environment.get("MODE") == "test" and environment.get("_HANDLER") == "a.handler", f"{environment}")
        check(environment["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"] == "256" and environment["AWS_REGION"] == REGION, "region")
        check(not {KEY, SECRET} & set(environment.values()), "the account's key is in the function's environment")

        first, second = (invoke(client)["body"] for _ in range(2))
        check(first["event"] == {} and first["pid"] == second["pid"], "the same process twice, with an empty event")
        check(second["invocations"] > first["invocations"], "the process is not reused")

        context = base64.b64encode(b'{"custom":{"a":"b"}}').decode()
        said = invoke(client, 1, ClientContext=context)["body"]["headers"]
        check(json.loads(said.get("Lambda-Runtime-Client-Context", "{}")) == {"custom": {"a": "b"}}, f"context: {said}")

        got = invoke(client, {"print": "to be found again"}, LogType="Tail")
        log = base64.b64decode(got["LogResult"]).decode()
        for part in ("START RequestId: ", "Version: $LATEST", "to be found again", "END RequestId: ", "REPORT "):
            check(part in log, f"{part} is not in {log}")
        check("LogResult" not in invoke(client, {}), "a log that was not asked for")

        got = invoke(client, {"fail": "Function.Told"})
        check(got["StatusCode"] == 200 and got["FunctionError"] == "Unhandled", f"an error: {got}")
        check(got["body"]["errorType"] == "Function.Told" and got["body"]["errorMessage"] == "as told", f"{got['body']}")
        got = invoke(client, {"exit": 1})
        check(got["FunctionError"] == "Unhandled" and got["body"]["errorType"] == "Runtime.ExitError", f"{got['body']}")
        check("exit status 1" in got["body"]["errorMessage"], f"{got['body']}")
        got = invoke(client, {"bytes": 7 * 1024 * 1024})
        check(got["body"]["errorType"] == "Function.ResponseSizeTooLarge", f"{got['body']}")
        check(invoke(client, {})["body"]["event"] == {}, "no answer after what went wrong")


def refuses_invocations_as_lambda_does(folder):
    note = folder / "ran"
    with running("--versions", "1,7", "--alias", "PROD=7") as server:
        client = server.client()
        event = json.dumps({"note": str(note)})
        mib = 1024 * 1024
        nothing = {"status": 404, "code": "ResourceNotFoundException"}
        invalid = {"status": 400, "code": "ValidationException"}
        two = {"status": 400, "code": "InvalidParameterValueException", "says": "qualifier"}
        content = {"status": 400, "code": "InvalidRequestContentException"}
        large = {"status": 413, "code": "RequestTooLargeException"}
        rows = [
            ("no such function", {"FunctionName": "nope"}, nothing | {"says": ARN.replace("orders", "nope")}),
            ("no such version", {"FunctionName": "orders", "Qualifier": "2"}, nothing | {"says": ARN + ":2"}),
            ("no such alias", {"FunctionName": "orders:TEST"}, nothing | {"says": ARN + ":TEST"}),
            ("another region", {"FunctionName": ARN.replace(REGION, "us-east-1")}, nothing | {"says": "not reachable"}),
            ("another account", {"FunctionName": ARN.replace(ACCOUNT, "123456789012")},
             {"status": 403, "code": "AccessDeniedException"}),
            ("two qualifiers", {"FunctionName": "orders:1", "Qualifier": "7"}, two),
            ("no name", {"FunctionName": "a b"}, invalid | {"says": "functionName"}),
            ("no qualifier", {"FunctionName": "orders", "Qualifier": "a b"}, invalid | {"says": "qualifier"}),
            ("no type", {"FunctionName": "orders", "InvocationType": "Later"}, invalid | {"says": "invocationType"}),
            ("no log type", {"FunctionName": "orders", "LogType": "All"}, invalid | {"says": "logType"}),
            ("no JSON", {"FunctionName": "orders", "Payload": event + "}"}, content),
            ("no JSON event", {"FunctionName": "orders", "Payload": "nope", "InvocationType": "Event"}, content),
            ("no client context", {"FunctionName": "orders", "ClientContext": "%%%"}, content),
            ("client context of 4 KB",
             {"FunctionName": "orders", "ClientContext": base64.b64encode(json.dumps("x" * 3000).encode()).decode()},
             content),
            ("over 6 MiB", {"FunctionName": "orders", "Payload": " " * (6 * mib) + event}, large | {"says": "6291456"}),
            ("over 1 MiB", {"FunctionName": "orders", "Payload": event + " " * mib, "InvocationType": "Event"},
             large | {"says": "1048576"}),
        ]
        for why, call, expected in rows:
            refused(why, client.invoke, **({"Payload": event} | call), **expected)
        check(not note.exists(), "a refused invocation ran")
        check(invoke(client, InvocationType="DryRun", Payload=event)["StatusCode"] == 204, "a dry run")
        check(not note.exists(), "a dry run ran")
        padded = event + " " * (6 * mib - len(event))
        check(invoke(client, Payload=padded)["StatusCode"] == 200 and note.exists(), "exactly 6 MiB")
        texts = ['', ' 1 ', '-0.5e+7', '"\\ud800 \\u00e9\\n"', '[[], {}, [{}]]', '{"a": {"b": [1, "c", null, true, false]}}',
                 '"é"', '[' * 100_000 + ']' * 100_000, '{"a": 1, "a": 2}']
        broken = ['01', '1.', '.5', '1e', '-', '+1', 'nul', 'True', "'a'", '"a', '"\\x"', '"\\u12g4"', '"\t"', '[1,]', '[,1]',
                  '[1 2]', '{"a"}', '{"a":}', '{"a":1,}', '{1:2}', '{"a":1', '[1}', '1 2', '[' * 100_000, '\u00a01', ']',
                  '"\\', '{"a":1]', b'"\xff"', b'\xef\xbb\xbf1', b'"\0"', b'\0']
        for text in texts:
            check(client.invoke(FunctionName="orders", InvocationType="DryRun", Payload=text)["StatusCode"] == 204,
                  f"JSON is refused: {text[:40]}")
        for text in broken:
            refused(text[:40], client.invoke, FunctionName="orders", InvocationType="DryRun", Payload=text, **content)
        refused("unknown operation", client.list_tags, Resource=ARN, status=404, code="UnknownOperationException")


def times_out(folder):
    with running("--timeout", "0.5") as server:
        client = server.client()
        first = invoke(client)["body"]["pid"]
        got = invoke(client, {"sleep": 60, "fork": True})
        check(got["FunctionError"] == "Unhandled" and got["body"]["errorType"] == "Sandbox.Timedout", f"{got['body']}")
        check("Task timed out after 0.50 seconds" in got["body"]["errorMessage"], f"{got['body']}")
        eventually(lambda: not alive(first), "the process that took too long is killed")
        check(invoke(client)["body"]["pid"] != first, "the same process after it was killed")


def throttles(folder):
    gate = folder / "gate"
    with running("--concurrency", "3", "--versions", "1", "--version-concurrency", "2") as server:
        client = server.client()
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            running_now = [pool.submit(invoke, client, {"await": str(gate), "note": str(folder / f"ran{i}")}, name=name)
                           for i, name in enumerate(("orders", "orders", "orders:1"))]
            eventually(lambda: all((folder / f"ran{i}").exists() for i in range(3)), "three run at a time")
            said = refused("the fourth", client.invoke, FunctionName="orders:1", status=429,
                           code="TooManyRequestsException", says="Rate Exceeded")
            check(said.get("Reason") == "ConcurrentInvocationLimitExceeded", f"{said}")
            check(said["ResponseMetadata"]["HTTPHeaders"].get("retry-after"), f"no Retry-After: {said}")
            later = folder / "later"
            check(invoke(client, {"note": str(later)}, InvocationType="Event")["StatusCode"] == 202, "an event")
            check(not later.exists(), "an event runs where there is no room")
            gate.touch()
            check(all(f.result()["StatusCode"] == 200 for f in running_now), "those that ran")
        eventually(later.exists, "the event runs when there is room again")

    gate.unlink()
    with running("--concurrency", "20", "--reserved-concurrency", "1", "--versions", "1") as server:
        client = server.client()
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            one = pool.submit(invoke, client, {"await": str(gate), "note": str(folder / "one")})
            eventually((folder / "one").exists, "one runs")
            said = refused("the second", client.invoke, FunctionName="orders:1", status=429,
                           code="TooManyRequestsException")
            check(said.get("Reason") == "ReservedFunctionConcurrentInvocationLimitExceeded", f"{said}")
            gate.touch()
            one.result()


def events_are_queued_and_tried_again(folder):
    with running("--versions", "7", "--time-scale", "0.002") as server:
        client = server.client()

        def send(event, qualifier="7"):
            note = folder / f"note{len(list(folder.iterdir()))}"
            note.touch()
            got = invoke(client, event | {"note": str(note)}, InvocationType="Event", Qualifier=qualifier)
            check(got["StatusCode"] == 202 and got["text"] == b"", f"an event: {got}")
            return got["ResponseMetadata"]["RequestId"], lambda: [t.split() for t in note.read_text().splitlines()]

        def dropped(request_id):
            return lambda: any(request_id in line and "event_dropped" in line for line in server.text().splitlines())

        good = send({})
        eventually(lambda: len(good[1]()) == 1, "the event runs")
        check([t[:2] for t in good[1]()] == [[good[0], ARN + ":7"]], f"the event: {good[1]()}")

        bad = send({"fail": "Function.Told"})
        eventually(dropped(bad[0]), "the failing event is given up")
        check([t[0] for t in bad[1]()] == [bad[0]] * 3, f"three tries with one id: {bad[1]()}")

        config = {"FunctionName": "orders", "Qualifier": "7"}
        client.put_function_event_invoke_config(**config, MaximumRetryAttempts=0, MaximumEventAgeInSeconds=60)
        once = send({"fail": "Function.Told"})
        eventually(dropped(once[0]), "the event is given up at once")
        check(len(once[1]()) == 1, f"no further try: {once[1]()}")
        latest = send({"fail": "Function.Told"}, "$LATEST")
        eventually(dropped(latest[0]), "another qualifier's event is given up")
        check(len(latest[1]()) == 3, f"another qualifier's rules: {latest[1]()}")

        client.delete_function_event_invoke_config(**config)
        again = send({"fail": "Function.Told"})
        eventually(dropped(again[0]), "the event is given up in the end")
        check(len(again[1]()) == 3, f"rules that were deleted: {again[1]()}")

        client.put_function_concurrency(FunctionName="orders", ReservedConcurrentExecutions=0)
        refused("switched off", client.invoke, FunctionName="orders", status=429, code="TooManyRequestsException")
        off = send({})
        eventually(dropped(off[0]), "an event of a function that is switched off is dropped")
        check(off[1]() == [], "a function runs that is switched off")

    with running("--async-retries", "1", "--event-age", "1", "--time-scale", "0.002", "--concurrency", "1") as server:
        client = server.client()
        config = client.get_function_event_invoke_config(FunctionName="orders")
        check((config["MaximumRetryAttempts"], config["MaximumEventAgeInSeconds"]) == (1, 1), f"{config}")
        gate, note, ran = folder / "gate", folder / "late", folder / "ran"
        with concurrent.futures.ThreadPoolExecutor(1) as pool:
            one = pool.submit(invoke, client, {"await": str(gate), "note": str(ran)})
            eventually(ran.exists, "the only room is taken")
            late = invoke(client, {"note": str(note)}, InvocationType="Event")["ResponseMetadata"]["RequestId"]
            eventually(lambda: late in server.text() and "event_dropped" in server.text(), "an old event is dropped")
            gate.touch()
            one.result()
        check(not note.exists(), "an event ran that was too old")


def shows_functions_and_versions(folder):
    with running("--versions", "1,7", "--alias", "PROD=7", "--memory", "256", "--env", "MODE=test") as server:
        client = server.client()
        latest = client.get_function_configuration(FunctionName="orders")
        expected = {"FunctionName": "orders", "FunctionArn": ARN, "Version": "$LATEST", "Timeout": 20,
                    "MemorySize": 256, "State": "Active", "LastUpdateStatus": "Successful", "PackageType": "Zip",
                    "Runtime": "provided.al2023", "Environment": {"Variables": {"MODE": "test"}}}
        check(expected.items() <= latest.items(), f"configuration: {latest}")
        code = base64.b64encode(hashlib.sha256(pathlib.Path(BOOTSTRAP).read_bytes()).digest()).decode()
        check(latest["CodeSha256"] == code and latest["CodeSize"] == os.path.getsize(BOOTSTRAP), f"code: {latest}")
        moment = datetime.datetime.strptime(latest["LastModified"], "%Y-%m-%dT%H:%M:%S.%f%z")
        check(abs((datetime.datetime.now(datetime.timezone.utc) - moment).total_seconds()) < 60, "LastModified")

        for qualifier, version in (("$LATEST", "$LATEST"), ("1", "1"), ("PROD", "7")):
            got = client.get_function(FunctionName="orders", Qualifier=qualifier)
            found = (got["Configuration"]["Version"], got["Configuration"]["FunctionArn"])
            check(found == (version, f"{ARN}:{qualifier}") and "Location" in got["Code"], f"{qualifier}: {got}")
        for call in (client.get_function, client.get_function_configuration):
            refused("no such version", call, FunctionName="orders", Qualifier="2", status=404,
                    code="ResourceNotFoundException", says=ARN + ":2")
        client.get_waiter("function_active_v2").wait(FunctionName="orders")
        client.get_waiter("function_updated_v2").wait(FunctionName="orders")
        client.get_waiter("published_version_active").wait(FunctionName="orders", Qualifier="7")

        def versions():
            pages = client.get_paginator("list_versions_by_function").paginate(
                FunctionName="orders", PaginationConfig={"PageSize": 1})
            return [(len(p["Versions"]), v["Version"], v["FunctionArn"]) for p in pages for v in p["Versions"]]

        check(versions() == [(1, v, f"{ARN}:{v}") for v in ("$LATEST", "1", "7")], f"pages: {versions()}")
        check([f["FunctionArn"] for f in client.list_functions()["Functions"]] == [ARN], "functions")
        check(len(client.list_functions(FunctionVersion="ALL")["Functions"]) == 3, "functions and versions")

        check(client.publish_version(FunctionName="orders")["Version"] == "7", "nothing changed: nothing published")
        changed = client.update_function_configuration(FunctionName="orders", Timeout=11, MemorySize=300,
                                                       Environment={"Variables": {"MODE": "other"}})
        check(changed["Timeout"] == 11 and changed["RevisionId"] != latest["RevisionId"], f"update: {changed}")
        refused("an old revision", client.publish_version, FunctionName="orders", RevisionId=latest["RevisionId"],
                status=412, code="PreconditionFailedException")
        refused("another code", client.publish_version, FunctionName="orders", CodeSha256="A" * 43 + "=", status=400,
                code="InvalidParameterValueException", says="CodeSHA256")
        made = client.publish_version(FunctionName="orders", Description="the eighth", CodeSha256=code)
        check((made["Version"], made["Description"], made["FunctionArn"]) == ("8", "the eighth", ARN + ":8"), f"{made}")
        check(made["ResponseMetadata"]["HTTPStatusCode"] == 201 and made["Timeout"] == 11, f"{made}")
        check(client.publish_version(FunctionName="orders")["Version"] == "8", "published twice")
        modes = [invoke(client, name=f"orders:{v}")["body"]["environment"]["MODE"] for v in ("7", "8")]
        check(modes == ["test", "other"], f"a published version changed: {modes}")
        refused("a timeout of 901 s", client.update_function_configuration, FunctionName="orders", Timeout=901,
                status=400, code="ValidationException", says="timeout")

        reserved = client.put_function_concurrency(FunctionName="orders", ReservedConcurrentExecutions=5)
        check(reserved["ReservedConcurrentExecutions"] == 5, f"{reserved}")
        got = client.get_function(FunctionName="orders")
        check(got["Concurrency"]["ReservedConcurrentExecutions"] == 5, f"{got}")
        limits = client.get_account_settings()["AccountLimit"]
        check((limits["ConcurrentExecutions"], limits["UnreservedConcurrentExecutions"]) == (1000, 995), f"{limits}")
        refused("too much", client.put_function_concurrency, FunctionName="orders", ReservedConcurrentExecutions=901,
                status=400, code="InvalidParameterValueException", says="[100]")
        client.delete_function_concurrency(FunctionName="orders")
        check("ReservedConcurrentExecutions" not in client.get_function_concurrency(FunctionName="orders"), "reserve")


def keeps_aliases_and_event_configs(folder):
    with running("--versions", "1,7") as server:
        client = server.client()
        here = {"FunctionName": "orders"}
        made = client.create_alias(**here, Name="PROD", FunctionVersion="7", Description="now")
        check(made["AliasArn"] == ARN + ":PROD" and made["ResponseMetadata"]["HTTPStatusCode"] == 201, f"{made}")
        refused("twice", client.create_alias, **here, Name="PROD", FunctionVersion="1", status=409,
                code="ResourceConflictException", says="already exists")
        refused("no version", client.create_alias, **here, Name="X", FunctionVersion="3", status=404,
                code="ResourceNotFoundException")
        refused("a number", client.create_alias, **here, Name="12", FunctionVersion="1", status=400,
                code="ValidationException")
        refused("of nothing", client.create_alias, **here, Name="X", status=400, code="ValidationException",
                says="null at 'functionVersion'")
        refused("no such", client.get_alias, **here, Name="TEST", status=404, code="ResourceNotFoundException",
                says="Cannot find alias arn: " + ARN + ":TEST")
        check(invoke(client, name="orders:PROD")["ExecutedVersion"] == "7", "through the alias")
        moved = client.update_alias(**here, Name="PROD", FunctionVersion="1", RevisionId=made["RevisionId"])
        check(moved["FunctionVersion"] == "1" and moved["Description"] == "now", f"{moved}")
        refused("an old revision", client.update_alias, **here, Name="PROD", RevisionId=made["RevisionId"], status=412,
                code="PreconditionFailedException")
        check(invoke(client, name="orders:PROD")["ExecutedVersion"] == "1", "through the moved alias")
        split = client.update_alias(**here, Name="PROD", RoutingConfig={"AdditionalVersionWeights": {"7": 1.0}})
        check(split["RoutingConfig"]["AdditionalVersionWeights"] == {"7": 1.0}, f"{split}")
        check(invoke(client, name="orders:PROD")["ExecutedVersion"] == "7", "all to the second version")
        for name in ("A", "B"):
            client.create_alias(**here, Name=name, FunctionVersion="7")
        pages = client.get_paginator("list_aliases").paginate(**here, PaginationConfig={"PageSize": 2})
        check([a["Name"] for p in pages for a in p["Aliases"]] == ["A", "B", "PROD"], "pages of aliases")
        check([a["Name"] for a in client.list_aliases(**here, FunctionVersion="7")["Aliases"]] == ["A", "B"], "of 7")

        refused("none yet", client.get_function_event_invoke_config, **here, Qualifier="A", status=404,
                code="ResourceNotFoundException", says="EventInvokeConfig")
        put = client.put_function_event_invoke_config(**here, Qualifier="A", MaximumRetryAttempts=1)
        check(put["FunctionArn"] == ARN + ":A" and put["MaximumRetryAttempts"] == 1, f"{put}")
        more = client.update_function_event_invoke_config(**here, Qualifier="A", MaximumEventAgeInSeconds=90)
        check((more["MaximumRetryAttempts"], more["MaximumEventAgeInSeconds"]) == (1, 90), f"{more}")
        again = client.get_function_event_invoke_config(FunctionName=ARN + ":A")
        check(again["MaximumEventAgeInSeconds"] == 90 and isinstance(again["LastModified"], datetime.datetime), again)
        client.put_function_event_invoke_config(**here, MaximumRetryAttempts=0)
        listed = client.list_function_event_invoke_configs(**here)["FunctionEventInvokeConfigs"]
        check({c["FunctionArn"] for c in listed} == {ARN + ":$LATEST", ARN + ":A"}, f"{listed}")
        for wrong in ({"MaximumRetryAttempts": 3}, {"MaximumEventAgeInSeconds": 59}):
            refused(wrong, client.put_function_event_invoke_config, **here, **wrong, status=400,
                    code="ValidationException")
        refused("nothing", client.put_function_event_invoke_config, **here, status=400,
                code="InvalidParameterValueException", says="at least one")
        client.delete_function_event_invoke_config(**here, Qualifier="A")
        refused("deleted", client.delete_function_event_invoke_config, **here, Qualifier="A", status=404,
                code="ResourceNotFoundException")
        client.delete_alias(**here, Name="A")
        refused("a deleted alias", client.invoke, **here, Qualifier="A", status=404, code="ResourceNotFoundException")


def the_command_line_tool_drives_it(folder):
    with running("--versions", "1", "--role-arn", ROLE, "--external-id", EXTERNAL_ID) as server:
        variables = {"PATH": os.environ["PATH"], "HOME": str(folder), "AWS_ENDPOINT_URL": server.url,
                     "AWS_REGION": REGION, "AWS_DEFAULT_REGION": REGION, "AWS_ACCESS_KEY_ID": KEY,
                     "AWS_SECRET_ACCESS_KEY": SECRET, "AWS_MAX_ATTEMPTS": "1", "AWS_PAGER": ""}

        def aws(*arguments, status=0):
            """The tool itself, but for one run in this process: it takes a second to start."""
            said, complained = io.StringIO(), io.StringIO()
            inside = variables | {"AWS_DATA_PATH": os.environ["AWS_DATA_PATH"]}
            with (unittest.mock.patch.dict(os.environ, inside, clear=True), contextlib.redirect_stdout(said),
                  contextlib.redirect_stderr(complained)):
                ended = awscli.clidriver.create_clidriver().main([*arguments, "--output", "json"])
            told = said.getvalue()
            check(ended == status, f"aws {arguments}: {ended}: {complained.getvalue()}{told}")
            return json.loads(told) if ended == 0 and told.strip() else complained.getvalue()

        done = subprocess.run([sys.executable, "-m", "awscli", "lambda", "get-function", "--function-name", "orders"],
                              env=variables, capture_output=True, text=True, timeout=60)
        check(done.returncode == 0 and ARN in done.stdout, f"aws as a program: {done}")
        function = ("--function-name", "orders")
        out = folder / "out.json"
        said = aws("lambda", "invoke", *function, "--payload", '{"a": 1}', "--log-type", "Tail", str(out))
        check(said["StatusCode"] == 200 and json.loads(out.read_text())["event"] == {"a": 1}, f"invoke: {said}")
        said = aws("lambda", "invoke", *function, "--qualifier", "1", "--invocation-type", "Event", str(out))
        check(said == {"StatusCode": 202}, f"an event: {said}")
        said = aws("lambda", "invoke", *function, "--invocation-type", "DryRun", str(out))
        check(said == {"StatusCode": 204}, f"a dry run: {said}")
        said = aws("lambda", "invoke", "--function-name", "nope", str(out), status=255)
        check("(ResourceNotFoundException)" in said, f"no function: {said}")
        check(aws("lambda", "get-function", *function)["Configuration"]["FunctionArn"] == ARN, "get-function")
        said = aws("lambda", "get-function-configuration", "--function-name", ARN + ":1")
        check(said["Version"] == "1", f"get-function-configuration: {said}")
        check(aws("lambda", "publish-version", *function)["Version"] == "1", "publish-version")
        said = aws("lambda", "list-versions-by-function", *function)["Versions"]
        check([v["Version"] for v in said] == ["$LATEST", "1"], f"list-versions-by-function: {said}")
        said = aws("lambda", "create-alias", *function, "--name", "PROD", "--function-version", "1")
        check(said["AliasArn"] == ARN + ":PROD", f"create-alias: {said}")
        said = aws("lambda", "put-function-event-invoke-config", *function, "--qualifier", "PROD",
                   "--maximum-retry-attempts", "0", "--maximum-event-age-in-seconds", "60")
        check(said["MaximumRetryAttempts"] == 0, f"put-function-event-invoke-config: {said}")
        check(aws("sts", "get-caller-identity")["Account"] == ACCOUNT, "get-caller-identity")
        wanted = ("sts", "assume-role", "--role-arn", ROLE, "--role-session-name", "cli")
        said = aws(*wanted, status=255)
        check("(AccessDenied)" in said, f"assume-role without its external id: {said}")
        said = aws(*wanted, "--external-id", EXTERNAL_ID)
        check(said["Credentials"]["AccessKeyId"].startswith("ASIA"), f"assume-role: {said}")


def the_probe_drives_it(folder):
    if PROBE is None:
        return
    note = folder / "note"
    with running("--versions", "7", "--function", "worker") as server:
        variables = {"PATH": os.environ["PATH"], "HOME": str(folder), "AWS_ENDPOINT_URL": server.url,
                     "AWS_REGION": REGION, "AWS_ACCESS_KEY_ID": KEY, "AWS_SECRET_ACCESS_KEY": SECRET,
                     "AWS_EC2_METADATA_DISABLED": "true"}

        def probe(*arguments):
            return subprocess.run([PROBE, *arguments], env=variables, capture_output=True, text=True, timeout=60)

        done = probe("whoami")
        check(done.returncode == 0 and ACCOUNT in done.stdout, f"whoami: {done}")
        done = probe("invoke", ARN.replace("orders", "worker") + ":7", "RequestResponse", '{"a":1}')
        check(done.returncode == 0 and json.loads(done.stdout)["event"] == {"a": 1}, f"invoke: {done}")
        check(probe("invoke", "worker", "RequestResponse", '{"fail":"Function.Told"}').returncode != 0, "an error")
        check(probe("invoke", "worker", "Event", json.dumps({"note": str(note)})).returncode == 0, "an event")
        eventually(note.exists, "the event runs")
        check(probe("invoke", "nope", "RequestResponse", "{}").returncode != 0, "no such function")
        done = probe("burst", "50", "worker")
        check(done.returncode == 0, f"burst: {done}")


def a_wrong_clock_is_told(folder):
    with running("--clock-offset", "-3600") as server:
        said = refused("an hour fast", server.client().invoke, FunctionName="orders", status=403,
                       code="InvalidSignatureException", says="Signature not yet current")
        date = said["ResponseMetadata"]["HTTPHeaders"]["date"]
        theirs = datetime.datetime.strptime(date, "%a, %d %b %Y %H:%M:%S %Z").replace(tzinfo=datetime.timezone.utc)
        behind = (datetime.datetime.now(datetime.timezone.utc) - theirs).total_seconds()
        check(3590 < behind < 3660, f"Date is {behind} s behind")
        wish = Wish(server)
        wish.at = -3600
        check(wish.send()[0] == 200, "a request by the server's own clock is refused")


def several_functions_from_a_file(folder):
    (folder / "bootstrap").symlink_to(BOOTSTRAP)
    file = folder / "functions.toml"
    file.write_text(f"""
[[function]]
function = "orders"
bootstrap = "bootstrap"
versions = [3, 4]
alias = {{ PROD = 4, TEST = 3 }}
env = {{ MODE = "file", N = 1 }}
timeout = 7
async_retries = 0

[[function]]
function = "bills"
bootstrap = "{BOOTSTRAP}"
reserved_concurrency = 2

[[role]]
role_arn = "{ROLE}"
external_id = "{EXTERNAL_ID}"
role_action = ["lambda:InvokeFunction"]
""")
    with running("--functions", file, "--memory", "512", base=False) as server:
        client = server.client()
        got = invoke(client, name="orders:PROD")
        check(got["ExecutedVersion"] == "4" and got["body"]["environment"]["MODE"] == "file", f"{got['body']}")
        orders, bills = client.list_functions()["Functions"][::-1]
        check((orders["Timeout"], bills["Timeout"]) == (7, 3), f"timeouts: {orders} {bills}")
        check((orders["MemorySize"], bills["MemorySize"]) == (512, 512), "the flag's memory")
        check(client.get_function_event_invoke_config(FunctionName="orders:TEST")["MaximumRetryAttempts"] == 0, "events")
        check(client.get_function_concurrency(FunctionName="bills")["ReservedConcurrentExecutions"] == 2, "reserve")
        worker = server.client("lambda", server.assume()["Credentials"])
        check(invoke(worker, name="bills", InvocationType="DryRun")["StatusCode"] == 204, "the role's functions")
        refused("the role's actions", worker.get_function, FunctionName="bills", status=403,
                code="AccessDeniedException")


def speaks_tls(folder):
    certificate, key = folder / "certificate.pem", folder / "key.pem"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days",
                    "2", "-subj", "/CN=local", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", key, "-out",
                    certificate], check=True, capture_output=True)
    with running("--tls-cert", certificate, "--tls-key", key) as server:
        check(server.url.startswith("https://"), server.url)
        check(invoke(server.client(verify=str(certificate)), {"a": 1})["body"]["event"] == {"a": 1}, "over TLS")


def the_other_function_runs_too(folder):
    """Not only Python's: this one speaks over a bare socket, and takes what it is not given."""
    with running("--bootstrap", TEST_FUNCTION, "--memory", "128", "--concurrency", "8") as server:
        client = server.client()
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            answers = list(pool.map(lambda i: invoke(client, {"number": i}), range(400)))
        check(not any("FunctionError" in a for a in answers), "some of 400 invocations failed")
        ids = {a["ResponseMetadata"]["RequestId"] for a in answers}
        check(len(ids) == 400, f"{len(ids)} ids for 400 invocations")
        got = invoke(client, {"allocate_mib": 400, "sleep_ms": 10000})
        check(got["FunctionError"] == "Unhandled" and "signal: killed" in got["body"]["errorMessage"], f"{got['body']}")
        got = invoke(client, {"fail": "as told"})
        check(got["FunctionError"] == "Unhandled" and got["body"]["errorMessage"] == "as told", f"{got['body']}")
        check("FunctionError" not in invoke(client, {}), "no answer after what went wrong")


def state(pid):
    return pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]


def environments_come_and_go(folder):
    with running("--start-delay", "0.3", "--idle-seconds", "1") as server:
        client = server.client()
        began = time.monotonic()
        pid = invoke(client)["body"]["pid"]
        check(time.monotonic() - began >= 0.3, "no delay of the start")
        eventually(lambda: state(pid) == "T", "an idle process is frozen")
        check(invoke(client)["body"]["pid"] == pid, "a frozen process is not used again")
        eventually(lambda: not alive(pid), "an idle process is let go")
        check(invoke(client)["body"]["pid"] != pid, "a process that was let go")
    with running("--no-freeze") as server:
        pid = invoke(server.client())["body"]["pid"]
        invoke(server.client(), InvocationType="DryRun")
        check(alive(pid) and state(pid) != "T", "frozen all the same")
    with running("--failure-rate", "1") as server:
        got = invoke(server.client())
        check(got.get("FunctionError") == "Unhandled", f"a start that cannot succeed: {got}")
    with running("--state", "Pending", "--last-update", "Failed") as server:
        client = server.client()
        told = client.get_function_configuration(FunctionName="orders")
        states = [told.get(name) for name in ("State", "StateReasonCode", "LastUpdateStatus")]
        check(states == ["Pending", "Creating", "Failed"], f"states: {states}")
        refused("a function that is not ready", client.invoke, FunctionName="orders", status=409,
                code="ResourceConflictException", says="Pending")


def nothing_is_left(folder):
    """Stopped in the middle of everything, it still ends, and so does all that it has started."""
    for how in (signal.SIGINT, signal.SIGTERM):
        server = Server("--log-file", folder / "log")
        client = server.client()
        with concurrent.futures.ThreadPoolExecutor(4) as pool:
            stuck = [pool.submit(invoke, client, {"sleep": 60, "fork": True, "note": str(folder / f"{how}{i}")})
                     for i in range(3)]
            invoke(client, {"sleep": 60}, InvocationType="Event")
            eventually(lambda: all((folder / f"{how}{i}").exists() for i in range(3)), "three run")
            check(len(descendants(server.process.pid)) >= 3, "functions are not children of the program")
            server.stop(how)
            for call in stuck:
                check(call.exception(20) or call.result()["FunctionError"], "a killed invocation succeeded")
    check("START RequestId" in (folder / "log").read_text(), "--log-file has no log")

    server = Server()
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        stuck = pool.submit(invoke, server.client(), {"sleep": 60, "fork": True, "note": str(folder / "twice")})
        eventually((folder / "twice").exists, "one runs")
        server.process.send_signal(signal.SIGINT)
        server.stop()
        stuck.exception(20)

    with running() as first:
        taken = subprocess.run([PROGRAM, "--bootstrap", BOOTSTRAP, "--port", str(first.port)], capture_output=True,
                               text=True, timeout=20)
        check(taken.returncode == 1 and str(first.port) in taken.stderr, f"a port that is taken: {taken}")


def options_are_checked(folder):
    (folder / "broken.toml").write_text("[[function]\n")
    (folder / "wrong.toml").write_text(f'[[function]]\nfunction = "a"\nbootstrap = "{BOOTSTRAP}"\ntimout = 1\n'
                                       'memory = "much"\nversions = [1, "x"]\n')
    fine = ["--bootstrap", BOOTSTRAP]
    rows = [
        ([], ["--bootstrap", "--functions"]), (["--bootstrap", folder / "none"], ["--bootstrap", "none", "no such file"]),
        (["--bootstrap", folder / "wrong.toml"], ["chmod +x"]), ([*fine, "--timeout", "901"], ["--timeout", "901", "900"]),
        ([*fine, "--memory", "64"], ["--memory", "64", "128"]), ([*fine, "--versions", "1,b"], ["--versions", "1,b"]),
        ([*fine, "--alias", "PROD"], ["--alias", "PROD", "NAME=VERSION"]),
        ([*fine, "--alias", "PROD=3"], ["alias", "PROD=3", "versions"]),
        ([*fine, "--async-retries", "3"], ["--async-retries", "3"]), ([*fine, "--port", "65536"], ["--port", "65536"]),
        ([*fine, "--role-arn", "worker"], ["--role-arn", "worker", "arn:"]), ([*fine, "--speed", "1"], ["--speed"]),
        ([*fine, "--account", "12"], ["--account", "twelve digits"]), ([*fine, "--region"], ["--region", "give a value"]),
        ([*fine, "--tls-cert", BOOTSTRAP], ["--tls-key"]), ([*fine, "--log-file", folder], ["--log-file"]),
        ([*fine, "--concurrency", "10", "--reserved-concurrency", "11"], ["reserve"]),
        (["--functions", folder / "broken.toml"], ["broken.toml, line 1", "TOML"]),
        (["--functions", folder / "wrong.toml"], ["line 4", "timout", "line 5", "memory", "line 6", "versions"]),
        (["--functions", folder / "none.toml"], ["--functions", "none.toml"]),
    ]
    for arguments, says in rows:
        done = subprocess.run([PROGRAM, *map(str, arguments)], capture_output=True, text=True, timeout=20)
        check(done.returncode == 2 and all(s in done.stderr for s in says), f"{arguments}: {done.returncode}: {done.stderr}")
    done = subprocess.run([PROGRAM, *fine, "--secret-key", "", "--external-id", "§ecret§"[:1], "--port", "x"],
                          capture_output=True, text=True, timeout=20)
    check("§" not in done.stderr and done.returncode == 2, f"a secret is shown: {done.stderr}")
    done = subprocess.run([PROGRAM, "--help"], capture_output=True, text=True, timeout=20)
    check(done.returncode == 0 and "--role-resource" in done.stdout, "--help does not help")


TESTS = [
    refuses_what_is_not_signed_well, sts_refuses_in_its_own_words, sts_issues_sessions, sessions_end,
    web_identity_needs_no_signature, roles_are_held_to_their_resources, invokes_and_waits,
    refuses_invocations_as_lambda_does, times_out, throttles, events_are_queued_and_tried_again,
    shows_functions_and_versions, keeps_aliases_and_event_configs, the_command_line_tool_drives_it,
    the_probe_drives_it, a_wrong_clock_is_told, several_functions_from_a_file, speaks_tls,
    the_other_function_runs_too, environments_come_and_go, nothing_is_left, options_are_checked,
]


def main():
    for test in TESTS:
        began, before = time.monotonic(), len(failures)
        with tempfile.TemporaryDirectory() as name:
            try:
                test(pathlib.Path(name))
            except Exception as e:  # noqa: BLE001: a test that breaks is a test that fails
                failures.append(f"{type(e).__name__}: {e}")
        for i in range(before, len(failures)):
            failures[i] = f"{test.__name__}: {failures[i]}"
        print(f"{time.monotonic() - began:6.2f} s  {test.__name__}", flush=True)
    for text in logs:
        check(SECRET not in text and EXTERNAL_ID not in text and "SignedHeaders=" not in text, "a secret is in a log")
        check("IQoJb3JpZ2luX2Vj" not in text, "a session token is in a log")
    for f in failures:
        print(f)
    return 1 if failures else 0


sys.exit(main())
