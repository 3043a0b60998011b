"""One instance on each node: a pod's calls stay on its node, and what happens when that instance is not
there, is replaced, or goes down with its node."""

import re
import time
from collections.abc import Iterator
from typing import Any

import pytest
from kit import apps
from kit.callers import Callers
from kit.cluster import Cluster, CommandError, wait
from kit.network import Load
from kit.release import Release

CLUSTER = "nodes"
SPACE = "local"
CALLS = 100
CALL = """
import os, sys, urllib.request, collections
url = os.environ["DAPR_HTTP_ENDPOINT"] + "/v1.0/invoke/worker/method/who"
seen = collections.Counter()
for _ in range(int(sys.argv[1])):
    try:
        request = urllib.request.Request(url, headers={"dapr-api-token": os.environ.get("DAPR_API_TOKEN", "")})
        seen[str(urllib.request.urlopen(request, timeout=float(sys.argv[2])).status)] += 1
    except Exception as failure:
        seen[getattr(failure, "reason", failure).__class__.__name__] += 1
print(dict(seen))
"""


@pytest.fixture(scope="module")
def shared(cluster: Cluster) -> Iterator[Release]:
    """The application is on n1 alone, so that losing n2 does not take it away."""
    cluster.namespace(SPACE)
    for node in ("n1", "n2"):
        cluster.kubectl("label", "node", node, f"topology.kubernetes.io/zone={node}")
    cluster.apply(*apps.worker(nodeSelector={"kubernetes.io/hostname": "n1"}), namespace=SPACE)
    release = Release(cluster, SPACE, "worker", 8080, "daemonset",
                      values={"shared": {"service": {"locality": "local"}}}).install()
    cluster.apply(apps.tool(kind="DaemonSet", env=release.environment()), namespace=SPACE)
    cluster.rolled_out("ds/tool", SPACE)
    cluster.rolled_out("deploy/worker", SPACE)
    yield release


def by_node(pods: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    return {pod["spec"]["nodeName"]: pod for pod in pods}


def served(shared: Release) -> dict[str, float]:
    """Answers with 200 of the HTTP API so far, by node."""
    counts = {}
    for node, pod in by_node(shared.pods()).items():
        text = shared.cluster.networks[1].http(pod["status"]["podIP"], 9090, "GET", "/metrics").body.decode()
        lines = re.findall(r'^dapr_http_server_request_count\{[^}]*status="200"[^}]*\} (\S+)$', text, re.MULTILINE)
        counts[node] = sum(float(value) for value in lines)
    return counts


def calls_from(shared: Release, node: str, count: int = CALLS, timeout: float = 5) -> tuple[str, dict[str, float]]:
    """What a pod of that node got for so many calls, and how many of them each node's instance served."""
    before = served(shared)
    pod = by_node(shared.cluster.pods(SPACE, "app=tool"))[node]["metadata"]["name"]
    seen = shared.cluster.python(pod, SPACE, CALL, count, timeout).strip()
    after = served(shared)
    return seen, {name: after[name] - before.get(name, 0) for name in after}


def reached(shared: Release, node: str) -> None:
    """The rules of every node follow an instance with some delay."""
    wait(lambda: calls_from(shared, node, 1)[0] == "{'200': 1}", 30, f"calls from {node} are served")


def test_every_call_is_served_on_its_own_node(cluster: Cluster, shared: Release) -> None:
    for node, other in (("n1", "n2"), ("n2", "n1")):
        reached(shared, node)
        seen, by = calls_from(shared, node)
        assert seen == f"{{'200': {CALLS}}}"
        assert by == {node: CALLS, other: 0}


def not_on(node: str) -> dict[str, Any]:
    match = {"key": "kubernetes.io/hostname", "operator": "NotIn", "values": [node]}
    return {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {
        "nodeSelectorTerms": [{"matchExpressions": [match]}]}}}


