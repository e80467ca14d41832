"""When a worker counts as hung, by a clock that does as it is told."""

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from jackfield_plugins.placement.process.limits import Watch
from jackfield_plugins.placement.process.status import Field, Status


class Watched:
    """A worker that beats when it is told to, and a server that looks at it."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.status = Status()
        self.watch = Watch(2.0, None, lambda: self.now)
        self._child: Any = SimpleNamespace(status=self.status)

    def beat(self) -> None:
        self.status.write(Field.BEAT, self.now)

    def looks(self, seconds: float, every: float = 0.1, *, beats: bool = False) -> bool:
        """Whether it is given up meanwhile."""
        for _ in range(round(seconds / every)):
            self.now += every
            if beats:
                self.beat()
            if self.watch.wrong(self._child):
                return True
        return False


@pytest.fixture
def watched() -> Iterator[Watched]:
    one = Watched()
    one.beat()
    assert not one.looks(5, beats=True)
    yield one
    one.status.close()


def test_a_worker_that_hangs_is_given_up(watched: Watched) -> None:
    assert not watched.looks(1.9)
    assert watched.looks(0.3)
    assert "no sign of life for 2." in watched.watch.reason


def test_a_machine_that_stands_still_is_no_reason(watched: Watched) -> None:
    for _ in range(3):
        assert not watched.looks(30, every=30)  # nobody beat, and nobody looked
        assert not watched.looks(1.5)
        assert not watched.looks(1, beats=True)
    assert not watched.looks(30, every=30)
    assert watched.looks(2)


def test_a_server_that_looks_seldom_gives_up_who_hangs(watched: Watched) -> None:
    assert watched.looks(20, every=1)
