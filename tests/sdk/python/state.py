"""State with the Python SDK as its users use it, on each store that the environment names: STATE_STORES,
STATE_WITH_QUERY and STATE_ENCRYPTED are lists with commas. Prints `PASS store/check` per check. This SDK
shows no metadata of an item, and so no ttlExpireTime."""

import json
import os
import time
import traceback
import warnings
from collections.abc import Callable

from dapr.clients import DaprClient
from dapr.clients.exceptions import DaprGrpcError
from dapr.clients.grpc._request import TransactionalStateOperation, TransactionOperationType
from dapr.clients.grpc._state import Concurrency, Consistency, StateItem, StateOptions

from grpc import StatusCode

FIRST = StateOptions(concurrency=Concurrency.first_write)
UPSERT, DELETE = TransactionOperationType.upsert, TransactionOperationType.delete


def stores(variable: str) -> list[str]:
    return [name for name in os.environ.get(variable, "").split(",") if name]


def refused(call: Callable[[], object], *codes: StatusCode) -> None:
    try:
        call()
    except DaprGrpcError as error:
        assert error.code() in codes, (error.code(), error.details())
        assert error.details()
    else:
        raise AssertionError("it was accepted")


def operation(kind: TransactionOperationType, key: str, value: str = "", etag: str | None = None):  # noqa: ANN201
    return TransactionalStateOperation(operation_type=kind, key=key, data=value, etag=etag)


def etag_match(client: DaprClient, store: str) -> None:
    client.save_state(store, "py-match", "one")
    first = client.get_state(store, "py-match").etag
    client.save_state(store, "py-match", "two", etag=first, options=FIRST)
    found = client.get_state(store, "py-match")
    assert found.data == b"two" and found.etag and found.etag != first, found.etag


def etag_mismatch(client: DaprClient, store: str) -> None:
    client.save_state(store, "py-old", "one")
    old = client.get_state(store, "py-old").etag
    client.save_state(store, "py-old", "two")
    refused(
        lambda: client.save_state(store, "py-old", "three", etag=old, options=FIRST), StatusCode.ABORTED
    )
    assert client.get_state(store, "py-old").data == b"two"


def etag_delete(client: DaprClient, store: str) -> None:
    client.save_state(store, "py-gone", "one")
    old = client.get_state(store, "py-gone").etag
    client.save_state(store, "py-gone", "two")
    refused(lambda: client.delete_state(store, "py-gone", etag=old, options=FIRST), StatusCode.ABORTED)
    client.delete_state(store, "py-gone", etag=client.get_state(store, "py-gone").etag, options=FIRST)
    assert client.get_state(store, "py-gone").data == b""


def first_write(client: DaprClient, store: str) -> None:
    client.delete_state(store, "py-first")
    client.save_state(store, "py-first", "one", options=FIRST)
    refused(
        lambda: client.save_state(store, "py-first", "two", options=FIRST),
        StatusCode.ABORTED,
        StatusCode.INTERNAL,
    )
    assert client.get_state(store, "py-first").data == b"one"


def strong(client: DaprClient, store: str) -> None:
    options = StateOptions(consistency=Consistency.strong, concurrency=Concurrency.last_write)
    client.save_state(store, "py-strong", "kept", options=options)
    assert client.get_state(store, "py-strong").data == b"kept"


def transaction(client: DaprClient, store: str) -> None:
    client.save_state(store, "py-t1", "old")
    client.save_state(store, "py-t2", "old")
    steps = [operation(UPSERT, "py-t1", "new"), operation(DELETE, "py-t2"), operation(UPSERT, "py-t3", "x")]
    client.execute_state_transaction(store, steps)
    found = client.get_bulk_state(store, ["py-t1", "py-t2", "py-t3"])
    assert {item.key: item.data for item in found.items} == {"py-t1": b"new", "py-t2": b"", "py-t3": b"x"}


