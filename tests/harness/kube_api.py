"""The Kubernetes API as the tests need it: a real etcd and a real kube-apiserver on loopback, without
nodes or controllers. What is stored is served, watched, checked against its schema and guarded by RBAC;
nothing runs. `with KubeApi() as api:` takes about four seconds; share one in a module."""

import base64
import contextlib
import http.client
import itertools
import json
import os
import pathlib
import secrets
import socket
import ssl
import subprocess
import tempfile
from typing import Any, Self
from urllib.parse import quote

import yaml

from .certs import Authority, _openssl
from .paths import LOGS, ROOT, tool
from .poll import wait_for
from .ports import free_port
from .servers import Server

BINARIES = ROOT / ".tools" / "cluster" / "bin"
CHART_MODULE = ROOT / "tests" / "e2e" / "cluster" / "dapr"
ISSUER = "https://kubernetes.default.svc.cluster.local"
_numbers = itertools.count(1)


def control_plane_binary(name: str) -> pathlib.Path:
    """kube-apiserver, kubectl, dapr/sentry and so on, as set-up built them."""
    if not (BINARIES / name).exists():
        raise FileNotFoundError(f"no {name} in {BINARIES}: run tools/setup.sh test")
    return BINARIES / name


def chart_folder() -> pathlib.Path:
    """Dapr's own Helm chart: part of the Go module that the control plane is built from."""
    go = {**os.environ, "GOWORK": "off", "GOFLAGS": "-mod=readonly"}
    module = "github.com/dapr/dapr"
    found = subprocess.run(
        ["go", "list", "-m", "-f", "{{.Dir}}", module],
        cwd=CHART_MODULE, env=go, capture_output=True, text=True, check=True,
    ).stdout.strip()
    if not found:
        subprocess.run(["go", "mod", "download", module], cwd=CHART_MODULE, env=go, check=True)
        return chart_folder()
    return pathlib.Path(found) / "charts" / "dapr"


def dapr_crds() -> list[dict[str, Any]]:
    """Dapr's resource definitions. Subscriptions of v1alpha1 need the operator's webhook, which nobody
    reaches here: use v2alpha1."""
    files = sorted((chart_folder() / "crds").glob("*.yaml"))
    return [one for file in files for one in yaml.safe_load_all(file.read_text()) if one]


class KubeError(AssertionError):
    """The API refused: `code` is the HTTP status, the text its message."""

    def __init__(self, code: int, message: str):
        super().__init__(f"{code}: {message}")
        self.code = code


class _Kept(Server):
    """Its log outlives it: what a failed test leaves behind."""

    def __init__(self) -> None:
        super().__init__()
        folder = LOGS / "kube"
        folder.mkdir(parents=True, exist_ok=True)
        self.log = folder / f"{self.name}-{os.getpid()}-{next(_numbers)}.log"
        self.log.unlink(missing_ok=True)


class Etcd(_Kept):
    name = "etcd"

    def __init__(self) -> None:
        super().__init__()
        self.peer_port = free_port()

    @property
    def url(self) -> str:
        return f"http://{self.host}:{self.port}"

    def command(self) -> list[str]:
        peer = f"http://{self.host}:{self.peer_port}"
        return [
            tool("etcd") or "/usr/bin/etcd", f"--data-dir={self.folder / 'data'}", "--unsafe-no-fsync",
            f"--listen-client-urls={self.url}", f"--advertise-client-urls={self.url}",
            f"--listen-peer-urls={peer}", f"--initial-advertise-peer-urls={peer}",
            f"--initial-cluster=default={peer}", "--log-level=warn",
        ]  # fmt: skip

    def answers(self) -> bool:
        connection = http.client.HTTPConnection(self.host, self.port, timeout=2)
        with contextlib.closing(connection):
            connection.request("GET", "/health")
            return connection.getresponse().status == 200


