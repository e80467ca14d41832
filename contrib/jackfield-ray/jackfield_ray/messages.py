"""What server and actor say to each other: plain data, a list of messages at a time, encoded as MessagePack.

Machines have clocks of their own, so that times are told as seconds before or after the moment of sending.
"""

from __future__ import annotations

from typing import Any

import msgspec


class Tensor(msgspec.Struct, array_like=True):
    """An array: `data` holds its bytes, or it is the one at `place` beside the messages, or it is `texts` (BYTES)."""

    dtype: str
    shape: tuple[int, ...]
    data: bytes | None = None
    place: int = -1
    texts: list[bytes] | None = None


class Begin(msgspec.Struct, array_like=True):
    """What to open. `threads`: how many its steps may take, None: as many as libraries find best. `log`: how log lines
    look, None: as by default."""

    name: str
    model: str
    config: dict[str, Any]
    threads: int | None
    log: dict[str, Any] | None


class Submit(msgspec.Struct, array_like=True, tag="submit"):
    """A request, which came `age` seconds ago; `left`: in how many seconds its deadline is."""

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
    age: float
    left: float | None


class Withdraw(msgspec.Struct, array_like=True, tag="withdraw"):
    """Nobody waits for this work any more."""

    number: int


class Configure(msgspec.Struct, array_like=True, tag="configure"):
    """Go on with this section."""

    config: dict[str, Any]


class Stop(msgspec.Struct, array_like=True, tag="stop"):
    """End within `timeout` seconds."""

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
    """A `StepReport`, of a step that started `ago` seconds ago; `extra` is plain data (see `Sendable`)."""

    replica: str
    rows: int
    size: int
    ago: float
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
    outputs: dict[str, Tensor]
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


class Now(msgspec.Struct, array_like=True, tag="now"):
    """How the engine is, a sign of life too. `calls` and `taken` count what was ever taken in, calls and works;
    `waiting` works with `rows` rows wait; a step has run for `busy` seconds, None: none runs. `running`: works on the
    device; None: as told before."""

    calls: int
    taken: int
    waiting: int
    rows: int
    busy: float | None
    running: tuple[int, ...] | None


class States(msgspec.Struct, array_like=True, tag="states"):
    """What policy and executor show in metrics."""

    policy: dict[str, float]
    executor: dict[str, float]


class Died(msgspec.Struct, array_like=True, tag="died"):
    """The engine is gone."""

    reason: str


ToWorker = Submit | Withdraw | Configure | Stop
FromWorker = Doing | Ready | Failed | Told | Now | States | Died
