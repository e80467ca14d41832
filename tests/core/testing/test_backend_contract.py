"""The contract of backends catches what a backend and its executor can get wrong."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from jackfield.interfaces import Artifact, Backend, Capacity, Executor, TensorExecutor
from jackfield.options import Options
from jackfield.testing import DOUBLE, BackendContract
from jackfield.types import Array, Capabilities, Datatype, Device, Signature, TensorSpec
from jackfield.work import Outcome, Response, Step
from tests.core.testing.breaking import assert_breaks, broken

TWO = Signature(DOUBLE.inputs, (*DOUBLE.outputs, TensorSpec("total", Datatype.FP32, (-1,), batch_axis=0)))
"""As the small model, with the sum of each row."""


class Good(TensorExecutor):
    """`y = 2x + 1` and its sum."""

    def __init__(self) -> None:
        super().__init__(TWO, Capabilities(max_rows=16))

    def run(self, inputs: dict[str, Array], outputs: Sequence[str]) -> dict[str, Array]:
        if (inputs["x"] == -1).any():
            raise ValueError("not these")
        y = inputs["x"] * 2 + 1
        return {name: array for name, array in {"y": y, "total": y.sum(1)}.items() if name in outputs}


class Backwards(Good):
    """Gives the rows back in another order."""

    def run(self, inputs: dict[str, Array], outputs: Sequence[str]) -> dict[str, Array]:
        return {name: array[::-1] for name, array in super().run(inputs, outputs).items()}


class Crosses(Good):
    """Gives each request its neighbour's answer."""

    def execute(self, step: Step) -> Outcome:
        results = list(super().execute(step).results)
        return Outcome(results[1:] + results[:1])


class Leaks(Good):
    """Lets the batch change the rows."""

    def run(self, inputs: dict[str, Array], outputs: Sequence[str]) -> dict[str, Array]:
        x = inputs["x"]
        return super().run({"x": x - x.mean(0)}, outputs)


class TooFew(Good):
    """Loses the last row, whoever's it is."""

    def _check(self, *told: Any) -> None:
        pass

    def run(self, inputs: dict[str, Array], outputs: Sequence[str]) -> dict[str, Array]:
        return {name: array[:-1] for name, array in super().run(inputs, outputs).items()}


class OneResult(Good):
    """Answers the first request alone."""

    def execute(self, step: Step) -> Outcome:
        return Outcome(list(super().execute(step).results)[:1])


class Doubles(Good):
    """Gives numbers of the wrong datatype."""

    def _check(self, *told: Any) -> None:
        pass

    def run(self, inputs: dict[str, Array], outputs: Sequence[str]) -> dict[str, Array]:
        return {name: array.astype(np.float64) for name, array in super().run(inputs, outputs).items()}


class Everything(Good):
    """Answers with what nobody asked for."""

    def execute(self, step: Step) -> Outcome:
        inputs, _ = step.payload
        results = super().execute(step).results
        whole = super().run(inputs, self.signature.output_names)
        return Outcome([Response(whole) if len(results) == 1 else result for result in results])


class Sulks(Good):
    """Is another after a failure."""

    factor = 1.0

    def run(self, inputs: dict[str, Array], outputs: Sequence[str]) -> dict[str, Array]:
        try:
            given = super().run(inputs, outputs)
        except ValueError:
            self.factor = 0.5
            raise
        return {name: array * np.float32(self.factor) for name, array in given.items()}


class Locks(Good):
    """Never lets go of what it holds when it fails."""

    held = False

    def execute(self, step: Step) -> Outcome:
        if self.held:
            raise RuntimeError("busy")
        self.held = True
        outcome = super().execute(step)
        self.held = False
        return outcome


class Swallows(Good):
    """Answers with what it has where it has nothing."""

    def execute(self, step: Step) -> Outcome:
        try:
            return super().execute(step)
        except ValueError:
            return Outcome([Response({}) for _ in step.work])


class WritesInputs(Good):
    """Saves a copy."""

    def run(self, inputs: dict[str, Array], outputs: Sequence[str]) -> dict[str, Array]:
        x = inputs["x"]
        x *= 2
        return super().run({"x": x / 2}, outputs)


class ReusesMemory(Good):
    """Gives out the same memory each time."""

    def __init__(self) -> None:
        super().__init__()
        self.memory = np.zeros((64, 3), np.float32)

    def run(self, inputs: dict[str, Array], outputs: Sequence[str]) -> dict[str, Array]:
        given = super().run(inputs, outputs)
        if "y" in given:
            y = self.memory[: len(given["y"])]
            y[:] = given["y"]
            given["y"] = y
        return given


class Constant(Good):
    """Is no model at all."""

    def run(self, inputs: dict[str, Array], outputs: Sequence[str]) -> dict[str, Array]:
        return super().run({"x": np.zeros_like(inputs["x"])}, outputs)


class Counts(Good):
    """Gives another answer each time."""

    runs = 0

    def run(self, inputs: dict[str, Array], outputs: Sequence[str]) -> dict[str, Array]:
        self.runs += 1
        return super().run({"x": inputs["x"] + self.runs}, outputs)