class KubeApiServer(_Kept):
    """kube-apiserver over an etcd that runs already. Killed, paused and started again like any Server;
    its port, keys and what is stored stay."""

    name = "kube-apiserver"

    def __init__(self, etcd: Etcd, flags: tuple[str, ...] = ()):
        super().__init__()
        self.etcd, self.flags = etcd, flags
        self.authority = Authority.make(self.folder / "tls")
        self.certificate, self.key = self.authority.sign("apiserver", "kube-apiserver")
        _openssl(self.folder / "tls", "genrsa", "-out", "sa.key", "2048")
        _openssl(self.folder / "tls", "rsa", "-in", "sa.key", "-pubout", "-out", "sa.pub")
        self.tokens: dict[str, str] = {}
        self.add_user("admin", "system:masters")

    def add_user(self, name: str, groups: str = "") -> str:
        """A user with a token for ever; before the start."""
        self.tokens[name] = secrets.token_hex(16)
        with open(self.folder / "tokens.csv", "a") as file:
            file.write(f'{self.tokens[name]},{name},{name},"{groups}"\n')
        return self.tokens[name]

    def command(self) -> list[str]:
        tls = self.folder / "tls"
        return [
            str(control_plane_binary("kube-apiserver")), f"--etcd-servers={self.etcd.url}",
            f"--bind-address={self.host}", f"--advertise-address={self.host}",
            f"--secure-port={self.port}", "--service-cluster-ip-range=10.96.0.0/16",
            "--endpoint-reconciler-type=none", "--authorization-mode=RBAC",
            f"--token-auth-file={self.folder / 'tokens.csv'}",
            f"--client-ca-file={self.authority.certificate}",
            f"--tls-cert-file={self.certificate}", f"--tls-private-key-file={self.key}",
            f"--service-account-issuer={ISSUER}", f"--service-account-key-file={tls / 'sa.pub'}",
            f"--service-account-signing-key-file={tls / 'sa.key'}",
            # Pods are made here without the controllers that give namespaces their default account.
            "--disable-admission-plugins=ServiceAccount", "--profiling=false",
            "--enable-priority-and-fairness=false", "--max-requests-inflight=100",
            "--max-mutating-requests-inflight=100", "--shutdown-delay-duration=0s",
            *self.flags,
        ]  # fmt: skip

    def answers(self) -> bool:
        status, _ = self.call("GET", "/readyz", timeout=2)
        return status == 200

    def call(
        self, method: str, path: str, body: Any = None, *, token: str = "", timeout: float = 10.0,
        content_type: str = "application/json",
    ) -> tuple[int, bytes]:
        context = self.authority.client_context()
        connection = http.client.HTTPSConnection(self.host, self.port, timeout=timeout, context=context)
        headers = {"Authorization": f"Bearer {token or self.tokens['admin']}", "Accept": "application/json"}
        data = None
        if body is not None:
            data = json.dumps(body).encode()
            headers["Content-Type"] = content_type
        with contextlib.closing(connection):
            connection.request(method, path, data, headers)
            answer = connection.getresponse()
            return answer.status, answer.read()


