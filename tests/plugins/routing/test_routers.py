"""The default routers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jackfield import Options, Request
from jackfield.testing import make_request
from jackfield_plugins.routing.heat import Heat
from jackfield_plugins.routing.least_loaded import LeastLoaded, LeastLoadedOptions
from jackfield_plugins.routing.prefix_affinity import PrefixAffinity, PrefixAffinityOptions
from jackfield_plugins.routing.round_robin import RoundRobin


@dataclass
class Copy:
    """What a router knows of a replica."""

    name: str
    cost: int


def _copies(*costs: int) -> list[Copy]:
    return [Copy(f"m/1/{number}", cost) for number, cost in enumerate(costs)]


@given(st.lists(st.integers(0, 5), min_size=2, max_size=4))
def test_least_loaded_takes_the_first_of_those_with_the_least_to_do(costs: list[int]) -> None:
    choice = LeastLoaded(LeastLoadedOptions()).choose(make_request(), 1, _copies(*costs))
    assert choice == costs.index(min(costs))


@given(st.lists(st.integers(0, 50), min_size=5, max_size=20), st.integers(0, 9))
def test_of_many_the_better_of_two_is_taken(costs: list[int], seed: int) -> None:
    router = LeastLoaded(LeastLoadedOptions(seed=seed))
    replicas = _copies(*costs)
    chosen = {router.choose(make_request(), 1, replicas) for _ in range(40 * len(costs))}
    worst = max(costs)
    assert costs.count(worst) > 1 or costs.index(worst) not in chosen, "it is never the better of two"
    assert len(chosen) >= len(costs) - 1 - costs.count(worst), "the others all have their turn"


def test_seeds_draw_otherwise() -> None:
    replicas = _copies(*[0] * 20)
    ways = set()
    for seed in range(5):
        router = LeastLoaded(LeastLoadedOptions(seed=seed))
        ways.add(tuple(router.choose(make_request(), 1, replicas) for _ in range(20)))
    assert len(ways) == 5


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


def _prompts(seed: int, *start: int) -> Iterator[Request]:
    draw = np.random.default_rng(seed)
    while True:
        own = draw.integers(0, 1000, 64)
        yield Request("m", {"tokens": np.concatenate([np.array(start, np.int64), own]).astype(np.int32)})


def _affine(**options: float) -> PrefixAffinity:
    return PrefixAffinity(PrefixAffinityOptions.model_validate(options))


def test_prompts_that_begin_alike_meet() -> None:
    router, replicas = _affine(), _copies(0, 0, 0)
    homes = []
    for number in range(40):
        same = _prompts(number, *range(number, number + 16))
        (home,) = {router.choose(next(same), 1, replicas) for _ in range(3)}
        homes.append(home)
    assert set(homes) == {0, 1, 2}


def test_other_tenants_begin_otherwise() -> None:
    router, replicas = _affine(), _copies(0, 0, 0)
    prompt = next(_prompts(1)).inputs
    assert {router.choose(Request("m", prompt, tenant=f"{n}"), 1, replicas) for n in range(40)} == {0, 1, 2}


def test_where_all_begin_alike_the_turns_of_a_conversation_still_meet() -> None:
    router, replicas = _affine(), _copies(0, 0, 0, 0)
    system = tuple(range(100))
    for _, other in zip(range(200), _prompts(5, *system), strict=False):
        router.choose(other, 1, replicas)
    homes = []
    for number, first in zip(range(80), _prompts(6, *system), strict=False):
        told = first.inputs["tokens"]
        home = router.choose(first, 1, replicas)
        turns = [np.concatenate([told, np.full(50 * turn, number, np.int32)]) for turn in range(1, 4)]
        assert {router.choose(Request("m", {"tokens": turn}), 1, replicas) for turn in turns} == {home}
        homes.append(home)
    assert max(Counter(homes).values()) < 40, "although all begin alike, they do not all go one way"


@given(st.lists(st.integers(1, 300), min_size=1, max_size=80), st.integers(2, 6), st.sampled_from([1.0, 1.25, 2.0]))
def test_the_load_bound_holds(costs: list[int], count: int, bound: float) -> None:
    """Even if all ask for the same: no replica takes a request that has more to do than `bound` times the mean, with
    that request, and `spare` such requests."""
    router, replicas = _affine(bound=bound, spare=1), _copies(*[0] * count)
    request = next(_prompts(1))
    for cost in costs:
        mean = (sum(replica.cost for replica in replicas) + cost) / count
        chosen = replicas[router.choose(request, cost, replicas)]
        assert chosen.cost <= bound * mean + cost
        chosen.cost += cost


def test_without_load_a_prompt_asked_again_stays() -> None:
    router = _affine(spare=2)
    request = next(_prompts(1))
    replicas = _copies(0, 0, 0)
    chosen = [router.choose(request, 100, replicas) for _ in range(9)]
    assert len(set(chosen)) == 1
    replicas[chosen[0]].cost = 200
    assert router.choose(request, 100, replicas) == chosen[0]
    replicas[chosen[0]].cost = 500
    assert router.choose(request, 100, replicas) != chosen[0]


@pytest.mark.parametrize("tokens", [0, 15])
def test_what_fills_no_block_goes_to_the_least_loaded(tokens: int) -> None:
    request = Request("m", {"tokens": np.zeros(tokens, np.int32)})
    assert _affine().choose(request, 1, _copies(3, 1, 2)) == 1


def test_heat_comes_and_goes() -> None:
    heat = Heat(most=8)
    seen = []
    for number in range(3000):
        heat.begin()
        seen.append(heat.hot(1 if number < 1000 else number, 2))
    assert not seen[0]
    assert all(seen[100:1000])
    heat.begin()
    assert not heat.hot(1, 2), "it has been forgotten"


def test_heat_does_not_flicker() -> None:
    """About half of the requests, with two replicas: it is hot from some moment on, and stays."""
    heat, draw, seen = Heat(), np.random.default_rng(1), []
    for number in range(4000):
        heat.begin()
        key = 1 if draw.random() < 0.5 else number + 2
        if key == 1:
            seen.append(heat.hot(1, 2))
        else:
            heat.hot(key, 2)
    assert seen == sorted(seen)
    assert seen[-1]


def test_heat_that_begins_anew_knows_nothing_hot(monkeypatch: pytest.MonkeyPatch) -> None:
    heat = Heat()
    for _ in range(40):
        heat.begin()
        hot = heat.hot(1, 2)
    assert hot
    with monkeypatch.context() as small:
        small.setattr("jackfield_plugins.routing.heat._LARGEST", 1.0)
        heat.begin()
    for other in (2, 3):
        heat.hot(other, 2)
        heat.begin()
    assert not heat.hot(1, 2), "a third of what came since"


def test_heat_outlives_its_numbers() -> None:
    heat = Heat()
    hot = False
    for _ in range(300_000):  # by then its weights have begun anew
        heat.begin()
        hot = heat.hot(1, 2)
    assert hot
