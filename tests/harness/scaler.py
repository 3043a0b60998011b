"""What KEDA asks of the external scaler."""

from typing import Any

import pytest

import grpc

from . import protos

SERVICE = "externalscaler.ExternalScaler"
scaler = protos.Package("externalscaler")


class Scaler:
    """The calls that KEDA makes. `metadata` are those of the trigger."""

    def __init__(self, host: str, port: int):
        self.channel = grpc.insecure_channel(f"{host}:{port}")
        self.stub = protos.Stub(self.channel, SERVICE)

    def __enter__(self) -> "Scaler":
        return self

    def __exit__(self, *_: object) -> None:
        self.channel.close()

    @staticmethod
    def ref(metadata: dict[str, str]) -> Any:
        return scaler.ScaledObjectRef(name="orders", namespace="shop", scalerMetadata=metadata)

    def active(self, **metadata: str) -> bool:
        return self.stub.IsActive(self.ref(metadata), timeout=10).result

    def spec(self, **metadata: str) -> tuple[str, int, float]:
        (spec,) = self.stub.GetMetricSpec(self.ref(metadata), timeout=10).metricSpecs
        return spec.metricName, spec.targetSize, spec.targetSizeFloat

    def count(self, **metadata: str) -> int:
        name = self.spec(**metadata)[0]
        request = scaler.GetMetricsRequest(scaledObjectRef=self.ref(metadata), metricName=name)
        (value,) = self.stub.GetMetrics(request, timeout=10).metricValues
        assert value.metricName == name and value.metricValueFloat == value.metricValue
        return value.metricValue

    def refused(self, **metadata: str) -> tuple[grpc.StatusCode, str]:
        """By every method alike."""
        ref = self.ref(metadata)
        calls = [
            lambda: self.stub.IsActive(ref, timeout=10),
            lambda: self.stub.GetMetricSpec(ref, timeout=10),
            lambda: self.stub.GetMetrics(scaler.GetMetricsRequest(scaledObjectRef=ref), timeout=10),
            lambda: list(self.stub.StreamIsActive(ref, timeout=10)),
        ]
        errors = set()
        for call in calls:
            with pytest.raises(grpc.RpcError) as raised:
                call()
            errors.add((raised.value.code(), raised.value.details()))
        assert len(errors) == 1
        return errors.pop()
