"""What every backend keeps to, and the executors that it opens."""

from __future__ import annotations

import random
import tempfile
import threading
from abc import abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import ClassVar

import numpy as np

from jackfield.interfaces import Artifact, Executor
from jackfield.signature import measure
from jackfield.testing.contracts.opening import OpeningContract
from jackfield.types import Array, Datatype, TensorSpec
from jackfield.work import Request, Response, Step, Work

Arrays = Mapping[str, Array]
Answers = list[dict[str, Array]]


class BackendContract(OpeningContract):
    """Subclass it with a name that begins with `Test`, say by `backend` and `artifact` what is to be tested, and run
    pytest.

    `rtol` and `atol`: how far an answer that was got in company may be from the same one got alone.
    """

    rtol: ClassVar[float] = 1e-4
    atol: ClassVar[float] = 1e-5

    @abstractmethod
    def artifact(self, folder: Path) -> Artifact:
        """An artifact that it accepts, whose files are in `folder`; of a model whose rows do not depend on each
        other, and whose answers are not the same for all inputs."""

    def inputs(self, executor: Executor, rows: int, draw: random.Random) -> dict[str, Array]:
        """A request of `rows` rows that its model takes. By default made up from the signature."""
        return {spec.name: _made_up(spec, rows, draw) for spec in executor.signature.inputs if not spec.optional}

    def faulty(self, executor: Executor) -> dict[str, Array] | None:
        """A request that fits the signature and makes a step fail; None if there is none."""
        return None

    def test_batching_changes_no_answer(self) -> None:
        """What requests get in one step is what each gets alone, but for rounding: rows are never mixed up."""
        with self._opened() as executor:
            requests = self._requests(executor)
            alone = [_run(executor, [request])[0] for request in requests]
            for order in (list(range(len(requests))), list(reversed(range(len(requests))))):
                shared = _run(executor, [requests[index] for index in order])
                for index, answer in zip(order, shared, strict=True):
                    self._same(answer, alone[index], "a request is answered otherwise in company than alone")

    def test_answers_differ_where_requests_do(self) -> None:
        """Or else nothing could be told from the other tests."""
        with self._opened() as executor:
            one, other = (_run(executor, [request])[0] for request in self._requests(executor)[:1] * 2)
            self._same(one, other, "the same request is answered otherwise when it comes again")
            draw = random.Random(99)
            another = _run(executor, [self.inputs(executor, 1, draw)])[0]
            first = _run(executor, [self.inputs(executor, 1, random.Random(98))])[0]
            assert any(not _close(another[name], first[name], 0, 0) for name in first), "all requests have one answer"

    def test_outputs_fit_the_signature(self) -> None:
        """All of them are there, with datatype, axes and rows as it says."""
        with self._opened() as executor:
            for request in self._requests(executor):
                answer = _run(executor, [request])[0]
                rows = measure(executor.signature, "m", request).rows
                assert set(answer) == set(executor.signature.output_names), f"there are outputs {', '.join(answer)}"
                for spec in executor.signature.outputs:
                    _fits(spec, answer[spec.name], rows)

    def test_only_what_was_asked_for_is_answered(self) -> None:
        """Requests of one step may want different outputs."""
        with self._opened() as executor:
            request = self._requests(executor)[0]
            for name in executor.signature.output_names:
                answer = _run(executor, [request], [(name,)])[0]
                assert set(answer) == {name}, f"'{name}' was asked for, and {', '.join(answer) or 'nothing'} answered"
            if _batched(executor):
                wants: list[tuple[str, ...]] = [(executor.signature.output_names[-1],), ()]
                some, every = _run(executor, [request, request], wants)
                assert set(some) == {wants[0][0]}, "an output was answered that another request asked for"
                assert set(every) == set(executor.signature.output_names), "a request without names wants all outputs"

    def test_inputs_are_only_read(self) -> None:
        """They may be a client's own memory, which cannot be written to."""
        with self._opened() as executor:
            for request in self._requests(executor):
                before = {name: array.copy() for name, array in request.items()}
                for array in request.values():
                    array.flags.writeable = False
                _run(executor, [request])
                assert all(_close(request[name], before[name], 0, 0) for name in before), "inputs were changed"

    def test_answers_are_kept(self) -> None:
        """What a step gave is not written over by the next."""
        with self._opened() as executor:
            requests = self._requests(executor)
            kept = _run(executor, requests)
            copies = [{name: array.copy() for name, array in answer.items()} for answer in kept]
            for _ in range(3):
                _run(executor, list(reversed(requests)))
            for answer, copy in zip(kept, copies, strict=True):
                self._same(answer, copy, "an answer changed while a later step ran")

    def test_it_goes_on_after_a_step_that_failed(self) -> None:
        """The next answers are as if nothing had been."""
        with self._opened() as executor:
            requests = self._requests(executor)
            before = _run(executor, requests)
            for step in self._failing(executor):
                try:
                    step.payload = executor.prepare(step) if step.payload is None else step.payload
                    executor.execute(step)
                except Exception:
                    pass
                else:
                    raise AssertionError("a step that cannot run was answered as if nothing were wrong")
                for answer, expected in zip(_run(executor, requests), before, strict=True):
                    self._same(answer, expected, "after a step that failed, requests are answered otherwise")

    def test_a_step_can_be_prepared_while_another_runs(self) -> None:
        """If its capabilities say so: on another thread."""
        with self._opened() as executor:
            if executor.capabilities.concurrent:
                self._prepare_beside(executor)

    def test_no_rows_do_no_harm(self) -> None:
        """A request without rows is answered without rows or refused; then the executor goes on."""
        with self._opened() as executor:
            if not _batched(executor):
                return
            request = self._requests(executor)[0]
            before = _run(executor, [request])[0]
            empty = self.inputs(executor, 0, random.Random(5))
            try:
                answer = _answers(executor, _prepared(executor, [empty]))[0]
            except AssertionError:
                raise
            except Exception:  # it is refused
                pass
            else:
                for spec in executor.signature.outputs:
                    _fits(spec, answer[spec.name], 0)
            self._same(
                _run(executor, [request])[0], before, "after a request without rows, others are answered otherwise"
            )

    def test_datatypes_are_those_of_its_capabilities(self) -> None:
        """Of each input and output."""
        with self._opened() as executor:
            known = executor.capabilities.datatypes
            for spec in (*executor.signature.inputs, *executor.signature.outputs):
                assert known is None or spec.datatype in known, (
                    f"'{spec.name}' has datatype {spec.datatype}, which capabilities do not name"
                )

    def test_capacity_is_at_least_a_row(self) -> None:
        """And no more than its capabilities say."""
        with self._opened() as executor:
            rows, most = executor.capacity().rows, executor.capabilities.max_rows
            assert rows >= 1, f"the capacity is {rows} rows"
            assert most is None or rows <= most, f"the capacity is {rows} rows, and capabilities say {most}"

    def test_replicas_do_not_know_each_other(self) -> None:
        """Two executors of one artifact: closing one leaves the other as it was."""
        with tempfile.TemporaryDirectory() as folder:
            artifact = self.artifact(Path(folder))
            one, other = (self.backend().open(artifact, self._device()) for _ in range(2))
            request = self._requests(other)[0]
            before = _run(other, [request])[0]
            one.close()
            self._same(_run(other, [request])[0], before, "closing one replica changed the answers of another")
            other.close()

    def _prepare_beside(self, executor: Executor) -> None:
        requests = self._requests(executor)
        expected = [_run(executor, [request])[0] for request in requests]
        raised: list[BaseException] = []
        steps: list[Step] = []

        def prepare() -> None:
            try:
                steps.extend(_prepared(executor, [requests[number % len(requests)]]) for number in range(30))
            except BaseException as error:
                raised.append(error)

        thread = threading.Thread(target=prepare)
        thread.start()
        try:
            for number in range(30):
                _run(executor, [requests[number % len(requests)]])
        finally:
            thread.join()
        assert not raised, f"prepare raised {raised[0]!r} beside execute, and capabilities say `concurrent`"
        for number, step in enumerate(steps):
            with _no_reason_to_fail():
                answer = _answers(executor, step)[0]
            self._same(answer, expected[number % len(expected)], "a step prepared beside another is answered otherwise")

    def _failing(self, executor: Executor) -> Iterator[Step]:
        broken = _step(executor, [self._requests(executor)[0]])
        broken.payload = object()
        yield broken
        inputs = self.faulty(executor)
        if inputs is not None:
            yield _step(executor, [inputs])

    def _requests(self, executor: Executor) -> list[dict[str, Array]]:
        """Requests that can share a step; one if none can."""
        most = executor.capacity().rows
        counts = [rows for rows in (1, 3, 2, 1) if rows <= most]
        if not _batched(executor) or sum(counts) > most:
            counts = [1]
        draw = random.Random(4)
        return [self.inputs(executor, rows, draw) for rows in counts]

    def _same(self, answer: Arrays, expected: Arrays, what: str) -> None:
        assert set(answer) == set(expected), f"{what}: outputs {', '.join(answer)}, not {', '.join(expected)}"
        for name, array in expected.items():
            got = answer[name]
            assert got.shape == array.shape, f"{what}: '{name}' has shape {got.shape}, not {array.shape}"
            assert _close(got, array, self.rtol, self.atol), f"{what}: '{name}' has other values"


