"""Access control: the cases of acl_cases.yaml over HTTP and over gRPC: between app-ids of one process,
whose identity is certain; between processes with certificates of the real sentry; and at the internal
port, where callers without a certificate have no identity."""

import asyncio
import contextlib
import json
import pathlib
import ssl
import threading
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

import grpc
from harness import protos, rawhttp
from harness.daprd import Daprd
from harness.grpc_app import GrpcApp
from harness.http_app import HttpApp
from harness.poll import wait_for
from harness.ports import free_port
from harness.sentry import Sentry
from harness.yamls import configuration, document, sqlite_resolution

DATA = yaml.safe_load((pathlib.Path(__file__).parent / "acl_cases.yaml").read_text())
CASES: list[dict[str, Any]] = DATA["cases"]
BLACK_BOX = [case for case in CASES if not case.get("engine")]
DENIED = grpc.StatusCode.PERMISSION_DENIED


def name_of(case: dict[str, Any]) -> str:
    return f"{case['p']}-{case.get('c', 'client')}-{case['m']}-{case.get('v', '')}"


def access(text: str) -> str:
    return configuration({"accessControl": yaml.safe_load(text)})


# Of an app that speaks HTTP/2 and is called over gRPC, which is always POST.
H2C_PATHS = """
  defaultAction: deny
  policies:
  - appId: client
    trustDomain: public
    namespace: default
    defaultAction: deny
    operations:
    - {name: /orders, httpVerb: [GET], action: allow}
    - {name: /calls, httpVerb: [POST], action: allow}
    - {name: /admin/delete, httpVerb: ["*"], action: deny}
"""


class World:
    """An app-id for every policy and every caller: all in one process, or, with a sentry, the callers in
    another."""

    def __init__(self, stack: contextlib.ExitStack, folder: pathlib.Path, sentry: Sentry | None = None):
        self.sentry = sentry
        self.http_app = stack.enter_context(HttpApp())
        self.grpc_app = stack.enter_context(GrpcApp())
        self.ports: dict[str, dict[str, int]] = {}
        apps: dict[str, str] = {}
        speaks_grpc = {case["p"] for case in CASES if case.get("app") == "grpc"}
        for policy, text in DATA["policies"].items():
            file = folder / f"{policy}.yaml"
            file.write_text(access(text))
            app = self.grpc_app if policy in speaks_grpc else self.http_app
            apps[policy] = self._app(
                policy,
                target={"address": app.host, "port": app.port, "protocol": "grpc" if app is self.grpc_app else "http"},
                config=[str(file)],
            )
        file = folder / "h2c.yaml"
        file.write_text(access(H2C_PATHS))
        plain = {"address": self.grpc_app.host, "port": self.grpc_app.port, "protocol": "h2c"}
        apps["h2c"] = self._app("h2c", target=plain, config=[str(file)])
        called = dict(apps)
        for caller, identity in DATA["callers"].items():
            if caller in ("none", "broken"):
                continue
            domain, _, namespace, _ = identity.removeprefix("spiffe://").split("/")
            more = {}
            if domain != "public":
                file = folder / f"of-{caller}.yaml"
                file.write_text(access(f"{{defaultAction: allow, trustDomain: {domain}}}"))
                more["config"] = [str(file)]
            target = {"address": self.http_app.host, "port": self.http_app.port, "protocol": "http"}
            apps[caller] = self._app(caller, namespace=namespace, target=target, **more)
        if sentry:
            names = {"c.yaml": sqlite_resolution(str(folder / "names.db"))}
            options: dict[str, Any] = {"configs": names, "flags": sentry.flags()}
            self.callee = stack.enter_context(self._serve(called, **options))
            self.daprd = stack.enter_context(
                self._serve({k: v for k, v in apps.items() if k not in called}, **options)
            )
            wait_for(lambda: self.http({"p": "open", "m": "any"}).status == 200, what="the apps are found")
        else:
            self.callee = self.daprd = stack.enter_context(self._serve(apps))
        self.channels = {
            caller: stack.enter_context(self.daprd.channel(self.ports[caller]["grpc"]))
            for caller in DATA["callers"]
            if caller in apps
        }

    @staticmethod
    def _serve(apps: dict[str, str], **options: Any) -> Daprd:
        return Daprd(None, apps={f"{name}.yaml": text for name, text in apps.items()}, **options)

    def _app(self, name: str, namespace: str = "default", **spec: Any) -> str:
        self.ports[name] = {kind: free_port() for kind in ("http", "grpc", "internal")}
        return document(
            "SharedApp",
            {"name": name, "namespace": namespace},
            {"appId": name, "ports": self.ports[name], **spec},
            "shared.dapr.io/v1alpha1",
        )

    def reached(self) -> int:
        """How many calls have come to an app."""
        return len(self.http_app.requests) + len(self.grpc_app.paths)

    def http(self, case: dict[str, Any]) -> rawhttp.Response:
        return rawhttp.request(
            "127.0.0.1",
            self.ports[case.get("c", "client")]["http"],
            case.get("v", "GET"),
            f"/v1.0/invoke/{case['p']}.default/method/{case['m']}",
        )

    def invoke_service(self, case: dict[str, Any]) -> str:
        """The error's text; empty when the app answered."""
        stub = self.daprd.dapr(self.channels[case.get("c", "client")])
        request = protos.runtime.InvokeServiceRequest(id=f"{case['p']}.default")
        request.message.method = case["m"]
        verb = request.message.http_extension
        verb.verb = verb.DESCRIPTOR.enum_types_by_name["Verb"].values_by_name[case.get("v", "GET")].number
        try:
            stub.InvokeService(request)
        except grpc.RpcError as error:
            assert error.code() == grpc.StatusCode.INTERNAL
            return error.details()
        return ""

    def proxied(self, case: dict[str, Any]) -> grpc.RpcError | None:
        call = self.channels[case.get("c", "client")].unary_unary(case["m"])
        try:
            call(b"", metadata=(("dapr-app-id", f"{case['p']}.default"),))
        except grpc.RpcError as error:
            return error
        return None


