"""Kubernetes mode against the real Dapr operator 1.18.3 (with kube-apiserver, etcd and sentry): what an
app starts with, how it follows changes, and what happens while the operator is away."""

import contextlib
import json
import pathlib
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
from harness.daprd import Daprd
from harness.http_app import HttpApp
from harness.kube_api import missing
from harness.operator_process import ControlPlane
from harness.poll import wait_for
from harness.ports import established, free_port
from harness.redis_server import RedisServer
from harness.sentry import Root
from harness.subscriber import HttpSubscriber, publish
from harness.yamls import shared_app

pytestmark = pytest.mark.skipif(bool(missing()), reason=missing())
# A list comes that often where nothing tells of a change.
OFTEN = ("--hot-reload-reconcile-interval=500ms",)


@pytest.fixture(scope="module")
def plane() -> Iterator[ControlPlane]:
    with ControlPlane() as plane:
        yield plane


@pytest.fixture(scope="module", autouse=True)
def abandoned(plane: ControlPlane) -> Iterator[Daprd]:
    """Started where there is no operator, and no cache: it waits while the other tests run."""
    daprd = plane.daprd("abandoned", operator=f"127.0.0.1:{free_port()}", ready=False)
    with contextlib.ExitStack() as stack:
        stack.callback(daprd.kill)
        daprd.began = time.monotonic()  # type: ignore[attr-defined]
        daprd.start()
        yield daprd


def metadata(daprd: Daprd) -> dict[str, Any]:
    return json.loads(daprd.get("/v1.0/metadata").body)


def components(daprd: Daprd) -> dict[str, str]:
    return {one["name"]: one["type"] for one in metadata(daprd)["components"]}


def routes(daprd: Daprd) -> dict[str, str]:
    return {one["topic"]: one["rules"][0]["path"] for one in metadata(daprd).get("subscriptions", [])}


class Calls:
    """`with Calls(daprd):` writes and reads state all the time; nothing may fail."""

    def __init__(self, daprd: Daprd, store: str):
        self.daprd, self.store = daprd, store
        self.count, self.failures = 0, []  # type: ignore[var-annotated]
        self.ended = threading.Event()
        self.threads = [threading.Thread(target=self._run, args=(i,), daemon=True) for i in range(4)]

    def _run(self, number: int) -> None:
        while not self.ended.is_set():
            try:
                value = f"{number}-{self.count}"
                saved = self.daprd.post(f"/v1.0/state/{self.store}", [{"key": f"k{number}", "value": value}])
                read = self.daprd.get(f"/v1.0/state/{self.store}/k{number}")
                if (saved.status, read.status, read.body) != (204, 200, json.dumps(value).encode()):
                    self.failures.append((saved, read))
                self.count += 1
            except Exception as error:
                self.failures.append(error)

    def __enter__(self) -> "Calls":
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.ended.set()
        for thread in self.threads:
            thread.join(10)
        assert not self.failures, self.failures[:3]
        assert self.count > 50


# === the start ===


def test_an_app_starts_with_what_the_operator_lists(plane: ControlPlane, tmp_path: pathlib.Path) -> None:
    file = tmp_path / "from-the-secret.db"
    plane.secret("list", path=str(file))
    plane.component("list-memory", "state.in-memory", scopes=["list"])
    plane.component("list-foreign", "state.in-memory", scopes=["other"])
    plane.component(
        "list-file", "state.sqlite",
        {"connectionString": {"secretKeyRef": {"name": "list", "key": "path"}}, "busyTimeout": "3s",
         "cleanupInterval": "0"},
        scopes=["list"],
    )  # fmt: skip
    plane.component("list-bus", "pubsub.in-memory", scopes=["list"])
    plane.resource(
        "Subscription", "list-sub",
        {"pubsubname": "list-bus", "topic": "orders", "routes": {"default": "/orders"}}, scopes=["list"],
    )  # fmt: skip
    plane.resource(
        "Subscription", "list-sub-foreign",
        {"pubsubname": "list-bus", "topic": "others", "routes": {"default": "/others"}}, scopes=["other"],
    )  # fmt: skip
    plane.resource("Configuration", "list-config", {
        "api": {"denied": [{"name": "publish", "version": "v1.0", "protocol": "http"}]}})  # fmt: skip
    with HttpApp() as app:
        web = {"baseUrl": f"http://{app.host}:{app.port}"}
        plane.resource("HTTPEndpoint", "list-web", web, scopes=["list"])
        with plane.daprd("list", app=app, flags=("--config=list-config",)) as daprd:
            assert components(daprd) == {
                "list-memory": "state.in-memory", "list-file": "state.sqlite",
                "list-bus": "pubsub.in-memory"}  # fmt: skip
            assert wait_for(lambda: routes(daprd)) == {"orders": "/orders"}
            assert [one["name"] for one in metadata(daprd)["httpEndpoints"]] == ["list-web"]
            assert daprd.get("/v1.0/invoke/list-web/method/status/201").status == 201
            assert daprd.post("/v1.0/publish/list-bus/orders", 1).status in (403, 404)  # denied
            assert daprd.post("/v1.0/state/list-file", [{"key": "a", "value": 1}]).status == 204
            assert file.exists()
            # The value of a secret is nobody's to read.
            assert str(file) not in daprd.log_text()


