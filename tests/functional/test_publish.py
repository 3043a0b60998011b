"""Publishing over HTTP and gRPC: what arrives at a subscriber, byte for byte, and what errors say."""

import base64
import contextlib
import datetime
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from harness.daprd import Daprd
from harness.poll import wait_for
from harness.protos import runtime
from harness.publishers import BYTES, CLOUD_EVENT, JSON, GrpcPublisher, HttpPublisher, PublishError
from harness.subscriber import HttpSubscriber
from harness.yamls import component, configuration

ENVELOPE = {
    "datacontenttype", "id", "pubsubname", "source", "specversion", "time", "topic", "traceid", "traceparent",
    "tracestate", "type",
}  # fmt: skip
SCOPED = {
    "allowedTopics": "a,b,c",
    "protectedTopics": "c",
    "publishingScopes": "app=a;other=b",
}
NO_ROUTE = "failed getting app id either from the URL path or the header dapr-app-id"


@dataclass
class World:
    app: HttpSubscriber
    daprd: Daprd
    http: HttpPublisher
    grpc: GrpcPublisher
    seen: int = 0

    def events(self, count: int = 1) -> list[dict[str, Any]]:
        """The next `count` events that arrive, as JSON."""
        wait_for(lambda: len(self.app.events) >= self.seen + count, 10, f"{count} events")
        new = self.app.events[self.seen : self.seen + count]
        self.seen += count
        return [event.json for event in new]

    def body(self) -> bytes:
        self.events()
        return self.app.events[self.seen - 1].body


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    app = HttpSubscriber()
    app.subscriptions = [{"pubsubname": "ps", "topic": "#", "route": "/all"}]
    resources = {
        "ps.yaml": component("ps", "pubsub.in-memory"),
        "scoped.yaml": component("scoped", "pubsub.in-memory", SCOPED),
    }
    with contextlib.ExitStack() as stack:
        stack.enter_context(app)
        daprd = stack.enter_context(Daprd("app", app=app, resources=resources))
        channel = stack.enter_context(daprd.channel())
        wait_for(lambda: daprd.get("/v1.0/metadata").json().get("subscriptions"), 10, "subscribed")
        yield World(app, daprd, HttpPublisher(daprd), GrpcPublisher(daprd, channel))


@pytest.fixture(params=["http", "grpc"])
def publisher(request: pytest.FixtureRequest, world: World) -> Any:
    return getattr(world, request.param)


# What is in `data` or `data_base64`, by content type.
DATA = [
    ("hello", "text/plain", {"data": "hello"}),
    ("", "text/plain", {"data": ""}),
    ('{"b":2,"a":[1,null]}', JSON, {"data": {"a": [1, None], "b": 2}}),
    ('"text"', JSON, {"data": "text"}),
    ("null", JSON, {"data": None}),
    ("{broken", JSON, {"data": "{broken"}),
    ('{"a":1}', "text/plain", {"data": '{"a":1}'}),
    ("<a>&é\u2028", "application/xml", {"data": "<a>&é\u2028"}),
    (bytes(range(256)), BYTES, {"data_base64": base64.b64encode(bytes(range(256))).decode()}),
    (b"\xff\xd8\xff", "image/jpeg", {"data_base64": "/9j/"}),
    ("plain", "application/x-anything", {"data": "plain"}),
]


@pytest.mark.parametrize("data, kind, expected", DATA, ids=[f"{k}-{i}" for i, (_, k, _) in enumerate(DATA)])
def test_the_envelope(world: World, publisher: Any, data: Any, kind: str, expected: dict[str, Any]) -> None:
    publisher.publish(data, kind=kind)
    event = world.events()[0]
    assert set(event) == ENVELOPE | set(expected)
    for key, value in expected.items():
        assert event[key] == value
    assert event["datacontenttype"] == kind
    assert (event["pubsubname"], event["topic"], event["source"]) == ("ps", "t", "app")
    assert (event["specversion"], event["type"]) == ("1.0", "com.dapr.event.sent")
    assert re.fullmatch(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}", event["id"])
    moment = datetime.datetime.fromisoformat(event["time"])
    assert abs((datetime.datetime.now(datetime.UTC) - moment).total_seconds()) < 10
    assert event["traceid"] == event["traceparent"]


def test_the_bytes_of_the_envelope(world: World, publisher: Any) -> None:
    """Sorted keys, numbers digit for digit, no white space."""
    publisher.publish('{ "z": 1.50, "a": 12345678901234567890, "h": "<>" }', kind=JSON)
    text = world.body().decode()
    assert text.startswith(r'{"data":{"a":12345678901234567890,"h":"\u003c\u003e","z":1.50},"datacontenttype":')
    keys = list(json.loads(text))
    assert keys == sorted(keys)


