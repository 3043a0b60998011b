"""Rows of pub/sub: publishing alone, in bulk, and from the publisher through a broker to an HTTP app."""

from __future__ import annotations

import contextlib
import json
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import latency
from loads import Call, Load, h2load_grpc, wrk
from measure import Bench, Case, Started
from processes import NotStarted, Process, http_get
from rows_state import failed_calls, field
from servers import KafkaServer, RabbitMqServer, metrics

TOPIC, TIMED, BULK = "orders", "timed", 100
EVENT = json.dumps("hello from the app")


def document(kind: str, spec: dict[str, Any], name: str = "ps") -> str:
    return json.dumps({"apiVersion": "dapr.io/v1alpha1", "kind": kind, "metadata": {"name": name}, "spec": spec})


def component(kind: str, fields: dict[str, str]) -> str:
    entries = [{"name": name, "value": value} for name, value in fields.items()]
    return document("Component", {"type": kind, "version": "v1", "metadata": entries})


def redis(bench: Bench, _: contextlib.ExitStack) -> str:
    bench.redis("FLUSHALL")
    # What was read stays in a stream; without a bound Redis would grow while it is measured.
    return component("pubsub.redis", {**bench.redis.metadata(), "maxLenApprox": "200000"})


def kafka(_: Bench, stack: contextlib.ExitStack) -> str:
    server = stack.enter_context(KafkaServer())
    for topic in (TOPIC, TIMED):
        server.create_topic(topic)
    return component("pubsub.kafka", {**server.metadata(), "initialOffset": "oldest"})


def rabbitmq(_: Bench, stack: contextlib.ExitStack) -> str:
    server = stack.enter_context(RabbitMqServer())
    return component("pubsub.rabbitmq", server.metadata())


BROKERS: dict[str, Callable[[Bench, contextlib.ExitStack], str]] = {
    "in memory": lambda *_: component("pubsub.in-memory", {}),
    "in memory side by side": lambda *_: component("pubsub.in-memory", {"concurrency": "parallel"}),
    "Redis": redis,
    "Kafka": kafka,
    "RabbitMQ": rabbitmq,
}

# --- publishing --------------------------------------------------------------------------------------


def http_call(bulk: bool) -> Call:
    if not bulk:
        return Call(f"/v1.0/publish/ps/{TOPIC}", body=EVENT)
    entries = [{"entryId": str(i), "event": i, "contentType": "application/json"} for i in range(BULK)]
    return Call(f"/v1.0/publish/bulk/ps/{TOPIC}", body=json.dumps(entries))


def grpc_call(bulk: bool) -> tuple[str, bytes]:
    head, kind = field(1, "ps") + field(2, TOPIC), "application/json"
    if not bulk:
        return "PublishEvent", head + field(3, EVENT) + field(4, kind)
    entries = [field(1, str(i)) + field(2, str(i)) + field(3, kind) for i in range(BULK)]
    return "BulkPublishEvent", head + b"".join(field(3, entry) for entry in entries)


def load_of(protocol: str, bulk: bool, ports: dict[str, int]) -> Callable[[int], Load]:
    if protocol == "HTTP":
        return lambda s: wrk(f"http://127.0.0.1:{ports['http']}/", s, calls=[http_call(bulk)])

    def run(seconds: int) -> Load:
        method, message = grpc_call(bulk)
        # Counted shortly before the end, at which h2load leaves calls that are still under way.
        failed = [failed_calls(ports["metrics"])]
        count = threading.Timer(seconds - 0.2, lambda: failed.append(failed_calls(ports["metrics"])))
        count.start()
        load = h2load_grpc(ports["grpc"], f"/dapr.proto.runtime.v1.Dapr/{method}", [message], seconds)
        count.join()
        load.failed += failed[1] - failed[0]
        return load

    return run


def publish(broker: str, protocol: str, bulk: bool = False, budget: float = 0.0) -> Case:
    def setup(bench: Bench, binary: Path, stack: contextlib.ExitStack) -> Started:
        text = BROKERS[broker](bench, stack)
        process, ports = bench.daprd(stack, binary, "publish", component=text)
        return Started([process], load_of(protocol, bulk, ports))

    name = f"bulk publish {BULK}" if bulk else "publish"
    return Case("pubsub-" + broker.lower().replace(" ", "-"), f"{name}, {broker}, {protocol}", setup,
                "nginx static", budget)


