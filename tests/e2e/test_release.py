"""Releases: two of one name, an upgrade from the public chart's values, a rollback, an uninstall that leaves
nothing; and the discovery cache in the release's own ConfigMap."""

import json

from kit import apps
from kit.cluster import Cluster, wait
from kit.release import IMAGE, Release
from test_scale import handled, kill_runtime, publish

CLUSTER = "shared"

# As somebody has it for the public chart 1.16: its own addresses and ports, an init container's token.
PUBLIC_VALUES = {
    "shared": {
        "appId": "worker", "remotePort": 8080, "strategy": "deployment",
        "deployment": {"replicas": 1},
        "log": {"level": "info", "json": True},
        "scheduler": {"address": "dapr-scheduler-server-0.dapr-scheduler-server.dapr-system.svc.cluster.local:50006"},
        "controlPlane": {
            "namespace": "dapr-system", "trustDomain": "cluster.local",
            "operator": {"address": "dapr-api.dapr-system.svc.cluster.local", "port": 80},
            "placementServer": {"address": "dapr-placement-server.dapr-system.svc.cluster.local", "port": 50005},
            "sentry": {"address": "dapr-sentry.dapr-system.svc.cluster.local", "port": 80},
        },
        "initContainer": {"image": {"registry": "docker.io/daprio", "name": "dapr-shared", "tag": "0.0.15"}},
        "daprd": {
            "serviceAccountIdentityToken": {"audience": "spiffe://cluster.local/ns/dapr-system/dapr-sentry"},
            "app": {"protocol": "http"}, "httpPort": 3500, "grpcPort": 50001, "internalGrpcPort": 50002,
            "publicPort": 3501, "gracefulShutdownSeconds": -1, "listenAddresses": "0.0.0.0", "config": "",
            "image": dict(IMAGE), "metrics": {"enabled": True, "port": 9090}, "mtls": {"enabled": True},
            "apiLogging": {"enabled": True}, "appHealth": {"enabled": False},
        },
    },
}


def who(shared: Release) -> dict:
    answer = shared.call("GET", "/v1.0/invoke/worker/method/who")
    assert answer.status == 200, answer
    return json.loads(answer.body)


def listing(cluster: Cluster, *namespaces: str) -> set[str]:
    """Every object of the namespaces and every object of the cluster, but for what comes and goes by itself."""
    found = set()
    for flag, spaces in (("true", namespaces), ("false", ("default",))):
        kinds = cluster.kubectl("api-resources", "--verbs=list", f"--namespaced={flag}", "-o", "name").split()
        kinds = [kind for kind in kinds if not kind.startswith(("events", "leases", "namespaces"))]
        for space in spaces:
            names = cluster.kubectl("-n", space, "get", ",".join(kinds), "-o", "name", "--ignore-not-found")
            found |= {f"{space}/{name}" for name in names.split()}
    return found


def test_two_releases_of_one_name_and_nothing_left(cluster: Cluster) -> None:
    spaces = [cluster.namespace("twin-a"), cluster.namespace("twin-b")]
    for space in spaces:
        cluster.apply(*apps.worker(), namespace=space)
        cluster.rolled_out("deploy/worker", space)
    watched = (*spaces, "dapr-system")
    before = listing(cluster, *watched)
    twins = [Release(cluster, space, "worker", 8080, "deployment", name="twin").install(ready=False)
             for space in spaces]
    for twin in twins:
        twin.ready()
        wait(lambda twin=twin: who(twin), 30)
    assert "Phase:          Succeeded" in cluster.helm("test", "twin", "-n", spaces[0], "--timeout", "60s")
    # Its pod is gone with it; and it fails where no instance can be used.
    assert not cluster.kubectl("-n", spaces[0], "get", "pods", "-o", "name").count("-test")
    cluster.kubectl("-n", spaces[0], "scale", twins[0].workload(), "--replicas=0")
    cluster.gone(spaces[0], "app.kubernetes.io/instance=twin")
    assert "Error" in cluster.helm("test", "twin", "-n", spaces[0], "--timeout", "5s", check=False)
    assert listing(cluster, *watched) != before
    cluster.helm("uninstall", "twin", "-n", spaces[0], "--wait")
    assert wait(lambda: who(twins[1]), 10), "the other release is untouched"
    cluster.helm("uninstall", "twin", "-n", spaces[1], "--wait")
    wait(lambda: listing(cluster, *watched) == before, 40, "nothing is left")
    for space in spaces:
        cluster.kubectl("delete", "namespace", space, "--wait=false")


