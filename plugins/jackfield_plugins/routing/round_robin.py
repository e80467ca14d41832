"""Router `round-robin`: one after the other, whatever they hold."""

from __future__ import annotations

from collections.abc import Sequence

from jackfield import Candidate, Options, Request, Router


class RoundRobin(Router):
    """Even in the number of requests, not in their cost."""

    def __init__(self, options: Options) -> None:
        super().__init__(options)
        self._turn = -1

    def choose(self, request: Request, cost: int, replicas: Sequence[Candidate]) -> int:
        """The index of the next."""
        self._turn += 1
        return self._turn % len(replicas)
