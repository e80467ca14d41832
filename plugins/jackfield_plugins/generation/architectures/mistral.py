"""Mistral: Llama with a window in every layer. GGUF calls it `llama`."""

from __future__ import annotations

from jackfield_plugins.generation.architectures.architecture import Architecture, Config


def _windows(config: Config, layers: int) -> tuple[int, ...]:
    return (config.get("sliding_window", 4096) or 0,) * layers


MISTRAL = Architecture(name="mistral", models=("MistralForCausalLM",), windows=_windows)
