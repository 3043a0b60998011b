"""Resources from --resources-path: files, order, namespace, scopes, secrets, templates, failures."""

import re

import pytest

from harness.daprd import Daprd
from harness.yamls import MEMORY, component, configuration, document


def names(daprd: Daprd) -> list[str]:
    return [c["name"] for c in daprd.get("/v1.0/metadata").json().get("components", [])]


def sqlite(tmp_path, name: str = "db", **more):  # noqa: ANN001, ANN003, ANN201
    return component(name, "state.sqlite", {"connectionString": str(tmp_path / f"{name}.db")}, **more)


def failing(**more):  # noqa: ANN003, ANN201
    return component("broken", "state.sqlite", {"connectionString": "/nonexistent/folder/x.db"}, **more)


def test_order_of_directories_files_and_documents() -> None:
    many = "\n---\n".join(component(name, "state.in-memory") for name in ("d1", "d2"))
    with Daprd(
        "app",
        resources={
            "a/2.yaml": component("a2", "state.in-memory"),
            "a/10.yml": many,
            "b/0.yaml": component("b0", "state.in-memory"),
            "a/notes.txt": component("no", "state.in-memory"),
            "secret.yaml": component("env", "secretstores.local.env"),
        },
    ) as daprd:
        assert names(daprd) == ["env", "d1", "d2", "a2", "b0"], "secret stores first, then load order"


def test_other_kinds_and_empty_documents_are_passed_over() -> None:
    text = (
        "---\n\n---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: x}\n---\n"
        + MEMORY
        + "---\n# nothing\n"
    )
    with Daprd("app", resources={"x.yaml": text}) as daprd:
        assert names(daprd) == ["memory"]


def test_bad_yaml_is_skipped_with_file_and_line() -> None:
    with Daprd(
        "app",
        resources={
            "bad.yaml": "apiVersion: dapr.io/v1alpha1\nkind: Component\n  spec: [\n",
            "m.yaml": MEMORY,
        },
    ) as daprd:
        assert names(daprd) == ["memory"]
        [record] = [r for r in daprd.log_records() if "bad.yaml" in r["msg"]]
        assert record["level"] == "warning" and re.search(r"bad\.yaml:\d+", record["msg"])


@pytest.mark.parametrize("namespace, seen", [(None, ["none", "other", "shop"]), ("shop", ["none", "shop"])])
def test_namespace_filters_only_when_set(namespace: str | None, seen: list[str]) -> None:
    resources = {
        "1.yaml": component("none", "state.in-memory"),
        "2.yaml": component("shop", "state.in-memory", namespace="shop"),
        "3.yaml": component("other", "state.in-memory", namespace="other"),
    }
    with Daprd("app", resources=resources, env={"NAMESPACE": namespace} if namespace else {}) as daprd:
        assert sorted(names(daprd)) == seen


def test_scopes() -> None:
    resources = {
        "1.yaml": component("mine", "state.in-memory", scopes=["x", "app"]),
        "2.yaml": component("theirs", "state.in-memory", scopes=["x"]),
        "3.yaml": component("all", "state.in-memory", scopes=[]),
    }
    with Daprd("app", resources=resources) as daprd:
        assert names(daprd) == ["mine", "all"]


def test_duplicate_name_is_fatal_unless_out_of_scope() -> None:
    with Daprd("app", resources={"1.yaml": MEMORY, "2.yaml": MEMORY}, ready=False) as daprd:
        assert daprd.wait() == 1
        assert "duplicate definition of Component name memory" in daprd.log_text()
    with Daprd(
        "app", resources={"1.yaml": component("memory", "state.in-memory", scopes=["x"]), "2.yaml": MEMORY}
    ) as daprd:
        assert names(daprd) == ["memory"]


def test_unknown_type_is_fatal_unless_ignored() -> None:
    with Daprd("app", resources={"1.yaml": component("x", "state.moon")}, ready=False) as daprd:
        assert daprd.wait() == 1
        assert "CREATE_COMPONENT_FAILURE" in daprd.log_text() and "x (state.moon/v1)" in daprd.log_text()
    with Daprd(
        "app", resources={"1.yaml": component("x", "state.moon", ignoreErrors=True), "2.yaml": MEMORY}
    ) as daprd:
        assert names(daprd) == ["memory"]


