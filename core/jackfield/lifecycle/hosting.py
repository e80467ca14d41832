"""The other half of a replica whose ledger is elsewhere: a model opened in this process, and its engine loop.

Where a placement starts processes or actors, a `Host` runs in each. It knows works by number only: it is told of them,
and tells what became of them; which of them count is for the ledger to say.
"""

from __future__ import annotations

import importlib
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import structlog

from jackfield.clock import Clock, MonotonicClock
from jackfield.config.load import load_model
from jackfield.engine.delivery import conclude
from jackfield.engine.loop import EngineLoop
from jackfield.errors import Cancelled, JackfieldError, LoadError
from jackfield.interfaces import SequenceExecutor, Share
from jackfield.interfaces.engine import Died, Facts, Likeness, Sendable
from jackfield.lifecycle.changing import Changing
from jackfield.lifecycle.limits import limits
from jackfield.lifecycle.opening import Opener
from jackfield.lifecycle.policies import own_policy
from jackfield.lifecycle.warmup import Progress
from jackfield.plugins.registry import Registry
from jackfield.signature import measure
from jackfield.work import Request, Result, StepReport, Work

log = structlog.get_logger("jackfield.hosting")

Told = Callable[[Sequence[tuple[int, Result, StepReport | None]], Sequence[StepReport]], None]
"""Told what became of works, by their numbers, each with the report of its step; and how the steps went. The `extra` of
these is plain data (see `Sendable`)."""


class Host:
    """Opens the model of `data` (see `ReplicaSpec.plain`) and runs its engine. `threads`: how many its steps may take;
    None: as many as libraries find best. `told` and `died` are called on engine
    threads, `told` also on the one that submits; so is `running`, with the numbers of the works that are about to take
    part in a step, and with none after it. All else here is for one thread.

    Raises LoadError or ConfigError, and then nothing is left running.
    """

    def __init__(
        self,
        name: str,
        model: str,
        data: Mapping[str, Any],
        told: Told,
        died: Died,
        progress: Progress,
        running: Callable[[Sequence[int]], None] | None = None,
        registry: Registry | None = None,
        clock: Clock | None = None,
        threads: int | None = None,
    ) -> None:
        self._registry = registry if registry is not None else Registry.installed()
        self._clock = clock if clock is not None else MonotonicClock()
        self._model = model
        self._told = told
        self._running = running
        self._steps: dict[int, list[int]] = {}
        self._works: dict[int, Work] = {}
        self._numbers: dict[Work, int] = {}
        config = load_model(data, self._registry)
        opener = Opener(model, config, self._registry)
        opened = opener.open(progress, Share(config.device, threads, None))
        executor = self._executor = opened.executor
        self._accept = executor.accept if isinstance(executor, SequenceExecutor) else None
        self._changing = Changing(config, opened.policy, executor, self._registry)
        self.facts = Facts(
            executor.signature,
            executor.capabilities,
            limits(config, opened.policy, executor.capabilities).max_rows,
            opener.platform,
            opener.took,
            own_policy(executor),
            executor.portrait(),
        )
        self.engine = EngineLoop(
            name,
            executor,
            opened.policy,
            opened.scheduler,
            self._clock,
            self._deliver,
            died,
            opened.lanes,
            None if running is None else self._runs,
        )
        self.engine.start()

    @property
    def held(self) -> int:
        """How many works it knows."""
        return len(self._works)

    def submit(self, number: int, request: Request, arrival: float, deadline: float | None) -> None:
        """Run `request`, which is known by `number` from here on. Never raises: what is wrong with it is told."""
        try:
            weight = measure(self._executor.signature, self._model, request.inputs)
            work = Work(request, weight.rows, weight.bytes, weight.key, arrival, deadline, _nobody)
            if self._accept is not None:
                self._accept(work)
        except JackfieldError as error:
            self._told([(number, error, None)], ())
            return
        self._works[number] = work
        self._numbers[work] = number
        self.engine.submit(work)

    def withdraw(self, number: int) -> None:
        """Nobody waits for this work any more."""
        work = self._works.pop(number, None)
        if work is not None:
            self._numbers.pop(work, None)
            conclude(work, Cancelled("it was withdrawn"), self._clock.now())
            self.engine.withdraw(work)

    def reconfigure(self, data: Mapping[str, Any]) -> None:
        """Go on with the model's section `data`. Raises ConfigError, and then nothing has changed."""
        change = self._changing.to(load_model(data, self._registry))
        self._changing.done(change)
        self.engine.reconfigure(change.policy, change.scheduler, change.config)

    def stop(self, timeout: float) -> bool:
        """End the engine and free the device; whether it ended within `timeout` seconds."""
        return self.engine.stop(timeout)

    def _number_of(self, work: Work) -> int:
        return self._numbers.get(work, -1)

    def _runs(self, works: Sequence[Work]) -> None:
        """On an engine's thread, of which there may be two."""
        self._steps[threading.get_ident()] = [self._numbers.get(work, -1) for work in works]
        if self._running is not None:
            self._running([number for step in list(self._steps.values()) for number in step])

    def _deliver(self, results: Sequence[tuple[Work, Result]], reports: Sequence[StepReport]) -> None:
        now = self._clock.now()
        for report in reports:
            if report.extra is not None:
                sendable = isinstance(report.extra, Sendable)
                report.extra = report.extra.sent(self._number_of) if sendable else None
        told: list[tuple[int, Result, StepReport | None]] = []
        for work, result in results:
            number = self._numbers.get(work)
            if number is None:  # it was withdrawn
                continue
            answer = conclude(work, result, now)
            if answer is None:
                continue
            if work.final is not None:
                self._numbers.pop(work, None)
                self._works.pop(number, None)
                if answer is not result:  # the engine may hold that it goes on
                    self.engine.withdraw(work)
            told.append((number, answer, work.report))
        self._told(told, reports)


def likeness_of(portrait: tuple[str, Any] | None) -> Likeness:
    """What a portrait shows (see `Executor.portrait`). Raises LoadError if it cannot be looked at here."""
    if portrait is None:
        return Likeness(None)
    where, data = portrait
    module, _, name = where.partition(":")
    try:
        found = getattr(importlib.import_module(module), name)(data)
    except JackfieldError:
        raise
    except Exception as error:  # a plugin is foreign code
        raise LoadError(f"'{where}' cannot show the model here: {type(error).__name__}: {error}") from error
    if not isinstance(found, Likeness):
        raise LoadError(f"'{where}' must return a Likeness, and returned an object of type {type(found).__name__}")
    return found


def _nobody(work: Work, result: Result) -> None:
    """The ledger is elsewhere."""
