"""What is in the store is what any daprd writes, and what another daprd has written is read: people switch
runtimes over a filled store, in both directions."""

import base64
import contextlib
import pathlib
import re
import sqlite3
import uuid
from collections.abc import Iterator
from typing import Any

import pytest

from harness.daprd import Daprd
from harness.http_app import HttpApp
from harness.poll import wait_for
from harness.redis_server import RedisCluster, RedisServer
from harness.resp import Resp
from harness.state_clients import MISSING
from harness.state_opened import Opened
from harness.state_stores import StateServers, store_component

PREFIXES = [
    (None, "app||k"),
    ("none", "k"),
    ("name", "store||k"),
    ("appid", "app||k"),
    ("MyOwn", "myown||k"),
    ("namespace", "shop.app||k"),
]
UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")


@pytest.fixture(scope="module")
def app() -> Iterator[HttpApp]:
    with HttpApp() as one:
        yield one


@pytest.fixture
def redis(stack: contextlib.ExitStack, servers: StateServers) -> tuple[dict[str, Any], Resp]:
    """Metadata of a component in an empty database, and a connection to it."""
    place = servers.place("redis")
    client = stack.enter_context(servers.redis.connect())
    client("SELECT", place["redisDB"])
    client("FLUSHDB")
    return place, client


# Redis.
def test_redis_hash(stack: contextlib.ExitStack, app: HttpApp, redis: Any) -> None:
    place, raw = redis
    store = Opened(stack, app, "redis", place)
    store.http.save([{"key": "k", "value": {"n": [1, "<&>"]}}])
    assert raw.hash("app||k") == {"data": b'{"n":[1,"<&>"]}', "version": b"1"}
    store.http.save([{"key": "k", "value": 1.50}])
    assert raw.hash("app||k") == {"data": b"1.5", "version": b"2"} and store.http.get("k")[1] == "2"
    store.save_bytes("b", b"\x00\xff {\r\n")
    assert raw.hash("app||b") == {"data": b"\x00\xff {\r\n", "version": b"1"}
    store.http.save([{"key": "f", "value": 1, "options": {"concurrency": "first-write"}}])
    assert raw.hash("app||f") == {"data": b"1", "version": b"1", "first-write": b"0"}
    store.http.transaction([("upsert", {"key": "t", "value": "x"}), ("delete", {"key": "k"})])
    assert raw.hash("app||t") == {"data": b'"x"', "version": b"1"}
    assert sorted(raw("KEYS", "*")) == [b"app||b", b"app||f", b"app||t"]
    store.http.delete("t")
    assert raw("EXISTS", "app||t") == 0


def test_redis_time_to_live(stack: contextlib.ExitStack, app: HttpApp, redis: Any) -> None:
    place, raw = redis
    store = Opened(stack, app, "redis", place)
    store.http.save([{"key": "k", "value": 1, "metadata": {"ttlInSeconds": "100"}}])
    assert 95 <= raw("TTL", "app||k") <= 100
    store.http.save([{"key": "k", "value": 2}])
    assert 95 <= raw("TTL", "app||k") <= 100  # as with any hash: only -1 takes it away
    store.http.save([{"key": "k", "value": 3, "metadata": {"ttlInSeconds": "-1"}}])
    assert raw("TTL", "app||k") == -1
    store.http.transaction([("upsert", {"key": "t", "value": 1, "metadata": {"ttlInSeconds": "50"}})])
    assert 45 <= raw("TTL", "app||t") <= 50
    with contextlib.ExitStack() as inner:
        mortal = Opened(inner, app, "redis", {**place, "ttlInSeconds": "30"})
        mortal.http.save([{"key": "m", "value": 1}, {"key": "n", "value": 1, "metadata": {"ttlInSeconds": "-1"}}])
        assert 25 <= raw("TTL", "app||m") <= 30 and raw("TTL", "app||n") == -1


