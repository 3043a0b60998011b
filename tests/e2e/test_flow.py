"""The documentation's flow: a Node and a Python application, each with a shared instance of its own, state
and topics in Redis. The applications are told where their instance is by environment variables, use Dapr's
SDKs as they are and carry no annotation."""

import pytest
from kit import apps
from kit.cluster import Cluster, wait
from kit.release import Release

CLUSTER = "shared"
ORDERS = 20


@pytest.mark.parametrize("strategy", ["deployment", "daemonset"])
def test_node_and_python_through_two_instances(cluster: Cluster, strategy: str) -> None:
    space = cluster.namespace(f"flow-{strategy}")
    cluster.apply(*apps.redis(), *apps.redis_components(space), namespace=space)
    cluster.serves("redis", space, 6379)
    node = Release(cluster, space, "nodeapp", 3000, strategy).install(ready=False)
    python = Release(cluster, space, "pythonapp", 50051, strategy,
                     values={"shared": {"daprd": {"app": {"protocol": "grpc"}}}}).install(ready=False)
    node.ready()
    python.ready()
    assert len(node.pods()) == (2 if strategy == "daemonset" else 1)
    cluster.apply(
        *apps.program("nodeapp", "orders.js", port=3000, env=node.environment()),
        *apps.program("pythonapp", "orders.py", port=50051,
                      env={**python.environment(), "ORDERS": ORDERS}), namespace=space)

    def seen(app: str) -> set[str]:
        return set(cluster.logs(f"deploy/{app}", space).splitlines())

    wanted = {f"{what} {n}" for n in range(ORDERS) for what in ("invoked", "confirmed")}
    wanted |= {"id pythonapp", f"last {ORDERS - 1}", "state kept", "all ordered"}
    wait(lambda: wanted <= seen("pythonapp"), 60, "the Python application has ordered all")
    assert {f"{what} {n}" for n in range(ORDERS) for what in ("stored", "ordered")} <= seen("nodeapp")
    for app in ("nodeapp", "pythonapp"):
        [pod] = cluster.pods(space, f"app={app}")
        assert not pod["metadata"].get("annotations"), "the flow needs no annotation on the application"
        assert len(pod["spec"]["containers"]) == 1, "a sidecar was injected"
    assert node.restarts() == python.restarts() == 0
    cluster.kubectl("delete", "namespace", space, "--wait=false")
