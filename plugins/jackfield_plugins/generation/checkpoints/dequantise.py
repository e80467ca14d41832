"""Weights as float32, whatever they are stored as. The formulas of the quantisations are the `gguf` library's."""

from __future__ import annotations

import numpy as np

from jackfield import Array
from jackfield.errors import LoadError
from jackfield_plugins.generation.spec import Weight


def dequantised(weight: Weight) -> Array:
    """The numbers of `weight`: float32 of its shape, a view of the file where it is stored so.

    Exact for F32, F16 and BF16. Raises LoadError naming the tensor if nobody knows how to undo what it is stored as.
    """
    stored, data = weight.stored, np.ascontiguousarray(weight.data)
    if stored == "F32":
        return np.require(data.view(np.float32), requirements="A").reshape(weight.shape)
    if stored == "F16":
        return data.view(np.float16).astype(np.float32).reshape(weight.shape)
    if stored == "BF16":
        return (data.view(np.uint16).astype(np.uint32) << 16).view(np.float32).reshape(weight.shape)
    from gguf.constants import GGMLQuantizationType
    from gguf.quants import dequantize

    try:
        kind = GGMLQuantizationType[stored]
        return dequantize(data, kind).astype(np.float32, copy=False).reshape(weight.shape)
    except (KeyError, NotImplementedError):
        raise LoadError(f"tensor '{weight.name}' is stored as {stored}, which cannot be dequantised") from None


def check_stored(weight: Weight, source: str) -> None:
    """Raise LoadError, naming `source` and the tensor, if `dequantised` could not read `weight`."""
    if weight.stored in ("F32", "F16", "BF16"):
        return
    try:
        dequantised(Weight(weight.name, *_first_block(weight)))
    except (LoadError, ValueError, ImportError):
        raise LoadError(
            f"tensor '{weight.name}' of '{source}' is stored as {weight.stored}, which nothing here can compute with: "
            "F32, F16, BF16 and GGUF's quantisations can be"
        ) from None


def _first_block(weight: Weight) -> tuple[tuple[int, ...], str, Array]:
    from gguf.constants import GGML_QUANT_SIZES, GGMLQuantizationType

    try:
        elements, size = GGML_QUANT_SIZES[GGMLQuantizationType[weight.stored]]
    except KeyError:
        raise LoadError(weight.stored) from None
    return (elements,), weight.stored, weight.data.reshape(-1)[:size]
