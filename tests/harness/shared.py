"""A runtime that serves many app-ids from a folder of SharedApp documents."""

import contextlib
from typing import Any

import grpc

from . import rawhttp
from .daprd import Daprd
from .grpc_app import GrpcApp
from .ports import free_port
from .yamls import shared_app


class Shared:
    """A process that serves several apps, each with ports of its own and, if wanted, a token."""

    def __init__(self, stack: contextlib.ExitStack, apps: dict[str, dict[str, Any]], **options: Any):
        self.ports = {name: {kind: free_port() for kind in ("http", "grpc", "internal")} for name in apps}
        texts = {f"{name}.yaml": self.text(name, **spec) for name, spec in apps.items()}
        self.daprd = stack.enter_context(Daprd(None, apps=texts, **options))

    def text(
        self,
        name: str,
        app: Any = None,
        tokens: list[dict[str, Any]] | None = None,
        own_ports: bool = True,
        **spec: Any,
    ) -> str:
        self.ports.setdefault(name, {kind: free_port() for kind in ("http", "grpc", "internal")})
        if app is not None:
            protocol = "grpc" if isinstance(app, GrpcApp) else "http"
            spec["target"] = {
                "address": app.host,
                "port": app.port,
                "protocol": protocol,
                **spec.get("target", {}),
            }
        if tokens:
            spec["apiTokens"] = tokens
        if own_ports:
            spec["ports"] = self.ports[name]
        return shared_app(name, **spec)

    def request(
        self, name: str, method: str, target: str, headers: Any = None, body: Any = None, timeout: float = 30
    ) -> rawhttp.Response:
        """By the app's own port."""
        return rawhttp.request(
            self.daprd.host, self.ports[name]["http"], method, target, headers, body, timeout
        )

    def channel(self, name: str, kind: str = "grpc") -> grpc.Channel:
        return self.daprd.channel(self.ports[name][kind])
