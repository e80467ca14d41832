"""GGUF files as tests want them, written by the `gguf` library."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import gguf
import numpy as np

from jackfield import Array
from tests.plugins.generation import tiny

Metadata = dict[str, Any]
Arrays = dict[str, Array]
Change = Callable[[Metadata, Arrays], None]


def metadata() -> dict[str, Any]:
    """Of a tiny Llama; keys below `llama.` and `tokenizer.ggml.`."""
    made = tiny.tokenizer()
    vocabulary = made.get_vocab()
    tokens = sorted(vocabulary, key=vocabulary.__getitem__)
    merges = [f"{left} {right}" for left, right in _merges(made)]
    return {
        "general.architecture": "llama",
        "llama.block_count": 2,
        "llama.context_length": 256,
        "llama.embedding_length": 64,
        "llama.feed_forward_length": 96,
        "llama.attention.head_count": 4,
        "llama.attention.head_count_kv": 2,
        "llama.attention.layer_norm_rms_epsilon": 1e-5,
        "llama.rope.freq_base": 10000.0,
        "tokenizer.ggml.model": "gpt2",
        "tokenizer.ggml.pre": "smollm",
        "tokenizer.ggml.tokens": tokens,
        "tokenizer.ggml.token_type": [3, 3, *([1] * (len(tokens) - 2))],
        "tokenizer.ggml.merges": merges,
        "tokenizer.ggml.bos_token_id": 0,
        "tokenizer.ggml.eos_token_id": 1,
        "tokenizer.chat_template": "{{ bos_token }}{{ messages[0].content }}",
    }


def tensors(size: int = tiny.VOCABULARY) -> dict[str, Array]:
    """Random, of the shapes that `metadata` asks for; the head is the embedding."""
    random = np.random.default_rng(0)
    shapes: dict[str, tuple[int, ...]] = {"token_embd.weight": (size, 64), "output_norm.weight": (64,)}
    for layer in range(2):
        names = {"attn_norm": (64,), "ffn_norm": (64,), "attn_q": (64, 64), "attn_k": (32, 64), "attn_v": (32, 64)}
        names |= {"attn_output": (64, 64), "ffn_gate": (96, 64), "ffn_up": (96, 64), "ffn_down": (64, 96)}
        shapes |= {f"blk.{layer}.{name}.weight": shape for name, shape in names.items()}
    return {name: random.normal(0, 0.3, shape).astype(np.float32) for name, shape in shapes.items()}


def write(path: Path, change: Change | None = None, stored: Mapping[str, str] | None = None) -> Path:
    """Write a file, after `change` of metadata and tensors; `stored` says as what tensors are stored, if not F32."""
    about, arrays = metadata(), tensors()
    if change is not None:
        change(about, arrays)
    writer = gguf.GGUFWriter(path, about.pop("general.architecture", "llama"))
    for key, value in about.items():
        _add(writer, key, value)
    for name, array in arrays.items():
        kind = gguf.GGMLQuantizationType[(stored or {}).get(name, "F32")]
        if kind is gguf.GGMLQuantizationType.F32:
            writer.add_tensor(name, array)
        else:
            likewise = gguf.GGMLQuantizationType.Q4_0 if kind is gguf.GGMLQuantizationType.IQ4_NL else kind
            writer.add_tensor(name, gguf.quantize(array, likewise), raw_dtype=kind)  # of which only it has the layout
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def _add(writer: gguf.GGUFWriter, key: str, value: Any) -> None:
    match value:
        case bool():
            writer.add_bool(key, value)
        case int():
            writer.add_uint32(key, value)
        case float():
            writer.add_float32(key, value)
        case str():
            writer.add_string(key, value)
        case _:
            writer.add_array(key, value)


def _merges(made: Any) -> list[list[str]]:
    import json

    found: list[list[str]] = json.loads(made.to_str())["model"]["merges"]
    return found
