"""Identities from the real sentry, and TLS between runtimes: who is let in, who is kept out, and what
happens while certificates, roots and sentry itself change."""

import contextlib
import pathlib
import re
import socket
import sqlite3
import ssl
import subprocess
import threading
import time
from collections.abc import Iterator

import pytest

from harness import rawhttp
from harness.daprd import Daprd, run_once
from harness.grpc_app import EchoStub, GrpcApp
from harness.http_app import HttpApp
from harness.poll import wait_for
from harness.sentry import ID, Root, Sentry
from harness.shared import Shared
from harness.yamls import sqlite_resolution

INVOKE = "/v1.0/invoke/far/method"


@pytest.fixture(scope="module")
def sentry() -> Iterator[Sentry]:
    with Sentry() as server:
        yield server


class Pair:
    """`near` calls, `far` has the app; both have identities of this sentry."""

    def __init__(self, stack: contextlib.ExitStack, sentry: Sentry, folder: pathlib.Path):
        self.names = folder / "names.db"
        self.config = {"c.yaml": sqlite_resolution(str(self.names))}
        self.app = stack.enter_context(HttpApp())
        flags = sentry.flags()
        self.far = stack.enter_context(Daprd("far", app=self.app, configs=self.config, flags=flags))
        self.near = stack.enter_context(Daprd("near", configs=self.config, flags=flags))
        wait_for(lambda: self.near.get(f"{INVOKE}/x").status == 200, what="far is found")


