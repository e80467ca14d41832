"""A small random decoder in a folder, as checkpoints come."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from safetensors.numpy import save_file
from tokenizers import Tokenizer, decoders, models, pre_tokenizers

_HIDDEN, _INNER, _LAYERS, _HEADS, _GROUPS = 64, 128, 2, 4, 2
CONTEXT = 4096


def save(folder: Path) -> int:
    """Write a Llama into `folder`: how many tokens it knows."""
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    tokenizer = Tokenizer(models.BPE({letter: number for number, letter in enumerate(alphabet)}, []))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.save(str(folder / "tokenizer.json"))
    vocabulary = len(alphabet)
    about = {
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        "vocab_size": vocabulary,
        "hidden_size": _HIDDEN,
        "intermediate_size": _INNER,
        "num_hidden_layers": _LAYERS,
        "num_attention_heads": _HEADS,
        "num_key_value_heads": _GROUPS,
        "max_position_embeddings": CONTEXT,
        "rms_norm_eps": 1e-5,
        "rope_theta": 10000.0,
        "hidden_act": "silu",
        "tie_word_embeddings": True,
        "bos_token_id": 0,
        "eos_token_id": 1,
        "torch_dtype": "float32",
    }
    (folder / "config.json").write_text(json.dumps(about))
    draw = np.random.default_rng(0)
    narrow = _HIDDEN * _GROUPS // _HEADS
    shapes = {"model.embed_tokens": (vocabulary, _HIDDEN)}
    for layer in range(_LAYERS):
        at, mlp = f"model.layers.{layer}.self_attn", f"model.layers.{layer}.mlp"
        shapes |= {f"{at}.q_proj": (_HIDDEN, _HIDDEN), f"{at}.o_proj": (_HIDDEN, _HIDDEN)}
        shapes |= {f"{at}.k_proj": (narrow, _HIDDEN), f"{at}.v_proj": (narrow, _HIDDEN)}
        shapes |= {f"{mlp}.gate_proj": (_INNER, _HIDDEN), f"{mlp}.up_proj": (_INNER, _HIDDEN)}
        shapes |= {f"{mlp}.down_proj": (_HIDDEN, _INNER)}
    weights = {f"{name}.weight": draw.normal(0, 0.2, shape).astype(np.float32) for name, shape in shapes.items()}
    norms = [f"model.layers.{n}.{which}_layernorm" for n in range(_LAYERS) for which in ("input", "post_attention")]
    weights |= {f"{name}.weight": np.ones(_HIDDEN, np.float32) for name in (*norms, "model.norm")}
    save_file(weights, folder / "model.safetensors")
    return vocabulary
