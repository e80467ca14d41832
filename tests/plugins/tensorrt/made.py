"""Artifacts and networks for these tests."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from jackfield import Artifact
from jackfield_plugins.onnx.loader import OnnxLoader, OnnxLoaderOptions
from tests.plugins.onnx import graphs

needs_module = pytest.mark.skipif(
    __import__("importlib.util").util.find_spec("tensorrt_rtx") is None, reason="tensorrt-rtx is not installed"
)


def onnx(path: Path, proto: Any) -> Artifact:
    """What the loader makes of a model in a file."""
    return loaded(graphs.save(proto, path))


def loaded(path: Path) -> Artifact:
    """What the loader makes of a file."""
    return OnnxLoader(OnnxLoaderOptions()).load(str(path))


def ignored(phase: str, done: int, total: int) -> None:
    """Progress that nobody looks at."""
