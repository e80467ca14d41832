"""How much chance each token has, in whole numbers: their sums are exact in whatever order they are taken.

So what is drawn does not depend on how a row is cut into parts, on the processor's instruction set, or on who computes
it: the native library has the same definitions in source/sampling_rows.h, and both give the same bits.
"""

from __future__ import annotations

import numpy as np

from jackfield import Array

ONE = 2**44
"""What the likeliest token weighs. Anything less than half a unit weighs nothing: 3e-14 of that."""
LIGHTEST = 46
"""So many powers of two below the likeliest, weights are zero."""
_LOG2_E = 1.4426950408889634
_COLDEST = 1e-30
_SHIFT = 384.0
_UNITS = np.float64(_SHIFT).view(np.int64)
# of 2**x within half of zero, relative error 9.1e-8; the constant is 1, so the likeliest weighs exactly ONE
_POLYNOMIAL = np.array(
    [0.001326472731307149, 0.009671512991189957, 0.05550733581185341, 0.24022242426872253, 0.6931470036506653, 1.0],
    np.float32,
)


def scale_of(temperature: float) -> np.float32:
    """What logits are multiplied by to be powers of two."""
    return np.float32(_LOG2_E / max(temperature, _COLDEST))


def weights(logits: Array, top: np.float32, scale: np.float32) -> Array:
    """int64, like `logits` (float32, of which none is larger than `top`): 2 ** (scale * (logit - top)) in units of
    1 / `ONE`. Each operation is rounded by itself, in float32."""
    with np.errstate(over="ignore"):  # a temperature near zero
        powers = np.subtract(logits, top, dtype=np.float32)
        powers *= scale
    np.maximum(powers, np.float32(-60), out=powers)
    whole = np.rint(powers)
    powers -= whole
    found = np.full_like(powers, _POLYNOMIAL[0])
    for coefficient in _POLYNOMIAL[1:]:
        found *= powers
        found += coefficient
    found *= ((whole.astype(np.int32) + 127) << 23).view(np.float32)
    # what is added leaves whole units in the last bits of a double, above its own
    shifted: Array = np.add(found, _SHIFT, dtype=np.float64).view(np.int64)
    shifted -= _UNITS
    return shifted


def share(part: float, total: int) -> int:
    """`part` of `total`, at most all of it."""
    return min(int(part * float(total)), total)
