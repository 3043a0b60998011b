"""Components that take their settings from secret stores: in which order, and when there is none."""

import json
import pathlib

import pytest

from harness.daprd import Daprd, run_once
from harness.poll import wait_for
from harness.ports import free_port
from harness.yamls import MEMORY, component


def file_store(name: str, **fields: object) -> str:
    return component(name, "secretstores.local.file", **fields)  # type: ignore[arg-type]


def from_secret(field: str, secret: str) -> dict[str, object]:
    return {"name": field, "secretKeyRef": {"name": secret, "key": secret}}


@pytest.fixture
def files(tmp_path: pathlib.Path) -> dict[str, str]:
    """Secrets of `first` say where those of `second` are, and those where `third`'s are."""
    paths = {name: str(tmp_path / f"{name}.json") for name in ("first", "second", "third")}
    pathlib.Path(paths["first"]).write_text(json.dumps({"where": paths["second"]}))
    pathlib.Path(paths["second"]).write_text(json.dumps({"where": paths["third"], "prefix": "name"}))
    pathlib.Path(paths["third"]).write_text(json.dumps({"k": "v"}))
    return paths


def test_secret_stores_that_refer_to_each_other_start_in_order(files: dict[str, str]) -> None:
    resources = {
        "1.yaml": file_store(
            "third", metadata=[from_secret("secretsFile", "where")], auth={"secretStore": "second"}
        ),
        "2.yaml": file_store(
            "second", metadata=[from_secret("secretsFile", "where")], auth={"secretStore": "first"}
        ),
        "3.yaml": file_store("first", metadata={"secretsFile": files["first"]}),
    }
    with Daprd("app", resources=resources) as daprd:
        assert daprd.get("/v1.0/secrets/third/k").json() == {"k": "v"}


def names(daprd: Daprd) -> list[str]:
    return sorted(entry["name"] for entry in daprd.get("/v1.0/metadata").json().get("components", []))


def test_component_waits_for_a_secret_store_that_is_not_there(files: dict[str, str]) -> None:
    waiting = component(
        "waiting", "state.in-memory", [from_secret("keyPrefix", "prefix")], auth={"secretStore": "second"}
    )
    with Daprd("app", resources={"1.yaml": waiting, "2.yaml": MEMORY}) as daprd:
        [line] = daprd.logged('waits for the secret store "second"')
        assert line["level"] == "warning" and "1.yaml:1" in line["msg"]
        assert names(daprd) == ["memory"]
        daprd.put_resource("3.yaml", file_store("second", metadata={"secretsFile": files["second"]}))
        wait_for(lambda: names(daprd) == ["memory", "second", "waiting"], 10)
        assert daprd.post("/v1.0/state/waiting", [{"key": "k", "value": 1}]).status == 204
        assert daprd.get("/v1.0/state/waiting/k").json() == 1


def test_a_secret_that_is_not_there_says_where_it_is_wanted(files: dict[str, str]) -> None:
    resources = {
        "1.yaml": file_store("first", metadata={"secretsFile": files["first"]}),
        "2.yaml": component(
            "lacking",
            "state.in-memory",
            [from_secret("keyPrefix", "nothing")],
            auth={"secretStore": "first"},
            ignoreErrors=True,
        ),
    }
    with Daprd("app", resources=resources) as daprd:
        [line] = daprd.logged("Failed to init component lacking")
        assert "2.yaml:1" in line["msg"] and "[INIT_COMPONENT_FAILURE]" in line["msg"]
        seen = daprd.metrics()
        assert seen.total("dapr_runtime_component_init_fail_total", componentName="lacking") == 1
        folder = str(daprd.folder / "resources")
        daprd.put_resource("2.yaml", resources["2.yaml"].replace(', "ignoreErrors": true', ""))
        ports = [f"--dapr-{kind}-port={free_port()}" for kind in ("http", "grpc", "internal-grpc")]
        code, out, err, _ = run_once(
            ["--app-id", "app", "--resources-path", folder, f"--metrics-port={free_port()}", *ports]
        )
        assert code == 1 and "2.yaml:1" in out + err