def test_redis_reads_and_continues_what_is_there(stack: contextlib.ExitStack, app: HttpApp, redis: Any) -> None:
    place, raw = redis
    raw("HSET", "app||k", "data", '{"b":1,"a":0.5}', "version", "7")
    raw("HSET", "app||f", "data", "1", "version", "1", "first-write", "0")
    raw("HSET", "app||bare", "data", "2")
    raw("SET", "app||legacy", '"as a string"')
    raw("RPUSH", "app||list", "x")
    store = Opened(stack, app, "redis", place)
    for client in (store.http, store.grpc):
        assert client.get("k")[:2] == ({"a": 0.5, "b": 1}, "7")
        assert client.get("bare")[0] == 2 and client.get("legacy")[0] == "as a string"
        assert client.bulk(["k", "legacy", "none"]).keys() == {"k", "legacy"}
    store.http.save([{"key": "k", "value": 1, "etag": "7"}])
    assert raw.hash("app||k") == {"data": b"1", "version": b"8"}
    store.http.save([{"key": "f", "value": 2, "etag": "1"}])
    assert raw("HMGET", "app||f", "data", "version") == [b"2", b"2"]
    store.http.save([{"key": "legacy", "value": 3}, {"key": "list", "value": 4}, {"key": "bare", "value": 5}])
    for key, data in (("legacy", b"3"), ("list", b"4"), ("bare", b"5")):
        assert raw.hash(f"app||{key}") == {"data": data, "version": b"1"}


def test_redis_cluster_keys_lie_where_they_belong(
    stack: contextlib.ExitStack, app: HttpApp, servers: StateServers
) -> None:
    store = Opened(stack, app, "redis-cluster", servers.cluster.metadata())
    keys = [f"spread{i}" for i in range(30)]
    store.http.save([{"key": key, "value": key} for key in keys])
    owners = set()
    for key in keys:
        owner = servers.cluster.owner(f"app||{key}")
        owners.add(owner.port)
        with owner.connect() as raw:
            assert raw.hash(f"app||{key}") == {"data": f'"{key}"'.encode(), "version": b"1"}
    assert len(owners) == 3
    assert store.http.bulk(keys).keys() == set(keys)


@pytest.mark.timeout(60)
def test_redis_cluster_follows_a_slot_that_moves(stack: contextlib.ExitStack, app: HttpApp) -> None:
    cluster = stack.enter_context(RedisCluster())
    store = Opened(stack, app, "redis-cluster", cluster.metadata())
    store.http.save([{"key": "k", "value": 1}])
    _, new = cluster.move_slot("app||k")
    assert store.http.get("k")[:2] == (1, "1")
    store.http.save([{"key": "k", "value": 2, "etag": "1"}])
    with new.connect() as raw:
        assert raw.hash("app||k") == {"data": b"2", "version": b"2"}


# How Redis is reached.
@pytest.mark.parametrize(
    "options",
    [
        {"password": "se cret#1"},
        {"acl": ("dapr", "acl-pass")},
        {"tls": True},
        {"tls": True, "client_certificates": True, "password": "p"},
    ],
    ids=["password", "acl", "tls", "mtls"],
)
def test_redis_access(stack: contextlib.ExitStack, app: HttpApp, options: dict[str, Any]) -> None:
    server = stack.enter_context(RedisServer(**options))
    env = {"SSL_CERT_FILE": str(server.authority.certificate)} if server.authority else {}
    store = Opened(stack, app, "redis", server.metadata(), **env)
    store.http.save([{"key": "k", "value": 1}])
    with server.connect() as raw:
        assert raw.hash("app||k")["data"] == b"1"
    for secret in (options.get("password"), options.get("acl", (0, ""))[1]):
        assert not secret or len(secret) < 3 or secret not in store.daprd.log_text()


def test_redis_tls_is_verified(stack: contextlib.ExitStack, app: HttpApp) -> None:
    server = stack.enter_context(RedisServer(tls=True))
    place = {**server.metadata(), "redisMaxRetries": "1"}
    refused = stack.enter_context(
        Daprd("app", app=app, ready=False, resources={"s.yaml": store_component("redis", place, "store")})
    )
    assert refused.wait(30) != 0 and "certificate" in refused.log_text().lower()
    store = Opened(stack, app, "redis", {**place, "insecureSkipTLSVerify": "true"})
    store.http.save([{"key": "k", "value": 1}])
    assert store.http.get("k")[0] == 1


