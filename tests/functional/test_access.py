"""Who may call what, and how much: tokens, CORS, allow and deny lists, limits of bodies and headers."""

import pytest

import grpc
from harness import protos
from harness.daprd import Daprd
from harness.grpc_app import GrpcApp
from harness.http_app import HttpApp
from harness.yamls import MEMORY, configuration

Served = tuple[HttpApp, Daprd]
APP_ID_404 = "failed getting app id either from the URL path or the header dapr-app-id"


# Tokens.
def test_api_token_http() -> None:
    with HttpApp() as app, Daprd("app", app=app, env={"DAPR_API_TOKEN": "s3cr3t"}) as daprd:
        for headers in ({}, {"dapr-api-token": "wrong"}, {"dapr-api-token": "s3cr3"}):
            refused = daprd.get("/v1.0/metadata", headers)
            assert refused.status == 401 and refused.body == b"invalid api token\n"
            assert refused.header("content-type") == "text/plain; charset=utf-8"
            assert refused.header("x-content-type-options") == "nosniff"
        assert daprd.get("/v1.0/invoke/app/method/x").status == 401 and not app.requests
        assert daprd.get("/v1.0/healthz").status == 204
        assert daprd.get("/v1.0/healthz/outbound").status == 204
        assert daprd.get("/v1.0/invoke/app/method/x", {"dapr-api-token": "s3cr3t"}).status == 200
        assert app.last().header("dapr-api-token") is None
        assert "s3cr3t" not in daprd.log_text()


def test_api_token_grpc() -> None:
    with Daprd("app", env={"DAPR_API_TOKEN": "s3cr3t"}) as daprd, daprd.channel() as channel:
        stub, request = daprd.dapr(channel), protos.runtime.GetMetadataRequest()
        with pytest.raises(grpc.RpcError) as failure:
            stub.GetMetadata(request)
        assert failure.value.code() == grpc.StatusCode.UNAUTHENTICATED
        assert failure.value.details() == "Unauthorized"
        assert stub.GetMetadata(request, metadata=(("dapr-api-token", "s3cr3t"),)).id == "app"


# CORS.
def test_cors_is_off_by_default(served_http: Served) -> None:
    answer = served_http[1].get("/v1.0/metadata", {"Origin": "http://x.test"})
    assert answer.header("access-control-allow-origin") is None and answer.header("vary") is None


def test_cors() -> None:
    flags = ["--allowed-origins", "http://a.test,http://b.test"]
    with Daprd("app", flags=flags, env={"DAPR_API_TOKEN": "s"}) as daprd:
        allowed = daprd.get("/v1.0/healthz", {"Origin": "http://a.test"})
        assert allowed.header("access-control-allow-origin") == "http://a.test"
        assert "Origin" in (allowed.header("vary") or "")
        assert (
            daprd.get("/v1.0/healthz", {"Origin": "http://c.test"}).header("access-control-allow-origin")
            is None
        )
        preflight = daprd.request(
            "OPTIONS",
            "/v1.0/metadata",
            {
                "Origin": "http://b.test",
                "Access-Control-Request-Method": "PUT",
                "Access-Control-Request-Headers": "x-one",
            },
        )
        assert preflight.status == 200 and preflight.body == b"", "answered before the token is asked for"
        assert preflight.header("access-control-allow-methods") == "PUT"
        assert preflight.header("access-control-allow-headers") == "X-One"
        assert daprd.request("OPTIONS", "/v1.0/metadata", {"Origin": "http://b.test"}).status == 401


# Allow and deny lists.
@pytest.mark.parametrize(
    "rule",
    [
        {"name": "state", "version": "v1", "protocol": "http"},
        {"name": "state", "version": "v1.0", "protocol": "http"},
    ],
)
def test_denied_api(rule: dict[str, str]) -> None:
    with (
        Daprd(
            "app",
            configs={"c.yaml": configuration({"api": {"denied": [rule]}})},
            resources={"m.yaml": MEMORY},
        ) as daprd,
        daprd.channel() as channel,
    ):
        denied = daprd.get("/v1.0/state/memory/x")
        assert denied.status == 404 and denied.json()["message"] == APP_ID_404
        assert daprd.get("/v1.0/metadata").status == 200
        daprd.dapr(channel).GetState(protos.runtime.GetStateRequest(store_name="memory", key="x"))


def test_allowed_api_only() -> None:
    rules = [
        {"name": "state", "version": "v1", "protocol": "http"},
        {"name": "metadata", "version": "v1", "protocol": "grpc"},
    ]
    with (
        Daprd(
            "app",
            configs={"c.yaml": configuration({"api": {"allowed": rules}})},
            resources={"m.yaml": MEMORY},
        ) as daprd,
        daprd.channel() as channel,
    ):
        assert daprd.get("/v1.0/state/memory/x").status == 204
        assert daprd.get("/v1.0/metadata").status == 404
        assert daprd.get("/v1.0/healthz").status == 204, "always allowed"
        stub = daprd.dapr(channel)
        assert stub.GetMetadata(protos.runtime.GetMetadataRequest()).id == "app"
        with pytest.raises(grpc.RpcError) as failure:
            stub.GetState(protos.runtime.GetStateRequest(store_name="memory", key="x"))
        assert (
            failure.value.code() == grpc.StatusCode.UNIMPLEMENTED
            and failure.value.details() == "Not Implemented"
        )


# Limits.
def test_max_body_size() -> None:
    with (
        HttpApp() as app,
        Daprd("app", app=app, resources={"m.yaml": MEMORY}, flags=["--max-body-size", "16Ki"]) as daprd,
    ):
        value = '[{"key":"k","value":"' + "x" * 20000 + '"}]'
        too_large = daprd.request("POST", "/v1.0/state/memory", {"Content-Type": "application/json"}, value)
        assert too_large.status == 400 and too_large.json()["errorCode"] == "ERR_MALFORMED_REQUEST"
        assert "stream too large" in too_large.json()["message"]
        invoked = daprd.request("POST", "/v1.0/invoke/app/method/sink", body=bytes(20000))
        assert invoked.status == 500 and "stream too large" in invoked.json()["message"]
        assert daprd.request("POST", "/v1.0/invoke/app/method/mirror", body=bytes(16384)).status == 200
        assert len(daprd.get("/v1.0/invoke/app/method/big?bytes=100000").body) == 100000, (
            "answers have no limit"
        )


def test_grpc_message_limit() -> None:
    with (
        GrpcApp() as app,
        Daprd("app", app=app, flags=["--max-body-size", "16Ki"]) as daprd,
        daprd.channel() as channel,
    ):
        with pytest.raises(grpc.RpcError) as failure:
            channel.unary_unary("/test.Echo/Unary")(bytes(20000), metadata=(("dapr-app-id", "app"),))
        assert failure.value.code() == grpc.StatusCode.RESOURCE_EXHAUSTED


def test_header_size(served_http: Served) -> None:
    _, daprd = served_http
    assert daprd.get("/v1.0/healthz", {"X-Long": "x" * 5000}).status == 204
    answer = daprd.get("/v1.0/healthz", {"X-Long": "x" * 9000})
    assert answer.status == 431 and answer.header("content-type") == "text/plain; charset=utf-8"
    assert (answer.header("connection") or "").lower() == "close"


def test_read_buffer_size_raises_the_header_limit() -> None:
    with Daprd("app", flags=["--read-buffer-size", "32Ki"]) as daprd:
        assert daprd.get("/v1.0/healthz", {"X-Long": "x" * 30000}).status == 204
