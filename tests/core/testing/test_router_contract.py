"""The contract of routers catches what a router can get wrong."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from jackfield.interfaces import Candidate, Router
from jackfield.options import Options
from jackfield.testing import RouterContract
from jackfield.work import Request
from tests.core.testing.breaking import assert_breaks, broken


class Good(Router):
    """By the request's name."""

    def __init__(self) -> None:
        super().__init__(Options())
        self.turn = 0

    def choose(self, request: Request, rows: int, replicas: Sequence[Candidate]) -> int:
        return sum(request.id.encode()) % len(replicas)


class OutOfRange(Good):
    """Counts from one."""

    def choose(self, request: Request, rows: int, replicas: Sequence[Candidate]) -> int:
        return super().choose(request, rows, replicas) + 1


class Forgets(Good):
    """Forgets that replicas go."""

    def choose(self, request: Request, rows: int, replicas: Sequence[Candidate]) -> int:
        self.turn = max(self.turn, len(replicas))
        return self.turn - 1


class TheReplica(Good):
    """Gives the replica itself."""

    def choose(self, request: Request, rows: int, replicas: Sequence[Candidate]) -> Any:
        return replicas[0]


class AlwaysFirst(Good):
    """Sends everything one way."""

    def choose(self, request: Request, rows: int, replicas: Sequence[Candidate]) -> int:
        return 0


class MostLoaded(Good):
    """Has it the wrong way round."""

    def choose(self, request: Request, rows: int, replicas: Sequence[Candidate]) -> int:
        return max(range(len(replicas)), key=lambda index: replicas[index].outstanding)


class Counts(Good):
    """Keeps its books in what it is shown."""

    def choose(self, request: Request, rows: int, replicas: Sequence[Any]) -> int:
        index = super().choose(request, rows, replicas)
        replicas[index].outstanding += rows
        return index


class Rolls(Good):
    """Rolls dice."""

    def choose(self, request: Request, rows: int, replicas: Sequence[Candidate]) -> int:
        return random.randrange(len(replicas))


class Sleeps(Good):
    """Holds the event loop up."""

    def choose(self, request: Request, rows: int, replicas: Sequence[Candidate]) -> int:
        time.sleep(0.001)
        return 0


def contract(make: Callable[[], Router]) -> type[RouterContract]:
    class Contract(RouterContract):
        def router(self) -> Router:
            return make()

    return Contract


def test_a_good_router_keeps_to_it() -> None:
    assert broken(contract(Good)) == {}


@pytest.mark.parametrize(
    ("router", "test", "says"),
    [
        (OutOfRange, "the_choice_is_one_of_the_replicas", "the choice is 2, with 2 replicas"),
        (Forgets, "the_choice_is_one_of_the_replicas", "the choice is 7, with 2 replicas"),
        (TheReplica, "the_choice_is_one_of_the_replicas", "and must be an index"),
        (AlwaysFirst, "no_replica_gets_far_more_than_its_share", "times its share (`most_imbalance`)"),
        (MostLoaded, "no_replica_gets_far_more_than_its_share", "times its share (`most_imbalance`)"),
        (Counts, "the_replicas_are_left_as_they_are", "the router changed what it was shown"),
        (Rolls, "the_same_requests_go_the_same_way", "another way (`repeatable`)"),
        (Sleeps, "the_choice_is_one_of_the_replicas", "time.sleep was called"),
    ],
)
def test_what_a_router_gets_wrong_is_caught(router: type[Router], test: str, says: str) -> None:
    assert_breaks(contract(router), test, says)
