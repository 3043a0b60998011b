"""The state API by cases kept as data (state/*.yaml): each runs over every store and both protocols.

A step does one thing and says what must come of it. `save`, `get`, `delete`, `bulk`, `transaction`
and `gone` (becomes missing in time) mean the same over HTTP and gRPC; `raw` is an HTTP request,
`save_bytes`, `get_bytes` and `bulk_delete` are gRPC's own. `etag: name` remembers, `$name` recalls.
`{store}` and `{prefix}` (what makes the case's keys its own) are filled in everywhere."""

import contextlib
import itertools
import pathlib
from collections.abc import Iterator
from typing import Any

import pytest

from harness.daprd import Daprd
from harness.http_app import HttpApp
from harness.state_case import StateCase
from harness.state_clients import GrpcState, HttpState
from harness.yamls import component

yaml = pytest.importorskip("yaml")
FOLDER = pathlib.Path(__file__).parent / "state"
STORES = ["memory", "sqlite"]
_numbers = itertools.count(1)


def all_cases() -> Iterator[Any]:
    for file in sorted(FOLDER.glob("*.yaml")):
        for case in yaml.safe_load(file.read_text()):
            for store in case.get("stores", STORES):
                for protocol in [case["only"]] if "only" in case else ["http", "grpc"]:
                    yield pytest.param(
                        case,
                        store,
                        protocol,
                        id=f"{file.stem}-{case['name']}-{store}-{protocol}".replace(" ", "_"),
                    )


def test_there_are_enough_cases() -> None:
    names = [case["name"] for file in FOLDER.glob("*.yaml") for case in yaml.safe_load(file.read_text())]
    assert len(names) >= 60


@pytest.fixture(scope="module")
def runtime(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daprd]:
    file = tmp_path_factory.mktemp("state") / "state.db"
    resources = {
        "memory.yaml": component("memory", "state.in-memory"),
        "sqlite.yaml": component("sqlite", "state.sqlite", {"connectionString": str(file)}),
    }
    with HttpApp() as app, Daprd("app", app=app, resources=resources) as daprd:
        yield daprd


@pytest.mark.parametrize("case, store, protocol", list(all_cases()))
def test_case(runtime: Daprd, case: dict[str, Any], store: str, protocol: str) -> None:
    with contextlib.ExitStack() as stack:
        make = HttpState if protocol == "http" else GrpcState
        client = make(runtime, case.get("store", store), stack)
        StateCase(client, f"c{next(_numbers)}-").run(case["do"])


def test_no_store_at_all_is_not_configured() -> None:
    with Daprd("app") as daprd:
        answer = daprd.get("/v1.0/state/any/key")
        assert answer.status == 500 and answer.json()["errorCode"] == "ERR_STATE_STORE_NOT_CONFIGURED"
        assert answer.json()["message"] == "state store any is not configured"


def test_error_details_over_http(runtime: Daprd) -> None:
    body = runtime.get("/v1.0/state/nowhere/key").json()
    assert body["details"] == [
        {
            "@type": "type.googleapis.com/google.rpc.ErrorInfo",
            "domain": "dapr.io",
            "metadata": {"appID": "app"},
            "reason": "DAPR_STATE_NOT_FOUND",
        }
    ]


@pytest.mark.parametrize(
    "prefix, key",
    [
        (None, "app||k"),
        ("none", "k"),
        ("name", "sq||k"),
        ("appid", "app||k"),
        ("MyOwn", "myown||k"),
        ("namespace", "shop.app||k"),
    ],
)
def test_sqlite_table_and_key_prefix(tmp_path: pathlib.Path, prefix: str | None, key: str) -> None:
    """The rows are as any daprd writes them, since people switch runtimes in place."""
    import sqlite3

    metadata = {"connectionString": str(tmp_path / "s.db"), **({"keyPrefix": prefix} if prefix else {})}
    env = {"NAMESPACE": "shop"} if prefix == "namespace" else {}
    with Daprd("app", resources={"s.yaml": component("sq", "state.sqlite", metadata)}, env=env) as daprd:
        assert daprd.post("/v1.0/state/sq", [{"key": "k", "value": {"b": 1, "a": "<"}}]).status == 204
        assert daprd.get("/v1.0/state/sq/k").json() == {"a": "<", "b": 1}
    with contextlib.closing(sqlite3.connect(tmp_path / "s.db")) as database:
        [row] = database.execute(
            "SELECT key, value, is_binary, length(etag), expiration_time FROM state"
        ).fetchall()
        assert row == (key, '{"a":"\\u003c","b":1}', 0, 36, None)
        assert ("migrations", "1") in database.execute("SELECT key, value FROM metadata").fetchall()


def test_sqlite_survives_a_restart(tmp_path: pathlib.Path) -> None:
    resources = {"s.yaml": component("sq", "state.sqlite", {"connectionString": str(tmp_path / "s.db")})}
    with Daprd("app", resources=resources) as daprd:
        daprd.post("/v1.0/state/sq", [{"key": "k", "value": 1}])
    with Daprd("app", resources=resources) as daprd:
        assert daprd.get("/v1.0/state/sq/k").json() == 1


def test_writers_at_once_lose_nothing(runtime: Daprd) -> None:
    """Sixteen writers count with etags; every increment that was accepted is in the sum."""
    import threading

    for store in STORES:
        key = f"counter-{store}"
        runtime.post(f"/v1.0/state/{store}", [{"key": key, "value": 0}])
        done: list[int] = []

        def count(store: str = store, key: str = key, done: list[int] = done) -> None:
            with runtime.connect() as connection:
                for _ in range(20):
                    while True:
                        read = connection.request("GET", f"/v1.0/state/{store}/{key}")
                        body = f'[{{"key":"{key}","value":{read.json() + 1},"etag":"{read.header("etag")}"}}]'
                        saved = connection.request(
                            "POST", f"/v1.0/state/{store}", {"Content-Type": "application/json"}, body
                        )
                        if saved.status == 204:
                            done.append(1)
                            break
                        assert saved.status == 409, saved

        threads = [threading.Thread(target=count) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        assert len(done) == 160 and runtime.get(f"/v1.0/state/{store}/{key}").json() == 160
