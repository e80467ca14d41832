"""The metrics of text generation by name: Jackfield's own, and the aliases that dashboards for vLLM expect."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric

from jackfield_plugins.prometheus.engines import Engine, engines
from jackfield_plugins.prometheus.generating import GenerationSeries
from jackfield_plugins.prometheus.histogram import Histogram

if TYPE_CHECKING:
    from jackfield import Server

Key = tuple[str, str, str]
All = Mapping[Key, GenerationSeries]

_LABELS = ("model", "version", "replica")
_HISTOGRAMS = (
    ("first_token_seconds", "time_to_first_token_seconds", "first_token", "Time from acceptance to the first token."),
    ("between_tokens_seconds", "inter_token_latency_seconds", "between_tokens", "Time between two tokens."),
    ("generation_seconds", "e2e_request_latency_seconds", "request", "Time from acceptance to the end of the answer."),
    ("generation_queue_seconds", "request_queue_time_seconds", "queue", "Time from acceptance to the first step."),
    ("prefill_seconds", "request_prefill_time_seconds", "prefill", "Time from the first step to the first token."),
    ("decode_seconds", "request_decode_time_seconds", "decode", "Time from the first token to the last."),
    ("inference_seconds", "request_inference_time_seconds", "inference", "Time from the first step to the last token."),
    ("step_tokens", "iteration_tokens_total", "step", "Tokens that a step computed."),
    ("request_prompt_tokens", "request_prompt_tokens", "prompt", "Tokens of a prompt."),
    ("request_generation_tokens", "request_generation_tokens", "answer", "Tokens of all answers to a request."),
)
"""Our name, vLLM's, the histogram, and what it is."""
_GAUGES: Sequence[tuple[str, str, str, Callable[[Engine], float]]] = (
    ("generations_running", "num_requests_running", "Requests that take part in steps.", lambda e: e.running),
    ("generations_waiting", "num_requests_waiting", "Requests that wait, or were preempted.", lambda e: e.waiting),
    ("kv_cache_usage_ratio", "kv_cache_usage_perc", "Share of KV-cache blocks that are held.", lambda e: e.usage),
)
_OF_SERIES: Sequence[tuple[str, str, str, Callable[[GenerationSeries], float]]] = (
    ("prompt_tokens", "prompt_tokens", "Tokens of prompts that were answered to.", lambda s: s.prompt_tokens),
    ("generation_tokens", "generation_tokens", "Tokens of answers.", lambda s: s.generated_tokens),
)
_PREFIXES: Sequence[tuple[str, str, str, Callable[[Engine], float]]] = (
    (
        "prefix_cache_lookup_tokens",
        "prefix_cache_queries",
        "Tokens of prompts, in whole blocks, that were looked for in the KV cache.",
        lambda e: e.lookups * e.block_tokens,
    ),
    (
        "prefix_cache_hit_tokens",
        "prefix_cache_hits",
        "Tokens of prompts that were found in the KV cache.",
        lambda e: e.hits * e.block_tokens,
    ),
    ("preemptions", "num_preemptions", "Requests that gave their blocks to others.", lambda e: e.preemptions),
)


def generation_families(server: Server, series: All) -> Iterator[Metric]:
    """Jackfield's own; none if no model generates."""
    found = list(engines(server))
    if not found:
        return
    for name, _, attribute, text in _HISTOGRAMS:
        yield _histogram(f"jackfield_{name}", text, _LABELS, series, attribute, lambda key: key)
    for name, _, text, value in _GAUGES:
        yield _gauge(f"jackfield_{name}", text, _LABELS, found, value, _own)
    waste = "Share of places in held KV-cache blocks that no token is in."
    yield _gauge("jackfield_kv_cache_waste_ratio", waste, _LABELS, found, lambda e: e.waste, _own)
    for name, _, text, value in _PREFIXES:
        yield _counter(f"jackfield_{name}", text, _LABELS, [(_own(e), value(e)) for e in found])
    forgotten = [(_own(e), e.evictions) for e in found]
    yield _counter("jackfield_prefix_cache_evictions", "Known blocks that were given up.", _LABELS, forgotten)
    for name, _, text, of in _OF_SERIES:
        yield _counter(f"jackfield_{name}", text, _LABELS, [(key, of(one)) for key, one in series.items()])
    prefilled = [(key, float(one.prefill_tokens)) for key, one in series.items()]
    yield _counter("jackfield_prefill_tokens", "Tokens of prompts that were computed.", _LABELS, prefilled)
    ends = [((*key, why), float(n)) for key, one in series.items() for why, n in one.finishes.items()]
    yield _counter("jackfield_generations", "Answers that are over, by why they ended.", (*_LABELS, "finish"), ends)


def vllm_aliases(server: Server, series: All) -> Iterator[Metric]:
    """vLLM's names, labels and units: `engine` is the number of a replica."""
    found = list(engines(server))
    labels = ("model_name", "engine")
    for _, name, attribute, text in _HISTOGRAMS:
        yield _histogram(f"vllm:{name}", text, labels, series, attribute, _short)
    for _, name, text, value in _GAUGES:
        yield _gauge(f"vllm:{name}", text, labels, found, value, _shown)
    for _, name, text, value in _PREFIXES:
        yield _counter(f"vllm:{name}", text, labels, [(_shown(e), value(e)) for e in found])
    for _, name, text, of in _OF_SERIES:
        yield _counter(f"vllm:{name}", text, labels, [(_short(key), of(one)) for key, one in series.items()])
    ends = [
        ((*_short(key), why), float(n))
        for key, one in series.items()
        for why, n in {**one.finishes, "abort": one.aborted}.items()
    ]
    yield _counter("vllm:request_success", "Answers that are over.", (*labels, "finished_reason"), ends)


def _own(engine: Engine) -> tuple[str, ...]:
    return engine.model, engine.version, engine.replica


def _shown(engine: Engine) -> tuple[str, ...]:
    return engine.model, engine.number


def _short(key: Key) -> tuple[str, ...]:
    return key[0], key[2].rpartition("/")[2]


def _histogram(
    name: str,
    text: str,
    labels: Sequence[str],
    series: All,
    attribute: str,
    labelled: Callable[[Key], Sequence[str]],
) -> Metric:
    family = HistogramMetricFamily(name, text, labels=labels)
    for key, one in series.items():
        histogram: Histogram = getattr(one, attribute)
        family.add_metric(labelled(key), buckets=histogram.buckets(), sum_value=histogram.total)
    return family


def _gauge(
    name: str,
    text: str,
    labels: Sequence[str],
    found: Sequence[Engine],
    value: Callable[[Engine], float],
    labelled: Callable[[Engine], Sequence[str]],
) -> Metric:
    family = GaugeMetricFamily(name, text, labels=labels)
    for engine in found:
        family.add_metric(labelled(engine), value(engine))
    return family


def _counter(name: str, text: str, labels: Sequence[str], values: Sequence[tuple[Sequence[str], float]]) -> Metric:
    family = CounterMetricFamily(name, text, labels=labels)
    for own, value in values:
        family.add_metric(own, value)
    return family
