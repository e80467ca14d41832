"""Arrays, and what NumPy makes arrays of, as a server takes them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from jackfield.errors import InvalidRequest
from jackfield.interfaces import TensorExecutor
from jackfield.types import Array, Capabilities, Datatype, Signature, TensorSpec
from tests.core.lifecycle.fakes import in_loop
from tests.core.serving import served, statistics_of


class Echo(TensorExecutor):
    """Gives back what it gets, of one datatype."""

    def __init__(self, datatype: Datatype) -> None:
        spec = TensorSpec("x", datatype, (-1,), batch_axis=0)
        super().__init__(Signature((spec,), (spec,)), Capabilities())

    def run(self, inputs: dict[str, Array], outputs: Sequence[str]) -> dict[str, Array]:
        return {"x": inputs["x"].copy()}


@in_loop
async def test_arrays_are_taken_as_they_are_and_lists_as_the_signature_says() -> None:
    server, _ = served()
    async with server:
        for x in (np.ones((2, 3), np.float32), [[1.0] * 3] * 2, [[1] * 3] * 2, ((1, 1, 1), (1, 1, 1))):
            response = await server.infer("double", {"x": x})
            assert response.outputs["y"].tolist() == [[3.0] * 3] * 2


@pytest.mark.parametrize(
    ("x", "message"),
    [
        (np.ones((2, 3)), "expected datatype FP32, got FP64"),
        (np.ones((2, 3), np.int64), "expected datatype FP32, got INT64"),
        (np.ones(3, np.float32), r"unexpected shape .* Expected \[-1, -1\], got \[3\]"),
        ([[1.0], [2.0, 3.0]], "input 'x' is not a tensor"),
        ([["one"]], "input 'x' is not a tensor"),
        ({"a": 1}, "input 'x' is not a tensor"),
        (np.array([[None]]), "expected datatype FP32"),
    ],
)
@in_loop
async def test_what_does_not_fit_the_signature_is_refused(x: Any, message: str) -> None:
    server, _ = served()
    async with server:
        with pytest.raises(InvalidRequest, match=message):
            await server.infer("double", {"x": x})
        assert statistics_of(server).accepted == 0


@pytest.mark.parametrize(
    ("datatype", "given", "got"),
    [
        (Datatype.BYTES, [b"a\x00\x00", b"", b"\xff"], [b"a\x00\x00", b"", b"\xff"]),
        (Datatype.BYTES, ["grün", "a"], ["grün".encode(), b"a"]),
        (Datatype.BYTES, np.array([b"x\x00", b"y"], dtype=object), [b"x\x00", b"y"]),
        (Datatype.BYTES, np.array(["ab", "c"]), [b"ab", b"c"]),
        (Datatype.INT64, [1, -2], [1, -2]),
        (Datatype.INT8, [], []),
        (Datatype.UINT64, [2**64 - 1], [2**64 - 1]),
        (Datatype.BOOL, [True, False], [True, False]),
        (Datatype.FP16, [0.5, 2], [0.5, 2.0]),
    ],
)
@in_loop
async def test_lists_of_every_kind_arrive_unchanged(datatype: Datatype, given: Any, got: list[Any]) -> None:
    server, _ = served(Echo(datatype))
    async with server:
        response = await server.infer("double", {"x": given})
        assert response.outputs["x"].tolist() == got


@pytest.mark.parametrize(
    ("datatype", "given"),
    [
        (Datatype.INT64, [1.5, 2.0]),
        (Datatype.INT8, [300]),
        (Datatype.UINT8, [-1]),
        (Datatype.BOOL, [0.5]),
        (Datatype.BYTES, [[b"a"], [b"b", b"c"]]),
        (Datatype.FP32, [b"a"]),
    ],
)
@in_loop
async def test_lists_that_would_change_on_the_way_are_refused(datatype: Datatype, given: Any) -> None:
    server, _ = served(Echo(datatype))
    async with server:
        with pytest.raises(InvalidRequest):
            await server.infer("double", {"x": given})
