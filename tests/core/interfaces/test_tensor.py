"""What tensor executors have in common."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from jackfield import (
    Array,
    Capabilities,
    Datatype,
    Request,
    Response,
    Signature,
    Step,
    TensorExecutor,
    TensorSpec,
    Work,
)
from jackfield.engine.bisect import run_step
from jackfield.errors import OutOfMemory
from jackfield.signature import measure

SIGNATURE = Signature(
    (TensorSpec("x", Datatype.FP32, (-1, 2), (), 0),), (TensorSpec("y", Datatype.FP32, (-1, 2), (), 0),)
)


class Small(TensorExecutor):
    """A device with room for so many rows."""

    def __init__(self, room: int, most: int | None = None) -> None:
        super().__init__(SIGNATURE, Capabilities(max_rows=most))
        self.room = room

    def run(self, inputs: dict[str, Array], outputs: Sequence[str]) -> dict[str, Array]:
        if len(inputs["x"]) > self.room:
            raise OutOfMemory(f"no room for {len(inputs['x'])} rows")
        return {"y": inputs["x"] * 2}


class Nobody:
    """The device belongs to nobody."""

    def __enter__(self) -> None:
        return

    def __exit__(self, *_: object) -> None:
        return


def answers(executor: TensorExecutor, *rows: int) -> list[object]:
    works = []
    for number in rows:
        inputs = {"x": np.full((number, 2), number, np.float32)}
        weight = measure(SIGNATURE, "m", inputs)
        works.append(Work(Request("m", inputs), weight.rows, weight.bytes, weight.key, 0.0, None, lambda *_: None))
    return list(run_step(executor, Step(works, sum(rows)), Nobody(), lambda: 0.0))


def test_running_out_of_memory_halves_the_steps_to_come() -> None:
    executor = Small(room=5)
    assert executor.capacity().rows == 2**31
    found = answers(executor, 2, 2, 2, 2)
    assert all(isinstance(one, Response) for one in found)  # in parts, this very step is answered, too
    assert executor.capacity().rows == 4
    answers(executor, 2, 2)
    assert executor.capacity().rows == 4


@pytest.mark.parametrize(("most", "rows"), [(3, 3), (16, 4)])
def test_what_it_says_of_itself_counts_too(most: int, rows: int) -> None:
    executor = Small(room=5, most=most)
    answers(executor, 4, 4)
    assert executor.capacity().rows == rows


def test_a_request_that_is_too_large_by_itself_fails() -> None:
    executor = Small(room=1)
    small, large = answers(executor, 1, 9)
    assert isinstance(small, Response)
    assert isinstance(large, OutOfMemory)
    assert executor.capacity().rows >= 1
