"""What a step of generation tells observers: `StepReport.extra`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from jackfield import Work


class StepTokens(NamedTuple):
    """`prefill` and `decode`: tokens that the step computed of prompts, and beside them. `work`: all that took part;
    `told`: how many tokens of its answers each of them got, None if it is one each. Not to be changed."""

    prefill: int
    decode: int
    work: Sequence[Work]
    told: Sequence[int] | None

    def sent(self, number_of: Callable[[Work], int]) -> Any:
        """The same as plain data, with works by number, and why the answers of those ended of which any is over."""
        over = [(place, work.extra.finishes) for place, work in enumerate(self.work) if work.extra.finishes]
        return self.prefill, self.decode, [number_of(work) for work in self.work], self.told, over
