"""The demo's two applications: `shop` takes orders, asks `stock` for the goods and keeps the order;
`stock` counts what is left. They know one thing of the runtime: DAPR_HTTP_ENDPOINT.

Usage: apps.py shop|stock PORT"""

import json
import os
import sys
import urllib.error
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

RUNTIME = os.environ.get("DAPR_HTTP_ENDPOINT", "")


def dapr(method: str, path: str, value: Any = None) -> tuple[int, Any, str | None]:
    """Status, JSON body (None when empty) and etag of a call to the runtime."""
    body = None if value is None else json.dumps(value).encode()
    request = urllib.request.Request(
        RUNTIME + path, body, {"Content-Type": "application/json"}, method=method
    )
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            text = answer.read()
            return answer.status, json.loads(text) if text else None, answer.headers.get("ETag")
    except urllib.error.HTTPError as error:
        return error.code, json.loads(error.read() or b"null"), None


def shop(path: str, order: dict[str, Any]) -> dict[str, Any]:
    """An order: goods from the other application, then the order is kept."""
    _, taken, _ = dapr("POST", f"/v1.0/invoke/stock/method/take/{order['item']}", {"count": order["count"]})
    kept = {**order, "left": taken["left"]}
    dapr("POST", "/v1.0/state/orders", [{"key": order["id"], "value": kept}])
    return kept


def stock(path: str, wish: dict[str, Any]) -> dict[str, Any]:
    """Takes goods off the shelf. The etag makes two takers at once try again, never lose one."""
    item = path.rsplit("/", 1)[1]
    while True:
        _, left, etag = dapr("GET", f"/v1.0/state/shelf/{item}")
        left = (100 if left is None else left) - wish["count"]
        entry: dict[str, Any] = {"key": item, "value": left, "options": {"concurrency": "first-write"}}
        if etag:
            entry["etag"] = etag
        status, _, _ = dapr("POST", "/v1.0/state/shelf", [entry])
        if status == 204:
            return {"item": item, "left": left}


def serve(name: str, port: int) -> None:
    work = {"shop": shop, "stock": stock}[name]

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = -1  # head and body in one piece
        disable_nagle_algorithm = True

        def do_GET(self) -> None:  # noqa: N802 - the runtime asks for /dapr/config; there is none
            self.answer(404, b"")

        def do_POST(self) -> None:  # noqa: N802
            body = json.loads(self.rfile.read(int(self.headers.get("Content-Length") or 0)) or b"{}")
            self.answer(200, json.dumps(work(self.path, body)).encode())

        def answer(self, status: int, body: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            pass

    ThreadingHTTPServer(("127.0.0.1", port), Handler).serve_forever()


if __name__ == "__main__":
    serve(sys.argv[1], int(sys.argv[2]))
