"""The page on metrics has every metric that there is, with its type and its labels, and no other."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
from prometheus_client.core import Metric

import jackfield_plugins.generation
import jackfield_plugins.prometheus
import jackfield_plugins.scheduling
from jackfield import Request
from jackfield.server import Traffic
from jackfield.testing import serving
from jackfield_plugins.generation.executor import GenerationExecutor
from jackfield_plugins.prometheus.observer import Prometheus
from tests.core.lifecycle.fakes import in_loop
from tests.core.source import ROOT
from tests.plugins.generation.decoders import HashDecoder

PAGE = ROOT / "docs" / "metrics.md"
PLUGINS = (jackfield_plugins.generation, jackfield_plugins.scheduling, jackfield_plugins.prometheus)
TYPES = {"unknown": "untyped"}

Described = dict[str, tuple[str, frozenset[str]]]


def described() -> Described:
    """Type and labels by name, as the tables have them."""
    rows = re.findall(r"^\| `([\w:]+)` \| (\w+) \| ([^|]*)\|", PAGE.read_text(), re.MULTILINE)
    return {name: (kind, frozenset(re.findall(r"`(\w+)`", labels))) for name, kind, labels in rows}


async def gathered() -> list[Metric]:
    """All families of a server that has everything which they tell of."""
    models: dict[str, Any] = {
        "m": {"source": "scripted:m"},
        "asleep": {"source": "scripted:asleep", "load": "on-demand", "memory": 1000},
    }
    config = {
        "server": {"memory_budget": 10_000},
        "models": models,
        "observers": {"prometheus": {"vllm_names": True, "triton_names": True}},
    }
    async with serving(config, PLUGINS, executor=lambda: GenerationExecutor(HashDecoder(400))) as server:
        server.traffic = lambda: [Traffic("1", 1, 1, 0, 1)]
        prompt = np.arange(40, dtype=np.int32)
        parameters = {"temperature": 0, "max_tokens": 4}
        await server.submit(Request("m", {"tokens": prompt}, parameters=parameters)).future
        observer = server.observers.all["prometheus"]
        assert isinstance(observer, Prometheus)
        return list(observer.collect())


@in_loop
async def test_every_metric_is_on_the_page_with_its_type_and_labels() -> None:
    page, families = described(), await gathered()
    found: Described = {}
    for family in families:
        name = f"{family.name}_total" if family.type == "counter" else family.name
        assert name not in found, f"{name} is there twice"
        labels = frozenset(label for sample in family.samples for label in sample.labels) - {"le"}
        if not family.samples:  # a process of its own would have them
            assert name == "jackfield_worker_memory_bytes"
            labels = page[name][1]
        found[name] = (TYPES.get(family.type, family.type), labels)
    assert found == page
