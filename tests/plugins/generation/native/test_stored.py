"""Rows of quantisations taken apart, against the `gguf` library."""

from __future__ import annotations

import numpy as np
import pytest

from jackfield_plugins.generation.native.library import library
from jackfield_plugins.generation.native.weights import NUMBERS
from tests.plugins.generation.native.kernels import floats, stored_at_random

gguf = pytest.importorskip("gguf")


@pytest.mark.parametrize("kind", [kind for kind in NUMBERS if kind != "F32"])
def test_floats_are_those_of_gguf(kind: str) -> None:
    """Bit for bit, whatever the codes and scales."""
    weight = stored_at_random(kind, 7, 768, np.random.default_rng(1))
    expected = gguf.dequantize(weight.data, gguf.GGMLQuantizationType[kind]).reshape(weight.shape)
    assert np.array_equal(floats(weight), expected.astype(np.float32))


def test_every_half_is_read() -> None:
    """Subnormals, zeros and infinities too."""
    every = np.arange(65536, dtype=np.uint16)
    out = np.empty(65536, np.float32)
    library().floats(NUMBERS["F16"], every.ctypes.data, 65536, out.ctypes.data)
    expected = every.view(np.float16).astype(np.float32)
    numbers = ~np.isnan(expected)
    assert np.array_equal(out[numbers], expected[numbers])
    assert np.isnan(out[~numbers]).all()


def test_numbers_are_those_of_gguf() -> None:
    """The types' numbers are the file format's."""
    assert {name: int(gguf.GGMLQuantizationType[name]) for name in NUMBERS} == NUMBERS
