"""Resources and the Configuration change under a running runtime: it follows, without a restart and
without a failed request or a lost message."""

import asyncio
import contextlib
import json
import pathlib
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from harness import protos, rawhttp
from harness.daprd import Daprd
from harness.http_app import HttpApp
from harness.paths import sanitized
from harness.poll import wait_for
from harness.redis_server import RedisServer
from harness.subscriber import IN_MEMORY, HttpSubscriber, StreamSubscriber, publish, subscription
from harness.yamls import MEMORY, component, configuration, document, shared_app

DONE = "the new description is in effect"
QUICK = {"processingTimeout": "500ms", "redeliverInterval": "300ms"}  # of a Redis broker
RELOADS = 200 if sanitized() else 1000
KINDS = 9  # of changes in test_a_thousand_reloads_under_load


@pytest.fixture(scope="module")
def redis() -> Iterator[RedisServer]:
    with RedisServer() as server:
        yield server


def reloads(daprd: Daprd) -> int:
    return daprd.log_text().count(DONE)


@contextlib.contextmanager
def reloaded(daprd: Daprd) -> Iterator[None]:
    """What is changed inside is in effect afterwards."""
    before = reloads(daprd)
    yield
    wait_for(lambda: reloads(daprd) > before, 10, f"a reload ({daprd.log})")


def names(daprd: Daprd, kind: str = "components") -> list[str]:
    return [entry["name"] for entry in daprd.get("/v1.0/metadata").json().get(kind, [])]


def topics(daprd: Daprd) -> dict[str, str]:
    entries = daprd.get("/v1.0/metadata").json().get("subscriptions", [])
    return {entry["topic"]: entry["rules"][-1]["path"] for entry in entries}


def save(daprd: Daprd, store: str, value: Any = 1, key: str = "k") -> int:
    return daprd.post(f"/v1.0/state/{store}", [{"key": key, "value": value}]).status


def load(daprd: Daprd, store: str, key: str = "k") -> Any:
    answer = daprd.get(f"/v1.0/state/{store}/{key}")
    return answer.json() if answer.status == 200 else answer.status


class Repeat:
    """Calls `step(n)` again and again on a thread until the end of the block; what it raises fails
    the test there."""

    def __init__(self, step: Callable[[int], None], pause: float = 0.0):
        self.step, self.pause = step, pause
        self.count = 0
        self.failure: BaseException | None = None
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def _run(self) -> None:
        try:
            while not self._stop.is_set():
                self.step(self.count)
                self.count += 1
                if self.pause:
                    time.sleep(self.pause)
        except BaseException as failure:
            self.failure = failure

    def __enter__(self) -> "Repeat":
        self._thread.start()
        return self

    def __exit__(self, kind: Any, *_: object) -> None:
        self._stop.set()
        self._thread.join(30)
        if kind is None:
            assert not self._thread.is_alive()
            if self.failure:
                raise self.failure


# === components ===


def test_state_stores_come_change_and_go(tmp_path: pathlib.Path) -> None:
    with Daprd(resources={"a.yaml": MEMORY}) as daprd:
        assert save(daprd, "memory", "kept") == 204
        assert load(daprd, "other") == 400
        with reloaded(daprd):
            daprd.put_resource("b.yaml", component("other", "state.in-memory"))
        assert names(daprd) == ["memory", "other"]
        assert save(daprd, "other", "short-lived") == 204
        assert daprd.logged("Component loaded: other (state.in-memory/v1)")

        # What only the API reads needs no new store.
        with reloaded(daprd):
            daprd.put_resource("b.yaml", component("other", "state.in-memory", {"keyPrefix": "name"}))
        assert load(daprd, "other") == 204
        with reloaded(daprd):
            daprd.put_resource("b.yaml", component("other", "state.in-memory"))
        assert load(daprd, "other") == "short-lived"

        file = {"connectionString": str(tmp_path / "state.db")}
        with reloaded(daprd):
            daprd.put_resource("b.yaml", component("other", "state.sqlite", file))
        assert load(daprd, "other") == 204
        assert save(daprd, "other", "on disk") == 204
        assert daprd.logged("Component updated: other (state.sqlite/v1)")
        types = {c["name"]: c["type"] for c in daprd.get("/v1.0/metadata").json()["components"]}
        assert types == {"memory": "state.in-memory", "other": "state.sqlite"}

        with reloaded(daprd):
            daprd.remove_resource("b.yaml")
        assert names(daprd) == ["memory"]
        assert daprd.get("/v1.0/state/other/k").json()["errorCode"] == "ERR_STATE_STORE_NOT_FOUND"
        assert load(daprd, "memory") == "kept"
        wait_for(lambda: not any("state.db" in link for link in open_files(daprd)), 10, "the file is closed")
        assert daprd.metrics().total("dapr_runtime_component_loaded", app_id="app") >= 3


