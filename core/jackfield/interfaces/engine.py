"""An engine loop with its executor, wherever it runs, as a replica sees it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

from jackfield.types import Capabilities, Datatype, Signature, TensorSpec
from jackfield.work import Request, Response, Result, StepReport, Work

Deliver = Callable[[Sequence[tuple[Work, Result]], Sequence[StepReport]], None]
"""Told what became of works, and how the steps went that they took part in. Any thread."""
Died = Callable[[str], None]
"""Told once that the engine is gone, and why. Any thread."""


class Engine(Protocol):
    """All but `stop` is for the event loop, and returns at once."""

    @property
    def waiting(self) -> int:
        """How many works wait for their step, as far as is known at this moment."""
        ...

    @property
    def waiting_rows(self) -> int:
        """How many rows wait."""
        ...

    @property
    def executing_since(self) -> float | None:
        """Since when, by the replica's clock, the device has been at its step; None if it runs none."""
        ...

    @property
    def suspects(self) -> Collection[Work] | None:
        """Once it is gone: the works that were on the device then, of which one may have been the reason; None: nobody
        knows."""
        ...

    def worker_state(self) -> Mapping[str, float]:
        """What is known of the process that it runs in, such as `memory` in bytes; empty if it is this one."""
        ...

    def policy_state(self) -> Mapping[str, float]:
        """What the batching policy has learned, as far as is known here."""
        ...

    def executor_state(self) -> Mapping[str, float]:
        """What an executor of work of many steps holds; empty for others."""
        ...

    def start(self) -> None:
        """Begin to run what is submitted."""
        ...

    def submit(self, work: Work) -> None:
        """Let `work` wait for its step."""
        ...

    def withdraw(self, work: Work) -> None:
        """Forget `work`, which is over."""
        ...

    def reconfigure(self, policy: Any, scheduler: Any, config: Any) -> None:
        """Plan with these from the next step on; None: as before. `config` is the model's section that they come of."""
        ...

    def stop(self, timeout: float) -> bool:
        """End it and give back the device; whether it ended within `timeout` seconds. Blocks."""
        ...


@dataclass(frozen=True, slots=True)
class Facts:
    """What an engine that runs elsewhere tells of its model. Plain data, so that it can be sent.

    `max_rows`: most rows of a request. `took`: seconds of loading, by phase. `policy`: the batching policy that
    its executor wants, if it runs work of many steps. `portrait`: see `Executor.portrait`.
    """

    signature: Signature
    capabilities: Capabilities
    max_rows: int
    platform: str
    took: Mapping[str, float] = field(default_factory=dict)
    policy: str | None = None
    portrait: tuple[str, Any] | None = None

    def plain(self) -> dict[str, Any]:
        """The same as plain data."""
        return {
            "inputs": [_plain(spec) for spec in self.signature.inputs],
            "outputs": [_plain(spec) for spec in self.signature.outputs],
            "capabilities": self.capabilities.plain(),
            "max_rows": self.max_rows,
            "platform": self.platform,
            "took": dict(self.took),
            "policy": self.policy,
            "portrait": None if self.portrait is None else list(self.portrait),
        }

    @classmethod
    def of(cls, data: Mapping[str, Any]) -> Facts:
        """Out of what `plain` gave."""
        signature = Signature(*(tuple(_spec(one) for one in data[which]) for which in ("inputs", "outputs")))
        portrait = data["portrait"]
        return cls(
            signature,
            Capabilities.of(data["capabilities"]),
            data["max_rows"],
            data["platform"],
            data["took"],
            data["policy"],
            None if portrait is None else (portrait[0], portrait[1]),
        )


@runtime_checkable
class Sendable(Protocol):
    """A `StepReport.extra` that is not lost where the engine runs in another process than the observers.
    `Likeness.extra` makes of its data what they are told, given what finds works by number (None: one that is over)."""

    def sent(self, number_of: Callable[[Work], int]) -> Any:
        """Plain data, with works by their numbers."""
        ...


@dataclass(frozen=True, slots=True)
class Likeness:
    """What a portrait shows, in the process of those who look at it.

    `about`: the executor's, and so is `cost`. `parameters`: types of what its responses carry, by name. `settle`
    completes a request that has come, so that another executor would answer it alike. `resume`: the request that is
    left to do when these responses to a request were told and its executor is gone; None: it cannot be continued.
    `close` is called at the end. `extra`: see `Sendable`.
    """

    about: Any
    parameters: Mapping[str, Any] = field(default_factory=dict)
    settle: Callable[[Request], None] | None = None
    resume: Callable[[Request, Sequence[Response]], Request | None] | None = None
    close: Callable[[], None] | None = None
    cost: Callable[[Request], int] | None = None
    extra: Callable[[Any, Callable[[int], Work | None]], Any] | None = None


def _plain(spec: TensorSpec) -> dict[str, Any]:
    shape = None if spec.shape is None else list(spec.shape)
    return {
        "name": spec.name,
        "datatype": str(spec.datatype),
        "shape": shape,
        "axes": list(spec.axes),
        "batch_axis": spec.batch_axis,
        "optional": spec.optional,
        "ragged": spec.ragged,
    }


def _spec(data: Mapping[str, Any]) -> TensorSpec:
    shape = None if data["shape"] is None else tuple(data["shape"])
    more = {name: data[name] for name in ("batch_axis", "optional", "ragged")}
    return TensorSpec(data["name"], Datatype(data["datatype"]), shape, tuple(data["axes"]), **more)