# PostgreSQL.
V1_COLUMNS = [
    ["key", "text", "NO", "(null)", "(null)"],
    ["value", "jsonb", "NO", "(null)", "(null)"],
    ["isbinary", "boolean", "NO", "(null)", "(null)"],
    ["insertdate", "timestamp with time zone", "NO", "now()", "(null)"],
    ["updatedate", "timestamp with time zone", "YES", "(null)", "(null)"],
    ["expiredate", "timestamp with time zone", "YES", "(null)", "(null)"],
    ["row_id", "bigint", "NO", "(null)", "BY DEFAULT"],
]
V2_COLUMNS = [
    ["key", "text", "NO", "(null)", "(null)"],
    ["value", "bytea", "NO", "(null)", "(null)"],
    ["etag", "uuid", "NO", "gen_random_uuid()", "(null)"],
    ["created_at", "timestamp with time zone", "*", "now()", "(null)"],
    ["updated_at", "timestamp with time zone", "YES", "(null)", "(null)"],
    ["expires_at", "timestamp with time zone", "YES", "(null)", "(null)"],
    ["row_id", "bigint", "NO", "(null)", "BY DEFAULT"],
]


class Database:
    """An empty database of the shared server."""

    def __init__(self, servers: StateServers):
        self.server, self.name = servers.postgres, f"layout{uuid.uuid4().hex[:8]}"
        self.place = {"connectionString": servers.postgres.database(self.name)}

    def __call__(self, text: str) -> list[list[str]]:
        return self.server.sql(text, self.name)

    def columns(self, table: str) -> list[list[str]]:
        found = self(
            "SELECT column_name, data_type, is_nullable, column_default, identity_generation FROM "
            f"information_schema.columns WHERE table_name = '{table}' ORDER BY ordinal_position"
        )
        return [[*row[:2], "*" if row[0] == "created_at" else row[2], *row[3:]] for row in found]

    def unique_index(self, name: str) -> bool:
        return self(f"SELECT indisunique FROM pg_index WHERE indexrelid = to_regclass('{name}')") == [["t"]]


@pytest.fixture
def database(servers: StateServers) -> Database:
    return Database(servers)


def test_postgresql_v1_rows(stack: contextlib.ExitStack, app: HttpApp, database: Database) -> None:
    store = Opened(stack, app, "postgresql-v1", database.place)
    assert database.columns("state") == V1_COLUMNS
    assert database.unique_index("state_row_id_uidx")
    metadata = dict(database("SELECT key, value FROM dapr_metadata"))
    assert metadata["migrations"] == "3" and metadata["lock"] == "lock"
    store.http.save([{"key": "k", "value": {"b": 1.50, "a": "<"}}])
    columns = "key, value, isbinary, insertdate IS NOT NULL, updatedate IS NULL, expiredate IS NULL"
    assert database(f"SELECT {columns} FROM state") == [["app||k", '{"a": "<", "b": 1.5}', "f", "t", "t", "t"]]
    assert store.body("k") == b'{"a": "<", "b": 1.5}'
    assert store.http.get("k")[1] == database("SELECT xmin FROM state")[0][0]
    store.http.save([{"key": "k", "value": 2}])
    assert database("SELECT value, updatedate IS NOT NULL FROM state") == [["2", "t"]]
    store.save_bytes("b", b"\x00\xffabc")
    store.save_bytes("j", b'{"x" : 1}', contentType="application/json")
    encoded = base64.b64encode(b"\x00\xffabc").decode()
    assert database("SELECT key, value, isbinary FROM state WHERE key <> 'app||k' ORDER BY key") == [
        ["app||b", f'"{encoded}"', "t"],
        ["app||j", '{"x": 1}', "f"],
    ]
    store.http.save([{"key": "m", "value": 1, "metadata": {"ttlInSeconds": "100"}}])
    ends = "SELECT expiredate - now() BETWEEN '90 s' AND '100 s' FROM state WHERE key = 'app||m'"
    assert database(ends) == [["t"]]
    store.http.transaction([("upsert", {"key": "m", "value": 2}), ("delete", {"key": "k"})])
    assert database("SELECT value, expiredate FROM state WHERE key = 'app||m'") == [["2", "(null)"]]
    assert database("SELECT count(*) FROM state WHERE key = 'app||k'") == [["0"]]


