"""Rows of different lengths, joined and parted again, along axes in any place."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jackfield.errors import ExecutionFailed
from jackfield.interfaces import TensorExecutor
from jackfield.padding import PaddedAxis, Padding
from jackfield.types import Array, Capabilities, Datatype, Signature, TensorSpec
from jackfield.work import Request, Response, Step, StepReport, Work


def _signature(batch: int, order: Sequence[int]) -> Signature:
    """Three axes, the batch at `batch`, the two others named, the output's the other way round if `order` says so."""
    names = ["height", "width"]
    axes, turned = list(names), [names[n] for n in order]
    axes.insert(batch, "batch")
    turned.insert(0, "batch")
    return Signature(
        (
            TensorSpec("x", Datatype.FP32, (-1, -1, -1), tuple(axes), batch_axis=batch),
            TensorSpec("text", Datatype.BYTES, (-1, -1), ("batch", "width"), batch_axis=0, optional=True),
            TensorSpec("weight", Datatype.FP32, (-1,), batch_axis=0, optional=True),
        ),
        (
            TensorSpec("y", Datatype.FP32, (-1, -1, -1), tuple(turned), batch_axis=0),
            TensorSpec("sum", Datatype.FP32, (-1,), ("batch",), batch_axis=0),
        ),
    )


class Turning(TensorExecutor):
    """`y` is `x` with its axes in another order, `sum` what a row adds up to."""

    def __init__(self, batch: int, order: Sequence[int]) -> None:
        super().__init__(_signature(batch, order), Capabilities())
        self.batch, self.order = batch, order
        self.seen: dict[str, Array] = {}
        fill = {"x": np.float32(0), "text": b"-"}
        axes = (PaddedAxis("height", (4,)), PaddedAxis("width", (6,)))
        self.padding = Padding(self.signature, axes, 1.0, fill)

    def run(self, inputs: dict[str, Array], outputs: Sequence[str]) -> dict[str, Array]:
        self.seen = inputs
        x = np.moveaxis(inputs["x"], self.batch, 0)
        given = {"y": x.transpose(0, *(n + 1 for n in self.order)), "sum": x.sum(axis=(1, 2))}
        return {name: given[name] for name in outputs}


def _work(executor: TensorExecutor, inputs: dict[str, Any], rows: int, outputs: tuple[str, ...] = ()) -> Work:
    work = Work(Request("turning", inputs, outputs=outputs), rows, 1, 0, 0.0, None, lambda work, result: None)
    assert executor.padding is not None
    work.lengths = executor.padding.lengths(inputs)
    return work


def _answers(executor: TensorExecutor, works: Sequence[Work]) -> list[dict[str, Array]]:
    step = Step(works, sum(work.rows for work in works))
    step.payload = executor.prepare(step)
    answers = executor.execute(step).results
    assert all(isinstance(one, Response) for one in answers)
    return [one.outputs for one in answers if isinstance(one, Response)]


@settings(deadline=None, derandomize=True)
@given(
    sizes=st.lists(st.tuples(st.integers(0, 3), st.integers(0, 7), st.integers(0, 9)), min_size=1, max_size=5),
    batch=st.integers(0, 2),
    order=st.sampled_from([(0, 1), (1, 0)]),
)
def test_answers_are_those_of_the_rows_alone(
    sizes: list[tuple[int, int, int]], batch: int, order: tuple[int, int]
) -> None:
    executor = Turning(batch, order)
    works = []
    for number, (rows, height, width) in enumerate(sizes):
        x = np.arange(rows * height * width, dtype=np.float32).reshape(rows, height, width) + 100 * number
        works.append(_work(executor, {"x": np.moveaxis(x, 0, batch)}, rows))
    for work, answer in zip(works, _answers(executor, works), strict=True):
        x = np.moveaxis(work.request.inputs["x"], batch, 0)
        assert np.array_equal(answer["y"], x.transpose(0, *(n + 1 for n in order)))
        assert np.allclose(answer["sum"], x.sum(axis=(1, 2)))


def test_padding_is_filled_and_nothing_else() -> None:
    executor = Turning(0, (0, 1))
    works = [
        _work(
            executor,
            {
                "x": np.full((1, height, width), number, np.float32),
                "text": np.full((1, width), b"t", object),
                "weight": np.full(1, number, np.float32),
            },
            1,
        )
        for number, (height, width) in enumerate([(2, 6), (3, 5)], start=1)
    ]
    report = works[0].report = works[1].report = StepReport("r", 2, 2, 0.0)
    _answers(executor, works)
    x, text = executor.seen["x"], executor.seen["text"]
    assert x.shape == (2, 4, 6)
    assert x.sum() == 1 * 12 + 2 * 15
    assert text.tolist() == [[b"t"] * 6, [b"t"] * 5 + [b"-"]]
    assert executor.seen["weight"].tolist() == [1, 2]
    assert (report.elements, report.padding) == (48 + 12, 48 - 27 + 1)


def test_different_outputs_in_one_step() -> None:
    executor = Turning(0, (0, 1))
    works = [
        _work(executor, {"x": np.ones((1, 2, 2), np.float32)}, 1, ("sum",)),
        _work(executor, {"x": np.ones((1, 3, 3), np.float32)}, 1, ("y",)),
    ]
    first, second = _answers(executor, works)
    assert first.keys() == {"sum"}
    assert second.keys() == {"y"}
    assert second["y"].shape == (1, 3, 3)


def test_an_output_that_does_not_follow_its_axis_fails_the_step() -> None:
    class Short(Turning):
        def run(self, inputs: dict[str, Array], outputs: Sequence[str]) -> dict[str, Array]:
            given = super().run(inputs, outputs)
            return {name: array[:, :-1] if name == "y" else array for name, array in given.items()}

    executor = Short(0, (0, 1))
    with pytest.raises(ExecutionFailed, match="output 'y' has length 3 along axis 1 where the inputs have 4"):
        _answers(executor, [_work(executor, {"x": np.ones((1, 2, 2), np.float32)}, 1)])
