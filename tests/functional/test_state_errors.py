"""What goes wrong in a store is told clearly, with Dapr's code, in time, and leaves nothing half written."""

import contextlib
import json
import os
import pathlib
import time
from collections.abc import Iterator
from typing import Any

import pytest

from harness.daprd import Daprd
from harness.http_app import HttpApp
from harness.paths import sanitized
from harness.poll import wait_for
from harness.ports import free_port
from harness.postgres_server import PASSWORD, PostgresServer
from harness.redis_server import RedisServer
from harness.servers import Server
from harness.state_clients import MISSING, HttpState, StateError
from harness.state_opened import Opened
from harness.state_stores import STORES, StateServers, store_component

NETWORK = ["redis", "postgresql-v1", "postgresql-v2"]
# Fields that end waiting soon, so that a test need not wait long for an error.
HASTY = {
    "redis": {"redisMaxRetries": "1", "redisMinRetryInterval": "100ms", "redisMaxRetryInterval": "200ms",
              "dialTimeout": "1s", "readTimeout": "1s"},
    "postgresql-v1": {"timeout": "2s"},
    "postgresql-v2": {"timeout": "2s"},
}


@pytest.fixture(scope="module")
def app() -> Iterator[HttpApp]:
    with HttpApp() as one:
        yield one


def fails(
    call: Any, *arguments: Any, code: str = "ERR_STATE_SAVE", http: int = 500, grpc: str = "INTERNAL"
) -> str:
    """The message of the error that the call ends with."""
    with pytest.raises(StateError) as failure:
        call(*arguments)
    error = failure.value
    if error.http:
        assert (error.http, error.code) == (http, code), error
    else:
        assert error.grpc == grpc, error
    assert len(error.message) < 1000, error
    return error.message


def everything_fails(client: Any) -> None:
    """All operations, each with the code of its own and within five seconds."""
    item = {"key": "k", "value": 1}
    for call, code in (
        (lambda: client.save([item]), "ERR_STATE_SAVE"),
        (lambda: client.save([item, {"key": "l", "value": 2}]), "ERR_STATE_SAVE"),
        (lambda: client.get("k"), "ERR_STATE_GET"),
        (lambda: client.delete("k"), "ERR_STATE_DELETE"),
        (lambda: client.transaction([("upsert", item)]), "ERR_STATE_TRANSACTION"),
    ):
        started = time.monotonic()
        message = fails(call, code=code)
        assert time.monotonic() - started < 5, code
        assert "store" in message or "state" in message or "k" in message
    # Bulk get fails as a whole or key by key, as the store does.
    with contextlib.suppress(StateError):
        assert client.bulk(["k"]) == {}


def start_refused(daprd: Daprd) -> str:
    """The log of a runtime that ends by itself in good time."""
    started = time.monotonic()
    assert daprd.wait(30) != 0
    assert time.monotonic() - started < 15
    text = daprd.log_text()
    assert "INIT_COMPONENT_FAILURE" in text and "store" in text
    return text


def network_server(kind: str, **options: Any) -> Any:
    return RedisServer(**options) if kind == "redis" else PostgresServer(**options)


def place_of(kind: str, server: Any) -> dict[str, Any]:
    """The component's metadata for a server of one's own."""
    if kind == "redis":
        return {**server.metadata(), **HASTY[kind]}
    return {"connectionString": server.url(), **HASTY[kind]}


# At the start.
@pytest.mark.parametrize(
    "kind, change, said",
    [
        ("redis", {"redisPassword": "wr0ng-secret"}, "WRONGPASS"),
        ("redis", {"redisUsername": "nobody", "redisPassword": "wr0ng-secret"}, "WRONGPASS"),
        ("redis", {"redisPassword": ""}, "NOAUTH"),
        ("postgresql-v1", "password", "password authentication failed"),
        ("postgresql-v2", "password", "password authentication failed"),
        ("postgresql-v1", "database", "does not exist"),
    ],
)
def test_wrong_credentials(
    stack: contextlib.ExitStack, app: HttpApp, servers: StateServers, kind: str, change: Any, said: str
) -> None:
    if kind == "redis":
        server = stack.enter_context(RedisServer(password="r1ght-secret"))
        place = place_of(kind, server) | change
    elif change == "password":
        place = {"connectionString": servers.postgres.url(password="wr0ng-secret"), **HASTY[kind]}
    else:
        place = {"connectionString": servers.postgres.url("no such base"), **HASTY[kind]}
    resources = {"store.yaml": store_component(kind, place, "store")}
    text = start_refused(stack.enter_context(Daprd("app", app=app, resources=resources, ready=False)))
    assert said in text, text[-2000:]
    assert "wr0ng-secret" not in text and "r1ght-secret" not in text and PASSWORD not in text


