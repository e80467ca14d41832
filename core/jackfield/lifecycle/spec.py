"""What a placement starts a replica from: with its engine in this process, or with one that runs elsewhere."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from jackfield.clock import Clock
from jackfield.config.models import ModelConfig
from jackfield.config.plain import plain
from jackfield.engine.admission import Limits
from jackfield.engine.loop import EngineLoop
from jackfield.interfaces import Line, SequenceExecutor, Share
from jackfield.interfaces.engine import Deliver, Died, Engine, Facts, Likeness
from jackfield.interfaces.placement import OnAbandon
from jackfield.lifecycle.changing import AnyChanging, Changing, ChangingElsewhere
from jackfield.lifecycle.limits import limits
from jackfield.lifecycle.opening import Opener
from jackfield.lifecycle.replica import LocalReplica, Traits
from jackfield.lifecycle.warmup import Progress
from jackfield.work import StepReport


@dataclass(slots=True)
class LocalSpec:
    """Implements `ReplicaSpec`. `stepped` and `died` are called on the event loop."""

    name: str
    model: str
    number: int
    config: ModelConfig
    share: Share
    opener: Opener
    clock: Clock
    post_to_loop: Callable[[Callable[[], None]], None]
    stepped: Callable[[StepReport], None]
    died: Callable[[LocalReplica, str], None]
    progressed: Progress
    on_abandon: OnAbandon

    def progress(self, doing: str, done: int, total: int) -> None:
        """Tell how far loading is."""
        self.progressed(doing, done, total)

    def post(self, call: Callable[[], None]) -> None:
        """Run `call` on the server's event loop."""
        self.post_to_loop(call)

    def plain(self) -> dict[str, Any]:
        """See `ReplicaSpec`."""
        return plain(self.config.model_copy(update={"device": self.share.device, "devices": None, "cores": None}))

    def build(self) -> LocalReplica:
        """Open the model and start its engine loop."""
        opened = self.opener.open(self.progressed, self.share)
        executor, policy = opened.executor, opened.policy

        def engine(deliver: Deliver, died: Died) -> Engine:
            return EngineLoop(self.name, executor, policy, opened.scheduler, self.clock, deliver, died, opened.lanes)

        traits = Traits(executor.signature, executor.capabilities, executor.about, portrait=executor.portrait)
        if isinstance(executor, SequenceExecutor):
            traits = replace(traits, accept=executor.accept, cost=executor.cost)
        changing = Changing(self.config, policy, executor, self.opener.registry)
        most = limits(self.config, policy, executor.capabilities)
        return self._replica(traits, engine, opened.scheduler.line(), most, changing)

    def join(self, facts: Facts, likeness: Likeness, engine: Callable[[Deliver, Died], Engine]) -> LocalReplica:
        """See `ReplicaSpec`."""
        self.opener.learn(facts)
        seen = likeness
        traits = Traits(
            facts.signature,
            facts.capabilities,
            seen.about,
            None,
            seen.settle,
            seen.resume,
            seen.cost,
            lambda: facts.portrait,
        )
        changing = ChangingElsewhere(self.config, facts, self.opener.registry)
        now = changing.to(self.config)
        return self._replica(traits, engine, changing.line(), now.limits, changing)

    def _replica(
        self,
        traits: Traits,
        engine: Callable[[Deliver, Died], Engine],
        line: Line | None,
        most: Limits,
        changing: AnyChanging,
    ) -> LocalReplica:
        replica = LocalReplica(
            self.name,
            self.opener.name,
            traits,
            engine,
            line,
            self.clock,
            self.post_to_loop,
            self.stepped,
            self.died,
            most,
            self.config.step_timeout_s,
            changing,
        )
        replica.start()
        return replica