def test_with_the_local_instance_gone_calls_fail_clearly(cluster: Cluster, shared: Release) -> None:
    shared.install(affinity=not_on("n2"))
    wait(lambda: set(by_node(shared.pods())) == {"n1"}, 30)
    # kube-proxy drops what has no local end; no other node's instance sees it.
    wait(lambda: "200" not in calls_from(shared, "n2", 1, 1)[0], 30)
    assert calls_from(shared, "n2", 5, 0.5) == ("{'TimeoutError': 5}", {"n1": 0})
    assert calls_from(shared, "n1", 20) == ("{'200': 20}", {"n1": 20})


def test_where_the_value_says_so_they_go_to_another_node(cluster: Cluster, shared: Release) -> None:
    shared.install(shared={"service": {"locality": "preferClose"}})
    reached(shared, "n2")
    assert calls_from(shared, "n2") == (f"{{'200': {CALLS}}}", {"n1": CALLS})
    shared.values["affinity"] = {}
    shared.install()
    wait(lambda: calls_from(shared, "n2", 10)[1] == {"n1": 0, "n2": 10}, 30, "local again")
    assert calls_from(shared, "n2")[1] == {"n1": 0, "n2": CALLS}
    shared.install(shared={"service": {"locality": "local"}})


def load(shared: Release, node: int, threads: int = 4) -> Load:
    address, headers = shared.cluster.address(shared.service, SPACE), shared.headers()
    network = shared.cluster.networks[node]

    def call():
        from kit.network import request

        return request(address, 3500, "GET", "/v1.0/invoke/worker/method/who", None, headers)

    return Load(network, call, threads)


def test_a_rolling_update_under_load_fails_no_call(cluster: Cluster, shared: Release) -> None:
    reached(shared, "n1")
    reached(shared, "n2")
    before = {pod["metadata"]["uid"] for pod in shared.pods()}
    tools = by_node(cluster.pods(SPACE, "app=tool"))
    kept = [Callers(cluster, tools[node]["metadata"]["name"], SPACE, "worker", "who") for node in ("n1", "n2")]
    with load(shared, 1) as first, load(shared, 2) as second, kept[0], kept[1]:
        wait(lambda: first.calls > 50 and second.calls > 50)
        for callers in kept:
            callers.served(50)
        cluster.kubectl("-n", SPACE, "rollout", "restart", shared.workload())
        shared.ready()
        wait(lambda: not before & {pod["metadata"]["uid"] for pod in shared.pods()}, 60)
        done = first.calls, second.calls
        wait(lambda: first.calls > done[0] + 100 and second.calls > done[1] + 100)
        for callers in kept:
            callers.served(100)
    print(f"{first.calls} and {second.calls} calls during the update; kept: {[one.last for one in kept]}")
    assert not first.failures and not second.failures, (first.failures[:5], second.failures[:5])
    for callers in kept:
        assert not callers.last["failures"], callers.last["failures"][:5]
        assert callers.last["connections"] > 2, "connections to the old instance went on"


def node_is_ready(cluster: Cluster, name: str) -> bool:
    conditions = cluster.json("get", "node", name)["status"]["conditions"]
    return any(found["type"] == "Ready" and found["status"] == "True" for found in conditions)


def test_a_node_killed_and_returned(cluster: Cluster, shared: Release) -> None:
    with load(shared, 1) as first:
        wait(lambda: first.calls > 50)
        cluster.kill_node(2)
        with pytest.raises((CommandError, OSError, AssertionError)):
            shared.call("GET", "/v1.0/metadata", node=2, timeout=1)
        wait(lambda: not node_is_ready(cluster, "n2"), 45, "n2 is found to be gone")
        cluster.start_node(2)
        started = time.monotonic()
        wait(lambda: shared.call("GET", "/v1.0/invoke/worker/method/who", node=2, timeout=2).status == 200, 90,
             "n2 serves again")
        print(f"n2 serves {time.monotonic() - started:.1f} s after its start")
    assert not first.failures, first.failures[:5]
