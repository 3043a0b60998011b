"""The application at zero while messages come and the runtime's pod dies: nothing is lost, nothing restarts
because the application is away, and it works within two seconds of being ready."""

import concurrent.futures
import json
import subprocess

from kit import apps, images
from kit.cluster import SCRIPTS, Cluster, wait
from kit.network import request
from kit.release import Release

CLUSTER = "shared"
MESSAGES = 5000
FIRST_DELIVERY = 2.0  # seconds after readiness


def release(cluster: Cluster, space: str) -> Release:
    cluster.namespace(space)
    cluster.apply(*apps.redis(), *apps.redis_components(space),
                  apps.subscription("jobs", "jobs", scopes=["worker"]), namespace=space)
    cluster.serves("redis", space, 6379)
    cluster.apply(*apps.worker(replicas=0), namespace=space)
    return Release(cluster, space, "worker", 8080, "deployment").install()


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
    assert shared.restarts() == 0
    publish(shared, 0, MESSAGES)
    kill_runtime(shared)
    cluster.kubectl("-n", space, "scale", "deploy/worker", "--replicas=2")
    wait(lambda: all_of(MESSAGES) <= handled(cluster, space), 90, "every message is handled")
    print(f"first delivery after {check_first_delivery(reports(cluster, space)):.2f} s")
    # The application goes again. What the kubelet's probes ask is answered as before.
    cluster.kubectl("-n", space, "scale", "deploy/worker", "--replicas=0")
    cluster.gone(space, "app=worker")
    publish(shared, MESSAGES, 10)
    [pod] = shared.pods()
    assert cluster.networks[1].http(pod["status"]["podIP"], 3501, "GET", "/v1.0/healthz").status == 204
    cluster.kubectl("-n", space, "scale", "deploy/worker", "--replicas=1")
    wait(lambda: {f"m{MESSAGES + n}" for n in range(10)} <= handled(cluster, space), 30)
    check_first_delivery(reports(cluster, space))
    assert shared.restarts() == 0
    cluster.kubectl("delete", "namespace", space, "--wait=false")


class Scaler:
    """What KEDA does, with its own client: asks whether there is work, and how much."""

    def __init__(self, shared: Release):
        self.shared, self.program = shared, images.keda_client()

    def ask(self, method: str) -> object:
        [pod] = self.shared.pods()
        done = subprocess.run(
            [SCRIPTS / "run-in", self.program, f"{pod['status']['podIP']}:3501", method, "appId=worker",
             "targetPending=100"], text=True, capture_output=True, timeout=30, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        return json.loads(done.stdout)

    def follow(self) -> int:
        """One round of KEDA's loop; returns the replicas it wants."""
        replicas = 0
        if self.ask("IsActive"):
            pending = self.ask("GetMetrics")["float"]  # type: ignore[index]
            replicas = min(2, max(1, -(-int(pending) // 100)))
        self.shared.cluster.kubectl("-n", self.shared.namespace, "scale", "deploy/worker",
                                    f"--replicas={replicas}")
        return replicas


def test_a_keda_scaler_scales(cluster: Cluster) -> None:
    space = "keda-zero"
    shared = release(cluster, space)
    scaler = Scaler(shared)
    assert scaler.follow() == 0
    publish(shared, 0, 1000)
    kill_runtime(shared)
    wait(lambda: scaler.follow() == 2, 20, "the scaler asks for two")
    wait(lambda: all_of(1000) <= handled(cluster, space), 60, "every message is handled")
    print(f"first delivery after {check_first_delivery(reports(cluster, space)):.2f} s")
    wait(lambda: scaler.follow() == 0, 30, "the scaler goes back to zero")
    assert shared.restarts() == 0
    cluster.kubectl("delete", "namespace", space, "--wait=false")
