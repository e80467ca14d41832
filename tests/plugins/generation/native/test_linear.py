"""Products of every storage and arithmetic against float64, and their bits in company."""

from __future__ import annotations

import numpy as np
import pytest

from jackfield import Array
from jackfield_plugins.generation.native.library import SETS, library
from jackfield_plugins.generation.native.weights import AS_FULL, AS_HALF, AS_INT8, AS_STORED, NUMBERS
from jackfield_plugins.generation.spec import Linear, Weight
from tests.plugins.generation.native.kernels import Product, floats, sets, stored_at_random

CODED = tuple(kind for kind in NUMBERS if kind not in ("F32", "F16", "BF16"))
ROWS = (0, 1, 2, 3, 5, 8, 9, 13, 32, 257)


def inputs_for(kind: str) -> tuple[int, ...]:
    """Widths that a storage can have, odd ones where it can."""
    if kind.endswith("_K"):
        return (256, 768)
    return (32, 96, 576) if kind in CODED else (1, 31, 33, 200, 576)


def float64(weight: Array, x: Array) -> tuple[Array, Array]:
    """The product, and the sum of magnitudes that its rounding errors grow with."""
    exact = x.astype(np.float64) @ weight.astype(np.float64).T
    return exact, np.abs(x).astype(np.float64) @ np.abs(weight).astype(np.float64).T


