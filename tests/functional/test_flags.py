"""Flags and start-up errors: exit codes and the one line that says what, and how to mend it."""

import pytest

from harness.daprd import Daprd, run_once
from harness.ports import free_port
from harness.yamls import MEMORY, component, configuration

FLAGS = """
mode app-id app-port app-protocol app-channel-address app-max-concurrency app-ssl
app-binding-options-timeout dapr-http-port dapr-grpc-port dapr-internal-grpc-port
dapr-internal-grpc-listen-address dapr-listen-addresses dapr-public-port dapr-public-listen-address
unix-domain-socket enable-profiling profile-port enable-metrics metrics-port metrics-listen-address
log-level log-file log-as-json enable-api-logging components-path resources-path config
control-plane-address sentry-address control-plane-trust-domain control-plane-namespace
sentry-request-jwt-audiences enable-mtls allowed-origins max-body-size dapr-http-max-request-size
read-buffer-size dapr-http-read-buffer-size dapr-graceful-shutdown-seconds
dapr-block-shutdown-duration disable-builtin-k8s-secret-store enable-app-health-check
app-health-check-path app-health-probe-interval app-health-probe-timeout app-health-threshold
disable-init-endpoints placement-host-address scheduler-host-address scheduler-job-streams
actors-disseminate-timeout hot-reload-reconcile-interval version build-info wait threads
list-components app-wake-timeout app-wake discovery-cache apps-path healthz-requires-app
"""


def test_help_names_every_flag_by_subject() -> None:
    code, out, err, _ = run_once(["--help"])
    assert code == 0 and err == ""
    missing = [flag for flag in FLAGS.split() if f"--{flag}" not in out]
    assert not missing
    # Grouped: headings stand at the margin, with flags indented below them.
    lines = out.splitlines()
    headings = [
        line
        for line, below in zip(lines, lines[1:], strict=False)
        if line[:1].isalpha() and below.startswith("  --")
    ]
    assert len(headings) >= 4


@pytest.mark.parametrize("flag", ["--version", "--build-info"])
def test_version_and_build_info(flag: str) -> None:
    code, out, _, seconds = run_once([flag])
    assert code == 0 and out.strip() and seconds < 5
    if flag == "--version":
        assert "1.18" in out


def test_list_components_names_the_compiled_in_ones() -> None:
    code, out, _, _ = run_once(["--list-components"])
    assert code == 0
    for name in (
        "state.in-memory",
        "state.sqlite",
        "secretstores.local.env",
        "secretstores.local.file",
        "nameresolution.mdns",
        "nameresolution.sqlite",
        "nameresolution.kubernetes",
        "nameresolution.nameformat",
    ):
        assert name in out, name


@pytest.mark.parametrize(
    "flags, word",
    [
        (["--no-such-flag"], "no-such-flag"),
        (["--app-max-concurrency", "many"], "app-max-concurrency"),
        (["--enable-mtls=perhaps"], "enable-mtls"),
        (["--scheduler-job-streams", "-1"], "scheduler-job-streams"),
        (["--actors-disseminate-timeout", "soon"], "actors-disseminate-timeout"),
        (["--app-wake-timeout", "soon"], "app-wake-timeout"),
        (["--threads", "many"], "threads"),
    ],
)
def test_bad_typed_flag_ends_with_2(flags: list[str], word: str) -> None:
    code, _, err, seconds = run_once(["--app-id", "a", *flags])
    assert code == 2 and word in err and seconds < 5


@pytest.mark.parametrize(
    "flags, text",
    [
        ([], "parameter app-id cannot be empty"),
        (["--app-id", "a.b"], "parameter app-id cannot contain dots"),
        (["--app-id", "a", "--mode", "moon"], "invalid mode: moon"),
        (["--app-id", "a", "--app-port", "x"], "error parsing app-port"),
        (["--app-id", "a", "--dapr-http-port", "x"], "error parsing dapr-http-port"),
        (
            ["--app-id", "a", "--app-port", "3777", "--dapr-http-port", "3777"],
            "the 'dapr-http-port' argument value 3777 conflicts with 'app-port'",
        ),
        (
            ["--app-id", "a", "--app-port", "3777", "--dapr-grpc-port", "3777"],
            "the 'dapr-grpc-port' argument value 3777 conflicts with 'app-port'",
        ),
        (["--app-id", "a", "--app-protocol", "smtp"], "invalid value for 'app-protocol': smtp"),
        (
            ["--app-id", "a", "--disable-init-endpoints", "health"],
            "invalid value for 'disable-init-endpoints': health",
        ),
        (
            [
                "--app-id",
                "a",
                "--enable-app-health-check",
                "--app-health-probe-interval",
                "1",
                "--app-health-probe-timeout",
                "1001",
            ],
            "value for 'health-probe-timeout' must be smaller than 'health-probe-interval'",
        ),
        (["--app-id", "a", "--config", "/nonexistent/config.yaml"], "error loading configuration"),
        (["--app-id", "a", "--resources-path", "/nonexistent/resources"], "/nonexistent/resources"),
        (["--app-id", "a", "--enable-mtls"], "trust anchors are required"),
        (["--app-id", "a", "--log-level", "loud"], "invalid value for --log-level: loud"),
        (["--app-id", "a", "--max-body-size", "4Qi"], "max-body-size"),
        (["--app-id", "a", "--read-buffer-size", "much"], "read-buffer-size"),
        (["--app-id", "a", "--actors-disseminate-timeout", "0s"], "actors-disseminate-timeout"),
        (["--apps-path", "/nonexistent/apps"], "/nonexistent/apps"),
    ],
)
def test_wrong_configuration_ends_with_1_and_says_why(flags: list[str], text: str) -> None:
    code, out, err, seconds = run_once(flags)
    assert code == 1 and text in out + err and seconds < 10
    fatal = [line for line in (out + err).splitlines() if text in line]
    assert len(fatal) == 1, "one line names it"


