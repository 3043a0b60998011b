"""Values encrypted at rest: what is stored, keys that are changed, and what cannot be read."""

import base64
import contextlib
import json
import pathlib
import re
import sqlite3
import tempfile
from typing import Any

import pytest

from harness.daprd import Daprd
from harness.http_app import HttpApp
from harness.state_clients import MISSING, StateError
from harness.state_opened import Opened
from harness.state_stores import StateServers
from harness.yamls import component

# Made by another implementation of AES-GCM with these keys and the nonce "defghijklmno".
KEYS = {"new": bytes(range(32)).hex(), "old": bytes(range(16)).hex(), "other": "ab" * 24}
FROM_NEW = "ZGVmZ2hpamtsbW5vJXquPRjTZL5cWG61S2HrOhF/Xep7pYG+vMBYLA==||new"  # map[a:2 b:1]
FROM_OLD = "ZGVmZ2hpamtsbW5vdQ4qhaxtyp7oUcIB/wbhDuEXZUHekdk14g==||old"  # old words
STORES = ["memory", "sqlite", "redis", "postgresql-v1", "postgresql-v2"]


def open_encrypted(stack: contextlib.ExitStack, store: str, place: dict[str, Any], *keys: str) -> Opened:
    """The first key is the primary one, the second may read."""
    folder = pathlib.Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="secrets-")))
    (folder / "secrets.json").write_text(json.dumps(KEYS))
    fields = {"secretsFile": str(folder / "secrets.json")}
    secrets = component("secrets", "secretstores.local.file", fields)
    more = [
        {"name": field, "secretKeyRef": {"name": key, "key": key}}
        for field, key in zip(("primaryEncryptionKey", "secondaryEncryptionKey"), keys, strict=False)
    ]
    place = {**place, "auth": "secrets", "secrets": more}
    return Opened(stack, stack.enter_context(HttpApp()), store, place, more={"secrets.yaml": secrets})


def text(opened: Opened, key: str) -> str:
    return opened.body(key).decode()


class Raw:
    """The stored text of a key, read and written behind the runtime's back."""

    def __init__(self, servers: StateServers, store: str, place: dict[str, Any]):
        self.servers, self.store, self.place = servers, store, place

    def redis(self, *words: Any) -> Any:
        with self.servers.redis.connect() as client:
            client("SELECT", self.place["redisDB"])
            return client(*words)

    def sql(self, text: str) -> list[list[str]]:
        name = re.search(r"dbname='(\w+)'", self.place["connectionString"])
        assert name
        return self.servers.postgres.sql(text, name[1])

    def read(self, key: str) -> str:
        if self.store == "redis":
            return self.redis("HGET", f"app||{key}", "data").decode()
        if self.store == "sqlite":
            with contextlib.closing(sqlite3.connect(self.place["connectionString"])) as database:
                query = "SELECT value, is_binary FROM state WHERE key = ?"
                value, binary = database.execute(query, (f"app||{key}",)).fetchone()
                assert binary == 1
                return base64.b64decode(value).decode()
        if self.store == "postgresql-v2":
            return self.sql(f"SELECT convert_from(value, 'UTF8') FROM state WHERE key = 'app||{key}'")[0][0]
        value, binary = self.sql(f"SELECT value, isbinary FROM state WHERE key = 'app||{key}'")[0]
        assert binary == "t"
        return base64.b64decode(json.loads(value)).decode()

    def write(self, key: str, text: str) -> None:
        encoded = base64.b64encode(text.encode()).decode()
        if self.store == "redis":
            self.redis("HSET", f"app||{key}", "data", text, "version", 1)
        elif self.store == "sqlite":
            with contextlib.closing(sqlite3.connect(self.place["connectionString"])) as database:
                row = "INSERT OR REPLACE INTO state (key, value, is_binary, etag) VALUES (?, ?, 1, 'x')"
                database.execute(row, (f"app||{key}", encoded))
                database.commit()
        elif self.store == "postgresql-v2":
            self.sql(f"INSERT INTO state (key, value) VALUES ('app||{key}', '{text}')")
        else:
            self.sql(f"INSERT INTO state (key, value, isbinary) VALUES ('app||{key}', '\"{encoded}\"', true)")


