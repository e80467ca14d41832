"""Whether two arrays are the same but for rounding."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from jackfield.types import Array, Datatype

SAME, ALIKE = 1e-3, 2e-2
"""Relative tolerances: the same kernels, other kernels."""
_HALF = 2e-2  # half precision, whichever kernels


def close(datatype: Datatype, a: Array, b: Array, tolerance: float) -> bool:
    """Whether `a` and `b`, of one shape, agree within `tolerance`; to the bit if they are no floating-point numbers."""
    if datatype is Datatype.BF16:
        a, b = ((x.astype(np.uint32) << 16).view(np.float32) for x in (a, b))
    if a.dtype.kind != "f":
        return bool(np.array_equal(a, b))
    if datatype in (Datatype.FP16, Datatype.BF16):
        tolerance = max(tolerance, _HALF)
    # relative to the largest value, since small ones are sums that cancel
    scale = float(np.nanmax(np.abs(b.astype(np.float64)), initial=0.0)) if b.size else 0.0
    return bool(np.allclose(a, b, rtol=tolerance, atol=scale * tolerance, equal_nan=True))


def differing(
    name: str, datatype: Datatype, outputs: Mapping[str, Array], expected: Array, rtol: float, atol: float
) -> str:
    """How output `name` is not as `expected`; empty if it is, each number within `atol` and `rtol` of its own size."""
    got = outputs.get(name)
    if got is None:
        return f"output '{name}' is missing"
    if got.shape != expected.shape:
        return f"output '{name}' has shape {list(got.shape)}, expected {list(expected.shape)}"
    if datatype is Datatype.BF16:
        got, expected = ((x.astype(np.uint32) << 16).view(np.float32) for x in (got, expected))
    if got.dtype.kind != "f":
        return "" if np.array_equal(got, expected) else f"output '{name}' differs"
    if np.allclose(got, expected, rtol=rtol, atol=atol, equal_nan=True):
        return ""
    off = np.abs(got.astype(np.float64) - expected.astype(np.float64))
    return f"output '{name}' is off by up to {float(np.nanmax(off)):.3g} (allowed: rtol {rtol:g}, atol {atol:g})"
