"""A user's HTTP application: asyncio on a thread of its own, HTTP/1.1 by hand so that the exact
target and header bytes the runtime sent can be looked at. Routes are in app_routes.py."""

import asyncio
import json
import ssl
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from . import app_routes
from .ports import free_port

Handler = Callable[["AppRequest", "Reply"], Awaitable[None]]


@dataclass
class AppRequest:
    method: str
    target: bytes
    headers: list[tuple[str, str]]
    reader: asyncio.StreamReader = field(repr=False)
    body: bytes = b""
    trailers: list[tuple[str, str]] = field(default_factory=list)
    connection: int = 0

    @property
    def path(self) -> str:
        return self.target.partition(b"?")[0].decode("latin-1")

    @property
    def query(self) -> str:
        return self.target.partition(b"?")[2].decode("latin-1")

    def header(self, name: str) -> str | None:
        return next((v for n, v in self.headers if n.lower() == name.lower()), None)

    def all(self, name: str) -> list[str]:
        return [v for n, v in self.headers if n.lower() == name.lower()]

    async def chunks(self) -> AsyncIterator[bytes]:
        """The body in the pieces it comes in (each chunk for chunked bodies)."""
        if (self.header("transfer-encoding") or "").lower() == "chunked":
            while size := int((await self.reader.readline()).split(b";")[0], 16):
                yield await self.reader.readexactly(size)
                await self.reader.readexactly(2)
            self.trailers = await read_fields(self.reader)
        else:
            left = int(self.header("content-length") or 0)
            while left:
                data = await self.reader.read(min(left, 65536))
                if not data:
                    raise asyncio.IncompleteReadError(b"", left)
                left -= len(data)
                yield data

    async def read(self) -> bytes:
        self.body = b"".join([piece async for piece in self.chunks()])
        return self.body


async def read_fields(reader: asyncio.StreamReader) -> list[tuple[str, str]]:
    fields = []
    while line := (await reader.readline()).rstrip(b"\r\n"):
        name, _, value = line.decode("latin-1").partition(":")
        fields.append((name, value.strip(" \t")))
    return fields


class Reply:
    """The answer to one request; `started` tells whether anything was sent."""

    def __init__(self, writer: asyncio.StreamWriter, method: str):
        self.writer = writer
        self.method = method
        self.started = False
        self.close = False

    def _head(self, status: int, headers: list[tuple[str, str]]) -> bytes:
        lines = [f"HTTP/1.1 {status} App Says"] + [f"{n}: {v}" for n, v in headers]
        return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")

    async def raw(self, data: bytes) -> None:
        self.started = True
        self.writer.write(data)
        await self.writer.drain()

    async def send(self, status: int = 200, headers: Any = (), body: bytes | str = b"") -> None:
        data = body.encode() if isinstance(body, str) else body
        lines = list(headers)
        if status not in (204, 304):
            lines.append(("Content-Length", str(len(data))))
        await self.raw(self._head(status, lines) + (b"" if self.method == "HEAD" else data))

    async def json(self, value: Any, status: int = 200) -> None:
        await self.send(status, [("Content-Type", "application/json")], json.dumps(value))

    async def start(self, status: int = 200, headers: Any = ()) -> None:
        """Begins a chunked answer."""
        await self.raw(self._head(status, [*headers, ("Transfer-Encoding", "chunked")]))

    async def write(self, data: bytes) -> None:
        await self.raw(b"%x\r\n%s\r\n" % (len(data), data))

    async def end(self, trailers: Any = ()) -> None:
        ends = "".join(f"{n}: {v}\r\n" for n, v in trailers).encode("latin-1")
        await self.raw(b"0\r\n" + ends + b"\r\n")

    def abort(self) -> None:
        """Cuts the connection with a reset."""
        self.started = self.close = True
        self.writer.transport.abort()


