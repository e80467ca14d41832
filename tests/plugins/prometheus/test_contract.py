"""The observer and the endpoint of metrics keep to the contracts of their sockets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from jackfield import Server
from jackfield.testing import EndpointContract, Example, ObserverContract
from jackfield.testing.server import Plugins
from jackfield_plugins import prometheus
from jackfield_plugins.prometheus.endpoint import Metrics, MetricsOptions
from jackfield_plugins.prometheus.observer import Prometheus, PrometheusOptions


class TestObserver(ObserverContract):
    def observer(self, server: Server) -> Prometheus:
        return Prometheus(PrometheusOptions(triton_names=True), server)


class TestEndpoint(EndpointContract):
    def endpoint(self, server: Server) -> Metrics:
        return Metrics(MetricsOptions(), server)

    def config(self) -> Mapping[str, Any]:
        return {"observers": {"prometheus": {"triton_names": True}}}

    def plugins(self) -> Plugins:
        return [prometheus]

    def examples(self) -> Sequence[Example]:
        return [Example("GET", "/metrics"), Example("HEAD", "/metrics")]
