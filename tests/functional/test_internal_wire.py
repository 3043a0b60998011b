"""The internal port as another runtime uses it: CallLocalStream first, chunks of 2048 bytes from the Go
runtime, sequence numbers from 0; CallLocal; the pass-through."""

from collections.abc import Iterator
from typing import Any

import pytest

import grpc
from harness import protos
from harness.daprd import Daprd
from harness.grpc_app import EchoStub, GrpcApp
from harness.http_app import HttpApp

SERVICE = "dapr.proto.internals.v1.ServiceInvocation"
# The Go runtime sends up to 2048 bytes a message and takes what the message limit allows; larger pieces
# cost less, smaller ones keep a stream moving.
CHUNK = 65536
Served = tuple[HttpApp, Daprd]


@pytest.fixture(scope="module")
def peer(served_http: Served) -> Iterator[Any]:
    _, daprd = served_http
    with daprd.channel(daprd.internal_port) as channel:
        yield protos.Stub(channel, SERVICE)


def head(
    method: str,
    verb: int = 3,
    query: str = "",
    headers: dict[str, list[str]] | None = None,
    data: bytes | None = None,
) -> Any:
    """The first request as the Go runtime sends it."""
    request = protos.internals.InternalInvokeRequest(ver=1)
    request.message.method = method
    request.message.http_extension.verb = verb
    request.message.http_extension.querystring = query
    if data is not None:
        request.message.data.value = data
    given = {
        "User-Agent": ["Go-http-client/1.1"],
        "Accept-Encoding": ["gzip"],
        "destination-app-id": ["app"],
        "dapr-caller-app-id": ["peer"],
        "dapr-callee-app-id": ["app"],
        "dapr-caller-namespace": ["default"],
        "X-Forwarded-For": ["10.0.0.1"],
        "X-Forwarded-Host": ["h"],
        **(headers or {}),
    }
    for key, values in given.items():
        request.metadata[key].values.extend(values)
    return request


def stream(
    request: Any, data: bytes, first: int = 0, chunk: int = 2048, with_head: bool = False
) -> Iterator[Any]:
    message = protos.internals.InternalInvokeRequestStream
    pieces = [data[i : i + chunk] for i in range(0, len(data), chunk)]
    opening = message(request=request)
    if with_head and pieces:
        opening.payload.data, opening.payload.seq = pieces.pop(0), first
        first += 1
    yield opening
    for seq, piece in enumerate(pieces, first):
        part = message()
        part.payload.data, part.payload.seq = piece, seq
        yield part


def collect(answers: Any) -> tuple[Any, bytes, list[int], list[int]]:
    """The response head, the body, its sequence numbers and the sizes of its chunks."""
    response, body, numbers, sizes = None, b"", [], []
    for index, answer in enumerate(answers):
        assert answer.HasField("response") == (index == 0), "only the first message carries the response"
        if index == 0:
            response = answer.response
        if answer.HasField("payload"):
            numbers.append(answer.payload.seq)
            sizes.append(len(answer.payload.data))
            body += answer.payload.data
    return response, body, numbers, sizes


