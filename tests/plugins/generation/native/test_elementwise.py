"""Norms, activation, exponential, quantisation and rotation against float64."""

from __future__ import annotations

from ctypes import addressof
from typing import Any

import numpy as np
import pytest

from jackfield import Array
from jackfield_plugins.generation.native.library import library
from tests.plugins.generation.native.kernels import Rotation, sets

SIZES = (1, 15, 16, 17, 64, 576, 577)


@pytest.mark.parametrize("number", sets())
def test_norm(number: int) -> None:
    """RMS norm; what lies past the size becomes zero."""
    random = np.random.default_rng(1)
    for size in SIZES:
        x, weight = random.standard_normal((2, size)).astype(np.float32)
        out = np.full(-(-size // 32) * 32, 7, np.float32)
        library().norm(number, x.ctypes.data, weight.ctypes.data, 1e-5, size, len(out), out.ctypes.data)
        wide = x.astype(np.float64)
        np.testing.assert_allclose(out[:size], wide / np.sqrt((wide**2).mean() + 1e-5) * weight, rtol=2e-6)
        assert not out[size:].any()


@pytest.mark.parametrize("number", sets())
def test_activate(number: int) -> None:
    """SiLU of the gate times up, also far out."""
    random = np.random.default_rng(2)
    for size in SIZES:
        gate, up, out = (random.standard_normal((3, size)) * 20).astype(np.float32)
        gate[0] = -200
        library().activate(number, gate.ctypes.data, up.ctypes.data, size, out.ctypes.data)
        wide = gate.astype(np.float64)
        np.testing.assert_allclose(out, wide / (1 + np.exp(-wide)) * up, rtol=3e-6, atol=1e-6)


@pytest.mark.parametrize("number", sets())
def test_exponential(number: int) -> None:
    """Within a few units in the last place wherever a softmax asks for it."""
    x = -np.linspace(0, 87, 100_003, dtype=np.float32)
    out = np.empty_like(x)
    library().exponential(number, x.ctypes.data, len(x), out.ctypes.data)
    np.testing.assert_allclose(out, np.exp(x.astype(np.float64)), rtol=3e-7)
    assert out[0] == 1


@pytest.mark.parametrize("number", sets())
def test_quantise(number: int) -> None:
    """Codes, steps, and the sums that products take zeros and offsets back with."""
    random = np.random.default_rng(3)
    depth = 96
    x = random.standard_normal(depth).astype(np.float32)
    x[32:64] = 0
    memory = np.zeros(depth * 5 + 64, np.uint8)
    library().quantise(number, x.ctypes.data, depth, memory.ctypes.data)
    sums = memory[: 9 * 16].view([("step", "f4"), ("lift", "f4"), ("of 4", "i4"), ("of 8", "i4")])
    codes = memory[9 * 16 + 2 * depth :][:depth].view(np.int8)
    steps = sums["step"][:3]
    assert codes[32:64].any() == 0
    assert steps[1] == 0
    assert (np.abs(codes * steps.repeat(32) - x) <= steps.repeat(32) * 0.5001).all()
    assert np.abs(codes).reshape(3, 32).max(axis=1).tolist() == [127, 0, 127]
    for width, found in ((32, sums[:3]), (16, sums[3:])):
        total = codes.reshape(-1, width).astype(np.int32).sum(axis=1)
        assert np.array_equal(found["step"], steps.repeat(32 // width))
        assert np.array_equal(found["lift"], found["step"] * total.astype(np.float32))
        assert np.array_equal(found["of 4"], -8 * total)
        assert np.array_equal(found["of 8"], -128 * total)


def turned(x: Array, cosine: Array, sine: Array, pairs: bool) -> Array:
    """The rotation of one head."""
    size = len(x)
    first = np.arange(0, size, 2) if pairs else np.arange(size // 2)
    second = first + 1 if pairs else first + size // 2
    out = np.empty(size)
    out[first] = x[first] * cosine - x[second] * sine
    out[second] = x[second] * cosine + x[first] * sine
    return out


@pytest.mark.parametrize("number", sets())
@pytest.mark.parametrize("pairs", [False, True], ids=["halves", "pairs"])
@pytest.mark.parametrize("norms", [False, True], ids=["plain", "normed"])
@pytest.mark.parametrize("half", [False, True], ids=["fp32", "half"])
def test_rotate(number: int, pairs: bool, norms: bool, half: bool) -> None:
    """Queries scaled and turned in place, key and value in their places in the cache and nowhere else."""
    random = np.random.default_rng(4)
    size, group, lane = 48, 3, 5
    q, k, v = (random.standard_normal(n * size).astype(np.float32) for n in (group, 1, 1))
    angle = random.standard_normal(size // 2) * 100
    cosine, sine = np.cos(angle).astype(np.float32), np.sin(angle).astype(np.float32)
    weights = random.standard_normal((2, size)).astype(np.float32)
    kind: Any = np.float16 if half else np.float32
    keys: Array = np.full((size, 16), 9, kind)
    values: Array = np.full(size, 9, kind)

    def normed(x: Array, weight: Array) -> Array:
        wide: Array = x.astype(np.float64)
        return wide / np.sqrt((wide**2).mean() + 1e-6) * weight if norms else wide

    expected_q = [turned(normed(h, weights[0]), cosine, sine, pairs) * 0.25 for h in q.reshape(group, size)]
    expected_k = turned(normed(k, weights[1]), cosine, sine, pairs)
    at = [array.ctypes.data for array in (q, k, v, cosine, sine)]
    given = [weights[0].ctypes.data, weights[1].ctypes.data] if norms else [None, None]
    rotation = Rotation(
        *at, *given, 1e-6, 0.25, pairs, half, keys[:, lane:].ctypes.data, values.ctypes.data, group, size
    )
    library().rotate(number, addressof(rotation))
    tolerance = 2e-3 if half else 3e-6
    np.testing.assert_allclose(q.reshape(group, size), expected_q, atol=5e-6)
    np.testing.assert_allclose(keys[:, lane], expected_k, rtol=tolerance, atol=tolerance)
    np.testing.assert_allclose(values, v, rtol=tolerance)
    assert (np.delete(keys, lane, axis=1) == 9).all()
