"""Hours, or ten minutes, of everything at once, and the budgets of many app-ids as they are written.

SOAK_SECONDS (or SOAK_MINUTES; default ten minutes) is the length of the mixed load. The budgets want a
machine that is quiet otherwise, with two cores or more.
"""

import contextlib
import os
import random
import shutil
import statistics
import threading
import time
from collections import Counter
from collections.abc import Callable

import pytest

from harness import load, protos, rawhttp
from harness.grpc_app import EchoStub, GrpcApp
from harness.http_app import HttpApp
from harness.poll import wait_for
from harness.shared import Shared
from harness.yamls import MEMORY, component, shared_app

SECONDS = float(os.environ.get("SOAK_SECONDS") or 60 * float(os.environ.get("SOAK_MINUTES") or 10))
MIB = 1024
HEADERS = {"Content-Type": "application/json"}

pytestmark = pytest.mark.skipif(
    not shutil.which("wrk") or not shutil.which("nginx"), reason="needs wrk and nginx"
)


class Mixed:
    """The apps: `steady` and `echo` are always there; `flaky` is killed and started again and again;
    `guest` comes, changes and goes as a file. Each flow is a thread that goes on until the end and
    counts; what it must not see lands in `failures`."""

    def __init__(self, stack: contextlib.ExitStack, seconds: float):
        self.stop_at = time.monotonic() + seconds
        self.count: Counter[str] = Counter()
        self.failures: list[str] = []
        self.kills: list[float] = []
        self.samples: list[tuple[int, int]] = []
        self.database = component(
            "disk", "state.sqlite", {"connectionString": "soak.db", "cleanupInterval": "5s"}
        )
        self.steady, self.flaky = stack.enter_context(HttpApp(name="steady")), HttpApp(name="flaky")
        self.flaky.start()
        stack.callback(self.flaky.stop)
        self.echo = stack.enter_context(GrpcApp())
        self.shared = Shared(
            stack,
            {"steady": {"app": self.steady}, "flaky": {"app": self.flaky}, "echo": {"app": self.echo}},
            resources={"memory.yaml": MEMORY, "disk.yaml": self.database},
            flags=["--app-wake-timeout", "30s", "--log-level", "warn"],
        )

    def going(self) -> bool:
        return time.monotonic() < self.stop_at

    def fail(self, flow: str, what: object) -> None:
        if len(self.failures) < 50:
            self.failures.append(f"{flow} after {self.count[flow]} calls: {what!r}"[:400])

    def flow(self, step: Callable[[], None]) -> threading.Thread:
        """A thread that repeats `step`; whatever it raises is a failure, and it goes on."""
        name = step.__name__

        def run() -> None:
            while self.going():
                try:
                    step()
                    self.count[name] += 1
                except Exception as failure:  # noqa: BLE001 - reported at the end
                    self.fail(name, failure)
                    time.sleep(0.1)

        thread = threading.Thread(target=run, name=name)
        thread.start()
        return thread

    # Flows.
    def invoke(self) -> None:
        """Keep-alive connections to an app that is always there; the body must come back."""
        with rawhttp.Connection(self.shared.daprd.host, self.shared.ports["steady"]["http"]) as connection:
            for _ in range(100):
                body = random.randbytes(random.choice((0, 10, 1000, 100_000)))
                answer = connection.request("POST", "/v1.0/invoke/steady/method/mirror", None, body)
                assert (answer.status, answer.body == body) == (200, True), answer.status

    def invoke_across(self) -> None:
        """From one app to the other, within the process."""
        answer = self.shared.request("echo", "GET", "/v1.0/invoke/steady/method/chunks")
        assert answer.status == 200 and answer.body == b"alpha beta gamma", answer

    def leave_early(self) -> None:
        """A caller that does not wait for its answer, and one that stops in the middle of its body."""
        port = self.shared.ports["steady"]["http"]
        with rawhttp.Connection(self.shared.daprd.host, port) as connection:
            connection.send(connection.head("GET", "/v1.0/invoke/steady/method/slow?ms=200"))
        with rawhttp.Connection(self.shared.daprd.host, port) as connection:
            connection.send(connection.head("POST", "/v1.0/invoke/steady/method/mirror", None, 5000) + b"x")
        time.sleep(0.05)

    def state_http(self) -> None:
        key = f"k{random.randrange(500)}"
        for store in ("memory", "disk"):
            body = f'[{{"key": "{key}", "value": "{key}", "metadata": {{"ttlInSeconds": "5"}}}}]'
            saved = self.shared.request("steady", "POST", f"/v1.0/state/{store}", HEADERS, body)
            assert saved.status == 204, saved
            got = self.shared.request("steady", "GET", f"/v1.0/state/{store}/{key}")
            assert got.status == 200 and got.json() == key, got

    def state_grpc(self) -> None:
        with self.shared.channel("echo") as channel:
            stub = self.shared.daprd.dapr(channel)
            for number in range(100):
                request = protos.runtime.SaveStateRequest(store_name="memory")
                request.states.add(key=f"g{number}", value=str(number).encode())
                stub.SaveState(request, timeout=20)
                read = protos.runtime.GetStateRequest(store_name="memory", key=f"g{number}")
                assert stub.GetState(read, timeout=20).data == str(number).encode()

    def proxy_grpc(self) -> None:
        to_echo = (("dapr-app-id", "echo"),)
        with self.shared.channel("steady") as channel:
            stub = EchoStub(channel)
            for _ in range(50):
                assert stub.Unary(b"x" * 1000, metadata=to_echo, timeout=20) == b"x" * 1000
                answers = list(stub.Bidi(iter([b"1", b"2"]), metadata=to_echo, timeout=20))
                assert answers == [b"echo 1", b"echo 2"], answers

    def invoke_flaky(self) -> None:
        """A call may fail only if the app was killed while it was under way."""
        began = time.monotonic()
        try:
            answer = self.shared.request("flaky", "GET", "/v1.0/invoke/flaky/method/slow?ms=20", timeout=40)
            good, what = answer.status == 200, f"{answer.status} {answer.body[:200]!r}"
        except (OSError, EOFError) as failure:
            good, what = False, repr(failure)
        if good:
            return
        ended = time.monotonic()
        if any(began <= kill + 0.05 and kill - 0.05 <= ended for kill in list(self.kills)):
            self.count["cut by a kill"] += 1
            return
        raise AssertionError(f"{what} after {ended - began:.3f} s, no kill in between")

    def kill_and_start(self) -> None:
        time.sleep(random.uniform(1, 3))
        self.kills.append(time.monotonic())
        self.flaky.stop()
        self.kills.append(time.monotonic())
        time.sleep(random.uniform(0, 2))
        self.flaky.start()
        for app in (self.steady, self.flaky):
            app.requests.clear()
        self.echo.calls.clear()

    def guest_comes_and_goes(self) -> None:
        shared = self.shared

        def guest(target: str) -> int:
            return shared.daprd.get(target, {"Host": "guest-dapr"}).status

        for limit in (10, 20):
            shared.daprd.put_app(
                "guest.yaml",
                shared_app("guest", target={"address": self.steady.host, "port": self.steady.port,
                                            "maxConcurrency": limit}),
            )
            wait_for(lambda: guest("/v1.0/invoke/guest/method/x") == 200, 20, "the guest is served")
            for _ in range(20):
                assert guest("/v1.0/invoke/guest/method/x") == 200
        shared.daprd.remove_app("guest.yaml")
        wait_for(lambda: guest("/v1.0/metadata") == 421, 20, "the guest is gone")
        time.sleep(1)

    def sample(self) -> None:
        time.sleep(SECONDS / 240)
        self.samples.append((self.shared.daprd.rss_kib(), self.shared.daprd.descriptors()))


