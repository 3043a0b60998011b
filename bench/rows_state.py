"""Rows of the state API: each store, by HTTP and by gRPC, one key, a hundred keys, a transaction."""

from __future__ import annotations

import contextlib
import json
import re
import threading
import time
from collections.abc import Callable
from pathlib import Path

from loads import Call, Load, h2load_grpc, wrk
from measure import BINARY, MEMORY, Bench, Case, Figure, Started
from processes import NotStarted, http_get, http_post
from servers import metrics

VALUE = "hello from the app"
BULK, TRANSACTION = 100, 10
# Writes go round these many groups of keys, so that no two callers write the same row; h2load's
# callers have one group for four of them.
GROUPS, H2LOADS = 64, 8

# --- the stores ------------------------------------------------------------------------------------


def component(kind: str, fields: dict[str, str]) -> str:
    entries = [{"name": name, "value": value} for name, value in fields.items()]
    spec = {"type": kind, "version": "v1", "metadata": entries}
    return json.dumps(
        {"apiVersion": "dapr.io/v1alpha1", "kind": "Component", "metadata": {"name": "store"}, "spec": spec}
    )


def redis(bench: Bench) -> str:
    bench.redis("FLUSHALL")
    return component("state.redis", bench.redis.metadata())


def postgresql(bench: Bench) -> str:
    name = f"state{time.monotonic_ns()}"
    return component("state.postgresql", {"connectionString": bench.postgres.database(name)})


def sqlite(bench: Bench) -> str:
    return component("state.sqlite", {"connectionString": f"{bench.folder}/state{time.monotonic_ns()}.db"})


STORES: dict[str, Callable[[Bench], str]] = {
    "in memory": lambda _: MEMORY,
    "Redis": redis,
    "PostgreSQL": postgresql,
    "SQLite": sqlite,
}

# --- the requests ----------------------------------------------------------------------------------


def field(number: int, data: bytes | str) -> bytes:
    """A length-delimited field of a protobuf message."""
    data = data.encode() if isinstance(data, str) else data
    length, size = b"", len(data)
    while size > 127:
        length += bytes([size & 127 | 128])
        size >>= 7
    return bytes([number << 3 | 2]) + length + bytes([size]) + data


def keys(group: int) -> list[str]:
    return [f"g{group}-k{i}" for i in range(TRANSACTION)]


def item(key: str) -> bytes:
    return field(1, key) + field(2, json.dumps(VALUE))


BULK_KEYS = [f"k{i}" for i in range(BULK)]


def http_calls(operation: str) -> list[Call]:
    base = "/v1.0/state/store"
    if operation == "get":
        return [Call(f"{base}/{key}") for key in BULK_KEYS[:GROUPS]]
    if operation == "bulk get":
        return [Call(f"{base}/bulk", body=json.dumps({"keys": BULK_KEYS}))]
    if operation == "set":
        items = [[{"key": keys(group)[0], "value": VALUE}] for group in range(GROUPS)]
        return [Call(base, body=json.dumps(one)) for one in items]
    return [
        Call(f"{base}/transaction", body=json.dumps({"operations": [
            {"operation": "upsert", "request": {"key": key, "value": VALUE}} for key in keys(group)]}))
        for group in range(GROUPS)
    ]


def grpc_calls(operation: str) -> tuple[str, list[bytes]]:
    """Method and messages."""
    store = field(1, "store")
    if operation == "get":
        return "GetState", [store + field(2, BULK_KEYS[0])]
    if operation == "bulk get":
        return "GetBulkState", [store + b"".join(field(2, key) for key in BULK_KEYS)]
    if operation == "set":
        return "SaveState", [store + field(2, item(keys(group)[0])) for group in range(H2LOADS)]
    return "ExecuteStateTransaction", [
        store + b"".join(field(2, field(1, "upsert") + field(2, item(key))) for key in keys(group))
        for group in range(H2LOADS)
    ]


# --- the cases -------------------------------------------------------------------------------------