def open_files(daprd: Daprd) -> list[str]:
    assert daprd.process
    out = []
    for fd in pathlib.Path(f"/proc/{daprd.process.pid}/fd").iterdir():
        with contextlib.suppress(OSError):
            out.append(str(fd.readlink()))
    return out


def test_a_changed_secret_store_reaches_what_uses_it(redis: RedisServer, tmp_path: pathlib.Path) -> None:
    def store(name: str, **values: str) -> str:
        file = tmp_path / f"{name}.json"
        file.write_text(json.dumps(values))
        return component("vault", "secretstores.local.file", {"secretsFile": str(file)})

    metadata = [
        {"name": "redisHost", "secretKeyRef": {"name": "host", "key": "host"}},
        *({"name": k, "value": v} for k, v in redis.metadata().items() if k != "redisHost"),
    ]
    uses = component("cache", "state.redis", metadata, auth={"secretStore": "vault"})
    with Daprd(resources={"v.yaml": store("one", host=f"{redis.host}:{redis.port}", x="1")}) as daprd:
        secret = "/v1.0/secrets/vault/x"
        assert daprd.get(secret).json() == {"x": "1"}
        with reloaded(daprd):
            daprd.put_resource("c.yaml", uses)
        assert save(daprd, "cache", "first") == 204
        with RedisServer() as moved:
            with reloaded(daprd):
                daprd.put_resource("v.yaml", store("two", host=f"{moved.host}:{moved.port}", x="2"))
            assert daprd.get(secret).json() == {"x": "2"}
            assert load(daprd, "cache") == 204  # the other server has nothing yet
            # The file itself is not watched; SIGHUP has everything read again.
            store("two", host=f"{redis.host}:{redis.port}", x="3")
            with reloaded(daprd):
                daprd.hang_up()
            assert load(daprd, "cache") == "first"
        with reloaded(daprd):
            daprd.remove_resource("v.yaml")
        assert daprd.get(secret).status >= 400
        assert load(daprd, "cache") == "first"  # it goes on with what it knows
        assert daprd.logged("component cache (state.redis/v1) goes on as it was")


def test_what_cannot_start_leaves_the_old_one_serving() -> None:
    with Daprd(resources={"a.yaml": MEMORY}) as daprd:
        save(daprd, "memory", "kept")
        with reloaded(daprd):
            nowhere = {"connectionString": "/no/such/dir/x"}
            daprd.put_resource("a.yaml", component("memory", "state.sqlite", nowhere))
        (line,) = daprd.logged("component memory (state.sqlite/v1) goes on as it was", level="error")
        assert "a.yaml:1" in line["msg"]
        with reloaded(daprd):
            daprd.put_resource("b.yaml", component("new", "state.nonsense"))
        (line,) = daprd.logged("component new (state.nonsense/v1) is not loaded", level="error")
        assert "b.yaml:1" in line["msg"] and "state.nonsense" in line["msg"]
        assert names(daprd) == ["memory"] and load(daprd, "memory") == "kept"
        with reloaded(daprd):
            daprd.put_resource("b.yaml", component("new", "state.in-memory"))
        assert save(daprd, "new") == 204


def test_what_could_not_start_starts_when_its_server_is_back(redis: RedisServer) -> None:
    late = RedisServer()
    resource = component("late", "state.redis", {**late.metadata(), "redisMaxRetries": "0"}, initTimeout="1s")
    with Daprd(resources={"a.yaml": MEMORY}) as daprd:
        with reloaded(daprd):
            daprd.put_resource("late.yaml", resource)
        assert names(daprd) == ["memory"]
        with late:
            wait_for(lambda: save(daprd, "late") == 204, 20, "the store is tried again")


