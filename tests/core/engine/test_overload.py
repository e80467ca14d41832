"""Ten times as many requests as can be answered: as many are answered as when there are just enough of them."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest

from jackfield.engine.admission import Limits
from jackfield.errors import Expired, Overloaded
from jackfield.options import Options
from jackfield.testing import Simulation, make_work
from jackfield.work import Response, State, Step
from jackfield_plugins.batching.dynamic import Dynamic, DynamicOptions
from tests.core.engine.machine import POLICIES, SCHEDULERS

MOST = 16
STEP, ROW = 0.010, 0.001  # seconds
SECONDS = 8.0


def _played(policy: str, scheduler: str, load: float, deadline: Callable[[random.Random], float | None]) -> Simulation:
    """`load` times what can be answered; steps take a tenth more or less than usual."""
    draw = random.Random(7)

    def duration(step: Step) -> float:
        return (STEP + ROW * step.rows) * draw.uniform(0.9, 1.1)

    rows = 1 if policy == "none" else MOST
    capacity = rows / (STEP + ROW * rows)
    simulation = Simulation(
        POLICIES[policy](MOST, 3.0, ()),
        SCHEDULERS[scheduler](),
        duration=duration,
        limits=Limits(max_rows=MOST, max_queue=10**6, max_queue_bytes=10**9),
    )

    def ask() -> None:
        now = simulation.clock.now()
        if now < SECONDS:
            simulation.later(draw.expovariate(load * capacity), ask)
            work = make_work(
                now=now, timeout=deadline(draw), priority=draw.randrange(1, 9), tenant=draw.choice(("a", "b", "c"))
            )
            try:
                simulation.submit(work)
            except Overloaded:
                return

    ask()
    simulation.advance(SECONDS)
    simulation.drain()
    return simulation


@pytest.mark.parametrize("scheduler", SCHEDULERS)
@pytest.mark.parametrize("policy", POLICIES)
def test_goodput_holds(policy: str, scheduler: str) -> None:
    usual = _played(policy, scheduler, 1.0, lambda draw: draw.choice((0.2, 0.5, 1.0)))
    flood = _played(policy, scheduler, 10.0, lambda draw: draw.choice((0.2, 0.5, 1.0)))
    assert flood.counts[State.COMPLETED] >= 0.9 * usual.counts[State.COMPLETED]
    assert flood.shed > 5 * flood.counts[State.COMPLETED]
    for work, answer in flood.answers.items():
        assert work.deadline is not None
        late = work.finished > work.deadline
        assert isinstance(answer, Expired if work.final is State.EXPIRED else Response)
        assert not late or work.final is State.EXPIRED


def test_without_it_goodput_would_not_hold(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("jackfield.engine.admission.Admission._check_wait", lambda self, work: None)
    usual = _played("dynamic", "fifo", 1.0, lambda draw: 0.2)
    flood = _played("dynamic", "fifo", 10.0, lambda draw: 0.2)
    assert flood.counts[State.COMPLETED] < 0.5 * usual.counts[State.COMPLETED]


def test_steady_steps_and_one_deadline_shed_nobody_who_could_be_answered_in_time() -> None:
    """With steps that always take the same, what is learned is exact; and hardly anybody is accepted in vain."""
    draw = random.Random(3)
    simulation = Simulation(
        Dynamic(DynamicOptions(max_batch_size=4, max_delay_ms=0)),
        SCHEDULERS["fifo"](),
        duration=lambda step: 0.01,
        limits=Limits(max_rows=4, max_queue=10**6, max_queue_bytes=10**9),
    )
    for _ in range(200):  # steps from here on are full
        simulation.submit(make_work())
    simulation.drain()
    shed = []
    for _ in range(300):
        simulation.advance(draw.choice((0.0, 0.001, 0.004)))
        now = simulation.clock.now()
        timeout = draw.choice((0.015, 0.03, 0.08))
        ahead = simulation.waiting
        since = simulation.executing_since
        rest = 0.0 if since is None else since + 0.01 - now
        end = rest + (ahead // 4 + 1) * 0.01
        try:
            simulation.submit(make_work(now=now, timeout=timeout))
        except Overloaded:
            shed.append(end / timeout)
    simulation.drain()
    assert len(shed) > 50
    assert all(share > 1 - 1e-9 for share in shed)
    assert simulation.counts[State.EXPIRED] < 0.05 * simulation.counts[State.COMPLETED]


def test_a_limit_on_the_wait_holds_without_deadlines() -> None:
    simulation = Simulation(
        Dynamic(DynamicOptions(max_batch_size=4, max_delay_ms=0)),
        SCHEDULERS["fifo"](),
        duration=lambda step: 0.01,
        limits=Limits(max_rows=4, max_queue=10**6, max_queue_bytes=10**9, max_wait=0.05),
    )
    for _ in range(8):
        simulation.submit(make_work())
    simulation.drain()
    for _ in range(100):
        for _ in range(4):
            try:
                simulation.submit(make_work(now=simulation.clock.now()))
            except Overloaded:
                continue
        simulation.advance(0.001)
    simulation.drain()
    waits = [work.report.started - work.arrival for work in simulation.answers if work.report is not None]
    assert simulation.shed > 200
    assert 0.03 < max(waits) <= 0.05


def test_a_scheduler_that_says_nothing_sheds_less_and_loses_nothing() -> None:
    class Silent(type(SCHEDULERS["fifo"]())):  # type: ignore[misc]  # whatever class that is
        def line(self) -> None:
            return None

    simulation = Simulation(
        POLICIES["dynamic"](4, 0.0, ()),
        Silent(Options()),
        duration=lambda step: 0.01,
        limits=Limits(max_rows=4, max_queue=10**6, max_queue_bytes=10**9),
    )
    for number in range(400):
        simulation.later(number * 0.001, lambda: simulation.submit(make_work(now=simulation.clock.now(), timeout=0.1)))
    simulation.advance(1.0)
    simulation.drain()
    assert simulation.shed == 0
    assert simulation.counts.total() == 400
