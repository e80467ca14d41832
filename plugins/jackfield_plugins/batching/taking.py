"""Taking work out of what waits."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from jackfield import Work


def take(waiting: Iterable[Work], first: Work, most: int) -> Sequence[Work]:
    """`first`, and further work of its key in the order of `waiting`, as long as it fits into `most` rows together."""
    chosen = [first]
    rows = first.rows
    if rows < most:
        key = first.key
        for work in waiting:
            if work is not first and work.key == key and rows + work.rows <= most:
                chosen.append(work)
                rows += work.rows
                if rows == most:
                    break
    return chosen