def test_documents_with_mistakes_change_nothing(tmp_path: pathlib.Path) -> None:
    two = MEMORY + "---\n" + component("second", "state.in-memory")
    with Daprd(resources={"a.yaml": two, "b.yaml": component("third", "state.in-memory")}) as daprd:
        for name in ("memory", "second", "third"):
            assert save(daprd, name, name) == 204
        folder = daprd.folder / "resources"
        # Cut in the middle, as a writer in place may leave it, with a change elsewhere.
        (folder / "a.yaml").write_text(two[: len(two) - 30])
        with reloaded(daprd):
            daprd.put_resource("c.yaml", component("fourth", "state.in-memory"))
        (folder / "b.yaml").write_text("")
        daprd.put_resource("d.yaml", component("fourth", "state.in-memory"))
        wait_for(lambda: daprd.logged("duplicate definition of Component name fourth"), 10)
        with reloaded(daprd):
            daprd.put_resource("d.yaml", component("fifth", "state.in-memory"))
        assert sorted(names(daprd)) == ["fifth", "fourth", "memory", "second", "third"]
        assert [load(daprd, name) for name in ("memory", "second", "third")] == ["memory", "second", "third"]
        with reloaded(daprd):
            daprd.remove_resource("a.yaml")
        assert sorted(names(daprd)) == ["fifth", "fourth", "third"]


def test_a_swapped_mount(tmp_path: pathlib.Path) -> None:
    """As the kubelet updates a ConfigMap: a new directory, and one link that is renamed over."""
    mount = tmp_path / "mount"

    def fill(version: str, **files: str) -> None:
        real = mount / f"..{version}"
        real.mkdir(parents=True)
        for name, text in files.items():
            (real / f"{name}.yaml").write_text(text)
            link = mount / f"{name}.yaml"
            if not link.is_symlink():
                link.symlink_to(f"..data/{name}.yaml")
        (mount / "..data_tmp").symlink_to(f"..{version}")
        (mount / "..data_tmp").rename(mount / "..data")
        for old in mount.glob("*.yaml"):
            if not old.exists():
                old.unlink()

    def denied(*stores: str) -> str:
        rules = [{"name": name, "version": "v1.0", "protocol": "http"} for name in stores]
        return configuration({"api": {"denied": rules}})

    fill("1", a=MEMORY, config=denied("secrets"))
    flags = ["--resources-path", str(mount), "--config", str(mount / "config.yaml")]
    with Daprd(flags=flags) as daprd:
        save(daprd, "memory", "kept")
        with reloaded(daprd):
            fill("2", a=MEMORY, b=component("other", "state.in-memory"), config=denied("secrets"))
        assert names(daprd) == ["memory", "other"] and load(daprd, "memory") == "kept"
        with reloaded(daprd):
            fill("3", a=MEMORY, config=denied("state"))
        assert names(daprd) == ["memory"]
        assert save(daprd, "memory") == 404
        with reloaded(daprd):
            fill("4", a=MEMORY, config=denied("secrets"))
        assert load(daprd, "memory") == "kept"


def test_requests_in_flight_keep_their_component(redis: RedisServer) -> None:
    with Daprd(resources={"a.yaml": component("cache", "state.redis", redis.metadata())}) as daprd:
        save(daprd, "cache", "there")
        with redis.connect() as client, daprd.connect() as connection:
            client("CLIENT", "PAUSE", "1500", "ALL")
            connection.send(connection.head("GET", "/v1.0/state/cache/k"))
            with reloaded(daprd):
                daprd.remove_resource("a.yaml")
            assert load(daprd, "cache") != "there"
            assert connection.read_response("GET").json() == "there"


# === pub/sub ===


def deliver_while(
    daprd: Daprd, app: HttpSubscriber, change: Callable[[], None], pubsub_topics: tuple[str, ...] = ("orders",)
) -> None:
    """Publishes while `change` happens, and sees that every message arrives."""

    def send(n: int) -> None:
        for topic in pubsub_topics:
            publish(daprd, f"{topic}-{n}", topic)

    with Repeat(send, 0.002) as publishing:
        wait_for(lambda: publishing.count > 20)
        change()
        settled = publishing.count + 20
        wait_for(lambda: publishing.count > settled)
    sent = {f"{topic}-{n}" for topic in pubsub_topics for n in range(publishing.count)}
    wait_for(lambda: sent <= set(app.values()), 20, "every message")


