"""What an identity token or a certificate is worth to somebody who is not its pod, or who comes too late:
real sentry, operator and kube-apiserver, and the runtime as the one who tries."""

import base64
import pathlib
import socket
import ssl
import subprocess
from collections.abc import Iterator

import pytest
from harness import kube_api
from harness.daprd import Daprd
from harness.operator_process import BUNDLE, SYSTEM, ControlPlane
from harness.poll import wait_for

pytestmark = pytest.mark.skipif(bool(kube_api.missing()), reason=kube_api.missing())

REFUSED = "Fatal error from runtime: failed to retrieve the initial identity: error from sentry SignCertificate: "
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0"
ID = "spiffe://public/ns/shop/cart"


@pytest.fixture(scope="module")
def plane() -> Iterator[ControlPlane]:
    with ControlPlane() as plane:
        yield plane


def why_it_ends(daprd: Daprd) -> str:
    """The fatal line of a start that ends."""
    try:
        daprd.start()
        assert daprd.wait(15) == 1
        return str(daprd.logged("Fatal error from runtime")[0]["msg"])
    finally:
        daprd.kill()


def test_a_replayed_token_is_no_other_apps_and_no_dead_pods(plane: ControlPlane, tmp_path: pathlib.Path) -> None:
    pod = plane.token_file("victim", "shop", {"dapr.io/app-id": "cart"})
    token = tmp_path / "stolen"
    token.write_text(pod.read_text())
    plane.api.namespace("street")

    def thief(app_id: str, namespace: str = "shop", ready: bool = False) -> Daprd:
        return plane.daprd(app_id, namespace=namespace, env={"DAPR_SENTRY_TOKEN_FILE": str(token)}, ready=ready)

    why = why_it_ends(thief("till"))
    assert why.startswith(REFUSED) and "app-id mismatch. expected: cart, received: till" in why
    why = why_it_ends(thief("cart", "street"))
    assert why.startswith(REFUSED) and "namespace mismatch" in why
    # The app of its own pod is served until that pod is gone.
    with thief("cart", ready=True) as daprd:
        assert daprd.logged(f"{ID}, valid until")
    path = plane.api.path("v1", "Pod", "shop", "victim")
    plane.api.request("DELETE", path, {"apiVersion": "v1", "kind": "DeleteOptions", "gracePeriodSeconds": 0})
    why = why_it_ends(thief("cart"))
    assert why.startswith(REFUSED) and ("failed to get pod of identity" in why or "invalid token" in why)
    assert token.read_text() not in why


def identity(plane: ControlPlane, folder: pathlib.Path, days: int) -> pathlib.Path:
    """A certificate of the app `cart` and its key, signed by sentry's own issuer; it ended yesterday when
    `days` is -1."""
    bundle = plane.api.get("v1", "Secret", BUNDLE, SYSTEM)["data"]
    for name in ("issuer.crt", "issuer.key"):
        (folder / name).write_bytes(base64.b64decode(bundle[name]))
    (folder / "extensions").write_text(f"subjectAltName=critical,URI:{ID}\nextendedKeyUsage=clientAuth\n")

    def openssl(*words: str) -> None:
        subprocess.run(["openssl", *words], cwd=folder, capture_output=True, check=True)

    openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", "own.key",
            "-out", "own.csr", "-subj", "/")
    openssl("x509", "-req", "-in", "own.csr", "-CA", "issuer.crt", "-CAkey", "issuer.key", "-CAcreateserial",
            "-days", str(days), "-extfile", "extensions", "-out", "leaf.crt")
    chain = folder / "own.crt"
    chain.write_bytes((folder / "leaf.crt").read_bytes() + (folder / "issuer.crt").read_bytes())
    return chain


def knock(daprd: Daprd, certificate: pathlib.Path) -> bytes:
    """What the port for other runtimes says to the holder of this certificate; nothing when it hangs up."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.set_alpn_protocols(["h2"])
    context.load_cert_chain(certificate, certificate.parent / "own.key")
    with socket.create_connection((daprd.host, daprd.internal_port), 5) as plain:
        try:
            with context.wrap_socket(plain) as tls:
                tls.settimeout(5)
                tls.sendall(PREFACE)
                return tls.recv(9)
        except (ssl.SSLError, ConnectionError):
            return b""


def test_an_expired_certificate_is_refused(plane: ControlPlane, tmp_path: pathlib.Path) -> None:
    for name in ("valid", "expired"):
        (tmp_path / name).mkdir()
    with plane.daprd("till", flags=("--enable-mtls",)) as daprd:
        assert knock(daprd, identity(plane, tmp_path / "valid", 1))[3] == 4, "SETTINGS: it is let in"
        refused = "refused a connection to the internal port"
        assert not daprd.logged(refused)
        assert knock(daprd, identity(plane, tmp_path / "expired", -1)) == b""
        [line] = wait_for(lambda: daprd.logged(refused), 5, "a line about it")
        assert "expired" in line["msg"]
