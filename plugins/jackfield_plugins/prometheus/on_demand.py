"""The metrics of models that are loaded on demand; none where there are no such models."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

if TYPE_CHECKING:
    from jackfield import Server


def on_demand_families(server: Server) -> Iterator[Metric]:
    """How often they were loaded and evicted, what they hold of the budget, and how many requests wait for them."""
    models = server.supply.on_demand
    shown = [one for one in models.all if one.name in server.models]
    if not shown:
        return
    loads = CounterMetricFamily(
        "jackfield_on_demand_loads", "Times that a model was loaded on demand.", labels=("model", "outcome")
    )
    evictions = CounterMetricFamily(
        "jackfield_on_demand_evictions", "Times that a model was evicted for another.", labels=("model",)
    )
    asleep = GaugeMetricFamily("jackfield_on_demand_asleep", "Whether a model is not loaded.", labels=("model",))
    held = GaugeMetricFamily("jackfield_on_demand_bytes", "What a model holds of the budget.", labels=("model",))
    waiting = GaugeMetricFamily(
        "jackfield_on_demand_waiting_requests", "Requests that wait for a model to be loaded.", labels=("model",)
    )
    for one in shown:
        loads.add_metric((one.name, "ready"), one.loads)
        loads.add_metric((one.name, "failed"), one.failed_loads)
        evictions.add_metric((one.name,), one.evictions)
        asleep.add_metric((one.name,), float(one.name in models.sleeping))
        held.add_metric((one.name,), one.held)
        waiting.add_metric((one.name,), one.waiting)
    yield from (loads, evictions, asleep, held, waiting)
    if models.budget is not None:
        yield GaugeMetricFamily(
            "jackfield_memory_budget_bytes", "Most that models hold that are loaded on demand.", value=models.budget
        )
