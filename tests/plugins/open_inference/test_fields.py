from __future__ import annotations

import pytest

from jackfield import Datatype, TensorSpec
from jackfield.errors import InvalidRequest
from jackfield_plugins.open_inference.fields import tensor
from tests.plugins.open_inference.stub import spec

UNKNOWN = TensorSpec("x", Datatype.FP32, None)


@pytest.mark.parametrize(
    ("of", "text", "shape", "values"),
    [
        (spec("x", Datatype.INT32, -1, 2), b"[1, 2]", (1, 2), [1, 2]),
        (spec("x", Datatype.INT32, -1, 2), b" [[1, 2], [3, 4]]", (2, 2), [1, 2, 3, 4]),
        (spec("x", Datatype.INT32, 2, -1, batch_axis=1), b"[1, 2]", (2, 1), [1, 2]),
        (spec("x", Datatype.FP32, 3, batch_axis=None), b"[1, 2, 3]", (3,), [1, 2, 3]),
        (spec("x", Datatype.FP64, -1, 1), b"2.5", (1, 1), [2.5]),
        (spec("x", Datatype.BYTES, -1, 1), b'"a,[b"', (1, 1), [b"a,[b"]),
        (spec("x", Datatype.BOOL, -1), b"true", (1,), [True]),
        (spec("x", Datatype.FP32, batch_axis=None), b"1", (), [1]),
        (spec("x", Datatype.INT64, -1, -1), b"[[], []]", (2, 0), []),
        (UNKNOWN, b"1", (1,), [1]),
        (UNKNOWN, b"[[1], [2]]", (2, 1), [1, 2]),
    ],
)
def test_shapes_come_of_nesting_and_signature(
    of: TensorSpec, text: bytes, shape: tuple[int, ...], values: list[object]
) -> None:
    array = tensor(of, text)
    assert (array.shape, array.dtype, array.ravel().tolist()) == (shape, of.dtype, values)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b"[[1], 2]", "input 'x', element"),
        (b"[[1, 2], [3]]", "input 'x'"),
        (b"[1, true]", "expected INT32, got bool"),
        (b"3000000000", "3000000000 is out of range for INT32"),
        (b"null", "expected INT32, got null"),
        (b"{}", "expected INT32, got object"),
        (b"[" * 40 + b"1" + b"]" * 40, "nested more than 32 deep"),
    ],
)
def test_what_is_no_tensor_is_refused_by_name(text: bytes, message: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        tensor(spec("x", Datatype.INT32, -1, -1), text)
    assert str(caught.value).startswith("input 'x'")
    assert message in str(caught.value)
