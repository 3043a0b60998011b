"""Resiliency resources: timeouts, retries and circuit breakers of invocations, components and
deliveries. One process with an app-id for every policy."""

import contextlib
import time
from collections.abc import Iterator
from typing import Any

import pytest

import grpc
from harness import protos, rawhttp
from harness.daprd import Daprd
from harness.grpc_app import EchoStub, GrpcApp
from harness.http_app import HttpApp
from harness.poll import wait_for
from harness.redis_server import RedisServer
from harness.shared import Shared
from harness.subscriber import IN_MEMORY, PUBSUB, HttpSubscriber, publish, subscription
from harness.yamls import document

SPEC = {
    "policies": {
        "timeouts": {"short": "150ms", "long": "30s"},
        "retries": {
            "two": {"policy": "constant", "duration": "5ms", "maxRetries": 2},
            "some": {
                "duration": 5,
                "maxRetries": 2,
                "matching": {"httpStatusCodes": "429,500-599", "gRPCStatusCodes": "5,14"},
            },
        },
        "circuitBreakers": {"careful": {"maxRequests": 1, "timeout": "300ms", "trip": "consecutiveFailures >= 2"}},
    },
    "targets": {
        "apps": {
            "flaky": {"retry": "two", "timeout": "long"},
            "matched": {"retry": "some"},
            "slow": {"timeout": "short"},
            "broken": {"circuitBreaker": "careful"},
            "rpc": {"retry": "some"},
        },
        "components": {PUBSUB: {"inbound": {"retry": "two"}}},
    },
}


def resiliency(spec: dict[str, Any], name: str = "rules", **more: Any) -> str:
    return document("Resiliency", {"name": name}, spec, **more)


class World(Shared):
    def __init__(self, stack: contextlib.ExitStack):
        self.front = stack.enter_context(HttpApp(name="front"))
        self.back = stack.enter_context(HttpSubscriber())
        self.rpc = stack.enter_context(GrpcApp())
        self.listener = stack.enter_context(HttpSubscriber())
        targets = ("flaky", "matched", "slow", "broken", "other")
        super().__init__(
            stack,
            {
                "front": {"app": self.front},
                "rpc": {"app": self.rpc},
                "listener": {"app": self.listener},
                **{name: {"app": self.back} for name in targets},
            },
            resources={
                "r.yaml": resiliency(SPEC),
                "wrong.yaml": resiliency({"policies": {"timeouts": {"t": "never"}}}, "wrong"),
                "ps.yaml": IN_MEMORY,
                "s.yaml": subscription(scopes=["listener"], deadLetterTopic="dead"),
                "d.yaml": subscription("dead", "/dead", scopes=["listener"]),
            },
        )

    def answers(self, *statuses: Any) -> None:
        """What the app says, in turn; the last one again and again."""
        self.back.events.clear()
        self.back.answer = lambda event: statuses[min(len(self.back.events), len(statuses)) - 1]

    def call(self, app: str, method: str = "POST", path: str = "m", body: str = "hello") -> rawhttp.Response:
        return self.request("front", method, f"/v1.0/invoke/{app}/method/{path}", None, body)

    def publish(self, value: Any) -> None:
        sent = {"Content-Type": "application/json"}
        answer = self.request("listener", "POST", f"/v1.0/publish/{PUBSUB}/orders", sent, f'"{value}"')
        assert answer.status == 204, answer

    def count(self, family: str, /, **labels: str) -> float:
        return self.daprd.metrics().total(f"dapr_resiliency_{family}", **labels)


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    with contextlib.ExitStack() as stack:
        yield World(stack)


# Service invocation.
def test_failed_answers_are_tried_again(world: World) -> None:
    world.answers(503, 404, 200)
    before = world.count("activations_total", app_id="front", policy="retry", target="app_flaky")
    assert world.call("flaky").status == 200
    assert [event.body for event in world.back.events] == [b"hello"] * 3
    after = world.count("activations_total", app_id="front", policy="retry", target="app_flaky")
    assert after - before == 1, "once a call, however often it is tried"
    assert world.count("count", app_id="front", policy="retry", target="app_flaky") >= 1


def test_the_last_answer_is_passed_on(world: World) -> None:
    world.answers((500, b"first"), (500, b"second"), (502, b"third"))
    answer = world.call("flaky")
    assert (answer.status, answer.body) == (502, b"third")
    assert answer.header("content-type") == "application/json"