class KubeApi:
    """`with KubeApi() as api: api.apply({...})`. With `crds` Dapr's kinds are there as well."""

    def __init__(self, *, crds: bool = True, flags: tuple[str, ...] = ()):
        self.crds, self.flags = crds, flags
        self.stack = contextlib.ExitStack()
        self._kinds: dict[tuple[str, str], tuple[str, bool]] = {}

    def __enter__(self) -> Self:
        try:
            self.etcd = self.stack.enter_context(Etcd())
            self.server = self.stack.enter_context(KubeApiServer(self.etcd, self.flags))
            self.folder = pathlib.Path(
                self.stack.enter_context(tempfile.TemporaryDirectory(prefix="kube-test-")))
            self.folder.chmod(0o755)
            self.apply(_namespace("default"))
            if self.crds:
                self.install_crds()
        except BaseException:
            self.stack.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.stack.close()

    @property
    def host(self) -> str:
        return self.server.host

    @property
    def port(self) -> int:
        return self.server.port

    @property
    def url(self) -> str:
        return f"https://{self.host}:{self.port}"

    @property
    def ca(self) -> pathlib.Path:
        return self.server.authority.certificate

    # Requests.
    def request(self, method: str, path: str, body: Any = None, **more: Any) -> dict[str, Any]:
        """One request as the cluster's administrator; KubeError unless the answer is 2xx."""
        status, answer = self.server.call(method, path, body, **more)
        try:
            document = json.loads(answer or b"{}")
        except ValueError:
            document = {"message": answer.decode(errors="replace")}
        if status >= 300:
            raise KubeError(status, document.get("message", ""))
        return document

    def path(self, api_version: str, kind: str, namespace: str = "", name: str = "") -> str:
        plural, namespaced = self._kind(api_version, kind)
        root = f"/apis/{api_version}" if "/" in api_version else f"/api/{api_version}"
        middle = f"/namespaces/{namespace or 'default'}" if namespaced else ""
        return f"{root}{middle}/{plural}" + (f"/{quote(name)}" if name else "")

    def _kind(self, api_version: str, kind: str) -> tuple[str, bool]:
        if (api_version, kind) not in self._kinds:
            root = f"/apis/{api_version}" if "/" in api_version else f"/api/{api_version}"
            for resource in self.request("GET", root)["resources"]:
                if "/" not in resource["name"]:
                    self._kinds[api_version, resource["kind"]] = (resource["name"], resource["namespaced"])
        return self._kinds[api_version, kind]

    def _path_of(self, document: dict[str, Any]) -> str:
        meta = document["metadata"]
        return self.path(document["apiVersion"], document["kind"], meta.get("namespace", ""), meta["name"])

    # Objects.
    def apply(self, *documents: dict[str, Any] | str) -> dict[str, Any]:
        """Makes or changes objects (dicts, or YAML with any number of documents) by server-side apply;
        the last one as the server has it."""
        out: dict[str, Any] = {}
        for given in documents:
            for document in yaml.safe_load_all(given) if isinstance(given, str) else [given]:
                if document:
                    out = self.request(
                        "PATCH", self._path_of(document) + "?fieldManager=tests&force=true", document,
                        content_type="application/apply-patch+yaml",
                    )  # fmt: skip
        return out

    def get(self, api_version: str, kind: str, name: str, namespace: str = "") -> dict[str, Any]:
        return self.request("GET", self.path(api_version, kind, namespace, name))

    def all_of(self, api_version: str, kind: str, namespace: str = "") -> list[dict[str, Any]]:
        return self.request("GET", self.path(api_version, kind, namespace))["items"]

    def delete(self, document: dict[str, Any]) -> None:
        """By apiVersion, kind and metadata; at once, and no error if it is not there."""
        try:
            self.request("DELETE", self._path_of(document) + "?gracePeriodSeconds=0")
        except KubeError as error:
            if error.code != 404:
                raise

    def patch(self, document: dict[str, Any], change: dict[str, Any]) -> dict[str, Any]:
        """JSON merge patch of the object that `document` names."""
        return self.request(
            "PATCH", self._path_of(document), change, content_type="application/merge-patch+json")

    def status(self, document: dict[str, Any], status: dict[str, Any]) -> dict[str, Any]:
        """Sets its status, as its controller would."""
        return self.request(
            "PATCH", self._path_of(document) + "/status", {"status": status},
            content_type="application/merge-patch+json",
        )  # fmt: skip

    def install_crds(self) -> None:
        definitions = dapr_crds()
        self.apply(*definitions)
        for definition in definitions:
            self._served(definition)

    def _served(self, definition: dict[str, Any]) -> None:
        spec = definition["spec"]
        for version in spec["versions"]:
            path = f"/apis/{spec['group']}/{version['name']}/{spec['names']['plural']}"
            wait_for(lambda path=path: "items" in self.request("GET", path), 10, path)

    def namespace(self, name: str) -> str:
        self.apply(_namespace(name))
        return name

    # Identities.
    def service_account(
        self, name: str, namespace: str = "default", rules: list[dict[str, Any]] | None = None,
        in_namespaces: tuple[str, ...] = (), cluster: bool = False,
    ) -> None:
        """An account, allowed what `rules` say in its own namespace and in `in_namespaces`, or, with
        `cluster`, everywhere."""
        self.apply(
            {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": name, "namespace": namespace}}
        )
        group = "rbac.authorization.k8s.io"
        kinds = ("ClusterRole", "ClusterRoleBinding") if cluster else ("Role", "RoleBinding")
        subject = {"kind": "ServiceAccount", "name": name, "namespace": namespace}
        for place in ("",) if cluster else (namespace, *in_namespaces):
            meta = {"name": f"{namespace}-{name}", **({"namespace": place} if place else {})}
            for kind, content in zip(kinds, ({"rules": rules or []}, {
                "roleRef": {"apiGroup": group, "kind": kinds[0], "name": meta["name"]},
                "subjects": [subject],
            }), strict=True):  # fmt: skip
                self.apply({"apiVersion": f"{group}/v1", "kind": kind, "metadata": meta, **content})

    def token(
        self, account: str, namespace: str = "default", *, audience: str | None = None,
        pod: dict[str, Any] | None = None, seconds: int = 3600,
    ) -> str:
        """A token of the account by TokenRequest; `pod` (as applied) binds it to that pod. Without an
        audience it is one for the API server."""
        spec: dict[str, Any] = {"expirationSeconds": seconds, "audiences": [audience] if audience else []}
        if pod:
            spec["boundObjectRef"] = {
                "apiVersion": "v1", "kind": "Pod", "name": pod["metadata"]["name"],
                "uid": pod["metadata"]["uid"],
            }  # fmt: skip
        path = self.path("v1", "ServiceAccount", namespace, account) + "/token"
        body = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": spec}
        return str(self.request("POST", path, body)["status"]["token"])

    def pod(
        self, name: str, namespace: str = "default", *, account: str = "default",
        annotations: dict[str, str] | None = None, labels: dict[str, str] | None = None,
    ) -> dict[str, Any]:
        """A pod that nobody runs; tokens can be bound to it."""
        return self.apply({
            "apiVersion": "v1", "kind": "Pod",
            "metadata": {"name": name, "namespace": namespace, "annotations": annotations or {},
                         "labels": labels or {}},
            "spec": {"serviceAccountName": account, "automountServiceAccountToken": False,
                     "containers": [{"name": "main", "image": "localhost/none"}]},
        })  # fmt: skip

    def kubeconfig(self, token: str = "", *, name: str = "", readable: bool = True) -> pathlib.Path:
        """A kubeconfig file for the holder of `token`, the administrator without one. Anyone may read
        it unless `readable` is False."""
        token = token or self.server.tokens["admin"]
        file = self.folder / (name or f"kubeconfig-{next(_numbers)}")
        authority = base64.b64encode(self.ca.read_bytes()).decode()
        file.write_text(yaml.safe_dump({
            "apiVersion": "v1", "kind": "Config", "current-context": "tests",
            "clusters": [{"name": "tests", "cluster": {
                "server": self.url, "certificate-authority-data": authority}}],
            "users": [{"name": "tests", "user": {"token": token}}],
            "contexts": [{"name": "tests", "context": {"cluster": "tests", "user": "tests"}}],
        }))  # fmt: skip
        file.chmod(0o644 if readable else 0o600)
        return file

    def account_folder(self, token: str, namespace: str = "default", name: str = "") -> pathlib.Path:
        """What Kubernetes mounts into a pod: a folder with token, ca.crt and namespace."""
        folder = self.folder / (name or f"account-{next(_numbers)}")
        folder.mkdir(exist_ok=True)
        for file, text in (("token", token), ("ca.crt", self.ca.read_text()), ("namespace", namespace)):
            (folder / file).write_text(text)
        return folder

    @property
    def environment(self) -> dict[str, str]:
        """How a pod is told where the API is."""
        return {"KUBERNETES_SERVICE_HOST": self.host, "KUBERNETES_SERVICE_PORT": str(self.port)}


def _namespace(name: str) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}


def missing() -> str:
    """Why this machine cannot run it; empty if it can."""
    try:
        control_plane_binary("kube-apiserver")
        if tool("etcd") is None:
            return "no etcd (package etcd-server)"
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
    except OSError as error:
        return str(error)
    return ""
