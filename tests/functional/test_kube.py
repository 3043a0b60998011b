"""What the runtime reads and writes at the Kubernetes API, against a real kube-apiserver: where the app
is, the trust bundle, what the app wants. The runtime is in Kubernetes mode with real sentry and operator
where the mode matters."""

import base64
import contextlib
import itertools
import json
import pathlib
import random
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
from harness import kube_api
from harness.daprd import Daprd, run_once
from harness.http_app import HttpApp
from harness.kube_api import KubeApi
from harness.operator_process import BUNDLE, SYSTEM, ControlPlane
from harness.pods import as_pod, is_root
from harness.poll import wait_for
from harness.ports import free_port
from harness.sentry import Root
from harness.subscriber import IN_MEMORY, HttpSubscriber, wanted

pytestmark = [
    pytest.mark.skipif(bool(kube_api.missing()), reason=kube_api.missing()),
    pytest.mark.timeout(120),
]

SLICES = {"apiGroups": ["discovery.k8s.io"], "resources": ["endpointslices"], "verbs": ["list", "watch"]}
SERVICES = {"apiGroups": [""], "resources": ["services"], "verbs": ["get"]}
SERVING = {"ready": True, "serving": True, "terminating": False}
ENDING = {"ready": False, "serving": True, "terminating": True}
ENDED = {"ready": False, "serving": False, "terminating": True}
HOST = "app.shop.svc.cluster.local"
NET = f"10.{random.randrange(200, 255)}.{random.randrange(256)}."
CALLED = {"caller": "127.0.0.5", "callee": "127.0.0.6"}
PODS = {"cart": "cart-pod", "caller": "caller-pod", "callee": "callee-pod"}
root_only = pytest.mark.skipif(not is_root(), reason="needs root, for a mount namespace")


@pytest.fixture(scope="module")
def plane() -> Iterator[ControlPlane]:
    with ControlPlane() as plane:
        # Sentry knows these pods before the API server is killed for the first time.
        for app_id, pod in PODS.items():
            plane.token_file(pod, "shop", {"dapr.io/app-id": app_id})
        yield plane


@pytest.fixture(scope="module")
def api(plane: ControlPlane) -> KubeApi:
    return plane.api


@pytest.fixture(scope="module")
def pods() -> Iterator[list[HttpApp]]:
    """The app three times, at addresses of its own and one port; each tells which one it is. A slice may
    not hold loopback addresses, so that this machine takes some others for its own meanwhile."""
    if not is_root():
        pytest.skip("needs root, for addresses of its own")
    route = ["local", f"{NET}0/29", "dev", "lo"]
    subprocess.run(["ip", "route", "add", *route], check=True)
    try:
        port = free_port()
        with contextlib.ExitStack() as stack:
            yield [stack.enter_context(Pod(f"{NET}{n}", port)) for n in (2, 3, 4)]
    finally:
        subprocess.run(["ip", "route", "del", *route], check=True)


class Pod(HttpApp):
    def __init__(self, host: str, port: int):
        super().__init__(host=host, port=port)
        self.routes["/who"] = self._who

    async def _who(self, _: Any, reply: Any) -> None:
        await reply.send(body=self.host)


class Slice:
    """One EndpointSlice of Service shop/app, as its controller would write it."""

    def __init__(self, api: KubeApi, port: int, name: str = "app-1", family: str = "IPv4"):
        self.api, self.port = api, port
        self.document: dict[str, Any] = {
            "apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice", "addressType": family,
            "metadata": {"name": name, "namespace": "shop", "labels": {"kubernetes.io/service-name": "app"}},
        }  # fmt: skip

    def say(self, **endpoints: dict[str, bool]) -> None:
        """`_2=SERVING`: the pod at .2 takes calls."""
        self.api.apply({
            **self.document, "ports": [{"name": "web", "port": self.port, "protocol": "TCP"}],
            "endpoints": [
                {"addresses": [f"{NET}{name[1:]}"], "conditions": conditions}
                for name, conditions in endpoints.items()
            ],
        })  # fmt: skip

    def delete(self) -> None:
        self.api.delete(self.document)


