"""The default routers keep to the contract of their socket."""

from __future__ import annotations

from jackfield import Options
from jackfield.testing import RouterContract
from jackfield_plugins.routing import jackfield_routers
from jackfield_plugins.routing.least_loaded import LeastLoaded
from jackfield_plugins.routing.round_robin import RoundRobin


class TestLeastLoaded(RouterContract):
    def router(self) -> LeastLoaded:
        return LeastLoaded(Options())


class TestRoundRobin(RouterContract):
    def router(self) -> RoundRobin:
        return RoundRobin(Options())


def test_no_router_is_left_out() -> None:
    assert set(jackfield_routers().values()) == {LeastLoaded, RoundRobin}
