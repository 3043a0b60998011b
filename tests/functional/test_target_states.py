"""The app as a target that comes and goes: absent, waking, killed, moved, several."""

import contextlib
import pathlib
import threading
import time
from types import SimpleNamespace

import pytest

import grpc
from harness import host_names, rawhttp
from harness.daprd import Daprd
from harness.grpc_app import EchoStub, GrpcApp
from harness.http_app import HttpApp
from harness.poll import wait_for
from harness.ports import free_port

INVOKE = "/v1.0/invoke/app/method"


class Background:
    """A request on a thread of its own, with how long it took."""

    def __init__(self, daprd: Daprd, target: str):
        self.answer: rawhttp.Response | None = None
        self.seconds = 0.0
        self.thread = threading.Thread(target=self._run, args=(daprd, target))
        self.thread.start()

    def _run(self, daprd: Daprd, target: str) -> None:
        started = time.monotonic()
        self.answer = daprd.get(target)
        self.seconds = time.monotonic() - started

    def join(self) -> rawhttp.Response:
        self.thread.join(30)
        assert self.answer is not None
        return self.answer


def test_absent_app_fails_at_once_and_runtime_stays_healthy() -> None:
    app = HttpApp()
    with Daprd("app", app=app) as daprd:
        started = time.monotonic()
        answer = daprd.get(f"{INVOKE}/x")
        assert answer.status == 500 and answer.json()["errorCode"] == "ERR_DIRECT_INVOKE"
        assert time.monotonic() - started < 2
        assert daprd.get("/v1.0/healthz").status == 204
        assert daprd.get("/v1.0/healthz/outbound").status == 204
        with app:
            wait_for(lambda: daprd.get(f"{INVOKE}/x").status == 200, 15)
        assert daprd.get("/v1.0/healthz").status == 204


def test_waiting_call_is_answered_when_the_app_comes() -> None:
    app = HttpApp()
    with Daprd("app", app=app, flags=["--app-wake-timeout", "30s"]) as daprd:
        calls = [Background(daprd, f"{INVOKE}/x{i}") for i in range(5)]
        time.sleep(0.3)  # they must be waiting, not refused
        assert all(call.answer is None for call in calls)
        assert daprd.get("/v1.0/healthz").status == 204
        with app:
            for call in calls:
                assert call.join().status == 200 and call.seconds >= 0.3
            assert sorted(app.paths()) == [f"/x{i}" for i in range(5)], "each delivered once"


def test_wake_timeout_ends_clearly() -> None:
    with Daprd("app", app=HttpApp(), flags=["--app-wake-timeout", "500ms"]) as daprd:
        call = Background(daprd, f"{INVOKE}/x")
        answer = call.join()
        assert answer.status == 500 and 0.4 < call.seconds < 5
        assert answer.json()["message"].startswith("failed to invoke, id: app, err: ")


def test_grpc_call_waits_too() -> None:
    app = GrpcApp()
    with Daprd("app", app=app, flags=["--app-wake-timeout", "30s"]) as daprd, daprd.channel() as channel:
        waiting = EchoStub(channel).Unary.future(b"hello", metadata=(("dapr-app-id", "app"),), timeout=30)
        time.sleep(0.2)
        assert not waiting.done()
        with app:
            assert waiting.result() == b"hello"


def test_app_stopped_and_started_again() -> None:
    app = HttpApp().start()
    with Daprd("app", app=app, flags=["--app-wake-timeout", "30s"]) as daprd:
        assert daprd.get(f"{INVOKE}/one").status == 200
        app.stop()
        call = Background(daprd, f"{INVOKE}/two")
        time.sleep(0.2)
        assert call.answer is None and daprd.get("/v1.0/healthz").status == 204
        with HttpApp(app.port) as again:
            assert call.join().status == 200 and again.paths() == ["/two"]


def test_client_leaving_while_waiting_costs_the_app_nothing() -> None:
    app = HttpApp()
    with Daprd("app", app=app, flags=["--app-wake-timeout", "30s"]) as daprd:
        with daprd.connect() as connection:
            connection.send(connection.head("GET", f"{INVOKE}/left"))
            time.sleep(0.1)
        with app:
            wait_for(lambda: daprd.get(f"{INVOKE}/stayed").status == 200, 15)
            for _ in range(10):  # time in which a forgotten call would reach the app
                assert daprd.get(f"{INVOKE}/stayed").status == 200
            assert "/left" not in app.paths()


