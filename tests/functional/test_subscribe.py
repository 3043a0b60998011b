"""Subscriptions of HTTP apps: where they come from, what is delivered, what replies mean."""

import json
from typing import Any

import pytest

from harness.daprd import Daprd, run_once
from harness.poll import wait_for
from harness.subscriber import IN_MEMORY, HttpSubscriber, publish, subscription, wanted

DEAD = {"deadLetterTopic": "dead"}


def daprd_with(app: HttpSubscriber, *documents: str, **more: Any) -> Daprd:
    resources = {"ps.yaml": IN_MEMORY}
    for number, text in enumerate(documents):
        resources[f"s{number}.yaml"] = text
    return Daprd("app", app=app, resources=resources, **more)


def subscribed(daprd: Daprd, *topics: str) -> None:
    def listed() -> bool:
        entries = daprd.get("/v1.0/metadata").json().get("subscriptions", [])
        return {entry["topic"] for entry in entries} >= set(topics)

    wait_for(listed, 10, f"subscribed to {topics}")


@pytest.mark.parametrize("version", ["v1alpha1", "v2alpha1"])
def test_declared_subscription(version: str) -> None:
    with HttpSubscriber() as app, daprd_with(app, subscription(version=version)) as daprd:
        subscribed(daprd, "orders")
        publish(daprd, {"n": 1}, query="?metadata.partitionKey=k1")
        app.wait_values([{"n": 1}])
        event = app.events[0]
        assert event.path == "/orders"
        assert event.header("content-type") == "application/cloudevents+json"
        assert event.header("pubsubname") == "ps"
        assert event.json["topic"] == "orders" and event.json["pubsubname"] == "ps"
        assert event.header("dapr-api-token") is None


def test_programmatic_subscription() -> None:
    app = HttpSubscriber()
    app.subscriptions = [wanted(), wanted("other", "other-path"), wanted("none", None), {"topic": "x"}]
    with app, daprd_with(app) as daprd:
        subscribed(daprd, "orders", "other")
        publish(daprd, 1)
        publish(daprd, 2, "other")
        wait_for(lambda: len(app.events) == 2)
        assert {(event.path, event.data) for event in app.events} == {("/orders", 1), ("/other-path", 2)}
        entries = daprd.get("/v1.0/metadata").json()["subscriptions"]
        assert entries[0] == {
            "pubsubname": "ps",
            "topic": "orders",
            "rules": [{"path": "/orders"}],
            "deadLetterTopic": "",
            "type": "PROGRAMMATIC",
        }
        assert daprd.logged("app is subscribed to the following topics: [[orders other]] through pubsub=ps")
        assert daprd.logged("has no route and is left out")
        assert daprd.logged("has no pubsubname and is left out")


def test_which_of_two_subscriptions_counts() -> None:
    app = HttpSubscriber()
    app.subscriptions = [wanted("a", "/first"), wanted("a", "/last"), wanted("b", "/own")]
    with (
        app,
        daprd_with(
            app,
            subscription("b", "/declared", name="b1"),
            subscription("c", "/one", name="c1"),
            subscription("c", "/two", name="c2"),
        ) as daprd,
    ):
        subscribed(daprd, "a", "b", "c")
        for topic in ("a", "b", "c"):
            publish(daprd, topic, topic)
        wait_for(lambda: len(app.events) == 3)
        assert {event.path for event in app.events} == {"/last", "/own", "/one"}


def test_disable_init_endpoints_leaves_declared_ones() -> None:
    app = HttpSubscriber()
    app.subscriptions = [wanted("own", "/own")]
    flags = ["--disable-init-endpoints", "subscribe"]
    with app, daprd_with(app, subscription(), flags=flags) as daprd:
        subscribed(daprd, "orders")
        publish(daprd, 1)
        app.wait_values([1])
        assert [request.path for request in app.control] == ["/dapr/config"]


def test_scopes() -> None:
    allowed = json.loads(IN_MEMORY)
    allowed["spec"]["metadata"] = [{"name": "subscriptionScopes", "value": "app=orders"}]
    app = HttpSubscriber()
    app.subscriptions = [wanted(), wanted("secret", "/secret")]
    with app, Daprd("app", app=app, resources={"ps.yaml": json.dumps(allowed)}) as daprd:
        subscribed(daprd, "orders")
        publish(daprd, 1, "secret")
        publish(daprd, 2)
        app.wait_values([2])
        assert daprd.logged("does not allow app app to subscribe to topic")


