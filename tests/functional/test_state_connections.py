"""Connections to a store: few, shared without mixing up answers, and renewed without a caller noticing."""

import contextlib
import random
import socket
import struct
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from harness.http_app import HttpApp
from harness.load import Wrk
from harness.poll import wait_for
from harness.postgres_server import PostgresServer
from harness.redis_server import RedisCluster, RedisServer
from harness.state_clients import MISSING, GrpcState, HttpState, StateError
from harness.state_opened import Opened
from harness.state_stores import STORES, StateServers

LOOPS = 4  # at most, whatever the machine
HASTY = {"redisMaxRetries": "1", "redisMinRetryInterval": "50ms", "dialTimeout": "1s", "readTimeout": "1s"}


@pytest.fixture(scope="module")
def app() -> Iterator[HttpApp]:
    with HttpApp() as one:
        yield one


def busiest(opened: Opened, count: Any, seconds: int = 2) -> int:
    """The most connections to the store that `count` sees while 64 callers read."""
    opened.http.save([{"key": "k", "value": 1}])
    url = f"http://127.0.0.1:{opened.daprd.http_port}/v1.0/state/store/k"
    load, most = Wrk(url, seconds, 64), 0
    try:
        while load.process.poll() is None:
            most = max(most, count())
            time.sleep(0.1)
    finally:
        load.end()
    seen = load.result()
    assert seen.refused == 0 and seen.broken == 0, seen
    return most


def test_redis_needs_two_connections_a_loop_at_most(stack: contextlib.ExitStack, app: HttpApp) -> None:
    server = stack.enter_context(RedisServer())
    opened = Opened(stack, app, "redis", server.metadata())
    with server.connect() as raw:
        def others() -> int:
            return len(raw("CLIENT", "LIST").splitlines()) - 1

        assert 1 <= busiest(opened, others) <= 2 * LOOPS


@pytest.mark.parametrize("store", ["postgresql-v1", "postgresql-v2"])
def test_postgresql_keeps_to_its_number_of_connections(
    stack: contextlib.ExitStack, app: HttpApp, store: str
) -> None:
    server = stack.enter_context(PostgresServer())
    opened = Opened(stack, app, store, {"connectionString": server.url(), "maxConns": "3"})

    def others() -> int:
        return int(server.sql("SELECT count(*) FROM pg_stat_activity WHERE client_port > 0")[0][0])

    assert 1 <= busiest(opened, others) <= 3


