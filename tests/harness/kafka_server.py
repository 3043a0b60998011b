"""Kafka as the tests need it: one broker that is its own controller (KRaft), started from the jars that
tools/setup.sh has put into .tools/kafka. The plain listener is always there; SASL and TLS ones on request."""

import base64
import os
import shutil
import subprocess
from typing import Any

from . import kafka_wire
from .certs import Authority
from .paths import ROOT
from .poll import wait_for
from .ports import free_port
from .servers import Server

JARS = ROOT / ".tools" / "kafka" / "lib"
JAVA = ["-Xms64m", "-Xmx320m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-XX:-UsePerfData",
        "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn"]
USER, PASSWORD = "alice", "al1ce secret"


class KafkaServer(Server):
    """`with KafkaServer(sasl="SCRAM-SHA-256", tls=True) as server:`. `sasl` is PLAIN, SCRAM-SHA-256 or
    SCRAM-SHA-512; `client_certificates` asks clients for one. `partitions` is what topics that nobody
    made get. `settings` are lines of server.properties (underscores as dots)."""

    name = "kafka"

    def __init__(
        self, *, sasl: str = "", tls: bool = False, client_certificates: bool = False, partitions: int = 1,
        heap_mb: int = 320, **settings: Any,
    ):
        super().__init__()
        self.sasl, self.client_certificates, self.heap_mb = sasl, client_certificates, heap_mb
        # Tests look at the broker through the plain listener, whatever the others are.
        self.plain_port = self.port
        self.controller_port = free_port()
        self.protocol = ("SASL_" if sasl else "") + ("SSL" if tls else "PLAINTEXT")
        if self.protocol != "PLAINTEXT":
            self.port = free_port()
        self.authority = Authority.make(self.folder / "tls") if tls else None
        self.settings: dict[str, Any] = {
            "process.roles": "broker,controller",
            "node.id": 1,
            "controller.quorum.voters": f"1@{self.host}:{self.controller_port}",
            "controller.listener.names": "CONTROLLER",
            "inter.broker.listener.name": "ADMIN",
            "log.dirs": self.folder / "data",
            "num.partitions": partitions,
            "offsets.topic.replication.factor": 1,
            "offsets.topic.num.partitions": 4,
            "transaction.state.log.replication.factor": 1,
            "transaction.state.log.min.isr": 1,
            "group.initial.rebalance.delay.ms": 0,
            # A broker that was killed may come back at once.
            "broker.session.timeout.ms": 1500,
            "broker.heartbeat.interval.ms": 300,
            **{name.replace("_", "."): value for name, value in settings.items()},
        }
        if self.authority:
            self._certificates(self.authority)

    def _certificates(self, authority: Authority) -> None:
        certificate, key = authority.sign("server")
        authority.sign("client", "client")
        store = authority.folder / "server.pem"
        store.write_text(key.read_text() + certificate.read_text() + authority.certificate.read_text())
        self.settings |= {
            "ssl.keystore.type": "PEM",
            "ssl.keystore.location": store,
            "ssl.truststore.type": "PEM",
            "ssl.truststore.location": authority.certificate,
            "ssl.client.auth": "required" if self.client_certificates else "none",
        }

    def _listeners(self) -> dict[str, Any]:
        ports = {"ADMIN": self.plain_port, "CONTROLLER": self.controller_port}
        protocols = {"ADMIN": "PLAINTEXT", "CONTROLLER": "PLAINTEXT"}
        if self.port != self.plain_port:
            ports["CLIENT"], protocols["CLIENT"] = self.port, self.protocol
        places = {name: f"{name}://{self.host}:{port}" for name, port in ports.items()}
        lines: dict[str, Any] = {
            "listeners": ",".join(places.values()),
            "advertised.listeners": ",".join(place for name, place in places.items() if name != "CONTROLLER"),
            "listener.security.protocol.map": ",".join(f"{name}:{value}" for name, value in protocols.items()),
        }
        if self.sasl:
            before = "listener.name.client"
            module = "plain.PlainLoginModule" if self.sasl == "PLAIN" else "scram.ScramLoginModule"
            users = f' user_{USER}="{PASSWORD}"' if self.sasl == "PLAIN" else ""
            lines["sasl.enabled.mechanisms"] = self.sasl
            lines[f"{before}.{self.sasl.lower()}.sasl.jaas.config"] = (
                f"org.apache.kafka.common.security.{module} required{users};"
            )
        return lines

    def _java(self, *words: str) -> list[str]:
        assert JARS.is_dir(), "Kafka's jars are not there: run tools/setup.sh test"
        heap = [word if not word.startswith("-Xmx") else f"-Xmx{self.heap_mb}m" for word in JAVA]
        return ["java", *heap, "-cp", f"{JARS}/*", *words]

    def _format(self, file: str) -> None:
        if (self.folder / "data" / "meta.properties").exists():
            return
        cluster = base64.urlsafe_b64encode(os.urandom(16)).decode().rstrip("=").replace("-", "A")
        words = ["kafka.tools.StorageTool", "format", "-t", cluster, "-c", file]
        for mechanism in ("SCRAM-SHA-256", "SCRAM-SHA-512"):
            words += ["--add-scram", f"{mechanism}=[name={USER},password={PASSWORD}]"]
        done = subprocess.run(self._java(*words), capture_output=True, text=True, cwd=self.folder)
        assert done.returncode == 0, done.stdout + done.stderr

    def command(self) -> list[str]:
        file = self.folder / "server.properties"
        lines = {**self.settings, **self._listeners()}
        file.write_text("".join(f"{name}={value}\n" for name, value in lines.items()))
        self._format(str(file))
        return self._java("kafka.Kafka", str(file))

    def answers(self) -> bool:
        try:
            kafka_wire.create_topic(self.admin, "__ready", 1)
            return True
        except (OSError, kafka_wire.KafkaError):
            return False

    def restart(self) -> None:
        """In good order, on the same port."""
        self.stop(20)
        self.start()

    def move(self) -> None:
        raise NotImplementedError("clients follow the advertised address")

    # Access.
    @property
    def admin(self) -> tuple[str, int]:
        return self.host, self.plain_port

    @property
    def address(self) -> str:
        return f"{self.host}:{self.port}"

    def create_topic(self, topic: str, partitions: int = 1) -> None:
        """Returns when every partition is served."""
        kafka_wire.create_topic(self.admin, topic, partitions)

        def served() -> bool:
            try:
                return len(self.end_offsets(topic)) == partitions
            except kafka_wire.KafkaError:
                return False

        wait_for(served, 20, f"topic {topic}")

    def end_offsets(self, topic: str) -> list[int]:
        return kafka_wire.end_offsets(self.admin, topic, kafka_wire.partition_count(self.admin, topic))

    def committed(self, group: str, topic: str) -> list[int]:
        partitions = kafka_wire.partition_count(self.admin, topic)
        return kafka_wire.committed(self.admin, group, topic, partitions)

    def lag(self, group: str, topic: str) -> int:
        """Messages that the group has not committed yet."""
        done = self.committed(group, topic)
        return sum(end - max(offset, 0) for end, offset in zip(self.end_offsets(topic), done, strict=True))

    def metadata(self) -> dict[str, Any]:
        """What a component needs to reach it."""
        fields: dict[str, Any] = {"brokers": self.address, "authType": "none"}
        if self.authority:
            fields["caCert"] = self.authority.certificate.read_text()
            fields["authType"] = "mtls"
        if self.authority and self.client_certificates:
            fields["clientCert"] = (self.authority.folder / "client.crt").read_text()
            fields["clientKey"] = (self.authority.folder / "client.key").read_text()
        if self.sasl:
            mechanism = {"PLAIN": "PLAINTEXT"}.get(self.sasl, self.sasl.removeprefix("SCRAM-"))
            fields |= {
                "authType": "password", "saslUsername": USER, "saslPassword": PASSWORD, "saslMechanism": mechanism,
                "disableTls": "false" if self.authority else "true",
            }
        return fields


def available() -> bool:
    """Whether set-up has provided the broker and there is a Java to run it."""
    return JARS.is_dir() and shutil.which("java") is not None
