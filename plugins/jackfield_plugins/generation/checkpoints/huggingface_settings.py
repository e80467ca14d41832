"""The settings of a decoder from its config.json."""

from __future__ import annotations

from typing import Any

from jackfield_plugins.generation.architectures.architecture import Architecture
from jackfield_plugins.generation.architectures.rotary import from_config
from jackfield_plugins.generation.architectures.settings import Reader, Settings, check_heads


def settings_of(config: dict[str, Any], architecture: Architecture, source: str) -> Settings:
    """Read `config`; raises LoadError naming `source`, the key, what it holds and what it must."""
    read = Reader(config, source)
    if config.get("quantization_config"):
        raise read.wrong(
            "quantization_config", config["quantization_config"], "absent: quantised weights are read from GGUF only"
        )
    if config.get("hidden_act", "silu") not in ("silu", "swish"):
        raise read.wrong("hidden_act", config["hidden_act"], "'silu'")
    hidden, heads, layers = (read.count(key) for key in ("hidden_size", "num_attention_heads", "num_hidden_layers"))
    head_size = read.count("head_dim", max(hidden // heads, 1))
    rope, context = from_config(read, head_size, read.count("max_position_embeddings"))
    biases = set(architecture.biases)
    for key, roles in architecture.biases_if.items():
        biases |= set(roles) if config.get(key) else set()
    settings = Settings(
        hidden=hidden,
        layers=layers,
        heads=heads,
        key_value_heads=read.count("num_key_value_heads", heads),
        head_size=head_size,
        feed_forward=read.count("intermediate_size"),
        vocabulary=read.count("vocab_size"),
        context=context,
        epsilon=read.number("rms_norm_eps", 1e-6),
        rope=rope,
        windows=_windows(read, architecture, config, layers),
        biases=frozenset(biases),
        tied=config.get("tie_word_embeddings"),
    )
    check_heads(settings, source)
    return settings


def _windows(read: Reader, architecture: Architecture, config: dict[str, Any], layers: int) -> tuple[int, ...]:
    if not isinstance(read.get("layer_types") or [], list):
        raise read.wrong("layer_types", read.get("layer_types"), "a list of kinds")
    if not isinstance(read.get("sliding_window") or 0, int):
        raise read.wrong("sliding_window", read.get("sliding_window"), "a number of positions, or null")
    return architecture.windows(config, layers)
