"""Metrics for Prometheus: the observer `prometheus`, and the endpoint `metrics` that shows what it has seen."""

from __future__ import annotations

from collections.abc import Mapping

from jackfield import Endpoint, Observer, hookimpl
from jackfield_plugins.prometheus.endpoint import Metrics
from jackfield_plugins.prometheus.observer import Prometheus

jackfield_api = "1.0"


@hookimpl
def jackfield_observers() -> Mapping[str, type[Observer]]:
    """The observers of this plugin."""
    return {"prometheus": Prometheus}


@hookimpl
def jackfield_endpoints() -> Mapping[str, type[Endpoint]]:
    """The endpoints of this plugin."""
    return {"metrics": Metrics}