@pytest.fixture
def slice(api: KubeApi, pods: list[HttpApp]) -> Iterator[Slice]:
    one = Slice(api, pods[0].port)
    api.apply({
        "apiVersion": "v1", "kind": "Service", "metadata": {"name": "app", "namespace": "shop"},
        "spec": {"ports": [{"name": "web", "port": 80, "targetPort": "web"}]},
    })  # fmt: skip
    yield one
    one.delete()


@pytest.fixture(scope="module")
def reader(api: KubeApi) -> pathlib.Path:
    """A kubeconfig of an account that may see where apps are."""
    api.service_account("reader", "shop", [SLICES, SERVICES])
    return api.kubeconfig(api.token("reader", "shop"))


def runtime(
    plane: ControlPlane, kubeconfig: pathlib.Path, *flags: str, host: str = HOST, port: int = 80
) -> Daprd:
    return plane.daprd(
        "cart", flags=("--app-channel-address", host, "--app-port", str(port), *flags),
        env={"KUBECONFIG": str(kubeconfig)},
    )  # fmt: skip


def who(daprd: Daprd) -> str:
    answer = daprd.get("/v1.0/invoke/cart/method/who", timeout=5)
    return answer.text if answer.status == 200 else f"status {answer.status}"


def served_by(daprd: Daprd, address: str, seconds: float = 10) -> float:
    """How long it took until the app at `address` answers."""
    began = time.monotonic()
    wait_for(lambda: who(daprd) == address, seconds, f"served by {address}")
    return time.monotonic() - began


# === where the app is ===


def test_endpoints_come_and_go(plane: ControlPlane, reader: pathlib.Path, slice: Slice) -> None:
    slice.say()
    with runtime(plane, reader) as daprd:
        wait_for(lambda: daprd.logged("come from the EndpointSlices of Service shop/app"))
        assert who(daprd) == "status 500"
        slice.say(_2=SERVING)
        assert served_by(daprd, NET + "2") < 1
        # It moves.
        slice.say(_3=SERVING)
        assert served_by(daprd, NET + "3") < 1
        # Not ready yet.
        slice.say(_2={"ready": False, "serving": False}, _3=SERVING)
        assert {who(daprd) for _ in range(10)} == {NET + "3"}
        # Scaled to two, spread over slices of both families.
        other = Slice(plane.api, slice.port, "app-2")
        other.say(_2=SERVING)
        wait_for(lambda: {who(daprd) for _ in range(10)} == {NET + "2", NET + "3"})
        # One ends: the other one serves alone. That one ends too, and serves until it has.
        slice.say(_3=ENDING)
        served_by(daprd, NET + "2")
        assert {who(daprd) for _ in range(10)} == {NET + "2"}
        other.delete()
        assert served_by(daprd, NET + "3") < 1
        slice.say(_3=ENDED)
        wait_for(lambda: who(daprd) == "status 500", 1)
        slice.say(_4=SERVING)
        assert served_by(daprd, NET + "4") < 1


def test_a_waiting_call_is_served_when_a_pod_is_ready(
    plane: ControlPlane, reader: pathlib.Path, slice: Slice
) -> None:
    slice.say()
    with runtime(plane, reader, "--app-wake-timeout", "20s") as daprd, daprd.connect() as connection:
        wait_for(lambda: daprd.logged("come from the EndpointSlices of Service shop/app"))
        connection.send(connection.head("GET", "/v1.0/invoke/cart/method/who"))
        wait_for(lambda: daprd.metrics().total("dapr_shared_waiting_calls") == 1)
        began = time.monotonic()
        slice.say(_2=SERVING)
        assert connection.read_response().text == NET + "2"
        assert time.monotonic() - began < 1


def test_the_api_server_restarts(plane: ControlPlane, reader: pathlib.Path, slice: Slice) -> None:
    slice.say(_2=SERVING)
    with runtime(plane, reader) as daprd:
        served_by(daprd, NET + "2")
        plane.api.server.kill()
        assert {who(daprd) for _ in range(10)} == {NET + "2"}
        plane.api.server.start()
        slice.say(_3=SERVING)
        served_by(daprd, NET + "3", 20)
        assert not daprd.logged("is resolved by DNS")


