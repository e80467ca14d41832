"""Generations under a virtual clock: a decoder, the executor, the policy and a scheduler, on the engine loop."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from jackfield import Array, Options, Request, Scheduler, Step, Work
from jackfield.testing import InOrder, Simulation
from jackfield.work import Response, Result
from jackfield_plugins.generation.answer import Piece
from jackfield_plugins.generation.continuous import Continuous, ContinuousOptions
from jackfield_plugins.generation.decoder import Decoder
from jackfield_plugins.generation.executor import GenerationExecutor


class Engine:
    """One replica. `heard` is every result of every work, in order."""

    def __init__(
        self,
        decoder: Decoder,
        scheduler: Scheduler | None = None,
        *,
        policy: dict[str, Any] | None = None,
        decoding: float = 0.01,
        row: float = 0.001,
        **executor: Any,
    ) -> None:
        self.decoder = decoder
        self.executor = GenerationExecutor(decoder, **executor)
        self.policy = Continuous(ContinuousOptions(**(policy or {})))
        self.heard: dict[Work, list[Result]] = {}
        self.times: dict[Work, list[float]] = {}

        def duration(step: Step) -> float:
            rows = step.payload.rows
            return decoding + row * max(len(rows.tokens) - len(step.payload.decoding), 0)

        self.simulation = Simulation(self.policy, scheduler or InOrder(Options()), self.executor, duration=duration)

    def submit(self, prompt: Sequence[int] | Array, *, priority: int = 0, tenant: str = "", **more: Any) -> Work:
        """A request arrives. `more` are parameters; `stream` and `timeout` as in a request."""
        stream, timeout = more.pop("stream", False), more.pop("timeout", None)
        now = self.simulation.clock.now()
        request = Request(
            "m",
            {"tokens": np.array(prompt, np.int32)},
            parameters={"temperature": 0, **more},
            priority=priority,
            tenant=tenant,
            stream=stream,
        )
        deadline = None if timeout is None else now + timeout
        work = Work(request, 1, 4 * len(prompt), (), now, deadline, self._hear)
        self.heard[work], self.times[work] = [], []
        return self.simulation.submit(work)

    def drain(self) -> None:
        """Until all is answered, and nobody holds a block."""
        self.simulation.drain(1e6)
        self.simulation.advance(1.0)
        assert self.executor.pool.free == self.executor.pool.count
        assert self.executor.cache.lines == len(self.executor.cache.tables)
        assert self.executor.rows.order == []

    def tokens(self, work: Work, index: int = 0) -> list[int]:
        """What it said, as one of its choices."""
        return [token for piece in self.pieces(work) if piece.index == index for token in piece.tokens]

    def text(self, work: Work, index: int = 0) -> str:
        """What it said, as text."""
        return "".join(piece.text for piece in self.pieces(work) if piece.index == index)

    def pieces(self, work: Work) -> list[Piece]:
        """All pieces that were told."""
        found: list[Piece] = []
        for result in self.heard[work]:
            assert isinstance(result, Response), result
            found += result.parameters["pieces"]
        return found

    def finish(self, work: Work, index: int = 0) -> str:
        """Why it ended."""
        return next(piece.finish for piece in reversed(self.pieces(work)) if piece.index == index)

    def run(self, prompt: Sequence[int] | Array, **more: Any) -> list[int]:
        """The tokens of one request, alone."""
        work = self.submit(prompt, **more)
        self.drain()
        return self.tokens(work)

    def _hear(self, work: Work, result: Result) -> None:
        self.heard[work].append(result)
        self.times[work].append(self.simulation.clock.now())
