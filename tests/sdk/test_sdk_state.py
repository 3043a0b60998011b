"""State by Dapr's own SDKs, unmodified, on real servers: etags, first-write, transactions, bulk, TTL,
query and encryption, by the `state` program of each language."""

import base64
import json
import pathlib
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
import runner

from harness.daprd import Daprd
from harness.state_stores import StateServers, store_component
from harness.yamls import component

ADDRESS, APP = "127.0.0.9", "http-app"
STORES = ["redis", "postgresql-v1", "postgresql-v2", "sqlite", "memory"]
TTL_TIME = ["postgresql-v1", "postgresql-v2", "sqlite", "memory"]
QUERY = ["postgresql-v1"]
ENCRYPTED = ["redis-encrypted", "postgresql-v1-encrypted", "sqlite-encrypted"]
EVERYWHERE = [
    "etag-match",
    "etag-mismatch",
    "etag-delete",
    "first-write",
    "strong",
    "transaction",
    "transaction-mismatch",
    "bulk",
    "ttl",
]


@dataclass
class Stores:
    """The environment of the programs, and the rows of the encrypted stores as the servers have them."""

    env: dict[str, str]
    servers: StateServers
    places: dict[str, dict[str, str]]

    def stored(self, store: str, key: str) -> str:
        """What was written under the key, before any decryption."""
        place, key = self.places[store], f"{APP}||{key}"
        if store == "redis-encrypted":
            with self.servers.redis.connect() as client:
                client("SELECT", place["redisDB"])
                return client.hash(key)["data"].decode()
        if store == "sqlite-encrypted":
            with sqlite3.connect(place["connectionString"]) as database:
                query = "SELECT value, is_binary FROM state WHERE key = ?"
                [(value, binary)] = database.execute(query, [key]).fetchall()
            return base64.b64decode(value).decode() if binary else json.loads(value)
        name = place["connectionString"].rpartition("dbname='")[2].rstrip("'")
        query = f"SELECT value, isbinary FROM state WHERE key = '{key}'"
        [[value, binary]] = self.servers.postgres.sql(query, name)
        assert binary == "t"
        return base64.b64decode(json.loads(value)).decode()


@pytest.fixture(scope="module")
def stores(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stores]:
    runner.need_runtime()
    secrets = pathlib.Path(tmp_path_factory.mktemp("secrets"), "secrets.json")
    secrets.write_text(json.dumps({"rest": "0123456789abcdef" * 4}))
    with StateServers() as servers:
        resources = {f"{store}.yaml": servers.component(store) for store in STORES}
        resources["secrets.yaml"] = component("secrets", "secretstores.local.file", {"secretsFile": str(secrets)})
        places = {name: servers.place(name.removesuffix("-encrypted")) for name in ENCRYPTED}
        key = {"name": "primaryEncryptionKey", "secretKeyRef": {"name": "rest", "key": "rest"}}
        for name, place in places.items():
            metadata = {**place, "secrets": [key], "auth": "secrets"}
            resources[f"{name}.yaml"] = store_component(name.removesuffix("-encrypted"), metadata, name)
        with Daprd(APP, host=ADDRESS, resources=resources, env={"DAPR_API_TOKEN": runner.TOKEN}) as daprd:
            env = {
                **runner.environment(ADDRESS, daprd.http_port, daprd.grpc_port),
                "STATE_STORES": ",".join(STORES),
                "STATE_WITH_TTL_TIME": ",".join(TTL_TIME),
                "STATE_WITH_QUERY": ",".join(QUERY),
                "STATE_ENCRYPTED": ",".join(ENCRYPTED),
            }
            yield Stores(env, servers, places)


def wanted(with_ttl_time: bool = True, prefix: str = "") -> set[str]:
    names = {f"{store}/{check}" for store in STORES for check in EVERYWHERE}
    names |= {f"{store}/ttl-time" for store in TTL_TIME if with_ttl_time}
    names |= {f"{store}/query" for store in QUERY} | {f"{store}/encryption" for store in ENCRYPTED}
    return {prefix + name for name in names}


def check_encrypted(stores: Stores, *keys: str) -> None:
    """The servers hold no plain text, and what they hold names the key it was encrypted with."""
    for store in ENCRYPTED:
        for key in keys:
            value = stores.stored(store, key)
            text, _, name = value.rpartition("||")
            assert name == "rest" and "plain text" not in value, value
            assert b"plain text" not in base64.b64decode(text)


@pytest.mark.timeout(300)
def test_python(stores: Stores) -> None:
    runner.verdict(runner.python("state", stores.env), wanted(with_ttl_time=False))
    check_encrypted(stores, "py-secret", "py-secret-t")


@pytest.mark.timeout(900)
def test_javascript(stores: Stores) -> None:
    output = runner.javascript("state", stores.env)
    runner.verdict(output, wanted(prefix="http/") | wanted(with_ttl_time=False, prefix="grpc/"))
    check_encrypted(stores, *(f"js-{protocol}-secret{end}" for protocol in ("http", "grpc") for end in ("", "-t")))


@pytest.mark.timeout(900)
def test_go(stores: Stores) -> None:
    runner.verdict(runner.go("state", stores.env), wanted())
    check_encrypted(stores, "go-secret", "go-secret-t")


@pytest.mark.timeout(900)
def test_java(stores: Stores) -> None:
    runner.verdict(runner.java("state", stores.env), wanted())
    check_encrypted(stores, "java-secret", "java-secret-t")
