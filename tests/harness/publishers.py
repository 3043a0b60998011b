"""Publishing over HTTP and gRPC with the same calls and the same error."""

import base64
import json
from typing import Any
from urllib.parse import quote

import grpc

from . import protos
from .daprd import DAPR, Daprd
from .protos import runtime

JSON = "application/json"
CLOUD_EVENT = "application/cloudevents+json"
BYTES = "application/octet-stream"


class PublishError(Exception):
    def __init__(self, status: Any, code: str, message: str, reason: str, details: dict[str, str]):
        super().__init__(f"{status} {code} {message}")
        self.status, self.code, self.message, self.reason = status, code, message, reason
        self.details = details


class HttpPublisher:
    name = "http"

    def __init__(self, daprd: Daprd):
        self.daprd = daprd

    def _post(self, path: str, body: bytes, kind: str, metadata: dict[str, str]) -> Any:
        query = "&".join(f"metadata.{key}={quote(value)}" for key, value in metadata.items())
        headers = [("Content-Type", kind)] if kind else []
        return self.daprd.request("POST", f"/v1.0/publish/{path}" + (f"?{query}" if query else ""), headers, body)

    def publish(
        self, data: bytes | str, topic: str = "t", kind: str = "", pubsub: str = "ps", **metadata: str
    ) -> None:
        body = data.encode() if isinstance(data, str) else data
        answer = self._post(f"{pubsub}/{quote(topic)}", body, kind, metadata)
        if answer.status == 204:
            assert answer.body == b"" and answer.header("content-type") is None
            return
        raise self._error(answer)

    @staticmethod
    def _error(answer: Any) -> PublishError:
        assert answer.header("content-type") == JSON
        assert not answer.body.endswith(b"\n")
        value = answer.json()
        info = next((d for d in value.get("details", []) if d["@type"].endswith("ErrorInfo")), {})
        return PublishError(
            answer.status, value["errorCode"], value["message"], info.get("reason"), info.get("metadata")
        )

    def bulk(
        self, entries: list[dict[str, Any]], topic: str = "t", pubsub: str = "ps", **metadata: str
    ) -> list[dict[str, str]]:
        answer = self._post(f"bulk/{pubsub}/{quote(topic)}", json.dumps(entries).encode(), JSON, metadata)
        if answer.status == 204:
            return []
        value = answer.json()
        if "failedEntries" not in value:
            raise self._error(answer)
        assert json.loads(answer.header("metadata.responsedata")) == value
        if not value["failedEntries"]:
            raise PublishError(answer.status, value["errorCode"], answer.header("metadata.error"), "", {})
        return value["failedEntries"]


class GrpcPublisher:
    name = "grpc"

    def __init__(self, daprd: Daprd, channel: grpc.Channel):
        self.stub = protos.Stub(channel, DAPR)

    @staticmethod
    def _raised(error: grpc.RpcError) -> PublishError:
        reason, details = "", {}
        for key, value in error.trailing_metadata() or []:
            if key != "grpc-status-details-bin":
                continue
            status = protos.rpc.Status.FromString(value)
            for detail in status.details:
                if detail.type_url.endswith("ErrorInfo"):
                    info = protos.rpc.ErrorInfo.FromString(detail.value)
                    reason, details = info.reason, dict(info.metadata)
        return PublishError(error.code().name, "", error.details() or "", reason, details)

    def publish(
        self, data: bytes | str, topic: str = "t", kind: str = "", pubsub: str = "ps", **metadata: str
    ) -> None:
        body = data.encode() if isinstance(data, str) else data
        try:
            self.stub.PublishEvent(
                runtime.PublishEventRequest(
                    pubsub_name=pubsub, topic=topic, data=body, data_content_type=kind, metadata=metadata
                )
            )
        except grpc.RpcError as error:
            raise self._raised(error) from None

    def bulk(
        self, entries: list[dict[str, Any]], topic: str = "t", pubsub: str = "ps", **metadata: str
    ) -> list[dict[str, str]]:
        made = []
        for entry in entries:
            event, kind = entry.get("event"), entry.get("contentType", "")
            if kind == BYTES:
                event = base64.b64decode(event)
            elif isinstance(event, str) and kind not in (JSON, CLOUD_EVENT):
                event = event.encode()
            else:
                event = json.dumps(event).encode()
            made.append(
                {
                    "entry_id": entry.get("entryId", ""),
                    "event": event,
                    "content_type": kind,
                    "metadata": entry.get("metadata", {}),
                }
            )
        try:
            answer = self.stub.BulkPublishEvent(
                runtime.BulkPublishRequest(
                    pubsub_name=pubsub, topic=topic, entries=made, metadata=metadata
                )
            )
        except grpc.RpcError as error:
            raise self._raised(error) from None
        return [{"entryId": f.entry_id, "error": f.error} for f in answer.failedEntries]
