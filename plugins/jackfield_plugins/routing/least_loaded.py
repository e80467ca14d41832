"""Router `least-loaded`: the replica with the fewest rows that it has yet to answer."""

from __future__ import annotations

from collections.abc import Sequence

from jackfield import Candidate, Request, Router


class LeastLoaded(Router):
    """Ties go to the first, so that few replicas stay warm under low load."""

    def choose(self, request: Request, rows: int, replicas: Sequence[Candidate]) -> int:
        """The index of the least loaded."""
        return min(range(len(replicas)), key=lambda index: replicas[index].outstanding)
