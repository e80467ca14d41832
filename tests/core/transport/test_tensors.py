"""Arrays arrive as they were sent, and their places come back once nobody has them."""

from __future__ import annotations

import gc
import mmap
import os

import numpy as np
import pytest

from jackfield import Array
from jackfield.transport.arena import Arena
from jackfield.transport.tensors import packed, unpacked


def _texts() -> Array:
    texts = np.empty((2, 2), object)
    texts[:] = [[b"", b"a\0b"], ["é".encode(), b"x" * 40000]]
    return texts


CASES: dict[str, Array] = {
    "small": np.arange(6, dtype=np.int64).reshape(2, 3),
    "large": np.random.default_rng(0).random((300, 50)).astype(np.float32),
    "empty": np.zeros((0, 7), np.float32),
    "scalar": np.array(3.5, np.float64),
    "bool": np.ones((3, 30000), np.bool_),
    "turned": np.arange(40000, dtype=np.int32).reshape(200, 200).T,
    "texts": _texts(),
}


@pytest.mark.parametrize("name", CASES)
def test_as_they_were(name: str) -> None:
    arena, freed = Arena(1 << 20), list[int]()
    sent = packed({"x": CASES[name]}, arena)
    seen = mmap.mmap(os.dup(arena.descriptor), arena.size)
    got = unpacked(sent, seen, freed.append)["x"]
    assert got.dtype == CASES[name].dtype
    assert got.shape == CASES[name].shape
    assert (got == CASES[name]).all()
    view = got.reshape(-1)[:1]
    taken = arena.taken
    del got
    gc.collect()
    assert freed == []
    del view
    gc.collect()
    assert (len(freed) == 1) == (taken > 0)
    for offset in freed:
        arena.give(offset)
    assert arena.taken == 0
    arena.close()


def test_where_there_is_no_room_they_go_along() -> None:
    arena = Arena(1 << 12)
    array = np.random.default_rng(1).random(10000)
    sent = packed({"x": array}, arena)
    assert sent["x"].offset == -1
    assert (unpacked(sent, mmap.mmap(-1, 4096), lambda offset: None)["x"] == array).all()
    arena.close()
