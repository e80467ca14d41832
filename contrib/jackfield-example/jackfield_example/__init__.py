"""Batching policy `quorum`: a step starts when `requests` of one kind wait, or the first has waited `patience_ms`."""

from collections.abc import Mapping, Sequence

from jackfield import BatchingPolicy, Capacity, Options, Wait, Waiting, Work, hookimpl
from pydantic import Field

jackfield_api = "1.0"


class QuorumOptions(Options):
    requests: int = Field(default=4, ge=1)
    """How many requests make a step worth while."""
    patience_ms: float = Field(default=5, ge=0)
    """Longest that a request waits for others."""
    max_rows: int = Field(default=32, ge=1)
    """Most rows of a step; requests with more are refused."""


class Quorum(BatchingPolicy):
    options = QuorumOptions

    def __init__(self, options: QuorumOptions) -> None:
        super().__init__(options)
        self._requests, self._patience = options.requests, options.patience_ms / 1000
        self._most = options.max_rows

    @property
    def max_rows(self) -> int:
        return self._most

    def sizes(self) -> Sequence[int]:
        return sorted({1, min(self._requests, self._most), self._most})

    def plan(self, waiting: Waiting, running: Sequence[Work], capacity: Capacity, now: float) -> Sequence[Work] | Wait:
        chosen: list[Work] = []
        rows, limit = 0, min(self._most, capacity.rows)
        for work in waiting:
            if not chosen or (work.key == chosen[0].key and rows + work.rows <= limit):
                chosen.append(work)
                rows += work.rows
        if not chosen:
            return Wait()
        due = chosen[0].arrival + self._patience
        if len(chosen) < self._requests and rows < limit and now < due:
            return Wait(until=due)
        return chosen


@hookimpl
def jackfield_batching_policies() -> Mapping[str, type[BatchingPolicy]]:
    return {"quorum": Quorum}