def ends(daprd: Daprd, seconds: float = 15) -> str:
    """Why a start ended: the text of its fatal line."""
    try:
        daprd.start()
        assert daprd.wait(seconds) == 1
        return str(daprd.logged("Fatal error from runtime")[0]["msg"])
    finally:
        daprd.kill()


def test_what_the_operator_refuses_ends_the_start(plane: ControlPlane) -> None:
    none = plane.daprd("refused", flags=("--config=nowhere",), ready=False)
    assert ends(none) == (
        "Fatal error from runtime: error loading configuration: rpc error: code = Unknown desc = "
        'error getting configuration shop/nowhere: Configuration.dapr.io "nowhere" not found'
    )
    broken = plane.component(
        "refused-store", "state.sqlite",
        {"connectionString": {"secretKeyRef": {"name": "missing", "key": "k"}}}, scopes=["refused"],
    )  # fmt: skip
    text = ends(plane.daprd("refused", ready=False))
    assert text.startswith("Fatal error from runtime: failed to load components: rpc error: code = Unknown ")
    assert '"missing" not found' in text
    plane.api.delete(broken)
    nowhere = plane.daprd("refused", flags=("--control-plane-address=",), ready=False)
    assert "--control-plane-address" in ends(nowhere)


def test_another_service_is_not_taken_for_the_operator(plane: ControlPlane) -> None:
    # Sentry speaks the same TLS, with an identity of the same authority.
    daprd = plane.daprd("fooled", operator=f"127.0.0.1:{plane.sentry.port}", ready=False)
    try:
        daprd.start()
        told = wait_for(lambda: daprd.logged("does not answer"), 10)[0]["msg"]
        assert "dapr-sentry" in told and "SPIFFE" in told, told
        assert daprd.alive()
    finally:
        daprd.kill()


def test_enable_mtls_is_about_peers_alone(plane: ControlPlane) -> None:
    """The lines to placement and the scheduler are TLS also where the flag says no: here they are refused by
    who answers, and not by how."""
    lines = (f"--placement-host-address={plane.operator.address}",
             f"--scheduler-host-address={plane.operator.address}")  # fmt: skip
    with plane.daprd("flagged", flags=("--enable-mtls=false", *lines)) as daprd:
        for name in ("placement", "scheduler"):
            wanted = f'dapr-operator", expected "spiffe://cluster.local/ns/dapr-system/dapr-{name}"'
            wait_for(lambda wanted=wanted: daprd.logged(wanted), 10, wanted)


# === changes ===


def test_components_come_change_and_go_under_load(plane: ControlPlane, tmp_path: pathlib.Path) -> None:
    plane.component("live-steady", "state.in-memory", scopes=["live"])
    with plane.daprd("live") as daprd, Calls(daprd, "live-steady"):
        more = plane.component("live-more", "state.in-memory", scopes=["live"])
        wait_for(lambda: components(daprd).get("live-more") == "state.in-memory")
        assert daprd.post("/v1.0/state/live-more", [{"key": "a", "value": 1}]).status == 204
        first, second = tmp_path / "first.db", tmp_path / "second.db"
        for file in (first, second):
            plane.component("live-more", "state.sqlite", {"connectionString": str(file)}, scopes=["live"])
            wait_for(file.exists)
            wait_for(lambda: daprd.post("/v1.0/state/live-more", [{"key": "a", "value": 2}]).status == 204)
        # Out of scope and back.
        plane.component("live-more", "state.sqlite", {"connectionString": str(first)}, scopes=["other"])
        wait_for(lambda: "live-more" not in components(daprd))
        where = {"connectionString": str(first)}
        plane.component("live-more", "state.sqlite", where, scopes=["live", "other"])
        wait_for(lambda: "live-more" in components(daprd))
        plane.api.delete(more)
        wait_for(lambda: "live-more" not in components(daprd))
        # One that cannot work takes nobody else down.
        bad = plane.component("live-bad", "state.nowhere", scopes=["live"])
        wait_for(lambda: daprd.logged("live-bad"))
        assert components(daprd) == {"live-steady": "state.in-memory"}
        plane.api.delete(bad)
        # A label is no change.
        before = len(daprd.logged("resources have changed"))
        plane.api.patch(
            {"apiVersion": "dapr.io/v1alpha1", "kind": "Component",
             "metadata": {"name": "live-steady", "namespace": "shop"}},
            {"metadata": {"labels": {"colour": "blue"}}},
        )  # fmt: skip
        plane.component("live-last", "state.in-memory", scopes=["live"])
        wait_for(lambda: "live-last" in components(daprd))
        changes = [one["msg"] for one in daprd.logged("resources have changed")[before:]]
        assert not any("live-steady" in change for change in changes), changes


