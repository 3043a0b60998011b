"""Kubernetes objects of what the tests run beside the runtime: Redis, the applications, their components."""

import pathlib
from typing import Any

from .images import NODE, PYTHON, REDIS

PROGRAMS = pathlib.Path(__file__).resolve().parents[1] / "programs"
FIELDS = {"POD": "metadata.name", "NODE": "spec.nodeName"}
RESTRICTED = {
    "allowPrivilegeEscalation": False,
    "capabilities": {"drop": ["ALL"]},
    "runAsNonRoot": True,
    "seccompProfile": {"type": "RuntimeDefault"},
}


def environment(values: dict[str, Any]) -> list[dict[str, Any]]:
    """A value that is a dict is taken as valueFrom."""
    fixed = [{"name": k, "valueFrom": v} if isinstance(v, dict) else {"name": k, "value": str(v)}
             for k, v in values.items()]
    return fixed + [{"name": k, "valueFrom": {"fieldRef": {"fieldPath": v}}} for k, v in FIELDS.items()]


def service(name: str, port: int, selector: str, **more: Any) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "Service", "metadata": {"name": name},
            "spec": {"selector": {"app": selector}, "ports": [{"port": port}], **more}}


def workload(name: str, container: dict[str, Any], *, kind: str = "Deployment", replicas: int = 1,
             annotations: dict[str, str] | None = None, **pod: Any) -> dict[str, Any]:
    spec: dict[str, Any] = {
        "selector": {"matchLabels": {"app": name}},
        "template": {
            "metadata": {"labels": {"app": name}, "annotations": annotations or {}},
            "spec": {"terminationGracePeriodSeconds": 2, "automountServiceAccountToken": False,
                     "containers": [{"name": "app", "imagePullPolicy": "Never",
                                     "securityContext": RESTRICTED, **container}], **pod},
        },
    }
    if kind == "Deployment":
        spec["replicas"] = replicas
    return {"apiVersion": "apps/v1", "kind": kind, "metadata": {"name": name}, "spec": spec}


def program(name: str, file: str, *, port: int, ready: dict[str, Any] | None = None,
            env: dict[str, Any] | None = None, **more: Any) -> list[dict[str, Any]]:
    """The application `name`: programs/`file` in a ConfigMap, its workload and its Service."""
    node = file.endswith(".js")
    config = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": f"{name}-program"},
              "data": {file: (PROGRAMS / file).read_text()}}
    container = {
        "image": NODE if node else PYTHON,
        "command": ["/usr/local/bin/node" if node else "/usr/local/bin/python", f"/program/{file}"],
        "env": environment({"PORT": port, **(env or {})}),
        "readinessProbe": {**(ready or {"tcpSocket": {"port": port}}), "periodSeconds": 1},
        "volumeMounts": [{"name": "program", "mountPath": "/program"}],
    }
    return [config, service(name, port, name),
            workload(name, container, volumes=[{"name": "program", "configMap": {"name": f"{name}-program"}}],
                     **more)]


def worker(name: str = "worker", topic: str = "", **more: Any) -> list[dict[str, Any]]:
    return program(name, "worker.py", port=8080, ready={"httpGet": {"path": "/ready", "port": 8080}},
                   env={"TOPIC": topic, **more.pop("env", {})}, **more)


def tool(name: str = "tool", kind: str = "Deployment", **more: Any) -> dict[str, Any]:
    """A pod that waits for `Cluster.python`."""
    return workload(name, {"image": PYTHON, "command": ["/usr/local/bin/python", "-c",
                                                        "import signal; signal.pause()"],
                           "env": environment(more.pop("env", {}))}, kind=kind, **more)


def redis(name: str = "redis") -> list[dict[str, Any]]:
    container = {"image": REDIS,
                 "command": ["/usr/local/bin/redis-server", "--save", "", "--protected-mode", "no"],
                 "readinessProbe": {"tcpSocket": {"port": 6379}, "periodSeconds": 1}}
    return [service(name, 6379, name), workload(name, container)]


def component(name: str, kind: str, scopes: list[str] | None = None, **metadata: Any) -> dict[str, Any]:
    return {"apiVersion": "dapr.io/v1alpha1", "kind": "Component", "metadata": {"name": name},
            "spec": {"type": kind, "version": "v1",
                     "metadata": [{"name": k, "value": str(v)} for k, v in metadata.items()]},
            **({"scopes": scopes} if scopes else {})}


def redis_components(namespace: str, host: str = "redis") -> list[dict[str, Any]]:
    at = f"{host}.{namespace}.svc.cluster.local:6379"
    return [component("statestore", "state.redis", redisHost=at, redisPassword="", keyPrefix="name"),
            component("pubsub", "pubsub.redis", redisHost=at, redisPassword="",
                      processingTimeout="5s", redeliverInterval="1s")]


def subscription(name: str, topic: str, route: str = "/messages", scopes: list[str] | None = None) -> dict[str, Any]:
    return {"apiVersion": "dapr.io/v2alpha1", "kind": "Subscription", "metadata": {"name": name},
            "spec": {"pubsubname": "pubsub", "topic": topic, "routes": {"default": route}},
            **({"scopes": scopes} if scopes else {})}
