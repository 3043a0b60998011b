"""Runtimes and the real scheduler: which hosts metadata tells of while it comes and goes, and whom it
may be."""

import threading
import time
from collections.abc import Iterator

import pytest

from harness.daprd import Daprd
from harness.placement import Placement
from harness.poll import wait_for
from harness.scheduler import Scheduler
from harness.sentry import Sentry
from harness.shared import Shared
from harness.yamls import component


@pytest.fixture(scope="module")
def scheduler() -> Iterator[Scheduler]:
    with Scheduler() as server:
        yield server


@pytest.fixture(scope="module")
def plain(scheduler: Scheduler) -> Iterator[Daprd]:
    store = {"store.yaml": component("store", "state.in-memory")}
    with Daprd("cart", resources=store, flags=[scheduler.flag]) as daprd:
        yield daprd


@pytest.fixture(scope="module")
def sentry() -> Iterator[Sentry]:
    with Sentry() as server:
        yield server


class Callers:
    """`with Callers(daprd):` writes and reads state all the time; no call fails or waits."""

    def __init__(self, daprd: Daprd):
        self.daprd, self.calls, self.failures = daprd, 0, []  # type: ignore[var-annotated]
        self.ending = threading.Event()
        self.threads = [threading.Thread(target=self._run, args=(f"k{i}",), daemon=True) for i in range(3)]

    def _run(self, key: str) -> None:
        while not self.ending.wait(0.005):
            try:
                began = time.monotonic()
                saved = self.daprd.post("/v1.0/state/store", [{"key": key, "value": self.calls}])
                read = self.daprd.get(f"/v1.0/state/store/{key}")
                took = time.monotonic() - began
                if (saved.status, read.status) != (204, 200) or took > 3:
                    self.failures.append((saved, read, took))
                self.calls += 1
            except Exception as error:
                self.failures.append(error)

    def __enter__(self) -> "Callers":
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.ending.set()
        for thread in self.threads:
            thread.join(10)
        assert not self.failures, self.failures[:3]
        assert self.calls > 50


def becomes(daprd: Daprd, *hosts: str, seconds: float = 15.0) -> None:
    """Waits for the hosts of metadata; without any it does not speak of the scheduler. The runtime is healthy
    all the time."""

    def there() -> bool:
        assert daprd.get("/v1.0/healthz").status == 204
        told = daprd.get("/v1.0/metadata").json().get("scheduler")
        return told == ({"connected_addresses": list(hosts)} if hosts else None)

    wait_for(there, seconds, f"scheduler hosts {hosts}")


def away(daprd: Daprd) -> list[str]:
    records = daprd.logged("is away", level="warning", scope="dapr.runtime.scheduler")
    return [record["msg"] for record in records]


def connected(daprd: Daprd) -> int:
    return len(daprd.logged("Connected to scheduler "))


def test_connected(scheduler: Scheduler, plain: Daprd) -> None:
    becomes(plain, scheduler.address)
    assert plain.logged(f"Connected to scheduler {scheduler.address}, hosts: {scheduler.address}")
    assert connected(plain) == 1 and not away(plain)


def test_killed_and_back(scheduler: Scheduler, plain: Daprd) -> None:
    becomes(plain, scheduler.address)
    before, told = connected(plain), len(away(plain))
    with Callers(plain):
        scheduler.kill()
        becomes(plain)
        wait_for(lambda: any("connection refused" in line for line in away(plain)[told:]), 15, "an attempt")
        # The next two attempts come within two and a half seconds, and say nothing new.
        time.sleep(2.5)
        lines = away(plain)[told:]
        assert all(line.startswith(f"Scheduler at {scheduler.address} is away: ") for line in lines)
        assert "closed by the peer" in lines[0] and "connection refused" in lines[1]
        assert len(lines) == 2
        scheduler.forget()
        scheduler.start()
        becomes(plain, scheduler.address)
    assert connected(plain) == before + 1


def test_hung_is_noticed_by_keepalive(scheduler: Scheduler, plain: Daprd) -> None:
    becomes(plain, scheduler.address)
    before, told = connected(plain), len(away(plain))
    with Callers(plain):
        scheduler.pause()
        try:
            began = time.monotonic()
            becomes(plain, seconds=25)
            assert time.monotonic() - began < 20
            (line,) = away(plain)[told:]
            assert f"the connection to {scheduler.address} does not answer pings" in line
        finally:
            scheduler.resume()
        becomes(plain, scheduler.address)
    assert connected(plain) == before + 1


def test_stopped_in_good_order_and_back(scheduler: Scheduler, plain: Daprd) -> None:
    becomes(plain, scheduler.address)
    before = connected(plain)
    scheduler.stop()
    becomes(plain)
    scheduler.start()
    becomes(plain, scheduler.address)
    assert connected(plain) == before + 1


def test_apps_of_one_process_with_identities(stack, sentry: Sentry) -> None:  # noqa: ANN001
    scheduler = stack.enter_context(Scheduler(sentry))
    names = ("red", "blue")
    shared = Shared(stack, {name: {} for name in names}, flags=[*sentry.flags(), scheduler.flag])
    for name in names:
        wait_for(
            lambda name=name: shared.request(name, "GET", "/v1.0/metadata").json()["scheduler"]
            == {"connected_addresses": [scheduler.address]},
            what=f"{name} is connected",
        )
        assert len(shared.daprd.logged("Connected to scheduler", app_id=name)) == 1
        assert shared.request(name, "GET", "/v1.0/healthz").status == 204


def test_who_is_not_the_scheduler_is_refused(stack, sentry: Sentry) -> None:  # noqa: ANN001
    other = stack.enter_context(Placement(sentry))
    flags = [*sentry.flags(), f"--scheduler-host-address={other.address}"]
    daprd = stack.enter_context(Daprd("lost", flags=flags))
    wait_for(lambda: away(daprd), 15, "a refusal")
    becomes(daprd)
    (line,) = away(daprd)
    ids = [f'"spiffe://cp.test/ns/dapr-system/dapr-{name}"' for name in ("placement", "scheduler")]
    assert f"unexpected SPIFFE ID: {ids[0]}, expected {ids[1]}" in line
