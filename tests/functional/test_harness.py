"""The test tools themselves: what they show of a request is what was sent. Needs no runtime."""

import socket

import pytest

import grpc
from harness import metrics, protos, rawhttp, yamls
from harness.grpc_app import EchoStub, GrpcApp, rich_status
from harness.http_app import HttpApp
from harness.poll import wait_for


def call(
    app: HttpApp, method: str, target: str, headers: rawhttp.Headers | None = None, body: bytes | None = None
) -> rawhttp.Response:
    return rawhttp.request(app.host, app.port, method, target, headers, body)


def test_echo_shows_the_exact_target_and_headers(http_app: HttpApp) -> None:
    answer = call(http_app, "PATCH", "/a//b%2Fc/../d;p?x=%20&y=+#", {"X-CaSe": "Vä"}, b"\x00\x01")
    seen = answer.json()
    assert seen["method"] == "PATCH" and seen["target"] == "/a//b%2Fc/../d;p?x=%20&y=+#"
    assert ["X-CaSe", "Vä"] in seen["headers"] and seen["body"] == "AAE="
    assert http_app.last().body == b"\x00\x01"


def test_chunked_request_trailers_and_answer_trailers(http_app: HttpApp) -> None:
    with rawhttp.Connection(http_app.host, http_app.port) as connection:
        connection.send(
            connection.head("POST", "/x", {"Transfer-Encoding": "chunked"})
            + rawhttp.chunked([b"ab", b"cd"], {"X-T": "1"})
        )
        assert connection.read_response().json()["trailers"] == [["X-T", "1"]]
        answer = connection.request("GET", "/trailers")
        assert answer.body == b"body" and answer.trailers == [("X-Sum", "42")]
    assert http_app.connections == 1


def test_interim_head_status_and_control(http_app: HttpApp) -> None:
    answer = call(http_app, "GET", "/interim")
    assert answer.interim[0][0] == 103 and answer.status == 200
    assert call(http_app, "HEAD", "/status/204").status == 204
    assert call(http_app, "GET", "/dapr/config").status == 404
    http_app.config = {"entities": []}
    assert call(http_app, "GET", "/dapr/config").json() == {"entities": []}
    assert len(http_app.control) == 2 and len(http_app.requests) == 2


def test_gate_holds_and_abort_cuts(http_app: HttpApp) -> None:
    with rawhttp.Connection(http_app.host, http_app.port) as connection:
        connection.send(connection.head("GET", "/sse"))
        head = connection.read_head()
        pieces = connection.chunks(head)
        assert next(pieces) == b"data: one\n\n"
        http_app.release("sse")
        assert next(pieces) == b"data: two\n\n"
    with pytest.raises((EOFError, ConnectionError)):
        call(http_app, "GET", "/die")


def test_stopped_app_refuses_and_starts_again() -> None:
    app = HttpApp().start()
    app.stop()
    with pytest.raises(ConnectionRefusedError):
        call(app, "GET", "/")
    with HttpApp(app.port) as again:
        assert call(again, "GET", "/").status == 200


def test_grpc_echo_streams_details_and_metadata(grpc_app: GrpcApp) -> None:
    with grpc.insecure_channel(f"127.0.0.1:{grpc_app.port}") as channel:
        stub = EchoStub(channel)
        answer, call_ = stub.Unary.with_call(b"hi", metadata=(("x-in-bin", b"\x00\xff"),))
        assert answer == b"hi" and dict(call_.trailing_metadata())["x-trailing-bin"] == b"\x00\xff"
        assert list(stub.Server(b"3")) == [b"0", b"1", b"2"]
        assert stub.Client(iter([b"a", b"b"])) == b"a,b"
        assert list(stub.Bidi(iter([b"x"]))) == [b"echo x"]
        with pytest.raises(grpc.RpcError) as failure:
            stub.Fail(b"9")
        assert failure.value.code() == grpc.StatusCode.FAILED_PRECONDITION
        details = dict(failure.value.trailing_metadata())["grpc-status-details-bin"]
        assert details == rich_status(9, "r\u00e4ich")
        callback = protos.Stub(channel, "dapr.proto.runtime.v1.AppCallback")
        request = protos.common.InvokeRequest(method="m", content_type="text/plain")
        request.data.value = b"payload"
        assert callback.OnInvoke(request).data.value == b"payload"


def test_metrics_reader() -> None:
    read = metrics.parse('# TYPE a_b counter\na_b{x="1",y="q\\"uote"} 3\na_b{x="2",y=""} 4\nplain 1.5\n')
    assert read.types == {"a_b": "counter"} and read.total("a_b") == 7 and read.total("a_b", x="2") == 4
    assert read.total("plain") == 1.5


def test_yaml_texts_are_yaml() -> None:
    yaml = pytest.importorskip("yaml")
    document = yaml.safe_load(
        yamls.component("s", "state.sqlite", {"a": "b"}, scopes=["x"], ignoreErrors=True)
    )
    assert document["spec"]["metadata"] == [{"name": "a", "value": "b"}]
    assert document["scopes"] == ["x"] and document["spec"]["ignoreErrors"] is True


def test_wait_for_reports_the_last_failure() -> None:
    with pytest.raises(AssertionError, match="ConnectionRefused|refused"):
        wait_for(lambda: socket.create_connection(("127.0.0.1", 1)), 0.05)


def test_raw_http2_client_and_the_http2_app() -> None:
    pytest.importorskip("h2")
    from harness.h2c_app import H2cApp
    from harness.h2raw import DATA, END_STREAM, HEADERS, H2Client, frame

    with H2cApp() as app, H2Client(app.host, app.port) as client:
        request = client.request("/a%2Fb", "POST", [("x-a", "v" * 300)], end=False)
        client.send(request + frame(DATA, END_STREAM, client.stream, b"body"))
        assert client.wait(HEADERS)[2] == 1 and client.wait(DATA)[3] == b"body"
        assert app.requests[0][":path"] == "/a%2Fb" and app.requests[0]["x-a"] == "v" * 300


def test_malformed_table_is_read() -> None:
    from harness.malformed import unescape

    assert unescape(r"a\r\n\x00\\\R{3,z}b") == b"a\r\n\x00\\zzzb"