@pytest.mark.parametrize("store", STORES)
def test_values_come_back_as_go_prints_them(
    stack: contextlib.ExitStack, servers: StateServers, store: str
) -> None:
    """By HTTP a value is rendered before it is encrypted; bytes by gRPC come back as they are."""
    opened = open_encrypted(stack, store, servers.place(store), "new")
    values = {"o": {"b": 1, "a": 2.5}, "s": "text <&>", "n": 1, "l": [1, "x"], "t": True}
    opened.http.save([{"key": key, "value": value} for key, value in values.items()])
    assert text(opened, "o") == "map[a:2.5 b:1]" and text(opened, "s") == "text <&>"
    assert text(opened, "n") == "1" and text(opened, "l") == "[1 x]" and text(opened, "t") == "true"
    opened.http.transaction([("upsert", {"key": "m", "value": {"x": 1}}), ("delete", {"key": "n"})])
    assert text(opened, "m") == "map[x:1]" and opened.http.get("n")[0] is MISSING
    opened.grpc.save([{"key": "g", "value": {"b": 1, "a": 2}}])
    assert opened.grpc.get("g")[0] == {"b": 1, "a": 2}
    assert opened.grpc.bulk(["g", "none"])["g"][0] == {"b": 1, "a": 2}
    _, etag, _ = opened.grpc.get("g")
    opened.grpc.save([{"key": "g", "value": 3, "etag": etag}])
    assert opened.grpc.get("g")[0] == 3


@pytest.mark.parametrize("store", STORES[1:])
def test_what_is_stored_and_a_change_of_keys(
    stack: contextlib.ExitStack, servers: StateServers, store: str
) -> None:
    place = servers.place(store)
    raw = Raw(servers, store, place)
    with contextlib.ExitStack() as first:
        opened = open_encrypted(first, store, place, "old")
        opened.http.save([{"key": "k", "value": "plain words"}])
        sealed, separator, name = raw.read("k").partition("||")
        assert (separator, name) == ("||", "old")
        assert len(base64.b64decode(sealed, validate=True)) == 12 + len("plain words") + 16
        opened.http.save([{"key": "k2", "value": "plain words"}])
        assert raw.read("k2") != raw.read("k")
        raw.write("known", FROM_OLD)
        assert text(opened, "known") == "old words"
    with contextlib.ExitStack() as second:
        opened = open_encrypted(second, store, place, "new", "old")
        assert text(opened, "k") == "plain words" and text(opened, "known") == "old words"
        opened.http.save([{"key": "k", "value": "new words"}])
        assert raw.read("k").endswith("||new") and text(opened, "k") == "new words"
        raw.write("object", FROM_NEW)
        assert text(opened, "object") == "map[a:2 b:1]"
    with contextlib.ExitStack() as third:
        opened = open_encrypted(third, store, place, "new")
        assert text(opened, "k") == "new words"
        raw.write("bare", "never encrypted")
        raw.write("changed", FROM_NEW.replace("Xep7", "Xeq7"))
        for key in ("known", "bare", "changed"):
            for client in (opened.http, opened.grpc):
                with pytest.raises(StateError) as failure:
                    client.get(key)
                error = failure.value
                assert (error.http, error.code) == (500, "ERR_STATE_GET") or error.grpc == "INTERNAL", error
        opened.http.save([{"key": "bare", "value": "mended"}])
        assert text(opened, "bare") == "mended"


def test_query_is_refused(stack: contextlib.ExitStack, servers: StateServers) -> None:
    opened = open_encrypted(stack, "postgresql-v1", servers.place("postgresql-v1"), "new")
    for client in (opened.http, opened.grpc):
        with pytest.raises(StateError):
            client.query({"filter": {"EQ": {"a": 1}}})


@pytest.mark.parametrize("key", ["zz", "abcd", "ab" * 33])
def test_a_key_that_is_none(stack: contextlib.ExitStack, key: str) -> None:
    store = component("store", "state.in-memory", {"primaryEncryptionKey": key})
    daprd = stack.enter_context(Daprd("app", ready=False, resources={"s.yaml": store}))
    assert daprd.wait(20) != 0 and "primaryEncryptionKey" in daprd.log_text()
    assert f"{key}" not in daprd.log_text().split("primaryEncryptionKey", 1)[1]
