"""The outbox: what a transaction stores is published, and only if the transaction has happened."""

import contextlib
import itertools
import json
import signal
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from harness.daprd import Daprd
from harness.poll import wait_for
from harness.redis_server import RedisServer
from harness.state_clients import MISSING, GrpcState, HttpState, StateError
from harness.state_stores import StateServers, store_component
from harness.subscriber import PUBSUB, HttpSubscriber, subscription
from harness.tcp_proxy import TcpProxy
from harness.yamls import component

TOPIC = "orders"
OUTBOX = {"outboxPublishPubsub": PUBSUB, "outboxPublishTopic": TOPIC}
INTERNAL = "defaultapporders" + "outbox"
STORES = ["memory", "sqlite", "redis", "postgresql-v1", "postgresql-v2"]
QUICK = {"processingTimeout": "500ms", "redeliverInterval": "300ms"}
_topics = itertools.count(1)


class Running:
    """An app that is told of what it stores, its runtime, and a client of each protocol."""

    def __init__(self, stack: contextlib.ExitStack, daprd: Daprd, app: HttpSubscriber, topic: str = TOPIC):
        self.daprd, self.app, self.topic = daprd, app, topic
        self.clients = {
            "http": HttpState(daprd, "store", stack),
            "grpc": GrpcState(daprd, "store", stack),
        }

    def events(self, key: Callable[[dict[str, Any]], Any] = lambda event: event["data"]) -> list[Any]:
        return [key(event.json) for event in self.app.events if event.json["topic"] == self.topic]


def resources(store: str, pubsub: str, topic: str = TOPIC) -> dict[str, str]:
    return {"store.yaml": store, "ps.yaml": pubsub, "sub.yaml": subscription(topic, "/orders")}


@pytest.fixture(scope="module", params=["in-memory", "redis"])
def broker(request: pytest.FixtureRequest, servers: StateServers) -> str:
    if request.param == "in-memory":
        return component(PUBSUB, "pubsub.in-memory")
    return component(PUBSUB, "pubsub.redis", {**servers.redis.metadata(), **QUICK})


@pytest.fixture(scope="module", params=STORES)
def running(request: pytest.FixtureRequest, servers: StateServers, broker: str) -> Iterator[Running]:
    topic = f"orders{next(_topics)}"
    store = servers.component(request.param, "store", **{**OUTBOX, "outboxPublishTopic": topic})
    with contextlib.ExitStack() as stack:
        app = stack.enter_context(HttpSubscriber())
        daprd = stack.enter_context(Daprd("app", app=app, resources=resources(store, broker, topic)))
        yield Running(stack, daprd, app, topic)


@pytest.mark.parametrize("protocol", ["http", "grpc"])
class TestEveryStore:
    @pytest.fixture(autouse=True)
    def _clean(self, running: Running, protocol: str) -> None:
        running.app.events.clear()
        self.client = running.clients[protocol]

    def test_stored_and_published(self, running: Running) -> None:
        self.client.save([{"key": "old", "value": 1}])
        self.client.transaction(
            [
                ("upsert", {"key": "a", "value": "text", "metadata": {"type": "created", "id": "no"}}),
                ("delete", {"key": "old"}),
                ("upsert", {"key": "b", "value": {"n": 1}, "metadata": {"contentType": "application/json"}}),
            ]
        )
        assert self.client.get("a")[0] == "text" and self.client.get("b")[0] == {"n": 1}
        assert self.client.get("old")[0] is MISSING
        wait_for(lambda: len(running.events()) == 2, 10, "two events")
        by_type = {event["type"]: event for event in running.events(lambda event: event)}
        # A text of gRPC is bytes, with the quotes that its JSON form has.
        assert by_type["created"]["data"] in ("text", '"text"')
        assert by_type["created"]["datacontenttype"] == "text/plain"
        event = by_type["com.dapr.event.sent"]
        assert event["data"] == {"n": 1} and event["datacontenttype"] == "application/json"
        assert event["contentType"] == "application/json"
        assert event["source"] == "app" and event["pubsubname"] == PUBSUB
        assert event["id"].startswith("outbox-") and by_type["created"]["id"].startswith("outbox-")

    def test_projection(self, running: Running) -> None:
        projected = {"key": "p", "value": 2, "metadata": {"outbox.projection": "true", "type": "other"}}
        stored = {"key": "p", "value": 1, "metadata": {"type": "mine"}}
        self.client.transaction([("upsert", stored), ("upsert", projected)])
        assert self.client.get("p")[0] == 1
        wait_for(lambda: running.events(lambda event: (event["type"], str(event["data"]))) == [("mine", "2")])

    def test_failed_transaction_publishes_nothing_and_holds_up_nothing(self, running: Running) -> None:
        self.client.save([{"key": "e", "value": 0}])
        with pytest.raises((StateError, AssertionError)):
            self.client.transaction([("upsert", {"key": "e", "value": "lost", "etag": "4711"})])
        self.client.transaction([("upsert", {"key": "e", "value": 1})])
        wait_for(lambda: [str(value) for value in running.events()] == ["1"])
        time.sleep(0.5)
        assert [str(value) for value in running.events()] == ["1"]
        assert self.client.get("e")[0] == 1

    def test_many(self, running: Running) -> None:
        for number in range(20):
            self.client.transaction([("upsert", {"key": "m", "value": number})])
        wait_for(lambda: len(running.events()) >= 20, 15, "20 events")
        assert sorted(int(value) for value in running.events()) == list(range(20))


