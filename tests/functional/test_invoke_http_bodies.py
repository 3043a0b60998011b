"""Bodies over HTTP invocation: sizes, streams, trailers, interim answers, and ends before the end."""

import base64

import pytest

from harness import rawhttp
from harness.daprd import Daprd
from harness.http_app import HttpApp
from harness.poll import wait_for

Served = tuple[HttpApp, Daprd]
INVOKE = "/v1.0/invoke/app/method"


def test_bodies_of_all_sizes(served_http: Served) -> None:
    _, daprd = served_http
    for size in (0, 1, 2047, 2048, 2049, 65535, 65536, 1 << 20, 4 << 20):
        data = bytes(range(256)) * (size // 256) + bytes(size % 256)
        answer = daprd.request("POST", f"{INVOKE}/mirror", {"Content-Type": "application/x-it"}, data)
        assert answer.status == 200 and answer.body == data, size
        assert answer.header("content-type") == "application/x-it"


def test_chunked_request_is_streamed(served_http: Served) -> None:
    app, daprd = served_http
    with daprd.connect() as connection:
        connection.send(connection.head("POST", f"{INVOKE}/sink", {"Transfer-Encoding": "chunked"}))
        before = app.sunk
        connection.send(b"5\r\nfirst\r\n")
        wait_for(lambda: app.sunk == before + 5, 5, "the first chunk at the app before the body ends")
        connection.send(b"6\r\nsecond\r\n0\r\n\r\n")
        assert connection.read_response().json() == {"received": 11}


def test_expect_100_continue(served_http: Served) -> None:
    _, daprd = served_http
    with daprd.connect() as connection:
        connection.send(connection.head("POST", f"{INVOKE}/mirror", {"Expect": "100-continue"}, 5))
        assert connection.read_line() == b"HTTP/1.1 100 Continue"
        assert connection.read_fields() == []
        connection.send(b"hello")
        assert connection.read_response().body == b"hello"


def test_chunked_response(served_http: Served) -> None:
    _, daprd = served_http
    assert daprd.get(f"{INVOKE}/chunks").body == b"alpha beta gamma"


def test_server_sent_events_are_not_held_back(served_http: Served) -> None:
    app, daprd = served_http
    with daprd.connect() as connection:
        connection.send(connection.head("GET", f"{INVOKE}/sse"))
        head = connection.read_head()
        assert head.header("content-type") == "text/event-stream"
        pieces = connection.chunks(head)
        assert next(pieces) == b"data: one\n\n", "before the app has sent the second"
        app.release("sse")
        assert next(pieces) == b"data: two\n\n" and list(pieces) == []


def test_response_trailers(served_http: Served) -> None:
    _, daprd = served_http
    answer = daprd.get(f"{INVOKE}/trailers", {"TE": "trailers"})
    assert answer.body == b"body" and ("x-sum", "42") in [(n.lower(), v) for n, v in answer.trailers]


def test_request_trailers(served_http: Served) -> None:
    _, daprd = served_http
    with daprd.connect() as connection:
        connection.send(
            connection.head("POST", f"{INVOKE}/t", {"Transfer-Encoding": "chunked", "Trailer": "X-T"})
            + rawhttp.chunked([b"abc"], {"X-T": "9"})
        )
        seen = connection.read_response().json()
    assert base64.b64decode(seen["body"]) == b"abc"
    assert ["x-t", "9"] in [[n.lower(), v] for n, v in seen["trailers"]]


def test_interim_answers_do_not_confuse(served_http: Served) -> None:
    _, daprd = served_http
    with daprd.connect() as connection:
        answer = connection.request("GET", f"{INVOKE}/interim")
        assert answer.status == 200 and answer.body == b"after hints"
        assert connection.request("GET", f"{INVOKE}/status/200").status == 200


def test_pipelined_requests_are_answered_in_order(served_http: Served) -> None:
    _, daprd = served_http
    with daprd.connect() as connection:
        codes = [200, 404, 201, 500, 202]
        connection.send(b"".join(connection.head("GET", f"{INVOKE}/status/{code}") for code in codes))
        assert [connection.read_response().status for _ in codes] == codes


def test_app_cutting_the_connection_is_an_error(served_http: Served) -> None:
    _, daprd = served_http
    answer = daprd.request("POST", f"{INVOKE}/die", body=b"x")
    assert answer.status == 500 and answer.json()["errorCode"] == "ERR_DIRECT_INVOKE"
    assert answer.json()["message"].startswith("failed to invoke, id: app, err: ")


def test_app_cutting_halfway_never_looks_complete(served_http: Served) -> None:
    app, daprd = served_http
    with daprd.connect() as connection:
        connection.send(connection.head("GET", f"{INVOKE}/halfway"))
        pieces = connection.chunks(connection.read_head())
        assert next(pieces) == b"first half"
        app.release("halfway")
        with pytest.raises((EOFError, ConnectionError, ValueError)):
            list(pieces)


def test_client_gone_cancels_the_app_call(served_http: Served) -> None:
    app, daprd = served_http
    with daprd.connect() as connection:
        connection.send(connection.head("GET", f"{INVOKE}/endless"))
        next(connection.chunks(connection.read_head()))
        assert app.in_flight >= 1
    wait_for(lambda: app.in_flight == 0, 10, "the app sees its reader gone")