def quantised(x: Array) -> Array:
    """Rows as 8-bit activations hold them: a step for each 32 inputs."""
    rows, width = x.shape
    groups = np.zeros((rows, -(-width // 32), 32))
    groups.reshape(rows, groups.shape[1] * 32)[:, :width] = x
    peak = np.abs(groups).max(axis=2, keepdims=True)
    step = peak / 127
    codes = np.rint(np.divide(groups, step, out=np.zeros_like(groups), where=step > 0))
    result: Array = (codes * step).reshape(rows, groups.shape[1] * 32)[:, :width]
    return result


@pytest.mark.parametrize("number", sets())
@pytest.mark.parametrize("kind", tuple(NUMBERS))
def test_float_products(kind: str, number: int) -> None:
    """Within the rounding of fp32 sums, for odd widths, few and many rows, and none."""
    random = np.random.default_rng(2)
    for inputs in inputs_for(kind):
        for outputs in (1, 17, 96):
            weight = stored_at_random(kind, outputs, inputs, random)
            product = Product([Linear(weight)], AS_STORED, False)
            for rows in ROWS:
                x = random.standard_normal((rows, inputs)).astype(np.float32)
                exact, size = float64(floats(weight), x)
                got = product(number, x)
                assert (np.abs(got[:, :outputs] - exact) <= 1e-6 * size + 1e-30).all(), (inputs, outputs, rows)
                assert not got[:, outputs:].any()


@pytest.mark.parametrize("number", sets())
@pytest.mark.parametrize("kind", CODED)
def test_integer_products(kind: str, number: int) -> None:
    """As float64 has them of the weights and the quantised activations."""
    random = np.random.default_rng(3)
    for inputs in inputs_for(kind):
        weight = stored_at_random(kind, 49, inputs, random)
        product = Product([Linear(weight)], AS_STORED, True)
        for rows in ROWS:
            x = random.standard_normal((rows, inputs)).astype(np.float32)
            x[: rows // 3] *= 1000
            exact, size = float64(floats(weight), quantised(x))
            # offsets and codes are summed apart and may cancel: the error grows with both
            assert (np.abs(product(number, x)[:, :49] - exact) <= 3e-5 * size + 1e-30).all(), (inputs, rows)


@pytest.mark.parametrize("number", sets())
@pytest.mark.parametrize("integer", [False, True], ids=["float", "integer"])
def test_extreme_codes_do_not_overflow(number: int, integer: bool) -> None:
    """All codes and all activations at their largest, of both signs."""
    for kind, code in (("Q8_0", 0x7F), ("Q8_0", 0x80), ("Q4_1", 0xFF), ("Q4_0", 0x00)):
        weight = stored_at_random(kind, 16, 1536, np.random.default_rng(4))
        head = 4 if kind == "Q4_1" else 2
        weight.data.reshape(16, 48, -1)[:, :, head:] = code
        product = Product([Linear(weight)], AS_STORED, integer)
        for sign in (1, -1):
            x = np.full((3, 1536), sign * 5, np.float32)
            exact, size = float64(floats(weight), x)
            assert (np.abs(product(number, x) - np.pad(exact, ((0, 0), (0, 16)))) <= 1e-5 * size.max()).all()


@pytest.mark.parametrize("integer", [False, True], ids=["float", "integer"])
@pytest.mark.parametrize("kind", tuple(NUMBERS))
def test_a_rows_bits_do_not_depend_on_company_nor_on_the_set(kind: str, integer: bool) -> None:
    """Alone, among any number of others, at any place: the same bits; and so in every instruction set."""
    random = np.random.default_rng(5)
    weight = stored_at_random(kind, 100, 768, random)
    product = Product([Linear(weight)], AS_STORED, integer)
    x = random.standard_normal((65, 768)).astype(np.float32)
    alone = np.concatenate([product(0, x[row : row + 1]) for row in range(65)])
    for number in range(len(library().sets_here())):
        for rows in (1, 2, 3, 4, 5, 6, 7, 8, 9, 12, 31, 65):
            for start in {0, 65 - rows}:
                assert np.array_equal(product(number, x[start : start + rows]), alone[start : start + rows]), SETS[
                    number
                ]


@pytest.mark.parametrize("number", sets())
def test_several_share_an_input(number: int) -> None:
    """Segments of different storages beside each other, with and without biases, added to what was there."""
    random = np.random.default_rng(6)
    kinds, outputs = ("Q4_K", "Q6_K", "F16"), (64, 40, 17)
    weights = [stored_at_random(kind, count, 512, random) for kind, count in zip(kinds, outputs, strict=True)]
    bias = random.standard_normal(40).astype(np.float32)
    biases = (None, Weight("bias", (40,), "F32", bias.view(np.uint8)), None)
    product = Product([Linear(w, b) for w, b in zip(weights, biases, strict=True)], AS_STORED, False)
    x = random.standard_normal((3, 512)).astype(np.float32)
    onto = random.standard_normal((3, product.columns)).astype(np.float32)
    got, column = product(number, x, onto), 0
    for weight, count in zip(weights, outputs, strict=True):
        exact, size = float64(floats(weight), x)
        exact += onto[:, column : column + count] + (bias if count == 40 else 0)
        assert (np.abs(got[:, column : column + count] - exact) <= 1e-6 * size + 1e-5).all()
        column += -(-count // 32) * 32
    assert product.columns == column


@pytest.mark.parametrize("kind", ["F32", "F16", "BF16", "Q4_1", "Q6_K"])
def test_other_storages(kind: str) -> None:
    """fp32 holds a weight's numbers; half those of halves, and rounds others; int8 is off by half a step at most."""
    random = np.random.default_rng(7)
    weight = stored_at_random(kind, 32, 256, random)
    numbers, one = floats(weight), np.eye(256, dtype=np.float32)
    assert np.array_equal(Product([Linear(weight)], AS_FULL, False)(0, one).T, numbers)
    half = Product([Linear(weight)], AS_HALF, False)(0, one).T
    assert np.array_equal(half, numbers if kind == "BF16" else numbers.astype(np.float16).astype(np.float32))
    eight = Product([Linear(weight)], AS_INT8, False)(0, one).T
    peak = np.abs(numbers).reshape(32, -1, 32).max(axis=2).repeat(32, axis=1)
    assert (np.abs(eight - numbers) <= peak / 127 / 2 * 1.002 + 1e-6).all()
