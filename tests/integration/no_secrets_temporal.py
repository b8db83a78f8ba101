# SPDX-License-Identifier: BSL-1.0
"""No API key, client key or codec's key is told by the command line, by workers or by the embedded service.

usage: no_secrets_temporal.py MAYFLY ACTIVITY_WORKER

They are made to fail in every way that has a secret at hand, and all that they say is read.
"""

import concurrent.futures
import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import time

import grpc

import chaos
import no_secrets
import temporal_services
from no_secrets import KEY, failures, look


class Refusing(grpc.GenericRpcHandler):
    """Answers every call with a status."""

    def __init__(self, code):
        self.code = code

    def service(self, handler_call_details):
        def refuse(_, context):
            context.abort(self.code, "you may not do that here")
        return grpc.unary_unary_rpc_method_handler(refuse)


def refusing_server(code):
    server = grpc.server(concurrent.futures.ThreadPoolExecutor(8), handlers=(Refusing(code),))
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    return server, f"127.0.0.1:{port}"


def ways_to_fail(place, denied, unauthenticated, broken, served):
    def file(name, text):
        (place / name).write_text(text)
        return str(place / name)

    nobody = "127.0.0.1:1"
    key_file = file("key.pem", f"-----BEGIN PRIVATE KEY-----\n{KEY}\n-----END PRIVATE KEY-----\n")
    cert_file = file("cert.pem", f"-----BEGIN CERTIFICATE-----\n{KEY}\n-----END CERTIFICATE-----\n")
    plain = {"TEMPORAL_TLS": "false"}
    return {
        "nobody there": {"TEMPORAL_ADDRESS": nobody, "TEMPORAL_API_KEY": KEY},
        "no TLS there": {"TEMPORAL_ADDRESS": denied, "TEMPORAL_API_KEY": KEY, "TEMPORAL_TLS": "true"},
        "permission denied": {"TEMPORAL_ADDRESS": denied, "TEMPORAL_API_KEY": KEY, **plain},
        "not authenticated": {"TEMPORAL_ADDRESS": unauthenticated, "TEMPORAL_API_KEY": KEY, **plain},
        "internal errors": {"TEMPORAL_ADDRESS": broken, "TEMPORAL_API_KEY": KEY, **plain},
        "no such namespace": {"TEMPORAL_ADDRESS": served, "TEMPORAL_API_KEY": KEY, "TEMPORAL_NAMESPACE": "nowhere", **plain},
        "a key that cannot be sent": {"TEMPORAL_ADDRESS": served, "TEMPORAL_API_KEY": KEY + "\r\nx: y", **plain},
        "a key as metadata": {"TEMPORAL_ADDRESS": denied, "TEMPORAL_GRPC_META_AUTHORIZATION": f"Bearer {KEY}", **plain},
        "metadata that cannot be sent": {"TEMPORAL_ADDRESS": denied, "TEMPORAL_GRPC_META_X_TOKEN": KEY + "\n", **plain},
        "an address with a password": {"TEMPORAL_ADDRESS": f"user:{KEY}@127.0.0.1:1"},
        "a key file that is none": {"TEMPORAL_ADDRESS": nobody, "TEMPORAL_TLS_CLIENT_CERT_PATH": cert_file,
                                    "TEMPORAL_TLS_CLIENT_KEY_PATH": key_file},
        "key data that is none": {"TEMPORAL_ADDRESS": nobody, "TEMPORAL_TLS_CLIENT_CERT_DATA": f"{KEY}",
                                  "TEMPORAL_TLS_CLIENT_KEY_DATA": KEY},
        "a key without its certificate": {"TEMPORAL_ADDRESS": nobody, "TEMPORAL_TLS_CLIENT_KEY_DATA": KEY},
        "key data and a path": {"TEMPORAL_ADDRESS": nobody, "TEMPORAL_TLS_CLIENT_KEY_DATA": KEY,
                                "TEMPORAL_TLS_CLIENT_KEY_PATH": key_file, "TEMPORAL_TLS_CLIENT_CERT_PATH": cert_file},
        "a codec's key": {"TEMPORAL_ADDRESS": denied, "TEMPORAL_CODEC_ENDPOINT": "http://127.0.0.1:1",
                          "TEMPORAL_CODEC_AUTH": KEY, **plain},
        "a codec's address with a password": {"TEMPORAL_ADDRESS": denied, **plain,
                                              "TEMPORAL_CODEC_ENDPOINT": f"http://user:{KEY}@127.0.0.1:1"},
        "a file with an open string": {"TEMPORAL_CONFIG_FILE": file("1.toml", f'[profile.default]\napi_key = "{KEY}\n')},
        "a file with a bare value": {"TEMPORAL_CONFIG_FILE": file("2.toml", f"[profile.default]\napi_key = {KEY}\n")},
        "a file with a list": {"TEMPORAL_CONFIG_FILE": file("3.toml", f'[profile.default]\napi_key = ["{KEY}"]\n')},
        "a file with two keys": {
            "TEMPORAL_CONFIG_FILE": file("4.toml", f'[profile.default]\napi_key = "a"\napi_key = "{KEY}"\n')},
        "a file with a key in a wrong place": {
            "TEMPORAL_CONFIG_FILE": file("5.toml", f'[profile.default.tls]\nclient_key_data = "{KEY}"\nclient_key = 5\n'
                                                   f'[profile.default.codec]\nauth = ["{KEY}"]\n')},
    }


