"""What a version has done so far, in plain counters: the ledger of conservation, and the protocol's statistics."""

from __future__ import annotations

import time
from dataclasses import dataclass, field, fields

from jackfield.work import State, StepReport, Work


@dataclass(slots=True)
class Duration:
    """How often, and how long altogether in nanoseconds."""

    count: int = 0
    ns: int = 0

    def add(self, seconds: float) -> None:
        """Count one more."""
        self.count += 1
        if seconds > 0:
            self.ns += int(seconds * 1e9)

    def merge(self, other: Duration) -> None:
        """Count all that `other` did."""
        self.count += other.count
        self.ns += other.ns


@dataclass(slots=True)
class BatchCount:
    """Steps of one number of rows, by phase."""

    compute_input: Duration = field(default_factory=Duration)
    compute_infer: Duration = field(default_factory=Duration)
    compute_output: Duration = field(default_factory=Duration)


@dataclass(slots=True)
class Statistics:
    """Kept on the event loop. At every quiet moment accepted = completed + failed + cancelled + expired.

    `last_inference`: when the last step ended, in milliseconds of the wall clock. `last_arrival`: when the last request
    was accepted, by the server's clock.

    `rows`: rows that were answered; `steps`: runs on a device; `refused` by reason, which never were accepted.
    `elements`: those of padded inputs that were run, and `padding_elements` how many of them were padding.
    """

    accepted: int = 0
    completed: int = 0
    failed: int = 0
    cancelled: int = 0
    expired: int = 0
    refused: dict[str, int] = field(default_factory=dict)
    rows: int = 0
    steps: int = 0
    failed_steps: int = 0
    padded_rows: int = 0
    elements: int = 0
    padding_elements: int = 0
    last_inference: int = 0
    last_arrival: float = 0.0
    success: Duration = field(default_factory=Duration)
    fail: Duration = field(default_factory=Duration)
    queue: Duration = field(default_factory=Duration)
    compute_input: Duration = field(default_factory=Duration)
    compute_infer: Duration = field(default_factory=Duration)
    compute_output: Duration = field(default_factory=Duration)
    batches: dict[int, BatchCount] = field(default_factory=dict)

    @property
    def outstanding(self) -> int:
        """Accepted and not yet over."""
        return self.accepted - self.completed - self.failed - self.cancelled - self.expired

    def settled(self, work: Work) -> None:
        """Count a final state."""
        took = work.finished - work.arrival
        match work.final:
            case State.COMPLETED:
                self.completed += 1
                self.rows += work.rows
                self.success.add(took)
                report = work.report
                if report is not None:
                    self.queue.add(took - report.prepare - report.execute - report.finish)
                    self.compute_input.add(report.prepare)
                    self.compute_infer.add(report.execute)
                    self.compute_output.add(report.finish)
            case State.FAILED:
                self.failed += 1
                self.fail.add(took)
            case State.EXPIRED:
                self.expired += 1
                self.fail.add(took)
            case _:
                self.cancelled += 1

    def stepped(self, report: StepReport) -> None:
        """Count a step."""
        self.steps += 1
        self.last_inference = time.time_ns() // 1_000_000
        self.padded_rows += report.padded
        self.elements += report.elements
        self.padding_elements += report.padding
        if report.failed:
            self.failed_steps += 1
            return
        batch = self.batches.get(report.rows)
        if batch is None:
            batch = self.batches[report.rows] = BatchCount()
        batch.compute_input.add(report.prepare)
        batch.compute_infer.add(report.execute)
        batch.compute_output.add(report.finish)

    def add(self, other: Statistics) -> None:
        """Count all that `other` did, but for the steps by their number of rows."""
        for one in fields(self):
            own, more = getattr(self, one.name), getattr(other, one.name)
            if isinstance(own, Duration):
                own.merge(more)
            elif one.name == "last_inference":
                self.last_inference = max(own, more)
            elif isinstance(own, int):
                setattr(self, one.name, own + more)
        for reason, count in other.refused.items():
            self.refused[reason] = self.refused.get(reason, 0) + count

    def refuse(self, reason: str) -> None:
        """Count a request that was not accepted."""
        self.refused[reason] = self.refused.get(reason, 0) + 1
