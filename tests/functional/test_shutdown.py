"""Graceful shutdown: what is in flight ends, nothing new begins, a second signal ends at once."""

import threading
import time

import pytest

import grpc
from harness import rawhttp
from harness.daprd import Daprd
from harness.grpc_app import EchoStub, GrpcApp
from harness.http_app import HttpApp
from harness.poll import wait_for

HANG = "/v1.0/invoke/app/method/hang"


def test_idle_ends_quickly() -> None:
    with Daprd("app") as daprd:
        started = time.monotonic()
        assert daprd.stop() == 0 and time.monotonic() - started < 2
        assert daprd.logged("beginning shutdown") and daprd.logged("Daprd shutdown gracefully")


def test_request_in_flight_is_answered() -> None:
    with HttpApp() as app, Daprd("app", app=app) as daprd, daprd.connect() as connection:
        connection.send(connection.head("GET", HANG))
        wait_for(lambda: app.in_flight == 1)
        daprd.terminate()

        def refused() -> bool:
            try:
                daprd.get("/v1.0/healthz", timeout=1)
                return False
            except (ConnectionError, EOFError, TimeoutError):
                return True

        wait_for(refused, 5, "no new connections")
        app.release()
        assert connection.read_response().body == b"released"
        assert daprd.wait() == 0


def test_idle_keep_alive_connection_does_not_hold_it() -> None:
    with Daprd("app") as daprd, daprd.connect() as connection:
        assert connection.request("GET", "/v1.0/healthz").status == 204
        started = time.monotonic()
        assert daprd.stop() == 0 and time.monotonic() - started < 3
        assert connection.closed_by_peer()


def test_graceful_seconds_bound_a_hanging_request() -> None:
    with (
        HttpApp() as app,
        Daprd("app", app=app, flags=["--dapr-graceful-shutdown-seconds", "1"]) as daprd,
        daprd.connect() as connection,
    ):
        connection.send(connection.head("GET", HANG))
        wait_for(lambda: app.in_flight == 1)
        started = time.monotonic()
        daprd.terminate()
        daprd.wait(10)
        assert 0.8 < time.monotonic() - started < 5


def test_second_signal_ends_at_once() -> None:
    with (
        HttpApp() as app,
        Daprd("app", app=app, flags=["--dapr-graceful-shutdown-seconds", "60"]) as daprd,
        daprd.connect() as connection,
    ):
        connection.send(connection.head("GET", HANG))
        wait_for(lambda: app.in_flight == 1)
        daprd.terminate()
        wait_for(lambda: daprd.logged("beginning shutdown"))
        assert daprd.alive()
        started = time.monotonic()
        daprd.terminate()
        daprd.wait(5)
        assert time.monotonic() - started < 2


def test_block_shutdown_serves_on() -> None:
    with HttpApp() as app, Daprd("app", app=app, flags=["--dapr-block-shutdown-duration", "2s"]) as daprd:
        started = time.monotonic()
        daprd.terminate()
        time.sleep(0.5)
        assert daprd.get("/v1.0/invoke/app/method/x").status == 200, "still serving while blocked"
        assert daprd.wait() == 0 and 1.8 < time.monotonic() - started < 8


def test_grpc_stream_in_flight_ends_well() -> None:
    with GrpcApp() as app, Daprd("app", app=app) as daprd, daprd.channel() as channel:
        call = EchoStub(channel).Forever(b"", metadata=(("dapr-app-id", "app"),), timeout=20)
        assert next(call) == b"first"
        daprd.terminate()
        wait_for(lambda: daprd.logged("beginning shutdown"))
        app.gate.set()
        assert list(call) == [b"second"]
        assert daprd.wait() == 0
        with pytest.raises(grpc.RpcError):
            EchoStub(channel).Unary(b"", metadata=(("dapr-app-id", "app"),), timeout=2)


def test_many_requests_through_a_shutdown_are_answered_or_refused() -> None:
    """Nothing that was accepted is lost: each caller sees 200 or a connection that never answered."""
    with HttpApp() as app, Daprd("app", app=app) as daprd:
        broken: list[object] = []
        stop = threading.Event()

        def flow() -> None:
            while not stop.is_set():
                try:
                    with rawhttp.Connection(daprd.host, daprd.http_port) as connection:
                        connection.send(connection.head("GET", "/v1.0/invoke/app/method/slow?ms=5"))
                        answer = connection.read_response()
                        if answer.status != 200:
                            broken.append(answer)
                except ConnectionRefusedError:
                    return
                except (EOFError, ConnectionError):
                    pass

        threads = [threading.Thread(target=flow) for _ in range(8)]
        for thread in threads:
            thread.start()
        wait_for(lambda: len(app.requests) > 50)
        assert daprd.stop() == 0
        stop.set()
        for thread in threads:
            thread.join(10)
        assert not broken


def test_sighup_and_sigpipe_do_not_kill_it() -> None:
    import signal

    with Daprd("app") as daprd:
        assert daprd.process
        daprd.process.send_signal(signal.SIGPIPE)
        assert daprd.get("/v1.0/healthz").status == 204
