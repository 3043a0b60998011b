"""Subscriptions outlive the app: it goes, nothing is lost or burned; it comes, everything goes on."""

import base64
import json
import pathlib
import random
import time
from typing import Any

import pytest

from harness import protos
from harness.daprd import Daprd
from harness.http_app import HttpApp
from harness.poll import wait_for
from harness.subscriber import (
    IN_MEMORY,
    Event,
    GrpcSubscriber,
    HttpSubscriber,
    publish,
    subscription,
    wanted,
)
from harness.tcp_proxy import TcpProxy
from harness.yamls import document

PAUSED = "dapr_shared_paused_subscriptions"
PENDING = "dapr_shared_pending_deliveries"


def daprd_with(app: HttpApp | GrpcSubscriber, *documents: str, **more: Any) -> Daprd:
    resources = {"ps.yaml": IN_MEMORY}
    for number, text in enumerate(documents):
        resources[f"s{number}.yaml"] = text
    return Daprd("app", app=app, resources=resources, **more)


def topics(daprd: Daprd) -> list[str]:
    return [entry["topic"] for entry in daprd.get("/v1.0/metadata").json().get("subscriptions", [])]


def gauge(daprd: Daprd, name: str, topic: str = "orders") -> float:
    return daprd.metrics().total(name, component="ps", topic=topic)


def values(app: HttpSubscriber) -> list[Any]:
    return [event.data for event in app.events]


def ready(daprd: Daprd) -> None:
    wait_for(lambda: daprd.metrics().total("dapr_shared_target_state", state="ready") == 1)
    wait_for(lambda: gauge(daprd, PAUSED) == 0)


def test_app_that_comes_late_gets_everything_in_order() -> None:
    app = HttpSubscriber()
    with daprd_with(app, subscription(deadLetterTopic="dead"), subscription("dead", "/dead")) as daprd:
        wait_for(lambda: set(topics(daprd)) == {"orders", "dead"})
        wait_for(lambda: gauge(daprd, PAUSED) == 1)
        for number in range(50):
            publish(daprd, number)
        time.sleep(0.5)  # nothing may happen to them meanwhile
        with app:
            app.wait_values(list(range(50)))
        assert not [event for event in app.events if event.path == "/dead"]


@pytest.mark.parametrize("wake", ["request", "probe"])
def test_app_goes_and_comes_back(wake: str) -> None:
    app = HttpSubscriber()
    flags = ["--app-wake", wake]
    documents = [subscription(deadLetterTopic="dead"), subscription("dead", "/dead")]
    with daprd_with(app, *documents, flags=flags) as daprd:
        app.start()
        ready(daprd)
        publish(daprd, "before")
        app.wait_values(["before"])
        app.stop()
        for number in range(20):
            publish(daprd, number)
        wait_for(lambda: gauge(daprd, PAUSED) == 1)
        wait_for(lambda: gauge(daprd, PENDING) == 1)  # the one that found the app gone
        time.sleep(3)  # longer than any back-off, so that the next line means something
        assert values(app) == ["before"]
        returned = time.monotonic()
        with app:
            wait_for(lambda: len(app.events) > 1)
            assert time.monotonic() - returned < 1.5
            app.wait_values(["before", *range(20)])
            wait_for(lambda: gauge(daprd, PENDING) == 0 and gauge(daprd, PAUSED) == 0)
        assert not [event for event in app.events if event.path == "/dead"]


def test_connection_that_breaks_over_a_message_brings_it_again() -> None:
    app = HttpSubscriber()
    app.answer = lambda event: "abort" if len(app.events) == 1 else None
    documents = [subscription(deadLetterTopic="dead"), subscription("dead", "/dead")]
    with app, daprd_with(app, *documents) as daprd:
        ready(daprd)
        publish(daprd, 1)
        publish(daprd, 2)
        app.wait_values([1, 1, 2], path="/orders")


