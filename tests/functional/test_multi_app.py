"""Many app-ids in one process: whom a caller speaks for, changes while others run, compartments."""

import contextlib
import threading
import time

import pytest

import grpc
from harness import protos, rawhttp
from harness.grpc_app import EchoStub, GrpcApp
from harness.http_app import HttpApp
from harness.poll import wait_for
from harness.shared import Shared
from harness.yamls import MEMORY, component


def secret_store(values: str) -> str:
    return component("secrets", "secretstores.local.file", {"secretsFile": values})


@pytest.fixture(scope="module")
def two(tmp_path_factory):  # noqa: ANN001, ANN201
    """`red` (HTTP, two tokens from a secret store) and `blue` (HTTP, no token)."""
    secrets = tmp_path_factory.mktemp("secrets") / "secrets.json"
    secrets.write_text('{"red": "red-one", "red2": "red-two"}')
    with contextlib.ExitStack() as stack:
        red, blue = stack.enter_context(HttpApp(name="red")), stack.enter_context(HttpApp(name="blue"))
        refs = [{"secretKeyRef": {"store": "secrets", "name": name, "key": name}} for name in ("red", "red2")]
        shared = Shared(
            stack,
            {"red": {"app": red, "tokens": refs}, "blue": {"app": blue}},
            resources={"m.yaml": MEMORY, "s.yaml": secret_store(str(secrets))},
            env={"NAMESPACE": "shop"},
        )
        shared.red, shared.blue = red, blue  # type: ignore[attr-defined]
        yield shared


RED = {"dapr-api-token": "red-one"}
WHO = "/v1.0/metadata"


# Whom a caller speaks for.
def test_by_own_port(two: Shared) -> None:
    assert two.request("red", "GET", WHO, RED).json()["id"] == "red"
    assert two.request("blue", "GET", WHO).json()["id"] == "blue"


def test_by_token_on_the_shared_port(two: Shared) -> None:
    for token in ("red-one", "red-two"):
        assert two.daprd.get(WHO, {"dapr-api-token": token}).json()["id"] == "red"


@pytest.mark.parametrize(
    "host",
    [
        "blue-dapr",
        "blue-dapr:3500",
        "blue-dapr.shop",
        "blue-dapr.shop.svc.cluster.local",
        "BLUE-DAPR.shop:80",
    ],
)
def test_by_host_name(two: Shared, host: str) -> None:
    assert two.daprd.get(WHO, {"Host": host}).json()["id"] == "blue"


@pytest.mark.parametrize("host", ["green-dapr", "blue", "xblue-dapr", "127.0.0.1", "dapr", "blue-dapr.elsewhere.svc"])
def test_no_match_is_421(two: Shared, host: str) -> None:
    answer = two.daprd.get(WHO, {"Host": host})
    assert answer.status == 421 and answer.json()["message"]


def test_health_of_the_process_needs_no_app(two: Shared) -> None:
    assert two.daprd.get("/v1.0/healthz").status == 204


@pytest.mark.parametrize("headers", [{}, {"dapr-api-token": "wrong"}])
def test_wrong_or_missing_token_is_401(two: Shared, headers: dict[str, str]) -> None:
    assert two.request("red", "GET", WHO, headers).status == 401
    assert two.daprd.get(WHO, {"Host": "red-dapr", **headers}).status == 401


def test_token_of_another_app_than_port_or_name(two: Shared) -> None:
    assert two.request("blue", "GET", WHO, RED).status == 401
    assert two.daprd.get(WHO, {"Host": "blue-dapr", **RED}).status == 401
    assert two.daprd.get(WHO, {"dapr-api-token": "of-nobody"}).status == 401


