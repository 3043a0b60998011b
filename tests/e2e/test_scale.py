"""The application at zero while messages come and the runtime's pod dies: nothing is lost, nothing restarts
because the application is away, and it works within two seconds of being ready."""

import concurrent.futures
import json
import time
from typing import Any

from kit import apps
from kit.cluster import Cluster, wait
from kit.network import request
from kit.release import Release

CLUSTER = "shared"
MESSAGES = 5000
FIRST_DELIVERY = 2.0  # seconds after readiness
# The kubelet restarts what fails so long; an absence that means something lasts three times that.
LIVENESS = {"periodSeconds": 1, "timeoutSeconds": 2, "failureThreshold": 5}
ABSENCE = 3.0 * LIVENESS["periodSeconds"] * LIVENESS["failureThreshold"]


def release(cluster: Cluster, space: str, **values: Any) -> Release:
    """With the application at zero."""
    cluster.namespace(space)
    cluster.apply(*apps.redis(), *apps.redis_components(space),
                  apps.subscription("jobs", "jobs", scopes=["worker"]), namespace=space)
    cluster.serves("redis", space, 6379)
    cluster.apply(*apps.worker(replicas=0), namespace=space)
    shared = {"probes": {"liveness": LIVENESS}, **values}
    return Release(cluster, space, "worker", 8080, "deployment", values={"shared": shared}).install()


def healthy_all_along(shared: Release, since: float) -> None:
    """The one instance stays as it is, and well, until the application has been away for ABSENCE from `since` on."""
    [before] = shared.pods()
    while True:
        over = time.monotonic() > since + ABSENCE
        answer = shared.cluster.networks[1].http(before["status"]["podIP"], 3501, "GET", "/v1.0/healthz")
        assert answer.status == 204, answer
        if over:
            break
        time.sleep(0.5)
    [after] = shared.pods()
    assert after["metadata"]["uid"] == before["metadata"]["uid"]
    assert shared.restarts() == 0, "restarted because the application is away"
    # The kubelet did ask so often, and would have ended it by now.
    assert after["spec"]["containers"][0]["livenessProbe"].items() >= LIVENESS.items()


def publish(shared: Release, first: int, count: int) -> None:
    """So many messages, each accepted by the runtime."""
    address, headers = shared.cluster.address(shared.service, shared.namespace), shared.headers()
    headers = {**headers, "content-type": "application/json"}

    def one(number: int) -> int:
        body = json.dumps({"id": f"m{number}"}).encode()
        return request(address, 3500, "POST", "/v1.0/publish/pubsub/jobs", body, headers).status

    futures = [shared.cluster.networks[1].pool.submit(one, number) for number in range(first, first + count)]
    answers = {future.result() for future in concurrent.futures.as_completed(futures)}
    assert answers == {204}, answers


def reports(cluster: Cluster, space: str) -> list[dict]:
    found = []
    for pod in cluster.pods(space, "app=worker"):
        if pod["status"].get("podIP"):
            answer = cluster.networks[1].http(pod["status"]["podIP"], 8080, "GET", "/report")
            found.append(json.loads(answer.body))
    return found


def handled(cluster: Cluster, space: str) -> set[str]:
    return {message for report in reports(cluster, space) for message, _ in report["seen"]}


def kill_runtime(shared: Release) -> None:
    """Without notice, as a crash; returns when another is ready."""
    [old] = shared.pods()
    shared.cluster.kubectl("-n", shared.namespace, "delete", "pod", old["metadata"]["name"],
                           "--grace-period=0", "--force")
    wait(lambda: [pod for pod in shared.pods() if pod["metadata"]["uid"] != old["metadata"]["uid"]], 30)
    shared.ready()


def check_first_delivery(found: list[dict]) -> float:
    """Seconds from the first readiness of a pod to the first message that any pod got."""
    ready = min(report["ready"] for report in found if report["ready"])
    first = min(time for report in found for _, time in report["seen"])
    assert first - ready < FIRST_DELIVERY, first - ready
    return first - ready


def all_of(count: int) -> set[str]:
    return {f"m{number}" for number in range(count)}


