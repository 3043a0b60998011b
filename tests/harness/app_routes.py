"""What the HTTP test application answers, by the first path segment; everything else is echoed."""

import asyncio
import base64
import json
from typing import Any
from urllib.parse import parse_qs


def number(request: Any, name: str, default: int) -> int:
    return int(parse_qs(request.query).get(name, [str(default)])[0])


async def echo(request: Any, reply: Any) -> None:
    """All that arrived, as JSON."""
    body = await request.read()
    await reply.send(
        200,
        [("Content-Type", "application/json"), ("X-App", request.app.name)],
        json.dumps(
            {
                "app": request.app.name,
                "method": request.method,
                "target": request.target.decode("latin-1"),
                "headers": request.headers,
                "trailers": request.trailers,
                "body": base64.b64encode(body).decode(),
            }
        ),
    )


async def status(request: Any, reply: Any) -> None:
    """/status/404 answers 404, with a body and two headers of its own."""
    await request.read()
    code = int(request.path.split("/")[2])
    await reply.send(
        code,
        [("Content-Type", "text/x-app"), ("X-App-Status", str(code))],
        f"app says {code}" if code not in (204, 304) else b"",
    )


async def mirror(request: Any, reply: Any) -> None:
    """The body, with its content type."""
    body = await request.read()
    await reply.send(200, [("Content-Type", request.header("content-type") or "text/plain")], body)


async def hang(request: Any, reply: Any) -> None:
    """Answers once the gate named by the rest of the path is opened."""
    await request.read()
    await request.app.gate(request.path.split("/")[2] if request.path.count("/") > 1 else "default").wait()
    await reply.send(200, [("Content-Type", "text/plain")], "released")


async def slow(request: Any, reply: Any) -> None:
    await request.read()
    await asyncio.sleep(number(request, "ms", 50) / 1000)
    await reply.send(200, [("Content-Type", "text/plain")], "slow")


async def sse(request: Any, reply: Any) -> None:
    """One event at once, the second when the gate `sse` opens."""
    await reply.start(200, [("Content-Type", "text/event-stream")])
    await reply.write(b"data: one\n\n")
    await request.app.gate("sse").wait()
    await reply.write(b"data: two\n\n")
    await reply.end()


async def chunks(request: Any, reply: Any) -> None:
    await reply.start(200, [("Content-Type", "text/plain")])
    for part in (b"alpha ", b"beta ", b"gamma"):
        await reply.write(part)
    await reply.end()


async def trailers(request: Any, reply: Any) -> None:
    await request.read()
    await reply.start(200, [("Content-Type", "text/plain"), ("Trailer", "X-Sum")])
    await reply.write(b"body")
    await reply.end([("X-Sum", "42")])


async def interim(request: Any, reply: Any) -> None:
    """103 Early Hints before the answer."""
    await reply.raw(b"HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\n\r\n")
    await reply.send(200, [("Content-Type", "text/plain")], "after hints")


async def redirect(request: Any, reply: Any) -> None:
    await reply.send(302, [("Location", "/elsewhere?x=1"), ("Content-Type", "text/plain")], "moved")


async def hop(request: Any, reply: Any) -> None:
    """Headers that must not travel, and some that must."""
    await reply.send(
        200,
        [
            ("Connection", "X-Private"),
            ("X-Private", "1"),
            ("Keep-Alive", "timeout=9"),
            ("Proxy-Authenticate", "Basic"),
            ("X-Public", "yes"),
            ("Set-Cookie", "a=1"),
            ("Set-Cookie", "b=2"),
            ("Content-Type", "text/plain"),
        ],
        "hop",
    )


async def big(request: Any, reply: Any) -> None:
    """?bytes=N of zeros, as fast as the reader takes them."""
    left = number(request, "bytes", 1 << 20)
    await reply.raw(
        reply._head(200, [("Content-Type", "application/octet-stream"), ("Content-Length", str(left))])
    )
    block = bytes(65536)
    while left:
        part = block[: min(left, len(block))]
        left -= len(part)
        await reply.raw(part)


async def sink(request: Any, reply: Any) -> None:
    """Counts the body without keeping it; `sunk` of the app grows as it arrives."""
    total = 0
    async for piece in request.chunks():
        total += len(piece)
        request.app.sunk += len(piece)
    await reply.json({"received": total})


async def halfway(request: Any, reply: Any) -> None:
    """Starts an answer; when the gate `halfway` opens, resets the connection."""
    await reply.start(200, [("Content-Type", "text/plain")])
    await reply.write(b"first half")
    await request.app.gate("halfway").wait()
    reply.abort()


async def die(request: Any, reply: Any) -> None:
    """Resets the connection without an answer."""
    await request.read()
    reply.abort()


async def endless(request: Any, reply: Any) -> None:
    """Chunks until the reader is gone."""
    await reply.start(200, [("Content-Type", "text/plain")])
    while True:
        await reply.write(b"tick")
        await asyncio.sleep(0.01)


ROUTES = {
    "/status": status,
    "/mirror": mirror,
    "/hang": hang,
    "/slow": slow,
    "/sse": sse,
    "/chunks": chunks,
    "/trailers": trailers,
    "/interim": interim,
    "/redirect": redirect,
    "/hop": hop,
    "/big": big,
    "/sink": sink,
    "/halfway": halfway,
    "/die": die,
    "/endless": endless,
}
