"""Steps that are filled up to few numbers of rows."""

from __future__ import annotations

import numpy as np
import pytest

from jackfield import Datatype, Signature, TensorSpec
from jackfield_plugins.torch.buckets import filled_up, first_rows

X = TensorSpec("x", Datatype.FP32, (-1, 2), (), 0)
STATE = TensorSpec("state", Datatype.FP32, (3, -1), (), 1)
TABLE = TensorSpec("table", Datatype.FP32, (4,))
Y = TensorSpec("y", Datatype.FP32, (-1, 2), (), 0)
Z = TensorSpec("z", Datatype.FP32, (3, -1), (), 1)
SIGNATURE = Signature((X, STATE, TABLE), (Y, Z))


def inputs(rows: int) -> dict[str, np.ndarray[tuple[int, ...], np.dtype[np.float32]]]:
    return {
        "x": np.arange(2 * rows, dtype=np.float32).reshape(rows, 2),
        "state": np.arange(3 * rows, dtype=np.float32).reshape(3, rows),
        "table": np.ones(4, np.float32),
    }


@pytest.mark.parametrize(("rows", "filled"), [(1, 1), (2, 4), (4, 4), (5, 8), (8, 8), (9, 9), (0, 0)])
def test_up_to_the_next(rows: int, filled: int) -> None:
    given = inputs(rows)
    found, got = filled_up(SIGNATURE, given, (1, 4, 8))
    assert found == rows
    assert (got["x"].shape, got["state"].shape, got["table"].shape) == ((filled, 2), (3, filled), (4,))
    if rows:
        np.testing.assert_array_equal(got["x"][rows - 1 :], np.repeat(given["x"][-1:], filled - rows + 1, 0))
    kept = first_rows(SIGNATURE, {"y": got["x"], "z": got["state"]}, found)
    np.testing.assert_array_equal(kept["y"], given["x"])
    np.testing.assert_array_equal(kept["z"], given["state"])


def test_what_is_not_joined_stays_as_it_is() -> None:
    alone = Signature((TABLE,), (TensorSpec("y", Datatype.FP32, (4,)),))
    given = {"table": np.ones(4, np.float32)}
    found, got = filled_up(alone, given, (8,))
    assert got is given
    assert first_rows(alone, {"y": given["table"]}, found)["y"] is given["table"]
