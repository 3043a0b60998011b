"""Service invocation over HTTP into the runtime's own app: bytes, headers, bodies, errors."""

import base64
import threading

import pytest

from harness.daprd import Daprd
from harness.http_app import HttpApp
from harness.poll import wait_for
from harness.yamls import document

Served = tuple[HttpApp, Daprd]
INVOKE = "/v1.0/invoke/app/method"
NO_APP_ID = {
    "errorCode": "ERR_DIRECT_INVOKE",
    "message": "failed getting app id either from the URL path or the header dapr-app-id",
}


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"])
def test_every_method(served_http: Served, method: str) -> None:
    _, daprd = served_http
    answer = daprd.request(
        method, f"{INVOKE}/x", body=b"data" if method in ("POST", "PUT", "PATCH") else None
    )
    assert answer.status == 200 and answer.json()["method"] == method


def test_head_has_no_body_and_keeps_the_connection(served_http: Served) -> None:
    _, daprd = served_http
    with daprd.connect() as connection:
        head = connection.request("HEAD", f"{INVOKE}/status/200")
        assert head.status == 200 and head.body == b"" and head.header("x-app-status") == "200"
        assert connection.request("GET", f"{INVOKE}/status/201").status == 201


@pytest.mark.parametrize(
    "tail",
    [
        "/plain",
        "/a%2Fb",
        "/a%20b",
        "/a+b",
        "/a;v=1",
        "/a:b@c!$&'()*,=",
        "/%E4%BD%A0",
        "/a%2fb%2Fc",
        "/a/?",
        "/a?x=1&x=2&y=%2F&z=a+b&empty=&=v&&",
        "/a?x=/v1.0/invoke/o/method/p",
        "/a?%00",
        "/~tilde-_.",
        "/a[b]",
        "/a|b",
        "/a%7Cb",
    ],
)
def test_path_and_query_are_kept_byte_for_byte(served_http: Served, tail: str) -> None:
    app, daprd = served_http
    answer = daprd.get(f"{INVOKE}{tail}")
    assert answer.status == 200
    assert app.last().target == tail.encode()


@pytest.mark.parametrize("tail", ["//double", "/a//b///c", "/a/b/", "/"])
def test_empty_segments_are_kept(served_http: Served, tail: str) -> None:
    app, daprd = served_http
    assert daprd.get(f"{INVOKE}{tail}").status == 200
    assert app.last().target == tail.encode()


def test_app_id_in_header_takes_the_whole_path(served_http: Served) -> None:
    app, daprd = served_http
    assert daprd.get("/some/path%2Fx?q=1", {"dapr-app-id": "app"}).status == 200
    assert app.last().target == b"/some/path%2Fx?q=1" and app.last().header("dapr-app-id") is None
    # The header wins over the form of the path.
    assert daprd.get("/v1.0/invoke/other/method/x", {"dapr-app-id": "app"}).status == 200


def test_app_id_in_basic_authorization(served_http: Served) -> None:
    app, daprd = served_http
    word = base64.b64encode(b"dapr-app-id:app").decode()
    assert daprd.get("/by/basic", {"Authorization": f"Basic {word}"}).status == 200
    assert app.last().target == b"/by/basic"
    other = base64.b64encode(b"user:app").decode()
    assert daprd.get("/by/basic", {"Authorization": f"Basic {other}"}).status == 404


def test_no_app_id_is_404(served_http: Served) -> None:
    _, daprd = served_http
    for target in ("/nothing", "/", "/v1.0/nothing", "/v1.0/invoke/app", "/v2.0/metadata"):
        answer = daprd.get(target)
        assert answer.status == 404 and answer.json() == NO_APP_ID, target
        assert answer.header("content-type") == "application/json" and not answer.body.endswith(b"\n")


def test_namespace_form(served_http: Served) -> None:
    _, daprd = served_http
    answer = daprd.get("/v1.0/invoke/a.b.c/method/x")
    assert answer.status == 500
    assert answer.json() == {
        "errorCode": "ERR_DIRECT_INVOKE",
        "message": "failed to invoke, id: a.b.c, err: invalid app id a.b.c",
    }


def test_own_namespace_is_local() -> None:
    with HttpApp() as app, Daprd("app", app=app, env={"NAMESPACE": "shop"}) as daprd:
        assert daprd.get("/v1.0/invoke/app.shop/method/x").status == 200


