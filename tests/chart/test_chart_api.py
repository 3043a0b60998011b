"""The chart against a real kube-apiserver: everything it renders is accepted, releases live and end as
they should, and the rights it gives reach as far as docs/security.md says."""

import base64
import json
import pathlib
from collections.abc import Iterator
from typing import Any

import public_chart
import pytest
import yaml
from harness import kube_api
from harness.kube_api import KubeApi, KubeError
from harness.poll import wait_for
from helm import CHART, REQUIRED, SUITES, program, render, run, settings

RELEASE = "one-dapr-shared-chart"

# What the chart makes of kinds that others define; enough of them for the API to take it.
FOREIGN = [
    ("keda.sh", "v1alpha1", "ScaledObject", "scaledobjects"),
    ("monitoring.coreos.com", "v1", "ServiceMonitor", "servicemonitors"),
]

BOTH = ("daemonset", "deployment")
VARIANTS: dict[str, dict[str, object]] = {
    "defaults": {},
    "tokens": {"shared.daprd.generateToken": "true", "shared.generateAppToken": "true"},
    "an app elsewhere": {"shared.remoteURL": "app.backend.svc", "shared.endpointSlices.force": "true"},
    "a mounted bundle": {"shared.controlPlane.trustAnchors.source": "configMap"},
    "headless": {"shared.service.headless": "true"},
    "published": {"shared.service.type": "LoadBalancer", "shared.service.ports.http": "80"},
    "zones": {"shared.service.locality": "preferClose"},
    "the default account": {"shared.serviceAccount.create": "false"},
    "several": {"shared.deployment.replicas": "3"},
    "an autoscaler": {"shared.autoscaling.enabled": "true"},
    "an init container": {"shared.initContainer.enabled": "true"},
    "a worker node": {"shared.scheduling.controlPlaneNodes": "false"},
    "secrets": {"shared.secretStore.secrets": "{redis,orders}"},
    "KEDA and Prometheus": {
        "shared.keda.enabled": "true", "shared.keda.scaleTargetRef.name": "nodeapp",
        "shared.serviceMonitor.enabled": "true",
        "shared.networkPolicy.metricsFrom[0].namespaceSelector.matchLabels.a": "b",
    },
    "ports of the node": {"shared.daemonset.hostPorts.http": "3500", "shared.scheduling.hostNetwork": "true"},
}  # fmt: skip


def definition(group: str, version: str, kind: str, plural: str) -> dict[str, Any]:
    schema = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    return {
        "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{plural}.{group}"},
        "spec": {
            "group": group, "scope": "Namespaced",
            "names": {"kind": kind, "plural": plural, "singular": kind.lower()},
            "versions": [{"name": version, "served": True, "storage": True,
                          "schema": {"openAPIV3Schema": schema}}],
        },
    }  # fmt: skip


@pytest.fixture(scope="module")
def api() -> Iterator[KubeApi]:
    if why := kube_api.missing():
        pytest.skip(why)
    with KubeApi() as cluster:
        for kind in FOREIGN:
            cluster.apply(definition(*kind))
            path = f"/apis/{kind[0]}/{kind[1]}/{kind[3]}"
            wait_for(lambda path=path: cluster.server.call("GET", path)[0] == 200, 10, path)
        for name in ("shop", "backend", "dapr-system"):
            cluster.namespace(name)
        cluster.apply(
            {"apiVersion": "v1", "kind": "ConfigMap", "data": {"ca.crt": "root"},
             "metadata": {"name": "dapr-trust-bundle", "namespace": "dapr-system"}},
            {"apiVersion": "v1", "kind": "Secret", "stringData": {"issuer.key": "private"},
             "metadata": {"name": "dapr-trust-bundle", "namespace": "dapr-system"}},
        )  # fmt: skip
        yield cluster


class Releases:
    """Helm with the rights of the cluster's administrator."""

    def __init__(self, api: KubeApi, folder: pathlib.Path):
        self.config = api.kubeconfig()
        self.homes = {f"HELM_{name}_HOME": str(folder / name) for name in ("CACHE", "CONFIG", "DATA")}

    def helm(self, *words: object, ok: bool = True) -> str:
        done = run(program("helm"), *words, "--kubeconfig", self.config, env=self.homes)
        assert (done.returncode == 0) == ok, done.stdout + done.stderr
        return done.stdout + done.stderr

    def install(self, name: str, namespace: str, values: dict[str, object] | None = None, *more: object) -> str:
        given = settings({**REQUIRED, **(values or {})})
        return self.helm("upgrade", "--install", name, CHART, "--namespace", namespace, *given, *more)


