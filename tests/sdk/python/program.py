"""The Python SDK as its users use it. Where the runtime is, and its token, come from the environment
(DAPR_HTTP_ENDPOINT, DAPR_GRPC_ENDPOINT, DAPR_API_TOKEN); prints a PASS line per check."""

import json
import traceback
from collections.abc import Callable

from dapr.clients import DaprClient
from dapr.clients.grpc._request import (
    TransactionalStateOperation,
    TransactionOperationType,
)
from dapr.clients.grpc._state import Concurrency, StateItem, StateOptions
from dapr.clients.health import DaprHealth
from dapr.conf import settings
from dapr.proto import appcallback_service_v1, common_v1

import grpc

STORE, HTTP_APP, GRPC_APP = "memory", "http-app", "grpc-app"
CHECKS: list[Callable[[DaprClient], None]] = []


def check(function: Callable[[DaprClient], None]) -> Callable[[DaprClient], None]:
    CHECKS.append(function)
    return function


@check
def wait_for_sidecar(client: DaprClient) -> None:
    DaprHealth.wait_for_sidecar()
    client.wait(5)


@check
def metadata(client: DaprClient) -> None:
    client.set_metadata("language", "python")
    found = client.get_metadata()
    assert found.application_id == HTTP_APP, found.application_id
    assert STORE in [component.name for component in found.registered_components]
    assert found.extended_metadata["language"] == "python"


@check
def invoke_http(client: DaprClient) -> None:
    answer = client.invoke_method(
        HTTP_APP,
        "a%2Fb",
        data=b'{"n":1}',
        http_verb="POST",
        content_type="application/json",
        http_querystring=(("q", "1"),),
    )
    seen = json.loads(answer.data)
    assert seen["method"] == "POST" and seen["target"].endswith("q=1"), seen


@check
def invoke_error(client: DaprClient) -> None:
    try:
        client.invoke_method(HTTP_APP, "status/404", http_verb="GET")
    except Exception as error:  # noqa: BLE001 - the SDK's own class differs by version
        assert "404" in str(error) or "app says" in str(error), error
    else:
        raise AssertionError("no error for a 404")


@check
def invoke_other_app(client: DaprClient) -> None:
    request = common_v1.InvokeRequest(method="hello", content_type="text/plain")
    answer = client.invoke_method(
        GRPC_APP, request.method, data=b"to the other", http_verb="POST", content_type="text/plain"
    )
    assert answer.data == b"to the other", answer.data


@check
def invoke_grpc_proxy(client: DaprClient) -> None:
    stub = appcallback_service_v1.AppCallbackStub(client._channel)
    request = common_v1.InvokeRequest(method="proxied", content_type="text/plain")
    request.data.value = b"through the proxy"
    answer, call = stub.OnInvoke.with_call(request, metadata=(("dapr-app-id", GRPC_APP),))
    assert answer.data.value == b"through the proxy"
    assert dict(call.initial_metadata())["x-app-bin"] == b"\x00\xff"


@check
def state(client: DaprClient) -> None:
    client.save_state(STORE, "py", json.dumps({"a": 1}))
    assert client.get_state(STORE, "py").json() == {"a": 1}
    client.delete_state(STORE, "py")
    assert client.get_state(STORE, "py").data == b""


@check
def state_etags(client: DaprClient) -> None:
    client.save_state(STORE, "py-etag", "one")
    etag = client.get_state(STORE, "py-etag").etag
    options = StateOptions(concurrency=Concurrency.first_write)
    client.save_state(STORE, "py-etag", "two", etag=etag, options=options)
    try:
        client.save_state(STORE, "py-etag", "three", etag=etag, options=options)
    except grpc.RpcError as error:
        assert error.code() == grpc.StatusCode.ABORTED, error.code()
    else:
        raise AssertionError("an old etag was accepted")
    assert client.get_state(STORE, "py-etag").data == b"two"


@check
def state_bulk(client: DaprClient) -> None:
    client.save_bulk_state(STORE, [StateItem(key=f"py{i}", value=str(i)) for i in range(5)])
    found = client.get_bulk_state(STORE, [f"py{i}" for i in range(5)])
    assert {item.key: item.data for item in found.items} == {f"py{i}": str(i).encode() for i in range(5)}


@check
def state_transaction(client: DaprClient) -> None:
    client.execute_state_transaction(
        STORE,
        [
            TransactionalStateOperation(
                operation_type=TransactionOperationType.upsert, key="py0", data="new"
            ),
            TransactionalStateOperation(operation_type=TransactionOperationType.delete, key="py1"),
        ],
    )
    assert client.get_state(STORE, "py0").data == b"new" and client.get_state(STORE, "py1").data == b""


@check
def state_ttl(client: DaprClient) -> None:
    client.save_state(STORE, "py-ttl", "x", state_metadata={"ttlInSeconds": "100"})
    assert client.get_state(STORE, "py-ttl").data == b"x"


@check
def token(_: DaprClient) -> None:
    right, settings.DAPR_API_TOKEN = settings.DAPR_API_TOKEN, "wrong"
    try:
        with DaprClient() as client:
            client.get_metadata()
    except grpc.RpcError as error:
        assert error.code() == grpc.StatusCode.UNAUTHENTICATED, error.code()
    else:
        raise AssertionError("a wrong token was accepted")
    finally:
        settings.DAPR_API_TOKEN = right


def main() -> int:
    failed = 0
    with DaprClient() as client:
        for function in CHECKS:
            try:
                function(client)
                print("PASS", function.__name__.replace("_", "-"), flush=True)
            except Exception:  # noqa: BLE001 - reported, and the next one runs
                failed += 1
                print("FAIL", function.__name__.replace("_", "-"), flush=True)
                traceback.print_exc()
    return 1 if failed else 0


if __name__ == "__main__":
    raise SystemExit(main())
