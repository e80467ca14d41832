"""Batching policy `none`: one request a step, as soon as the device is free."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

from pydantic import Field

from jackfield import BatchingPolicy, Capacity, Options, Wait, Waiting, Work


class SingleOptions(Options):
    """Requests are never joined."""

    max_batch_size: int = Field(default=32, ge=1)
    """Most rows of one request."""


class Single(BatchingPolicy):
    """Takes whatever the scheduler offers first."""

    options = SingleOptions

    def plan(self, waiting: Waiting, running: Sequence[Work], capacity: Capacity, now: float) -> Sequence[Work] | Wait:
        """The first work. While the device is busy it is planned ahead, since nothing better can come of waiting."""
        for work in waiting:
            return (work,)
        return Wait()

    @property
    def max_rows(self) -> int:
        """Most rows of one request."""
        return cast(SingleOptions, self.settings).max_batch_size