V1_LEVELS = {
    1: "CREATE TABLE state (key text NOT NULL PRIMARY KEY, value jsonb NOT NULL, isbinary boolean NOT NULL, "
    "insertdate timestamp with time zone NOT NULL DEFAULT now(), updatedate timestamp with time zone NULL);",
    2: "ALTER TABLE state ADD expiredate timestamp with time zone;",
    3: "ALTER TABLE state ADD COLUMN row_id bigint; UPDATE state SET row_id = 1; "
    "ALTER TABLE state ALTER COLUMN row_id SET NOT NULL; "
    "ALTER TABLE state ALTER COLUMN row_id ADD GENERATED BY DEFAULT AS IDENTITY; "
    "SELECT setval(pg_get_serial_sequence('state', 'row_id'), 10); "
    "CREATE UNIQUE INDEX state_row_id_uidx ON state (row_id);",
}
METADATA = "CREATE TABLE dapr_metadata (key text NOT NULL PRIMARY KEY, value text NOT NULL);"


@pytest.mark.parametrize("level", [1, 2, 3])
def test_postgresql_v1_takes_over(
    stack: contextlib.ExitStack, app: HttpApp, database: Database, level: int
) -> None:
    database(
        METADATA
        + f"INSERT INTO dapr_metadata VALUES ('migrations', '{level}'), ('lock', 'lock');"
        + V1_LEVELS[1]
        + "INSERT INTO state (key, value, isbinary, insertdate) "
        "VALUES ('app||z', '{\"n\": 1}', false, '2020-01-01');"
    )
    for step in range(2, level + 1):
        database(V1_LEVELS[step])
    rows = "('app||a', '\"AP9hYmM=\"', true, '2021-01-01'), ('app||b', 'null', false, '2021-01-01')"
    database(f"INSERT INTO state (key, value, isbinary, insertdate) VALUES {rows}")
    before = database("SELECT key, xmin FROM state WHERE key = 'app||z'")
    store = Opened(stack, app, "postgresql-v1", database.place)
    assert database.columns("state") == V1_COLUMNS and database.unique_index("state_row_id_uidx")
    assert dict(database("SELECT key, value FROM dapr_metadata"))["migrations"] == "3"
    assert store.http.get("z")[0] == {"n": 1} and store.body("a") == b"\x00\xffabc" and store.body("b") == b"null"
    if level == 3:
        assert store.http.get("z")[1] == before[0][1]
    else:
        order = database("SELECT key FROM state ORDER BY row_id")
        assert order == [["app||z"], ["app||a"], ["app||b"]]
    store.http.save([{"key": "new", "value": 1}])
    assert database("SELECT key FROM state ORDER BY row_id DESC LIMIT 1") == [["app||new"]]


def test_postgresql_v1_named_tables(stack: contextlib.ExitStack, app: HttpApp, database: Database) -> None:
    database("CREATE SCHEMA own")
    names = {"tableName": "own.things", "metadataTableName": "own.about"}
    store = Opened(stack, app, "postgresql-v1", {**database.place, **names})
    store.http.save([{"key": "k", "value": 1}])
    assert database("SELECT key, value FROM own.things") == [["app||k", "1"]]
    assert dict(database("SELECT key, value FROM own.about"))["migrations"] == "3"
    assert database("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'") == [["0"]]


