"""The state API by cases kept as data (state/*.yaml): each runs over every store and both protocols.

A step does one thing and says what must come of it. `save`, `get`, `delete`, `bulk`, `transaction`,
`query` and `gone` (becomes missing in time) mean the same over HTTP and gRPC; `raw` is an HTTP request,
`save_bytes`, `get_bytes` and `bulk_delete` are gRPC's own. `etag: name` remembers, `$name` recalls;
`$stale` is an etag that nothing has. `{store}` and `{prefix}` (what makes the case's keys its own) are
filled in everywhere. `stores` and `at` name stores by pattern: those a case is for, and what differs
there from what a step says."""

import contextlib
import itertools
import pathlib
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from harness.daprd import Daprd
from harness.http_app import HttpApp
from harness.state_case import StateCase, matches
from harness.state_clients import GrpcState, HttpState, StateError
from harness.state_stores import STORES, StateServers
from harness.yamls import component

yaml = pytest.importorskip("yaml")
FOLDER = pathlib.Path(__file__).parent / "state"
TRAITS = yaml.safe_load((FOLDER.parent / "state_stores.yaml").read_text())
_numbers = itertools.count(1)
Runtimes = Callable[[str], Daprd]


def all_cases() -> Iterator[Any]:
    for store in STORES:
        for file in sorted(FOLDER.glob("*.yaml")):
            for case in yaml.safe_load(file.read_text()):
                if not matches(store, case.get("stores", ["*"])):
                    continue
                for protocol in [case["only"]] if "only" in case else ["http", "grpc"]:
                    name = f"{store}-{protocol}-{file.stem}-{case['name']}".replace(" ", "_")
                    yield pytest.param(case, store, protocol, id=name)


def test_there_are_enough_cases() -> None:
    names = [case["name"] for file in FOLDER.glob("*.yaml") for case in yaml.safe_load(file.read_text())]
    assert len(names) >= 90 and TRAITS.keys() == set(STORES)


@pytest.fixture(scope="module")
def runtimes(servers: StateServers) -> Iterator[Runtimes]:
    """The runtime of a store, started when its first case comes."""
    with contextlib.ExitStack() as everything:
        app = everything.enter_context(HttpApp())
        started: dict[str, Daprd] = {}
        tried: set[str] = set()

        def runtime(store: str) -> Daprd:
            if store not in started:
                assert store not in tried, f"the runtime with {store} did not start"
                tried.add(store)
                resources = {"store.yaml": servers.component(store)}
                started[store] = everything.enter_context(Daprd("app", app=app, resources=resources))
            return started[store]

        yield runtime


@pytest.mark.parametrize("case, store, protocol", list(all_cases()))
def test_case(runtimes: Runtimes, case: dict[str, Any], store: str, protocol: str) -> None:
    with contextlib.ExitStack() as stack:
        make = HttpState if protocol == "http" else GrpcState
        client = make(runtimes(store), case.get("store", store), stack)
        # Braces: in a cluster what a transaction writes must be in one slot.
        prefix = f"{{c{next(_numbers)}}}-" if store == "redis-cluster" else f"c{next(_numbers)}-"
        StateCase(client, prefix, store, TRAITS[store]["stale"]).run(case["do"])


def test_no_store_at_all_is_not_configured() -> None:
    with Daprd("app") as daprd:
        answer = daprd.get("/v1.0/state/any/key")
        assert answer.status == 500 and answer.json()["errorCode"] == "ERR_STATE_STORE_NOT_CONFIGURED"
        assert answer.json()["message"] == "state store any is not configured"


def test_error_details_over_http(runtimes: Runtimes) -> None:
    body = runtimes("memory").get("/v1.0/state/nowhere/key").json()
    assert body["details"] == [
        {
            "@type": "type.googleapis.com/google.rpc.ErrorInfo",
            "domain": "dapr.io",
            "metadata": {"appID": "app"},
            "reason": "DAPR_STATE_NOT_FOUND",
        }
    ]


def test_sqlite_survives_a_restart(tmp_path: pathlib.Path) -> None:
    resources = {"s.yaml": component("sq", "state.sqlite", {"connectionString": str(tmp_path / "s.db")})}
    with Daprd("app", resources=resources) as daprd:
        daprd.post("/v1.0/state/sq", [{"key": "k", "value": 1}])
    with Daprd("app", resources=resources) as daprd:
        assert daprd.get("/v1.0/state/sq/k").json() == 1


@pytest.mark.parametrize("store", STORES)
def test_writers_at_once_lose_nothing(runtimes: Runtimes, store: str) -> None:
    """Eight writers count with etags; every increment that was accepted is in the sum."""
    runtime, key, base = runtimes(store), "counter", f"/v1.0/state/{store}"
    assert runtime.post(base, [{"key": key, "value": 0}]).status == 204
    done: list[int] = []

    def count() -> None:
        with runtime.connect() as connection:
            for _ in range(20):
                while True:
                    read = connection.request("GET", f"{base}/{key}")
                    body = f'[{{"key":"{key}","value":{read.json() + 1},"etag":"{read.header("etag")}"}}]'
                    saved = connection.request("POST", base, {"Content-Type": "application/json"}, body)
                    if saved.status == 204:
                        done.append(1)
                        break
                    assert saved.status == 409, saved

    threads = [threading.Thread(target=count) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(done) == 160 and runtime.get(f"{base}/{key}").json() == 160


@pytest.mark.parametrize("store", STORES)
@pytest.mark.parametrize("protocol", ["http", "grpc"])
def test_first_writers_at_once_only_one_wins(runtimes: Runtimes, store: str, protocol: str) -> None:
    runtime, wins = runtimes(store), []
    for number in range(5):
        won: list[int] = []

        def create(client: int, key: str = f"race-{protocol}-{number}", won: list[int] = won) -> None:
            with contextlib.ExitStack() as stack:
                make = HttpState if protocol == "http" else GrpcState
                with contextlib.suppress(StateError):
                    item = {"key": key, "value": client, "options": {"concurrency": "first-write"}}
                    make(runtime, store, stack).save([item])
                    won.append(client)

        threads = [threading.Thread(target=create, args=(client,)) for client in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(30)
        assert len(won) == 1, won
        wins.append(runtime.get(f"/v1.0/state/{store}/race-{protocol}-{number}").json() == won[0])
    assert all(wins)
