"""What the two processes say to each other: plain data, encoded as MessagePack. Nothing here can run code."""

from __future__ import annotations

from typing import Any

import msgspec

from jackfield.transport import Freed, Tensor


class Begin(msgspec.Struct, array_like=True, tag="begin"):
    """What to open. `threads`: how many its steps may take, None: as many as libraries find best. `log`: how log lines
    look, None: as by default."""

    name: str
    model: str
    config: dict[str, Any]
    threads: int | None
    log: dict[str, Any] | None


class Submit(msgspec.Struct, array_like=True, tag="submit"):
    """A request. Times are of the machine's monotonic clock."""

    number: int
    model: str
    inputs: dict[str, Tensor]
    version: str
    id: str
    outputs: tuple[str, ...]
    parameters: dict[str, Any]
    priority: int
    tenant: str
    trace: str
    stream: bool
    weight: float | None
    arrival: float
    deadline: float | None


class Withdraw(msgspec.Struct, array_like=True, tag="withdraw"):
    """Nobody waits for this work any more."""

    number: int


class Configure(msgspec.Struct, array_like=True, tag="configure"):
    """Go on with this section."""

    config: dict[str, Any]


class Stop(msgspec.Struct, array_like=True, tag="stop"):
    """End."""

    timeout: float


class Doing(msgspec.Struct, array_like=True, tag="doing"):
    """How far loading is."""

    what: str
    done: int
    total: int


class Ready(msgspec.Struct, array_like=True, tag="ready"):
    """Opened and warm. `facts` is a `Facts` as data."""

    facts: dict[str, Any]


class Failed(msgspec.Struct, array_like=True, tag="failed"):
    """It could not be opened."""

    error: str
    message: str


class Report(msgspec.Struct, array_like=True):
    """A `StepReport`."""

    replica: str
    rows: int
    size: int
    started: float
    prepare: float
    execute: float
    finish: float
    padded: int
    elements: int
    padding: int
    failed: bool
    waiting: int
    extra: Any


class Answered(msgspec.Struct, array_like=True):
    """What became of a work: `outputs` and `parameters` of a response, or an `error`. `report`: which of the
    message's reports is that of its step; -1: none."""

    number: int
    report: int
    outputs: dict[str, Tensor] | None
    parameters: dict[str, Any]
    final: bool = True
    error: str = ""
    message: str = ""
    retry_after: float = 1.0
    spent: int = 0


class Told(msgspec.Struct, array_like=True, tag="told"):
    """What a step gave."""

    answers: list[Answered]
    reports: list[Report]


class States(msgspec.Struct, array_like=True, tag="states"):
    """What policy and executor show in metrics."""

    policy: dict[str, float]
    executor: dict[str, float]


class Died(msgspec.Struct, array_like=True, tag="died"):
    """The engine is gone, and with it this process."""

    reason: str


ToWorker = Begin | Submit | Withdraw | Configure | Freed | Stop
FromWorker = Doing | Ready | Failed | Told | States | Freed | Died