def test_a_secret_that_changes_is_noticed(plane: ControlPlane, tmp_path: pathlib.Path) -> None:
    first, second = tmp_path / "first.db", tmp_path / "second.db"
    plane.secret("turn", path=str(first))
    plane.component(
        "turn-store", "state.sqlite", {"connectionString": {"secretKeyRef": {"name": "turn", "key": "path"}}},
        scopes=["turn"],
    )  # fmt: skip
    with plane.daprd("turn", flags=OFTEN) as daprd:
        wait_for(first.exists)
        plane.secret("turn", path=str(second))
        wait_for(second.exists)
        # One that is gone is said, and what works goes on working.
        meta = {"name": "turn", "namespace": "shop"}
        plane.api.delete({"apiVersion": "v1", "kind": "Secret", "metadata": meta})
        wait_for(lambda: daprd.logged("stay as they are until that is mended"))
        assert daprd.post("/v1.0/state/turn-store", [{"key": "a", "value": 1}]).status == 204
        assert str(second) not in daprd.log_text()
    plane.api.delete({"apiVersion": "dapr.io/v1alpha1", "kind": "Component",
                      "metadata": {"name": "turn-store", "namespace": "shop"}})  # fmt: skip


def test_subscriptions_and_endpoints_follow(plane: ControlPlane) -> None:
    plane.component("ps", "pubsub.in-memory", scopes=["follower"])

    def subscribe(path: str) -> dict[str, Any]:
        spec = {"pubsubname": "ps", "topic": "orders", "routes": {"default": path}}
        return plane.resource("Subscription", "follow", spec, scopes=["follower"])

    with HttpSubscriber() as app, HttpApp() as web:
        app.answer = lambda event: 404 if event.path.startswith("/dapr/") else None
        with plane.daprd("follower", app=app) as daprd:
            subscribe("/first")
            wait_for(lambda: routes(daprd) == {"orders": "/first"})
            publish(daprd, 1)
            app.wait_values([1], path="/first")
            made = subscribe("/second")
            wait_for(lambda: routes(daprd) == {"orders": "/second"})
            publish(daprd, 2)
            app.wait_values([2], path="/second")
            plane.api.delete(made)
            wait_for(lambda: not routes(daprd))
            if plane.operator.webhook_host:
                # The operator itself turns the old version into the new one.
                old = {"pubsubname": "ps", "topic": "orders", "route": "/old"}
                more = {"version": "v1alpha1", "scopes": ["follower"]}
                made = plane.resource("Subscription", "follow-v1", old, **more)
                wait_for(lambda: routes(daprd) == {"orders": "/old"})
                publish(daprd, 3)
                app.wait_values([3], path="/old")
                plane.api.delete(made)
                wait_for(lambda: not routes(daprd))

            spec = {"baseUrl": f"http://{web.host}:{web.port}"}
            endpoint = plane.resource("HTTPEndpoint", "follow-web", spec, scopes=["follower"])
            path = "/v1.0/invoke/follow-web/method/status/202"
            wait_for(lambda: daprd.get(path).status == 202)
            spec = {"baseUrl": "http://127.0.0.1:1"}
            plane.resource("HTTPEndpoint", "follow-web", spec, scopes=["follower"])
            wait_for(lambda: daprd.get(path).status >= 500)
            plane.api.delete(endpoint)
            wait_for(lambda: not metadata(daprd).get("httpEndpoints"))

            policies = {"policies": {"timeouts": {"short": "50ms"}},
                        "targets": {"apps": {"follower": {"timeout": "short"}}}}  # fmt: skip
            policy = plane.resource("Resiliency", "follow-calm", policies, scopes=["follower"])
            wait_for(lambda: daprd.logged("resiliencies: added follow-calm"))
            plane.api.delete(policy)
            wait_for(lambda: daprd.logged("resiliencies: removed follow-calm"))