COMMANDS = (["describe", "--id", "x"], ["execute", "--type", "echo", "--task-queue", "q", "--within", "2s"],
            ["list", "--output", "json"])


def run_command(program, way, variables, command):
    done = subprocess.run([program, "activity", *command], env=variables, capture_output=True, text=True, errors="replace",
                          timeout=120, check=False)
    where = f"mayfly activity {command[0]}, {way}"
    look(done.stdout + done.stderr, where)
    if done.returncode < 0:
        failures.append(f"{where}: ended by signal {-done.returncode}")
    if done.returncode != 0 and not done.stderr.strip():
        failures.append(f"{where}: says nothing")
    return done.returncode != 0


def run_worker(program, way, variables, folder):
    path = folder / ("worker " + way)
    with open(path, "w+b") as log:
        process = subprocess.Popen([program], env={**variables, "TEMPORAL_TASK_QUEUE": "q"}, stdout=log, stderr=log)
        end = time.monotonic() + 2  # those that do not give up have said by then why they try again
        while process.poll() is None and time.monotonic() < end:
            time.sleep(0.02)
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
        try:
            status = process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            failures.append(f"worker, {way}: does not stop")
            status = 0
    if status < 0:
        failures.append(f"worker, {way}: ended by signal {-status}")
    said = path.read_text(errors="replace")
    look(said, f"worker, {way}")
    if not said.strip():
        failures.append(f"worker, {way}: says nothing")


def run_function(program, way, variables, folder):
    path = folder / ("function " + way)
    with open(path, "w+b") as log:
        function = chaos.Function([program], {**variables, "TEMPORAL_TASK_QUEUE": "q"}, 4.0, log)
        end = time.monotonic() + 10
        while not function.said and time.monotonic() < end:
            time.sleep(0.02)
        function.close()
    if not function.said:
        failures.append(f"function, {way}: the Runtime API heard nothing")
    look(path.read_text(errors="replace"), f"function, {way}")
    look(function.said.decode(errors="replace"), f"function, {way}, to the Runtime API")


def main():
    no_secrets.check_itself()
    program, worker = map(os.path.abspath, sys.argv[1:3])
    servers = [refusing_server(code) for code in (grpc.StatusCode.PERMISSION_DENIED, grpc.StatusCode.UNAUTHENTICATED,
                                                  grpc.StatusCode.INTERNAL)]
    with tempfile.TemporaryDirectory() as name, tempfile.TemporaryFile() as log:
        folder = pathlib.Path(name)
        service = temporal_services.Service(f"embedded:{program}", log).start()
        ways = ways_to_fail(folder, *(address for _, address in servers), service.address)
        common = {"PATH": os.environ["PATH"], "HOME": "/nonexistent"}
        with concurrent.futures.ThreadPoolExecutor(6) as pool:
            commands = {way: [pool.submit(run_command, program, way, {**common, **variables}, command)
                              for command in COMMANDS] for way, variables in ways.items()}
            others = [pool.submit(run, worker, way, {**common, **variables}, folder)
                      for way, variables in ways.items() for run in (run_worker, run_function)]
            for way, jobs in commands.items():
                # Not every secret makes every command fail: a codec is not asked where there is nothing to decode.
                if not any([job.result() for job in jobs]) and "codec" not in way:
                    failures.append(f"{way}: no command failed, so nothing was shown")
            for job in others:
                job.result()
        service.stop()
        log.seek(0)
        look(log.read().decode(errors="replace"), "the service's log")
    for server, _ in servers:
        server.stop(None)
    for failure in failures:
        print(failure)
    print(f"{len(failures)} failed" if failures else f"nothing told in {len(ways)} ways to fail")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
