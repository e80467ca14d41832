"""Taking work whose lengths differ out of what waits, so that the padding of the step keeps to a budget."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import islice

from jackfield import Lengths, Padding, Scale, Work

_WINDOW = 2  # of so many full steps works are looked at, so that a deep queue costs no more than a full one


def fitting(waiting: Iterable[Work], first: Work, most: int, padding: Padding) -> Sequence[Work]:
    """`first`, and further work of its key, of at most `most` rows together and within the budget: as many rows as can
    be had, and of equal choices that with the least padding. Works of one length are taken in the order of `waiting`.

    For each bucket that is not too long for `first`, the works that it holds are taken from the longest on, since each
    is a greater share of padding than the one before; the best that keeps to the budget on this way counts.
    """
    if first.rows >= most:
        return [first]
    key = first.key
    others = [work for work in islice(waiting, _WINDOW * most + 1) if work is not first and work.key == key]
    scale = padding.scale(first)
    sizes = {work.lengths: scale.elements(work.lengths) for work in (first, *others)}
    others.sort(key=lambda work: -sizes[work.lengths])  # stable: equals stay in their order
    own = sizes[first.lengths]
    best: Sequence[Work] = [first]
    best_score = (first.rows, 0.0)
    for each, target in _targets(first.lengths, sizes, padding, scale):
        # were all others of the full length, this would be the least padding
        if not scale.allows(target, most, first.rows * own + (most - first.rows) * each):
            continue
        chosen, rows, real = [first], first.rows, first.rows * own
        for work in others:
            if rows + work.rows > most or any(a > b for a, b in zip(work.lengths, target, strict=True)):
                continue
            chosen.append(work)
            rows += work.rows
            real += work.rows * sizes[work.lengths]
            score = (rows, real / (rows * each) if rows * each else 1.0)
            if score > best_score and scale.allows(target, rows, real):
                best, best_score = chosen[:], score
            if rows == most:
                break
        if best_score[0] == most:  # full, and a longer target would hardly waste less
            break
    return best


def _targets(own: Lengths, sizes: Iterable[Lengths], padding: Padding, scale: Scale) -> Sequence[tuple[int, Lengths]]:
    """What a step with `own` in it could be padded to: each bucket that something waits for, and the longest lengths in
    it; with the elements of a row, ascending."""
    longest: dict[Lengths, Lengths] = {}
    for lengths in sizes:
        needed = tuple(map(max, own, lengths))
        bucket = padding.rounded(needed)
        longest[bucket] = tuple(map(max, longest.get(bucket, needed), needed))
    return sorted((scale.elements(one), one) for one in {own, *longest, *longest.values()})
