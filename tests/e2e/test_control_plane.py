"""The control plane goes and comes back under load, and components come, change and go, while no call fails
that does not need them."""

import contextlib
import json
from collections.abc import Iterator

import pytest
from kit import apps
from kit.cluster import Cluster, wait
from kit.network import Answer, Load, request
from kit.release import Release

CLUSTER = "plane"
SPACE = "plane"
PARTS = ["deploy/dapr-operator", "deploy/dapr-sentry", "sts/dapr-placement-server", "sts/dapr-scheduler-server"]


@pytest.fixture(scope="module")
def shared(cluster: Cluster) -> Iterator[Release]:
    """An instance `caller` and an instance `worker`, so that the load crosses between runtimes."""
    cluster.namespace(SPACE)
    cluster.apply(*apps.redis(), *apps.redis_components(SPACE), *apps.worker(topic="jobs"), namespace=SPACE)
    cluster.serves("redis", SPACE, 6379)
    worker = Release(cluster, SPACE, "worker", 8080, "deployment").install(ready=False)
    caller = Release(cluster, SPACE, "caller", 8080, "deployment", remote=f"worker.{SPACE}.svc.cluster.local")
    caller.install()
    worker.ready()
    cluster.rolled_out("deploy/worker", SPACE)
    wait(lambda: invoke(caller).status == 200, 30)
    yield caller


def invoke(shared: Release) -> Answer:
    return shared.call("POST", "/v1.0/invoke/worker/method/who", b"{}")


@contextlib.contextmanager
def constant_load(shared: Release) -> Iterator[list[Load]]:
    """Invocations of the other instance, state, and publishing; none may fail."""
    cluster, headers = shared.cluster, {**shared.headers(), "content-type": "application/json"}
    address = cluster.address(shared.service, SPACE)

    def calls(method: str, path: str, body: bytes) -> Load:
        return Load(cluster.networks[1], lambda: request(address, 3500, method, path, body, headers), 2, 0.02)

    loads = [
        calls("POST", "/v1.0/invoke/worker/method/who", b"{}"),
        calls("POST", "/v1.0/state/statestore", json.dumps([{"key": "k", "value": 1}]).encode()),
        calls("POST", "/v1.0/publish/pubsub/jobs", b'{"id":"x"}'),
    ]
    with contextlib.ExitStack() as stack:
        for load in loads:
            stack.enter_context(load)
        wait(lambda: all(load.calls > 20 for load in loads))
        yield loads
        done = [load.calls for load in loads]
        wait(lambda: all(load.calls > before + 20 for load, before in zip(loads, done, strict=True)))
    for load in loads:
        assert not load.failures, load.failures[:5]


@pytest.mark.parametrize("part", PARTS)
def test_a_part_of_the_control_plane_is_away(cluster: Cluster, shared: Release, part: str) -> None:
    name = part.split("/")[1]
    replicas = cluster.json("-n", "dapr-system", "get", part)["spec"]["replicas"]
    with constant_load(shared) as loads:
        cluster.kubectl("-n", "dapr-system", "scale", part, "--replicas=0")
        cluster.gone("dapr-system", f"app={name}")
        done = loads[0].calls
        wait(lambda: loads[0].calls > done + 100, 30)
        cluster.kubectl("-n", "dapr-system", "scale", part, f"--replicas={replicas}")
        cluster.rolled_out(part, "dapr-system", 120)
    assert shared.restarts() == 0


def read(shared: Release, store: str) -> Answer:
    return shared.call("GET", f"/v1.0/state/{store}/where")


def test_a_component_is_applied_changed_and_deleted(cluster: Cluster, shared: Release) -> None:
    at = f"redis.{SPACE}.svc.cluster.local:6379"

    def extra(prefix: str) -> dict:
        return apps.component("extra", "state.redis", redisHost=at, redisPassword="", keyPrefix=prefix)

    assert read(shared, "extra").status == 400
    with constant_load(shared):
        cluster.apply(extra("one"), namespace=SPACE)
        wait(lambda: read(shared, "extra").status == 204, 30, "the new component is there")
        body = json.dumps([{"key": "where", "value": "one"}]).encode()
        assert shared.call("POST", "/v1.0/state/extra", body).status == 204
        assert read(shared, "extra").body == b'"one"'
        cluster.apply(extra("two"), namespace=SPACE)
        wait(lambda: read(shared, "extra").status == 204, 30, "the component follows its change")
        cluster.apply(extra("one"), namespace=SPACE)
        wait(lambda: read(shared, "extra").body == b'"one"', 30, "and changes back")
        cluster.kubectl("-n", SPACE, "delete", "component", "extra")
        wait(lambda: read(shared, "extra").status == 400, 30, "the component is gone")
    assert shared.restarts() == 0
