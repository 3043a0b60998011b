#!/usr/bin/env python3
"""What a call through a shared instance costs beside one through a sidecar, on the two-node cluster: the
figures of docs/choose-a-strategy.md. Prints a table of Markdown. Wants a quiet machine.

The caller and the application are one pod on n1; it calls itself through the runtime, one call after
another on one connection. The runtime is, in turn, absent, a Deployment's instance on n2, one on n1, a
DaemonSet's instance, and a sidecar that Dapr's injector added, always the same image.
"""

import os
import pathlib
import sys
from typing import Any

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent), str(HERE)]
os.environ.setdefault("DAPRD", str(HERE.parents[1] / "build" / "release" / "daprd"))

from harness.paths import binary  # noqa: E402
from kit import apps, images  # noqa: E402
from kit.cluster import Cluster, wait  # noqa: E402
from kit.release import Release  # noqa: E402

CALLS = 3000
ON = {"kubernetes.io/hostname": "n1"}
PROGRAM = """
import http.client, os, sys, time
host, port, path, count = sys.argv[1], int(sys.argv[2]), sys.argv[3], int(sys.argv[4])
connection = http.client.HTTPConnection(host, port, timeout=10)
times = []
for number in range(count + 300):
    started = time.perf_counter()
    connection.request("GET", path)
    answer = connection.getresponse()
    answer.read()
    assert answer.status == 200, answer.status
    times.append(time.perf_counter() - started)
times = sorted(times[300:])
print(1e6 * times[len(times) // 2], 1e6 * times[len(times) * 99 // 100])
"""


def resident(app_id: str) -> list[float]:
    """MiB of every runtime process that serves the app-id; the nodes' processes are this machine's."""
    found = []
    for folder in pathlib.Path("/proc").glob("[0-9]*"):
        try:
            words = (folder / "cmdline").read_bytes().split(b"\0")
            if words[0] != b"/daprd" or app_id.encode() not in words and f"--app-id={app_id}".encode() not in words:
                continue
            status = (folder / "status").read_text()
        except OSError:
            continue
        found.append(int(status.split("VmRSS:")[1].split()[0]) / 1024)
    return found


def measure(cluster: Cluster, space: str, host: str, port: int, path: str) -> tuple[float, float]:
    [pod] = cluster.pods(space, "app=worker")
    words = ["-n", space, "exec", pod["metadata"]["name"], "-c", "app", "--", "/usr/local/bin/python", "-c",
             PROGRAM, host, port, path, CALLS]
    half, most = cluster.kubectl(*words).split()
    return float(half), float(most)


def start(cluster: Cluster, space: str, **more: Any) -> None:
    cluster.namespace(space)
    cluster.apply(*apps.worker(nodeSelector=ON, **more), namespace=space)
    cluster.rolled_out("deploy/worker", space)


def shared(cluster: Cluster, space: str, strategy: str, **values: Any) -> tuple[tuple[float, float], list[float]]:
    start(cluster, space)
    release = Release(cluster, space, "worker", 8080, strategy, values=values).install()
    wait(lambda: release.call("GET", "/v1.0/invoke/worker/method/who").status == 200, 30)
    took = measure(cluster, space, f"worker-dapr.{space}.svc.cluster.local", 3500,
                   "/v1.0/invoke/worker/method/who")
    memory = resident("worker")
    cluster.kubectl("delete", "namespace", space)
    return took, memory


def sidecar(cluster: Cluster, space: str) -> tuple[tuple[float, float], list[float]]:
    # The SDK's image runs as 65532 as well; the injector's account token is needed by the runtime.
    start(cluster, space, annotations={"dapr.io/enabled": "true", "dapr.io/app-id": "worker",
                                       "dapr.io/app-port": "8080"})
    took = measure(cluster, space, "127.0.0.1", 3500, "/v1.0/invoke/worker/method/who")
    memory = resident("worker")
    cluster.kubectl("delete", "namespace", space)
    return took, memory


def main() -> None:
    images.make_all(binary())
    cluster = Cluster("measure")
    cluster.start()
    try:
        cluster.install_dapr()
        start(cluster, "direct")
        direct = measure(cluster, "direct", "127.0.0.1", 8080, "/who")
        there = {"shared": {"scheduling": {"nodeSelector": {"kubernetes.io/hostname": "n2"}}}}
        here = {"shared": {"scheduling": {"nodeSelector": ON}}}
        rows = [("no runtime: the app itself", direct, [])]
        for name, found in (
            ("Deployment, instance on another node", lambda: shared(cluster, "far", "deployment", **there)),
            ("Deployment, instance on the same node", lambda: shared(cluster, "near", "deployment", **here)),
            ("DaemonSet", lambda: shared(cluster, "every", "daemonset")),
            ("sidecar, by Dapr's injector", lambda: sidecar(cluster, "beside")),
        ):
            took, memory = found()
            rows.append((name, took, memory))
        print("| runtime | call, median µs | 99 % µs | more than the app alone, median µs | memory, MiB |")
        print("| --- | --- | --- | --- | --- |")
        for name, (half, most), memory in rows:
            more = f"{half - direct[0]:.0f}" if memory else ""
            print(f"| {name} | {half:.0f} | {most:.0f} | {more} | {', '.join(f'{value:.1f}' for value in memory)} |")
    finally:
        cluster.stop()


if __name__ == "__main__":
    main()
