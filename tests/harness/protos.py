"""Messages and stubs of proto/, made at run time from what protoc compiles, so that neither
generated code nor a plug-in of a matching version is needed. The descriptors are kept in
build/pyproto/ and made again when a .proto file changes."""

import shutil
import subprocess
import sys
import tempfile
from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

import grpc

from .paths import BUILD, ROOT

PROTO = ROOT / "proto"
OUTPUT = BUILD / "pyproto" / "descriptors.bin"


def _compile() -> bytes:
    sources = sorted(PROTO.rglob("*.proto"))
    newest = max(source.stat().st_mtime for source in sources)
    if OUTPUT.exists() and OUTPUT.stat().st_mtime > newest:
        return OUTPUT.read_bytes()
    OUTPUT.parent.mkdir(parents=True, exist_ok=True)
    own = shutil.which("protoc")
    command = [own] if own else [sys.executable, "-m", "grpc_tools.protoc"]
    with tempfile.TemporaryDirectory(dir=OUTPUT.parent) as scratch:
        made = f"{scratch}/descriptors.bin"
        subprocess.run(
            [
                *command,
                f"-I{PROTO}",
                "--include_imports",
                f"--descriptor_set_out={made}",
                *(str(source.relative_to(PROTO)) for source in sources),
            ],
            cwd=PROTO,
            check=True,
        )
        shutil.move(made, OUTPUT)
    return OUTPUT.read_bytes()


def _load() -> descriptor_pool.DescriptorPool:
    pool = descriptor_pool.DescriptorPool()
    files = descriptor_pb2.FileDescriptorSet.FromString(_compile())
    for file in files.file:
        pool.AddSerializedFile(file.SerializeToString())
    return pool


_pool = _load()
_classes: dict[str, Any] = {}


def message(name: str) -> Any:
    """The class of a message by its full name."""
    if name not in _classes:
        descriptor = _pool.FindMessageTypeByName(name)
        make = getattr(message_factory, "GetMessageClass", None)
        _classes[name] = (
            make(descriptor) if make else message_factory.MessageFactory(_pool).GetPrototype(descriptor)
        )
    return _classes[name]


class Package:
    """`Package("dapr.proto.runtime.v1").GetStateRequest` is that message's class."""

    def __init__(self, name: str):
        self._name = name

    def __getattr__(self, name: str) -> Any:
        return message(f"{self._name}.{name}")


runtime = Package("dapr.proto.runtime.v1")
common = Package("dapr.proto.common.v1")
internals = Package("dapr.proto.internals.v1")
rpc = Package("google.rpc")
well_known = Package("google.protobuf")

_KINDS = {
    (False, False): "unary_unary",
    (False, True): "unary_stream",
    (True, False): "stream_unary",
    (True, True): "stream_stream",
}


def methods(service: str) -> dict[str, tuple[str, Any, Any]]:
    """name -> (kind, request class, response class) of a service."""
    found = {}
    for method in _pool.FindServiceByName(service).methods:
        proto = descriptor_pb2.MethodDescriptorProto()
        method.CopyToProto(proto)
        found[method.name] = (
            _KINDS[proto.client_streaming, proto.server_streaming],
            message(method.input_type.full_name),
            message(method.output_type.full_name),
        )
    return found


class Stub:
    """A client of one service: `Stub(channel, "dapr.proto.runtime.v1.Dapr").GetState(request)`."""

    def __init__(self, channel: grpc.Channel, service: str):
        for name, (kind, _, response) in methods(service).items():
            setattr(
                self,
                name,
                getattr(channel, kind)(
                    f"/{service}/{name}",
                    request_serializer=lambda m: m.SerializeToString(),
                    response_deserializer=response.FromString,
                ),
            )


def handlers(service: str, implementation: Any) -> grpc.GenericRpcHandler:
    """A server of one service: the methods that `implementation` has, the rest Unimplemented."""
    table = {}
    for name, (kind, request, _) in methods(service).items():
        function = getattr(implementation, name, None)
        if function:
            table[name] = getattr(grpc, f"{kind}_rpc_method_handler")(
                function,
                request_deserializer=request.FromString,
                response_serializer=lambda m: m.SerializeToString(),
            )
    return grpc.method_handlers_generic_handler(service, table)
