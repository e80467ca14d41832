"""An executor of work of many steps that does as it is told, with a pool of blocks that can be too small."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from jackfield.errors import InvalidRequest, Unavailable
from jackfield.interfaces import Capacity, SequenceExecutor
from jackfield.testing.making import DOUBLE
from jackfield.testing.scripted import Fault
from jackfield.types import Array
from jackfield.work import Outcome, Response, Result, Step, Work

BLOCK = 4
"""Tokens in a block."""


class ScriptedSequence:
    """A work of a `ScriptedSequences`; implements `Progress`. Parameter `prompt` is how many tokens its prompt has, 1
    if nothing is said, and `tokens` how many it gives, 3 if nothing is. Token n is the sum of its input plus n."""

    def __init__(self, owner: ScriptedSequences, work: Work) -> None:
        x = work.request.inputs["x"]
        self.prompt = _count(work, "prompt", 1)
        self.tokens = tokens = _count(work, "tokens", 3)
        self.base = float(x.sum())
        self.given: list[float] = []
        self.computed = 0
        self.reserved = 0
        self.blocks = 0
        self.preemptions = 0
        self._owner = owner
        if self._blocks(self.prompt + tokens - 1) > owner.blocks:
            raise InvalidRequest(f"{self.prompt} and {tokens} tokens do not fit into {owner.blocks} blocks")

    width = 1

    @property
    def pending(self) -> int:
        """Tokens that are to be computed before it gives its next one."""
        return self.prompt + len(self.given) - self.computed

    @property
    def decoding(self) -> bool:
        """Whether it has computed all but the newest."""
        return bool(self.given) and self.pending == 1

    def need(self, tokens: int | None = None) -> int:
        """Blocks beyond those that it has."""
        more = self.pending if tokens is None else tokens
        return max(self._blocks(self.computed + more) - self.blocks, 0)

    def reserve(self, tokens: int) -> bool:
        """Take them from the executor's."""
        need = self.need(tokens)
        if need > self._owner.free:
            return False
        self._owner.free -= need
        self.blocks += need
        self.reserved = tokens
        return True

    def preempt(self) -> int:
        """Give back all."""
        freed, self.blocks = self.blocks, 0
        self._owner.free += freed
        self.preemptions += 1
        self.computed = self.reserved = 0
        return freed

    def step(self) -> float | None:
        """Compute what was reserved; a token, once all is computed."""
        self.computed += self.reserved
        self.reserved = 0
        if self.pending:
            return None
        self.given.append(self.base + len(self.given))
        return self.given[-1]

    @staticmethod
    def _blocks(tokens: int) -> int:
        return -(-tokens // BLOCK)


class ScriptedSequences(SequenceExecutor):
    """Gives token after token in `y`: one a response to a stream, all at once otherwise.

    `blocks` of `BLOCK` tokens is all that it has; `free` of them are free. `poison`, `script` and `always` are as for
    `ScriptedExecutor`; a fault that is not an exception there is one here. `overdrawn`: works that ran with more tokens
    than they had blocks for, or with none.
    """

    def __init__(
        self,
        blocks: int = 64,
        *,
        most: int = 16,
        poison: Mapping[float, Fault] | None = None,
        script: Iterable[Fault | None] = (),
        always: Fault | None = None,
    ) -> None:
        self.signature = DOUBLE
        self.blocks = self.free = blocks
        self.most = most
        self.poison = dict(poison or {})
        self.script = deque(script)
        self.always = always
        self.overdrawn: list[Work] = []

    def accept(self, work: Work) -> None:
        """Each work is a sequence."""
        work.extra = ScriptedSequence(self, work)

    def release(self, work: Work) -> None:
        """Its blocks are free again."""
        sequence: ScriptedSequence = work.extra
        self.free += sequence.blocks
        sequence.blocks = sequence.reserved = 0

    def capacity(self) -> Capacity:
        """So many works a step, and the free blocks."""
        return Capacity(self.most, blocks=self.free)

    def prepare(self, step: Step) -> None:
        """There is nothing to prepare."""

    def execute(self, step: Step) -> Outcome:
        """One step of each."""
        self._fail(step.work)
        return Outcome([self._advance(work) for work in step.work])

    def _advance(self, work: Work) -> Result | None:
        sequence: ScriptedSequence = work.extra
        if not sequence.reserved or sequence.blocks * BLOCK < sequence.computed + sequence.reserved:
            self.overdrawn.append(work)
        token = sequence.step()
        if token is None:
            return None
        final = len(sequence.given) == sequence.tokens
        if work.request.stream:
            return Response({"y": np.array([[token]], np.float32)}, final=final)
        return Response({"y": np.array([sequence.given], np.float32).T}) if final else None

    def _fail(self, works: Sequence[Work]) -> None:
        match self._fault([work.request.inputs["x"] for work in works]):
            case None:
                return
            case Fault.UNAVAILABLE:
                raise Unavailable("the device is gone")
            case Fault.EXIT:
                raise SystemExit(1)
            case Fault.MEMORY:
                raise MemoryError
            case fault:
                raise RuntimeError(f"cannot run: {fault}")

    def _fault(self, inputs: Sequence[Array]) -> Fault | None:
        if self.script:
            return self.script.popleft()
        for value, fault in self.poison.items():
            if any((x == value).any() for x in inputs):
                return fault
        return self.always


def _count(work: Work, name: str, default: int) -> int:
    given = work.request.parameters.get(name, default)
    if not isinstance(given, int) or given < 1:
        raise InvalidRequest(f"parameter '{name}' must be a whole number of at least 1, got {given!r}")
    return given


__all__ = ["BLOCK", "ScriptedSequence", "ScriptedSequences"]
