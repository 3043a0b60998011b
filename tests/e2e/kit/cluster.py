"""A Kubernetes of two nodes on this machine, by the scripts in cluster/, and what is asked of it."""

import json
import os
import pathlib
import shutil
import subprocess
import time
from collections.abc import Callable
from typing import Any

import pytest

from harness.paths import LOGS, ROOT, in_ci

from .network import Answer, NodeNetwork, connect

SCRIPTS = pathlib.Path(__file__).resolve().parents[1] / "cluster"
HOME = pathlib.Path(os.environ.get("CLUSTER_HOME", ROOT / ".tools" / "cluster"))
CANNOT = 77  # the scripts' exit code on a machine that cannot carry a cluster


class CommandError(AssertionError):
    """A command of kubectl or helm that failed; the text is what it printed."""


def run(command: list[Any], *, stdin: str | None = None, timeout: float = 300, check: bool = True,
        env: dict[str, str] | None = None) -> str:
    done = subprocess.run(
        [str(word) for word in command], input=stdin, text=True, stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, timeout=timeout, check=False, env={**os.environ, **(env or {})},
    )
    if done.returncode == CANNOT:
        (pytest.fail if in_ci() else pytest.skip)(done.stderr.strip() or "no cluster on this machine")
    if check and done.returncode != 0:
        words = " ".join(str(word) for word in command[1:])
        raise CommandError(f"{words}\nexit {done.returncode}: {done.stderr[-3000:]}{done.stdout[-2000:]}")
    return done.stdout if check else done.stdout + done.stderr


