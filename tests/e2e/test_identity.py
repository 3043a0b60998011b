"""mTLS between instances: who is let in, by identity, namespace and operation, and a new root of the
control plane under load."""

import base64
import json
import pathlib
from collections.abc import Iterator
from typing import Any

import pytest
from kit import apps, peers
from kit.callers import Callers
from kit.cluster import Cluster, wait
from kit.network import Answer, Load, request
from kit.release import Release

CLUSTER = "identity"
# Certificates of a minute, so that a rotation needs no hours.
DAPR = ("--set-string", "global.mtls.workloadCertTTL=60s", "--set-string", "global.mtls.allowedClockSkew=10s")
SPACE, OTHER = "shop", "street"


def access_control() -> dict[str, Any]:
    operation = {"name": "/who/open", "httpVerb": ["GET"], "action": "allow"}
    return {"apiVersion": "dapr.io/v1alpha1", "kind": "Configuration", "metadata": {"name": "guard"},
            "spec": {"accessControl": {
                "defaultAction": "deny", "trustDomain": "public",
                "policies": [{"appId": "good", "namespace": SPACE, "trustDomain": "public",
                              "defaultAction": "deny", "operations": [operation]}]}}}


@pytest.fixture(scope="module")
def callers(cluster: Cluster) -> Iterator[dict[str, Release]]:
    """Three that call `worker` of SPACE: `good` and `bad` beside it, and a `good` in another namespace."""
    for space in (SPACE, OTHER):
        cluster.namespace(space)
    cluster.apply(access_control(), *apps.worker(), namespace=SPACE)
    made = {"worker": Release(cluster, SPACE, "worker", 8080, "deployment",
                              values={"shared": {"daprd": {"config": "guard"}}})}
    for name, space, app in (("good", SPACE, "good"), ("bad", SPACE, "bad"), ("stranger", OTHER, "good")):
        made[name] = Release(cluster, space, app, 0, "deployment", values={"shared": {"remoteURL": ""}})
    for release in made.values():
        release.install(ready=False)
    cluster.apply(apps.tool(env=made["good"].environment()), namespace=SPACE)
    for release in made.values():
        release.ready()
    cluster.rolled_out("deploy/tool", SPACE)
    cluster.rolled_out("deploy/worker", SPACE)
    wait(lambda: call(made["good"]).status == 200, 30, "the right caller is let in")
    yield made


def call(caller: Release, path: str = "open", method: str = "GET") -> Answer:
    return caller.call(method, f"/v1.0/invoke/worker.{SPACE}/method/who/{path}", timeout=15)


def test_the_right_caller_for_the_right_operation(callers: dict[str, Release]) -> None:
    answer = call(callers["good"])
    assert answer.status == 200 and json.loads(answer.body)["caller"] == "good"


@pytest.mark.parametrize(("caller", "path", "method"), [
    ("good", "closed", "GET"), ("good", "open", "POST"), ("bad", "open", "GET"), ("stranger", "open", "GET")])
def test_others_are_refused_by_identity(callers: dict[str, Release], caller: str, path: str, method: str) -> None:
    release = callers[caller]
    answer = call(release, path, method)
    assert answer.status == 403, answer
    message = json.loads(answer.body)["message"]
    identity = f"spiffe://public/ns/{release.namespace}/{release.app_id}"
    assert f"denied access to id: {identity} operation: who/{path} verb: {method}" in message, message


def test_a_caller_without_identity_is_refused(cluster: Cluster, callers: dict[str, Release],
                                              tmp_path: pathlib.Path) -> None:
    at = callers["worker"].pods()[0]["status"]["podIP"], 50002
    network = cluster.networks[1]
    assert network.run(peers.plain, *at) == "closed"
    assert network.run(peers.over_tls, *at) == "refused"
    forged = peers.certificate(tmp_path, "forged", "", f"subjectAltName=URI:spiffe://public/ns/{SPACE}/good",
                               "extendedKeyUsage=clientAuth,serverAuth")
    assert network.run(peers.over_tls, *at, forged) == "refused"


def put_bundle(cluster: Cluster, **files: bytes) -> None:
    """New content of the control plane's bundle, as an administrator replaces it: the Secret, and the
    ConfigMap with the roots, for sentry makes a bundle of its own where the two differ."""

    def patch(kind: str, data: dict[str, str]) -> None:
        cluster.kubectl("-n", "dapr-system", "patch", kind, "dapr-trust-bundle", "--type=merge", "-p",
                        json.dumps({"data": data}))

    named = {name.replace("_", "."): text for name, text in files.items()}
    patch("secret", {name: base64.b64encode(text).decode() for name, text in named.items()})
    if "ca.crt" in named:
        patch("configmap", {"ca.crt": named["ca.crt"].decode()})
    cluster.kubectl("-n", "dapr-system", "rollout", "restart", "deploy/dapr-sentry")
    cluster.rolled_out("deploy/dapr-sentry", "dapr-system")


@pytest.mark.timeout(420)
def test_a_new_root_under_load(cluster: Cluster, callers: dict[str, Release], tmp_path: pathlib.Path) -> None:
    good, worker = callers["good"], callers["worker"]
    authority = ("basicConstraints=critical,CA:TRUE", "keyUsage=critical,keyCertSign,cRLSign")
    root = peers.certificate(tmp_path, "root", "", *authority).read_bytes()
    issuer = peers.certificate(tmp_path, "rotated", "root", *authority).read_bytes()
    key = peers.openssl("pkcs8", "-topk8", "-nocrypt", "-in", str(tmp_path / "rotated.key"))
    secret = cluster.json("-n", "dapr-system", "get", "secret", "dapr-trust-bundle")["data"]
    old = base64.b64decode(secret["ca.crt"])
    address, headers = cluster.address(good.service, SPACE), good.headers()

    def invoke() -> Answer:
        return request(address, 3500, "GET", f"/v1.0/invoke/worker.{SPACE}/method/who/open", None, headers)

    def shown_by(release: Release) -> str:
        return peers.issuer(cluster.networks[1], release.pods()[0]["status"]["podIP"], 50002)

    def served(load: Load, count: int) -> None:
        before = load.calls
        wait(lambda: load.calls > before + count, 60)

    pod = cluster.pods(SPACE, "app=tool")[0]["metadata"]["name"]
    with (Load(cluster.networks[1], invoke, 3, 0.02) as load,
          Callers(cluster, pod, SPACE, f"worker.{SPACE}", "who/open") as kept):
        served(load, 50)
        kept.served(50)
        put_bundle(cluster, ca_crt=old + root)
        served(load, 300)
        put_bundle(cluster, issuer_crt=issuer, issuer_key=key)
        for release in (worker, good):
            wait(lambda release=release: "rotated" in shown_by(release), 120, "a certificate of the new root")
        served(load, 50)
        put_bundle(cluster, ca_crt=root)
        served(load, 300)
        kept.served(300)
    print(f"{load.calls} calls while the root was replaced; kept: {kept.last}")
    assert not load.failures, load.failures[:5]
    assert not kept.last["failures"], kept.last["failures"][:5]
    assert kept.last["connections"] == 2, "a connection of the application's was given up"
    assert all(release.restarts() == 0 for release in callers.values())
