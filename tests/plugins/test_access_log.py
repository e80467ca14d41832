"""The observer `access-log` says what became of requests, and nothing of what is in them."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from structlog.testing import capture_logs

from jackfield import Settled, State, StepReport, Work
from jackfield.errors import ExecutionFailed
from jackfield.testing import VirtualClock, make_work
from jackfield_plugins.access_log import AccessLog, AccessLogOptions

CLOCK = VirtualClock()
SERVER: Any = SimpleNamespace(clock=CLOCK)


def _work(state: State, **more: Any) -> Work:
    work = make_work(2, value=12345.0, now=1.0, parameters={"secret": "do not tell"}, tenant="somebody", **more)
    work.final, work.finished = state, 1.0125
    return work


def _lines(requests: str, *works: Work) -> list[Any]:
    log = AccessLog(AccessLogOptions(requests=requests), SERVER)  # type: ignore[arg-type]
    with capture_logs() as lines:
        for work in works:
            log.settled(Settled("m", "1", work))
        log.refused("m", "shed")
        log.refused("", "not_found")
    return lines


EACH = [State.COMPLETED, State.FAILED, State.CANCELLED, State.EXPIRED]


@pytest.mark.parametrize(
    ("requests", "states", "refusals"),
    [("all", EACH, 2), ("failed", [State.FAILED, State.CANCELLED, State.EXPIRED], 2), ("none", [], 0)],
)
def test_what_is_logged_is_an_option(requests: str, states: list[State], refusals: int) -> None:
    lines = _lines(requests, *map(_work, EACH))
    assert [line["state"] for line in lines if line["event"] == "request"] == [str(state) for state in states]
    assert len([line for line in lines if line["event"] == "request refused"]) == refusals


def test_a_line_says_whose_request_it_was_how_long_it_took_and_in_which_batch() -> None:
    work = _work(State.COMPLETED, id="r1", trace="t1")
    work.report = StepReport("m/1/0", 6, 3, 0.0)
    line = _lines("all", work)[0]
    assert line == {
        "event": "request",
        "log_level": "info",
        "model": "m",
        "version": "1",
        "request_id": "r1",
        "trace": "t1",
        "state": "completed",
        "ms": 12.5,
        "rows": 2,
        "batch": 6,
        "error": None,
    }


def test_failures_are_warnings_with_their_error_and_cancellations_are_not() -> None:
    failed, cancelled = _work(State.FAILED), _work(State.CANCELLED)
    failed.error = ExecutionFailed("the model raised ValueError: no")
    lines = _lines("failed", failed, cancelled)
    assert [(line["log_level"], line["error"]) for line in lines[:2]] == [
        ("warning", "the model raised ValueError: no"),
        ("info", None),
    ]


def test_inputs_parameters_and_tenants_are_never_logged() -> None:
    text = repr(_lines("all", *map(_work, EACH)))
    assert "12345" not in text
    assert "do not tell" not in text
    assert "somebody" not in text


def test_a_flood_of_refusals_is_a_line_a_second() -> None:
    log = AccessLog(AccessLogOptions(), SERVER)
    with capture_logs() as lines:
        for moment in range(41):
            if moment:
                CLOCK.advance(0.0625)
            log.refused("m", "shed")
            log.refused("m", "shed")
        log.refused("m", "invalid")
    assert [(line["reason"], line["count"]) for line in lines] == [
        ("shed", 1),
        ("shed", 32),
        ("shed", 32),
        ("invalid", 1),
    ]


def test_all_logs_each_refusal() -> None:
    log = AccessLog(AccessLogOptions(requests="all"), SERVER)
    with capture_logs() as lines:
        for _ in range(5):
            log.refused("m", "shed")
    assert len(lines) == 5
