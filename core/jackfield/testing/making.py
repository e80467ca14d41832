"""Requests and work for tests, all of them for one small model: `y = 2x + 1`, over rows of any width."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from jackfield.signature import measure
from jackfield.types import Datatype, Signature, TensorSpec
from jackfield.work import Request, Result, Work


def signature_of(batch_axis: int | None = 0) -> Signature:
    """One FP32 input `x` and one output `y` of the same shape, two axes each, joined along `batch_axis`."""
    return Signature(
        (TensorSpec("x", Datatype.FP32, (-1, -1), batch_axis=batch_axis),),
        (TensorSpec("y", Datatype.FP32, (-1, -1), batch_axis=batch_axis),),
    )


DOUBLE = signature_of()
"""The signature of the small model; works are of one key if they are of one width."""


def make_request(rows: int = 1, *, value: float = 0.0, width: int = 2, model: str = "double", **more: Any) -> Request:
    """A request of `rows` rows of `width` numbers, all of them `value`; `more` are fields of `Request`."""
    return Request(model, {"x": np.full((rows, width), value, np.float32)}, **more)


def make_work(
    rows: int = 1,
    *,
    value: float = 0.0,
    width: int = 2,
    now: float = 0.0,
    timeout: float | None = None,
    sink: Callable[[Work, Result], None] | None = None,
    signature: Signature = DOUBLE,
    **more: Any,
) -> Work:
    """Work as a version would make it of such a request at `now`. `sink` is told the answer; None: nobody is."""
    request = make_request(rows, value=value, width=width, timeout=timeout, **more)
    weight = measure(signature, request.model, request.inputs)
    deadline = None if timeout is None else now + timeout
    work = Work(request, weight.rows, weight.bytes, weight.key, now, deadline, sink or _nobody)
    work.cost = weight.bytes or 1
    return work


def _nobody(work: Work, result: Result) -> None:
    """Has no use for the answer."""