def _run(executor: Executor, requests: Sequence[Arrays], wanted: Sequence[tuple[str, ...]] = ()) -> Answers:
    with _no_reason_to_fail():
        return _answers(executor, _prepared(executor, requests, wanted))


@contextmanager
def _no_reason_to_fail() -> Iterator[None]:
    try:
        yield
    except AssertionError:
        raise
    except Exception as error:
        raise AssertionError(f"a step raised {type(error).__name__}: {error}") from error


def _prepared(executor: Executor, requests: Sequence[Arrays], wanted: Sequence[tuple[str, ...]] = ()) -> Step:
    step = _step(executor, requests, wanted)
    step.payload = executor.prepare(step)
    return step


def _step(executor: Executor, requests: Sequence[Arrays], wanted: Sequence[tuple[str, ...]] = ()) -> Step:
    works = []
    for number, inputs in enumerate(requests):
        weight = measure(executor.signature, "m", inputs)
        outputs = wanted[number] if wanted else ()
        request = Request("m", dict(inputs), outputs=outputs)
        works.append(Work(request, weight.rows, weight.bytes, weight.key, 0.0, None, lambda work, result: None))
    assert len({work.key for work in works}) == 1, "`inputs` makes requests that cannot share a step: see their shapes"
    return Step(works, sum(work.rows for work in works))


