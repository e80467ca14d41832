"""Scheduler `fair`: each tenant gets its share, whatever the others ask for."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jackfield import State, Work
from jackfield.testing import Simulation, make_work
from jackfield_plugins.batching.dynamic import Dynamic, DynamicOptions
from jackfield_plugins.batching.single import Single, SingleOptions
from jackfield_plugins.scheduling.fair import Fair, FairOptions


def _fair(**weights: float) -> Fair:
    return Fair(FairOptions(weights=weights))


def _jain(shares: list[float]) -> float:
    return sum(shares) ** 2 / (len(shares) * sum(share * share for share in shares))


@settings(deadline=None, derandomize=True, max_examples=100)
@given(
    steps=st.lists(st.tuples(st.integers(0, 10), st.sampled_from("abc"), st.integers(0, 4), st.booleans()), max_size=40)
)
def test_none_lost_nor_doubled_and_tenants_in_their_own_order(steps: list[tuple[int, str, int, bool]]) -> None:
    scheduler, inside = _fair(a=3.0), list[Work]()
    for index, tenant, rows, leaves in steps:
        if leaves and inside:
            work = inside.pop(index % len(inside))
            work.final = State.CANCELLED if index % 2 else None
            scheduler.remove(work)
        else:
            work = make_work(rows, tenant=tenant)
            scheduler.add(work, 0.0)
            inside.append(work)
        offered = list(scheduler.offer(0.0))
        assert len(offered) == len(inside) == len(scheduler)
        for name in "abc":
            assert [w for w in offered if w.request.tenant == name] == [w for w in inside if w.request.tenant == name]


@pytest.mark.parametrize("batched", [True, False])
def test_a_noisy_tenant_leaves_the_others_their_share(batched: bool) -> None:
    policy = Dynamic(DynamicOptions(max_batch_size=4)) if batched else Single(SingleOptions())
    simulation = Simulation(policy, _fair(), duration=lambda step: 0.001)
    tenants = {"noisy": 10, "one": 1, "two": 1, "three": 1}

    def ask(tenant: str) -> None:
        simulation.submit(
            make_work(
                now=simulation.clock.now(),
                tenant=tenant,
                sink=lambda work, result: simulation.later(0.0, lambda: ask(tenant)),
            )
        )

    for tenant, times in tenants.items():
        for _ in range(8 * times):  # each has more waiting at all times than a step takes
            ask(tenant)
    simulation.advance(2.0)
    done = Counter(work.request.tenant for work in simulation.answers)
    assert _jain([done[tenant] for tenant in tenants]) >= 0.95


def test_shares_follow_the_weights() -> None:
    simulation = Simulation(Single(SingleOptions()), _fair(gold=3.0), duration=lambda step: 0.001)
    for tenant in ("gold", "plain"):
        for _ in range(400):
            simulation.submit(make_work(tenant=tenant))
    simulation.advance(0.4)
    done = Counter(work.request.tenant for work in simulation.answers)
    assert done["gold"] / done["plain"] == pytest.approx(3.0, rel=0.05)


def test_rows_are_what_is_shared_and_not_requests() -> None:
    simulation = Simulation(Single(SingleOptions()), _fair(), duration=lambda step: 0.001)
    for _ in range(400):
        simulation.submit(make_work(8, tenant="large"))
        simulation.submit(make_work(1, tenant="small"))
    simulation.advance(0.3)
    rows = Counter[str]()
    for work in simulation.answers:
        rows[work.request.tenant] += work.rows
    assert rows["large"] / rows["small"] == pytest.approx(1.0, rel=0.1)


def test_idle_time_is_not_saved_up() -> None:
    scheduler = _fair()
    busy = [make_work(tenant="busy") for _ in range(60)]
    for work in busy:
        scheduler.add(work, 0.0)
    for work in busy[:50]:
        scheduler.remove(work)
    late = [make_work(tenant="late") for _ in range(10)]
    for work in late:
        scheduler.add(work, 1.0)
    first = list(scheduler.offer(1.0))[:10]
    assert 4 <= sum(work.request.tenant == "late" for work in first) <= 6


def test_cancelled_work_is_not_paid_for() -> None:
    scheduler = _fair()
    given_up = [make_work(tenant="a") for _ in range(20)]
    for work in given_up:
        scheduler.add(work, 0.0)
        work.final = State.CANCELLED
    other = make_work(tenant="b")
    scheduler.add(other, 0.0)
    for work in given_up:
        scheduler.remove(work)
    again = [make_work(tenant="a"), make_work(tenant="b")]
    for work in again:
        scheduler.add(work, 0.0)
    assert list(scheduler.offer(0.0)).index(again[0]) < 2


def test_tenants_that_are_gone_leave_nothing_behind() -> None:
    scheduler = _fair()
    stays = [make_work(tenant="stays") for _ in range(2000)]
    for work in stays:
        scheduler.add(work, 0.0)
    for number in range(1000):
        work = make_work(tenant=f"guest-{number}")
        scheduler.add(work, 0.0)
        scheduler.remove(work)
        scheduler.remove(stays.pop())
    assert len(scheduler._tenants) < 50


def test_a_key_says_the_weight_of_its_tenant_unless_the_scheduler_does() -> None:
    scheduler, works = _fair(named=1.0), list[Work]()
    for tenant, weight in (("keyed", 3.0), ("named", 9.0), ("plain", None)):
        works += [make_work(1, tenant=tenant, weight=weight) for _ in range(30)]
    line = scheduler.line()
    for work in works:
        scheduler.add(work, 0.0)
        line.enter(work)
    served = Counter[str]()
    for _ in range(25):
        work = next(iter(scheduler.offer(0.0)))
        scheduler.remove(work)
        line.leave(work)
        served[work.request.tenant] += 1
    assert served == {"keyed": 15, "named": 5, "plain": 5}
    assert line.ahead(make_work(1, tenant="keyed", weight=3.0)) == pytest.approx(15 + 5 + 5)
    assert line.ahead(make_work(1, tenant="plain")) == pytest.approx(25 + 15 + 25)