@pytest.mark.parametrize("kind", NETWORK)
def test_store_down_at_the_start(
    stack: contextlib.ExitStack, app: HttpApp, servers: StateServers, kind: str
) -> None:
    port = free_port()
    place = {"redisHost": f"127.0.0.1:{port}", **HASTY[kind]}
    if kind != "redis":
        url = f"host=127.0.0.1 port={port} user=u password=hidden-word dbname=d"
        place = {"connectionString": url, **HASTY[kind]}
    text = store_component(kind, place, "store")
    log = start_refused(stack.enter_context(Daprd("app", app=app, resources={"store.yaml": text}, ready=False)))
    assert str(port) in log and "hidden-word" not in log
    ignoring = store_component(kind, place, "store", ignoreErrors=True)
    other = servers.component("memory", "other")
    resources = {"store.yaml": ignoring, "other.yaml": other}
    daprd = stack.enter_context(Daprd("app", app=app, resources=resources, ready=False))
    wait_for(lambda: daprd.get("/v1.0/healthz").status == 204, 20)
    assert daprd.post("/v1.0/state/other", [{"key": "k", "value": 1}]).status == 204
    answer = daprd.get("/v1.0/state/store/k")
    assert (answer.status, answer.json()["errorCode"]) == (400, "ERR_STATE_STORE_NOT_FOUND")


# Later.
@pytest.mark.parametrize("kind", NETWORK)
def test_store_down_later(stack: contextlib.ExitStack, app: HttpApp, kind: str) -> None:
    server: Server = stack.enter_context(network_server(kind, durable=True))
    opened = Opened(stack, app, kind, place_of(kind, server))
    opened.http.save([{"key": "stays", "value": 1}])
    server.kill()
    for client in opened.clients:
        everything_fails(client)
    assert opened.daprd.get("/v1.0/healthz").status == 204
    server.start()
    back = time.monotonic()

    def works() -> bool:
        with contextlib.suppress(StateError):
            return all(client.get("stays")[0] == 1 for client in opened.clients)
        return False

    wait_for(works, 10)
    assert time.monotonic() - back < (10 if sanitized() else 2)
    assert PASSWORD not in opened.daprd.log_text()


def test_redis_wrong_type_of_key(stack: contextlib.ExitStack, app: HttpApp, servers: StateServers) -> None:
    place = servers.place("redis")
    opened = Opened(stack, app, "redis", place)
    with servers.redis.connect() as raw:
        raw("SELECT", place["redisDB"])
        raw("RPUSH", "app||list", "x")
        for client in opened.clients:
            assert "WRONGTYPE" in fails(client.get, "list", code="ERR_STATE_GET")
            with contextlib.suppress(StateError):
                assert "list" not in client.bulk(["list"])
        raw("HSET", "app||odd", "data", "1", "version", "words")
        for client in opened.clients:
            fails(client.save, [{"key": "odd", "value": 2}])
            assert raw("HGET", "app||odd", "data") == b"1"
        opened.http.save([{"key": "list", "value": 1}])
        assert raw.hash("app||list")["version"] == b"1"


def test_postgresql_table_of_another_shape(
    stack: contextlib.ExitStack, app: HttpApp, servers: StateServers
) -> None:
    place = servers.place("postgresql-v2")
    opened = Opened(stack, app, "postgresql-v2", place)
    name = place["connectionString"].rpartition("dbname='")[2].partition("'")[0]
    servers.postgres.sql("DROP TABLE state", name)
    for client in opened.clients:
        everything_fails(client)
    assert "does not exist" in fails(opened.http.get, "k", code="ERR_STATE_GET")


# No room.
def test_redis_out_of_memory(stack: contextlib.ExitStack, app: HttpApp) -> None:
    server = stack.enter_context(RedisServer())
    opened = Opened(stack, app, "redis", place_of("redis", server))
    opened.http.save([{"key": "k", "value": 1}])
    server("CONFIG", "SET", "maxmemory", "1")
    for client in opened.clients:
        assert "OOM" in fails(client.save, [{"key": "k", "value": 2}])
        operations = [("upsert", {"key": key, "value": "x"}) for key in ("k", "new")]
        fails(client.transaction, operations, code="ERR_STATE_TRANSACTION")
        assert client.get("k")[:2] == (1, "1") and client.get("new")[0] is MISSING
    server("CONFIG", "SET", "maxmemory", "0")
    opened.http.save([{"key": "k", "value": 2}])
    assert opened.http.get("k")[0] == 2


