"""The process is ended when its time is over, which begins when it is told to stop."""

from __future__ import annotations

import threading

from jackfield.cli.watchdog import Watchdog
from tests.core.lifecycle.fakes import PATIENCE


def test_time_begins_when_it_is_said() -> None:
    now, ended = [0.0], threading.Event()
    watchdog = Watchdog(ended.set, lambda: now[0])
    watchdog.start()
    now[0] = 1000.0  # it has served for long
    watchdog.within(500)
    assert not ended.wait(0.1)
    watchdog.within(0)
    assert ended.wait(PATIENCE)


def test_the_last_limit_counts() -> None:
    ended = threading.Event()
    watchdog = Watchdog(ended.set)
    watchdog.within(3600)
    watchdog.within(0.01)
    watchdog.start()
    assert ended.wait(PATIENCE)