@pytest.fixture
def releases(api: KubeApi, tmp_path: pathlib.Path) -> Releases:
    return Releases(api, tmp_path)


def everything(api: KubeApi) -> set[str]:
    """Kind, namespace and name of all that a chart could leave anywhere."""
    found = set()
    for group in ("v1", "apps/v1", "rbac.authorization.k8s.io/v1", "networking.k8s.io/v1", "policy/v1",
                  "autoscaling/v2", "discovery.k8s.io/v1", "keda.sh/v1alpha1", "monitoring.coreos.com/v1"):  # fmt: skip
        root = f"/api/{group}" if group == "v1" else f"/apis/{group}"
        for resource in api.request("GET", root)["resources"]:
            if "list" not in resource["verbs"] or resource["kind"] == "Event":
                continue
            for item in api.request("GET", f"{root}/{resource['name']}")["items"]:
                meta = item["metadata"]
                found.add(f"{resource['kind']} {meta.get('namespace', '')} {meta['name']}")
    return found


def dry_run(api: KubeApi, document: dict[str, Any], namespace: str = "shop") -> None:
    document["metadata"].setdefault("namespace", namespace)
    path = api.path(document["apiVersion"], document["kind"], document["metadata"]["namespace"])
    api.request("POST", path + "?dryRun=All&fieldValidation=Strict", document)


@pytest.mark.parametrize("strategy", BOTH)
@pytest.mark.parametrize("variant", VARIANTS)
def test_the_api_takes_everything(api: KubeApi, strategy: str, variant: str) -> None:
    rendered = render({"shared.strategy": strategy, **VARIANTS[variant]})
    assert any(one["kind"].lower() == strategy for one in rendered)
    for document in rendered:
        dry_run(api, document)


@pytest.mark.parametrize("strategy", BOTH)
def test_the_api_takes_the_public_charts_values(api: KubeApi, strategy: str) -> None:
    for document in render({"shared.strategy": strategy}, "-f", SUITES / "public_values.yaml"):
        dry_run(api, document)


@pytest.mark.parametrize("strategy", BOTH)
def test_b7_pods_are_allowed_where_pod_security_is_restricted(api: KubeApi, strategy: str) -> None:
    label = {"pod-security.kubernetes.io/enforce": "restricted"}
    api.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "strict", "labels": label}})

    def pods(values: dict[str, object]) -> Iterator[dict[str, Any]]:
        for one in render({"shared.strategy": strategy, **values}, namespace="strict"):
            template = one["spec"]["template"] if one["kind"] in ("DaemonSet", "Deployment") else one
            if one["kind"] in ("DaemonSet", "Deployment", "Pod"):
                meta = {**template["metadata"], "name": f"{one['kind'].lower()}-pod"}
                yield {"apiVersion": "v1", "kind": "Pod", "metadata": meta, "spec": template["spec"]}

    for pod in [*pods({}), *pods({"shared.initContainer.enabled": "true"})]:
        dry_run(api, pod, "strict")
    with pytest.raises(KubeError, match="violates PodSecurity"):
        for pod in pods({"shared.scheduling.hostNetwork": "true"}):
            dry_run(api, pod, "strict")


@pytest.mark.parametrize("strategy", BOTH)
def test_install_upgrade_roll_back_uninstall_leaves_nothing(
    api: KubeApi, releases: Releases, strategy: str
) -> None:
    before = everything(api)
    tokens: dict[str, object] = {"shared.strategy": strategy, "shared.daprd.generateToken": "true"}
    notes = releases.install("one", "shop", tokens)
    for word in ("DAPR_HTTP_ENDPOINT", "http://nodeapp-dapr.shop.svc.cluster.local:3500", "DAPR_API_TOKEN"):
        assert word in notes
    first = api.get("v1", "Secret", RELEASE, "shop")["data"]["dapr-api-token"]
    assert len(base64.b64decode(first)) == 40

    # What the runtime has remembered stays.
    discovery = {"apiVersion": "v1", "kind": "ConfigMap",
                 "metadata": {"name": f"{RELEASE}-discovery", "namespace": "shop"}}  # fmt: skip
    api.patch(discovery, {"data": {"nodeapp": "[]"}})
    releases.install("one", "shop", {**tokens, "shared.log.level": "debug"})
    assert api.get("v1", "Secret", RELEASE, "shop")["data"]["dapr-api-token"] == first
    assert api.get("v1", "ConfigMap", f"{RELEASE}-discovery", "shop")["data"] == {"nodeapp": "[]"}

    releases.install("one", "shop", {**tokens, "shared.daprd.tokenRevision": "2"})
    second = api.get("v1", "Secret", RELEASE, "shop")["data"]["dapr-api-token"]
    assert second != first

    releases.helm("rollback", "one", "1", "--namespace", "shop")
    assert api.get("v1", "Secret", RELEASE, "shop")["data"]["dapr-api-token"] == first
    releases.helm("uninstall", "one", "--namespace", "shop")
    assert everything(api) == before


