"""Every quantisation that the library can undo, undone."""

from __future__ import annotations

import gguf
import numpy as np
import pytest
from gguf.constants import GGML_QUANT_SIZES
from gguf.quants import _type_traits

from jackfield.errors import LoadError
from jackfield_plugins.generation.checkpoints.dequantise import check_stored, dequantised
from jackfield_plugins.generation.spec import Weight


@pytest.mark.parametrize("kind", _type_traits, ids=lambda kind: str(kind.name))
def test_each_is_what_the_library_makes_of_it(kind: gguf.GGMLQuantizationType) -> None:
    block, size = GGML_QUANT_SIZES[kind]
    random = np.random.default_rng(0)
    data = random.integers(0, 60, (6, 3 * size), dtype=np.uint8)  # small bytes, so that no scale is infinite
    weight = Weight("t", (6, 3 * block), kind.name, data)
    check_stored(weight, "m")
    got = dequantised(weight)
    assert (got.dtype, got.shape) == (np.dtype(np.float32), weight.shape)
    np.testing.assert_array_equal(got, gguf.dequantize(data, kind))
    assert np.isfinite(got).all()


@pytest.mark.parametrize("kind", ["Q8_0", "Q4_0", "Q4_1", "Q5_0", "Q5_1"])
def test_numbers_come_back_within_the_step_of_the_quantisation(kind: str) -> None:
    numbers = np.random.default_rng(0).normal(size=(4, 64)).astype(np.float32)
    stored = gguf.quantize(numbers, gguf.GGMLQuantizationType[kind])
    got = dequantised(Weight("t", (4, 64), kind, stored))
    bits = 8 if kind == "Q8_0" else int(kind[1])
    np.testing.assert_allclose(got, numbers, atol=2 * 3.5 / 2**bits, rtol=0)


def test_floats_are_exact() -> None:
    numbers = np.array([[1.5, -2.25, 65504.0, 6e-8], [0, -0.0, np.inf, 1e-3]], np.float32)
    for stored, data in (
        ("F32", numbers.view(np.uint8)),
        ("F16", numbers.astype(np.float16).view(np.uint8)),
        ("BF16", (numbers.view(np.uint32) >> 16).astype(np.uint16).view(np.uint8)),
    ):
        wanted = {"F32": numbers, "F16": numbers.astype(np.float16).astype(np.float32)}.get(
            stored, (numbers.view(np.uint32) & 0xFFFF0000).view(np.float32)
        )
        np.testing.assert_array_equal(dequantised(Weight("t", (2, 4), stored, data)), wanted)


def test_floats_at_odd_places_are_read_too() -> None:
    numbers = np.arange(6, dtype=np.float32)
    data = np.frombuffer(b"x" + numbers.tobytes(), np.uint8)[1:]
    got = dequantised(Weight("t", (2, 3), "F32", data.reshape(2, 12)))
    assert got.flags.aligned
    np.testing.assert_array_equal(got, numbers.reshape(2, 3))


@pytest.mark.parametrize("stored", ["I8", "F64", "Q8_K", "F8_E4M3", "U8"])
def test_what_nobody_can_read_is_named(stored: str) -> None:
    weight = Weight("t", (32, 256), stored, np.zeros((32, 2048), np.uint8))
    with pytest.raises(
        LoadError, match=f"^tensor 't' of 'm' is stored as {stored}, which nothing here can compute with"
    ):
        check_stored(weight, "m")
    with pytest.raises(LoadError, match=f"^tensor 't' is stored as {stored}, which cannot be dequantised$"):
        dequantised(weight)
