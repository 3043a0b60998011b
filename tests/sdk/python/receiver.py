"""Subscribers made with the Python SDK: `receiver.py fastapi|grpc|stream HOST PORT`. What comes on topic
`orders` is printed and published on `echoes` by the SDK's client, what comes there is printed too. Where the
runtime is comes from the environment."""

import json
import sys
import threading
from typing import Any

from dapr.clients import DaprClient
from dapr.clients.grpc._response import TopicEventResponse

PUBSUB, ORDERS, ECHOES = "ps", "orders", "echoes"


def tell(line: str) -> None:
    """In one piece, whichever threads print."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def on_order(client: DaprClient, data: Any) -> None:
    tell(f"GOT {data['n']}")
    client.publish_event(PUBSUB, ECHOES, json.dumps(data), data_content_type="application/json")


def on_echo(data: Any) -> None:
    tell(f"ECHO {data['n']}")


def fastapi(host: str, port: int) -> None:
    import uvicorn
    from dapr.ext.fastapi import DaprApp
    from fastapi import Body, FastAPI

    app, client = FastAPI(), DaprClient()
    subscriber = DaprApp(app)

    @subscriber.subscribe(pubsub=PUBSUB, topic=ORDERS)
    def order(event: Any = Body()) -> None:  # noqa: B008 - FastAPI's way
        on_order(client, event["data"])

    @subscriber.subscribe(pubsub=PUBSUB, topic=ECHOES, route="/the-echoes")
    def echo(event: Any = Body()) -> None:  # noqa: B008
        on_echo(event["data"])

    uvicorn.run(app, host=host, port=port, log_level="warning")


def grpc(host: str, port: int) -> None:
    from dapr.ext.grpc import App

    app, client = App(), DaprClient()

    @app.subscribe(pubsub_name=PUBSUB, topic=ORDERS)
    def order(event: Any) -> TopicEventResponse:
        on_order(client, json.loads(event.Data()))
        return TopicEventResponse("success")

    @app.subscribe(pubsub_name=PUBSUB, topic=ECHOES)
    def echo(event: Any) -> None:
        on_echo(json.loads(event.Data()))

    app.run(port, host)


def stream(*_: Any) -> None:
    client = DaprClient()

    def order(message: Any) -> TopicEventResponse:
        try:
            on_order(client, message.data())
        except Exception as error:  # noqa: BLE001 - the runtime is away: it shall come again
            tell(str(error))
            return TopicEventResponse("retry")
        return TopicEventResponse("success")

    def echo(message: Any) -> TopicEventResponse:
        on_echo(message.data())
        return TopicEventResponse("success")

    client.subscribe_with_handler(PUBSUB, ORDERS, order)
    client.subscribe_with_handler(PUBSUB, ECHOES, echo)
    threading.Event().wait()


if __name__ == "__main__":
    kind, address, number = sys.argv[1:]
    {"fastapi": fastapi, "grpc": grpc, "stream": stream}[kind](address, int(number))
