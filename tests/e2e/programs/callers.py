"""Calls an application through its runtime until standard input ends, as Dapr's SDKs do: over HTTP connections that are
kept, and over one gRPC channel. Each line of standard input is answered by one line of JSON with what happened so far.

usage: callers.py APP-ID METHOD
"""

import http.client
import json
import os
import select
import sys
import threading
import time
import urllib.parse

import grpc
from dapr.proto import api_service_v1, api_v1, common_v1

APP, METHOD = sys.argv[1:]
THREADS = 2  # of each kind
PAUSE = 0.005
TOKEN = {"dapr-api-token": os.environ["DAPR_API_TOKEN"]} if os.environ.get("DAPR_API_TOKEN") else {}

lock = threading.Lock()
stop = threading.Event()
done = {"http": 0, "grpc": 0, "connections": 0}
failures: list[str] = []


class Kept:
    """One connection, used until the server says that it closes it; as HTTP libraries do, it is looked at before it
    is used again."""

    def __init__(self) -> None:
        at = urllib.parse.urlsplit(os.environ["DAPR_HTTP_ENDPOINT"])
        self.connection = http.client.HTTPConnection(at.hostname or "", at.port, timeout=10)

    def call(self) -> None:
        if self.connection.sock and select.select([self.connection.sock], [], [], 0)[0]:
            self.connection.close()
        if not self.connection.sock:
            with lock:
                done["connections"] += 1
        try:
            self.connection.request("GET", f"/v1.0/invoke/{APP}/method/{METHOD}", headers=TOKEN)
            answer = self.connection.getresponse()
            body = answer.read()
        except (OSError, http.client.HTTPException):
            self.connection.close()
            raise
        if answer.status != 200:
            raise OSError(f"{answer.status} {body[:200]!r}")


channel = grpc.insecure_channel(urllib.parse.urlsplit(os.environ["DAPR_GRPC_ENDPOINT"]).netloc)
stub = api_service_v1.DaprStub(channel)


def call_over_grpc() -> None:
    message = common_v1.InvokeRequest(
        method=METHOD, http_extension=common_v1.HTTPExtension(verb=common_v1.HTTPExtension.GET))
    stub.InvokeService(api_v1.InvokeServiceRequest(id=APP, message=message), timeout=10, metadata=[*TOKEN.items()])


def work(kind: str) -> None:
    call = call_over_grpc if kind == "grpc" else Kept().call
    while not stop.is_set():
        try:
            call()
        except grpc.RpcError as failure:
            failures.append(f"{time.time():.3f} grpc {failure.code().name} {failure.details()}")  # type: ignore[attr-defined]
        except (OSError, http.client.HTTPException) as failure:
            failures.append(f"{time.time():.3f} http {failure!r}")
        with lock:
            done[kind] += 1
        stop.wait(PAUSE)


threads = [threading.Thread(target=work, args=(kind,)) for kind in ("http", "grpc") for _ in range(THREADS)]
for thread in threads:
    thread.start()
for _ in sys.stdin:
    with lock:
        print(json.dumps({**done, "failures": failures}), flush=True)
stop.set()
for thread in threads:
    thread.join()