def test_message_that_kills_the_app_every_time_ends_in_the_dead_letter_topic() -> None:
    app = HttpSubscriber()
    app.answer = lambda event: "abort" if event.path == "/orders" and event.data == 1 else None
    documents = [subscription(deadLetterTopic="dead"), subscription("dead", "/dead")]
    with app, daprd_with(app, *documents) as daprd:
        ready(daprd)
        publish(daprd, 1)
        publish(daprd, 2)
        wait_for(lambda: app.values("/dead") == [1] and 2 in app.values("/orders"), 15)
        assert 3 <= app.values("/orders").count(1) <= 10


BREAKER = {"maxRequests": 1, "timeout": "60s", "trip": "consecutiveFailures > 5"}
INBOUND = {
    "timeout alone": {"timeout": "t"},
    "breaker": {"timeout": "t", "circuitBreaker": "b"},
}


@pytest.mark.parametrize("inbound", INBOUND.values(), ids=INBOUND)
def test_app_that_is_killed_over_many_messages_spends_no_policy(inbound: dict[str, str]) -> None:
    app = HttpSubscriber()
    app.hold = "killed"
    names = [f"t{number}" for number in range(8)]
    rules = {
        "policies": {"timeouts": {"t": "10s"}, "circuitBreakers": {"b": BREAKER}},
        "targets": {"components": {"ps": {"inbound": inbound}}},
    }
    documents = [
        document("Resiliency", {"name": "rules"}, rules),
        *(subscription(name, f"/{name}", deadLetterTopic="dead") for name in names),
        subscription("dead", "/dead"),
    ]
    with daprd_with(app, *documents) as daprd:
        app.start()
        ready(daprd)
        for name in names:
            publish(daprd, name, name)
        wait_for(lambda: len(app.events) == len(names))
        app.stop()
        app.hold = None
        app.events.clear()
        time.sleep(0.5)
        with app:
            wait_for(lambda: sorted(values(app)) == names)
            publish(daprd, "more", "t0")
            wait_for(lambda: "more" in values(app))
        assert not [event for event in app.events if event.path == "/dead"]


@pytest.mark.parametrize("kind", [HttpSubscriber, GrpcSubscriber])
def test_app_that_is_away_behind_what_accepts_and_closes(kind: Any) -> None:
    """As a port that a container engine publishes, or a TCP load balancer."""
    app = kind()
    messages = [base64.b64encode(bytes([number])).decode() for number in range(20)]

    def seen(path: str) -> list[Any]:
        events = [event for event in app.events if event.path == path]
        return [json.loads(event.body) if kind is GrpcSubscriber else event.data for event in events]

    documents = [subscription(deadLetterTopic="dead"), subscription("dead", "/dead")]
    with TcpProxy(app.port) as proxy, daprd_with(kind(proxy.port), *documents) as daprd:
        for absence in ("never there", "gone"):
            wait_for(lambda: set(topics(daprd)) == {"orders", "dead"})
            for message in messages:
                publish(daprd, absence + message)
            wait_for(lambda: gauge(daprd, PENDING) >= 1)
            time.sleep(1.5)
            app.start()
            returned = time.monotonic()
            wait_for(lambda: set(seen("/orders")) >= {absence + message for message in messages})
            assert time.monotonic() - returned < 3
            assert not seen("/dead")
            app.stop()


def test_activator_that_answers_503_is_asked_by_one_message_at_a_time() -> None:
    app = HttpSubscriber()
    awake = False
    names = [f"t{number}" for number in range(8)]
    app.answer = lambda event: None if awake else 503
    documents = [
        *(subscription(name, f"/{name}", deadLetterTopic="dead") for name in names),
        subscription("dead", "/dead"),
    ]
    with app, daprd_with(app, *documents) as daprd:
        ready(daprd)
        for name in names:
            publish(daprd, name, name)
        wait_for(lambda: daprd.metrics().total(PENDING) >= 1)
        wait_for(lambda: daprd.metrics().total(PAUSED) == len(names) + 1)
        app.events.clear()
        app.most_in_flight = 0
        time.sleep(3)
        # One at a time, less than two a second each after the first moments.
        assert app.most_in_flight <= 1 and 2 <= len(app.events) <= 12
        awake = True
        woken = time.monotonic()
        wait_for(lambda: {e.data for e in app.events if e.path != "/dead"} >= set(names))
        wait_for(lambda: daprd.metrics().total(PENDING) == 0)
        assert time.monotonic() - woken < 1.5
        assert not app.values("/dead")


