"""Pub/sub by cases kept as data (pubsub/*.yaml): each runs over every broker that is compiled in, with
both publishers and three receivers. A failing id names broker, publisher, receiver and case.

pubsub/subscriptions.yaml has the subscriptions by name. A case publishes to `topic`: `publish` is
a list of {data | repeat, kind, metadata, topic, fails}, `bulk` the entries of one bulk publish, `many`
so many numbers one after another. `answers` gives, by an event's data, what the app says at its first,
second… try; else SUCCESS. `receive` gives what comes, by subscription and in order: `data`,
`base64`, `bytes`, `path`, `fields` that are equal, `has` and `lacks` names of fields. `needs` and `unless` are
traits of brokers, `again` asks for redelivery; `only` names receivers."""

import contextlib
import json
import pathlib
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

yaml = pytest.importorskip("yaml")
from harness.brokers import TABLE, Broker, Brokers, compiled_in, unique  # noqa: E402
from harness.daprd import Daprd  # noqa: E402
from harness.poll import wait_for  # noqa: E402
from harness.publishers import PublishError  # noqa: E402
from harness.pubsub_receivers import PROBE, Receiver, data_of  # noqa: E402
from harness.subscriber import HttpSubscriber, publish, subscription  # noqa: E402

FOLDER = pathlib.Path(__file__).parent / "pubsub"
SUBSCRIPTIONS = yaml.safe_load((FOLDER / "subscriptions.yaml").read_text())
CASES = [
    (file.stem, case)
    for file in sorted(FOLDER.glob("*.yaml"))
    if file.stem != "subscriptions"
    for case in yaml.safe_load(file.read_text())
]
RECEIVERS = ["http", "grpc", "stream"]
Receivers = Callable[[str, str], Receiver]


def fits(case: dict[str, Any], broker: str, receiver: str) -> bool:
    traits = set(TABLE[broker]["traits"])
    return (
        receiver in case.get("only", RECEIVERS)
        and set(case.get("needs", [])) <= traits
        and not set(case.get("unless", [])) & traits
        and not (case.get("again") and "again" not in TABLE[broker])
    )


def all_cases() -> Iterator[Any]:
    for broker in compiled_in():
        for receiver in RECEIVERS:
            for stem, case in CASES:
                for publisher in ("http", "grpc") if fits(case, broker, receiver) else ():
                    name = f"{broker}-{publisher}-to-{receiver}-{stem}-{case['name']}".replace(" ", "_")
                    yield pytest.param(case, broker, publisher, receiver, id=name)


@pytest.fixture(scope="module")
def brokers() -> Iterator[Brokers]:
    with Brokers() as all_brokers:
        yield all_brokers


@pytest.fixture(scope="module")
def receivers(brokers: Brokers) -> Iterator[Receivers]:
    """The receiver of a broker, started when its first case comes and ended when another's does."""
    with contextlib.ExitStack() as everything:
        current: dict[tuple[str, str], Receiver | None] = {}

        def receiver(broker: str, kind: str) -> Receiver:
            if (broker, kind) not in current:
                everything.close()
                current[broker, kind] = None
                current[broker, kind] = everything.enter_context(Receiver(brokers[broker], kind, SUBSCRIPTIONS))
            found = current[broker, kind]
            assert found, f"no receiver by {kind} over {broker}"
            return found

        yield receiver


def test_there_are_enough_cases() -> None:
    assert len(CASES) >= 30
    for _, case in CASES:
        assert {case.get("topic", "plain"), *case["receive"]} <= set(SUBSCRIPTIONS), case["name"]


def check(event: dict[str, Any], wanted: Any, what: str) -> None:
    wanted = wanted if isinstance(wanted, dict) and wanted.keys() <= WORDS else {"data": wanted}
    if "data" in wanted:
        assert event.get("data") == wanted["data"], what
    if "repeat" in wanted:
        assert event.get("data") == "x" * wanted["repeat"], what
    if "base64" in wanted:
        assert event.get("data_base64") == wanted["base64"], what
    if "bytes" in wanted:
        assert event.get("bytes") == wanted["bytes"], what
    if "path" in wanted and event["path"] != "/":
        assert event["path"] == wanted["path"], what
    for name, value in wanted.get("fields", {}).items():
        assert event.get(name) == value, (name, what)
    assert set(wanted.get("has", [])) <= event.keys(), what
    assert not set(wanted.get("lacks", [])) & event.keys(), what


WORDS = {"data", "repeat", "base64", "bytes", "path", "fields", "has", "lacks"}


