"""A Python model that takes lists of arrays: rows of any shapes in one step, and its neighbours are safe."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import pytest
from numpy.typing import NDArray

from jackfield import Options, Response, Shape, TensorExecutor
from jackfield.engine.bisect import run_step
from jackfield.errors import ExecutionFailed, LoadError
from jackfield.interfaces import Artifact
from jackfield.lifecycle.padding import settle_padding
from jackfield.lifecycle.ragged import settle_ragged
from jackfield.padding import PadOptions
from jackfield.signature import measure
from jackfield.types import Device
from jackfield.work import Request, Result, Step, Work
from jackfield_plugins.python.backend import PythonBackend
from jackfield_plugins.python.loader import PythonLoader, PythonLoaderOptions
from tests.e2e.launch import launched

Row = Annotated[NDArray[np.float32], Shape(-1, 2)]


class Doubling:
    """Two times each row, whatever its length. Raises at 666; a row that begins with 7 comes back a point short."""

    def __init__(self) -> None:
        self.seen: list[list[tuple[int, ...]]] = []

    def predict(self, x: list[Row], factor: NDArray[np.float32] | None = None) -> list[Row]:
        self.seen.append([one.shape for one in x])
        if any((one == 666).any() for one in x):
            raise ValueError("poison")
        return [(2 * one)[: len(one) - int(bool(one.size) and one[0, 0] == 7)] for one in x]


class Mixing:
    """Each row has something of the longest in it."""

    def predict(self, x: list[Row]) -> list[Row]:
        return [one * max(len(other) for other in x) for one in x]


class Sums:
    """Lists in, one array out."""

    def predict(self, x: list[NDArray[np.float32]]) -> NDArray[np.float32]:
        return np.array([one.sum() for one in x], np.float32)


def _executor(cls: type) -> Any:
    artifact: Artifact = PythonLoader(PythonLoaderOptions()).load(f"{cls.__module__}:{cls.__name__}")
    return PythonBackend(Options()).open(artifact, Device("cpu", "cpu"))


def _work(executor: TensorExecutor, array: Any, **more: Any) -> Work:
    inputs = {"x": np.asarray(array, np.float32), **more}
    weight = measure(executor.signature, "m", inputs)
    return Work(Request("m", inputs), weight.rows, weight.bytes, weight.key, 0.0, None, lambda work, result: None)


class _Free:
    def __enter__(self) -> None:
        """Nobody else wants the device."""

    def __exit__(self, *_: object) -> None:
        """It is free again."""


def _run(executor: TensorExecutor, works: Sequence[Work]) -> list[Result | None]:
    return run_step(executor, Step(works, sum(work.rows for work in works)), _Free(), lambda: 0.0)


def _points(rows: int, length: int, value: float = 1.0) -> Any:
    return np.full((rows, length, 2), value, np.float32)


def test_shapes_do_not_split_steps() -> None:
    executor = _executor(Doubling)
    works = [_work(executor, _points(rows, length)) for rows, length in ((1, 3), (2, 5), (0, 4), (1, 0))]
    assert executor.capabilities.mixed_shapes
    assert len({work.key for work in works}) == 1
    for work, result in zip(works, _run(executor, works), strict=True):
        assert isinstance(result, Response)
        assert result.outputs["output"].dtype == np.float32
        if work.rows:
            assert np.array_equal(result.outputs["output"], 2 * work.request.inputs["x"])
        else:
            assert result.outputs["output"].shape[0] == 0
    assert executor._instance.seen == [[(3, 2), (5, 2), (5, 2), (0, 2)]]


def test_an_input_that_is_no_list_still_keeps_works_apart() -> None:
    executor = _executor(Doubling)
    keys = [_work(executor, _points(1, 3), factor=np.ones((1, n), np.float32)).key for n in (1, 2)]
    assert keys[0] != keys[1]
    assert _work(executor, _points(1, 3)).key not in keys


def test_the_work_at_fault_fails_alone() -> None:
    executor = _executor(Doubling)
    works = [_work(executor, _points(1, n, value)) for n, value in ((2, 1.0), (3, 666.0), (4, 1.0), (5, 1.0))]
    results = _run(executor, works)
    assert [isinstance(result, Response) for result in results] == [True, False, True, True]


def test_rows_of_one_request_must_agree_and_cost_that_request_alone() -> None:
    executor = _executor(Doubling)
    uneven = _points(2, 3)
    uneven[0] = 7
    results = _run(executor, [_work(executor, _points(1, 4)), _work(executor, uneven)])
    assert isinstance(results[0], Response)
    assert isinstance(results[1], ExecutionFailed)
    assert "rows of different shapes within one request: [2, 2] and [3, 2]" in str(results[1])


def test_one_array_may_come_of_lists() -> None:
    executor = _executor(Sums)
    results = _run(executor, [_work(executor, np.ones((2, 3))), _work(executor, np.ones((1, 2, 2)))])
    sums = [result.outputs["output"].tolist() for result in results if isinstance(result, Response)]
    assert sums == [[3, 3], [4]]


def test_rows_that_depend_on_their_company_are_refused() -> None:
    with pytest.raises(LoadError, match="rows of different shapes cannot share a step: output 'output' of the shorter"):
        settle_ragged(_executor(Mixing), 8, None)
    settle_ragged(_executor(Doubling), 8, None)


def test_what_takes_any_shape_is_not_padded() -> None:
    pad = PadOptions.model_validate({"axes": [{"name": "length", "inputs": {"x": 1}}]})
    with pytest.raises(LoadError, match="`pad` cannot pad input 'x': its rows may differ in shape as they are"):
        settle_padding(_executor(Doubling), pad, 8, None)


def test_over_a_real_server(tmp_path: Path) -> None:
    batching = {"policy": "dynamic", "max_batch_size": 16, "max_delay_ms": 20}
    config = {"models": {"doubling": {"source": f"{__file__}:Doubling", "batching": batching}}}

    def ask(number: int) -> int:
        array = _points(1 + number % 2, 1 + number % 11, 666.0 if number % 10 == 9 else float(number % 5 + 1))
        tensor = {"name": "x", "shape": list(array.shape), "datatype": "FP32", "data": array.ravel().tolist()}
        answer = live.infer("doubling", {"inputs": [tensor]})
        if answer.status == 200:
            output = answer.json["outputs"][0]
            assert output["shape"] == tensor["shape"]
            assert output["data"] == (2 * array).ravel().tolist()
        return answer.status

    with launched({**config, "observers": {"prometheus": {}}}, tmp_path) as live, ThreadPoolExecutor(12) as pool:
        statuses = list(pool.map(ask, range(100)))
        counts = live.statistics("doubling")
    assert [number for number, status in enumerate(statuses) if status != 200] == list(range(9, 100, 10))
    assert (counts["jackfield_requests_total:completed"], counts["jackfield_requests_total:failed"]) == (90, 10)
