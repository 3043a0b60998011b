"""What another pod and another namespace can do to an instance: nothing without its token or an identity.
Each refusal is by a mechanism that docs/security.md names. This cluster's network enforces no
NetworkPolicy, so of those the objects are looked at."""

import inspect
import json
import re
from collections.abc import Iterator

import pytest
from kit import apps, peers
from kit.cluster import Cluster, wait
from kit.release import Release

CLUSTER = "shared"
SPACE, OTHER = "guarded", "neighbours"
HTTP = """
import sys, urllib.request, urllib.error
url, token = sys.argv[1:]
try:
    answer = urllib.request.urlopen(urllib.request.Request(url, headers={"dapr-api-token": token}), timeout=5)
    print(answer.status, answer.read().decode()[:500])
except urllib.error.HTTPError as refusal:
    print(refusal.code, refusal.read().decode()[:500])
"""
GRPC = """
import sys, grpc
from dapr.proto import api_v1, api_service_v1
address, token = sys.argv[1:]
channel = grpc.insecure_channel(address)
try:
    request = api_v1.GetStateRequest(store_name="statestore", key="k")
    found = api_service_v1.DaprStub(channel).GetState(request, timeout=5, metadata=[("dapr-api-token", token)])
    print("OK", found.data.decode())
except grpc.RpcError as refusal:
    print(refusal.code().name)
"""
# The functions of kit/peers.py, for a pod that has only Python.
PEER = "\n".join([
    "import pathlib, socket, ssl, sys", f"PREFACE = {peers.PREFACE!r}",
    *(inspect.getsource(function) for function in (peers.plain, peers.context, peers.over_tls)),
    "print(plain(sys.argv[1], 50002), over_tls(sys.argv[1], 50002))",
])


@pytest.fixture(scope="module")
def shared(cluster: Cluster) -> Iterator[Release]:
    """In a namespace that admits only what Pod Security "restricted" does."""
    cluster.namespace(SPACE, **{"pod-security.kubernetes.io/enforce": "restricted"})
    cluster.namespace(OTHER)
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "treasure"},
              "stringData": {"gold": "lots-of-it"}}
    cluster.apply(secret, *apps.redis(), *apps.redis_components(SPACE), *apps.worker(), apps.tool(),
                  namespace=SPACE)
    cluster.apply(apps.tool(), namespace=OTHER)
    cluster.serves("redis", SPACE, 6379)
    release = Release(cluster, SPACE, "worker", 8080, "deployment",
                      values={"shared": {"daprd": {"generateToken": True}}}).install()
    for space in (SPACE, OTHER):
        cluster.rolled_out("deploy/tool", space)
    body = json.dumps([{"key": "k", "value": "private"}]).encode()
    wait(lambda: release.call("POST", "/v1.0/state/statestore", body).status == 204, 30)
    yield release


def tool(cluster: Cluster, space: str) -> str:
    return cluster.pods(space, "app=tool")[0]["metadata"]["name"]


@pytest.mark.parametrize("space", [SPACE, OTHER])
def test_the_api_asks_for_the_token(cluster: Cluster, shared: Release, space: str) -> None:
    at = f"{shared.service}.{SPACE}.svc.cluster.local"
    pod = tool(cluster, space)
    for path in ("metadata", "state/statestore/k", "secrets/kubernetes/treasure", "secrets/kubernetes/bulk"):
        for token in ("", "guess", shared.token()[:-1]):
            seen = cluster.python(pod, space, HTTP, f"http://{at}:3500/v1.0/{path}", token)
            assert seen.startswith("401 "), (path, seen)
    for token in ("", "guess", shared.token()[:-1]):
        assert cluster.python(pod, space, GRPC, f"{at}:50001", token).strip() == "UNAUTHENTICATED", token
    assert cluster.python(pod, space, GRPC, f"{at}:50001", shared.token()).strip() == 'OK "private"'


def test_not_even_the_token_opens_secrets(cluster: Cluster, shared: Release) -> None:
    """Of this namespace and of the control plane's: there is no secret store unless a release asks for one."""
    assert b"private" in shared.call("GET", "/v1.0/state/statestore/k").body
    for query in ("", "?metadata.namespace=dapr-system", f"?metadata.namespace={SPACE}"):
        for name in ("treasure", "dapr-trust-bundle", "bulk"):
            answer = shared.call("GET", f"/v1.0/secrets/kubernetes/{name}{query}")
            assert answer.status >= 400, (name, query, answer)


