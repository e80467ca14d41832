"""Placement: where a replica lives."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol, runtime_checkable

from jackfield.interfaces.engine import Deliver, Died, Engine, Facts, Likeness
from jackfield.interfaces.plug import Plug
from jackfield.interfaces.router import Candidate
from jackfield.options import Options
from jackfield.types import Capabilities, Signature
from jackfield.work import Work


class Replica(Candidate, Protocol):
    """One running copy of a version, wherever it lives. Methods are called on the event loop unless said otherwise."""

    signature: Signature
    capabilities: Capabilities
    max_rows: int
    about: Any
    """`Executor.about`."""

    @property
    def alive(self) -> bool:
        """Whether its worker runs and makes progress. False is final."""
        ...

    def check_room(self, size: int) -> None:
        """Raise Overloaded or Unavailable if a request whose body has `size` bytes would not be accepted whatever is in
        it: its queue is full, or it drains. Asked before a body is read, so it must cost next to nothing."""
        ...

    def submit(self, work: Work) -> None:
        """Accept `work`: from here on it is answered exactly once, through its sink. Raises Overloaded or Unavailable
        if it does not accept it. Never blocks."""
        ...

    def cancel(self, work: Work) -> None:
        """Drop `work` if it has not reached the device, and its result if it has. It is settled at once."""
        ...

    def stop(self, timeout: float) -> None:
        """Answer what is accepted within `timeout` seconds, fail the rest as unavailable, end the worker, free the
        device. Blocks: called off the event loop, also once more with less time while the first call waits."""
        ...


@runtime_checkable
class Reconfigurable(Protocol):
    """A replica whose batching, scheduler, limits and timeouts can be changed while requests wait and run."""

    def reconfigure(self, config: Any) -> Callable[[], None]:
        """Make ready what leads to `config`, the model's whole section as checked, and return what puts it into effect:
        called on the event loop, it returns at once and cannot fail. No request is lost or doubled by it, and the step
        on the device goes on. Raises ConfigError or Unsupported, and then nothing has changed."""
        ...


@dataclass(frozen=True, slots=True)
class Share:
    """The part of this machine that one replica gets. `device`: as the configuration calls it. `threads`: how many its
    steps may take; None: as many as libraries find best. `cores`: the processors that it is bound to; None: none."""

    device: str
    threads: int | None
    cores: tuple[int, ...] | None


class OnAbandon(Protocol):
    """See `ReplicaSpec`."""

    def __call__(self, call: Callable[[], None], /) -> None: ...


class ReplicaSpec(Protocol):
    """What a placement gets to start one replica from."""

    name: str
    model: str
    """Name of the model."""
    number: int
    """Number of the replica within its version, from 0."""
    config: Any
    """The model's own section of the configuration, as checked."""
    share: Share
    """What it gets of this machine. Whoever calls `Placement.start` is bound to its processors, and so is every thread
    and process that is started there."""
    on_abandon: OnAbandon
    """What it is given is called once nobody waits for this replica any more, since loading took too long or the server
    stops; at once if that is so. It returns soon, and has what `start` waits for end. Any thread."""

    def plain(self) -> dict[str, Any]:
        """`config` as plain data, with the device of this replica, from which a `Host` opens the same model in another
        process."""
        ...

    def progress(self, doing: str, done: int, total: int) -> None:
        """Tell how far loading is. Any thread."""
        ...

    def post(self, call: Callable[[], None]) -> None:
        """Run `call` on the server's event loop, from any thread: results are delivered through it."""
        ...

    def build(self) -> Replica:
        """Open, probe and warm the model up in this process, and start its engine loop. Blocks; raises LoadError."""
        ...

    def join(self, facts: Facts, likeness: Likeness, engine: Callable[[Deliver, Died], Engine]) -> Replica:
        """A replica whose ledger is in this process, and whose engine runs elsewhere, where it was opened and warmed
        up, as `facts` tell. `engine` makes what stands for it here; `likeness` is what `facts.portrait` shows."""
        ...


class Placement(Plug, ABC):
    """Made once per version. `start` is called on a loading thread.

    `isolated`: a replica that is dead is gone for good, whatever it was doing. Then its works run elsewhere, and it is
    started again.
    """

    isolated: ClassVar[bool] = False

    def __init__(self, options: Options) -> None:
        self.settings = options

    @abstractmethod
    def start(self, spec: ReplicaSpec) -> Replica:
        """Start a replica and return it warmed up and ready.

        Blocks; raises LoadError, and then nothing is left running."""
