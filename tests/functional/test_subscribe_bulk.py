"""Bulk subscriptions: batches in one call, settled entry by entry."""

import contextlib
import json
from collections.abc import Iterator
from typing import Any

import pytest

pytest.importorskip("yaml")
from harness.brokers import Brokers, compiled_in, unique  # noqa: E402
from harness.daprd import Daprd  # noqa: E402
from harness.poll import wait_for  # noqa: E402
from harness.subscriber import (  # noqa: E402
    IN_MEMORY,
    Event,
    GrpcSubscriber,
    HttpSubscriber,
    publish,
    subscription,
)

BULK = {"enabled": True, "maxMessagesCount": 10, "maxAwaitDurationMs": 300}


def bulk_daprd(app: Any, bulk: dict[str, Any] | None = None, **spec: Any) -> Daprd:
    return Daprd(
        "app",
        app=app,
        resources={
            "ps.yaml": IN_MEMORY,
            "s.yaml": subscription(bulkSubscribe=bulk or BULK, **{"deadLetterTopic": "dead", **spec}),
            "d.yaml": subscription("dead", "/dead"),
        },
    )


def entries(event: Event) -> list[dict[str, Any]]:
    return event.json.get("entries", [])


def numbers(app: HttpSubscriber, path: str = "/orders") -> list[Any]:
    return [
        entry["event"]["data"] for event in app.events if event.path == path for entry in entries(event)
    ]


def statuses(event: Event, of: dict[str, str]) -> dict[str, Any]:
    return {
        "statuses": [
            {"entryId": entry["entryId"], "status": of.get(str(entry["event"]["data"]), "SUCCESS")}
            for entry in entries(event)
        ]
    }


@pytest.fixture
def subscriber() -> Iterator[HttpSubscriber]:
    app = HttpSubscriber()
    app.answer = lambda event: statuses(event, {}) if event.path != "/dead" else None
    with app:
        yield app


@pytest.fixture(scope="module")
def brokers() -> Iterator[Brokers]:
    with Brokers() as all_brokers:
        yield all_brokers


def subscribed(daprd: Daprd) -> None:
    wait_for(lambda: len(daprd.get("/v1.0/metadata").json()["subscriptions"]) == 2)


def test_envelope(subscriber: HttpSubscriber) -> None:
    with bulk_daprd(subscriber) as daprd:
        subscribed(daprd)
        for number in range(3):
            publish(daprd, number)
        wait_for(lambda: numbers(subscriber) == [0, 1, 2])
        first = subscriber.events[0]
        assert first.header("content-type") == "application/json"
        assert first.header("pubsubname") == "ps"
        envelope = first.json
        assert list(envelope) == ["entries", "id", "metadata", "pubsubname", "topic", "type"]
        assert envelope["type"] == "com.dapr.event.sent.bulk"
        assert envelope["metadata"] == {"pubsubName": "ps"} and envelope["topic"] == "orders"
        entry = envelope["entries"][0]
        assert list(entry) == ["entryId", "event", "metadata", "contentType"]
        assert entry["event"]["type"] == "com.dapr.event.sent"
        metrics = daprd.metrics()
        assert metrics.total("dapr_component_pubsub_ingress_bulk_event_count", process_status="success") == 3


def test_entries_are_settled_alone(subscriber: HttpSubscriber) -> None:
    subscriber.answer = lambda event: (
        statuses(event, {"1": "DROP", "2": "RETRY", "3": "NONSENSE", "4": ""}) if event.path != "/dead" else None
    )
    with bulk_daprd(subscriber) as daprd:
        subscribed(daprd)
        for number in range(6):
            publish(daprd, number)
        wait_for(lambda: len(numbers(subscriber)) == 6)
        wait_for(lambda: sorted(subscriber.values("/dead")) == [1, 2, 3, 4])


@pytest.mark.parametrize(
    ("answer", "dead"),
    [
        ("no json", True),
        ({}, True),
        ({"statuses": "x"}, True),
        ({"statuses": [{"entryId": "99", "status": "SUCCESS"}]}, True),
        (500, True),
        (404, False),
    ],
)
def test_answers_for_all(subscriber: HttpSubscriber, answer: Any, dead: bool) -> None:
    subscriber.answer = lambda event: answer if event.path != "/dead" else None
    with bulk_daprd(subscriber) as daprd:
        subscribed(daprd)
        publish(daprd, 1)
        if dead:
            wait_for(lambda: subscriber.values("/dead") == [1])
        else:
            publish(daprd, 2)
            wait_for(lambda: numbers(subscriber) == [1, 2])
            assert not subscriber.values("/dead")