def test_a_human_scales(cluster: Cluster) -> None:
    space = "zero"
    shared = release(cluster, space)
    away = time.monotonic()
    publish(shared, 0, MESSAGES)
    healthy_all_along(shared, away)
    kill_runtime(shared)
    cluster.kubectl("-n", space, "scale", "deploy/worker", "--replicas=2")
    wait(lambda: all_of(MESSAGES) <= handled(cluster, space), 90, "every message is handled")
    print(f"first delivery after {check_first_delivery(reports(cluster, space)):.2f} s")
    # The application goes again. What the kubelet's probes ask is answered as before.
    cluster.kubectl("-n", space, "scale", "deploy/worker", "--replicas=0")
    cluster.gone(space, "app=worker")
    away = time.monotonic()
    publish(shared, MESSAGES, 10)
    healthy_all_along(shared, away)
    cluster.kubectl("-n", space, "scale", "deploy/worker", "--replicas=1")
    wait(lambda: {f"m{MESSAGES + n}" for n in range(10)} <= handled(cluster, space), 30)
    check_first_delivery(reports(cluster, space))
    assert shared.restarts() == 0
    cluster.kubectl("delete", "namespace", space, "--wait=false")


SCALED_OBJECTS = {
    "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
    "metadata": {"name": "scaledobjects.keda.sh"},
    "spec": {"group": "keda.sh", "scope": "Namespaced",
             "names": {"kind": "ScaledObject", "plural": "scaledobjects", "singular": "scaledobject"},
             "versions": [{"name": "v1alpha1", "served": True, "storage": True, "schema": {"openAPIV3Schema": {
                 "type": "object", "x-kubernetes-preserve-unknown-fields": True}}}]},
}  # fmt: skip


class Keda:
    """What KEDA does, by the ScaledObject that the chart makes and with KEDA's own client, from a pod of the
    namespace that the chart expects it in: asks whether there is work, and how much."""

    def __init__(self, cluster: Cluster):
        self.cluster = cluster
        cluster.apply(SCALED_OBJECTS)
        cluster.kubectl("wait", "--for=condition=Established", "crd/scaledobjects.keda.sh", "--timeout=30s")
        cluster.namespace("keda")
        cluster.apply(apps.tool(), namespace="keda")
        cluster.rolled_out("deploy/tool", "keda")
        self.pod = cluster.pods("keda", "app=tool")[0]["metadata"]["name"]

    def ask(self, metadata: dict[str, str], method: str) -> Any:
        pairs = [f"{key}={value}" for key, value in metadata.items()]
        return json.loads(self.cluster.kubectl("-n", "keda", "exec", self.pod, "--", "/usr/local/bin/keda",
                                               metadata["scalerAddress"], method, *pairs))

    def follow(self, space: str) -> int:
        """One round of KEDA's loop for the one ScaledObject; returns the replicas it wants."""
        [scaled] = self.cluster.json("-n", space, "get", "scaledobjects")["items"]
        [trigger] = scaled["spec"]["triggers"]
        assert trigger["type"] == "external-push"
        replicas = scaled["spec"]["minReplicaCount"]
        if self.ask(trigger["metadata"], "IsActive"):
            pending = self.ask(trigger["metadata"], "GetMetrics")["float"]
            wanted = -(-int(pending) // int(trigger["metadata"]["targetPending"]))
            replicas = min(scaled["spec"]["maxReplicaCount"], max(1, wanted))
        target = scaled["spec"]["scaleTargetRef"]
        self.cluster.kubectl("-n", space, "scale", f"{target['kind']}/{target['name']}".lower(),
                             f"--replicas={replicas}")
        return replicas


def test_keda_scales(cluster: Cluster) -> None:
    space = "keda-zero"
    keda = Keda(cluster)
    shared = release(cluster, space, keda={
        "enabled": True, "scaleTargetRef": {"name": "worker"}, "maxReplicaCount": 2, "targetPending": 100})
    away = time.monotonic()
    wait(lambda: keda.follow(space) == 0, 30, "the Service of the scaler is reached, and nothing waits")
    publish(shared, 0, MESSAGES)
    healthy_all_along(shared, away)
    kill_runtime(shared)
    wait(lambda: keda.follow(space) == 2, 20, "the scaler asks for two")
    wait(lambda: all_of(MESSAGES) <= handled(cluster, space), 90, "every message is handled")
    print(f"first delivery after {check_first_delivery(reports(cluster, space)):.2f} s")
    wait(lambda: keda.follow(space) == 0, 30, "the scaler goes back to zero")
    assert shared.restarts() == 0
    cluster.kubectl("delete", "namespace", space, "--wait=false")
