"""A server with a real model that generates, the same with other templates, one that embeds, and one that does
neither."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import openai
import pytest

from jackfield_plugins.demo import minilm
from tests.e2e.launch import Live, launched
from tests.plugins.generation import smollm2
from tests.plugins.openai.template import EVIL, TOOLS, with_template

SMALL = {"name": "native", "context": 2048, "kv_cache_mib": 128, "max_sequences": 64}


@pytest.fixture(scope="session")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    """`jackfield serve`."""
    double = Path(__file__).parents[2] / "e2e" / "models.py"
    models = {
        "smollm2": {"source": str(smollm2.path()), "backend": SMALL},
        "tools": {"source": str(with_template("smollm2-tools", TOOLS)), "backend": {**SMALL, "kv_cache_mib": 64}},
        "evil": {"source": str(with_template("smollm2-evil", EVIL)), "backend": {**SMALL, "kv_cache_mib": 64}},
        "minilm": {"source": str(minilm.folder())},
        "double": {"source": f"{double}:Double"},
    }
    config = {
        "models": models,
        "endpoints": {"openai": {"tenant_header": "X-Tenant"}, "open-inference": {}, "metrics": {}},
    }
    with launched(config, tmp_path_factory.mktemp("openai")) as server:
        yield server


@pytest.fixture(scope="session")
def client(live: Live) -> Iterator[openai.OpenAI]:
    """The client that others wrote."""
    with openai.OpenAI(base_url=f"http://{live.url}/v1", api_key="none", max_retries=0, timeout=60) as found:
        yield found