@pytest.mark.parametrize("broker", ["in-memory", "redis"])
def test_a_broker_changes_under_messages(broker: str, redis: RedisServer) -> None:
    def made(n: int) -> str:
        if broker == "in-memory":
            return component("ps", "pubsub.in-memory", {"queueLength": str(10000 + n)})
        return component("ps", "pubsub.redis", {**redis.metadata(), **QUICK, "queueDepth": str(100 + n)})

    with (
        HttpSubscriber() as app,
        Daprd(app=app, resources={"ps.yaml": made(0), "s.yaml": subscription()}) as daprd,
    ):
        wait_for(lambda: topics(daprd) == {"orders": "/orders"})

        def change() -> None:
            for n in range(1, 4):
                with reloaded(daprd):
                    daprd.put_resource("ps.yaml", made(n))

        clients = len(redis("CLIENT", "LIST").splitlines())
        deliver_while(daprd, app, change)
        assert topics(daprd) == {"orders": "/orders"}
        # The old components are closed.
        wait_for(lambda: len(redis("CLIENT", "LIST").splitlines()) <= clients + 2, 40, "connections end")


@pytest.mark.parametrize("broker", ["in-memory", "redis"])
def test_held_messages_outlast_their_broker(broker: str, redis: RedisServer) -> None:
    """The app is away; what was pulled for it is not lost when its broker is made anew."""
    def made(n: int) -> str:
        if broker == "in-memory":
            return component("ps", "pubsub.in-memory", {"queueLength": str(10000 + n)})
        return component("ps", "pubsub.redis", {**redis.metadata(), **QUICK, "queueDepth": str(100 + n)})

    app = HttpSubscriber()
    resources = {"ps.yaml": made(0), "s.yaml": subscription("held", "/held")}
    with Daprd(app=app, resources=resources, flags=["--app-wake", "probe"]) as daprd:
        wait_for(lambda: topics(daprd) == {"held": "/held"})
        with app:
            publish(daprd, "first", "held")
            app.wait_values(["first"])
        for n in range(5):
            publish(daprd, n, "held")
        with reloaded(daprd):
            daprd.put_resource("ps.yaml", made(1))
        for n in range(5, 10):
            publish(daprd, n, "held")
        again = HttpSubscriber(port=app.port)
        with again:
            wait_for(lambda: set(again.values()) >= set(range(10)), 20, f"all messages, got {again.values()}")


def test_subscriptions_come_change_and_go_under_messages(redis: RedisServer) -> None:
    resources = {
        "ps.yaml": component("ps", "pubsub.redis", {**redis.metadata(), **QUICK, "consumerID": "subs"}),
        "a.yaml": subscription("always", "/always"),
        "c.yaml": subscription("changed", "/old"),
    }
    with HttpSubscriber() as app, Daprd(app=app, resources=resources) as daprd:
        wait_for(lambda: topics(daprd) == {"always": "/always", "changed": "/old"})

        def change() -> None:
            with reloaded(daprd):  # a route
                daprd.put_resource("c.yaml", subscription("changed", "/new"))
            with reloaded(daprd):  # what the broker sees of it
                daprd.put_resource("c.yaml", subscription("changed", "/new", metadata={"rawPayload": "false"}))
            with reloaded(daprd):
                daprd.put_resource("b.yaml", subscription("added", "/added"))
            publish(daprd, "hello", "added")
            wait_for(lambda: "hello" in app.values("/added"))
            with reloaded(daprd):
                rules = {"rules": [{"match": "][", "path": "/x"}]}
                daprd.put_resource("w.yaml", subscription("wrong", None, routes=rules))
            with reloaded(daprd):
                daprd.remove_resource("b.yaml")

        deliver_while(daprd, app, change, ("always", "changed"))
        assert topics(daprd) == {"always": "/always", "changed": "/new"}
        assert app.values("/old") and app.values("/new")
        lines = daprd.logged("is not served", level="error")
        assert lines and all("sub-wrong" in line["msg"] and "w.yaml" in line["msg"] for line in lines)
        publish(daprd, "nobody", "added")
        publish(daprd, "last", "always")
        wait_for(lambda: "last" in app.values("/always"))
        assert "nobody" not in app.values()


def test_streams_end_with_their_broker_alone() -> None:
    resources = {"ps.yaml": IN_MEMORY, "other.yaml": component("other", "pubsub.in-memory"), "m.yaml": MEMORY}
    with Daprd(resources=resources) as daprd, StreamSubscriber(daprd) as stream:
        lost = StreamSubscriber(daprd, pubsub_name="other")
        with lost:
            with reloaded(daprd):
                daprd.remove_resource("other.yaml")
            lost.failure()
        with reloaded(daprd):
            daprd.put_resource("m.yaml", component("memory", "state.in-memory", {"keyPrefix": "none"}))
        publish(daprd, "on")
        event = stream.next()
        stream.ack(event.id)
        assert json.loads(event.data) == "on"