def test_request_headers(served_http: Served) -> None:
    app, daprd = served_http
    sent = [
        ("X-Custom", "a"),
        ("X-Custom", "b"),
        ("Cookie", "c=1"),
        ("Accept", "text/x"),
        ("X-Empty", ""),
        ("User-Agent", "tester"),
        ("Connection", "X-Hop"),
        ("X-Hop", "1"),
        ("Keep-Alive", "x"),
        ("TE", "trailers"),
        ("Proxy-Authorization", "Basic x"),
    ]
    assert daprd.get(f"{INVOKE}/h", sent).status == 200
    got = app.last()
    assert got.all("x-custom") == ["a", "b"] and got.header("cookie") == "c=1"
    assert got.header("accept") == "text/x" and got.header("x-empty") == ""
    assert got.header("user-agent") == "tester"
    for name in ("x-hop", "keep-alive", "te", "proxy-authorization", "upgrade"):
        assert got.header(name) is None, name
    assert got.header("host") == f"{app.host}:{app.port}" or got.header("host")


def test_response_headers(served_http: Served) -> None:
    _, daprd = served_http
    answer = daprd.get(f"{INVOKE}/hop")
    assert answer.body == b"hop" and answer.header("x-public") == "yes"
    assert answer.all("set-cookie") == ["a=1", "b=2"]
    for name in ("x-private", "keep-alive", "proxy-authenticate"):
        assert answer.header(name) is None, name


@pytest.mark.parametrize(
    "code", [200, 201, 202, 204, 206, 301, 304, 400, 401, 403, 404, 409, 418, 429, 500, 502, 503]
)
def test_app_status_passes_through(served_http: Served, code: int) -> None:
    app, daprd = served_http
    before = len(app.requests)
    answer = daprd.get(f"{INVOKE}/status/{code}")
    assert answer.status == code and answer.header("x-app-status") == str(code)
    if code not in (204, 304):
        assert answer.text == f"app says {code}" and answer.header("content-type") == "text/x-app"
    assert len(app.requests) == before + 1, "no retry of an app's answer"


def test_redirect_is_not_followed(served_http: Served) -> None:
    app, daprd = served_http
    answer = daprd.get(f"{INVOKE}/redirect")
    assert answer.status == 302 and answer.header("location") == "/elsewhere?x=1"
    assert app.last().path == "/redirect"


def test_no_app_channel() -> None:
    with Daprd("app") as daprd:
        answer = daprd.get(f"{INVOKE}/x")
        assert answer.status == 500 and answer.json() == {
            "errorCode": "ERR_DIRECT_INVOKE",
            "message": "failed to invoke, id: app, err: cannot invoke local endpoint: app channel not initialized",
        }


def test_app_token_is_sent() -> None:
    with HttpApp() as app, Daprd("app", app=app, env={"APP_API_TOKEN": "for-the-app"}) as daprd:
        daprd.get(f"{INVOKE}/x", {"dapr-api-token": "clients-own"})
        assert app.last().all("dapr-api-token") == ["for-the-app"]


def test_max_concurrency_queues() -> None:
    with HttpApp() as app, Daprd("app", app=app, flags=["--app-max-concurrency", "2"]) as daprd:
        threads = [threading.Thread(target=daprd.get, args=(f"{INVOKE}/hang",)) for _ in range(6)]
        for thread in threads:
            thread.start()
        wait_for(lambda: app.in_flight == 2, 5)
        app.release()
        for thread in threads:
            thread.join(10)
        assert app.most_in_flight == 2 and len(app.requests) == 6


def test_plain_url_target(served_http: Served) -> None:
    _, daprd = served_http
    with HttpApp(name="outside") as outside:
        url = f"http://{outside.host}:{outside.port}"
        assert daprd.get(f"/v1.0/invoke/{url}/method/a/b?q=1").json()["app"] == "outside"
        assert outside.last().target == b"/a/b?q=1"
        assert daprd.get("/c/d", {"dapr-app-id": url}).json()["target"] == "/c/d"


def test_http_endpoint_target_with_headers() -> None:
    with HttpApp(name="outside") as outside:
        endpoint = document(
            "HTTPEndpoint",
            {"name": "partner"},
            {
                "baseUrl": f"http://{outside.host}:{outside.port}",
                "headers": [
                    {"name": "X-Key", "value": "from-endpoint"},
                    {"name": "X-Env", "envRef": "MY_HEADER"},
                ],
            },
        )
        with Daprd("app", resources={"e.yaml": endpoint}, env={"MY_HEADER": "from-env"}) as daprd:
            answer = daprd.get("/v1.0/invoke/partner/method/a?b=c", {"X-Key": "from-caller", "X-Own": "1"})
            assert answer.status == 200 and outside.last().target == b"/a?b=c"
            assert outside.last().all("x-key") == ["from-endpoint"] and outside.last().header("x-own") == "1"
            assert outside.last().header("x-env") == "from-env"
            assert daprd.get("/v1.0/metadata").json()["httpEndpoints"] == [{"name": "partner"}]
            assert daprd.get("/v1.0/invoke/partner/method/status/404").status == 404
