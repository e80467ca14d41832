"""The default routers keep to the contract of their socket."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from jackfield import Options, Request
from jackfield.testing import RouterContract
from jackfield_plugins.routing import jackfield_routers
from jackfield_plugins.routing.least_loaded import LeastLoaded, LeastLoadedOptions
from jackfield_plugins.routing.prefix_affinity import PrefixAffinity, PrefixAffinityOptions
from jackfield_plugins.routing.round_robin import RoundRobin


class TestLeastLoaded(RouterContract):
    most_imbalance = 1.2

    def router(self) -> LeastLoaded:
        return LeastLoaded(LeastLoadedOptions())


class TestRoundRobin(RouterContract):
    def router(self) -> RoundRobin:
        return RoundRobin(Options())


class TestPrefixAffinity(RouterContract):
    most_imbalance = 1.35
    sticks = True

    def router(self) -> PrefixAffinity:
        return PrefixAffinity(PrefixAffinityOptions())

    def requests(self) -> Iterator[Request]:
        """Prompts that begin in different ways."""
        draw = np.random.default_rng(3)
        while True:
            prompt = draw.integers(0, 9, int(draw.integers(17, 200))).astype(np.int32)
            yield Request("m", {"tokens": prompt}, tenant=f"tenant {draw.integers(3)}")


class TestPrefixAffinityWithoutPrompts(RouterContract):
    def router(self) -> PrefixAffinity:
        return PrefixAffinity(PrefixAffinityOptions())


def test_no_router_is_left_out() -> None:
    assert set(jackfield_routers().values()) == {LeastLoaded, PrefixAffinity, RoundRobin}
