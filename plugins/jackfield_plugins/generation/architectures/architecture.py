"""What a file about an architecture fills in."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from jackfield_plugins.generation.architectures.names import GGUF, HUGGING_FACE

Config = Mapping[str, Any]
"""The contents of config.json."""


def no_windows(config: Config, layers: int) -> tuple[int, ...]:
    """Every layer attends to all that came before."""
    return (0,) * layers


@dataclass(frozen=True, slots=True)
class Architecture:
    """A decoder of the Llama family.

    `name`: what GGUF calls it (`general.architecture`). `models`: what config.json calls it (`architectures`).
    `hugging_face`, `gguf`: the name of each weight, without `.weight` and `.bias`, `{layer}` for the number of its
    layer; the keys are those of `names.HUGGING_FACE`. `biases`: which linears always have a bias; `biases_if`: which
    have one where that key of config.json is true (in GGUF: where the file holds one). `head_norms`: each head of query
    and key is normed before its rotation. `gguf_pairs`: GGUF stores query and key so that neighbouring elements turn
    together. `windows`: of config.json and the number of layers, how far back each layer attends; 0 is all.
    """

    name: str
    models: tuple[str, ...]
    hugging_face: Mapping[str, str] = field(default_factory=lambda: HUGGING_FACE)
    gguf: Mapping[str, str] = field(default_factory=lambda: GGUF)
    biases: tuple[str, ...] = ()
    biases_if: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    head_norms: bool = False
    gguf_pairs: bool = False
    windows: Callable[[Config, int], tuple[int, ...]] = no_windows

    def rope_style(self, gguf: bool) -> Literal["halves", "pairs"]:
        """Which elements of a head turn together, in a GGUF file or in safetensors."""
        return "pairs" if gguf and self.gguf_pairs else "halves"