@pytest.mark.parametrize("size", [0, 1, 2048, 2049, 5000, 300000])
@pytest.mark.parametrize("with_head", [False, True])
def test_call_local_stream(peer: Any, size: int, with_head: bool) -> None:
    data = (b"abcdefgh" * (size // 8 + 1))[:size]
    response, body, numbers, sizes = collect(
        peer.CallLocalStream(stream(head("mirror"), data, with_head=with_head))
    )
    assert response.status.code == 200 and body == data
    assert numbers == list(range(len(numbers))) and all(n <= CHUNK for n in sizes)
    assert not response.message.data.value


def test_stream_carries_headers_both_ways(served_http: Served, peer: Any) -> None:
    app, _ = served_http
    request = head("echo/path%2Fx", 1, "a=b%20c", {"X-Many": ["1", "2"], "Content-Type": ["text/x"]})
    response, _, _, _ = collect(peer.CallLocalStream(stream(request, b"")))
    seen = app.last()
    assert (
        seen.method == "GET" and seen.target == b"/echo/path%2Fx?a=b%20c" and seen.all("x-many") == ["1", "2"]
    )
    assert seen.header("destination-app-id") is None and seen.header("dapr-caller-app-id") == "peer"
    keys = {key.lower(): list(value.values) for key, value in response.headers.items()}
    assert keys["x-app"] == ["app"] and response.message.content_type.startswith("application/json")


def test_app_error_travels_as_status_not_as_grpc_error(peer: Any) -> None:
    response, body, _, _ = collect(peer.CallLocalStream(stream(head("status/404", 1), b"")))
    assert response.status.code == 404 and body == b"app says 404"


@pytest.mark.parametrize("first", [1, 5])
def test_out_of_order_request_is_internal(peer: Any, first: int) -> None:
    with pytest.raises(grpc.RpcError) as failure:
        collect(peer.CallLocalStream(stream(head("mirror"), b"x" * 5000, first=first)))
    assert failure.value.code() == grpc.StatusCode.INTERNAL


def test_a_gap_in_the_middle_is_internal(peer: Any) -> None:
    def broken() -> Iterator[Any]:
        for index, message in enumerate(stream(head("mirror"), b"x" * 10000)):
            if index == 3:
                message.payload.seq = 77
            yield message

    with pytest.raises(grpc.RpcError) as failure:
        collect(peer.CallLocalStream(broken()))
    assert failure.value.code() == grpc.StatusCode.INTERNAL


def test_stream_without_a_request_is_refused(peer: Any) -> None:
    with pytest.raises(grpc.RpcError) as failure:
        collect(peer.CallLocalStream(iter([])))
    assert failure.value.code() in (grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.INTERNAL)


def test_call_local(served_http: Served, peer: Any) -> None:
    app, _ = served_http
    answer = peer.CallLocal(head("mirror", 4, data=b"whole body", headers={"Content-Type": ["text/plain"]}))
    assert answer.status.code == 200 and answer.message.data.value == b"whole body"
    assert app.last().method == "PUT"


def test_verb_none_is_internal_for_an_http_app(peer: Any) -> None:
    with pytest.raises(grpc.RpcError) as failure:
        peer.CallLocal(head("mirror", 0))
    assert failure.value.code() == grpc.StatusCode.INTERNAL


def test_call_local_without_an_app() -> None:
    with Daprd("app") as daprd, daprd.channel(daprd.internal_port) as channel:
        with pytest.raises(grpc.RpcError) as failure:
            protos.Stub(channel, SERVICE).CallLocal(head("x"))
        assert failure.value.code() == grpc.StatusCode.INTERNAL


def test_actor_call_without_actor_runtime(peer: Any) -> None:
    request = head("m")
    request.actor.actor_type, request.actor.actor_id = "t", "1"
    with pytest.raises(grpc.RpcError) as failure:
        peer.CallActor(request)
    assert failure.value.code() == grpc.StatusCode.UNAVAILABLE


def test_stream_to_a_grpc_app() -> None:
    with GrpcApp() as app, Daprd("app", app=app) as daprd, daprd.channel(daprd.internal_port) as channel:
        stub = protos.Stub(channel, SERVICE)
        response, body, _, _ = collect(
            stub.CallLocalStream(stream(head("say", headers={"Content-Type": ["text/plain"]}), b"hello"))
        )
        assert response.status.code == 0 and body == b"hello"
        echo = EchoStub(channel)
        assert (
            echo.Unary(b"raw", metadata=(("dapr-callee-app-id", "app"), ("dapr-caller-app-id", "peer")))
            == b"raw"
        )
        assert list(echo.Bidi(iter([b"1"]), metadata=(("dapr-callee-app-id", "app"),))) == [b"echo 1"]
        assert app.metadata_of("Unary")["dapr-caller-app-id"] == "peer"


def test_public_api_is_not_on_the_internal_port(served_http: Served) -> None:
    _, daprd = served_http
    with daprd.channel(daprd.internal_port) as channel, pytest.raises(grpc.RpcError):
        daprd.dapr(channel).GetMetadata(protos.runtime.GetMetadataRequest())


def test_what_our_runtime_sends(tmp_path) -> None:  # noqa: ANN001
    """Our caller against a peer of ours: stream first, chunks, numbers, headers, half-close."""
    from concurrent import futures

    from harness.ports import free_port
    from harness.yamls import configuration

    seen: list[Any] = []

    class Peer:
        def CallLocalStream(self, requests: Any, context: Any) -> Iterator[Any]:  # noqa: N802
            seen.extend(requests)
            seen.append(dict(context.invocation_metadata()))
            reply = protos.internals.InternalInvokeResponseStream()
            reply.response.status.code = 201
            reply.response.headers["X-From-Peer"].values.append("yes")
            reply.response.message.content_type = "text/plain"
            yield reply
            for number, piece in enumerate((b"one ", b"two")):
                part = protos.internals.InternalInvokeResponseStream()
                part.payload.data, part.payload.seq = piece, number
                yield part

    port = free_port()
    server = grpc.server(futures.ThreadPoolExecutor(4))
    server.add_generic_rpc_handlers((protos.handlers(SERVICE, Peer()),))
    server.add_insecure_port(f"127.0.0.1:{port}")
    server.start()
    spec = {"nameResolution": {"component": "nameformat", "configuration": {"format": f"{{appid}}:{port}"}}}
    try:
        with Daprd("near", configs={"c.yaml": configuration(spec)}) as near:
            answer = near.request(
                "POST",
                "/v1.0/invoke/localhost/method/a/b?c=d",
                {"X-Mine": "1", "Content-Type": "text/x"},
                b"z" * 5000,
            )
    finally:
        server.stop(0)
    assert answer.status == 201 and answer.body == b"one two" and answer.header("x-from-peer") == "yes"
    *messages, metadata = seen
    request = messages[0].request
    assert request.ver == 1 and request.message.method == "a/b" and request.message.http_extension.verb == 3
    assert request.message.http_extension.querystring == "c=d" and not request.message.data.value
    assert request.metadata["dapr-caller-app-id"].values == ["near"] and request.metadata[
        "dapr-callee-app-id"
    ].values == ["localhost"]
    assert request.metadata["destination-app-id"].values and request.metadata["X-Mine"].values == ["1"]
    payloads = [m.payload for m in messages if m.HasField("payload")]
    assert b"".join(p.data for p in payloads) == b"z" * 5000
    assert [p.seq for p in payloads] == list(range(len(payloads))) and max(
        len(p.data) for p in payloads
    ) <= CHUNK
    assert not any(m.HasField("request") for m in messages[1:])
    assert "__dapr_calllocalstream_method" not in metadata
