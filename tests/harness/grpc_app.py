"""A user's gRPC application: AppCallback (OnInvoke echoes) and a service `test.Echo` of raw bytes
with every stream kind, rich errors and metadata, to look at what a proxy carries."""

import json
import threading
from concurrent import futures
from typing import Any

import grpc

from . import protos
from .ports import free_port

ECHO = "test.Echo"


def rich_status(code: int, text: str) -> bytes:
    """A google.rpc.Status with one ErrorInfo, as grpc-status-details-bin carries it."""
    info = protos.rpc.ErrorInfo(reason="TEST_REASON", domain="test", metadata={"k": "v"})
    status = protos.rpc.Status(code=code, message=text)
    status.details.add(type_url="type.googleapis.com/google.rpc.ErrorInfo", value=info.SerializeToString())
    return status.SerializeToString()


class _Heard(grpc.ServerInterceptor):
    def __init__(self, paths: list[str]):
        self.paths = paths

    def intercept_service(self, continuation: Any, details: Any) -> Any:
        self.paths.append(details.method)
        return continuation(details)


class GrpcApp:
    """`with GrpcApp() as app:`. `calls` are (method, metadata, request) of everything that came to a method
    it has, `paths` those of all calls, methods that it lacks among them."""

    def __init__(
        self,
        port: int | None = None,
        host: str = "127.0.0.1",
        name: str = "grpc-app",
        credentials: grpc.ServerCredentials | None = None,
    ):
        self.host, self.port, self.name = host, port or free_port(host), name
        self.credentials = credentials
        self.calls: list[tuple[str, list[tuple[str, Any]], Any]] = []
        self.paths: list[str] = []
        self.cancelled = threading.Event()
        self.gate = threading.Event()
        self._server: grpc.Server | None = None

    def start(self) -> "GrpcApp":
        server = grpc.server(
            futures.ThreadPoolExecutor(64),
            options=[("grpc.so_reuseport", 0)],
            interceptors=[_Heard(self.paths)],
        )
        server.add_generic_rpc_handlers(
            (protos.handlers("dapr.proto.runtime.v1.AppCallback", self), self._echo_handlers())
        )
        address = f"{self.host}:{self.port}"
        bound = (
            server.add_secure_port(address, self.credentials)
            if self.credentials
            else server.add_insecure_port(address)
        )
        assert bound, f"cannot bind {address}"
        server.start()
        self._server = server
        return self

    def stop(self) -> None:
        self.gate.set()
        if self._server:
            self._server.stop(None).wait(5)
            self._server = None

    def __enter__(self) -> "GrpcApp":
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    def metadata_of(self, method: str) -> dict[str, Any]:
        """Metadata of the last call of a method."""
        return dict(next(m for name, m, _ in reversed(self.calls) if name == method))

    def _note(self, method: str, context: grpc.ServicerContext, request: Any = None) -> dict[str, Any]:
        metadata = [tuple(pair) for pair in context.invocation_metadata()]
        self.calls.append((method, metadata, request))
        return dict(metadata)

    # AppCallback.
    def OnInvoke(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802
        metadata = self._note("OnInvoke", context, request)
        if request.method == "fail":
            context.set_trailing_metadata((("grpc-status-details-bin", rich_status(5, "no such thing")),))
            context.abort(grpc.StatusCode.NOT_FOUND, "no such thing")
        context.send_initial_metadata((("x-app", self.name), ("x-app-bin", b"\x00\xff")))
        reply = protos.common.InvokeResponse(content_type=request.content_type or "application/json")
        reply.data.value = (
            request.data.value
            if request.method != "describe"
            else json.dumps(
                {
                    "method": request.method,
                    "verb": request.http_extension.verb,
                    "query": request.http_extension.querystring,
                    "metadata": {k: v for k, v in metadata.items() if isinstance(v, str)},
                }
            ).encode()
        )
        return reply

    def ListTopicSubscriptions(self, _: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802
        return protos.runtime.ListTopicSubscriptionsResponse()

    def ListInputBindings(self, _: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802
        return protos.runtime.ListInputBindingsResponse()

    # test.Echo: requests and answers are raw bytes.
    def _echo_handlers(self) -> grpc.GenericRpcHandler:
        return grpc.method_handlers_generic_handler(
            ECHO,
            {
                "Unary": grpc.unary_unary_rpc_method_handler(self._unary),
                "Server": grpc.unary_stream_rpc_method_handler(self._server_stream),
                "Client": grpc.stream_unary_rpc_method_handler(self._client_stream),
                "Bidi": grpc.stream_stream_rpc_method_handler(self._bidi),
                "Fail": grpc.unary_unary_rpc_method_handler(self._fail),
                "Hang": grpc.unary_unary_rpc_method_handler(self._hang),
                "Forever": grpc.unary_stream_rpc_method_handler(self._forever),
            },
        )

    def _unary(self, request: bytes, context: grpc.ServicerContext) -> bytes:
        metadata = self._note("Unary", context, request)
        context.send_initial_metadata((("x-initial", "i"), ("x-initial-bin", b"\x00\x01\xfe\xff")))
        context.set_trailing_metadata(
            (("x-trailing", metadata.get("x-in", "")), ("x-trailing-bin", metadata.get("x-in-bin", b"")))
        )
        return request

    def _server_stream(self, request: bytes, context: grpc.ServicerContext) -> Any:
        self._note("Server", context, request)
        for index in range(int(request)):
            yield b"%d" % index

    def _client_stream(self, requests: Any, context: grpc.ServicerContext) -> bytes:
        self._note("Client", context)
        return b",".join(requests)

    def _bidi(self, requests: Any, context: grpc.ServicerContext) -> Any:
        self._note("Bidi", context)
        context.send_initial_metadata((("x-initial", "early"),))
        for request in requests:
            yield b"echo " + request

    def _fail(self, request: bytes, context: grpc.ServicerContext) -> bytes:
        """request is a status code's number."""
        self._note("Fail", context, request)
        code = int(request)
        context.set_trailing_metadata(
            (("grpc-status-details-bin", rich_status(code, "r\u00e4ich")), ("x-why", "asked"))
        )
        context.abort(next(c for c in grpc.StatusCode if c.value[0] == code), "r\u00e4ich")

    def _hang(self, request: bytes, context: grpc.ServicerContext) -> bytes:
        self._note("Hang", context, request)
        context.add_callback(self.cancelled.set)
        self.gate.wait(60)
        return b"released"

    def _forever(self, request: bytes, context: grpc.ServicerContext) -> Any:
        self._note("Forever", context, request)
        context.add_callback(self.cancelled.set)
        yield b"first"
        self.gate.wait(60)
        yield b"second"


class EchoStub:
    """Client of `test.Echo` over any channel."""

    def __init__(self, channel: grpc.Channel):
        self.Unary = channel.unary_unary(f"/{ECHO}/Unary")
        self.Server = channel.unary_stream(f"/{ECHO}/Server")
        self.Client = channel.stream_unary(f"/{ECHO}/Client")
        self.Bidi = channel.stream_stream(f"/{ECHO}/Bidi")
        self.Fail = channel.unary_unary(f"/{ECHO}/Fail")
        self.Hang = channel.unary_unary(f"/{ECHO}/Hang")
        self.Forever = channel.unary_stream(f"/{ECHO}/Forever")
        self.Missing = channel.unary_unary(f"/{ECHO}/Missing")