def test_no_marker_is_left(servers: StateServers, stack: contextlib.ExitStack) -> None:
    redis = stack.enter_context(RedisServer())
    app = stack.enter_context(HttpSubscriber())
    store = store_component("redis", {**redis.metadata(), **OUTBOX}, "store")
    broker = component(PUBSUB, "pubsub.redis", {**redis.metadata(), **QUICK})
    daprd = stack.enter_context(Daprd("app", app=app, resources=resources(store, broker)))
    running = Running(stack, daprd, app)
    running.clients["http"].transaction([("upsert", {"key": str(n), "value": n}) for n in range(10)])
    wait_for(lambda: len(running.events()) == 10)
    wait_for(lambda: redis("KEYS", "outbox-*") == [])
    assert redis("XLEN", INTERNAL) == 10
    wait_for(lambda: redis("XPENDING", INTERNAL, "app")[0] == 0)
    assert len(redis("KEYS", "app||*")) == 10


@pytest.mark.parametrize(
    ("settings", "pubsub", "why"),
    [
        ({"outboxPublishPubsub": "none"}, {}, "none is not found"),
        ({"outboxPubsub": "none"}, {}, "none is not found"),
        ({}, {"publishingScopes": "app=other"}, "topic orders is not allowed for app id app"),
    ],
)
def test_what_cannot_be_published_does_not_happen(
    stack: contextlib.ExitStack, settings: dict[str, str], pubsub: dict[str, str], why: str
) -> None:
    app = stack.enter_context(HttpSubscriber())
    store = store_component("memory", {**OUTBOX, **settings}, "store")
    documents = resources(store, component(PUBSUB, "pubsub.in-memory", pubsub))
    running = Running(stack, stack.enter_context(Daprd("app", app=app, resources=documents)), app)
    body = {"operations": [{"operation": "upsert", "request": {"key": "k", "value": 1}}]}
    answer = running.daprd.request(
        "POST", "/v1.0/state/store/transaction", [("Content-Type", "application/json")], json.dumps(body)
    )
    assert (answer.status, answer.json()["errorCode"]) == (500, "ERR_PUBLISH_OUTBOX"), answer
    assert answer.json()["message"].startswith("error while publishing outbox message: ")
    assert why in answer.json()["message"]
    with pytest.raises(StateError) as raised:
        running.clients["grpc"].transaction([("upsert", {"key": "k", "value": 1})])
    assert raised.value.grpc == "INTERNAL"
    assert "DAPR_PUBSUB_OUTBOX" in [detail.get("reason") for detail in raised.value.details]
    assert running.clients["http"].get("k")[0] is MISSING
    # What tells nobody anything goes on.
    running.clients["grpc"].transaction([("delete", {"key": "k"})])


