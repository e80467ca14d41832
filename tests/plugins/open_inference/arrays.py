"""Hypothesis strategies for tensors of every datatype."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import strategies as st

from jackfield import Array, Datatype

shapes = st.lists(st.integers(0, 4), max_size=4).map(tuple)
IN_JSON = [datatype for datatype in Datatype if datatype not in (Datatype.FP16, Datatype.BF16)]


def _element(datatype: Datatype, text: bool) -> st.SearchStrategy[Any]:
    dtype = datatype.numpy
    if datatype is Datatype.BYTES:
        return st.text(max_size=8).map(str.encode) if text else st.binary(max_size=8)
    if datatype is Datatype.BOOL:
        return st.booleans()
    if dtype.kind == "f":
        width: Any = dtype.itemsize * 8
        return st.floats(allow_nan=False, allow_infinity=False, width=width)
    limits = np.iinfo(dtype)
    return st.integers(int(limits.min), int(limits.max))


@st.composite
def arrays(draw: st.DrawFn, datatype: Datatype, *, text: bool = False) -> Array:
    """An array of `datatype`; `text`: BYTES elements are UTF-8."""
    shape = draw(shapes)
    count = int(np.prod(shape))
    elements = draw(st.lists(_element(datatype, text), min_size=count, max_size=count))
    array = np.empty(count, datatype.numpy)
    if count:
        array[:] = elements
    return array.reshape(shape)


def same(a: Array, b: Array) -> bool:
    """Whether they are equal in shape, dtype and every element."""
    return a.shape == b.shape and a.dtype == b.dtype and a.tolist() == b.tolist()
