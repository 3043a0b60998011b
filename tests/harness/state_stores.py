"""The stores the state suites run over: which there are, the servers behind them, their components."""

import contextlib
import functools
import itertools
import pathlib
import shutil
import tempfile
from typing import Any

from .postgres_server import PostgresServer
from .redis_server import RedisCluster, RedisServer
from .yamls import component

# Name of the store in the tests: type and version of its component.
KINDS = {
    "memory": ("state.in-memory", "v1"),
    "sqlite": ("state.sqlite", "v1"),
    "redis": ("state.redis", "v1"),
    "redis-cluster": ("state.redis", "v1"),
    "postgresql-v1": ("state.postgresql", "v1"),
    "postgresql-v2": ("state.postgresql", "v2"),
}
STORES = list(KINDS)
_numbers = itertools.count(1)


class StateServers:
    """The servers, each started when it is first wanted and shared by all tests of a session."""

    def __init__(self) -> None:
        self.stack = contextlib.ExitStack()
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="state-test-"))
        self.stack.callback(shutil.rmtree, self.folder, ignore_errors=True)

    def __enter__(self) -> "StateServers":
        return self

    def __exit__(self, *_: object) -> None:
        self.stack.close()

    @functools.cached_property
    def redis(self) -> RedisServer:
        return self.stack.enter_context(RedisServer())

    @functools.cached_property
    def cluster(self) -> RedisCluster:
        return self.stack.enter_context(RedisCluster())

    @functools.cached_property
    def postgres(self) -> PostgresServer:
        return self.stack.enter_context(PostgresServer())

    def place(self, store: str) -> dict[str, Any]:
        """Metadata of a component whose data is its own: a new file, database or key space."""
        number = next(_numbers)
        if store == "sqlite":
            return {"connectionString": str(self.folder / f"state{number}.db")}
        if store == "redis":
            return {**self.redis.metadata(), "redisDB": str(number % 16)}
        if store == "redis-cluster":
            return self.cluster.metadata()
        if store.startswith("postgresql"):
            return {"connectionString": self.postgres.database(f"state{number}")}
        return {}

    def component(self, store: str, name: str | None = None, **metadata: Any) -> str:
        return store_component(store, {**self.place(store), **metadata}, name)


def store_component(store: str, metadata: dict[str, Any], name: str | None = None, **fields: Any) -> str:
    """`secrets` among the metadata are entries with a secretKeyRef, `auth` names their secret store."""
    kind, version = KINDS[store]
    plain = dict(metadata)
    secrets = plain.pop("secrets", [])
    if "auth" in plain:
        fields["auth"] = {"secretStore": plain.pop("auth")}
    entries = [{"name": key, "value": value} for key, value in plain.items()] + secrets
    return component(name or store, kind, entries, version=version, **fields)
