"""Safetensors that are broken, and indexes that do not fit them."""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import save_file

from jackfield import Array
from jackfield.errors import LoadError
from jackfield_plugins.generation.checkpoints.safetensors_files import INDEX, ONE, read_folder


def raw(header: dict[str, Any], body: bytes = b"\0" * 16) -> bytes:
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + body


def about(shape: list[int], start: int, stop: int, dtype: str = "F32") -> dict[str, Any]:
    return {"dtype": dtype, "shape": shape, "data_offsets": [start, stop]}


@pytest.mark.parametrize(
    "content",
    [
        b"\1\2\3",
        struct.pack("<Q", 2**63) + b"{}",
        struct.pack("<Q", 100) + b"{}",
        struct.pack("<Q", 2) + b"[}",
        raw({"t": about([4], 0, 17)}),
        raw({"t": about([5], 0, 16)}),
        raw({"t": about([2**62, 2**62], 0, 16)}),
        raw({"t": about([4], 0, 16), "u": about([4], 0, 16)}),
        raw({"t": about([2], 8, 16)}),
        raw({"t": about([4], 0, 16, "F99")}),
        raw({"t": about([4], 0, 16)}, b"\0" * 15),
        raw({"t": about([-4], 0, 16)}),
    ],
)
def test_what_is_broken_is_one_sentence_that_names_the_file(tmp_path: Path, content: bytes) -> None:
    (tmp_path / ONE).write_bytes(content)
    with pytest.raises(
        LoadError, match=r"^'m/model.safetensors' is not a safetensors file, or is truncated: "
    ) as caught:
        read_folder(tmp_path, "m")
    assert "\n" not in str(caught.value)


def test_an_empty_file(tmp_path: Path) -> None:
    (tmp_path / ONE).touch()
    with pytest.raises(LoadError, match=r"^'m/model.safetensors' is empty$"):
        read_folder(tmp_path, "m")


def test_tensors_of_any_rank(tmp_path: Path) -> None:
    tensors: dict[str, Array] = {
        "scalar": np.array(3, np.float32),
        "vector": np.arange(3, dtype=np.float16),
        "matrix": np.arange(6, dtype=np.float32).reshape(2, 3),
        "none": np.zeros((0, 4), np.float32),
    }
    save_file(tensors, tmp_path / "any-name.safetensors", metadata={"format": "pt"})
    read = {weight.name: weight for weight in read_folder(tmp_path, "m")}
    assert {name: weight.shape for name, weight in read.items()} == {name: a.shape for name, a in tensors.items()}
    assert {name: weight.data.tobytes() for name, weight in read.items()} == {
        n: a.tobytes() for n, a in tensors.items()
    }
    assert [read[name].data.shape for name in ("vector", "matrix")] == [(6,), (2, 12)]


@pytest.mark.parametrize(
    ("index", "sentence"),
    [
        (
            {"weight_map": {"t": "missing.safetensors"}},
            "'m/model.safetensors.index.json' names the file 'missing.safetensors'",
        ),
        (
            {"weight_map": {"t": "../a.safetensors"}},
            "'m/model.safetensors.index.json' names the file '../a.safetensors', which",
        ),
        (
            {"weight_map": {"u": "a.safetensors"}},
            "'m/model.safetensors.index.json' says that tensor 'u' is in 'a.safetensors'",
        ),
        ({"weight_map": {}}, "'m/model.safetensors.index.json' has an empty 'weight_map'"),
        (
            {"weight_map": [1]},
            "'m/model.safetensors.index.json' has no 'weight_map' from the names of tensors to files",
        ),
        ({}, "'m/model.safetensors.index.json' has no 'weight_map' from the names of tensors to files"),
    ],
)
def test_an_index_that_does_not_fit(tmp_path: Path, index: dict[str, Any], sentence: str) -> None:
    save_file({"t": np.zeros(2, np.float32)}, tmp_path / "a.safetensors")
    (tmp_path / INDEX).write_text(json.dumps(index))
    with pytest.raises(LoadError) as caught:
        read_folder(tmp_path, "m")
    assert str(caught.value).startswith(sentence)


def test_one_tensor_in_two_files(tmp_path: Path) -> None:
    for name in ("a", "b"):
        save_file({"t": np.zeros(2, np.float32)}, tmp_path / f"{name}.safetensors")
    with pytest.raises(LoadError, match=r"must hold model.safetensors, .* and holds 'a.safetensors', 'b.safetensors'$"):
        read_folder(tmp_path, "m")
    (tmp_path / INDEX).write_text(json.dumps({"weight_map": {"t": "a.safetensors", "u": "b.safetensors"}}))
    with pytest.raises(LoadError, match=r"^tensor 't' of 'm' stands in two of its files, one of them 'b.safetensors'$"):
        read_folder(tmp_path, "m")
