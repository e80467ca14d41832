"""Observer `prometheus`: counts what it is told, and gathers it with the statistics of the versions when asked."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, cast

from prometheus_client import CollectorRegistry
from prometheus_client.core import Metric
from prometheus_client.registry import Collector
from pydantic import Field

from jackfield import Observer, Options, Settled, State, StepReport
from jackfield_plugins.prometheus.families import TURNED_AWAY, aliases, families
from jackfield_plugins.prometheus.generating import Generating
from jackfield_plugins.prometheus.generation_families import generation_families, vllm_aliases
from jackfield_plugins.prometheus.histogram import Histogram
from jackfield_plugins.prometheus.on_demand import on_demand_families

if TYPE_CHECKING:
    from jackfield import Server


class PrometheusOptions(Options):
    """Which metrics there are."""

    triton_names: bool = False
    """Also offer the metrics under the `nv_inference_*` names that dashboards for Triton expect."""
    latency_buckets_s: tuple[float, ...] = Field(
        default=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0), min_length=1
    )
    """Upper bounds of the histograms of times, in seconds."""
    batch_buckets: tuple[float, ...] = Field(default=(1, 2, 4, 8, 16, 32, 64, 128, 256), min_length=1)
    """Upper bounds of the histogram of rows in a step."""
    vllm_names: bool = False
    """Also offer the metrics of text generation under the `vllm:*` names that dashboards for vLLM expect."""
    generation_buckets_s: tuple[float, ...] = Field(
        default=(
            *(0.001, 0.0025, 0.005, 0.01, 0.02, 0.03, 0.04, 0.06, 0.08, 0.1, 0.15, 0.25, 0.5, 0.75, 1.0, 2.5),
            *(5.0, 7.5, 10.0, 20.0, 40.0, 80.0, 160.0, 640.0),
        ),
        min_length=1,
    )
    """Upper bounds of the histograms of times of text generation, in seconds."""
    token_buckets: tuple[float, ...] = Field(
        default=(1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096, 8192, 16384, 32768), min_length=1
    )
    """Upper bounds of the histograms of tokens: of a step, a prompt, an answer."""


class Series:
    """The histograms of one version."""

    def __init__(self, options: PrometheusOptions) -> None:
        self.latency = Histogram(sorted(options.latency_buckets_s))
        self.queue = Histogram(sorted(options.latency_buckets_s))
        self.batch = Histogram(sorted(options.batch_buckets))


class Prometheus(Observer, Collector):
    """Counters come from the versions' own statistics, at no cost per request; only histograms are kept here.

    `registry` is this observer's own, so that two servers in one process do not mix.
    """

    options = PrometheusOptions

    def __init__(self, options: Options, server: Server) -> None:
        super().__init__(options, server)
        self._own = cast(PrometheusOptions, options)
        self.series: dict[tuple[str, str], Series] = {}
        self.generating = Generating(sorted(self._own.generation_buckets_s), sorted(self._own.token_buckets))
        self.unknown_models = 0
        self.turned_away = dict.fromkeys(TURNED_AWAY, 0)
        self.registry = CollectorRegistry(auto_describe=False)
        self.registry.register(self)

    def settled(self, event: Settled) -> None:
        """Time an answered request."""
        work = event.work
        self.generating.settled(work)
        if work.final is not State.COMPLETED:
            return
        series = self._of(event.model, event.version)
        took = work.finished - work.arrival
        series.latency.observe(took)
        report = work.report
        if report is not None:
            series.queue.observe(max(took - report.prepare - report.execute - report.finish, 0.0))

    def stepped(self, model: str, version: str, report: StepReport) -> None:
        """Count the rows of a step."""
        self._of(model, version).batch.observe(report.rows)
        if report.extra is not None:
            self.generating.stepped(model, version, report, self.server.clock.now())

    def changed(self, model: str, version: str, state: str, reason: str) -> None:
        """Forget a version that is gone, unless another of its name goes on."""
        there = self.server.models.get(model)
        if state == "unloaded" and (there is None or version not in there.versions):
            self.series.pop((model, version), None)
            self.generating.forget(model, version)

    def refused(self, model: str, reason: str) -> None:
        """Requests for models that do not exist get no label: a client must not make series."""
        if reason == "not_found":
            self.unknown_models += 1
        elif not model and reason in self.turned_away:
            self.turned_away[reason] += 1

    def collect(self) -> Iterator[Metric]:
        """All metrics as they are now; called by the library when they are written out."""
        yield from families(self.server, self.series, self.unknown_models, self.turned_away)
        yield from on_demand_families(self.server)
        yield from generation_families(self.server, self.generating.series)
        if self._own.triton_names:
            yield from aliases(self.server)
        if self._own.vllm_names:
            yield from vllm_aliases(self.server, self.generating.series)

    def _of(self, model: str, version: str) -> Series:
        series = self.series.get((model, version))
        if series is None:
            series = self.series[model, version] = Series(self._own)
        return series
