"""Streaming subscriptions: SubscribeTopicEventsAlpha1."""

import contextlib
import json
import queue
import time
from typing import Any

import pytest

import grpc
from harness import protos
from harness.daprd import Daprd
from harness.paths import sanitized
from harness.poll import wait_for
from harness.publishers import HttpPublisher
from harness.redis_server import RedisServer
from harness.subscriber import IN_MEMORY, HttpSubscriber, StreamSubscriber, publish, subscription
from harness.yamls import component

SUCCESS, RETRY, DROP = 0, 1, 2


def stream_daprd(**more: object) -> Daprd:
    return Daprd("app", resources={"ps.yaml": IN_MEMORY}, **more)  # type: ignore[arg-type]


def test_events_and_answers_in_any_order() -> None:
    with stream_daprd() as daprd, StreamSubscriber(daprd) as stream:
        entry = daprd.get("/v1.0/metadata").json()["subscriptions"][0]
        assert entry["type"] == "STREAMING" and entry["topic"] == "orders"
        publish(daprd, {"n": 1})
        event = stream.next()
        assert event.path == "/" and event.topic == "orders" and event.pubsub_name == "ps"
        assert json.loads(event.data) == {"n": 1} and event.data_content_type == "application/json"
        stream.ack(event.id)
        publish(daprd, 2)
        second = stream.next()
        stream.ack(second.id)
    wait_for(lambda: True)


def test_stream_needs_no_app_and_adds_to_it() -> None:
    app = HttpSubscriber()
    with (
        app,
        Daprd("app", app=app, resources={"ps.yaml": IN_MEMORY, "s.yaml": subscription()}) as daprd,
        StreamSubscriber(daprd) as one,
        StreamSubscriber(daprd) as two,
    ):
        wait_for(lambda: len(daprd.get("/v1.0/metadata").json()["subscriptions"]) == 3)
        publish(daprd, 1)
        app.wait_values([1])
        for stream in (one, two):
            event = stream.next()
            stream.ack(event.id)


def test_retry_and_drop() -> None:
    with (
        stream_daprd() as daprd,
        StreamSubscriber(daprd, dead_letter_topic="dead") as stream,
        StreamSubscriber(daprd, "dead") as dead,
    ):
        for number, status in ((1, RETRY), (2, DROP), (3, 9)):
            publish(daprd, number)
            stream.ack(stream.next().id, status)
            event = dead.next()
            assert event.data == b"%d" % number
            dead.ack(event.id)
        publish(daprd, 4)
        stream.ack(stream.next().id)
        assert dead.idle()


def test_retry_without_dead_letter_topic_comes_again() -> None:
    with stream_daprd() as daprd, StreamSubscriber(daprd) as stream:
        publish(daprd, 1)
        first = stream.next()
        stream.ack(first.id, RETRY)
        again = stream.next()
        assert again.id == first.id
        stream.ack(again.id)


def test_leaving_stream_gives_back_and_ends_only_itself() -> None:
    with stream_daprd() as daprd, StreamSubscriber(daprd) as stays:
        with StreamSubscriber(daprd) as leaves:
            publish(daprd, 1)
            leaves.next()
            event = stays.next()
            stays.ack(event.id)
        wait_for(lambda: len(daprd.get("/v1.0/metadata").json()["subscriptions"]) == 1)
        publish(daprd, 2)
        event = stays.next()
        assert event.data == b"2"
        stays.ack(event.id)


def test_unknown_ids_are_passed_over() -> None:
    with stream_daprd() as daprd, StreamSubscriber(daprd) as stream:
        stream.ack("nobody")
        publish(daprd, 1)
        stream.ack(stream.next().id)


def test_same_id_twice_in_flight() -> None:
    """Two subscriptions of one process would hide each other by id; each answer settles one event."""
    event = {
        "specversion": "1.0",
        "id": "same",
        "source": "s",
        "type": "t",
        "datacontenttype": "application/json",
        "data": 1,
    }
    headers = {"Content_Type": "application/cloudevents+json"}
    with stream_daprd() as daprd, StreamSubscriber(daprd) as stream:
        publish(daprd, event, **headers)
        publish(daprd, event, **headers)
        for _ in range(2):
            assert stream.next().id == "same"
            stream.ack("same")
        publish(daprd, 3)
        assert stream.next().data == b"3"


