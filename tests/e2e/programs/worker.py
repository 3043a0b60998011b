"""An application that counts: it subscribes to the topic of its environment, remembers when each message
came, and answers invocations with who it is."""

import asyncio
import os
import time

from aiohttp import web

WHO = {"pod": os.environ.get("POD", ""), "node": os.environ.get("NODE", "")}
seen: list[tuple[str, float]] = []
calls = 0
first_ready = 0.0


async def subscriptions(_: web.Request) -> web.Response:
    topic = os.environ.get("TOPIC")
    return web.json_response([{"pubsubname": "pubsub", "topic": topic, "route": "/messages"}] if topic else [])


async def message(request: web.Request) -> web.Response:
    seen.append(((await request.json())["data"]["id"], time.time()))
    return web.json_response({"status": "SUCCESS"})


async def who(request: web.Request) -> web.Response:
    global calls
    calls += 1
    return web.json_response({**WHO, "caller": request.headers.get("dapr-caller-app-id", ""),
                              "path": request.path})


async def report(_: web.Request) -> web.Response:
    return web.json_response({**WHO, "seen": seen, "calls": calls, "ready": first_ready})


async def ready(_: web.Request) -> web.Response:
    """The kubelet's first question is the moment from which this pod counts as ready."""
    global first_ready
    first_ready = first_ready or time.time()
    return web.Response(text="ok")


def application() -> web.Application:
    app = web.Application()
    app.router.add_get("/dapr/subscribe", subscriptions)
    app.router.add_post("/messages", message)
    app.router.add_get("/report", report)
    app.router.add_get("/ready", ready)
    app.router.add_route("*", "/{rest:who.*}", who)
    return app


if __name__ == "__main__":
    web.run_app(application(), port=int(os.environ.get("PORT", "8080")), print=None,
                loop=asyncio.new_event_loop())
