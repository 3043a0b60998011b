"""A release of the chart: a shared instance for one app-id."""

import base64
import json
from typing import Any

from harness.paths import ROOT

from .cluster import Cluster, restarts, wait

CHART = ROOT / "charts" / "dapr-shared"
IMAGE = {"registry": "localhost", "name": "daprd", "tag": "e2e", "pullPolicy": "Never"}


def merge(into: dict[str, Any], more: dict[str, Any]) -> dict[str, Any]:
    for key, value in more.items():
        if isinstance(value, dict) and isinstance(into.get(key), dict):
            merge(into[key], value)
        else:
            into[key] = value
    return into


class Release:
    def __init__(self, cluster: Cluster, namespace: str, app_id: str, port: int, strategy: str, *,
                 name: str = "", remote: str = "", values: dict[str, Any] | None = None):
        self.cluster, self.namespace, self.app_id = cluster, namespace, app_id
        self.name = name or app_id
        self.values = merge({
            "shared": {
                "appId": app_id,
                "remoteURL": remote or f"{app_id}.{namespace}.svc.cluster.local",
                "remotePort": port,
                "strategy": strategy,
                "daprd": {"image": dict(IMAGE)},
            },
        }, values or {})

    @property
    def service(self) -> str:
        return f"{self.app_id}-dapr"

    def install(self, ready: bool = True, **values: Any) -> "Release":
        merge(self.values, values)
        self.cluster.helm("upgrade", "--install", self.name, CHART, "-n", self.namespace, "-f", "-",
                          stdin=json.dumps(self.values))
        if ready:
            self.ready()
        return self

    def workload(self) -> str:
        """Its Deployment or DaemonSet, as kubectl names it."""
        found = self.cluster.kubectl("-n", self.namespace, "get", "deploy,ds", "-o", "name", "-l",
                                     f"app.kubernetes.io/instance={self.name}").split()
        assert len(found) == 1, found
        return found[0]

    def ready(self, seconds: int = 90) -> None:
        """Also for those who call: the nodes' rules follow a new instance with some delay."""
        self.cluster.rolled_out(self.workload(), self.namespace, seconds)
        wait(lambda: self.call("GET", "/v1.0/healthz", timeout=2).status, 30, f"{self.service} can be called")

    def pods(self) -> list[dict[str, Any]]:
        return self.cluster.pods(self.namespace, f"app.kubernetes.io/instance={self.name}")

    def restarts(self) -> int:
        return restarts(self.pods())

    def token(self) -> str:
        """The API token that the chart made; empty when it asks for none."""
        secrets = self.cluster.json("-n", self.namespace, "get", "secrets", "-l",
                                    f"app.kubernetes.io/instance={self.name}")["items"]
        for secret in secrets:
            if secret.get("data", {}).get("dapr-api-token"):
                return base64.b64decode(secret["data"]["dapr-api-token"]).decode()
        return ""

    def headers(self) -> dict[str, str]:
        token = self.token()
        return {"dapr-api-token": token} if token else {}

    def environment(self) -> dict[str, Any]:
        """What an application gets: the two variables of the documentation, and the token."""
        host = f"http://{self.service}.{self.namespace}.svc.cluster.local"
        env: dict[str, Any] = {"DAPR_HTTP_ENDPOINT": f"{host}:3500", "DAPR_GRPC_ENDPOINT": f"{host}:50001"}
        for secret in self.cluster.json("-n", self.namespace, "get", "secrets", "-l",
                                        f"app.kubernetes.io/instance={self.name}")["items"]:
            if secret.get("data", {}).get("dapr-api-token"):
                env["DAPR_API_TOKEN"] = {"secretKeyRef": {"name": secret["metadata"]["name"],
                                                          "key": "dapr-api-token"}}
        return env

    def call(self, method: str, path: str, body: bytes | None = None, *, node: int = 1, timeout: float = 10,
             **headers: str):
        return self.cluster.call(self.service, self.namespace, 3500, method, path, body,
                                 {**self.headers(), "content-type": "application/json", **headers}, node, timeout)
