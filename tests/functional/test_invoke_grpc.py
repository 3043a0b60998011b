"""Service invocation over gRPC: InvokeService to HTTP and gRPC apps, and the transparent proxy."""

import json
import threading

import pytest

import grpc
from harness import protos
from harness.daprd import Daprd
from harness.grpc_app import EchoStub, GrpcApp, rich_status
from harness.http_app import HttpApp

TO_APP = ("dapr-app-id", "app")


def invoke_request(
    method: str,
    data: bytes = b"",
    app: str = "app",
    verb: int = 3,
    query: str = "",
    content_type: str = "text/plain",
):  # noqa: ANN201
    request = protos.runtime.InvokeServiceRequest(id=app)
    request.message.method = method
    request.message.data.value = data
    request.message.content_type = content_type
    request.message.http_extension.verb = verb
    request.message.http_extension.querystring = query
    return request


# InvokeService.
def test_invoke_http_app(served_http: tuple[HttpApp, Daprd]) -> None:
    app, daprd = served_http
    with daprd.channel() as channel:
        reply, call = daprd.dapr(channel).InvokeService.with_call(
            invoke_request("mirror", b"payload", query="a=1&b=%2F"), metadata=(("x-mine", "1"),)
        )
    assert reply.data.value == b"payload" and reply.content_type == "text/plain"
    seen = app.last()
    assert seen.method == "POST" and seen.target == b"/mirror?a=1&b=%2F" and seen.header("x-mine") == "1"
    assert dict(call.initial_metadata()).get("content-type") or True


@pytest.mark.parametrize(
    "http, code",
    [
        (400, grpc.StatusCode.INTERNAL),
        (401, grpc.StatusCode.UNAUTHENTICATED),
        (403, grpc.StatusCode.PERMISSION_DENIED),
        (404, grpc.StatusCode.NOT_FOUND),
        (408, grpc.StatusCode.CANCELLED),
        (409, grpc.StatusCode.ALREADY_EXISTS),
        (429, grpc.StatusCode.RESOURCE_EXHAUSTED),
        (500, grpc.StatusCode.UNKNOWN),
        (501, grpc.StatusCode.UNIMPLEMENTED),
        (503, grpc.StatusCode.UNAVAILABLE),
        (504, grpc.StatusCode.DEADLINE_EXCEEDED),
        (418, grpc.StatusCode.UNKNOWN),
    ],
)
def test_http_status_becomes_grpc_code_with_details(
    served_http: tuple[HttpApp, Daprd], http: int, code: grpc.StatusCode
) -> None:
    _, daprd = served_http
    with daprd.channel() as channel, pytest.raises(grpc.RpcError) as failure:
        daprd.dapr(channel).InvokeService(invoke_request(f"status/{http}", verb=1))
    assert failure.value.code() == code
    raw = dict(failure.value.trailing_metadata())["grpc-status-details-bin"]
    status = protos.rpc.Status.FromString(raw)
    info = protos.rpc.ErrorInfo.FromString(status.details[0].value)
    assert info.domain == "dapr.io" and info.metadata["http.code"] == str(http)
    assert info.metadata["http.error_message"] == f"app says {http}"


def test_invoke_grpc_app(served_grpc: tuple[GrpcApp, Daprd]) -> None:
    app, daprd = served_grpc
    with daprd.channel() as channel:
        reply = daprd.dapr(channel).InvokeService(invoke_request("describe", b"x", query="q=1"))
    seen = json.loads(reply.data.value)
    assert seen["method"] == "describe" and seen["verb"] == 3 and seen["query"] == "q=1"


def test_invoke_grpc_app_error_keeps_code(served_grpc: tuple[GrpcApp, Daprd]) -> None:
    _, daprd = served_grpc
    with daprd.channel() as channel, pytest.raises(grpc.RpcError) as failure:
        daprd.dapr(channel).InvokeService(invoke_request("fail"))
    assert failure.value.code() == grpc.StatusCode.NOT_FOUND and "no such thing" in failure.value.details()