def transaction_mismatch(client: DaprClient, store: str) -> None:
    client.save_state(store, "py-tm", "one")
    old = client.get_state(store, "py-tm").etag
    client.save_state(store, "py-tm", "two")
    steps = [operation(UPSERT, "py-tm", "three", old)]
    refused(lambda: client.execute_state_transaction(store, steps), StatusCode.INTERNAL, StatusCode.ABORTED)
    assert client.get_state(store, "py-tm").data == b"two"


def bulk(client: DaprClient, store: str) -> None:
    wanted = {f"py-bulk{i}": str(i).encode() for i in range(20)}
    client.save_bulk_state(store, [StateItem(key=key, value=value) for key, value in wanted.items()])
    found = client.get_bulk_state(store, [*wanted, "py-nobody"], parallelism=4)
    assert {item.key: item.data for item in found.items} == {**wanted, "py-nobody": b""}
    assert all(item.etag for item in found.items if item.key != "py-nobody")


def ttl(client: DaprClient, store: str) -> None:
    client.save_state(store, "py-ttl", "x", state_metadata={"ttlInSeconds": "1"})
    assert client.get_state(store, "py-ttl").data == b"x"
    until = time.monotonic() + 10
    while client.get_state(store, "py-ttl").data and time.monotonic() < until:
        time.sleep(0.05)
    assert client.get_state(store, "py-ttl").data == b""


def query(client: DaprClient, store: str) -> None:
    for i in range(5):
        value = json.dumps({"mark": "py", "n": i, "city": "Bonn" if i % 2 else "Kiel"})
        client.save_state(store, f"py-q{i}", value, state_metadata={"contentType": "application/json"})
    everything = {"EQ": {"mark": "py"}}
    kiel = {"filter": {"AND": [everything, {"EQ": {"city": "Kiel"}}]}, "sort": [{"key": "n", "order": "DESC"}]}
    answer = client.query_state(store, json.dumps(kiel))
    assert [item.key for item in answer.results] == ["py-q4", "py-q2", "py-q0"], answer.results
    assert answer.results[0].json() == {"mark": "py", "n": 4, "city": "Kiel"} and answer.results[0].etag
    seen, token = [], ""
    for _ in range(3):
        page = {"filter": everything, "sort": [{"key": "n"}], "page": {"limit": 2, "token": token}}
        answer = client.query_state(store, json.dumps(page))
        seen += [item.json()["n"] for item in answer.results]
        token = answer.token
    assert seen == [0, 1, 2, 3, 4], seen


def encryption(client: DaprClient, store: str) -> None:
    client.save_state(store, "py-secret", "plain text")
    client.execute_state_transaction(store, [operation(UPSERT, "py-secret-t", "plain text")])
    assert client.get_state(store, "py-secret").data == b"plain text"
    found = client.get_bulk_state(store, ["py-secret", "py-secret-t"])
    assert [item.data for item in found.items] == [b"plain text"] * 2


def main() -> int:
    warnings.simplefilter("ignore", UserWarning)  # that querying is in alpha
    everywhere = [etag_match, etag_mismatch, etag_delete, first_write, strong, transaction,
                  transaction_mismatch, bulk, ttl]
    checks = [(store, function) for store in stores("STATE_STORES") for function in everywhere]
    checks += [(store, query) for store in stores("STATE_WITH_QUERY")]
    checks += [(store, encryption) for store in stores("STATE_ENCRYPTED")]
    failed = 0
    with DaprClient() as client:
        for store, function in checks:
            name = f"{store}/{function.__name__.replace('_', '-')}"
            try:
                function(client, store)
                print("PASS", name, flush=True)
            except Exception:  # noqa: BLE001 - reported, and the next one runs
                failed += 1
                print("FAIL", name, flush=True)
                traceback.print_exc()
    return 1 if failed else 0


if __name__ == "__main__":
    raise SystemExit(main())