def test_wake_request_waits_for_a_slow_activator() -> None:
    """What an activator holds while it starts the app is answered, and then all the others go."""
    app = HttpSubscriber()
    app.hold = "start"
    names = [f"t{number}" for number in range(4)]
    with app, daprd_with(app, *(subscription(name, f"/{name}") for name in names)) as daprd:
        wait_for(lambda: len(topics(daprd)) == 4)
        for name in names:
            publish(daprd, name, name)
        wait_for(lambda: app.events)
        app.release("start")
        wait_for(lambda: {event.data for event in app.events} == set(names))


def test_never_wakes() -> None:
    app = HttpSubscriber()
    with daprd_with(app, subscription(), flags=["--app-wake", "never"]) as daprd:
        wait_for(lambda: topics(daprd) == ["orders"])
        publish(daprd, 1)
        wait_for(lambda: gauge(daprd, PAUSED) == 1)
        time.sleep(1)  # what the runtime still tries of itself is over
        connections = app.connections
        with app:
            time.sleep(2.5)
            assert app.connections == connections and not app.events
            # The app itself is heard of: it calls the runtime.
            daprd.get("/v1.0/state/none/x")
            app.wait_values([1])


def test_unhealthy_app_gets_nothing() -> None:
    app = HttpSubscriber()
    healthy = True

    def answer(event: Event) -> Any:
        return (None if healthy else 500) if event.path == "/healthz" else None

    app.answer = answer

    def orders() -> list[Any]:
        return [event.data for event in app.events if event.path == "/orders"]

    flags = ["--enable-app-health-check", "--app-health-probe-interval", "1", "--app-health-threshold", "1"]
    with app, daprd_with(app, subscription(), flags=flags) as daprd:
        wait_for(lambda: gauge(daprd, PAUSED) == 0)
        publish(daprd, 1)
        wait_for(lambda: orders() == [1])
        healthy = False
        wait_for(lambda: gauge(daprd, PAUSED) == 1)
        publish(daprd, 2)
        time.sleep(1.5)
        assert orders() == [1] and topics(daprd) == ["orders"]
        healthy = True
        wait_for(lambda: orders() == [1, 2])


def test_changed_wishes_swap_without_loss() -> None:
    app = HttpSubscriber()
    app.subscriptions = [wanted(), wanted("gone", "/gone"), wanted("meta", "/meta")]
    with daprd_with(app) as daprd:
        app.start()
        wait_for(lambda: topics(daprd) == ["orders", "gone", "meta"])
        publish(daprd, 1)
        app.wait_values([1])
        app.stop()
        for number in (2, 3):
            publish(daprd, number)
        publish(daprd, "kept", "meta")
        wait_for(lambda: gauge(daprd, PAUSED) == 1)
        app.subscriptions = [wanted(path="/v2"), wanted("new", "/new"), wanted("meta", "/meta")]
        with app:
            wait_for(lambda: topics(daprd) == ["orders", "new", "meta"])
            publish(daprd, 4)
            publish(daprd, "n", "new")
            wait_for(lambda: {2, 3, 4, "n", "kept"} <= set(values(app)))
            numbers = [event.data for event in app.events if isinstance(event.data, int)]
            assert numbers == [1, 2, 3, 4]
            assert [event.path for event in app.events if event.data == 4] == ["/v2"]


