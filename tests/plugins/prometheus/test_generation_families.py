"""Metrics of generation after runs whose outcome is known, on a whole server."""

from __future__ import annotations

import asyncio
import shutil
import subprocess
from typing import Any

import numpy as np
import pytest
from prometheus_client.exposition import generate_latest
from prometheus_client.parser import text_string_to_metric_families

import jackfield_plugins.generation
import jackfield_plugins.prometheus
import jackfield_plugins.scheduling
from jackfield import Request
from jackfield.testing import serving
from jackfield_plugins.generation.executor import GenerationExecutor
from jackfield_plugins.prometheus.observer import Prometheus
from tests.core.lifecycle.fakes import in_loop, until
from tests.plugins.generation.decoders import HashDecoder

PLUGINS = (jackfield_plugins.generation, jackfield_plugins.scheduling, jackfield_plugins.prometheus)
OURS = {"model": "m", "version": "1", "replica": "m/1/0"}
THEIRS = {"model_name": "m", "engine": "0"}


def request(prompt: int, most: int, stream: bool = False, **parameters: Any) -> Request:
    tokens = np.arange(prompt, dtype=np.int32) % 90
    return Request(
        "m", {"tokens": tokens}, parameters={"temperature": 0, "max_tokens": most} | parameters, stream=stream
    )


async def _scraped(busy: bool = True, vllm: bool = False) -> str:
    """Four answers of 10 tokens, two of them to one request, and three clients that go."""
    executor = GenerationExecutor(HashDecoder(400))
    config = {"models": {"m": {"source": "scripted:m"}}, "observers": {"prometheus": {"vllm_names": vllm}}}
    async with serving(config, PLUGINS, executor=lambda: executor) as server:
        if busy:
            await server.submit(request(40, 10)).future
            await server.submit(request(40, 10)).future
            await server.submit(request(40, 10, n=2)).future
            streams = [server.stream(request(33, 2000, seed=n), buffer=4000) for n in range(3)]
            for stream in streams:
                await anext(stream)
            await until(lambda: server.versions[0].policy_states["m/1/0"]["running"] == 3)
            during = generate_latest(_observer(server).registry).decode()
            assert 'jackfield_generations_running{model="m",replica="m/1/0",version="1"} 3.0' in during
            assert 'jackfield_kv_cache_usage_ratio{model="m",replica="m/1/0",version="1"} 0.0\n' not in during
            for stream in streams:
                stream.close()
            await until(lambda: executor.pool.free == executor.pool.count)
            assert _observer(server).generating.lives == 0
        return generate_latest(_observer(server).registry).decode()


def _observer(server: Any) -> Prometheus:
    observer = server.observers.all["prometheus"]
    assert isinstance(observer, Prometheus)
    return observer


def parsed(text: str) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


@in_loop
async def test_our_own_names() -> None:
    found = parsed(await _scraped())

    def value(name: str, **more: str) -> float:
        return found[f"jackfield_{name}", frozenset({**OURS, **more}.items())]

    assert value("first_token_seconds_count") == 6
    assert value("generation_seconds_count") == 3
    assert value("generation_queue_seconds_count") == value("prefill_seconds_count") == 3
    assert value("decode_seconds_count") == value("inference_seconds_count") == 3
    assert value("request_generation_tokens_sum") == 40
    assert value("request_prompt_tokens_sum") == 120
    assert value("generations_total", finish="length") == 4
    assert value("generations_total", finish="stop") == 0
    assert value("prompt_tokens_total") == 3 * 40 + 3 * 33
    assert value("generation_tokens_total") >= 43
    assert value("between_tokens_seconds_count") >= 36
    assert value("prefix_cache_lookup_tokens_total") == 6 * 32
    hits = value("prefix_cache_hit_tokens_total")
    assert hits >= 2 * 32
    assert value("prefill_tokens_total") == value("prompt_tokens_total") - hits
    assert value("step_tokens_sum") >= value("prefill_tokens_total") + 30
    for name in ("generations_running", "generations_waiting", "kv_cache_usage_ratio", "kv_cache_waste_ratio"):
        assert value(name) == 0
    assert value("preemptions_total") == value("prefix_cache_evictions_total") == 0
    assert value("inference_seconds_sum") == pytest.approx(value("prefill_seconds_sum") + value("decode_seconds_sum"))
    assert not any(name.startswith("vllm:") for name, _ in found)


@in_loop
async def test_the_names_that_dashboards_for_vllm_expect() -> None:
    found = parsed(await _scraped(vllm=True))

    def value(name: str, **more: str) -> float:
        return found[f"vllm:{name}", frozenset({**THEIRS, **more}.items())]

    for name in ("num_requests_running", "num_requests_waiting", "kv_cache_usage_perc", "num_preemptions_total"):
        assert value(name) == 0
    assert value("prefix_cache_queries_total") == 6 * 32
    assert value("prefix_cache_hits_total") >= 2 * 32
    assert value("prompt_tokens_total") == 219
    assert value("generation_tokens_total") >= 43
    assert value("request_success_total", finished_reason="length") == 4
    assert value("request_success_total", finished_reason="abort") == 3
    assert value("time_to_first_token_seconds_count") == 6
    assert value("inter_token_latency_seconds_count") >= 36
    assert value("e2e_request_latency_seconds_count") == 3
    for phase in ("queue", "prefill", "decode", "inference"):
        assert value(f"request_{phase}_time_seconds_count") == 3
    assert value("iteration_tokens_total_count") > 30
    assert value("request_prompt_tokens_sum") == 120
    assert value("request_generation_tokens_sum") == 40


@pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is not installed")
@pytest.mark.parametrize("busy", [False, True])
@in_loop
async def test_promtool_finds_no_fault(busy: bool) -> None:
    for vllm in (False, True):
        text = await _scraped(busy, vllm)
        done = await asyncio.to_thread(
            subprocess.run, ["promtool", "check", "metrics"], input=text, capture_output=True, text=True, check=False
        )
        # vLLM's names have colons, and endings of their own: that much is as it must be
        faults = [line for line in done.stderr.splitlines() + done.stdout.splitlines() if "vllm:" not in line]
        assert faults == []
        assert vllm or done.returncode == 0