@pytest.mark.parametrize("annotated", [True, False], ids=["by the stream", "by the lists"])
def test_the_configuration_follows(plane: ControlPlane, annotated: bool) -> None:
    name = f"conf-{str(annotated).lower()}"

    def configure(*denied: str) -> dict[str, Any]:
        rules = [{"name": one, "version": "v1.0", "protocol": "http"} for one in denied]
        return plane.resource("Configuration", name, {"api": {"denied": rules}})

    configure()
    plane.component(f"{name}-store", "state.in-memory", scopes=[name])
    # The operator tells only pods that carry both of these.
    notes = {"dapr.io/config": name, "dapr.io/enabled": "true"} if annotated else {}
    often = () if annotated else OFTEN
    with plane.daprd(name, flags=(f"--config={name}", *often), annotations=notes) as daprd:
        read = f"/v1.0/state/{name}-store/a"
        assert daprd.get(read).status == 204
        made = configure("state")
        wait_for(lambda: daprd.get(read).status in (403, 404))
        configure()
        wait_for(lambda: daprd.get(read).status == 204)
        # Gone: said, and the app keeps it.
        plane.api.delete(made)
        wait_for(lambda: daprd.logged("was deleted" if annotated else "error loading configuration"))
        assert daprd.get(read).status == 204


def app_document(plane: ControlPlane, app_id: str, namespace: str = "shop") -> str:
    token = plane.token_file(f"{app_id}-pod", namespace, {"dapr.io/app-id": app_id})
    target, identity = {"address": "127.0.0.1", "port": 1}, {"tokenFile": str(token)}
    out = json.loads(shared_app(app_id, target=target, identity=identity))
    out["metadata"]["namespace"] = namespace
    return json.dumps(out)


def many(plane: ControlPlane, name: str, apps: dict[str, str], flags: tuple[str, ...] = ()) -> Daprd:
    """A process of these apps, which names none of its own."""
    host = plane.daprd(name, apps=apps, flags=flags)
    del host.args[host.args.index("--app-id") : host.args.index("--app-id") + 2]
    return host


def stores_of(host: Daprd, app_id: str) -> set[str] | None:
    """None if the app is not served."""
    answer = host.get("/v1.0/metadata", [("Host", f"{app_id}-dapr")], timeout=5)
    if answer.status != 200:
        return None
    return {one["name"] for one in json.loads(answer.body).get("components", [])}


def test_every_app_of_a_process_has_its_own(plane: ControlPlane) -> None:
    plane.api.namespace("bank")
    for app_id in ("multi-a", "multi-b"):
        plane.component(f"{app_id}-store", "state.in-memory", scopes=[app_id])
    plane.component("multi-c-store", "state.in-memory", namespace="bank")
    places = {"multi-a": "shop", "multi-b": "shop", "multi-c": "bank"}
    apps = {f"{app_id}.yaml": app_document(plane, app_id, namespace) for app_id, namespace in places.items()}
    host = many(plane, "multi", apps)

    def stores(app_id: str) -> set[str] | None:
        return stores_of(host, app_id)

    with host:
        assert stores("multi-a") == {"multi-a-store"}
        assert stores("multi-b") == {"multi-b-store"}
        assert stores("multi-c") == {"multi-c-store"}
        plane.component("multi-new", "state.in-memory", scopes=["multi-b"])
        wait_for(lambda: stores("multi-b") == {"multi-b-store", "multi-new"})
        plane.component("multi-new-c", "state.in-memory", namespace="bank")
        wait_for(lambda: stores("multi-c") == {"multi-c-store", "multi-new-c"})
        assert stores("multi-a") == {"multi-a-store"}


def test_a_root_that_goes_takes_the_connection_along(plane: ControlPlane, tmp_path: pathlib.Path) -> None:
    file, scratch = tmp_path / "anchors.pem", tmp_path / "scratch"
    file.write_text(plane.anchors + Root.make(tmp_path / "gone").pem)
    port = plane.operator.port
    with plane.daprd("moved", flags=(f"--trust-anchors-file={file}",)) as daprd:
        before = wait_for(lambda: established(port), 10, "the streams' connection")
        scratch.write_text(plane.anchors)
        scratch.replace(file)
        wait_for(lambda: (now := established(port)) and not now & before, 30, "another connection, and one only")
        plane.component("moved-store", "state.in-memory", scopes=["moved"])
        wait_for(lambda: "moved-store" in components(daprd))
        assert not daprd.logged("Error from operator stream")