def test_a16_two_releases_of_one_name_in_two_namespaces(api: KubeApi, releases: Releases) -> None:
    before = everything(api)
    for namespace in ("shop", "backend"):
        releases.install("one", namespace)
    assert api.get("apps/v1", "DaemonSet", RELEASE, "shop")
    assert api.get("apps/v1", "DaemonSet", RELEASE, "backend")
    for namespace in ("shop", "backend"):
        releases.helm("uninstall", "one", "--namespace", namespace)
    assert everything(api) == before


@pytest.mark.parametrize("strategy", BOTH)
def test_a_release_of_the_public_chart_is_upgraded_in_place_and_rolled_back(
    api: KubeApi, releases: Releases, tmp_path: pathlib.Path, strategy: str
) -> None:
    before = everything(api)
    values = ("--namespace", "shop", "-f", SUITES / "public_values.yaml", "--set", f"shared.strategy={strategy}")
    kind = {"daemonset": "DaemonSet", "deployment": "Deployment"}[strategy]
    releases.helm("install", "one", public_chart.make(tmp_path / "public"), *values)
    left = {"apiVersion": "v1", "kind": "ConfigMap", "data": {"dapr-cert-key": "key"},
            "metadata": {"name": "one-shared-cm", "namespace": "shop"}}  # fmt: skip
    api.apply(left)
    old = {name: api.get(*name, "shop")["metadata"]["uid"]
           for name in (("apps/v1", kind, RELEASE), ("v1", "Service", "nodeapp-dapr"))}  # fmt: skip

    notes = releases.helm("upgrade", "one", CHART, *values)
    assert "PRIVATE KEY" in notes and "Dapr's own daprd" in notes and "mTLS between runtimes is off" in notes
    assert {name: api.get(*name, "shop")["metadata"]["uid"] for name in old} == old
    assert "initContainers" not in api.get("apps/v1", kind, RELEASE, "shop")["spec"]["template"]["spec"]
    assert not [one for one in api.all_of("rbac.authorization.k8s.io/v1", "ClusterRole")
                if one["metadata"]["name"].startswith("one-")]  # fmt: skip
    api.delete(left)
    notes = releases.helm("upgrade", "one", CHART, *values, "--set", "shared.daprd.image.registry=team",
                          "--set", "shared.daprd.image.tag=1.18.3")
    assert "PRIVATE KEY" not in notes and "Dapr's own daprd" not in notes

    releases.helm("rollback", "one", "1", "--namespace", "shop")
    assert "initContainers" in api.get("apps/v1", kind, RELEASE, "shop")["spec"]["template"]["spec"]
    releases.helm("uninstall", "one", "--namespace", "shop")
    assert everything(api) == before


def test_a11_and_the_roots_are_read_from_the_control_plane(api: KubeApi, releases: Releases) -> None:
    name = {"name": "daprsystem", "namespace": "dapr-system"}
    config = {"apiVersion": "dapr.io/v1alpha1", "kind": "Configuration", "metadata": name}
    for enabled in (True, False):
        mtls = {"enabled": enabled, "controlPlaneTrustDomain": "cluster.local", "sentryAddress": "sentry"}
        api.apply({**config, "spec": {"mtls": mtls}})
        releases.install("one", "shop", {"shared.controlPlane.trustAnchors.source": "value"})
        spec = api.get("apps/v1", "DaemonSet", RELEASE, "shop")["spec"]["template"]["spec"]
        assert f"--enable-mtls={json.dumps(enabled)}" in spec["containers"][0]["args"]
        assert {"name": "DAPR_TRUST_ANCHORS", "value": "root"} in spec["containers"][0]["env"]
    api.delete(config)
    releases.helm("uninstall", "one", "--namespace", "shop")


