"""The chart without a cluster: lint, the unit cases in suites/, and that it asks the
runtime only for what the runtime knows."""

import json
import re
import subprocess

import pytest
import values_reference
import yaml
from harness.paths import ROOT, binary
from helm import CHART, SUITES, container, program, render, run, template

EVERYTHING: dict[str, object] = {
    "shared.wake.mode": "probe", "shared.wake.timeout": "30s", "shared.keda.enabled": "true",
    "shared.keda.scaleTargetRef.name": "nodeapp", "shared.daprd.healthzRequiresApp": "true",
    "shared.daprd.appHealth.enabled": "true", "shared.daprd.maxBodySize": "16Mi",
    "shared.daprd.app.maxConcurrency": "8", "shared.daprd.blockShutdownSeconds": "5",
    "shared.daprd.apiLogging.enabled": "true", "shared.daprd.config": "tracing",
}  # fmt: skip

# What suites/schema_test.yaml refuses by the schema, as tools that skip that see it: whole sentences.
SENTENCES: list[tuple[dict[str, object], str]] = [
    ({"shared.strategy": "both"}, "set it to daemonset .* or deployment"),
    ({"shared.appId": "12"}, "begins with a letter"),
    ({"shared.remoteURL": "http://app/path"}, "says more than scheme, host and port"),
    ({"shared.remoteURL": "ftp://app"}, "use one of http, https, h2c, grpc, grpcs"),
    ({"shared.remoteURL": "http://"}, "is no host, no host:port and no URL"),
    ({"shared.daprd.app.protocol": "tcp"}, "it is one of http, https, h2c, grpc, grpcs"),
    ({"shared.service.locality": "near"}, "it is one of auto, local, preferSameNode, preferClose, none"),
]


def name_of(values: object) -> str:
    return json.dumps(values)[:60] if not isinstance(values, str) else values[:30]


def test_helm_lint_finds_nothing() -> None:
    done = run(program("helm"), "lint", "--strict", CHART, "--set", "shared.appId=nodeapp")
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_unit_cases_pass() -> None:
    done = run(program("helm-unittest"), "-f", "../../tests/chart/suites/*_test.yaml", CHART)
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"Tests: +2[0-9]\d passed", done.stdout), done.stdout


def test_every_defect_has_a_case_and_a_place_in_the_documentation() -> None:
    cases = "".join(file.read_text() for file in SUITES.glob("defects*_test.yaml"))
    page = (ROOT / "docs" / "chart.md").read_text()
    for number in [f"A{n}" for n in range(1, 28)] + [f"B{n}" for n in range(1, 11)]:
        assert number == "B10" or f"it: {number} " in cases, f"{number} has no unit case"
        assert f"| {number} |" in page, f"{number} is not in docs/chart.md"


@pytest.mark.parametrize(("values", "pattern"), SENTENCES, ids=name_of)
def test_bad_values_are_refused_without_the_schema(values: dict[str, object], pattern: str) -> None:
    done = template(values, "--skip-schema-validation")
    assert done.returncode != 0
    assert re.search(pattern, done.stderr), done.stderr


@pytest.mark.parametrize("strategy", ["daemonset", "deployment"])
def test_a_values_file_of_the_public_chart_installs_unchanged(strategy: str) -> None:
    rendered = render({"shared.strategy": strategy}, "-f", SUITES / "public_values.yaml", name="nodeapp-shared")
    assert {"nodeapp-dapr", "nodeapp-shared-dapr"} <= {
        one["metadata"]["name"] for one in rendered if one["kind"] == "Service"
    }


def test_every_flag_is_one_of_the_runtime() -> None:
    table = (ROOT / "src" / "config" / "flag_table.cpp").read_text()
    known = set(re.findall(r'^    \{"([a-z0-9-]+)", &R::', table, re.MULTILINE))
    for values in ({}, EVERYTHING):
        flags = [word for word in container(render(values))["args"] if word.startswith("--")]
        assert {flag[2:].split("=")[0] for flag in flags} <= known


