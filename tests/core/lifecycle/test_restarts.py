"""A replica that dies comes back, ever later, and not for ever."""

from __future__ import annotations

from jackfield.config.models import RestartConfig
from jackfield.lifecycle.restarts import Restarts


def test_each_death_waits_twice_as_long_and_the_last_is_final() -> None:
    restarts = Restarts(RestartConfig(limit=4, within_s=100, delay_s=0.5, max_delay_s=3))
    assert [restarts.after(float(second)) for second in range(5)] == [0.5, 1, 2, 3, None]


def test_deaths_are_forgotten() -> None:
    restarts = Restarts(RestartConfig(limit=1, within_s=100, delay_s=0.5))
    assert [restarts.after(at) for at in (0.0, 101.0, 150.0, 260.0)] == [0.5, 0.5, None, 0.5]


def test_none_at_all() -> None:
    assert Restarts(RestartConfig(limit=0)).after(0.0) is None
