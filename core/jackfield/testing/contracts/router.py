"""What every router keeps to."""

from __future__ import annotations

import random
from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from jackfield.interfaces import Router
from jackfield.testing.contracts.watching import time_is_passed_in
from jackfield.testing.making import make_request
from jackfield.work import Request


@dataclass(slots=True)
class Standing:
    """What a router knows of a replica."""

    name: str
    outstanding: int = 0


class RouterContract(ABC):
    """Subclass it with a name that begins with `Test`, say by `router` what is to be tested, and run pytest.

    `most_imbalance`: under a load of different requests, how many times its even share one replica may be given.
    `repeatable`: whether the same requests in the same order go the same way.
    """

    most_imbalance: ClassVar[float] = 2.0
    repeatable: ClassVar[bool] = True

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
        for number, request in enumerate(self.requests()):
            if number == 500:
                return
            replicas = [Standing(f"m/1/{index}", draw.choice((0, 0, 1, 7, 10**6))) for index in range(2 + number % 7)]
            _chosen(router, request, replicas)

    def test_the_replicas_are_left_as_they_are(self) -> None:
        """A router is told, and chooses; it does not count up by itself."""
        router = self.router()
        replicas = [Standing("m/1/0", 3), Standing("m/1/1", 3)]
        for number, request in enumerate(self.requests()):
            if number == 50:
                break
            _chosen(router, request, replicas)
        assert replicas == [Standing("m/1/0", 3), Standing("m/1/1", 3)], "the router changed what it was shown"

    def test_no_replica_gets_far_more_than_its_share(self) -> None:
        """Under a load that nobody answers yet."""
        for count in (2, 3, 5):
            rows = self._loaded(count)
            share = sum(rows) / count
            assert max(rows) <= self.most_imbalance * share, (
                f"of {count} replicas one was given {max(rows)} of {sum(rows)} rows, more than {self.most_imbalance:g} "
                "times its share (`most_imbalance`)"
            )

    def test_the_same_requests_go_the_same_way(self) -> None:
        """So that what a test or a simulation finds can be found again."""
        if self.repeatable:
            assert self._loaded(4) == self._loaded(4), "the same requests went another way (`repeatable`)"

    def _loaded(self, count: int) -> list[int]:
        router = self.router()
        replicas = [Standing(f"m/1/{index}") for index in range(count)]
        for number, request in enumerate(self.requests()):
            if number == 100 * count:
                break
            replicas[_chosen(router, request, replicas)].outstanding += request.inputs["x"].shape[0]
        return [replica.outstanding for replica in replicas]


def _chosen(router: Router, request: Request, replicas: list[Standing]) -> int:
    with time_is_passed_in():
        index = router.choose(request, request.inputs["x"].shape[0], replicas)
    assert isinstance(index, int), f"the choice is {index!r}, and must be an index"
    assert 0 <= index < len(replicas), f"the choice is {index}, with {len(replicas)} replicas"
    return index
