"""Tiny random checkpoints of each architecture, written by transformers itself, and what transformers makes of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
import transformers
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

from jackfield import Array

VOCABULARY = 320
COMMON: dict[str, Any] = {
    "vocab_size": VOCABULARY,
    "hidden_size": 48,
    "intermediate_size": 80,
    "num_hidden_layers": 3,
    "num_attention_heads": 6,
    "num_key_value_heads": 2,
    "max_position_embeddings": 512,
    "bos_token_id": 0,
    "eos_token_id": 1,
}
TEXT = "the quick brown fox jumps over the lazy dog, and then it sleeps for 12345 days. " * 8

KINDS: dict[str, tuple[str, dict[str, Any]]] = {
    "llama": ("Llama", {}),
    "llama-tied": ("Llama", {"tie_word_embeddings": True, "head_dim": 16}),
    "llama-biased": ("Llama", {"attention_bias": True, "mlp_bias": True, "num_key_value_heads": 6}),
    "llama3": ("Llama", {"rope_parameters": {
        "rope_type": "llama3", "rope_theta": 500000.0, "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
        "original_max_position_embeddings": 64,
    }}),
    "linear": ("Llama", {"rope_parameters": {"rope_type": "linear", "rope_theta": 10000.0, "factor": 4.0}}),
    "dynamic": ("Llama", {"rope_parameters": {"rope_type": "dynamic", "rope_theta": 10000.0, "factor": 4.0}}),
    "yarn": ("Llama", {"rope_parameters": {
        "rope_type": "yarn", "rope_theta": 10000.0, "factor": 4.0, "original_max_position_embeddings": 128,
    }}),
    "mistral": ("Mistral", {"sliding_window": 37}),
    "mistral-open": ("Mistral", {"sliding_window": None}),
    "qwen2": ("Qwen2", {"tie_word_embeddings": True}),
    "qwen2-windows": ("Qwen2", {"use_sliding_window": True, "sliding_window": 20, "max_window_layers": 1}),
    "qwen3": ("Qwen3", {"head_dim": 32}),
}  # fmt: skip
"""By a name of ours: the family as transformers calls it, and what is particular."""


def model(kind: str, dtype: torch.dtype = torch.float32) -> Any:
    """The model of `kind`, random but always the same, with biases and norms that do something."""
    family, options = KINDS[kind]
    torch.manual_seed(0)
    config = getattr(transformers, f"{family}Config")(**{**COMMON, **options})
    made = getattr(transformers, f"{family}ForCausalLM")(config).eval()
    with torch.no_grad():
        for name, parameter in made.named_parameters():
            if "norm" in name or "bias" in name:
                parameter.add_(torch.randn_like(parameter) * 0.2)
            else:
                parameter.mul_(6)  # far from a uniform answer, so that a mistake shows
    return made.to(dtype)


def tokenizer() -> Tokenizer:
    """A byte-level BPE with some merges and two special tokens."""
    made = Tokenizer(models.BPE())
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY, special_tokens=["<s>", "</s>"], initial_alphabet=alphabet, show_progress=False
    )
    made.train_from_iterator([TEXT], trainer)
    return made


def save(kind: str, folder: Path, dtype: torch.dtype = torch.float32, shard: str = "5GB") -> Any:
    """Write the checkpoint of `kind` into `folder`, with a tokenizer, and give the model."""
    made = model(kind, dtype)
    made.save_pretrained(folder, max_shard_size=shard)
    tokenizer().save(str(folder / "tokenizer.json"))
    if dtype is torch.float32:
        return made
    # read anew: widened in place, its rotary frequencies would be those of half precision
    return type(made).from_pretrained(folder, dtype=torch.float32).eval()


def logits(made: Any, tokens: list[int]) -> Array:
    """What transformers makes of `tokens`: float32 [tokens, vocabulary], eager attention."""
    made.set_attn_implementation("eager")
    with torch.no_grad():
        result: Array = made(torch.tensor([tokens])).logits[0].float().numpy()
    return result


def log_probabilities(rows: Array) -> Array:
    """Of logits, float64."""
    exact = rows.astype(np.float64)
    exact -= exact.max(-1, keepdims=True)
    result: Array = exact - np.log(np.exp(exact).sum(-1, keepdims=True))
    return result
