"""KEDA's external scaler: what waits for an app, told without touching the app."""

import contextlib
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

import grpc

pytest.importorskip("yaml")
from harness import protos, rawhttp  # noqa: E402
from harness.brokers import Brokers, compiled_in, unique  # noqa: E402
from harness.daprd import Daprd  # noqa: E402
from harness.http_app import HttpApp  # noqa: E402
from harness.poll import wait_for  # noqa: E402
from harness.ports import free_port  # noqa: E402
from harness.redis_server import RedisServer  # noqa: E402
from harness.scaler import SERVICE, Scaler, scaler  # noqa: E402
from harness.shared import Shared  # noqa: E402
from harness.state_stores import StateServers  # noqa: E402
from harness.subscriber import IN_MEMORY, HttpSubscriber, publish, subscription  # noqa: E402
from harness.yamls import component  # noqa: E402

class Stream:
    """What StreamIsActive has told so far, in `told`."""

    def __init__(self, caller: Scaler, **metadata: str):
        self.told: list[bool] = []
        self.error: grpc.RpcError | None = None
        self.call = caller.stub.StreamIsActive(Scaler.ref(metadata))
        self.thread = threading.Thread(target=self._read, daemon=True)
        self.thread.start()

    def _read(self) -> None:
        try:
            for answer in self.call:
                self.told.append(answer.result)
        except grpc.RpcError as error:
            self.error = error

    def wait(self, *expected: bool) -> None:
        wait_for(lambda: self.told == list(expected), 10, f"{expected}, got {self.told}")


class Setting:
    def __init__(self, stack: contextlib.ExitStack, *flags: str, resources: Any = None, **options: Any):
        self.public, self.own = free_port(), free_port()
        self.app = options.pop("app", None) or HttpSubscriber()
        ports = ["--dapr-public-port", str(self.public), "--scaler-port", str(self.own)]
        address = ["--dapr-public-listen-address", "127.0.0.1"]
        self.daprd = stack.enter_context(
            Daprd("app", app=self.app, resources=resources, flags=[*ports, *address, *flags], **options)
        )
        self.scaler = stack.enter_context(Scaler("127.0.0.1", self.own))
        self.by_public = stack.enter_context(Scaler("127.0.0.1", self.public))


ORDERS = {"ps.yaml": IN_MEMORY, "s.yaml": subscription(), "t.yaml": subscription("other", "/other")}


@pytest.fixture
def away(stack: contextlib.ExitStack) -> Setting:
    """An app that is not there, with two subscriptions."""
    setting = Setting(stack, resources=ORDERS)
    wait_for(
        lambda: setting.daprd.metrics().total("dapr_shared_paused_subscriptions") == 2, 10, "subscriptions"
    )
    return setting


def test_messages_that_wait(away: Setting) -> None:
    for caller in (away.scaler, away.by_public):
        assert not caller.active() and caller.count() == 0
    for number in range(7):
        publish(away.daprd, number)
    publish(away.daprd, "x", "other")
    wait_for(lambda: away.scaler.active() and away.by_public.active(appId="app"), 5)
    wait_for(lambda: away.scaler.count() == 8, 5)
    assert away.by_public.count() == 8
    # What the broker keeps and what was pulled from it are the same to the scaler.
    assert away.scaler.count(topic="orders") == 7 and away.scaler.count(topic="other") == 1
    assert away.scaler.count(pubsubName="ps", topic="other") == 1
    assert away.scaler.count(pubsubName="none") == 0 and not away.scaler.active(topic="none")
    with away.app:
        wait_for(lambda: not away.scaler.active() and away.scaler.count() == 0, 10)
        assert len(away.app.events) == 8


def test_spec(away: Setting) -> None:
    assert away.scaler.spec() == ("dapr-shared-app", 1, 1.0)
    assert away.scaler.spec(targetPending="25", scalerAddress="some:1") == ("dapr-shared-app", 25, 25.0)


@pytest.mark.parametrize(
    ("metadata", "code", "text"),
    [
        ({"appId": "nobody"}, "NOT_FOUND", "app nobody is not served here"),
        ({"targetPending": "0"}, "INVALID_ARGUMENT", "targetPending"),
        ({"targetPending": "1.5"}, "INVALID_ARGUMENT", "targetPending"),
        ({"invocations": "maybe"}, "INVALID_ARGUMENT", "invocations"),
    ],
)
def test_wrong_metadata(away: Setting, metadata: dict[str, str], code: str, text: str) -> None:
    said = away.scaler.refused(**metadata)
    assert said[0].name == code and text in said[1]