def test_http_caller_to_grpc_app(served_grpc: tuple[GrpcApp, Daprd]) -> None:
    _, daprd = served_grpc
    answer = daprd.request(
        "POST", "/v1.0/invoke/app/method/say?x=1", {"Content-Type": "text/plain"}, b"hello"
    )
    assert answer.status == 200 and answer.body == b"hello" and answer.header("x-app") == "grpc-app"
    missing = daprd.request("POST", "/v1.0/invoke/app/method/fail", {"Content-Type": "text/plain"}, b"")
    assert missing.status == 404 and missing.header("content-type") == "text/plain; charset=utf-8"
    assert missing.json()["code"] == 5 and missing.json()["message"] == "no such thing"


def test_invoke_unknown_app(served_grpc: tuple[GrpcApp, Daprd]) -> None:
    _, daprd = served_grpc
    with daprd.channel() as channel, pytest.raises(grpc.RpcError) as failure:
        daprd.dapr(channel).InvokeService(invoke_request("x", app="a.b.c"))
    assert failure.value.code() == grpc.StatusCode.INTERNAL
    assert failure.value.details() == "failed to invoke, id: a.b.c, err: invalid app id a.b.c"


# The transparent proxy.
@pytest.fixture(scope="module")
def echo(served_grpc: tuple[GrpcApp, Daprd]):  # noqa: ANN201
    with served_grpc[1].channel() as channel:
        yield EchoStub(channel)


def test_unary_with_metadata_both_ways(served_grpc: tuple[GrpcApp, Daprd], echo: EchoStub) -> None:
    app, _ = served_grpc
    reply, call = echo.Unary.with_call(
        b"\x00raw\xff",
        metadata=(TO_APP, ("x-in", "text"), ("x-in-bin", b"\x00\x80\xff"), ("x-many", "1"), ("x-many", "2")),
    )
    assert reply == b"\x00raw\xff"
    initial, trailing = dict(call.initial_metadata()), dict(call.trailing_metadata())
    assert initial["x-initial"] == "i" and initial["x-initial-bin"] == b"\x00\x01\xfe\xff"
    assert trailing["x-trailing"] == "text" and trailing["x-trailing-bin"] == b"\x00\x80\xff"
    seen = next(m for name, m, _ in reversed(app.calls) if name == "Unary")
    assert [v for k, v in seen if k == "x-many"] == ["1", "2"]
    assert "dapr-app-id" not in dict(seen)


def test_callee_key_is_used_first(echo: EchoStub) -> None:
    assert echo.Unary(b"1", metadata=(("dapr-callee-app-id", "app"), ("dapr-app-id", "elsewhere"))) == b"1"


def test_server_client_and_bidi_streams(echo: EchoStub) -> None:
    assert list(echo.Server(b"100", metadata=(TO_APP,))) == [b"%d" % i for i in range(100)]
    assert echo.Client(iter([b"a", b"b", b"c"]), metadata=(TO_APP,)) == b"a,b,c"
    assert echo.Client(iter([]), metadata=(TO_APP,)) == b""
    assert list(echo.Server(b"0", metadata=(TO_APP,))) == []


def test_a_stream_without_messages_ends_with_a_data_frame() -> None:
    """gRPC asks for it: servers like grpc-go wait for ever for the end of a stream whose headers were
    its end."""
    pytest.importorskip("h2")
    from harness.h2c_app import H2cApp
    from harness.h2raw import DATA, END_STREAM, HEADERS, H2Client, frame

    fields = [("content-type", "application/grpc"), ("te", "trailers"), TO_APP]
    with H2cApp() as app, Daprd("app", app=app, app_protocol="grpc") as daprd:
        with H2Client(daprd.host, daprd.grpc_port) as client:
            request = client.request("/test.Echo/Bidi", "POST", fields, end=False)
            client.send(request + frame(DATA, END_STREAM, client.stream))
            client.wait(HEADERS)
        assert "/test.Echo/Bidi" in [r[":path"] for r in app.requests]
        assert "/test.Echo/Bidi" not in app.bodiless


def test_bidi_is_truly_interleaved(echo: EchoStub) -> None:
    go = threading.Semaphore(0)

    def requests():  # noqa: ANN202
        for index in range(5):
            go.acquire(timeout=10)
            yield b"%d" % index

    call = echo.Bidi(requests(), metadata=(TO_APP,), timeout=20)
    assert dict(call.initial_metadata())["x-initial"] == "early", "before any message was sent"
    for index in range(5):
        go.release()
        assert next(call) == b"echo %d" % index
    assert list(call) == []


