"""Subscriptions of gRPC apps."""

from typing import Any

import pytest

import grpc
from harness import protos
from harness.daprd import Daprd
from harness.poll import wait_for
from harness.subscriber import IN_MEMORY, GrpcSubscriber, publish, subscription

Status = grpc.StatusCode


def wanted(topic: str, **fields: Any) -> Any:
    return protos.runtime.TopicSubscription(pubsub_name="ps", topic=topic, **fields)


def daprd_with(app: GrpcSubscriber, *documents: str, **more: Any) -> Daprd:
    resources = {"ps.yaml": IN_MEMORY}
    for number, text in enumerate(documents):
        resources[f"s{number}.yaml"] = text
    return Daprd("app", app=app, resources=resources, **more)


def subscribed(daprd: Daprd, *topics: str) -> None:
    def listed() -> bool:
        entries = daprd.get("/v1.0/metadata").json().get("subscriptions", [])
        return {entry["topic"] for entry in entries} >= set(topics)

    wait_for(listed, 10, f"subscribed to {topics}")


def test_event_as_the_app_sees_it() -> None:
    app = GrpcSubscriber()
    app.subscriptions = [wanted("orders", routes={"default": "/orders"}), wanted("plain")]
    with app, daprd_with(app) as daprd:
        subscribed(daprd, "orders", "plain")
        parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
        publish(daprd, {"b": 1, "a": "x"}, traceparent=parent)
        wait_for(lambda: app.events)
        event = app.events[0].message
        assert event.data == b'{"a":"x","b":1}' or event.data == b'{"b":1,"a":"x"}'
        assert (event.topic, event.pubsub_name, event.path) == ("orders", "ps", "/orders")
        assert event.type == "com.dapr.event.sent" and event.spec_version == "1.0"
        assert event.source == "app" and len(event.id) == 36
        assert event.data_content_type == "application/json"
        assert event.extensions["topic"] == "orders" and event.extensions["pubsubname"] == "ps"
        assert event.extensions["traceparent"].split("-")[1] == parent.split("-")[1]
        metadata = dict(app.events[0].headers)
        assert metadata["traceparent"].split("-")[1] == parent.split("-")[1]
        publish(daprd, "text", "plain", Content_Type="text/plain")
        wait_for(lambda: len(app.events) == 2)
        assert app.events[1].message.data == b"text" and app.events[1].path == ""


def test_a_server_that_stops_over_a_message_gets_it_again() -> None:
    app = GrpcSubscriber()
    app.subscriptions = [wanted("orders", dead_letter_topic="dead"), wanted("dead")]
    app.answer = lambda event: Status.CANCELLED if len(app.events) < 3 else 0
    with app, daprd_with(app) as daprd:
        subscribed(daprd, "orders", "dead")
        publish(daprd, 1)
        wait_for(lambda: len(app.events) == 3)
        publish(daprd, 2)
        wait_for(lambda: len(app.events) == 4)
        assert [event.message.topic for event in app.events] == ["orders"] * 4


def test_extensions_of_every_type() -> None:
    app = GrpcSubscriber()
    app.subscriptions = [wanted("orders")]
    body = (
        '{"specversion":"1.0","id":"7","source":"s","type":"t","datacontenttype":"application/octet-stream",'
        '"data_base64":"AP8=","n":1.5,"yes":true,"none":null,"list":[1,"a"],"map":{"k":{"deep":"v"}}}'
    )
    with app, daprd_with(app) as daprd:
        subscribed(daprd, "orders")
        publish(daprd, body, Content_Type="application/cloudevents+json")
        wait_for(lambda: app.events)
        event = app.events[0].message
        assert event.data == b"\x00\xff" and event.id == "7"
        assert event.extensions["n"] == 1.5 and event.extensions["yes"] is True
        assert event.extensions["none"] is None and list(event.extensions["list"]) == [1, "a"]
        assert event.extensions["map"]["k"]["deep"] == "v"
        assert "data_base64" not in event.extensions and "id" not in event.extensions


@pytest.mark.parametrize(
    ("answer", "dead"),
    [
        (0, False),
        (1, True),
        (2, True),
        (7, True),
        (Status.UNIMPLEMENTED, False),
        (Status.INTERNAL, True),
        (Status.NOT_FOUND, True),
    ],
)
def test_answers(answer: Any, dead: bool) -> None:
    app = GrpcSubscriber()
    app.answer = lambda event: answer if event.path == "/orders" else 0
    documents = [subscription(deadLetterTopic="dead"), subscription("dead", "/dead")]
    with app, daprd_with(app, *documents) as daprd:
        subscribed(daprd, "orders", "dead")
        publish(daprd, 1)
        if dead:
            wait_for(lambda: [event.path for event in app.events] == ["/orders", "/dead"])
        else:
            publish(daprd, 2)
            wait_for(lambda: [event.path for event in app.events] == ["/orders", "/orders"])


def test_app_comes_late_and_goes_and_comes() -> None:
    app = GrpcSubscriber()
    documents = [subscription(deadLetterTopic="dead"), subscription("dead", "/dead")]
    with daprd_with(app, *documents) as daprd:
        subscribed(daprd, "orders", "dead")
        for number in range(10):
            publish(daprd, number)
        app.start()
        wait_for(lambda: len(app.events) == 10)
        app.stop()
        for number in range(10, 20):
            publish(daprd, number)
        app.start()
        try:
            wait_for(lambda: len(app.events) >= 20)
            assert [event.body for event in app.events] == [b"%d" % n for n in range(20)]
        finally:
            app.stop()


def test_unavailable_is_an_activators_word() -> None:
    app = GrpcSubscriber()
    app.answer = lambda event: Status.UNAVAILABLE if len(app.events) < 3 else 0
    documents = [subscription(deadLetterTopic="dead"), subscription("dead", "/dead")]
    with app, daprd_with(app, *documents) as daprd:
        subscribed(daprd, "orders", "dead")
        publish(daprd, 1)
        wait_for(lambda: len(app.events) == 3)
        publish(daprd, 2)
        wait_for(lambda: len(app.events) == 4)
        assert [event.body for event in app.events] == [b"1", b"1", b"1", b"2"]