def test_remembered_and_programmatic_subscriptions_go_on() -> None:
    app = HttpSubscriber()
    app.subscriptions = [{"pubsubname": "ps", "topic": "own", "route": "/own"}]
    with app, Daprd(app=app, resources={"ps.yaml": IN_MEMORY}) as daprd:
        wait_for(lambda: topics(daprd) == {"own": "/own"})
        with reloaded(daprd):
            daprd.put_resource("s.yaml", subscription())
        wait_for(lambda: topics(daprd) == {"own": "/own", "orders": "/orders"})
        publish(daprd, 1, "own")
        publish(daprd, 2)
        wait_for(lambda: sorted(app.values()) == [1, 2])


# === Configuration, endpoints, policies ===


def test_the_configuration_changes() -> None:
    def config(**spec: Any) -> str:
        return configuration(spec)

    def scopes(access: str) -> dict[str, Any]:
        return {"scopes": [{"storeName": "env", "defaultAccess": access}]}

    deny = {"denied": [{"name": "state", "version": "v1.0", "protocol": "http"}]}
    env = {"TEST_SECRET": "x"}
    secrets = component("env", "secretstores.local.env")
    with Daprd(resources={"m.yaml": MEMORY, "e.yaml": secrets}, configs={"c.yaml": config()}, env=env) as daprd:
        assert save(daprd, "memory", "kept") == 204
        with reloaded(daprd):
            daprd.put_config("c.yaml", config(api=deny))
        assert daprd.logged("the Configuration has changed: api")
        assert save(daprd, "memory") == 404
        with reloaded(daprd):
            daprd.put_config("c.yaml", config(secrets=scopes("deny")))
        assert load(daprd, "memory") == "kept"
        assert daprd.get("/v1.0/secrets/env/TEST_SECRET").status == 403
        # One with a mistake, and one that cannot be read.
        daprd.put_config("c.yaml", config(secrets=scopes("perhaps")))
        wait_for(lambda: daprd.logged("the Configuration stays as it was"), 10)
        (daprd.folder / "configs" / "c.yaml").write_text("spec: {api: [")
        wait_for(lambda: len(daprd.logged("the Configuration stays as it was")) > 1, 10)
        assert daprd.get("/v1.0/secrets/env/TEST_SECRET").status == 403
        with reloaded(daprd):
            daprd.put_config("c.yaml", config(logging={"apiLogging": {"enabled": True}}))
        assert daprd.get("/v1.0/secrets/env/TEST_SECRET").json() == {"TEST_SECRET": "x"}
        assert daprd.logged("HTTP API Called")
        with reloaded(daprd):
            daprd.put_config("c.yaml", config(components={"deny": ["state.in-memory"]}))
        assert names(daprd) == ["env"]
        with reloaded(daprd):
            daprd.put_config("c.yaml", config(features=[{"name": "HotReload", "enabled": False}]))
        assert names(daprd) == ["env", "memory"]
        # From now on only SIGHUP is heeded.
        daprd.put_resource("n.yaml", component("new", "state.in-memory"))
        with reloaded(daprd):
            daprd.hang_up()
        assert names(daprd) == ["env", "memory", "new"]


def test_tracing_and_access_control_change(tmp_path: pathlib.Path) -> None:
    def config(rate: str, action: str) -> str:
        policy = {
            "appId": "caller",
            "defaultAction": action,
            "trustDomain": "public",
            "namespace": "default",
        }
        control = {"defaultAction": action, "trustDomain": "public", "policies": [policy]}
        return configuration({"tracing": {"samplingRate": rate}, "accessControl": control})

    with contextlib.ExitStack() as stack:
        app, other = stack.enter_context(HttpApp()), stack.enter_context(HttpApp())
        file = tmp_path / "callee.yaml"
        file.write_text(config("0", "allow"))
        apps = {
            "a.yaml": shared_app("callee", target={"address": app.host, "port": app.port}, config=[str(file)]),
            "b.yaml": shared_app("caller", target={"address": other.host, "port": other.port}),
        }
        daprd = stack.enter_context(Daprd(None, apps=apps))

        def call(app_id: str = "caller") -> rawhttp.Response:
            return daprd.get("/v1.0/invoke/callee/method/echo", {"Host": f"{app_id}-dapr"})

        assert call().status == 200
        with reloaded(daprd):
            file.write_text(config("1", "deny"))
        assert call().status == 403
        with reloaded(daprd):
            file.write_text(config("1", "allow"))
        assert call().status == 200
        headers = {name.lower(): value for name, value in call("callee").json()["headers"]}
        assert headers["traceparent"].endswith("-01")


