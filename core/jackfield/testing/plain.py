"""The plainest of what a server needs, so that a test installs nothing but the plugin that it is about.

They stand where the configuration's defaults would (`dynamic`, `fifo`, `least-loaded`, `thread`), and do less.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import cast

from jackfield.errors import LoadError
from jackfield.interfaces import (
    Artifact,
    Backend,
    BatchingPolicy,
    Candidate,
    Capacity,
    Executor,
    Loader,
    Placement,
    Plug,
    Replica,
    ReplicaSpec,
    Router,
    Scheduler,
    Waiting,
)
from jackfield.options import Options
from jackfield.types import Device
from jackfield.work import Request, Wait, Work

SCRIPTED = "scripted:"
"""How sources begin that the stand-in for a loader takes; what follows is up to the test."""


class InOrder(Scheduler):
    """First come, first served."""

    def __init__(self, options: Options) -> None:
        super().__init__(options)
        self._waiting: dict[Work, None] = {}

    def add(self, work: Work, now: float) -> None:
        """Take `work` in, behind all others."""
        self._waiting[work] = None

    def remove(self, work: Work) -> None:
        """Let go of `work`."""
        del self._waiting[work]

    def offer(self, now: float) -> Iterator[Work]:
        """All work, oldest first."""
        return iter(self._waiting)

    def __len__(self) -> int:
        return len(self._waiting)


class TogetherOptions(Options):
    """How much may share a step."""

    max_batch_size: int = 32
    """Most rows of a step."""


class Together(BatchingPolicy):
    """Whatever waits when the device is free runs together."""

    options = TogetherOptions

    @property
    def max_rows(self) -> int:
        """Most rows of a step."""
        return cast(TogetherOptions, self.settings).max_batch_size

    def plan(self, waiting: Waiting, running: Sequence[Work], capacity: Capacity, now: float) -> Sequence[Work] | Wait:
        """The first work, and what else of its key fits."""
        if capacity.busy:
            return Wait()
        chosen: list[Work] = []
        rows, most = 0, min(self.max_rows, capacity.rows)
        for work in waiting:
            if not chosen or (work.key == chosen[0].key and rows + work.rows <= most):
                chosen.append(work)
                rows += work.rows
        return chosen or Wait()


class LeastCost(Router):
    """The replica that has the least to do."""

    def choose(self, request: Request, cost: int, replicas: Sequence[Candidate]) -> int:
        """Its index."""
        return min(range(len(replicas)), key=lambda index: replicas[index].cost)


class InProcess(Placement):
    """In the threads of this process."""

    def start(self, spec: ReplicaSpec) -> Replica:
        """Build it here."""
        return spec.build()


STAND_INS: Mapping[str, Mapping[str, type[Plug]]] = {
    "batching": {"dynamic": Together},
    "scheduler": {"fifo": InOrder},
    "router": {"least-loaded": LeastCost},
    "placement": {"thread": InProcess},
}
"""By socket and by the name that the configuration uses if it says nothing."""


def scripted(make: Callable[[], Executor]) -> dict[str, Mapping[str, type[Plug]]]:
    """A loader and a backend, both called `scripted`, of models that `make` makes; each replica gets one."""

    class ScriptedLoader(Loader):
        """Takes what begins with `scripted:`; `scripted:broken` cannot be loaded."""

        @classmethod
        def detects(cls, source: str) -> bool:
            """By how it begins."""
            return source.startswith(SCRIPTED)

        def load(self, source: str) -> Artifact:
            """Nothing is read."""
            if source == f"{SCRIPTED}broken":
                raise LoadError(f"source '{source}' is broken")
            return Artifact("scripted", source, None, None, declared_batch=True)

    class ScriptedBackend(Backend):
        """Has one device, `cpu`."""

        accepts = frozenset({"scripted"})

        @classmethod
        def devices(cls) -> Sequence[Device]:
            """The processor."""
            return [Device("cpu", "cpu")]

        def open(self, artifact: Artifact, device: Device) -> Executor:
            """Whatever the test makes."""
            return make()

    return {"loader": {"scripted": ScriptedLoader}, "backend": {"scripted": ScriptedBackend}}


__all__ = ["SCRIPTED", "STAND_INS", "InOrder", "InProcess", "LeastCost", "Together", "TogetherOptions", "scripted"]
