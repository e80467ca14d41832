"""Processors are divided without one being in two hands, and what cannot be had is said."""

from __future__ import annotations

import pytest

from jackfield.errors import LoadError
from jackfield_plugins.placement.process.cores import cores_of, environment


@pytest.mark.parametrize("replicas", range(1, 8))
def test_auto_divides_all_evenly(replicas: int) -> None:
    here = (0, 2, 3, 5, 6, 7, 9)
    parts = [cores_of("auto", number, replicas, here) for number in range(replicas)]
    assert sorted(core for part in parts for core in part) == list(here)
    assert max(map(len, parts)) - min(map(len, parts)) <= 1


def test_where_there_are_too_few_all_share() -> None:
    assert cores_of("auto", 2, 3, (0, 1)) == (0, 1)
    assert cores_of("shared", 0, 2, (0, 1)) == (0, 1)


def test_by_hand() -> None:
    assert cores_of(((0,), (1, 2)), 1, 2, (0, 1, 2)) == (1, 2)
    with pytest.raises(LoadError, match=r"cores \[7\] of replica 0 cannot be had: this process may use \[0, 1\]"):
        cores_of(((7,),), 0, 1, (0, 1))


def test_threads_are_as_many_and_what_is_set_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    monkeypatch.delenv("MKL_NUM_THREADS", raising=False)
    found = environment(2)
    assert (found["OMP_NUM_THREADS"], found["MKL_NUM_THREADS"]) == ("7", "2")
