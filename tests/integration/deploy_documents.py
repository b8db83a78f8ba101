#!/usr/bin/env python3
# SPDX-License-Identifier: BSL-1.0
"""The documents of examples/deploy: clean to cfn-lint, and with what a controller relies on.

usage: deploy_documents.py FOLDER
"""
import pathlib
import subprocess
import sys
import tempfile

from cfnlint.decode import cfn_yaml

FAILURES = []


def check(holds, what):
    if not holds:
        FAILURES.append(what)
        print(f"not so: {what}")


def lint(path):
    linter = pathlib.Path(sys.executable).with_name("cfn-lint")
    return subprocess.run([linter, "--non-zero-exit-code", "informational", str(path)],
                          capture_output=True, text=True, timeout=120, check=False)


def main(folder):
    paths = sorted(folder.glob("*.yaml"))
    check([p.name for p in paths] == ["execution-role.yaml", "function.yaml", "invocation-role.yaml"],
          "there are three documents")
    for path in paths:
        found = lint(path)
        check(found.returncode == 0, f"cfn-lint accepts {path.name}:\n{found.stdout}{found.stderr}")

    with tempfile.TemporaryDirectory() as place:
        broken = pathlib.Path(place) / "broken.yaml"
        broken.write_text((folder / "function.yaml").read_text().replace("MaximumRetryAttempts: 0", "MaximumRetryAttempts: 9"))
        check(lint(broken).returncode != 0, "cfn-lint refuses nine retries")

    documents = {path.stem: cfn_yaml.load(str(path)) for path in paths}

    role = documents["invocation-role"]
    check({"TemporalPrincipalArn", "ExternalId", "LambdaFunctionArn"} <= set(role["Parameters"]),
          "the invocation role has the customary parameters")
    trust = role["Resources"]["InvocationRole"]["Properties"]["AssumeRolePolicyDocument"]["Statement"]
    check(len(trust) == 1 and trust[0]["Principal"] == {"AWS": {"Ref": "TemporalPrincipalArn"}},
          "it trusts one principal")
    check(trust[0].get("Condition") == {"StringEquals": {"sts:ExternalId": {"Ref": "ExternalId"}}},
          "and that only with the external id")
    allowed = role["Resources"]["InvocationPolicy"]["Properties"]["PolicyDocument"]["Statement"]
    check(all(s["Resource"] == [{"Ref": "LambdaFunctionArn"}, {"Fn::Sub": "${LambdaFunctionArn}:*"}] for s in allowed),
          "both forms of the function's ARN are allowed, and nothing else")
    check({"lambda:InvokeFunction", "lambda:GetFunction"} <= {a for s in allowed for a in s["Action"]},
          "it may start the function and look at it")
    check("RoleARN" in role["Outputs"], "it tells the role's ARN")

    execution = documents["execution-role"]["Resources"]["ExecutionRole"]["Properties"]
    check(execution["AssumeRolePolicyDocument"]["Statement"][0]["Principal"] == {"Service": "lambda.amazonaws.com"},
          "Lambda takes the execution role")

    resources = documents["function"]["Resources"]
    function = resources["Function"]["Properties"]
    parameters = documents["function"]["Parameters"]
    check(function["Runtime"] == "provided.al2023", "the runtime is provided.al2023")
    check((parameters["Architecture"]["Default"], parameters["MemorySize"]["Default"], parameters["Timeout"]["Default"])
          == ("arm64", 512, 600), "arm64, 512 MiB and 600 s unless told otherwise")
    events = resources["VersionEvents"]["Properties"]
    check((events["MaximumRetryAttempts"], events["MaximumEventAgeInSeconds"]) == (0, 60), "no retries, events of 60 s")
    check(events["Qualifier"] == {"Fn::GetAtt": ["Version", "Version"]}, "of the version that is started")
    for kept in ("Version", "VersionEvents"):
        check(resources[kept].get("UpdateReplacePolicy") == "Retain", f"the next build keeps the {kept} before it")
    check("${BuildId}" in str(resources["Version"]["Properties"]["Description"]) and
          "${BuildId}" in str(function["Description"]), "a new build id publishes a new version")

    return 1 if FAILURES else 0


sys.exit(main(pathlib.Path(sys.argv[1])))