def test_swap_of_settings_at_the_broker() -> None:
    """Another bulk setting needs another subscription; the new one stands before the old one ends."""
    app = HttpSubscriber()
    app.subscriptions = [wanted()]
    with daprd_with(app) as daprd:
        app.start()
        wait_for(lambda: topics(daprd) == ["orders"])
        app.stop()
        publish(daprd, "found gone")
        wait_for(lambda: gauge(daprd, PAUSED) == 1)
        app.subscriptions = [wanted(metadata={"some": "thing"})]
        with app:
            wait_for(
                lambda: daprd.get("/v1.0/metadata").json()["subscriptions"][0].get("metadata")
                == {"some": "thing"}
            )
            wait_for(lambda: gauge(daprd, PAUSED) == 0)
            for number in range(5):
                publish(daprd, number)
            # A message that one form was given and the other still waits for may come twice.
            wait_for(lambda: set(values(app)) == {"found gone", *range(5)})


def test_unusable_answer_keeps_what_was_known() -> None:
    app = HttpSubscriber()
    app.subscriptions = [wanted()]
    with daprd_with(app) as daprd:
        app.start()
        wait_for(lambda: topics(daprd) == ["orders"])
        app.stop()
        publish(daprd, 1)
        wait_for(lambda: gauge(daprd, PAUSED) == 1)
        app.subscriptions = {"not": "a list"}
        with app:
            app.wait_values([1])
            wait_for(lambda: daprd.logged("is of no use"))
            assert topics(daprd) == ["orders"]


def remembered(cache: pathlib.Path) -> dict[str, Any]:
    """The file, its answers decoded."""
    stored = json.loads((cache / "app.discovery.json").read_text())
    return {k: base64.b64decode(v) if isinstance(v, str) else v for k, v in stored.items()}


def test_discovery_cache(tmp_path: pathlib.Path) -> None:
    cache = tmp_path / "cache"
    flags = ["--discovery-cache", f"file:{cache}"]
    app = HttpSubscriber()
    app.subscriptions = [wanted()]
    app.config = {"entities": ["some"]}
    with app, daprd_with(app, flags=flags) as daprd:
        wait_for(lambda: topics(daprd) == ["orders"])
        wait_for(lambda: remembered(cache)["subscriptions"] == json.dumps([wanted()]).encode())
        stored = remembered(cache)
        assert json.loads(stored["config"]) == app.config and stored["grpc"] is False
    # The app is at zero when the next runtime starts.
    with daprd_with(app, flags=flags) as daprd:
        wait_for(lambda: topics(daprd) == ["orders"])
        publish(daprd, 1)
        # Its configuration it does not tell this time: what is kept comes from the first runtime.
        config, app.config = app.config, None
        app.subscriptions = [wanted(), wanted("more", "/more")]
        with app:
            app.wait_values([1])
            wait_for(lambda: topics(daprd) == ["orders", "more"])
            wait_for(lambda: json.loads(remembered(cache)["subscriptions"]) == app.subscriptions)
            assert json.loads(remembered(cache)["config"]) == config
    with daprd_with(app, flags=flags) as daprd:
        wait_for(lambda: topics(daprd) == ["orders", "more"])
    # The app has no wishes any more, and another configuration.
    app.subscriptions, app.config = None, {"entities": ["other"]}
    with app, daprd_with(app, flags=flags) as daprd:
        wait_for(lambda: topics(daprd) == [])
        wait_for(lambda: remembered(cache)["subscriptions"] == b"[]")
        assert json.loads(remembered(cache)["config"]) == app.config


def test_discovery_cache_of_a_grpc_app(tmp_path: pathlib.Path) -> None:
    flags = ["--discovery-cache", f"file:{tmp_path}"]
    listed = protos.runtime.ListTopicSubscriptionsResponse

    def wish(topic: str) -> Any:
        return protos.runtime.TopicSubscription(
            pubsub_name="ps", topic=topic, routes={"default": f"/{topic}"}
        )

    def kept() -> list[str]:
        stored = remembered(tmp_path)
        assert stored["grpc"] is True and "config" not in stored
        return [one.topic for one in listed.FromString(stored["subscriptions"]).subscriptions]

    app = GrpcSubscriber()
    app.subscriptions = [wish("orders")]
    with app, daprd_with(app, flags=flags) as daprd:
        wait_for(lambda: topics(daprd) == ["orders"])
        wait_for(lambda: kept() == ["orders"])
    with daprd_with(app, flags=flags) as daprd:
        wait_for(lambda: topics(daprd) == ["orders"])
        publish(daprd, 1)
        app.subscriptions = [wish("orders"), wish("more")]
        with app:
            wait_for(lambda: [(event.path, event.body) for event in app.events] == [("/orders", b"1")])
            wait_for(lambda: topics(daprd) == ["orders", "more"])
            wait_for(lambda: kept() == ["orders", "more"])
    # An app of the other protocol would not understand these subscriptions: they are not its own.
    with daprd_with(HttpSubscriber(), flags=flags) as daprd:
        assert topics(daprd) == []
    app.subscriptions = []
    with app, daprd_with(app, flags=flags) as daprd:
        wait_for(lambda: topics(daprd) == [] and kept() == [])