def fill(client: Any, rounds: int) -> tuple[int, str]:
    """Saves pairs of large values in transactions until one fails: its number, and what was said."""
    for number in range(rounds):
        # What cannot be compressed, as text.
        values = [os.urandom(100_000).hex() for _ in range(2)]
        operations = [("upsert", {"key": f"{number}.{i}", "value": value}) for i, value in enumerate(values)]
        try:
            client.transaction(operations)
        except StateError as error:
            assert error.code == "ERR_STATE_TRANSACTION" or error.grpc == "INTERNAL", error
            return number, error.message
    raise AssertionError("the disk is not full")


@pytest.mark.parametrize("kind", ["postgresql-v1", "postgresql-v2"])
def test_postgresql_disk_full(stack: contextlib.ExitStack, app: HttpApp, kind: str) -> None:
    server = stack.enter_context(PostgresServer(largest_file=17 << 20, max_wal_size="2GB"))
    opened = Opened(stack, app, kind, place_of(kind, server))
    failed, message = fill(opened.http, 300)
    assert failed > 3 and ("extend" in message or "File too large" in message or "write" in message), message
    for client in opened.clients:
        assert len(client.get(f"{failed - 1}.1")[0]) == 200_000
        assert client.get(f"{failed}.0")[0] is MISSING and client.get(f"{failed}.1")[0] is MISSING
        client.delete("0.0")


def test_sqlite_disk_full(stack: contextlib.ExitStack, app: HttpApp, tmp_path: pathlib.Path) -> None:
    place = {"connectionString": f"{tmp_path / 's.db'}?_pragma=max_page_count(500)"}
    opened = Opened(stack, app, "sqlite", place)
    failed, message = fill(opened.grpc, 20)
    assert failed > 1 and "full" in message, message
    for client in opened.clients:
        assert len(client.get(f"{failed - 1}.1")[0]) == 200_000
        assert client.get(f"{failed}.0")[0] is MISSING and client.get(f"{failed}.1")[0] is MISSING
        fails(client.save, [{"key": "big", "value": "x" * 2_000_000}])
        client.save([{"key": f"{failed - 1}.1", "value": 1}, {"key": f"{failed - 1}.0", "value": 1}])
        client.save([{"key": f"{failed - 1}.1", "value": "x" * 200_000}])


# Read-only.
def test_redis_read_only_replica(stack: contextlib.ExitStack, app: HttpApp) -> None:
    server = stack.enter_context(RedisServer(repl_diskless_sync_delay=0))
    with contextlib.ExitStack() as before:
        Opened(before, app, "redis", place_of("redis", server)).http.save([{"key": "k", "value": 1}])
    replica = stack.enter_context(RedisServer(replicaof=f"127.0.0.1 {server.port}"))
    wait_for(lambda: b"master_link_status:up" in replica("INFO", "replication"), 20)
    opened = Opened(stack, app, "redis", place_of("redis", replica))
    for client in opened.clients:
        assert client.get("k")[0] == 1
        assert "READONLY" in fails(client.save, [{"key": "k", "value": 2}])
        fails(client.delete, "k", code="ERR_STATE_DELETE")
        fails(client.transaction, [("upsert", {"key": "k", "value": 3})], code="ERR_STATE_TRANSACTION")
    replica("REPLICAOF", "NO", "ONE")
    for client in opened.clients:
        wait_for(lambda client=client: client.save([{"key": "k", "value": 4}]) is None, 5)
        assert client.get("k")[0] == 4


@pytest.mark.parametrize("kind", ["postgresql-v1", "postgresql-v2"])
def test_postgresql_read_only(
    stack: contextlib.ExitStack, app: HttpApp, servers: StateServers, kind: str
) -> None:
    place = servers.place(kind)
    name = place["connectionString"].rpartition("dbname='")[2].partition("'")[0]
    opened = Opened(stack, app, kind, place)
    opened.http.save([{"key": "k", "value": 1}])

    def read_only(setting: str) -> None:
        servers.postgres.sql(
            f"ALTER DATABASE {name} SET default_transaction_read_only = {setting};"
            f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}';"
        )

    def reads(client: Any) -> bool:
        with contextlib.suppress(StateError):
            return client.get("k")[0] == 1
        return False

    read_only("on")
    for client in opened.clients:
        wait_for(lambda client=client: reads(client), 5)
        message = fails(client.save, [{"key": "k", "value": 2}])
        assert "read-only" in message or "read only" in message
        fails(client.transaction, [("delete", {"key": "k"})], code="ERR_STATE_TRANSACTION")
        assert client.get("k")[0] == 1
    read_only("off")
    for client in opened.clients:
        wait_for(lambda client=client: reads(client), 5)
        client.save([{"key": "k", "value": 1}])


