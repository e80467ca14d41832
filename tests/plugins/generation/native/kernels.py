"""The native kernels called from tests, one at a time."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from jackfield import Array
from jackfield_plugins.generation.native.library import SETS, NotThere, library
from jackfield_plugins.generation.native.weights import NUMBERS, joined, readable
from jackfield_plugins.generation.spec import Linear, Weight

SIZES = {"Q4_0": 18, "Q4_1": 20, "Q5_0": 22, "Q5_1": 24, "Q8_0": 34}
SIZES |= {"IQ4_NL": 18}
"""The kernels do not know these."""
KSIZES = {
    "Q2_K": (84, (80, 82)),
    "Q3_K": (110, (108,)),
    "Q4_K": (144, (0, 2)),
    "Q5_K": (176, (0, 2)),
    "Q6_K": (210, (208,)),
}


def sets() -> list[Any]:
    """A parameter for each instruction set; those that the processor lacks are skipped, with a word."""
    try:
        here: tuple[str, ...] = library().sets_here()
        reason = "the processor has no such instructions"
    except NotThere as problem:
        here, reason = (), str(problem)
    return [
        pytest.param(n, id=name, marks=[] if name in here else pytest.mark.skip(reason)) for n, name in enumerate(SETS)
    ]


def stored_at_random(kind: str, outputs: int, inputs: int, random: np.random.Generator, step: float = 0.02) -> Weight:
    """A weight of random numbers, or of random codes with scales of about `step`."""
    if kind in ("F32", "F16", "BF16"):
        values = random.standard_normal((outputs, inputs)).astype(np.float32)
        if kind == "F16":
            values = values.astype(np.float16)
        data = values.view(np.uint16)[:, 1::2] if kind == "BF16" else values
        return Weight(kind, (outputs, inputs), kind, np.ascontiguousarray(data).view(np.uint8).reshape(outputs, -1))
    size, scales, width = (*KSIZES[kind], 256) if kind in KSIZES else (SIZES[kind], (0, 2), 32)
    if kind in ("Q4_0", "Q5_0", "Q8_0", "IQ4_NL"):
        scales = (0,)
    blocks = random.integers(0, 256, (outputs, inputs // width, size), dtype=np.uint8)
    for at in scales:
        numbers = (random.standard_normal(blocks.shape[:2]) * step).astype(np.float16)
        blocks[:, :, at : at + 2] = numbers[..., None].view(np.uint8)
    return Weight(kind, (outputs, inputs), kind, blocks.reshape(outputs, -1))


def floats(weight: Weight) -> Array:
    """The weight's numbers, float32 [outputs, inputs], by the library, as far as it knows them."""
    weight = readable(weight)
    out = np.empty(weight.shape, np.float32)
    for row in range(weight.shape[0]):
        library().floats(NUMBERS[weight.stored], weight.data[row].ctypes.data, weight.shape[1], out[row].ctypes.data)
    return out


class Product:
    """Linears that share their input, laid out. Call it with x [rows, inputs] for y [rows, columns]."""

    def __init__(self, parts: Sequence[Linear], storage: int, integer: bool) -> None:
        self.inputs = parts[0].weight.shape[1]
        self._handle = joined(library(), parts, storage, integer)
        self.columns: int = library().linear_columns(self._handle)
        self.ahead = self.left = 0
        """Lines that a call fetches meanwhile, and those of them that it did not."""

    def __call__(self, number: int, x: Array, onto: Array | None = None) -> Array:
        rows, depth = len(x), -(-self.inputs // 32) * 32
        padded = np.zeros((rows, depth), np.float32)
        padded[:, : self.inputs] = x
        y = np.zeros((rows, self.columns), np.float32) if onto is None else onto.copy()
        self.left = library().linear_run(
            self._handle, number, padded.ctypes.data, rows, y.ctypes.data, int(onto is not None), self.ahead
        )
        return y

    def __del__(self) -> None:
        library().linear_free(self._handle)


class Rotation(ctypes.Structure):
    """`Rotation` of source/kernels.h."""

    _fields_ = [
        *((name, ctypes.c_void_p) for name in ("q", "k", "v", "cosine", "sine", "query_norm", "key_norm")),
        ("epsilon", ctypes.c_float),
        ("scale", ctypes.c_float),
        ("pairs", ctypes.c_bool),
        ("half", ctypes.c_bool),
        ("keys", ctypes.c_void_p),
        ("values", ctypes.c_void_p),
        ("group", ctypes.c_int),
        ("head_size", ctypes.c_int),
    ]


class Attention(ctypes.Structure):
    """`Attention` of source/kernels.h."""

    _fields_ = [
        ("q", ctypes.c_void_p),
        ("ldq", ctypes.c_long),
        ("out", ctypes.c_void_p),
        ("ldo", ctypes.c_long),
        ("keys", ctypes.c_void_p),
        ("values", ctypes.c_void_p),
        ("stride", ctypes.c_long),
        ("table", ctypes.c_void_p),
        ("positions", ctypes.c_void_p),
        *((name, ctypes.c_int) for name in ("rows", "group", "head_size", "head", "block_size", "window")),
        ("half", ctypes.c_bool),
        ("next", ctypes.c_int),
        ("scratch", ctypes.c_void_p),
    ]
