"""Applications that subscribe: over HTTP, over gRPC, and as the client of a stream. What they get is
in `events`; what they answer is up to the test."""

import json
import queue
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import grpc

from . import protos
from .daprd import Daprd
from .grpc_app import GrpcApp
from .http_app import AppRequest, HttpApp, Reply
from .poll import wait_for
from .yamls import component, document

PUBSUB = "ps"
IN_MEMORY = component(PUBSUB, "pubsub.in-memory")


def subscription(
    topic: str = "orders",
    path: str | None = "/orders",
    *,
    name: str = "",
    version: str = "v2alpha1",
    pubsub: str = PUBSUB,
    scopes: list[str] | None = None,
    **spec: Any,
) -> str:
    """A Subscription resource; `spec` fields go in as they are (routes, deadLetterTopic, …)."""
    body: dict[str, Any] = {"pubsubname": pubsub, "topic": topic, **spec}
    if path is not None and version == "v1alpha1":
        body["route"] = path
    elif path is not None:
        body.setdefault("routes", {"default": path})
    more = {"scopes": scopes} if scopes else {}
    return document(
        "Subscription", {"name": name or f"sub-{topic}"}, body, version=f"dapr.io/{version}", **more
    )


def wanted(topic: str = "orders", path: str | None = "/orders", **fields: Any) -> dict[str, Any]:
    """One entry of an answer to /dapr/subscribe."""
    return {"pubsubname": PUBSUB, "topic": topic, **({"route": path} if path else {}), **fields}


def publish(daprd: Daprd, value: Any, topic: str = "orders", query: str = "", **headers: str) -> None:
    sent = {"Content-Type": "application/json", **{k.replace("_", "-"): v for k, v in headers.items()}}
    body = value if isinstance(value, (bytes, str)) else json.dumps(value)
    answer = daprd.request("POST", f"/v1.0/publish/{PUBSUB}/{topic}{query}", list(sent.items()), body)
    assert answer.status == 204, answer


@dataclass
class Event:
    path: str
    body: bytes
    headers: list[tuple[str, str]] = field(default_factory=list)
    message: Any = None  # the protobuf of gRPC deliveries

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def data(self) -> Any:
        return self.json.get("data")

    def header(self, name: str) -> str | None:
        return next((v for n, v in self.headers if n.lower() == name.lower()), None)


class _Deliveries(dict[str, Any]):
    """Every path of the app leads to the one handler."""

    def __init__(self, handler: Any):
        super().__init__()
        self.handler = handler

    def get(self, *_: Any) -> Any:
        return self.handler


class HttpSubscriber(HttpApp):
    """`answer(event)` gives a status, a (status, body) pair, or a body as dict; None is an empty 200."""

    def __init__(self, *args: Any, **kwargs: Any):
        super().__init__(*args, **kwargs)
        self.events: list[Event] = []
        self.answer: Callable[[Event], Any] = lambda event: None
        self.hold: str | None = None  # the gate deliveries wait at
        self.routes = _Deliveries(self._deliver)

    async def _deliver(self, request: AppRequest, reply: Reply) -> None:
        body = await request.read()
        event = Event(request.target.decode("latin-1"), body, request.headers)
        self.events.append(event)
        if self.hold:
            await self.gate(self.hold).wait()
        said = self.answer(event)
        if said == "abort":
            return reply.abort()
        status, content = said if isinstance(said, tuple) else (200, said)
        if isinstance(said, int):
            status, content = said, None
        await reply.send(
            status,
            [("Content-Type", "application/json")],
            b"" if content is None else content if isinstance(content, (bytes, str)) else json.dumps(content),
        )

    def values(self, path: str | None = None) -> list[Any]:
        return [event.data for event in self.events if path is None or event.path == path]

    def wait_values(self, expected: list[Any], seconds: float = 10, path: str | None = None) -> None:
        wait_for(
            lambda: len(self.values(path)) >= len(expected), seconds, f"{expected}, got {self.values(path)}"
        )
        assert self.values(path) == expected


class GrpcSubscriber(GrpcApp):
    """`answer(event)` gives the number of a status, or a grpc.StatusCode to fail with."""

    def __init__(self, *args: Any, **kwargs: Any):
        super().__init__(*args, **kwargs)
        self.events: list[Event] = []
        self.bulks: list[Any] = []
        self.subscriptions: list[Any] = []
        self.answer: Callable[[Event], Any] = lambda event: 0
        self.bulk_answer: Callable[[Any], Any] | None = None

    def ListTopicSubscriptions(self, _: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802
        return protos.runtime.ListTopicSubscriptionsResponse(subscriptions=self.subscriptions)

    def OnTopicEvent(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802
        metadata = [(k, v) for k, v in context.invocation_metadata()]
        event = Event(request.path, request.data, metadata, request)
        self.events.append(event)
        said = self.answer(event)
        if isinstance(said, grpc.StatusCode):
            context.abort(said, "as the test wants")
        return protos.runtime.TopicEventResponse(status=said)

    def OnBulkTopicEvent(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802
        self.bulks.append(request)
        if self.bulk_answer is None:
            context.abort(grpc.StatusCode.UNIMPLEMENTED, "no bulk here")
            raise AssertionError
        return protos.runtime.TopicEventBulkResponse(
            statuses=[{"entry_id": key, "status": value} for key, value in self.bulk_answer(request).items()]
        )


class StreamSubscriber:
    """`with StreamSubscriber(daprd) as stream:` is subscribed inside the block. Events come out of
    `next()`; `ack(id, status)` answers one."""

    def __init__(self, daprd: Daprd, topic: str = "orders", open_at_once: bool = True, **initial: Any):
        self._requests: queue.Queue[Any] = queue.Queue()
        self._events: queue.Queue[Any] = queue.Queue()
        self.error: grpc.RpcError | None = None
        self.ended = threading.Event()
        self.opened = threading.Event()
        self.out_of_turn = False  # an event came before the initial response
        self._channel = daprd.channel()
        if open_at_once:
            self.send(initial_request={"pubsub_name": PUBSUB, "topic": topic, **initial})
        self._call = daprd.dapr(self._channel).SubscribeTopicEventsAlpha1(self._sending())
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _sending(self) -> Iterator[Any]:
        while (request := self._requests.get()) is not None:
            yield request

    def _read(self) -> None:
        try:
            for response in self._call:
                if response.HasField("initial_response"):
                    self.opened.set()
                else:
                    self.out_of_turn |= not self.opened.is_set()
                    self._events.put(response.event_message)
        except grpc.RpcError as error:
            self.error = error
        self.ended.set()

    def send(self, **fields: Any) -> None:
        self._requests.put(protos.runtime.SubscribeTopicEventsRequestAlpha1(**fields))

    def ack(self, event_id: str, status: int = 0) -> None:
        self.send(event_processed={"id": event_id, "status": {"status": status}})

    def half_close(self) -> None:
        self._requests.put(None)

    def next(self, seconds: float = 10) -> Any:
        event = self._events.get(timeout=seconds)
        assert not self.out_of_turn, "an event came before the initial response"
        return event

    def idle(self) -> bool:
        return self._events.empty()

    def failure(self, seconds: float = 10) -> tuple[grpc.StatusCode, str]:
        assert self.ended.wait(seconds), "the stream goes on"
        assert self.error is not None
        return self.error.code(), self.error.details() or ""

    def close(self) -> None:
        self._call.cancel()
        self._requests.put(None)
        self.ended.wait(5)
        self._channel.close()

    def __enter__(self) -> "StreamSubscriber":
        assert self.opened.wait(10) and not self.out_of_turn, f"no initial response first; {self.error}"
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
