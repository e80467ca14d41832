"""The default schedulers keep to the contract of their socket."""

from __future__ import annotations

from jackfield import Options
from jackfield.testing import SchedulerContract
from jackfield_plugins.scheduling import jackfield_schedulers
from jackfield_plugins.scheduling.deadline import Deadline, DeadlineOptions
from jackfield_plugins.scheduling.fair import Fair, FairOptions
from jackfield_plugins.scheduling.fifo import Fifo
from jackfield_plugins.scheduling.priority import Priority, PriorityOptions


class TestFifo(SchedulerContract):
    def scheduler(self) -> Fifo:
        return Fifo(Options())


class TestPriority(SchedulerContract):
    def scheduler(self) -> Priority:
        return Priority(PriorityOptions())


class TestDeadline(SchedulerContract):
    def scheduler(self) -> Deadline:
        return Deadline(DeadlineOptions())


class TestFair(SchedulerContract):
    def scheduler(self) -> Fair:
        return Fair(FairOptions(weights={"a": 3, "another": 0.5}))


def test_no_scheduler_is_left_out() -> None:
    assert set(jackfield_schedulers().values()) == {Deadline, Fair, Fifo, Priority}
