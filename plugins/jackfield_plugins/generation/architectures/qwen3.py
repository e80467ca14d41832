"""Qwen 3: each head of query and key is normed, and a head's size is its own."""

from __future__ import annotations

from jackfield_plugins.generation.architectures.architecture import Architecture
from jackfield_plugins.generation.architectures.qwen2 import windows

QWEN3 = Architecture(
    name="qwen3",
    models=("Qwen3ForCausalLM",),
    biases_if={"attention_bias": ("query", "key", "value", "output")},
    head_norms=True,
    windows=windows,
)