@pytest.mark.parametrize(
    ("answer", "dead"),
    [
        (None, False),
        ({"status": "SUCCESS"}, False),
        ({"status": ""}, False),
        ({}, False),
        ((204, None), False),
        ((201, "no json"), False),
        ((200, "[1]"), False),
        ({"status": "RETRY"}, True),
        ({"status": "DROP"}, True),
        ({"status": "WHATEVER"}, True),
        (404, True),
        (400, True),
        (500, True),
        (302, True),
    ],
)
def test_replies_with_a_dead_letter_topic(answer: Any, dead: bool) -> None:
    app = HttpSubscriber()
    app.answer = lambda event: answer if event.path == "/orders" else None
    with app, daprd_with(app, subscription(**DEAD), subscription("dead", "/dead")) as daprd:
        subscribed(daprd, "orders", "dead")
        publish(daprd, {"n": 1})
        wait_for(lambda: app.values("/orders"))
        if dead:
            app.wait_values([{"n": 1}], path="/dead")
            first, last = app.events
            assert first.body == last.body  # the message as it was received
        else:
            publish(daprd, {"n": 2})
            app.wait_values([{"n": 1}, {"n": 2}], path="/orders")
            assert not app.values("/dead")


@pytest.mark.parametrize("answer", [{"status": "DROP"}, 404])
def test_dropped_without_a_dead_letter_topic(answer: Any) -> None:
    app = HttpSubscriber()
    app.answer = lambda event: answer if event.data == 1 else None
    with app, daprd_with(app, subscription()) as daprd:
        subscribed(daprd, "orders")
        for number in (1, 2):
            publish(daprd, number)
        app.wait_values([1, 2])


@pytest.mark.parametrize("answer", [{"status": "RETRY"}, 500])
def test_failed_without_a_dead_letter_topic_is_the_brokers(answer: Any) -> None:
    """The in-memory broker hands it over again, and keeps the order."""
    app = HttpSubscriber()
    app.answer = lambda event: answer if len(app.events) < 3 else None
    with app, daprd_with(app, subscription()) as daprd:
        subscribed(daprd, "orders")
        for number in (1, 2):
            publish(daprd, number)
        app.wait_values([1, 1, 1, 2])


def test_what_is_no_event_goes_to_the_dead_letter_topic() -> None:
    app = HttpSubscriber()
    with app, daprd_with(app, subscription(**DEAD), subscription("dead", "/dead")) as daprd:
        subscribed(daprd, "orders", "dead")
        publish(daprd, b"not json", query="?metadata.rawPayload=true")
        # The dead-letter subscriber cannot read it either; it is dropped there, and nothing hangs.
        publish(daprd, 1)
        app.wait_values([1], path="/orders")


def test_raw_payload() -> None:
    app = HttpSubscriber()
    with app, daprd_with(app, subscription(metadata={"rawPayload": "true"})) as daprd:
        subscribed(daprd, "orders")
        publish(daprd, b"\x00\xffbytes", query="?metadata.rawPayload=true")
        wait_for(lambda: app.events)
        event = app.events[0].json
        assert event["data_base64"] == "AP9ieXRlcw=="
        assert event["datacontenttype"] == "application/octet-stream"
        assert event["type"] == "com.dapr.event.sent" and event["source"] == "Dapr"
        assert app.events[0].header("traceparent") is None


def test_routes() -> None:
    routes = {
        "rules": [
            {"match": 'event.type == "big"', "path": "/big"},
            {"match": "event.data.n > 10", "path": "/many"},
            {"match": 'has(event.data.kind) && event.data.kind.startsWith("x")', "path": "/x"},
        ],
        "default": "/rest",
    }
    app = HttpSubscriber()
    with (
        app,
        daprd_with(
            app, subscription(path=None, routes=routes, **DEAD), subscription("dead", "/dead")
        ) as daprd,
    ):
        subscribed(daprd, "orders", "dead")
        publish(daprd, {"n": 1}, query="?metadata.cloudevent.type=big")
        publish(daprd, {"n": 11})
        publish(daprd, {"n": 1, "kind": "xyz"})
        publish(daprd, {"n": 1})
        publish(daprd, {"kind": "no n: the rule cannot be evaluated"})
        wait_for(lambda: len(app.events) == 5)
        assert [event.path for event in app.events if event.path != "/dead"] == [
            "/big",
            "/many",
            "/x",
            "/rest",
        ]
        assert app.values("/dead") == [{"kind": "no n: the rule cannot be evaluated"}]


