"""A new version on trial: a share of the requests goes to it, or is mirrored to it, until it is known to be good."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable
from functools import partial

from jackfield.config.updates import Canary, Shadow
from jackfield.errors import JackfieldError
from jackfield.lifecycle.comparing import differing
from jackfield.lifecycle.version import Version
from jackfield.types import Signature
from jackfield.work import Request, Response, Result, State, Work

_LOOKS = 0.05  # seconds between looks at how a trial goes
_FINENESS = 10_000  # of shares
_PER_OCTAVE, _OCTAVES = 8, 40  # of latencies, from a microsecond on: within 9 % of the truth


class Share:
    """Says which of many are meant, so that of any number in a row the share is right to within one."""

    def __init__(self, percent: float) -> None:
        self._step = max(round(percent / 100 * _FINENESS), 1)
        self._sum = 0

    def next(self) -> bool:
        """Whether the next is meant."""
        self._sum += self._step
        if self._sum < _FINENESS:
            return False
        self._sum -= _FINENESS
        return True


class Window:
    """What became of the requests of one version while it was watched, in bounded memory."""

    def __init__(self) -> None:
        self.completed = 0
        self.failed = 0
        self._times = [0] * (_PER_OCTAVE * _OCTAVES)

    def saw(self, work: Work) -> None:
        """Count `work`, which is over. One that was cancelled says nothing."""
        if work.final is State.COMPLETED:
            self.completed += 1
            microseconds = max((work.finished - work.arrival) * 1e6, 1.0)
            self._times[min(int(math.log2(microseconds) * _PER_OCTAVE), len(self._times) - 1)] += 1
        elif work.final is not State.CANCELLED:
            self.failed += 1

    @property
    def over(self) -> int:
        """How many are over."""
        return self.completed + self.failed

    def errors(self, of: int = 0) -> float:
        """Percent that failed, were there at least `of`."""
        return 100 * self.failed / max(self.over, of, 1)

    def latency(self, part: float = 0.95) -> float:
        """Seconds within which that part was answered."""
        left = self.completed * part
        for index, count in enumerate(self._times):
            left -= count
            if count and left <= 0:
                return float(2 ** ((index + 1) / _PER_OCTAVE)) / 1e6
        return 0.0


class CanaryTrial:
    """Sends a share to `new`, and watches it and `old` at the same time."""

    def __init__(self, old: Version, new: Version, config: Canary, now: Callable[[], float]) -> None:
        self.new = new
        self._old = old
        self._config = config
        self._now = now
        self._share = Share(config.percent)
        self._before, self._after = Window(), Window()
        self._end = ""

    def choose(self, main: Version) -> Version:
        """Which takes the next request that names no version."""
        return self.new if (self._share.next() and self.new.ready) or not main.ready else main

    def submitted(self, work: Work) -> None:
        """Nothing is mirrored."""

    def end(self, reason: str) -> None:
        """It is over, and the new version must not take over, for `reason`."""
        self._end = reason

    async def verdict(self) -> str:
        """Why the new version must not take over; empty if it may. Takes as long as the trial."""
        began = self._now()
        self._old.watch, self.new.watch = self._before.saw, self._after.saw
        try:
            while True:
                await asyncio.sleep(_LOOKS)
                reason, passed = self._problem(), self._now() - began
                enough = self._after.over >= self._config.min_requests and passed >= self._config.min_s
                if reason or enough or passed >= self._config.max_s:
                    return reason
        finally:
            self._old.watch = self.new.watch = None

    def _problem(self) -> str:
        config, before, after = self._config, self._before, self._after
        if self._end:
            return f"canary: {self._end}"
        if not self.new.ready:
            return f"canary: {self.new.unready or 'its worker is down'}"
        allowed = before.errors() + config.max_error_percent
        if after.errors(config.min_requests) > allowed:  # no number of good answers that is still to come helps
            return (
                f"canary: {after.failed} of its {after.over} requests failed, and {before.failed} of {before.over} of "
                f"the old version's in the same time; at most {allowed:.3g} % may"
            )
        ratio = config.max_latency_ratio
        if ratio is None or after.completed < config.min_requests or not before.completed:
            return ""
        took, most = after.latency(), before.latency() * ratio
        if took <= most:
            return ""
        return (
            f"canary: 95 % of its answers took up to {took * 1e3:.3g} ms, and {before.latency() * 1e3:.3g} ms with the "
            f"old version in the same time; at most {ratio:g} times as long is allowed"
        )


class ShadowTrial:
    """Asks `new` a share of what `old` has answered, and compares. What cannot keep up is dropped, and nobody waits."""

    def __init__(self, old: Version, new: Version, config: Shadow, now: Callable[[], float]) -> None:
        self.new = new
        self._old = old
        self._config = config
        self._now = now
        self._share = Share(config.percent)
        self._pending = 0
        self.compared = self.different = self.dropped = 0
        self._example = ""
        self._end = ""
        self._tasks: set[asyncio.Task[None]] = set()

    def choose(self, main: Version) -> Version:
        """The old version answers all."""
        return main

    def submitted(self, work: Work) -> None:
        """A client's request was accepted: it may be meant."""
        if work.version is self._old and not work.request.stream and self._share.next():
            work.sink = partial(self._answered, work.sink)

    def end(self, reason: str) -> None:
        """It is over, and the new version must not take over, for `reason`."""
        self._end = reason

    async def verdict(self) -> str:
        """Why the new version must not take over; empty if it may. Takes as long as the trial."""
        began, config = self._now(), self._config
        try:
            while True:
                await asyncio.sleep(_LOOKS)
                over = self._now() - began >= config.max_s
                if self._end:
                    return f"shadow: {self._end}"
                if not self.new.ready:
                    return f"shadow: {self.new.unready or 'its worker is down'}"
                percent = 100 * self.different / max(self.compared, config.min_requests)
                if percent > config.max_mismatch_percent:  # whatever is still to come
                    return (
                        f"shadow: {self.different} of {self.compared} answers are not those of the old version "
                        f"({self._example}); at most {config.max_mismatch_percent:g} % may differ"
                    )
                if self.compared >= config.min_requests or over:
                    return ""
        finally:
            for task in self._tasks:
                task.cancel()

    def _answered(self, sink: Callable[[Work, Result], None], work: Work, result: Result) -> None:
        sink(work, result)
        if not isinstance(result, Response) or work.final is not State.COMPLETED:
            return
        if self._pending >= self._config.max_pending:
            self.dropped += 1
            return
        asked = work.request
        again = Request(
            asked.model,
            asked.inputs,
            outputs=asked.outputs,
            parameters=dict(asked.parameters),
            priority=asked.priority,
            tenant=asked.tenant,
        )
        try:
            self.new.ask(again, partial(self._come, result, work.replica.signature))
        except JackfieldError as error:
            self._count(str(error))
        else:
            self._pending += 1

    def _come(self, expected: Response, signature: Signature, work: Work, result: Result) -> None:
        if work.final is None:
            return
        if not isinstance(result, Response):
            self._pending -= 1
            self._count(str(result))
            return
        task = asyncio.ensure_future(self._compare(expected, signature, result))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _compare(self, expected: Response, signature: Signature, got: Response) -> None:
        try:
            problem = await asyncio.to_thread(self._differing, expected, signature, got)
        finally:
            self._pending -= 1
        self._count(problem)

    def _differing(self, expected: Response, signature: Signature, got: Response) -> str:
        rtol, atol = self._config.rtol, self._config.atol
        for spec in signature.outputs:
            array = expected.outputs.get(spec.name)
            if array is not None:
                problem = differing(spec.name, spec.datatype, got.outputs, array, rtol, atol)
                if problem:
                    return problem
        return ""

    def _count(self, problem: str) -> None:
        self.compared += 1
        if problem:
            self.different += 1
            self._example = self._example or problem


Trial = CanaryTrial | ShadowTrial