def test_grpc_codes(two: Shared) -> None:
    request = protos.runtime.GetMetadataRequest()
    with two.channel("blue") as channel:
        assert two.daprd.dapr(channel).GetMetadata(request).id == "blue"
    with two.channel("red") as channel, pytest.raises(grpc.RpcError) as failure:
        two.daprd.dapr(channel).GetMetadata(request)
    assert failure.value.code() == grpc.StatusCode.UNAUTHENTICATED
    with two.daprd.channel() as channel:
        stub = two.daprd.dapr(channel)
        assert stub.GetMetadata(request, metadata=(("dapr-api-token", "red-two"),)).id == "red"
        with pytest.raises(grpc.RpcError) as failure:
            stub.GetMetadata(request)
        assert failure.value.code() == grpc.StatusCode.FAILED_PRECONDITION
    with two.daprd.channel(**{"grpc.default_authority": "blue-dapr.shop:50001"}) as channel:
        assert two.daprd.dapr(channel).GetMetadata(request).id == "blue"


def test_none_of_them_ends_the_process(two: Shared) -> None:
    """Least of all one whose callers need no token."""
    for headers in ({}, {"dapr-force-shutdown": "true"}):
        for answer in (
            two.daprd.request("POST", "/v1.0/shutdown", {"Host": "blue-dapr", **headers}),
            two.request("blue", "POST", "/v1.0/shutdown", headers),
            two.request("red", "POST", "/v1.0/shutdown", {**RED, **headers}),
        ):
            assert answer.status == 403, answer
            assert "SIGTERM" in answer.json()["message"] and "SharedApp" in answer.json()["message"]
        with two.channel("blue") as channel, pytest.raises(grpc.RpcError) as failure:
            metadata = tuple(headers.items())
            two.daprd.dapr(channel).Shutdown(protos.runtime.ShutdownRequest(), metadata=metadata)
        assert failure.value.code() == grpc.StatusCode.PERMISSION_DENIED
        assert "SIGTERM" in failure.value.details()
    assert two.request("red", "GET", WHO, RED).status == 200 and two.daprd.alive()


def test_refusals_are_logged_with_a_limit(two: Shared) -> None:
    for _ in range(500):
        two.daprd.get(WHO, {"Host": "flood-dapr"})
    assert 1 <= len([r for r in two.daprd.log_records() if r["level"] == "warning"]) < 100


def test_tokens_never_reach_the_log(two: Shared) -> None:
    assert "red-one" not in two.daprd.log_text() and "red-two" not in two.daprd.log_text()


# Invocation between two apps of the process.
def test_invocation_between_them_keeps_the_headers(two: Shared) -> None:
    answer = two.request("blue", "POST", "/v1.0/invoke/red/method/x%2Fy?q=1", {"X-A": "1"}, b"body")
    assert answer.status == 200 and answer.json()["app"] == "red"
    seen = two.red.last()  # type: ignore[attr-defined]
    assert seen.target == b"/x%2Fy?q=1" and seen.body == b"body" and seen.header("x-a") == "1"
    assert seen.header("dapr-caller-app-id") == "blue" and seen.header("dapr-callee-app-id") == "red"
    assert two.request("red", "GET", "/v1.0/invoke/blue/method/z", RED).json()["app"] == "blue"


def test_invocation_metrics_are_per_app(two: Shared) -> None:
    two.request("blue", "GET", "/v1.0/invoke/red/method/m")
    seen = two.daprd.metrics()
    assert seen.total("dapr_runtime_service_invocation_req_sent_total", app_id="blue", dst_app_id="red") >= 1
    assert seen.total("dapr_runtime_service_invocation_req_recv_total", app_id="red", src_app_id="blue") >= 1
    assert seen.total("dapr_http_server_request_count", app_id="blue") >= 1


TRACE = "0af7651916cd43dd8448eb211c80319c"
PARENT = {"traceparent": f"00-{TRACE}-b7ad6b7169203331-01", "tracestate": "vendor=value"}


def check_trace(traceparent: str | None, tracestate: str | None) -> None:
    """What the called app sees of PARENT: the same trace, a span of the runtime's own."""
    version, trace, span, flags = (traceparent or "").split("-")
    assert (version, trace, flags, tracestate) == ("00", TRACE, "01", "vendor=value")
    assert span != "b7ad6b7169203331" and len(span) == 16 and int(span, 16) > 0