def test_a_root_that_goes_while_an_app_starts(plane: ControlPlane, tmp_path: pathlib.Path) -> None:
    file, scratch = tmp_path / "anchors.pem", tmp_path / "scratch"
    file.write_text(plane.anchors + Root.make(tmp_path / "gone").pem)
    port = plane.operator.port
    with RedisServer() as redis:
        patient = {**redis.metadata(), "dialTimeout": "30s", "redisMaxRetries": "30"}
        entries = [{"name": key, "value": value} for key, value in patient.items()]
        spec = {"type": "state.redis", "version": "v1", "initTimeout": "30s", "metadata": entries}
        plane.resource("Component", "rooted-store", spec, scopes=["rooted-late"])
        apps = {"first.yaml": app_document(plane, "rooted-first")}
        with many(plane, "rooted", apps, flags=(f"--trust-anchors-file={file}",)) as host:
            early = wait_for(lambda: established(port), 10, "the first app's connection")
            redis.pause()
            host.put_app("late.yaml", app_document(plane, "rooted-late"))
            late = wait_for(lambda: established(port) - early, 10, "what the late app asks over")
            scratch.write_text(plane.anchors)
            scratch.replace(file)
            wait_for(lambda: not early & established(port), 30, "the end of what the first app had")
            assert late <= established(port) and stores_of(host, "rooted-late") is None
            redis.resume()
            wait_for(lambda: stores_of(host, "rooted-late") == {"rooted-store"}, 20)
            wait_for(lambda: not late & established(port), 10, "the end of a connection under an old root")


def test_a_hangup_asks_the_operator_even_with_hot_reload_off(plane: ControlPlane) -> None:
    features = {"features": [{"name": "HotReload", "enabled": False}]}
    plane.resource("Configuration", "hup-config", features)
    plane.component("hup-first", "state.in-memory", scopes=["hup"])
    notes = {"dapr.io/config": "hup-config", "dapr.io/enabled": "true"}
    with plane.daprd("hup", flags=("--config=hup-config", *OFTEN), annotations=notes) as daprd:
        plane.component("hup-second", "state.in-memory", scopes=["hup"])
        time.sleep(1.2)  # longer than the streams and two lists take
        assert components(daprd).keys() == {"hup-first"}
        daprd.hang_up()
        wait_for(lambda: components(daprd).keys() == {"hup-first", "hup-second"})
        # Nor does it switch anything on.
        plane.component("hup-third", "state.in-memory", scopes=["hup"])
        time.sleep(1.2)
        assert "hup-third" not in components(daprd)
        plane.resource("Configuration", "hup-config", {})
        daprd.hang_up()
        wait_for(lambda: "hup-third" in components(daprd))
        plane.component("hup-fourth", "state.in-memory", scopes=["hup"])
        wait_for(lambda: "hup-fourth" in components(daprd))


# === the operator is away ===


def test_apps_that_wait_for_the_operator_keep_nothing_else_waiting(plane: ControlPlane) -> None:
    plane.component("wait-store", "state.in-memory", scopes=["wait-a", "wait-new-1", "wait-new-2"])
    apps = {f"{one}.yaml": app_document(plane, one) for one in ("wait-a", "wait-b")}
    later = {one: app_document(plane, one) for one in ("wait-new-1", "wait-new-2", "wait-new-3", "wait-new-4")}
    host = many(plane, "wait", apps)
    with host:
        assert stores_of(host, "wait-a") == {"wait-store"}
        plane.operator.pause()
        try:
            for app_id in ("wait-new-1", "wait-new-2"):
                host.put_app(f"{app_id}.yaml", later[app_id])
            time.sleep(1.5)  # both are being asked for now
            host.remove_app("wait-b.yaml")
            wait_for(lambda: host.logged("app wait-b is no longer served"), 5, "a change that asks nothing")
            assert stores_of(host, "wait-a") == {"wait-store"}
            assert stores_of(host, "wait-new-1") is None
        finally:
            plane.operator.resume()
        # Once there is an answer; not only at the next comparison, in a minute.
        for app_id in ("wait-new-1", "wait-new-2"):
            wait_for(lambda: stores_of(host, app_id) == {"wait-store"}, 15)  # noqa: B023
        plane.operator.pause()
        try:
            for app_id in ("wait-new-3", "wait-new-4"):
                host.put_app(f"{app_id}.yaml", later[app_id])
            time.sleep(1.5)
            assert host.stop(5) == 0
        finally:
            plane.operator.resume()



