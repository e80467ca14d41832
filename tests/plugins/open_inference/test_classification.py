from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from jackfield import Datatype, TensorSpec
from jackfield.errors import InvalidRequest
from jackfield_plugins.open_inference.classification import classify
from tests.plugins.open_inference.stub import spec


def of(datatype: Datatype, rows: Any, most: int, labels: tuple[str, ...] = (), batch_axis: int | None = 0) -> Any:
    array = np.array(rows, datatype.numpy)
    return classify(TensorSpec("y", datatype, None, batch_axis=batch_axis), array, most, labels).tolist()


def test_the_best_of_each_row_come_first() -> None:
    assert of(Datatype.FP32, [[1, 3, 2], [9, 7, 8]], 2) == [
        [b"3.000000:1", b"2.000000:2"],
        [b"9.000000:0", b"8.000000:2"],
    ]


def test_of_equal_values_the_first_wins() -> None:
    assert of(Datatype.UINT8, [[5, 7, 7, 7]], 4) == [[b"7:1", b"7:2", b"7:3", b"5:0"]]


def test_whole_numbers_are_ordered_over_their_whole_range() -> None:
    assert of(Datatype.INT8, [[-128, 127, 0]], 3) == [[b"127:1", b"0:2", b"-128:0"]]
    assert of(Datatype.UINT64, [[0, 2**64 - 1]], 1) == [[b"18446744073709551615:1"]]


def test_labels_are_added_as_far_as_there_are_any() -> None:
    assert of(Datatype.FP32, [[1, 2, 3]], 3, ("cat", "dog")) == [[b"3.000000:2", b"2.000000:1:dog", b"1.000000:0:cat"]]


def test_without_a_batch_axis_all_is_one_row() -> None:
    assert of(Datatype.FP64, [1, 2], 1, batch_axis=None) == [b"2.000000:1"]


def test_another_batch_axis_is_moved_to_the_front() -> None:
    assert of(Datatype.FP32, [[1, 9], [2, 8]], 1, batch_axis=1) == [[b"2.000000:1"], [b"9.000000:0"]]


def test_halves_are_understood() -> None:
    assert of(Datatype.FP16, [[0.5, 1.5]], 1) == [[b"1.500000:1"]]
    assert of(Datatype.BF16, [[0x3F00, 0xBFC0]], 2) == [[b"0.500000:0", b"-1.500000:1"]]


def test_no_rows_have_no_classes() -> None:
    array = np.empty((0, 3), np.float32)
    assert classify(spec("y", Datatype.FP32, -1, 3), array, 2, ()).shape == (0, 2)


def test_more_classes_than_there_are_is_an_error() -> None:
    with pytest.raises(InvalidRequest, match="output 'y' has 3 classes, and 'classification' asks for 4"):
        of(Datatype.FP32, [[1, 2, 3]], 4)


@pytest.mark.parametrize("datatype", [Datatype.BYTES, Datatype.BOOL])
def test_what_has_no_order_has_no_classes(datatype: Datatype) -> None:
    with pytest.raises(InvalidRequest, match=f"output 'y' is {datatype.value}, which has no classes"):
        of(datatype, [[True]], 1)
