"""Llama 1 to 3, and what is built like it: SmolLM2, TinyLlama, Yi; in GGUF also Mistral without its window."""

from __future__ import annotations

from jackfield_plugins.generation.architectures.architecture import Architecture

LLAMA = Architecture(
    name="llama",
    models=("LlamaForCausalLM",),
    biases_if={"attention_bias": ("query", "key", "value", "output"), "mlp_bias": ("gate", "up", "down")},
    gguf_pairs=True,
)