def failed_calls(port: int) -> int:
    """gRPC calls that did not end with OK, by the runtime's own count."""
    _, text = http_get(f"http://127.0.0.1:{port}/metrics")
    family = "dapr_grpc_io_server_completed_rpcs"
    found = metrics.parse(text.decode())
    return int(found.total(family) - found.total(family, grpc_server_status="OK"))


def filled(bench: Bench, binary: Path, stack: contextlib.ExitStack, store: str):  # noqa: ANN201
    """A runtime over the store, which holds the keys that are read."""
    process, ports = bench.daprd(stack, binary, "state", component=STORES[store](bench))
    base = f"http://127.0.0.1:{ports['http']}/v1.0/state/store"
    http_post(base, json.dumps([{"key": key, "value": VALUE} for key in BULK_KEYS]))
    status, body = http_get(f"{base}/{BULK_KEYS[-1]}")
    if status != 200 or json.loads(body) != VALUE:
        raise NotStarted(f"{store}: {status} {body!r} instead of the value that was saved")
    return process, ports


def case(store: str, operation: str, protocol: str, budget: float = 0.0) -> Case:
    def setup(bench: Bench, binary: Path, stack: contextlib.ExitStack) -> Started:
        process, ports = filled(bench, binary, stack, store)
        if protocol == "HTTP":
            calls = http_calls(operation)
            return Started([process], lambda s: wrk(f"http://127.0.0.1:{ports['http']}/", s, calls=calls))
        method, messages = grpc_calls(operation)

        def run(seconds: int) -> Load:
            # Counted shortly before the end, at which h2load leaves calls that are still under way.
            failed = [failed_calls(ports["metrics"])]
            count = threading.Timer(seconds - 0.2, lambda: failed.append(failed_calls(ports["metrics"])))
            count.start()
            load = h2load_grpc(ports["grpc"], f"/dapr.proto.runtime.v1.Dapr/{method}", messages, seconds)
            count.join()
            load.failed += failed[1] - failed[0]
            return load

        return Started([process], run)

    label = {"bulk get": f"bulk get {BULK}", "transaction": f"transaction {TRANSACTION}"}.get(operation, operation)
    group = "state-" + store.lower().replace(" ", "-")
    return Case(group, f"state {label}, {store}, {protocol}", setup, "nginx static", budget)


BUDGETS = {
    ("in memory", "get", "HTTP"): 1.4,
    ("in memory", "get", "gRPC"): 1.6,
    ("Redis", "get", "HTTP"): 2.5,
    ("Redis", "set", "HTTP"): 2.5,
    ("PostgreSQL", "get", "HTTP"): 3.5,
}
CASES = [
    case(store, operation, protocol, BUDGETS.get((store, operation, protocol), 0.0))
    for store in STORES
    for operation in (["get"] if store == "in memory" else ["get", "set", "bulk get", "transaction"])
    for protocol in ("HTTP", "gRPC")
]

# --- pipelining ------------------------------------------------------------------------------------


def loops(pid: int) -> int:
    """Data loops of a runtime, by the names of its threads; a thread may have its maker's name."""
    names = {file.read_text().strip() for file in Path(f"/proc/{pid}/task").glob("*/comm")}
    return sum(bool(re.fullmatch(r"loop\d+", name)) for name in names)


def redis_connections(bench: Bench) -> None:
    """The most connections Redis sees from a runtime that 32 callers read from and write to."""
    with contextlib.ExitStack() as stack:
        process, ports = filled(bench, BINARY, stack, "Redis")
        calls = [call for pair in zip(http_calls("get"), http_calls("set"), strict=True) for call in pair]
        url = f"http://127.0.0.1:{ports['http']}/"
        load = threading.Thread(target=wrk, args=(url, 2), kwargs={"calls": calls})
        most = 0
        with bench.redis.connect() as client:
            load.start()
            while load.is_alive():
                most = max(most, len(client("CLIENT", "LIST").splitlines()) - 1)  # less this one
                time.sleep(0.02)
            load.join()
        bench.at_most("Redis connections a loop, 32 callers", most / loops(process.child.pid), "", 2)


FIGURES = [Figure("state-redis", "Redis connections", redis_connections)]