def _answers(executor: Executor, step: Step) -> Answers:
    results = executor.execute(step).results
    assert len(results) == len(step.work), f"there are {len(results)} results for {len(step.work)} requests"
    answers = []
    for result in results:
        assert isinstance(result, Response), f"a request was answered with {result!r}"
        answers.append(result.outputs)
    return answers


def _batched(executor: Executor) -> bool:
    return executor.signature.batched and executor.capacity().rows > 1


def _fits(spec: TensorSpec, array: Array, rows: int) -> None:
    name = spec.name
    assert array.dtype == spec.datatype.numpy, f"output '{name}' has dtype {array.dtype}, not that of {spec.datatype}"
    if spec.shape is not None:
        assert array.ndim == len(spec.shape), f"output '{name}' has shape {array.shape}, not {spec.shape}"
        fixed = [(got, want) for got, want in zip(array.shape, spec.shape, strict=True) if want != -1]
        assert all(got == want for got, want in fixed), f"output '{name}' has shape {array.shape}, not {spec.shape}"
    if spec.batch_axis is not None:
        got = array.shape[spec.batch_axis]
        assert got == rows, f"output '{name}' has {got} rows for a request of {rows}"


def _close(got: Array, expected: Array, rtol: float, atol: float) -> bool:
    if got.shape != expected.shape:
        return False
    if got.dtype.kind in "fc":
        return bool(np.allclose(got, expected, rtol=rtol, atol=atol, equal_nan=True))
    return bool(np.array_equal(got, expected))


def _made_up(spec: TensorSpec, rows: int, draw: random.Random) -> Array:
    shape = [3 if axis == -1 else axis for axis in (spec.shape if spec.shape is not None else (-1, -1))]
    if spec.batch_axis is not None:
        shape[spec.batch_axis] = rows
    count = int(np.prod(shape, dtype=np.int64))
    dtype = spec.datatype.numpy
    if spec.datatype is Datatype.BYTES:
        texts = np.empty(count, object)
        texts[:] = [f"{draw.randrange(10**6)} and so on".encode() for _ in range(count)]
        return texts.reshape(shape)
    if spec.datatype is Datatype.BF16:
        return np.array([0x3F00 + draw.randrange(0x100) for _ in range(count)], dtype).reshape(shape)
    if dtype.kind == "b":
        return np.array([draw.random() < 0.5 for _ in range(count)], dtype).reshape(shape)
    if dtype.kind == "f":
        return np.array([draw.uniform(-2, 2) for _ in range(count)], dtype).reshape(shape)
    return np.array([draw.randrange(100) for _ in range(count)], dtype).reshape(shape)
