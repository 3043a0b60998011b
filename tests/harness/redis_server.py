"""Redis as the tests need it: alone, with a password or an ACL user, with TLS, as a cluster of three
masters, and as a master with a replica that a sentinel watches."""

import contextlib
import shutil
from typing import Any, Self

from .certs import Authority
from .poll import wait_for
from .ports import free_port
from .resp import RedisError, Resp
from .servers import Server


class RedisServer(Server):
    """`options` become lines of redis.conf (underscores as dashes); a list gives several lines.
    `durable` writes every change to disk before it is acknowledged."""

    name = "redis"

    def __init__(
        self,
        *,
        durable: bool = False,
        password: str = "",
        acl: tuple[str, str] | None = None,
        tls: bool = False,
        client_certificates: bool = False,
        **options: Any,
    ):
        super().__init__()
        self.password, self.acl = password, acl
        self.options: dict[str, Any] = {"save": '""', "appendonly": "no", **options}
        if durable:
            self.options |= {"appendonly": "yes", "appendfsync": "always"}
        if password:
            self.options["requirepass"] = f'"{password}"'
        if acl:
            self.options["user"] = ["default off", f"{acl[0]} on >{acl[1]} ~* &* +@all"]
        self.authority = Authority.make(self.folder / "tls") if tls else None
        self.client_certificates = client_certificates
        if self.authority:
            certificate, key = self.authority.sign("server")
            self.authority.sign("client", "client")
            self.options |= {
                "tls-cert-file": certificate,
                "tls-key-file": key,
                "tls-ca-cert-file": self.authority.certificate,
                "tls-auth-clients": "yes" if client_certificates else "no",
            }

    def command(self) -> list[str]:
        ports = {"port": 0, "tls-port": self.port} if self.authority else {"port": self.port}
        lines = [f"bind {self.host}", f"dir {self.folder}", "daemonize no"]
        for name, value in {**ports, **self.options}.items():
            for one in value if isinstance(value, list) else [value]:
                lines.append(f"{name.replace('_', '-')} {one}")
        file = self.folder / "redis.conf"
        file.write_text("\n".join(lines) + "\n")
        return ["redis-server", str(file)]

    def connect(self) -> Resp:
        tls = None
        if self.authority:
            tls = self.authority.client_context("client" if self.client_certificates else None)
        user, password = self.acl or ("", self.password)
        return Resp(self.host, self.port, user=user, password=password, tls=tls)

    def __call__(self, *words: Any) -> Any:
        """One command on a connection of its own."""
        with self.connect() as client:
            return client(*words)

    def answers(self) -> bool:
        try:
            return self("PING") == b"PONG"
        except RedisError:
            return False

    @property
    def address(self) -> str:
        return f"{self.host}:{self.port}"

    def metadata(self) -> dict[str, Any]:
        """What a component needs to reach it."""
        user, password = self.acl or ("", self.password)
        fields = {"redisHost": self.address}
        if user:
            fields["redisUsername"] = user
        if password:
            fields["redisPassword"] = password
        if self.authority:
            fields["enableTLS"] = "true"
        if self.authority and self.client_certificates:
            fields["clientCert"] = (self.authority.folder / "client.crt").read_text()
            fields["clientKey"] = (self.authority.folder / "client.key").read_text()
        return fields


class _Group:
    """Several servers that start and end together."""

    def __init__(self) -> None:
        self.stack = contextlib.ExitStack()

    def build(self) -> None:
        raise NotImplementedError

    def __enter__(self) -> Self:
        try:
            self.build()
        except BaseException:
            self.stack.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.stack.close()