def test_access_control_never_opens_while_it_is_rewritten(tmp_path: pathlib.Path) -> None:
    """Every version denies; files in between that are empty, half-written or something else do not count."""

    def config(n: int) -> str:
        policy = {"appId": f"x{n}", "namespace": "n", "trustDomain": "t"}
        control = {"defaultAction": "deny", "trustDomain": "public", "policies": [policy]}
        return configuration({"accessControl": control})

    with contextlib.ExitStack() as stack:
        app, other = stack.enter_context(HttpApp()), stack.enter_context(HttpApp())
        file = tmp_path / "callee.yaml"
        file.write_text(config(0))
        apps = {
            "a.yaml": shared_app("callee", target={"address": app.host, "port": app.port}, config=[str(file)]),
            "b.yaml": shared_app("caller", target={"address": other.host, "port": other.port}),
        }
        daprd = stack.enter_context(Daprd(None, apps=apps))
        local = threading.local()

        def call(_: int) -> None:
            if not hasattr(local, "connection"):
                local.connection = daprd.connect()
            head = local.connection.head("GET", "/v1.0/invoke/callee/method/echo", {"Host": "caller-dapr"})
            local.connection.send(head)
            assert local.connection.read_response("GET").status == 403

        def refused(text: str) -> None:
            mistake = "callee.yaml must begin with"
            time.sleep(0.3)  # a version that was read while it was rewritten may have been told of just now
            before = daprd.log_text().count(mistake)
            file.write_text(text)
            wait_for(lambda: daprd.log_text().count(mistake) > before, 10, f"{text!r} is refused")
            file.write_text(config(0))

        with Repeat(call, 0.001), Repeat(call, 0.001):
            for n in range(300):
                file.write_text(config(n))
                time.sleep(0.005)
            for text in ("", "# nothing\n", MEMORY):
                refused(text)
            # A writer that takes longer than a reload may be put off.
            start = "apiVersion: dapr.io/v1alpha1\nkind: Configuration\nmetadata: {name: c}\nspec:\n"
            with file.open("w") as writing:
                writing.write(start + "  tracing: {samplingRate: '1'}\n")
                writing.flush()
                time.sleep(3)
                writing.write("  accessControl: {defaultAction: deny, trustDomain: public}\n")
            time.sleep(0.2)


def test_http_endpoints_change() -> None:
    def endpoint(app: HttpApp, **spec: Any) -> str:
        return document(
            "HTTPEndpoint", {"name": "outside"}, {"baseUrl": f"http://{app.host}:{app.port}", **spec}
        )

    with (
        HttpApp(name="one") as one,
        HttpApp(name="two") as two,
        Daprd(resources={"e.yaml": endpoint(one)}) as daprd,
    ):
        call = "/v1.0/invoke/outside/method/x"
        assert daprd.get(call).json()["app"] == "one"
        with reloaded(daprd):
            daprd.put_resource("e.yaml", endpoint(two, headers=[{"name": "X-Key", "value": "v"}]))
        answer = daprd.get(call).json()
        assert answer["app"] == "two" and ["X-Key", "v"] in answer["headers"]
        assert names(daprd, "httpEndpoints") == ["outside"]
        with reloaded(daprd):
            daprd.remove_resource("e.yaml")
        assert daprd.get(call).status == 500
        assert "httpEndpoints" not in daprd.get("/v1.0/metadata").json()