def test_the_patch_of_the_notes_tells_the_app(api: KubeApi, releases: Releases) -> None:
    labels, container = {"app": "nodeapp"}, {"name": "app", "image": "localhost/app"}
    app = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "nodeapp", "namespace": "shop"},
           "spec": {"selector": {"matchLabels": labels}, "template": {
               "metadata": {"labels": labels},
               "spec": {"containers": [{**container, "env": [{"name": "OWN", "value": "1"}]}]}}}}  # fmt: skip
    api.apply(app)
    notes = releases.install("one", "shop", {"shared.daprd.generateToken": "true", "shared.appToken": "x"})
    patch = yaml.safe_load(
        notes[notes.index("spec:\n  template:"):notes.index("  kubectl -n shop patch")].replace("CONTAINER", "app"))
    path = api.path("apps/v1", "Deployment", "shop", "nodeapp")
    patched = api.request("PATCH", path, patch, content_type="application/strategic-merge-patch+json")
    [found] = patched["spec"]["template"]["spec"]["containers"]
    assert found["image"] == "localhost/app"
    assert {one["name"] for one in found["env"]} == {
        "OWN", "DAPR_HTTP_ENDPOINT", "DAPR_GRPC_ENDPOINT", "DAPR_API_TOKEN", "APP_API_TOKEN"}  # fmt: skip
    api.delete(app)
    releases.helm("uninstall", "one", "--namespace", "shop")


def test_rights_end_at_what_is_the_releases_own(api: KubeApi, releases: Releases) -> None:
    """B1, B2, B4: what the account of a release may and may not do, asked of the API itself."""
    api.apply({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "redis", "namespace": "shop"}})
    releases.install("one", "shop", {"shared.secretStore.secrets": "{redis}"})
    token = api.token(RELEASE, "shop")
    bundle = "/api/v1/namespaces/dapr-system/configmaps"

    def code(method: str, path: str, body: Any = None, kind: str = "application/json") -> int:
        return api.server.call(method, path, body, token=token, content_type=kind)[0]

    apply = "application/apply-patch+yaml"
    cache = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": f"{RELEASE}-discovery"},
             "data": {"nodeapp": "[]"}}  # fmt: skip
    allowed = [
        ("GET", f"{bundle}/dapr-trust-bundle", None),
        ("GET", f"{bundle}?fieldSelector=metadata.name%3Ddapr-trust-bundle", None),
        ("GET", f"/api/v1/namespaces/shop/configmaps/{RELEASE}-discovery", None),
        ("PATCH", f"/api/v1/namespaces/shop/configmaps/{RELEASE}-discovery?fieldManager=daprd", cache),
        ("GET", "/apis/discovery.k8s.io/v1/namespaces/shop/endpointslices", None),
        ("GET", "/api/v1/namespaces/shop/services/nodeapp", None),
        ("GET", "/api/v1/namespaces/shop/secrets/redis", None),
    ]
    refused = [
        ("GET", "/api/v1/namespaces/dapr-system/secrets/dapr-trust-bundle"),
        ("GET", "/api/v1/namespaces/dapr-system/secrets"),
        ("GET", bundle),
        ("GET", f"/api/v1/namespaces/shop/secrets/{RELEASE}"),
        ("GET", "/api/v1/namespaces/shop/secrets"),
        ("GET", "/api/v1/secrets"),
        ("GET", "/api/v1/namespaces/shop/configmaps"),
        ("DELETE", f"/api/v1/namespaces/shop/configmaps/{RELEASE}-discovery"),
        ("POST", "/api/v1/namespaces/shop/configmaps"),
        ("GET", "/api/v1/namespaces/shop/pods"),
        ("GET", "/api/v1/namespaces/shop/services"),
        ("GET", "/apis/discovery.k8s.io/v1/namespaces/backend/endpointslices"),
    ]
    for method, path, body in allowed:
        assert code(method, path, body, apply if body else "application/json") in (200, 404), path
    for method, path in refused:
        assert code(method, path, cache if method == "POST" else None) == 403, path
    releases.helm("uninstall", "one", "--namespace", "shop")