def text_of(case: dict[str, Any], shown: str | None = None) -> str:
    identity = DATA["callers"][case.get("c", "client")]
    verb = "NONE" if case.get("app") == "grpc" else case.get("v", "GET")
    return f"access control policy has denied access to id: {identity} operation: {shown or case['m']} verb: {verb}"


def refusal(case: dict[str, Any]) -> str:
    """The message of an invocation that was denied, up to the operation's name as it was cleaned."""
    start = f"failed to invoke, id: {case['p']}.default, err: rpc error: code = PermissionDenied desc = "
    return start + text_of(case).partition(" operation: ")[0]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with contextlib.ExitStack() as stack:
        yield World(stack, tmp_path_factory.mktemp("acl"))


@pytest.fixture(scope="module")
def apart(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with contextlib.ExitStack() as stack:
        yield World(stack, tmp_path_factory.mktemp("acl"), stack.enter_context(Sentry()))


@pytest.mark.parametrize("case", [c for c in BLACK_BOX if not c.get("proxy")], ids=name_of)
def test_over_http(world: World, case: dict[str, Any]) -> None:
    before = world.reached()
    answer = world.http(case)
    reached = world.reached() - before
    if case["want"] == "allow":
        assert answer.status == 200 and reached == 1, answer.body
        return
    assert answer.status == 403 and reached == 0, answer.body
    assert answer.json()["errorCode"] == "ERR_DIRECT_INVOKE"
    assert answer.json()["message"].startswith(refusal(case))


@pytest.mark.parametrize("case", [c for c in BLACK_BOX if not c.get("proxy") and c["m"]], ids=name_of)
def test_over_grpc(world: World, case: dict[str, Any]) -> None:
    before = world.reached()
    error = world.invoke_service(case)
    reached = world.reached() - before
    if case["want"] == "allow":
        assert error == "" and reached == 1, error
    else:
        assert error.startswith(refusal(case)) and reached == 0, error


@pytest.mark.parametrize("case", [c for c in BLACK_BOX if c.get("proxy")], ids=name_of)
def test_passed_through(world: World, case: dict[str, Any]) -> None:
    before = len(world.grpc_app.paths)
    error = world.proxied(case)
    reached = world.grpc_app.paths[before:]
    if case["want"] == "allow":
        assert error is not None and error.code() == grpc.StatusCode.UNIMPLEMENTED, "the app has no such method"
        assert reached == [case["m"]]
    else:
        assert error is not None and (error.code(), error.details()) == (DENIED, text_of(case))
        assert not reached


# Sentry says which trust domain it is; test_the_trust_domain_of_a_certificate_counts has another.
APART = [case for case in BLACK_BOX if case.get("c") != "stranger"]


@pytest.mark.parametrize("case", [c for c in APART if not c.get("proxy")], ids=name_of)
def test_with_certificates_over_http(apart: World, case: dict[str, Any]) -> None:
    test_over_http(apart, case)


@pytest.mark.parametrize("case", [c for c in APART if not c.get("proxy") and c["m"]], ids=name_of)
def test_with_certificates_over_grpc(apart: World, case: dict[str, Any]) -> None:
    test_over_grpc(apart, case)


@pytest.mark.parametrize("case", [c for c in APART if c.get("proxy")], ids=name_of)
def test_with_certificates_passed_through(apart: World, case: dict[str, Any]) -> None:
    test_passed_through(apart, case)


def test_whole_text_and_metrics(world: World) -> None:
    case = {"p": "paths", "m": "op1", "v": "PUT"}
    families = {
        ("policy", "allow"): "dapr_runtime_acl_app_policy_action_allowed_total",
        ("policy", "deny"): "dapr_runtime_acl_app_policy_action_blocked_total",
        ("default", "allow"): "dapr_runtime_acl_global_policy_action_allowed_total",
        ("default", "deny"): "dapr_runtime_acl_global_policy_action_blocked_total",
    }

    def totals(caller: str) -> dict[tuple[str, str], float]:
        seen = world.daprd.metrics()
        labels = {"app_id": caller, "trustDomain": "public", "namespace": "default"}
        return {key: seen.total(family, **labels) for key, family in families.items()}

    before, other = totals("client"), totals("other")
    answer = world.http(case)
    assert answer.json() == {
        "errorCode": "ERR_DIRECT_INVOKE",
        "message": "failed to invoke, id: paths.default, err: rpc error: code = PermissionDenied desc = "
        + text_of(case),
    }
    assert world.http({"p": "paths", "m": "op1"}).status == 200
    assert world.http({"p": "open", "c": "other", "m": "x"}).status == 200
    assert world.http({"p": "closed", "c": "other", "m": "x"}).status == 403
    after, other_after = totals("client"), totals("other")
    assert {key: after[key] - before[key] for key in after} == {
        ("policy", "allow"): 1,
        ("policy", "deny"): 1,
        ("default", "allow"): 0,
        ("default", "deny"): 0,
    }
    assert other_after["default", "allow"] - other["default", "allow"] == 1
    assert other_after["default", "deny"] - other["default", "deny"] == 1


def test_a_denial_is_one_log_line(world: World) -> None:
    case = {"p": "paths", "m": "logged-once", "v": "DELETE"}
    assert world.http(case).status == 403
    lines = world.daprd.logged(text_of(case))
    assert len(lines) <= 1, "limited to some a second, never more than one a call"
    assert all(line["level"] == "warning" and line["app_id"] == "paths" for line in lines)
    assert world.daprd.logged("access control policy has denied access"), "and the first of a second is there"


def test_the_app_gets_the_path_that_was_judged(world: World) -> None:
    for sent, received in (
        ("none/../op1", b"/op1"),
        ("op1%2Fx", b"/op1/x"),
        ("//op1/a//b", b"/op1/a/b"),
        ("op1/as%20is/", b"/op1/as%20is/"),
    ):
        assert world.http({"p": "paths", "m": sent}).status == 200
        assert world.http_app.last().target == received


def test_an_app_may_call_itself(world: World) -> None:
    answer = rawhttp.request("127.0.0.1", world.ports["closed"]["http"], "GET", "/v1.0/invoke/closed/method/x")
    assert answer.status == 200


# The internal port without mTLS: nobody has an identity, whatever they say.
def call_local(
    daprd: Daprd, port: int, method: str, headers: dict[str, str] | None
) -> grpc.RpcError | None:
    request = protos.internals.InternalInvokeRequest(ver=1)
    request.message.method = method
    request.message.http_extension.verb = 1
    for key, value in (headers or {}).items():
        request.metadata[key].values.append(value)
    message = protos.internals.InternalInvokeRequestStream(request=request)
    with daprd.channel(port) as channel:
        stub = protos.Stub(channel, "dapr.proto.internals.v1.ServiceInvocation")
        errors = []
        for call in (lambda: stub.CallLocal(request), lambda: list(stub.CallLocalStream(iter([message])))):
            try:
                call()
                errors.append(None)
            except grpc.RpcError as error:
                errors.append(error)
    unary, stream = errors
    assert (unary is None) == (stream is None)
    if unary is not None:
        assert (unary.code(), unary.details()) == (stream.code(), stream.details())
    return unary


CLAIM = {"dapr-caller-app-id": "client", "dapr-caller-namespace": "default"}


@pytest.mark.parametrize(
    "case",
    [c for c in CASES if c.get("c") == "none" and c.get("app") != "grpc"],
    ids=name_of,
)
def test_without_identity(world: World, case: dict[str, Any]) -> None:
    before = world.reached()
    error = call_local(world.callee, world.ports[case["p"]]["internal"], case["m"], CLAIM)
    reached = world.reached() - before
    if case["want"] == "allow":
        assert error is None and reached == 2
    else:
        assert error is not None and (error.code(), error.details()) == (DENIED, text_of(case))
        assert reached == 0


@contextlib.contextmanager
def as_holder_of(leaf: tuple[str, str], port: int) -> Iterator[int]:
    """A plaintext port that leads to this TLS port, with this certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.set_alpn_protocols(["h2"])
    context.load_cert_chain(*leaf)

    async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(65536):
                writer.write(data)
        writer.close()

    async def lead(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", port, ssl=context)
        await asyncio.gather(pump(reader, far_writer), pump(far_reader, writer))

    loop = asyncio.new_event_loop()
    server = loop.run_until_complete(asyncio.start_server(lead, "127.0.0.1", 0))
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        loop.call_soon_threadsafe(server.close)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(5)


@pytest.mark.parametrize("policy", ["domain", "open", "closed"])
@pytest.mark.parametrize("domain", ["public", "foreign"])
def test_the_trust_domain_of_a_certificate_counts(apart: World, policy: str, domain: str) -> None:
    """The same app-id and namespace, signed by the same root. Policy `domain` allows only that of `public`."""
    identity = f"spiffe://{domain}/ns/default/stranger"
    leaf = apart.sentry.root.leaf(f"{policy}-{domain}", identity)  # type: ignore[union-attr]
    claim = {"dapr-caller-app-id": "stranger", "dapr-caller-namespace": "default"}
    before = apart.reached()
    with as_holder_of(leaf, apart.ports[policy]["internal"]) as port:
        error = call_local(apart.callee, port, "any", claim)
    reached = apart.reached() - before
    if policy == "open" or (policy, domain) == ("domain", "public"):
        assert error is None and reached == 2, error
    else:
        denied = f"access control policy has denied access to id: {identity} operation: any verb: GET"
        assert error is not None and (error.code(), error.details()) == (DENIED, denied)
        assert reached == 0


def test_without_identity_passed_through(world: World) -> None:
    before = world.reached()
    with world.daprd.channel(world.ports["grpc"]["internal"]) as channel:
        with pytest.raises(grpc.RpcError) as failure:
            channel.unary_unary("/pkg.Any/Thing")(b"", metadata=(("dapr-caller-app-id", "client"),))
    assert world.reached() == before
    assert failure.value.code() == DENIED
    assert failure.value.details() == (
        "access control policy has denied access to id:  operation: /pkg.Any/Thing verb: NONE"
    )


def test_paths_and_verbs_count_for_grpc_to_an_h2c_app(world: World) -> None:
    before = len(world.grpc_app.paths)
    reached = world.proxied({"p": "h2c", "m": "/CALLS/any"})  # the app knows no such method
    assert reached is not None and reached.code() == grpc.StatusCode.UNIMPLEMENTED
    for method in ("/orders/any", "/Admin/Delete", "/other"):
        refused = world.proxied({"p": "h2c", "m": method})
        assert refused is not None and refused.code() == DENIED, method
    assert world.grpc_app.paths[before:] == ["/CALLS/any"]


def test_a_call_without_metadata_has_no_verb(world: World) -> None:
    error = call_local(world.callee, world.ports["closed"]["internal"], "x", None)
    assert error is not None and error.details().endswith("operation: x verb: NONE")


@pytest.mark.parametrize("method", ["a?b", "a#b"])
def test_methods_that_cannot_be(world: World, method: str) -> None:
    error = call_local(world.callee, world.ports["holes"]["internal"], method, CLAIM)
    assert error is not None and error.code() == grpc.StatusCode.INVALID_ARGUMENT
    assert error.details() == f'invalid method: method contains forbidden character: "{method}"'


def test_other_rules_without_a_restart() -> None:
    def allowed() -> bool:
        return call_local(daprd, daprd.internal_port, "x", CLAIM) is None

    with HttpApp() as app, Daprd("app", app=app, configs={"c.yaml": access("defaultAction: allow")}) as daprd:
        assert allowed()
        daprd._write("configs", {"c.yaml": access("defaultAction: deny")})
        wait_for(lambda: not allowed(), what="denied")
        daprd._write("configs", {"c.yaml": access("defaultAction: allow")})
        wait_for(allowed, what="allowed again")


# Start-up.
@pytest.mark.parametrize("missing", ["appId", "trustDomain", "namespace"])
def test_an_incomplete_policy_stops_the_start(missing: str) -> None:
    whole = {"appId": "a", "trustDomain": "public", "namespace": "default", "defaultAction": "allow"}
    policies = [whole, {key: value for key, value in whole.items() if key != missing}]
    config = configuration({"accessControl": {"defaultAction": "allow", "policies": policies}})
    with Daprd("app", configs={"rules.yaml": config}, ready=False) as daprd:
        assert daprd.wait() == 1
        text = json.dumps(daprd.log_records()[-1])
    for part in ("invalid access control spec.", "rules.yaml", "spec.accessControl.policies[1]", missing):
        assert part in text