@root_only
def test_without_the_right_dns_serves(plane: ControlPlane, slice: Slice, pods: list[HttpApp]) -> None:
    plane.api.service_account("nobody", "shop", [])
    kubeconfig = plane.api.kubeconfig(plane.api.token("nobody", "shop"))
    slice.say(_3=SERVING)
    # DNS knows the same pods under their own port.
    daprd = runtime(plane, kubeconfig, host="app.shop", port=pods[0].port)
    with as_pod(daprd, hosts={"app.shop": NET + "2"}, user=None):
        served_by(daprd, NET + "2")
        (line,) = wait_for(lambda: daprd.logged("is resolved by DNS"))
        assert "403" in line["msg"] and "endpointslices" in line["msg"], line


@root_only
def test_names_without_slices_are_left_to_dns(
    plane: ControlPlane, reader: pathlib.Path, pods: list[HttpApp]
) -> None:
    daprd = runtime(plane, reader, host="other.shop", port=pods[0].port)
    with as_pod(daprd, hosts={"other.shop": NET + "4"}, user=None):
        served_by(daprd, NET + "4")
        (line,) = wait_for(lambda: daprd.logged("is resolved by DNS"))
        assert "there are no EndpointSlices of a Service shop/other" in line["msg"], line


# === as a pod ===


@root_only
def test_a_pod_needs_no_more_than_what_is_mounted(plane: ControlPlane, slice: Slice) -> None:
    api = plane.api
    api.service_account("cart", "shop", [SLICES, SERVICES])
    bundle = {"apiGroups": [""], "resources": ["configmaps"], "resourceNames": [BUNDLE], "verbs": ["get"]}
    api.apply({
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role",
        "metadata": {"name": "bundle", "namespace": SYSTEM}, "rules": [bundle],
    }, {
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding",
        "metadata": {"name": "bundle", "namespace": SYSTEM},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "bundle"},
        "subjects": [{"kind": "ServiceAccount", "name": "cart", "namespace": "shop"}],
    })  # fmt: skip
    secrets = api.folder / "secrets"
    account = api.account_folder(api.token("cart", "shop"), "shop")
    (secrets / "kubernetes.io").mkdir(parents=True)
    account.rename(secrets / "kubernetes.io" / "serviceaccount")
    token = plane.token_file("cart-pod", "shop", {"dapr.io/app-id": "cart"})
    (secrets / "dapr.io" / "sentrytoken").mkdir(parents=True)
    (secrets / "dapr.io" / "sentrytoken" / "token").write_text(token.read_text())
    slice.say(_2=SERVING)
    daprd = runtime(plane, pathlib.Path("/nowhere"), host="app")
    for name in ("DAPR_UNSAFE_SKIP_CONTAINER_UID_GID_CHECK", "DAPR_SENTRY_TOKEN_FILE", "KUBECONFIG",
                 "DAPR_TRUST_ANCHORS"):
        daprd.env.pop(name)
    with as_pod(daprd, secrets=secrets):
        served_by(daprd, NET + "2")


@root_only
def test_root_is_refused() -> None:
    code, out, err, _ = run_once(["--mode=kubernetes", "--app-id=cart", "--sentry-address=127.0.0.1:1"])
    assert code == 1
    assert "daprd may not run as root in Kubernetes mode" in out + err


def test_anchors_are_required() -> None:
    code, out, err, _ = run_once(
        ["--mode=kubernetes", "--app-id=cart", "--sentry-address=127.0.0.1:1"],
        {"DAPR_UNSAFE_SKIP_CONTAINER_UID_GID_CHECK": "true", "KUBECONFIG": "", "KUBERNETES_SERVICE_HOST": ""},
    )
    assert code == 1
    assert "trust anchors are required" in out + err and "this is no pod" in out + err


# === the trust bundle ===


