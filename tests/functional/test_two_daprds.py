"""Two runtimes: they find each other and carry calls between their apps."""

import contextlib
import threading
import time

import pytest

import grpc
from harness import protos, rawhttp
from harness.daprd import Daprd
from harness.grpc_app import EchoStub, GrpcApp, rich_status
from harness.http_app import HttpApp
from harness.poll import wait_for
from harness.yamls import sqlite_resolution


class Pair:
    """`near`, whom the tests call, and `far` with the app; both know a file of names."""

    def __init__(self, stack: contextlib.ExitStack, folder, app, near_app=None, **far):  # noqa: ANN001, ANN003
        config = {"c.yaml": sqlite_resolution(str(folder / "names.db"))}
        self.app = app
        self.far = stack.enter_context(Daprd("far", app=app, configs=config, **far))
        self.near = stack.enter_context(Daprd("near", app=near_app, configs=config))


@pytest.fixture(scope="module")
def http_pair(tmp_path_factory):  # noqa: ANN001, ANN201
    with contextlib.ExitStack() as stack, HttpApp() as app:
        yield Pair(stack, tmp_path_factory.mktemp("names"), app)


@pytest.fixture(scope="module")
def grpc_pair(tmp_path_factory):  # noqa: ANN001, ANN201
    with contextlib.ExitStack() as stack, GrpcApp() as app:
        yield Pair(stack, tmp_path_factory.mktemp("names"), app)


INVOKE = "/v1.0/invoke/far/method"


def test_method_path_query_body_and_headers(http_pair: Pair) -> None:
    answer = http_pair.near.request(
        "PUT", f"{INVOKE}/a%2Fb//c?x=%20&y", [("X-A", "1"), ("X-A", "2")], b"body"
    )
    assert answer.status == 200
    seen = http_pair.app.last()
    assert (seen.method, seen.target, seen.body) == ("PUT", b"/a%2Fb//c?x=%20&y", b"body")
    assert seen.all("x-a") == ["1", "2"] and answer.header("x-app") == "app"


def test_caller_identity_and_forwarding_headers(http_pair: Pair) -> None:
    http_pair.near.get(f"{INVOKE}/who", {"dapr-caller-app-id": "liar"})
    seen = http_pair.app.last()
    assert "near" in seen.all("dapr-caller-app-id") and seen.header("dapr-callee-app-id") == "far"
    assert seen.header("x-forwarded-for") and seen.header("x-forwarded-host")
    assert (seen.header("forwarded") or "").startswith("for=")
    assert seen.header("destination-app-id") is None


def test_header_forms_of_the_target(http_pair: Pair) -> None:
    assert http_pair.near.get("/p/q?r=s", {"dapr-app-id": "far"}).status == 200
    assert http_pair.app.last().target == b"/p/q?r=s"


@pytest.mark.parametrize("code", [200, 204, 302, 304, 400, 404, 429, 500, 503])
def test_status_passes(http_pair: Pair, code: int) -> None:
    before = len(http_pair.app.requests)
    answer = http_pair.near.get(f"{INVOKE}/status/{code}")
    assert answer.status == code and answer.header("x-app-status") == str(code)
    assert len(http_pair.app.requests) == before + 1


def test_head(http_pair: Pair) -> None:
    answer = http_pair.near.request("HEAD", f"{INVOKE}/status/200")
    assert answer.status == 200 and answer.body == b""


