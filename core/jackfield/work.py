"""What flows through the engine: a request becomes work, work takes part in steps, a step has an outcome."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from jackfield.errors import JackfieldError
from jackfield.types import Array


class State(StrEnum):
    """The life of work. All but the first two are final, and one of those is entered exactly once."""

    QUEUED = "queued"
    RUNNING = "running"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"
    EXPIRED = "expired"


@dataclass(slots=True, eq=False)
class Request:
    """What an endpoint decoded. `outputs` empty means all; `priority` 1 is highest, 0 the default one; `timeout` is in
    seconds from acceptance; `tenant` and `trace` come from the transport. `stream`: whoever asks takes the answer in
    pieces; otherwise there is exactly one response. `weight`: the tenant's share, where its key gives it one."""

    model: str
    inputs: dict[str, Array]
    version: str = ""
    id: str = ""
    outputs: tuple[str, ...] = ()
    parameters: dict[str, Any] = field(default_factory=dict)
    priority: int = 0
    timeout: float | None = None
    tenant: str = ""
    trace: str = ""
    stream: bool = False
    weight: float | None = None


@dataclass(slots=True, eq=False)
class StepReport:
    """How a step went, shared by all its work. Times in seconds; `started` by the replica's clock.

    `prepare`, `execute` and `finish` are the time to join the inputs, on the device, and to part the outputs.
    `rows` were asked for; `padded` is what was run on top of them. `waiting`: rows that were left in the queue.
    `elements` is how many the padded inputs had, over all rows, and `padding` how many of these were no client's; both
    are 0 if nothing pads. `extra` is what the executor tells observers beyond this, of a type on which they agree.
    """

    replica: str
    rows: int
    size: int
    started: float
    prepare: float = 0.0
    execute: float = 0.0
    finish: float = 0.0
    padded: int = 0
    elements: int = 0
    padding: int = 0
    failed: bool = False
    waiting: int = 0
    extra: Any = None


@dataclass(slots=True, eq=False)
class Response:
    """What a request is answered with: output arrays, which may be views into a batch's own memory (read-only by
    convention). `final` is False for all but the last response of a stream. One of work of many steps tells how much of
    the work's cost is `spent` with it, for routers and quotas: tokens of the answer, at first of the prompt too."""

    outputs: dict[str, Array]
    parameters: dict[str, Any] = field(default_factory=dict)
    final: bool = True
    spent: int = 0


Result = Response | JackfieldError
Sink = Callable[["Work", Result], None]


@dataclass(slots=True, eq=False)
class Continuation:
    """What it takes to go on with work whose replica is gone: `history` is what its client was told, `request` what is
    left to do (None: all of it). `deaths`: of so many replicas while it was on the device, and `known`: how much was
    told before the last of them."""

    history: list[Response] = field(default_factory=list)
    request: Request | None = None
    deaths: int = 0
    known: int = 0


@dataclass(slots=True, eq=False)
class Work:
    """A request on its way, owned by the replica that accepted it. Times are by the replica's clock, in seconds.

    Two threads write here, each its own fields, so that no lock is needed: the engine `running`, `report` and, where
    the batching policy groups or pads, `key`, `lengths` (of the axes that are padded) and `shapes` (the key that work
    came with); the event loop, which settles, `final`, `finished` and `error`. `extra` belongs to whichever policy or
    executor runs the work (a generation's sequence, say).
    `version` is the one that accepted it. `continuation` is there once it may have to be continued elsewhere. `cost` is
    what is left of what it costs its replica, as routers are told it (see `Candidate`). `caller`: the key that pays for
    it, if any.
    """

    request: Request
    rows: int
    bytes: int
    key: Hashable
    arrival: float
    deadline: float | None
    sink: Sink
    running: bool = False
    report: StepReport | None = None
    final: State | None = None
    finished: float = 0.0
    error: JackfieldError | None = None
    replica: Any = None
    version: Any = None
    future: Any = None
    told: Sink | None = None
    extra: Any = None
    continuation: Continuation | None = None
    lengths: tuple[int, ...] = ()
    shapes: Hashable = None
    cost: int = 1
    caller: Any = None

    @property
    def state(self) -> State:
        """Where it stands now."""
        return self.final or (State.RUNNING if self.running else State.QUEUED)


@dataclass(slots=True, eq=False)
class Step:
    """Work that runs on the device together. `payload` is what `Executor.prepare` made of it."""

    work: Sequence[Work]
    rows: int
    payload: Any = None


@dataclass(slots=True, frozen=True)
class Wait:
    """Nothing to run yet. Ask again at `until` (clock time; None: no moment of its own), as soon as `rows` rows
    wait, or when a step ends, whichever comes first."""

    until: float | None = None
    rows: int = 1


@dataclass(slots=True, eq=False)
class Outcome:
    """What a step gave: a result for each work in the step's order. None: it is not over and has nothing to say."""

    results: Sequence[Result | None]