def test_resiliency_changes() -> None:
    def policies(millis: int) -> str:
        return document(
            "Resiliency",
            {"name": "limits"},
            {
                "policies": {"timeouts": {"short": f"{millis}ms"}},
                "targets": {"apps": {"app": {"timeout": "short"}}},
            },
        )

    async def slow(_: Any, reply: Any) -> None:
        await asyncio.sleep(0.3)
        await reply.send(200, [], b"late")

    app = HttpApp()
    app.routes["/late"] = slow
    with app, Daprd(app=app, resources={"m.yaml": MEMORY}) as daprd:
        call = "/v1.0/invoke/app/method/late"
        assert daprd.get(call).status == 200
        with reloaded(daprd):
            daprd.put_resource("r.yaml", policies(50))
        assert daprd.get(call).status >= 400
        with reloaded(daprd):
            daprd.put_resource("r.yaml", policies(5000))
        assert daprd.get(call).status == 200
        with reloaded(daprd):
            daprd.put_resource("r.yaml", policies(50))
        with reloaded(daprd):
            daprd.remove_resource("r.yaml")
        assert daprd.get(call).status == 200


def test_apps_that_share_resources() -> None:
    """A resource reaches the apps that its scopes name, and no other is touched."""
    apps = {f"{name}.yaml": shared_app(name) for name in ("one", "two", "three")}
    with Daprd(None, apps=apps, resources={"m.yaml": MEMORY}) as daprd:

        def stores(app: str) -> list[str]:
            answer = daprd.get("/v1.0/metadata", {"Host": f"{app}-dapr"}).json()
            return [entry["name"] for entry in answer.get("components", [])]

        scoped = component("scoped", "state.in-memory", scopes=["one", "two"])
        with reloaded(daprd):
            daprd.put_resource("s.yaml", scoped)
        wait_for(lambda: reloads(daprd) == 2)
        assert [stores(app) for app in ("one", "two", "three")] == [["memory", "scoped"]] * 2 + [["memory"]]
        with reloaded(daprd):
            daprd.put_resource("s.yaml", component("scoped", "state.in-memory", scopes=["three"]))
        wait_for(lambda: reloads(daprd) == 5)
        assert [stores(app) for app in ("one", "two", "three")] == [["memory"]] * 2 + [["memory", "scoped"]]


# === many times ===


def connections(daprd: Daprd) -> int:
    """TCP sockets that have a peer: how many depends on the load, and idle ones are kept for a while."""
    assert daprd.process
    lines = pathlib.Path(f"/proc/{daprd.process.pid}/net/tcp").read_text().splitlines()[1:]
    with_peer = {f"socket:[{line.split()[9]}]" for line in lines if line.split()[3] != "0A"}
    return sum(link in with_peer for link in open_files(daprd))


