"""Observer: decides nothing, is told."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from jackfield.interfaces.plug import Plug
from jackfield.options import Options
from jackfield.work import StepReport, Work

if TYPE_CHECKING:
    from jackfield.server import Server


class Settled(NamedTuple):
    """A request that was accepted has reached its final state, which `work.state` tells."""

    model: str
    version: str
    work: Work


class Observer(Plug):
    """Made once per server. All methods are called on the event loop, must return at once, and do nothing by default.

    One that raises is logged, with its name, and not told again: it never disturbs a request.
    """

    def __init__(self, options: Options, server: Server) -> None:
        self.settings = options
        self.server = server

    def accepted(self, model: str, version: str, work: Work) -> None:
        """A request has entered a queue."""

    def settled(self, event: Settled) -> None:
        """A request has been answered, or will not be."""

    def stepped(self, model: str, version: str, report: StepReport) -> None:
        """A step has ended on a device."""

    def refused(self, model: str, reason: str) -> None:
        """A request was not accepted. `reason` is one of: shed, invalid, not_found, unavailable."""

    def changed(self, model: str, version: str, state: str, reason: str) -> None:
        """A version has entered a state."""