class Cluster:
    def __init__(self, name: str):
        self.name = name
        self.networks: dict[int, NodeNetwork] = {}
        self.addresses: dict[tuple[str, str], str] = {}

    # Life.
    def start(self, nodes: int = 2) -> None:
        run([SCRIPTS / "down.sh"])
        run([SCRIPTS / "up.sh", nodes], env={"CLUSTER_OWNER": str(os.getpid())})
        run_folder = run([SCRIPTS / "run-in", "sh", "-c", "echo $CLUSTER_RUN"]).strip()
        for node in range(1, nodes + 1):
            self.networks[node] = NodeNetwork(pathlib.Path(run_folder, f"n{node}", "net"))

    def stop(self) -> None:
        for network in self.networks.values():
            network.close()
        run([SCRIPTS / "down.sh"])

    def install_dapr(self, *options: str) -> None:
        run([SCRIPTS / "dapr.sh", *options])

    def load(self, archive: pathlib.Path) -> None:
        run([SCRIPTS / "image.sh", "--load", archive])

    def kill_node(self, node: int) -> None:
        run([SCRIPTS / "node.sh", "kill", node])

    def start_node(self, node: int) -> None:
        run([SCRIPTS / "node.sh", "start", node])

    def keep_logs(self, test: str) -> pathlib.Path:
        """What is worth reading after a failure, in build/test-logs/e2e/<test>/."""
        folder = LOGS / "e2e" / test
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        (folder / "objects.txt").write_text(self.kubectl(
            "get", "pods,svc,endpointslices,deploy,ds,sts,components,configurations,subscriptions", "-A",
            "-o", "wide", check=False))
        (folder / "events.txt").write_text(
            self.kubectl("get", "events", "-A", "--sort-by=.lastTimestamp", check=False))
        pods = self.json("get", "pods", "-A")["items"]
        for pod in pods:
            space, name = pod["metadata"]["namespace"], pod["metadata"]["name"]
            if space == "kube-system":
                continue
            for flag in ("--previous=false", "--previous=true"):
                text = self.kubectl("logs", "-n", space, name, "--all-containers", "--tail=3000", flag,
                                    check=False)
                if flag == "--previous=false" or "not found" not in text:
                    suffix = "" if flag == "--previous=false" else ".previous"
                    (folder / f"{space}-{name}{suffix}.log").write_text(text)
        return folder

    # kubectl and helm.
    def kubectl(self, *words: Any, stdin: str | None = None, check: bool = True, timeout: float = 300) -> str:
        return run([SCRIPTS / "run-in", "kubectl", *words], stdin=stdin, check=check, timeout=timeout)

    def helm(self, *words: Any, check: bool = True, stdin: str | None = None) -> str:
        return run([SCRIPTS / "run-in", "helm", *words], check=check, stdin=stdin)

    def json(self, *words: Any) -> Any:
        return json.loads(self.kubectl(*words, "-o", "json"))

    def apply(self, *objects: dict[str, Any], namespace: str | None = None) -> None:
        listed = {"apiVersion": "v1", "kind": "List", "items": list(objects)}
        where = ["-n", namespace] if namespace else []
        self.kubectl("apply", *where, "-f", "-", stdin=json.dumps(listed))

    def namespace(self, name: str, **labels: str) -> str:
        self.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}})
        # Pods are refused until the account that they use exists.
        wait(lambda: self.kubectl("-n", name, "get", "sa", "default", check=False).count("default"), 30)
        return name

    def rolled_out(self, what: str, namespace: str, seconds: int = 90) -> None:
        self.kubectl("-n", namespace, "rollout", "status", what, f"--timeout={seconds}s")

    def pods(self, namespace: str, selector: str) -> list[dict[str, Any]]:
        """Those that are not about to end."""
        found = self.json("-n", namespace, "get", "pods", "-l", selector)["items"]
        return [pod for pod in found if "deletionTimestamp" not in pod["metadata"]]

    def gone(self, namespace: str, selector: str, seconds: float = 60) -> None:
        """Also those that were about to end: until then they may still take work."""
        wait(lambda: not self.kubectl("-n", namespace, "get", "pods", "-l", selector, "-o", "name").strip(),
             seconds, f"the pods {selector} are gone")

    def logs(self, what: str, namespace: str, *options: str) -> str:
        return self.kubectl("-n", namespace, "logs", what, "--tail=-1", *options)

    def python(self, pod: str, namespace: str, program: str, *arguments: Any) -> str:
        """Runs a program of Python in a pod of the image localhost/python-sdk."""
        return self.kubectl("-n", namespace, "exec", pod, "--", "/usr/local/bin/python", "-c", program,
                            *arguments)

    # Calls from a node's network.
    def address(self, service: str, namespace: str) -> str:
        """A Service's address; there is no DNS outside the pods."""
        key = (service, namespace)
        if key not in self.addresses:
            self.addresses[key] = self.json("-n", namespace, "get", "svc", service)["spec"]["clusterIP"]
        return self.addresses[key]

    def serves(self, service: str, namespace: str, port: int) -> None:
        """Its Deployment of that name is rolled out, and every node's rules lead to it."""
        self.rolled_out(f"deploy/{service}", namespace)
        at = self.address(service, namespace), port
        for network in self.networks.values():
            wait(lambda network=network: network.run(connect, *at), 30, f"{service} of {namespace} is reached")

    def call(self, service: str, namespace: str, port: int, method: str, path: str, body: bytes | None = None,
             headers: dict[str, str] | None = None, node: int = 1, timeout: float = 10) -> Answer:
        return self.networks[node].http(self.address(service, namespace), port, method, path, body, headers,
                                        timeout)


def restarts(pods: list[dict[str, Any]], container: str = "daprd") -> int:
    return sum(status["restartCount"] for pod in pods
               for status in pod["status"].get("containerStatuses", []) if status["name"] == container)


def wait(check: Callable[[], Any], seconds: float = 60, what: str = "") -> Any:
    """As harness.poll.wait_for, with the pace of a cluster: each question is a process."""
    deadline = time.monotonic() + seconds
    last: BaseException | None = None
    while True:
        try:
            found = check()
            if found:
                return found
            last = None
        except (OSError, AssertionError, LookupError, ValueError) as failure:
            last = failure
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {seconds} s: {what or check}; last: {last!r}")
        time.sleep(0.1)
