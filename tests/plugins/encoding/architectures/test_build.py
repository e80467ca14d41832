"""What is wrong with the weights or the settings of an encoder's folder is one sentence."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from jackfield.errors import LoadError
from tests.plugins.encoding import folders
from tests.plugins.encoding.steps import right

Change = Callable[[Path], None]


def config(**values: Any) -> Change:
    return lambda folder: folders.edit(folder / "config.json", **values)


def weights(change: Callable[[dict[str, Any]], Any]) -> Change:
    def write(folder: Path) -> None:
        tensors = load_file(folder / "model.safetensors")
        change(tensors)
        save_file(tensors, folder / "model.safetensors")

    return write


def renamed(tensors: dict[str, Any]) -> None:
    """As the oldest checkpoints have it: other names in norms, and the numbers of positions beside the weights."""
    for name in list(tensors):
        old = name.replace("LayerNorm.weight", "LayerNorm.gamma").replace("LayerNorm.bias", "LayerNorm.beta")
        tensors[old] = tensors.pop(name)
    tensors["embeddings.position_ids"] = np.arange(64)[None]


CASES: list[tuple[str, Change, str]] = [
    (
        "bert",
        config(position_embedding_type="relative_key"),
        "'position_embedding_type' of 'm/config.json' is 're",
    ),
    ("bert", config(is_decoder=True), "'is_decoder' of 'm/config.json' is True, and must be false"),
    (
        "bert",
        config(hidden_act="swish"),
        "'hidden_act' of 'm/config.json' is 'swish', and must be one of 'gelu', '",
    ),
    ("bert", config(hidden_act=None), "'hidden_act' of 'm/config.json' is None, and must be one of 'gelu'"),
    ("distilbert", config(activation=3), "'activation' of 'm/config.json' is 3, and must be one of 'gelu'"),
    (
        "bert",
        config(num_attention_heads=5),
        "'num_attention_heads' of 'm/config.json' is 5, and must be a divisor of",
    ),
    (
        "bert",
        config(layer_norm_eps=None),
        "'m/config.json' does not say 'layer_norm_eps', which its architectur",
    ),
    ("bert", config(hidden_size=10**10), "'hidden_size' of 'm/config.json' is 10000000000, and must be a whole number"),
    ("roberta", config(pad_token_id=None), "'pad_token_id' of 'm/config.json' is None, and must be a token: positions"),
    ("roberta", config(pad_token_id=65), "'m/config.json' has 66 positions, and texts begin at 66"),
    (
        "bert",
        weights(lambda t: t.pop("encoder.layer.1.output.dense.bias")),
        "'m' holds no tensor 'encoder.layer.1.output.dense.bias', which its architecture needs",
    ),
    (
        "bert",
        weights(lambda t: t.update({"embeddings.LayerNorm.weight": np.zeros(47, np.float32)})),
        "tensor 'embeddings.LayerNorm.weight' of 'm' has the shape [47], and the configuration makes it [48]",
    ),
    (
        "bert",
        weights(lambda t: t.update({"encoder.layer.0.gate.weight": np.zeros(4, np.float32)})),
        "'m' holds a tensor 'encoder.layer.0.gate.weight', for which 'bert' has no place",
    ),
    (
        "bert",
        weights(lambda t: t.update({"embeddings.LayerNorm.bias": np.zeros(48, np.int64)})),
        "tensor 'embeddings.LayerNorm.bias' of 'm' is stored as I64, which nothing here can compute with",
    ),
    ("bert", lambda folder: (folder / "tokenizer.json").unlink(), "'m' holds no tokenizer.json, without which no text"),
]


@pytest.mark.parametrize(("kind", "change", "sentence"), CASES)
def test_what_is_wrong_is_one_sentence(tmp_path: Path, kind: str, change: Change, sentence: str) -> None:
    folders.save(kind, tmp_path)
    change(tmp_path)
    with pytest.raises(LoadError) as caught:
        folders.loaded(tmp_path)
    got = str(caught.value).replace(str(tmp_path), "m")
    assert got.startswith(sentence), got
    assert "\n" not in got


def test_the_names_of_the_oldest_checkpoints(tmp_path: Path) -> None:
    folders.save("bert", tmp_path)
    row = {"tokens": folders.drawn(1, 9)[np.newaxis]}
    expected = right(folders.opened(tmp_path), [row])
    weights(renamed)(tmp_path)
    np.testing.assert_array_equal(right(folders.opened(tmp_path), [row]), expected)


def test_pinned_hashes(tmp_path: Path) -> None:
    folders.save("bert", tmp_path)
    with pytest.raises(LoadError, match=r"model.safetensors' has sha256 .*, and the configuration pins 0{64}$"):
        folders.loaded(tmp_path, sha256={"model.safetensors": "0" * 64})
