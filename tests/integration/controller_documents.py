#!/usr/bin/env python3
# SPDX-License-Identifier: BSL-1.0
"""The documents that run a controller: what they tell it is what it takes, and what they say of it is so.

usage: controller_documents.py MAYFLY FOLDER
"""
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

import yaml


def check(holds, what):
    if not holds:
        raise SystemExit(f"failed: {what}")


def settings(mayfly, text, place, **files):
    """What `check` says of the settings, with files that they name put where we may write."""
    for name, (path, content) in files.items():
        (place / name).write_text(content)
        check(path in text, f"{path} is named in the settings")
        text = text.replace(path, str(place / name))
    (place / "controller.toml").write_text(text)
    return subprocess.run([mayfly, "controller", "check", str(place / "controller.toml")], capture_output=True, text=True,
                          timeout=60, check=False, env={"PATH": "/usr/bin:/bin", "HOME": str(place)})


def flags_exist(mayfly, words):
    """Every option that a command line here gives is one that `--help` tells of."""
    told = subprocess.run([mayfly, "controller", "--help"], capture_output=True, text=True, timeout=60, check=True).stdout
    for flag in re.findall(r"(?<!\S)--[a-z-]+", words):
        check(re.search(rf"^  {flag}\b", told, re.MULTILINE), f"mayfly controller has {flag}")


def sample(mayfly, folder, place):
    text = (folder / "controller.toml").read_text()
    said = settings(mayfly, text, place)
    check(said.returncode == 0, f"controller.toml is taken: {said.stderr}")
    check('address: "temporal.internal.example:7233"' in said.stdout, "its namespace is shown")
    # What is commented out is no dead letter either.
    said = settings(mayfly, re.sub(r"^# (?=api_key_file|tls = )", "", text, flags=re.MULTILINE), place,
                    key=("/etc/mayfly/api-key", "only-a-test-key\n"))
    check(said.returncode == 0, f"controller.toml with an API key is taken: {said.stderr}")
    check("api_key: ***" in said.stdout and "only-a-test-key" not in said.stdout, "the key is masked")
    broken = settings(mayfly, text.replace("max_mib = 64", "max_mib = 0"), place)
    check(broken.returncode == 2 and "record.max_mib" in broken.stderr and "give a whole number" in broken.stderr,
          f"a wrong value is refused by its name: {broken.stderr}")


def unit(mayfly, folder, place):
    path = folder / "mayfly-controller.service"
    text = path.read_text()
    flags_exist(mayfly, " ".join(re.findall(r"^Exec\w+=/usr/local/bin/mayfly (.*)$", text, re.MULTILINE)))
    check("ExecReload=/bin/kill -HUP" in text, "a reload is SIGHUP")
    analyser = shutil.which("systemd-analyze")
    if analyser is None:
        print("systemd-analyze is not here: the unit is not verified")
        return
    # With the program where it is here.
    here = place / path.name
    here.write_text(text.replace("/usr/local/bin/mayfly", mayfly))
    found = subprocess.run([analyser, "verify", "--man=no", "--recursive-errors=no", str(here)], capture_output=True, text=True,
                           timeout=60, check=False)
    about_it = [line for line in found.stderr.splitlines() if path.name in line]
    check(not about_it, "systemd takes the unit: " + "\n".join(about_it))


def packages_of(program):
    """Where this system is the image's: the packages of what the program is linked with, beyond what every image has."""
    release = pathlib.Path("/etc/os-release")
    if not release.exists() or "bookworm" not in release.read_text() or not shutil.which("dpkg"):
        print("this is not Debian 12: what the program is linked with is not compared with the image")
        return set()
    linked = subprocess.run(["ldd", program], capture_output=True, text=True, timeout=60, check=True).stdout
    owners = subprocess.run(["dpkg", "-S", *{str(pathlib.Path(p).resolve()) for p in re.findall(r"=> (/\S+)", linked)}],
                            capture_output=True, text=True, timeout=60, check=False).stdout
    return {line.split(":")[0] for line in owners.splitlines()} - {"libc6", "libgcc-s1", "libstdc++6"}