def test_without_a_content_type(world: World, publisher: Any) -> None:
    publisher.publish("x")
    assert world.events()[0]["datacontenttype"] == "text/plain"


def test_overrides(world: World, publisher: Any) -> None:
    publisher.publish(
        "x",
        **{
            "cloudevent.id": "my id",
            "CloudEvent.Source": "me",
            "cloudevent.type": "mine",
            "cloudevent.subject": "s",
            "cloudevent.traceparent": "tp",
            "cloudevent.tracestate": "ts",
            "cloudevent.topic": "ignored",
        },
    )
    event = world.events()[0]
    assert (event["id"], event["source"], event["type"], event["subject"]) == ("my id", "me", "mine", "s")
    assert (event["traceid"], event["traceparent"], event["tracestate"]) == ("tp", "tp", "ts")
    assert event["topic"] == "t"


def test_the_callers_trace(world: World) -> None:
    parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    answer = world.daprd.request(
        "POST", "/v1.0/publish/ps/t", [("traceparent", parent), ("tracestate", "k=v")], b"x"
    )
    assert answer.status == 204
    event = world.events()[0]
    assert event["traceparent"].startswith("00-0af7651916cd43dd8448eb211c80319c-")
    assert event["tracestate"] == "k=v"


def test_time_to_live(world: World, publisher: Any) -> None:
    publisher.publish("x", ttlInSeconds="100")
    end = datetime.datetime.fromisoformat(world.events()[0]["expiration"])
    assert 90 < (end - datetime.datetime.now(datetime.UTC)).total_seconds() <= 100
    publisher.publish("x", ttlInSeconds="soon")
    assert "expiration" not in world.events()[0]


def test_a_cloud_event_of_the_publisher(world: World, publisher: Any) -> None:
    publisher.publish(
        '{"id":"1","topic":"lie","pubsubname":"lie","zz":1.10,"data":{"n":12345678901234567890}}',
        kind="application/cloudevents+json; charset=utf-8",
        **{"cloudevent.source": "ignored"},
    )
    text = world.body().decode()
    assert text.startswith('{"data":{"n":12345678901234567890},"id":"1","pubsubname":"ps","source":"Dapr",')
    assert text.endswith('"type":"com.dapr.event.sent","zz":1.10}')
    assert json.loads(text)["topic"] == "t"
    publisher.publish("{}", kind=CLOUD_EVENT)
    assert "id" not in world.events()[0]


def test_raw(world: World, publisher: Any) -> None:
    """A subscriber that does not ask for raw messages gets the very bytes, if they are an event."""
    body = '{ "id" : "raw",  "data" : 1.0 }'
    publisher.publish(body, rawPayload="true")
    assert world.body().decode() == body


@pytest.mark.parametrize("topic", ["a/b", "with space", "ü.%", "x?y#z"])
def test_topics(world: World, publisher: Any, topic: str) -> None:
    publisher.publish("x", topic=topic)
    assert world.events()[0]["topic"] == topic


def test_bulk(world: World, publisher: Any) -> None:
    entries: list[dict[str, Any]] = [
        {"entryId": "1", "event": {"n": 1}, "contentType": JSON},
        {"entryId": "2", "event": "text", "contentType": "text/plain"},
        {"entryId": "3", "event": "AAH/", "contentType": BYTES},
        {"entryId": "4", "event": "s", "metadata": {"cloudevent.source": "entry"}},
        {"entryId": "5", "event": {"id": "own"}, "contentType": CLOUD_EVENT},
    ]
    assert publisher.bulk(entries, **{"cloudevent.source": "request", "cloudevent.type": "ty"}) == []
    events = world.events(5)
    assert events[0]["data"] == {"n": 1}
    assert events[1]["data"] == "text"
    assert events[2]["data_base64"] == "AAH/"
    assert events[4]["id"] == "own" and events[4]["source"] == "Dapr"
    # The request's metadata is for entries that have some of their own.
    assert [event["source"] for event in events[:4]] == ["app", "app", "app", "entry"]
    assert events[3]["type"] == "ty"
    assert publisher.bulk([]) == []


def fails(call: Any, *arguments: Any, **more: Any) -> PublishError:
    with pytest.raises(PublishError) as raised:
        call(*arguments, **more)
    return raised.value


