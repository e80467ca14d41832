"""Router: which replica of a version takes a request."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Protocol

from jackfield.interfaces.plug import Plug
from jackfield.options import Options
from jackfield.work import Request


class Candidate(Protocol):
    """What a router may know of a replica."""

    name: str

    @property
    def outstanding(self) -> int:
        """Rows that it has accepted and not yet answered."""
        ...


class Router(Plug, ABC):
    """Made once per version. Called on the event loop, per request: it must not block."""

    def __init__(self, options: Options) -> None:
        self.settings = options

    @abstractmethod
    def choose(self, request: Request, rows: int, replicas: Sequence[Candidate]) -> int:
        """The index in `replicas` (two or more, all ready, in a stable order) of the one that takes `request`."""
