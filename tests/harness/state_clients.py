"""The state API as one client with two protocols."""

import contextlib
import json
from typing import Any
from urllib.parse import quote

import grpc

from . import protos
from .daprd import Daprd

MISSING = object()
CONCURRENCY = {"first-write": 1, "last-write": 2}
CONSISTENCY = {"eventual": 1, "strong": 2}


class StateError(Exception):
    """A refused call, in the words of its protocol."""

    def __init__(self, http: int | None, grpc_code: str | None, code: str | None, message: str, details: Any):
        super().__init__(f"{http or grpc_code} {code}: {message}")
        self.http, self.grpc, self.code, self.message, self.details = http, grpc_code, code, message, details


class HttpState:
    protocol = "http"

    def __init__(self, daprd: Daprd, store: str, stack: contextlib.ExitStack):
        self.daprd, self.store = daprd, store
        self.connection = stack.enter_context(daprd.connect())
        self.base = f"/v1.0/state/{store}"

    def call(self, method: str, target: str, value: Any = None, headers: dict[str, str] | None = None) -> Any:
        body = None if value is None else json.dumps(value, ensure_ascii=False)
        answer = self.connection.request(
            method, target, {"Content-Type": "application/json", **(headers or {})}, body
        )
        if answer.status >= 300:
            error = answer.json()
            assert answer.header("content-type") == "application/json" and not answer.body.endswith(b"\n")
            raise StateError(
                answer.status, None, error["errorCode"], error["message"], error.get("details", [])
            )
        return answer

    def save(self, items: list[dict[str, Any]]) -> None:
        assert self.call("POST", self.base, items).status == 204

    def get(self, key: str, consistency: str | None = None) -> tuple[Any, str | None, dict[str, str]]:
        query = f"?consistency={consistency}" if consistency else ""
        answer = self.call("GET", f"{self.base}/{quote(key, safe='')}{query}")
        if answer.status == 204:
            return MISSING, None, {}
        metadata = {
            n.lower().removeprefix("metadata."): v
            for n, v in answer.headers
            if n.lower().startswith("metadata.")
        }
        return answer.json(), answer.header("etag"), metadata

    def delete(self, key: str, etag: str | None = None) -> None:
        headers = {"If-Match": etag} if etag is not None else {}
        assert self.call("DELETE", f"{self.base}/{quote(key, safe='')}", headers=headers).status == 204

    def bulk(self, keys: list[str], parallelism: int = 10) -> dict[str, tuple[Any, str | None]]:
        answer = self.call("POST", f"{self.base}/bulk", {"keys": keys, "parallelism": parallelism})
        items = answer.json()
        assert sorted(item["key"] for item in items) == sorted(keys)
        return {item["key"]: (item["data"], item.get("etag")) for item in items if "data" in item}

    def transaction(
        self, operations: list[tuple[str, dict[str, Any]]], metadata: dict[str, str] | None = None
    ) -> None:
        body: dict[str, Any] = {
            "operations": [{"operation": kind, "request": item} for kind, item in operations]
        }
        if metadata:
            body["metadata"] = metadata
        assert self.call("POST", f"{self.base}/transaction", body).status == 204

    def query(self, document: dict[str, Any]) -> tuple[list[dict[str, Any]], str]:
        """The results, each with key, data and etag, and the token of the next page."""
        answer = self.call("POST", f"/v1.0-alpha1/state/{self.store}/query", document)
        if answer.status == 204:
            return [], ""
        body = answer.json()
        return body["results"], body.get("token", "")


class GrpcState:
    protocol = "grpc"

    def __init__(self, daprd: Daprd, store: str, stack: contextlib.ExitStack):
        self.store = store
        self.stub = daprd.dapr(stack.enter_context(daprd.channel()))

    def call(self, method: str, request: Any) -> Any:
        try:
            return getattr(self.stub, method)(request, timeout=30)
        except grpc.RpcError as error:
            raw = dict(error.trailing_metadata() or ()).get("grpc-status-details-bin", b"")
            status = protos.rpc.Status.FromString(raw)
            details = [
                {"reason": protos.rpc.ErrorInfo.FromString(d.value).reason}
                for d in status.details
                if d.type_url.endswith("ErrorInfo")
            ]
            raise StateError(None, error.code().name, None, error.details(), details) from None

    def item(self, given: dict[str, Any]) -> Any:
        item = protos.common.StateItem(key=given["key"])
        if "value" in given:
            item.value = json.dumps(given["value"], ensure_ascii=False).encode()
        if "etag" in given:
            item.etag.value = given["etag"]
        for key, value in given.get("metadata", {}).items():
            item.metadata[key] = value
        options = given.get("options", {})
        item.options.concurrency = CONCURRENCY.get(options.get("concurrency"), 0)
        item.options.consistency = CONSISTENCY.get(options.get("consistency"), 0)
        return item

    def save(self, items: list[dict[str, Any]]) -> None:
        self.call(
            "SaveState",
            protos.runtime.SaveStateRequest(store_name=self.store, states=[self.item(i) for i in items]),
        )

    def get_bytes(self, key: str) -> Any:
        return self.call("GetState", protos.runtime.GetStateRequest(store_name=self.store, key=key))

    def get(self, key: str, consistency: str | None = None) -> tuple[Any, str | None, dict[str, str]]:
        answer = self.call(
            "GetState",
            protos.runtime.GetStateRequest(
                store_name=self.store, key=key, consistency=CONSISTENCY.get(consistency or "", 0)
            ),
        )
        if not answer.data and not answer.etag:
            return MISSING, None, {}
        return json.loads(answer.data), answer.etag, {k.lower(): v for k, v in answer.metadata.items()}

    def delete(self, key: str, etag: str | None = None) -> None:
        request = protos.runtime.DeleteStateRequest(store_name=self.store, key=key)
        if etag is not None:
            request.etag.value = etag
        self.call("DeleteState", request)

    def bulk(self, keys: list[str], parallelism: int = 10) -> dict[str, tuple[Any, str | None]]:
        answer = self.call(
            "GetBulkState",
            protos.runtime.GetBulkStateRequest(store_name=self.store, keys=keys, parallelism=parallelism),
        )
        assert sorted(item.key for item in answer.items) == sorted(keys)
        return {item.key: (json.loads(item.data), item.etag) for item in answer.items if item.data}

    def bulk_delete(self, items: list[dict[str, Any]]) -> None:
        self.call(
            "DeleteBulkState",
            protos.runtime.DeleteBulkStateRequest(
                store_name=self.store, states=[self.item(i) for i in items]
            ),
        )

    def transaction(
        self, operations: list[tuple[str, dict[str, Any]]], metadata: dict[str, str] | None = None
    ) -> None:
        request = protos.runtime.ExecuteStateTransactionRequest(storeName=self.store, metadata=metadata or {})
        for kind, item in operations:
            request.operations.add(operationType=kind, request=self.item(item))
        self.call("ExecuteStateTransaction", request)

    def query(self, document: dict[str, Any]) -> tuple[list[dict[str, Any]], str]:
        request = protos.runtime.QueryStateRequest(store_name=self.store, query=json.dumps(document))
        answer = self.call("QueryStateAlpha1", request)
        found = [{"key": r.key, "data": json.loads(r.data), "etag": r.etag} for r in answer.results]
        return found, answer.token
