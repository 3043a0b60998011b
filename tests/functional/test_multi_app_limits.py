"""Compartments of many app-ids in one process: limits, floods, hanging targets, memory an app."""

import contextlib
import sys
import threading
import time

import pytest

from harness import load, rawhttp
from harness.daprd import Daprd
from harness.http_app import HttpApp
from harness.paths import sanitized
from harness.poll import wait_for
from harness.shared import Shared
from harness.yamls import shared_app

WHO = "/v1.0/metadata"


# Compartments.
def test_in_flight_limit() -> None:
    with contextlib.ExitStack() as stack:
        app = stack.enter_context(HttpApp())
        shared = Shared(stack, {"a": {"app": app, "limits": {"inFlight": 3}}})
        path = "/v1.0/invoke/a/method/hang"
        held = [threading.Thread(target=shared.request, args=("a", "GET", path)) for _ in range(3)]
        for thread in held:
            thread.start()
        wait_for(lambda: app.in_flight == 3)
        refused = shared.request("a", "GET", path)
        assert refused.status in (429, 503)
        app.release()
        for thread in held:
            thread.join(10)
        assert shared.request("a", "GET", "/v1.0/invoke/a/method/x").status == 200


def percentile(values: list[float], share: float = 0.99) -> float:
    return sorted(values)[int(len(values) * share) - 1]


@pytest.mark.skipif(sanitized(), reason="a budget of speed")
def test_flood_of_one_leaves_the_others_p99() -> None:
    """Both load and applications share the machine's cores here, so the flood is slow work at the app
    (more calls than it takes), not burned CPU."""
    with contextlib.ExitStack() as stack:
        # Threads of this process take turns; with its usual 5 ms a turn that is all there would be to see.
        stack.callback(sys.setswitchinterval, sys.getswitchinterval())
        sys.setswitchinterval(0.0002)
        quiet, loud = stack.enter_context(HttpApp()), stack.enter_context(HttpApp())
        shared = Shared(
            stack, {"quiet": {"app": quiet}, "loud": {"app": loud, "target": {"maxConcurrency": 4}}}
        )

        def p99() -> float:
            times = []
            with rawhttp.Connection(shared.daprd.host, shared.ports["quiet"]["http"]) as connection:
                for _ in range(300):
                    started = time.monotonic()
                    assert connection.request("GET", "/v1.0/invoke/quiet/method/x").status == 200
                    times.append(time.monotonic() - started)
            return percentile(times)

        def measure() -> float:
            """The best of several rounds: what the flood does shows in each, the machine's own troubles do not."""
            return min(p99() for _ in range(6))

        p99()
        alone = measure()
        stop = threading.Event()

        def flood() -> None:
            while not stop.is_set():
                with contextlib.suppress(OSError, EOFError):
                    shared.request("loud", "GET", "/v1.0/invoke/loud/method/slow?ms=20")

        threads = [threading.Thread(target=flood) for _ in range(40)]
        for thread in threads:
            thread.start()
        try:
            wait_for(lambda: loud.in_flight == 4)
            flooded = measure()
        finally:
            stop.set()
            for thread in threads:
                thread.join(20)
        assert loud.most_in_flight <= 4
        assert flooded < max(2 * alone, 0.003), (alone, flooded)


@pytest.mark.skipif(sanitized(), reason="a budget of memory and time")
def test_two_hundred_apps() -> None:
    with contextlib.ExitStack() as stack:
        texts = {
            f"a{i:03}.yaml": shared_app(f"a{i:03}", target={"address": "127.0.0.1", "port": 1})
            for i in range(200)
        }
        with Daprd(None, apps={"a000.yaml": texts["a000.yaml"]}) as one:
            base = one.rss_kib()
        many = Daprd(None, apps=texts, ready=False)
        stack.push(many.__exit__)
        started = load.start_milliseconds(many)
        for name in ("a000", "a199"):
            assert many.get(WHO, {"Host": f"{name}-dapr"}).json()["id"] == name
        per_app = (many.rss_kib() - base) / 199
        assert per_app < 256, f"{per_app:.0f} KiB an app"
        assert started < 500, f"ready after {started:.0f} ms"