def test_an_operator_that_dies_or_hangs_under_load(plane: ControlPlane) -> None:
    plane.component("away-steady", "state.in-memory", scopes=["away"])
    with plane.daprd("away", flags=OFTEN) as daprd, Calls(daprd, "away-steady") as calls:
        try:
            plane.operator.kill()
            wait_for(lambda: daprd.logged("Error from operator stream"))
            missed = plane.component("away-missed", "state.in-memory", scopes=["away"])
            plane.operator.start()
            wait_for(lambda: "away-missed" in components(daprd), 20)
            assert daprd.logged("Reconnected to operator")

            # One that hangs is noticed by the list that gets no answer.
            lost = len(daprd.logged("Error from operator stream"))
            plane.operator.pause()
            wait_for(lambda: len(daprd.logged("Error from operator stream")) > lost, 15, "it is noticed")
            calls.count = 0
            plane.api.delete(missed)
            plane.component("away-hung", "state.in-memory", scopes=["away"])
            assert "away-missed" in components(daprd)
            wait_for(lambda: calls.count > 50, 10, "calls while it is known to be away")
            plane.operator.resume()
            wait_for(lambda: components(daprd).keys() == {"away-steady", "away-hung"}, 20)

            # In good order, as a rolling update ends it.
            plane.operator.stop()
            plane.component("away-last", "state.in-memory", scopes=["away"])
            plane.operator.start()
            wait_for(lambda: "away-last" in components(daprd), 20)
        finally:
            if plane.operator.process is None:
                plane.operator.start()
            plane.operator.resume()


def test_a_start_without_the_operator_goes_on_from_the_cache(
    plane: ControlPlane, tmp_path: pathlib.Path
) -> None:
    secret = tmp_path / "kept.db"
    plane.secret("kept", path=str(secret))
    plane.component(
        "kept-store", "state.sqlite", {"connectionString": {"secretKeyRef": {"name": "kept", "key": "path"}}},
        scopes=["kept"],
    )  # fmt: skip
    plane.resource("Configuration", "kept-config", {
        "api": {"denied": [{"name": "secrets", "version": "v1.0", "protocol": "http"}]}})  # fmt: skip
    flags = (f"--resources-cache={tmp_path / 'cache'}", "--config=kept-config")
    with plane.daprd("kept", flags=flags) as daprd:
        plane.component("kept-late", "state.in-memory", scopes=["kept"])
        wait_for(lambda: "kept-late" in components(daprd))
        kept = tmp_path / "cache" / "shop" / "kept.resources"
        wait_for(lambda: "kept-late" in kept.read_text())
    assert kept.stat().st_mode & 0o777 == 0o600
    assert kept.parent.stat().st_mode & 0o777 == 0o700
    secret.unlink()
    for how in (plane.operator.kill, plane.operator.pause):
        how()
        try:
            with plane.daprd("kept", flags=flags) as daprd:
                known = {"kept-store": "state.sqlite", "kept-late": "state.in-memory"}
                assert components(daprd).items() >= known.items()
                assert daprd.post("/v1.0/state/kept-store", [{"key": "a", "value": 1}]).status == 204
                assert secret.exists()
                assert daprd.get("/v1.0/secrets/x/y").status in (403, 404)
                assert daprd.logged("starting with the resources last known", level="warning")
                plane.component(f"kept-{how.__name__}", "state.in-memory", scopes=["kept"])
                if plane.operator.process is None:
                    plane.operator.start()
                plane.operator.resume()
                wait_for(lambda: f"kept-{how.__name__}" in components(daprd), 20)
        finally:
            if plane.operator.process is None:
                plane.operator.start()
            plane.operator.resume()


def test_a_start_with_neither_operator_nor_cache_ends(abandoned: Daprd) -> None:
    assert abandoned.wait(40) == 1
    fatal = abandoned.logged("Fatal error from runtime")[0]
    text = fatal["msg"]
    begin = "Fatal error from runtime: context deadline exceeded: connection error: desc = "
    assert text.startswith(begin), text
    for part in ("connection refused", "30s", "--control-plane-address", "--resources-cache"):
        assert part in text
    # It never waited without a word.
    assert len(abandoned.logged("does not answer")) > 3
