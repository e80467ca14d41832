"""Qwen 2 and 2.5: query, key and value have biases; upper layers may have a window."""

from __future__ import annotations

from jackfield_plugins.generation.architectures.architecture import Architecture, Config


def windows(config: Config, layers: int) -> tuple[int, ...]:
    """By the kinds of layers that are listed, else from `max_window_layers` on, if `use_sliding_window` is set."""
    window = config.get("sliding_window", 4096) if config.get("use_sliding_window", False) else None
    if window is None:
        return (0,) * layers
    kinds = config.get("layer_types")
    if kinds is None:
        first = config.get("max_window_layers", 28)
        return tuple(window if layer >= first else 0 for layer in range(layers))
    return tuple(window if kind == "sliding_attention" else 0 for kind in kinds)


QWEN2 = Architecture(name="qwen2", models=("Qwen2ForCausalLM",), biases=("query", "key", "value"), windows=windows)