def test_a_call_nobody_waits_for_does_not_hold_the_shutdown() -> None:
    with Daprd("app", app=HttpApp(), flags=["--app-wake-timeout", "30s"]) as daprd:
        with daprd.connect() as connection:
            connection.send(connection.head("GET", f"{INVOKE}/left"))
            time.sleep(0.1)
        started = time.monotonic()
        assert daprd.stop() == 0 and time.monotonic() - started < 3


def test_app_killed_in_the_middle_of_a_stream() -> None:
    app = HttpApp().start()
    with Daprd("app", app=app) as daprd:
        with daprd.connect() as connection:
            connection.send(connection.head("GET", f"{INVOKE}/endless"))
            pieces = connection.chunks(connection.read_head())
            assert next(pieces) == b"tick"
            app.stop()
            with pytest.raises((EOFError, ConnectionError, ValueError)):
                for _ in pieces:
                    pass
        assert daprd.get("/v1.0/healthz").status == 204
        with HttpApp(app.port):
            wait_for(lambda: daprd.get(f"{INVOKE}/x").status == 200, 15)


def test_app_is_asked_when_it_comes_and_each_time_it_comes_back() -> None:
    port = HttpApp().port
    with Daprd("app", app=HttpApp(port)) as daprd:
        for _ in range(2):
            with HttpApp(port) as app:
                wait_for(lambda: {"/dapr/config", "/dapr/subscribe"} <= {r.path for r in app.control}, 15)
                [config] = [r for r in app.control if r.path == "/dapr/config"]
                assert config.header("dapr-app-id") == "app"
                wait_for(lambda: daprd.get(f"{INVOKE}/x").status == 200, 5)
            wait_for(lambda: daprd.get(f"{INVOKE}/x").status == 500, 5)


def test_init_endpoints_can_be_disabled() -> None:
    with (
        HttpApp() as app,
        Daprd("app", app=app, flags=["--disable-init-endpoints", "config,subscribe"]) as daprd,
    ):
        assert daprd.get(f"{INVOKE}/x").status == 200
        assert not app.control


def test_calls_are_shared_by_the_endpoints_of_a_name(stack: contextlib.ExitStack, tmp_path: pathlib.Path) -> None:
    """One that refuses is set aside and the others take its calls; once it is back, so are its calls."""
    names = host_names.wanted(tmp_path)
    hosts = ["127.0.0.1", "127.0.0.2", "127.0.0.3"]
    names.set(*hosts)
    port = free_port()
    first, second, third = (stack.enter_context(HttpApp(port, host)) for host in hosts)
    daprd = Daprd("app", app=SimpleNamespace(host=host_names.NAME, port=port))
    stack.enter_context(names.give_to(daprd))

    def answered(calls: int = 100) -> int:
        for app in (first, second, third):
            app.requests.clear()
        return sum(daprd.get(f"{INVOKE}/x").status == 200 for _ in range(calls))

    wait_for(lambda: daprd.get(f"{INVOKE}/x").status == 200, 15)
    wait_for(lambda: daprd.metrics().total("dapr_shared_endpoints", app_id="app") == 3)
    assert answered() == 100
    assert all(len(app.requests) > 20 for app in (first, second, third))
    second.stop()
    assert answered() >= 99, "the call that finds the endpoint gone is made at another one"
    assert len(first.requests) > 20 and len(third.requests) > 20 and not second.requests
    with HttpApp(port, hosts[1]) as again:
        wait_for(lambda: answered(10) == 10 and again.requests, 15, "calls for the endpoint that is back")


