# SPDX-License-Identifier: BSL-1.0
"""Random files and variables mean the same here as to the official SDK.

    config_temporalio.py PATH/TO/config-probe [--count 4000] [--seed 1]

Where the two differ on purpose, it is one of REFUSED_HERE: what the SDK passes over in silence, or finds out when it
connects, is an error here before anything has begun.
"""

import argparse
import collections
import json
import pathlib
import random
import subprocess
import sys
import tempfile

from temporalio.envconfig import ClientConfigProfile

CERT = "-----BEGIN CERTIFICATE-----\n%s\n-----END CERTIFICATE-----\n"
KEY = "-----BEGIN PRIVATE KEY-----\n%s\n-----END PRIVATE KEY-----\n"

REFUSED_HERE = {
    "a flag that is none": "give true or false, or take the variable away",
    "half a pair": "a certificate and its key come together",
    "a file that was named and is not there": "name a file that is there",
    "a header that is given twice": "give it once",
}
# Told by the SDK in its own words; what it was about is what has to agree.
REFUSED_BY_BOTH = {
    "gives a path for the same": "annot specify",
    "there is no such key": "unknown field",
    "this is not TOML": "TOML parse error",
    "this is no table": "invalid type",
    "give text in quotes": "invalid type",
    "give true or false, without quotes": "invalid type",
    "name one it has": "not found",
    "there is no file to have it": "not found",
    "cannot be read": "o such file",
}


def quoted(text):
    return json.dumps(text)  # TOML's text in quotes has the same escapes


class Draws:
    def __init__(self, seed, folder):
        self.random = random.Random(seed)
        self.folder = folder
        for name, text in (("a.pem", CERT % "a"), ("b.pem", CERT % "b"), ("a.key", KEY % "a"), ("b.key", KEY % "b")):
            (folder / name).write_text(text)

    def chance(self, of):
        return self.random.random() < of

    def path(self, kind):
        end = "key" if kind == "client_key" else "pem"
        return str(self.folder / (self.random.choice("ab") + "." + end)) if not self.chance(0.03) else "/none"

    def data(self, kind):
        return (KEY if kind == "client_key" else CERT) % self.random.choice("cd")

    def header(self):
        return self.random.choice(["a", "a_b", "a-b", "A_B", "x_y_z", "authorization", "B"])

    def text_of(self, key):
        if key == "address":
            return self.random.choice(["localhost:7233", "host.example:1", "[::1]:7233"])
        return self.random.choice(["one", "two words", "drei \u00fc", 'q"uote', "back\\slash"]
                                  if key == "odd" else ["one", "two", "t.h-r_e"])

    def profile(self, name, chosen):
        lines = ["[profile.%s]" % name]
        for key in ("address", "namespace", "api_key"):
            if self.chance(0.4):
                lines.append("%s = %s" % (key, quoted(self.text_of(key)) if not self.chance(0.02) else "5"))
        if self.chance(0.05):
            lines.append("%s = %s" % (self.random.choice(["adress", "apikey", "grpc"]), self.random.choice(["1", '"x"'])))
        if self.chance(0.02):
            lines.append(self.random.choice(["namespace = ", "tls = 5", "= 3", "address = one", 'codec = "x"']))
        if self.chance(0.5):
            lines.append("[profile.%s.tls]" % name)
            if self.chance(0.3):
                lines.append("disabled = " + self.random.choice(["true", "false", "false", '"no"']))
            if self.chance(0.3):
                lines.append("server_name = " + quoted(self.text_of("server_name")))
            if self.chance(0.2):
                lines.append("disable_host_verification = " + self.random.choice(["true", "false"]))
            for kind in ("client_cert", "client_key", "server_ca_cert"):
                if self.chance(0.4):
                    lines.append("%s_path = %s" % (kind, quoted(self.path(kind))))
                # The SDK looks for a path beside data in every profile, this library in the one that is used.
                if self.chance(0.15) and (chosen or not lines[-1].startswith(kind)):
                    lines.append("%s_data = %s" % (kind, quoted(self.data(kind))))
        if self.chance(0.2):
            lines += ["[profile.%s.codec]" % name, 'endpoint = "http://codec"']
        if self.chance(0.4):
            lines.append("[profile.%s.grpc_meta]" % name)
            for header in {self.header() for _ in range(self.random.randint(0, 3))}:
                lines.append("%s = %s" % (header, quoted(self.text_of("header"))))
        return lines

    def case(self, number):
        env = {}
        if self.chance(0.3):
            env["TEMPORAL_PROFILE"] = self.random.choice(["default", "other", "other", "third", ""])
        if self.chance(0.9):
            lines = []
            for name in ("default", "other"):
                if self.chance(0.7):
                    lines += self.profile(name, name == (env.get("TEMPORAL_PROFILE") or "default"))
            path = self.folder / ("%d.toml" % number)
            path.write_text("\n".join(lines) + "\n")
            env["TEMPORAL_CONFIG_FILE"] = str(path)
        else:
            env["XDG_CONFIG_HOME"] = "/none"
            if self.chance(0.1):
                env["TEMPORAL_CONFIG_FILE"] = self.random.choice(["/none/at/all", ""])
        for name, key in (("ADDRESS", "address"), ("NAMESPACE", "namespace"), ("API_KEY", "api_key")):
            if self.chance(0.15):
                env["TEMPORAL_" + name] = self.text_of(key)
        if self.chance(0.15):
            env["TEMPORAL_TLS"] = self.random.choice(["1", "0", "true", "FALSE", "True", "yes"])
        if self.chance(0.1):
            env["TEMPORAL_TLS_SERVER_NAME"] = self.text_of("server_name")
        if self.chance(0.1):
            env["TEMPORAL_TLS_DISABLE_HOST_VERIFICATION"] = self.random.choice(["1", "0", "true", "False"])
        for kind in ("client_cert", "client_key", "server_ca_cert"):
            if self.chance(0.08):
                env["TEMPORAL_TLS_%s_PATH" % kind.upper()] = self.path(kind)
            if self.chance(0.04):
                env["TEMPORAL_TLS_%s_DATA" % kind.upper()] = self.data(kind)
        for _ in range(self.random.choice([0, 0, 1, 3])):
            env["TEMPORAL_GRPC_META_" + self.header().replace("-", "_").upper()] = self.random.choice(["env", "env2", ""])
        return {"env": env, "strict": self.chance(0.3), "user": True}