def image(mayfly, folder):
    text = (folder / "Dockerfile").read_text()
    built, _, run = text.rpartition("\nFROM ")
    wanted = packages_of(mayfly)
    check(all(re.search(rf"\s{re.escape(p)}\s", run) for p in wanted), f"what runs has {wanted}")
    boost = re.search(r"libboost([0-9.]+)-dev", built)
    check(boost and float(boost[1]) >= 1.81, "the Boost that it is built with is new enough, which Debian's own choice is not")
    check(not re.search(r"^(ENV|ARG) .*(KEY|SECRET|TOKEN|PASSWORD)", text, re.MULTILINE), "no secret is built in")
    check(re.search(r"^USER [1-9]", text, re.MULTILINE), "it does not run as root")
    check('CMD ["controller", "run", ' in text, "it runs the controller")
    root = folder.parent.parent.parent
    preset = re.search(r"--preset (\w+)", text)[1]
    check(f'"name": "{preset}"' in (root / "CMakePresets.json").read_text(), f"there is a preset {preset}")


def manifest(mayfly, folder, place):
    text = (folder / "kubernetes.yaml").read_text()
    documents = {(d["kind"], d["metadata"]["name"]): d for d in yaml.safe_load_all(text)}
    deployment = documents["Deployment", "mayfly-controller"]
    spec = deployment["spec"]
    check(spec["replicas"] == 2, "there are two replicas")
    pod = spec["template"]["spec"]
    container = pod["containers"][0]
    flags_exist(mayfly, " ".join(container["args"]))

    inner = documents["ConfigMap", "mayfly-controller"]["data"]["controller.toml"]
    said = settings(mayfly, inner, place, key=("/run/secrets/mayfly/api-key", "only-a-test-key"))
    check(said.returncode == 0, f"the settings of the manifest are taken: {said.stderr}")
    port = int(re.search(r"^health: 0\.0\.0\.0 port (\d+)$", said.stdout, re.MULTILINE)[1])
    check(container["ports"][0]["containerPort"] == port, "the port is the one that is served")
    for probe, path in (("livenessProbe", "/healthz"), ("readinessProbe", "/readyz")):
        check(container[probe]["httpGet"] == {"path": path, "port": container["ports"][0]["name"]}, f"{probe} asks {path}")
    service = documents["Service", "mayfly-controller-metrics"]
    check(service["spec"]["selector"].items() <= spec["template"]["metadata"]["labels"].items(), "the service finds the pods")
    check(service["spec"]["ports"][0]["targetPort"] == container["ports"][0]["name"], "and their port")

    mounts = {m["mountPath"]: m["name"] for m in container["volumeMounts"]}
    volumes = {v["name"]: v for v in pod["volumes"]}
    for path in (container["args"][2], "/run/secrets/mayfly/api-key", "/var/lib/mayfly/decisions.jsonl"):
        name = next((n for at, n in mounts.items() if path.startswith(at + "/")), None)
        check(name in volumes, f"{path} is on a volume")
    check("secret" in volumes[mounts["/run/secrets/mayfly"]], "the key comes out of a secret")
    check(not any(d["kind"] == "Secret" for d in documents.values()), "no secret stands in the manifest")
    check(container["securityContext"]["readOnlyRootFilesystem"] and pod["securityContext"]["runAsNonRoot"], "it may little")


def main():
    mayfly, folder = sys.argv[1], pathlib.Path(sys.argv[2]).resolve()
    with tempfile.TemporaryDirectory() as made:
        place = pathlib.Path(made)
        sample(mayfly, folder, place)
        unit(mayfly, folder, place)
        image(mayfly, folder)
        manifest(mayfly, folder, place)
    print("the controller's documents are sound")


main()
