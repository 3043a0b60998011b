"""What somebody without an identity of sentry's gets from the port for other runtimes."""

import pathlib
import socket
import ssl
import subprocess

from .network import NodeNetwork

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\x00\x00\x00\x04\x00\x00\x00\x00\x00"


def openssl(*words: str, stdin: bytes = b"") -> bytes:
    done = subprocess.run(["openssl", *words], input=stdin, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout


def certificate(folder: pathlib.Path, name: str, signer: str = "", *extensions: str,
                days: int = 30) -> pathlib.Path:
    """folder/name.crt and .key, signed by folder/signer or by itself."""
    key, file = folder / f"{name}.key", folder / f"{name}.crt"
    openssl("ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", str(key))
    request = openssl("req", "-new", "-key", str(key), "-subj", f"/O={name}/CN=cluster.local")
    (folder / "extensions").write_text("\n".join(extensions) + "\n")
    by = (["-CA", str(folder / f"{signer}.crt"), "-CAkey", str(folder / f"{signer}.key"), "-CAcreateserial"]
          if signer else ["-signkey", str(key)])
    file.write_bytes(openssl("x509", "-req", *by, "-days", str(days), "-extfile",
                             str(folder / "extensions"), stdin=request))
    return file


def plain(address: str, port: int) -> str:
    """What a runtime without mTLS would get: "closed", or what came."""
    with socket.create_connection((address, port), 5) as connection:
        connection.settimeout(5)
        try:
            connection.sendall(PREFACE)
            got = connection.recv(4096)
        except OSError:
            return "closed"
        # A TLS alert is what a TLS server says to somebody who does not speak it.
        return "closed" if not got or got[0] == 0x15 else repr(got)


def context(identity: pathlib.Path | None) -> ssl.SSLContext:
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    made.check_hostname = False
    made.verify_mode = ssl.CERT_NONE
    made.set_alpn_protocols(["h2"])
    if identity:
        made.load_cert_chain(identity, identity.with_suffix(".key"))
    return made


def over_tls(address: str, port: int, identity: pathlib.Path | None = None) -> str:
    """The same over TLS, with a certificate or without: "refused", or what came."""
    with socket.create_connection((address, port), 5) as connection:
        try:
            with context(identity).wrap_socket(connection) as secure:
                secure.settimeout(5)
                secure.sendall(PREFACE)
                got = secure.recv(4096)
        except (ssl.SSLError, ConnectionError):
            return "refused"
        return repr(got) if got else "refused"


def issuer(network: NodeNetwork, address: str, port: int) -> str:
    """Who signed the certificate that the runtime shows."""

    def fetch() -> bytes:
        with socket.create_connection((address, port), 5) as connection:
            with context(None).wrap_socket(connection) as secure:
                return secure.getpeercert(True) or b""

    return openssl("x509", "-inform", "DER", "-noout", "-issuer", stdin=network.run(fetch)).decode().strip()