def test_unknown_version_is_fatal() -> None:
    with Daprd(
        "app", resources={"1.yaml": component("x", "state.in-memory", version="v9")}, ready=False
    ) as daprd:
        assert daprd.wait() == 1 and "state.in-memory/v9" in daprd.log_text()


def test_init_failure_is_fatal_unless_ignored() -> None:
    with Daprd("app", resources={"1.yaml": failing()}, ready=False) as daprd:
        assert daprd.wait() == 1
        assert (
            "process component broken error: [INIT_COMPONENT_FAILURE]: initialization error occurred for "
            "broken (state.sqlite/v1): " in daprd.log_text()
        )
    with Daprd("app", resources={"1.yaml": failing(ignoreErrors=True), "2.yaml": MEMORY}) as daprd:
        assert names(daprd) == ["memory"]
        assert daprd.logged("Failed to init component broken (state.sqlite/v1)", level="error")
        missing = daprd.get("/v1.0/state/broken/k")
        assert missing.status == 400 and missing.json()["errorCode"] == "ERR_STATE_STORE_NOT_FOUND"


def test_missing_field_names_it() -> None:
    with Daprd("app", resources={"1.yaml": component("x", "state.sqlite")}, ready=False) as daprd:
        assert daprd.wait() == 1 and "connectionString" in daprd.log_text()


def test_unparsable_init_timeout_is_tolerated(tmp_path) -> None:  # noqa: ANN001
    with Daprd("app", resources={"1.yaml": sqlite(tmp_path, initTimeout="soon")}) as daprd:
        assert names(daprd) == ["db"]


def test_env_ref(tmp_path) -> None:  # noqa: ANN001
    by_env = component("db", "state.sqlite", [{"name": "connectionString", "envRef": "DB_FILE"}])
    with Daprd("app", resources={"1.yaml": by_env}, env={"DB_FILE": str(tmp_path / "env.db")}) as daprd:
        assert names(daprd) == ["db"] and (tmp_path / "env.db").exists()


@pytest.mark.parametrize("name", ["APP_API_TOKEN", "dapr_api_token", "DAPR_ANYTHING"])
def test_env_ref_denied(name: str) -> None:
    secret = component("x", "state.sqlite", [{"name": "connectionString", "envRef": name}])
    with Daprd("app", resources={"1.yaml": secret}, env={name: "top-secret-value"}, ready=False) as daprd:
        assert daprd.wait() == 1 and "top-secret-value" not in daprd.log_text()


def test_env_allow_list(tmp_path) -> None:  # noqa: ANN001
    by_env = component("db", "state.sqlite", [{"name": "connectionString", "envRef": "DB_FILE"}])
    env = {"DB_FILE": str(tmp_path / "env.db"), "DAPR_ENV_KEYS": "OTHER"}
    with Daprd("app", resources={"1.yaml": by_env}, env=env, ready=False) as daprd:
        assert daprd.wait() == 1
    with Daprd("app", resources={"1.yaml": by_env}, env={**env, "DAPR_ENV_KEYS": "OTHER DB_FILE"}) as daprd:
        assert names(daprd) == ["db"]


def test_secret_from_file_and_env(tmp_path) -> None:  # noqa: ANN001
    (tmp_path / "secrets.json").write_text('{"db": {"path": "%s"}}' % (tmp_path / "one.db"))
    from_file = component(
        "one",
        "state.sqlite",
        [{"name": "connectionString", "secretKeyRef": {"name": "db:path", "key": "db:path"}}],
        auth={"secretStore": "files"},
    )
    from_env = component(
        "two",
        "state.sqlite",
        [{"name": "connectionString", "secretKeyRef": {"name": "TWO_DB"}}],
        auth={"secretStore": "env"},
    )
    with Daprd(
        "app",
        resources={
            "1.yaml": from_file,
            "2.yaml": from_env,
            "3.yaml": component("env", "secretstores.local.env"),
            "4.yaml": component(
                "files", "secretstores.local.file", {"secretsFile": str(tmp_path / "secrets.json")}
            ),
        },
        env={"TWO_DB": str(tmp_path / "two.db")},
    ) as daprd:
        assert sorted(names(daprd)) == ["env", "files", "one", "two"]
        assert (tmp_path / "one.db").exists() and (tmp_path / "two.db").exists()


