"""Models and servers that tests over sockets share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.launch import Live, launched

CACHE = Path(__file__).parents[2] / ".cache" / "tests"


@pytest.fixture(scope="session")
def minilm_onnx() -> Path:
    """all-MiniLM-L6-v2 as ONNX, converted once per checkout."""
    from jackfield_plugins.demo import minilm

    path = CACHE / "minilm.onnx"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        minilm.export(path)
    return path


@pytest.fixture(scope="session")
def minilm_server(minilm_onnx: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    """`jackfield serve` on MiniLM."""
    config = {
        "models": {"minilm": {"source": str(minilm_onnx), "backend": {"name": "onnxruntime", "threads": 2}}},
        "observers": {"prometheus": {}, "access-log": {"requests": "all"}},
    }
    with launched(config, tmp_path_factory.mktemp("minilm")) as live:
        yield live