def test_wrong_metric(away: Setting) -> None:
    request = scaler.GetMetricsRequest(scaledObjectRef=Scaler.ref({}), metricName="other")
    with pytest.raises(grpc.RpcError) as raised:
        away.scaler.stub.GetMetrics(request, timeout=10)
    assert raised.value.code() == grpc.StatusCode.INVALID_ARGUMENT


def test_stream_tells_changes_and_ends_with_the_runtime(away: Setting) -> None:
    stream, other = Stream(away.scaler), Stream(away.by_public, topic="none")
    stream.wait(False)
    publish(away.daprd, 1)
    published = time.monotonic()
    stream.wait(False, True)
    assert time.monotonic() - published < 5
    with away.app:
        stream.wait(False, True, False)
    assert other.told == [False]
    stopping = time.monotonic()
    assert away.daprd.stop() == 0
    assert time.monotonic() - stopping < 5
    for one in (stream, other):
        one.thread.join(5)
        # A clean end, after which KEDA opens it anew at once.
        assert one.error is None and one.call.code() == grpc.StatusCode.OK
    assert "is running on port" in away.daprd.log_text()


def test_stream_that_its_caller_leaves(away: Setting) -> None:
    streams = [Stream(away.scaler) for _ in range(20)]
    for stream in streams:
        stream.wait(False)
        stream.call.cancel()
    assert away.scaler.count() == 0


def test_calls_that_wait(stack: contextlib.ExitStack) -> None:
    app = HttpApp()
    setting = Setting(stack, "--app-wake-timeout", "20s", app=app)
    answers: list[int] = []

    def call() -> None:
        answers.append(setting.daprd.request("GET", "/v1.0/invoke/app/method/hello").status)

    callers = [threading.Thread(target=call, daemon=True) for _ in range(3)]
    for caller in callers:
        caller.start()
    wait_for(lambda: setting.scaler.count() == 3, 5)
    assert setting.scaler.active() and not setting.scaler.active(invocations="false")
    assert setting.scaler.count(invocations="true") == 3 and setting.scaler.count(invocations="false") == 0
    with app:
        for caller in callers:
            caller.join(10)
        assert len(answers) == 3
        wait_for(lambda: not setting.scaler.active(), 5)


def test_app_is_never_touched(stack: contextlib.ExitStack) -> None:
    with HttpSubscriber() as app:
        setting = Setting(stack, app=app, resources=ORDERS)
        wait_for(lambda: setting.daprd.metrics().total("dapr_shared_target_state", state="ready") == 1)
        wait_for(lambda: setting.daprd.metrics().total("dapr_shared_paused_subscriptions") == 0)
        before = len(app.events)
        stream = Stream(setting.scaler)
        stream.wait(False)
        for _ in range(20):
            assert not setting.by_public.active() and setting.scaler.count() == 0
        assert len(app.events) == before


def test_public_port_serves_health_beside_it(away: Setting) -> None:
    assert rawhttp.request("127.0.0.1", away.public, "GET", "/v1.0/healthz").status == 204
    assert rawhttp.request("127.0.0.1", away.public, "POST", f"/{SERVICE}/IsActive").status == 415


def test_off_unless_wanted(stack: contextlib.ExitStack) -> None:
    with HttpApp() as app, Daprd("app", app=app) as daprd:
        assert "external scaler" not in daprd.log_text()
        with Scaler("127.0.0.1", daprd.grpc_port) as api, pytest.raises(grpc.RpcError):
            api.active()


def test_reflection_tells_the_service(away: Setting) -> None:
    reflection = protos.Package("grpc.reflection.v1")
    stub = protos.Stub(away.scaler.channel, "grpc.reflection.v1.ServerReflection")

    def ask() -> Iterator[Any]:
        yield reflection.ServerReflectionRequest(list_services="*")
        yield reflection.ServerReflectionRequest(file_containing_symbol=SERVICE)

    listed, file = list(stub.ServerReflectionInfo(ask(), timeout=10))
    assert SERVICE in [service.name for service in listed.list_services_response.service]
    assert b"StreamIsActive" in file.file_descriptor_response.file_descriptor_proto[0]


def test_redis_backlog(stack: contextlib.ExitStack, servers: StateServers) -> None:
    redis = component("ps", "pubsub.redis", {**servers.redis.metadata(), "queueDepth": "5"})
    topic = "scaler-orders"
    resources = {"ps.yaml": redis, "s.yaml": subscription(topic)}
    setting = Setting(stack, resources=resources)
    wait_for(lambda: setting.daprd.metrics().total("dapr_shared_paused_subscriptions") == 1)
    for number in range(50):
        publish(setting.daprd, number, topic)
    wait_for(lambda: setting.scaler.count() == 50, 10, "50 messages wait")
    with setting.app:
        wait_for(lambda: setting.scaler.count() == 0, 15)


