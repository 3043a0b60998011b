"""What receives messages in the pub/sub conformance suite: an HTTP app, a gRPC app, or a client of
streams, each with a runtime of its own. All put events of one form into an Inbox, by subscription."""

import base64
import contextlib
import json
import threading
from typing import Any

import grpc
from google.protobuf.json_format import MessageToDict

from .brokers import Broker, unique
from .daprd import Daprd
from .poll import wait_for
from .publishers import GrpcPublisher, HttpPublisher, PublishError
from .subscriber import Event, GrpcSubscriber, HttpSubscriber, StreamSubscriber, subscription

PROBE = "is anybody there"
GRPC_ANSWERS = {"SUCCESS": 0, "RETRY": 1, "DROP": 2}


def data_of(event: dict[str, Any]) -> str:
    """By which a case names an event: its data as text."""
    if "data_base64" in event:
        return base64.b64decode(event["data_base64"]).decode(errors="replace")
    data = event.get("data", event.get("bytes"))
    return data if isinstance(data, str) else json.dumps(data)


class Inbox:
    """Events by subscription, and what the app answers each: by its data, a list for its tries."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.events: dict[str, list[dict[str, Any]]] = {}
        self.answers: dict[str, list[str]] = {}

    def take(self, name: str, event: dict[str, Any]) -> str:
        with self.lock:
            said = self.answers.get(data_of(event), [])
            if PROBE in data_of(event) and self.events.get(name):
                return "SUCCESS"
            self.events.setdefault(name, []).append(event)
            return said.pop(0) if said and name not in ("letters", "remains") else "SUCCESS"

    def since(self, name: str, start: int) -> list[dict[str, Any]]:
        with self.lock:
            return self.events.get(name, [])[start:]


def of_http(body: bytes, path: str) -> dict[str, Any]:
    try:
        event = json.loads(body)
        event = event if isinstance(event, dict) else {"bytes": body.decode()}
    except ValueError:
        event = {"bytes": body.decode(errors="replace")}
    return event | {"path": path}


def of_message(message: Any, path: str) -> dict[str, Any]:
    """Of TopicEventRequest and TopicEventCERequest."""
    event: dict[str, Any] = {
        "id": message.id, "source": message.source, "type": message.type, "specversion": message.spec_version,
        "datacontenttype": message.data_content_type, "path": path, **MessageToDict(message.extensions),
    }
    kind = message.data_content_type
    if kind == "application/octet-stream":
        event["data_base64"] = base64.b64encode(message.data).decode()
    elif kind.startswith("application/json"):
        event["data"] = json.loads(message.data)
    else:
        event["data"] = message.data.decode()
    return event


class _HttpParts(HttpSubscriber):
    def __init__(self, inbox: Inbox, **more: Any):
        super().__init__(**more)
        self.inbox = inbox
        self.answer = self._answer

    def _answer(self, event: Event) -> Any:
        name = event.path.split("/")[1]
        self.events.clear()
        if '"entries"' in event.body[:20].decode(errors="replace"):
            said = [
                (entry["entryId"], self.inbox.take(name, self._entry(entry, event.path)))
                for entry in event.json["entries"]
            ]
            return {"statuses": [{"entryId": i, "status": "RETRY" if s == "ERROR" else s} for i, s in said]}
        said = self.inbox.take(name, of_http(event.body, event.path))
        return {"ERROR": 500, "GONE": 404}.get(said, {"status": said})

    @staticmethod
    def _entry(entry: dict[str, Any], path: str) -> dict[str, Any]:
        event = entry["event"]
        return {**event, "path": path} if isinstance(event, dict) else {"data_base64": event, "path": path}


class _GrpcParts(GrpcSubscriber):
    def __init__(self, inbox: Inbox, **more: Any):
        super().__init__(**more)
        self.inbox = inbox
        self.answer, self.bulk_answer = self._answer, self._bulk

    def _answer(self, event: Event) -> Any:
        self.events.clear()
        said = self.inbox.take(event.path.split("/")[1], of_message(event.message, event.path))
        refused = {"ERROR": grpc.StatusCode.INTERNAL, "GONE": grpc.StatusCode.UNIMPLEMENTED}
        return refused.get(said, GRPC_ANSWERS.get(said))

    def _bulk(self, request: Any) -> Any:
        name, said = request.path.split("/")[1], {}
        for entry in request.entries:
            event = of_message(entry.cloud_event, request.path) if entry.HasField("cloud_event") else {
                "data_base64": base64.b64encode(entry.bytes).decode()}
            said[entry.entry_id] = GRPC_ANSWERS.get(self.inbox.take(name, event), 1)
        return said


class Receiver:
    """`with Receiver(broker, "grpc", subscriptions) as receiver:` receives when the block begins.
    `subscriptions` are the specs by name; the topic of one is `topic(name)`."""

    def __init__(self, broker: Broker, kind: str, subscriptions: dict[str, dict[str, Any]]):
        self.broker, self.kind = broker, kind
        self.app_id = self.prefix = unique(f"{kind}app")
        self.inbox = Inbox()
        self.stack = contextlib.ExitStack()
        self.specs = {
            name: spec for name, spec in subscriptions.items()
            if kind != "stream" or not spec.get("routes") and not spec.get("bulkSubscribe")
        }

    def topic(self, name: str) -> str:
        return f"{self.prefix}-{name}"

    def resources(self) -> dict[str, str]:
        scopes = {f: f"{self.app_id}={self.topic('allowed')}" for f in ("publishingScopes", "subscriptionScopes")}
        found = {
            "ps.yaml": self.broker.component(self.app_id),
            "scoped.yaml": self.broker.component(f"{self.app_id}-s", "scoped", **scopes),
        }
        if self.kind == "stream":
            return found
        for name, given in self.specs.items():
            spec = {"pubsub": "ps", **json.loads(json.dumps(given))}
            if "deadLetterTopic" in spec:
                spec["deadLetterTopic"] = self.topic(spec["deadLetterTopic"])
            path = None if "routes" in spec else f"/{name}"
            found[f"{name}.yaml"] = subscription(self.topic(name), path, name=name, **spec)
        return found

    def __enter__(self) -> "Receiver":
        try:
            self._start()
        except BaseException:
            self.stack.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.stack.close()

    def _start(self) -> None:
        self.broker.prepare([self.topic(name) for name in self.specs])
        app = None
        if self.kind != "stream":
            app = self.stack.enter_context((_HttpParts if self.kind == "http" else _GrpcParts)(self.inbox))
        self.daprd = self.stack.enter_context(Daprd(self.app_id, app=app, resources=self.resources()))
        channel = self.stack.enter_context(self.daprd.channel())
        self.publishers = {"http": HttpPublisher(self.daprd), "grpc": GrpcPublisher(self.daprd, channel)}
        if self.kind == "stream":
            for name in self.specs:
                if name != "forbidden":
                    self._stream(name)
        wait_for(self._subscribed, 30, f"{self.broker.name} hands over to {self.kind}")

    def _subscribed(self) -> bool:
        """Each subscription has had a message. One that is late is sent another; the doubles are left out."""
        missing = [name for name in self.specs if name != "forbidden" and not self.inbox.since(name, 0)]
        for name in missing:
            with contextlib.suppress(PublishError):
                pubsub = self.specs[name].get("pubsub", "ps")
                self.publishers["http"].publish(
                    PROBE, self.topic(name), "text/plain", pubsub, **{"cloudevent.type": "big"}
                )
        with contextlib.suppress(AssertionError):
            wait_for(lambda: all(self.inbox.since(name, 0) for name in missing), 1)
        return all(self.inbox.since(name, 0) for name in missing)

    def _stream(self, name: str) -> None:
        spec = self.specs[name]
        more = {"metadata": spec["metadata"]} if "metadata" in spec else {}
        if "deadLetterTopic" in spec:
            more["dead_letter_topic"] = self.topic(spec["deadLetterTopic"])
        more["pubsub_name"] = spec.get("pubsub", "ps")
        stream = self.stack.enter_context(StreamSubscriber(self.daprd, self.topic(name), **more))

        def serve() -> None:
            while not stream.ended.is_set():
                with contextlib.suppress(Exception):
                    message = stream.next(0.2)
                    said = self.inbox.take(name, of_message(message, message.path))
                    stream.ack(message.id, GRPC_ANSWERS.get(said, 9))

        threading.Thread(target=serve, daemon=True).start()


__all__ = ["PROBE", "Inbox", "Receiver", "data_of"]
