"""The metrics by name: Jackfield's own, and the aliases that dashboards for Triton expect."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Protocol

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric

from jackfield import Version
from jackfield_plugins.prometheus.histogram import Histogram

if TYPE_CHECKING:
    from jackfield import Server

LABELS = ("model", "version")
TURNED_AWAY = ("unauthenticated", "forbidden", "quota")
"""Why requests go no further than to the keys."""
_STATES = ("loading", "warming", "ready", "draining", "unloaded", "failed")


class _Series(Protocol):
    latency: Histogram
    queue: Histogram
    batch: Histogram


def families(
    server: Server, series: Mapping[tuple[str, str], _Series], unknown_models: int, turned_away: Mapping[str, int]
) -> Iterator[Metric]:
    """Jackfield's own metrics."""
    yield _gauge("jackfield_ready", "Whether every model is ready.", float(server.ready))
    unknown = CounterMetricFamily("jackfield_unknown_model_requests", "Requests for models that do not exist.")
    unknown.add_metric((), unknown_models)
    yield unknown
    turned = CounterMetricFamily(
        "jackfield_requests_turned_away",
        "Requests that no key lets in, or whose key's quota does not.",
        labels=["reason"],
    )
    for reason, count in turned_away.items():
        turned.add_metric((reason,), count)
    yield turned
    yield from _fronts(server)
    yield from _requests(server)
    yield _counter(server, "jackfield_rows", "Rows that were answered.", lambda v: v.statistics.rows)
    yield _counter(server, "jackfield_steps", "Steps that ran on a device.", lambda v: v.statistics.steps)
    yield _counter(server, "jackfield_failed_steps", "Steps that failed.", lambda v: v.statistics.failed_steps)
    yield _counter(
        server, "jackfield_padded_rows", "Rows that were run as padding.", lambda v: v.statistics.padded_rows
    )
    yield _counter(
        server,
        "jackfield_padded_input_elements",
        "Elements of inputs that are padded, padding included.",
        lambda v: v.statistics.elements,
    )
    yield _counter(
        server,
        "jackfield_padding_elements",
        "Elements of inputs that were run as padding.",
        lambda v: v.statistics.padding_elements,
    )
    yield _version_gauge(server, "jackfield_outstanding_requests", "Accepted and not yet answered.", _outstanding)
    yield _version_gauge(server, "jackfield_waiting_requests", "Requests that wait in queues.", lambda v: v.waiting)
    for name, attribute, text in (
        ("jackfield_request_seconds", "latency", "Time from acceptance to answer."),
        ("jackfield_queue_seconds", "queue", "Time that answered requests waited."),
        ("jackfield_step_rows", "batch", "Rows of a step."),
    ):
        histogram = HistogramMetricFamily(name, text, labels=LABELS)
        for labels, own in series.items():
            one: Histogram = getattr(own, attribute)
            histogram.add_metric(labels, buckets=one.buckets(), sum_value=one.total)
        yield histogram
    yield _learned(server)
    yield _held(server)
    yield _counter(server, "jackfield_replica_deaths", "Replicas that died.", lambda v: v.deaths)
    yield _counter(server, "jackfield_replica_restarts", "Replicas that were started again.", lambda v: v.restarts)
    yield _workers(server)
    states = GaugeMetricFamily(
        "jackfield_model_state", "1 for the state that a version is in.", labels=(*LABELS, "state")
    )
    for version in server.versions:
        for state in _STATES:
            states.add_metric((version.model, version.name, state), float(version.state == state))
    yield states


def _fronts(server: Server) -> Iterator[Metric]:
    """What front processes do; none if there are none."""
    traffic = server.traffic()
    if not traffic:
        return
    open_ = GaugeMetricFamily("jackfield_front_connections", "Connections that a front has.", labels=("front",))
    taken = CounterMetricFamily("jackfield_front_connections_taken", "Connections that came to it.", labels=("front",))
    refused = CounterMetricFamily(
        "jackfield_front_connections_refused", "Connections that it refused, as there were too many.", labels=("front",)
    )
    requests = CounterMetricFamily("jackfield_front_requests", "Requests that it answered.", labels=("front",))
    for one in traffic:
        open_.add_metric((one.front,), one.open)
        taken.add_metric((one.front,), one.taken)
        refused.add_metric((one.front,), one.refused)
        requests.add_metric((one.front,), one.requests)
    yield from (open_, taken, refused, requests)


def _learned(server: Server) -> Metric:
    family = GaugeMetricFamily(
        "jackfield_policy_state", "What batching policies have learned.", labels=(*LABELS, "replica", "name")
    )
    for version in server.versions:
        for replica, state in version.policy_states.items():
            for name, value in state.items():
                family.add_metric((version.model, version.name, replica, name), value)
    return family