class Shared(Good):
    """Prepares into what the step that runs reads, and says that this may be done."""

    def prepare(self, step: Step) -> Any:
        self.prepared = super().prepare(step)
        return self

    def execute(self, step: Step) -> Outcome:
        if isinstance(step.payload, Shared):
            step.payload = self.prepared
        return super().execute(step)


class NotBeside(Good):
    """Prepares on one thread only, and does not say so."""

    def __init__(self) -> None:
        super().__init__()
        self.thread = threading.get_ident()

    def prepare(self, step: Step) -> Any:
        if threading.get_ident() != self.thread:
            raise RuntimeError("another thread")
        return super().prepare(step)


class EmptyHanded(Good):
    """Never recovers from a request without rows."""

    broken = False

    def run(self, inputs: dict[str, Array], outputs: Sequence[str]) -> dict[str, Array]:
        self.broken = self.broken or not len(inputs["x"])
        return super().run({"x": inputs["x"] * (0 if self.broken else 1)}, outputs)


class NoRoom(Good):
    """Takes nothing."""

    def capacity(self) -> Capacity:
        return Capacity(rows=0)


class Boasts(Good):
    """Takes more than it says."""

    def capacity(self) -> Capacity:
        return Capacity(rows=32)


class Common(Good):
    """Has one life with all others."""

    lives = [1]

    def __init__(self) -> None:
        super().__init__()
        self.lives[0] = 1

    def run(self, inputs: dict[str, Array], outputs: Sequence[str]) -> dict[str, Array]:
        return super().run({"x": inputs["x"] * self.lives[0]}, outputs)

    def close(self) -> None:
        self.lives[0] = 0


def backend_of(executor: type[Executor], *, devices: Sequence[Device] = (Device("cpu", "cpu"),)) -> type[Backend]:
    class Opens(Backend):
        accepts = frozenset({"numbers"})

        @classmethod
        def devices(cls) -> Sequence[Device]:
            return devices

        def open(self, artifact: Artifact, device: Device) -> Executor:
            return executor()

    return Opens


def contract(backend: type[Backend], kind: str = "numbers") -> type[BackendContract]:
    class Contract(BackendContract):
        def backend(self) -> Backend:
            return backend(Options())

        def artifact(self, folder: Path) -> Artifact:
            return Artifact(kind, str(folder / "model"), None, TWO)

        def faulty(self, executor: Executor) -> dict[str, Array]:
            return {"x": np.full((1, 3), -1, np.float32)}

    return Contract


def test_a_good_backend_keeps_to_it() -> None:
    assert broken(contract(backend_of(Good))) == {}


@pytest.mark.parametrize(
    ("executor", "test", "says"),
    [
        (Backwards, "batching_changes_no_answer", "answered otherwise in company than alone"),
        (Crosses, "batching_changes_no_answer", "answered otherwise in company than alone"),
        (Leaks, "batching_changes_no_answer", "answered otherwise in company than alone"),
        (TooFew, "outputs_fit_the_signature", "has 0 rows for a request of 1"),
        (OneResult, "batching_changes_no_answer", "there are 1 results for 4 requests"),
        (Doubles, "outputs_fit_the_signature", "has dtype float64, not that of FP32"),
        (Everything, "only_what_was_asked_for_is_answered", "'y' was asked for, and y, total answered"),
        (Sulks, "it_goes_on_after_a_step_that_failed", "after a step that failed, requests are answered otherwise"),
        (Locks, "it_goes_on_after_a_step_that_failed", "a step raised RuntimeError: busy"),
        (Swallows, "it_goes_on_after_a_step_that_failed", "answered as if nothing were wrong"),
        (WritesInputs, "inputs_are_only_read", "read-only"),
        (ReusesMemory, "answers_are_kept", "an answer changed while a later step ran"),
        (Constant, "answers_differ_where_requests_do", "all requests have one answer"),
        (Counts, "answers_differ_where_requests_do", "answered otherwise when it comes again"),
        (Shared, "a_step_can_be_prepared_while_another_runs", "a step"),
        (NotBeside, "a_step_can_be_prepared_while_another_runs", "RuntimeError('another thread')"),
        (EmptyHanded, "no_rows_do_no_harm", "after a request without rows"),
        (NoRoom, "capacity_is_at_least_a_row", "the capacity is 0 rows"),
        (Boasts, "capacity_is_at_least_a_row", "the capacity is 32 rows, and capabilities say 16"),
        (Common, "replicas_do_not_know_each_other", "closing one replica changed the answers of another"),
    ],
)
def test_what_an_executor_gets_wrong_is_caught(executor: type[Executor], test: str, says: str) -> None:
    assert_breaks(contract(backend_of(executor)), test, says)


def test_devices_and_kinds_are_checked() -> None:
    assert_breaks(contract(backend_of(Good, devices=())), "devices_are_told", "there is no device")
    twins = [Device("cpu", "cpu"), Device("cpu", "cpu")]
    assert_breaks(contract(backend_of(Good, devices=twins)), "devices_are_told", "two devices have one name")
    other = contract(backend_of(Good), kind="letters")
    assert_breaks(other, "what_it_opens_it_says_that_it_accepts", "'letters' is not among what it accepts: numbers")
