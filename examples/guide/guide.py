#!/usr/bin/env python3
# SPDX-License-Identifier: BSL-1.0
"""The guide, from a worker's code to a version that has drained: real programs, one after the other.

usage: guide.py --programs FOLDER --workers FOLDER --work FOLDER [--server ADDRESS | --server-program PATH] [--quick]

  --programs FOLDER        where mayfly and local_lambda are
  --workers FOLDER         where guide_worker_1 and guide_worker_2 are, fully static
  --work FOLDER            what is made on the way goes there, the transcript too; an older one is removed
  --server ADDRESS         a Temporal server that runs already
  --server-program PATH    one to run here (tests/temporal_server); with neither, the embedded service of `mayfly dev`
  --quick                  waits are short: a server that is run here takes versions for drained within seconds

AWS is played by local_lambda. Beside what is done here stands what you would do on AWS. Exit status: 0 all went as the
guide says, 1 something did not.
"""

import argparse
import json
import os
import pathlib
import re
import selectors
import shutil
import subprocess
import sys
import textwrap
import threading
import time
import zipfile

import aws

HERE = pathlib.Path(__file__).resolve().parent
REGION, ACCOUNT = "eu-central-1", "123456789012"
KEY, SECRET = "AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
FUNCTION = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:greeter"
ROLE, EXTERNAL_ID = f"arn:aws:iam::{ACCOUNT}:role/greeter-invocation", "greeter-7f3b1c58"
STEPS = 13


class Wrong(Exception):
    """What did not go as the guide says."""


class Transcript:
    def __init__(self, path):
        self.file = open(path, "w", encoding="utf-8")
        self.number, self.begun = 0, time.monotonic()

    def line(self, text=""):
        print(text, flush=True)
        self.file.write(text + "\n")
        self.file.flush()

    def step(self, title):
        self.number += 1
        self.line(f"\n[{self.number}/{STEPS}] {title}  ({time.monotonic() - self.begun:.0f} s)\n")

    def text(self, words):
        for line in textwrap.wrap(" ".join(words.split()), 116):
            self.line(line)

    def quote(self, text, prefix="  | "):
        for line in text.rstrip("\n").split("\n"):
            self.line((prefix + line).rstrip())

    def aws(self, command):
        self.quote(textwrap.dedent(command).strip("\n"), "  on AWS:  ")


class Background:
    """A program that goes on while the guide does other things. What it says is kept in a file."""

    def __init__(self, name, command, folder, environment, ready, within=60):
        self.name, self.path = name, folder / f"{name}.log"
        self.log = open(self.path, "wb")
        self.process = subprocess.Popen(list(map(str, command)), stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                        env=environment, cwd=folder)
        self.said = self.first_match(ready, within)
        self.reader = threading.Thread(target=self.drain, daemon=True)
        self.reader.start()

    def first_match(self, pattern, within):
        end, pending = time.monotonic() + within, ""
        with selectors.DefaultSelector() as selector:
            selector.register(self.process.stdout, selectors.EVENT_READ)
            while (left := end - time.monotonic()) > 0 and selector.select(left):
                block = self.process.stdout.read1(4096)
                if not block:
                    break
                self.log.write(block)
                pending += block.decode(errors="replace")
                if found := re.search(pattern, pending):
                    return found
        self.process.kill()
        self.process.wait()
        raise Wrong(f"{self.name} does not come up; it said:\n{pending[-3000:]}")

    def drain(self):
        while block := self.process.stdout.read1(4096):
            self.log.write(block)
            self.log.flush()

    def stop(self):
        if self.process.poll() is None:
            self.process.terminate()
        try:
            status = self.process.wait(30)
        except subprocess.TimeoutExpired:
            self.process.kill()
            status = f"{self.process.wait()}, after it had to be killed"
        self.reader.join(10)
        self.log.close()
        return status