# What a store closes while nothing is asked is opened again before anybody notices.
def test_redis_closes_idle_connections(stack: contextlib.ExitStack, app: HttpApp) -> None:
    server = stack.enter_context(RedisServer())
    opened = Opened(stack, app, "redis", server.metadata())
    for number in range(20):
        server("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
        time.sleep(0.05)
        for client in opened.clients:
            client.save([{"key": "k", "value": number}])
            assert client.get("k")[0] == number


@pytest.mark.parametrize("store", ["postgresql-v1", "postgresql-v2"])
def test_postgresql_closes_idle_connections(stack: contextlib.ExitStack, app: HttpApp, store: str) -> None:
    server = stack.enter_context(PostgresServer())
    opened = Opened(stack, app, store, {"connectionString": server.url()})
    for number in range(10):
        server.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE client_port > 0")
        time.sleep(0.1)
        for client in opened.clients:
            client.save([{"key": "k", "value": number}])
            client.transaction([("upsert", {"key": "t", "value": number})])
            assert client.get("k")[0] == number and client.get("t")[0] == number


@pytest.mark.parametrize("store", ["postgresql-v1", "postgresql-v2"])
def test_postgresql_prepared_statements_that_are_gone(
    stack: contextlib.ExitStack, app: HttpApp, store: str
) -> None:
    """DISCARD ALL is what a pooler in between may do; a changed table makes plans invalid."""
    server = stack.enter_context(PostgresServer())
    opened = Opened(stack, app, store, {"connectionString": server.url()})
    opened.http.save([{"key": "k", "value": 1}])
    assert opened.http.get("k")[0] == 1
    server.sql("ALTER TABLE state ADD COLUMN note text")
    for client in opened.clients:
        wait_for(lambda client=client: client.get("k")[0] == 1, 3)
        client.save([{"key": "k", "value": 1}])


# Answers belong to their questions.
class Crowd:
    """Some read and write keys of their own with values of all sizes and look at every answer; others
    leave in the middle of theirs."""

    SIZES = (1, 50, 3000, 20_000, 200_000)

    def __init__(self, opened: Opened):
        self.opened, self.stop = opened, threading.Event()
        self.faults: list[str] = []
        self.checked = self.left = 0

    def run(self, seconds: float) -> None:
        jobs = [self.check] * 6 + [self.leave] * 4
        threads = [threading.Thread(target=self.guard, args=(job, n)) for n, job in enumerate(jobs)]
        for thread in threads:
            thread.start()
        time.sleep(seconds)
        self.stop.set()
        for thread in threads:
            thread.join(30)

    def guard(self, job: Any, number: int) -> None:
        try:
            job(number, random.Random(number))
        except BaseException as failure:
            self.faults.append(f"{job.__name__} {number}: {failure!r}"[:500])

    def check(self, number: int, chance: random.Random) -> None:
        make, count = (GrpcState if number % 2 else HttpState), 0
        with contextlib.ExitStack() as stack:
            client = make(self.opened.daprd, "store", stack)
            while not self.stop.is_set():
                count += 1
                value = f"{number}:{count}:" + chr(97 + number) * chance.choice(self.SIZES)
                key = f"own{number}.{count % 3}"
                client.save([{"key": key, "value": value}])
                found, etag, _ = client.get(key)
                assert found == value, (key, found[:40], value[:40])
                client.save([{"key": key, "value": value, "etag": etag}])
                many = client.bulk([key, "large", f"none{number}"])
                assert many[key][0] == value and set(many) == {key, "large"}
                client.transaction([("delete", {"key": key}), ("upsert", {"key": key + "t", "value": value})])
                assert client.get(key)[0] is MISSING and client.get(key + "t")[0] == value
                self.checked += 1

    def leave(self, number: int, chance: random.Random) -> None:
        daprd = self.opened.daprd
        while not self.stop.is_set():
            with socket.create_connection((daprd.host, daprd.http_port)) as one:
                one.sendall(b"GET /v1.0/state/store/large HTTP/1.1\r\nHost: x\r\n\r\n" * chance.randint(1, 5))
                time.sleep(chance.choice([0, 0, 0.0005, 0.002]))
                one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.left += 1
            time.sleep(0.02)


@pytest.mark.timeout(60)
@pytest.mark.parametrize("store", ["sqlite", "redis", "postgresql-v1", "postgresql-v2"])
def test_answers_are_not_mixed_up(
    stack: contextlib.ExitStack, app: HttpApp, servers: StateServers, store: str
) -> None:
    opened = Opened(stack, app, store, servers.place(store))
    opened.http.save([{"key": "large", "value": "L" * 300_000}])
    crowd = Crowd(opened)
    crowd.run(3)
    assert not crowd.faults, crowd.faults
    assert crowd.checked > 20 and crowd.left > 50, (crowd.checked, crowd.left)


@pytest.mark.parametrize("store", STORES)
def test_a_thousand_keys_at_once(
    stack: contextlib.ExitStack, app: HttpApp, servers: StateServers, store: str
) -> None:
    opened = Opened(stack, app, store, servers.place(store))
    for round_, client in enumerate(opened.clients):
        keys = [f"many{round_}.{i}" for i in range(1000)]
        client.save([{"key": key, "value": {"of": key}} for key in keys])
        found = client.bulk([*keys, "none"], parallelism=100)
        assert {key: value["of"] for key, (value, _) in found.items()} == {key: key for key in keys}
        assert all(etag for _, etag in found.values())
    opened.grpc.bulk_delete([{"key": key} for key in keys])
    assert opened.http.bulk(keys) == {}


@pytest.mark.timeout(60)
def test_a_cluster_that_has_lost_a_node_serves_the_others_keys(
    stack: contextlib.ExitStack, app: HttpApp
) -> None:
    cluster = stack.enter_context(RedisCluster())
    opened = Opened(stack, app, "redis-cluster", {**cluster.metadata(), **HASTY})
    keys = [f"spread{i}" for i in range(30)]
    opened.http.save([{"key": key, "value": key} for key in keys])
    lost = cluster.nodes[0]
    gone = {key for key in keys if cluster.owner(f"app||{key}") is lost}
    assert 0 < len(gone) < 30
    lost.kill()
    for key in [*sorted(gone)[:2], *sorted(set(keys) - gone)]:
        for client in opened.clients:
            started = time.monotonic()
            if key in gone:
                with pytest.raises(StateError):
                    client.get(key)
            else:
                assert client.get(key)[0] == key
            assert time.monotonic() - started < 5
    lost.start()

    def whole() -> bool:
        with contextlib.suppress(StateError):
            return all(client.get(key)[0] is not None for client in opened.clients for key in keys)
        return False

    wait_for(whole, 10, "all slots are served again")