def test_templates(tmp_path) -> None:  # noqa: ANN001
    text = component(
        "db", "state.sqlite", {"connectionString": str(tmp_path / "{appID}-{podName}-{namespace}-{uuid}.db")}
    )
    with Daprd("app", resources={"1.yaml": text}, env={"POD_NAME": "pod-0", "NAMESPACE": "shop"}):
        [file] = tmp_path.glob("*.db")
        assert re.match(r"^app-pod-0-shop\.app-[0-9a-f-]{36}\.db$", file.name)


def test_denied_component_type() -> None:
    config = configuration({"components": {"deny": ["state.in-memory/v1"]}})
    with Daprd("app", configs={"c.yaml": config}, resources={"m.yaml": MEMORY}, ready=False) as daprd:
        code = None
        try:
            daprd.wait_ready()
            assert names(daprd) == []
        except RuntimeError:
            code = daprd.wait()
        assert code in (None, 1)


def test_http_endpoint_scope() -> None:
    def endpoint(name: str, **more):  # noqa: ANN003, ANN202
        return document("HTTPEndpoint", {"name": name}, {"baseUrl": "http://127.0.0.1:1"}, **more)

    with Daprd(
        "app", resources={"1.yaml": endpoint("mine"), "2.yaml": endpoint("theirs", scopes=["x"])}
    ) as daprd:
        assert daprd.get("/v1.0/metadata").json()["httpEndpoints"] == [{"name": "mine"}]


def test_secrets_never_reach_the_log(tmp_path) -> None:  # noqa: ANN001
    text = component(
        "db",
        "state.sqlite",
        [{"name": "connectionString", "secretKeyRef": {"name": "LEAK"}}],
        auth={"secretStore": "env"},
    )
    with Daprd(
        "app",
        resources={"1.yaml": text, "2.yaml": component("env", "secretstores.local.env")},
        env={"LEAK": "/nonexistent/leaked-secret/x.db"},
        flags=["--log-level", "debug"],
        ready=False,
    ) as daprd:
        assert daprd.wait() == 1
        log = daprd.log_text()
        assert "state.sqlite" in log and "***" in log
        assert "leaked" not in log


def test_secrets_of_the_wrong_kind_never_reach_the_log() -> None:
    text = component(
        "db",
        "state.redis",
        [
            {"name": "redisHost", "value": "127.0.0.1:1"},
            {"name": "dialTimeout", "secretKeyRef": {"name": "LEAK"}},
        ],
        auth={"secretStore": "env"},
    )
    with Daprd(
        "app",
        resources={"1.yaml": text, "2.yaml": component("env", "secretstores.local.env")},
        env={"LEAK": "leaked-secret"},
        flags=["--log-level", "debug"],
        ready=False,
    ) as daprd:
        assert daprd.wait() == 1
        log = daprd.log_text()
        assert "dialTimeout: its value is not valid" in log
        assert "leaked" not in log
    url = "http://me:leaked@host.invalid/x"
    with Daprd(
        "app", resources={"1.yaml": document("HTTPEndpoint", {"name": "far"}, {"baseUrl": url})}
    ) as daprd:
        assert daprd.logged("far (http://host.invalid/x)")
        assert "leaked" not in daprd.log_text()


@pytest.mark.parametrize(
    ("spec", "named"),
    [
        (
            {"httpPipeline": {"handlers": [{"name": "gate", "type": "middleware.http.bearer"}]}},
            "gate (middleware.http.bearer",
        ),
    ],
)
def test_protection_that_is_not_built_yet_is_refused(spec: dict, named: str) -> None:
    """Serving without what the operator relies on would be worse than not serving."""
    with Daprd("app", configs={"c.yaml": configuration(spec)}, ready=False) as daprd:
        assert daprd.wait() == 1
        assert named in daprd.log_text() and "remove it" in daprd.log_text()