def test_an_app_may_try_itself_again(world: World) -> None:
    world.answers(500, 200)
    answer = world.request("flaky", "GET", "/v1.0/invoke/flaky/method/self")
    assert answer.status == 200 and len(world.back.events) == 2


def test_only_codes_that_match(world: World) -> None:
    for status, attempts in ((404, 1), (429, 3), (503, 3), (302, 1)):
        world.answers(status)
        assert world.call("matched").status == status
        assert len(world.back.events) == attempts, status


def test_a_streamed_body_is_sent_once(world: World) -> None:
    world.answers(500)
    head = b"POST /v1.0/invoke/flaky/method/m HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
    with rawhttp.Connection("127.0.0.1", world.ports["front"]["http"]) as connection:
        connection.send(head + b"2\r\nhi\r\n")
        wait_for(lambda: len(world.back.events) <= 1)
        connection.send(b"0\r\n\r\n")
        assert connection.read_response("POST").status == 500
    assert len(world.back.events) == 1


def test_apps_without_a_policy_are_called_once(world: World) -> None:
    world.answers(503)
    assert world.call("other").status == 503 and len(world.back.events) == 1


def test_timeout(world: World) -> None:
    world.answers(200)
    world.back.hold = "never"
    try:
        started = time.monotonic()
        answer = world.call("slow")
        assert time.monotonic() - started < 5
    finally:
        world.back.hold = None
    assert answer.status == 500
    assert answer.json() == {
        "errorCode": "ERR_DIRECT_INVOKE",
        "message": "failed to invoke, id: slow, err: context deadline exceeded",
    }
    assert world.count("activations_total", app_id="front", policy="timeout", target="app_slow") == 1
    assert world.call("slow").status == 200


def test_circuit_breaker(world: World) -> None:
    def state(name: str) -> bool:
        return world.count("cb_state", app_id="front", target="app_broken", status=name) == 1

    world.answers(500)
    assert [world.call("broken").status for _ in range(2)] == [500, 500]
    refused = world.call("broken")
    assert refused.status == 500
    assert refused.json()["message"] == "failed to invoke, id: broken, err: circuit breaker is open"
    assert len(world.back.events) == 2 and state("open")
    assert world.call("matched").status == 500, "the breaker is of the one app"
    world.answers(200)
    wait_for(lambda: world.call("broken").status == 200, 5, "half open, then closed")
    assert world.call("broken").status == 200 and state("closed")
    changes = {"open", "half-open", "closed"}
    for status in changes:
        assert world.count("activations_total", target="app_broken", policy="circuitbreaker", status=status) == 1


def test_invoke_service_over_grpc(world: World) -> None:
    request = protos.runtime.InvokeServiceRequest(id="flaky")
    request.message.method = "m"
    request.message.http_extension.verb = 3
    with world.channel("front") as channel:
        stub = world.daprd.dapr(channel)
        world.answers(500, 404, 200)
        stub.InvokeService(request)
        assert len(world.back.events) == 3
        world.answers(404)
        with pytest.raises(grpc.RpcError) as failure:
            stub.InvokeService(request)
        assert failure.value.code() == grpc.StatusCode.NOT_FOUND and len(world.back.events) == 3


def test_calls_passed_through(world: World) -> None:
    with world.channel("front") as channel:
        stub = EchoStub(channel)
        world.rpc.calls.clear()
        assert stub.Unary(b"x", metadata=(("dapr-app-id", "rpc"),)) == b"x"
        assert len(world.rpc.calls) == 1
        for code, attempts in ((b"14", 3), (b"13", 1)):
            world.rpc.calls.clear()
            with pytest.raises(grpc.RpcError) as failure:
                channel.unary_unary("/test.Echo/Fail")(code, metadata=(("dapr-app-id", "rpc"),))
            assert failure.value.code().value[0] == int(code)
            assert len(world.rpc.calls) == attempts
        assert list(stub.Bidi(iter([b"1"]), metadata=(("dapr-app-id", "rpc"),))) == [b"echo 1"]


# Deliveries.
def test_deliveries_are_tried_again(world: World) -> None:
    world.listener.events.clear()
    said = iter([500, {"status": "RETRY"}])
    world.listener.answer = lambda event: next(said, None)
    world.publish("again")
    world.listener.wait_values(["again"] * 3)


