"""Tiny random encoders of each kind, written by transformers itself, and what transformers makes of tokens."""

from __future__ import annotations

import json
import string
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
import transformers
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors

from jackfield import Array, Artifact
from jackfield_plugins.encoding.backend import EncoderBackend, EncoderOptions
from jackfield_plugins.encoding.executor import EncoderExecutor
from jackfield_plugins.generation.checkpoints.huggingface import HuggingFaceLoader, HuggingFaceOptions

SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]"]
LETTERS = [*string.ascii_lowercase, *string.digits]
PIECES = [*SPECIAL, *LETTERS, *(f"##{letter}" for letter in LETTERS)]
VOCABULARY = len(PIECES)
POSITIONS = 64
COMMON: dict[str, Any] = {
    "vocab_size": VOCABULARY,
    "hidden_size": 48,
    "intermediate_size": 80,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "max_position_embeddings": POSITIONS,
}
DISTILLED: dict[str, Any] = {
    "vocab_size": VOCABULARY,
    "dim": 48,
    "hidden_dim": 80,
    "n_layers": 2,
    "n_heads": 4,
    "max_position_embeddings": POSITIONS,
}
BEHIND = {"pad_token_id": 1, "max_position_embeddings": POSITIONS + 2}

KINDS: dict[str, tuple[str, str, dict[str, Any]]] = {
    "bert": ("Bert", "Model", COMMON),
    "bert-tanh": ("Bert", "Model", {**COMMON, "hidden_act": "gelu_new", "layer_norm_eps": 1e-5}),
    "bert-relu": ("Bert", "Model", {**COMMON, "hidden_act": "relu", "type_vocab_size": 1}),
    "bert-head": ("Bert", "ForMaskedLM", COMMON),
    "bert-heads": ("Bert", "ForPreTraining", COMMON),
    "roberta": ("Roberta", "Model", {**COMMON, **BEHIND}),
    "roberta-head": ("Roberta", "ForMaskedLM", {**COMMON, **BEHIND}),
    "xlm-roberta": ("XLMRoberta", "Model", {**COMMON, **BEHIND, "pad_token_id": 1}),
    "distilbert": ("DistilBert", "Model", DISTILLED),
    "distilbert-head": ("DistilBert", "ForMaskedLM", DISTILLED),
}
"""By a name of ours: the family as transformers calls it, its head, and its settings."""


def save(kind: str, folder: Path, dtype: torch.dtype = torch.float32) -> Any:
    """Write the checkpoint of `kind`, random but always the same, and give the model without its head."""
    family, head, settings = KINDS[kind]
    torch.manual_seed(0)
    made = getattr(transformers, f"{family}{head}")(getattr(transformers, f"{family}Config")(**settings)).eval()
    with torch.no_grad():
        for name, parameter in made.named_parameters():
            small = "norm" in name.lower() or "bias" in name
            parameter.add_(torch.randn_like(parameter) * 0.2) if small else parameter.mul_(6)
    made = made.to(dtype)
    made.save_pretrained(folder)
    tokenizer().save(str(folder / "tokenizer.json"))
    return (made if head == "Model" else made.base_model).float().eval()


def tokenizer() -> Tokenizer:
    """Lower case, a token a letter, special tokens around."""
    made = Tokenizer(models.WordPiece({piece: n for n, piece in enumerate(PIECES)}, unk_token="[UNK]"))
    made.normalizer = normalizers.BertNormalizer()
    made.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    made.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[(name, PIECES.index(name)) for name in ("[CLS]", "[SEP]")]
    )
    return made


def edit(path: Path, **values: Any) -> None:
    """Set keys of a JSON object; None takes one out."""
    data = json.loads(path.read_text()) if path.is_file() else {}
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({key: value for key, value in (data | values).items() if value is not None}))


def loaded(folder: Path, **options: Any) -> Artifact:
    """What the loader makes of `folder`."""
    return HuggingFaceLoader(HuggingFaceOptions.model_validate(options)).load(str(folder))


def opened(folder: Path, **options: Any) -> EncoderExecutor:
    """What the backend makes of `folder`."""
    backend = EncoderBackend(EncoderOptions(**options))
    executor = backend.open(loaded(folder), backend.devices()[0])
    assert isinstance(executor, EncoderExecutor)
    return executor


def hidden(model: Any, tokens: Sequence[int]) -> Array:
    """The rows that transformers makes of one text: float32 [tokens, hidden], eager attention."""
    model.set_attn_implementation("eager")
    with torch.no_grad():
        ids = torch.tensor([list(tokens)])
        rows: Array = model(input_ids=ids, attention_mask=torch.ones_like(ids)).last_hidden_state[0].numpy()
    return rows


def drawn(seed: int, length: int, first: int = len(SPECIAL), vocabulary: int = VOCABULARY) -> Array:
    """INT32 [length] of random tokens, none of them special."""
    return np.random.default_rng(seed).integers(first, vocabulary, length, dtype=np.int32)


def filled(rows: Sequence[Sequence[int] | Array]) -> Array:
    """Rows of different lengths as the input `tokens`."""
    made = np.full((len(rows), max(len(row) for row in rows)), -1, np.int32)
    for place, row in enumerate(rows):
        made[place, : len(row)] = row
    return made


def texts(*given: str | bytes) -> Array:
    """The input `text`."""
    made = np.empty(len(given), object)
    made[:] = [one.encode() if isinstance(one, str) else one for one in given]
    return made