class RedisCluster(_Group):
    """Three masters that share the slots evenly."""

    SLOTS = 16384

    def build(self) -> None:
        self.nodes = [self.stack.enter_context(self.node()) for _ in range(3)]
        ends = [self.SLOTS * i // 3 for i in range(4)]
        for index, node in enumerate(self.nodes):
            node("CLUSTER", "SET-CONFIG-EPOCH", index + 1)
            node("CLUSTER", "ADDSLOTSRANGE", ends[index], ends[index + 1] - 1)
        for node in self.nodes[1:]:
            first = self.nodes[0]
            first("CLUSTER", "MEET", node.host, node.port, node.options["cluster_port"])
        for node in self.nodes:
            wait_for(lambda node=node: self.whole(node), 30, "the cluster is whole")

    @staticmethod
    def node() -> RedisServer:
        return RedisServer(
            cluster_enabled="yes",
            cluster_port=free_port(),
            cluster_config_file="nodes.conf",
            cluster_node_timeout=2000,
            cluster_require_full_coverage="no",
        )

    @staticmethod
    def whole(node: RedisServer) -> bool:
        info = node("CLUSTER", "INFO")
        return b"cluster_state:ok" in info and b"cluster_known_nodes:3" in info

    def owner(self, key: str) -> RedisServer:
        slot = self.nodes[0]("CLUSTER", "KEYSLOT", key)
        return self.nodes[min(2, next(i for i in range(3) if slot < self.SLOTS * (i + 1) // 3))]

    def metadata(self) -> dict[str, Any]:
        return {"redisHost": ",".join(node.address for node in self.nodes), "redisType": "cluster"}

    def move_slot(self, key: str) -> tuple[RedisServer, RedisServer]:
        """Gives the slot of `key`, with what is in it, to the next node; the old owner and the new."""
        old = self.owner(key)
        new = self.nodes[(self.nodes.index(old) + 1) % 3]
        slot = old("CLUSTER", "KEYSLOT", key)
        ids = {node.port: node("CLUSTER", "MYID").decode() for node in self.nodes}
        new("CLUSTER", "SETSLOT", slot, "IMPORTING", ids[old.port])
        old("CLUSTER", "SETSLOT", slot, "MIGRATING", ids[new.port])
        while keys := old("CLUSTER", "GETKEYSINSLOT", slot, 100):
            old("MIGRATE", new.host, new.port, "", 0, 5000, "KEYS", *keys)
        for node in (new, old, *self.nodes):
            node("CLUSTER", "SETSLOT", slot, "NODE", ids[new.port])
        return old, new


class RedisSentinel(_Group):
    """A master, a replica, and one sentinel that alone decides."""

    MASTER = "mymaster"

    def build(self) -> None:
        self.master = self.stack.enter_context(RedisServer(repl_diskless_sync_delay=0))
        self.replica = self.stack.enter_context(RedisServer(replicaof=f"127.0.0.1 {self.master.port}"))
        wait_for(lambda: b"master_link_status:up" in self.replica("INFO", "replication"), 20, "replica in step")
        self.sentinel = self.stack.enter_context(_SentinelServer(self.MASTER, self.master.port))
        wait_for(lambda: len(self.sentinel("SENTINEL", "REPLICAS", self.MASTER)) == 1, 20, "replica is known")

    def fail_over(self) -> None:
        """Kills the master and waits for the replica to take its place."""
        self.master.kill()
        wait_for(lambda: b"role:master" in self.replica("INFO", "replication"), 30, "the replica took over")

    def metadata(self) -> dict[str, Any]:
        return {
            "redisHost": self.sentinel.address,
            "failover": "true",
            "sentinelMasterName": self.MASTER,
        }


class _SentinelServer(RedisServer):
    name = "sentinel"

    def __init__(self, master: str, port: int):
        super().__init__()
        self.master, self.master_port = master, port

    def command(self) -> list[str]:
        file = self.folder / "sentinel.conf"
        file.write_text(
            f"port {self.port}\nbind {self.host}\ndir {self.folder}\nprotected-mode no\n"
            f"sentinel monitor {self.master} 127.0.0.1 {self.master_port} 1\n"
            f"sentinel down-after-milliseconds {self.master} 1000\n"
            f"sentinel failover-timeout {self.master} 5000\n"
        )
        return [shutil.which("redis-sentinel") or "redis-sentinel", str(file)]