def by_temporalio(case):
    """The SDK's settings, with what it makes of them when it connects."""
    profile = ClientConfigProfile.load(config_file_strict=case["strict"], override_env_vars=case["env"])
    arguments = profile.to_client_connect_config()
    tls = arguments.get("tls", False)

    def text(name):
        value = getattr(tls, name, None)
        return value.decode() if isinstance(value, bytes) else value or ""

    return {
        "address": arguments.get("target_host") or "localhost:7233",
        "namespace": arguments.get("namespace") or "default",
        "api_key": arguments.get("api_key", ""),
        "tls": bool(tls),
        "client_cert": text("client_cert"),
        "client_key": text("client_private_key"),
        "server_ca": text("server_root_ca_cert"),
        "server_name": text("domain"),
        "grpc_meta": dict(arguments.get("rpc_metadata", {})),
    }


def as_the_sdk_has_it(answer):
    tls = answer["tls"]
    return {
        "address": answer["address"][0],
        "namespace": answer["namespace"][0],
        "api_key": answer["api_key"][0],
        "tls": tls["on"][0],
        **{name: tls[name][0] for name in ("client_cert", "client_key", "server_ca", "server_name")},
        "grpc_meta": {name: value for name, (value, _) in answer["grpc_meta"].items()},
    }


def judge(case, answer, seen):
    """What the two disagree about; nothing if they agree."""
    try:
        expected, refusal = by_temporalio(case), None
    except (RuntimeError, ValueError, OSError) as error:
        expected, refusal = None, str(error)
    problems = answer.get("problems")
    if problems is None:
        if refusal is not None:
            return "only the SDK refuses it: " + refusal
        seen["read alike"] += 1
        mine = as_the_sdk_has_it(answer)
        return "".join("%s is %r here and %r there\n" % (key, mine[key], value)
                       for key, value in expected.items() if mine[key] != value)
    here = [why for why, words in REFUSED_HERE.items() if any(words in p for p in problems)]
    if refusal is None:
        seen.update("refused here alone: " + why for why in here)
        return "" if here else "only here it is refused: " + "; ".join(problems)
    words = [theirs for mine, theirs in REFUSED_BY_BOTH.items() if any(mine in p for p in problems)]
    if not here and not any(theirs in refusal for theirs in words):
        return "refused for different reasons: %s\nand %s" % ("; ".join(problems), refusal)
    seen["refused alike"] += 1
    return ""


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("probe")
    parser.add_argument("--count", type=int, default=4000)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()

    with tempfile.TemporaryDirectory() as folder:
        draws = Draws(arguments.seed, pathlib.Path(folder))
        cases = [draws.case(number) for number in range(arguments.count)]
        ran = subprocess.run([arguments.probe], input="".join(json.dumps(case) + "\n" for case in cases), text=True,
                             stdout=subprocess.PIPE, timeout=120)
        answers = [json.loads(line) for line in ran.stdout.splitlines()]
        if ran.returncode != 0 or len(answers) != len(cases):
            sys.exit("the probe ended with %d after %d of %d answers" % (ran.returncode, len(answers), len(cases)))
        seen = collections.Counter()
        for case, answer in zip(cases, answers):
            if wrong := judge(case, answer, seen):
                file = pathlib.Path(case["env"].get("TEMPORAL_CONFIG_FILE", "") or "/none")
                sys.exit("%s\nfor %s\n%s" % (wrong, json.dumps(case), file.read_text() if file.exists() else "no file"))
    for what in sorted(seen):
        print("%5d %s" % (seen[what], what))
    for what in ["read alike", "refused alike"] + ["refused here alone: " + why for why in REFUSED_HERE]:
        if not seen[what]:
            sys.exit("nothing was " + what)


if __name__ == "__main__":
    main()
