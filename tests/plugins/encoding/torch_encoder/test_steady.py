"""The trial finds what differs."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from jackfield_plugins.encoding.spec import EncoderSpec
from jackfield_plugins.encoding.torch_encoder.attention import attend
from jackfield_plugins.encoding.torch_encoder.layer import TorchLayer
from jackfield_plugins.encoding.torch_encoder.steady import SIZES, Steady
from tests.plugins.encoding import folders

Opened = tuple[EncoderSpec, TorchLayer]


@pytest.fixture(scope="module")
def layer(tmp_path_factory: pytest.TempPathFactory) -> Opened:
    folder = tmp_path_factory.mktemp("bert")
    folders.save("bert", folder)
    spec = folders.loaded(folder).content.spec
    return spec, TorchLayer(spec.layers[0], spec)


@torch.inference_mode()
def test_sizes_that_differ_are_not_used(layer: Opened, monkeypatch: pytest.MonkeyPatch) -> None:
    spec, made = layer
    before = made.before

    def differing(rows: Tensor) -> Tensor:
        return before(rows) + (1e-3 if len(rows) in (8, 64) else 0)

    monkeypatch.setattr(made, "before", differing)
    tried = Steady.tried(spec, made)
    assert not {8, 64} & set(tried.sizes)
    assert tried.sizes[-1] == SIZES[-1]


@torch.inference_mode()
def test_it_says_so_if_a_row_depends_on_its_place(layer: Opened, monkeypatch: pytest.MonkeyPatch) -> None:
    spec, made = layer
    monkeypatch.setattr(made, "before", lambda rows: rows + torch.arange(len(rows))[:, None])
    tried = Steady.tried(spec, made)
    assert not tried.holds
    assert tried.describe().startswith("no: ")


@torch.inference_mode()
def test_it_says_so_if_attention_depends_on_its_place(layer: Opened, monkeypatch: pytest.MonkeyPatch) -> None:
    spec, made = layer
    monkeypatch.setattr(
        "jackfield_plugins.encoding.torch_encoder.steady.attend",
        lambda rows, lengths, heads: attend(rows, lengths, heads) + len(lengths),
    )
    assert not Steady.tried(spec, made).holds
