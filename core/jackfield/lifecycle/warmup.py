"""Warming up: every size of step that the policy can form is run once with real shapes before the model is ready."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from jackfield.config.models import WarmUp
from jackfield.errors import LoadError
from jackfield.interfaces import TensorExecutor
from jackfield.lifecycle.samples import sample

Progress = Callable[[str, int, int], None]
"""Told what is being done, and how much of how much is done."""


def warm_up(
    executor: TensorExecutor, sizes: Sequence[int], length: int, declared: WarmUp | None, progress: Progress
) -> float:
    """Run each of `sizes` rows once; return the seconds that the smallest took, run again.

    Raises LoadError naming the size at which the model failed.
    """
    names = executor.signature.output_names
    for done, rows in enumerate(sizes):
        progress("warming up", done, len(sizes))
        try:
            executor.run(sample(executor.signature, rows, length, declared), names)
        except Exception as error:  # a model is foreign code
            raise LoadError(f"the model failed to warm up with {rows} rows: {type(error).__name__}: {error}") from error
    progress("warming up", len(sizes), len(sizes))
    smallest = sample(executor.signature, sizes[0], length, declared)
    start = time.perf_counter()
    executor.run(smallest, names)
    return time.perf_counter() - start