class TestKilled:
    """The runtime dies by SIGKILL; store and broker are Redis servers that go on."""

    @pytest.fixture(autouse=True)
    def _servers(self, stack: contextlib.ExitStack) -> None:
        self.stack = stack
        self.store = stack.enter_context(RedisServer())
        self.broker = stack.enter_context(RedisServer())
        self.app = stack.enter_context(HttpSubscriber())

    def start(self, target: str = "", **settings: str) -> Running:
        """`target`: where the events go, if not to the broker of the outbox itself."""
        place = {**self.broker.metadata(), **QUICK}
        fields = {**self.store.metadata(), **OUTBOX, "outboxPubsub": "internal", **settings}
        documents = resources(
            store_component("redis", fields, "store"),
            component(PUBSUB, "pubsub.redis", {**place, **({"redisHost": target} if target else {})}),
        )
        documents["internal.yaml"] = component("internal", "pubsub.redis", place)
        daprd = self.stack.enter_context(Daprd("app", app=self.app, resources=documents))
        self.stack.callback(daprd.kill)
        return Running(self.stack, daprd, self.app)

    def test_between_the_transaction_and_its_event(self) -> None:
        proxy = self.stack.enter_context(TcpProxy(self.broker.port))
        running = self.start(f"{proxy.host}:{proxy.port}")
        proxy.move_to(1)  # nothing listens there
        running.clients["http"].transaction([("upsert", {"key": "k", "value": "kept"})])
        wait_for(lambda: self.broker("XPENDING", INTERNAL, "app")[0] == 1)
        running.daprd.kill()
        assert len(self.store("KEYS", "outbox-*")) == 1 and not self.app.events
        proxy.move_to(self.broker.port)
        again = self.start(f"{proxy.host}:{proxy.port}")
        wait_for(lambda: again.events() == ["kept"], 30, "the event")
        wait_for(lambda: self.store("KEYS", "outbox-*") == [])

    def test_between_the_event_and_a_transaction_that_never_happens(self) -> None:
        running = self.start()
        self.store.signal(signal.SIGSTOP)
        caller = threading.Thread(target=self.try_to_store, args=(running,), daemon=True)
        caller.start()
        wait_for(lambda: self.broker("XLEN", INTERNAL) == 1)
        running.daprd.kill()
        self.store.kill()  # and forgets what it was sent
        self.store.start()
        caller.join(10)
        again = self.start(outboxDiscardWhenMissingState="true")
        wait_for(lambda: self.broker("XPENDING", INTERNAL, "app")[0] == 0, 40, "the message is settled")
        assert again.clients["http"].get("k")[0] is MISSING
        assert not self.app.events

    @staticmethod
    def try_to_store(running: Running) -> None:
        with contextlib.suppress(Exception):
            running.clients["http"].transaction([("upsert", {"key": "k", "value": "lost"})])

    def test_at_any_time(self) -> None:
        """Every row that is stored in the end has been told, and nothing else has."""
        keys = itertools.count()
        for _ in range(3):
            running = self.start()
            ended = threading.Event()

            def store(client: Any, over: threading.Event) -> None:
                with contextlib.suppress(Exception):
                    while not over.is_set():
                        key = str(next(keys))
                        client.transaction([("upsert", {"key": key, "value": key})])

            threads = [
                threading.Thread(target=store, args=(client, ended), daemon=True)
                for client in running.clients.values()
            ]
            for thread in threads:
                thread.start()
            time.sleep(0.7)
            running.daprd.kill()
            ended.set()
            for thread in threads:
                thread.join(10)
        self.start(outboxDiscardWhenMissingState="true")
        stored = {key.decode().removeprefix("app||") for key in self.store("KEYS", "app||*")}
        assert len(stored) > 50
        wait_for(lambda: stored <= self.told(), 60, "all that is stored is told")
        wait_for(lambda: self.store("KEYS", "outbox-*") == [], 30, "markers are gone")
        assert self.told() == stored

    def told(self) -> set[str]:
        return {str(event.json["data"]).strip('"') for event in self.app.events}
