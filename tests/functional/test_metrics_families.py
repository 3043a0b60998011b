"""What Dapr's dashboards are built on: after traffic of all kinds exactly Dapr's families are there, each
with its type and its labels."""

import contextlib
import pathlib

import pytest

import grpc
from harness import protos
from harness.daprd import Daprd
from harness.grpc_app import EchoStub, GrpcApp
from harness.metrics import Metrics
from harness.poll import wait_for
from harness.subscriber import IN_MEMORY, HttpSubscriber, publish, subscription
from harness.yamls import MEMORY, component, configuration, document, sqlite_resolution

# Type and labels of each; app_id, which all have, is left out.
FRONT = {
    "dapr_component_pubsub_egress_bulk_count": "counter component namespace success topic",
    "dapr_component_pubsub_egress_bulk_latencies": "histogram component namespace success topic",
    "dapr_component_pubsub_egress_count": "counter component namespace success topic",
    "dapr_component_pubsub_egress_latencies": "histogram component namespace success topic",
    "dapr_component_pubsub_ingress_count": "counter component namespace process_status status topic",
    "dapr_component_pubsub_ingress_latencies": "histogram component namespace process_status status topic",
    "dapr_component_secret_count": "counter component namespace operation success",
    "dapr_component_secret_latencies": "histogram component namespace operation success",
    "dapr_component_state_count": "counter component namespace operation success",
    "dapr_component_state_latencies": "histogram component namespace operation success",
    "dapr_error_code_total": "counter category error_code",
    "dapr_grpc_io_server_completed_rpcs": "counter grpc_server_method grpc_server_status",
    "dapr_grpc_io_server_received_bytes_per_rpc": "histogram grpc_server_method",
    "dapr_grpc_io_server_sent_bytes_per_rpc": "histogram grpc_server_method",
    "dapr_grpc_io_server_server_latency": "histogram grpc_server_method grpc_server_status",
    "dapr_http_client_completed_count": "counter method path status",
    "dapr_http_client_received_bytes": "histogram",
    "dapr_http_client_roundtrip_latency": "histogram method path status",
    "dapr_http_client_sent_bytes": "histogram method path status",
    "dapr_http_server_latency": "histogram method path status",
    "dapr_http_server_request_bytes": "histogram",
    "dapr_http_server_request_count": "counter method path status",
    "dapr_http_server_response_bytes": "histogram",
    "dapr_http_server_response_count": "counter method path status",
    "dapr_resiliency_activations_total": "counter flow_direction name namespace policy status target",
    "dapr_resiliency_count": "counter flow_direction name namespace policy status target",
    "dapr_resiliency_loaded": "counter name namespace",
    "dapr_runtime_component_init_total": "counter component",
    "dapr_runtime_component_loaded": "counter",
    "dapr_runtime_service_invocation_req_sent_total": "counter dst_app_id type",
    "dapr_runtime_service_invocation_res_recv_latency_ms": "histogram src_app_id status",
    "dapr_runtime_service_invocation_res_recv_total": "counter src_app_id status type",
}
BACK = {
    "dapr_grpc_io_client_completed_rpcs": "counter grpc_client_method grpc_client_status",
    "dapr_grpc_io_client_received_bytes_per_rpc": "histogram grpc_client_method",
    "dapr_grpc_io_client_roundtrip_latency": "histogram grpc_client_method grpc_client_status",
    "dapr_grpc_io_client_sent_bytes_per_rpc": "histogram grpc_client_method",
    "dapr_runtime_service_invocation_req_recv_total": "counter src_app_id",
    "dapr_runtime_service_invocation_res_sent_total": "counter dst_app_id status",
}
RETRIES = {
    "policies": {"retries": {"two": {"policy": "constant", "duration": "1ms", "maxRetries": 2}}},
    "targets": {"apps": {"front": {"retry": "two"}}},
}


def families(metrics: Metrics, app: str) -> dict[str, str]:
    """As in the tables. Every series of a family must have the same labels."""
    found = {}
    for name, kind in metrics.types.items():
        if not name.startswith("dapr_") or name.startswith("dapr_shared_"):
            continue
        series = metrics.labels(f"{name}_count" if kind == "histogram" else name)
        keys = {tuple(sorted(labels)) for labels in series}
        assert len(keys) == 1 and all(labels["app_id"] == app for labels in series), (name, series)
        found[name] = " ".join([kind, *(key for key in keys.pop() if key != "app_id")])
    return found


def settled(daprd: Daprd, app: str, table: dict[str, str]) -> dict[str, str]:
    """What is counted last comes a little later than the answer."""
    with contextlib.suppress(AssertionError):
        wait_for(lambda: table.items() <= families(daprd.metrics(), app).items(), 5)
    return families(daprd.metrics(), app)


@pytest.mark.timeout(60)
def test_dapr_families(stack: contextlib.ExitStack, tmp_path: pathlib.Path) -> None:
    spec = sqlite_resolution(str(tmp_path / "names.db"))
    errors = configuration({"metrics": {"enabled": True, "recordErrorCodes": True}})
    resources = {
        "memory.yaml": MEMORY,
        "pubsub.yaml": IN_MEMORY,
        "subscription.yaml": subscription(),
        "secrets.yaml": component("vault", "secretstores.local.env"),
        "rules.yaml": document("Resiliency", {"name": "rules"}, RETRIES),
    }
    app, rpc = stack.enter_context(HttpSubscriber()), stack.enter_context(GrpcApp())
    configs = {"a.yaml": spec, "b.yaml": errors}
    front = stack.enter_context(Daprd("front", app=app, resources=resources, configs=configs))
    back = stack.enter_context(Daprd("back", app=rpc, configs={"a.yaml": spec}))
    channel = stack.enter_context(front.channel())

    front.get("/v1.0/invoke/front/method/x")
    app.answer = lambda event: 500
    front.get("/v1.0/invoke/front/method/x")
    app.answer = lambda event: None
    front.post("/v1.0/state/memory", [{"key": "k", "value": 1}])
    front.get("/v1.0/state/memory/k")
    front.get("/v1.0/state/none/k")
    front.get("/v1.0/secrets/vault/HOME")
    publish(front, 1)
    entry = {"entryId": "1", "event": "2", "contentType": "text/plain"}
    front.post("/v1.0-alpha1/publish/bulk/ps/orders", [entry])
    front.dapr(channel).GetMetadata(protos.runtime.GetMetadataRequest())
    assert EchoStub(channel).Unary(b"x", metadata=(("dapr-app-id", "back"),)) == b"x"
    with pytest.raises(grpc.RpcError):
        EchoStub(channel).Unary(b"x", metadata=(("dapr-app-id", "nobody"),), timeout=2)
    front.post("/v1.0/invoke/back/method/y")

    assert settled(front, "front", FRONT) == FRONT
    asked = {name: labels for name, labels in FRONT.items() if "_http_server_" in name}  # for its health
    assert settled(back, "back", BACK) == BACK | asked
