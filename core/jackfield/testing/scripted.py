"""An executor that does as it is told: right answers, and each fault that a model or a device can have."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum

import numpy as np

from jackfield.errors import Unavailable
from jackfield.interfaces import TensorExecutor
from jackfield.testing.making import DOUBLE
from jackfield.types import Array, Capabilities, Signature


class Fault(StrEnum):
    """What can go wrong in a run."""

    RAISE = "raise"
    EXIT = "exit"
    """Raises SystemExit."""
    MEMORY = "memory"
    """Raises MemoryError."""
    UNAVAILABLE = "unavailable"
    """The executor is gone for good."""
    FEW_ROWS = "few rows"
    WRONG_SHAPE = "wrong shape"
    WRONG_DTYPE = "wrong dtype"
    NO_OUTPUT = "no output"
    NAN = "nan"
    """The outputs are not numbers; nothing is raised."""
    HANG = "hang"
    """Does not come back until `release` is set; then the answer is right."""


class ScriptedExecutor(TensorExecutor):
    """Computes `y = 2x + 1`.

    `poison`: a run fails in this way if any of its inputs holds this value, in whichever company.
    `script`: faults of the next runs, one each, whatever their inputs; None is a run without one.
    `always`: the fault of every run that neither of those decides; None for none.

    For threads: `entered` is released once as each run begins, and a run does not go on before `gate` is set, which it
    is unless a test clears it. The inputs of everything that ran are in `runs`, in order; `closes` counts `close`.
    """

    def __init__(
        self,
        signature: Signature = DOUBLE,
        capabilities: Capabilities | None = None,
        *,
        poison: Mapping[float, Fault] | None = None,
        script: Iterable[Fault | None] = (),
        always: Fault | None = None,
    ) -> None:
        super().__init__(signature, capabilities or Capabilities())
        self.poison = dict(poison or {})
        self.script = deque(script)
        self.always = always
        self.gate = threading.Event()
        self.gate.set()
        self.release = threading.Event()
        self.entered = threading.Semaphore(0)
        self.runs: list[Array] = []
        self.closes = 0

    def run(self, inputs: dict[str, Array], outputs: Sequence[str]) -> dict[str, Array]:
        """One run on the device."""
        x = inputs["x"]
        self.runs.append(x)
        self.entered.release()
        self.gate.wait()
        return {name: array for name, array in self._outputs(x).items() if name in outputs}

    def close(self) -> None:
        """Count it."""
        self.closes += 1

    def _outputs(self, x: Array) -> dict[str, Array]:
        y = x * 2 + 1
        match self._fault(x):
            case Fault.RAISE:
                raise RuntimeError("cannot run /srv/models/double/1/model.bin")
            case Fault.EXIT:
                raise SystemExit(1)
            case Fault.MEMORY:
                raise MemoryError
            case Fault.UNAVAILABLE:
                raise Unavailable("the device is gone")
            case Fault.FEW_ROWS:
                y = y[:-1]
            case Fault.WRONG_SHAPE:
                y = y[..., np.newaxis]
            case Fault.WRONG_DTYPE:
                y = y.astype(np.float64)
            case Fault.NO_OUTPUT:
                return {}
            case Fault.NAN:
                y = np.full_like(y, np.nan)
            case Fault.HANG:
                self.release.wait()
        return {"y": y}

    def _fault(self, x: Array) -> Fault | None:
        if self.script:
            return self.script.popleft()
        for value, fault in self.poison.items():
            if (x == value).any():
                return fault
        return self.always
