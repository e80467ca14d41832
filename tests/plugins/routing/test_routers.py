"""The default routers."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from hypothesis import given
from hypothesis import strategies as st

from jackfield import Options
from jackfield.testing import make_request
from jackfield_plugins.routing.least_loaded import LeastLoaded
from jackfield_plugins.routing.round_robin import RoundRobin


@dataclass
class Copy:
    """What a router knows of a replica."""

    name: str
    outstanding: int


def _copies(*outstanding: int) -> list[Copy]:
    return [Copy(f"m/1/{number}", rows) for number, rows in enumerate(outstanding)]


@given(st.lists(st.integers(0, 5), min_size=2, max_size=6))
def test_least_loaded_takes_the_first_of_those_with_the_fewest_rows(outstanding: list[int]) -> None:
    choice = LeastLoaded(Options()).choose(make_request(), 1, _copies(*outstanding))
    assert choice == outstanding.index(min(outstanding))


@given(st.integers(2, 6), st.integers(1, 5))
def test_round_robin_is_even(copies: int, rounds: int) -> None:
    router = RoundRobin(Options())
    chosen = [router.choose(make_request(), 1, _copies(*range(copies))) for _ in range(copies * rounds)]
    assert set(Counter(chosen).values()) == {rounds}
    assert chosen[:copies] == list(range(copies))


def test_round_robin_goes_on_when_a_replica_is_gone() -> None:
    router = RoundRobin(Options())
    assert [router.choose(make_request(), 1, _copies(0, 0, 0)) for _ in range(4)] == [0, 1, 2, 0]
    assert all(router.choose(make_request(), 1, _copies(0, 0)) in (0, 1) for _ in range(5))
