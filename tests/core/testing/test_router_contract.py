"""The contract of routers catches what a router can get wrong."""

from __future__ import annotations

import random
import time
import zlib
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from jackfield.interfaces import Candidate, Router
from jackfield.options import Options
from jackfield.testing import RouterContract
from jackfield.work import Request
from tests.core.testing.breaking import assert_breaks, broken


class Good(Router):
    """By the request's name, the replica that has the highest lot for it, of those that have not too much to do."""

    def __init__(self) -> None:
        super().__init__(Options())
        self.turn = 0

    def choose(self, request: Request, cost: int, replicas: Sequence[Candidate]) -> int:
        most = 1.5 * sum(replica.cost for replica in replicas) / len(replicas)
        able = [index for index, replica in enumerate(replicas) if replica.cost <= most]
        return max(able, key=lambda index: zlib.crc32(f"{request.id}{replicas[index].name}".encode()))


class OutOfRange(Good):
    """Counts from one."""

    def choose(self, request: Request, cost: int, replicas: Sequence[Candidate]) -> int:
        return super().choose(request, cost, replicas) + 1


class Forgets(Good):
    """Forgets that replicas go."""

    def choose(self, request: Request, cost: int, replicas: Sequence[Candidate]) -> int:
        self.turn = max(self.turn, len(replicas))
        return self.turn - 1


class TheReplica(Good):
    """Gives the replica itself."""

    def choose(self, request: Request, cost: int, replicas: Sequence[Candidate]) -> Any:
        return replicas[0]


class AlwaysFirst(Good):
    """Sends everything one way."""

    def choose(self, request: Request, cost: int, replicas: Sequence[Candidate]) -> int:
        return 0


class MostLoaded(Good):
    """Has it the wrong way round."""

    def choose(self, request: Request, cost: int, replicas: Sequence[Candidate]) -> int:
        return max(range(len(replicas)), key=lambda index: replicas[index].cost)


class Counts(Good):
    """Keeps its books in what it is shown."""

    def choose(self, request: Request, cost: int, replicas: Sequence[Any]) -> int:
        index = super().choose(request, cost, replicas)
        replicas[index].cost += cost
        return index


class Rolls(Good):
    """Rolls dice."""

    def choose(self, request: Request, cost: int, replicas: Sequence[Candidate]) -> int:
        return random.randrange(len(replicas))


class ShuffledForAll(Good):
    """Repeats itself at everybody's expense."""

    def __init__(self) -> None:
        super().__init__()
        random.seed(1)

    def choose(self, request: Request, cost: int, replicas: Sequence[Candidate]) -> int:
        return random.randrange(len(replicas))


class HotStays(Good):
    """Has no bound on the load."""

    def choose(self, request: Request, cost: int, replicas: Sequence[Candidate]) -> int:
        return zlib.crc32(request.id.encode()) % len(replicas)


class Believes(Good):
    """Takes what clients say for what it should be."""

    def choose(self, request: Request, cost: int, replicas: Sequence[Candidate]) -> int:
        return int(request.parameters.get("n") or 0) % len(replicas)


class Notes(Good):
    """Writes into the request."""

    def choose(self, request: Request, cost: int, replicas: Sequence[Candidate]) -> int:
        request.parameters["replica"] = replicas[0].name
        return super().choose(request, cost, replicas)


class Sleeps(Good):
    """Holds the event loop up."""

    def choose(self, request: Request, cost: int, replicas: Sequence[Candidate]) -> int:
        time.sleep(0.001)
        return 0


def contract(make: Callable[[], Router]) -> type[RouterContract]:
    class Contract(RouterContract):
        sticks = True

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
        (ShuffledForAll, "the_same_requests_go_the_same_way", "the generator that all of the process share"),
        (HotStays, "one_request_again_and_again_spreads", "times its share (`spreads`)"),
        (HotStays, "who_sticks_moves_little", "and requests moved to another (`sticks`)"),
        (Rolls, "who_sticks_moves_little", "elsewhere than before (`sticks`)"),
        (Believes, "what_clients_make_up_is_no_reason_to_raise", "the router raised ValueError: invalid literal"),
        (Notes, "the_replicas_are_left_as_they_are", "the router changed the request"),
        (Sleeps, "the_choice_is_one_of_the_replicas", "time.sleep was called"),
    ],
)
def test_what_a_router_gets_wrong_is_caught(router: type[Router], test: str, says: str) -> None:
    assert_breaks(contract(router), test, says)
