"""Running requests through a tensor executor as the engine does: together in one step, or each alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from jackfield import Array, Request, Response, Step, TensorExecutor, Work
from jackfield.signature import measure

Arrays = Mapping[str, Array]


def together(executor: TensorExecutor, *requests: Arrays, outputs: Sequence[str] = ()) -> list[dict[str, Array]]:
    """The outputs of each of `requests`, which run in one step."""
    works = [_work(executor, inputs, tuple(outputs)) for inputs in requests]
    assert len({work.key for work in works}) == 1, "these may not share a step"
    step = Step(works, sum(work.rows for work in works))
    step.payload = executor.prepare(step)
    responses: list[dict[str, Array]] = []
    for result in executor.execute(step).results:
        assert isinstance(result, Response)
        responses.append(result.outputs)
    return responses


def alone(executor: TensorExecutor, inputs: Arrays, outputs: Sequence[str] = ()) -> dict[str, Array]:
    """The outputs of one request in a step of its own."""
    return together(executor, inputs, outputs=outputs)[0]


def assert_batching_changes_nothing(executor: TensorExecutor, *requests: Arrays) -> None:
    """What `requests` get together is what each gets alone, but for rounding."""
    for inputs, shared in zip(requests, together(executor, *requests), strict=True):
        single = alone(executor, inputs)
        assert shared.keys() == single.keys()
        for name, array in single.items():
            assert shared[name].shape == array.shape
            assert shared[name].dtype == array.dtype
            if array.dtype.kind == "f":
                np.testing.assert_allclose(shared[name], array, rtol=1e-4, atol=1e-5)
            else:
                np.testing.assert_array_equal(shared[name], array)


def _work(executor: TensorExecutor, inputs: Arrays, outputs: tuple[str, ...]) -> Work:
    given = measure(executor.signature, "m", inputs)
    request = Request("m", dict(inputs), outputs=outputs)
    return Work(request, given.rows, given.bytes, given.key, 0.0, None, lambda work, result: None)