def lets_in(daprd: Daprd, leaf: tuple[str, str]) -> bool:
    """Whether the internal port takes this client certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.set_alpn_protocols(["h2"])
    context.load_cert_chain(*leaf)
    with (
        socket.create_connection((daprd.host, daprd.internal_port), 5) as plain,
        context.wrap_socket(plain) as secured,
    ):
        try:
            secured.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes([0, 0, 0, 4, 0, 0, 0, 0, 0]))
            return len(secured.recv(100)) > 0
        except ssl.SSLError:
            return False


def test_the_trust_bundle_is_followed(plane: ControlPlane, api: KubeApi) -> None:
    may = {"apiGroups": [""], "resources": ["configmaps"], "resourceNames": [BUNDLE]}
    api.service_account("anchors", SYSTEM, [{**may, "verbs": ["get", "list", "watch"]}])
    kubeconfig = api.kubeconfig(api.token("anchors", SYSTEM))
    bundle = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": BUNDLE, "namespace": SYSTEM}}
    anchors = plane.sentry.anchors
    other = Root.make(api.folder / "another-root")
    leaf = other.leaf("peer", "spiffe://public/ns/shop/peer")
    daprd = runtime(plane, kubeconfig, "--enable-mtls", host="127.0.0.1", port=1)
    # It needs no other source of anchors.
    daprd.env.pop("DAPR_TRUST_ANCHORS")
    with daprd:
        assert not lets_in(daprd, leaf)
        try:
            api.patch(bundle, {"data": {"ca.crt": anchors + other.pem}})
            wait_for(lambda: lets_in(daprd, leaf), 2)
            # What is no certificate changes nothing, and is told.
            api.patch(bundle, {"data": {"ca.crt": "nonsense"}})
            wait_for(lambda: daprd.logged("Trust anchors stay as they are", level="warning"))
            assert lets_in(daprd, leaf)
        finally:
            api.patch(bundle, {"data": {"ca.crt": anchors}})


# === what the app wants ===

CACHE = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "cache", "namespace": "shop"}}


@pytest.fixture
def cache(api: KubeApi) -> Iterator[pathlib.Path]:
    """A ConfigMap with a key of somebody else, and a kubeconfig of who may write this one alone."""
    may = {"apiGroups": [""], "resources": ["configmaps"], "resourceNames": ["cache"]}
    api.service_account("writer", "shop", [{**may, "verbs": ["get", "patch"]}])
    api.apply({**CACHE, "data": {"other": "stays"}})
    yield api.kubeconfig(api.token("writer", "shop"))
    api.delete(CACHE)


def remembering(app: Any, kubeconfig: pathlib.Path, name: str = "cache", **more: Any) -> Daprd:
    return Daprd(
        "cart", app=app, flags=["--discovery-cache", f"configmap:{name}"],
        resources={"pubsub.yaml": IN_MEMORY}, **more,
        env={"NAMESPACE": "shop", "KUBECONFIG": str(kubeconfig)},
    )  # fmt: skip


def topics(daprd: Daprd) -> list[str]:
    return [one["topic"] for one in daprd.get("/v1.0/metadata").json().get("subscriptions", [])]


def kept(api: KubeApi) -> dict[str, str]:
    return dict(api.get("v1", "ConfigMap", "cache", "shop")["data"])


def test_what_the_app_wants_outlives_the_runtime(api: KubeApi, cache: pathlib.Path) -> None:
    app = HttpSubscriber()
    app.subscriptions = [wanted()]
    with app, remembering(app, cache) as daprd:
        wait_for(lambda: topics(daprd) == ["orders"])
        wait_for(lambda: "cart.discovery.json" in kept(api))
    # The app is at zero when the next one starts.
    with remembering(app, cache) as daprd:
        wait_for(lambda: topics(daprd) == ["orders"])
        assert daprd.logged("are remembered from ConfigMap shop/cache, key cart.discovery.json")
        app.subscriptions = [wanted(), wanted("more", "/more")]
        with app:
            wait_for(lambda: topics(daprd) == ["orders", "more"])
            wait_for(lambda: len(kept(api)["cart.discovery.json"]) > 150)
    assert kept(api)["other"] == "stays"
    assert json.loads(kept(api)["cart.discovery.json"])["format"] == 1


def test_a_cache_that_may_not_be_written_is_told(api: KubeApi, cache: pathlib.Path) -> None:
    app = HttpSubscriber()
    app.subscriptions = [wanted()]
    with app, remembering(app, cache, name="forbidden") as daprd:
        wait_for(lambda: topics(daprd) == ["orders"])
        (line,) = wait_for(lambda: daprd.logged("what the app wants is not remembered", level="warning"))
        assert "needs the right to patch" in line["msg"] and "ConfigMap forbidden" in line["msg"]


def test_a_cache_that_is_away_for_a_while(api: KubeApi, cache: pathlib.Path) -> None:
    app = HttpSubscriber()
    app.subscriptions = [wanted()]
    with app, remembering(app, cache) as daprd:
        wait_for(lambda: "cart.discovery.json" in kept(api))
        api.server.kill()
        try:
            # It starts nonetheless, and remembers when it can.
            with remembering(HttpSubscriber(), cache) as late:
                wait_for(lambda: late.logged("is not remembered yet", level="warning"))
                assert topics(late) == []
                api.server.start()
                wait_for(lambda: topics(late) == ["orders"], 20)
        finally:
            if api.server.process is None:
                api.server.start()
        assert topics(daprd) == ["orders"]


# === the last, because the operator stays with the old root ===


@root_only
def test_the_root_is_replaced_under_load(plane: ControlPlane, api: KubeApi) -> None:
    """As facts have it: sentry takes a new root from its Secret, the bundle must say the same."""
    may = {"apiGroups": [""], "resources": ["configmaps"], "resourceNames": [BUNDLE]}
    api.service_account("anchors", SYSTEM, [{**may, "verbs": ["get", "list", "watch"]}])
    kubeconfig = api.kubeconfig(api.token("anchors", SYSTEM))
    named = {"apiVersion": "v1", "metadata": {"name": BUNDLE, "namespace": SYSTEM}}
    new = Root.make(api.folder / "new-root")
    issuer = {name: (new.folder / name).read_text() for name in ("issuer.crt", "issuer.key")}

    def roots(text: str, **more: str) -> None:
        secret = {name: base64.b64encode(value.encode()).decode() for name, value in more.items()}
        secret["ca.crt"] = base64.b64encode(text.encode()).decode()
        api.patch({**named, "kind": "ConfigMap"}, {"data": {"ca.crt": text}})
        api.patch({**named, "kind": "Secret"}, {"data": secret})
        # The Secret is mounted where sentry looks for changes.
        for name, value in {**more, "ca.crt": text}.items():
            (plane.sentry.folder / name).write_text(value)

    old, port = plane.sentry.anchors, free_port("127.0.0.6")
    hosts = {f"{name}-dapr.shop.svc.cluster.local": host for name, host in CALLED.items()}
    with contextlib.ExitStack() as stack:
        apps = {name: stack.enter_context(HttpApp(host=host)) for name, host in CALLED.items()}
        daprds = []
        for name, host in CALLED.items():
            daprd = plane.daprd(
                name, app=apps[name], host=host, env={"KUBECONFIG": str(kubeconfig)},
                flags=("--enable-mtls", "--dapr-internal-grpc-port", str(port)),
            )  # fmt: skip
            daprd.internal_port = port
            daprds.append(stack.enter_context(as_pod(daprd, hosts=hosts, user=None)))
        failed: list[str] = []
        calls, done = itertools.count(), threading.Event()

        def call() -> None:
            while not done.wait(0.002):
                answer = daprds[0].get("/v1.0/invoke/callee/method/echo", timeout=10)
                if answer.status != 200:
                    failed.append(answer.text)
                next(calls)

        thread = threading.Thread(target=call)
        thread.start()
        try:
            roots(old + new.pem)
            for daprd in daprds:
                wait_for(lambda daprd=daprd: daprd.logged("Trust anchors changed"))
            roots(old + new.pem, **issuer)
            leaf = new.leaf("peer", "spiffe://public/ns/shop/peer")
            wait_for(lambda: lets_in(daprds[1], leaf))
            # Sentry signs with it when it has noticed; only then the old root goes.
            wait_for(lambda: plane.sentry.log_text().count("CA certificate key pair ready") > 1, 20)
            roots(new.pem)
            for daprd in daprds:
                wait_for(lambda daprd=daprd: daprd.logged("are no longer trusted"), 30)
        finally:
            done.set()
            thread.join()
        assert not failed, failed[:3]
        assert next(calls) > 100
