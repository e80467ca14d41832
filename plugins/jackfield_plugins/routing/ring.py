"""Consistent hashing: whose a key is, so that a replica which comes or goes changes that of few others.

As in "Consistent Hashing and Random Trees" (Karger et al., 1997): each replica has many points on a circle, and a key
belongs to the replica of the next point.
"""

from __future__ import annotations

from bisect import bisect
from collections.abc import Iterator, Sequence
from hashlib import blake2b

BITS = 64
_POINTS = 128
"""Of each replica; with so many, the shares of the circle differ by some tenth."""


class Ring:
    """Immutable. `names` are those of the replicas; what is told of them are their places in it."""

    def __init__(self, names: Sequence[str]) -> None:
        self.names = tuple(names)
        points = sorted(
            (int.from_bytes(blake2b(f"{name}#{number}".encode(), digest_size=BITS // 8).digest()), index)
            for index, name in enumerate(self.names)
            for number in range(_POINTS)
        )
        self._points = [point for point, _ in points]
        self._owners = [owner for _, owner in points]

    def walk(self, key: int) -> Iterator[int]:
        """Whose `key` is, and who is next to take it if that one does not: each once, of all of them."""
        seen: set[int] = set()
        owners, start = self._owners, bisect(self._points, key)
        for place in range(len(owners)):
            owner = owners[(start + place) % len(owners)]
            if owner not in seen:
                seen.add(owner)
                yield owner