def test_damaged_discovery_cache_is_ignored(tmp_path: pathlib.Path) -> None:
    (tmp_path / "app.discovery.json").write_text("{ damaged")
    app = HttpSubscriber()
    app.subscriptions = [wanted()]
    with app, daprd_with(app, flags=["--discovery-cache", f"file:{tmp_path}"]) as daprd:
        wait_for(lambda: topics(daprd) == ["orders"])
        assert daprd.logged("what the app wanted is not remembered", level="warning")


def test_shutdown_lets_deliveries_end() -> None:
    app = HttpSubscriber()
    app.hold = "slow"
    with app:
        daprd = daprd_with(app, subscription()).start()
        try:
            ready(daprd)
            publish(daprd, 1)
            wait_for(lambda: app.events)
            daprd.terminate()
            time.sleep(0.5)
            assert daprd.alive()
            app.release("slow")
            assert daprd.wait(5) == 0
        finally:
            daprd.kill()


def test_shutdown_does_not_wait_for_an_app_that_is_away() -> None:
    app = HttpSubscriber()
    with daprd_with(app, subscription()) as daprd:
        app.start()
        ready(daprd)
        app.stop()
        publish(daprd, 1)
        wait_for(lambda: gauge(daprd, PENDING) == 1)
        started = time.monotonic()
        assert daprd.stop() == 0
        assert time.monotonic() - started < 2


def test_subscriptions_need_an_app() -> None:
    with Daprd("app", resources={"ps.yaml": IN_MEMORY, "s.yaml": subscription()}) as daprd:
        assert daprd.logged("the app takes no calls")
        assert topics(daprd) == []


def test_random_absences_lose_nothing() -> None:
    """Killed, refused, cut off in the middle: every message arrives, none is dead."""
    dice = random.Random(5)
    app = HttpSubscriber()
    names = [f"t{number}" for number in range(4)]

    def answer(event: Event) -> Any:
        if event.path == "/dead":
            return None
        return dice.choices([None, 503, "abort"], [90, 6, 4])[0]

    app.answer = answer
    documents = [
        *(subscription(name, f"/{name}", deadLetterTopic="dead") for name in names),
        subscription("dead", "/dead"),
    ]
    with daprd_with(app, *documents) as daprd:
        wait_for(lambda: len(topics(daprd)) == 5)
        sent = {name: 0 for name in names}
        for _ in range(6):
            app.start()
            for _ in range(40):
                name = dice.choice(names)
                publish(daprd, [name, sent[name]], name)
                sent[name] += 1
            time.sleep(dice.uniform(0.05, 0.6))
            app.stop()
            for _ in range(10):
                name = dice.choice(names)
                publish(daprd, [name, sent[name]], name)
                sent[name] += 1
            time.sleep(dice.uniform(0, 0.5))
        app.answer = lambda event: None
        expected = {(name, number) for name in names for number in range(sent[name])}
        with app:
            wait_for(lambda: {tuple(v) for v in values(app)} >= expected, 20)
        assert not app.values("/dead")
        # The order of a topic is kept: what comes again comes before what follows it.
        for name in names:
            firsts = list(dict.fromkeys(v[1] for v in values(app) if v[0] == name))
            assert firsts == sorted(firsts)