# pubsub, topic, metadata → HTTP status, errorCode, gRPC code, reason, message
ERRORS = [
    ("none", "t", {}, 404, "ERR_PUBSUB_NOT_FOUND", "INVALID_ARGUMENT", "DAPR_PUBSUB_NOT_FOUND",
     "pubsub none is not found"),
    ("ps", "t", {"rawPayload": "maybe"}, 400, "ERR_PUBSUB_REQUEST_METADATA", "INVALID_ARGUMENT",
     "DAPR_PUBSUB_METADATA_DESERIALIZATION",
     "failed deserializing metadata. Error: rawPayload value must be a valid boolean: actual is 'maybe'"),
    ("scoped", "b", {}, 403, "ERR_PUBSUB_FORBIDDEN", "PERMISSION_DENIED", "DAPR_PUBSUB_FORBIDDEN",
     "topic b is not allowed for app id app"),
    ("scoped", "c", {}, 403, "ERR_PUBSUB_FORBIDDEN", "PERMISSION_DENIED", "DAPR_PUBSUB_FORBIDDEN",
     "topic c is not allowed for app id app"),
    ("scoped", "d", {}, 403, "ERR_PUBSUB_FORBIDDEN", "PERMISSION_DENIED", "DAPR_PUBSUB_FORBIDDEN",
     "topic d is not allowed for app id app"),
]  # fmt: skip


@pytest.mark.parametrize("case", ERRORS, ids=[f"{case[0]}-{case[1]}-{case[4]}" for case in ERRORS])
@pytest.mark.parametrize("bulk", [False, True], ids=["single", "bulk"])
def test_errors(publisher: Any, case: Any, bulk: bool) -> None:
    pubsub, topic, metadata, status, code, grpc_code, reason, message = case
    if bulk:
        error = fails(publisher.bulk, [{"entryId": "1", "event": "x"}], topic, pubsub, **metadata)
    else:
        error = fails(publisher.publish, "x", topic, "", pubsub, **metadata)
    assert error.message == message
    if publisher.name == "grpc":
        assert (error.status, error.reason) == (grpc_code, reason)
    else:
        assert (error.status, error.code) == (status, code)
        # A bulk publish that is forbidden tells its failed entries instead.
        assert error.reason == ("" if bulk and status == 403 else reason)


def test_no_cloud_event(publisher: Any) -> None:
    error = fails(publisher.publish, "[]", "t", CLOUD_EVENT)
    assert error.message == "cannot create cloudevent"
    assert error.status in (500, "INVALID_ARGUMENT")
    assert error.reason == "DAPR_PUBSUB_CLOUD_EVENT_CREATION"
    assert set(error.details) == {"appID", "error"} and error.details["appID"] == "app"


def test_bulk_entry_ids(publisher: Any) -> None:
    for second in ("1", ""):
        entries = [{"entryId": "1", "event": "x"}, {"entryId": second, "event": "y"}]
        error = fails(publisher.bulk, entries)
        assert error.status in (400, "INVALID_ARGUMENT")
        assert error.reason == "DAPR_PUBSUB_MARSHAL_EVENTS"
        assert error.message == (
            "error marshaling events to bytes for topic t pubsub ps. error: entryId is duplicated or not "
            "present for entry"
        )


def test_names_over_grpc(world: World) -> None:
    for call in (world.grpc.publish, world.grpc.bulk):
        first: Any = "x" if call == world.grpc.publish else []
        empty = fails(call, first, pubsub="", topic="")
        assert (empty.status, empty.message) == ("INVALID_ARGUMENT", "pubsub name is empty")
        topic = fails(call, first, topic="")
        assert (topic.status, topic.message) == ("INVALID_ARGUMENT", "topic is empty in pubsub ps")


@pytest.mark.parametrize("path", ["ps", "ps/", "/t"])
def test_paths_that_are_no_publishing(world: World, path: str) -> None:
    answer = world.daprd.request("POST", f"/v1.0/publish/{path}", [], b"x")
    assert answer.status == 404
    assert answer.json() == {"errorCode": "ERR_DIRECT_INVOKE", "message": NO_ROUTE}


def test_bulk_without_a_topic_is_a_pubsub_named_bulk(world: World) -> None:
    answer = world.daprd.request("POST", "/v1.0/publish/bulk/ps", [], b"x")
    assert answer.status == 404 and answer.json()["message"] == "pubsub bulk is not found"


@pytest.mark.parametrize(
    "body, cause",
    [
        (b"", "unexpected end of JSON input"),
        (b"{}", "json: cannot unmarshal object into Go value of type []http.bulkPublishMessageEntry"),
        (b"[x]", "invalid character 'x' looking for beginning of value"),
    ],
)
def test_bulk_bodies(world: World, body: bytes, cause: str) -> None:
    answer = world.daprd.request("POST", "/v1.0/publish/bulk/ps/t", [("Content-Type", JSON)], body)
    assert answer.status == 400
    value = answer.json()
    assert value["errorCode"] == "ERR_PUBSUB_EVENTS_SER"
    assert value["message"] == f"error when unmarshaling the request for topic t pubsub ps: {cause}"


