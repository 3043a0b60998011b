"""Calls from a pod over connections that are kept, as Dapr's SDKs make them."""

import json
import subprocess
from typing import Any

from .apps import PROGRAMS
from .cluster import SCRIPTS, Cluster, wait


class Callers:
    """programs/callers.py in a pod of the image localhost/python-sdk that has the variables of
    Release.environment, until `end`."""

    def __init__(self, cluster: Cluster, pod: str, namespace: str, app_id: str, method: str):
        self.command = [SCRIPTS / "run-in", "kubectl", "-n", namespace, "exec", "-i", pod, "--",
                        "/usr/local/bin/python", "-c", (PROGRAMS / "callers.py").read_text(), app_id, method]
        self.last: dict[str, Any] = {}

    def __enter__(self) -> "Callers":
        self.process = subprocess.Popen([str(word) for word in self.command], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, text=True)
        return self

    def __exit__(self, *_: object) -> None:
        assert self.process.stdin
        self.process.stdin.close()
        self.process.wait(30)

    def seen(self) -> dict[str, Any]:
        """What happened so far: calls of each kind, HTTP connections that were opened, failures."""
        assert self.process.stdin and self.process.stdout
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        assert line, f"the callers ended with {self.process.wait(10)}"
        self.last = json.loads(line)
        return self.last

    def served(self, count: int, seconds: float = 60) -> None:
        """Waits for so many more calls of each kind."""
        before = self.seen()
        wait(lambda: all(self.seen()[kind] >= before[kind] + count for kind in ("http", "grpc")), seconds,
             f"{count} more calls of each kind")
