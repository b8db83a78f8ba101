#!/usr/bin/env python3
# SPDX-License-Identifier: BSL-1.0
"""Runs aws-probe against moto's server, another implementation of STS and Lambda that checks signatures.

    aws_moto.py PATH/TO/aws-probe

What moto cannot judge is left away here: External IDs that are missing, ARNs in signed paths, throttling, sessions that
end, functions that fail.
"""

import io
import json
import os
import pathlib
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
import zipfile

import boto3

REGION = "eu-west-1"
ACCOUNT = "123456789012"
failures = []


def check(why, good, shown=""):
    if not good:
        failures.append(why)
        print(f"FAILED: {why}\n{shown}", file=sys.stderr)


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Moto:
    """One server; it keeps everything in memory."""

    def __init__(self, log):
        env = dict(os.environ, AWS_DEFAULT_REGION=REGION)
        self.log = log
        for _ in range(5):
            self.port = free_port()
            self.process = subprocess.Popen(
                [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(self.port)],
                stdout=log, stderr=log, env=env)
            if self.wait():
                return
            self.close()
        sys.exit("aws_moto.py: moto's server does not start")

    def wait(self):
        end = time.monotonic() + 60
        while time.monotonic() < end and self.process.poll() is None:
            try:
                with urllib.request.urlopen(self.url + "/moto-api/data.json", timeout=5):
                    return True
            except (urllib.error.URLError, OSError):
                time.sleep(0.05)
        return False

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    def tell(self, path, body, kind="application/json"):
        request = urllib.request.Request(
            self.url + path, data=body.encode(), method="POST", headers={"Content-Type": kind})
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.read()

    def close(self):
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def clients(moto, **keys):
    keys = keys or {"aws_access_key_id": "setup", "aws_secret_access_key": "setup"}
    session = boto3.session.Session(region_name=REGION, **keys)
    return lambda name: session.client(name, endpoint_url=moto.url)


def set_up(moto):
    """A user who may do everything, a role that asks for an external id, and a function with a version."""
    moto.tell("/moto-api/config", json.dumps({"lambda": {"use_docker": False}}))  # invocations give back their payload
    use = clients(moto)
    iam = use("iam")
    allow = {"Version": "2012-10-17",
             "Statement": [{"Effect": "Allow", "Action": ["sts:*", "lambda:*"], "Resource": "*"}]}
    iam.create_user(UserName="me")
    iam.put_user_policy(UserName="me", PolicyName="all", PolicyDocument=json.dumps(allow))
    keys = iam.create_access_key(UserName="me")["AccessKey"]
    trust = {"Version": "2012-10-17",
             "Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole",
                            "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:user/me"},
                            "Condition": {"StringEquals": {"sts:ExternalId": "shared-with-us"}}}]}
    role = iam.create_role(RoleName="invoke", AssumeRolePolicyDocument=json.dumps(trust))["Role"]["Arn"]
    iam.put_role_policy(RoleName="invoke", PolicyName="all", PolicyDocument=json.dumps(allow))
    code = io.BytesIO()
    with zipfile.ZipFile(code, "w") as archive:
        archive.writestr("bootstrap", "#!/bin/sh\n")
    use("lambda").create_function(
        FunctionName="echo", Runtime="provided.al2023", Role=role, Handler="bootstrap", Publish=True,
        Code={"ZipFile": code.getvalue()})
    return keys, role


def probe(program, moto, args, config="", **variables):
    """Runs the probe with nothing in its environment but what is said here."""
    with tempfile.TemporaryDirectory() as home:
        aws = pathlib.Path(home, ".aws")
        aws.mkdir()
        aws.joinpath("config").write_text(config, encoding="utf-8")
        env = {"HOME": home, "AWS_REGION": REGION, "AWS_EC2_METADATA_DISABLED": "true",
               "AWS_ENDPOINT_URL": moto.url, "NO_PROXY": "127.0.0.1"}
        env.update({k: v for k, v in variables.items() if v is not None})
        done = subprocess.run([program, *args], env=env, capture_output=True, text=True, timeout=120)
    everything = done.stdout + done.stderr
    for name, value in variables.items():
        if name in ("AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN") and value and len(value) > 8:
            check(f"{args}: no secret is printed", value not in everything, name)
    check(f"{args}: no external id is printed", "shared-with-us" not in everything, everything)
    return done