def key_of(wanted: Any) -> str:
    """What data_of gives for the event that is wanted."""
    if not isinstance(wanted, dict) or not wanted.keys() <= WORDS:
        return data_of({"data": wanted})
    return data_of({"data_base64": wanted["base64"]} if "base64" in wanted else wanted)


def send(receiver: Receiver, publisher: Any, case: dict[str, Any]) -> None:
    on = case.get("topic", "plain")
    for step in case.get("publish", []):
        name = step.get("topic", on)
        call = (
            step.get("data", "x" * step.get("repeat", 0)), receiver.topic(name), step.get("kind", ""),
            SUBSCRIPTIONS[name].get("pubsub", "ps"),
        )
        if "fails" not in step:
            publisher.publish(*call, **step.get("metadata", {}))
            continue
        with pytest.raises(PublishError) as raised:
            publisher.publish(*call, **step.get("metadata", {}))
        assert raised.value.status == step["fails"][publisher.name]
    if "bulk" in case:
        assert publisher.bulk(case["bulk"], receiver.topic(on), **case.get("metadata", {})) == []
    if "many" in case:
        for number in range(case["many"]):
            publisher.publish(str(number), receiver.topic(on), "application/json")


@pytest.mark.parametrize("case, broker, publisher, receiver", list(all_cases()))
def test_case(receivers: Receivers, case: dict[str, Any], broker: str, publisher: str, receiver: str) -> None:
    into = receivers(broker, receiver)
    inbox = into.inbox
    starts = {name: len(inbox.since(name, 0)) for name in into.specs}
    inbox.answers = {data: list(said) for data, said in case.get("answers", {}).items()}
    text = json.dumps(case["receive"]).replace("{app}", into.app_id).replace("{topic}", into.topic(""))
    received = json.loads(text)
    if "many" in case:
        received = {case.get("topic", "plain"): list(range(case["many"]))}
    try:
        send(into, into.publishers[publisher], case)
        for name, wanted in received.items():
            wait_for(
                lambda name=name, wanted=wanted: len(inbox.since(name, starts[name])) >= len(wanted),
                (into.broker.again or 0) + 10, f"{len(wanted)} events on {name}",
            )
        for name in into.specs:
            events, wanted = inbox.since(name, starts[name]), received.get(name, [])
            shown = f"{name}: {events}"
            assert len(events) == len(wanted), shown
            if case.get("order") == "any" or not into.broker.has("ordered"):
                events, wanted = sorted(events, key=data_of), sorted(wanted, key=key_of)
            for event, one in zip(events, wanted, strict=True):
                check(event, one, shown)
    except BaseException as failure:
        failure.add_note(f"{broker}, published by {publisher}, received by {receiver}: {case['name']}")
        inbox.answers = {}
        time.sleep(1.5)  # what is left of it is no concern of the next case
        raise


def numbers(app: HttpSubscriber) -> list[int]:
    return [value for value in app.values() if value != PROBE]


def runtime(broker: Broker, app: HttpSubscriber, app_id: str, topic: str, consumer: str, **more: Any) -> Daprd:
    resources = {"ps.yaml": broker.component(consumer), "s.yaml": subscription(topic, "/t", name="s")}
    return Daprd(app_id, app=app, resources=resources, **more)


def reached(daprd: Daprd, *apps: HttpSubscriber, topic: str) -> None:
    def probe() -> bool:
        publish(daprd, PROBE, topic)
        time.sleep(0.1)
        return all(PROBE in app.values() for app in apps)

    wait_for(probe, 30, "every app has had a message")


def reached_one(daprd: Daprd, apps: list[HttpSubscriber], topic: str) -> bool:
    publish(daprd, PROBE, topic)
    time.sleep(0.1)
    return any(PROBE in app.values() for app in apps)


SHARED = [name for name in compiled_in() if name != "memory"]


@pytest.mark.parametrize("name", SHARED)
def test_each_app_gets_all(brokers: Brokers, name: str, stack: contextlib.ExitStack) -> None:
    broker, topic = brokers[name], unique("each")
    broker.prepare([topic])
    apps = [stack.enter_context(HttpSubscriber()) for _ in range(2)]
    names = [unique("one") for _ in apps]
    daprds = [
        stack.enter_context(runtime(broker, app, app_id, topic, app_id))
        for app, app_id in zip(apps, names, strict=True)
    ]
    reached(daprds[0], *apps, topic=topic)
    for number in range(20):
        publish(daprds[number % 2], number, topic)
    for app in apps:
        wait_for(lambda app=app: set(numbers(app)) == set(range(20)))
        assert len(numbers(app)) == 20


