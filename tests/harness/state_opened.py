"""A runtime over one state store, named `store`, with a client of each protocol; and servers of one's own."""

import contextlib
from typing import Any

from . import protos
from .daprd import Daprd
from .postgres_server import PostgresServer
from .redis_server import RedisServer
from .state_clients import GrpcState, HttpState
from .state_stores import store_component
from .tcp_proxy import TcpProxy


class Opened:
    """`place` is the component's metadata; keyword arguments become the runtime's environment."""

    def __init__(
        self,
        stack: contextlib.ExitStack,
        app: Any,
        kind: str,
        place: dict[str, Any],
        *flags: str,
        more: dict[str, str] | None = None,
        **env: str,
    ):
        resources = {"store.yaml": store_component(kind, place, "store"), **(more or {})}
        self.daprd = stack.enter_context(Daprd("app", app=app, resources=resources, flags=flags, env=env))
        self.http = HttpState(self.daprd, "store", stack)
        self.grpc = GrpcState(self.daprd, "store", stack)
        self.clients: list[Any] = [self.http, self.grpc]

    def save_bytes(self, key: str, value: bytes, **metadata: str) -> None:
        item = protos.common.StateItem(key=key, value=value, metadata=metadata)
        self.grpc.call("SaveState", protos.runtime.SaveStateRequest(store_name="store", states=[item]))

    def body(self, key: str) -> bytes:
        answer = self.daprd.get(f"/v1.0/state/store/{key}")
        assert answer.status == 200, answer
        return answer.body


def server_of(stack: contextlib.ExitStack, store: str, **options: Any) -> tuple[Any, TcpProxy, dict[str, Any]]:
    """A server of the kind the store needs, a proxy before it, and metadata that name the proxy."""
    server: Any = stack.enter_context(RedisServer(**options) if store == "redis" else PostgresServer(**options))
    proxy = stack.enter_context(TcpProxy(server.port))
    if store == "redis":
        return server, proxy, {"redisHost": f"127.0.0.1:{proxy.port}"}
    return server, proxy, {"connectionString": server.url(port=proxy.port)}
