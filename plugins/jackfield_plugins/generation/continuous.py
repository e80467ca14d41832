"""Batching policy `continuous`: each step is made of tokens, of sequences that run and of such that begin.

All that decode take part in every step. Beside them prompts are prefilled in chunks, so large that the step takes at
most `stretch` times what decoding alone takes; larger, where several works come at once. New work is taken in the
scheduler's order, as soon as there are blocks for its prompt beside what the others still need. When blocks run out,
the least important work gives its back and is computed anew later: by priority, then the youngest. What was preempted
goes before anything new; and what was preempted `patience` times is more important than all that was not, so each work
comes to its end.

Iteration-level scheduling is from "Orca" (Yu et al., 2022), chunks beside decoding from "SARATHI" (Agrawal et al.,
2023).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import cast

from pydantic import Field

from jackfield import BatchingPolicy, Capacity, Options, Progress, Step, Wait, Waiting, Work
from jackfield_plugins.generation.pace import Pace

_URGENCY = 4.0
"""How much more one that waits for its first token counts than one that waits for its next, if it is not alone."""

_LONG = 16
"""More steps than these, and those that come behind a prompt need not wait for all of it."""


class ContinuousOptions(Options):
    """What a step of text generation is made of."""

    max_sequences: int = Field(default=64, ge=1, le=4096)
    """Most sequences that share a step."""
    max_prefill_tokens: int = Field(default=512, ge=1)
    """Most tokens of prompts in a step."""
    min_prefill_tokens: int = Field(default=4, ge=1)
    """Tokens of prompts that a step may have however long it takes."""
    stretch: float = Field(default=1.45, gt=1)
    """How many times longer a step may take with prefill than without it, for those that decode. Larger: the first
    token of a long prompt comes sooner, and the others come less evenly meanwhile."""
    reserve: float = Field(default=0.02, ge=0, lt=1)
    """Share of the KV cache that is left to sequences that run when another begins."""
    patience: int = Field(default=2, ge=1)
    """After how many preemptions a work is preempted no more, as long as others can be."""
    default_priority: int = Field(default=4, ge=1)
    """The priority of requests that state none; 1 is the highest."""


class Continuous(BatchingPolicy):
    """Uses `work.extra`, a `Progress`, and the priority of a work, and nothing else of it."""

    options = ContinuousOptions
    continues = True

    def __init__(self, options: Options) -> None:
        super().__init__(options)
        self._own = cast(ContinuousOptions, options)
        self._pace = Pace()
        self._running: Sequence[Work] = ()
        self._ranked: list[Work] = []
        self._paused: set[Work] = set()
        self._times: dict[Work, int] = {}
        self._preemptions = 0
        self._blocks = 0
        self._last = (0, 0)
        # of the step that is being planned:
        self._chosen: list[Work] = []
        self._new: list[Work] = []
        self._free = 0

    @property
    def max_rows(self) -> int:
        """Most sequences of a step."""
        return self._own.max_sequences

    def state(self) -> Mapping[str, float]:
        """How much runs, how often work was preempted, and what a token of prefill costs."""
        return {
            "running": sum([work.final is None for work in self._running]),
            "paused": sum([work.final is None for work in tuple(self._paused)]),
            "preemptions": self._preemptions,
            "prefill_token_seconds": self._pace.row,
        }

    def observe(self, step: Step, now: float) -> None:
        """Learn how long it took."""
        report = step.work[0].report
        if report is not None and not report.failed and report.size == len(step.work):
            self._pace.learn(*self._last, report.execute + report.finish)
        else:
            self._pace.missed()

    def plan(self, waiting: Waiting, running: Sequence[Work], capacity: Capacity, now: float) -> Sequence[Work] | Wait:
        """The next step: what decodes, then what is left of prompts, then what was preempted, then what is new."""
        if capacity.busy:
            return Wait()
        self._chosen, self._new = [], []
        self._free = capacity.blocks if capacity.blocks is not None else 2**31
        self._blocks = max(self._blocks, self._free)
        if running != self._running:
            self._running = running
            self._rank()
        rows = self._decode()
        prefilling = [work for work in self._ranked if self._prefills(work)]
        slots = min(self._own.max_sequences, capacity.rows) - sum([work.extra.width for work in running])
        coming = len(prefilling) + len(self._paused) + min(len(waiting), max(slots, 0))
        left = most = self._chunk(rows, coming)
        left = self._prefill(prefilling, left, coming > 1)
        left = self._resume(left)
        if left and not self._paused and len(waiting):
            left = self._admit(waiting, left, slots)
        self._last = (rows, most - left)
        return self._chosen or Wait()

    def _rank(self) -> None:
        """The most important first."""
        own, running = self._own, self._running
        place = {work: number for number, work in enumerate(running)}
        self._paused.intersection_update(place)
        times = self._times = {work: count for work, count in self._times.items() if work in place}

        def rank(work: Work) -> tuple[int, int]:
            if times.get(work, 0) >= own.patience:
                return 0, place[work]
            return (work.request.priority if work.request.priority > 0 else own.default_priority), place[work]

        self._ranked = sorted(running, key=rank)

    def _decode(self) -> int:
        """All that decode, as far as there are blocks; how many tokens that is."""
        rows = 0
        for work in self._ranked:
            progress: Progress = work.extra
            if progress.decoding and work not in self._paused and self._get(work, progress.pending):
                rows += progress.pending
        return rows

    def _prefill(self, prefilling: Sequence[Work], left: int, several: bool) -> int:
        """On with the prompts that have been begun; how many tokens are left for others. A long one leaves half to
        those behind it."""
        for work in prefilling:
            if not left:
                break
            pending: int = work.extra.pending
            part = min(pending, -(-left // 2) if several and pending > _LONG * left else left)
            if work not in self._paused and self._get(work, part):  # some were just preempted for one before them
                left -= part
        return left

    def _resume(self, left: int) -> int:
        """What was preempted, the most important first, once there is room for all of it."""
        if not self._paused:
            return left
        self._rank()  # those that were preempted too often have become more important
        for work in [one for one in self._ranked if one in self._paused]:
            if not left or not self._fits(work):
                break
            self._paused.remove(work)
            left -= self._begin(work, left)
        return left

    def _admit(self, waiting: Waiting, left: int, slots: int) -> int:
        """What is new, in the order of the scheduler, in which nothing overtakes."""
        for work in waiting:
            slots -= work.extra.width
            if not left or (slots < 0 and self._chosen) or not self._fits(work):
                break
            left -= self._begin(work, left)
            self._new.append(work)
        return left

    def _chunk(self, rows: int, coming: int) -> int:
        """How many tokens of prompts this step may have, beside `rows` that are decoded, with so many works to come."""
        own, pace = self._own, self._pace
        if not rows:
            return own.max_prefill_tokens
        alone = pace.decoding(rows)
        if alone is None or pace.due:
            return 0  # this step tells
        if not pace.row:
            return own.min_prefill_tokens
        # each that comes waits for those before it, so that a burst goes first; two or three that meet wait their turn
        allowed = alone * (own.stretch - 1) * max(_URGENCY * max(coming - 1, (coming - 2) ** 3) / rows, 1.0)
        return int(min(max(allowed / pace.row, own.min_prefill_tokens), own.max_prefill_tokens))

    def _get(self, work: Work, tokens: int) -> bool:
        """Have `work` take part, at the cost of what is less important; if nothing is, it is preempted itself."""
        progress: Progress = work.extra
        need = progress.need(tokens)
        while need > self._free or not progress.reserve(tokens):
            victim = next((one for one in reversed(self._ranked) if one not in self._paused), work)
            self._preempt(victim)
            if victim is work:
                return False
        self._free -= need
        self._chosen.append(work)
        return True

    def _preempt(self, work: Work) -> None:
        self._free += work.extra.preempt()
        self._paused.add(work)
        self._times[work] = self._times.get(work, 0) + 1
        self._preemptions += 1
        if work in self._chosen:
            self._chosen.remove(work)

    def _fits(self, work: Work) -> bool:
        """Whether there are blocks for all of it, beside what is promised to those that prefill, and the reserve."""
        need = work.extra.need()
        if not self._chosen:
            return bool(need <= self._free)
        begun = [*self._new, *(one for one in self._ranked if self._prefills(one))]
        promised = sum([one.extra.need() for one in begun])
        return bool(need + promised + self._own.reserve * self._blocks <= self._free)

    def _prefills(self, work: Work) -> bool:
        return not work.extra.decoding and work not in self._paused

    def _begin(self, work: Work, left: int) -> int:
        """Have `work` take part, which fits; with how many tokens."""
        progress: Progress = work.extra
        part = min(progress.pending, left)
        need = progress.need(part)
        if not progress.reserve(part):
            raise RuntimeError(f"a sequence that needs {need} blocks of {self._free} could not have them")
        self._free -= need
        self._chosen.append(work)
        return part
