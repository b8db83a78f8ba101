# SPDX-License-Identifier: BSL-1.0
"""One call of the Lambda API, signed: enough for what the guide does where the AWS CLI would do it for you."""

import datetime
import hashlib
import hmac
import json
import urllib.request


def call(url, method, path, query, body, region, key, secret):
    """What the API answers, parsed."""
    payload = json.dumps(body).encode()
    host = url.split("//", 1)[1]
    now = datetime.datetime.now(datetime.timezone.utc).strftime("%Y%m%dT%H%M%SZ")
    scope = f"{now[:8]}/{region}/lambda/aws4_request"
    request = f"{method}\n{path}\n{query}\nhost:{host}\nx-amz-date:{now}\n\nhost;x-amz-date\n{hashlib.sha256(payload).hexdigest()}"
    text = f"AWS4-HMAC-SHA256\n{now}\n{scope}\n{hashlib.sha256(request.encode()).hexdigest()}"
    signing = ("AWS4" + secret).encode()
    for part in scope.split("/"):
        signing = hmac.new(signing, part.encode(), hashlib.sha256).digest()
    signature = hmac.new(signing, text.encode(), hashlib.sha256).hexdigest()
    headers = {"X-Amz-Date": now, "Content-Type": "application/json", "Authorization":
               f"AWS4-HMAC-SHA256 Credential={key}/{scope}, SignedHeaders=host;x-amz-date, Signature={signature}"}
    question = urllib.request.Request(f"{url}{path}?{query}" if query else url + path, payload, headers, method=method)
    with urllib.request.urlopen(question, timeout=30) as answer:
        return json.load(answer)
