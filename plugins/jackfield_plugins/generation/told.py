"""What a step of generation tells observers: `StepReport.extra`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from jackfield import Work


class StepTokens(NamedTuple):
    """`prefill` and `decode`: tokens that the step computed of prompts, and beside them. `work`: all that took part;
    `told`: how many tokens of its answers each of them got, None if it is one each. Not to be changed."""

    prefill: int
    decode: int
    work: Sequence[Work]
    told: Sequence[int] | None
