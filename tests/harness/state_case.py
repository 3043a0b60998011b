"""The interpreter of the state cases kept as data; tests/functional/test_state.py says what a step may be."""

import base64
import datetime
import fnmatch
import json
from typing import Any
from urllib.parse import quote

from . import protos
from .poll import wait_for
from .state_clients import MISSING, StateError


def matches(store: str, patterns: list[str]) -> bool:
    return any(fnmatch.fnmatch(store, pattern) for pattern in patterns)


class StateCase:
    """Runs the steps of one case. `stale` is an etag which the store could have given, and has not."""

    def __init__(self, client: Any, prefix: str, kind: str, stale: str):
        self.client, self.prefix, self.kind = client, prefix, kind
        self.etags = {"stale": stale}

    def fill(self, value: Any, key: str = "") -> Any:
        if isinstance(value, str):
            return (
                value.replace("{store}", self.client.store)
                .replace("{prefix}", self.prefix)
                .replace("{key}", self.prefix + key)
                .replace("{stale}", self.etags["stale"])
            )
        if isinstance(value, dict):
            return {k: self.fill(v, key) for k, v in value.items()}
        return [self.fill(v, key) for v in value] if isinstance(value, list) else value

    def recall(self, etag: str) -> str:
        return self.etags[etag[1:]] if etag.startswith("$") else etag

    def item(self, given: dict[str, Any]) -> dict[str, Any]:
        item = dict(given)
        item["key"] = item.pop("raw_key") if "raw_key" in item else self.prefix + item["key"]
        if "value" in item:
            item["value"] = self.fill(item["value"])
        if "repeat" in item:
            item["value"] = "x" * item.pop("repeat")
        if "etag" in item:
            item["etag"] = self.recall(item["etag"])
        return item

    def at_store(self, given: dict[str, Any]) -> dict[str, Any]:
        """With what `at` says of this store in place of what holds elsewhere; null takes it away."""
        merged = {key: value for key, value in given.items() if key != "at"}
        for pattern, differs in given.get("at", {}).items():
            if fnmatch.fnmatch(self.kind, pattern):
                merged |= differs
        merged = {key: value for key, value in merged.items() if value is not None or key == "value"}
        if isinstance(merged.get("error"), dict):
            merged["error"] = self.at_store(merged["error"])
        return merged

    def run(self, steps: list[dict[str, Any]]) -> None:
        for number, given in enumerate(steps, 1):
            name = next(iter(given))
            try:
                self.run_step(name, self.at_store(given))
            except BaseException as failure:
                failure.add_note(f"in step {number}, {name}, over {self.kind} by {self.client.protocol}")
                raise

    def run_step(self, name: str, step: dict[str, Any]) -> None:
        act = getattr(self, f"do_{name}")
        if "error" not in step:
            act(step[name], step)
            return
        try:
            act(step[name], step)
        except StateError as error:
            self.check_error(
                error, self.fill(step["error"], step[name] if isinstance(step[name], str) else "")
            )
        else:
            raise AssertionError(f"no error came of {step}")

    def check_error(self, error: StateError, wanted: dict[str, Any]) -> None:
        if self.client.protocol == "http":
            assert (error.http, error.code) == (wanted["http"], wanted["code"]), error
        else:
            assert error.grpc == wanted["grpc"], error
        message = wanted.get("message", "")
        if self.client.protocol == "http":
            message = wanted.get("http_prefix", "") + message
        assert error.message == message if wanted.get("exact") else error.message.startswith(message), error
        if "reason" in wanted:
            assert wanted["reason"] in [detail.get("reason") for detail in error.details], error.details

    def do_save(self, items: list[dict[str, Any]], step: dict[str, Any]) -> None:
        more = {"metadata": step["metadata"]} if "metadata" in step else {}
        self.client.save([self.item({**item, **more}) for item in items])

    def do_get(self, key: str, step: dict[str, Any]) -> None:
        value, etag, metadata = self.client.get(self.prefix + key, step.get("consistency"))
        if step.get("missing"):
            assert value is MISSING, value
            return
        assert value is not MISSING or "error" in step, f"{key} is missing"
        if "value" in step:
            assert value == step["value"]
        if "repeat" in step:
            assert value == "x" * step["repeat"]
        if "etag" in step:
            assert etag
            self.etags[step["etag"]] = etag
        if "differs" in step:
            assert etag != self.etags[step["differs"]]
        if "equals" in step:
            assert etag == self.etags[step["equals"]]
        if "ttl" in step:
            self.check_ttl(metadata.get("ttlexpiretime"), step["ttl"])

    @staticmethod
    def check_ttl(ends: str | None, wanted: int | str) -> None:
        if wanted == "none":
            assert ends is None
            return
        assert ends
        left = datetime.datetime.fromisoformat(ends.replace("Z", "+00:00")) - datetime.datetime.now(
            datetime.UTC
        )
        assert float(wanted) - 10 < left.total_seconds() <= float(wanted) + 1

    def do_gone(self, key: str, _: Any) -> None:
        wait_for(lambda: self.client.get(self.prefix + key)[0] is MISSING, 10, f"{key} gone")

    def do_delete(self, key: str, step: dict[str, Any]) -> None:
        self.client.delete(self.prefix + key, self.recall(step["with"]) if "with" in step else None)

    def do_bulk(self, keys: list[str], step: dict[str, Any]) -> None:
        found = self.client.bulk([self.prefix + key for key in keys], step.get("parallelism", 10))
        assert {key.removeprefix(self.prefix): value for key, (value, _) in found.items()} == step.get(
            "items", {}
        )
        assert all(etag for _, etag in found.values())
        for key, etag in step.get("etags", {}).items():
            assert found[self.prefix + key][1] == self.recall(etag)

    def do_bulk_delete(self, items: list[dict[str, Any]], _: Any) -> None:
        self.client.bulk_delete([self.item(item) for item in items])

    def do_transaction(self, operations: Any, step: dict[str, Any]) -> None:
        if isinstance(operations, int):
            operations = [{"upsert": {"key": f"k{i}", "value": i}} for i in range(operations)]
        pairs = [(kind, self.item(item)) for operation in operations for kind, item in operation.items()]
        self.client.transaction(pairs, step.get("metadata"))

    def do_save_bytes(self, given: dict[str, Any], _: Any) -> None:
        item = protos.common.StateItem(key=self.prefix + given["key"], value=base64.b64decode(given["value"]))
        for name, value in given.get("metadata", {}).items():
            item.metadata[name] = value
        self.client.call(
            "SaveState", protos.runtime.SaveStateRequest(store_name=self.client.store, states=[item])
        )

    def do_get_bytes(self, given: dict[str, str], _: Any) -> None:
        assert self.client.get_bytes(self.prefix + given["key"]).data == base64.b64decode(given["value"])

    def do_query(self, query: dict[str, Any], step: dict[str, Any]) -> None:
        results, token = self.client.query(self.fill(query))
        assert [(item["key"].removeprefix(self.prefix), item["data"]) for item in results] == [
            (key, self.fill(value)) for pair in step["results"] for key, value in pair.items()
        ]
        assert all(item["etag"] for item in results)
        if "token" in step:
            assert token == step["token"]

    def do_raw(self, given: dict[str, Any], step: dict[str, Any]) -> None:
        raw = self.fill(given)
        raw["path"] = self.fill(given["path"].replace("{prefix}", quote(self.prefix, safe="")))
        answer = self.client.connection.request(
            raw["method"],
            raw["path"],
            {"Content-Type": "application/json", **raw.get("headers", {})},
            raw.get("body"),
        )
        text = answer.body.decode()
        step = self.fill(step)
        assert answer.status == step.get("status", answer.status), (answer.status, text)
        if "body" in step:
            assert text.rstrip("\n") == step["body"]
        if "json" in step:
            assert json.loads(text) == step["json"]
        assert step.get("contains", "") in text, text
        assert text.endswith(step.get("ends", ""))
        for name, value in step.get("headers", {}).items():
            assert answer.header(name) == value
        assert all(answer.header(name) for name in step.get("has", []))
        assert not any(answer.header(name) for name in step.get("lacks", []))