def test_invocation_between_them_keeps_the_trace(two: Shared) -> None:
    answer = two.request("blue", "GET", "/v1.0/invoke/red/method/traced", PARENT)
    assert answer.status == 200 and (answer.header("traceparent") or "").split("-")[1] == TRACE
    seen = two.red.last()  # type: ignore[attr-defined]
    check_trace(seen.header("traceparent"), seen.header("tracestate"))


def test_api_log_says_which_app() -> None:
    with contextlib.ExitStack() as stack:
        shared = Shared(stack, {"a": {}, "b": {}}, flags=["--enable-api-logging"])
        for app in ("a", "b"):
            assert shared.request(app, "GET", f"{WHO}?of={app}").status == 200
            assert shared.daprd.request("PUT", f"{WHO}/of-{app}", {"Host": f"{app}-dapr"}, "x").status == 204
            with shared.channel(app) as channel:
                shared.daprd.dapr(channel).GetMetadata(protos.runtime.GetMetadataRequest())
        wait_for(lambda: len(shared.daprd.logged("gRPC API Called")) == 2)
        assert {r["app_id"] for r in shared.daprd.logged("gRPC API Called")} == {"a", "b"}
        called = shared.daprd.logged("HTTP API Called")
        written = {r["method"]: r["app_id"] for r in called if r["method"].startswith("PUT")}
        assert written == {f"PUT {WHO}/of-{app}": app for app in ("a", "b")}
        read = [r["app_id"] for r in called if r["method"].startswith(f"GET {WHO}")]
        assert sorted(read) == ["a", "b"]


def test_grpc_proxy_between_them() -> None:
    with contextlib.ExitStack() as stack:
        grpc_app, http_app = stack.enter_context(GrpcApp()), stack.enter_context(HttpApp())
        shared = Shared(stack, {"g": {"app": grpc_app}, "h": {"app": http_app}})
        with shared.channel("h") as channel:
            stub = EchoStub(channel)
            assert stub.Unary(b"x", metadata=(("dapr-app-id", "g"),)) == b"x"
            assert list(stub.Bidi(iter([b"1"]), metadata=(("dapr-app-id", "g"),))) == [b"echo 1"]
        assert grpc_app.metadata_of("Unary")["dapr-caller-app-id"] == "h"
        with shared.channel("h") as channel:
            EchoStub(channel).Unary(b"x", metadata=(("dapr-app-id", "g"), *PARENT.items()))
        seen = grpc_app.metadata_of("Unary")
        check_trace(seen.get("traceparent"), seen.get("tracestate"))


def test_state_is_apart(two: Shared) -> None:
    body = '[{"key":"k","value":"of blue"}]'
    assert (
        two.request("blue", "POST", "/v1.0/state/memory", {"Content-Type": "application/json"}, body).status
        == 204
    )
    assert two.request("red", "GET", "/v1.0/state/memory/k", RED).status == 204
    assert two.request("blue", "GET", "/v1.0/state/memory/k").json() == "of blue"


def test_components_by_scope() -> None:
    with contextlib.ExitStack() as stack:
        shared = Shared(
            stack,
            {"a": {}, "b": {}},
            resources={
                "1.yaml": component("only-a", "state.in-memory", scopes=["a"]),
                "2.yaml": component("all", "state.in-memory"),
            },
        )

        def names(app: str) -> list[str]:
            return [c["name"] for c in shared.request(app, "GET", WHO).json()["components"]]

        assert sorted(names("a")) == ["all", "only-a"] and names("b") == ["all"]


def test_internal_port_belongs_to_one_app(two: Shared) -> None:
    request = protos.internals.InternalInvokeRequest(ver=1)
    request.message.method, request.message.http_extension.verb = "internal", 1
    with two.channel("blue", "internal") as channel:
        answer = protos.Stub(channel, "dapr.proto.internals.v1.ServiceInvocation").CallLocal(request)
    assert answer.status.code == 200 and two.blue.last().path == "/internal"  # type: ignore[attr-defined]


