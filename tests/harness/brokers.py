"""The brokers the pub/sub suites run over: which there are in the binary under test, the servers behind
them, the components that lead to them. What they are like is in tests/functional/pubsub_brokers.yaml."""

import contextlib
import functools
import itertools
import os
import pathlib
import subprocess
from dataclasses import dataclass, field
from typing import Any

import yaml

from .kafka_server import KafkaServer
from .mosquitto_server import MosquittoServer
from .paths import ROOT, binary
from .rabbitmq_server import RabbitMqServer
from .redis_server import RedisServer
from .yamls import component

SERVERS = {cls.__name__: cls for cls in (RedisServer, KafkaServer, RabbitMqServer, MosquittoServer)}
TABLE: dict[str, dict[str, Any]] = yaml.safe_load(
    pathlib.Path(ROOT / "tests/functional/pubsub_brokers.yaml").read_text()
)
_numbers = itertools.count(1)


@functools.cache
def compiled_in() -> list[str]:
    """Names of the brokers that the binary has; $BROKERS may name fewer."""
    if not binary().exists():
        return []
    done = subprocess.run([str(binary()), "--list-components"], capture_output=True, text=True, check=True)
    types = {line.split()[0] for line in done.stdout.splitlines() if line}
    chosen = os.environ.get("BROKERS", ",".join(TABLE)).split(",")
    return [name for name, entry in TABLE.items() if entry["type"] in types and name in chosen]


def unique(before: str = "g") -> str:
    """A name that no other test of this process has: of a topic, a group, an app."""
    return f"{before}{next(_numbers)}"


@dataclass
class Broker:
    """One broker, its server started. `component()` gives the component of one app."""

    name: str
    server: Any = None
    entry: dict[str, Any] = field(default_factory=dict)

    def has(self, *traits: str) -> bool:
        return set(traits) <= set(self.entry["traits"])

    @property
    def again(self) -> float | None:
        """Seconds within which a failed message comes again; None: it does not."""
        return self.entry.get("again")

    def component(self, consumer: str = "", name: str = "ps", away: bool = False, **metadata: Any) -> str:
        """`consumer` is the consumerID; `away` takes the settings of the suites of absent apps."""
        fields = {**self.entry["metadata"], **(self.entry.get("away", {}) if away else {})}
        fields |= self.server.metadata() if self.server else {}
        if consumer and self.server:
            fields["consumerID"] = consumer
        return component(name, self.entry["type"], {**fields, **metadata})

    def prepare(self, topics: list[str]) -> None:
        """Kafka's topics are made beforehand, so that no subscription has to wait to hear of them."""
        if isinstance(self.server, KafkaServer):
            for topic in topics:
                self.server.create_topic(topic)


class Brokers:
    """The servers, each started when it is first wanted and shared by all tests of a session."""

    def __init__(self) -> None:
        self.stack = contextlib.ExitStack()
        self.started: dict[str, Broker] = {}
        self.tried: set[str] = set()

    def __enter__(self) -> "Brokers":
        return self

    def __exit__(self, *_: object) -> None:
        self.stack.close()

    def __getitem__(self, name: str) -> Broker:
        if name not in self.started:
            assert name not in self.tried, f"{name} did not start"
            self.tried.add(name)
            self.started[name] = self.own(self.stack, name)
        return self.started[name]

    @staticmethod
    def own(stack: contextlib.ExitStack, name: str, **options: Any) -> Broker:
        """A broker of the caller's own, to be killed at will."""
        entry = TABLE[name]
        if "server" not in entry:
            return Broker(name, None, entry)
        server = SERVERS[entry["server"]](**{**entry.get("options", {}), **options})
        return Broker(name, stack.enter_context(server), entry)