def test_fatal_line_has_the_fatal_level() -> None:
    _, out, err, _ = run_once(["--log-as-json"])
    assert (
        '"level":"fatal"' in out + err
        and "Fatal error from runtime: parameter app-id cannot be empty" in out + err
    )


def test_single_dash_is_accepted() -> None:
    assert run_once(["-version"])[0] == 0
    code, out, err, _ = run_once(["-app-id", "a.b"])
    assert code == 1 and "cannot contain dots" in out + err


def test_api_port_in_use_ends_with_1() -> None:
    with Daprd("one") as first:
        code, out, err, seconds = run_once(
            [
                "--app-id",
                "two",
                "--dapr-listen-addresses",
                "127.0.0.1",
                "--dapr-http-port",
                str(first.http_port),
                "--dapr-grpc-port",
                str(free_port()),
                "--metrics-port",
                str(free_port()),
            ],
            timeout=40,
        )
        assert code == 1 and str(first.http_port) in out + err and seconds < 30


def test_metrics_port_in_use_ends_at_once() -> None:
    with Daprd("one") as first:
        code, out, err, seconds = run_once(
            [
                "--app-id",
                "two",
                "--dapr-listen-addresses",
                "127.0.0.1",
                "--metrics-listen-address",
                "127.0.0.1",
                "--dapr-http-port",
                str(free_port()),
                "--dapr-grpc-port",
                str(free_port()),
                "--metrics-port",
                str(first.metrics_port),
            ],
            timeout=40,
        )
        assert code == 1 and str(first.metrics_port) in out + err and seconds < 5


@pytest.mark.parametrize(
    "flags",
    [
        ["--app-ssl=false"],
        ["--dapr-http-max-request-size", "8"],
        ["--dapr-http-read-buffer-size", "8"],
        ["--reminders-service", "x"],
        ["--scheduler-job-streams", "2"],
        ["--hot-reload-reconcile-interval", "30s"],
        ["--app-health-probe-interval", "0"],
        ["--control-plane-trust-domain", "td"],
        ["--max-body-size", "0"],
        ["--threads", "1"],
        ["--app-protocol", "HTTP"],
        ["--disable-init-endpoints", " Config ,subscribe"],
    ],
)
def test_accepted_flags_start(flags: list[str]) -> None:
    with Daprd("a", flags=flags) as daprd:
        assert daprd.get("/v1.0/healthz").status == 204


def test_later_feature_is_accepted_and_warned_of_once() -> None:
    with Daprd("a", flags=["--disable-builtin-k8s-secret-store"]) as daprd:
        warned = daprd.logged("--disable-builtin-k8s-secret-store", level="warning")
        assert len(warned) == 1


def test_components_path_is_an_alias(tmp_path) -> None:  # noqa: ANN001
    (tmp_path / "memory.yaml").write_text(MEMORY)
    with Daprd("a", flags=["--components-path", str(tmp_path)]) as daprd:
        assert [c["name"] for c in daprd.get("/v1.0/metadata").json()["components"]] == ["memory"]


def test_configs_are_merged_in_order_and_expanded() -> None:
    denied = configuration({"api": {"denied": [{"name": "$DENIED", "version": "v1", "protocol": "http"}]}})
    other = configuration({"logging": {"apiLogging": {"enabled": False}}})
    with Daprd("a", configs={"1.yaml": denied, "2.yaml": other}, env={"DENIED": "metadata"}) as daprd:
        assert daprd.get("/v1.0/metadata").status == 404


def test_unix_domain_socket_replaces_tcp(tmp_path) -> None:  # noqa: ANN001
    from harness.poll import wait_for
    from harness.rawhttp import Connection

    with Daprd("a", flags=["--unix-domain-socket", str(tmp_path)], ready=False) as daprd:
        socket_ = tmp_path / "dapr-a-http.socket"
        wait_for(socket_.exists, 10, "the socket")

        def healthy() -> bool:
            with Connection("localhost", 0, unix=str(socket_)) as connection:
                return connection.request("GET", "/v1.0/healthz").status == 204

        wait_for(healthy, 10)
        assert (tmp_path / "dapr-a-grpc.socket").exists()
        with pytest.raises(ConnectionRefusedError):
            daprd.get("/v1.0/healthz")


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_wait_polls_outbound_health(host: str) -> None:
    with Daprd("a") as daprd:
        code, _, _, _ = run_once(
            [
                "--wait",
                "--app-id",
                "a",
                "--dapr-http-port",
                str(daprd.http_port),
                "--dapr-listen-addresses",
                host,
            ]
        )
        assert code == 0


def test_bad_component_is_fatal_with_its_name() -> None:
    bad = component("broken", "state.sqlite", {"connectionString": "/nonexistent/folder/x.db"})
    with Daprd("a", resources={"bad.yaml": bad}, ready=False) as daprd:
        assert daprd.wait() == 1
        assert "INIT_COMPONENT_FAILURE" in daprd.log_text() and "broken (state.sqlite/v1)" in daprd.log_text()
