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
    def cost(self) -> int:
        """What is left of the cost of all that it has accepted and not yet answered. For work of many steps in tokens,
        as far as they can be foreseen; otherwise in bytes of inputs."""
        ...


class Router(Plug, ABC):
    """Made once per version. Called on the event loop, per request: it must not block."""

    def __init__(self, options: Options) -> None:
        self.settings = options

    @abstractmethod
    def choose(self, request: Request, cost: int, replicas: Sequence[Candidate]) -> int:
        """The index in `replicas` (two or more, all ready, in a stable order) of the one that takes `request`, which
        will cost it `cost`, at least 1, in the units of `Candidate.cost`. What is in `request` was not checked yet."""