# The folder is watched.
def test_add_change_and_remove_touch_no_request_of_another() -> None:
    with contextlib.ExitStack() as stack:
        steady, first = (
            stack.enter_context(HttpApp(name="steady")),
            stack.enter_context(HttpApp(name="first")),
        )
        second = stack.enter_context(HttpApp(name="second"))
        shared = Shared(stack, {"steady": {"app": steady}})
        stop, failures, count = threading.Event(), [], [0]

        def flow() -> None:
            with rawhttp.Connection(shared.daprd.host, shared.ports["steady"]["http"]) as connection:
                while not stop.is_set():
                    try:
                        answer = connection.request("GET", "/v1.0/invoke/steady/method/slow?ms=5")
                        if answer.status != 200:
                            failures.append(answer)
                        count[0] += 1
                    except (OSError, EOFError) as error:
                        failures.append(error)
                        return

        with rawhttp.Connection(shared.daprd.host, shared.ports["steady"]["http"]) as held:
            held.send(held.head("GET", "/v1.0/invoke/steady/method/hang"))
            thread = threading.Thread(target=flow)
            thread.start()
            shared.daprd.put_app("new.yaml", shared.text("new", app=first))
            wait_for(
                lambda: shared.request("new", "GET", "/v1.0/invoke/new/method/x").json()["app"] == "first", 10
            )
            shared.daprd.put_app("new.yaml", shared.text("new", app=second))
            wait_for(
                lambda: shared.request("new", "GET", "/v1.0/invoke/new/method/x").json()["app"] == "second",
                10,
            )
            shared.daprd.remove_app("new.yaml")

            def gone() -> bool:
                try:
                    return shared.request("new", "GET", WHO, timeout=2).status != 200
                except (ConnectionError, EOFError):
                    return True

            wait_for(gone, 10)
            before = count[0]
            wait_for(lambda: count[0] > before + 10, 5)
            stop.set()
            thread.join(10)
            steady.release()
            assert held.read_response().body == b"released", "a request in flight over all changes"
        assert not failures and count[0] > 10


def test_removed_app_finishes_what_it_has() -> None:
    with contextlib.ExitStack() as stack:
        app = stack.enter_context(HttpApp())
        shared = Shared(stack, {"a": {"app": app}, "b": {}})
        with rawhttp.Connection(shared.daprd.host, shared.ports["a"]["http"]) as held:
            held.send(held.head("GET", "/v1.0/invoke/a/method/hang"))
            wait_for(lambda: app.in_flight == 1)
            shared.daprd.remove_app("a.yaml")
            time.sleep(0.3)  # the removal must not cut it
            app.release()
            assert held.read_response().body == b"released"


def test_bad_document_harms_no_other() -> None:
    with contextlib.ExitStack() as stack:
        app = stack.enter_context(HttpApp())
        shared = Shared(stack, {"good": {"app": app}})
        shared.daprd.put_app(
            "bad.yaml", "apiVersion: shared.dapr.io/v1alpha1\nkind: SharedApp\nspec: {nonsense: 1}\n"
        )
        wait_for(lambda: [r for r in shared.daprd.log_records() if "bad.yaml" in r["msg"]], 10)
        assert shared.request("good", "GET", "/v1.0/invoke/good/method/x").status == 200


def test_starts_with_an_empty_folder() -> None:
    with contextlib.ExitStack() as stack:
        shared = Shared(stack, {})
        shared.daprd.put_app("late.yaml", shared.text("late"))
        wait_for(lambda: shared.request("late", "GET", WHO).json()["id"] == "late", 10)


def test_init_failure_of_one_leaves_the_others() -> None:
    with contextlib.ExitStack() as stack:
        broken = component(
            "broken", "state.sqlite", {"connectionString": "/nonexistent/x.db"}, scopes=["ill"]
        )
        shared = Shared(stack, {"ill": {}, "well": {}}, resources={"b.yaml": broken})
        assert shared.request("well", "GET", WHO).json()["id"] == "well"
