"""Proving that works whose lengths differ may share a step: each must be answered as it is alone."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

import numpy as np

from jackfield.config.models import WarmUp
from jackfield.engine.bisect import public
from jackfield.errors import LoadError
from jackfield.interfaces import TensorExecutor
from jackfield.lifecycle.comparing import ALIKE, close
from jackfield.lifecycle.samples import sample
from jackfield.signature import measure
from jackfield.types import Array
from jackfield.work import Request, Response, Result, Step, Work

Inputs = dict[str, Array]
Axes = Mapping[str, Iterable[int]]
"""Numbers of axes, by the input's name."""


def difference(executor: TensorExecutor, short: Inputs, long: Inputs) -> str:
    """What is wrong with the answers to `short` and `long` in one step; empty if they are what each gets alone.

    Raises whatever the model raises. The executor joins, pads, runs and parts as it will for clients.
    """
    works = [_work(executor, short), _work(executor, long)]
    alone = [_answers(executor, [work])[0] for work in works]
    together = _answers(executor, works)
    for who, ours, theirs in zip(("shorter", "longer"), alone, together, strict=True):
        for spec in executor.signature.outputs:
            one, other = ours[spec.name], theirs[spec.name]
            if one.shape != other.shape:
                return (
                    f"output '{spec.name}' of the {who} row has shape {list(other.shape)} in company and "
                    f"{list(one.shape)} alone"
                )
            if not close(spec.datatype, other, one, ALIKE):
                return f"output '{spec.name}' of the {who} row is not what it is alone"
    return ""


def pairs(executor: TensorExecutor, length: int, longer: int, axes: Axes, declared: WarmUp | None) -> Iterator[Inputs]:
    """Rows with open axes of `length`, each followed by another that has `longer` along `axes`. Numbers that nothing
    declares are tried with either sign, so that a fill value cannot hide beneath all of them."""
    own = declared.inputs if declared is not None else {}
    for sign in (1, -1):
        for variant, stretch in ((0, False), (1, True)):
            row = sample(executor.signature, 1, length, declared, variant)
            if stretch:
                row = {n: stretched(array, dict.fromkeys(axes.get(n, ()), longer)) for n, array in row.items()}
            turned = {n: -array for n, array in row.items() if array.dtype.kind == "f" and n not in own and sign < 0}
            yield row | turned
        if not any(array.dtype.kind == "f" for array in row.values()):
            return


def stretched(array: Array, lengths: Mapping[int, int]) -> Array:
    """`array` with other lengths along some axes, of values that are in it already."""
    for axis, length in lengths.items():
        if array.shape[axis] != length:
            array = np.take(array, np.arange(length) % array.shape[axis], axis)
    return array


def check(executor: TensorExecutor, rows: Iterator[Inputs], what: str, remedy: str) -> None:
    """Raise LoadError unless each two of `rows` may share a step. `what` is not possible then, and `remedy` is a way
    out."""
    for short, long in zip(rows, rows, strict=True):
        try:
            problem = difference(executor, short, long)
        except Exception as error:  # a model is foreign code
            problem = f"running it raised {type(error).__name__}: {public(str(error))}"
        if problem:
            raise LoadError(f"{what}: {problem}; {remedy}")


def _work(executor: TensorExecutor, inputs: Inputs) -> Work:
    weight = measure(executor.signature, "probed", inputs)
    work = Work(Request("probed", inputs), weight.rows, weight.bytes, weight.key, 0.0, None, _nobody)
    if executor.padding is not None:
        work.lengths = executor.padding.lengths(inputs)
    return work


def _answers(executor: TensorExecutor, works: list[Work]) -> list[dict[str, Array]]:
    step = Step(works, sum(work.rows for work in works))
    step.payload = executor.prepare(step)
    answers: list[dict[str, Array]] = []
    for result in executor.execute(step).results:
        if not isinstance(result, Response):
            raise result if isinstance(result, Exception) else LoadError("a row was not answered")
        answers.append(result.outputs)
    return answers


def _nobody(work: Work, result: Result) -> None:
    """Nobody waits for what is probed."""
