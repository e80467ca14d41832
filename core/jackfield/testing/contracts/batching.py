"""What every batching policy keeps to."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from typing import ClassVar

from jackfield.interfaces import BatchingPolicy, Scheduler
from jackfield.options import Options
from jackfield.testing.contracts.traffic import EVERYDAY, Played, Traffic
from jackfield.testing.contracts.watching import WatchedPolicy
from jackfield.testing.making import make_work
from jackfield.testing.plain import InOrder
from jackfield.testing.simulation import Simulation
from jackfield.work import Step, StepReport, Work


class BatchingPolicyContract(ABC):
    """Subclass it with a name that begins with `Test`, say by `policy` what is to be tested, and run pytest.

    `longest_wait`: virtual seconds for which the policy may let work wait beside an idle device.
    `most_passed_over`: how many steps in a row may go by the work that the scheduler offers first.
    """

    longest_wait: ClassVar[float] = 1.0
    most_passed_over: ClassVar[int] = 20

    @abstractmethod
    def policy(self) -> BatchingPolicy:
        """A new policy, made with options as the configuration would."""

    def traffic(self) -> Sequence[Traffic]:
        """What the policy is put through."""
        return EVERYDAY

    def test_every_request_is_answered_once_and_rightly(self) -> None:
        """Nothing that was accepted is lost, whatever fails, expires or is cancelled meanwhile."""
        for traffic, _, played in self._played():
            assert not played.faults, f"{traffic.name}: {played.faults[0]}"

    def test_a_step_is_work_that_waits_and_fits_together(self) -> None:
        """One key, no more rows than capacity and `max_rows`, each work once, none that does not wait."""
        self._keeps("misfits")

    def test_work_does_not_wait_for_long_beside_an_idle_device(self) -> None:
        """Each Wait beside an idle device has a moment, and that comes within `longest_wait`."""
        self._keeps("sleeps")

    def test_the_order_is_the_schedulers(self) -> None:
        """Of works of one key and as many rows, those run first that are offered first, whenever they came."""
        self._keeps("reorders")
        self._keeps("reorders", scheduler=_Backwards(Options()))

    def test_nobody_is_passed_over_for_ever(self) -> None:
        """Work of a rare key, or that is large, is not kept waiting by what goes better together."""
        for traffic, policy, _ in self._played():
            passed = policy.most_passed_over
            assert passed <= self.most_passed_over, (
                f"{traffic.name}: {passed} steps in a row went by the work that was offered first, and "
                f"{self.most_passed_over} are the most (`most_passed_over`)"
            )

    def test_plan_only_reads(self) -> None:
        """The queue and the work in it are the engine's to change."""
        self._keeps("changes")

    def test_nothing_is_raised_and_no_clock_is_read(self) -> None:
        """`plan` and `observe` use what they are given, and cope with all of it."""
        self._keeps("raises")

    def test_rows_and_sizes_are_what_steps_can_have(self) -> None:
        """`max_rows` is at least 1 and stays; `sizes` ascend between 1 and `max_rows`."""
        policy = self.policy()
        most, sizes = policy.max_rows, list(policy.sizes())
        assert isinstance(most, int), f"max_rows is {most!r}"
        assert most >= 1, f"max_rows is {most}"
        assert sizes, "sizes is empty: nothing would be warmed up"
        assert sizes == sorted(set(sizes)), f"sizes do not ascend: {sizes}"
        assert 1 <= sizes[0] <= sizes[-1] <= most, f"sizes go from {sizes[0]} to {sizes[-1]}, and max_rows is {most}"
        assert (policy.max_rows, list(policy.sizes())) == (most, sizes), "max_rows or sizes change when asked again"

    def test_what_it_has_learned_is_numbers_by_name(self) -> None:
        """`state` is a new mapping each time, before and after it has learned anything."""
        for traffic, policy, _ in self._played():
            for state in (self.policy().state(), policy.state()):
                assert isinstance(state, Mapping), f"{traffic.name}: state is {state!r}"
                wrong = [item for item in state.items() if not _is_number_by_name(*item)]
                assert not wrong, f"{traffic.name}: state has {wrong[0]}, and must have numbers by name"
            first = dict(policy.state())
            assert dict(policy.state()) == first, f"{traffic.name}: state changes when it is looked at"

    def test_a_single_request_of_the_most_rows_runs(self) -> None:
        """Alone on an idle device, in time."""
        policy = self.policy()
        simulation = Simulation(policy, InOrder(Options()))
        work = simulation.submit(make_work(policy.max_rows))
        simulation.advance(self.longest_wait + 1.0)
        assert work in simulation.answers, f"a request of {work.rows} rows (`max_rows`) has no answer"

    def test_a_request_of_more_rows_runs_alone(self) -> None:
        """It was accepted when steps could have more rows, before the options were changed."""
        policy = self.policy()
        simulation = Simulation(policy, InOrder(Options()))
        works = [simulation.submit(make_work(rows)) for rows in (1, policy.max_rows + 1, 1)]
        simulation.advance(3 * self.longest_wait + 3.0)
        for work in works:
            assert work in simulation.answers, f"a request of {work.rows} rows, or one beside it, has no answer"
        alone = [step.work for step in simulation.steps if works[1] in step.work]
        assert alone == [(works[1],)], "it shares its step"

    def test_any_step_can_be_observed(self) -> None:
        """One that failed, took no time, or has no report tells nothing, but does no harm."""
        policy = self.policy()
        for rows, failed, seconds in ((1, False, 0.0), (1, True, 0.1), (0, False, 0.001), (10_000, False, 5.0)):
            work = make_work(rows)
            work.report = StepReport("r", rows, 1, 0.0, execute=seconds, failed=failed)
            _observe(policy, Step([work], rows))
            _observe(policy, Step([make_work(rows)], rows))
        simulation = Simulation(policy, InOrder(Options()))
        simulation.clock.reach(2.0)
        works = [simulation.submit(make_work(now=2.0)) for _ in range(3)]
        simulation.drain()
        assert all(work in simulation.answers for work in works)

    def _keeps(self, rule: str, scheduler: Scheduler | None = None) -> None:
        for traffic, policy, _ in self._played(scheduler):
            case = policy.breaches.get(rule)
            assert case is None, f"{traffic.name}: {case}"

    def _played(self, scheduler: Scheduler | None = None) -> Iterator[tuple[Traffic, WatchedPolicy, Played]]:
        for traffic in self.traffic():
            policy = WatchedPolicy(self.policy(), self.longest_wait)
            # an empty scheduler is false
            order = InOrder(Options()) if scheduler is None else scheduler
            yield traffic, policy, Played(traffic, policy, order)


def _is_number_by_name(name: object, number: object) -> bool:
    return isinstance(name, str) and isinstance(number, int | float)


def _observe(policy: BatchingPolicy, step: Step) -> None:
    try:
        policy.observe(step, 1.0)
    except Exception as error:
        raise AssertionError(
            f"observe raised {type(error).__name__}: {error}, for a step of {step.rows} rows"
        ) from error


class _Backwards(InOrder):
    """An order that arrival does not tell: the newest first."""

    def offer(self, now: float) -> Iterator[Work]:
        """All work, newest first."""
        return reversed(self._waiting)