def test_calls_follow_the_app_to_another_address(stack: contextlib.ExitStack, tmp_path: pathlib.Path) -> None:
    """While they are made; none stays on a connection to where the app was."""
    names = host_names.wanted(tmp_path)
    names.set("127.0.0.1")
    port = free_port()
    old, new = HttpApp(port, "127.0.0.1", name="old"), HttpApp(port, "127.0.0.2", name="new")
    stack.enter_context(old)
    daprd = stack.enter_context(names.give_to(Daprd("app", app=SimpleNamespace(host=host_names.NAME, port=port))))
    wait_for(lambda: daprd.get(f"{INVOKE}/x").status == 200, 15)
    stop, answers = threading.Event(), []

    def call() -> None:
        with daprd.connect() as connection:
            while not stop.is_set():
                answer = connection.request("GET", f"{INVOKE}/x")
                answers.append(answer.json()["app"] if answer.status == 200 else answer.status)

    threads = [threading.Thread(target=call) for _ in range(4)]
    for thread in threads:
        thread.start()
    try:
        wait_for(lambda: answers.count("old") > 20)
        stack.enter_context(new)
        names.set("127.0.0.2")
        old.stop()
        wait_for(lambda: answers[-20:] == ["new"] * 20, 15, "calls move")
        at = len(answers)
        wait_for(lambda: len(answers) > at + 100)
        assert set(answers[at:]) == {"new"}
    finally:
        stop.set()
        for thread in threads:
            thread.join(10)
    # The old place is served again by somebody else: nothing is sent there.
    with HttpApp(port, "127.0.0.1", name="stranger") as stranger:
        assert all(daprd.get(f"{INVOKE}/x").json()["app"] == "new" for _ in range(50))
        assert not stranger.requests and stranger.connections == 0


def test_state_metric_follows_the_app() -> None:
    app = HttpApp()
    with Daprd("app", app=app, flags=["--app-wake-timeout", "30s"]) as daprd:

        def state() -> str:
            samples = daprd.metrics().samples["dapr_shared_target_state"]
            [now] = [labels["state"] for labels, value in samples if value == 1]
            return now

        wait_for(lambda: state() == "unavailable")
        with app:
            wait_for(lambda: state() == "ready", what="a probe finds the app")
            assert daprd.get(f"{INVOKE}/x").status == 200
        call = Background(daprd, f"{INVOKE}/y")
        wait_for(lambda: state() == "waking", what="a call waits for the app that left")
        with HttpApp(app.port) as again:
            assert call.join().status == 200
            wait_for(lambda: state() == "ready")
            again.stop()
            with daprd.connect() as connection:  # a caller that does not wait for the end
                connection.send(connection.head("GET", f"{INVOKE}/z"))
                wait_for(lambda: state() == "waking")
            wait_for(lambda: state() == "unavailable", what="nobody waits any more")


def test_https_app_with_any_certificate(tmp_path) -> None:  # noqa: ANN001
    import ssl
    import subprocess

    key, cert = tmp_path / "key.pem", tmp_path / "cert.pem"
    subprocess.run(
        [
            "openssl",
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:prime256v1",
            "-nodes",
            "-keyout",
            key,
            "-out",
            cert,
            "-days",
            "2",
            "-subj",
            "/CN=app",
        ],
        check=True,
        capture_output=True,
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    with HttpApp(tls=context) as app, Daprd("app", app=app, app_protocol="https") as daprd:
        assert daprd.request("POST", f"{INVOKE}/mirror", body=b"secret").body == b"secret"
    credentials = grpc.ssl_server_credentials([(key.read_bytes(), cert.read_bytes())])
    with (
        GrpcApp(credentials=credentials) as secure,
        Daprd("app", app=secure, app_protocol="grpcs") as daprd,
        daprd.channel() as channel,
    ):
        assert EchoStub(channel).Unary(b"x", metadata=(("dapr-app-id", "app"),)) == b"x"


def test_h2c_app() -> None:
    pytest.importorskip("h2")
    from harness.h2c_app import H2cApp

    with H2cApp() as app, Daprd("app", app=app, app_protocol="h2c") as daprd:
        answer = daprd.request("POST", f"{INVOKE}/a%2Fb?c=d", {"X-A": "1"}, b"x" * 100000)
        assert answer.status == 200 and answer.body == b"x" * 100000
        seen = app.requests[-1]
        assert seen[":path"] == "/a%2Fb?c=d" and seen[":method"] == "POST" and seen["x-a"] == "1"
