"""The contract of backends of work of many steps catches what their executors can get wrong."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from jackfield.errors import LoadError
from jackfield.interfaces import Artifact, Backend, Capacity, Executor, SequenceExecutor
from jackfield.options import Options
from jackfield.testing import ContinuingBackendContract, Fault, ScriptedExecutor, ScriptedSequences, make_request
from jackfield.testing.sequences import ScriptedSequence
from jackfield.types import Device
from jackfield.work import Outcome, Request, Response, Result, Step, Work
from tests.core.testing.breaking import assert_breaks, broken

_POISON = -7.0
SIZES = ((1, 5), (9, 6), (14, 4), (3, 9), (6, 7))
"""Tokens of prompt and answer."""


class Good(ScriptedSequences):
    """Counts upwards from its input."""

    def __init__(self) -> None:
        super().__init__(40, poison={_POISON: Fault.RAISE})

    def _advance(self, work: Work) -> Result | None:
        result = super()._advance(work)
        if isinstance(result, Response):
            result.outputs["y"] = self.changed(result.outputs["y"], work)
        return result

    def changed(self, y: Any, work: Work) -> Any:
        """For what is wrong with the answers of others."""
        return y


class Leaks(Good):
    """Lets the company change answers."""

    company = 1

    def execute(self, step: Step) -> Outcome:
        self.company = len(step.work)
        return super().execute(step)

    def changed(self, y: Any, work: Work) -> Any:
        return y + 0.001 * self.company


class Constant(Good):
    """Is no model at all."""

    def changed(self, y: Any, work: Work) -> Any:
        return y * 0


class Counts(Good):
    """Gives another answer each time."""

    times = 0

    def changed(self, y: Any, work: Work) -> Any:
        self.times += 1
        return y + self.times


class Watched(ScriptedSequence):
    """Knows in how many pieces its prompt was computed, and how often it was preempted."""

    pieces = 0
    again = 0

    def step(self) -> float | None:
        self.pieces += not self.given
        return super().step()

    def preempt(self) -> int:
        self.again += 1
        self.pieces = 0
        return super().preempt()


class Watching(Good):
    """Has such sequences."""

    sequence: type[ScriptedSequence] = Watched

    def accept(self, work: Work) -> None:
        work.extra = self.sequence(self, work)


class Coarse(Watching):
    """Computes other keys where a prompt comes in pieces."""

    def changed(self, y: Any, work: Work) -> Any:
        return y + (work.extra.pieces > 1 and not work.extra.again)


class Forgets(Watching):
    """Begins its answer anew when it is preempted."""

    def changed(self, y: Any, work: Work) -> Any:
        return y[:-1] if work.extra.again else y


class Mumbles(Good):
    """Says something else to a stream."""

    def changed(self, y: Any, work: Work) -> Any:
        return y + work.request.stream


class Endless(Good):
    """Never says to a stream that it is over."""

    def _advance(self, work: Work) -> Result | None:
        result = super()._advance(work)
        if isinstance(result, Response) and work.request.stream:
            result.final = False
        return result


class Keeps(Good):
    """Keeps the blocks of what was cancelled."""

    def release(self, work: Work) -> None:
        if len(work.extra.given) == work.extra.tokens:
            super().release(work)


class Twice(Good):
    """Gives the same blocks back as often as it is asked."""

    def release(self, work: Work) -> None:
        self.free += work.extra.blocks


class LessTold(Watched):
    """Tells less than it takes."""

    def need(self, tokens: int | None = None) -> int:
        return super().need(tokens) // 2

    def reserve(self, tokens: int) -> bool:
        need = super().need(tokens)
        self.blocks += need
        self._owner.free -= need
        self.reserved = tokens
        return True


class TakesAnyway(Watched):
    """Takes what is there, where that is not enough."""

    def reserve(self, tokens: int) -> bool:
        if super().reserve(tokens):
            return True
        self.blocks += self._owner.free
        self._owner.free = 0
        return False


class Boasts(Watched):
    """Gives back less than it says."""

    def preempt(self) -> int:
        return super().preempt() + 1


def with_sequence(kind: type[ScriptedSequence]) -> type[Watching]:
    """An executor with sequences of this kind."""
    return type(kind.__name__, (Watching,), {"sequence": kind})


class Hasty(Good):
    """Begins to answer when a step is prepared."""

    def prepare(self, step: Step) -> Any:
        for work in step.work:
            work.extra.base += 1
        return step

    def execute(self, step: Step) -> Outcome:
        if step.payload is not step:
            raise RuntimeError("not prepared")
        for work in step.work:
            work.extra.base -= 1
        return super().execute(step)


class Fragile(Good):
    """Does not survive a step that failed."""

    failed = False

    def prepare(self, step: Step) -> Any:
        return step

    def execute(self, step: Step) -> Outcome:
        self.failed = self.failed or step.payload is not step
        if self.failed:
            raise RuntimeError("broken for good")
        return super().execute(step)


class Swallows(Good):
    """Answers with what it has where it has nothing."""

    def _fail(self, works: Sequence[Work]) -> None:
        return


class Sulks(Good):
    """Is another after a request that broke a step."""

    wrong = 0

    def _fail(self, works: Sequence[Work]) -> None:
        try:
            super()._fail(works)
        except RuntimeError:
            self.wrong = 1
            raise

    def changed(self, y: Any, work: Work) -> Any:
        return y + self.wrong


class Accepts(Watching):
    """Takes what it will never have room for."""

    def accept(self, work: Work) -> None:
        blocks, self.blocks = self.blocks, 10**6
        super().accept(work)
        self.blocks = blocks


class WarmsBadly(Good):
    """Keeps what it warmed up with."""

    def warm_up(self, progress: Callable[[str, int, int], None]) -> None:
        self.free -= 1


class TooFar(Good):
    """Is further than it can be."""

    def warm_up(self, progress: Callable[[str, int, int], None]) -> None:
        progress("warming up", 3, 2)


class Live(Good):
    """Shows what it writes to."""

    def __init__(self) -> None:
        super().__init__()
        self.steps: dict[str, float] = {"steps": 0}

    def execute(self, step: Step) -> Outcome:
        self.steps["steps"] += 1
        return super().execute(step)

    def state(self) -> Mapping[str, float]:
        return self.steps


class Grows(Good):
    """Finds a name for each request."""

    def state(self) -> Mapping[str, float]:
        self.seen = getattr(self, "seen", 0) + 1
        return {f"request {self.seen}": 1}


class Common(Good):
    """Has one life with all others."""

    lives = [1]

    def __init__(self) -> None:
        super().__init__()
        self.lives[0] = 1

    def changed(self, y: Any, work: Work) -> Any:
        return y * self.lives[0]

    def close(self) -> None:
        self.lives[0] = 0


class Silent(Good):
    """Does not say what room it has."""

    def capacity(self) -> Capacity:
        return Capacity(16)


def contract(executor: type[Executor], *, devices: int = 1, kind: str = "counts") -> type[ContinuingBackendContract]:
    class Opens(Backend):
        accepts = frozenset({"counts"})

        @classmethod
        def devices(cls) -> Sequence[Device]:
            return [Device("cpu", "cpu")] * devices

        def open(self, artifact: Artifact, device: Device) -> Executor:
            if artifact.kind not in self.accepts:
                raise LoadError("another kind")
            return executor()

    class Contract(ContinuingBackendContract):
        def backend(self) -> Backend:
            return Opens(Options())

        def artifact(self, folder: Path) -> Artifact:
            return Artifact(kind, str(folder / "model"), None, None)

        def requests(self) -> Sequence[Request]:
            return [_request(100.0 * number, *sizes) for number, sizes in enumerate(SIZES)]

        def said(self, response: Response) -> list[Any]:
            found: list[Any] = response.outputs["y"].ravel().tolist()
            return found

        def faulty(self) -> Request | None:
            return _request(_POISON, 3, 4)

        def too_large(self) -> Request | None:
            return _request(1.0, 150, 20)

    return Contract


def _request(value: float, prompt: int, tokens: int) -> Request:
    return make_request(value=value, parameters={"prompt": prompt, "tokens": tokens})


class TestGood(contract(Good)):  # type: ignore[misc]
    """One that keeps to it."""


@pytest.mark.parametrize(
    ("executor", "test", "says"),
    [
        (ScriptedExecutor, "it_continues_work", "ScriptedExecutor is no SequenceExecutor"),
        (Silent, "it_continues_work", "must say how many blocks are free"),
        (Leaks, "company_changes_no_answer", "a request is answered otherwise in company: number 0 is told 0.00"),
        (Constant, "answers_differ_where_requests_do", "two requests have one answer"),
        (Counts, "answers_differ_where_requests_do", "answered otherwise when it comes again"),
        (Coarse, "pieces_change_no_answer", "computed by 1 tokens a step, a request is answered otherwise"),
        (Forgets, "preemption_changes_no_answer", "a request that was preempted is answered otherwise"),
        (Mumbles, "a_stream_says_the_same", "a stream says something else than the answer in one"),
        (Endless, "a_stream_says_the_same", "left without an answer"),
        (Keeps, "neighbours_that_go_change_no_answer", "40 blocks were free before requests came and went"),
        (Twice, "all_blocks_come_back", "40 blocks were free before any work"),
        (with_sequence(LessTold), "need_reserve_and_preempt_agree", "and `reserve` took"),
        (with_sequence(TakesAnyway), "need_reserve_and_preempt_agree", "and `reserve` took"),
        (with_sequence(Boasts), "need_reserve_and_preempt_agree", "became free"),
        (Hasty, "a_step_that_failed_can_be_tried_again", "after a step that failed, requests are answered otherwise"),
        (Fragile, "a_step_that_failed_can_be_tried_again", "a request was answered with ExecutionFailed"),
        (Swallows, "a_request_that_breaks_steps_costs_its_neighbours_nothing", "that breaks steps was answered"),
        (Sulks, "a_request_that_breaks_steps_costs_its_neighbours_nothing", "another is answered otherwise"),
        (Accepts, "what_can_never_fit_is_refused_at_once", "a request was accepted that could never be held"),
        (WarmsBadly, "warming_up_leaves_nothing", "warming up has kept blocks"),
        (TooFar, "warming_up_leaves_nothing", "progress was told as [(3, 2)]"),
        (Live, "states_are_snapshots", "a state that was returned changed afterwards"),
        (Grows, "states_are_snapshots", "the state had names ['request 1'], and then ['request 2']"),
        (Common, "replicas_do_not_know_each_other", "closing one replica changed the answers of another"),
    ],
)
def test_what_an_executor_gets_wrong_is_caught(executor: type[Executor], test: str, says: str) -> None:
    assert_breaks(contract(executor), test, says)


def test_devices_and_kinds_are_checked() -> None:
    assert_breaks(contract(Good, devices=0), "devices_are_told", "there is no device")
    assert_breaks(contract(Good, devices=2), "devices_are_told", "two devices have one name")
    other = contract(Good, kind="letters")
    assert_breaks(other, "what_it_opens_it_says_that_it_accepts", "'letters' is not among what it accepts: counts")


def test_what_is_optional_may_be_left_out() -> None:
    class Plain(contract(Good)):  # type: ignore[misc]
        def faulty(self) -> Request | None:
            return None

        def too_large(self) -> Request | None:
            return None

    assert broken(Plain) == {}
    assert issubclass(Good, SequenceExecutor)