@pytest.mark.parametrize("name", [name for name in SHARED if "shares" in TABLE[name]["traits"]])
def test_runtimes_of_one_app_share(brokers: Brokers, name: str, stack: contextlib.ExitStack) -> None:
    """Every message comes to just one of them; when one of them goes the other gets all."""
    broker, topic, consumer = brokers[name], unique("shared"), unique("group")
    broker.prepare([topic])
    apps = [stack.enter_context(HttpSubscriber()) for _ in range(2)]
    first = stack.enter_context(runtime(broker, apps[0], "same", topic, consumer))
    second = runtime(broker, apps[1], "same", topic, consumer)
    with second:
        wait_for(lambda: reached_one(first, apps, topic), 20)
        for number in range(50):
            publish(first, number, topic)
        wait_for(lambda: set(numbers(apps[0]) + numbers(apps[1])) == set(range(50)), 20)
        assert len(numbers(apps[0])) + len(numbers(apps[1])) == 50
    for number in range(50, 70):
        publish(first, number, topic)
    wait_for(lambda: set(numbers(apps[0])) >= set(range(50, 70)), 20)


@pytest.mark.parametrize("name", SHARED)
def test_namespaces_are_apart(brokers: Brokers, name: str, stack: contextlib.ExitStack) -> None:
    broker, topic, consumer = brokers[name], unique("spaced"), unique("g")
    broker.prepare([f"{space}{topic}" for space in ("north", "south")])
    apps = [stack.enter_context(HttpSubscriber()) for _ in range(2)]
    north, south = (
        stack.enter_context(
            runtime(broker, app, "app", topic, f"{{namespace}}-{consumer}", env={"NAMESPACE": space})
        )
        for app, space in zip(apps, ("north", "south"), strict=True)
    )
    reached(north, apps[0], topic=topic)
    reached(south, apps[1], topic=topic)
    publish(north, 1, topic)
    publish(south, 2, topic)
    wait_for(lambda: numbers(apps[0]) == [1] and numbers(apps[1]) == [2])
    assert {event.json["topic"] for event in apps[0].events} <= {topic, f"north{topic}"}


@pytest.mark.parametrize("name", [name for name in compiled_in() if "wildcards" in TABLE[name]["traits"]])
def test_wildcards(brokers: Brokers, name: str, stack: contextlib.ExitStack) -> None:
    broker, root = brokers[name], unique("wild")
    app = stack.enter_context(HttpSubscriber())
    daprd = stack.enter_context(runtime(broker, app, unique("app"), f"{root}/#", unique("g")))
    reached(daprd, app, topic=f"{root}/x")
    for number, topic in enumerate([f"{root}/a", f"{root}/a/b", f"other/{root}", f"{root}/last"]):
        publish(daprd, number, topic)
    wait_for(lambda: 3 in numbers(app))
    assert sorted(numbers(app)) == [0, 1, 3]


@pytest.mark.parametrize("name", [name for name in compiled_in() if "durable" in TABLE[name]["traits"]])
def test_published_while_no_runtime_listens(brokers: Brokers, name: str, stack: contextlib.ExitStack) -> None:
    """The subscriber's runtime is gone, another one publishes; the next start brings it all."""
    broker, topic, consumer = brokers[name], unique("late"), unique("g")
    broker.prepare([topic])
    app = stack.enter_context(HttpSubscriber())
    resources = {"ps.yaml": broker.component(unique("publisher"))}
    publisher = stack.enter_context(Daprd("publisher", resources=resources))
    with runtime(broker, app, "late", topic, consumer):
        reached(publisher, app, topic=topic)
    for number in range(20):
        publish(publisher, number, topic)
    with runtime(broker, app, "late", topic, consumer):
        wait_for(lambda: set(numbers(app)) == set(range(20)), 20)


@pytest.mark.parametrize("name", compiled_in())
def test_publishers_at_once(brokers: Brokers, name: str, stack: contextlib.ExitStack) -> None:
    """Eight publishers; every acknowledged message arrives once, and each publisher's in its order."""
    broker, topic = brokers[name], unique("many")
    broker.prepare([topic])
    app = stack.enter_context(HttpSubscriber())
    daprd = stack.enter_context(runtime(broker, app, unique("app"), topic, unique("g")))
    reached(daprd, app, topic=topic)
    threads = [
        threading.Thread(target=lambda who=who: [publish(daprd, [who, n], topic) for n in range(25)])
        for who in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    wait_for(lambda: len(numbers(app)) >= 200, 20, "200 messages")
    for who in range(8):
        assert [n for sender, n in numbers(app) if sender == who] == list(range(25))
