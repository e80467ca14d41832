"""Batching policy: which work forms the next step, and when."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, Protocol

from jackfield.interfaces.plug import Plug
from jackfield.options import Options
from jackfield.padding import Padding, PadOptions
from jackfield.types import Capabilities
from jackfield.work import Step, Wait, Work


@dataclass(frozen=True, slots=True)
class Capacity:
    """What the executor has left. `rows`: most rows of one step. `busy`: a step is on the device now, so a step that is
    planned now is prepared meanwhile and starts when that ends. `blocks`: free KV-cache blocks, None for tensor models.
    """

    rows: int
    busy: bool = False
    blocks: int | None = None


class Waiting(Protocol):
    """The work that waits, in the scheduler's order. A view that is valid during one call of `plan`."""

    def __iter__(self) -> Iterator[Work]:
        """In the order in which the scheduler offers it; only work that is neither cancelled nor expired."""
        ...

    def __len__(self) -> int:
        """How many works wait."""
        ...

    @property
    def rows(self) -> int:
        """How many rows wait."""
        ...

    def rows_of(self, key: Hashable) -> int:
        """How many rows of works with this key wait."""
        ...


class BatchingPolicy(Plug, ABC):
    """Made once per replica. The engine calls it from one thread at a time, never beside itself; a call should take
    microseconds. It must not block, sleep, or read a clock: time is passed in.

    `group_by`: what works must agree in to share a step, beside their shapes: `tenant`, `priority`, `outputs`,
    `parameters.NAME`. It is read once, when the replica is made, and becomes part of the works' `key`.

    `pad`: how rows of different lengths are to share a step; None: they do not. If it is set, `padding` is what came of
    it for the model's signature: set once, before the first `plan`. Works' `key` leaves out padded lengths then, which
    are in `lengths`; whom to join within the budget is up to `plan`.

    `capabilities`: what the executor can do; set once, before the first `plan`. What its memory takes at the moment is
    `Capacity.rows`, which may be less than `capabilities.max_rows`.
    """

    group_by: Sequence[str] = ()
    pad: PadOptions | None = None
    padding: Padding | None = None
    capabilities: Capabilities = Capabilities()

    continues: ClassVar[bool] = False
    """Whether it plans work of many steps out of `running`: such work needs a policy that does."""

    def __init__(self, options: Options) -> None:
        self.settings = options

    @abstractmethod
    def plan(self, waiting: Waiting, running: Sequence[Work], capacity: Capacity, now: float) -> Sequence[Work] | Wait:
        """Choose the work of the next step, out of `waiting` (and `running`, for work of many steps), or say when to
        ask again.

        What is returned leaves the queue and runs together; all of it must have one `key`, and at most `capacity.rows`
        rows unless a single work has more. `running` holds, in the order in which they began, the works that have begun
        and are not over: those of the step that is on the device, which cannot be planned, and those of many steps that
        are between two; a policy that plans these reads and changes their `extra`, a `Progress`. Asked again when work
        arrives, a step ends, or the moment of the last Wait has come. If it raises, the oldest work fails with its
        error, so that a faulty policy cannot stop the loop. Options can be changed while running, by another policy in
        this one's place: work that waits may then have more than `max_rows`, and runs alone.
        """

    def observe(self, step: Step, now: float) -> None:
        """Told after a step that it planned has ended, with its reports on the work; to learn from. By default nothing
        is done."""
        return

    def state(self) -> Mapping[str, float]:
        """What it has learned, by name, to be shown in metrics; few names, which never come from clients. Called on the
        event loop, beside `plan`: it must return a new mapping at once. Empty by default."""
        return {}

    def sizes(self) -> Sequence[int]:
        """The numbers of rows that steps can have, or a sample that stands for them, for warm-up; ascending."""
        return (1,)

    @property
    def max_rows(self) -> int:
        """Most rows that a step of this policy has; requests with more are refused. 1 by default."""
        return 1
