"""Runtimes and the real placement service: what metadata and the log tell while it comes, goes and hangs,
and whom each side takes for what."""

import pathlib
import time
from collections.abc import Iterator

import pytest

from harness.daprd import Daprd
from harness.placement import Placement
from harness.poll import wait_for
from harness.ports import established
from harness.scheduler import Scheduler
from harness.sentry import Root, Sentry
from harness.shared import Shared

FAILED = "dapr_runtime_actor_status_report_fail_total"


@pytest.fixture(scope="module")
def placement() -> Iterator[Placement]:
    with Placement() as server:
        yield server


@pytest.fixture(scope="module")
def plain(placement: Placement) -> Iterator[Daprd]:
    with Daprd("cart", flags=[placement.flag]) as daprd:
        yield daprd


@pytest.fixture(scope="module")
def sentry() -> Iterator[Sentry]:
    # Renewals come every few seconds.
    with Sentry(ttl="8s") as server:
        yield server


@pytest.fixture(scope="module")
def secure(sentry: Sentry) -> Iterator[Placement]:
    with Placement(sentry) as server:
        yield server


def becomes(daprd: Daprd, state: str, seconds: float = 15.0) -> None:
    """Waits for what metadata tells of placement; the runtime is healthy all the time."""

    def there() -> bool:
        assert daprd.get("/v1.0/healthz").status == 204
        return actors(daprd)["placement"] == f"placement: {state}"

    wait_for(there, seconds, f"placement: {state}")


def actors(daprd: Daprd) -> dict[str, object]:
    return daprd.get("/v1.0/metadata").json()["actorRuntime"]


def away(daprd: Daprd) -> list[str]:
    return [record["msg"] for record in daprd.logged("is away", level="warning", scope="dapr.runtime.actor")]


def test_connected(placement: Placement, plain: Daprd) -> None:
    becomes(plain, "connected")
    # No actor types, so it hosts none.
    assert actors(plain)["runtimeStatus"] == "RUNNING" and actors(plain)["hostReady"] is False
    assert placement.reported("cart") == 1
    assert f"host={plain.host}:{plain.internal_port}" in placement.log_text()
    assert len(plain.logged(f"Connected to placement {placement.address}")) == 1 and not away(plain)


def test_killed_and_back(placement: Placement, plain: Daprd) -> None:
    becomes(plain, "connected")
    before, told = placement.reported("cart"), len(away(plain))
    placement.kill()
    becomes(plain, "disconnected")
    refused = plain.metrics().total(FAILED)
    # It goes on trying, and says so once.
    wait_for(lambda: plain.metrics().total(FAILED) >= refused + 3, 15, "attempts")
    lines = away(plain)[told:]
    assert all(line.startswith(f"Placement at {placement.address} is away: ") for line in lines)
    assert "closed by the peer" in lines[0] and "connection refused" in lines[1]
    assert len(lines) == 2
    placement.start()
    becomes(plain, "connected")
    assert placement.reported("cart") == before + 1
    assert len(away(plain)) == told + 2


def test_hung_is_noticed_by_keepalive(placement: Placement, plain: Daprd) -> None:
    becomes(plain, "connected")
    told, before = len(away(plain)), placement.reported("cart")
    placement.pause()
    try:
        began = time.monotonic()
        becomes(plain, "disconnected", 25)
        assert time.monotonic() - began < 20
        (line,) = away(plain)[told:]
        assert f"the connection to {placement.address} does not answer pings" in line
    finally:
        placement.resume()
    becomes(plain, "connected")
    assert placement.reported("cart") > before


# With identities: placement lets an app report under no other app-id than that of its certificate.
def test_apps_of_one_process_are_own_hosts(stack, sentry: Sentry, secure: Placement) -> None:  # noqa: ANN001
    names = ("red", "blue")
    shared = Shared(stack, {name: {} for name in names}, flags=[*sentry.flags(), secure.flag])
    for name in names:
        wait_for(
            lambda name=name: "placement: connected" in shared.request(name, "GET", "/v1.0/metadata").text,
            what=f"{name} is connected",
        )
        assert secure.reported(name) == 1
        assert f"id={name} host={shared.daprd.host}:{shared.ports[name]['internal']}" in secure.log_text()
        assert len(shared.daprd.logged("Connected to placement", app_id=name)) == 1


@pytest.fixture(scope="module")
def other(sentry: Sentry) -> Iterator[Scheduler]:
    with Scheduler(sentry) as server:
        yield server


def test_who_is_not_placement_is_refused(stack, sentry: Sentry, other: Scheduler) -> None:  # noqa: ANN001
    flags = [*sentry.flags(), f"--placement-host-address={other.address}"]
    daprd = stack.enter_context(Daprd("lost", flags=flags))
    wait_for(lambda: daprd.metrics().total(FAILED) >= 3, 15, "attempts")
    becomes(daprd, "disconnected")
    (line,) = away(daprd)
    ids = [f'"spiffe://cp.test/ns/dapr-system/dapr-{name}"' for name in ("scheduler", "placement")]
    assert f"unexpected SPIFFE ID: {ids[0]}, expected {ids[1]}" in line


def test_renewals_leave_connections_alone_and_new_anchors_move_them(
    stack, sentry: Sentry, secure: Placement, other: Scheduler, tmp_path: pathlib.Path  # noqa: ANN001
) -> None:
    anchors = tmp_path / "anchors.pem"
    anchors.write_text(sentry.root.pem)
    flags = [*sentry.flags(trust_anchors_file=str(anchors)), secure.flag, other.flag]
    daprd = stack.enter_context(Daprd("mover", flags=flags))
    becomes(daprd, "connected")
    before = wait_for(lambda: established(other.port), 15, "the scheduler's connection")
    # The second one is long after whatever would have followed the first.
    wait_for(lambda: len(daprd.logged("Identity certificate renewed")) >= 2, 20, "renewals")
    assert secure.reported("mover") == 1
    assert established(other.port) == before
    scratch = tmp_path / "next.pem"
    scratch.write_text(sentry.root.pem + Root.make(tmp_path / "next").pem)
    scratch.replace(anchors)
    wait_for(lambda: secure.reported("mover") == 2, 15, "a second connection")
    becomes(daprd, "connected")
    wait_for(lambda: (now := established(other.port)) and not now & before, 15, "the scheduler's second one")
    assert not away(daprd)