def test_bulk_events_that_do_not_fit(world: World) -> None:
    for entry in ({"event": {}}, {"event": 1, "contentType": "text/plain"}, {"event": "!", "contentType": BYTES}):
        error = fails(world.http.bulk, [{"entryId": "1", **entry}])
        assert (error.status, error.code, error.reason) == (
            400,
            "ERR_PUBSUB_EVENTS_SER",
            "DAPR_PUBSUB_MARSHAL_ENVELOPE",
        )
    good = [{"entryId": "1", "event": "x"}, {"entryId": "2", "event": {}}]
    fails(world.http.bulk, good)  # all or nothing: a later test would see the first


def test_alpha_and_put(world: World) -> None:
    body = json.dumps([{"entryId": "1", "event": "alpha"}])
    for method, path in (("PUT", "v1.0-alpha1/publish/bulk"), ("POST", "v1.0-alpha1/publish/bulk")):
        assert world.daprd.request(method, f"/{path}/ps/t", [], body).status == 204
        assert world.events()[0]["data"] == "alpha"
    assert world.daprd.request("PUT", "/v1.0/publish/ps/t", [], b"put").status == 204
    assert world.events()[0]["data"] == "put"
    assert world.daprd.request("POST", "/v1.0-alpha1/publish/ps/t", [], b"x").status == 404
    answer = world.grpc.stub.BulkPublishEventAlpha1(
        runtime.BulkPublishRequest(
            pubsub_name="ps", topic="t", entries=[{"entry_id": "1", "event": b"alpha"}]
        )
    )
    assert not answer.failedEntries
    assert world.events()[0]["data"] == "alpha"


def test_scopes_that_allow(publisher: Any) -> None:
    publisher.publish("x", topic="a", pubsub="scoped")


def test_a_large_message(world: World, publisher: Any) -> None:
    data = "x" * 1_000_000
    publisher.publish(data, kind="text/plain")
    assert world.events()[0]["data"] == data


def test_a_body_over_the_limit(world: World) -> None:
    error = fails(world.http.publish, b"x" * (4 * 1024 * 1024 + 1))
    assert (error.status, error.code) == (500, "ERR_PUBSUB_PUBLISH_MESSAGE")
    assert error.message == "error when publishing to topic t in pubsub ps: stream too large"


def test_metrics(world: World) -> None:
    def count(family: str, **labels: str) -> float:
        return world.daprd.metrics().total(f"dapr_component_pubsub_egress_{family}", app_id="app", **labels)

    good = {"component": "ps", "topic": "measured", "success": "true"}
    world.http.publish("x", topic="measured")
    world.grpc.bulk([{"entryId": "1", "event": "x"}, {"entryId": "2", "event": "y"}], topic="measured")
    world.events(3)
    assert count("count", **good) == 1
    assert count("latencies_count", **good) == 1
    assert count("bulk_count", **good) == 1
    assert count("bulk_latencies_count", **good) == 1


def test_a_full_queue_is_a_clear_error() -> None:
    """The app does not answer: what waits for it is bounded, and publishers are told."""
    app = HttpSubscriber()
    app.subscriptions = [{"pubsubname": "ps", "topic": "t", "route": "/t"}]
    app.hold = "go"
    small = component("ps", "pubsub.in-memory", {"queueLength": "3", "publishWait": "100ms"})
    with app, Daprd("app", app=app, resources={"ps.yaml": small}) as daprd:
        wait_for(lambda: daprd.get("/v1.0/metadata").json().get("subscriptions"), 10, "subscribed")
        http = HttpPublisher(daprd)
        for n in range(3):
            http.publish(str(n))
        error = fails(http.publish, "3")
        assert (error.status, error.code) == (500, "ERR_PUBSUB_PUBLISH_MESSAGE")
        assert "queueLength" in error.message
        assert http.bulk([{"entryId": "e", "event": "x"}])[0]["entryId"] == "e"
        app.release("go")
        app.wait_values(["0", "1", "2"])


def test_denied_apis() -> None:
    rules = configuration({"api": {"denied": [{"name": "publish", "version": "v1", "protocol": "http"}]}})
    resources = {"ps.yaml": component("ps", "pubsub.in-memory")}
    with Daprd("app", resources=resources, configs={"c.yaml": rules}) as daprd, daprd.channel() as channel:
        error = fails(HttpPublisher(daprd).publish, "x")
        assert (error.status, error.code) == (404, "ERR_DIRECT_INVOKE")
        GrpcPublisher(daprd, channel).publish("x")


def test_the_metadata_api_names_the_component(world: World) -> None:
    components = world.daprd.get("/v1.0/metadata").json()["components"]
    found = next(c for c in components if c["name"] == "ps")
    assert found["type"] == "pubsub.in-memory" and found["version"] == "v1"
    assert "SUBSCRIBE_WILDCARDS" in found["capabilities"]
