"""What every router keeps to."""

from __future__ import annotations

import random
from abc import ABC, abstractmethod
from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass
from itertools import islice
from typing import ClassVar

import numpy as np

from jackfield.interfaces import Router
from jackfield.testing.contracts.watching import time_is_passed_in
from jackfield.testing.making import make_request
from jackfield.types import Array
from jackfield.work import Request


@dataclass(slots=True)
class Standing:
    """What a router knows of a replica."""

    name: str
    cost: int = 0


class RouterContract(ABC):
    """Subclass it with a name that begins with `Test`, say by `router` what is to be tested, and run pytest.

    `most_imbalance`: under a load of different requests, how many times its even share one replica may be given.
    `spreads`: whether that holds too if the same request comes again and again.
    `repeatable`: whether the same requests in the same order go the same way.
    `sticks`: whether a request, come again, goes where it went before while all have equally much to do; then a replica
    that is added moves no more than `most_moved` times its even share, all of it to itself, and one that goes moves
    only what was its own.
    """

    most_imbalance: ClassVar[float] = 2.0
    spreads: ClassVar[bool] = True
    repeatable: ClassVar[bool] = True
    sticks: ClassVar[bool] = False
    most_moved: ClassVar[float] = 1.5

    @abstractmethod
    def router(self) -> Router:
        """A new router, made with options as the configuration would."""

    def requests(self) -> Iterator[Request]:
        """Requests without end. Override it if the choice depends on more than what these differ in."""
        draw = random.Random(1)
        number = 0
        while True:
            number += 1
            yield make_request(
                draw.randint(1, 4),
                value=draw.random(),
                id=f"request {number}",
                tenant=f"tenant {draw.randrange(50)}",
                priority=draw.randrange(9),
            )

    def test_the_choice_is_one_of_the_replicas(self) -> None:
        """However many there are, whatever they hold, and though some come and go."""
        router, draw = self.router(), random.Random(2)
        for number, request in enumerate(islice(self.requests(), 500)):
            replicas = [Standing(f"m/1/{index}", draw.choice((0, 0, 1, 7, 10**6))) for index in range(2 + number % 7)]
            _chosen(router, request, replicas)

    def test_what_clients_make_up_is_no_reason_to_raise(self) -> None:
        """A request was not checked yet when it is routed."""
        router = self.router()
        replicas = [Standing("m/1/0"), Standing("m/1/1")]
        for request in _wild(next(iter(self.requests()))):
            try:
                _chosen(router, request, replicas)
            except Exception as error:
                raise AssertionError(f"the router raised {type(error).__name__}: {error}") from error

    def test_the_replicas_are_left_as_they_are(self) -> None:
        """A router is told, and chooses; it does not count up by itself, and a request is not its own."""
        router = self.router()
        replicas = [Standing("m/1/0", 3), Standing("m/1/1", 3)]
        for request in islice(self.requests(), 50):
            before = {name: array.copy() for name, array in request.inputs.items()}
            parameters = deepcopy(request.parameters)
            _chosen(router, request, replicas)
            same = before.keys() == request.inputs.keys() and parameters == request.parameters
            same = same and all((request.inputs[name] == array).all() for name, array in before.items())
            assert same, "the router changed the request"
        assert replicas == [Standing("m/1/0", 3), Standing("m/1/1", 3)], "the router changed what it was shown"

    def test_no_replica_gets_far_more_than_its_share(self) -> None:
        """Under a load that nobody answers yet."""
        for count in (2, 3, 5, 9):
            self._even(self._loaded(count, self.requests()), count, "`most_imbalance`")

    def test_one_request_again_and_again_spreads(self) -> None:
        """Under a load of nothing else that nobody answers yet."""
        if self.spreads:
            for count in (2, 5):
                self._even(self._loaded(count, _again(next(iter(self.requests())))), count, "`spreads`")

    def test_the_same_requests_go_the_same_way(self) -> None:
        """So that what a test or a simulation finds can be found again; and chance is not anybody else's."""
        random.random()  # no state that a router which sets it would leave
        before = _shared_chance()
        first, second = (self._loaded(9, self.requests()) for _ in range(2))
        assert first == second or not self.repeatable, "the same requests went another way (`repeatable`)"
        assert _shared_chance() == before, "the router draws from the generator that all of the process share"

    def test_who_sticks_moves_little(self) -> None:
        """A replica comes, and goes again; another goes for good."""
        if not self.sticks:
            return
        router = self.router()
        names = [f"m/1/{index}" for index in range(4)]
        asked = list(islice(self.requests(), 1000))
        before = self._homes(router, asked, names)
        assert before == self._homes(router, asked, names), "a request went elsewhere than before (`sticks`)"
        more = self._homes(router, asked, [*names, "m/1/4"])
        moved = [home for home, old in zip(more, before, strict=True) if home != old]
        share = len(asked) / (len(names) + 1)
        assert set(moved) <= {"m/1/4"}, "a replica was added, and requests moved to another (`sticks`)"
        assert 0 < len(moved) <= self.most_moved * share, (
            f"a fifth replica was added, and {len(moved)} of {len(asked)} requests moved: its even share is {share:g}, "
            f"and at most {self.most_moved:g} times that may (`most_moved`)"
        )
        assert before == self._homes(router, asked, names), "a replica came and went, and requests moved (`sticks`)"
        fewer = self._homes(router, asked, names[1:])
        strayed = [old for home, old in zip(fewer, before, strict=True) if home != old and old != names[0]]
        assert not strayed, "a replica went, and requests of others moved (`sticks`)"

    def _homes(self, router: Router, requests: list[Request], names: list[str]) -> list[str]:
        replicas = [Standing(name) for name in names]
        return [replicas[_chosen(router, request, replicas)].name for request in requests]

    def _even(self, costs: list[int], count: int, what: str) -> None:
        share = sum(costs) / count
        assert max(costs) <= self.most_imbalance * share, (
            f"of {count} replicas one was given {max(costs) / sum(costs):.0%} of all, more than "
            f"{self.most_imbalance:g} times its share ({what})"
        )

    def _loaded(self, count: int, requests: Iterator[Request]) -> list[int]:
        router = self.router()
        replicas = [Standing(f"m/1/{index}") for index in range(count)]
        for request in islice(requests, 100 * count):
            replicas[_chosen(router, request, replicas)].cost += _cost(request)
        return [replica.cost for replica in replicas]