def test_values_of_the_public_chart_then_rollback(cluster: Cluster) -> None:
    space = cluster.namespace("moved")
    cluster.apply(*apps.worker(), namespace=space)
    shared = Release(cluster, space, "worker", 8080, "deployment", name="moved", values=PUBLIC_VALUES).install()
    wait(lambda: who(shared), 30)
    # Now with a token of its own; the pods follow.
    shared.install(shared={"daprd": {"generateToken": True}})
    token = shared.token()
    assert token
    wait(lambda: cluster.call(shared.service, space, 3500, "GET", "/v1.0/metadata").status == 401, 30,
         "calls without the token are refused")
    wait(lambda: who(shared), 30)
    # An upgrade that changes nothing keeps the token and the pods.
    pods = {pod["metadata"]["uid"] for pod in shared.pods()}
    shared.install()
    assert shared.token() == token and {pod["metadata"]["uid"] for pod in shared.pods()} == pods
    cluster.helm("rollback", "moved", "1", "-n", space, "--wait")
    wait(lambda: cluster.call(shared.service, space, 3500, "GET", "/v1.0/metadata").status == 200, 60,
         "the first revision asks for no token")
    assert shared.restarts() == 0
    cluster.kubectl("delete", "namespace", space, "--wait=false")


def test_the_discovery_cache_is_a_configmap_of_the_release(cluster: Cluster) -> None:
    space = cluster.namespace("cached")
    cluster.apply(*apps.redis(), *apps.redis_components(space), *apps.worker(topic="jobs"), namespace=space)
    cluster.serves("redis", space, 6379)
    shared = Release(cluster, space, "worker", 8080, "deployment").install()
    cluster.rolled_out("deploy/worker", space)
    name = f"{shared.workload().split('/')[1]}-discovery"
    wait(lambda: cluster.json("-n", space, "get", "cm", name).get("data"), 30,
         "what the application wants is remembered")
    cluster.kubectl("-n", space, "scale", "deploy/worker", "--replicas=0")
    cluster.gone(space, "app=worker")
    kill_runtime(shared)
    publish(shared, 0, 50)
    cluster.kubectl("-n", space, "scale", "deploy/worker", "--replicas=1")
    wait(lambda: len(handled(cluster, space)) == 50, 30, "the new instance knew what to subscribe to")
    # Nobody but the release may write it.
    account = shared.pods()[0]["spec"]["serviceAccountName"]

    def may(verb: str, what: str, who: str) -> str:
        return cluster.kubectl("-n", space, "auth", "can-i", verb, what,
                               f"--as=system:serviceaccount:{space}:{who}", check=False).split()[0]

    assert may("patch", f"configmap/{name}", account) == "yes"
    assert may("patch", "configmap/other", account) == may("delete", f"configmap/{name}", account) == "no"
    assert may("patch", f"configmap/{name}", "default") == "no"
    other = Release(cluster, space, "other", 0, "deployment", values={"shared": {"remoteURL": ""}}).install(ready=False)
    [account] = {pod["spec"]["serviceAccountName"] for pod in wait(other.pods, 30)}
    for verb in ("get", "patch", "delete"):
        assert may(verb, f"configmap/{name}", account) == "no", verb
    assert may("patch", "configmap/other-dapr-shared-chart-discovery", account) == "yes"
    cluster.kubectl("delete", "namespace", space, "--wait=false")
