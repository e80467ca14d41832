"""Folders that do not hold what they say."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from jackfield.errors import LoadError
from tests.plugins.generation.transformers_decoder import made

QUERY = "transformer.h.1.attn.c_attn.weight"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    config, name, options = made.SERVED["gpt2"]
    made.save(config, name, options, tmp_path)
    return tmp_path


def change(folder: Path, **tensors: Tensor | None) -> None:
    found = load_file(folder / "model.safetensors")
    for name, tensor in tensors.items():
        if tensor is None:
            del found[name]
        else:
            found[name] = tensor
    save_file(found, folder / "model.safetensors", metadata={"format": "pt"})


def test_a_tensor_that_is_missing_is_not_made_up(folder: Path) -> None:
    change(folder, **{QUERY: None})
    with pytest.raises(LoadError, match=f"^'m' lacks the tensor '{QUERY}', which GPT2LMHeadModel needs"):
        made.opened(folder)


def test_a_tensor_of_another_shape_is_refused(folder: Path) -> None:
    change(folder, **{QUERY: torch.zeros(48, 100)})
    with pytest.raises(LoadError, match=r"^(tensor|transformers cannot open 'm')"):
        made.opened(folder)


def test_weights_in_a_pickle_are_not_opened(folder: Path) -> None:
    torch.save(load_file(folder / "model.safetensors"), folder / "pytorch_model.bin")
    (folder / "model.safetensors").unlink()
    with pytest.raises(LoadError, match=r"^transformers cannot open 'm': OSError: .*safetensors"):
        made.opened(folder)