@pytest.mark.parametrize("size", [0, 1, 2047, 2048, 2049, 5000, 1 << 20, 4 << 20])
def test_bodies_whole(http_pair: Pair, size: int) -> None:
    data = (b"0123456789abcdef" * (size // 16 + 1))[:size]
    assert http_pair.near.request("POST", f"{INVOKE}/mirror", body=data).body == data


def test_request_and_response_stream(http_pair: Pair) -> None:
    near, app = http_pair.near, http_pair.app
    with near.connect() as connection:
        before = app.sunk
        connection.send(
            connection.head("POST", f"{INVOKE}/sink", {"Transfer-Encoding": "chunked"}) + b"5\r\nfirst\r\n"
        )
        wait_for(lambda: app.sunk == before + 5, 5, "streamed to the app of the other runtime")
        connection.send(b"0\r\n\r\n")
        assert connection.read_response().json() == {"received": 5}
    with near.connect() as connection:
        connection.send(connection.head("GET", f"{INVOKE}/sse"))
        pieces = connection.chunks(connection.read_head())
        assert next(pieces) == b"data: one\n\n"
        app.release("sse")
        assert next(pieces) == b"data: two\n\n"


def test_app_down_fails_at_once_and_comes_back(stack, tmp_path) -> None:  # noqa: ANN001
    app = HttpApp()
    pair = Pair(stack, tmp_path, app)
    started = time.monotonic()
    answer = pair.near.get(f"{INVOKE}/x")
    assert answer.status == 500 and answer.json()["errorCode"] == "ERR_DIRECT_INVOKE"
    assert time.monotonic() - started < 10
    with app:
        wait_for(lambda: pair.near.get(f"{INVOKE}/x").status == 200)


def test_far_runtime_gone_is_retried_three_times(stack, tmp_path) -> None:  # noqa: ANN001
    app = stack.enter_context(HttpApp())
    pair = Pair(stack, tmp_path, app)
    assert pair.near.get(f"{INVOKE}/x").status == 200
    pair.far.kill()
    started = time.monotonic()
    answer = pair.near.get(f"{INVOKE}/x")
    assert answer.status == 500
    message = answer.json()["message"]
    assert message.startswith("failed to invoke, id: far, err: ")
    assert "failed to invoke target far after 3 retries. Error: " in message or "resolve" in message
    assert time.monotonic() - started < 15


def test_far_runtime_back_within_the_retries_answers(stack, tmp_path) -> None:  # noqa: ANN001
    app = stack.enter_context(HttpApp())
    pair = Pair(stack, tmp_path, app)
    assert pair.near.get(f"{INVOKE}/x").status == 200
    args = pair.far
    args.stop()
    answers: list[rawhttp.Response] = []
    caller = threading.Thread(target=lambda: answers.append(pair.near.get(f"{INVOKE}/again")))
    caller.start()
    args.start()
    caller.join(20)
    assert answers and answers[0].status == 200


def test_unknown_app_is_named(http_pair: Pair) -> None:
    answer = http_pair.near.get("/v1.0/invoke/nobody/method/x")
    assert answer.status == 500 and answer.json()["errorCode"] == "ERR_DIRECT_INVOKE"
    assert "nobody" in answer.json()["message"]


def test_invocation_metrics_on_both_sides(http_pair: Pair) -> None:
    http_pair.near.get(f"{INVOKE}/m")
    assert (
        http_pair.near.metrics().total("dapr_runtime_service_invocation_req_sent_total", dst_app_id="far")
        >= 1
    )
    assert (
        http_pair.far.metrics().total("dapr_runtime_service_invocation_req_recv_total", src_app_id="near")
        >= 1
    )


# gRPC.
def test_invoke_service(grpc_pair: Pair) -> None:
    request = protos.runtime.InvokeServiceRequest(id="far")
    request.message.method = "say"
    request.message.data.value = b"hello"
    with grpc_pair.near.channel() as channel:
        assert grpc_pair.near.dapr(channel).InvokeService(request).data.value == b"hello"
        request.message.method = "fail"
        with pytest.raises(grpc.RpcError) as failure:
            grpc_pair.near.dapr(channel).InvokeService(request)
        assert failure.value.code() == grpc.StatusCode.NOT_FOUND


def test_proxy_all_kinds(grpc_pair: Pair) -> None:
    to_far = (("dapr-app-id", "far"), ("x-in", "t"), ("x-in-bin", b"\x00\xff"))
    with grpc_pair.near.channel() as channel:
        stub = EchoStub(channel)
        reply, call = stub.Unary.with_call(b"raw", metadata=to_far)
        assert reply == b"raw" and dict(call.trailing_metadata())["x-trailing-bin"] == b"\x00\xff"
        assert list(stub.Server(b"50", metadata=to_far)) == [b"%d" % i for i in range(50)]
        assert stub.Client(iter([b"a", b"b"]), metadata=to_far) == b"a,b"
        assert list(stub.Bidi(iter([b"1", b"2"]), metadata=to_far)) == [b"echo 1", b"echo 2"]
        with pytest.raises(grpc.RpcError) as failure:
            stub.Fail(b"9", metadata=to_far)
        assert dict(failure.value.trailing_metadata())["grpc-status-details-bin"] == rich_status(
            9, "r\u00e4ich"
        )
        with pytest.raises(grpc.RpcError) as failure:
            stub.Missing(b"", metadata=to_far)
        assert failure.value.code() == grpc.StatusCode.UNIMPLEMENTED
    seen = grpc_pair.app.metadata_of("Unary")
    assert seen["dapr-caller-app-id"] == "near" and seen["dapr-callee-app-id"] == "far"


def test_cancel_crosses_both(grpc_pair: Pair) -> None:
    grpc_pair.app.cancelled.clear()
    with grpc_pair.near.channel() as channel:
        call = EchoStub(channel).Forever(b"", metadata=(("dapr-app-id", "far"),))
        assert next(call) == b"first"
        call.cancel()
        assert grpc_pair.app.cancelled.wait(5)


def test_http_caller_to_grpc_app(grpc_pair: Pair) -> None:
    answer = grpc_pair.near.request("POST", f"{INVOKE}/say", {"Content-Type": "text/plain"}, b"hi")
    assert answer.status == 200 and answer.body == b"hi"


def test_grpc_caller_to_http_app(http_pair: Pair) -> None:
    request = protos.runtime.InvokeServiceRequest(id="far")
    request.message.method = "mirror"
    request.message.data.value = b"x" * 5000
    request.message.http_extension.verb = 3
    with http_pair.near.channel() as channel:
        assert http_pair.near.dapr(channel).InvokeService(request).data.value == b"x" * 5000


# Other ways to be found.
def test_mdns() -> None:
    """The default of standalone mode. Multicast must work on this machine's interfaces."""
    with HttpApp() as app, Daprd("mdns-far", app=app, host="0.0.0.0"), Daprd("mdns-near") as near:
        answer = wait_for(lambda: (a := near.get("/v1.0/invoke/mdns-far/method/x")).status == 200 and a, 15)
        assert answer.json()["target"] == "/x"


def test_nameformat() -> None:
    """The app-id is `localhost`, so that the name made of it can be resolved anywhere."""
    from harness.yamls import configuration

    with HttpApp() as app, Daprd("localhost", app=app) as far:
        resolution = {
            "component": "nameformat",
            "version": "v1",
            "configuration": {"format": f"{{appid}}:{far.internal_port}"},
        }
        with Daprd("near", configs={"c.yaml": configuration({"nameResolution": resolution})}) as near:
            assert near.get("/v1.0/invoke/localhost/method/x").status == 200
