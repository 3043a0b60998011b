"""Health, metadata, the public port and shutdown by API."""

import pytest

from harness import protos, rawhttp
from harness.daprd import Daprd
from harness.http_app import HttpApp
from harness.poll import wait_for
from harness.ports import free_port
from harness.yamls import MEMORY

Served = tuple[HttpApp, Daprd]
APP_ID_404 = "failed getting app id either from the URL path or the header dapr-app-id"


# Health.
@pytest.mark.parametrize("path", ["/v1.0/healthz", "/v1.0/healthz/outbound"])
def test_healthz(served_http: Served, path: str) -> None:
    answer = served_http[1].get(path)
    assert answer.status == 204 and answer.body == b"" and answer.header("content-length") is None


def test_healthz_with_app_id(served_http: Served) -> None:
    _, daprd = served_http
    assert daprd.get("/v1.0/healthz?appid=app").status == 204
    answer = daprd.get("/v1.0/healthz?appid=other")
    assert answer.status == 500
    assert answer.json() == {
        "errorCode": "ERR_HEALTH_APPID_NOT_MATCH",
        "message": "dapr app-id does not match",
    }


def test_healthz_does_not_ask_for_the_app() -> None:
    with Daprd("app", app=HttpApp()) as daprd:
        assert daprd.get("/v1.0/healthz").status == 204


def test_healthz_requires_app_restores_the_sidecars_rule() -> None:
    app = HttpApp()
    with Daprd("app", app=app, flags=["--healthz-requires-app"], ready=False) as daprd:
        wait_for(lambda: daprd.get("/v1.0/healthz/outbound").status == 204)
        answer = daprd.get("/v1.0/healthz")
        assert answer.status == 500 and answer.json()["errorCode"] == "ERR_HEALTH_NOT_READY"
        with app:
            wait_for(lambda: daprd.get("/v1.0/healthz").status == 204)


# Metadata.
def test_metadata_fields() -> None:
    with (
        HttpApp() as app,
        Daprd("app", app=app, resources={"m.yaml": MEMORY}, flags=["--app-max-concurrency", "7"]) as daprd,
    ):
        answer = daprd.get("/v1.0/metadata")
        assert answer.status == 200 and answer.header("content-type") == "application/json"
        body = answer.json()
        assert body["id"] == "app" and body["runtimeVersion"]
        [memory] = body["components"]
        assert (
            memory["name"] == "memory" and memory["type"] == "state.in-memory" and memory["version"] == "v1"
        )
        assert {"ETAG", "TRANSACTIONAL", "TTL", "DELETE_WITH_PREFIX", "KEYS_LIKE", "ACTOR"} == set(
            memory["capabilities"]
        )
        assert body["appConnectionProperties"] == {
            "port": app.port,
            "protocol": "http",
            "channelAddress": "127.0.0.1",
            "maxConcurrency": 7,
        }
        assert body["extended"]["daprRuntimeVersion"] == body["runtimeVersion"]
        assert body["actorRuntime"]["runtimeStatus"] == "DISABLED"


@pytest.mark.parametrize("target", ["//v1.0/metadata", "/v1.0/./metadata", "/v1.0/metadata/"])
def test_routes_are_cleaned(served_http: Served, target: str) -> None:
    assert served_http[1].get(target).status == 200


def test_put_metadata_over_both_protocols() -> None:
    with Daprd("app") as daprd, daprd.channel() as channel:
        assert daprd.request("PUT", "/v1.0/metadata/colour", body="red <&>").status == 204
        stub = daprd.dapr(channel)
        stub.SetMetadata(protos.runtime.SetMetadataRequest(key="size", value="big"))
        extended = daprd.get("/v1.0/metadata").json()["extended"]
        assert extended["colour"] == "red <&>" and extended["size"] == "big"
        twin = stub.GetMetadata(protos.runtime.GetMetadataRequest())
        assert twin.id == "app" and twin.extended_metadata["colour"] == "red <&>"
        assert b"\\u003c" in daprd.get("/v1.0/metadata").body, "HTML-escaped"


def test_head_of_metadata_is_the_catch_all(served_http: Served) -> None:
    assert served_http[1].request("HEAD", "/v1.0/metadata").status == 404


# Public port.
def test_public_port() -> None:
    port = free_port()
    with Daprd(
        "app",
        flags=["--dapr-public-port", str(port), "--dapr-public-listen-address", "127.0.0.1"],
        env={"DAPR_API_TOKEN": "secret"},
    ) as daprd:

        def call(method: str, path: str) -> rawhttp.Response:
            return rawhttp.request("127.0.0.1", port, method, path)

        assert call("GET", "/v1.0/healthz").status == 204
        assert call("GET", "/v1.0/healthz/outbound").status == 204
        assert call("GET", "/v1.0/metadata").json()["id"] == "app"
        unknown = call("GET", "/v1.0/state/x/y")
        assert unknown.status == 404 and unknown.body == b"404 page not found\n"
        wrong = call("DELETE", "/v1.0/metadata")
        assert wrong.status == 405 and wrong.header("allow") and wrong.body == b""
        assert daprd.get("/v1.0/metadata").status == 401


# Shutdown by API, processes, start time.
def test_shutdown_by_both_apis() -> None:
    with Daprd("app") as daprd:
        assert daprd.post("/v1.0/shutdown").status == 204
        assert daprd.wait() == 0
        assert daprd.logged("Shutdown requested via API")
    with Daprd("app") as daprd, daprd.channel() as channel:
        daprd.dapr(channel).Shutdown(protos.runtime.ShutdownRequest())
        assert daprd.wait() == 0


def test_forced_shutdown_exits_with_1() -> None:
    with Daprd("app") as daprd:
        assert daprd.post("/v1.0/shutdown", headers={"dapr-force-shutdown": "true"}).status == 204
        assert daprd.wait() == 1


def test_other_loopback_address_only() -> None:
    with Daprd("app", host="127.0.0.2") as daprd:
        assert daprd.get("/v1.0/healthz").status == 204
        with pytest.raises(ConnectionRefusedError):
            rawhttp.request("127.0.0.1", daprd.http_port, "GET", "/v1.0/healthz")
