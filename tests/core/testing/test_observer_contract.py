"""The contract of observers catches what an observer can get wrong."""

from __future__ import annotations

import time
from typing import Any

import pytest

from jackfield.interfaces import Observer, Settled
from jackfield.options import Options
from jackfield.server import Server
from jackfield.testing import ObserverContract
from jackfield.work import State, StepReport, Work
from tests.core.testing.breaking import assert_breaks, broken


class Good(Observer):
    """Counts."""

    def __init__(self, options: Options, server: Server) -> None:
        super().__init__(options, server)
        self.counts: dict[str, int] = {}

    def settled(self, event: Settled) -> None:
        self.counts[event.model] = self.counts.get(event.model, 0) + 1


class Raises(Good):
    """Cannot stand failures."""

    def settled(self, event: Settled) -> None:
        if event.work.error is not None:
            raise event.work.error


class NeedsAReport(Good):
    """Takes it for granted that everything ran."""

    def settled(self, event: Settled) -> None:
        self.counts[event.model] = int(event.work.report.rows)  # type: ignore[union-attr]


class NeedsTheBeginning(Good):
    """Takes it for granted that what ends has begun."""

    def accepted(self, model: str, version: str, work: Work) -> None:
        self.counts[f"{model}/{version}"] = 1

    def stepped(self, model: str, version: str, report: StepReport) -> None:
        if report.failed:
            self.counts[f"{model}/{version}"] += 1


class Divides(Good):
    """Forgets that steps may have no rows."""

    def stepped(self, model: str, version: str, report: StepReport) -> None:
        assert report.execute / report.rows >= 0


class Sleeps(Good):
    """Holds the event loop up."""

    def refused(self, model: str, reason: str) -> None:
        time.sleep(0.01)


class Computes(Good):
    """Has much to think about."""

    def settled(self, event: Settled) -> None:
        assert sum(range(400_000))


class Asynchronous(Good):
    """Waits to be awaited."""

    async def changed(self, *told: Any) -> None:  # type: ignore[override]
        pass


class Meddles(Good):
    """Turns failures into successes."""

    def settled(self, event: Settled) -> None:
        event.work.final = State.COMPLETED


class LooksAtTheServer(Good):
    """Looks a version up under the wrong name."""

    def stepped(self, model: str, version: str, report: StepReport) -> None:
        assert self.server.models[version]


def contract(observer: type[Observer]) -> type[ObserverContract]:
    class Contract(ObserverContract):
        def observer(self, server: Server) -> Observer:
            return observer(Options(), server)

    return Contract


def test_a_good_observer_keeps_to_it() -> None:
    assert broken(contract(Good)) == {}


@pytest.mark.parametrize(
    ("observer", "test", "says"),
    [
        (Raises, "every_event_is_accepted", "settled raised ExecutionFailed"),
        (NeedsAReport, "every_event_is_accepted", "settled raised AttributeError"),
        (NeedsTheBeginning, "any_order_is_accepted", "stepped raised KeyError"),
        (Divides, "every_event_is_accepted", "stepped raised ZeroDivisionError"),
        (Sleeps, "it_returns_at_once", "time.sleep(0.01) was called on the event loop"),
        (Computes, "it_returns_at_once", "are the most (`longest_call`)"),
        (Asynchronous, "every_event_is_accepted", "changed is asynchronous"),
        (Meddles, "what_it_is_told_of_is_not_changed", "the observer changed what it was told of"),
        (LooksAtTheServer, "a_server_with_it_serves", "stepped raised KeyError: '1'"),
    ],
)
def test_what_an_observer_gets_wrong_is_caught(observer: type[Observer], test: str, says: str) -> None:
    assert_breaks(contract(observer), test, says)