class Guide:
    def __init__(self, given):
        self.given = given
        self.programs, self.work = pathlib.Path(given.programs).resolve(), pathlib.Path(given.work).resolve()
        self.workers = pathlib.Path(given.workers).resolve()
        shutil.rmtree(self.work, ignore_errors=True)
        self.work.mkdir(parents=True)
        self.say = Transcript(self.work / "transcript.txt")
        self.environment = {**os.environ, "AWS_REGION": REGION, "AWS_DEFAULT_REGION": REGION, "AWS_ACCESS_KEY_ID": KEY,
                            "AWS_SECRET_ACCESS_KEY": SECRET, "AWS_EC2_METADATA_DISABLED": "true",
                            "TEMPORAL_CONFIG_FILE": str(self.work / "temporal.toml")}
        self.running, self.guests = [], 0
        self.lambda_log = self.work / "functions.log"

    # Doing things.

    def background(self, name, command, ready):
        program = Background(name, command, self.work, self.environment, ready)
        self.running.append(program)
        return program

    def mayfly(self, *arguments, quiet=False):
        """Runs and shows one command of mayfly; what it said."""
        shown = "mayfly " + " ".join(f"'{a}'" if re.search(r"[\s\"*]", a) else a for a in arguments)
        shown = shown.replace(f"{self.programs}/", "").replace(f"{self.workers}/", "")
        if len(shown) > 100:
            shown = re.sub(r" --", r" \\\n        --", shown)
        if not quiet:
            self.say.line("  $ " + shown)
        made = subprocess.run([self.programs / "mayfly", *arguments], env=self.environment, cwd=self.work, text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=120, check=False)
        if not quiet and made.stdout:
            self.say.quote(made.stdout)
        if made.returncode != 0:
            raise Wrong(f"{shown}\nended with {made.returncode}\n{made.stdout if quiet else ''}")
        return made.stdout

    def until(self, condition, what, within):
        end = time.monotonic() + within
        while not (holds := condition()):
            for program in self.running:
                if program.process.poll() is not None:
                    raise Wrong(f"{program.name} has ended, with status {program.process.returncode}")
            if time.monotonic() > end:
                raise Wrong(f"{what}: not within {within} s")
            time.sleep(0.1)
        return holds

    # What there is to see.

    def function_lines(self, version=None):
        text = self.lambda_log.read_text(errors="replace") if self.lambda_log.exists() else ""
        lines = [line for line in text.splitlines() if re.search(r" greeter:\S+ \[\d+\] ", line)]
        return [line for line in lines if version is None or f" greeter:{version} " in line]

    def starts(self, version):
        return sum(" START RequestId: " in line for line in self.function_lines(version))

    def at_work(self):
        return sum(" START RequestId: " in line for line in self.function_lines()) - sum(
            " REPORT RequestId: " in line for line in self.function_lines())

    def version(self, build):
        text = self.mayfly("worker", "deployment", "describe-version", "--deployment-name", "greeter", "--build-id", build,
                           "--output", "json", quiet=True)
        return json.loads(text)

    # The steps.

    def write(self):
        self.say.step("Write the worker")
        source = (HERE / "worker.cpp").read_text()
        self.say.quote(source[source.index("//[guide_worker") : source.index("//]")].split("\n", 1)[1])

    def package(self, number):
        build = f"build-{number}"
        archive = f"{build}.zip"
        if number == 1:
            self.say.step("Build and package it")
            self.say.text("""./dev package PROGRAM builds a program of examples/ the way Lambda starts it, fully static, and does
                          this:""")
        self.mayfly("package", "--bootstrap", str(self.workers / f"guide_worker_{number}"), "--config", "temporal.toml",
                    "--output", archive)
        # What Lambda does with it.
        code = self.work / f"code-{number}"
        with zipfile.ZipFile(self.work / archive) as files:
            files.extractall(code)
        (code / "bootstrap").chmod(0o755)
        link = self.work / "code.new"
        link.symlink_to(code, target_is_directory=True)
        link.rename(self.work / "code")

    def service(self):
        """Before anything else: where the work comes from."""
        given = self.given
        if given.server:
            address = given.server
            self.say.text(f"The work comes from the Temporal server at {address}.")
        elif given.server_program:
            settings = ["-d", 'matching.wv.VersionDrainageStatusVisibilityGracePeriod="3s"',
                        "-d", 'matching.wv.VersionDrainageStatusRefreshInterval="2s"'] if given.quick else []
            server = self.background("server", [given.server_program, "--port", "0", *settings], r"ready (\S+)")
            address = server.said[1]
            self.say.text(f"The work comes from a real Temporal server at {address}, as ./dev server runs one.")
        else:
            server = self.background("server", [self.programs / "mayfly", "dev", "--port", "0"], r"ready on (\S+:\d+)")
            address = server.said[1]
            self.say.text(f"""There is no Temporal server here (./dev server builds one, with Go), so the work comes from the
                          embedded service of mayfly dev, at {address}.""")
        (self.work / "temporal.toml").write_text(f'[profile.default]\naddress = "{address}"\nnamespace = "default"\n')
        self.say.text("temporal.toml says so, to the worker as well as to the commands below:")
        self.say.quote((self.work / "temporal.toml").read_text())

    def deploy(self):
        self.say.step("Create the function, and publish version 1 of it")
        self.say.aws("""
            aws cloudformation deploy --stack-name greeter-execution-role --template-file execution-role.yaml \\
                --capabilities CAPABILITY_IAM
            aws lambda create-function --function-name greeter --runtime provided.al2023 --handler bootstrap \\
                --architectures arm64 --timeout 60 --memory-size 256 --role $execution_role \\
                --zip-file fileb://build-1.zip
            aws lambda publish-version --function-name greeter
            aws lambda put-function-event-invoke-config --function-name greeter --qualifier 1 \\
                --maximum-retry-attempts 0 --maximum-event-age-in-seconds 60""")
        self.say.text("or examples/deploy/function.yaml, which does all of it. Here local_lambda plays AWS, as functions.toml says:")
        (self.work / "functions.toml").write_text(textwrap.dedent(f"""\
            [[function]]
            function = "greeter"
            bootstrap = "code/bootstrap"      # of build-1.zip
            versions = [1]
            timeout = {20 if self.given.quick else 60}
            memory = 256
            async_retries = 0
            event_age = 60

            [[role]]
            role_arn = "{ROLE}"
            external_id = "{EXTERNAL_ID}"
            role_resource = ["{FUNCTION}", "{FUNCTION}:*"]
            """))
        self.say.quote((self.work / "functions.toml").read_text().split("\n\n")[0])
        shown = f"local_lambda --functions functions.toml --region {REGION} --account {ACCOUNT} --log-file functions.log"
        self.say.line("  $ " + shown)
        platform = self.background("local_lambda", [self.programs / "local_lambda", *shown.split()[1:], "--access-key", KEY,
                                                    "--secret-key", SECRET], r"local_lambda: (http://\S+)")
        self.environment["AWS_ENDPOINT_URL"] = platform.said[1]
        self.say.quote(f"{platform.said[0]}")
        self.say.text("AWS_ENDPOINT_URL leads everybody there from now on.")

    def permit(self):
        self.say.step("Let the controller start it: IAM")
        self.say.text("""The controller takes a role of yours, and only if it says the external id that you chose. The role may start the
                      function and look at it, and nothing else.""")
        self.say.aws(f"""
            aws cloudformation deploy --stack-name greeter-invocation --template-file invocation-role.yaml \\
                --capabilities CAPABILITY_IAM --parameter-overrides TemporalPrincipalArn=$controller \\
                ExternalId={EXTERNAL_ID} LambdaFunctionArn={FUNCTION}""")
        document = (HERE.parent / "deploy" / "invocation-role.yaml").read_text()
        begin = document.index("      AssumeRolePolicyDocument:")
        self.say.quote(textwrap.dedent(document[begin : document.index("  InvocationPolicy:")]).rstrip())
        self.say.text("Here the role is in functions.toml, and it is asked for in the same way:")
        self.say.quote((self.work / "functions.toml").read_text().split("\n\n")[1])

    def control(self):
        self.say.step("Run a controller")
        self.say.text("One for as many namespaces as you like; examples/deploy has a unit for systemd, a Dockerfile and a manifest for "
                      "Kubernetes. It finds versions in the cluster by itself.")
        (self.work / "controller.toml").write_text(textwrap.dedent("""\
            [controller]
            look_every_ms = 1000
            log_format = "text"

            [health]
            address = "127.0.0.1:0"

            [record]
            file = "record.jsonl"

            [providers.aws]
            require_role_and_external_id = true

            [[namespace]]
            name = "default"
            """))
        self.say.quote((self.work / "controller.toml").read_text())
        self.say.line("  $ mayfly controller run controller.toml")
        controller = self.background("controller", [self.programs / "mayfly", "controller", "run", "controller.toml"],
                                     r"health is served.*?(127\.0\.0\.1:\d+)")
        self.say.text(f"It tells of itself at http://{controller.said[1]}/status, /metrics, /healthz and /readyz.")

    def create_version(self, number):
        build = f"build-{number}"
        if number == 1:
            self.say.step("Tell the cluster: a version, and what runs its workers")
            self.mayfly("worker", "deployment", "create", "--name", "greeter")
        self.mayfly("worker", "deployment", "create-version", "--deployment-name", "greeter", "--build-id", build,
                    "--aws-lambda-function-arn", f"{FUNCTION}:{number}", "--aws-lambda-assume-role-arn", ROLE,
                    "--aws-lambda-assume-role-external-id", EXTERNAL_ID, "--scaler-min-instances", "0",
                    "--scaler-max-instances", "5")
        self.until(lambda: self.starts(number) > 0, f"the controller starts a first worker of {build}", 30)
        self.say.text(f"The controller has seen it and started one worker, so that {build} binds its task queue. Nothing is routed "
                      "to it yet.")

    def set_current(self, number):
        if number == 1:
            self.say.step("Make it current")
        self.mayfly("worker", "deployment", "set-current-version", "--deployment-name", "greeter", "--build-id",
                    f"build-{number}", "--ignore-missing-task-queues", "--yes")

    def work_begins(self):
        self.say.step("Start work, while nobody is up")
        self.until(lambda: self.at_work() == 0, "the first worker leaves, as it has nothing to do", 90)
        before = self.starts(1)
        begun = time.monotonic()
        self.mayfly("activity", "execute", "--type", "greet", "--task-queue", "greetings", "--input", '"Ada"', "--within", "60s")
        took = time.monotonic() - begun
        if self.starts(1) != before + 1:
            raise Wrong(f"{self.starts(1) - before} workers were started for one task")
        self.say.text(f"One function was invoked for it; {took:.1f} s passed from the command to its answer, of which up to 5 s are the "
                      "server's: it caches what it tells of its queues.")

    def log(self):
        self.say.step("The function's log: start, processing, shutdown")
        self.say.aws("aws logs tail /aws/lambda/greeter")
        self.until(lambda: self.at_work() == 0, "the worker drains and ends", 90)
        lines = self.function_lines(1)
        begin = max(i for i, line in enumerate(lines) if " START RequestId: " in line)
        for line in lines[begin:]:
            said = re.sub(r"^\S+ greeter:\S+ \[\d+\] ", "", line)
            if found := re.search(r'"level":"(\w+)","message":"(.*)"\}$', said):
                said = f"{found[1]} {found[2]}"
            self.say.quote(textwrap.fill(said.replace("\t", "  ").replace('\\"', '"'), 112, subsequent_indent="    "))
        text = "\n".join(lines[begin:])
        for what in ("START RequestId", "polls task queue", "greets Ada", "1 completed", "END RequestId"):
            if what not in text:
                raise Wrong(f"the log does not say {what!r}")

    def second(self):
        self.say.step("A second build: package, publish, create its version")
        self.package(2)
        self.say.aws("""
            aws lambda update-function-code --function-name greeter --zip-file fileb://build-2.zip
            aws lambda publish-version --function-name greeter
            aws lambda put-function-event-invoke-config --function-name greeter --qualifier 2 \\
                --maximum-retry-attempts 0 --maximum-event-age-in-seconds 60""")
        url = self.environment["AWS_ENDPOINT_URL"]
        published = aws.call(url, "POST", "/2015-03-31/functions/greeter/versions", "", {}, REGION, KEY, SECRET)
        if published["Version"] != "2":
            raise Wrong(f"version {published['Version']} was published, not 2")
        aws.call(url, "PUT", "/2019-09-25/functions/greeter/event-invoke-config", "Qualifier=2",
                 {"MaximumRetryAttempts": 0, "MaximumEventAgeInSeconds": 60}, REGION, KEY, SECRET)
        self.say.text("Here the same calls go to local_lambda. Version 1 keeps its code. The second one's answer:")
        self.say.quote(f'"FunctionArn": "{published["FunctionArn"]}"\n"Version": "{published["Version"]}"\n'
                       f'"CodeSha256": "{published["CodeSha256"]}"')
        self.create_version(2)

    def ramp(self):
        self.say.step("Give it a share of the work")
        self.mayfly("worker", "deployment", "set-ramping-version", "--deployment-name", "greeter", "--build-id", "build-2",
                    "--percentage", "30", "--ignore-missing-task-queues", "--yes")
        many = 10 if self.given.quick else 40
        answers = self.greet_many(many)
        self.say.text(f"{many} activities: {answers['build-1']} were done by build-1, {answers['build-2']} by build-2.")

    def greet_many(self, many):
        """All at once; how many each build has answered."""
        names = {f"guest-{self.guests + i}" for i in range(many)}
        self.guests += many
        for name in sorted(names):
            self.mayfly("activity", "start", "--type", "greet", "--task-queue", "greetings", "--input", json.dumps(name),
                        quiet=True)

        def greeted():
            by = {f"build-{n}": sum(line.split(" greets ")[-1] in names for line in self.function_lines(n)) for n in (1, 2)}
            return by if sum(by.values()) >= many else None
        return self.until(greeted, f"{many} activities are done", 120)

    def switch(self):
        self.say.step("Switch over; the old version drains and falls asleep")
        self.set_current(2)
        drained = "drained"
        if self.given.quick and not self.given.server_program:
            self.say.text("This service takes a version for drained after three minutes, for which --quick does not wait.")
            drained = "drain"
        else:
            self.say.text("A version is drained when no pinned workflow is open; a server looks three minutes after the switch"
                          + (", this one within seconds." if self.given.quick else "."))
        self.until(lambda: drained in json.dumps(self.version("build-1")).lower(), "build-1 is drained", 400)
        self.until(lambda: self.at_work() == 0, "all workers leave", 90)
        before = self.starts(1)
        answers = self.greet_many(5)
        if answers["build-1"] or self.starts(1) != before:
            raise Wrong(f"build-1 still works: {answers}, {self.starts(1) - before} starts")
        self.say.text("5 more activities went to build-2, and no worker of build-1 was started:")
        self.mayfly("worker", "deployment", "describe", "--name", "greeter")

    def finish(self):
        self.until(lambda: self.at_work() == 0, "all workers leave", 90)
        self.say.step("What it was")
        starts = {n: self.starts(n) for n in (1, 2)}
        billed = sum(int(b) for b in re.findall(r"Billed Duration: (\d+) ms", "\n".join(self.function_lines()))) / 1000
        failed = [line for line in self.function_lines() if " REPORT " in line and "Status: " in line]
        if failed:
            raise Wrong("invocations failed:\n" + "\n".join(failed))
        self.say.text(f"{starts[1]} workers of build-1 and {starts[2]} of build-2 were started, {billed:.1f} s were billed, and nobody "
                      f"is up. The controller's reasons are in {self.work}/record.jsonl; mayfly explain reads it.")

    def run(self):
        self.say.line("mayfly: a worker in a function, from its code to its end\n")
        self.service()
        self.write()
        self.package(1)
        self.deploy()
        self.permit()
        self.control()
        self.create_version(1)
        self.set_current(1)
        self.work_begins()
        self.log()
        self.second()
        self.ramp()
        self.switch()
        self.finish()

    def close(self):
        """What ended with something else than 0."""
        return [f"{p.name} ended with {status}" for p in reversed(self.running) if (status := p.stop()) not in (0,)]


def main():
    reader = argparse.ArgumentParser()
    reader.add_argument("--programs", required=True)
    reader.add_argument("--workers", required=True)
    reader.add_argument("--work", required=True)
    reader.add_argument("--server")
    reader.add_argument("--server-program")
    reader.add_argument("--quick", action="store_true")
    guide = Guide(reader.parse_args())
    wrong = []
    try:
        guide.run()
    except (Wrong, subprocess.TimeoutExpired) as e:
        wrong.append(str(e))
        for program in guide.running:
            program.log.flush()
            wrong.append(f"---- {program.name} said:\n" + program.path.read_text(errors="replace")[-3000:])
        wrong.append("---- functions:\n" + "\n".join(guide.function_lines()[-20:]))
    wrong += guide.close()
    if wrong:
        print("\nguide: " + "\n".join(wrong), file=sys.stderr)
        return 1
    guide.say.line(f"\nThe transcript: {guide.work}/transcript.txt")
    return 0


if __name__ == "__main__":
    sys.exit(main())
