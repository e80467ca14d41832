"""Every kind of encoder, as transformers writes it and computes it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from jackfield_plugins.encoding.checkpoint import EncoderCheckpoint
from jackfield_plugins.generation.checkpoints.dequantise import dequantised
from tests.plugins.encoding import folders
from tests.plugins.encoding.steps import right


@pytest.mark.parametrize("kind", list(folders.KINDS))
def test_each_is_what_transformers_computes(kind: str, tmp_path: Path) -> None:
    model = folders.save(kind, tmp_path)
    executor = folders.opened(tmp_path)
    assert executor.about.limit == folders.POSITIONS
    rows = [folders.drawn(n, n) for n in (1, 5, folders.POSITIONS)]
    (answer,) = right(executor, [{"tokens": folders.filled(rows)}])
    for row, got in zip(rows, answer, strict=True):
        np.testing.assert_allclose(got, folders.hidden(model, row.tolist()).mean(0), atol=1e-5)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_weights_are_widened_exactly(dtype: torch.dtype, tmp_path: Path) -> None:
    model = folders.save("bert", tmp_path, dtype)
    row = folders.drawn(3, 20)
    (answer,) = right(folders.opened(tmp_path), [{"tokens": row[np.newaxis]}])
    np.testing.assert_allclose(answer[0], folders.hidden(model, row.tolist()).mean(0), atol=1e-5)


def test_weights_are_mapped(tmp_path: Path) -> None:
    model = folders.save("bert", tmp_path)
    artifact = folders.loaded(tmp_path)
    assert (artifact.kind, artifact.signature, artifact.declared_batch) == ("encoder", None, True)
    checkpoint = artifact.content
    assert isinstance(checkpoint, EncoderCheckpoint)
    assert list(checkpoint.seconds) == ["fetch", "configuration", "settings", "weights", "tokenizer"]
    assert not checkpoint.spec.words.data.flags.writeable
    wanted = model.state_dict()
    for weight, name in (
        (checkpoint.spec.words, "embeddings.word_embeddings.weight"),
        (checkpoint.spec.layers[1].key.weight, "encoder.layer.1.attention.self.key.weight"),
        (checkpoint.spec.layers[1].feed_forward_norm.bias, "encoder.layer.1.output.LayerNorm.bias"),
    ):
        np.testing.assert_array_equal(dequantised(weight), wanted[name].numpy())