def test_no_route_is_dropped_or_dead() -> None:
    routes = {"rules": [{"match": 'event.type == "big"', "path": "/big"}]}
    app = HttpSubscriber()
    with (
        app,
        daprd_with(
            app,
            subscription(path=None, routes=routes),
            subscription("b", None, routes=routes, **DEAD),
            subscription("dead", "/dead"),
        ) as daprd,
    ):
        subscribed(daprd, "orders", "b", "dead")
        publish(daprd, 1)
        publish(daprd, 2, "b")
        publish(daprd, 3, query="?metadata.cloudevent.type=big")
        wait_for(lambda: len(app.events) == 2)
        assert app.values("/big") == [3] and app.values("/dead") == [2]


@pytest.mark.parametrize("rule", ["event.type ==", "nonsense(event.type)"])
def test_wrong_declared_rule_ends_the_start(rule: str) -> None:
    import tempfile

    routes = {"rules": [{"match": rule, "path": "/x"}]}
    with tempfile.TemporaryDirectory() as folder:
        with open(f"{folder}/ps.yaml", "w") as file:
            file.write(IN_MEMORY + "---\n" + subscription(path=None, routes=routes))
        flags = ["--app-id", "a", "--app-port", "1", "--resources-path", folder]
        flags += ["--dapr-http-port", "0", "--dapr-grpc-port", "0", "--metrics-port", "0"]
        code, out, err, seconds = run_once(flags)
    assert code == 1 and seconds < 10
    assert "Subscription sub-orders" in out + err and "rule 1" in out + err


def test_wrong_programmatic_rule_leaves_the_others() -> None:
    app = HttpSubscriber()
    app.subscriptions = [
        wanted("bad", None, routes={"rules": [{"match": "event.type ==", "path": "/x"}]}),
        wanted(),
    ]
    with app, daprd_with(app, subscription("declared", "/declared")) as daprd:
        subscribed(daprd, "orders", "declared")
        publish(daprd, 1)
        publish(daprd, 2, "declared")
        wait_for(lambda: len(app.events) == 2)
        assert daprd.logged("is not subscribed to: rule 1")


def test_expired_events_are_not_delivered() -> None:
    app = HttpSubscriber()
    event = {
        "specversion": "1.0",
        "id": "1",
        "source": "s",
        "type": "t",
        "data": 1,
        "datacontenttype": "application/json",
        "expiration": "2001-01-01T00:00:00Z",
    }
    headers = {"Content_Type": "application/cloudevents+json"}
    with app, daprd_with(app, subscription(**DEAD), subscription("dead", "/dead")) as daprd:
        subscribed(daprd, "orders", "dead")
        publish(daprd, event, **headers)
        publish(daprd, 2)
        app.wait_values([2], path="/orders")
        assert not [value for value in app.values("/orders") if value == 1]


def test_trace_context_travels() -> None:
    app = HttpSubscriber()
    parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    with app, daprd_with(app, subscription()) as daprd:
        subscribed(daprd, "orders")
        publish(daprd, 1, traceparent=parent)
        wait_for(lambda: app.events)
        sent = app.events[0].header("traceparent") or ""
        assert sent.split("-")[1] == parent.split("-")[1]


def test_metrics() -> None:
    app = HttpSubscriber()
    app.answer = lambda event: {"status": "DROP"} if event.data == 2 else None
    with app, daprd_with(app, subscription()) as daprd:
        subscribed(daprd, "orders")
        publish(daprd, 1)
        publish(daprd, 2)
        wait_for(lambda: len(app.events) == 2)
        count = "dapr_component_pubsub_ingress_count"
        labels = {"component": "ps", "topic": "orders"}
        wait_for(lambda: daprd.metrics().total(count, **labels, process_status="success") == 1)
        wait_for(lambda: daprd.metrics().total(count, **labels, process_status="drop") == 1)


def test_max_concurrency_holds_for_deliveries() -> None:
    app = HttpSubscriber()
    app.hold = "go"
    topics = [f"t{number}" for number in range(6)]
    documents = [subscription(topic, f"/{topic}") for topic in topics]
    with app, daprd_with(app, *documents, flags=["--app-max-concurrency", "2"]) as daprd:
        subscribed(daprd, *topics)
        for topic in topics:
            publish(daprd, topic, topic)
        wait_for(lambda: len(app.events) == 2)
        app.release("go")
        wait_for(lambda: len(app.events) == 6)
        assert app.most_in_flight == 2
