"""The settings of a decoder from the metadata of its GGUF file."""

from __future__ import annotations

import numpy as np

from jackfield import Array
from jackfield_plugins.generation.architectures.architecture import Architecture
from jackfield_plugins.generation.architectures.rotary import linear, plain, yarn, yarn_attention
from jackfield_plugins.generation.architectures.settings import Reader, Settings, check_heads
from jackfield_plugins.generation.checkpoints.dequantise import dequantised
from jackfield_plugins.generation.checkpoints.gguf_file import GgufFile
from jackfield_plugins.generation.spec import Rope

_FACTORS = "rope_freqs.weight"


def settings_of(file: GgufFile, architecture: Architecture) -> Settings:
    """Read the metadata; raises LoadError naming the file, the key, what it holds and what it must."""
    read = Reader(file.metadata, file.source, prefix=f"{architecture.name}.")
    if read.get("expert_count"):
        raise read.wrong("expert_count", read.get("expert_count"), "absent: layers with experts are not run")
    hidden, heads, layers = (read.count(key) for key in ("embedding_length", "attention.head_count", "block_count"))
    head_size = read.count("attention.key_length", max(hidden // heads, 1))
    for key in ("attention.value_length", "rope.dimension_count"):
        if read.count(key, head_size) != head_size:
            raise read.wrong(key, read.get(key), f"the size of a head, {head_size}")
    embedding = file.weights.shape(f"{architecture.gguf['embedding']}.weight")
    rope, context = _rope(read, file, head_size, architecture)
    window = read.count("attention.sliding_window") if read.get("attention.sliding_window") else 0
    settings = Settings(
        hidden=hidden,
        layers=layers,
        heads=heads,
        key_value_heads=read.count("attention.head_count_kv", heads),
        head_size=head_size,
        feed_forward=read.count("feed_forward_length"),
        vocabulary=embedding[0] if embedding else read.count("vocab_size"),
        context=context,
        epsilon=read.number("attention.layer_norm_rms_epsilon"),
        rope=rope,
        windows=(window,) * layers,
        biases=None,
        tied=None,
    )
    check_heads(settings, file.source)
    return settings


def _rope(read: Reader, file: GgufFile, head_size: int, architecture: Architecture) -> tuple[Rope, int]:
    theta, context = read.number("rope.freq_base", 10000.0), read.count("context_length")
    frequencies, attention = plain(head_size, theta), 1.0
    kind = read.get("rope.scaling.type") or "none"
    if kind == "linear":
        frequencies = linear(frequencies, read.number("rope.scaling.factor"))
    elif kind == "yarn":
        factor = read.number("rope.scaling.factor")
        original = read.count("rope.scaling.original_context_length", context)
        fast, slow = (read.number(f"rope.scaling.yarn_beta_{end}", default) for end, default in _BETAS)
        frequencies = yarn(frequencies, theta, factor, fast, slow, original)
        attention = yarn_attention(factor) * read.number("rope.scaling.attn_factor", 1.0)
        context = max(context, int(factor * original))
    elif kind != "none":
        raise read.wrong("rope.scaling.type", kind, "one of 'none', 'linear', 'yarn'")
    if _FACTORS in file.weights:
        frequencies = frequencies / _factors(file, head_size)
    return Rope(frequencies, attention, architecture.rope_style(gguf=True)), context


_BETAS = (("fast", 32.0), ("slow", 1.0))


def _factors(file: GgufFile, head_size: int) -> Array:
    # Llama 3.1 and later: what their scaling makes of each frequency, as a number to divide it by
    return dequantised(file.weights.take(_FACTORS, (head_size // 2,))).astype(np.float32)