@pytest.mark.parametrize(
    ("fields", "code", "text"),
    [
        (
            {"event_processed": {"id": "1", "status": {"status": 0}}},
            grpc.StatusCode.UNKNOWN,
            "initial request is required",
        ),
        ({"initial_request": {"topic": "t"}}, grpc.StatusCode.UNKNOWN, "pubsubName is required"),
        ({"initial_request": {}}, grpc.StatusCode.UNKNOWN, "pubsubName is required"),
        ({"initial_request": {"pubsub_name": "ps"}}, grpc.StatusCode.UNKNOWN, "topic is required"),
        (
            {"initial_request": {"pubsub_name": "none", "topic": "t"}},
            grpc.StatusCode.INVALID_ARGUMENT,
            "pubsub none is not found",
        ),
    ],
)
def test_bad_beginnings(fields: dict[str, object], code: grpc.StatusCode, text: str) -> None:
    with stream_daprd() as daprd:
        stream = StreamSubscriber(daprd, open_at_once=False)
        stream.send(**fields)
        assert stream.failure() == (code, text)
        stream.close()


def test_second_beginning_and_half_close() -> None:
    with stream_daprd() as daprd:
        stream = StreamSubscriber(daprd)
        assert stream.opened.wait(5)
        stream.send(initial_request={"pubsub_name": "ps", "topic": "orders"})
        assert stream.failure() == (grpc.StatusCode.UNKNOWN, "duplicate initial request received")
        stream.close()
        stream = StreamSubscriber(daprd)
        assert stream.opened.wait(5)
        stream.half_close()
        assert stream.failure() == (grpc.StatusCode.UNKNOWN, "EOF")
        stream.close()
        wait_for(lambda: not daprd.get("/v1.0/metadata").json().get("subscriptions"))


def test_forbidden_topic() -> None:
    scoped = json.loads(IN_MEMORY)
    scoped["spec"]["metadata"] = [{"name": "subscriptionScopes", "value": "app="}]
    with Daprd("app", resources={"ps.yaml": json.dumps(scoped)}) as daprd:
        stream = StreamSubscriber(daprd)
        assert stream.failure()[0] == grpc.StatusCode.PERMISSION_DENIED
        stream.close()


def test_idle_stream_does_not_delay_the_end() -> None:
    with stream_daprd() as daprd, StreamSubscriber(daprd) as stream:
        started = time.monotonic()
        assert daprd.stop() == 0
        assert time.monotonic() - started < 2
        assert stream.failure() == (grpc.StatusCode.UNKNOWN, "stream closed")


def test_event_in_flight_delays_the_end_for_the_grace_at_most() -> None:
    with (
        stream_daprd(flags=["--dapr-graceful-shutdown-seconds", "2"]) as daprd,
        StreamSubscriber(daprd) as stream,
    ):
        publish(daprd, 1)
        event = stream.next()
        started = time.monotonic()
        daprd.terminate()
        time.sleep(0.5)
        assert daprd.alive() and not stream.ended.is_set()
        daprd.wait(6)
        assert 1.5 < time.monotonic() - started < 5
        assert event.topic == "orders"


def test_answer_during_the_end_is_taken() -> None:
    with stream_daprd() as daprd, StreamSubscriber(daprd) as stream:
        publish(daprd, 1)
        event = stream.next()
        daprd.terminate()
        time.sleep(0.3)
        stream.ack(event.id)
        started = time.monotonic()
        assert daprd.wait(6) == 0
        assert time.monotonic() - started < 2


def test_client_that_does_not_read_is_bounded(stack: contextlib.ExitStack) -> None:
    """100 MB wait for it: they stay with the broker."""
    server = stack.enter_context(RedisServer())
    resources = {"ps.yaml": component("ps", "pubsub.redis", server.metadata())}
    daprd = stack.enter_context(Daprd("app", resources=resources))
    opened = protos.runtime.SubscribeTopicEventsRequestAlpha1(
        initial_request={"pubsub_name": "ps", "topic": "orders"}
    )
    more: queue.Queue[Any] = queue.Queue()
    more.put(opened)
    channel = stack.enter_context(daprd.channel())
    call = daprd.dapr(channel).SubscribeTopicEventsAlpha1(iter(more.get, None))
    stack.callback(more.put, None)
    stack.callback(call.cancel)
    wait_for(lambda: daprd.get("/v1.0/metadata").json().get("subscriptions"))
    publisher, most = HttpPublisher(daprd), 0
    for first in range(0, 2000, 20):
        entries = [
            {"entryId": str(n), "event": f"{n} " + "x" * 50_000, "contentType": "text/plain"}
            for n in range(first, first + 20)
        ]
        assert publisher.bulk(entries, "orders") == []
        most = max(most, daprd.rss_kib())
    assert server("XLEN", "orders") == 2000
    assert daprd.get("/v1.0/healthz").status == 204
    if not sanitized():
        assert most < 48 * 1024, f"{most} KiB"
    # It was slow, not lost.
    assert next(call).HasField("initial_response")
    assert next(call).event_message.data.startswith(b"0 xxx")
