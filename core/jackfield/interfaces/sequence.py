"""The executor of work that takes part in many steps, such as the generation of text, and what a policy sees of it."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping
from typing import ClassVar, Protocol

from jackfield.interfaces.executor import Executor
from jackfield.types import Capabilities
from jackfield.work import Request, Work


class Progress(Protocol):
    """How far work of many steps is, and what it needs for the next one: `work.extra`, for a batching policy to read.

    A row is a token. Used by the thread that plans. Plain numbers are attributes, so that reading them costs nothing.
    """

    pending: int
    """Tokens with which it can take part in the next step: those of its prompt that are not computed yet; one for each
    of its sequences once it decodes."""
    width: int
    """Tokens with which it takes part in a step once it decodes, at most."""
    decoding: bool
    """Whether it only waits for its next tokens, and so must take part whole; otherwise any part of `pending` will
    do."""

    def need(self, tokens: int | None = None) -> int:
        """Free KV-cache blocks that `reserve(tokens)` would take; None: all that it takes until it gives its next
        token.

        What the cache knows of its prompt counts as computed: `pending` is up to date afterwards."""
        ...

    def reserve(self, tokens: int) -> bool:
        """Take the blocks for `tokens` of its pending ones, and let it take part in the next step with these.

        Whether there were enough; if not, nothing has changed. What was reserved before is replaced."""
        ...

    def preempt(self) -> int:
        """Give back all blocks and return how many became free; all its tokens are pending again."""
        ...


class SequenceExecutor(Executor):
    """An executor whose works stay: a work is over once its result is an error or a final response; None or another
    response means that it goes on. One lane drives it, so nothing here runs beside anything else but `accept`.
    """

    capabilities = Capabilities(concurrent=False)
    policy: ClassVar[str] = "continuous"
    """The batching policy that is taken if the configuration names none that plans work of many steps."""

    @abstractmethod
    def accept(self, work: Work) -> None:
        """Check `work`, which is about to be accepted, and set `work.extra` (see `Progress`). On the event loop, so it
        takes no more than microseconds and touches no memory of the device. Raises InvalidRequest or Unsupported."""

    def cost(self, request: Request) -> int:
        """What `request`, which nobody has checked yet, will cost a replica, for routers: in tokens to be computed, of
        prompt and answer, as far as they can be foreseen. On the event loop, within microseconds. 1 by default, so that
        routers count requests."""
        return 1

    @abstractmethod
    def release(self, work: Work) -> None:
        """Give back what `work` holds: it is over, whether it is answered, failed, cancelled or expired. Called once
        the step that it takes part in has ended, possibly for work that holds nothing, or twice. Must not raise."""

    def warm_up(self, progress: Callable[[str, int, int], None]) -> None:
        """Run what makes the first steps slow, before anything is accepted; `progress` is told what is being done, how
        much of it, and of how much. On the loading thread. Raises LoadError. Does nothing by default."""
        return

    def state(self) -> Mapping[str, float]:
        """What it holds, by name, to be shown in metrics; few names, which never come from clients. Called on the event
        loop, beside all else: it must return a new mapping at once. Empty by default."""
        return {}
