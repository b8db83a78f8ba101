# SPDX-License-Identifier: BSL-1.0
"""Random requests are signed as botocore signs them.

    sigv4_botocore.py PATH/TO/sigv4-probe [--count 5000] [--seed 1]

Where botocore takes a query as it stands, these queries are encoded the canonical way already. How other ways to
write one come out is shown by the unit tests.
"""

import argparse
import base64
import json
import random
import subprocess
import sys
from urllib.parse import quote

from botocore.auth import SIGNED_HEADERS_BLACKLIST, SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

UNRESERVED = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~"
NAMES = ["Accept", "Content-Type", "Content-Length", "X-Amz-Target", "X-Amz-Invocation-Type", "X-Amz-Log-Type",
         "X-Amz-Client-Context", "x-amz-meta-a", "X-AMZ-META-AB", "x-amz-meta-a-b", "Zebra", "x-amz", "X-Amz-"]
# Older versions sign some of those that hops change.
NAMES += [name for name in ["User-Agent", "Connection", "Expect", "X-Amzn-Trace-Id", "Transfer-Encoding", "TE",
                            "Trailer", "Upgrade", "Keep-Alive", "Traceparent", "Tracestate", "Baggage"]
          if name.lower() in SIGNED_HEADERS_BLACKLIST]


class Draws:
    def __init__(self, seed):
        self.random = random.Random(seed)

    def text(self, alphabet, most):
        return "".join(self.random.choice(alphabet) for _ in range(self.random.randint(0, most)))

    def any_text(self, most):
        return self.text(UNRESERVED + " /:@$+=&?%,;\"'()*!#[]{}|\\^`<>\u00e4\u1234\U0001f98b", most)

    def path(self):
        segments = []
        for _ in range(self.random.randint(0, 6)):
            segments.append(self.random.choice([
                "", ".", "..", "...", "%2F", "%2e%2E", "a:b", "$LATEST", "x+y", "a=b;c,d@e!",
                self.text(UNRESERVED, 12), quote(self.any_text(12), safe=self.random.choice(["", ":$", "-_.~"]))]))
        return "/" + "/".join(segments)

    def query(self):
        pieces = []
        for _ in range(self.random.choice([0, 0, 1, 2, 5])):
            name = quote(self.text("aAbB-_.~1 /\u00e4", 3) or "a", safe="-_.~")
            value = quote(self.any_text(6), safe="-_.~")
            pieces.append(self.random.choice([name, name + "=", name + "=" + value, name + "=" + value]))
        return "&".join(pieces)

    def headers(self):
        host = self.random.choice(["lambda.us-west-2.amazonaws.com", "127.0.0.1:9001", "[::1]:80", "Example.COM"])
        out = [["Host", host]]
        for _ in range(self.random.randint(0, 8)):
            name = self.random.choice(NAMES + [self.text(UNRESERVED.replace("~", ""), 10) or "n"])
            name = self.random.choice([name, name.lower(), name.upper()])
            value = self.text(UNRESERVED + "   \t,;=/\"", 40)
            if name.lower() != "host":
                out.append([name, value])
        self.random.shuffle(out)
        return out

    def request(self):
        r = self.random
        return {
            "method": r.choice(["GET", "POST", "PUT", "DELETE", "HEAD", "post"]),
            "path": self.path(),
            "query": self.query(),
            "headers": self.headers(),
            "body": base64.b64encode(r.randbytes(r.choice([0, 0, 1, 20, 63, 64, 65, 1000]))).decode(),
            "access_key": "AKID" + self.text("ABCDEFGHIJ0123456789", 16),
            "secret_key": self.text(UNRESERVED + "/+=", 80) or "s",
            "token": r.choice([None, "", self.text(UNRESERVED + "/+=", 600)]),
            "region": r.choice(["us-east-1", "eu-central-1", "cn-north-1", "us-gov-west-1"]),
            "service": r.choice(["lambda", "sts", "ecs", "service"]),
            "amz_date": "%04d%02d%02dT%02d%02d%02dZ" % (
                r.randint(2015, 2099), r.randint(1, 12), r.randint(1, 28), r.randint(0, 23), r.randint(0, 59),
                r.randint(0, 59)),
        }


def by_botocore(line):
    request = AWSRequest(method=line["method"], data=base64.b64decode(line["body"]))
    request.url = "https://unused.invalid" + line["path"] + ("?" + line["query"] if line["query"] else "")
    for name, value in line["headers"]:
        request.headers[name] = value
    request.headers["X-Amz-Date"] = line["amz_date"]
    if line["token"]:
        request.headers["X-Amz-Security-Token"] = line["token"]
    request.context["timestamp"] = line["amz_date"]
    signer = SigV4Auth(Credentials(line["access_key"], line["secret_key"]), line["service"], line["region"])
    canonical = signer.canonical_request(request)
    to_sign = signer.string_to_sign(request, canonical)
    signature = signer.signature(to_sign, request)
    signed = signer.signed_headers(signer.headers_to_sign(request))
    return {
        "canonical_request": canonical,
        "string_to_sign": to_sign,
        "signature": signature,
        "authorization": "AWS4-HMAC-SHA256 Credential=%s, SignedHeaders=%s, Signature=%s" % (
            signer.scope(request), signed, signature),
    }


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("probe")
    parser.add_argument("--count", type=int, default=5000)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()

    draws = Draws(arguments.seed)
    lines = [draws.request() for _ in range(arguments.count)]
    ran = subprocess.run([arguments.probe], input="".join(json.dumps(line) + "\n" for line in lines), text=True,
                         stdout=subprocess.PIPE, timeout=120)
    answers = [json.loads(line) for line in ran.stdout.splitlines()]
    if ran.returncode != 0 or len(answers) != len(lines):
        sys.exit("the probe ended with %d after %d of %d answers" % (ran.returncode, len(answers), len(lines)))
    for line, answer in zip(lines, answers):
        expected = by_botocore(line)
        for key, value in expected.items():
            if answer.get(key) != value:
                sys.exit("%s differs for\n%s\nbotocore:\n%s\nhere:\n%s" % (
                    key, json.dumps(line), value, answer.get(key)))
    print("%d requests, all signed alike" % len(lines))


if __name__ == "__main__":
    main()