def judge(program, moto):
    keys, role = set_up(moto)
    mine = {"AWS_ACCESS_KEY_ID": keys["AccessKeyId"], "AWS_SECRET_ACCESS_KEY": keys["SecretAccessKey"]}
    profile = ("[profile own]\naws_access_key_id = {}\naws_secret_access_key = {}\n"
               "[profile invoke]\nrole_arn = {}\nsource_profile = own\nexternal_id = {}\nrole_session_name = test\n")

    def assumed(external_id):
        return profile.format(keys["AccessKeyId"], keys["SecretAccessKey"], role, external_id)

    # Signatures are checked from here on.
    moto.tell("/moto-api/reset-auth", "0", "text/plain")

    done = probe(program, moto, ["whoami"], **mine)
    check("whoami", done.returncode == 0, done.stderr)
    theirs = clients(moto, aws_access_key_id=keys["AccessKeyId"], aws_secret_access_key=keys["SecretAccessKey"])
    identity = theirs("sts").get_caller_identity()
    check("whoami equals boto3's answer",
          json.loads(done.stdout or "{}") == {k: identity[k] for k in ("Account", "Arn", "UserId")}, done.stdout)

    wrong = dict(mine, AWS_SECRET_ACCESS_KEY="x" * 40)
    done = probe(program, moto, ["whoami"], **wrong)
    check("a wrong secret key is refused", done.returncode != 0 and "SignatureDoesNotMatch" in done.stderr, done.stderr)
    done = probe(program, moto, ["whoami"], **dict(mine, AWS_ACCESS_KEY_ID="AKIAIOSFODNN7EXAMPLE"))
    check("an unknown key is refused", done.returncode != 0 and "InvalidClientTokenId" in done.stderr, done.stderr)

    done = probe(program, moto, ["whoami"], config=assumed("shared-with-us"), AWS_PROFILE="invoke")
    check("the role's session", done.returncode == 0 and "assumed-role/invoke/test" in done.stdout,
          done.stdout + done.stderr)
    done = probe(program, moto, ["whoami"], config=assumed("guessed"), AWS_PROFILE="invoke")
    check("a wrong external id is refused", done.returncode != 0 and "AccessDenied" in done.stderr, done.stderr)

    for who, variables, config in (("as a user", mine, ""),
                                   ("as a role", {"AWS_PROFILE": "invoke"}, assumed("shared-with-us"))):
        for payload in ("{}", '{"a": "\u00e4 b+c%2F=", "n": [1, 2.5, null]}'):
            done = probe(program, moto, ["invoke", "echo", "RequestResponse", payload], config=config, **variables)
            check(f"{who}: the answer to {payload}",
                  done.returncode == 0 and json.loads(done.stdout or "0") == json.loads(payload),
                  done.stdout + done.stderr)
        for kind in ("Event", "DryRun"):
            done = probe(program, moto, ["invoke", "echo", kind, "{}"], config=config, **variables)
            check(f"{who}: {kind}", done.returncode == 0, done.stderr)
        done = probe(program, moto, ["burst", "50", "echo"], config=config, **variables)
        summary = json.loads(done.stdout or "{}")
        check(f"{who}: a burst", done.returncode == 0 and summary.get("accepted") == 50 and summary.get("failed") == 0,
              done.stdout + done.stderr)

    # Without signatures moto takes what it otherwise cannot verify.
    moto.tell("/moto-api/reset-auth", "inf", "text/plain")
    arn = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:echo"
    for name in (arn, arn + ":1", "echo:1", arn + ":$LATEST"):
        done = probe(program, moto, ["invoke", name, "RequestResponse", "{}"], **mine)
        check(f"invoke {name}", done.returncode == 0 and done.stdout.strip() == "{}", done.stdout + done.stderr)
    done = probe(program, moto, ["invoke", "echo", "RequestResponse", ""], **mine)
    check("no payload at all", done.returncode == 0, done.stderr)

    token = tempfile.NamedTemporaryFile("w", suffix=".jwt")
    token.write("token.of.somebody")
    token.flush()
    done = probe(program, moto, ["whoami"], AWS_WEB_IDENTITY_TOKEN_FILE=token.name, AWS_ROLE_ARN=role,
                 AWS_ROLE_SESSION_NAME="web")
    check("a web identity", done.returncode == 0 and "assumed-role/invoke/web" in done.stdout, done.stdout + done.stderr)
    check("its token is not printed", "token.of.somebody" not in done.stdout + done.stderr)

    done = probe(program, moto, ["whoami"])
    check("without credentials", done.returncode != 0 and "AWS_ACCESS_KEY_ID" in done.stderr, done.stderr)
    done = probe(program, moto, ["invoke", "echo", "Sometimes", "{}"], **mine)
    check("no such type", done.returncode != 0 and "Sometimes" in done.stderr, done.stderr)
    done = probe(program, moto, ["whoami"], **dict(mine, AWS_MAX_ATTEMPTS="none"))
    check("a bad number of attempts", done.returncode != 0 and "AWS_MAX_ATTEMPTS" in done.stderr, done.stderr)
    done = probe(program, moto, ["whoami"], **dict(mine, AWS_ENDPOINT_URL=f"http://127.0.0.1:{free_port()}",
                                                   AWS_MAX_ATTEMPTS="1"))
    check("nobody there", done.returncode != 0 and "connect" in done.stderr, done.stderr)


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    program = str(pathlib.Path(sys.argv[1]).resolve())
    with tempfile.TemporaryFile() as log:
        moto = Moto(log)
        try:
            judge(program, moto)
        finally:
            moto.close()
        if failures:
            log.seek(0)
            sys.stderr.write(log.read().decode(errors="replace")[-4000:])
    sys.exit(f"{len(failures)} failed" if failures else 0)


if __name__ == "__main__":
    main()