def test_a_thousand_reloads_under_load(tmp_path: pathlib.Path) -> None:
    """No failed request, no lost message, no stream that ends, and nothing that grows."""

    def variant(n: int) -> tuple[str, str | None]:
        """What changes: one thing at a time, in turn. None takes it away. Paths of the app and keys come
        back, because metrics and stores keep all there have been."""
        i = n // KINDS
        turn, gone = i % 2, i % 8 == 7  # a file that goes is waited for, lest it comes back
        kinds: tuple[tuple[str, str | None], ...] = (
            ("ps.yaml", component("ps", "pubsub.in-memory", {"queueLength": str(10000 + i)})),
            ("sub.yaml", subscription(path=f"/orders/{turn}")),
            ("flip.yaml", component("flip", "state.in-memory", {"keyPrefix": f"p{turn}"})),
            (
                "disk.yaml",
                component("disk", "state.sqlite", {"connectionString": str(tmp_path / f"{turn}.db")}),
            ),
            ("e.yaml", document("HTTPEndpoint", {"name": "e"}, {"baseUrl": f"http://127.0.0.1:{1000 + i}"})),
            (
                "r.yaml",
                document(
                    "Resiliency",
                    {"name": "r"},
                    {
                        "policies": {"timeouts": {"t": f"{20 + i}s"}},
                        "targets": {"components": {"flip": {"outbound": {"timeout": "t"}}}},
                    },
                ),
            ),
            ("extra.yaml", None if gone else component("extra", "pubsub.in-memory", {"queueLength": str(10000 + i)})),
            ("extra-sub.yaml", None if gone else subscription("more", f"/more/{turn}", pubsub="steady")),
            ("config", access(i)),
        )
        assert len(kinds) == KINDS
        return kinds[n % KINDS]

    def access(i: int) -> str:
        policy = {"appId": f"x{i}", "namespace": "n", "trustDomain": "t"}
        control = {"defaultAction": "allow", "trustDomain": "public", "policies": [policy]}
        return configuration({"accessControl": control})

    def put(name: str, text: str | None) -> None:
        if name == "config":
            daprd.put_config("c.yaml", text or "")
        elif text is None:
            daprd.remove_resource(name)
        else:
            daprd.put_resource(name, text)

    resources = {"m.yaml": MEMORY, "steady.yaml": component("steady", "pubsub.in-memory")}
    resources |= {name: text or "" for name, text in map(variant, range(KINDS - 1))}
    with contextlib.ExitStack() as stack:
        app = stack.enter_context(HttpSubscriber())
        daprd = stack.enter_context(Daprd(app=app, resources=resources, configs={"c.yaml": access(0)}))
        wait_for(lambda: topics(daprd).get("orders") == "/orders/0")
        save(daprd, "memory", "there")
        stream = stack.enter_context(StreamSubscriber(daprd, "held", pubsub_name="steady"))
        stub = daprd.dapr(stack.enter_context(daprd.channel()))
        local = threading.local()
        going = threading.Event()  # cleared: the load rests
        going.set()

        def request(method: str, target: str, body: Any = None) -> rawhttp.Response:
            going.wait()
            if not hasattr(local, "connection"):
                local.connection = daprd.connect()
            text = b"" if body is None else json.dumps(body).encode()
            return local.connection.request(method, target, [("Content-Type", "application/json")], text)

        def read(_: int) -> None:
            assert request("GET", "/v1.0/state/memory/k").json() == "there"

        def write(n: int) -> None:
            for store in ("flip", "disk"):
                answer = request("POST", f"/v1.0/state/{store}", [{"key": "k", "value": n}])
                assert answer.status == 204, answer

        def send(n: int) -> None:
            answer = request("POST", "/v1.0/publish/ps/orders", n)
            assert answer.status == 204, answer

        def call(_: int) -> None:
            answer = request("POST", "/v1.0/invoke/app/method/called", {"data": -1})
            assert answer.status == 200, answer

        def ask(_: int) -> None:
            going.wait()
            answer = stub.GetState(protos.runtime.GetStateRequest(store_name="memory", key="k"), timeout=10)
            assert answer.data == b'"there"'

        def through(n: int) -> None:
            """One message after another through the stream that is never opened anew."""
            assert request("POST", "/v1.0/publish/steady/held", n).status == 204
            event = stream.next()
            assert json.loads(event.data) == n
            stream.ack(event.id)

        steps = ((read, 0.005), (write, 0.02), (call, 0.02), (ask, 0.02), (through, 0.02))
        sending = stack.enter_context(Repeat(send, 0.005))
        callers = [stack.enter_context(Repeat(step, pause)) for step, pause in steps]

        def held() -> tuple[int, int, int]:
            """Memory in KiB, connections and other descriptors while nothing happens."""
            going.clear()
            try:
                wait_for(lambda: set(range(sending.count)) <= set(app.values()), 20, "every message")
                time.sleep(0.3)  # what is retired goes
                peers = connections(daprd)
                return daprd.anonymous_kib(), peers, daprd.descriptors() - peers
            finally:
                going.set()

        done, rest = 0, ""
        early = (0, 0, 0)
        with open(daprd.log) as log:
            log.seek(0, 2)
            for n in range(KINDS, KINDS + RELOADS):
                put(*variant(n))
                deadline = time.monotonic() + 10
                while done <= n - KINDS:
                    # What is read may end within a line.
                    lines, _, rest = (rest + log.read()).rpartition("\n")
                    done += lines.count(DONE)
                    assert time.monotonic() < deadline, f"reload {n} is not done ({daprd.log})"
                    time.sleep(0.001)
                if n == RELOADS // 4:
                    early = held()
                for caller in (sending, *callers):
                    assert not caller.failure, caller.failure

        # One KiB, or one descriptor of any one kind of change, that stays from each of the later three
        # quarters of the reloads is far more than this. Connections to the app are as many as the load of
        # the machine makes them.
        most = (300_000 if sanitized() else 400, 12 + RELOADS // 25, 4)

        def grown() -> list[int]:
            return [late - first for late, first in zip(held(), early, strict=True)]

        with contextlib.suppress(AssertionError):
            wait_for(lambda: all(growth <= limit for growth, limit in zip(grown(), most, strict=True)), 10)
        growth = grown()
        assert all(one <= limit for one, limit in zip(growth, most, strict=True)), (early, growth, most)
        assert all(caller.count > RELOADS // 8 for caller in callers), [caller.count for caller in callers]
        assert load(daprd, "memory") == "there" and not stream.ended.is_set()
