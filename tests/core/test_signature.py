"""A request is checked against the signature, and weighed."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jackfield.errors import InvalidRequest
from jackfield.signature import measure
from jackfield.types import Datatype, Measure, Signature, TensorSpec

TEXT = Signature(
    (
        TensorSpec("ids", Datatype.INT64, (-1, -1), ("batch", "length"), 0),
        TensorSpec("mask", Datatype.INT64, (-1, -1), ("batch", "length"), 0),
        TensorSpec("types", Datatype.INT64, (-1, -1), ("batch", "length"), 0, optional=True),
    ),
    (),
)
SCALED = Signature(
    (TensorSpec("x", Datatype.FP32, (-1, 3), batch_axis=0), TensorSpec("scale", Datatype.FP32, (1,))), ()
)


def _ids(rows: int, length: int) -> Any:
    return np.ones((rows, length), np.int64)


def _text(rows: int, length: int) -> Measure:
    return measure(TEXT, "m", {"ids": _ids(rows, length), "mask": _ids(rows, length)})


def test_rows_and_bytes_are_those_of_the_inputs() -> None:
    weight = _text(3, 5)
    assert (weight.rows, weight.bytes) == (3, 2 * 3 * 5 * 8)


@settings(deadline=None, derandomize=True, max_examples=100)
@given(*[st.integers(0, 4)] * 4)
def test_those_of_one_shape_but_for_the_rows_share_a_step(rows: int, length: int, rows2: int, length2: int) -> None:
    assert (_text(rows, length).key == _text(rows2, length2).key) == (length == length2)


def test_the_rows_may_be_on_another_axis() -> None:
    signature = Signature((TensorSpec("x", Datatype.FP32, (2, -1, 3), batch_axis=1),), ())
    first, second = (measure(signature, "m", {"x": np.ones((2, n, 3), np.float32)}) for n in (4, 7))
    assert (first.rows, second.rows) == (4, 7)
    assert first.key == second.key


def test_an_optional_input_parts_those_that_have_it_from_those_that_lack_it() -> None:
    inputs = {"ids": _ids(1, 4), "mask": _ids(1, 4)}
    assert measure(TEXT, "m", inputs).key != measure(TEXT, "m", inputs | {"types": _ids(1, 4)}).key


def test_what_has_no_batch_axis_must_be_equal_to_share_a_step() -> None:
    def key(scale: float) -> Any:
        return measure(SCALED, "m", {"x": np.ones((1, 3), np.float32), "scale": np.array([scale], np.float32)}).key

    assert key(1.0) == key(1.0)
    assert key(1.0) != key(2.0)


def test_without_any_batch_axis_a_request_is_one_row() -> None:
    signature = Signature((TensorSpec("x", Datatype.BYTES, (-1,)),), ())
    weight = measure(signature, "m", {"x": np.array([b"a", b"b"], dtype=object)})
    assert weight.rows == 1
    assert weight.bytes > 0
    hash(weight.key)


def test_a_request_of_no_rows_is_valid() -> None:
    assert _text(0, 5).rows == 0
    assert _text(2, 0).bytes == 0


def test_an_open_shape_takes_any_rank_beyond_the_batch_axis() -> None:
    signature = Signature((TensorSpec("x", Datatype.FP32, None, batch_axis=1),), ())
    assert measure(signature, "m", {"x": np.ones((2, 3, 4), np.float32)}).rows == 3
    with pytest.raises(InvalidRequest, match="Expected more than 1 axes, got \\[2\\]"):
        measure(signature, "m", {"x": np.ones(2, np.float32)})


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        ({}, "expected 3 inputs but got 0 inputs for model 'm': 'ids', 'mask' missing"),
        ({"ids": _ids(1, 1)}, "expected 3 inputs but got 1 inputs for model 'm': 'mask' missing"),
        (
            {"ids": _ids(1, 1), "mask": _ids(1, 1), "idx": _ids(1, 1)},
            "unexpected inference input 'idx' for model 'm': it takes 'ids', 'mask', 'types'",
        ),
        (
            {"ids": _ids(2, 3), "mask": _ids(3, 3)},
            "inputs of model 'm' must have the same number of rows: 'mask' has 3, another has 2",
        ),
        (
            {"ids": _ids(2, 3), "mask": _ids(2, 4)},
            "unexpected shape for input 'mask' for model 'm': axis 'length' has length 4 here and 3 in another input",
        ),
        (
            {"ids": _ids(2, 3).ravel(), "mask": _ids(2, 3)},
            "unexpected shape for input 'ids' for model 'm'. Expected [-1, -1], got [6]",
        ),
        (
            {"ids": _ids(2, 3).astype(np.int32), "mask": _ids(2, 3)},
            "input 'ids' of model 'm': expected datatype INT64, got INT32",
        ),
        (
            {"ids": _ids(2, 3).astype(np.complex64), "mask": _ids(2, 3)},
            "input 'ids' of model 'm': expected datatype INT64, got an array of complex64",
        ),
    ],
)
def test_what_does_not_fit_is_named(inputs: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidRequest) as error:
        measure(TEXT, "m", inputs)
    assert str(error.value) == message


def test_a_fixed_length_is_checked() -> None:
    with pytest.raises(InvalidRequest, match=r"Expected \[-1, 3\], got \[1, 4\]"):
        measure(SCALED, "m", {"x": np.ones((1, 4), np.float32), "scale": np.ones(1, np.float32)})


def test_a_client_s_name_is_shown_on_one_short_line() -> None:
    with pytest.raises(InvalidRequest) as error:
        measure(TEXT, "m", {"a\r\n\x1b\ud800" * 500: _ids(1, 1)})
    text = str(error.value)
    assert len(text) < 250
    assert text.isprintable()
    text.encode()