def test_then_they_are_dead_letters(world: World) -> None:
    world.listener.events.clear()
    world.listener.answer = lambda event: 500 if event.path == "/orders" else None
    world.publish("bad")
    wait_for(lambda: "bad" in world.listener.values("/dead"))
    assert world.listener.values("/orders") == ["bad"] * 3


def test_dropped_events_are_not_tried_again(world: World) -> None:
    world.listener.events.clear()
    world.listener.answer = lambda event: {"status": "DROP"} if event.path == "/orders" else None
    world.publish("dropped")
    wait_for(lambda: "dropped" in world.listener.values("/dead"))
    assert world.listener.values("/orders") == ["dropped"]


def test_an_app_that_is_away_spends_nothing(world: World) -> None:
    world.listener.events.clear()
    world.listener.answer = lambda event: None
    before = world.count("activations_total", app_id="listener", policy="retry")
    world.listener.stop()
    for number in range(5):
        world.publish(f"held {number}")
    time.sleep(0.3)  # far more than the policy's two retries take
    world.listener.start()
    wait_for(lambda: len(world.listener.values("/orders")) >= 5)
    assert sorted(world.listener.values("/orders")) == [f"held {number}" for number in range(5)]
    assert not world.listener.values("/dead")
    assert world.count("activations_total", app_id="listener", policy="retry") == before


# The resources.
def test_what_is_in_use(world: World) -> None:
    metadata = world.request("front", "GET", "/v1.0/metadata").json()
    assert metadata["resiliencies"] == [{"name": "rules"}]
    assert world.count("loaded", app_id="front", name="rules") == 1
    assert world.count("loaded", name="wrong") == 0
    wrong = world.daprd.logged("Resiliency wrong", app_id="front")
    assert len(wrong) == 1 and wrong[0]["level"] == "error" and "spec.policies.timeouts.t" in wrong[0]["msg"]


def test_components_and_reload() -> None:
    """A store that does not answer: the policy's time, and other policies without a restart."""
    with RedisServer() as redis:
        store = document(
            "Component",
            {"name": "store"},
            {"type": "state.redis", "version": "v1", "metadata": [{"name": "redisHost", "value": redis.address}]},
        )
        spec = {
            "policies": {"timeouts": {"DefaultStatestoreComponentOutboundTimeoutPolicy": "100ms"}},
        }
        files = {"store.yaml": store, "r.yaml": resiliency(spec)}
        with Daprd("app", resources=files) as daprd:
            saved = daprd.post("/v1.0/state/store", [{"key": "k", "value": 1}])
            assert saved.status == 204
            redis.pause()
            try:
                failed = daprd.get("/v1.0/state/store/k")
            finally:
                redis.resume()
            assert failed.status == 500 and "context deadline exceeded" in failed.json()["message"]
            seen = daprd.metrics()
            assert seen.total("dapr_resiliency_activations_total", policy="timeout", target="Statestore_store") == 1
            wait_for(lambda: daprd.get("/v1.0/state/store/k").body == b"1")
            daprd._write("resources", {"r.yaml": resiliency({"policies": {}}, "other")})
            wait_for(lambda: daprd.get("/v1.0/metadata").json()["resiliencies"] == [{"name": "other"}])
            before = daprd.metrics().total("dapr_resiliency_count")
            assert daprd.get("/v1.0/state/store/k").body == b"1"
            assert daprd.metrics().total("dapr_resiliency_count") == before


def test_publishing_under_a_policy() -> None:
    spec = {
        "policies": {"timeouts": {"t": "5s"}, "retries": {"r": {"maxRetries": 1, "duration": "1ms"}}},
        "targets": {"components": {PUBSUB: {"outbound": {"timeout": "t", "retry": "r"}}}},
    }
    files = {"ps.yaml": IN_MEMORY, "s.yaml": subscription(), "r.yaml": resiliency(spec)}
    with HttpSubscriber() as app, Daprd("app", app=app, resources=files) as daprd:
        publish(daprd, 1)
        app.wait_values([1])
        assert daprd.metrics().total("dapr_resiliency_count", target=f"Pubsub_{PUBSUB}", policy="retry") == 1