def test_broker_that_is_frozen(stack: contextlib.ExitStack) -> None:
    """What it would say is not known; it does not keep the other one from being asked."""
    frozen, well = (stack.enter_context(RedisServer()) for _ in range(2))
    resources = {
        "a.yaml": component("frozen", "pubsub.redis", frozen.metadata()),
        "b.yaml": component("ps", "pubsub.redis", well.metadata()),
        "s.yaml": subscription("one", pubsub="frozen"),
        "t.yaml": subscription("two"),
    }
    setting = Setting(stack, resources=resources)
    wait_for(lambda: len(setting.daprd.get("/v1.0/metadata").json().get("subscriptions", [])) == 2)
    frozen.pause()
    for asked in ({"pubsubName": "frozen"}, {}):
        for ask in (setting.scaler.active, setting.scaler.count):
            with pytest.raises(grpc.RpcError) as raised:
                ask(**asked)
            assert raised.value.code() == grpc.StatusCode.UNAVAILABLE
            assert "topic one of pubsub frozen" in raised.value.details()
    assert setting.scaler.count(pubsubName="ps") == 0 and not setting.scaler.active(topic="two")
    stream = Stream(setting.scaler)
    for number in range(3):
        publish(setting.daprd, number, "two")
    wait_for(lambda: setting.scaler.active(topic="two") and setting.scaler.count() == 3)
    stream.wait(True)
    frozen.resume()
    for number in range(2):
        answer = setting.daprd.request("POST", "/v1.0/publish/frozen/one", None, str(number))
        assert answer.status == 204, answer

    def known() -> bool:
        try:
            return setting.scaler.active(pubsubName="frozen") and setting.scaler.count() == 5
        except grpc.RpcError:
            return False  # not yet

    wait_for(known)
    frozen.pause()
    time.sleep(2.5)  # longer than an answer is good for
    assert setting.scaler.count() == 5, "its last word counts"
    frozen.resume()


@pytest.fixture(scope="module")
def brokers() -> Iterator[Brokers]:
    with Brokers() as all_brokers:
        yield all_brokers


@pytest.mark.parametrize("leaves", [False, True], ids=["never there", "leaves"])
@pytest.mark.parametrize("name", [name for name in compiled_in() if name != "memory"])
def test_broker_wakes_an_app(brokers: Brokers, stack: contextlib.ExitStack, name: str, leaves: bool) -> None:
    """Also an app that was at zero before the runtime was there."""
    broker, topic = brokers[name], unique("wakes")
    broker.prepare([topic])
    resources = {
        "ps.yaml": broker.component(unique("g"), away=True),
        "s.yaml": subscription(topic, "/t", name="s"),
    }
    setting = Setting(stack, resources=resources)
    if leaves:
        setting.app.start()
        wait_for(lambda: setting.daprd.metrics().total("dapr_shared_target_state", state="ready") == 1)
        wait_for(lambda: setting.daprd.metrics().total("dapr_shared_paused_subscriptions") == 0)
        setting.app.stop()
        setting.app.events.clear()
    else:
        wait_for(lambda: setting.daprd.metrics().total("dapr_shared_paused_subscriptions") == 1)
    wait_for(lambda: setting.daprd.get("/v1.0/metadata").json().get("subscriptions"), 20, "subscribed")
    for number in range(7):
        publish(setting.daprd, number, topic)
    wait_for(lambda: setting.scaler.count() == 7, 15, "7 messages wait")
    assert setting.scaler.active()
    with setting.app:
        wait_for(lambda: setting.scaler.count() == 0 and not setting.scaler.active(), 15, "none waits")
        assert sorted(setting.app.values()) == list(range(7))


def test_many_apps(stack: contextlib.ExitStack) -> None:
    red, blue = HttpSubscriber(), stack.enter_context(HttpSubscriber())
    port = free_port()
    shared = Shared(
        stack,
        {"red": {"app": red}, "Blue_2": {"app": blue}},
        resources={"ps.yaml": IN_MEMORY, "s.yaml": subscription(scopes=["red"])},
        flags=["--scaler-port", str(port)],
    )
    caller = stack.enter_context(Scaler("127.0.0.1", port))
    said = caller.refused()
    assert said[0] == grpc.StatusCode.INVALID_ARGUMENT and "appId" in said[1]
    assert caller.refused(appId="green")[0] == grpc.StatusCode.NOT_FOUND
    stream = Stream(caller, appId="red")
    stream.wait(False)
    answer = shared.request("red", "POST", "/v1.0/publish/ps/orders", None, b"1")
    assert answer.status == 204
    stream.wait(False, True)
    assert caller.active(appId="red") and not caller.active(appId="Blue_2")
    assert caller.spec(appId="Blue_2")[0] == "dapr-shared-blue-2"