def _held(server: Server) -> Metric:
    family = GaugeMetricFamily(
        "jackfield_executor_state", "What executors of work of many steps hold.", labels=(*LABELS, "replica", "name")
    )
    for version in server.versions:
        for replica, state in version.executor_states.items():
            for name, value in state.items():
                family.add_metric((version.model, version.name, replica, name), value)
    return family


def _workers(server: Server) -> Metric:
    family = GaugeMetricFamily(
        "jackfield_worker_memory_bytes", "Memory of a process that a replica runs in.", labels=(*LABELS, "replica")
    )
    for version in server.versions:
        for replica, state in version.worker_states.items():
            family.add_metric((version.model, version.name, replica), state.get("memory", 0.0))
    return family


def aliases(server: Server) -> Iterator[Metric]:
    """Triton's names, with Triton's units. They are untyped, since the names of counters would need another ending."""
    yield _alias(server, "nv_inference_request_success", "Successful requests.", lambda v: v.statistics.completed)
    failed = Metric("nv_inference_request_failure", "Failed requests.", "unknown")
    for version in server.versions:
        counts = version.statistics
        refused = counts.refused.get("shed", 0) + counts.refused.get("unavailable", 0) + counts.refused.get("quota", 0)
        for reason, value in (
            ("REJECTED", refused + counts.expired),
            ("CANCELED", counts.cancelled),
            ("BACKEND", counts.failed),
            ("OTHER", counts.refused.get("invalid", 0)),
        ):
            failed.add_sample(failed.name, {"model": version.model, "version": version.name, "reason": reason}, value)
    yield failed
    yield _alias(server, "nv_inference_count", "Rows inferred.", lambda v: v.statistics.rows)
    yield _alias(server, "nv_inference_exec_count", "Steps run.", lambda v: v.statistics.steps)
    yield _alias(server, "nv_inference_pending_request_count", "Requests that wait.", lambda v: v.waiting)
    for name, attribute, text in (
        ("request", "success", "Time of successful requests"),
        ("queue", "queue", "Time that requests waited"),
        ("compute_input", "compute_input", "Time to join inputs"),
        ("compute_infer", "compute_infer", "Time on the device"),
        ("compute_output", "compute_output", "Time to part outputs"),
    ):
        metric = Metric(f"nv_inference_{name}_duration_us", f"{text}, cumulative, in microseconds.", "unknown")
        for version in server.versions:
            spent = getattr(version.statistics, attribute).ns // 1000
            metric.add_sample(metric.name, {"model": version.model, "version": version.name}, spent)
        yield metric


def _alias(server: Server, name: str, text: str, value: Callable[[Version], float]) -> Metric:
    metric = Metric(name, text, "unknown")
    for version in server.versions:
        metric.add_sample(name, {"model": version.model, "version": version.name}, value(version))
    return metric


def _requests(server: Server) -> Iterator[Metric]:
    accepted = CounterMetricFamily("jackfield_requests_accepted", "Requests that entered a queue.", labels=LABELS)
    settled = CounterMetricFamily(
        "jackfield_requests", "Accepted requests that are over, by their final state.", labels=(*LABELS, "state")
    )
    refused = CounterMetricFamily(
        "jackfield_requests_refused", "Requests that were not accepted, by reason.", labels=(*LABELS, "reason")
    )
    for labels, counts in _ledgers(server):
        accepted.add_metric(labels, counts.accepted)
        for state in ("completed", "failed", "cancelled", "expired"):
            settled.add_metric((*labels, state), getattr(counts, state))
        for reason in ("shed", "invalid", "unavailable", "quota"):
            refused.add_metric((*labels, reason), counts.refused.get(reason, 0))
    yield from (accepted, settled, refused)


def _ledgers(server: Server) -> Iterator[tuple[tuple[str, str], Any]]:
    """By model and version; under no version what those did that are gone, so that a model's sum never falls."""
    for model in server.models.values():
        if model.past.accepted or model.past.refused:
            yield (model.name, ""), model.past
    for version in server.versions:
        yield (version.model, version.name), version.statistics


def _outstanding(version: Version) -> float:
    return version.statistics.outstanding


def _counter(server: Server, name: str, text: str, value: Callable[[Version], float]) -> Metric:
    family = CounterMetricFamily(name, text, labels=LABELS)
    for version in server.versions:
        family.add_metric((version.model, version.name), value(version))
    return family


def _version_gauge(server: Server, name: str, text: str, value: Callable[[Version], float]) -> Metric:
    family = GaugeMetricFamily(name, text, labels=LABELS)
    for version in server.versions:
        family.add_metric((version.model, version.name), value(version))
    return family


def _gauge(name: str, text: str, value: float) -> Metric:
    return GaugeMetricFamily(name, text, value=value)