def test_postgresql_v2_rows(stack: contextlib.ExitStack, app: HttpApp, database: Database) -> None:
    store = Opened(stack, app, "postgresql-v2", {**database.place, "tablePrefix": "my_"})
    assert database.columns("my_state") == V2_COLUMNS
    indexes = " ".join(row[0] for row in database("SELECT indexdef FROM pg_indexes WHERE tablename = 'my_state'"))
    assert "(expires_at)" in indexes and re.search(r"UNIQUE INDEX \S+ ON \S+ USING btree \(row_id\)", indexes)
    assert dict(database("SELECT key, value FROM dapr_metadata"))["migrations-state-v2-my_"] == "2"
    store.http.save([{"key": "k", "value": {"b": 1.50, "a": "<"}}])
    store.save_bytes("b", b"\x00\xff")
    columns = "key, encode(value, 'hex'), updated_at IS NULL, expires_at IS NULL"
    assert database(f"SELECT {columns} FROM my_state ORDER BY key DESC") == [
        ["app||k", b'{"a":"\\u003c","b":1.5}'.hex(), "t", "t"],
        ["app||b", "00ff", "t", "t"],
    ]
    first = database("SELECT etag FROM my_state WHERE key = 'app||k'")[0][0]
    assert UUID.fullmatch(first) and store.http.get("k")[1] == first
    store.http.save([{"key": "k", "value": 2, "etag": first, "metadata": {"ttlInSeconds": "100"}}])
    assert database(
        f"SELECT etag <> '{first}', updated_at IS NOT NULL, expires_at - now() BETWEEN '90 s' AND '100 s' "
        "FROM my_state WHERE key = 'app||k'"
    ) == [["t", "t", "t"]]


@pytest.mark.parametrize("level", [1, 2])
def test_postgresql_v2_takes_over(
    stack: contextlib.ExitStack, app: HttpApp, database: Database, level: int
) -> None:
    database(
        METADATA
        + f"INSERT INTO dapr_metadata VALUES ('migrations-state-v2-', '{level}'), ('lock', 'lock');"
        + "CREATE TABLE state (key text NOT NULL PRIMARY KEY, value bytea NOT NULL, "
        "etag uuid NOT NULL DEFAULT gen_random_uuid(), "
        "created_at timestamp with time zone NOT NULL DEFAULT now(), "
        "updated_at timestamp with time zone, expires_at timestamp with time zone);"
        "CREATE INDEX ON state (expires_at);"
        "INSERT INTO state (key, value) VALUES ('app||k', '{\"n\":1}');"
        "INSERT INTO state (key, value, expires_at) VALUES ('app||old', '1', now() - interval '1 s');"
    )
    if level == 2:
        database(
            "ALTER TABLE state ADD COLUMN row_id bigint GENERATED BY DEFAULT AS IDENTITY;"
            "ALTER TABLE state ALTER COLUMN row_id SET NOT NULL;"
            "CREATE UNIQUE INDEX state_row_id_uidx ON state (row_id);"
        )
    etag = database("SELECT etag FROM state WHERE key = 'app||k'")[0][0]
    store = Opened(stack, app, "postgresql-v2", database.place)
    assert database.columns("state") == V2_COLUMNS
    assert dict(database("SELECT key, value FROM dapr_metadata"))["migrations-state-v2-"] == "2"
    assert store.http.get("k")[:2] == ({"n": 1}, etag) and store.http.get("old")[0] is MISSING


def test_postgresql_over_tls(stack: contextlib.ExitStack, app: HttpApp) -> None:
    from harness.postgres_server import PostgresServer

    server = stack.enter_context(PostgresServer(tls=True))
    assert server.authority
    url = server.url(sslmode="verify-full", sslrootcert=server.authority.certificate)
    store = Opened(stack, app, "postgresql-v2", {"connectionString": url})
    store.http.save([{"key": "k", "value": 1}])
    users = "SELECT bool_and(s.ssl) FROM pg_stat_ssl s JOIN pg_stat_activity a USING (pid) WHERE a.client_port > 0"
    assert server.sql(users) == [["t"]]


@pytest.mark.parametrize("store", ["postgresql-v1", "postgresql-v2"])
def test_postgresql_cleans_up(
    stack: contextlib.ExitStack, app: HttpApp, database: Database, store: str
) -> None:
    opened = Opened(stack, app, store, {**database.place, "cleanupInterval": "1s"})
    opened.http.save([{"key": "k", "value": 1, "metadata": {"ttlInSeconds": "1"}}, {"key": "stays", "value": 1}])
    wait_for(lambda: database("SELECT key FROM state") == [["app||stays"]], 10, "the ended row is removed")
    suffix = "" if store == "postgresql-v1" else "-state-v2-"
    assert dict(database("SELECT key, value FROM dapr_metadata"))[f"last-cleanup{suffix}"]