def test_one_call_for_each_route(subscriber: HttpSubscriber) -> None:
    routes = {
        "rules": [
            {"match": "event.data.n > 10", "path": "/many"},
            {"match": "event.data.n < 5", "path": "/few"},
        ]
    }
    with bulk_daprd(subscriber, path=None, routes=routes) as daprd:
        subscribed(daprd)
        for number in (1, 11, 2, 12, 7):
            publish(daprd, {"n": number})
        wait_for(lambda: [v["n"] for v in numbers(subscriber, "/many")] == [11, 12])
        wait_for(lambda: [v["n"] for v in numbers(subscriber, "/few")] == [1, 2])
        wait_for(lambda: subscriber.values("/dead") == [{"n": 7}])


def test_raw_entries(subscriber: HttpSubscriber) -> None:
    subscriber.answer = lambda event: {
        "statuses": [{"entryId": entry["entryId"], "status": "SUCCESS"} for entry in entries(event)]
    }
    with bulk_daprd(subscriber, metadata={"rawPayload": "true"}) as daprd:
        subscribed(daprd)
        publish(daprd, b"\x00\xff", query="?metadata.rawPayload=true")
        wait_for(lambda: subscriber.events)
        entry = entries(subscriber.events[0])[0]
        assert entry["event"] == "AP8=" and entry["contentType"] == "application/octet-stream"


def test_batch_is_held_while_the_app_is_away() -> None:
    app = HttpSubscriber()
    app.answer = lambda event: statuses(event, {}) if event.path != "/dead" else None
    with bulk_daprd(app) as daprd:
        subscribed(daprd)
        for number in range(5):
            publish(daprd, number)
        with app:
            wait_for(lambda: numbers(app) == [0, 1, 2, 3, 4])
        assert not app.values("/dead")


def test_grpc_app() -> None:
    app = GrpcSubscriber()
    app.bulk_answer = lambda request: {
        entry.entry_id: 2 if json.loads(entry.cloud_event.data) == 1 else 0 for entry in request.entries
    }
    with app, bulk_daprd(app) as daprd:
        subscribed(daprd)
        for number in range(3):
            publish(daprd, number)
        wait_for(lambda: sum(len(request.entries) for request in app.bulks) == 3)
        wait_for(lambda: [event.body for event in app.events if event.path == "/dead"] == [b"1"])
        request = app.bulks[0]
        assert request.path == "/orders" and request.topic == "orders" and request.pubsub_name == "ps"
        assert request.type == "com.dapr.event.sent.bulk"
        entry = request.entries[0]
        assert entry.cloud_event.type == "com.dapr.event.sent" and entry.content_type == ""
        assert entry.cloud_event.extensions["topic"] == "orders"


# The brokers for which the runtime makes the batches. Mosquitto hands out no more than 20 at once.
FULL = [
    (name, bulk)
    for name in compiled_in()
    for bulk in ({"maxMessagesCount": 10}, {})
    if name in ("redis", "rabbitmq") or name == "mqtt3" and bulk
]


@pytest.mark.parametrize("name, bulk", FULL, ids=lambda value: value if isinstance(value, str) else str(len(value)))
def test_batches_are_full(
    brokers: Brokers, subscriber: HttpSubscriber, stack: contextlib.ExitStack, name: str, bulk: dict[str, int]
) -> None:
    """A batch goes when it is full, also one of the default size: its time is longer than the test."""
    size = bulk.get("maxMessagesCount", 100)
    topic = unique("batch")
    resources = {
        "ps.yaml": brokers[name].component(unique("g"), away=True),
        "s.yaml": subscription(
            topic, "/batch", bulkSubscribe={"enabled": True, "maxAwaitDurationMs": 60_000, **bulk}
        ),
    }
    daprd = stack.enter_context(Daprd(unique("app"), app=subscriber, resources=resources))
    wait_for(lambda: len(daprd.get("/v1.0/metadata").json()["subscriptions"]) == 1)
    wait_for(lambda: daprd.metrics().total("dapr_shared_paused_subscriptions") == 0)
    for number in range(2 * size):
        publish(daprd, number, topic)
    wait_for(lambda: len(subscriber.events) == 2, 10, f"{2 * size} messages in two calls")
    assert [len(entries(event)) for event in subscriber.events] == [size, size]
    assert sorted(numbers(subscriber, "/batch")) == list(range(2 * size))
