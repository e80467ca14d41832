"""Warming up: every size of step that the policy can form is run once with real shapes before the model is ready."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from jackfield.config.models import WarmUp
from jackfield.errors import LoadError
from jackfield.interfaces import TensorExecutor
from jackfield.lifecycle.company import stretched
from jackfield.lifecycle.samples import sample
from jackfield.padding import Lengths, Padding

Progress = Callable[[str, int, int], None]
"""Told what is being done, and how much of how much is done."""


_MOST_BUCKETS = 16
_LONGEST_REST = 1.0  # seconds after one run


def warm_up(
    executor: TensorExecutor,
    sizes: Sequence[int],
    length: int,
    declared: WarmUp | None,
    progress: Progress,
    rest: float = 0.0,
) -> float:
    """Run each of `sizes` rows once; return the seconds that the smallest took, run again.

    `rest`: how many times as long as each run a pause is made after it, for what else runs on the machine.
    Where axes are padded, single rows of up to 16 buckets follow, evenly chosen, and the largest step of all: most rows
    in the largest bucket. All combinations would take too long, and these reach every length and the most memory.
    Raises LoadError naming the size at which the model failed.
    """
    names = executor.signature.output_names
    runs: list[tuple[int, Lengths | None]] = [(rows, None) for rows in sizes]
    padding = executor.padding
    if padding is not None:
        buckets = _buckets(padding)
        runs += [(1, lengths) for lengths in buckets] + [(sizes[-1], lengths) for lengths in buckets[-1:]]
    for done, (rows, lengths) in enumerate(runs):
        progress("warming up", done, len(runs))
        inputs = sample(executor.signature, rows, length, declared)
        at = ""
        if padding is not None and lengths is not None:
            at = f" of lengths {list(lengths)}"
            for name, axes in padding.inputs.items():
                if name in inputs:
                    inputs[name] = stretched(inputs[name], {number: lengths[place] for number, place in axes})
        start = time.perf_counter()
        try:
            executor.run(inputs, names)
        except Exception as error:  # a model is foreign code
            raise LoadError(
                f"the model failed to warm up with {rows} rows{at}: {type(error).__name__}: {error}"
            ) from error
        if rest:
            time.sleep(min(rest * (time.perf_counter() - start), _LONGEST_REST))
    progress("warming up", len(runs), len(runs))
    smallest = sample(executor.signature, sizes[0], length, declared)
    start = time.perf_counter()
    executor.run(smallest, names)
    return time.perf_counter() - start


def _buckets(padding: Padding) -> list[Lengths]:
    """Buckets that stand for all: the axes grow together, so that there are no more than of the axis with the most."""
    count = min(max(len(axis.buckets) for axis in padding.axes), _MOST_BUCKETS)
    chosen = [tuple(_evenly(axis.buckets, n, count) for axis in padding.axes) for n in range(count)]
    return list(dict.fromkeys(chosen))


def _evenly(buckets: Lengths, n: int, count: int) -> int:
    """The bucket at place `n` of `count` that are spread over all, the last of which is the largest."""
    return buckets[-(-(n + 1) * len(buckets) // count) - 1]