def _shared_chance() -> object:
    return random.getstate(), str(np.random.get_state())


def _again(request: Request) -> Iterator[Request]:
    while True:
        yield request


def _wild(like: Request) -> Iterator[Request]:
    """Requests as `like`, with what nobody should send."""
    for tenant in ("", "t" * 10_000, "\ud800"):
        yield Request(like.model, like.inputs, parameters=like.parameters, tenant=tenant)
    arrays: list[Array] = [
        np.zeros(0, np.int32),
        np.zeros((2, 3, 4), np.float64),
        np.array(3),
        np.array([b"a", None], object),
    ]
    for array in arrays:
        yield Request(like.model, dict.fromkeys(like.inputs, array), parameters=like.parameters)
    yield Request(like.model, {})
    names = ("sampling", "max_tokens", "n", "seed", "cache_salt", "stream", *like.parameters)
    for value in (None, -1, 1e308, "x" * 10_000, [1], {"a": 1}):
        yield Request(like.model, like.inputs, parameters=dict.fromkeys(names, value))


def _cost(request: Request) -> int:
    return max(sum(array.nbytes for array in request.inputs.values()), 1)


def _chosen(router: Router, request: Request, replicas: list[Standing]) -> int:
    with time_is_passed_in():
        index = router.choose(request, _cost(request), replicas)
    assert isinstance(index, int), f"the choice is {index!r}, and must be an index"
    assert 0 <= index < len(replicas), f"the choice is {index}, with {len(replicas)} replicas"
    return index