@pytest.mark.timeout(SECONDS + 180)
def test_mixed_load(stack: contextlib.ExitStack) -> None:
    mixed = Mixed(stack, SECONDS)
    steps = [mixed.invoke, mixed.invoke, mixed.invoke_across, mixed.leave_early, mixed.state_http,
             mixed.state_grpc, mixed.proxy_grpc, mixed.guest_comes_and_goes, mixed.kill_and_start,
             mixed.sample, *[mixed.invoke_flaky] * 4]
    # A steady rate besides, from a process of its own.
    url = f"http://127.0.0.1:{mixed.shared.ports['steady']['http']}/v1.0/metadata"
    background = load.Wrk(url, SECONDS, 50, pause=50)
    stack.callback(background.end)
    threads = [mixed.flow(step) for step in steps]
    for thread in threads:
        thread.join(SECONDS + 120)
    rate = background.result()
    print(f"\n{dict(mixed.count)}, background {rate.requests}")
    assert mixed.shared.daprd.alive()
    assert not mixed.failures, "\n".join(mixed.failures)
    assert rate.refused == 0 and rate.broken == 0, rate
    for step in steps:
        assert mixed.count[step.__name__] > 0, step.__name__

    half = len(mixed.samples) // 2
    earlier, later = mixed.samples[half : half + half // 2], mixed.samples[half + half // 2 :]
    memory = [statistics.median(rss for rss, _ in part) for part in (earlier, later)]
    descriptors = [statistics.median(fds for _, fds in part) for part in (earlier, later)]
    print(f"KiB {mixed.samples[0][0]} -> {memory}, descriptors {mixed.samples[0][1]} -> {descriptors}")
    assert memory[1] <= memory[0] * 1.03 + MIB, mixed.samples
    assert descriptors[1] <= descriptors[0] + 10, mixed.samples


@pytest.mark.timeout(240)
def test_a_flood_of_one_app_leaves_the_others_p99(stack: contextlib.ExitStack) -> None:
    flood = load.measure_flood(stack, in_flight=20, rounds=5, seconds=5)
    print(f"\n{flood}")
    assert flood.refused > flood.calls / 2 and flood.broken == 0, flood
    assert flood.during <= 2 * flood.before, flood


@pytest.mark.timeout(120)
def test_a_hanging_target_holds_only_its_own(stack: contextlib.ExitStack) -> None:
    load.check_hanging_target(stack, in_flight=200, body_memory_mib=12)


@pytest.mark.timeout(240)
def test_two_hundred_apps() -> None:
    crowd = load.measure_crowd(200, starts=10, seconds=10)
    print(f"\n{crowd}")
    assert crowd.start_ms <= 60, crowd
    assert crowd.kib_per_app < 256, crowd
    assert crowd.spread.refused == 0 and crowd.spread.broken == 0, crowd
    assert crowd.spread.rate >= 20_000, crowd