def test_the_runtime_reads_the_arguments() -> None:
    if not binary().exists():
        pytest.skip(f"no binary at {binary()}")
    for values in ({}, EVERYTHING):
        arguments = container(render(values))["args"]
        done = subprocess.run(
            [binary(), *arguments[1:], "--version"], text=True, capture_output=True, check=False, timeout=20)
        assert done.returncode == 0, done.stderr
    refused = subprocess.run(
        [binary(), "--no-such-flag", "--version"], text=True, capture_output=True, check=False, timeout=20)
    assert refused.returncode != 0


def test_generated_tokens_differ_from_release_to_release() -> None:
    tokens = set()
    for _ in range(2):
        rendered = render({"shared.daprd.generateToken": "true"})
        tokens |= {one["data"]["dapr-api-token"] for one in rendered if one["kind"] == "Secret"}
    assert len(tokens) == 2


def test_no_token_is_in_anything_but_the_secret() -> None:
    values: dict[str, object] = {"shared.daprd.token": "sesame-api", "shared.appToken": "sesame-app"}
    others = [one for one in render(values) if one["kind"] != "Secret"]
    assert "sesame" not in yaml.safe_dump_all(others)


def test_b10_what_builds_the_chart_is_pinned() -> None:
    """Tools come from Go modules with checksums, not from floating actions or scripts of the network."""
    folder = ROOT / "tools" / "go" / "helm-unittest"
    assert re.search(r"^\tgithub.com/helm-unittest/helm-unittest v1\.0\.0", (folder / "go.mod").read_text(), re.M)
    assert "github.com/helm-unittest/helm-unittest v1.0.0 h1:" in (folder / "go.sum").read_text()
    ci = (ROOT / ".ci" / "run").read_text()
    assert not re.search(r"uses:|@master|curl[^\n]*\|", ci)


def test_the_reference_of_the_values_is_up_to_date() -> None:
    page = ROOT / "docs" / "chart.md"
    wanted = values_reference.updated(page.read_text())
    if values_reference.may_write():
        page.write_text(wanted)
    assert page.read_text() == wanted, "run UPDATE_DOCS=1 python3 tools/run_tests.py chart -- -k reference"


def test_a16_no_other_release_has_the_names_that_lie_elsewhere() -> None:
    """Namespace and release joined by hyphens would be the same for these two."""
    values: dict[str, object] = {
        "shared.remoteURL": "app.backend.svc", "shared.endpointSlices.force": "true", "shared.keda.enabled": "true",
        "shared.keda.namespace": "backend", "shared.keda.scaleTargetRef.name": "app",
    }  # fmt: skip
    seen: list[set[tuple[str, str, str]]] = []
    for namespace, name in (("a", "b-x"), ("a-b", "x"), ("c", "x")):
        found = render(values, name=name, namespace=namespace)
        seen.append({(one["kind"], one["metadata"]["namespace"], one["metadata"]["name"]) for one in found
                     if one["metadata"].get("namespace", namespace) != namespace})
    assert {len(names) for names in seen} == {5}
    assert len(set.union(*seen)) == 15, "two releases claim one object"


def test_the_schema_knows_every_value() -> None:
    schema = json.loads((CHART / "values.schema.json").read_text())

    def missing(values: object, node: dict[str, object], path: str) -> list[str]:
        properties = node.get("properties")
        if not isinstance(values, dict) or not isinstance(properties, dict):
            return []
        found = [f"{path}{key}" for key in values if key not in properties]
        for key in values.keys() & properties.keys():
            found += missing(values[key], properties[key], f"{path}{key}.")
        return found

    assert missing(yaml.safe_load((CHART / "values.yaml").read_text()), schema, "") == []


def test_the_security_page_names_tests_that_exist() -> None:
    named = set(re.findall(r"`(test_\w+)`", (ROOT / "docs" / "security.md").read_text()))
    written = "".join(file.read_text() for file in (ROOT / "tests").rglob("test_*.py"))
    assert named and {name for name in named if f"def {name}(" not in written} == set()
