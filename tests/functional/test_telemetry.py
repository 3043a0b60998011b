"""Logs in both formats, the API log, and the metrics after traffic."""

import re
import socket

import pytest

from harness import protos, rawhttp
from harness.daprd import Daprd
from harness.http_app import HttpApp
from harness.poll import wait_for
from harness.yamls import MEMORY, configuration

Served = tuple[HttpApp, Daprd]


# Logs.
def test_json_log_fields(served_http: Served) -> None:
    _, daprd = served_http
    records = daprd.log_records()
    assert len(records) == len([x for x in daprd.log_text().splitlines()[1:] if x]), "every line is JSON"
    for record in records:
        assert {"time", "level", "type", "scope", "msg", "instance", "ver", "app_id"} <= set(record)
        assert record["app_id"] == "app" and record["instance"] == socket.gethostname()
        assert re.match(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+(Z|[+-]\d\d:\d\d)$", record["time"])
    assert daprd.logged("HTTP server is running on port") and daprd.logged(
        "dapr initialized. Status: Running."
    )
    first = next(line for line in daprd.log_text().splitlines() if line.startswith("{"))
    keys = re.findall(r'[{,]"(\w+)":', first)
    assert keys == sorted(keys)


def test_text_log() -> None:
    with Daprd("app", json_log=False) as daprd:
        lines = [x for x in daprd.log_text().splitlines()[1:] if x]
        assert all(re.match(r'^time="[^"]+" level=\w+ msg=("|\S)', line) for line in lines)
        assert any("app_id=app" in line and "type=log" in line for line in lines)


def test_log_level_and_file(tmp_path) -> None:  # noqa: ANN001
    file = tmp_path / "daprd.log"
    with Daprd("app", flags=["--log-level", "error", "--log-file", str(file)]):
        assert file.exists() and 'level":"info' not in file.read_text()


def test_api_logging() -> None:
    with (
        HttpApp() as app,
        Daprd("app", app=app, flags=["--enable-api-logging"]) as daprd,
        daprd.channel() as channel,
    ):
        daprd.get("/v1.0/invoke/app/method/status/404?x=1", {"User-Agent": "tester"})
        daprd.dapr(channel).GetMetadata(protos.runtime.GetMetadataRequest())
        wait_for(lambda: daprd.logged("gRPC API Called"))
        [record] = [r for r in daprd.logged("HTTP API Called") if "/invoke/" in r["method"]]
        assert record["scope"] == "dapr.runtime.http-info" and record["code"] in (404, "404")
        assert record["method"].startswith("GET /v1.0/invoke/app/method/status/404")
        assert record["useragent"] == "tester" and float(record["duration"]) >= 0 and "size" in record
        [twin] = daprd.logged("gRPC API Called")
        assert twin["method"] == "/dapr.proto.runtime.v1.Dapr/GetMetadata" and twin["code"] in (0, "0")
        assert twin["scope"] == "dapr.runtime.grpc.api-info" and "size" not in twin


def test_api_logging_obfuscated_without_health() -> None:
    spec = {"logging": {"apiLogging": {"enabled": True, "obfuscateURLs": True, "omitHealthChecks": True}}}
    with HttpApp() as app, Daprd("app", app=app, configs={"c.yaml": configuration(spec)}) as daprd:
        daprd.get("/v1.0/invoke/app/method/private")
        wait_for(lambda: daprd.logged("HTTP API Called"))
        assert [r["method"] for r in daprd.logged("HTTP API Called")] == ["InvokeService/app"]
        assert "private" not in daprd.log_text()


# Metrics.
def test_metrics_families_after_traffic() -> None:
    with (
        HttpApp() as app,
        Daprd("app", app=app, resources={"m.yaml": MEMORY}) as daprd,
        daprd.channel() as channel,
    ):
        daprd.get("/v1.0/invoke/app/method/status/404")
        daprd.post("/v1.0/state/memory", [{"key": "k", "value": 1}])
        daprd.get("/v1.0/state/memory/k")
        daprd.dapr(channel).GetMetadata(protos.runtime.GetMetadataRequest())
        answer = rawhttp.request(daprd.host, daprd.metrics_port, "GET", "/any/path")
        assert answer.status == 200 and (answer.header("content-type") or "").startswith(
            "text/plain; version=0.0.4"
        )
        seen = wait_for(lambda: (m := daprd.metrics()).total("dapr_http_server_request_count") >= 3 and m)
        assert seen.total("dapr_http_server_request_count", app_id="app", status="404") == 1
        assert seen.total("dapr_http_client_completed_count", status="404") == 1
        assert (
            seen.total("dapr_component_state_count", component="memory", operation="set", success="true") == 1
        )
        assert seen.total("dapr_component_state_count", component="memory", operation="get") == 1
        assert seen.total("dapr_grpc_io_server_completed_rpcs", grpc_server_status="OK") >= 1
        assert seen.total("dapr_runtime_component_loaded", app_id="app") >= 1
        assert seen.types["dapr_http_server_latency"] == "histogram"
        paths = {labels["path"] for labels in seen.labels("dapr_http_server_request_count")}
        assert "/v1.0/state/memory" in paths and not any("/k" in p for p in paths if "state" in p)
        assert "process_resident_memory_bytes" in seen.samples


def test_metrics_off() -> None:
    with Daprd("app", flags=["--enable-metrics=false"]) as daprd, pytest.raises(ConnectionRefusedError):
        daprd.metrics()


def test_low_cardinality_has_no_path() -> None:
    spec = {"metrics": {"enabled": True, "http": {"increasedCardinality": False}}}
    with HttpApp() as app, Daprd("app", app=app, configs={"c.yaml": configuration(spec)}) as daprd:
        for number in range(5):
            daprd.get(f"/v1.0/invoke/app/method/x{number}")
        seen = wait_for(lambda: (m := daprd.metrics()).total("dapr_http_server_request_count") >= 5 and m)
        assert {labels["path"] for labels in seen.labels("dapr_http_server_request_count")} == {""}


def test_series_are_capped_under_a_path_flood() -> None:
    """At the thousandth; what comes after it is still counted, under one name."""
    family = "dapr_http_server_request_count"
    with HttpApp() as app, Daprd("app", app=app) as daprd, daprd.connect() as connection:
        for number in range(1500):
            connection.request("GET", f"/v1.0/invoke/app/method/flood/{number}")
        seen = wait_for(lambda: (m := daprd.metrics()).total(family) >= 1500 and m)
        assert len(seen.labels(family)) == 1001
        assert seen.total(family, app_id="app", path="_overflow_") >= 500
        assert daprd.logged("a metric has too many label values")
        # The families of one app have a limit each: others are not disturbed.
        assert seen.total("dapr_http_client_completed_count", path="_overflow_") >= 500
