"""The real Dapr operator, with what it cannot be without: a Kubernetes API (kube_api) and a sentry in
Kubernetes mode that gives it, and the runtimes, their identities. `with ControlPlane() as plane:` takes
about seven seconds; share one in a module.

    plane.api.apply({...})                      # resources, as kubectl would
    with plane.daprd("cart") as daprd: ...      # a runtime in Kubernetes mode
    plane.operator.kill(); plane.operator.start()"""

import base64
import contextlib
import pathlib
import socket
from typing import Any, Self

from . import rawhttp
from .daprd import Daprd
from .kube_api import KubeApi, _Kept, control_plane_binary
from .poll import wait_for
from .ports import free_port

SYSTEM = "dapr-system"
TRUST_DOMAIN = "cluster.local"
BUNDLE = "dapr-trust-bundle"


def outside_address() -> str:
    """An address of this machine that is not loopback, which Kubernetes refuses for endpoints; or empty."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # sends nothing
            address = str(probe.getsockname()[0])
        except OSError:
            return ""
    return "" if address.startswith("127.") else address


class _Service(_Kept):
    """A service of the control plane: flags that all of them have, and a health port."""

    def __init__(self, api: KubeApi, env: dict[str, str]):
        super().__init__()
        self.api = api
        self.env = {"DAPR_UNSAFE_SKIP_CONTAINER_UID_GID_CHECK": "true", **env}
        self.health_port, self.metrics_port = free_port(), free_port()

    def flags(self) -> list[str]:
        raise NotImplementedError

    def command(self) -> list[str]:
        return [
            "env", *(f"{key}={value}" for key, value in self.env.items()),
            str(control_plane_binary(f"dapr/{self.name}")), f"--port={self.port}",
            f"--listen-address={self.host}", f"--healthz-port={self.health_port}",
            f"--healthz-listen-address={self.host}", f"--metrics-port={self.metrics_port}",
            f"--metrics-listen-address={self.host}", "--enable-metrics=false", *self.flags(),
        ]  # fmt: skip

    def answers(self) -> bool:
        return rawhttp.request(self.host, self.health_port, "GET", "/healthz", timeout=2).status == 200


class ClusterSentry(_Service):
    """Sentry as it runs in a cluster: makes its own root and keeps it in the cluster."""

    name = "sentry"

    def __init__(self, api: KubeApi, system: str = SYSTEM, trust_domain: str = TRUST_DOMAIN):
        super().__init__(api, {"NAMESPACE": system})
        self.system, self.trust_domain = system, trust_domain
        for kind in ("Secret", "ConfigMap"):
            api.apply({"apiVersion": "v1", "kind": kind, "metadata": {"name": BUNDLE, "namespace": system}})

    def flags(self) -> list[str]:
        return [
            "--mode=kubernetes", f"--kubeconfig={self.api.kubeconfig()}", "--config=daprsystem",
            f"--trust-domain={self.trust_domain}", f"--issuer-credentials={self.folder}",
        ]  # fmt: skip

    @property
    def anchors(self) -> str:
        return str(self.api.get("v1", "ConfigMap", BUNDLE, self.system)["data"]["ca.crt"])


class Operator(_Service):
    """The operator. `token_file`: what it shows to sentry; `anchors_file`: whom it trusts."""

    name = "operator"

    def __init__(
        self, api: KubeApi, token_file: pathlib.Path, anchors_file: pathlib.Path, system: str = SYSTEM
    ):
        self.webhook_host = outside_address()
        super().__init__(api, {
            "NAMESPACE": system, "DAPR_SENTRY_TOKEN_FILE": str(token_file),
            "ENABLE_WEBHOOKS": str(bool(self.webhook_host)).lower(), "KUBECONFIG": str(api.kubeconfig()),
        })  # fmt: skip
        self.anchors_file, self.webhook_port = anchors_file, free_port()
        if self.webhook_host:
            meta = {"name": "dapr-webhook", "namespace": system}
            ports, addresses = [{"name": "hook", "port": self.webhook_port}], [{"ip": self.webhook_host}]
            api.apply(
                {"apiVersion": "v1", "kind": "Service", "metadata": meta,
                 "spec": {"ports": [{"name": "hook", "port": 443, "targetPort": self.webhook_port}]}},
                {"apiVersion": "v1", "kind": "Endpoints", "metadata": meta,
                 "subsets": [{"addresses": addresses, "ports": ports}]},
            )  # fmt: skip

    def flags(self) -> list[str]:
        return [
            f"--trust-anchors-file={self.anchors_file}", "--disable-leader-election",
            "--disable-service-reconciler", "--config=daprsystem",
            f"--webhook-server-port={self.webhook_port}",
            f"--webhook-server-listen-address={self.webhook_host or self.host}",
        ]  # fmt: skip

    @property
    def address(self) -> str:
        return f"{self.host}:{self.port}"


class ControlPlane:
    """etcd, kube-apiserver, sentry and operator, and runtimes that use them. Namespace `shop` is there."""

    def __init__(self, system: str = SYSTEM, api: KubeApi | None = None):
        self.system, self.given = system, api
        self.stack = contextlib.ExitStack()

    def __enter__(self) -> Self:
        try:
            # Without a network of services the API finds the operator's webhook by its endpoints.
            routing = ("--enable-aggregator-routing=true",)
            self.api = self.given or self.stack.enter_context(KubeApi(flags=routing))
            self.folder = self.api.folder
            self.api.namespace(self.system)
            self.api.namespace("shop")
            sentry = ClusterSentry(self.api, self.system)
            self.api.apply({
                "apiVersion": "dapr.io/v1alpha1", "kind": "Configuration",
                "metadata": {"name": "daprsystem", "namespace": self.system},
                "spec": {"mtls": {
                    "enabled": True, "workloadCertTTL": "24h", "allowedClockSkew": "15m",
                    "controlPlaneTrustDomain": TRUST_DOMAIN, "sentryAddress": f"127.0.0.1:{sentry.port}"}},
            })  # fmt: skip
            self.sentry = self.stack.enter_context(sentry)
            anchors = self.folder / f"anchors-{self.system}.pem"
            anchors.write_text(wait_for(lambda: self.sentry.anchors, 10, "sentry's root"))
            self.anchors = anchors.read_text()
            token = self.token_file("dapr-operator", self.system, {"dapr.io/control-plane": "operator"})
            self.operator = self.stack.enter_context(Operator(self.api, token, anchors, self.system))
        except BaseException:
            self.stack.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.stack.close()

    def token_file(self, pod: str, namespace: str, annotations: dict[str, str]) -> pathlib.Path:
        """Makes a pod and gives the file of a token that sentry takes for it."""
        self.api.service_account(pod, namespace)
        made = self.api.pod(pod, namespace, account=pod, annotations=annotations)
        audience = f"spiffe://{TRUST_DOMAIN}/ns/{self.system}/dapr-sentry"
        file = self.folder / f"token-{namespace}-{pod}"
        file.write_text(self.api.token(pod, namespace, audience=audience, pod=made))
        return file

    def daprd(
        self, app_id: str, *, namespace: str = "shop", operator: str = "",
        annotations: dict[str, str] | None = None, flags: tuple[str, ...] = (),
        env: dict[str, str] | None = None, **more: Any,
    ) -> Daprd:
        """A runtime in Kubernetes mode, with a pod of its own; not started yet."""
        token = self.token_file(f"{app_id}-pod", namespace, {"dapr.io/app-id": app_id, **(annotations or {})})
        return Daprd(
            app_id,
            flags=[
                "--mode=kubernetes", f"--sentry-address=127.0.0.1:{self.sentry.port}",
                f"--control-plane-address={operator or self.operator.address}",
                f"--control-plane-trust-domain={TRUST_DOMAIN}", f"--control-plane-namespace={self.system}",
                *flags,
            ],
            env={
                "NAMESPACE": namespace, "POD_NAME": f"{app_id}-pod", "DAPR_TRUST_ANCHORS": self.anchors,
                "DAPR_SENTRY_TOKEN_FILE": str(token), "DAPR_UNSAFE_SKIP_CONTAINER_UID_GID_CHECK": "true",
                **self.api.environment, **(env or {}),
            },
            **more,
        )  # fmt: skip

    # Resources.
    def resource(self, kind: str, name: str, spec: dict[str, Any], **more: Any) -> dict[str, Any]:
        """Applies one of Dapr's resources in namespace `shop`; `more` is auth, scopes and so on."""
        version = more.pop("version", "v2alpha1" if kind == "Subscription" else "v1alpha1")
        return self.api.apply({
            "apiVersion": f"dapr.io/{version}", "kind": kind,
            "metadata": {"name": name, "namespace": more.pop("namespace", "shop")}, "spec": spec, **more,
        })  # fmt: skip

    def component(
        self, name: str, type_: str, metadata: dict[str, Any] | None = None, **more: Any
    ) -> dict[str, Any]:
        """A Component; a value that is a dict is the whole of its entry."""
        entries = [
            {"name": key, **(value if isinstance(value, dict) else {"value": value})}
            for key, value in (metadata or {}).items()
        ]
        return self.resource("Component", name, {"type": type_, "version": "v1", "metadata": entries}, **more)

    def secret(self, name: str, **values: str) -> dict[str, Any]:
        data = {key: base64.b64encode(value.encode()).decode() for key, value in values.items()}
        meta = {"name": name, "namespace": "shop"}
        return self.api.apply({"apiVersion": "v1", "kind": "Secret", "metadata": meta, "data": data})