# --- publishing and delivery -------------------------------------------------------------------------


def delivered(ports: dict[str, int]) -> int:
    _, text = http_get(f"http://127.0.0.1:{ports['metrics']}/metrics")
    found = metrics.parse(text.decode())
    return int(found.total("dapr_component_pubsub_ingress_count", process_status="success"))


def subscription(topic: str) -> str:
    return document("Subscription", {"pubsubname": "ps", "topic": topic, "route": f"/{topic}"}, "s")


def timed(bench: Bench, binary: Path, stack: contextlib.ExitStack, text: str,
          sender: dict[str, int] | None) -> Callable[[int], tuple[float, float, int]]:
    """A runtime of its own over the same broker, that measures publish to delivery while little is sent: by
    the runtime with the ports `sender`, or by itself."""
    receiver = latency.Receiver()
    text += "\n---\n" + subscription(TIMED)
    process, ports = bench.daprd(stack, binary, "timed", f"--app-port={receiver.port}", component=text)
    publisher = latency.Publisher((sender or ports)["http"], f"/v1.0/publish/ps/{TIMED}")
    until = time.monotonic() + 20
    while not receiver.delays and time.monotonic() < until:
        publisher.publish()
        receiver.wait(1, 0.5)
    if not receiver.delays:
        raise NotStarted(f"nothing is delivered:\n{process.output()[-2000:]}")
    return lambda seconds: latency.measure(publisher, receiver, seconds)


def end_to_end(broker: str, budget: float = 0.0, publishes: bool = True) -> Case:
    """CPU of one runtime that delivers each message, and publishes it too unless another one does; the load
    counts what was delivered. p50 and p99 are those from the publisher's call to the app, at a rate at which
    nothing queues."""

    def setup(bench: Bench, binary: Path, stack: contextlib.ExitStack) -> Started:
        bench.backend  # noqa: B018 - the app: nginx answers anything with 200
        text = BROKERS[broker](bench, stack)
        process, ports = bench.daprd(
            stack, binary, "deliver", f"--app-port={bench.app}", component=text + "\n---\n" + subscription(TOPIC))
        into = ports if publishes else bench.daprd(stack, binary, "sender", component=text)[1]
        url = f"http://127.0.0.1:{into['http']}/"
        first(process, ports, url)
        times = timed(bench, binary, stack, text, None if publishes else into)

        def run(seconds: int) -> Load:
            before = delivered(ports)
            began = time.monotonic()
            load = wrk(url, seconds, calls=[http_call(False)])
            drained = settle(ports, before + load.requests, 10 * seconds + 10)
            took = time.monotonic() - began
            done = delivered(ports) - before
            lost = 0 if drained else load.requests - done
            middle, late, missing = times(seconds)
            return Load(done, took, middle, late, load.failed + lost + missing)

        return Started([process], run)

    name = "publish and deliver" if publishes else "deliver"
    return Case("pubsub-" + broker.lower().replace(" ", "-"), f"{name}, {broker}", setup, "nginx proxy", budget)


def first(process: Process, ports: dict[str, int], url: str) -> None:
    """Publishes until one message has been delivered: the subscription stands."""
    until = time.monotonic() + 20
    while time.monotonic() < until:
        wrk(url, 1, 1, calls=[http_call(False)])
        if delivered(ports):
            return
    raise NotStarted(f"nothing is delivered:\n{process.output()[-2000:]}")


def settle(ports: dict[str, int], wanted: int, seconds: float) -> bool:
    """Whether so many were delivered in time."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if delivered(ports) >= wanted:
            return True
        time.sleep(0.05)
    return False


CASES = [
    publish("in memory", "HTTP"),
    publish("in memory", "gRPC"),
    publish("Redis", "HTTP", budget=4),
    publish("Redis", "gRPC", budget=4),
    publish("in memory", "HTTP", bulk=True),
    publish("in memory", "gRPC", bulk=True),
    publish("Redis", "HTTP", bulk=True),
    publish("Redis", "gRPC", bulk=True),
    end_to_end("in memory", budget=1.6),
    end_to_end("in memory side by side", budget=1.6),
    end_to_end("Redis", budget=1.6),
    end_to_end("Kafka"),
    end_to_end("RabbitMQ"),
    end_to_end("Redis", budget=1.6, publishes=False),
    end_to_end("Kafka", budget=1.6, publishes=False),
    end_to_end("RabbitMQ", budget=1.6, publishes=False),
]