def test_large_messages_pass(echo: EchoStub) -> None:
    data = bytes(4 * 1024 * 1024 - 100)
    assert echo.Unary(data, metadata=(TO_APP,)) == data


@pytest.mark.parametrize("code", range(1, 17))
def test_every_code_message_and_details(echo: EchoStub, code: int) -> None:
    with pytest.raises(grpc.RpcError) as failure:
        echo.Fail(b"%d" % code, metadata=(TO_APP,))
    assert failure.value.code().value[0] == code and failure.value.details() == "r\u00e4ich"
    trailing = dict(failure.value.trailing_metadata())
    assert (
        trailing["grpc-status-details-bin"] == rich_status(code, "r\u00e4ich")
        and trailing["x-why"] == "asked"
    )


def test_unimplemented_of_the_app_passes(echo: EchoStub) -> None:
    with pytest.raises(grpc.RpcError) as failure:
        echo.Missing(b"", metadata=(TO_APP,))
    assert failure.value.code() == grpc.StatusCode.UNIMPLEMENTED


def test_without_a_target(echo: EchoStub) -> None:
    with pytest.raises(grpc.RpcError) as failure:
        echo.Unary(b"")
    assert failure.value.code() == grpc.StatusCode.UNKNOWN
    assert failure.value.details() == (
        "cannot proxy request: missing dapr-callee-app-id or dapr-app-id metadata"
    )


def test_deadline_reaches_the_app(served_grpc: tuple[GrpcApp, Daprd], echo: EchoStub) -> None:
    app, _ = served_grpc
    app.cancelled.clear()
    with pytest.raises(grpc.RpcError) as failure:
        echo.Hang(b"", metadata=(TO_APP,), timeout=0.3)
    assert failure.value.code() == grpc.StatusCode.DEADLINE_EXCEEDED
    assert app.cancelled.wait(5)


def test_cancel_reaches_the_app(served_grpc: tuple[GrpcApp, Daprd], echo: EchoStub) -> None:
    app, _ = served_grpc
    app.cancelled.clear()
    call = echo.Forever(b"", metadata=(TO_APP,))
    assert next(call) == b"first"
    call.cancel()
    assert app.cancelled.wait(5)


def test_app_token_replaces_the_clients(http_app: HttpApp) -> None:
    with (
        GrpcApp() as app,
        Daprd("app", app=app, env={"APP_API_TOKEN": "for-app", "DAPR_API_TOKEN": "mine"}) as daprd,
    ):
        with daprd.channel() as channel:
            assert EchoStub(channel).Unary(b"1", metadata=(TO_APP, ("dapr-api-token", "mine"))) == b"1"
        assert app.metadata_of("Unary")["dapr-api-token"] == "for-app"


def test_app_killed_in_a_stream_ends_the_call() -> None:
    with GrpcApp() as app, Daprd("app", app=app) as daprd, daprd.channel() as channel:
        call = EchoStub(channel).Forever(b"", metadata=(TO_APP,), timeout=20)
        assert next(call) == b"first"
        server, app._server = app._server, None
        assert server
        server.stop(0)
        with pytest.raises(grpc.RpcError) as failure:
            next(call)
        assert failure.value.code() in (
            grpc.StatusCode.UNAVAILABLE,
            grpc.StatusCode.INTERNAL,
            grpc.StatusCode.CANCELLED,
        )
        app.gate.set()
        assert daprd.get("/v1.0/healthz").status == 204


def test_reflection_lists_the_services(served_grpc: tuple[GrpcApp, Daprd]) -> None:
    _, daprd = served_grpc
    request = protos.message("grpc.reflection.v1.ServerReflectionRequest")(list_services="*")
    with daprd.channel() as channel:
        stub = protos.Stub(channel, "grpc.reflection.v1.ServerReflection")
        answer = next(stub.ServerReflectionInfo(iter([request])))
    assert "dapr.proto.runtime.v1.Dapr" in [s.name for s in answer.list_services_response.service]