@pytest.fixture(scope="module")
def pair(sentry: Sentry, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    with contextlib.ExitStack() as stack:
        yield Pair(stack, sentry, tmp_path_factory.mktemp("names"))


class Caller:
    """Calls in the background, one after another on each thread, and keeps what went wrong."""

    def __init__(self, daprd: Daprd, threads: int = 4):
        self.daprd, self.failures, self.calls = daprd, [], 0
        self.ending = threading.Event()
        self.threads = [threading.Thread(target=self._run) for _ in range(threads)]

    def _run(self) -> None:
        with self.daprd.connect() as connection:
            while not self.ending.is_set():
                connection.send(connection.head("POST", f"{INVOKE}/mirror", {"Content-Length": "3"}) + b"abc")
                answer = connection.read_response()
                self.calls += 1
                if answer.status != 200 or answer.body != b"abc":
                    self.failures.append((answer.status, answer.text[:300]))
                time.sleep(0.003)

    def __enter__(self) -> "Caller":
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.ending.set()
        for thread in self.threads:
            thread.join(30)


def until(daprd: Daprd, text: str, seconds: float = 15.0, count: int = 1) -> list[dict]:
    return wait_for(lambda: len(daprd.logged(text)) >= count and daprd.logged(text), seconds, f"log: {text}")


# Calls.
def test_identity_is_logged_and_counted(pair: Pair) -> None:
    assert pair.near.logged("Security is initialized successfully: spiffe://public/ns/default/near, valid until")
    assert pair.near.metrics().total("dapr_runtime_mtls_init_total", app_id="near") == 1


@pytest.mark.parametrize("size", [0, 5000, 4 << 20])
def test_http_bodies(pair: Pair, size: int) -> None:
    data = (b"0123456789abcdef" * (size // 16 + 1))[:size]
    assert pair.near.request("POST", f"{INVOKE}/mirror", body=data).body == data


def test_http_stream(pair: Pair) -> None:
    with pair.near.connect() as connection:
        connection.send(connection.head("GET", f"{INVOKE}/sse"))
        pieces = connection.chunks(connection.read_head())
        assert next(pieces) == b"data: one\n\n"
        pair.app.release("sse")
        assert next(pieces) == b"data: two\n\n"


def test_grpc_calls_and_streams(stack, sentry: Sentry, tmp_path) -> None:  # noqa: ANN001
    config = {"c.yaml": sqlite_resolution(str(tmp_path / "names.db"))}
    app = stack.enter_context(GrpcApp())
    stack.enter_context(Daprd("far", app=app, configs=config, flags=sentry.flags()))
    near = stack.enter_context(Daprd("near", configs=config, flags=sentry.flags()))
    channel = stack.enter_context(near.channel())
    echo, to_far = EchoStub(channel), [("dapr-app-id", "far")]
    wait_for(lambda: echo.Unary(b"x", metadata=to_far, timeout=10) is not None)
    messages = [b"a", b"b" * 100_000, b"c"]
    assert len(list(echo.Bidi(iter(messages), metadata=to_far, timeout=10))) == len(messages)


def test_many_apps_have_identities_of_their_own(stack, sentry: Sentry) -> None:  # noqa: ANN001
    with HttpApp(name="red") as red, HttpApp(name="blue") as blue:
        shared = Shared(stack, {"red": {"app": red}, "blue": {"app": blue}}, flags=sentry.flags())
        for name in ("red", "blue"):
            assert shown(shared.ports[name]["internal"]) == f"spiffe://public/ns/default/{name}"


# Who is kept out. Each refusal is one line in the log.
def shown(port: int) -> str:
    """The SPIFFE id of whoever listens."""
    context = client()
    with socket.create_connection(("127.0.0.1", port), 5) as plain, context.wrap_socket(plain) as tls:
        der = tls.getpeercert(binary_form=True)
        assert der
    text = subprocess.run(["openssl", "x509", "-inform", "DER", "-noout", "-ext", "subjectAltName"], input=der,
                          capture_output=True, check=True).stdout.decode()
    assert "critical" in text
    return re.search(r"URI:(\S+)", text).group(1)  # type: ignore[union-attr]


def client(leaf: tuple[str, str] | None = None, alpn: list[str] | None = None) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    if alpn != []:
        context.set_alpn_protocols(alpn or ["h2"])
    if leaf:
        context.load_cert_chain(*leaf)
    return context


def knock(daprd: Daprd, context: ssl.SSLContext | None) -> None:
    """Connects to the internal port as a peer would and waits for the end."""
    with (
        contextlib.suppress(OSError),
        socket.create_connection((daprd.host, daprd.internal_port), 5) as plain,
        context.wrap_socket(plain) if context else contextlib.nullcontext(plain) as talk,
    ):
        talk.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0")
        talk.settimeout(5)
        while talk.recv(1000):
            pass


def intruders(sentry: Sentry, folder: pathlib.Path) -> dict[str, tuple[ssl.SSLContext | None, str]]:
    stranger = Root.make(folder / "stranger", "stranger")
    old = client()
    old.maximum_version = ssl.TLSVersion.TLSv1_1
    old.minimum_version = ssl.TLSVersion.TLSv1
    old.set_ciphers("ALL:@SECLEVEL=0")
    return {
        "plaintext": (None, "first record does not look like a TLS handshake"),
        "TLS 1.1": (old, "TLS is older than 1.2"),
        "no certificate": (client(), "the peer showed no certificate"),
        "self-signed peer": (
            client(stranger.leaf("self", "spiffe://public/ns/default/near")),
            "certificate is refused: ",
        ),
        "no SPIFFE id": (client(sentry.root.leaf("nobody")), "the certificate names no SPIFFE ID"),
        "two ids": (
            client(sentry.root.leaf("two", "spiffe://public/ns/default/near,URI:spiffe://public/ns/default/x")),
            "the certificate names more than one URI",
        ),
        "malformed id": (client(sentry.root.leaf("odd", "spiffe://Public/ns/x")), "malformed SPIFFE ID"),
        "other protocol": (client(alpn=["http/1.1"]), "none of our application protocols"),
        "no protocol": (
            client(sentry.root.leaf("mute", "spiffe://public/ns/default/x"), []),
            "no application protocol",
        ),
    }


def test_intruders_are_refused_with_one_line_each(pair: Pair, sentry: Sentry, tmp_path: pathlib.Path) -> None:
    for name, (context, text) in intruders(sentry, tmp_path).items():
        before = len(pair.far.logged("refused a connection to the internal port of app far"))
        knock(pair.far, context)
        lines = wait_for(lambda: pair.far.logged("refused a connection to the internal port")[before:], 5, name)
        assert len(lines) == 1 and text in lines[0]["msg"], (name, lines)
    assert pair.near.get(f"{INVOKE}/x").status == 200


def test_refusals_are_limited_in_the_log(pair: Pair) -> None:
    before = len(pair.far.logged("does not look like a TLS handshake"))
    for _ in range(50):
        knock(pair.far, None)
    assert len(pair.far.logged("does not look like a TLS handshake")) - before < 10


def test_anybody_of_the_trust_domain_may_call_in(pair: Pair, sentry: Sentry) -> None:
    """Whom an app lets in is up to its access control policies, not to TLS."""
    leaf = sentry.root.leaf("other", "spiffe://elsewhere/ns/other/app")
    context = client(leaf)
    where = (pair.far.host, pair.far.internal_port)
    with socket.create_connection(where, 5) as plain, context.wrap_socket(plain) as tls:
        tls.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0")
        assert tls.recv(9)[3] == 4, "SETTINGS"


def test_a_peer_must_be_the_app_that_is_called(pair: Pair) -> None:
    with sqlite3.connect(pair.names) as names:
        names.execute("UPDATE hosts SET app_id = 'victim' WHERE app_id = 'near'")
    answer = wait_for(lambda: refused_peer(pair.near.get("/v1.0/invoke/victim/method/x")), 20)
    assert "unexpected SPIFFE ID: " in answer and "spiffe://public/ns/default/near" in answer
    line = 'refused a peer that this app called: unexpected SPIFFE ID: "spiffe://public/ns/default/near"'
    assert pair.near.logged(line)


def refused_peer(answer: rawhttp.Response) -> str | None:
    assert answer.status == 500
    return answer.text if "authentication handshake failed" in answer.text else None


def test_one_side_in_plaintext(stack, pair: Pair, sentry: Sentry) -> None:  # noqa: ANN001
    plain = stack.enter_context(Daprd("plain", app=pair.app, configs=pair.config))
    to_tls = plain.get(f"{INVOKE}/x")
    assert to_tls.status == 500 and to_tls.json()["errorCode"] == "ERR_DIRECT_INVOKE"
    to_plain = pair.near.get("/v1.0/invoke/plain/method/x")
    assert to_plain.status == 500 and "does it speak plaintext?" in to_plain.text
    # What --enable-mtls does not say, sentry's presence does.
    auto = stack.enter_context(
        Daprd("auto", app=pair.app, configs=pair.config, flags=[*sentry.flags(mtls=False), "--mtls-auto"])
    )
    assert auto.get(f"{INVOKE}/x").status == 200
    assert pair.near.get("/v1.0/invoke/auto/method/x").status == 200
    without = stack.enter_context(Daprd("without", app=pair.app, configs=pair.config, flags=["--mtls-auto"]))
    assert plain.get("/v1.0/invoke/without/method/x").status == 200


def test_audiences_of_a_token_are_asked_for_with_the_certificate() -> None:
    """Sentry makes a token for them, which nothing of the runtime needs today."""
    with Sentry(more=("--jwt-enabled", "--log-level=debug")) as sentry:
        flags = [*sentry.flags(), "--sentry-request-jwt-audiences=a,b"]
        with Daprd("cart", flags=flags) as daprd:
            assert daprd.logged("Security is initialized successfully: spiffe://public/ns/default/cart")
            assert daprd.get("/v1.0/healthz").status == 204
            assert not daprd.logged("dentity", level="warning")
        log = sentry.log_text()
        assert "JWT issuing enabled" in log
        assert "Successfully signed certificate for default/cart" in log
        assert "level=warning" not in log and "level=error" not in log, log


# Sentry says no, or is not who it should be.
def test_wrong_audience_ends_the_start() -> None:
    with Sentry(tokens=True) as sentry:
        assert sentry.tokens
        token = sentry.folder / "token"
        token.write_text(sentry.tokens.sign("spiffe://public/ns/default/cart", "somebody else"))
        flags = ["--app-id", "cart", "--log-as-json", *sentry.flags()]
        code, out, err, seconds = run_once(flags, {"DAPR_SENTRY_TOKEN_FILE": str(token)})
        assert code == 1 and seconds < 5
        refused = "failed to retrieve the initial identity: error from sentry SignCertificate: rpc error: code = "
        assert refused in out + err
        assert "aud" in out + err and "not satisfied" in out + err and token.read_text() not in out + err
        # The token is read again for each request.
        token.write_text(sentry.tokens.sign("spiffe://public/ns/default/cart"))
        with Daprd("cart", flags=sentry.flags(), env={"DAPR_SENTRY_TOKEN_FILE": str(token)}) as daprd:
            assert daprd.logged("spiffe://public/ns/default/cart, valid until")


def test_wrong_trust_domain_of_the_control_plane(stack, sentry: Sentry) -> None:  # noqa: ANN001
    daprd = Daprd("app", flags=sentry.flags(control_plane_trust_domain="elsewhere"), ready=False)
    stack.callback(daprd.kill)
    daprd.start()
    line = until(daprd, "No identity certificate yet")[0]["msg"]
    assert f"sentry at 127.0.0.1:{sentry.port} is not trusted" in line
    assert f'unexpected SPIFFE ID: "{ID}"' in line and "--control-plane-trust-domain" in line


def test_unknown_root_of_sentry(stack, sentry: Sentry, tmp_path: pathlib.Path) -> None:  # noqa: ANN001
    other = Root.make(tmp_path / "other")
    daprd = Daprd("app", flags=sentry.flags(trust_anchors_file=str(other.folder / "ca.crt")), ready=False)
    stack.callback(daprd.kill)
    daprd.start()
    assert "check the trust anchors" in until(daprd, "No identity certificate yet")[0]["msg"]
    # Anchors that come later are enough.
    scratch = other.folder / "ca.new"
    scratch.write_text(sentry.root.pem)
    scratch.replace(other.folder / "ca.crt")
    daprd.wait_ready()


def test_anchors_that_are_none() -> None:
    flags = ["--app-id", "a", "--enable-mtls", "--sentry-address=127.0.0.1:1"]
    code, out, err, _ = run_once(flags)
    assert code == 1 and "trust anchors are required" in out + err
    code, out, err, _ = run_once(flags, {"DAPR_TRUST_ANCHORS": "no PEM"})
    assert code == 1 and "DAPR_TRUST_ANCHORS" in out + err
    code, out, err, _ = run_once([*flags, "--trust-anchors-file=/does/not/exist"])
    assert code == 1 and "/does/not/exist" in out + err


# Sentry away.
def test_sentry_away_at_the_start_comes_later(stack) -> None:  # noqa: ANN001
    sentry = Sentry()
    stack.callback(sentry.kill)
    daprd = Daprd("app", flags=sentry.flags(), ready=False)
    stack.enter_context(daprd)
    line = until(daprd, "No identity certificate yet")[0]["msg"]
    assert f"sentry at 127.0.0.1:{sentry.port} cannot be reached" in line and "--sentry-address" in line
    sentry.start()
    daprd.wait_ready()


def test_hung_sentry_is_named_and_comes_back(stack) -> None:  # noqa: ANN001
    sentry = stack.enter_context(Sentry())
    sentry.pause()
    daprd = Daprd("app", flags=sentry.flags(), ready=False)
    stack.enter_context(daprd)
    assert "cannot be reached" in until(daprd, "No identity certificate yet")[0]["msg"]
    sentry.resume()
    daprd.wait_ready()


def test_many_apps_are_served_without_sentry_and_get_their_identity_later(stack) -> None:  # noqa: ANN001
    sentry = Sentry()
    stack.callback(sentry.kill)
    with HttpApp(name="red") as red:
        shared = Shared(stack, {"red": {"app": red}}, flags=sentry.flags())
        # Not before it has waited a while for its identity.
        wait_for(lambda: shared.request("red", "GET", "/v1.0/invoke/red/method/x").status == 200)
        knock_at = ("127.0.0.1", shared.ports["red"]["internal"])
        with socket.create_connection(knock_at, 5) as refused:
            assert refused.recv(1) == b""
        assert until(shared.daprd, "app red has no identity certificate yet")
        sentry.start()
        assert until(shared.daprd, "spiffe://public/ns/default/red, valid until")
        assert shown(shared.ports["red"]["internal"]) == "spiffe://public/ns/default/red"


# What changes under load.
def test_certificate_serves_to_its_end_while_sentry_is_away(stack, tmp_path: pathlib.Path) -> None:  # noqa: ANN001
    sentry = stack.enter_context(Sentry(ttl="6s", skew="1s"))
    pair = Pair(stack, sentry, tmp_path)
    third = stack.enter_context(Daprd("third", app=pair.app, configs=pair.config, flags=sentry.flags()))
    fourth = stack.enter_context(Daprd("fourth", app=pair.app, configs=pair.config, flags=sentry.flags()))
    assert fourth.get(f"{INVOKE}/x").status == 200
    sentry.kill()
    with Caller(pair.near) as caller:
        until(pair.near, "Identity certificate could not be renewed (it serves until")
        assert pair.near.get("/v1.0/invoke/third/method/x").status == 200, "a new connection before the end"
        until(pair.near, "Identity certificate ended at", 20)
        answer = pair.near.get("/v1.0/invoke/fourth/method/x")
        assert answer.status == 500
        assert "the identity certificate of app near ended at" in answer.text
        assert "cannot be reached" in answer.text
        sentry.start()
        until(pair.near, "Identity certificate is back after it had ended", 20)
        until(fourth, "Identity certificate is back after it had ended", 20)
        assert pair.near.get("/v1.0/invoke/fourth/method/x").status == 200
    assert not caller.failures and caller.calls > 100
    metrics = pair.near.metrics()
    failed = "dapr_runtime_mtls_workload_cert_rotated_fail_total"
    assert metrics.total(failed, app_id="near", reason="sentry_unreachable") >= 1
    assert third.alive()


def test_renewal_and_new_roots_under_load(stack, tmp_path: pathlib.Path) -> None:  # noqa: ANN001
    sentry = stack.enter_context(Sentry(ttl="8s", skew="1s"))
    pair = Pair(stack, sentry, tmp_path)
    first, second = sentry.root, Root.make(tmp_path / "second", "second root")
    # Meanwhile, others have a sentry that hangs while it should renew, and wakes before it is too late.
    hung = stack.enter_context(Sentry(ttl="20s", skew="1s"))
    (tmp_path / "other").mkdir()
    other = Pair(stack, hung, tmp_path / "other")
    hung.pause()
    waking = threading.Thread(target=wake, args=(hung, other))
    stack.callback(waking.join)
    waking.start()
    with Caller(pair.near) as caller, Caller(other.near, 2) as patient:
        for daprd in (pair.near, pair.far):
            until(daprd, "Identity certificate renewed: spiffe://public", 12)
        # Both roots are trusted; then sentry signs with the new one; then the old one goes.
        sentry.trust(first, second)
        for daprd in (pair.near, pair.far):
            until(daprd, "1 added, 0 removed")
        sentry.use(second, also=(first,))
        wait_for(lambda: signed_by(pair.far, second) and signed_by(pair.near, second), 20, "the new issuer")
        sentry.trust(second)
        for daprd in (pair.near, pair.far):
            until(daprd, "0 added, 1 removed")
            until(daprd, "no longer trusted", 20)
        rotated = "dapr_runtime_mtls_workload_cert_rotated_total"
        wait_for(lambda: pair.far.metrics().total(rotated, app_id="far") >= 3, 20)
        for daprd in (other.near, other.far):
            until(daprd, "Identity certificate renewed after failures", 30)
            assert not daprd.logged("Identity certificate ended")
    assert not caller.failures, caller.failures[:3]
    assert not patient.failures, patient.failures[:3]
    assert caller.calls > 500
    # The old root is nobody's friend any more.
    before = len(pair.far.logged("refused a connection"))
    knock(pair.far, client(first.leaf("late", "spiffe://public/ns/default/near")))
    assert wait_for(lambda: pair.far.logged("refused a connection")[before:])


def wake(sentry: Sentry, pair: Pair) -> None:
    """Once both have found out that it hangs."""
    try:
        for daprd in (pair.near, pair.far):
            until(daprd, "Identity certificate could not be renewed", 30)
    finally:
        sentry.resume()


def signed_by(daprd: Daprd, root: Root) -> bool:
    """Whether the certificate that is shown is from this root's issuer."""
    context = client()
    where = (daprd.host, daprd.internal_port)
    with socket.create_connection(where, 5) as plain, context.wrap_socket(plain) as tls:
        der = tls.getpeercert(binary_form=True)
    assert der
    (daprd.folder / "shown.pem").write_text(ssl.DER_cert_to_PEM_cert(der))
    done = subprocess.run(
        ["openssl", "verify", "-partial_chain", "-trusted", str(root.folder / "issuer.crt"), "shown.pem"],
        cwd=daprd.folder, capture_output=True,
    )
    return done.returncode == 0