def test_what_the_release_may_do_in_kubernetes(cluster: Cluster, shared: Release) -> None:
    account = shared.pods()[0]["spec"]["serviceAccountName"]

    def may(verb: str, what: str, space: str) -> bool:
        words = ["-n", space, "auth", "can-i", verb, what, f"--as=system:serviceaccount:{SPACE}:{account}"]
        return cluster.kubectl(*words, check=False).startswith("yes")

    for space in (SPACE, OTHER, "dapr-system", "default"):
        for verb in ("get", "list", "watch"):
            assert not may(verb, "secrets", space), (verb, space)
        assert not may("list", "configmaps", space) and not may("create", "pods", space)
    assert not may("get", "secret/treasure", SPACE)
    assert not may("get", "secret/dapr-trust-bundle", "dapr-system")
    assert may("get", "configmap/dapr-trust-bundle", "dapr-system")


def test_the_port_for_other_runtimes_asks_for_an_identity(cluster: Cluster, shared: Release) -> None:
    address = shared.pods()[0]["status"]["podIP"]
    assert cluster.networks[1].run(peers.plain, address, 50002) == "closed"
    assert cluster.networks[1].run(peers.over_tls, address, 50002) == "refused"
    for space in (SPACE, OTHER):
        assert cluster.python(tool(cluster, space), space, PEER, address).strip() == "closed refused", space


def test_the_port_of_probes_tells_names_and_counts_alone(cluster: Cluster, shared: Release) -> None:
    """Nobody asks for a token there, so this is what a cluster without NetworkPolicies shows to every pod."""
    address = shared.pods()[0]["status"]["podIP"]
    network = cluster.networks[1]
    assert network.http(address, 3501, "GET", "/v1.0/healthz").status == 204
    for path in ("state/statestore/k", "secrets/kubernetes/treasure", "invoke/worker/method/who"):
        assert network.http(address, 3501, "GET", f"/v1.0/{path}").status == 404
    pod = tool(cluster, OTHER)
    assert cluster.python(pod, OTHER, GRPC, f"{address}:3501", shared.token()).strip() == "UNIMPLEMENTED"
    told = network.http(address, 3501, "GET", "/v1.0/metadata").body.decode()
    assert "statestore" in told
    for value in (shared.token(), f"redis.{SPACE}", "private", "lots-of-it"):
        assert value not in told, value

    def scaler(app_id: str) -> str:
        return cluster.kubectl("-n", OTHER, "exec", pod, "--", "/usr/local/bin/keda", f"{address}:3501",
                               "GetMetrics", f"appId={app_id}", check=False)

    assert re.match(r'{"float":0,"name":"[^"]+","value":0}', scaler("worker")), scaler("worker")
    assert '"code":"NotFound"' in scaler("stranger"), scaler("stranger")


def test_network_policies_name_who_may_connect(cluster: Cluster, shared: Release) -> None:
    policies = cluster.json("-n", SPACE, "get", "networkpolicies")["items"]
    [pod] = shared.pods()
    labels = pod["metadata"]["labels"]
    chosen = [policy["spec"] for policy in policies
              if policy["spec"]["podSelector"].get("matchLabels", {}).items() <= labels.items()]
    assert chosen and all("Ingress" in policy["policyTypes"] for policy in chosen)
    rules = [rule for policy in chosen for rule in policy.get("ingress", [])]
    assert all(rule.get("ports") and rule.get("from") for rule in rules), "a rule lets everybody in"
    opened = {port["port"] for rule in rules for port in rule["ports"]}
    assert opened == {3500, 50001, 50002}, "metrics and probes are open to nobody else"
    [api] = [rule for rule in rules if {port["port"] for port in rule["ports"]} == {3500, 50001}]
    assert api["from"] == [{"podSelector": {}}], "the APIs are for this namespace alone"


def test_the_pod_is_restricted(shared: Release) -> None:
    [pod] = shared.pods()
    [container] = pod["spec"]["containers"]
    context = {**pod["spec"].get("securityContext", {}), **container["securityContext"]}
    assert context["runAsNonRoot"] and context["readOnlyRootFilesystem"]
    assert context["allowPrivilegeEscalation"] is False and context["capabilities"]["drop"] == ["ALL"]
    assert container["resources"]["limits"]["memory"] and container["resources"]["requests"]
