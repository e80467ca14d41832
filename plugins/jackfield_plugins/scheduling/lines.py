"""What stands ahead of new work, by order: only how many rows of a kind are there need be known."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

from jackfield import Line, Work

Kind = TypeVar("Kind", bound=Hashable)


class _Counting(Line, Generic[Kind]):
    """Rows by kind. `kind` must always say the same of a work, and should have few values at a time."""

    def __init__(self, kind: Callable[[Work], Kind]) -> None:
        self._kind = kind
        self._rows: dict[Kind, int] = {}

    def enter(self, work: Work) -> None:
        """Count its rows."""
        kind = self._kind(work)
        self._rows[kind] = self._rows.get(kind, 0) + work.rows

    def leave(self, work: Work) -> None:
        """Count them no longer."""
        kind = self._kind(work)
        left = self._rows.get(kind, 0) - work.rows
        if left > 0:
            self._rows[kind] = left
        else:  # works of no rows may have seen their kind go
            self._rows.pop(kind, None)


class InLine(Line):
    """All that is there runs first."""

    def __init__(self) -> None:
        self._rows = 0

    def enter(self, work: Work) -> None:
        """Count its rows."""
        self._rows += work.rows

    def leave(self, work: Work) -> None:
        """Count them no longer."""
        self._rows -= work.rows

    def ahead(self, work: Work) -> float:
        """All rows."""
        return self._rows


class Ranked(_Counting[int]):
    """Work of a lower rank runs first, and of the same rank what came first."""

    def ahead(self, work: Work) -> float:
        """The rows of all ranks down to its own."""
        mine = self._kind(work)
        return sum(rows for rank, rows in self._rows.items() if rank <= mine)


class Sharing(_Counting[str]):
    """Tenants get rows by `weight`: while one gets those that it waits for, each other gets as much for its weight, if
    it asks for that much."""

    def __init__(self, weight: Callable[[Work], float]) -> None:
        super().__init__(lambda work: work.request.tenant)
        self._weight = weight
        self._weights: dict[str, float] = {}

    def enter(self, work: Work) -> None:
        """Count its rows."""
        super().enter(work)
        self._weights[work.request.tenant] = self._weight(work)

    def leave(self, work: Work) -> None:
        """Count them no longer."""
        super().leave(work)
        if work.request.tenant not in self._rows:
            self._weights.pop(work.request.tenant, None)

    def ahead(self, work: Work) -> float:
        """The tenant's own rows, and meanwhile those of the others."""
        tenant = work.request.tenant
        own = self._rows.get(tenant, 0)
        for_one = own / self._weight(work)
        others = (min(rows, for_one * self._weights[name]) for name, rows in self._rows.items() if name != tenant)
        return own + sum(others)
