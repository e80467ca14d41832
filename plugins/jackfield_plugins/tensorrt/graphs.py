"""CUDA graphs: the kernels of a step whose shapes come again are captured once, and launched as one from then on."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass
from typing import Any

import structlog

log = structlog.get_logger("jackfield.tensorrt")

_MOST_COUNTED = 4096  # combinations of shapes: clients choose them, so they are not all remembered


@dataclass(frozen=True, slots=True)
class Captured:
    """A graph, the execution context that it was captured from, which must not be used for anything else while the
    graph lives, and the tensors on the device that it reads and writes."""

    graph: Any
    context: Any
    inputs: Mapping[str, Any]
    outputs: Mapping[str, Any]


class Graphs:
    """Up to `most` graphs, by what their shapes are; each takes an execution context with its memory. A combination is
    captured when it has run `after` times; one that cannot be captured is not tried again. Used by one thread at a
    time, with the step's stream current."""

    def __init__(self, torch: Any, most: int, after: int) -> None:
        self._torch = torch
        self._most = most
        self._after = after
        self._seen: Counter[Hashable] = Counter()
        self._captured: dict[Hashable, Captured] = {}
        self._given_up: set[Hashable] = set()

    def find(self, key: Hashable) -> Captured | None:
        """The graph for these shapes, if there is one."""
        return self._captured.get(key)

    def due(self, key: Hashable) -> bool:
        """Count a run of these shapes without a graph; whether one should be captured now."""
        if len(self._captured) >= self._most or key in self._given_up:
            return False
        if len(self._seen) >= _MOST_COUNTED:
            self._seen.clear()
        self._seen[key] += 1
        return self._seen[key] > self._after

    def capture(
        self,
        key: Hashable,
        context: Any,
        inputs: Mapping[str, Any],
        outputs: Mapping[str, Any],
        launch: Callable[[int], None],
    ) -> Captured | None:
        """Capture what `launch` puts on the stream whose handle it is given, out of `context`, reading `inputs` and
        writing `outputs`. None if that cannot be done, which is logged."""
        graph = self._torch.cuda.CUDAGraph()
        try:
            with self._torch.cuda.graph(graph, capture_error_mode="thread_local"):
                launch(self._torch.cuda.current_stream().cuda_stream)
        except Exception as error:  # kernels that cannot be captured say so in many ways
            log.warning("a step cannot be captured as a CUDA graph", reason=str(error).splitlines()[:1])
            self._given_up.add(key)
            return None
        self._seen.pop(key, None)
        captured = self._captured[key] = Captured(graph, context, inputs, outputs)
        return captured

    def clear(self) -> None:
        """Let go of all."""
        self._captured.clear()
