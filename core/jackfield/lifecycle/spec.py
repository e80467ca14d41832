"""What a placement starts a replica from, when it starts it in this process."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from jackfield.clock import Clock
from jackfield.config.models import ModelConfig
from jackfield.lifecycle.changing import Changing
from jackfield.lifecycle.limits import limits
from jackfield.lifecycle.opening import Opener
from jackfield.lifecycle.replica import LocalReplica
from jackfield.lifecycle.warmup import Progress
from jackfield.work import StepReport


@dataclass(slots=True)
class LocalSpec:
    """Implements `ReplicaSpec`. `stepped` and `died` are called on the event loop."""

    name: str
    config: ModelConfig
    opener: Opener
    clock: Clock
    post_to_loop: Callable[[Callable[[], None]], None]
    stepped: Callable[[StepReport], None]
    died: Callable[[str], None]
    progress: Progress

    def post(self, call: Callable[[], None]) -> None:
        """Run `call` on the server's event loop."""
        self.post_to_loop(call)

    def build(self) -> LocalReplica:
        """Open the model and start its engine loop."""
        opened = self.opener.open(self.progress)
        replica = LocalReplica(
            name=self.name,
            model=self.opener.name,
            executor=opened.executor,
            policy=opened.policy,
            scheduler=opened.scheduler,
            clock=self.clock,
            post=self.post_to_loop,
            stepped=self.stepped,
            died=self.died,
            limits=limits(self.config, opened.policy, opened.executor.capabilities),
            step_timeout=self.config.step_timeout_s,
            lanes=opened.lanes,
            changing=Changing(self.config, opened.policy, opened.executor, self.opener.registry),
        )
        replica.start()
        return replica