class HttpApp:
    """`with HttpApp() as app:` serves until the block ends. `requests` are those of users,
    `control` those the runtime makes by itself (/dapr/…). `config` and `subscriptions` are the
    answers to /dapr/config and /dapr/subscribe; None means 404."""

    def __init__(
        self,
        port: int | None = None,
        host: str = "127.0.0.1",
        tls: ssl.SSLContext | None = None,
        name: str = "app",
    ):
        self.host, self.port, self.tls, self.name = host, port or free_port(host), tls, name
        self.routes: dict[str, Handler] = dict(app_routes.ROUTES)
        self.requests: list[AppRequest] = []
        self.control: list[AppRequest] = []
        self.config: Any = None
        self.subscriptions: Any = None
        self.connections = 0
        self.in_flight = 0
        self.most_in_flight = 0
        self.sunk = 0
        self._writers: set[asyncio.StreamWriter] = set()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._gates: dict[str, asyncio.Event] = {}

    # Life.
    def start(self) -> "HttpApp":
        started = threading.Event()
        failure: list[BaseException] = []
        self._loop = asyncio.new_event_loop()
        self._gates = {}

        def run() -> None:
            loop = self._loop
            assert loop
            asyncio.set_event_loop(loop)
            try:
                self._server = loop.run_until_complete(
                    asyncio.start_server(
                        self._serve, self.host, self.port, ssl=self.tls, backlog=1024, limit=1 << 20
                    )
                )
            except BaseException as error:  # noqa: BLE001 - handed to the starter
                failure.append(error)
                started.set()
                return
            started.set()
            loop.run_forever()
            tasks = asyncio.all_tasks(loop)
            for task in tasks:
                task.cancel()
            loop.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))
            loop.close()

        self._thread = threading.Thread(target=run, name=f"app {self.name}", daemon=True)
        self._thread.start()
        started.wait()
        if failure:
            raise failure[0]
        return self

    def stop(self) -> None:
        """Closes the listener and cuts every connection, as a killed process does."""
        if not self._loop:
            return
        loop, self._loop = self._loop, None

        def end() -> None:
            self._server.close()
            for writer in list(self._writers):
                writer.transport.abort()
            loop.call_later(0.01, loop.stop)

        loop.call_soon_threadsafe(end)
        self._thread.join(10)

    def __enter__(self) -> "HttpApp":
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    # Steering from the test's thread.
    def release(self, gate: str = "default") -> None:
        """Lets everyone pass who waits, or will wait, at the gate."""
        if self._loop:
            self._loop.call_soon_threadsafe(lambda: self.gate(gate).set())

    def gate(self, name: str) -> asyncio.Event:
        return self._gates.setdefault(name, asyncio.Event())

    def last(self) -> AppRequest:
        return self.requests[-1]

    def paths(self) -> list[str]:
        return [request.path for request in self.requests]

    # Serving.
    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        number = self.connections
        self._writers.add(writer)
        try:
            while line := (await reader.readline()).rstrip(b"\r\n"):
                method, target, _ = line.split(b" ", 2)
                request = AppRequest(
                    method.decode(), target, await read_fields(reader), reader, connection=number
                )
                if not await self._handle(request, writer):
                    break
        except (ConnectionError, asyncio.IncompleteReadError, ValueError):
            pass
        finally:
            self._writers.discard(writer)
            writer.close()

    async def _handle(self, request: AppRequest, writer: asyncio.StreamWriter) -> bool:
        reply = Reply(writer, request.method)
        if request.path in ("/dapr/config", "/dapr/subscribe"):
            self.control.append(request)
            answer = self.config if request.path.endswith("config") else self.subscriptions
            await (reply.json(answer) if answer is not None else reply.send(404))
            return True
        self.requests.append(request)
        self.in_flight += 1
        self.most_in_flight = max(self.most_in_flight, self.in_flight)
        try:
            handler = self.routes.get("/" + request.path.split("/")[1], app_routes.echo)
            request.app = self  # type: ignore[attr-defined]
            await handler(request, reply)
        finally:
            self.in_flight -= 1
        return not reply.close