def test_sqlite_read_only(stack: contextlib.ExitStack, app: HttpApp, tmp_path: pathlib.Path) -> None:
    file = tmp_path / "s.db"
    with contextlib.ExitStack() as before:
        Opened(before, app, "sqlite", {"connectionString": str(file)}).http.save([{"key": "k", "value": 1}])
    opened = Opened(stack, app, "sqlite", {"connectionString": f"file:{file}?mode=ro"})
    for client in opened.clients:
        assert client.get("k")[0] == 1
        assert "readonly" in fails(client.save, [{"key": "k", "value": 2}])
        fails(client.delete, "k", code="ERR_STATE_DELETE")


# Too big.
def test_body_over_the_limit(stack: contextlib.ExitStack, app: HttpApp, servers: StateServers) -> None:
    opened = Opened(stack, app, "redis", servers.place("redis"), "--max-body-size", "1Mi")
    large = {"key": "k", "value": "x" * (1 << 20)}
    fails(opened.http.save, [large], code="ERR_MALFORMED_REQUEST", http=400)
    http = HttpState(opened.daprd, "store", stack)  # the refused one's connection was closed
    fails(opened.grpc.save, [large], grpc="RESOURCE_EXHAUSTED")
    assert http.get("k")[0] is MISSING and opened.grpc.get("k")[0] is MISSING


def test_value_over_what_redis_takes(stack: contextlib.ExitStack, app: HttpApp) -> None:
    server = stack.enter_context(RedisServer(proto_max_bulk_len="1mb"))
    opened = Opened(stack, app, "redis", place_of("redis", server))
    for client in opened.clients:
        started = time.monotonic()
        fails(client.save, [{"key": "k", "value": "x" * (2 << 20)}])
        assert time.monotonic() - started < 5
        client.save([{"key": "l", "value": 1}])
        assert client.get("l")[0] == 1 and client.get("k")[0] is MISSING


@pytest.mark.parametrize("kind", ["postgresql-v1", "postgresql-v2"])
def test_what_postgresql_cannot_keep(
    stack: contextlib.ExitStack, app: HttpApp, servers: StateServers, kind: str
) -> None:
    opened = Opened(stack, app, kind, servers.place(kind))
    key = os.urandom(6000).hex()
    for client in opened.clients:
        fails(client.save, [{"key": key, "value": 1}])
        operations = [("upsert", {"key": "k", "value": 1}), ("upsert", {"key": key, "value": 1})]
        fails(client.transaction, operations, code="ERR_STATE_TRANSACTION")
        assert client.get("k")[0] is MISSING
    if kind == "postgresql-v1":  # jsonb has no U+0000
        fails(opened.http.save, [{"key": "k", "value": "a\0b"}])
    opened.http.save([{"key": "k", "value": 1}])
    assert opened.http.get("k")[0] == 1


# Large transactions.
@pytest.mark.parametrize("kind", STORES)
def test_ten_thousand_operations(
    stack: contextlib.ExitStack, app: HttpApp, servers: StateServers, kind: str
) -> None:
    tag = "{t}" if kind == "redis-cluster" else ""
    opened = Opened(stack, app, kind, servers.place(kind))
    opened.http.save([{"key": f"{tag}last", "value": 0}])
    for round_, client in enumerate(opened.clients):
        operations: list[tuple[str, Any]] = [
            ("upsert", {"key": f"{tag}k{i}", "value": [round_, i]}) for i in range(10_000)
        ]
        client.transaction(operations)
        sample = [f"{tag}k{i}" for i in (0, 1, 4999, 9998, 9999)]
        assert [client.get(key)[0][0] for key in sample] == [round_] * 5
        # The same again with values of another round, but the last operation cannot be done.
        _, etag, _ = client.get(f"{tag}last")
        client.save([{"key": f"{tag}last", "value": round_}])
        for _, item in operations:
            item["value"] = ["half", 0]
        operations.append(("upsert", {"key": f"{tag}last", "value": "half", "etag": etag}))
        fails(client.transaction, operations, code="ERR_STATE_TRANSACTION")
        assert [client.get(key)[0][0] for key in sample] == [round_] * 5
        assert client.get(f"{tag}last")[0] == round_
        client.transaction([("delete", {"key": f"{tag}k{i}"}) for i in range(10_000)])
        assert client.bulk(sample) == {}
        assert json.dumps(client.get(f"{tag}last")[0]) == str(round_)


def test_a_transaction_over_several_nodes_of_a_cluster(
    stack: contextlib.ExitStack, app: HttpApp, servers: StateServers
) -> None:
    """No node can do it in one step, so it is refused, and nothing of it is done."""
    opened = Opened(stack, app, "redis-cluster", servers.place("redis-cluster"))
    keys = [f"apart{i}" for i in range(10)]
    operations = [("upsert", {"key": key, "value": 1}) for key in keys]
    for client in opened.clients:
        fails(client.transaction, operations, code="ERR_STATE_TRANSACTION")
        assert client.bulk(keys) == {}
        client.transaction([("upsert", {"key": "{x}" + key, "value": 1}) for key in keys])