# SQLite.
def test_sqlite_rows(stack: contextlib.ExitStack, app: HttpApp, tmp_path: pathlib.Path) -> None:
    store = Opened(stack, app, "sqlite", {"connectionString": str(tmp_path / "s.db")})
    store.http.save([{"key": "k", "value": {"b": 1, "a": "<"}, "metadata": {"ttlInSeconds": "100"}}])
    store.save_bytes("b", b"\x00\xff")
    with contextlib.closing(sqlite3.connect(tmp_path / "s.db")) as database:
        rows = database.execute(
            "SELECT key, value, is_binary, etag, expiration_time BETWEEN DATETIME('now', '+90 seconds') AND "
            "DATETIME('now', '+101 seconds'), length(update_time) FROM state ORDER BY key DESC"
        ).fetchall()
        assert [(*row[:3], *row[4:]) for row in rows] == [
            ("app||k", '{"a":"\\u003c","b":1}', 0, 1, 19),
            ("app||b", "AP8=", 1, None, 19),
        ]
        assert all(UUID.fullmatch(row[3]) for row in rows) and store.http.get("k")[1] == rows[0][3]
        assert ("migrations", "1") in database.execute("SELECT key, value FROM metadata").fetchall()
        assert database.execute("PRAGMA journal_mode").fetchone() == ("wal",)


def test_sqlite_takes_over(stack: contextlib.ExitStack, app: HttpApp, tmp_path: pathlib.Path) -> None:
    with contextlib.closing(sqlite3.connect(tmp_path / "s.db")) as database:
        database.executescript(
            "CREATE TABLE metadata (key text NOT NULL PRIMARY KEY, value text NOT NULL);"
            "INSERT INTO metadata VALUES ('migrations', '1');"
            "CREATE TABLE state (key TEXT NOT NULL PRIMARY KEY, value TEXT NOT NULL, is_binary BOOLEAN NOT NULL, "
            "etag TEXT NOT NULL, expiration_time TIMESTAMP DEFAULT NULL, "
            "update_time TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP);"
            "INSERT INTO state (key, value, is_binary, etag) VALUES ('app||k', '{\"n\":1}', 0, 'tag'), "
            "('app||b', 'AP8=', 1, 'other');"
            "INSERT INTO state (key, value, is_binary, etag, expiration_time) VALUES "
            "('app||old', '1', 0, 'x', DATETIME(CURRENT_TIMESTAMP, '-1 seconds'));"
        )
    store = Opened(stack, app, "sqlite", {"connectionString": str(tmp_path / "s.db")})
    assert store.http.get("k")[:2] == ({"n": 1}, "tag") and store.body("b") == b"\x00\xff"
    assert store.http.get("old")[0] is MISSING
    store.http.save([{"key": "k", "value": 2, "etag": "tag"}])
    assert store.http.get("k")[0] == 2


# The key's prefix.
@pytest.mark.parametrize("prefix, key", PREFIXES)
@pytest.mark.parametrize("kind", ["sqlite", "redis", "postgresql-v2"])
def test_key_prefix(
    stack: contextlib.ExitStack, app: HttpApp, servers: StateServers, kind: str, prefix: str | None, key: str
) -> None:
    place = {**servers.place(kind), **({"keyPrefix": prefix} if prefix else {})}
    store = Opened(stack, app, kind, place, **({"NAMESPACE": "shop"} if prefix == "namespace" else {}))
    store.http.save([{"key": "k", "value": 1}])
    assert store.http.bulk(["k"])["k"][0] == 1
    if kind == "redis":
        raw = stack.enter_context(servers.redis.connect())
        raw("SELECT", place["redisDB"])
        assert raw("EXISTS", key) == 1
        raw("DEL", key)
    elif kind == "sqlite":
        with contextlib.closing(sqlite3.connect(place["connectionString"])) as database:
            assert database.execute("SELECT key FROM state").fetchall() == [(key,)]
    else:
        name = re.search(r"dbname='(\w+)'", place["connectionString"])
        assert name and servers.postgres.sql("SELECT key FROM state", name[1]) == [[key]]
